//! The judge itself: it takes what is right, and finds what is wrong.

// Tests end with the reason where something cannot be.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pmp_protocol::{ExperienceId, OrganizationId, ProductId, ReceiptStatus, SnapshotVersion};

use pmp_test_reference::{Change, Content, Life, Lists, ReceiptSaid, Reference, Target};

const SPOKE: Life = Life(1);

fn products(ids: &[&str]) -> BTreeSet<ProductId> {
    ids.iter().map(|id| ProductId::new(id).unwrap()).collect()
}

fn lists(approved: &[&str], rejected: &[&str]) -> Lists {
    Lists { approved: products(approved), rejected: products(rejected) }
}

fn management() -> ExperienceId {
    ExperienceId::new("exp-management").unwrap()
}

fn organization() -> OrganizationId {
    OrganizationId::new("o-alpha00000").unwrap()
}

fn experience() -> ExperienceId {
    ExperienceId::new("exp-member").unwrap()
}

fn content(approved: &[&str], rejected: &[&str]) -> Content {
    Content { lists: lists(approved, rejected), notes: BTreeMap::new(), requests: "Allow" }
}

fn target(version: u64, content: &Content) -> Target {
    Target { version: SnapshotVersion::new(version).unwrap(), digest: content.digest(&management()) }
}

/// One organization that approves `prod-z`, version 1 in force, and a spoke that has read it.
fn stage() -> (Reference, Target) {
    let mut judge = Reference::new(management());
    let said = content(&["prod-a", "prod-b"], &["prod-x"]);
    let first = target(1, &said);
    judge.joins(organization(), products(&["prod-b"]));
    judge.lives_as(&organization(), &experience(), lists(&["prod-z"], &[]));
    judge.says(said);
    judge.head_written(first, None);
    judge.marked(first);
    judge.announced(first);
    judge.head_written(first, Some(first.version));
    judge.reads_head(&organization(), SPOKE);
    judge.leased(&organization(), SPOKE, false);
    (judge, first)
}

fn start(judge: &mut Reference, allow: &[&str], deny: &[&str]) {
    let change = Change { allow: products(allow), deny: products(deny) };
    judge.started(&organization(), SPOKE, "cs-1", &[(experience(), change)].into(), Timestamp::UNIX_EPOCH);
}

fn in_sync(tried: Target) -> ReceiptSaid {
    ReceiptSaid {
        experience: experience(),
        line: 0,
        tried,
        status: ReceiptStatus::InSync,
        applied: Some(tried),
        quarantined: false,
    }
}

/// The sentences that were broken.
fn sentences(judge: &Reference) -> Vec<&str> {
    judge.violations().iter().map(|text| text.split_once(": ").unwrap().0).collect()
}

#[test]
fn the_digest_is_that_of_the_protocols_own_example() {
    // docs/protocol.md, "The snapshot".
    let said = Content {
        lists: lists(&["prod-a", "prod-b", "prod-c"], &["prod-x", "prod-y"]),
        notes: [("prod-a", "genai, two \"words\" of München"), ("prod-x", "too dear")]
            .map(|(id, note)| (ProductId::new(id).unwrap(), note.to_owned()))
            .into(),
        requests: "Deny",
    };
    let digest = said.digest(&management()).to_string();
    assert_eq!(digest, "sha256:60cf11a1f2c1d123bd2ff60e92a41a663b3a4970055311001f6050ca1f0ac7bc");
}

#[test]
fn a_pass_as_the_documents_tell_it_breaks_nothing() {
    let (mut judge, first) = stage();
    judge.received(&organization(), SPOKE, "m-1");
    start(&mut judge, &["prod-a"], &["prod-z", "prod-x"]);
    let after = lists(&["prod-a"], &["prod-x", "prod-z"]);
    judge.lives_as(&organization(), &experience(), after.clone());
    judge.ended("cs-1");
    judge.read_lists(&organization(), SPOKE, &experience(), after);
    assert_eq!(judge.unfinished([&organization()]).len(), 1);
    judge.wrote_receipt(&organization(), SPOKE, in_sync(first));
    judge.signed_life(&organization(), SPOKE);
    judge.deleted(&organization(), SPOKE, "m-1", "{}");
    assert_eq!(judge.violations(), [""; 0]);
    assert_eq!(judge.unfinished([&organization()]), [""; 0]);
}

#[test]
fn what_the_hub_never_approved_or_the_filter_takes_away_is_found() {
    for allow in ["prod-y", "prod-b"] {
        let (mut judge, _) = stage();
        start(&mut judge, &[allow], &[]);
        assert_eq!(sentences(&judge), ["M12"], "{allow}");
    }
}

#[test]
fn a_change_set_without_a_lease_or_beside_another_is_found() {
    let (mut judge, _) = stage();
    judge.leased(&organization(), Life(2), false);
    start(&mut judge, &["prod-a"], &[]);
    assert_eq!(sentences(&judge), ["L18"]);
    let (mut judge, _) = stage();
    start(&mut judge, &["prod-a"], &[]);
    start(&mut judge, &[], &["prod-z"]);
    assert_eq!(sentences(&judge), ["HW, The spoke, 7"]);
}

#[test]
fn a_receipt_that_is_not_true_is_found() {
    let (mut judge, first) = stage();
    judge.read_lists(&organization(), SPOKE, &experience(), lists(&["prod-z"], &[]));
    judge.wrote_receipt(&organization(), SPOKE, in_sync(first));
    assert_eq!(sentences(&judge), ["R2", "HW, The ledger"]);
}

#[test]
fn a_receipt_that_goes_back_is_found() {
    let (mut judge, first) = stage();
    let said = content(&["prod-a"], &[]);
    let second = target(2, &said);
    judge.says(said);
    judge.head_written(second, Some(first.version));
    let failed = |tried| ReceiptSaid { status: ReceiptStatus::Failed, applied: None, ..in_sync(tried) };
    judge.wrote_receipt(&organization(), SPOKE, failed(second));
    assert_eq!(sentences(&judge), [""; 0]);
    judge.wrote_receipt(&organization(), SPOKE, failed(first));
    assert_eq!(sentences(&judge), ["R3"]);
}

#[test]
fn a_message_that_is_deleted_too_early_is_found() {
    let (mut judge, _) = stage();
    judge.received(&organization(), SPOKE, "m-1");
    judge.deleted(&organization(), SPOKE, "m-1", "{}");
    judge.received(&organization(), SPOKE, "m-2");
    judge.signed_life(&organization(), SPOKE);
    judge.deleted(&organization(), SPOKE, "m-2", "{}");
    assert_eq!(sentences(&judge), ["M17", "M17"]);
}

#[test]
fn a_message_of_a_pass_that_was_stopped_is_kept() {
    // Protocol R8.
    for (status, broken) in [(ReceiptStatus::Partial, 1), (ReceiptStatus::Applying, 1), (ReceiptStatus::Held, 0)] {
        let (mut judge, first) = stage();
        judge.received(&organization(), SPOKE, "m-1");
        judge.wrote_receipt(&organization(), SPOKE, ReceiptSaid { status, applied: None, ..in_sync(first) });
        judge.signed_life(&organization(), SPOKE);
        judge.deleted(&organization(), SPOKE, "m-1", "{}");
        assert_eq!(judge.violations().len(), broken, "{status}: {:?}", judge.violations());
    }
}

#[test]
fn a_number_that_is_skipped_or_given_to_anything_is_found() {
    let (mut judge, first) = stage();
    let unsaid = content(&["prod-evil"], &[]);
    judge.head_written(target(3, &unsaid), Some(first.version));
    assert_eq!(sentences(&judge), ["S10", "S3"]);
    judge.announced(target(4, &unsaid));
    assert_eq!(sentences(&judge)[2..], ["M2", "L7"]);
}
