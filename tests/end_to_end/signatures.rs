//! Signed snapshots: the hub signs with a key of KMS or of a file, and a spoke that trusts keys
//! acts on what they signed and on nothing else. The drill of docs/security.md, step by step.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{Digest, ExperienceId, SnapshotVersion};
use pmp_signature::{LocalKey, Statement};
use pmp_tests::{ALPHA_PROD, Finished, HUB, Lists, MANAGEMENT, Program, Scene, eventually, within, world};
use tempfile::TempDir;

const SNAPSHOTS: &str = "Snapshots";

/// The private keys of RFC 8032's first two test vectors.
const KEYS: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END PRIVATE KEY-----\n",
];

/// A hub and a spoke, and two keys in files.
struct Signed {
    scene: Scene,
    folder: TempDir,
}

type Item = HashMap<String, AttributeValue>;

impl Signed {
    async fn start(approved: &[&str]) -> Self {
        let scene = Scene::start(world(approved, &[])).await;
        Self { scene, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, which: usize) -> PathBuf {
        let path = self.folder.path().join(format!("key-{which}.pem"));
        write_private(&path, KEYS[which]);
        path
    }

    /// The hub with a key from a file.
    fn hub(&self, which: usize) -> Program {
        self.hub_with(&format!("file:{}", self.file(which).display()))
    }

    fn hub_with(&self, key: &str) -> Program {
        self.scene.hub.with(&[("PMP_SIGNING_KEY", key)])
    }

    fn spoke(&self, keys: &[&str]) -> Program {
        self.scene.spoke.with(&[("PMP_TRUSTED_KEYS", &keys.concat())])
    }

    async fn approved(&self) -> Lists {
        self.scene.alpha_account.lists(ALPHA_PROD).await
    }

    fn table(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(self.scene.hub_account.config())
    }

    /// The head item, as whoever may write into the table sees it.
    async fn head(&self) -> Item {
        let call = self.table().get_item().table_name(SNAPSHOTS);
        let call = call.key("experience", AttributeValue::S(MANAGEMENT.into()));
        call.key("item", AttributeValue::S("head".into())).send().await.unwrap().item.unwrap()
    }

    async fn put_head(&self, head: Item) {
        self.table().put_item().table_name(SNAPSHOTS).set_item(Some(head)).send().await.unwrap();
    }
}

/// As `chmod 600` leaves it.
fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A key that signs, in a file of `folder`; and its public part.
pub(crate) fn key_pair(folder: &Path) -> (PathBuf, String) {
    let path = folder.join("key.pem");
    write_private(&path, KEYS[0]);
    (path, pem(0))
}

/// Another key that signs, in a file of `folder`.
pub(crate) fn another_key(folder: &Path) -> PathBuf {
    let path = folder.join("another.pem");
    write_private(&path, KEYS[1]);
    path
}

/// The public part of that one.
pub(crate) fn another_public() -> String {
    pem(1)
}

async fn public(hub: &Program) -> String {
    hub.run(&["public-key"]).await.stdout
}

fn pem(which: usize) -> String {
    LocalKey::from_pem(KEYS[which]).unwrap().public().to_pem()
}

/// The spoke refused, for this reason, and says so to the hub.
#[track_caller]
fn assert_refused(finished: &Finished, reason: &str) {
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.stderr.contains("is not trusted; nothing is changed"), "{}", finished.stderr);
    assert!(finished.stderr.contains(reason), "{}", finished.stderr);
}

#[tokio::test]
async fn keys_change_without_touching_hub_and_spokes_at_once() {
    let signed = Signed::start(&["prod-a"]).await;
    let kms = aws_sdk_kms::Client::new(signed.scene.hub_account.config());
    let create = async || {
        let call = kms.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
        call.send().await.unwrap().key_metadata.unwrap().arn.unwrap()
    };
    let (old_arn, new_arn) = (create().await, create().await);
    let (old_hub, new_hub) =
        (signed.hub_with(&format!("awskms:///{old_arn}")), signed.hub_with(&format!("awskms:///{new_arn}")));
    let (old_key, new_key) = (public(&old_hub).await, public(&new_hub).await);
    assert!(old_key.starts_with("-----BEGIN PUBLIC KEY-----\n") && old_key != new_key, "{old_key}");

    // As it was: one key.
    let before = signed.spoke(&[&old_key]);
    old_hub.json(&["publish"]).await;
    assert_eq!(before.run(&["sync"]).await.code, 0);
    assert_eq!(signed.approved().await, Lists::new(&["prod-a"], &[]));

    // First the spokes trust both, one after the other, while the hub signs with the old one.
    let both = signed.spoke(&[&old_key, &new_key]);
    assert_eq!(both.run(&["sync"]).await.code, 0);

    // Then the hub signs with the new one: without a new version, and without those that were not
    // told yet.
    new_hub.json(&["publish"]).await;
    assert_eq!(both.run(&["sync"]).await.code, 0);
    assert_refused(&before.run(&["sync"]).await, "signed by a key that is not trusted");

    // Then the spokes trust the new one alone, and the old one is switched off.
    let after = signed.spoke(&[&new_key]);
    kms.disable_key().key_id(&old_arn).send().await.unwrap();
    signed.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    new_hub.json(&["publish"]).await;
    assert_eq!(after.run(&["sync"]).await.code, 0);
    assert_eq!(signed.approved().await, Lists::new(&["prod-a", "prod-b"], &[]));

    // A hub that was forgotten says so, and publishes nothing.
    let forgotten = old_hub.run(&["publish"]).await;
    assert_eq!(forgotten.code, 1, "{forgotten:?}");
    assert!(forgotten.stderr.contains("cannot sign the snapshot"), "{}", forgotten.stderr);
    assert!(
        forgotten.stderr.contains("DisabledException") && forgotten.stderr.contains("enable the key"),
        "{forgotten:?}"
    );
    assert_eq!(after.run(&["sync"]).await.code, 0);
}

#[tokio::test]
async fn what_trusted_keys_did_not_sign_changes_nothing() {
    // Protocol K6, K8, K9 and K13.
    let signed = Signed::start(&["prod-a"]).await;
    let (hub, spoke) = (signed.hub(0), signed.spoke(&[&pem(0)]));
    hub.json(&["publish"]).await;
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    let good = signed.head().await;
    let in_step = signed.approved().await;

    // Whoever can write into the table, but not sign: another version, other content, no signature,
    // one of another key.
    signed.scene.hub_account.approve(MANAGEMENT, &["prod-evil"]).await;
    // A hub that was not given its key does not do that by accident.
    let forgotten = signed.scene.hub.run(&["publish"]).await;
    assert_eq!(forgotten.code, 1, "{forgotten:?}");
    assert!(forgotten.stderr.contains("this hub has no key") && forgotten.stderr.contains("`none`"), "{forgotten:?}");
    assert_eq!(signed.head().await, good);
    signed.hub_with("none").json(&["publish"]).await;
    assert_refused(&spoke.run(&["sync"]).await, "it is not signed");
    let unsigned = signed.head().await;
    let with = |statement: AttributeValue| {
        let mut head = unsigned.clone();
        head.insert("statement".to_owned(), statement);
        head
    };
    signed.put_head(with(good["statement"].clone())).await;
    assert_refused(&spoke.run(&["sync"]).await, "its statement is about snapshot 1");
    signed.put_head(with(AttributeValue::S("{}".into()))).await;
    assert_refused(&spoke.run(&["sync"]).await, "cannot be read");
    signed.hub(1).json(&["publish"]).await;
    assert_refused(&spoke.run(&["sync"]).await, "signed by a key that is not trusted");
    assert_refused(&spoke.run(&["plan"]).await, "signed by a key that is not trusted");
    assert_eq!(signed.approved().await, in_step);

    // The hub shows why; the way back is to publish with the right key.
    let status = signed.scene.hub.run(&["status", "-o", "wide"]).await;
    assert!(status.stdout.contains("is not trusted"), "{}", status.stdout);
    hub.json(&["publish"]).await;
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    assert_eq!(signed.approved().await, Lists::new(&["prod-a", "prod-evil"], &[]));

    // What was trusted is not gone behind, though the older statement still holds, and whoever
    // turned the table back took the hub's own mark away, too.
    signed.put_head(good).await;
    let mark = signed.table().delete_item().table_name("SyncTimestamps");
    let mark = mark.key("organization", AttributeValue::S("hub#heads".into()));
    mark.key("item", AttributeValue::S(MANAGEMENT.into())).send().await.unwrap();
    assert_refused(&spoke.run(&["sync"]).await, "older than snapshot 2, which this spoke trusted before");
    // A spoke that trusts no keys goes by the ledger's word alone.
    assert_eq!(signed.approved().await, Lists::new(&["prod-a", "prod-evil"], &[]));
}

#[tokio::test]
async fn a_spoke_whose_statement_has_expired_is_frozen_and_says_so() {
    // Protocol K7 and K12.
    let signed = Signed::start(&["prod-a"]).await;
    let (hub, spoke) = (signed.hub(0), signed.spoke(&[&pem(0)]));
    hub.json(&["publish"]).await;
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    let head = signed.head().await;
    let text = |name: &str| match &head[name] {
        AttributeValue::S(text) | AttributeValue::N(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    let key = LocalKey::from_pem(KEYS[0]).unwrap();
    let lasting = |begun: SignedDuration, lifetime: SignedDuration| {
        let (version, digest): (SnapshotVersion, Digest) =
            (text("latest").parse().unwrap(), text("digest").parse().unwrap());
        let id = key.public().id().clone();
        let begun = Timestamp::now() - begun;
        let experience = ExperienceId::new(MANAGEMENT).unwrap();
        let unsigned = Statement::new(experience, version, digest, id, begun, lifetime).to_sign();
        let mut head = head.clone();
        head.insert("statement".to_owned(), AttributeValue::S(unsigned.sealed(&key.sign(&unsigned.pae()))));
        head
    };
    let (hour, second) = (SignedDuration::from_hours(1), SignedDuration::from_secs(1));
    signed.put_head(lasting(hour * 2, hour)).await;
    assert_refused(&spoke.run(&["sync"]).await, "its statement expired at");
    signed.put_head(lasting(hour * -2, hour)).await;
    assert_refused(&spoke.run(&["sync"]).await, "which is yet to come");

    // An agent notices by itself, without any message from the hub.
    signed.put_head(lasting(hour, hour + second * 4)).await;
    let agent = spoke.start(&["run"]);
    within(Duration::from_secs(60), "it says that it is frozen", async || {
        let log = agent.log();
        if log.contains("the hub's newest statement has expired") { Ok(()) } else { Err(log) }
    })
    .await;
    let seen = async || signed.scene.hub.run(&["status", "-o", "wide"]).await.stdout.contains("has expired");
    eventually("the hub knows", &true, seen).await;
    assert_eq!(signed.approved().await, Lists::new(&["prod-a"], &[]));

    // The way back: the hub announces, and so signs anew.
    hub.json(&["publish"]).await;
    eventually("it goes on", &false, seen).await;
    assert_eq!(agent.stop().await.0, 0);
}

/// Whoever may write the table, and not sign, has the hub sign what leaves no number for the next
/// snapshot.
#[tokio::test]
async fn a_head_that_no_hub_came_to_is_not_signed() {
    // Protocol L8.
    let signed = Signed::start(&["prod-a"]).await;
    let (hub, spoke) = (signed.hub(0), signed.spoke(&[&pem(0)]));
    hub.json(&["publish"]).await;
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    let mut head = signed.head().await;
    for name in ["latest", "published"] {
        head.insert(name.to_owned(), AttributeValue::N(u64::MAX.to_string()));
    }
    signed.put_head(head.clone()).await;
    for command in [&["publish"][..], &["publish", "--dry-run"]] {
        let refused = hub.run(command).await;
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains("no hub came further than 1"), "{}", refused.stderr);
        assert!(refused.stderr.contains("pmp-hub recover"), "{}", refused.stderr);
    }
    assert_eq!(signed.head().await, head, "nothing is signed");
    assert_refused(&spoke.run(&["sync"]).await, "its statement is about snapshot 1");
    // The way back goes on with the next number that is free.
    signed.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    assert_eq!(hub.json(&["recover", "--yes"]).await["published"]["version"], 2);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    assert_eq!(signed.approved().await, Lists::new(&["prod-a", "prod-b"], &[]));
}

#[tokio::test]
async fn a_statement_that_is_no_text_stops_nobody_who_asks_for_none() {
    let signed = Signed::start(&["prod-a"]).await;
    let (hub, spoke) = (signed.hub(0), signed.spoke(&[&pem(0)]));
    hub.json(&["publish"]).await;
    let good = signed.head().await;
    for odd in [AttributeValue::Null(true), AttributeValue::N("1".into()), AttributeValue::L(Vec::new())] {
        let mut head = good.clone();
        head.insert("statement".to_owned(), odd);
        signed.put_head(head).await;
        assert_refused(&spoke.run(&["sync"]).await, "cannot be read");
        assert_eq!(signed.scene.spoke.run(&["sync"]).await.code, 0);
        assert_eq!(signed.scene.hub.run(&["status"]).await.code, 0);
        hub.json(&["publish"]).await;
        assert_eq!(spoke.run(&["sync"]).await.code, 0);
    }
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_told_at_the_start() {
    let signed = Signed::start(&["prod-a"]).await;
    let hub = signed.hub_with("alias/pmp-sync").run(&["publish"]).await;
    assert_eq!(hub.code, 1, "{hub:?}");
    assert!(hub.stderr.contains("PMP_SIGNING_KEY") && hub.stderr.contains("awskms:///ARN"), "{}", hub.stderr);
    let short = signed.hub(0).with(&[("PMP_STATEMENT_LIFETIME", "1h")]).run(&["publish"]).await;
    assert!(
        short.stderr.contains("PMP_STATEMENT_LIFETIME") && short.stderr.contains("not from 24h to 2160h"),
        "{short:?}"
    );
    let missing = signed.hub_with("file:/nowhere/key.pem").run(&["publish"]).await;
    assert!(missing.stderr.contains("cannot sign the snapshot"), "{}", missing.stderr);
    // A private key is shown to nobody, with its first line or without.
    let bare = KEYS[0].lines().nth(1).unwrap();
    let given = [
        ("/nowhere/keys.pem", "the value is not PEM, and no file of that name"),
        (KEYS[0], "private key"),
        (bare, "the value is not PEM"),
    ];
    for (keys, words) in given {
        let spoke = signed.spoke(&[keys]).run(&["sync"]).await;
        assert_eq!(spoke.code, 1, "{spoke:?}");
        assert!(spoke.stderr.contains("PMP_TRUSTED_KEYS") && spoke.stderr.contains(words), "{}", spoke.stderr);
        assert!(!spoke.stderr.contains(bare), "{}", spoke.stderr);
    }
    let inline = signed.hub_with(&format!("file:{}", KEYS[0])).run(&["publish"]).await;
    assert!(inline.code == 1 && !inline.stderr.contains(bare), "{}", inline.stderr);
    // A file, and a text whose line ends a template has lost.
    let file = signed.folder.path().join("trusted.pem");
    std::fs::write(&file, pem(0)).unwrap();
    signed.hub(0).json(&["publish"]).await;
    for keys in [file.to_str().unwrap(), &pem(0).replace('\n', " ")] {
        assert_eq!(signed.spoke(&[keys]).run(&["sync"]).await.code, 0);
    }
}

#[tokio::test]
async fn doctor_signs_and_verifies_once_and_the_spokes_one_judges_the_head() {
    let signed = Signed::start(&["prod-a"]).await;
    let check = async |program: &Program, name: &str| {
        let finished = program.run(&["doctor", "-o", "json"]).await;
        let document: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
        let checks = document["checks"].as_array().unwrap().clone();
        let found = checks.iter().find(|check| check["check"] == name).unwrap().clone();
        (found["result"].as_str().unwrap().to_owned(), found["detail"].to_string())
    };
    let (hub, spoke) = (signed.hub(0), signed.spoke(&[&pem(0)]));
    hub.json(&["publish"]).await;
    let (result, detail) = check(&hub, "signing-key").await;
    assert!(result == "ok" && detail.contains("Ed25519"), "{result}: {detail}");
    let (result, detail) = check(&spoke, "trusted-keys").await;
    assert!(result == "ok" && detail.contains("snapshot 1"), "{result}: {detail}");
    // Another key than the head's, and none at all.
    let (result, detail) = check(&signed.hub(1), "signing-key").await;
    assert!(result == "warning" && detail.contains("signed by a key that is not trusted"), "{result}: {detail}");
    let (result, detail) = check(&signed.scene.hub, "signing-key").await;
    assert!(result == "failed" && detail.contains("this hub has no key"), "{result}: {detail}");
    let (result, detail) = check(&signed.spoke(&[&pem(1)]), "trusted-keys").await;
    assert!(result == "failed" && detail.contains("not trusted"), "{result}: {detail}");
    let missing = format!("awskms:///arn:aws:kms:us-east-1:{HUB}:key/none");
    let (result, detail) = check(&signed.hub_with(&missing), "signing-key").await;
    assert!(result == "failed" && detail.contains("NotFoundException"), "{result}: {detail}");
}
