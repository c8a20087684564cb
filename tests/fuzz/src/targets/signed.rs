//! Signed statements and directions, and keys. Only what a trusted key signed gets past the
//! signature, so two targets sign what they are given: whoever has the key may sign anything.

use std::sync::OnceLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use pmp_signature::{
    Expectation, LONGEST_LIFETIME, LocalKey, MAX_TRUSTED_KEYS, PAYLOAD_TYPE, PublicKey, TrustedKeys, Unsigned, open,
    open_direction, pae, verify,
};

use super::utf8;
use crate::memory::within;
use crate::refusal::is_told;

/// The private key of RFC 8032's first test vector.
const KEY: &str = "-----BEGIN PRIVATE KEY-----MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g-----END PRIVATE KEY-----";

fn key() -> &'static LocalKey {
    static LOCAL: OnceLock<LocalKey> = OnceLock::new();
    LOCAL.get_or_init(|| LocalKey::from_pem(KEY).expect("a key"))
}

/// An envelope around these bytes, signed.
fn sealed(payload: &[u8], key: &LocalKey) -> String {
    let signature = BASE64_STANDARD.encode(key.sign(&pae(PAYLOAD_TYPE, payload)));
    serde_json::json!({
        "payload": BASE64_STANDARD.encode(payload), "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key.public().id().as_str(), "sig": signature}],
    })
    .to_string()
}

fn signed(unsigned: &Unsigned, key: &LocalKey) -> String {
    unsigned.sealed(&key.sign(&unsigned.pae()))
}

/// An envelope as it is.
pub(super) fn envelope(bytes: &[u8]) {
    let Some(text) = utf8(bytes) else { return };
    let trusted = TrustedKeys::only(key().public().clone());
    let most = 64 * 1024 + 8 * bytes.len();
    match within(most, || open(text, &trusted)) {
        Ok(statement) => assert_eq!(&statement.key_id, key().public().id()),
        Err(refusal) => is_told(&refusal),
    }
    if let Err(refusal) = within(most, || open_direction(Some(text), &trusted)) {
        is_told(&refusal);
    }
}

/// The payload of a statement, signed by the key that it should name.
pub(super) fn statement(bytes: &[u8]) {
    let key = key();
    let trusted = TrustedKeys::only(key.public().clone());
    let statement = match open(&sealed(bytes, key), &trusted) {
        Ok(statement) => statement,
        Err(refusal) => return is_told(&refusal),
    };
    assert!(statement.expires_at > statement.issued_at);
    assert!(statement.expires_at.duration_since(statement.issued_at) <= LONGEST_LIFETIME);
    let again = signed(&statement.to_sign(), key);
    assert_eq!(open(&again, &trusted).as_ref(), Ok(&statement));
    // It vouches for what it names, as long as it says, and for nothing else.
    let expected = Expectation {
        experience: &statement.experience,
        version: statement.version,
        digest: statement.digest,
        not_older_than: Some(statement.version),
        now: statement.issued_at,
    };
    let believed = |expected: &Expectation<'_>| verify(Some(&again), &trusted, expected).is_ok();
    assert!(believed(&expected));
    assert!(!believed(&Expectation { now: statement.expires_at, ..expected }));
    assert!(
        !believed(&Expectation { not_older_than: Some(statement.version.next()), ..expected })
            || statement.version.next() == statement.version
    );
    if let Ok(before) = statement.issued_at.checked_sub(SignedDuration::from_hours(24)) {
        assert!(!believed(&Expectation { now: before, ..expected }));
    }
    // Rule 9: another key's signature is none.
    let nobody = TrustedKeys::only(other());
    is_told(&open(&again, &nobody).expect_err("another key"));
}

/// A public key that signed nothing here.
fn other() -> PublicKey {
    let der = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], &[7; 32]].concat();
    PublicKey::from_der(&der).expect("a key")
}

/// The payload of a direction, signed by the key that it should name.
pub(super) fn directed(bytes: &[u8]) {
    let key = key();
    let trusted = TrustedKeys::only(key.public().clone());
    let envelope = sealed(bytes, key);
    let directed = match open_direction(Some(&envelope), &trusted) {
        Ok(directed) => directed,
        Err(refusal) => return is_told(&refusal),
    };
    let again = signed(&directed.to_sign(), key);
    assert_eq!(open_direction(Some(&again), &trusted).as_ref(), Ok(&directed));
    // Protocol K15: it stands for no snapshot.
    assert!(open(&again, &trusted).is_err());
    let direction = &directed.direction;
    if let Some(problem) = direction.problem(&direction.experience, direction.organization.as_ref()) {
        crate::refusal::is_sentence(&problem);
    }
}

/// Keys as people paste them.
pub(super) fn keys(bytes: &[u8]) {
    let Some(text) = utf8(bytes) else { return };
    match within(64 * 1024 + 8 * bytes.len(), || TrustedKeys::from_pem(text)) {
        Ok(trusted) => {
            assert!((1..=MAX_TRUSTED_KEYS).contains(&trusted.keys().len()));
            let written: String = trusted.keys().iter().map(PublicKey::to_pem).collect();
            let again = TrustedKeys::from_pem(&written).expect("what was written is read");
            assert!(again.keys() == trusted.keys());
            // A template's parameter has no lines.
            let one_line = TrustedKeys::from_pem(&written.replace('\n', " ")).expect("the same keys");
            assert!(one_line.keys() == trusted.keys());
        }
        Err(error) => is_told(&error),
    }
    match LocalKey::from_pem(text) {
        Ok(key) => assert!(key.public().verifies(b"message", &key.sign(b"message"))),
        Err(error) => is_told(&error),
    }
    if let Err(error) = PublicKey::from_der(bytes) {
        is_told(&error);
    }
}
