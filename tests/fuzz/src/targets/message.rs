//! The body of a message: anybody who may send to a spoke's queue writes it.

use pmp_protocol::{Body, Delivery, SCHEMA, SnapshotMessage};

use super::utf8;
use crate::memory::within;
use crate::refusal::is_told;

pub(super) fn message(bytes: &[u8]) {
    let Some(body) = utf8(bytes) else { return };
    // The body, the envelope's text without its escapes, and the bytes behind base64.
    let (message, _) = match within(16 * 1024 + 8 * bytes.len(), || SnapshotMessage::parse(body)) {
        Ok(parsed) => parsed,
        Err(error) => {
            is_told(&error);
            assert!(error.newer_schema().is_none_or(|schema| schema != SCHEMA));
            return;
        }
    };
    assert!(message.schema.starts_with(SCHEMA));
    let written = message.to_json();
    let again = SnapshotMessage::parse(&written).expect("what was written is read");
    assert_eq!(again, (message.clone(), Delivery::Raw));
    // Rule 9: what is inside is believed only if it is what the message names.
    match (&message.body, message.inline()) {
        (Body::Inline(packed), Some(sealed)) => {
            assert_eq!((sealed.digest(), sealed.counts()), (message.digest, message.counts));
            assert_eq!(sealed.compressed(), packed);
            match sealed.open(&message.experience) {
                Ok(content) => {
                    assert_eq!((content.experience(), content.counts()), (&message.experience, message.counts));
                }
                Err(error) => is_told(&error),
            }
        }
        (Body::Stored { .. }, None) => {}
        (body, inline) => panic!("{body:?} has {inline:?}"),
    }
}
