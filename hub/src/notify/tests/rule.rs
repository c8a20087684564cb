//! The rule by which changes are told, on the rows of `status`.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pmp_ledger::{Head, Organization, Unreadable};
use pmp_protocol::testing::{alpha, experience, management, now, receipt, seen, version};
use pmp_protocol::{Confirmed, Digest, OperatorConfirmation, OrganizationSeen, Receipt, ReceiptStatus};
use pmp_waves::{Reason, Stopped};
use proptest::prelude::*;

use crate::config::waves::Configured;
use crate::notify::observe::Observed;
use crate::notify::state::{State, Subject};
use crate::notify::told::Told;
use crate::notify::transition::{Decision, SETTLED, Transition, decide};
use crate::rollout::state::{Kept, OnTheWay, State as RolloutState};
use crate::status::fleet::View;
use crate::status::judge;
use crate::status::tests::view;

const STALE: SignedDuration = SignedDuration::from_hours(3);

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn reported(status: ReceiptStatus, at: Timestamp) -> Organization {
    let receipt = Receipt { received_at: at, ..receipt(42, status, Some("no")) };
    let seen = OrganizationSeen { last_seen: at, ..seen() };
    Organization { seen: Some(seen), receipts: vec![receipt], ..Organization::unknown(alpha()) }
}

fn head() -> Head {
    Head { taken_at: now() - SignedDuration::from_hours(10), ..pmp_ledger::testing::head(42) }
}

fn decided(told: &Told, view: &View, at: Timestamp) -> Decision {
    let rows = judge::rows(view, at, STALE);
    decide(told, 7, &Observed::of(view, &rows, at, STALE), &management(), at)
}

/// What is told as these are seen, at these minutes.
fn told(seen: &[(i64, ReceiptStatus)]) -> Vec<(i64, State, State)> {
    let (mut state, mut all) = (Told::default(), Vec::new());
    for (minute, status) in seen {
        let at = now() + minutes(*minute);
        let Decision { told, transitions } = decided(&state, &view([reported(*status, at)], Some(&head())), at);
        all.extend(transitions.into_iter().map(|it| (*minute, it.from, it.to)));
        state = told;
    }
    all
}

fn only(transitions: &[Transition]) -> (State, State, &str) {
    assert_eq!(transitions.len(), 1, "{transitions:?}");
    (transitions[0].from, transitions[0].to, &transitions[0].cause)
}

#[test]
fn worse_is_told_at_once_and_better_once_it_has_lasted() {
    use ReceiptStatus::{Applying, Failed, Held, InSync};
    let (well, failed, held) = (State::Well, State::Failed, State::Held);
    assert_eq!(told(&[(0, InSync), (60, InSync)]), []);
    assert_eq!(told(&[(0, Failed), (60, Failed)]), [(0, well, failed)]);
    assert_eq!(told(&[(0, Failed), (5, Held)]), [(0, well, failed), (5, failed, held)]);
    assert_eq!(told(&[(0, Failed), (10, InSync), (20, InSync)]), [(0, well, failed)]);
    let recovered = [(0, well, failed), (35, failed, well)];
    assert_eq!(told(&[(0, Failed), (10, InSync), (20, InSync), (35, InSync), (60, InSync)]), recovered);
    // What fails again before that was never told as recovered, and its time begins anew.
    let flapping = [(0, Failed), (10, InSync), (20, Failed), (30, InSync), (40, InSync)];
    assert_eq!(told(&flapping), [(0, well, failed)]);
    // What is on its way counts neither way.
    assert_eq!(
        told(&[(0, Failed), (10, InSync), (20, Applying), (40, InSync)]),
        [(0, well, failed), (40, failed, well)]
    );
    assert_eq!(told(&[(0, Applying), (60, Applying)]), []);
    // A less urgent trouble is better, and has to last as well.
    assert_eq!(told(&[(0, Held), (10, Failed), (36, Failed)]), [(0, well, held), (36, held, failed)]);
}

/// A member that is well for just so long that it is told, and fails then, again and again.
#[test]
fn a_member_that_flaps_slowly_is_told_a_bounded_number_of_times_a_day() {
    use ReceiptStatus::{Failed, InSync};
    const DAY: i64 = 24 * 60;
    let (mut state, mut told, mut fails) = (Told::default(), Vec::new(), true);
    for minute in 0..7 * DAY {
        let at = now() + minutes(minute);
        let status = if fails { Failed } else { InSync };
        let Decision { told: next, transitions } = decided(&state, &view([reported(status, at)], Some(&head())), at);
        // It turns as soon as it was told.
        if !transitions.is_empty() {
            fails = !fails;
        }
        told.extend(transitions.into_iter().map(|it| (minute, it.to)));
        state = next;
    }
    let recovered: Vec<_> = told.iter().filter(|(_, to)| *to == State::Well).map(|(minute, _)| *minute).collect();
    for from in &recovered {
        let in_a_day = recovered.iter().filter(|at| (*from..from + DAY).contains(*at)).count();
        assert!(in_a_day <= 5, "{in_a_day} times within a day from minute {from} on");
    }
    assert!(told.len() <= 2 * recovered.len() + 1, "it fails as often as it recovers");
    // One minute from each to the next look, and the times double: 25, 50, 100, 200, 400, 800.
    let gaps: Vec<_> = recovered.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(gaps[..5], [52, 102, 202, 402, 802]);

    // Whatever was well for a day is forgotten, and begins anew.
    let well = |state: &Told, minute: i64| {
        let at = now() + minutes(minute);
        decided(state, &view([reported(InSync, at)], Some(&head())), at)
    };
    let noted = well(&state, 8 * DAY);
    let recovered = well(&noted.told, 10 * DAY);
    let forgotten = well(&recovered.told, 11 * DAY);
    assert_eq!((forgotten.transitions, forgotten.told), (vec![], Told::default()));
}

#[test]
fn what_an_operator_let_through_is_not_told_and_another_snapshot_is() {
    let held = |number: u64| {
        let receipt = Receipt { version: version(number), ..receipt(number, ReceiptStatus::Held, Some("2 of 3")) };
        Organization { receipts: vec![receipt], ..reported(ReceiptStatus::Held, now()) }
    };
    let looks =
        |organization: Organization, number| view([organization], Some(&Head { latest: version(number), ..head() }));
    let first = decided(&Told::default(), &looks(held(42), 42), now());
    assert_eq!(only(&first.transitions), (State::Well, State::Held, "2 of 3"));
    let again = decided(&first.told, &looks(held(42), 42), now() + minutes(60));
    assert_eq!(again.transitions, []);
    let next = decided(&first.told, &looks(held(43), 43), now() + minutes(60));
    assert_eq!(only(&next.transitions), (State::Held, State::Held, "2 of 3"));
    assert_ne!(first.transitions[0].id, next.transitions[0].id);

    let mut confirmed = held(42);
    confirmed.confirmations.push(OperatorConfirmation {
        organization: alpha(),
        experience: management(),
        member_experience: None,
        version: version(42),
        digest: confirmed.receipts[0].digest,
        confirmed: Confirmed { by: "arn:someone".into(), at: now() },
    });
    let confirmed = looks(confirmed, 42);
    assert_eq!(decided(&Told::default(), &confirmed, now()).transitions, []);
    let later = decided(&first.told, &confirmed, now() + minutes(60));
    assert_eq!((later.transitions, later.told), (vec![], first.told), "it is not recovered either");
}

/// A receipt is the member's own, and may name one snapshot that is kept and then another.
#[test]
fn one_that_is_held_with_two_snapshots_by_turns_is_told_once_of_each() {
    let held = |number: u64| {
        let receipt = receipt(number, ReceiptStatus::Held, Some("2 of 3"));
        let organization = Organization { receipts: vec![receipt], ..reported(ReceiptStatus::Held, now()) };
        let mut view = view([organization], Some(&Head { latest: version(43), ..head() }));
        view.kept = [(version(42), head().digest)].into();
        view
    };
    let (mut state, mut told) = (Told::default(), Vec::new());
    for minute in 0..60 {
        let number = if minute % 2 == 0 { 42 } else { 43 };
        let decision = decided(&state, &held(number), now() + minutes(minute));
        told.extend(decision.transitions.iter().map(|it| (minute, it.version.unwrap().get())));
        state = decision.told;
    }
    assert_eq!(told, [(0, 42), (1, 43)]);
    // An older one that stays, as after a pin, needs its own confirmation.
    for minute in 60..90 {
        let decision = decided(&state, &held(42), now() + minutes(minute));
        told.extend(decision.transitions.iter().map(|it| (minute, it.version.unwrap().get())));
        state = decision.told;
    }
    assert_eq!(told, [(0, 42), (1, 43), (85, 42)]);
}

#[test]
fn a_read_that_failed_means_nothing_and_what_is_gone_is_over() {
    let first = decided(&Told::default(), &view([reported(ReceiptStatus::Failed, now())], Some(&head())), now());
    let subject = Subject { organization: Some(alpha()), member_experience: Some(experience("exp-member")) };
    assert!(first.told.entries.contains_key(&subject));
    let later = |view: &View| {
        let noted = decided(&first.told, view, now() + minutes(60));
        decided(&noted.told, view, now() + minutes(120))
    };
    let empty = Organization { receipts: Vec::new(), ..reported(ReceiptStatus::Failed, now() + minutes(100)) };
    let gone = later(&view([empty.clone()], Some(&head())));
    assert_eq!(only(&gone.transitions), (State::Failed, State::Well, "it is not reported any more"));
    assert_eq!(only(&later(&view([], Some(&head()))).transitions).1, State::Well, "its organization was forgotten");

    let mut failed = view([empty.clone()], Some(&head()));
    failed.looked[0].report = Err("no answer".to_owned());
    let kept = later(&failed);
    assert_eq!((kept.transitions, kept.told), (vec![], first.told.clone()));
    let problem = Unreadable { organization: alpha(), key: "k".into(), problem: "no".into(), found: None };
    let partly = Organization { unreadable: vec![problem], ..empty };
    assert!(later(&view([partly], Some(&head()))).told.entries.contains_key(&subject));
    let left_out = View { left_out: Some("some".into()), ..view([], Some(&head())) };
    assert!(later(&left_out).told.entries.contains_key(&subject));
}

#[test]
fn a_version_that_is_stopped_in_the_waves_is_told_once_and_another_one_again() {
    let configured = Configured::read("[[waves]]\nname = \"all\"\nshare = 100\n").unwrap();
    let looks = |number: u64, stopped: Option<Stopped>| {
        let mut state = RolloutState::begin(&configured, version(number), Digest::of(b"content"));
        state.rollout.stopped = stopped;
        let kept = Kept { generation: 1, state, waves: configured.waves.clone() };
        let waves = OnTheWay::Kept(Box::new(kept));
        View { waves, ..view([reported(ReceiptStatus::InSync, now())], Some(&head())) }
    };
    let reason = || Reason::TooManyFailed { failed: 1, max_failures: 0 };
    let halted = looks(42, Some(Stopped::RollingBack { to: version(41), reason: reason() }));
    let first = decided(&Told::default(), &halted, now());
    let (from, to, cause) = only(&first.transitions);
    assert_eq!((from, to, first.transitions[0].version), (State::Well, State::WaveHalted, Some(version(42))));
    assert!(cause.starts_with("snapshot 42 is being taken back to the content of 41: "), "{cause}");
    // That it is taken back, as another version, is the same trouble.
    let back = looks(43, Some(Stopped::RolledBack { from: version(42), to: version(41), reason: reason() }));
    assert_eq!(decided(&first.told, &back, now() + minutes(60)).transitions, []);
    // The next version is stopped, too.
    let next = decided(&first.told, &looks(44, Some(Stopped::Halted { reason: reason() })), now() + minutes(5));
    let (from, to, cause) = only(&next.transitions);
    assert_eq!((from, to), (State::WaveHalted, State::WaveHalted));
    assert!(cause.starts_with("snapshot 44 is halted"), "{cause}");
    // A person let it go on, and it is stopped by itself within the same half hour.
    let by_hand = Reason::ByHand { by: "arn:mim".into(), why: "a vendor called".into() };
    let by_hand = decided(&Told::default(), &looks(42, Some(Stopped::Halted { reason: by_hand })), now());
    let anew = decided(&by_hand.told, &halted, now() + minutes(5));
    assert_eq!((only(&anew.transitions).0, only(&anew.transitions).1), (State::WaveHalted, State::WaveHalted));
    // What cannot be read says nothing, and without waves nothing is stopped.
    let unreadable = View { waves: OnTheWay::Unreadable("no".into()), ..looks(42, None) };
    assert_eq!(decided(&first.told, &unreadable, now() + minutes(60)).told, first.told);
    let ended = View { waves: OnTheWay::NoWaves, ..looks(42, None) };
    let noted = decided(&first.told, &ended, now() + minutes(60));
    let over = decided(&noted.told, &ended, now() + minutes(120));
    assert_eq!(only(&over.transitions), (State::WaveHalted, State::Well, "there are no waves any more"));
}

#[test]
fn two_hubs_make_the_same_id_and_the_next_time_makes_another() {
    let failing = view([reported(ReceiptStatus::Failed, now())], Some(&head()));
    let ids = |generation| {
        let rows = judge::rows(&failing, now(), STALE);
        let observed = Observed::of(&failing, &rows, now(), STALE);
        decide(&Told::default(), generation, &observed, &management(), now()).transitions[0].id
    };
    assert_eq!(ids(7), ids(7));
    assert_ne!(ids(7), ids(8));
}

fn any_status() -> impl Strategy<Value = ReceiptStatus> {
    use ReceiptStatus::{Applying, Failed, Held, InSync, Skipped};
    prop_oneof![Just(InSync), Just(Failed), Just(Held), Just(Applying), Just(Skipped)]
}

proptest! {
    /// What is told is a chain from well on, without a step that changes nothing, and never more
    /// often than the rule permits.
    #[test]
    fn what_is_told_is_a_chain(seen in prop::collection::vec((1..40_i64, any_status()), 1..40)) {
        let mut minute = 0;
        let seen: Vec<_> = seen.into_iter().map(|(gap, status)| { minute += gap; (minute, status) }).collect();
        let told = told(&seen);
        let mut before = State::Well;
        let mut better = None;
        for (minute, from, to) in told {
            prop_assert_eq!(from, before);
            prop_assert_ne!(from, to);
            if to < from {
                let last: Option<i64> = better.replace(minute);
                // Between two steps to the better lies the time that each had to last.
                prop_assert!(last.is_none_or(|last| minutes(minute - last) >= SETTLED));
            }
            before = to;
        }
    }

    /// A fleet that did not change since is told nothing, and leads to no write.
    #[test]
    fn the_same_view_again_tells_nothing(status in any_status(), before in any_status()) {
        let first = decided(&Told::default(), &view([reported(before, now())], Some(&head())), now());
        let at = now() + minutes(1);
        let again = view([reported(status, at)], Some(&head()));
        let second = decided(&first.told, &again, at);
        let third = decided(&second.told, &again, at);
        prop_assert_eq!(&third.told, &second.told);
        prop_assert_eq!(third.transitions, vec![]);
        let entries: &BTreeMap<_, _> = &third.told.entries;
        prop_assert!(entries.values().all(|entry| entry.state != State::Well), "what is well takes no room");
    }
}
