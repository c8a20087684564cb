//! One entry: who did what, and which entry came before it.

use jiff::Timestamp;
use pmp_protocol::{Digest, ExperienceId, json_without_acting};
use serde::{Deserialize, Serialize};

use crate::Event;

/// What somebody did, or what a hub saw, in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
// Protocol A1.
pub struct Entry {
    /// Its number: 1, 2, 3 … without gaps, for each management experience.
    pub number: u64,
    /// The digest of the entry before it; none of the first.
    pub previous: Option<Digest>,
    /// When it was written, by the clock of who wrote it.
    #[cfg_attr(feature = "schema", schemars(with = "pmp_protocol::schema::DateTime"))]
    pub at: Timestamp,
    /// Management experience of the hub.
    pub experience: ExperienceId,
    /// Who wrote it: the ARN that AWS STS gives the caller.
    pub author: String,
    /// What was done or seen.
    #[serde(flatten)]
    pub event: Event,
}

/// A text that is no entry of this form.
#[derive(Debug, thiserror::Error)]
#[error("it is no entry of an audit")]
pub struct NotAnEntry(#[source] serde_json::Error);

pmp_protocol::codes!(NotAnEntry => "E1601");

pmp_protocol::without_hint!(NotAnEntry);

impl Entry {
    /// The entry as it is stored, and as its digest covers it: JSON in one line, in which nothing
    /// acts on a terminal. So it can be printed without a change.
    ///
    /// # Errors
    /// Never, for an entry: all of its maps have texts as keys.
    pub fn text(&self) -> Result<String, NotAnEntry> {
        // Protocol A2.
        Ok(json_without_acting(&serde_json::to_string(self).map_err(NotAnEntry)?))
    }
}

/// What every release's entries have, whatever they tell of: a later release may know more actions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Told {
    /// The number that it gives itself.
    pub number: u64,
    /// The entry before it, by its digest.
    pub previous: Option<Digest>,
    /// When it was written, by the clock of who wrote it.
    pub at: Timestamp,
    /// Management experience of the hub.
    pub experience: ExperienceId,
    /// Who wrote it: the ARN that AWS STS gives the caller.
    pub author: String,
    /// What was done or seen, in one word.
    pub action: String,
}

impl Told {
    /// Reads the text of an entry of this release or of another.
    ///
    /// # Errors
    /// If it is no entry.
    pub fn read(text: &str) -> Result<Self, NotAnEntry> {
        serde_json::from_str(text).map_err(NotAnEntry)
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{Coded as _, SnapshotVersion};

    use super::*;
    use crate::event::tests::events;

    fn entry(event: Event) -> Entry {
        Entry {
            number: 7,
            previous: Some(Digest::of(b"six")),
            at: "2026-11-24T12:00:00Z".parse().unwrap(),
            experience: ExperienceId::new("exp-management").unwrap(),
            author: "arn:aws:iam::111111111111:user/ada".to_owned(),
            event,
        }
    }

    #[test]
    fn every_entry_is_read_as_it_was_written() {
        for event in events() {
            let entry = entry(event);
            let text = entry.text().unwrap();
            assert!(!text.contains('\n'));
            assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
            let told = Told::read(&text).unwrap();
            assert_eq!((told.number, told.previous, told.at), (7, entry.previous, entry.at));
            assert_eq!(told.action, entry.event.action());
        }
    }

    #[test]
    fn the_text_of_an_entry_stays_as_it_is() {
        // Protocol A1.
        let version = SnapshotVersion::new(40).unwrap();
        let reason = "prod-x was \"approved\"\nby mistake".to_owned();
        let pin = Event::Pin { organizations: Vec::new(), wave: None, version, content: Digest::of(b"it"), reason };
        let expected = format!(
            r#"{{"number":7,"previous":"{}","at":"2026-11-24T12:00:00Z","experience":"exp-management","author":"arn:aws:iam::111111111111:user/ada","action":"pin","version":40,"content":"{}","reason":"prod-x was \"approved\"\nby mistake"}}"#,
            Digest::of(b"six"),
            Digest::of(b"it")
        );
        assert_eq!(entry(pin).text().unwrap(), expected);
    }

    #[test]
    fn nothing_acts_in_the_text_of_an_entry() {
        // Protocol A2.
        let text =
            entry(Event::Unpin { organizations: Vec::new(), wave: None, reason: "\u{202e}\u{1b}[2J é".to_owned() })
                .text()
                .unwrap();
        assert_eq!(json_without_acting(&text), text);
        assert!(text.contains("\\u202e") && text.contains('é'), "{text}");
    }

    #[test]
    fn an_entry_of_a_later_release_is_told_of() {
        let told = Told::read(
            r#"{"number":9,"previous":null,"at":"2026-11-24T12:00:00Z","experience":"exp-m","author":"arn:x",
                "action":"dissolve","organization":"o-alpha00000"}"#,
        );
        assert_eq!(told.unwrap().action, "dissolve");
        for no_entry in ["", "{}", "[1]", r#"{"number":-1}"#] {
            assert_eq!(Told::read(no_entry).unwrap_err().code().to_string(), "E1601", "{no_entry}");
        }
    }
}
