//! Tracks the requests that change the state, and provides moments at which none of them is half
//! done.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tokio::sync::{Notify, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Lets changes run concurrently, while a save sees each change completely or not at all.
#[derive(Default)]
pub(crate) struct Changes {
    gate: RwLock<()>,
    unsaved: AtomicBool,
    changed: Notify,
}

/// A change that is running; dropping it ends the change. A change must never be begun within
/// another one: a save that waits between the two would block both.
pub(crate) struct Change<'a> {
    changes: &'a Changes,
    _gate: RwLockReadGuard<'a, ()>,
}

impl Changes {
    /// Begins a change, and waits while the state is being copied.
    pub(crate) async fn begin(&self) -> Change<'_> {
        Change { _gate: self.gate.read().await, changes: self }
    }

    /// Begins a request of which it is not yet known whether it changes something.
    pub(super) async fn attempt(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().await
    }

    /// Notes that something has changed.
    pub(super) fn note(&self) {
        self.unsaved.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Waits until the running changes have ended, and keeps others from beginning. All changes so
    /// far then count as saved.
    pub(crate) async fn pause(&self) -> RwLockWriteGuard<'_, ()> {
        let gate = self.gate.write().await;
        self.unsaved.store(false, Ordering::Release);
        gate
    }

    /// Notes that a save failed: the changes do not count as saved.
    pub(crate) fn not_saved(&self) {
        self.unsaved.store(true, Ordering::Release);
    }

    /// Whether there is something to save.
    pub(crate) fn unsaved(&self) -> bool {
        self.unsaved.load(Ordering::Acquire)
    }

    /// Waits for the next change. Returns at once if there was a change that nobody has waited for.
    pub(crate) async fn wait(&self) {
        self.changed.notified().await;
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.changes.note();
    }
}

/// Whether an operation only reads, by its name. `ReceiveMessage` is handled separately, because it
/// waits.
pub(super) fn only_reads(operation: &str) -> bool {
    let reads = ["BatchDescribe", "BatchGet", "Describe", "List", "Query", "Scan", "Search"];
    // `GetSessionToken` and similar operations of STS create sessions.
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
