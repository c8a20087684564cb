//! Directs the fleet, or one organization: a pin, a pause, and what takes them back. This module
//! reads what is directed, changes it, signs it where the hub signs, and writes it; the commands
//! publish or announce after that.
//!
//! A direction is signed whole, so whoever changes a part of it signs the rest as well. Therefore
//! what is there is verified first: what somebody else wrote into the ledger never gets the hub's
//! signature by an operator's next command.

use jiff::Timestamp;
use pmp_ledger::{Directed, ReceiptStore, Said};
use pmp_protocol::{Because, Direction, DirectionChange, ExperienceId, OrganizationId};
use pmp_signature::MAX_ENVELOPE_BYTES;

use crate::error::HubError;
use crate::signing::Signing;

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

/// Where directions are written, and who signs them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Helm<'a> {
    pub(crate) receipts: &'a dyn ReceiptStore,
    pub(crate) signing: Option<&'a Signing>,
    pub(crate) experience: &'a ExperienceId,
}

impl Helm<'_> {
    /// Changes what is directed for an organization, or for the fleet. Returns the direction as it
    /// is now, and whether it was another one before.
    ///
    /// # Errors
    /// Where what is there cannot be read or is not the hub's own, where someone else changed it
    /// meanwhile, and where a step fails. Nothing is written then.
    pub(crate) async fn change(
        &self,
        organization: Option<&OrganizationId>,
        change: &DirectionChange,
        because: &Because,
    ) -> Result<(Direction, bool), HubError> {
        let found = said(self.receipts.direction(self.experience, organization).await?, organization)?;
        if let Some(found) = &found {
            is_ours(found, self.signing).await?;
        }
        let before = found.map_or_else(
            || Direction::none(self.experience.clone(), organization.cloned()),
            |directed| directed.direction,
        );
        let Some(next) = before.changed(change, because) else { return Ok((before, false)) };
        self.write(&next, before.generation, because.at).await?;
        Ok((next, true))
    }

    /// Signs a direction as it is with the hub's key of now.
    pub(crate) async fn sign_again(&self, directed: &Directed, now: Timestamp) -> Result<(), HubError> {
        self.write(&directed.direction, directed.direction.generation, now).await
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
