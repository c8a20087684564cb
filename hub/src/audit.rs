//! The audit: writes entries into the ledger's chain (`pmp_audit` says what they are).
//!
//! Two ways, because of what a failure would mean:
//!
//! - What a person asks for is written *before* it is done (`asked.rs`). If the entry cannot be
//!   written, nothing is done. If it was written and the rest fails, a `failed` entry follows. So
//!   nothing that a person did is missing, and an entry alone does not say that it was done.
//! - What a hub does by itself is written *after* it was done (`runs.rs`). Publishing must not wait
//!   for it, and the ledger holds every version anyway: what a run could not write, because it
//!   stopped or failed, the next run finds and writes.

mod asked;
mod between;
mod noted;
mod outcomes;
mod runs;

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use pmp_audit::{Entry, Event, NotAnEntry};
use pmp_aws::ApiError;
use pmp_ledger::{AuditHead, AuditStore, LedgerError, NewAuditEntry};
use pmp_protocol::{Digest, ExperienceId, Hint};
use pmp_runtime::Clock;
use tokio::sync::OnceCell;

pub(crate) use asked::not_in_the_audit;
pub(crate) use noted::Sight;
pub(crate) use runs::{Ran, RunAudit};

/// How often an entry is tried again after somebody else appended first.
const ATTEMPTS: u32 = 10;
/// The pause before the first of these tries; it grows by as much with each.
const PAUSE: Duration = Duration::from_millis(50);

/// The reason why an entry could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    /// The table could not be read or written.
    #[error("cannot write into the audit")]
    Ledger(#[from] LedgerError),
    /// STS would not tell who this is.
    #[error("cannot find out who this is, which the audit has to say")]
    Caller(#[source] ApiError),
    /// Somebody else appended first, several times in a row.
    #[error("others wrote into the audit first, {ATTEMPTS} times in a row")]
    Outrun,
    /// An entry could not be written as text.
    #[error("cannot write an entry of the audit as text")]
    Entry(#[from] NotAnEntry),
}

impl AuditError {
    /// Whether this role may not write into the audit: a template of an earlier release made it.
    pub(crate) fn is_access_denied(&self) -> bool {
        match self {
            Self::Ledger(error) => error.api().is_some_and(ApiError::is_access_denied),
            Self::Caller(_) | Self::Outrun | Self::Entry(_) => false,
        }
    }
}

pmp_protocol::codes!(AuditError {
    Ledger(source) => source,
    Caller(source) => source,
    Outrun => "E4001",
    Entry(source) => source,
});

impl Hint for AuditError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Ledger(_) if self.is_access_denied() => Some(
                "update the hub's stack: its policies permit dynamodb:GetItem and dynamodb:PutItem on the partition `hub#audit`"
                    .to_owned(),
            ),
            Self::Ledger(error) => error.hint(),
            Self::Caller(error) => error.hint(),
            Self::Outrun => Some("ask again".to_owned()),
            Self::Entry(error) => error.hint(),
        }
    }
}

/// What is to be appended.
#[derive(Debug)]
struct New<'a> {
    event: Event,
    /// What entries tell of waves and of settings by then; none where that stays.
    noted: Option<String>,
    /// The fingerprints of the receipts that entries tell of by then; none where they stay.
    seen: Option<&'a [u8]>,
}

impl New<'_> {
    fn of(event: Event) -> Self {
        Self { event, noted: None, seen: None }
    }
}

/// Writes entries about one management experience.
#[derive(Debug, Clone)]
pub(crate) struct Auditor {
    pub(crate) store: Arc<dyn AuditStore>,
    pub(crate) experience: ExperienceId,
    pub(crate) clock: Arc<dyn Clock>,
    sdk: Option<SdkConfig>,
    by: OnceCell<String>,
}

impl Auditor {
    /// An auditor that writes as whoever `sdk`'s credentials belong to.
    pub(crate) fn new(
        store: Arc<dyn AuditStore>,
        experience: ExperienceId,
        clock: Arc<dyn Clock>,
        sdk: SdkConfig,
    ) -> Self {
        Self { store, experience, clock, sdk: Some(sdk), by: OnceCell::new() }
    }

    /// An auditor that writes as `by`.
    #[cfg(test)]
    pub(crate) fn of(store: Arc<dyn AuditStore>, experience: ExperienceId, clock: Arc<dyn Clock>, by: &str) -> Self {
        Self { store, experience, clock, sdk: None, by: OnceCell::new_with(Some(by.to_owned())) }
    }

    /// Who this is, as STS says. It is asked once in the life of a process.
    async fn by(&self) -> Result<&str, AuditError> {
        let ask = async {
            let Some(sdk) = &self.sdk else { return Ok(String::new()) };
            let (caller, _) = pmp_aws::caller(sdk).await;
            caller.map(|caller| caller.arn).map_err(AuditError::Caller)
        };
        self.by.get_or_try_init(|| ask).await.map(String::as_str)
    }

    /// Appends an entry, after whatever the others appended. Returns its number.
    async fn append(&self, event: Event) -> Result<u64, AuditError> {
        for attempt in 1..=ATTEMPTS {
            let mut head = self.store.head(&self.experience).await?;
            if self.append_after(&mut head, New::of(event.clone())).await? {
                return Ok(head.map_or(0, |head| head.number));
            }
            tokio::time::sleep(PAUSE * attempt).await;
        }
        Err(AuditError::Outrun)
    }

    /// Appends an entry after `head`, which names that entry then. False where somebody else
    /// appended meanwhile.
    async fn append_after(&self, head: &mut Option<AuditHead>, new: New<'_>) -> Result<bool, AuditError> {
        let before = head.as_ref();
        let entry = Entry {
            number: before.map_or(1, |head| head.number.saturating_add(1)),
            previous: before.map(|head| head.digest),
            at: self.clock.now(),
            experience: self.experience.clone(),
            author: self.by().await?.to_owned(),
            event: new.event,
        };
        let text = entry.text()?;
        let next = AuditHead {
            number: entry.number,
            // Protocol A1 and A3.
            digest: Digest::of(text.as_bytes()),
            told: before.and_then(|head| head.told).max(entry.event.stored()),
            noted: new.noted.or_else(|| before.and_then(|head| head.noted.clone())),
        };
        let appended = NewAuditEntry { experience: &self.experience, before, text: &text, head: &next, seen: new.seen };
        if !self.store.append(&appended).await? {
            return Ok(false);
        }
        tracing::info!(number = entry.number, action = entry.event.action(), "written into the audit");
        *head = Some(next);
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
