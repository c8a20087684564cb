//! Which snapshot to act on: the newest that can be verified, wherever it came from.

use pmp_ledger::{LedgerError, SnapshotStore};
use pmp_protocol::{Snapshot, SnapshotMessage};

use crate::{Spoke, SpokeError};

/// The newest snapshot of the ledger, where it is trusted.
pub(crate) async fn newest(spoke: &Spoke) -> Result<Snapshot, SpokeError> {
    let (store, experience) = (spoke.snapshots.as_ref(), &spoke.management);
    let head = store.head(experience).await?.ok_or_else(|| SpokeError::NoSnapshot(experience.clone()))?;
    spoke.check_trust(&head).await?;
    let snapshot = store.fetch(experience, head.latest).await?;
    if snapshot.digest() == head.digest {
        return Ok(snapshot);
    }
    Err(SpokeError::Ledger(LedgerError::Damaged {
        experience: experience.clone(),
        version: head.latest,
        problem: format!("its digest is {}, and the head names {}", snapshot.digest(), head.digest),
    }))
}

/// The snapshot that a message leads to: a newer one where the ledger has it, else the message's own, from within or by
/// reference. A ledger that does not answer is no obstacle to a message that carries its content.
pub(crate) async fn announced(spoke: &Spoke, message: &SnapshotMessage) -> Result<Snapshot, SpokeError> {
    // Only the head is signed: a message is a hint to look.
    if spoke.trust.keys().is_some() {
        return newest(spoke).await;
    }
    let store = spoke.snapshots.as_ref();
    let head = match store.head(&message.experience).await {
        Ok(head) => head,
        Err(error) => {
            tracing::warn!(error = crate::error::one_line(&error), "the ledger's head could not be read");
            None
        }
    };
    match (head, message.inline()) {
        (Some(head), _) if head.latest > message.version => {
            tracing::info!(version = %message.version, newest = %head.latest, "superseded by the ledger's newest");
            Ok(store.fetch(&message.experience, head.latest).await?)
        }
        (_, Some(sealed)) => Snapshot::open(&message.experience, message.version, message.taken_at, &sealed)
            .map_err(|source| SpokeError::Damaged { version: message.version, source }),
        (_, None) => by_reference(store, message).await,
    }
}

async fn by_reference(store: &dyn SnapshotStore, message: &SnapshotMessage) -> Result<Snapshot, SpokeError> {
    let snapshot = store.fetch(&message.experience, message.version).await?;
    if snapshot.digest() == message.digest {
        return Ok(snapshot);
    }
    Err(SpokeError::Ledger(LedgerError::Damaged {
        experience: message.experience.clone(),
        version: message.version,
        problem: format!("its digest is {}, announced as {}", snapshot.digest(), message.digest),
    }))
}
