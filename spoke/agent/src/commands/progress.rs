//! Shows the progress of a pass on standard error, a line for each event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pmp_protocol::ReceiptStatus;
use pmp_terminal::Output;
use pmp_terminal::progress::{Step, bar, step};

use crate::progress::{ProgressEvent, ShowProgress, Silent};

/// What a command waits for, in its order.
pub(crate) const IDENTITY: &str = "AWS: who this is, and which organization";
pub(crate) const LEDGER: &str = "the ledger: what is in force, and what was applied here";
pub(crate) const SNAPSHOT: &str = "the ledger: the snapshot";
pub(crate) const EXPERIENCES: &str = "the catalog: the member experiences, and what they list";
pub(crate) const PASS: &str = "the lease, the ledger and the catalog: a pass begins";

#[derive(Debug, Default)]
struct Terminal {
    told: Arc<AtomicBool>,
}

/// Progress for people, if the command's output is for people as well.
pub(crate) fn shown(output: Output) -> Arc<dyn ShowProgress> {
    shown_and_told(output).0
}

/// The same, and whether anything was shown so far.
pub(crate) fn shown_and_told(output: Output) -> (Arc<dyn ShowProgress>, Arc<AtomicBool>) {
    let told = Arc::new(AtomicBool::new(false));
    if output.is_table() { (Arc::new(Terminal { told: told.clone() }), told) } else { (Arc::new(Silent), told) }
}

impl ShowProgress for Terminal {
    fn show(&self, event: ProgressEvent<'_>) {
        self.told.store(true, Ordering::Relaxed);
        match event {
            ProgressEvent::LookingUp { products } => {
                step(Step::Doing, &format!("looking up {products} products for the filter"));
            }
            ProgressEvent::LookedUp { answered, products } => {
                step(Step::Waiting, &format!("{answered} of {products} products looked up"));
            }
            ProgressEvent::Changing { member, progress } => {
                let done = progress.allowed + progress.denied;
                let (pending, change_sets) = (progress.pending, progress.change_sets.len());
                let bar = bar(done, done + pending);
                let text = format!("{member} {bar}{done} done, {pending} to go, change set {change_sets}");
                step(Step::Waiting, &text);
            }
            ProgressEvent::Ended { member, status } => {
                let well = matches!(status, ReceiptStatus::InSync | ReceiptStatus::Skipped);
                step(if well { Step::Done } else { Step::Failed }, &format!("{member} {status}"));
            }
        }
    }
}
