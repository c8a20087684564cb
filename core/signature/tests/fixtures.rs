//! Envelopes that another implementation made, one defect each: what becomes of them.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pmp_protocol::{Coded, Digest, ExperienceId, Hint, SnapshotVersion};
use pmp_signature::{Expectation, KeyError, LocalKey, Refusal, TrustedKeys, Verified, verify};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn key(name: &str) -> String {
    fs::read_to_string(fixtures().join(format!("keys/{name}.pem"))).unwrap()
}

fn trusted() -> TrustedKeys {
    TrustedKeys::from_pem(&(key("p256") + &key("ed25519"))).unwrap()
}

fn judge(envelope: Option<&str>, not_older_than: u64) -> Result<Verified, Refusal> {
    let experience = ExperienceId::new("exp-management").unwrap();
    let expected = Expectation {
        experience: &experience,
        version: SnapshotVersion::new(42).unwrap(),
        digest: Digest::of(b"content"),
        not_older_than: Some(SnapshotVersion::new(not_older_than).unwrap()),
        now: "2026-11-28T12:00:00Z".parse().unwrap(),
    };
    verify(envelope, &trusted(), &expected)
}

#[test]
fn each_envelope_is_believed_or_refused_for_its_one_reason() {
    // Protocol K1, K2, K3, K5 and K7.
    let (mut judged, mut codes) = (0, BTreeSet::new());
    for entry in fs::read_dir(fixtures()).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(envelope) = fs::read_to_string(folder.join("envelope.json")) else { continue };
        let expected = fs::read_to_string(folder.join("refusal")).unwrap();
        let found = match judge(Some(envelope.trim_end()), 41) {
            Ok(verified) => {
                assert_eq!(verified.statement.version.get(), 42, "{}", folder.display());
                "none"
            }
            Err(refusal) => {
                assert!(!refusal.to_string().is_empty() && refusal.hint().is_some());
                codes.insert(refusal.code().to_string());
                refusal.name()
            }
        };
        assert_eq!(found, expected.trim(), "{}", folder.display());
        judged += 1;
    }
    assert!(judged >= 29, "only {judged} envelopes");
    let all = ["E1412", "E1413", "E1414", "E1415", "E1416", "E1418", "E1419", "E1420"];
    assert!(codes.iter().eq(all), "{codes:?}");
}

#[test]
fn what_is_not_signed_or_older_than_what_was_trusted_is_refused() {
    let good = fs::read_to_string(fixtures().join("good-p256/envelope.json")).unwrap();
    assert_eq!(judge(None, 41), Err(Refusal::Unsigned));
    assert!(judge(Some(&good), 42).is_ok(), "the same again is nothing older");
    assert_eq!(judge(Some(&good), 43), Err(Refusal::Older(SnapshotVersion::new(43).unwrap())));
}

#[test]
fn two_keys_are_trusted_and_every_other_set_of_keys_is_refused_in_words() {
    // Protocol K4.
    let (p256, ed25519) = (key("p256"), key("ed25519"));
    for keys in [p256.clone(), ed25519.clone(), format!("{ed25519}\n{p256}"), p256.replace('\n', " ")] {
        assert!(TrustedKeys::from_pem(&keys).is_ok(), "{keys}");
    }
    let refused = |text: &str| TrustedKeys::from_pem(text).unwrap_err();
    for (name, word) in [("p384", "P-384"), ("p521", "P-521"), ("secp256k1", "secp256k1"), ("rsa", "RSA")] {
        let error = refused(&key(name));
        assert!(matches!(error, KeyError::OtherKind(kind) if kind.contains(word)), "{error}");
        assert!(matches!(refused(&(p256.clone() + &key(name))), KeyError::OtherKind(_)), "one bad key is not left out");
    }
    assert_eq!(refused("  "), KeyError::None);
    assert_eq!(refused("arn:aws:kms:us-east-1:111111111111:key/1"), KeyError::None);
    assert!(matches!(refused(&(p256.clone() + &p256)), KeyError::Repeated(_)));
    let third = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----";
    assert_eq!(refused(&(p256.clone() + &ed25519 + third)), KeyError::TooMany(3));
    assert_eq!(refused("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----"), KeyError::Private);
    assert!(matches!(refused("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"), KeyError::OtherBlock(_)));
    assert!(matches!(refused(&p256[..p256.len() / 2]), KeyError::Malformed(_)));
    assert!(matches!(refused("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"), KeyError::Malformed(_)));
}

#[test]
fn a_file_that_holds_no_key_that_signs_is_refused_by_its_reason() {
    // The private key of RFC 8032's first test vector, and the same bytes as a key of X25519.
    let ed25519 = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";
    assert!(LocalKey::from_pem(ed25519).is_ok());
    for (text, code) in [
        (key("ed25519"), "E1408"),
        (format!("{ed25519}\n{ed25519}"), "E1408"),
        (ed25519[..ed25519.len() - 10].to_owned(), "E1409"),
        (ed25519.replace("K2Vw", "K2Vu"), "E1410"),
    ] {
        assert_eq!(LocalKey::from_pem(&text).unwrap_err().code().to_string(), code, "{text}");
    }
}
