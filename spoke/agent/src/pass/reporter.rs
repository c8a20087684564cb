//! Writes `applying` receipts while change sets run, so that the hub sees progress. Best effort, and behind the executor's
//! back: no change set waits for the ledger, and of several states the newest is written.

use std::sync::Arc;
use std::time::Duration;

use pmp_ledger::{Found, ReceiptStore};
use pmp_protocol::{ExperienceId, ReceiptStatus};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::apply::Watch;
use crate::draft::{Draft, Progress};
use crate::error::one_line;
use crate::progress::{ProgressEvent, ShowProgress};

pub(crate) struct Reporter {
    member: ExperienceId,
    shown: Arc<dyn ShowProgress>,
    newest: watch::Sender<Option<Progress>>,
    writer: JoinHandle<()>,
    stop: CancellationToken,
}

/// After a stop, this long for an answer to what is on its way.
const LAST_ANSWER: Duration = Duration::from_secs(1);

impl Reporter {
    /// Starts to write, over what was `found` and is disputed, too; once `stop` is cancelled, nothing more is written.
    pub(crate) fn start(
        receipts: Arc<dyn ReceiptStore>,
        draft: Draft,
        found: Option<Found>,
        shown: Arc<dyn ShowProgress>,
        stop: CancellationToken,
    ) -> Self {
        let (newest, receiver) = watch::channel(None);
        let member = draft.member.clone();
        Self {
            member,
            shown,
            newest,
            writer: tokio::spawn(write(receipts, draft, found, receiver, stop.clone()).in_current_span()),
            stop,
        }
    }

    /// Waits until nothing is on its way to the ledger any more: the last receipt comes after all of these. After a stop it
    /// does not wait long; what arrives late says that the sync is not finished, as the last one does.
    pub(crate) async fn finish(self) {
        drop(self.newest);
        let writer = self.writer.abort_handle();
        let too_late = async {
            self.stop.cancelled().await;
            sleep(LAST_ANSWER).await;
        };
        tokio::select! {
            // Cancel-safe, both: the task is ended below.
            outcome = self.writer => if let Err(error) = outcome {
                tracing::warn!(error = one_line(&error), "the writer of progress failed");
            },
            () = too_late => writer.abort(),
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
        self.shown.show(ProgressEvent::Changing { member: &self.member, progress });
        self.newest.send_replace(Some(progress.clone()));
    }
}
