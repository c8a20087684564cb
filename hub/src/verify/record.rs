//! Collects the judgements, in the order in which they are reported.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pmp_terminal::progress::{self, Step};
use serde::Serialize;

use super::assumption::Assumption;
use super::mask::Masks;

/// The result for an assumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// AWS does what is assumed.
    Confirmed,
    /// AWS does not behave as assumed.
    Refuted,
    /// Nothing was seen that confirms or refutes it.
    NotTried,
}

impl Verdict {
    /// The word for it, for people and programs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::NotTried => "not-tried",
        }
    }
}

/// A verdict and its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    /// The observation, or the reason why it was not tried, in whole sentences.
    pub(crate) seen: String,
}

impl Judgement {
    pub(crate) fn confirmed(seen: impl Into<String>) -> Self {
        Self { verdict: Verdict::Confirmed, seen: seen.into() }
    }

    pub(crate) fn refuted(seen: impl Into<String>) -> Self {
        Self { verdict: Verdict::Refuted, seen: seen.into() }
    }

    pub(crate) fn not_tried(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotTried, seen: why.into() }
    }
}

/// The result for one assumption, as the report shows it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    pub(crate) trial: u8,
    #[serde(rename = "name")]
    pub(crate) assumption: Assumption,
    pub(crate) assumed: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) seen: String,
}

/// A change set of the trials, and its duration.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Timed {
    pub(crate) id: String,
    pub(crate) changes: usize,
    pub(crate) products: usize,
    /// `SUCCEEDED`, `FAILED` or `CANCELLED`.
    pub(crate) status: &'static str,
    /// The time from the answer to its start until its end was seen, by this machine's clock.
    pub(crate) seconds: f64,
    /// The start by the catalog's clock, if it gives it.
    pub(crate) started: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
}

/// All judgements, and the ids that the trials met.
#[derive(Debug, Default)]
pub(crate) struct Record {
    judged: BTreeMap<Assumption, Judgement>,
    pub(crate) change_sets: Vec<Timed>,
    /// The known ids, which are removed from a text that others may see.
    pub(crate) masks: Masks,
}

impl Record {
    /// Records a judgement of an assumption. Of several, one that refutes it counts; otherwise the
    /// first one that was tried.
    pub(crate) fn say(&mut self, assumption: Assumption, judgement: Judgement) {
        let known = self.judged.get(&assumption).map(|known| known.verdict);
        let counts = match known {
            None | Some(Verdict::NotTried) => true,
            Some(Verdict::Confirmed) => judgement.verdict == Verdict::Refuted,
            Some(Verdict::Refuted) => false,
        };
        if !counts {
            return;
        }
        let step = match judgement.verdict {
            Verdict::Confirmed => Step::Done,
            Verdict::Refuted => Step::Failed,
            Verdict::NotTried => Step::Waiting,
        };
        progress::step(step, &format!("{} {}: {}", assumption.name(), judgement.verdict.as_str(), judgement.seen));
        self.judged.insert(assumption, judgement);
    }

    /// All assumptions with their results. `stopped` is the reason why the remaining ones were not
    /// tried.
    pub(crate) fn findings(&self, stopped: Option<&str>) -> Vec<Finding> {
        let finding = |assumption: Assumption| {
            let untried = || {
                let why = stopped.unwrap_or_else(|| assumption.not_tried_by_default());
                Judgement::not_tried(why)
            };
            let Judgement { verdict, seen } = self.judged.get(&assumption).cloned().unwrap_or_else(untried);
            Finding { trial: assumption.trial(), assumption, assumed: assumption.assumed(), verdict, seen }
        };
        Assumption::ALL.into_iter().map(finding).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_refutes_an_assumption_counts_whatever_else_is_seen() {
        let mut record = Record::default();
        for (judgement, verdict) in [
            (Judgement::not_tried("no."), Verdict::NotTried),
            (Judgement::confirmed("a."), Verdict::Confirmed),
            (Judgement::not_tried("no."), Verdict::Confirmed),
            (Judgement::refuted("b."), Verdict::Refuted),
            (Judgement::confirmed("c."), Verdict::Refuted),
        ] {
            record.say(Assumption::Listing, judgement);
            let found = record.findings(None).into_iter().find(|found| found.assumption == Assumption::Listing);
            assert_eq!(found.unwrap().verdict, verdict);
        }
    }

    #[test]
    fn every_assumption_is_told_of_and_what_was_not_come_to_says_why() {
        let record = Record::default();
        let findings = record.findings(Some("Told to stop."));
        assert_eq!(findings.len(), Assumption::ALL.len());
        assert!(findings.iter().all(|found| found.verdict == Verdict::NotTried && found.seen == "Told to stop."));
        assert!(findings.is_sorted_by_key(|found| found.trial));
    }
}
