//! Shows the progress of a pass on standard error, a line for each event.

use std::sync::Arc;

use pmp_protocol::ReceiptStatus;
use pmp_terminal::Output;
use pmp_terminal::progress::{Step, bar, step};

use crate::progress::{ProgressEvent, ShowProgress, Silent};

#[derive(Debug)]
struct Terminal;

/// Progress for people, if the command's output is for people as well.
pub(crate) fn shown(output: Output) -> Arc<dyn ShowProgress> {
    if output.is_table() { Arc::new(Terminal) } else { Arc::new(Silent) }
}

impl ShowProgress for Terminal {
    fn show(&self, event: ProgressEvent<'_>) {
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
