//! Which requests change the state, and moments at which none of them is half done.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tokio::sync::{Notify, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Lets changes happen side by side, and whoever saves the state see each one whole or not at all.
#[derive(Default)]
pub(crate) struct Changes {
    gate: RwLock<()>,
    unsaved: AtomicBool,
    changed: Notify,
}

/// While it's there, something changes. Never begun within another one: a save that waits in between would stop both.
pub(crate) struct Change<'a> {
    changes: &'a Changes,
    _gate: RwLockReadGuard<'a, ()>,
}

impl Changes {
    /// Begins a change.
    pub(crate) async fn begin(&self) -> Change<'_> {
        Change { _gate: self.gate.read().await, changes: self }
    }

    /// Begins what turns out to be a change, or not.
    pub(super) async fn attempt(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().await
    }

    /// Says that there was a change.
    pub(super) fn note(&self) {
        self.unsaved.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Lets the changes that have begun end, and no other begin. What was changed so far counts as saved.
    pub(crate) async fn pause(&self) -> RwLockWriteGuard<'_, ()> {
        let gate = self.gate.write().await;
        self.unsaved.store(false, Ordering::Release);
        gate
    }

    /// Takes back that what was changed counts as saved: it could not be.
    pub(crate) fn not_saved(&self) {
        self.unsaved.store(true, Ordering::Release);
    }

    /// Whether there is something to save.
    pub(crate) fn unsaved(&self) -> bool {
        self.unsaved.load(Ordering::Acquire)
    }

    /// Waits for the next change, or for one that nobody has waited for yet.
    pub(crate) async fn wait(&self) {
        self.changed.notified().await;
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.changes.note();
    }
}

/// Whether an operation leaves everything as it is, by its name. `ReceiveMessage` is looked at by itself: it waits.
pub(super) fn only_reads(operation: &str) -> bool {
    let reads = ["BatchDescribe", "BatchGet", "Describe", "List", "Query", "Scan", "Search"];
    // The credentials that `GetSessionToken` and others of STS issue are sessions.
    let issues = operation.starts_with("Get") && operation.ends_with("Token");
    (operation.starts_with("Get") && !issues) || reads.iter().any(|prefix| operation.starts_with(prefix))
}

/// Whether an answer to `ReceiveMessage` has taken messages.
pub(super) fn has_messages(answer: &Value) -> bool {
    answer["Messages"].as_array().is_some_and(|messages| !messages.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_told_from_changes() {
        for read in ["GetItem", "BatchGetItem", "ListEntities", "DescribeEntity", "Query", "GetCallerIdentity"] {
            assert!(only_reads(read), "{read}");
        }
        for change in ["PutItem", "SendMessage", "Subscribe", "StartChangeSet", "AssumeRole", "GetSessionToken"] {
            assert!(!only_reads(change), "{change}");
        }
    }

    #[tokio::test]
    async fn a_change_is_seen_once_and_kept_until_it_is_saved() {
        let changes = Changes::default();
        drop(changes.begin().await);
        changes.wait().await;
        assert!(changes.unsaved());
        drop(changes.pause().await);
        assert!(!changes.unsaved());
        changes.not_saved();
        assert!(changes.unsaved());
    }
}
