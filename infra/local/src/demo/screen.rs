//! What the demo shows, on standard output: bars that move on a terminal, plain lines without
//! escape codes otherwise.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use console::Style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use pmp_protocol::PlainText;
use pmp_terminal::progress::Step;
use pmp_terminal::{narrow, stdout_is_terminal, stdout_width};

use super::seconds;

/// How wide the names of experiences are set.
const NAME: usize = 18;
/// How often a terminal is drawn again, per second.
const FRAMES: u8 = 15;
const TICK: Duration = Duration::from_millis(120);
/// How wide a bar is, where there is room, and what stands beside it: as much as the numbers of a
/// hundred thousand products need.
const BAR: usize = 34;
const BESIDE: usize = 42;

/// Where everything is shown.
#[derive(Debug)]
pub(super) struct Screen {
    /// On a terminal: what keeps bars below and lines above.
    bars: Option<MultiProgress>,
}

/// Experiences on their way to what they must say, a row each.
#[derive(Debug)]
pub(super) struct Race<'s> {
    screen: &'s Screen,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    total: usize,
    /// What was shown last.
    done: usize,
    bar: Option<ProgressBar>,
}

impl Screen {
    /// The process's standard output. Colours are for terminals, and for those who want them.
    pub(super) fn new(no_color: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let live = stdout_is_terminal() && !dumb;
        let unwanted = no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        console::set_colors_enabled(live && !unwanted);
        console::set_colors_enabled_stderr(live && !unwanted);
        Self { bars: live.then(bars) }
    }

    /// Shows lines. What cannot be shown is lost without harm.
    pub(super) fn text(&self, text: &str) {
        self.lines(&narrow(text, stdout_width()), |line| line);
    }

    /// Shows lines to be pasted: they are not broken, however narrow the terminal is.
    pub(super) fn pasted(&self, text: &str) {
        self.lines(text, |line| line);
    }

    /// Shows lines, each styled once nothing in it can act any more.
    fn lines<S: Display>(&self, text: &str, style: impl Fn(PlainText) -> S) {
        let lines: Vec<_> = text.split('\n').map(|line| style(PlainText::new(line)).to_string()).collect();
        self.show(&lines.join("\n"));
    }

    /// Writes what cannot act, but for our own colours.
    #[expect(clippy::disallowed_methods, reason = "bars and colours need a way of their own to the terminal")]
    fn show(&self, harmless: &str) {
        let write = || {
            let mut out = std::io::stdout().lock();
            let _lost = writeln!(out, "{harmless}").and_then(|()| out.flush());
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// A heading, set apart from what came before.
    pub(super) fn heading(&self, text: &str) {
        self.show("");
        self.lines(&narrow(text, stdout_width()), |line| Style::new().bold().apply_to(line));
    }

    /// A line with the sign of what it says.
    pub(super) fn step(&self, step: Step, text: &str) {
        self.show(&narrow(&format!("{} {}", self.glyph(step), PlainText::new(text)), stdout_width()));
    }

    /// A line about one experience.
    fn about(&self, step: Step, name: &str, text: &str) {
        self.step(step, &format!("{name:NAME$} {text}"));
    }

    /// A line about one experience that got so far in that time.
    pub(super) fn reached(&self, name: &str, took: Duration, text: &str) {
        self.about(Step::Done, name, &format!("{:>6}   {text}", seconds(took)));
    }

    /// What is not important, in a quieter colour.
    pub(super) fn quiet(&self, text: &str) {
        self.lines(&narrow(text, stdout_width()), |line| Style::new().dim().apply_to(line));
    }

    /// A race of experiences, each with the number of products it shall have approved.
    pub(super) fn race(&self, rows: impl IntoIterator<Item = (String, usize)>) -> Race<'_> {
        let row = |(name, total): (String, usize)| {
            let bar = self.bars.as_ref().map(|bars| bars.add(bar(&name, total)));
            // Only once it is among the others does it know where to draw itself.
            bar.iter().for_each(|bar| bar.enable_steady_tick(TICK));
            Row { name, total, done: usize::MAX, bar }
        };
        Race { screen: self, rows: rows.into_iter().map(row).collect() }
    }

    fn glyph(&self, step: Step) -> String {
        let (glyph, ascii, style) = match step {
            Step::Doing => ("►", ">", Style::new().cyan()),
            Step::Waiting => ("◎", ".", Style::new().dim()),
            Step::Done => ("✔", "+", Style::new().green()),
            Step::Failed => ("✗", "x", Style::new().red()),
        };
        style.apply_to(if self.bars.is_some() { glyph } else { ascii }).to_string()
    }
}

#[expect(clippy::disallowed_methods, reason = "what is drawn there is plain text: see `bar`")]
fn bars() -> MultiProgress {
    MultiProgress::with_draw_target(ProgressDrawTarget::stdout_with_hz(FRAMES))
}

fn bar(name: &str, total: usize) -> ProgressBar {
    // The template parses; did it not, the default one would do.
    let wide = stdout_width().map_or(BAR, |columns| columns.saturating_sub(BESIDE).clamp(1, BAR));
    let template = format!("{{spinner:.cyan}} {{prefix:{NAME}}} {{bar:{wide}.green/dim}} {{pos:>3}}/{{len}} approved");
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let style = style.progress_chars("━━─").tick_chars("◐◓◑◒ ");
    ProgressBar::new(total as u64).with_style(style).with_prefix(PlainText::new(name).to_string())
}

impl Race<'_> {
    /// So many of a row's products are approved by now. On a terminal its bar moves; otherwise a
    /// line tells of progress.
    pub(super) fn at(&mut self, row: usize, done: usize) {
        let Some(row) = self.rows.get_mut(row).filter(|row| row.done != done) else { return };
        let first = row.done == usize::MAX;
        row.done = done;
        match &row.bar {
            Some(bar) => bar.set_position(done as u64),
            // Where it stands at the beginning is no progress.
            None if first => {}
            None => self.screen.about(Step::Waiting, &row.name, &format!("{done}/{} approved", row.total)),
        }
    }

    /// A row is where it shall be: its bar becomes a line.
    pub(super) fn arrived(&mut self, row: usize, took: Duration, text: &str) {
        let Some(row) = self.rows.get_mut(row) else { return };
        if let Some(bar) = row.bar.take() {
            bar.finish_and_clear();
        }
        self.screen.reached(&row.name, took, text);
    }
}

impl Drop for Race<'_> {
    /// A race that was broken off leaves no bars behind.
    fn drop(&mut self) {
        self.rows.iter_mut().filter_map(|row| row.bar.take()).for_each(|bar| bar.finish_and_clear());
    }
}
