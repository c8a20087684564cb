use std::collections::BTreeMap;

use jiff::SignedDuration;
use pmp_ledger::{Directed, Head, Organization, Report, Unreadable};
use pmp_protocol::testing::{now, receipt, seen, version};
use pmp_protocol::{
    Because, Digest, Direction, DirectionChange, HeadMark, Needs, OperatorConfirmation, OrganizationSeen, Paused,
    PausedBy, ReceiptStatus, SpokeScope, WouldChange,
};

use super::*;
use crate::render::status as render;
use crate::status::fleet::{Admitted, Looked, View};
use crate::status::judge::{MAX_UNREADABLE, rows};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn head(latest: u64, taken_at: &str) -> Head {
    Head { taken_at: taken_at.parse().unwrap(), ..pmp_ledger::testing::head(latest) }
}

fn organization(seen_at: &str, receipts: Vec<Receipt>, error: Option<&str>) -> Organization {
    let (last_seen, error) = (seen_at.parse().unwrap(), error.map(str::to_owned));
    let seen = OrganizationSeen { last_seen, experiences: receipts.len(), error, ..seen() };
    let id = seen.organization.clone();
    Organization { seen: Some(seen), receipts, ..Organization::unknown(id) }
}

/// What a hub sees that admitted nobody, and where all is read.
pub(crate) fn view(organizations: impl IntoIterator<Item = Organization>, head: Option<&Head>) -> View {
    let looked = |organization: Organization| Looked {
        id: organization.id.clone(),
        report: Ok(Report { organization, more: false }),
    };
    View { head: head.cloned(), looked: organizations.into_iter().map(looked).collect(), ..View::default() }
}

fn state_of(receipt: Receipt, head: &Head, seen_at: &str) -> (SpokeState, String) {
    let rows = rows(&view([organization(seen_at, vec![receipt], None)], Some(head)), now(), HOUR);
    (rows[0].state, rows[0].message.clone())
}

#[test]
fn each_receipt_is_judged_by_what_it_says_and_when() {
    let recent = "2026-11-24T11:59:00Z";
    let current = head(42, recent);
    let judged = |receipt| state_of(receipt, &current, recent);
    assert_eq!(judged(receipt(42, ReceiptStatus::InSync, None)).0, SpokeState::Synced);
    assert_eq!(judged(receipt(42, ReceiptStatus::Applying, None)).0, SpokeState::Applying);
    assert_eq!(judged(receipt(41, ReceiptStatus::InSync, None)).0, SpokeState::Applying);
    assert_eq!(judged(receipt(42, ReceiptStatus::Skipped, Some("disabled"))).0, SpokeState::Skipped);
    assert_eq!(judged(receipt(42, ReceiptStatus::Failed, Some("no"))), (SpokeState::Error, "no".into()));
    let observed = |status, error, allow| Receipt {
        would_change: Some(WouldChange { allow, ..WouldChange::default() }),
        ..receipt(42, status, error)
    };
    let would = judged(observed(ReceiptStatus::Skipped, Some("WOULD CHANGE: allow 3"), 3));
    assert_eq!(would, (SpokeState::WouldChange, "WOULD CHANGE: allow 3".into()));
    assert!(would.0.is_healthy() && !would.0.is_kept_in_step());
    let in_step = judged(observed(ReceiptStatus::InSync, None, 0));
    assert_eq!(in_step, (SpokeState::Synced, "its spoke only observes".into()));
    assert_eq!(
        judged(receipt(42, ReceiptStatus::Held, Some("no"))),
        (SpokeState::Held, "no; if it is meant: `pmp-hub confirm o-alpha00000 42`".into())
    );
}

#[test]
fn what_is_held_comes_first_with_the_way_out_or_with_who_let_it_through() {
    let recent = "2026-11-24T11:59:00Z";
    let failed = Receipt {
        member_experience: ExperienceId::new("exp-a").unwrap(),
        ..receipt(42, ReceiptStatus::Failed, Some("no"))
    };
    let held = receipt(42, ReceiptStatus::Held, Some("2 of 3"));
    let mut organization = organization(recent, vec![failed, held.clone()], None);
    let first = |organization: &Organization| {
        let row = rows(&view([organization.clone()], Some(&head(42, recent))), now(), HOUR).remove(0);
        (row.state, row.message)
    };
    let way_out = "2 of 3; if it is meant: `pmp-hub confirm o-alpha00000 42`";
    assert_eq!(first(&organization), (SpokeState::Held, way_out.into()));
    organization.confirmations.push(OperatorConfirmation {
        organization: organization.id.clone(),
        experience: held.experience,
        member_experience: None,
        version: held.version,
        digest: held.digest,
        confirmed: Confirmed { by: "arn:someone".into(), at: now() },
    });
    assert_eq!(first(&organization).1, "2 of 3; confirmed by arn:someone, the spoke takes it up next");
}

#[test]
fn silence_and_a_long_lag_are_stale() {
    let current = head(42, "2026-11-24T09:00:00Z");
    let in_sync = |version| receipt(version, ReceiptStatus::InSync, None);
    assert_eq!(state_of(in_sync(41), &current, "2026-11-24T11:59:00Z").0, SpokeState::Stale);
    let (state, message) = state_of(in_sync(42), &current, "2026-11-24T09:00:00Z");
    assert_eq!((state, message.as_str()), (SpokeState::Stale, "silent for 3h"));
}

#[test]
fn silence_does_not_hide_what_needs_a_person() {
    let (current, long_ago) = (head(42, "2026-11-24T09:00:00Z"), "2026-11-24T09:00:00Z");
    let failed = receipt(42, ReceiptStatus::Failed, Some("no"));
    assert_eq!(state_of(failed, &current, long_ago), (SpokeState::Error, "no; silent for 3h".into()));
    let (state, message) = state_of(receipt(42, ReceiptStatus::Held, Some("no")), &current, long_ago);
    let told = "no; if it is meant: `pmp-hub confirm o-alpha00000 42`; silent for 3h";
    assert_eq!((state, message.as_str()), (SpokeState::Held, told));
    let skipped = receipt(42, ReceiptStatus::Skipped, Some("disabled"));
    assert_eq!(state_of(skipped, &current, long_ago).0, SpokeState::Stale);
}

#[test]
fn the_worst_comes_first_and_the_summary_counts() {
    let recent = "2026-11-24T11:59:00Z";
    let failed = Receipt {
        member_experience: ExperienceId::new("exp-z").unwrap(),
        ..receipt(42, ReceiptStatus::Failed, Some("no"))
    };
    let receipts = vec![receipt(42, ReceiptStatus::InSync, None), failed];
    let view = view([organization(recent, receipts, None)], Some(&head(42, recent)));
    let rows = rows(&view, now(), HOUR);
    assert_eq!(rows[0].state, SpokeState::Error);
    assert_eq!(render::summary(&view, &rows), "1 of 2 member experiences in sync; 1 error");
}

/// What concerns an organization as a whole is no experience: the numbers of experiences add up.
#[test]
fn organizations_are_not_counted_among_experiences() {
    let recent = "2026-11-24T11:59:00Z";
    let failed = Receipt {
        member_experience: ExperienceId::new("exp-z").unwrap(),
        ..receipt(42, ReceiptStatus::Failed, Some("no"))
    };
    let receipts = vec![receipt(42, ReceiptStatus::InSync, None), failed];
    let whole = organization(recent, Vec::new(), Some("no"));
    let whole = Organization { id: OrganizationId::new("o-beta000000").unwrap(), ..whole };
    let view = view([organization(recent, receipts, None), whole], Some(&head(42, recent)));
    let rows = rows(&view, now(), HOUR);
    assert_eq!(render::summary(&view, &rows), "1 of 2 member experiences in sync; 1 error; organizations: 1 error");
    let page = render::page(&pmp_protocol::testing::management(), &view, &rows, now(), false);
    let heads: Vec<_> = page.blocks.iter().map(|block| block.head.as_str()).collect();
    assert_eq!(heads, ["1 experience, 1 organization as a whole: o-alpha00000, o-beta000000"]);
}

#[test]
fn a_pass_that_failed_as_a_whole_has_a_row_of_its_own() {
    let recent = "2026-11-24T11:59:00Z";
    let organization = organization(recent, Vec::new(), Some("the filter trapped"));
    let rows = rows(&view([organization], None), now(), HOUR);
    assert_eq!((rows[0].state, rows[0].message.as_str()), (SpokeState::Error, "the filter trapped"));
}

const RECENT: &str = "2026-11-24T11:59:00Z";

/// The first row of a hub whose ledger keeps snapshots 40 to 42.
fn compared(receipt: Receipt) -> (SpokeState, String) {
    let mut view = view([organization(RECENT, vec![receipt], None)], Some(&head(42, RECENT)));
    view.kept = (40..=42).map(|number| (version(number), Digest::of(b"now"))).collect();
    let row = rows(&view, now(), HOUR).remove(0);
    (row.state, row.message)
}

#[test]
fn a_receipt_that_the_ledger_does_not_bear_out_is_disputed_with_the_reason() {
    // Protocol R6.
    let in_sync = |number| receipt(number, ReceiptStatus::InSync, None);
    let disputed = |receipt| {
        let (state, message) = compared(receipt);
        assert_eq!(state, SpokeState::Disputed, "{message}");
        message
    };
    assert_eq!(disputed(in_sync(43)), "the ledger has no snapshot 43: the newest is 42");
    for number in [41, 42] {
        let other = Receipt { digest: Digest::of(b"other"), ..in_sync(number) };
        assert!(disputed(other).starts_with(&format!("it names snapshot {number} with digest ")));
    }
    let applied = Applied { version: version(41), digest: Digest::of(b"other"), at: now() };
    let refused = Receipt { applied: Some(applied), ..receipt(42, ReceiptStatus::Held, Some("no")) };
    assert!(disputed(refused).starts_with("it names snapshot 41 with digest "));
    let soon = Receipt { received_at: now() + SignedDuration::from_mins(6), ..in_sync(42) };
    assert!(disputed(soon).starts_with("its time is ahead of the hub's clock: "));
    // Clocks differ.
    let nearly = Receipt { received_at: now() + SignedDuration::from_mins(4), ..in_sync(42) };
    assert_eq!(compared(nearly).0, SpokeState::Synced);
    // Nothing is left to hold what is older against, and it is behind in any case.
    assert_eq!(compared(in_sync(39)).0, SpokeState::Applying);
}

#[test]
fn versions_that_a_restored_table_lost_are_told_apart_from_those_that_never_were() {
    let mark = HeadMark { version: version(44), digest: Digest::of(b"later"), at: now() };
    let message = |number| {
        let receipt = receipt(number, ReceiptStatus::InSync, None);
        let mut view = view([organization(RECENT, vec![receipt], None)], Some(&head(42, RECENT)));
        view.mark = Some(mark);
        assert_eq!(view.restored().unwrap().lost(), "snapshots 43 to 44");
        rows(&view, now(), HOUR).remove(0).message
    };
    assert_eq!(message(43), "snapshot 43 is not in the ledger any more: the Snapshots table was restored");
    assert_eq!(message(45), "the ledger has no snapshot 45: the newest is 42");
}

#[test]
fn a_mark_is_compared_with_the_heads_version_and_digest() {
    // Protocol L8. The content of each head is `now`.
    let restored = |head: Option<&Head>, content: &[u8]| {
        let mut view = view([], head);
        view.mark = Some(HeadMark { version: version(42), digest: Digest::of(content), at: now() });
        view.restored().is_some()
    };
    for (latest, is_restored) in [(41, true), (42, false), (43, false), (92, false), (93, true)] {
        assert_eq!(restored(Some(&head(latest, RECENT)), b"now"), is_restored, "{latest}");
    }
    assert!(restored(Some(&head(42, RECENT)), b"another"));
    assert!(restored(None, b"now"));
}

#[test]
fn who_was_admitted_is_asked_for_and_who_was_not_is_disputed() {
    // Protocol R6.
    let mut view =
        view([organization(RECENT, vec![receipt(42, ReceiptStatus::InSync, None)], None)], Some(&head(42, RECENT)));
    let member = OrganizationId::new("o-beta000000").unwrap();
    view.roster = Some(BTreeMap::from([(member.clone(), Admitted { named: true, record: None })]));
    let report = Report { organization: Organization::unknown(member.clone()), more: false };
    view.looked.push(Looked { id: member.clone(), report: Ok(report) });
    let rows = rows(&view, now(), HOUR);
    let told: Vec<_> = rows.iter().map(|row| (row.state, row.organization.as_str(), row.message.as_str())).collect();
    let expected = [
        (
            SpokeState::Disputed,
            "o-alpha00000",
            "the organization is not on the roster: `pmp-hub members admit ORG` admits it, if it is one of yours",
        ),
        (SpokeState::Never, "o-beta000000", "admitted, and never reported"),
    ];
    assert_eq!(told, expected);
    assert!(rows.iter().all(|row| !row.state.is_healthy()));
}

#[test]
fn what_cannot_be_read_is_told_by_its_key_up_to_a_bound_and_hides_nothing() {
    let mut organization = organization(RECENT, vec![receipt(42, ReceiptStatus::InSync, None)], None);
    let unreadable = |number| Unreadable {
        organization: organization.id.clone(),
        key: format!("exp-management#{number:02}"),
        problem: "no".into(),
        found: None,
    };
    organization.unreadable = (0..13).map(unreadable).collect();
    let view = view([organization], Some(&head(42, RECENT)));
    let rows = rows(&view, now(), HOUR);
    let count = |state| rows.iter().filter(|row| row.state == state).count();
    assert_eq!((count(SpokeState::Unreadable), count(SpokeState::Synced)), (MAX_UNREADABLE + 1, 1));
    assert_eq!(rows[0].message, "3 items more cannot be read");
    assert_eq!(rows[1].key.as_deref(), Some("exp-management#00"));
}

#[test]
fn a_refusal_does_not_hide_what_is_in_force() {
    let applied = Applied { version: version(41), digest: Digest::of(b"now"), at: now() };
    let refused = Receipt { applied: Some(applied), ..receipt(42, ReceiptStatus::Failed, Some("no")) };
    let rows = rows(&view([organization(RECENT, vec![refused], None)], Some(&head(42, RECENT))), now(), HOUR);
    assert_eq!((rows[0].lag, rows[0].version), (Some(1), Some(version(42))));
    assert_eq!(render::version(&rows[0]), "41 → 42 refused");

    // One of which nothing is in force is not up to date. What a spoke of an earlier release tried,
    // it may have.
    for (ledger, lag) in [(Some(2), None), (None, Some(0))] {
        let refused = receipt(42, ReceiptStatus::Failed, Some("no"));
        let mut organization = organization(RECENT, vec![refused], None);
        organization.seen.as_mut().unwrap().ledger = ledger;
        let row = self::rows(&view([organization], Some(&head(42, RECENT))), now(), HOUR).remove(0);
        assert_eq!((row.lag, render::version(&row).as_str()), (lag, "42 refused"));
    }
}

/// An organization of two spokes: `exp-a` of the one, seen a minute ago, is held; the other, seen
/// three hours ago, has `exp-b`.
fn two_spokes() -> Organization {
    let id = |id: &str| ExperienceId::new(id).unwrap();
    let scope = |member: &str| SpokeScope::of(Some([id(member)].into()));
    let sign = |member, at: &str| OrganizationSeen {
        last_seen: at.parse().unwrap(),
        spoke: Some(scope(member)),
        ledger: Some(2),
        ..seen()
    };
    let owned = |member: &str, status| Receipt {
        member_experience: id(member),
        owner: Some(scope(member).id),
        ..receipt(42, status, Some("2 of 3"))
    };
    let mut organization = organization(RECENT, Vec::new(), None);
    organization.spokes = vec![sign("exp-a", RECENT), sign("exp-b", "2026-11-24T09:00:00Z")];
    // Of whichever finished a pass last.
    organization.seen = organization.spokes.first().cloned();
    organization.receipts = vec![owned("exp-a", ReceiptStatus::Held), owned("exp-b", ReceiptStatus::InSync)];
    organization
}

#[test]
fn each_experience_is_judged_by_the_spoke_that_keeps_it_in_step() {
    let organization = two_spokes();
    let view = view([organization], Some(&head(42, RECENT)));
    let rows = rows(&view, now(), HOUR);
    let told: Vec<_> = rows.iter().map(|row| (row.member_experience.as_ref().unwrap().as_str(), row.state)).collect();
    assert_eq!(told, [("exp-a", SpokeState::Held), ("exp-b", SpokeState::Stale)]);
    assert_eq!(rows[1].message, "silent for 3h");
    assert_eq!(
        rows.iter().map(|row| row.last_seen).collect::<Vec<_>>(),
        [RECENT, "2026-11-24T09:00:00Z"].map(|at| at.parse().ok())
    );
    let lines = render::spokes(&view, now());
    assert!(
        lines[0].starts_with("o-alpha00000 has 2 spokes: `only-") && lines[0].contains("1 experience, seen 3h ago"),
        "{lines:?}"
    );
}

#[test]
fn two_spokes_with_some_of_the_same_experiences_are_an_error_and_one_that_took_the_others_place_is_none() {
    let mut organization = two_spokes();
    let (first, second) = (&organization.spokes[0], &organization.spokes[1]);
    let names = [first, second].map(|seen| seen.spoke.as_ref().unwrap().id.clone());
    organization.spokes[1].spoke.as_mut().unwrap().superseded_by = Some(names[0].clone());
    let whole = |organization: &Organization| {
        let rows = rows(&view([organization.clone()], Some(&head(42, RECENT))), now(), HOUR);
        rows.into_iter().find(|row| row.member_experience.is_none())
    };
    assert_eq!(whole(&organization), None);
    organization.spokes[0].spoke.as_mut().unwrap().rivals = vec![names[1].clone()];
    let row = whole(&organization).unwrap();
    assert_eq!((row.state, row.spoke.as_ref()), (SpokeState::Error, Some(&names[0])));
    let told = format!("`{}` and `{}` keep some of the same experiences in step", names[0], names[1]);
    assert!(row.message.starts_with(&told), "{}", row.message);
}

#[test]
fn a_spoke_that_met_what_it_does_not_know_needs_a_newer_one() {
    let mut organization = organization(RECENT, vec![receipt(42, ReceiptStatus::InSync, None)], None);
    organization.seen.as_mut().unwrap().needs = Some(Needs { schema: "pmp-sync.snapshot/2".into() });
    let rows = rows(&view([organization], Some(&head(42, RECENT))), now(), HOUR);
    let message = "needs a newer spoke: this one does not read `pmp-sync.snapshot/2`";
    assert_eq!((rows[0].state, rows[0].message.as_str()), (SpokeState::Error, message));
    assert_eq!(rows[1].state, SpokeState::Synced);
}

/// A view in which operators directed these things for alpha, and whose spoke reads layout `ledger`
/// of the ledger.
fn directed(changes: &[DirectionChange], receipt: Receipt, ledger: Option<u32>) -> View {
    let mut alpha = organization("2026-11-24T11:59:00Z", vec![receipt], None);
    alpha.seen.as_mut().unwrap().ledger = ledger;
    let id = alpha.id.clone();
    let mut view = view([alpha], Some(&head(42, "2026-11-24T11:59:00Z")));
    view.kept = (40..42).map(|kept| (SnapshotVersion::new(kept).unwrap(), Digest::of(b"now"))).collect();
    let because =
        Because { by: "arn:kim".into(), at: "2026-11-24T11:50:00Z".parse().unwrap(), reason: "an audit".into() };
    let mut direction = Direction::none(ExperienceId::new("exp-management").unwrap(), Some(id.clone()));
    for change in changes {
        direction = direction.changed(change, &because).unwrap();
    }
    view.directions.found.insert(id, Directed { direction, statement: None });
    view
}

fn judged_in(view: &View) -> (SpokeState, Option<u64>, String) {
    let rows = rows(view, now(), HOUR);
    let row = rows.iter().find(|row| row.member_experience.is_some()).unwrap();
    (row.state, row.lag, row.message.clone())
}

#[test]
fn a_pinned_organization_is_expected_on_its_pin() {
    let pin = [DirectionChange::Pin(SnapshotVersion::new(40).unwrap(), Digest::of(b"now"))];
    let applied_at = Some(now());
    let of_line = |line, version| Receipt { line, applied_at, ..receipt(version, ReceiptStatus::InSync, None) };
    let judged = |line, version, ledger| judged_in(&directed(&pin, of_line(line, version), ledger));
    let message = "pinned to 40 by arn:kim 10m ago: an audit".to_owned();
    assert_eq!(judged(1, 40, Some(3)), (SpokeState::Pinned, Some(0), message));
    let (state, lag, message) = judged(0, 42, Some(3));
    assert_eq!((state, lag), (SpokeState::Applying, Some(2)), "{message}");
    assert_eq!(message, "has not applied the pin to snapshot 40 yet (set 10m ago)");
    // One that is too old is never in step with a pin, wherever it is.
    for (version, ledger) in [(42, Some(2)), (42, None), (40, Some(2))] {
        let (state, _, message) = judged(0, version, ledger);
        assert_eq!(state, SpokeState::Error);
        assert!(message.starts_with("does not obey the pin to snapshot 40: "), "{message}");
    }
    // Nobody but the hub's operators begins a line.
    let (state, lag, message) = judged(2, 40, Some(3));
    assert_eq!((state, lag), (SpokeState::Disputed, None));
    assert_eq!(
        message,
        "it says that its pin was changed 2 times, and it was 1 times, unless somebody put an older direction back"
    );
    // A pin that was taken back leaves a receipt that is behind.
    let back = [pin[0].clone(), DirectionChange::Unpin];
    assert_eq!(judged_in(&directed(&back, of_line(1, 40), Some(3))).0, SpokeState::Applying);
}

#[test]
fn a_spoke_that_cannot_read_a_snapshot_in_parts_is_named_until_it_has_applied_it() {
    // Protocol L26.
    let judged = |version, ledger, chunks| {
        let mut view = directed(&[], receipt(version, ReceiptStatus::InSync, None), ledger);
        view.head.as_mut().unwrap().chunks = chunks;
        judged_in(&view)
    };
    let (state, _, message) = judged(41, Some(6), 16);
    assert_eq!(state, SpokeState::Error);
    let expected = "cannot read snapshot 42: its spoke, or its role's template, is older than snapshots in parts (it reads \
                    the ledger's layout 6, and they take 7): update it";
    assert_eq!(message, expected);
    assert!(judged(41, None, 10).2.contains("layout 1"), "a spoke that says nothing");
    // One that can, one that has, and a snapshot that all can read.
    for (version, ledger, chunks) in [(41, Some(7), 16), (42, Some(6), 16), (41, Some(6), 9)] {
        assert_ne!(judged(version, ledger, chunks).0, SpokeState::Error, "{version} {ledger:?} {chunks}");
    }
}

#[test]
fn a_pause_is_believed_where_the_hub_made_it_or_the_member_may() {
    let until: Timestamp = "2026-11-24T14:00:00Z".parse().unwrap();
    let paused = |whose, since: &str, until| {
        let paused = Paused {
            whose,
            until,
            by: "arn:kim".into(),
            since: since.parse().unwrap(),
            reason: "a freeze".into(),
            windows: None,
            halted: None,
        };
        Receipt { paused: Some(paused), ..receipt(42, ReceiptStatus::Held, Some("paused")) }
    };
    let began = "2026-11-24T11:50:00Z";
    let pause = [DirectionChange::Pause(until)];
    let state = |changes: &[DirectionChange], receipt| judged_in(&directed(changes, receipt, Some(3))).0;
    assert_eq!(state(&pause, paused(PausedBy::Organization, began, until)), SpokeState::Paused);
    let (_, _, message) = judged_in(&directed(&pause, paused(PausedBy::Organization, began, until), Some(3)));
    assert_eq!(message, "paused until 2026-11-24 14:00:00Z by arn:kim: a freeze");
    // Resumed ten minutes ago, and it has not gone on yet; or never paused at all.
    let resumed = [pause[0].clone(), DirectionChange::Resume];
    assert_eq!(state(&resumed, paused(PausedBy::Organization, began, until)), SpokeState::Applying);
    assert_eq!(state(&[DirectionChange::MaxHold(3_600)], paused(PausedBy::Fleet, began, until)), SpokeState::Applying);
    // The member's own, within seven days and beyond.
    assert_eq!(state(&pause, paused(PausedBy::Member, began, until)), SpokeState::Paused);
    let beyond = paused(PausedBy::Member, "2026-11-01T00:00:00Z", until);
    assert_ne!(state(&pause, beyond), SpokeState::Paused);
    // An older spoke goes on as if there were none.
    let old = judged_in(&directed(&pause, receipt(41, ReceiptStatus::InSync, None), Some(2)));
    assert!(old.0 == SpokeState::Error && old.2.starts_with("does not obey the pause until "), "{old:?}");
}

/// The hub keeps the last versions, and those that are pinned: between the two, others are pruned.
#[test]
fn one_that_is_far_behind_is_told_so_and_not_as_disputed() {
    let pin = [DirectionChange::Pin(version(2), Digest::of(b"now"))];
    let judged = |changes: &[DirectionChange], kept: &[u64], at: u64| {
        let beta = OrganizationId::new("o-beta000000").unwrap();
        let of_it = Receipt { applied_at: Some(now()), ..receipt(at, ReceiptStatus::InSync, None) };
        let mut view = directed(changes, of_it, Some(4));
        let [(_, of_alpha)] = view.directions.found.clone().into_iter().collect::<Vec<_>>().try_into().unwrap();
        view.directions.found = [(beta.clone(), of_alpha)].into();
        view.kept = kept.iter().map(|kept| (version(*kept), Digest::of(b"now"))).collect();
        let (state, lag, message) = judged_in(&view);
        (state, lag, message.contains("has not applied snapshot 42 yet"))
    };
    let behind = |lag| (SpokeState::Applying, Some(lag), true);
    assert_eq!(judged(&pin, &[40, 41, 42], 10), behind(32), "older than all that is kept");
    assert_eq!(judged(&pin, &[2, 40, 41, 42], 10), behind(32), "pruned between a pinned one and the others");
    assert_eq!(judged(&pin, &[2, 40, 41, 42], 1), behind(41));
    // A pin that was taken back is kept until the next prune.
    let back = [pin[0].clone(), DirectionChange::Unpin];
    assert_eq!(judged(&back, &[2, 40, 41, 42], 10), behind(32));
    // What is missing among those that are kept was never pruned.
    assert_eq!(judged(&pin, &[38, 39, 41, 42], 40).0, SpokeState::Disputed);
    // What is kept still is held against the ledger, and nothing newer than the head is believed.
    let forged = |at| {
        let mut view = directed(&pin, receipt(at, ReceiptStatus::InSync, None), Some(4));
        view.kept = [2, 40, 41, 42].map(|kept| (version(kept), Digest::of(b"other"))).into();
        judged_in(&view).0
    };
    assert_eq!([forged(2), forged(40), forged(43)], [SpokeState::Disputed; 3]);
}

/// How long the rows of so many organizations take, each with a receipt after a pin.
fn time_of_rows(organizations: usize) -> std::time::Duration {
    let current = head(42, "2026-11-24T11:59:00Z");
    let pinned = Receipt { line: 1, ..receipt(42, ReceiptStatus::InSync, None) };
    let each = |at: usize| {
        let id = OrganizationId::new(&format!("o-{at:010}")).unwrap();
        let receipts = vec![Receipt { organization: id.clone(), ..pinned.clone() }];
        Organization { receipts, ..Organization::unknown(id) }
    };
    let view = view((0..organizations).map(each), Some(&current));
    let began = std::time::Instant::now();
    assert_eq!(rows(&view, now(), HOUR).len(), organizations);
    began.elapsed()
}

/// One look through all reports for each receipt takes 20 seconds here without optimization, and
/// one that is looked up a second. A machine that is busy takes longer.
// Whoever runs it sees the figures.
#[allow(clippy::print_stdout)]
#[test]
fn a_large_fleet_takes_no_look_through_it_for_each_receipt() {
    let took = time_of_rows(16_000);
    println!("the rows of 16,000 organizations take {took:?}, those of 4,000 {:?}", time_of_rows(4_000));
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
}
