//! What operations was told last, as it lies in the ledger. Pure.
//!
//! Only what is not well has an entry, and for a day what recovered. So a fleet that is well has an
//! empty state, and 5,000 experiences that all fail have half a megabyte. What is larger than a
//! megabyte is packed: 50,000 of them have about a fourth of that then. A hub of an earlier release
//! cannot read it, and tells nothing.
//!
//! A member decides how many experiences it reports, and under which ids. So there is a bound for
//! each organization ([`MOST_REMEMBERED`]), and no member can fill what all share (rule 11).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pmp_ledger::MOST_REMEMBERED;
use pmp_protocol::{OrganizationId, SnapshotVersion, pack, unpack_if_packed};
use serde::{Deserialize, Serialize, de, ser};
use serde_json::Value;

use crate::notify::state::{State, Subject};

/// What is larger is packed. DynamoDB takes 4 MB in a transaction.
const PACKED_ABOVE: usize = 1_000_000;

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
    /// Drops what is too much of an organization: first what was not found in the look, for it is
    /// not known any more how that stands. If it comes back as it was, it is told once more.
    pub(crate) fn bound(&mut self, is_found: impl Fn(&Subject) -> bool) {
        let mut of = BTreeMap::<&OrganizationId, Vec<&Subject>>::new();
        for subject in self.entries.keys() {
            if let Some(organization) = &subject.organization {
                of.entry(organization).or_default().push(subject);
            }
        }
        let mut too_many = BTreeSet::new();
        for subjects in of.into_values().filter(|subjects| subjects.len() > MOST_REMEMBERED) {
            let (found, lost): (Vec<_>, Vec<_>) = subjects.into_iter().partition(|subject| is_found(subject));
            too_many.extend(found.into_iter().chain(lost).skip(MOST_REMEMBERED).cloned());
        }
        self.entries.retain(|subject, _| !too_many.contains(subject));
    }

    /// Reads what [`Self::to_bytes`] wrote, in this release or in another.
    ///
    /// # Errors
    /// Where it is no such document.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut told = Self::default();
        let unpacked = unpack_if_packed(bytes).map_err(de::Error::custom)?;
        for value in serde_json::from_slice::<Wire>(&unpacked)?.subjects {
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
        let bytes = serde_json::to_vec(&Wire { subjects })?;
        if bytes.len() <= PACKED_ABOVE { Ok(bytes) } else { pack(&bytes).map_err(ser::Error::custom) }
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Digest;
    use pmp_protocol::testing::{experience, now, organization, version};
    use serde_json::json;

    use super::*;

    fn failed(organization: &str, members: std::ops::Range<usize>) -> impl Iterator<Item = (Subject, Entry)> {
        let organization = OrganizationId::new(organization).unwrap();
        members.map(move |number| {
            // As AWS makes them: nothing about one tells of the next.
            let hex = Digest::of(&number.to_le_bytes()).hex();
            let member_experience = Some(experience(&format!("exp-{}", &hex[..13])));
            let entry = Entry { better_since: Some(now()), ..Entry::new(State::Failed, None, None) };
            (Subject { organization: Some(organization.clone()), member_experience }, entry)
        })
    }

    #[test]
    fn ten_thousand_organizations_that_all_fail_fit_into_one_transaction() {
        let organizations =
            (0..10_000_usize).map(|number| format!("o-{}", &Digest::of(&number.to_be_bytes()).hex()[..10]));
        let entries =
            organizations.enumerate().flat_map(|(index, id)| failed(&id, 5 * index..5 * index + 5).collect::<Vec<_>>());
        let told = Told { entries: entries.collect(), others: Vec::new() };
        assert_eq!(told.entries.len(), 50_000);
        let bytes = told.to_bytes().unwrap();
        assert!(bytes.len() < 2_000_000, "{} bytes", bytes.len());
        assert_eq!(Told::from_bytes(&bytes).unwrap(), told);
        // A bomb is refused.
        let bomb = pack(&vec![b' '; 65 * 1024 * 1024]).unwrap();
        assert!(bomb.len() < 10_000 && Told::from_bytes(&bomb).is_err());
        assert!(Told::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn no_member_fills_what_all_share() {
        // Rule 11.
        let mut told = Told {
            entries: failed("o-mallory000", 0..1_500).chain(failed("o-alpha00000", 0..3)).collect(),
            others: Vec::new(),
        };
        let found: BTreeSet<_> = failed("o-mallory000", 1_000..1_500).map(|(subject, _)| subject).collect();
        told.bound(|subject| found.contains(subject));
        assert_eq!(told.entries.len(), MOST_REMEMBERED + 3);
        assert!(found.iter().all(|subject| told.entries.contains_key(subject)), "what is there now is kept");
        let before = told.clone();
        told.bound(|_| false);
        assert_eq!(told, before);
    }

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
