//! Writes `applying` receipts while change sets run, so that the hub sees progress. It does so in a
//! task of its own: no change set waits for the ledger. Where several states come while one is
//! written, only the newest is written next. A receipt that cannot be written is logged, and does
//! no harm.

use std::sync::Arc;
use std::time::Duration;

use pmp_ledger::{Found, ReceiptStore};
use pmp_protocol::{ExperienceId, ReceiptStatus, one_line};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::apply::Watch;
use crate::draft::{Draft, Progress};
use crate::progress::{ProgressEvent, ShowProgress};

pub(crate) struct Reporter {
    member: ExperienceId,
    shown: Arc<dyn ShowProgress>,
    newest: watch::Sender<Option<Progress>>,
    writer: JoinHandle<()>,
    stop: CancellationToken,
}

/// How long to wait after a stop for a write that is on its way.
const LAST_ANSWER: Duration = Duration::from_secs(1);

impl Reporter {
    /// Starts the task. `found` is the disputed receipt that may be overwritten. Once `stop` is
    /// cancelled, nothing more is written.
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

    /// Waits until no write is on its way, because the last receipt must come after all of these.
    /// After a stop it waits only [`LAST_ANSWER`] (rule 7). A write that arrives late does no harm:
    /// it says that the sync is not finished, as the last receipt does.
    pub(crate) async fn finish(self) {
        drop(self.newest);
        let writer = self.writer.abort_handle();
        let too_late = async {
            self.stop.cancelled().await;
            sleep(LAST_ANSWER).await;
        };
        tokio::select! {
            biased;
            // Both arms are cancel-safe: the second one ends the task.
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
