//! Writes `applying` receipts while change sets run, so that the hub sees progress. Best effort, and behind the executor's
//! back: no change set waits for the ledger, and of several states the newest is written.

use std::sync::Arc;

use pmp_ledger::{Found, ReceiptStore};
use pmp_protocol::ReceiptStatus;
use pmp_terminal::progress::{Step, step};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::apply::Watch;
use crate::error::one_line;
use crate::receipt::{Draft, Progress};

pub(crate) struct Reporter {
    member: String,
    show: bool,
    newest: watch::Sender<Option<Progress>>,
    writer: JoinHandle<()>,
}

impl Reporter {
    /// Starts to write, over what was `found` and is disputed, too; once `stop` is cancelled, nothing more is written.
    pub(crate) fn start(
        receipts: Arc<dyn ReceiptStore>,
        draft: Draft,
        found: Option<Found>,
        show: bool,
        stop: CancellationToken,
    ) -> Self {
        let (newest, receiver) = watch::channel(None);
        let member = draft.member.to_string();
        Self {
            member,
            show,
            newest,
            writer: tokio::spawn(write(receipts, draft, found, receiver, stop).in_current_span()),
        }
    }

    /// Waits until nothing is on its way to the ledger any more: the last receipt comes after all of these.
    pub(crate) async fn finish(self) {
        drop(self.newest);
        if let Err(error) = self.writer.await {
            tracing::warn!(error = one_line(&error), "the writer of progress failed");
        }
    }
}

async fn write(
    receipts: Arc<dyn ReceiptStore>,
    draft: Draft,
    found: Option<Found>,
    mut newest: watch::Receiver<Option<Progress>>,
    stop: CancellationToken,
) {
    let mut failed = false;
    while newest.changed().await.is_ok() && !stop.is_cancelled() {
        let Some(progress) = newest.borrow_and_update().clone() else { continue };
        let outcome = receipts.put(&draft.receipt(ReceiptStatus::Applying, &progress, None), found.as_ref()).await;
        if let (Err(error), false) = (&outcome, failed) {
            tracing::warn!(error = one_line(error), "progress could not be written to the ledger");
        }
        failed = outcome.is_err();
    }
}

impl Watch for Reporter {
    fn progress(&self, progress: &Progress) {
        if self.show {
            let done = progress.allowed + progress.denied;
            let Progress { pending, change_sets, .. } = progress;
            let text = format!("{} {done} done, {pending} to go, change set {}", self.member, change_sets.len());
            step(Step::Waiting, &text);
        }
        self.newest.send_replace(Some(progress.clone()));
    }
}
