//! The signed statement, byte by byte. What `tests/fixtures` holds are envelopes of another
//! implementation; this holds what the hub itself writes.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../protocol/tests/wire/golden.rs"]
mod golden;

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{Digest, ExperienceId, SnapshotVersion};
use pmp_signature::{LocalKey, Statement, TrustedKeys, open};

/// The key of other tests, too: nobody trusts it.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";

#[test]
fn a_statement_is_signed_and_read_as_it_was() {
    // Protocol K1, K2 and K3.
    let key = LocalKey::from_pem(KEY).unwrap();
    let now: Timestamp = "2026-11-24T12:00:00.5Z".parse().unwrap();
    let statement = Statement::new(
        ExperienceId::new("exp-management").unwrap(),
        SnapshotVersion::new(42).unwrap(),
        Digest::of(b"content"),
        key.public().id().clone(),
        now,
        SignedDuration::from_hours(72),
    );
    let unsigned = statement.to_sign();
    golden::hold("statement.json", &serde_json::to_vec(&statement).unwrap());
    golden::hold("statement.pae", &unsigned.pae());
    // Ed25519 signs the same bytes in the same way (RFC 8032), so the whole envelope is fixed.
    golden::hold("envelope.json", unsigned.sealed(&key.sign(&unsigned.pae())).as_bytes());
    let envelope = String::from_utf8(golden::read("envelope.json")).unwrap();
    assert_eq!(open(&envelope, &TrustedKeys::only(key.public().clone())).unwrap(), statement);
}
