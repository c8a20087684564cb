//! Gets the snapshot that the ledger's head names, from a message or from the ledger, or the one
//! that a pin or waves direct the organization to. A spoke uses no other one (rules 0 and 9).

use pmp_ledger::{Head, LedgerError, SnapshotStore};
use pmp_protocol::{Digest, ExperienceId, Snapshot, SnapshotMessage, SnapshotVersion, one_line};

use crate::error::SpokeError;

/// The most messages that are opened to find its content. After that the ledger is cheaper to ask
/// than a queue full of false messages.
const MAX_OPENED: usize = 3;

/// Returns the snapshot that `head` names. The content of a message is used only where it has
/// exactly the head's digest, which is computed here. It saves the fetch; nothing else of the
/// message counts.
pub(crate) async fn in_force(
    store: &dyn SnapshotStore,
    experience: &ExperienceId,
    head: &Head,
    messages: &[SnapshotMessage],
) -> Result<Snapshot, SpokeError> {
    // Protocol M12 and M15.
    let same = messages.iter().filter(|message| (message.version, message.digest) == (head.latest, head.digest));
    for sealed in same.filter_map(SnapshotMessage::inline).take(MAX_OPENED) {
        match Snapshot::open(experience, head.latest, head.taken_at, &sealed) {
            Ok(snapshot) => return Ok(snapshot),
            Err(error) => tracing::warn!(
                version = %head.latest,
                error = one_line(&error),
                "a message does not hold what it announces; the ledger's own is taken"
            ),
        }
    }
    fetched(store, experience, head.latest, head.digest, "the head").await
}

/// Returns the snapshot that the organization is directed to, by a pin or by waves.
pub(crate) async fn directed(
    store: &dyn SnapshotStore,
    experience: &ExperienceId,
    (version, digest): (SnapshotVersion, Digest),
) -> Result<Snapshot, SpokeError> {
    fetched(store, experience, version, digest, "what is directed").await
}

async fn fetched(
    store: &dyn SnapshotStore,
    experience: &ExperienceId,
    version: SnapshotVersion,
    digest: Digest,
    named_by: &str,
) -> Result<Snapshot, SpokeError> {
    let snapshot = store.fetch(experience, version).await?;
    // Protocol D5.
    if snapshot.digest() == digest {
        return Ok(snapshot);
    }
    Err(SpokeError::Ledger(LedgerError::Damaged {
        experience: experience.clone(),
        version,
        problem: format!("its digest is {}, and {named_by} names {digest}", snapshot.digest()),
    }))
}
