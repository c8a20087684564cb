//! Directs the fleet, or one organization: a pin, a pause, and what takes them back. This module
//! reads what is directed, changes it, signs it where the hub signs, and writes it; the commands
//! publish or announce after that.
//!
//! A direction is signed whole, so whoever changes a part of it signs the rest as well. Therefore
//! what is there is verified first: what somebody else wrote into the ledger never gets the hub's
//! signature by an operator's next command. Nor does an older direction that somebody put back:
//! each spoke that trusts keys keeps the newest that it trusted in its own partition, signed by
//! this hub, and the hub compares with that.

use futures::StreamExt;
use jiff::Timestamp;
use pmp_aws::ApiError;
use pmp_ledger::{Directed, ReceiptStore, Said};
use pmp_protocol::{Because, Direction, DirectionChange, ExperienceId, OrganizationId};
use pmp_signature::{MAX_ENVELOPE_BYTES, SignedDirection, TrustedKeys, open_direction};

use crate::error::HubError;
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
}

/// In a place lies an older direction than the one that a spoke trusted, or none any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PutBack {
    pub(crate) trusted: Trusted,
    /// The generation of what lies there, 0 where there is none.
    pub(crate) found: u64,
}

impl From<PutBack> for HubError {
    fn from(PutBack { trusted: Trusted { direction, by }, found }: PutBack) -> Self {
        Self::PutBack { whose: whose(direction.organization.as_ref()), found, trusted: direction.generation, by }
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
        if direction.changed(change, because).is_some() {
            return Ok(None);
        }
        self.is_newest(organization, direction.generation).await?;
        Ok(Some(direction))
    }

    /// Refuses a direction of generation `found` where a spoke trusted a newer one.
    async fn is_newest(&self, organization: Option<&OrganizationId>, found: u64) -> Result<(), HubError> {
        // Protocol D16.
        let Some(signing) = self.signing else { return Ok(()) };
        let trusted = self.newer_trusted(organization, found, &signing.keys().await?).await?;
        trusted.map_or(Ok(()), |older| Err(older.into()))
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

    /// Looks at several places, each the fleet's or that of an organization: in which of them an
    /// older direction was put back, and which could not be looked at. Nothing where this hub does
    /// not sign.
    ///
    /// # Errors
    /// Where the key cannot be used.
    pub(crate) async fn put_back(
        &self,
        places: impl IntoIterator<Item = Option<&OrganizationId>>,
    ) -> Result<Vec<Result<PutBack, HubError>>, HubError> {
        let Some(signing) = self.signing else { return Ok(Vec::new()) };
        let keys = signing.keys().await?;
        let look = async |place: Option<&OrganizationId>| {
            let found = said(self.receipts.direction(self.experience, place).await?, place)?;
            let found = found.map_or(0, |directed| directed.direction.generation);
            self.newer_trusted(place, found, &keys).await
        };
        let looked: Vec<_> = futures::stream::iter(places).map(look).buffered(AT_ONCE).collect().await;
        Ok(looked.into_iter().filter_map(Result::transpose).collect())
    }

    /// What a spoke trusted of a place, where that is newer than generation `found`.
    async fn newer_trusted(
        &self,
        organization: Option<&OrganizationId>,
        found: u64,
        keys: &TrustedKeys,
    ) -> Result<Option<PutBack>, HubError> {
        let trusted = self.trusted(organization, keys).await?;
        let newer = trusted.filter(|trusted| trusted.direction.generation > found);
        Ok(newer.map(|trusted| PutBack { trusted, found }))
    }

    /// The newest direction of a place that `keys` signed and a spoke trusted; none where no spoke
    /// says so.
    async fn trusted(
        &self,
        organization: Option<&OrganizationId>,
        keys: &TrustedKeys,
    ) -> Result<Option<Trusted>, HubError> {
        let (of_the_fleet, witnesses) = match organization {
            Some(organization) => (false, vec![organization.clone()]),
            None => (true, self.witnesses().await?),
        };
        let mut newest: Option<Trusted> = None;
        for by in witnesses {
            let [fleet, own] = match self.receipts.trusted_directions(&by, self.experience).await {
                Err(error) if error.api().is_some_and(ApiError::is_access_denied) => {
                    tracing::warn!(%error, "whether an older direction was put back cannot be told");
                    return Ok(None);
                }
                trusted => trusted?,
            };
            let envelope = if of_the_fleet { fleet } else { own };
            let Ok(SignedDirection { direction, .. }) = open_direction(envelope.as_deref(), keys) else { continue };
            let is_newer = newest.as_ref().is_none_or(|newest| newest.direction.generation < direction.generation);
            // What somebody wrote there by hand counts only in its own place.
            if is_newer && direction.problem(self.experience, organization).is_none() {
                newest = Some(Trusted { direction, by });
            }
        }
        Ok(newest)
    }

    async fn witnesses(&self) -> Result<Vec<OrganizationId>, HubError> {
        let Some(fleet) = self.fleet else { return Ok(Vec::new()) };
        let roster = fleet.roster(self.experience).await?.unwrap_or_default();
        Ok(roster.into_keys().take(WITNESSES).collect())
    }

    async fn write(&self, direction: &Direction, before: u64, now: Timestamp) -> Result<(), HubError> {
        let statement = match self.signing {
            Some(signing) => Some(signing.direction(direction, now).await?),
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
