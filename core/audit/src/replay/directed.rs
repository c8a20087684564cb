//! What persons ask for: what is ended was begun, and what failed was asked for.

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{OrganizationId, SnapshotVersion};

use crate::replay::wrong::{Begun, Wrong};
use crate::{Event, Whom};

/// The fleet, or one organization.
type Whose = Option<OrganizationId>;

/// What was asked for up to now.
#[derive(Debug, Clone, Default)]
pub(super) struct Directed {
    /// Whoever was pinned, or paused, at any time. An entry that ends one may stand there twice,
    /// where two persons ask at the same time.
    pinned: BTreeSet<Whose>,
    paused: BTreeSet<Whose>,
    confirmed: BTreeSet<(SnapshotVersion, String)>,
    /// What persons asked for, by the number of the entry, with the organizations that it names.
    asked: BTreeMap<u64, BTreeSet<OrganizationId>>,
    failed: BTreeSet<u64>,
}

impl Directed {
    pub(super) fn asked(&self) -> usize {
        self.asked.len()
    }

    /// Takes up what a person asks for. `whole`: whether nothing was asked for before the first
    /// entry that was read.
    pub(super) fn take(&mut self, entry: u64, event: &Event, whole: bool) -> Result<(), Wrong> {
        let named = match event {
            Event::Pin { organizations, .. } => {
                self.pinned.extend(each(organizations));
                organizations.iter().cloned().collect()
            }
            Event::Pause { organizations, .. } => {
                self.paused.extend(each(organizations));
                organizations.iter().cloned().collect()
            }
            Event::Confirm { whom, version, .. } => {
                self.confirmed.extend(whom.iter().map(|whom| (*version, of(whom))));
                whom.iter().map(|whom| whom.organization.clone()).collect()
            }
            Event::Unpin { organizations, .. }
            | Event::Resume { organizations, .. }
            | Event::Admit { organizations, .. }
            | Event::Sign { organizations, .. } => organizations.iter().cloned().collect(),
            Event::Unconfirm { whom, .. } => whom.iter().map(|whom| whom.organization.clone()).collect(),
            Event::Forget { organization } => BTreeSet::from([organization.clone()]),
            Event::Promote { .. } | Event::Halt { .. } | Event::Recover { .. } => BTreeSet::new(),
            Event::Failed { entry: of, not_done, .. } => return self.fail(entry, *of, not_done, whole),
            // What the hub does by itself.
            Event::Publish { .. }
            | Event::Found { .. }
            | Event::Waves { .. }
            | Event::Settings(_)
            | Event::Receipts { .. } => return Ok(()),
        };
        self.asked.insert(entry, named);
        if whole { self.begun(event) } else { Ok(()) }
    }

    /// Whether what an event ends was begun at any time.
    fn begun(&self, event: &Event) -> Result<(), Wrong> {
        let (begun, ended, what): (_, Vec<Whose>, _) = match event {
            Event::Unpin { organizations, .. } => (&self.pinned, each(organizations).collect(), Begun::Pin),
            Event::Resume { organizations, .. } => (&self.paused, each(organizations).collect(), Begun::Pause),
            Event::Unconfirm { whom, version } => {
                let missing = whom.iter().map(of).find(|whom| !self.confirmed.contains(&(*version, whom.clone())));
                return missing.map_or(Ok(()), |whose| Err(Wrong::NotBegun { what: Begun::Confirmation, whose }));
            }
            _ => return Ok(()),
        };
        match ended.into_iter().find(|whose| !begun.contains(whose)) {
            Some(whose) => {
                let whose = whose.map_or_else(|| "the fleet".to_owned(), |id| id.to_string());
                Err(Wrong::NotBegun { what, whose })
            }
            None => Ok(()),
        }
    }

    /// Protocol A9: what a person asks for is written before it is done, and that it failed after.
    fn fail(&mut self, entry: u64, of: u64, not_done: &[OrganizationId], whole: bool) -> Result<(), Wrong> {
        if of >= entry {
            return Err(Wrong::NotAsked(of));
        }
        if !self.failed.insert(of) {
            return Err(Wrong::FailedTwice(of));
        }
        match self.asked.get(&of) {
            None if whole => Err(Wrong::NotAsked(of)),
            // It stands before the part that was read.
            None => Ok(()),
            // What is for the fleet, or for a version, names nobody, and may be undone for some.
            Some(named) if named.is_empty() => Ok(()),
            Some(named) => match not_done.iter().find(|id| !named.contains(*id)) {
                Some(id) => Err(Wrong::NotNamed { entry: of, organization: id.to_string() }),
                None => Ok(()),
            },
        }
    }
}

/// Each organization; the fleet, which has no id, where none is named.
fn each(organizations: &[OrganizationId]) -> impl Iterator<Item = Whose> {
    let fleet = organizations.is_empty().then_some(None);
    fleet.into_iter().chain(organizations.iter().cloned().map(Some))
}

/// For whom something is confirmed, for a person.
fn of(whom: &Whom) -> String {
    match &whom.member_experience {
        Some(experience) => format!("{experience} of {}", whom.organization),
        None => whom.organization.to_string(),
    }
}
