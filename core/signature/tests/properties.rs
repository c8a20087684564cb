//! Whatever is signed is believed for exactly what it says; whatever is changed is not.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{Digest, ExperienceId, SnapshotVersion};
use pmp_signature::{
    Expectation, LocalKey, PublicKey, Refusal, SHORTEST_LIFETIME, Statement, TrustedKeys, open, verify,
};
use proptest::prelude::*;

/// The private keys of RFC 8032's first two test vectors.
const KEYS: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END PRIVATE KEY-----",
];

fn key(which: usize) -> LocalKey {
    LocalKey::from_pem(KEYS[which]).unwrap()
}

fn sign(key: &LocalKey, statement: &Statement) -> String {
    let unsigned = statement.to_sign();
    unsigned.sealed(&key.sign(&unsigned.pae()))
}

#[derive(Debug, Clone)]
struct Case {
    experience: ExperienceId,
    version: SnapshotVersion,
    digest: Digest,
    issued: Timestamp,
    lifetime: SignedDuration,
}

impl Case {
    fn envelope(&self, key: &LocalKey) -> String {
        let id = key.public().id().clone();
        let statement =
            Statement::new(self.experience.clone(), self.version, self.digest, id, self.issued, self.lifetime);
        sign(key, &statement)
    }

    fn expected(&self, now: Timestamp) -> Expectation<'_> {
        let Self { experience, version, digest, .. } = self;
        Expectation { experience, version: *version, digest: *digest, not_older_than: None, now }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let hours = SHORTEST_LIFETIME.as_hours()..=90 * 24;
    ("exp-[a-z0-9]{1,20}", 1..=u64::MAX, any::<[u8; 4]>(), 0..4_000_000_000_i64, hours).prop_map(
        |(experience, version, content, second, hours)| Case {
            experience: ExperienceId::new(&experience).unwrap(),
            version: SnapshotVersion::new(version).unwrap(),
            digest: Digest::of(&content),
            issued: Timestamp::from_second(second).unwrap(),
            lifetime: SignedDuration::from_hours(hours),
        },
    )
}

proptest! {
    #[test]
    fn it_holds_for_what_it_says_and_for_as_long_as_it_says(case in cases(), seconds in -400_i64..8_000_000) {
        // Protocol K7.
        let trusted = TrustedKeys::only(key(0).public().clone());
        let now = case.issued + SignedDuration::from_secs(seconds);
        let verified = verify(Some(&case.envelope(&key(0))), &trusted, &case.expected(now));
        let holds = (-300..case.lifetime.as_secs()).contains(&seconds);
        prop_assert_eq!(verified.is_ok(), holds, "{:?}", verified);
    }

    #[test]
    fn it_holds_for_nothing_else(case in cases(), other in cases()) {
        // Protocol K6.
        let trusted = TrustedKeys::only(key(0).public().clone());
        let envelope = case.envelope(&key(0));
        let expected = Expectation { now: case.issued, ..other.expected(case.issued) };
        let same = (&case.experience, case.version, case.digest) == (&other.experience, other.version, other.digest);
        prop_assert_eq!(verify(Some(&envelope), &trusted, &expected).is_ok(), same);
        let next = Expectation { not_older_than: Some(case.version), ..case.expected(case.issued) };
        prop_assert!(verify(Some(&envelope), &trusted, &next).is_ok());
    }

    #[test]
    fn a_changed_envelope_never_says_anything_else(case in cases(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let trusted = TrustedKeys::only(key(0).public().clone());
        let envelope = case.envelope(&key(0));
        let said = open(&envelope, &trusted).unwrap();
        let mut bytes = envelope.into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(text) = String::from_utf8(bytes)
            && let Ok(statement) = open(&text, &trusted)
        {
            prop_assert_eq!(statement, said);
        }
    }

    #[test]
    fn another_key_is_not_believed_whatever_it_signs(case in cases()) {
        // Protocol K6.
        let trusted = TrustedKeys::only(key(0).public().clone());
        let verified = verify(Some(&case.envelope(&key(1))), &trusted, &case.expected(case.issued));
        prop_assert!(matches!(verified, Err(Refusal::UnknownKey(_))), "{:?}", verified);
        let both = TrustedKeys::from_pem(&(key(0).public().to_pem() + &key(1).public().to_pem())).unwrap();
        prop_assert!(verify(Some(&case.envelope(&key(1))), &both, &case.expected(case.issued)).is_ok());
    }

    #[test]
    fn no_text_breaks_it(text in ".{0,300}", der in prop::collection::vec(any::<u8>(), 0..120)) {
        let trusted = TrustedKeys::only(key(0).public().clone());
        prop_assert!(open(&text, &trusted).is_err());
        prop_assert!(TrustedKeys::from_pem(&text).is_err());
        prop_assert!(LocalKey::from_pem(&text).is_err());
        prop_assert!(PublicKey::from_der(&der).is_err());
    }
}

#[test]
fn the_canonical_form_is_fixed() {
    // Protocol K3.
    let key = key(0);
    let statement = Statement::new(
        ExperienceId::new("exp-management").unwrap(),
        SnapshotVersion::new(42).unwrap(),
        Digest::of(b"content"),
        key.public().id().clone(),
        "2026-11-28T12:00:00.75Z".parse().unwrap(),
        SignedDuration::from_hours(7 * 24),
    );
    let payload = String::from_utf8(statement.to_sign().pae()).unwrap();
    let expected = format!(
        r#"{{"digest":"{}","experience":"exp-management","expires_at":"2026-12-05T12:00:00Z","issued_at":"2026-11-28T12:00:00Z","key_id":"{}","schema":"pmp-sync.statement/1","version":42}}"#,
        Digest::of(b"content"),
        key.public().id()
    );
    assert_eq!(payload, format!("DSSEv1 39 application/vnd.pmp-sync.statement+json {} {expected}", expected.len()));
}

/// What a pass pays: for the head's statement, and for the one that it trusted before. Debug builds
/// are slower.
#[test]
fn one_verification_takes_less_than_a_millisecond() {
    let p256 = include_str!("fixtures/keys/p256.pem");
    let ed25519 = include_str!("fixtures/keys/ed25519.pem");
    let trusted = TrustedKeys::from_pem(&format!("{p256}{ed25519}")).unwrap();
    for (name, envelope) in [
        ("P-256", include_str!("fixtures/good-p256/envelope.json")),
        ("Ed25519, the second of two keys", include_str!("fixtures/good-ed25519/envelope.json")),
    ] {
        let mut times: Vec<Duration> = (0..200)
            .map(|_| {
                let began = Instant::now();
                assert!(open(envelope, &trusted).is_ok());
                began.elapsed()
            })
            .collect();
        times.sort();
        println!("one verification, {name}: {:?} (half of 200 are quicker), {:?} at most", times[100], times[199]);
        assert!(times[100] < Duration::from_millis(1), "{name}: {:?}", times[100]);
    }
}
