//! A record of IAM's decisions: each principal's actions on resources, with counts. It shows which
//! permissions a program uses and which it lacks. Nothing here decides anything.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// How many different decisions are kept. A rehearsal has some hundreds; each change set is a
/// resource of its own.
const KEPT: usize = 10_000;

/// A decision, without its count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Decided {
    /// The ARN that policies name. For a session, it is the ARN of the role.
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
    /// How many decisions were not kept, because the record was full.
    left_out: u64,
}

/// The record in the form of the control endpoint.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) decisions: Vec<Counted>,
    /// How many decisions are missing, because the record was full.
    pub(crate) left_out: u64,
}

/// A decision, and how often it was made.
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

    /// The decisions, sorted by principal, action and resource.
    pub(super) fn list(&self) -> Listed {
        let counts = self.counts();
        let counted = |(decided, count): (&Decided, &u64)| Counted { decided: decided.clone(), count: *count };
        Listed { decisions: counts.taken.iter().map(counted).collect(), left_out: counts.left_out }
    }

    /// Forgets the decisions, and returns how many different ones there were.
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
