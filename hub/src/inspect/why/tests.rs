use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use pmp_ledger::testing::head;
use pmp_ledger::{Head, Organization};
use pmp_protocol::testing::{self, now, version};
use pmp_protocol::{Applied, Content, Decisions, Digest, Listing, ResourceRequests};

use super::*;
use crate::inspect::kept::KeptSnapshot;

fn digest(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

fn product() -> ProductId {
    ProductId::new("prod-a").unwrap()
}

/// Snapshots 41 and 42, which list the product as `before` and `after`.
fn kept(before: Option<Listed>, after: Option<Listed>) -> Kept {
    let snapshot = |number: u64, listed: Option<Listed>| {
        let ids =
            |is: Listed| listed.filter(|listed| *listed == is).map(|_| product()).into_iter().collect::<BTreeSet<_>>();
        let (approved, rejected) = (ids(Listed::Approved), ids(Listed::Rejected));
        let experience = ExperienceId::new("exp-management").unwrap();
        let content = Content::new(experience, approved, rejected, BTreeMap::new(), ResourceRequests::Allow).unwrap();
        let listing = Arc::new(Listing::of(&content));
        (
            version(number),
            KeptSnapshot {
                digest: digest(number),
                taken_at: now(),
                listed,
                note: None,
                listing,
                approved: content.approved().len(),
            },
        )
    };
    Kept::new([snapshot(41, before), snapshot(42, after)].into())
}

fn view() -> View {
    let head = Head { digest: digest(42), taken_at: now(), published: None, ..head(42) };
    View { head: Some(head), ..View::default() }
}

fn entry(number: u64, status: ReceiptStatus) -> JournalEntry {
    JournalEntry::new(version(number), digest(number), now() - SignedDuration::from_mins(1), status, None)
}

/// A journal with this decision about the product at 42, and none at 41.
fn journal(kept: &Kept, ground: Option<Ground>, status: ReceiptStatus) -> DecisionJournal {
    let listing = |number| kept.snapshots[&version(number)].listing.clone();
    let product = product();
    let decisions = Decisions::of(&listing(42), ground.map(|ground| (&product, ground)));
    let journal = DecisionJournal::new(entry(41, ReceiptStatus::InSync), Decisions::default());
    journal.with(entry(42, status), decisions, &listing(42), &listing(41))
}

fn receipt(number: u64, status: ReceiptStatus, error: Option<&str>) -> Receipt {
    let applied = Applied { version: version(41), digest: digest(41), at: now() };
    Receipt {
        digest: digest(number),
        applied: Some(applied).filter(|_| status != ReceiptStatus::InSync),
        ..testing::receipt(number, status, error)
    }
}

fn asked(
    kept: &Kept,
    receipt: Receipt,
    journal: Option<Result<DecisionJournal, String>>,
    moment: Moment,
) -> (Stance, String) {
    let organization = receipt.organization.clone();
    let member = receipt.member_experience.clone();
    let report = Report {
        organization: Organization { receipts: vec![receipt], ..Organization::unknown(organization.clone()) },
        more: false,
    };
    let found = journal.map(|journal| (member, journal)).into_iter().collect();
    let known = Known { organization, report: Ok(report), journals: Journals { found, ..Journals::default() } };
    let answers = answers(&known, &view(), kept, &product(), moment, now());
    let [answer] = &answers[..] else { panic!("{answers:?}") };
    (answer.stance, answer.why.clone())
}

#[test]
fn the_answer_is_what_is_in_force_with_what_stands_in_its_way() {
    let approved = Some(Listed::Approved);
    let excluded = Ground::new(GroundKind::Excluded, Some("not here"));
    let aside = Ground::new(GroundKind::Deferred, Some("ENTITY_NOT_FOUND"));
    let (in_sync, held, failed) = (ReceiptStatus::InSync, ReceiptStatus::Held, ReceiptStatus::Failed);
    let cases = [
        (approved, approved, None, in_sync, Stance::Approved, ""),
        (approved, approved, Some(excluded.clone()), in_sync, Stance::Filtered, "not here"),
        (approved, approved, Some(aside.clone()), ReceiptStatus::Partial, Stance::Deferred, "ENTITY_NOT_FOUND"),
        (
            approved,
            Some(Listed::Rejected),
            Some(aside),
            ReceiptStatus::Partial,
            Stance::Deferred,
            "ENTITY_NOT_FOUND; to be rejected",
        ),
        (approved, Some(Listed::Rejected), None, in_sync, Stance::Rejected, ""),
        (approved, None, None, in_sync, Stance::NotListed, ""),
        (
            approved,
            None,
            None,
            held,
            Stance::Held,
            "a guard rail holds snapshot 42, which would make it not listed; until then approved",
        ),
        (approved, approved, None, held, Stance::Approved, ""),
        (
            None,
            approved,
            Some(excluded),
            failed,
            Stance::Error,
            "it failed to apply snapshot 42, which would make it filtered (not here); until then not listed",
        ),
    ];
    for (before, after, ground, status, stance, why) in cases {
        let kept = kept(before, after);
        let journal = journal(&kept, ground, status);
        let (found, said) = asked(&kept, receipt(42, status, None), Some(Ok(journal.clone())), Moment::Now);
        assert_eq!((found, said.as_str()), (stance, why), "{before:?} {after:?} {status}");
        // At the snapshot before, nothing had been decided about the product.
        let then = asked(&kept, receipt(42, status, None), Some(Ok(journal)), Moment::Version(version(41))).0;
        assert_eq!(then, if before.is_some() { Stance::Approved } else { Stance::NotListed });
    }
}

#[test]
fn what_does_not_match_the_ledger_is_disputed_and_what_cannot_be_told_is_said() {
    let kept = kept(Some(Listed::Approved), Some(Listed::Approved));
    let synced = || receipt(42, ReceiptStatus::InSync, None);
    let one = |entry| Some(Ok(DecisionJournal::new(entry, Decisions::default())));
    let forged = JournalEntry { check: 7, ..entry(42, ReceiptStatus::InSync) };
    for (entry, why) in [
        (forged, "its record is about another snapshot 42 than the ledger has"),
        (entry(43, ReceiptStatus::InSync), "the ledger has no snapshot 43: the newest is 42"),
    ] {
        assert_eq!(asked(&kept, synced(), one(entry), Moment::Now), (Stance::Disputed, why.to_owned()));
    }
    let soon = JournalEntry { at: now() + SignedDuration::from_hours(1), ..entry(42, ReceiptStatus::InSync) };
    assert_eq!(asked(&kept, synced(), one(soon), Moment::Now).0, Stance::Disputed);
    let gone = asked(&kept, synced(), one(entry(40, ReceiptStatus::InSync)), Moment::Version(version(41)));
    assert_eq!(gone, (Stance::Unknown, "snapshot 40 is not kept any more".to_owned()));
    let early = asked(&kept, synced(), one(entry(42, ReceiptStatus::InSync)), Moment::Version(version(41)));
    assert_eq!(early.0, Stance::Unknown);
    let broken = asked(&kept, synced(), Some(Err("garbage".to_owned())), Moment::Now);
    assert_eq!(broken, (Stance::Unreadable, "its record cannot be read: garbage".to_owned()));
    let wrong = Receipt { digest: Digest::of(b"another"), ..synced() };
    assert_eq!(asked(&kept, wrong, None, Moment::Now).0, Stance::Disputed);
}

#[test]
fn a_spoke_of_an_earlier_release_is_asked_by_its_receipt() {
    let kept = kept(Some(Listed::Approved), Some(Listed::Approved));
    let synced = || receipt(42, ReceiptStatus::InSync, None);
    let synced = || Receipt { applied_at: Some(now()), filtered: 0, ..synced() };
    assert_eq!(asked(&kept, synced(), None, Moment::Now).0, Stance::Approved);
    let filtered = Receipt { filtered: 3, ..synced() };
    assert_eq!(asked(&kept, filtered, None, Moment::Now).0, Stance::Unknown);
    assert_eq!(asked(&kept, synced(), None, Moment::Version(version(41))).0, Stance::Unknown);
    let skipped = receipt(42, ReceiptStatus::Skipped, Some("archived"));
    assert_eq!(asked(&kept, skipped, None, Moment::Now), (Stance::Skipped, "archived".to_owned()));
}

#[test]
fn what_is_alike_is_one_group_and_the_largest_comes_first() {
    let answer = |organization: &str, stance: Stance, why: &str| Answer {
        organization: OrganizationId::new(organization).unwrap(),
        member_experience: None,
        stance,
        approved: None,
        why: why.to_owned(),
        version: None,
        decided_at: None,
        filter: None,
    };
    let mut answers: Vec<_> = (0..180).map(|n| answer(&format!("o-alpha{n:05}"), Stance::Approved, "")).collect();
    answers.extend((0..12).map(|n| answer(&format!("o-beta{:06}", n / 2), Stance::Filtered, "no AI")));
    answers.extend((0..3).map(|_| answer("o-gamma00000", Stance::Deferred, "no such product")));
    let groups = groups(&answers);
    let told: Vec<_> = groups.iter().map(|group| (group.stance, group.experiences, group.organizations)).collect();
    assert_eq!(told, [(Stance::Approved, 180, 180), (Stance::Filtered, 12, 6), (Stance::Deferred, 3, 1)]);
    assert_eq!(summary(&answers), "approved in 180, filtered in 12, set aside in 3");
}

#[test]
fn a_receipt_tells_what_its_record_would_where_all_is_as_listed() {
    let applied = |number| Applied { version: version(number), digest: digest(number), at: now() };
    let in_step = Receipt { applied: Some(applied(42)), ..receipt(42, ReceiptStatus::InSync, None) };
    for (before, after) in [(None, Some(Listed::Approved)), (Some(Listed::Approved), Some(Listed::Rejected))] {
        let kept = kept(before, after);
        let record = Some(Ok(journal(&kept, None, ReceiptStatus::InSync)));
        let by_record = asked(&kept, in_step.clone(), record, Moment::Now);
        assert_eq!(asked(&kept, in_step.clone(), None, Moment::Now), by_record);
    }
    // A version behind, it is told as not there yet.
    let behind = Receipt { applied: Some(applied(41)), ..receipt(41, ReceiptStatus::InSync, None) };
    let kept = kept(None, Some(Listed::Approved));
    assert_eq!(asked(&kept, behind, None, Moment::Now).0, Stance::NotYet);
    // In all other cases the receipt does not tell enough.
    for other in [
        Receipt { filtered: 1, ..in_step.clone() },
        Receipt {
            filter: Some(FilterIdentity { name: "f".into(), version: "1".into(), digest: digest(7) }),
            ..in_step.clone()
        },
        Receipt { applied: Some(applied(41)), ..in_step.clone() },
        Receipt { status: ReceiptStatus::Held, ..in_step.clone() },
        Receipt { status: ReceiptStatus::Partial, ..in_step.clone() },
    ] {
        assert!(told_by(&other).is_none(), "{other:?}");
    }
}

#[test]
fn a_decision_for_an_older_snapshot_that_came_later_is_of_another_time() {
    // A pin went back from 7 to 3: the newest first.
    let entries = [3, 7, 4].map(|number| entry(number, ReceiptStatus::InSync));
    let of_then = |number| Moment::Version(version(number)).of_then(&entries);
    assert_eq!([7, 4, 3].map(of_then), [Some(1), Some(2), Some(0)]);
    assert_eq!(of_then(5), Some(2), "5 was never decided there: what was in force was 4");
    assert_eq!(of_then(2), None, "nothing is kept from before 4");
    assert_eq!(of_then(9), Some(0));
    assert_eq!(Moment::Now.of_then(&entries), Some(0));
    assert_eq!(Moment::Now.of_then(&[]), None);
}
