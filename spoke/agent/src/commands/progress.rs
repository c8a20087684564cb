//! Shows the progress of a pass on standard error, a line for each event.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pmp_protocol::{ReceiptStatus, count};
use pmp_terminal::Output;
use pmp_terminal::progress::{Step, bar, step};
use tokio::time::Instant;

use crate::progress::{ProgressEvent, ShowProgress, Silent};

/// What a command waits for, once there is a spoke, in its order.
pub(crate) const LEDGER: &str = "the ledger: what is in force, and what was applied here";
pub(crate) const SNAPSHOT: &str = "the ledger: the snapshot";
pub(crate) const EXPERIENCES: &str = "the catalog: the member experiences, and what they list";
pub(crate) const PASS: &str = "the lease, the ledger and the catalog: a pass begins";

/// What is waited for, where no change set runs.
const STILL: &str = "still waiting for the lease, the ledger or the catalog";
/// How long nothing is told before a sign of life.
const SILENCE: Duration = Duration::from_secs(30);

/// Progress for people, on standard error.
#[derive(Debug)]
pub(crate) struct Terminal {
    told: AtomicBool,
    quiet: Mutex<Quiet>,
}

/// What there is to tell of a time in which nothing happens.
#[derive(Debug)]
struct Quiet {
    /// When something was told last.
    since: Instant,
    /// What is waited for, as far as it is known.
    running: Option<String>,
}

/// Progress for people, if the command's output is for people as well.
pub(crate) fn shown(output: Output) -> Arc<dyn ShowProgress> {
    Terminal::of(output).map_or_else(|| Arc::new(Silent) as _, |terminal| terminal as _)
}

impl Terminal {
    /// None where the command's output is for programs.
    pub(crate) fn of(output: Output) -> Option<Arc<Self>> {
        output.is_table().then(Arc::default)
    }

    /// Whether anything was told so far.
    pub(crate) fn told(&self) -> &AtomicBool {
        &self.told
    }

    /// What comes of `work`. Wherever nothing is told for a while, a line tells what is waited for.
    pub(crate) async fn alive<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            let next = self.quiet().since + SILENCE;
            if let Ok(done) = tokio::time::timeout_at(next, &mut work).await {
                return done;
            }
            if let Some(sign) = self.sign_of_life() {
                step(Step::Waiting, &sign);
            }
        }
    }

    /// A line about a time in which nothing was told. None where something was, meanwhile.
    fn sign_of_life(&self) -> Option<String> {
        let mut quiet = self.quiet();
        let now = Instant::now();
        if now - quiet.since < SILENCE {
            return None;
        }
        quiet.since = now;
        Some(quiet.running.clone().unwrap_or_else(|| STILL.to_owned()))
    }

    fn quiet(&self) -> MutexGuard<'_, Quiet> {
        // A line that was half made when a thread panicked is made again with the next look.
        self.quiet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, is: Step, text: &str) {
        self.told.store(true, Ordering::Relaxed);
        *self.quiet() = Quiet::default();
        step(is, text);
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self { told: AtomicBool::new(false), quiet: Mutex::default() }
    }
}

impl Default for Quiet {
    fn default() -> Self {
        Self { since: Instant::now(), running: None }
    }
}

impl ShowProgress for Terminal {
    fn show(&self, event: ProgressEvent<'_>) {
        match event {
            ProgressEvent::LookingUp { products } => {
                self.tell(Step::Doing, &format!("looking up {products} products for the filter"));
            }
            ProgressEvent::LookedUp { answered, products } => {
                self.tell(Step::Waiting, &format!("{answered} of {products} products looked up"));
            }
            ProgressEvent::Changing { member, progress } => {
                let done = progress.allowed + progress.denied;
                let (pending, change_sets) = (progress.pending, progress.change_sets.len());
                let bar = bar(done, done + pending);
                let text = format!("{member} {bar}{done} done, {pending} to go, change set {change_sets}");
                self.tell(Step::Waiting, &text);
            }
            ProgressEvent::Running { first, watched, looks, others } => {
                let others = if others == 0 { String::new() } else { format!("; {others} more run") };
                let (seconds, looks) = (watched.as_secs(), count(looks as usize, "time"));
                let text = format!("change set {first} runs for {seconds} s, looked at {looks}{others}");
                self.quiet().running = Some(text);
            }
            ProgressEvent::Ended { member, status } => {
                let well = matches!(status, ReceiptStatus::InSync | ReceiptStatus::Skipped);
                self.tell(if well { Step::Done } else { Step::Failed }, &format!("{member} {status}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pmp_catalog::ChangeSetId;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sign_of_life_comes_only_where_nothing_was_told_for_a_while() {
        let (terminal, first) = (Terminal::default(), ChangeSetId::new("cs-1"));
        let running = |seconds: u64, looks, others| {
            let watched = Duration::from_secs(seconds);
            terminal.show(ProgressEvent::Running { first: &first, watched, looks, others });
        };
        tokio::time::advance(SILENCE).await;
        assert_eq!(terminal.sign_of_life().as_deref(), Some(STILL));
        running(10, 4, 0);
        tokio::time::advance(SILENCE - Duration::from_secs(1)).await;
        assert_eq!(terminal.sign_of_life(), None);
        running(30, 12, 2);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(
            terminal.sign_of_life().as_deref(),
            Some("change set cs-1 runs for 30 s, looked at 12 times; 2 more run")
        );
        assert!(!terminal.told().load(Ordering::Relaxed), "a look is nothing that was told");
        // What is told begins the silence anew, and ends what ran before it.
        tokio::time::advance(SILENCE).await;
        terminal.show(ProgressEvent::LookingUp { products: 1 });
        assert_eq!(terminal.sign_of_life(), None);
        assert!(terminal.told().load(Ordering::Relaxed));
        tokio::time::advance(SILENCE).await;
        assert_eq!(terminal.sign_of_life().as_deref(), Some(STILL));
    }

    #[tokio::test(start_paused = true)]
    async fn work_ends_as_it_does_with_or_without_signs_of_life() {
        let terminal = Terminal::default();
        let work = tokio::time::sleep(SILENCE * 3);
        let began = Instant::now();
        terminal.alive(work).await;
        assert_eq!(began.elapsed(), SILENCE * 3);
    }
}
