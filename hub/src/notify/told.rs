//! What operations was told last, as it lies in the ledger. Pure.
//!
//! Only what is not well has an entry, and for a day what recovered. So a fleet that is well has an
//! empty state, and 5,000 experiences that all fail have half a megabyte.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pmp_protocol::SnapshotVersion;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::notify::state::{State, Subject};

/// What was told of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The state that was told.
    pub(crate) state: State,
    /// The version that is held, or was stopped; none in all other states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<SnapshotVersion>,
    /// Why a version was stopped in the waves; none in all other states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop: Option<String>,
    /// Since when it has looked better than it was told, or has been held with an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) better_since: Option<Timestamp>,
    /// When it was told as better last; none where that was long ago, or never. Such an entry stays
    /// for a while where it is well, so that it is known what comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) eased_at: Option<Timestamp>,
    /// How often it came back soon after that, one time after the other.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) relapses: u32,
}

fn is_zero(relapses: &u32) -> bool {
    *relapses == 0
}

impl Entry {
    /// An entry of which nothing is known but what is told now.
    pub(crate) fn new(state: State, version: Option<SnapshotVersion>, stop: Option<String>) -> Self {
        Self { state, version, stop, better_since: None, eased_at: None, relapses: 0 }
    }
}

/// What was told of all that is not well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) entries: BTreeMap<Subject, Entry>,
    /// Entries of a newer release, which this one keeps as they are.
    others: Vec<Value>,
}

/// The form of the state in the ledger.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Wire {
    #[serde(default)]
    subjects: Vec<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    subject: Subject,
    #[serde(flatten)]
    entry: Entry,
}

impl Told {
    /// Reads what [`Self::to_bytes`] wrote, in this release or in another.
    ///
    /// # Errors
    /// Where it is no such document.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut told = Self::default();
        for value in serde_json::from_slice::<Wire>(bytes)?.subjects {
            match serde_json::from_value::<Written>(value.clone()) {
                Ok(Written { subject, entry }) => {
                    told.entries.insert(subject, entry);
                }
                Err(_) => told.others.push(value),
            }
        }
        Ok(told)
    }

    /// The state as it lies in the ledger.
    ///
    /// # Errors
    /// Where it cannot be written as JSON, which does not happen.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let written = self
            .entries
            .iter()
            .map(|(subject, entry)| serde_json::to_value(Written { subject: subject.clone(), entry: entry.clone() }));
        let subjects = written.chain(self.others.iter().cloned().map(Ok)).collect::<Result<_, _>>()?;
        serde_json::to_vec(&Wire { subjects })
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::testing::{experience, now, organization, version};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_told_comes_back_and_a_newer_release_loses_nothing() {
        let subject =
            Subject { organization: Some(organization("o-alpha00000")), member_experience: Some(experience("exp-a")) };
        let entry = Entry { better_since: Some(now()), ..Entry::new(State::Held, Some(version(42)), None) };
        let told = Told { entries: [(subject, entry)].into(), others: Vec::new() };
        let bytes = told.to_bytes().unwrap();
        let expected = json!({"subjects": [{"organization": "o-alpha00000", "member_experience": "exp-a",
            "state": "held", "version": 42, "better_since": "2026-11-24T12:00:00Z"}]});
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected, "the form in the ledger stays");
        assert_eq!(Told::from_bytes(&bytes).unwrap(), told);
        assert_eq!(Told::from_bytes(b"").unwrap(), Told::default());

        let waves = Entry::new(State::WaveHalted, Some(version(43)), Some("a vendor called".into()));
        let of_waves = Told { entries: [(Subject::WAVES, waves)].into(), others: Vec::new() };
        let bytes = of_waves.to_bytes().unwrap();
        let written = json!({"subjects": [{"state": "wave-halted", "version": 43, "stop": "a vendor called"}]});
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), written);
        assert_eq!(Told::from_bytes(&bytes).unwrap(), of_waves);

        let mut newer = expected;
        let unknown = json!({"organization": "o-beta000000", "state": "on-fire"});
        newer["subjects"].as_array_mut().unwrap().push(unknown.clone());
        newer["later"] = json!(true);
        let read = Told::from_bytes(newer.to_string().as_bytes()).unwrap();
        assert_eq!((read.entries.len(), &read.others), (1, &vec![unknown.clone()]));
        let again: Value = serde_json::from_slice(&read.to_bytes().unwrap()).unwrap();
        assert_eq!(again["subjects"][1], unknown);
        assert!(Told::from_bytes(b"true").is_err(), "what is no such document is not an empty one");
    }
}
