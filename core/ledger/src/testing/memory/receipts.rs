//! What spokes report, what operators confirm, and the marks.

use async_trait::async_trait;
use pmp_protocol::{ExperienceId, HeadMark, Hold, OperatorConfirmation, OrganizationId, OrganizationSeen, Receipt};

use super::{MemoryLedger, Tables};
use crate::{
    Directed, Directions, Found, LedgerError, Organization, ReceiptStore, Said, SignedWith, may_replace,
    may_replace_late,
};

impl Tables {
    fn replace(&mut self, receipt: &Receipt, may: impl FnOnce(Option<&Receipt>) -> bool) -> bool {
        let Receipt { organization, experience, member_experience, .. } = receipt;
        let key = (organization.clone(), experience.clone(), member_experience.clone());
        let written = may(self.receipts.get(&key));
        if written {
            self.receipts.insert(key, receipt.clone());
        }
        written
    }

    /// What the spokes of an organization wrote.
    pub(super) fn reported(&self, id: &OrganizationId, experience: &ExperienceId) -> Organization {
        let of = |organization: &OrganizationId, under: &ExperienceId| (organization, under) == (id, experience);
        let receipts = self.receipts.iter().filter(|((organization, under, _), _)| of(organization, under));
        let spokes = self.spokes.iter().filter(|((organization, under, _), _)| of(organization, under));
        let organization = Organization {
            seen: self.seen.get(&(id.clone(), experience.clone())).cloned(),
            spokes: spokes.map(|(_, seen)| seen.clone()).collect(),
            receipts: receipts.map(|(_, receipt)| receipt.clone()).collect(),
            ..Organization::unknown(id.clone())
        };
        organization.seen_by_either_item()
    }

    /// What operators direct for an organization, or for the fleet.
    fn directed(&self, experience: &ExperienceId, organization: Option<&OrganizationId>) -> Said {
        let key = (experience.clone(), organization.cloned());
        self.directions.get(&key).map_or(Said::Nothing, |directed| Said::Directed(Box::new(directed.clone())))
    }

    /// What the operators confirmed for an organization.
    pub(super) fn confirmed(&self, id: &OrganizationId, experience: &ExperienceId) -> Vec<OperatorConfirmation> {
        let of_it = self.confirmations.iter().filter(|((of, under, _), _)| (of, under) == (id, experience));
        of_it.map(|(_, confirmation)| confirmation.clone()).collect()
    }
}

fn key_of(confirmation: &OperatorConfirmation) -> (OrganizationId, ExperienceId, Option<ExperienceId>) {
    let OperatorConfirmation { organization, experience, member_experience, .. } = confirmation;
    (organization.clone(), experience.clone(), member_experience.clone())
}

#[async_trait]
impl ReceiptStore for MemoryLedger {
    async fn put(&self, receipt: &Receipt, found: Option<&Found>) -> Result<bool, LedgerError> {
        self.call("put").await?;
        Ok(self.tables().replace(receipt, |stored| may_replace(stored, receipt, found)))
    }

    async fn put_late(&self, receipt: &Receipt) -> Result<bool, LedgerError> {
        self.call("put_late").await?;
        Ok(self.tables().replace(receipt, |stored| may_replace_late(stored, receipt)))
    }

    async fn put_seen(&self, seen: &OrganizationSeen) -> Result<(), LedgerError> {
        self.call("put_seen").await?;
        self.tables().seen.insert((seen.organization.clone(), seen.experience.clone()), seen.clone());
        Ok(())
    }

    async fn put_spoke(&self, seen: &OrganizationSeen) -> Result<(), LedgerError> {
        self.call("put_spoke").await?;
        if let Some(spoke) = &seen.spoke {
            let key = (seen.organization.clone(), seen.experience.clone(), spoke.id.clone());
            self.tables().spokes.insert(key, seen.clone());
        }
        Ok(())
    }

    async fn put_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<(), LedgerError> {
        self.call("put_confirmation").await?;
        self.tables().confirmations.insert(key_of(confirmation), confirmation.clone());
        Ok(())
    }

    async fn delete_confirmation(&self, confirmation: &OperatorConfirmation) -> Result<bool, LedgerError> {
        self.call("delete_confirmation").await?;
        let (mut tables, key) = (self.tables(), key_of(confirmation));
        let is_it = tables.confirmations.get(&key).is_some_and(|stored| stored.version == confirmation.version);
        Ok(is_it && tables.confirmations.remove(&key).is_some())
    }

    async fn organization(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<Organization, LedgerError> {
        self.call("organization").await?;
        let tables = self.tables();
        let confirmations = tables.confirmed(organization, experience);
        let direction = tables.directed(experience, Some(organization));
        let hold = tables.holds.get(&(organization.clone(), experience.clone())).cloned();
        Ok(Organization { confirmations, direction, hold, ..tables.reported(organization, experience) })
    }

    async fn direction(
        &self,
        experience: &ExperienceId,
        organization: Option<&OrganizationId>,
    ) -> Result<Said, LedgerError> {
        self.call("direction").await?;
        Ok(self.tables().directed(experience, organization))
    }

    async fn directions(&self, experience: &ExperienceId) -> Result<Directions, LedgerError> {
        self.call("directions").await?;
        let tables = self.tables();
        let of_it = tables.directions.iter().filter(|((of, _), _)| of == experience);
        let found = of_it.filter_map(|((_, organization), directed)| Some((organization.clone()?, directed.clone())));
        Ok(Directions { found: found.collect(), unreadable: Vec::new() })
    }

    async fn put_direction(&self, directed: &Directed, before: u64) -> Result<bool, LedgerError> {
        self.call("put_direction").await?;
        let Directed { direction, .. } = directed;
        let (mut tables, key) = (self.tables(), (direction.experience.clone(), direction.organization.clone()));
        let stored = tables.directions.get(&key).map_or(0, |stored| stored.direction.generation);
        if stored != before {
            return Ok(false);
        }
        tables.directions.insert(key, directed.clone());
        Ok(true)
    }

    async fn signed_with(&self, experience: &ExperienceId) -> Result<SignedWith, LedgerError> {
        self.call("signed_with").await?;
        Ok(self.tables().signed_with.get(experience).cloned().unwrap_or_default())
    }

    async fn put_signed_with(
        &self,
        experience: &ExperienceId,
        keys: &[String],
        before: u64,
    ) -> Result<bool, LedgerError> {
        self.call("put_signed_with").await?;
        let mut tables = self.tables();
        let stored = tables.signed_with.entry(experience.clone()).or_default();
        if stored.generation != before {
            return Ok(false);
        }
        *stored = SignedWith { generation: before + 1, keys: keys.to_vec() };
        Ok(true)
    }

    async fn put_hold(&self, organization: &OrganizationId, hold: &Hold) -> Result<(), LedgerError> {
        self.call("put_hold").await?;
        self.tables().holds.insert((organization.clone(), hold.experience.clone()), hold.clone());
        Ok(())
    }

    async fn trusted_direction(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        of_the_fleet: bool,
    ) -> Result<Option<String>, LedgerError> {
        self.call("trusted_direction").await?;
        let key = (organization.clone(), experience.clone(), of_the_fleet);
        Ok(self.tables().trusted_directions.get(&key).cloned())
    }

    async fn put_trusted_direction(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        of_the_fleet: bool,
        envelope: &str,
    ) -> Result<(), LedgerError> {
        self.call("put_trusted_direction").await?;
        let key = (organization.clone(), experience.clone(), of_the_fleet);
        self.tables().trusted_directions.insert(key, envelope.to_owned());
        Ok(())
    }

    async fn mark(&self, experience: &ExperienceId) -> Result<Option<HeadMark>, LedgerError> {
        self.call("mark").await?;
        Ok(self.tables().marks.get(experience).copied())
    }

    async fn raise(&self, experience: &ExperienceId, mark: HeadMark) -> Result<(), LedgerError> {
        self.call("raise").await?;
        let mut tables = self.tables();
        if tables.marks.get(experience).is_none_or(|stored| stored.version <= mark.version) {
            tables.marks.insert(experience.clone(), mark);
        }
        Ok(())
    }

    async fn trusted(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<Option<String>, LedgerError> {
        self.call("trusted").await?;
        Ok(self.tables().trusted.get(&(organization.clone(), experience.clone())).cloned())
    }

    async fn put_trusted(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        envelope: &str,
    ) -> Result<(), LedgerError> {
        self.call("put_trusted").await?;
        self.tables().trusted.insert((organization.clone(), experience.clone()), envelope.to_owned());
        Ok(())
    }
}
