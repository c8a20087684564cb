//! Directs the fleet, or one organization: a pin, a pause, and what takes them back. This module
//! reads what is directed, changes it, signs it where the hub signs, and writes it; the commands
//! publish or announce after that.
//!
//! A direction is signed whole, so whoever changes a part of it signs the rest as well. Therefore
//! what is there is verified first: what somebody else wrote into the ledger never gets the hub's
//! signature by an operator's next command. Nor does an older direction that somebody put back:
//! each spoke that trusts keys keeps the newest that it trusted in its own partition, signed by
//! this hub, and the hub compares with that. It knows its former keys (`known_keys.rs`), so it
//! sees that after a change of keys as well.

use std::pin::pin;

use futures::StreamExt;
use jiff::Timestamp;
use pmp_aws::ApiError;
use pmp_ledger::{Directed, ReceiptStore, Said};
use pmp_protocol::{Because, Direction, DirectionChange, ExperienceId, OrganizationId};
use pmp_signature::MAX_ENVELOPE_BYTES;

use crate::error::HubError;
use crate::known_keys::{self, KnownKeys};
use crate::signing::Signing;
use crate::status::fleet::Fleet;

/// How many organizations are asked what they trusted of the fleet's direction. One that trusted it
/// is enough, and most do.
const WITNESSES: usize = 16;
/// How many places are looked at at once.
const AT_ONCE: usize = 16;

/// Whose direction it is, for a person.
pub(crate) fn whose(organization: Option<&OrganizationId>) -> String {
    organization.map_or_else(|| "the fleet".to_owned(), |id| format!("`{id}`"))
}

/// The direction that `said` holds; none where there is none.
///
/// # Errors
/// Where it cannot be read: that never means that there is none (rule 12 of the design).
pub(crate) fn said(said: Said, organization: Option<&OrganizationId>) -> Result<Option<Directed>, HubError> {
    let unreadable = |problem: String| HubError::DirectionUnreadable { whose: whose(organization), problem };
    match said {
        Said::Nothing => Ok(None),
        Said::Directed(directed) => Ok(Some(*directed)),
        Said::Unreadable(problem) => Err(unreadable(problem)),
        Said::NotPermitted => Err(unreadable("dynamodb:Query on the table of receipts is not allowed".to_owned())),
    }
}

/// Refuses a direction that the hub's key did not sign, where the hub signs.
pub(crate) async fn is_ours(directed: &Directed, signing: Option<&Signing>) -> Result<(), HubError> {
    let Some(signing) = signing else { return Ok(()) };
    signing.vouches_for(directed).await?.map_err(|refusal| HubError::NotOurs {
        whose: whose(directed.direction.organization.as_ref()),
        problem: refusal.to_string(),
    })
}

/// A direction that a spoke trusted, as this hub signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trusted {
    pub(crate) direction: Direction,
    /// The organization whose spoke trusted it.
    pub(crate) by: OrganizationId,
    /// Whether a former key of the hub signed it.
    pub(crate) former: bool,
}

/// In a place lies an older direction than the one that a spoke trusted, or none any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PutBack {
    pub(crate) trusted: Trusted,
    /// The generation of what lies there, 0 where there is none.
    pub(crate) found: u64,
}

impl From<PutBack> for HubError {
    fn from(PutBack { trusted: Trusted { direction, by, former }, found }: PutBack) -> Self {
        let whose = whose(direction.organization.as_ref());
        Self::PutBack { whose, found, trusted: direction.generation, by, former }
    }
}

/// Where directions are written, and who signs them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Helm<'a> {
    pub(crate) receipts: &'a dyn ReceiptStore,
    pub(crate) signing: Option<&'a Signing>,
    pub(crate) experience: &'a ExperienceId,
    /// Whose spokes may have trusted the fleet's direction; none where nobody is known.
    pub(crate) fleet: Option<&'a Fleet>,
}

impl Helm<'_> {
    /// Changes what is directed for an organization, or for the fleet. Returns the direction as it
    /// is now, and whether it was another one before.
    ///
    /// # Errors
    /// Where what is there cannot be read or is not the hub's own, where it is older than what a
    /// spoke trusted, where someone else changed it meanwhile, and where a step fails. Nothing is
    /// written then.
    pub(crate) async fn change(
        &self,
        organization: Option<&OrganizationId>,
        change: &DirectionChange,
        because: &Because,
    ) -> Result<(Direction, bool), HubError> {
        let before = self.directed(organization).await?;
        let Some(next) = before.changed(change, because) else { return Ok((before, false)) };
        self.is_newest(organization, before.generation).await?;
        self.write(&next, before.generation, because.at).await?;
        Ok((next, true))
    }

    /// The direction of now, if it is already as the change asks for.
    ///
    /// # Errors
    /// Where it cannot be read, is not the hub's own, or is older than what a spoke trusted.
    pub(crate) async fn as_asked(
        &self,
        organization: Option<&OrganizationId>,
        change: &DirectionChange,
        because: &Because,
    ) -> Result<Option<Direction>, HubError> {
        let direction = self.directed(organization).await?;
        self.is_newest(organization, direction.generation).await?;
        Ok(Some(direction).filter(|direction| direction.changed(change, because).is_none()))
    }

    /// Refuses a direction of generation `found` where a spoke trusted a newer one.
    pub(crate) async fn is_newest(&self, organization: Option<&OrganizationId>, found: u64) -> Result<(), HubError> {
        // Protocol D16.
        let Some(keys) = self.known_keys().await? else { return Ok(()) };
        let trusted = self.newer_trusted(organization, found, &keys).await?;
        trusted.map_or(Ok(()), |older| Err(older.into()))
    }

    /// Refuses the direction of the fleet where a spoke trusted a newer one.
    pub(crate) async fn fleet_is_newest(&self) -> Result<(), HubError> {
        if self.signing.is_none() {
            return Ok(());
        }
        let found = said(self.receipts.direction(self.experience, None).await?, None)?;
        self.is_newest(None, found.map_or(0, |directed| directed.direction.generation)).await
    }

    /// The keys that this hub knows; none where it does not sign.
    async fn known_keys(&self) -> Result<Option<KnownKeys>, HubError> {
        match self.signing {
            Some(signing) => KnownKeys::read(signing, self.receipts, self.experience).await.map(Some),
            None => Ok(None),
        }
    }

    /// What is directed now.
    async fn directed(&self, organization: Option<&OrganizationId>) -> Result<Direction, HubError> {
        let found = said(self.receipts.direction(self.experience, organization).await?, organization)?;
        let Some(found) = found else { return Ok(Direction::none(self.experience.clone(), organization.cloned())) };
        is_ours(&found, self.signing).await?;
        Ok(found.direction)
    }

    /// Signs a direction as it is with the hub's key of now.
    pub(crate) async fn sign_again(&self, direction: &Direction, now: Timestamp) -> Result<(), HubError> {
        self.write(direction, direction.generation, now).await
    }

    /// Writes what a spoke trusted over the older direction of generation `found`, as a newer one
    /// than both.
    pub(crate) async fn restore(&self, trusted: &Direction, found: u64, now: Timestamp) -> Result<(), HubError> {
        let generation = trusted.generation.saturating_add(1);
        self.write(&Direction { generation, ..trusted.clone() }, found, now).await
    }

    /// Looks at several places, each the fleet's or that of an organization, with the generation of
    /// what lies there, 0 where there is none. In which of them an older direction was put back,
    /// and which could not be looked at. Nothing where this hub does not sign.
    ///
    /// # Errors
    /// Where the key cannot be used, and where the ledger cannot be read.
    pub(crate) async fn put_back(
        &self,
        places: impl IntoIterator<Item = (Option<&OrganizationId>, u64)>,
    ) -> Result<Vec<Result<PutBack, HubError>>, HubError> {
        let Some(keys) = self.known_keys().await? else { return Ok(Vec::new()) };
        let look = async |(place, found): (Option<&OrganizationId>, u64)| self.newer_trusted(place, found, &keys).await;
        let looked: Vec<_> = futures::stream::iter(places).map(look).buffered(AT_ONCE).collect().await;
        Ok(looked.into_iter().filter_map(Result::transpose).collect())
    }

    /// What a spoke trusted of a place, where that is newer than generation `found`.
    async fn newer_trusted(
        &self,
        organization: Option<&OrganizationId>,
        found: u64,
        keys: &KnownKeys,
    ) -> Result<Option<PutBack>, HubError> {
        let trusted = self.trusted(organization, keys).await?;
        let newer = |found| move |trusted: &Trusted| trusted.direction.generation > found;
        let Some(trusted) = trusted.filter(newer(found)) else { return Ok(None) };
        // It may have been directed, and trusted, after `found` was read.
        let again = said(self.receipts.direction(self.experience, organization).await?, organization)?;
        let found = again.map_or(0, |directed| directed.direction.generation);
        Ok(Some(trusted).filter(newer(found)).map(|trusted| PutBack { trusted, found }))
    }

    /// The newest direction of a place that one of `keys` signed and a spoke trusted; none where no
    /// spoke says so.
    async fn trusted(
        &self,
        organization: Option<&OrganizationId>,
        keys: &KnownKeys,
    ) -> Result<Option<Trusted>, HubError> {
        let (of_the_fleet, witnesses) = match organization {
            Some(organization) => (false, vec![organization.clone()]),
            None => (true, self.witnesses().await?),
        };
        let mut newest: Option<Trusted> = None;
        let (mut told, mut failure) = (false, None);
        let ask = async |by: OrganizationId| {
            let trusted = self.receipts.trusted_direction(&by, self.experience, of_the_fleet).await;
            (by, trusted)
        };
        let mut asked = pin!(futures::stream::iter(witnesses).map(ask).buffered(AT_ONCE));
        while let Some((by, trusted)) = asked.next().await {
            let envelope = match trusted {
                Ok(envelope) => envelope,
                // One organization's partition keeps nobody from asking the others (rule 11).
                Err(error) => {
                    tracing::warn!(%error, organization = %by, "what it trusted before cannot be read");
                    failure.get_or_insert(error);
                    continue;
                }
            };
            told = true;
            let Some((direction, former)) = envelope.and_then(|envelope| keys.open(&envelope)) else { continue };
            let is_newer = newest.as_ref().is_none_or(|newest| newest.direction.generation < direction.generation);
            // What somebody wrote there by hand counts only in its own place.
            if is_newer && direction.problem(self.experience, organization).is_none() {
                newest = Some(Trusted { direction, by, former });
            }
        }
        match failure {
            // A role that may not read there cannot compare; all else that fails is told.
            Some(error) if !told && !error.api().is_some_and(ApiError::is_access_denied) => Err(error.into()),
            _ => Ok(newest),
        }
    }

    async fn witnesses(&self) -> Result<Vec<OrganizationId>, HubError> {
        let Some(fleet) = self.fleet else { return Ok(Vec::new()) };
        let roster = fleet.roster(self.experience).await?.unwrap_or_default();
        Ok(roster.into_keys().take(WITNESSES).collect())
    }

    async fn write(&self, direction: &Direction, before: u64, now: Timestamp) -> Result<(), HubError> {
        let statement = match self.signing {
            Some(signing) => {
                known_keys::keep(signing, self.receipts, self.experience).await?;
                Some(signing.direction(direction, now).await?)
            }
            None => None,
        };
        // Protocol K2. Spokes that trust keys would refuse it, and change nothing any more.
        if let Some(bytes) = statement.as_ref().map(String::len).filter(|bytes| *bytes > MAX_ENVELOPE_BYTES) {
            let whose = whose(direction.organization.as_ref());
            return Err(HubError::DirectionTooLong { whose, bytes, most: MAX_ENVELOPE_BYTES });
        }
        let directed = Directed { direction: direction.clone(), statement };
        if self.receipts.put_direction(&directed, before).await? {
            tracing::info!(
                generation = direction.generation,
                whose = whose(direction.organization.as_ref()),
                "directed"
            );
            return Ok(());
        }
        Err(HubError::DirectionTaken { whose: whose(direction.organization.as_ref()) })
    }
}
