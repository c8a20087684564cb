//! Goes on after the table of snapshots was restored to an earlier moment.

use pmp_protocol::Reason;

use crate::error::HubError;
use crate::publish::{ATTEMPTS, Hub, Outcome, Published, Trigger};
use crate::status::fleet::Restored;

/// What came of a recovery after the table was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// What was lost; none where nothing was, or an earlier recovery came as far as storing.
    pub(crate) restored: Option<Restored>,
    pub(crate) published: Published,
}

impl Hub {
    /// Goes on after the table of snapshots was restored to an earlier moment: stores what the
    /// management experience says now as the version after the highest that was ever stored, and
    /// publishes it. Where nothing was lost, or an earlier recovery has stored already, it
    /// publishes as an operator would. Safe to stop at any point, and to run in several places at
    /// once.
    pub(crate) async fn recover(&self) -> Result<Recovery, HubError> {
        for _ in 0..ATTEMPTS {
            let taken_at = self.clock.now();
            let (mark, head) = self.stand().await?;
            let Some(restored) = Restored::find(mark.as_ref(), head.as_ref()) else {
                let published = self.publish(Trigger::Operator).await?;
                return Ok(Recovery { restored: None, published });
            };
            self.would_not_unsign(head.as_ref())?;
            let kept = self.kept(head.as_ref()).await?;
            let chosen = self.content(kept.as_ref()).await?;
            // Protocol S11.
            let version = restored.next();
            let pin = chosen.pin.as_ref();
            let new = self.new_snapshot(restored.latest, version, taken_at, &chosen.sealed, pin);
            if let Some(chunks) = self.store(&new).await? {
                let went = self.stepped(chosen.newest(version)).await;
                let message = self.message(version, taken_at, Reason::Changed, &chosen.sealed, chunks);
                let published = self.announce(message, Outcome::Stored, true).await?;
                self.prune(version).await;
                let stepped = went.stepped;
                let published = Published { pinned: pin.map(|pin| pin.version), stepped, ..published };
                return match went.failure() {
                    None => Ok(Recovery { restored: Some(restored), published }),
                    Some(error) => Err(HubError::unfinished(published, error)),
                };
            }
        }
        Err(HubError::Outrun { experience: self.experience.clone(), attempts: ATTEMPTS })
    }

    /// Whether the table of snapshots was restored to an earlier moment.
    pub(crate) async fn restored(&self) -> Result<Option<Restored>, HubError> {
        let (mark, head) = self.stand().await?;
        Ok(Restored::find(mark.as_ref(), head.as_ref()))
    }
}
