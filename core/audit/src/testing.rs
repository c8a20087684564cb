//! Chains of entries, for tests here and in other crates.

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{Digest, ExperienceId, OrganizationId, SnapshotVersion};

use crate::{Entry, Event, last_line, line};

/// The texts of `number` entries in a chain: pins, pauses and admissions, in turn.
#[must_use]
#[allow(clippy::missing_panics_doc, clippy::unwrap_used)]
pub fn chain(number: u64) -> Vec<String> {
    let event = |number: u64| {
        let organization = OrganizationId::new(&format!("o-{number:010}")).unwrap();
        let reason = "an audit".to_owned();
        match number % 3 {
            0 => Event::Resume { organizations: vec![organization], wave: None, reason },
            1 => Event::Admit { organizations: vec![organization], large: false },
            _ => {
                let version = SnapshotVersion::new(number).unwrap();
                Event::Pin { organizations: Vec::new(), wave: None, version, content: Digest::of(b"it"), reason }
            }
        }
    };
    chained((1..=number).map(event))
}

/// When the entry with this number is written, in the chains of tests.
#[must_use]
#[allow(clippy::missing_panics_doc, clippy::unwrap_used)]
pub fn written_at(number: u64) -> Timestamp {
    let began: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    began + SignedDuration::from_mins(number.try_into().unwrap())
}

/// The texts of entries about these events, in a chain.
#[must_use]
#[allow(clippy::missing_panics_doc, clippy::unwrap_used)]
pub fn chained(events: impl IntoIterator<Item = Event>) -> Vec<String> {
    let mut previous = None;
    let entry = |(number, event)| {
        let entry = Entry {
            number,
            previous,
            at: written_at(number),
            experience: ExperienceId::new("exp-management").unwrap(),
            author: "arn:aws:iam::111111111111:user/ada".to_owned(),
            event,
        };
        let text = entry.text().unwrap();
        previous = Some(Digest::of(text.as_bytes()));
        text
    };
    (1..).zip(events).map(entry).collect()
}

/// A file of these entries from number `first` on, which is counted from 1.
#[must_use]
#[allow(clippy::missing_panics_doc, clippy::unwrap_used)]
pub fn file(entries: &[String], first: usize) -> String {
    let digest = |text: &String| Digest::of(text.as_bytes());
    let lines = entries[first - 1..].iter().map(|text| line(text, &digest(text).to_string()) + "\n");
    let experience = ExperienceId::new("exp-management").unwrap();
    let (from, to) = (first.try_into().unwrap(), entries.len().try_into().unwrap());
    let end = last_line(&experience, from, to, &digest(entries.last().unwrap())) + "\n";
    lines.chain([end]).collect()
}
