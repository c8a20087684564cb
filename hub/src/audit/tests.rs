use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use pmp_audit::{Publishing, Told, Verifier, last_line, line};
use pmp_ledger::testing::MemoryLedger;
use pmp_ledger::{AuditStore, RecordStore, Report, StoredEntry};
use pmp_protocol::testing::{content_of, experience, now, receipt, snapshot, version};
use pmp_protocol::{Counts, ExperienceId, OrganizationId, Receipt, ReceiptStatus, Recorded, SnapshotVersion};

use super::outcomes::news;
use super::*;
use crate::error::HubError;
use crate::publish::{Outcome, Published, Trigger};
use crate::status::fleet::{Looked, View};

#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        now()
    }
}

fn auditor(ledger: &Arc<MemoryLedger>) -> Auditor {
    Auditor::of(ledger.clone(), experience("exp-management"), Arc::new(Fixed), "arn:aws:iam::111111111111:user/ada")
}

fn admit() -> Event {
    Event::Admit { organizations: vec![OrganizationId::new("o-alpha00000").unwrap()], large: false }
}

/// The actions of all entries, which have to belong together.
async fn actions(ledger: &MemoryLedger) -> Vec<String> {
    let of = experience("exp-management");
    let entries = AuditStore::page(ledger, &of, 1, 999).await.unwrap();
    let Some(head) = AuditStore::head(ledger, &of).await.unwrap() else { return Vec::new() };
    let mut verifier = Verifier::new(None);
    for entry in &entries {
        verifier.line(line(&entry.text, &entry.digest).as_bytes()).unwrap();
    }
    verifier.line(last_line(&of, 1, head.number, &head.digest).as_bytes()).unwrap();
    assert_eq!(verifier.finish().unwrap().last, head.number);
    entries.iter().map(|entry| Told::read(&entry.text).unwrap().action).collect()
}

#[tokio::test]
async fn what_is_asked_for_stands_there_before_it_is_done() {
    // Protocol A9.
    let ledger = Arc::new(MemoryLedger::default());
    let auditor = auditor(&ledger);
    let asked = auditor.asked(admit()).await.unwrap();
    assert_eq!(actions(&ledger).await, ["admit"]);
    asked.done(Ok::<(), HubError>(())).await.unwrap();
    let asked = auditor.asked(admit()).await.unwrap();
    let failed: Result<(), _> = Err(HubError::DirectionTaken { whose: "the fleet".to_owned() });
    assert!(asked.done(failed).await.unwrap_err().one_line().contains("changed by someone else"));
    assert_eq!(actions(&ledger).await, ["admit", "admit", "failed"]);
}

#[tokio::test]
async fn without_an_entry_nothing_is_done() {
    // Protocol A9.
    let ledger = Arc::new(MemoryLedger::default());
    ledger.fail();
    let failure = auditor(&ledger).asked(admit()).await.unwrap_err();
    assert!(failure.one_line().starts_with("nothing was done, because it cannot be written into the audit"));
}

#[tokio::test(start_paused = true)]
async fn entries_of_many_at_once_are_one_chain() {
    // Protocol A3.
    let ledger = Arc::new(MemoryLedger::default());
    let auditors: Vec<_> = (0..6).map(|_| auditor(&ledger)).collect();
    let all = auditors.iter().map(|auditor| auditor.append(admit()));
    assert!(futures::future::join_all(all).await.into_iter().all(|entry| entry.is_ok()));
    assert_eq!(actions(&ledger).await.len(), 6);
}

/// A chain to which somebody else appends first, each time.
#[derive(Debug)]
struct Contended(MemoryLedger);

#[async_trait]
impl AuditStore for Contended {
    async fn head(&self, experience: &ExperienceId) -> Result<Option<AuditHead>, LedgerError> {
        AuditStore::head(&self.0, experience).await
    }

    async fn append(&self, _: &NewAuditEntry<'_>) -> Result<bool, LedgerError> {
        Ok(false)
    }

    async fn page(&self, experience: &ExperienceId, from: u64, to: u64) -> Result<Vec<StoredEntry>, LedgerError> {
        AuditStore::page(&self.0, experience, from, to).await
    }

    async fn seen(&self, experience: &ExperienceId) -> Result<Vec<u8>, LedgerError> {
        AuditStore::seen(&self.0, experience).await
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_second_each_time_gives_up_and_does_nothing() {
    let store = Arc::new(Contended(MemoryLedger::default()));
    let auditor = Auditor::of(store, experience("exp-management"), Arc::new(Fixed), "arn:someone");
    assert_eq!(auditor.asked(admit()).await.unwrap_err().code().to_string(), "E4001");
}

fn published(number: u64, outcome: Outcome) -> Published {
    Published {
        experience: experience("exp-management"),
        version: version(number),
        digest: Digest::of(format!("{number}").as_bytes()),
        counts: Counts { approved: 1, rejected: 0 },
        outcome,
        pinned: None,
        taken_back: None,
        sent: None,
        stepped: false,
    }
}

/// A ledger that keeps these versions.
fn ledger_with(versions: std::ops::RangeInclusive<u64>) -> Arc<MemoryLedger> {
    let ledger = MemoryLedger::default();
    for number in versions {
        let content = content_of(&experience("exp-management"), &["prod-a"], &[]);
        ledger.keep(&snapshot(number, &content));
    }
    Arc::new(ledger)
}

#[tokio::test]
async fn a_version_that_no_entry_tells_of_is_told_of_by_the_next_run() {
    let ledger = ledger_with(1..=5);
    let auditor = auditor(&ledger);
    let publish = async |number, outcome, trigger| {
        let published = published(number, outcome);
        let published = Some((&published, trigger));
        let ran = Ran {
            published,
            stored: None,
            sight: Sight::default(),
            view: None,
            snapshots: ledger.as_ref(),
            records: None,
        };
        auditor.ran(ran).await.unwrap();
    };
    publish(2, Outcome::Stored, Trigger::Schedule).await;
    assert_eq!(actions(&ledger).await, ["found", "publish"]);
    publish(2, Outcome::Announced, Trigger::Schedule).await;
    publish(2, Outcome::Unchanged, Trigger::ChangeEvent).await;
    assert_eq!(actions(&ledger).await.len(), 2, "nothing is new");
    publish(2, Outcome::Announced, Trigger::Operator).await;
    assert_eq!(actions(&ledger).await[2..], ["publish"]);
    // Two versions of which nobody wrote, and one that is announced.
    publish(5, Outcome::Announced, Trigger::Schedule).await;
    assert_eq!(actions(&ledger).await[3..], ["found", "found", "found"]);
    let head = AuditStore::head(ledger.as_ref(), &experience("exp-management")).await.unwrap().unwrap();
    assert_eq!((head.number, head.told), (6, SnapshotVersion::new(5).ok()));
    let entries = AuditStore::page(ledger.as_ref(), &experience("exp-management"), 2, 2).await.unwrap();
    let entry: Entry = serde_json::from_str(&entries[0].text).unwrap();
    assert!(matches!(entry.event, Event::Publish { outcome: Publishing::Stored, .. }));
}

/// What the hub sees of this many experiences of alpha, each of which came to so many outcomes.
fn view(experiences: std::ops::Range<usize>, outcomes: u64) -> View {
    let id = OrganizationId::new("o-alpha00000").unwrap();
    let receipts = experiences.map(|number| Receipt {
        organization: id.clone(),
        member_experience: ExperienceId::new(&format!("exp-{number:05}")).unwrap(),
        recorded: Some(Recorded { outcomes, decisions: None, written_at: None }),
        ..receipt(42, ReceiptStatus::InSync, None)
    });
    let organization =
        pmp_ledger::Organization { receipts: receipts.collect(), ..pmp_ledger::Organization::unknown(id.clone()) };
    let head = Some(pmp_ledger::testing::head(42));
    let report = Ok(Report { organization, more: false });
    View { head, looked: vec![Looked { id, report }], ..View::default() }
}

fn told(event: &Event) -> (usize, usize, usize) {
    let Event::Receipts { receipts, changed, more, .. } = event else { panic!("{event:?}") };
    (*receipts, changed.len(), *more)
}

#[test]
fn each_outcome_is_told_of_once_and_many_of_them_in_parts() {
    let mut remembered = Vec::new();
    let mut parts = Vec::new();
    while let Some(found) = news(&view(0..450, 1), now(), &remembered) {
        parts.push(told(&found.event));
        remembered = found.prints;
    }
    assert_eq!(parts, [(450, 200, 250), (450, 200, 50), (450, 50, 0)]);
    assert_eq!(news(&view(0..450, 1), now(), &remembered), None);
    // One more, and all that came later.
    let one = news(&view(0..451, 1), now(), &remembered).unwrap();
    assert_eq!((told(&one.event), one.left), ((451, 1, 0), 0));
    let later = news(&view(0..451, 2), now(), &one.prints).unwrap();
    assert_eq!(told(&later.event), (451, 200, 251));
    // What is gone is told of by the numbers.
    let gone = news(&view(0..400, 1), now(), &remembered).unwrap();
    assert_eq!(told(&gone.event), (400, 0, 0));
}

#[test]
fn what_cannot_be_read_is_not_gone() {
    let first = news(&view(0..3, 1), now(), &[]).unwrap();
    let mut unread = view(0..3, 1);
    unread.looked[0].report = Err("throttled".to_owned());
    assert_eq!(news(&unread, now(), &first.prints), None);
    assert_eq!(news(&view(0..3, 1), now(), &first.prints), None);
}

/// What the hub sees of alpha, and of mallory, which has more than is read.
fn beside_mallory(alpha: &View, mallory: std::ops::Range<usize>) -> View {
    let id = OrganizationId::new("o-mallory000").unwrap();
    let mut more = view(mallory, 1);
    let looked = &mut more.looked[0];
    looked.id = id.clone();
    let report = looked.report.as_mut().unwrap();
    report.more = true;
    report.organization.id = id.clone();
    report.organization.receipts.iter_mut().for_each(|receipt| receipt.organization = id.clone());
    View { looked: alpha.looked.iter().cloned().chain(more.looked).collect(), ..alpha.clone() }
}

/// All entries of one run; what is remembered after it.
fn run(view: &View, mut remembered: Vec<u8>) -> (Vec<Event>, Vec<u8>) {
    let mut entries = Vec::new();
    while let Some(found) = news(view, now(), &remembered) {
        remembered = found.prints;
        entries.push(found.event);
        if found.left == 0 {
            break;
        }
    }
    (entries, remembered)
}

#[test]
fn no_member_keeps_the_outcomes_of_others_out_of_the_audit() {
    // Rule 11.
    let mut remembered = Vec::new();
    for time in 0..200 {
        let seen = beside_mallory(&view(0..3, 1), 512 * time..512 * (time + 1));
        (_, remembered) = run(&seen, remembered);
    }
    assert!(remembered.len() / 12 <= 1_024 + 512 + 3, "{} are remembered", remembered.len() / 12);
    let failed = beside_mallory(&view(0..3, 2), 0..0);
    let (entries, _) = run(&failed, remembered);
    let Event::Receipts { changed, .. } = &entries[0] else { panic!("{entries:?}") };
    assert_eq!(changed.len(), 3);
}

#[test]
fn what_does_not_fit_is_told_by_its_number_whenever_it_changes() {
    let (entries, remembered) = run(&view(0..30_100, 1), Vec::new());
    let (receipts, changed, more) = told(entries.last().unwrap());
    assert_eq!((receipts, more), (30_100, 101), "{changed}");
    assert_eq!(run(&view(0..30_100, 1), remembered.clone()), (Vec::new(), remembered.clone()));
    let (entries, remembered) = run(&view(0..30_101, 1), remembered);
    assert_eq!(entries.iter().map(told).collect::<Vec<_>>(), [(30_101, 0, 102)]);
    assert_eq!(run(&view(0..30_101, 1), remembered).0, Vec::new());
}

/// An earlier release remembered twelve bytes of the digest of what a receipt says.
#[test]
fn what_an_earlier_release_told_of_is_not_told_again() {
    let receipt = &view(0..1, 1).looked[0].report.as_ref().unwrap().organization.receipts[0].clone();
    let text = format!("{}\n{}\n{}\n42\n0\n1\n", receipt.organization, receipt.member_experience, receipt.status);
    let earlier = Digest::of(text.as_bytes()).bytes()[..12].to_vec();
    assert_eq!(news(&view(0..1, 1), now(), &earlier), None);
    // Another one began with the organization.
    let tag = Digest::of(receipt.organization.as_str().as_bytes()).bytes()[..4].to_vec();
    assert_eq!(news(&view(0..1, 1), now(), &[tag, earlier[..8].to_vec()].concat()), None);
}

/// The outcome with this number of an experience of alpha.
fn outcome(member: usize, number: u64) -> pmp_protocol::Outcome {
    let at = now() - jiff::SignedDuration::from_mins(100 - number as i64);
    let error = number.is_multiple_of(2).then(|| format!("the reason of {number}"));
    let status = if error.is_some() { ReceiptStatus::Failed } else { ReceiptStatus::InSync };
    let receipt = Receipt {
        organization: OrganizationId::new("o-alpha00000").unwrap(),
        member_experience: ExperienceId::new(&format!("exp-{member:05}")).unwrap(),
        received_at: at,
        ..receipt(42, status, error.as_deref())
    };
    pmp_protocol::Outcome::of(&receipt, at)
}

/// One look of a hub at `view`; the outcomes that its entry tells.
async fn looks(ledger: &Arc<MemoryLedger>, view: &View) -> Vec<pmp_audit::SeenOutcome> {
    let (snapshots, records) = (ledger.as_ref(), Some(ledger.as_ref() as _));
    let ran = Ran { published: None, stored: None, sight: Sight::default(), view: Some(view), snapshots, records };
    auditor(ledger).ran(ran).await.unwrap();
    let of = experience("exp-management");
    let number = AuditStore::head(ledger.as_ref(), &of).await.unwrap().unwrap().number;
    let entries = AuditStore::page(ledger.as_ref(), &of, number, number).await.unwrap();
    let Event::Receipts { changed, .. } = serde_json::from_str::<Entry>(&entries[0].text).unwrap().event else {
        panic!("{entries:?}")
    };
    changed
}

#[tokio::test]
async fn what_came_and_went_between_two_looks_is_told_in_the_members_words() {
    let ledger = ledger_with(42..=42);
    let keep = async |member: usize, numbers: std::ops::RangeInclusive<u64>| {
        for number in numbers {
            ledger.put_outcome(&outcome(member, number), number, now()).await.unwrap();
        }
    };
    // What came before the first look is not known to be missing.
    for member in 0..3 {
        keep(member, 1..=3).await;
    }
    let first = looks(&ledger, &view(0..3, 3)).await;
    assert!(first.iter().all(|seen| seen.between.is_empty() && seen.outcomes == 3), "{first:?}");
    // One more is what the receipt itself says.
    keep(0, 4..=4).await;
    let one = looks(&ledger, &view(0..3, 4)).await;
    assert!(one.iter().all(|seen| seen.between.is_empty()), "{one:?}");
    // Three more: the hub saw the last.
    keep(0, 5..=7).await;
    let mut seen = view(0..1, 7);
    let receipts = &mut seen.looked[0].report.as_mut().unwrap().organization.receipts;
    receipts[0].received_at = outcome(0, 7).received_at;
    let more = looks(&ledger, &seen).await;
    let told: Vec<_> = more[0].between.iter().map(|told| (told.at, told.status, told.error.clone())).collect();
    let expected = |number: u64| {
        let outcome = outcome(0, number);
        (outcome.at, outcome.status, outcome.error)
    };
    assert_eq!(told, [expected(5), expected(6)]);
    // However many there are, an entry tells some of each.
    keep(0, 8..=90).await;
    receipts_of(&mut seen, 90, outcome(0, 90).received_at);
    let many = looks(&ledger, &seen).await;
    assert_eq!((many[0].outcomes, many[0].between.len()), (90, 20));
    assert_eq!(many[0].between.last().unwrap().at, outcome(0, 89).at);
    // A member that counts backwards says nothing.
    receipts_of(&mut seen, 5, outcome(0, 90).received_at);
    assert!(looks(&ledger, &seen).await[0].between.is_empty());
}

fn receipts_of(view: &mut View, outcomes: u64, received_at: Timestamp) {
    for receipt in &mut view.looked[0].report.as_mut().unwrap().organization.receipts {
        receipt.received_at = received_at;
        receipt.recorded = Some(Recorded { outcomes, decisions: None, written_at: None });
    }
}

#[tokio::test]
async fn what_the_ledger_contradicts_is_not_told_and_what_cannot_be_read_holds_up_nothing() {
    // Rules 10 and 11.
    let ledger = ledger_with(42..=42);
    let mut seen = view(0..1, 1);
    looks(&ledger, &seen).await;
    for number in 2..=4 {
        let forged = pmp_protocol::Outcome { digest: Digest::of(b"another content"), ..outcome(0, number) };
        ledger.put_outcome(&forged, number, now()).await.unwrap();
    }
    receipts_of(&mut seen, 4, outcome(0, 4).received_at);
    let told = looks(&ledger, &seen).await;
    assert!(told[0].outcomes == 4 && told[0].between.is_empty(), "{told:?}");
    receipts_of(&mut seen, 8, outcome(0, 4).received_at);
    ledger.fail_at("outcomes");
    let told = looks(&ledger, &seen).await;
    assert!(told[0].outcomes == 8 && told[0].between.is_empty(), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_several_hubs_see_at_once_is_told_once() {
    let ledger = ledger_with(1..=1);
    let (view, auditors) = (view(0..3, 1), [auditor(&ledger), auditor(&ledger), auditor(&ledger)]);
    let ran = |auditor: &Auditor| {
        let sight = Sight::of(&view);
        let (snapshots, records) = (ledger.as_ref(), Some(ledger.as_ref() as _));
        let ran = Ran { published: None, stored: None, sight, view: Some(&view), snapshots, records };
        let auditor = auditor.clone();
        async move { auditor.ran(ran).await }
    };
    assert!(futures::future::join_all(auditors.iter().map(ran)).await.into_iter().all(|ran| ran.is_ok()));
    assert_eq!(actions(&ledger).await, ["receipts"]);
}
