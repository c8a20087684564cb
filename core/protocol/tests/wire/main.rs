//! What travels between hub and spokes, byte by byte: whatever the types are called inside, these
//! files stay.

#![allow(clippy::unwrap_used, missing_docs)]

mod golden;
mod values;

use pmp_protocol::{
    Answers, Content, DecisionJournal, Delivery, Digest, Reason, Sealed, SealedAnswers, Snapshot, SnapshotMessage,
};

use crate::values::{answers, at, full_content, journal, large_content, management, minimal_content, version};

fn announce(content: &Content, reason: Reason) -> SnapshotMessage {
    let sealed = Sealed::new(content).unwrap();
    SnapshotMessage::announce(management(), version(42), at(0), reason, &sealed, 3)
}

/// Holds the message against its file, and the file against the message.
fn hold_message(name: &str, message: &SnapshotMessage) {
    golden::hold(name, message.to_json().as_bytes());
    let body = String::from_utf8(golden::read(name)).unwrap();
    assert_eq!(SnapshotMessage::parse(&body).unwrap(), (message.clone(), Delivery::Raw));
}

#[test]
fn a_snapshot_message_is_what_it_was() {
    // Protocol M1 and M4.
    for (reason, name) in [
        (Reason::Changed, "message-changed.json"),
        (Reason::Scheduled, "message-scheduled.json"),
        (Reason::Operator, "message-operator.json"),
    ] {
        hold_message(name, &announce(&full_content(), reason));
    }
    // Too large to travel inside: the message names the chunks.
    hold_message("message-stored.json", &announce(&large_content(), Reason::Changed));
}

#[test]
fn a_content_has_the_same_canonical_bytes_and_seal() {
    // Protocol S2, S3 and S4.
    for (name, content) in [("full", full_content()), ("minimal", minimal_content())] {
        let canonical = serde_json::to_vec(&content).unwrap();
        golden::hold(&format!("content-{name}.json"), &canonical);
        let sealed = Sealed::new(&content).unwrap();
        assert_eq!(sealed.digest(), Digest::of(&canonical));
        golden::hold(&format!("content-{name}.digest"), sealed.digest().to_string().as_bytes());
        golden::hold(&format!("content-{name}.zst"), sealed.compressed());
        let stored = Sealed::from_parts(sealed.digest(), sealed.counts(), golden::read(&format!("content-{name}.zst")));
        let snapshot = Snapshot::open(&management(), version(42), at(0), &stored).unwrap();
        assert_eq!(snapshot.content(), &content);
    }
}

#[test]
fn answers_about_products_have_the_same_bytes_and_seal() {
    for (name, answers) in [("full", answers()), ("none", Answers::none(management()))] {
        golden::hold(&format!("answers-{name}.json"), &serde_json::to_vec(&answers).unwrap());
        let sealed = answers.seal().unwrap();
        golden::hold(&format!("answers-{name}.zst"), sealed.compressed());
        let stored = SealedAnswers::from_parts(sealed.digest(), golden::read(&format!("answers-{name}.zst")));
        assert_eq!(stored.open(&management()).unwrap(), answers);
    }
}

#[test]
fn a_journal_of_decisions_has_the_same_bytes() {
    golden::hold("journal.zst", &journal().encode().unwrap());
    assert_eq!(DecisionJournal::decode(&golden::read("journal.zst")).unwrap(), journal());
}
