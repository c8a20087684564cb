//! Journals of decisions, and outcomes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use pmp_protocol::{DecisionJournal, ExperienceId, MAX_OUTCOMES, OrganizationId, Outcome};

use super::{MemoryLedger, unreadable};
use crate::{Extent, FoundJournal, Journals, LedgerError, NewJournal, Outcomes, RecordStore};

/// A journal, packed as the adapter packs it.
#[derive(Debug)]
pub(super) struct KeptJournal {
    packed: Vec<u8>,
    revision: u64,
}

impl KeptJournal {
    pub(super) fn found(&self) -> FoundJournal {
        FoundJournal { journal: DecisionJournal::decode(&self.packed).ok(), revision: Some(self.revision) }
    }
}

#[async_trait]
impl RecordStore for MemoryLedger {
    async fn journal(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        member: &ExperienceId,
    ) -> Result<FoundJournal, LedgerError> {
        self.call("journal").await?;
        Ok(self.found_journal(organization, experience, member))
    }

    async fn put_journal(&self, new: &NewJournal<'_>) -> Result<bool, LedgerError> {
        self.call("put_journal").await?;
        let packed = new.journal.encode().map_err(unreadable)?;
        let key = (new.organization.clone(), new.experience.clone(), new.member.clone());
        let mut tables = self.tables();
        let is_as_found = tables.journals.get(&key).map(|kept| kept.revision) == new.found;
        if is_as_found {
            let revision = new.found.unwrap_or_default().saturating_add(1);
            tables.journals.insert(key, KeptJournal { packed, revision });
        }
        Ok(is_as_found)
    }

    async fn put_outcome(&self, outcome: &Outcome, number: u64, _: Timestamp) -> Result<(), LedgerError> {
        self.call("put_outcome").await?;
        let Outcome { organization, experience, member_experience, .. } = outcome;
        let member = (organization.clone(), experience.clone(), member_experience.clone());
        self.tables().outcomes.insert((member, number % MAX_OUTCOMES), outcome.clone());
        Ok(())
    }

    async fn journals(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        _: Extent,
    ) -> Result<Journals, LedgerError> {
        self.call("journals").await?;
        let tables = self.tables();
        let of_it = tables.journals.iter().filter(|((of, under, _), _)| (of, under) == (organization, experience));
        let read = |kept: &KeptJournal| DecisionJournal::decode(&kept.packed).map_err(|error| error.to_string());
        let found: BTreeMap<_, _> = of_it.map(|((.., member), kept)| (member.clone(), read(kept))).collect();
        Ok(Journals { found, ..Journals::default() })
    }

    async fn outcomes(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
        member: Option<&ExperienceId>,
        _: Extent,
    ) -> Result<Outcomes, LedgerError> {
        self.call("outcomes").await?;
        let tables = self.tables();
        let of_it = tables.outcomes.iter().filter(|(((of, under, about), _), _)| {
            (of, under) == (organization, experience) && member.is_none_or(|member| member == about)
        });
        let mut found: Vec<_> = of_it.map(|(_, outcome)| outcome.clone()).collect();
        found.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.member_experience.cmp(&b.member_experience)));
        Ok(Outcomes { found, ..Outcomes::default() })
    }
}
