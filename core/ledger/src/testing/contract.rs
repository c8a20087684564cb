//! What every ledger must do, whatever holds it: one function for each group of calls. Each panics
//! where a ledger does something else.
//!
//! A ledger may hold other things already, but nothing of the organizations and experiences that a
//! function names. All times are whole seconds, as receipts' texts compare them.

mod outbox;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::testing::{content_of, experience, now, organization, product, receipt, sealed, seen, version};
use pmp_protocol::{
    Answer, Answers, Confirmed, DecisionJournal, Decisions, Digest, Direction, ExperienceId, HeadMark, Hold,
    JournalEntry, OperatorConfirmation, OrganizationId, OrganizationSeen, Outcome, ProductAttributes, Receipt,
    ReceiptStatus, SpokeScope,
};

use crate::{
    Admission, AnswerStore, AuditHead, AuditStore, Directed, Extent, Found, Head, Lease, LeaseStore, LeaseTerm,
    LedgerError, Member, NewAuditEntry, NewJournal, NewRollout, NewSnapshot, Organization, ReceiptStore, RecordStore,
    Reports, RolloutStore, Roster, Said, SignedWith, SnapshotStore, Stored, StoredRollout, Taken, Watched,
};

pub use self::outbox::outbox;

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

/// A receipt of `organization` under `management`.
fn receipt_of(organization: &OrganizationId, management: &ExperienceId, member: &str, number: u64) -> Receipt {
    Receipt {
        organization: organization.clone(),
        experience: management.clone(),
        member_experience: experience(member),
        ..receipt(number, ReceiptStatus::InSync, None)
    }
}

fn seen_of(organization: &OrganizationId, management: &ExperienceId, spoke: Option<&str>) -> OrganizationSeen {
    let scope = |id: &str| SpokeScope { id: id.to_owned(), ..SpokeScope::of(None) };
    OrganizationSeen {
        organization: organization.clone(),
        experience: management.clone(),
        spoke: spoke.map(scope),
        ..seen()
    }
}

fn confirmation(
    organization: &OrganizationId,
    management: &ExperienceId,
    member: Option<&str>,
) -> OperatorConfirmation {
    OperatorConfirmation {
        organization: organization.clone(),
        experience: management.clone(),
        member_experience: member.map(experience),
        version: version(42),
        digest: Digest::of(b"now"),
        confirmed: Confirmed { by: "arn:operator".into(), at: now() },
    }
}

/// A version is taken once, the head names the newest one, and old ones go.
pub async fn snapshots(store: &dyn SnapshotStore) {
    // Protocol L3, L6, L9 and L10.
    let of = experience("exp-contract-snapshots");
    let contents = [&["prod-a"][..], &["prod-b"], &["prod-c"]].map(|approved| content_of(&of, approved, &["prod-x"]));
    let [one, two, three] = contents.each_ref().map(sealed);
    let new = |previous: Option<u64>, number: u64, sealed| NewSnapshot {
        experience: &of,
        previous: previous.map(version),
        version: version(number),
        taken_at: later(number.cast_signed()),
        sealed,
        statement: None,
        pinned: None,
    };
    let head = |number: u64, digest, published: Option<u64>, statement: Option<&str>| Head {
        latest: version(number),
        digest,
        taken_at: later(number.cast_signed()),
        chunks: 1,
        published: published.map(version),
        statement: statement.map(str::to_owned),
    };
    let (won, absent) =
        (Stored::Won { chunks: 1 }, |error: LedgerError| matches!(error, LedgerError::NoSnapshot { .. }));

    assert_eq!(store.head(&of).await.unwrap(), None);
    assert!(store.fetch(&of, version(1)).await.is_err_and(absent));
    assert!(!store.put_statement(&of, version(1), one.digest(), "no head yet").await.unwrap());
    assert_eq!(store.store(&new(Some(1), 2, &two)).await.unwrap(), Stored::Lost, "there is no version 1");
    assert_eq!(store.store(&new(None, 1, &one)).await.unwrap(), won);
    assert_eq!(store.store(&new(None, 1, &two)).await.unwrap(), Stored::Lost, "version 1 is taken");
    assert_eq!(store.fetch(&of, version(1)).await.unwrap().content(), &contents[0], "nothing of it was written");
    assert_eq!(store.head(&of).await.unwrap(), Some(head(1, one.digest(), None, None)));

    store.mark_published(&of, version(1), now()).await.unwrap();
    let signed = NewSnapshot { statement: Some("signed"), ..new(Some(1), 2, &two) };
    assert_eq!(store.store(&signed).await.unwrap(), won);
    assert_eq!(store.head(&of).await.unwrap(), Some(head(2, two.digest(), Some(1), Some("signed"))));
    store.mark_published(&of, version(2), now()).await.unwrap();
    store.mark_published(&of, version(1), now()).await.unwrap();
    assert!(store.put_statement(&of, version(2), two.digest(), "renewed").await.unwrap());
    assert!(!store.put_statement(&of, version(1), one.digest(), "of a version before").await.unwrap());
    assert!(!store.put_statement(&of, version(2), one.digest(), "of another content").await.unwrap());
    let second = head(2, two.digest(), Some(2), Some("renewed"));
    assert_eq!(store.head(&of).await.unwrap(), Some(second.clone()), "an older mark never counts");

    // Without a statement of its own, the new version has none. Operators may leave numbers out.
    assert_eq!(store.store(&new(Some(2), 5, &three)).await.unwrap(), won);
    let fifth = head(5, three.digest(), Some(2), None);
    assert_eq!(store.head(&of).await.unwrap(), Some(fifth.clone()));
    assert!(!store.mend(&of, &second, &two).await.unwrap(), "the head has changed");
    assert!(store.mend(&of, &fifth, &three).await.unwrap());
    let fetched = store.fetch(&of, version(5)).await.unwrap();
    assert_eq!((fetched.content(), fetched.taken_at(), fetched.digest()), (&contents[2], later(5), three.digest()));
    let digests = [(version(1), one.digest()), (version(2), two.digest()), (version(5), three.digest())];
    assert_eq!(store.digests(&of).await.unwrap(), BTreeMap::from(digests));

    assert_eq!(store.prune(&of, version(5), 5, &BTreeSet::new()).await.unwrap(), 0);
    assert_eq!(
        store.prune(&of, version(5), 3, &BTreeSet::new()).await.unwrap(),
        4,
        "an item with content and one with a digest, each"
    );
    assert!(store.fetch(&of, version(2)).await.is_err_and(absent));
    assert_eq!(store.digests(&of).await.unwrap(), BTreeMap::from([digests[2]]));
    assert_eq!(store.head(&of).await.unwrap(), Some(fifth));
}

/// The newest answers are named, and those before them can still be read.
pub async fn answers(store: &dyn AnswerStore) {
    // Protocol L11.
    let of = experience("exp-contract-answers");
    let some = |names: &[&str]| {
        let answer = |name: &&str| {
            let attributes = ProductAttributes { name: Some((*name).to_owned()), ..ProductAttributes::default() };
            (product(&format!("prod-{name}")), Answer { at: now(), attributes: Some(attributes) })
        };
        Answers { products: names.iter().map(answer).collect(), ..Answers::none(of.clone()) }
    };
    assert_eq!(store.latest(&of).await.unwrap(), None);
    let first = store.store(&some(&["a"]), later(1)).await.unwrap();
    assert_eq!((first.products, first.at, store.latest(&of).await.unwrap()), (1, later(1), Some(first)));
    let second = store.store(&some(&["a", "b"]), later(2)).await.unwrap();
    assert_eq!(store.latest(&of).await.unwrap(), Some(second));
    assert_eq!(store.fetch(&of, &first).await.unwrap(), some(&["a"]), "a member may be reading them");
    assert_eq!(store.fetch(&of, &second).await.unwrap(), some(&["a", "b"]));
    store.store(&some(&["c"]), later(3)).await.unwrap();
    assert!(store.fetch(&of, &first).await.is_err());
}

/// An older receipt never overwrites a newer one, unless that one is no true one.
pub async fn receipts(store: &dyn ReceiptStore) {
    // Protocol R3, R4 and R5.
    let (id, of) = (organization("o-contract0receipts"), experience("exp-contract-receipts"));
    let kept = async || store.organization(&id, &of).await.unwrap().receipts;
    let numbered = |number| receipt_of(&id, &of, "exp-b", number);
    assert_eq!(store.organization(&id, &of).await.unwrap(), Organization::unknown(id.clone()));

    assert!(store.put(&numbered(41), None).await.unwrap());
    assert!(!store.put(&numbered(40), None).await.unwrap());
    assert!(store.put(&numbered(41), None).await.unwrap(), "a pass may say more about the same version");
    assert!(store.put(&numbered(99), None).await.unwrap());
    let other = Found { digest: Some(Digest::of(b"another").to_string()), ..Found::of(&numbered(99)) };
    assert!(!store.put(&numbered(42), Some(&other)).await.unwrap(), "it is not the one that was found");
    assert!(!store.put(&numbered(42), Some(&Found::of(&numbered(98)))).await.unwrap());
    assert!(store.put(&numbered(42), Some(&Found::of(&numbered(99)))).await.unwrap(), "the one that was found goes");
    assert!(store.put(&numbered(99), None).await.unwrap());
    let without_digest = Found { digest: None, ..Found::of(&numbered(99)) };
    assert!(store.put(&numbered(42), Some(&without_digest)).await.unwrap());
    assert_eq!(kept().await, [numbered(42)]);

    let received = |number, second| Receipt { received_at: later(second), ..numbered(number) };
    assert!(!store.put_late(&received(42, -1)).await.unwrap(), "a pass that began later wrote");
    assert!(store.put_late(&received(42, 0)).await.unwrap());
    assert!(store.put_late(&received(42, 1)).await.unwrap());
    assert!(!store.put_late(&received(41, 2)).await.unwrap());
    assert!(store.put_late(&received(43, -5)).await.unwrap());
    let first = receipt_of(&id, &of, "exp-a", 7);
    assert!(store.put_late(&first).await.unwrap(), "there was none");
    assert_eq!(kept().await, [first, received(43, -5)], "by member experience");

    // What is of another management experience, or of another organization, is beside it.
    let elsewhere = receipt_of(&id, &experience("exp-contract-receipts-2"), "exp-b", 7);
    assert!(store.put(&elsewhere, None).await.unwrap());
    let others = receipt_of(&organization("o-contract0receipts2"), &of, "exp-b", 7);
    assert!(store.put(&others, None).await.unwrap());
    assert_eq!(kept().await.len(), 2);
}

/// The organization has one sign of life, and each of its spokes one of its own.
pub async fn signs_of_life(store: &dyn ReceiptStore) {
    let (id, of) = (organization("o-contract0signs"), experience("exp-contract-signs"));
    let (nameless, all, one) =
        (seen_of(&id, &of, None), seen_of(&id, &of, Some("all")), seen_of(&id, &of, Some("only-1")));
    store.put_spoke(&nameless).await.unwrap();
    assert_eq!(store.organization(&id, &of).await.unwrap().spokes, [], "of which spoke would it be?");
    store.put_seen(&nameless).await.unwrap();
    store.put_spoke(&one).await.unwrap();
    store.put_spoke(&all).await.unwrap();
    let again = OrganizationSeen { last_seen: later(9), ..one.clone() };
    store.put_spoke(&again).await.unwrap();
    let found = store.organization(&id, &of).await.unwrap();
    assert_eq!((found.seen, found.spokes), (Some(nameless), vec![all, again.clone()]));
    store.put_seen(&again).await.unwrap();
    assert_eq!(store.organization(&id, &of).await.unwrap().seen, Some(again));
}

/// A confirmation replaces the one before it, and only the one that is named is taken back.
pub async fn confirmations(store: &dyn ReceiptStore) {
    let (id, of) = (organization("o-contract0confirm"), experience("exp-contract-confirm"));
    let (all, one) = (confirmation(&id, &of, None), confirmation(&id, &of, Some("exp-a")));
    let kept = async || store.organization(&id, &of).await.unwrap().confirmations;
    store.put_confirmation(&one).await.unwrap();
    store.put_confirmation(&all).await.unwrap();
    let newer = OperatorConfirmation { version: version(43), ..one.clone() };
    store.put_confirmation(&newer).await.unwrap();
    assert_eq!(kept().await, [all.clone(), newer.clone()]);
    assert!(!store.delete_confirmation(&one).await.unwrap(), "another version is confirmed by now");
    assert!(store.delete_confirmation(&newer).await.unwrap());
    assert!(!store.delete_confirmation(&newer).await.unwrap());
    assert_eq!(kept().await, [all]);
}

/// The mark only rises, and what was trusted before is kept for each organization.
pub async fn marks(store: &dyn ReceiptStore) {
    // Protocol L7.
    let of = experience("exp-contract-marks");
    let mark = |number, content: &[u8]| HeadMark { version: version(number), digest: Digest::of(content), at: now() };
    assert_eq!(store.mark(&of).await.unwrap(), None);
    for (raised, stands) in [
        (mark(5, b"five"), mark(5, b"five")),
        (mark(4, b"four"), mark(5, b"five")),
        (mark(5, b"again"), mark(5, b"again")),
        (mark(6, b"six"), mark(6, b"six")),
    ] {
        store.raise(&of, raised).await.unwrap();
        assert_eq!(store.mark(&of).await.unwrap(), Some(stands));
    }
    let (alpha, beta) = (organization("o-contract0alpha"), organization("o-contract0beta"));
    assert_eq!(store.trusted(&alpha, &of).await.unwrap(), None);
    store.put_trusted(&alpha, &of, "first").await.unwrap();
    store.put_trusted(&alpha, &of, "second").await.unwrap();
    assert_eq!(store.trusted(&alpha, &of).await.unwrap().as_deref(), Some("second"));
    assert_eq!(store.trusted(&beta, &of).await.unwrap(), None);
}

/// Of two writers of a journal one gets it, and an outcome replaces the hundredth before it.
pub async fn records(store: &dyn RecordStore) {
    let (id, of) = (organization("o-contract0records"), experience("exp-contract-records"));
    let (a, ab) = (experience("exp-a"), experience("exp-ab"));
    let journal = |number| {
        let entry = JournalEntry::new(version(number), Digest::of(b"it"), now(), ReceiptStatus::InSync, None);
        DecisionJournal::new(entry, Decisions::default())
    };
    let (first, second) = (journal(1), journal(2));
    let put = async |member: &ExperienceId, journal: &DecisionJournal, found: Option<u64>| {
        let new = NewJournal { organization: &id, experience: &of, member, journal, found, expires_at: later(99) };
        store.put_journal(&new).await.unwrap()
    };
    let none = store.journal(&id, &of, &a).await.unwrap();
    assert_eq!((none.journal, none.revision), (None, None));
    assert!(!put(&a, &first, Some(1)).await, "there is none");
    assert!(put(&a, &first, None).await);
    assert!(!put(&a, &second, None).await, "another pass wrote one");
    assert!(put(&a, &second, Some(1)).await);
    assert!(!put(&a, &first, Some(1)).await);
    let found = store.journal(&id, &of, &a).await.unwrap();
    assert_eq!((found.journal, found.revision), (Some(second.clone()), Some(2)));
    assert!(put(&ab, &first, None).await);
    let all = store.journals(&id, &of, Extent::Usual).await.unwrap();
    assert_eq!(all.found, BTreeMap::from([(a.clone(), Ok(second)), (ab.clone(), Ok(first))]));
    assert!(all.unreadable.is_empty() && !all.more);

    let outcome = |member: &ExperienceId, second| {
        let receipt = receipt_of(&id, &of, member.as_str(), 7);
        Outcome::of(&receipt, later(second))
    };
    for (member, number, second) in [(&a, 0, 1), (&a, 1, 2), (&ab, 0, 3), (&a, 100, 4)] {
        store.put_outcome(&outcome(member, second), number, later(99)).await.unwrap();
    }
    let read =
        async |member: Option<&ExperienceId>| store.outcomes(&id, &of, member, Extent::Usual).await.unwrap().found;
    assert_eq!(read(None).await, [outcome(&a, 4), outcome(&ab, 3), outcome(&a, 2)]);
    assert_eq!(read(Some(&a)).await, [outcome(&a, 4), outcome(&a, 2)]);
    assert_eq!(read(Some(&experience("exp-c"))).await, []);
}

/// One holder at a time, and only somebody who dies loses it.
pub async fn leases(store: &dyn LeaseStore) {
    // Protocol L17 and L19.
    let id = organization("o-contract0leases");
    let lease =
        |holder: &str| Lease::new(id.clone(), holder.into(), format!("spoke {holder}"), now(), LeaseTerm::DEFAULT);
    let held_by = |lease: &Lease| Taken::HeldBy(Some(Box::new(lease.clone())));
    let (a, b) = (lease("a"), lease("b"));
    assert_eq!(store.held(&id).await.unwrap(), None);
    assert_eq!(store.renew(&a).await.unwrap(), Taken::HeldBy(None), "there is nothing to renew");
    assert_eq!(store.take(&a, now(), None).await.unwrap(), Taken::Yes);
    assert_eq!(store.take(&b, later(59), None).await.unwrap(), held_by(&a));
    assert_eq!(store.take(&a, now(), None).await.unwrap(), Taken::Yes, "its own");
    let renewed = a.renewed(later(2));
    assert_eq!(store.renew(&renewed).await.unwrap(), Taken::Yes);
    assert_eq!(store.renew(&b).await.unwrap(), held_by(&renewed));
    assert_eq!(store.held(&id).await.unwrap(), Some(renewed.clone()));

    let watched =
        |lease: &Lease, seconds| Watched { lease: lease.clone(), unchanged_for: Duration::from_secs(seconds) };
    assert_eq!(store.take(&b, now(), Some(&watched(&renewed, 9))).await.unwrap(), held_by(&renewed), "not for a term");
    assert_eq!(store.take(&b, now(), Some(&watched(&a, 10))).await.unwrap(), held_by(&renewed), "it was renewed");
    assert_eq!(store.take(&b, now(), Some(&watched(&renewed, 10))).await.unwrap(), Taken::Yes);
    assert_eq!(store.renew(&renewed).await.unwrap(), held_by(&b));
    assert_eq!(store.renew(&b.given_back()).await.unwrap(), Taken::Yes);
    assert_eq!(store.held(&id).await.unwrap(), Some(b.given_back()));
    assert_eq!(store.take(&a, now(), None).await.unwrap(), Taken::Yes, "it was given back");
    assert_eq!(store.take(&b, later(60), None).await.unwrap(), Taken::Yes, "it has run out");
}

/// An organization is admitted once, and all of it goes when it is forgotten.
pub async fn roster(roster: &dyn Roster, receipts: &dyn ReceiptStore) {
    // Protocol L22.
    let (id, of) = (organization("o-contract0roster"), experience("exp-contract-roster"));
    let member = |large| Member {
        organization: id.clone(),
        experience: of.clone(),
        admitted_by: "arn:operator".into(),
        admitted_at: now(),
        large,
    };
    let other = Member { organization: organization("o-contract0another"), ..member(false) };
    for (admitted, admission) in [
        (member(false), Admission::New),
        (member(false), Admission::AsBefore),
        (member(true), Admission::Large),
        (member(true), Admission::AsBefore),
        (member(false), Admission::AsBefore),
        (other.clone(), Admission::New),
    ] {
        assert_eq!(roster.admit(&admitted).await.unwrap(), admission);
    }
    assert_eq!(roster.members(&of).await.unwrap(), [other.clone(), member(true)]);

    for member in ["exp-a", "exp-b"] {
        receipts.put(&receipt_of(&id, &of, member, 7), None).await.unwrap();
    }
    receipts.put_seen(&seen_of(&id, &of, Some("all"))).await.unwrap();
    receipts.put_spoke(&seen_of(&id, &of, Some("all"))).await.unwrap();
    receipts.put_confirmation(&confirmation(&id, &of, None)).await.unwrap();
    receipts.put_trusted(&id, &of, "signed").await.unwrap();
    // Of another management experience, whose id begins with this one.
    let of_another = experience("exp-contract-roster-2");
    let elsewhere = receipt_of(&id, &of_another, "exp-a", 7);
    receipts.put(&elsewhere, None).await.unwrap();
    let direction = Direction { generation: 1, ..Direction::none(of_another.clone(), Some(id.clone())) };
    assert!(receipts.put_direction(&Directed { direction, statement: None }, 0).await.unwrap());
    let hold = Hold {
        experience: of_another.clone(),
        until: later(60),
        by: "Ada".into(),
        at: now(),
        reason: "not now".into(),
        released_at: None,
    };
    receipts.put_hold(&id, &hold).await.unwrap();
    assert_eq!(roster.forget(&id, &of).await.unwrap(), 7, "two receipts, two signs, and three more");
    assert_eq!(roster.forget(&id, &of).await.unwrap(), 0);
    assert_eq!(roster.members(&of).await.unwrap(), [other]);
    assert_eq!(receipts.organization(&id, &of).await.unwrap(), Organization::unknown(id.clone()));
    let other = receipts.organization(&id, &of_another).await.unwrap();
    assert_eq!((other.receipts, other.hold), (vec![elsewhere], Some(hold)));
    assert_ne!(receipts.direction(&of_another, Some(&id)).await.unwrap(), Said::Nothing);
}

/// Of two who append to an audit one does, and entries are read page by page.
pub async fn audit(store: &dyn AuditStore) {
    // Protocol A4.
    let (of, other) = (experience("exp-contract-audit"), experience("exp-contract-audit-2"));
    let head = |number: u64, told| {
        let digest = Digest::of(format!("entry {number}").as_bytes());
        AuditHead { number, digest, told, noted: None }
    };
    let append = async |before: Option<&AuditHead>, head: &AuditHead, seen: Option<&[u8]>| {
        let text = format!("entry {}", head.number);
        store.append(&NewAuditEntry { experience: &of, before, text: &text, head, seen }).await.unwrap()
    };
    assert_eq!((store.head(&of).await.unwrap(), store.seen(&of).await.unwrap()), (None, Vec::new()));
    assert_eq!(store.page(&of, 1, 99).await.unwrap(), []);
    let (one, two) = (head(1, None), AuditHead { noted: Some("waves".to_owned()), ..head(2, Some(version(7))) });
    assert!(!append(Some(&one), &two, None).await, "there is no first one yet");
    assert!(append(None, &one, None).await);
    assert!(!append(None, &one, None).await, "somebody else was first");
    assert!(append(Some(&one), &two, Some(b"prints")).await);
    assert!(!append(Some(&one), &two, None).await, "it is there already");
    assert!(!append(Some(&one), &head(3, None), None).await, "the head is another one");
    let another = AuditHead { digest: Digest::of(b"another"), ..two.clone() };
    assert!(!append(Some(&another), &head(3, None), None).await, "the head has another digest");
    assert_eq!(store.head(&of).await.unwrap().as_ref(), Some(&two));
    for number in 3..=11 {
        let [before, next] = [number - 1, number].map(|number| head(number, Some(version(7))));
        assert!(append(Some(&before), &next, None).await);
    }
    assert_eq!(store.head(&of).await.unwrap(), Some(head(11, Some(version(7)))));
    assert_eq!(store.seen(&of).await.unwrap(), b"prints");
    let page = store.page(&of, 2, 10).await.unwrap();
    assert_eq!(page.iter().map(|entry| entry.number).collect::<Vec<_>>(), (2..=10).collect::<Vec<_>>());
    assert_eq!((page[0].text.as_str(), page[0].digest.clone()), ("entry 2", two.digest.to_string()));
    assert_eq!(store.head(&other).await.unwrap(), None);
}

/// The hub reads what an organization wrote, and what was confirmed where something is held.
pub async fn reports(reports: &dyn Reports, receipts: &dyn ReceiptStore) {
    let (id, of) = (organization("o-contract0reports"), experience("exp-contract-reports"));
    let report = async || reports.report(&id, &of, Extent::Usual).await.unwrap();
    assert!(report().await.is_empty());
    assert_eq!(reports.all(&of).await.unwrap(), []);
    let receipt = receipt_of(&id, &of, "exp-a", 42);
    receipts.put(&receipt, None).await.unwrap();
    receipts.put_seen(&seen_of(&id, &of, Some("all"))).await.unwrap();
    receipts.put_spoke(&seen_of(&id, &of, Some("all"))).await.unwrap();
    receipts.put_confirmation(&confirmation(&id, &of, None)).await.unwrap();
    let told = report().await.organization;
    assert_eq!((told.receipts, told.spokes.len(), told.confirmations), (vec![receipt.clone()], 1, vec![]));
    let held = Receipt { status: ReceiptStatus::Held, ..receipt };
    receipts.put(&held, None).await.unwrap();
    let told = report().await;
    assert_eq!(told.organization.confirmations, [confirmation(&id, &of, None)]);
    assert_eq!(reports.all(&of).await.unwrap(), [told]);
    assert!(reports.partitions().await.unwrap().organizations.contains(&id));
    assert!(!reports.management_experiences().await.unwrap().contains(&of), "no hub stored a snapshot of it");
    receipts.raise(&of, HeadMark { version: version(1), digest: Digest::of(b"one"), at: now() }).await.unwrap();
    assert!(reports.management_experiences().await.unwrap().contains(&of));
}

/// The keys of a hub are written over those that were read, and over no others.
pub async fn signed_with(store: &dyn ReceiptStore) {
    let (of, other) = (experience("exp-contract-keys"), experience("exp-contract-keys-2"));
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    assert_eq!(store.signed_with(&of).await.unwrap(), SignedWith::default());
    assert!(!store.put_signed_with(&of, &keys(&["late"]), 1).await.unwrap(), "there are none to write over");
    assert!(store.put_signed_with(&of, &keys(&["one"]), 0).await.unwrap());
    assert!(!store.put_signed_with(&of, &keys(&["another first"]), 0).await.unwrap());
    assert!(store.put_signed_with(&of, &keys(&["one", "two"]), 1).await.unwrap());
    assert!(!store.put_signed_with(&of, &keys(&["late"]), 1).await.unwrap(), "of two hubs one wins");
    let stored = SignedWith { generation: 2, keys: keys(&["one", "two"]) };
    assert_eq!(store.signed_with(&of).await.unwrap(), stored);
    assert_eq!(store.signed_with(&other).await.unwrap(), SignedWith::default());
}

/// The state of waves is written over the one that was read, and over no other.
pub async fn rollouts(store: &dyn RolloutStore) {
    let (of, other) = (experience("exp-contract-rollouts"), experience("exp-contract-rollouts-2"));
    let stored = |generation, state: &str| Some(StoredRollout { generation, state: state.to_owned() });
    let new = |state: &str| NewRollout { state: state.to_owned(), stand_in: "packed".to_owned() };
    assert_eq!(store.rollout(&of).await.unwrap(), None);
    assert!(!store.put_rollout(&of, &new("late"), 1).await.unwrap(), "there is none to write over");
    assert!(store.put_rollout(&of, &new("one"), 0).await.unwrap());
    assert!(!store.put_rollout(&of, &new("another first"), 0).await.unwrap());
    assert!(store.put_rollout(&of, &new("two"), 1).await.unwrap());
    assert!(!store.put_rollout(&of, &new("late"), 1).await.unwrap(), "of two hubs one wins");
    assert_eq!(store.rollout(&of).await.unwrap(), stored(2, "two"));
    assert_eq!(store.rollout(&other).await.unwrap(), None);
    // More than one item holds, as text.
    let large: String = (0..40_000).map(|at| format!("o-{at:010}")).collect();
    assert!(store.put_rollout(&of, &new(&large), 2).await.unwrap());
    assert_eq!(store.rollout(&of).await.unwrap(), stored(3, &large));
    assert!(store.put_rollout(&of, &new("small again"), 3).await.unwrap());
    assert_eq!(store.rollout(&of).await.unwrap(), stored(4, "small again"));
}

#[cfg(test)]
mod tests {
    use crate::testing::MemoryLedger;

    #[tokio::test]
    async fn the_ledger_in_memory_does_what_every_ledger_must() {
        let ledger = MemoryLedger::default();
        super::snapshots(&ledger).await;
        super::answers(&ledger).await;
        super::receipts(&ledger).await;
        super::signs_of_life(&ledger).await;
        super::confirmations(&ledger).await;
        super::marks(&ledger).await;
        super::signed_with(&ledger).await;
        super::records(&ledger).await;
        super::leases(&ledger).await;
        super::roster(&ledger, &ledger).await;
        super::reports(&ledger, &ledger).await;
        super::outbox(&ledger).await;
        super::rollouts(&ledger).await;
        super::audit(&ledger).await;
    }
}
