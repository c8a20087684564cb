//! The audit in memory, one for each management experience.

use async_trait::async_trait;
use pmp_protocol::ExperienceId;

use super::MemoryLedger;
use crate::{AuditHead, AuditStore, LedgerError, NewAuditEntry, StoredEntry};

/// The audit of one management experience.
#[derive(Debug, Default)]
pub(super) struct KeptAudit {
    head: Option<AuditHead>,
    entries: Vec<StoredEntry>,
    seen: Vec<u8>,
}

#[async_trait]
impl AuditStore for MemoryLedger {
    async fn head(&self, experience: &ExperienceId) -> Result<Option<AuditHead>, LedgerError> {
        self.call("audit_head").await?;
        Ok(self.tables().audits.get(experience).and_then(|audit| audit.head.clone()))
    }

    async fn append(&self, new: &NewAuditEntry<'_>) -> Result<bool, LedgerError> {
        self.call("append_audit").await?;
        let mut tables = self.tables();
        let audit = tables.audits.entry(new.experience.clone()).or_default();
        let before = |head: &AuditHead| (head.number, head.digest);
        let taken = audit.entries.iter().any(|entry| entry.number == new.head.number);
        if taken || audit.head.as_ref().map(before) != new.before.map(before) {
            return Ok(false);
        }
        let (text, digest) = (new.text.to_owned(), new.head.digest.to_string());
        audit.entries.push(StoredEntry { number: new.head.number, text, digest });
        audit.head = Some(new.head.clone());
        if let Some(seen) = new.seen {
            audit.seen = seen.to_vec();
        }
        Ok(true)
    }

    async fn page(&self, experience: &ExperienceId, from: u64, to: u64) -> Result<Vec<StoredEntry>, LedgerError> {
        self.call("page_of_audit").await?;
        let tables = self.tables();
        let entries = tables.audits.get(experience).map(|audit| audit.entries.as_slice()).unwrap_or_default();
        Ok(entries.iter().filter(|entry| (from..=to).contains(&entry.number)).cloned().collect())
    }

    async fn seen(&self, experience: &ExperienceId) -> Result<Vec<u8>, LedgerError> {
        self.call("seen_by_audit").await?;
        Ok(self.tables().audits.get(experience).map(|audit| audit.seen.clone()).unwrap_or_default())
    }
}
