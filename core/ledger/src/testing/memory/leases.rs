//! One lease for each organization.

use async_trait::async_trait;
use jiff::Timestamp;
use pmp_protocol::OrganizationId;

use super::{MemoryLedger, Tables};
use crate::{Lease, LeaseStore, LedgerError, Taken, Watched, may_take};

impl Tables {
    fn write(&mut self, lease: &Lease, may: impl FnOnce(Option<&Lease>) -> bool) -> Taken {
        let found = self.leases.get(&lease.organization);
        if !may(found) {
            return Taken::HeldBy(found.cloned().map(Box::new));
        }
        self.leases.insert(lease.organization.clone(), lease.clone());
        Taken::Yes
    }
}

#[async_trait]
impl LeaseStore for MemoryLedger {
    async fn take(&self, wanted: &Lease, now: Timestamp, watched: Option<&Watched>) -> Result<Taken, LedgerError> {
        self.call("take").await?;
        Ok(self.tables().write(wanted, |found| may_take(found, &wanted.holder_id, now, watched)))
    }

    async fn held(&self, organization: &OrganizationId) -> Result<Option<Lease>, LedgerError> {
        self.call("held").await?;
        Ok(self.lease(organization))
    }

    async fn renew(&self, lease: &Lease) -> Result<Taken, LedgerError> {
        self.call("renew").await?;
        let is_holder = |found: Option<&Lease>| found.is_some_and(|found| found.holder_id == lease.holder_id);
        Ok(self.tables().write(lease, is_holder))
    }
}
