//! Progress of long work: one line each on standard error, with the glyphs of `flux`, in ASCII
//! where it is no terminal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use pmp_protocol::{Code, PlainText};

use crate::{Failure, Output, stream};

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Something begins, and will take a while.
    Doing,
    /// Something else has to happen first.
    Waiting,
    /// Something came to its end as it should.
    Done,
    /// Something failed; the text says what.
    Failed,
}

impl Step {
    fn glyph(self, terminal: bool) -> &'static str {
        match (self, terminal) {
            (Self::Doing, true) => "►",
            (Self::Waiting, true) => "◎",
            (Self::Done, true) => "✔",
            (Self::Failed, true) => "✗",
            (Self::Doing, false) => ">",
            (Self::Waiting, false) => ".",
            (Self::Done, false) => "+",
            (Self::Failed, false) => "x",
        }
    }
}

/// Prints a line of progress. Progress that cannot be written is lost without harm.
pub fn step(step: Step, text: &str) {
    note(&format!("{} {text}", step.glyph(stream::stderr_is_terminal())));
}

/// For how long nothing is said of a wait.
const SILENCE: Duration = Duration::from_secs(1);

/// What comes of `work`. Where that takes longer than a second, a line says what is waited for:
/// `what` goes on after "waiting for". With output for programs nothing is said.
pub async fn waiting_for<T>(output: Output, what: &str, work: impl Future<Output = T>) -> T {
    waiting_for_the_first(output, what, &AtomicBool::new(false), work).await
}

/// The same for work that tells of itself: nothing is said where it `told` something meanwhile.
pub async fn waiting_for_the_first<T>(
    output: Output,
    what: &str,
    told: &AtomicBool,
    work: impl Future<Output = T>,
) -> T {
    let mut work = std::pin::pin!(work);
    if let Ok(done) = tokio::time::timeout(SILENCE, &mut work).await {
        return done;
    }
    if output.is_table() && !told.load(Ordering::Relaxed) {
        tell_of(what);
    }
    work.await
}

/// The same for work that computes and blocks.
pub fn computing<T>(output: Output, what: &str, work: impl FnOnce() -> T) -> T {
    let _waits = Waits::begin(output, what);
    work()
}

/// Somebody waits while this lives, for work that may block: a thread beside it tells for what,
/// after a second.
#[derive(Debug)]
pub struct Waits {
    /// The thread ends when this is dropped.
    _ended: Option<Sender<()>>,
}

impl Waits {
    /// The wait begins. With output for programs nothing is said.
    #[must_use]
    pub fn begin(output: Output, what: &str) -> Self {
        if !output.is_table() {
            return Self { _ended: None };
        }
        let (sender, ended) = channel();
        let what = what.to_owned();
        let beside = move || {
            if ended.recv_timeout(SILENCE) == Err(RecvTimeoutError::Timeout) {
                tell_of(&what);
            }
        };
        // Where the system has no thread to spare, the work is done in silence.
        let _silent = thread::Builder::new().spawn(beside);
        Self { _ended: Some(sender) }
    }
}

/// Something else than the work itself may have to be waited for while this lives: a thread beside
/// it asks what, and tells of it.
#[derive(Debug)]
pub struct Watch {
    /// The thread ends when this is dropped.
    _ended: Option<Sender<()>>,
}

impl Watch {
    /// The watch begins. `held_up` says what the work waits for at the moment, and since how long:
    /// what goes on after "waiting for". With output for programs nothing is said.
    #[must_use]
    pub fn begin(output: Output, held_up: impl Fn() -> Option<(String, Duration)> + Send + 'static) -> Self {
        if !output.is_table() {
            return Self { _ended: None };
        }
        let (sender, ended) = channel();
        let beside = move || {
            let mut told = Told::default();
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if let Some(line) = told.line(held_up()) {
                    tell_of(&line);
                }
            }
        };
        // Where the system has no thread to spare, the work is done in silence.
        let _silent = thread::Builder::new().spawn(beside);
        Self { _ended: Some(sender) }
    }
}

/// How often it is asked what is waited for.
const LOOK: Duration = Duration::from_millis(250);
/// For how long nothing is said of it: with the time between two looks less than a second.
const PATIENCE: Duration = Duration::from_millis(500);

/// What has been told of a wait.
#[derive(Debug, Default)]
struct Told(Option<(String, Duration)>);

impl Told {
    /// The line to tell, where there is one: of another wait at once, of the same one each time
    /// that it has become twice as long.
    fn line(&mut self, held_up: Option<(String, Duration)>) -> Option<String> {
        let (what, since) = held_up.filter(|(_, since)| *since >= PATIENCE)?;
        let is_news = self.0.as_ref().is_none_or(|(told, at)| *told != what || since < *at || since >= *at * 2);
        if !is_news {
            return None;
        }
        let line = format!("{what}, for {} s so far", since.as_secs().max(1));
        self.0 = Some((what, since));
        Some(line)
    }
}

fn tell_of(what: &str) {
    step(Step::Waiting, &format!("waiting for {what}"));
}

/// How much of `total` is done, as a bar of twenty cells with a space behind it, on a terminal;
/// nothing elsewhere, where a number says more.
#[must_use]
pub fn bar(done: usize, total: usize) -> String {
    if stream::stderr_is_terminal() { format!("{} ", cells(done, total)) } else { String::new() }
}

/// The bar itself. It is full only once all is done, and empty only while nothing is.
fn cells(done: usize, total: usize) -> String {
    const CELLS: usize = 20;
    let full = match (done.min(total), total) {
        (_, 0) => CELLS,
        (0, _) => 0,
        (done, total) if done == total => CELLS,
        (done, total) => (done.saturating_mul(CELLS) / total).clamp(1, CELLS - 1),
    };
    "█".repeat(full) + &"░".repeat(CELLS - full)
}

/// Prints a line for people.
pub fn note(text: &str) {
    stream::err(&PlainText::new(text));
}

/// Prints a failure of `program` on standard error, with its causes and hints, a line each. The
/// last line is its code, with the command that says more, to be pasted.
pub fn failure(failure: &Failure, program: &str) {
    failure.lines().iter().for_each(stream::err);
    code(&failure.code(), program);
}

/// The last line of an error: its code, with the command that says more.
pub(crate) fn code(code: &Code, program: &str) {
    stream::err(&PlainText::new(&format!("code: {code} (`{program} explain {code}` says more)")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutputFormat;

    #[test]
    fn work_that_blocks_is_done_whether_or_not_it_is_told_of() {
        for format in [OutputFormat::Table, OutputFormat::Json] {
            let output = Output { format, header: true, color: false };
            assert_eq!(computing(output, "seven", || 7), 7);
        }
    }

    #[test]
    fn a_wait_is_told_soon_and_again_each_time_that_it_has_doubled() {
        let mut told = Told::default();
        let mut at = |what: &str, millis: u64| told.line(Some((what.to_owned(), Duration::from_millis(millis))));
        assert_eq!(at("`a:B`", 400), None);
        assert_eq!(at("`a:B`", 600).as_deref(), Some("`a:B`, for 1 s so far"));
        assert_eq!(at("`a:B`", 1_100), None);
        assert_eq!(at("`a:B`", 1_300).as_deref(), Some("`a:B`, for 1 s so far"));
        assert_eq!(at("`a:B`", 2_700).as_deref(), Some("`a:B`, for 2 s so far"));
        // Another one, and the same one once more, after it was answered.
        assert_eq!(at("`a:C`", 700).as_deref(), Some("`a:C`, for 1 s so far"));
        assert_eq!(at("`a:C`", 600).as_deref(), Some("`a:C`, for 1 s so far"));
        assert_eq!(told.line(None), None);
    }

    #[test]
    fn a_bar_is_full_only_at_the_end_and_empty_only_at_the_beginning() {
        let full = |done, total| cells(done, total).chars().filter(|cell| *cell == '█').count();
        let cases =
            [(0, 300, 0), (1, 300, 1), (150, 300, 10), (299, 300, 19), (300, 300, 20), (301, 300, 20), (0, 0, 20)];
        for (done, total, expected) in cases {
            assert_eq!(full(done, total), expected, "{done} of {total}");
            assert_eq!(cells(done, total).chars().count(), 20);
        }
    }
}
