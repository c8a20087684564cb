//! What IAM was asked and what it answered: each principal's actions on resources, counted. It shows which permissions a
//! program uses and which it lacks; nothing here decides anything.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Different decisions that are kept. A rehearsal meets some hundreds; each change set is a resource of its own.
const KEPT: usize = 10_000;

/// A decision, without how often it was taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Decided {
    /// The ARN that policies know: for a session, its role's.
    pub(crate) principal: String,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) allowed: bool,
}

/// The decisions so far.
#[derive(Debug, Default)]
pub(super) struct Decisions(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    taken: BTreeMap<Decided, u64>,
    /// Decisions that were one too many to be kept.
    left_out: u64,
}

/// What is listed.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) decisions: Vec<Counted>,
    /// Decisions that are not in the list, because it was full.
    pub(crate) left_out: u64,
}

/// A decision, and how often it was taken.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Counted {
    #[serde(flatten)]
    pub(crate) decided: Decided,
    pub(crate) count: u64,
}

impl Decisions {
    pub(super) fn note(&self, decided: Decided) {
        let mut counts = self.counts();
        if let Some(count) = counts.taken.get_mut(&decided) {
            *count += 1;
        } else if counts.taken.len() < KEPT {
            counts.taken.insert(decided, 1);
        } else {
            counts.left_out += 1;
        }
    }

    /// All of them, in the order of principal, action and resource.
    pub(super) fn list(&self) -> Listed {
        let counts = self.counts();
        let counted = |(decided, count): (&Decided, &u64)| Counted { decided: decided.clone(), count: *count };
        Listed { decisions: counts.taken.iter().map(counted).collect(), left_out: counts.left_out }
    }

    /// Forgets them; how many there were.
    pub(super) fn clear(&self) -> usize {
        std::mem::take(&mut *self.counts()).taken.len()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(resource: &str) -> Decided {
        Decided { principal: "p".into(), action: "sqs:SendMessage".into(), resource: resource.into(), allowed: true }
    }

    #[test]
    fn equal_decisions_are_counted_and_the_list_is_bounded() {
        let decisions = Decisions::default();
        for number in 0..KEPT {
            decisions.note(decided(&number.to_string()));
        }
        decisions.note(decided("0"));
        decisions.note(decided("one too many"));
        let listed = decisions.list();
        assert_eq!((listed.decisions.len(), listed.left_out), (KEPT, 1));
        assert_eq!(listed.decisions[0], Counted { decided: decided("0"), count: 2 });
        assert_eq!(decisions.clear(), KEPT);
        assert!(decisions.list().decisions.is_empty());
    }
}
