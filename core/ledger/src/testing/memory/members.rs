//! The roster, and what the hub reads of members.

use std::collections::BTreeSet;

use async_trait::async_trait;
use pmp_protocol::{ExperienceId, OrganizationId, ReceiptStatus};

use super::{MemoryLedger, Tables};
use crate::{Admission, Extent, LedgerError, Member, Partitions, Report, Reports, Roster};

impl Tables {
    /// The organizations that wrote an item of any kind.
    fn writers(&self) -> BTreeSet<OrganizationId> {
        let of_members = self.receipts.keys().chain(self.journals.keys()).chain(self.outcomes.keys().map(|(of, _)| of));
        let pairs = self.seen.keys().chain(self.trusted.keys()).map(|(id, _)| id);
        let spokes = self.spokes.keys().map(|(id, ..)| id);
        of_members.map(|(id, ..)| id).chain(pairs).chain(spokes).chain(self.leases.keys()).cloned().collect()
    }

    fn report(&self, id: &OrganizationId, experience: &ExperienceId) -> Report {
        let mut organization = self.reported(id, experience);
        if organization.receipts.iter().any(|receipt| receipt.status == ReceiptStatus::Held) {
            organization.confirmations = self.confirmed(id, experience);
        }
        Report { organization, more: false }
    }

    /// The number of all items.
    fn items(&self) -> usize {
        let Self { receipts, seen, spokes, confirmations, trusted, journals, outcomes, roster, .. } = self;
        let reported = receipts.len() + seen.len() + spokes.len() + confirmations.len() + trusted.len();
        reported + journals.len() + outcomes.len() + roster.len()
    }
}

#[async_trait]
impl Roster for MemoryLedger {
    async fn admit(&self, member: &Member) -> Result<Admission, LedgerError> {
        self.call("admit").await?;
        let key = (member.experience.clone(), member.organization.clone());
        let mut tables = self.tables();
        match tables.roster.get_mut(&key) {
            None => {
                tables.roster.insert(key, member.clone());
                Ok(Admission::New)
            }
            Some(stored) if member.large && !stored.large => {
                stored.large = true;
                Ok(Admission::Large)
            }
            Some(_) => Ok(Admission::AsBefore),
        }
    }

    async fn forget(&self, organization: &OrganizationId, experience: &ExperienceId) -> Result<usize, LedgerError> {
        self.call("forget").await?;
        let mut tables = self.tables();
        let before = tables.items();
        let stays = |of: &OrganizationId, under: &ExperienceId| (of, under) != (organization, experience);
        tables.receipts.retain(|(of, under, _), _| stays(of, under));
        tables.seen.retain(|(of, under), _| stays(of, under));
        tables.spokes.retain(|(of, under, _), _| stays(of, under));
        tables.confirmations.retain(|(of, under, _), _| stays(of, under));
        tables.trusted.retain(|(of, under), _| stays(of, under));
        tables.journals.retain(|(of, under, _), _| stays(of, under));
        tables.outcomes.retain(|((of, under, _), _), _| stays(of, under));
        tables.roster.retain(|(under, of), _| stays(of, under));
        Ok(before - tables.items())
    }

    async fn members(&self, experience: &ExperienceId) -> Result<Vec<Member>, LedgerError> {
        self.call("members").await?;
        let tables = self.tables();
        let of_it = tables.roster.iter().filter(|((under, _), _)| under == experience);
        Ok(of_it.map(|(_, member)| member.clone()).collect())
    }
}

#[async_trait]
impl Reports for MemoryLedger {
    async fn report(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        _: Extent,
    ) -> Result<Report, LedgerError> {
        self.call("report").await?;
        Ok(self.tables().report(organization, experience))
    }

    async fn all(&self, experience: &ExperienceId) -> Result<Vec<Report>, LedgerError> {
        self.call("all").await?;
        let tables = self.tables();
        let reports = tables.writers().into_iter().map(|id| tables.report(&id, experience));
        Ok(reports.filter(|report| !report.is_empty()).collect())
    }

    async fn partitions(&self) -> Result<Partitions, LedgerError> {
        self.call("partitions").await?;
        Ok(Partitions { organizations: self.tables().writers(), more: false })
    }

    async fn management_experiences(&self) -> Result<BTreeSet<ExperienceId>, LedgerError> {
        self.call("management_experiences").await?;
        Ok(self.tables().marks.keys().cloned().collect())
    }
}
