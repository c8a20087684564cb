use jiff::Timestamp;
use pmp_protocol::testing::{experience, now, version};
use pmp_protocol::{ChangeWindows, DirectionChange};
use pmp_waves::Step;

use super::*;
use crate::config::waves::Configured;
use crate::rollout::state::State;

const WAVES: &str =
    "[[waves]]\nname = \"canary\"\norganizations = [\"o-alpha00000\"]\n[[waves]]\nname = \"all\"\nshare = 100\n";

fn begun() -> Kept {
    let given = Configured::read(WAVES).unwrap();
    let state = State::begin(&given, version(7), Digest::of(b"seven"));
    Kept { generation: 1, state, waves: given.waves }
}

/// The state after these steps of version 8.
fn stepped(steps: &[Step]) -> Kept {
    let mut kept = begun();
    kept.state = kept.state.superseded(&kept.waves, version(8), Digest::of(b"eight")).unwrap();
    for step in steps {
        kept.state.rollout = kept.state.rollout.after(step, &kept.waves, now());
    }
    kept
}

fn of(kept: &Kept) -> Sight<'_> {
    Sight { waves: Some(Some(kept)), ..Sight::default() }
}

/// What is written one after the other, and what the head says after that.
fn written(noted: Option<&str>, sight: Sight<'_>) -> (Vec<Event>, Option<String>) {
    let notes = notes(noted, sight);
    let last = notes.last().map(|note| note.noted.clone()).or_else(|| noted.map(str::to_owned));
    (notes.into_iter().map(|note| note.event).collect(), last)
}

fn enter(wave: &str) -> WaveStep {
    WaveStep::Enter { wave: wave.to_owned(), promoted_by: None }
}

#[test]
fn each_step_through_the_waves_is_told_once() {
    let (events, noted) = written(None, of(&begun()));
    let digest = Some(Digest::of(WAVES.trim().as_bytes()));
    let waves = vec!["canary".to_owned(), "all".to_owned()];
    let settings = HubSettings { waves, waves_digest: digest, ..HubSettings::default() };
    assert_eq!(events, [Event::Settings(settings)], "where waves begin, none is entered");
    let first = stepped(&[Step::Enter { wave: 0 }]);
    let (events, noted) = written(noted.as_deref(), of(&first));
    assert_eq!(events, [Event::Waves { version: version(8), steps: vec![enter("canary")] }]);
    assert_eq!(written(noted.as_deref(), of(&first)), (Vec::new(), noted.clone()));
    let in_step = stepped(&[Step::Enter { wave: 0 }, Step::InStep { wave: 0 }]);
    assert_eq!(written(noted.as_deref(), of(&in_step)).0, []);
    let done = stepped(&[Step::Enter { wave: 0 }, Step::InStep { wave: 0 }, Step::Enter { wave: 1 }, Step::Done]);
    let (events, noted) = written(noted.as_deref(), of(&done));
    assert_eq!(events, [Event::Waves { version: version(8), steps: vec![enter("all"), WaveStep::ForEverybody] }]);
    assert_eq!(written(noted.as_deref(), of(&done)).0, []);
}

#[test]
fn what_was_stopped_and_taken_back_is_told_once() {
    let reason = || Reason::ByHand { by: "ada".to_owned(), why: "a test".to_owned() };
    let (_, noted) = written(None, of(&begun()));
    // A person's word has an entry of its own.
    let by_hand = stepped(&[Step::Enter { wave: 0 }, Step::Halt { reason: reason() }]);
    let (events, noted) = written(noted.as_deref(), of(&by_hand));
    assert_eq!(events, [Event::Waves { version: version(8), steps: vec![enter("canary")] }]);
    let back = stepped(&[Step::Enter { wave: 0 }, Step::RollBack { to: version(7), reason: reason() }]);
    let (events, noted) = written(noted.as_deref(), of(&back));
    let step = WaveStep::RollBack { to: version(7), reason: reason().to_string() };
    assert_eq!(events, [Event::Waves { version: version(8), steps: vec![step] }]);
    // Version 9 has the content of 7: the steps are still those of 8.
    let restored = Kept { state: back.state.restored(version(9), Digest::of(b"seven")).unwrap(), ..back };
    assert_eq!(written(noted.as_deref(), of(&restored)).0, []);
    let newer = restored.state.superseded(&restored.waves, version(10), Digest::of(b"ten")).unwrap();
    let mut newer = Kept { state: newer, ..restored };
    newer.state.rollout = newer.state.rollout.after(&Step::Enter { wave: 0 }, &newer.waves, now());
    let (events, _) = written(noted.as_deref(), of(&newer));
    assert_eq!(events, [Event::Waves { version: version(10), steps: vec![enter("canary")] }]);
}

#[test]
fn a_version_that_the_hub_stops_again_is_told_again() {
    let failed = || Reason::TooManyFailed { failed: 1, max_failures: 0 };
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let stop = |second| {
        let mut kept = stepped(&[Step::Enter { wave: 0 }]);
        kept.state.rollout = kept.state.rollout.after(&Step::Halt { reason: failed() }, &kept.waves, at(second));
        kept
    };
    let (_, noted) = written(None, of(&stepped(&[Step::Enter { wave: 0 }])));
    let (events, noted) = written(noted.as_deref(), of(&stop(1)));
    let step = WaveStep::Stop { reason: failed().to_string() };
    let told = Event::Waves { version: version(8), steps: vec![step] };
    assert_eq!(events, std::slice::from_ref(&told));
    assert_eq!(written(noted.as_deref(), of(&stop(1))).0, []);
    assert_eq!(written(noted.as_deref(), of(&stop(2))).0, [told]);
}

fn directed(changes: &[DirectionChange]) -> Direction {
    let because = pmp_protocol::Because { by: "the hub".to_owned(), at: now(), reason: "a setting".to_owned() };
    let none = Direction::none(experience("exp-management"), None);
    changes.iter().fold(none, |before, change| before.changed(change, &because).unwrap_or(before))
}

#[test]
fn settings_that_changed_are_told_once_and_never_by_what_cannot_be_read() {
    let windows = ChangeWindows { text: "Mon-Fri 09:00-17:00 UTC".to_owned(), tzdb: "2026a".to_owned(), at: now() };
    let direction = directed(&[DirectionChange::Windows(Some(windows.clone())), DirectionChange::MaxHold(3_600)]);
    let sight = Sight { fleet: Some(Some(&direction)), ..Sight::default() };
    let (events, noted) = written(None, sight);
    let change_windows = Some(windows.text);
    let settings = HubSettings { change_windows, max_hold_seconds: Some(3_600), ..HubSettings::default() };
    assert_eq!(events, [Event::Settings(settings)]);
    assert_eq!(written(noted.as_deref(), sight).0, []);
    assert_eq!(written(noted.as_deref(), Sight::default()).0, []);
    let nothing = Sight { waves: Some(None), fleet: Some(None), members: None };
    assert_eq!(written(noted.as_deref(), nothing).0, [Event::Settings(HubSettings::default())]);
    assert_eq!(written(None, nothing).0, [], "a hub without any of them writes nothing");
}

#[test]
fn whom_the_settings_admit_is_told_once_and_whom_no_more() {
    let of = |ids: &[&str]| ids.iter().map(|id| OrganizationId::new(id).unwrap()).collect::<BTreeSet<_>>();
    let admitting = |members| Sight { members: Some(members), ..Sight::default() };
    let (two, other, nobody) = (of(&["o-alpha00000", "o-beta000000"]), of(&["o-beta000000", "o-gamma00000"]), of(&[]));
    assert_eq!(written(None, admitting(&nobody)).0, [], "a hub that admits nobody by settings writes nothing");
    let (events, noted) = written(None, admitting(&two));
    let told = |admitted: &[&str], gone: &[&str]| {
        let (admitted, no_longer_admitted) = (of(admitted).into_iter().collect(), of(gone).into_iter().collect());
        Event::Settings(HubSettings { admitted, no_longer_admitted, ..HubSettings::default() })
    };
    assert_eq!(events, [told(&["o-alpha00000", "o-beta000000"], &[])]);
    assert_eq!(written(noted.as_deref(), admitting(&two)).0, []);
    assert_eq!(written(noted.as_deref(), Sight::default()).0, [], "what was not looked at says nothing");
    let (events, noted) = written(noted.as_deref(), admitting(&other));
    assert_eq!(events, [told(&["o-gamma00000"], &["o-alpha00000"])]);
    assert_eq!(written(noted.as_deref(), admitting(&nobody)).0, [told(&[], &["o-beta000000", "o-gamma00000"])]);
}

#[test]
fn very_many_that_the_settings_admit_are_told_by_several_entries() {
    let many = |number: usize| (0..number).map(|n| OrganizationId::new(&format!("o-{n:032}")).unwrap()).collect();
    let many: BTreeSet<OrganizationId> = many(MAX_MEMBERS + 1);
    let (events, noted) = written(None, Sight { members: Some(&many), ..Sight::default() });
    let named = |event: &Event| match event {
        Event::Settings(settings) => settings.admitted.len(),
        _ => 0,
    };
    assert_eq!(events.iter().map(named).collect::<Vec<_>>(), [MAX_NAMED; MAX_MEMBERS / MAX_NAMED]);
    let noted = noted.unwrap();
    assert!(noted.len() < 250_000, "{} bytes of an item of 400 KB", noted.len());
    assert_eq!(written(Some(&noted), Sight { members: Some(&many), ..Sight::default() }).0, []);
}
