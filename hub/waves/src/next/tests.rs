//! The decision, by examples and by random histories of a fleet.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{Because, OrganizationId, SnapshotVersion};
use proptest::prelude::*;

use super::*;
use crate::config::Format;
use crate::observed::Observed;
use crate::rollout::NotPromoted;

/// `12:00` and so on, of one day; hours above 23 are the days after.
fn at(time: &str) -> Timestamp {
    let (hours, minutes) = time.split_once(':').unwrap();
    let minutes = hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap();
    Timestamp::from_second(1795564800 + minutes * 60).unwrap()
}

fn version(number: u64) -> SnapshotVersion {
    SnapshotVersion::new(number).unwrap()
}

fn organization(id: &str) -> OrganizationId {
    OrganizationId::new(id).unwrap()
}

fn waves(text: &str) -> Waves {
    Waves::parse(text, Format::Toml).unwrap()
}

/// A fleet, the hub's state, and the hub that goes on as far as it can.
#[derive(Clone)]
struct Told {
    waves: Waves,
    rollout: Rollout,
    fleet: Fleet,
}

impl Told {
    fn new(config: &str, organizations: &[&str]) -> Self {
        let waves = waves(config);
        let fleet = organizations.iter().map(|id| (organization(id), Observed::NEVER)).collect();
        let rollout = Rollout::begin(version(8), Some(version(7)), &waves);
        Self { waves, rollout, fleet }
    }

    /// All organizations but those that are silent are heard of at `time`.
    fn heard(&mut self, time: &str) -> &mut Self {
        self.fleet.values_mut().for_each(|observed| observed.last_seen = Some(at(time)));
        self
    }

    fn says(&mut self, id: &str, number: u64, standing: Standing) -> &mut Self {
        let observed = self.fleet.get_mut(&organization(id)).unwrap();
        (observed.version, observed.standing) = (Some(version(number)), standing);
        self
    }

    /// The steps until there is nothing to do, and the state after them.
    fn steps(&mut self, time: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        loop {
            let step = next(&self.waves, &self.rollout, &self.fleet, at(time));
            let after = self.rollout.after(&step, &self.waves, at(time));
            let is_over = after == self.rollout;
            steps.push(step);
            self.rollout = after;
            if is_over {
                return steps;
            }
            assert!(steps.len() < 100, "it does not come to rest: {steps:?}");
        }
    }

    fn admits(&self) -> Vec<&str> {
        self.fleet.keys().filter(|id| self.rollout.has_admitted(id)).map(OrganizationId::as_str).collect()
    }
}

fn admitted(ids: &[&str]) -> Step {
    Step::Admit { organizations: ids.iter().map(|id| organization(id)).collect() }
}

fn remembered(ids: &[&str]) -> Step {
    Step::Remember { failed: ids.iter().map(|id| organization(id)).collect() }
}

const TWO: &str =
    "waves = [{ name = \"one\", organizations = [\"o-a000000000\"], soak = \"1h\" }, { name = \"all\", share = 100 }]";
const FLEET: [&str; 3] = ["o-a000000000", "o-b000000000", "o-c000000000"];

fn ada(at: Timestamp) -> Because {
    Because { by: "Ada".to_owned(), at, reason: "it is good".to_owned() }
}

#[test]
fn the_worked_example_of_three_waves() {
    let config = r#"
        max_failures = 1
        on_failure = "roll-back"
        silent_after = "2h"
        waves = [
            { name = "canary", organizations = ["o-canary0001", "o-canary0002"], soak = "1h" },
            { name = "quarter", share = 25, soak = "4h", in_step = 90 },
            { name = "all", share = 100 },
        ]"#;
    // The places of the first and the third are within 25 %, that of the second is not.
    let canary = ["o-canary0001", "o-canary0002"];
    let quarter = ["o-0000000001", "o-0000000003"];
    let rest = ["o-0000000002", "o-0000000005", "o-0000000006", "o-0000000007"];
    let organizations = [&canary[..], &quarter, &rest].concat();
    let mut told = Told::new(config, &organizations);
    let names = |told: &Told, wave| -> Vec<String> {
        let of = |id: &&OrganizationId| told.waves.wave_of(id) == Some(wave);
        told.fleet.keys().filter(of).map(ToString::to_string).collect()
    };
    assert_eq!(names(&told, 0), canary);
    assert_eq!(names(&told, 1), quarter);
    assert_eq!(names(&told, 2), rest);

    let tally = |in_step| Tally { members: 2, counted: 2, in_step };
    let steps = told.heard("12:00").steps("12:00");
    let why = Waiting::ForMembers { tally: tally(0) };
    assert_eq!(steps[..2], [Step::Enter { wave: 0 }, admitted(&canary)]);
    assert_eq!(steps[2], wait(Some(at("36:00")), why));

    told.heard("12:01").says(canary[0], 8, Standing::InStep).says(canary[1], 8, Standing::Working);
    let why = Waiting::ForMembers { tally: tally(1) };
    assert_eq!(told.steps("12:01"), [wait(Some(at("36:00")), why)]);

    told.heard("12:05").says(canary[1], 8, Standing::InStep);
    let soaking = wait(Some(at("13:05")), Waiting::Soaking { tally: tally(2) });
    assert_eq!(told.steps("12:05"), [Step::InStep { wave: 0 }, soaking.clone()]);
    assert_eq!(told.heard("13:04").steps("13:04"), [soaking]);

    let steps = told.heard("13:05").steps("13:05");
    assert_eq!(steps[..2], [Step::Enter { wave: 1 }, admitted(&quarter)]);

    told.heard("13:07").says(quarter[0], 8, Standing::Failed);
    assert_eq!(told.steps("13:07")[0], remembered(&quarter[..1]));

    told.heard("13:09").says(canary[0], 8, Standing::Failed);
    let reason = Reason::TooManyFailed { failed: 2, max_failures: 1 };
    assert_eq!(reason.to_string(), "2 organizations failed, and `max_failures` is 1");
    let back = Step::RollBack { to: version(7), reason };
    assert_eq!(told.steps("13:09"), [remembered(&canary[..1]), back.clone(), back]);

    // Nothing comes between: the content of version 7 goes first.
    assert_eq!(told.rollout.superseded(version(10), &told.waves), None);
    assert_eq!(told.rollout.restored(version(7)), None, "a number never becomes lower");
    told.rollout = told.rollout.restored(version(9)).unwrap();
    let directed = |told: &Told, id: &str| told.rollout.directed(&organization(id)).unwrap().get();
    assert_eq!(canary.map(|id| directed(&told, id)), [9, 9]);
    assert_eq!(quarter.map(|id| directed(&told, id)), [9, 9]);
    assert_eq!(rest.map(|id| directed(&told, id)), [7; 4]);
    assert_eq!(told.steps("13:10"), [wait(None, Waiting::Stopped)]);

    told.rollout = told.rollout.superseded(version(10), &told.waves).unwrap();
    assert_eq!(told.rollout.last_good, Some(version(7)));
    assert_eq!(told.steps("14:00")[..2], [Step::Enter { wave: 0 }, admitted(&canary)]);
    assert_eq!((directed(&told, canary[0]), directed(&told, quarter[0]), directed(&told, rest[0])), (10, 9, 7));
}

#[test]
fn a_version_that_all_have_is_what_everybody_is_directed_to() {
    let mut told = Told::new(TWO, &FLEET);
    told.heard("12:00").says(FLEET[0], 8, Standing::InStep).steps("12:00");
    told.heard("13:00").steps("13:00");
    assert_eq!(told.admits(), FLEET);
    for id in FLEET {
        told.says(id, 8, Standing::InStep);
    }
    let steps = told.steps("13:01");
    assert_eq!(steps, [Step::InStep { wave: 1 }, Step::Done, wait(None, Waiting::Done)]);
    assert_eq!((told.rollout.last_good, told.rollout.directed.len()), (Some(version(8)), 0));
    assert_eq!(told.rollout.directed(&organization("o-new0000000")), Some(version(8)));
    // It is over: what fails now fails with what is in force.
    assert_eq!(told.says(FLEET[0], 8, Standing::Failed).steps("14:00"), [wait(None, Waiting::Done)]);
}

#[test]
fn the_soak_begins_anew_after_a_member_fell_out_of_step() {
    let mut told = Told::new(TWO, &FLEET);
    told.heard("12:00").says(FLEET[0], 8, Standing::InStep).steps("12:00");
    told.heard("12:30").says(FLEET[0], 8, Standing::Working);
    assert_eq!(told.steps("12:30")[0], Step::OutOfStep { wave: 0 });
    told.heard("12:40").says(FLEET[0], 8, Standing::InStep).steps("12:40");
    assert!(matches!(told.heard("13:39").steps("13:39")[..], [Step::Wait { .. }]));
    assert_eq!(told.heard("13:40").steps("13:40")[0], Step::Enter { wave: 1 });
}

#[test]
fn a_deadline_counts_from_when_the_wave_was_entered() {
    let mut told = Told::new(TWO, &FLEET);
    told.heard("12:00").says(FLEET[0], 8, Standing::InStep).steps("12:00");
    told.heard("12:30").says(FLEET[0], 8, Standing::Held).steps("12:30");
    assert!(matches!(told.heard("35:59").steps("35:59")[..], [Step::Wait { .. }]));
    let tally = Tally { members: 1, counted: 1, in_step: 0 };
    let reason = Reason::Deadline { wave: 0, tally };
    assert_eq!(reason.to_string(), "the deadline of wave 1 passed with 0 of 1 organization in step");
    assert_eq!(told.heard("36:00").steps("36:00")[0], Step::Halt { reason });
    assert_eq!(told.rollout.waves[0].state, WaveState::Failed { at: at("36:00") });
    assert_eq!(told.says(FLEET[0], 8, Standing::InStep).steps("37:00"), [wait(None, Waiting::Stopped)]);
}

/// Whatever a member says by turns, it counts once, and holds a wave up until its deadline alone.
#[test]
fn a_member_that_flaps_counts_once_and_has_until_the_deadline() {
    let time = |half_hours: u32| format!("{}:{:02}", 12 + half_hours / 2, half_hours % 2 * 30);
    let by_turns = |half_hours: u32, other| if half_hours.is_multiple_of(2) { Standing::InStep } else { other };
    let mut told = Told::new(TWO, &FLEET);
    for half_hours in 0..49 {
        let (time, standing) = (time(half_hours), by_turns(half_hours, Standing::Working));
        told.heard(&time).says(FLEET[0], 8, standing).steps(&time);
        assert_eq!((told.rollout.current(), &told.rollout.stopped), (Some(0), &None), "{time}: no soak ends");
    }
    let steps = told.heard("36:30").says(FLEET[0], 8, Standing::Working).steps("36:30");
    assert!(
        matches!(steps[..], [Step::OutOfStep { .. }, Step::Halt { reason: Reason::Deadline { .. } }, _]),
        "{steps:?}"
    );

    let mut told = Told::new("max_failures = 1\nwaves = [{ name = \"all\", share = 100, soak = \"1h\" }]", &FLEET);
    for half_hours in 0..40 {
        let (time, standing) = (time(half_hours), by_turns(half_hours, Standing::Failed));
        told.heard(&time).says(FLEET[0], 8, standing).steps(&time);
    }
    assert_eq!((told.rollout.failed.len(), &told.rollout.stopped), (1, &None));
}

#[test]
fn silent_and_paused_organizations_are_not_waited_for() {
    let config = "waves = [{ name = \"all\", share = 100 }]";
    let mut told = Told::new(config, &FLEET);
    told.heard("12:00").says(FLEET[0], 8, Standing::InStep).says(FLEET[1], 7, Standing::Paused).steps("12:00");
    let silent = told.fleet.get_mut(&organization(FLEET[2])).unwrap();
    silent.last_seen = Some(at("10:00"));
    assert_eq!(told.steps("12:01"), [Step::InStep { wave: 0 }, Step::Done, wait(None, Waiting::Done)]);
}

#[test]
fn silence_passes_at_the_deadline_and_an_empty_share_at_once() {
    let mut told = Told::new(TWO, &FLEET);
    assert!(matches!(told.steps("12:00")[..], [Step::Enter { wave: 0 }, Step::Admit { .. }, Step::Wait { .. }]));
    assert!(matches!(told.steps("35:59")[..], [Step::Wait { .. }]));
    assert_eq!(told.steps("36:00")[0], Step::Enter { wave: 1 });

    // An id that is named may be mistyped, and then nobody is in the wave: that is silence.
    let mut told = Told::new(TWO, &FLEET[1..]);
    assert!(
        matches!(told.steps("12:00")[..], [Step::Enter { wave: 0 }, Step::Wait { until: Some(until), .. }] if until == at("36:00"))
    );
    assert_eq!(told.steps("36:00")[0], Step::Enter { wave: 1 });
    let shares = "waves = [{ name = \"few\", share = 1 }, { name = \"all\", share = 100 }]";
    let mut told = Told::new(shares, &FLEET[1..]);
    assert_eq!(told.steps("12:00")[..2], [Step::Enter { wave: 0 }, Step::Enter { wave: 1 }]);
}

#[test]
fn a_deadline_that_comes_while_change_windows_are_closed_begins_anew() {
    let mut told = Told::new(TWO, &FLEET);
    told.heard("12:00").says(FLEET[0], 8, Standing::Waiting).steps("12:00");
    assert_eq!(told.heard("36:00").steps("36:00")[0], Step::Prolong { wave: 0, windows: true });
    assert_eq!(told.rollout.waves[0].state, WaveState::Entered { at: at("36:00") });
    // The windows open, and it is applied within the new deadline.
    told.heard("40:00").says(FLEET[0], 8, Standing::InStep);
    assert_eq!(told.steps("40:00")[0], Step::InStep { wave: 0 });
    // One whose windows have opened, and that is not in step by then, is late.
    let mut late = Told::new(TWO, &FLEET);
    late.heard("12:00").says(FLEET[0], 8, Standing::Waiting).steps("12:00");
    late.heard("36:00").steps("36:00");
    late.heard("60:00").says(FLEET[0], 8, Standing::Working);
    assert!(matches!(late.steps("60:00")[0], Step::Halt { reason: Reason::Deadline { .. } }));
}

/// The time of a moment that is `days` after `12:00`.
fn days_later(days: i64) -> String {
    format!("{}:00", 12 + 24 * days)
}

#[test]
fn closed_change_windows_keep_a_version_in_its_wave_for_eight_days_and_no_longer() {
    let config = TWO.replace("[\"o-a000000000\"]", "[\"o-a000000000\", \"o-b000000000\"]");
    for (other, goes_on) in [(Standing::InStep, true), (Standing::Working, false)] {
        let mut told = Told::new(&config, &FLEET);
        told.heard("12:00").says(FLEET[0], 8, Standing::Waiting).says(FLEET[1], 8, other).steps("12:00");
        for day in 1..8 {
            let time = days_later(day);
            assert_eq!(told.heard(&time).steps(&time)[0], Step::Prolong { wave: 0, windows: true }, "day {day}");
        }
        let time = days_later(8);
        let steps = told.heard(&time).steps(&time);
        assert_eq!(steps[0], Step::LeaveOut { wave: 0, organizations: [organization(FLEET[0])].into() });
        // The others decide, as if it were silent.
        assert_eq!(steps[1] == Step::InStep { wave: 0 }, goes_on, "{steps:?}");
        assert_eq!(matches!(steps[1], Step::Halt { reason: Reason::Deadline { .. } }), !goes_on, "{steps:?}");
        // That it works at it now keeps nobody waiting, and that it fails counts.
        told.says(FLEET[0], 8, Standing::Working);
        assert_eq!(told.steps("205:30")[0] == Step::Enter { wave: 1 }, goes_on);
        assert_eq!(told.says(FLEET[0], 8, Standing::Failed).steps("205:40")[0], remembered(&FLEET[..1]));
    }
    // Where it is alone in its wave, that passes as if it were silent.
    let mut alone = Told::new(TWO, &FLEET);
    alone.heard("12:00").says(FLEET[0], 8, Standing::Waiting).steps("12:00");
    for day in 1..8 {
        alone.heard(&days_later(day)).steps(&days_later(day));
    }
    assert_eq!(alone.heard("204:00").steps("204:00")[1], Step::Enter { wave: 1 });
}

#[test]
fn one_that_is_left_out_takes_no_place_among_those_that_work_at_once() {
    let config = "waves = [{ name = \"all\", share = 100, at_once = 1 }]";
    let mut told = Told::new(config, &FLEET);
    told.heard("12:00").steps("12:00");
    told.says(FLEET[0], 8, Standing::Waiting);
    for day in 1..8 {
        told.heard(&days_later(day)).steps(&days_later(day));
    }
    assert_eq!(told.admits(), FLEET[..1]);
    let time = days_later(8);
    let steps = told.heard(&time).steps(&time);
    assert!(matches!(steps[..3], [Step::LeaveOut { .. }, Step::Admit { .. }, Step::Wait { .. }]), "{steps:?}");
    assert_eq!(told.admits(), FLEET[..2]);
}

#[test]
fn a_pause_takes_nothing_from_the_time_for_change_windows() {
    let mut told = Told::new(TWO, &FLEET);
    told.heard("12:00").says(FLEET[0], 7, Standing::PausedByHub).steps("12:00");
    for day in 1..10 {
        let steps = told.heard(&days_later(day)).steps(&days_later(day));
        assert_eq!(steps[0], Step::Prolong { wave: 0, windows: false });
    }
    let time = days_later(10);
    let steps = told.heard(&time).says(FLEET[0], 8, Standing::Waiting).steps(&time);
    assert_eq!(steps[0], Step::Prolong { wave: 0, windows: true });
    // Nor does a person who lets it go on.
    told.rollout = told.rollout.halted("Ada", "a look", at(&time));
    told.rollout = told.rollout.promoted(&told.waves, &told.fleet, &ada(at(&time))).unwrap();
    assert_eq!(told.rollout.waves[1].windows_since, None);
}

#[test]
fn an_empty_fleet_enters_nothing() {
    let mut told = Told::new(TWO, &[]);
    assert_eq!(told.steps("12:00"), [wait(None, Waiting::ForAFleet)]);
}

#[test]
fn an_organization_that_joins_is_admitted_with_its_wave() {
    let mut told = Told::new(TWO, &FLEET[1..2]);
    told.heard("12:00").steps("12:00");
    told.fleet.insert(organization(FLEET[0]), Observed::NEVER);
    assert_eq!(told.steps("12:01")[0], admitted(&FLEET[..1]));
}

#[test]
fn no_more_than_at_once_work_at_the_version() {
    let config = "max_failures = 1\nwaves = [{ name = \"all\", share = 100, at_once = 1 }]";
    let mut told = Told::new(config, &FLEET);
    assert_eq!(told.steps("12:00")[0], Step::Enter { wave: 0 });
    assert_eq!(told.admits(), [""; 0], "one that was never heard of is not admitted to such a wave");
    told.heard("12:00").steps("12:00");
    assert_eq!(told.admits(), FLEET[..1]);
    assert!(matches!(told.steps("12:01")[..], [Step::Wait { .. }]));
    told.says(FLEET[0], 8, Standing::Failed);
    assert_eq!(told.steps("12:02")[..2], [remembered(&FLEET[..1]), admitted(&FLEET[1..2])]);
    told.says(FLEET[1], 8, Standing::Failed);
    assert!(matches!(told.steps("12:03")[1], Step::Halt { .. }));
    assert_eq!(told.admits(), FLEET[..2], "the third was spared");
}

#[test]
fn a_failure_counts_until_a_person_promotes() {
    let mut told = Told::new(TWO, &FLEET);
    told.heard("12:00").says(FLEET[0], 8, Standing::Failed);
    assert!(matches!(told.steps("12:00")[..], [.., Step::Wait { .. }]));
    assert_eq!(told.admits(), [""; 0], "it was known to fail before its wave was entered");
    told.says(FLEET[0], 8, Standing::InStep);
    assert_eq!(told.steps("12:01"), [wait(None, Waiting::Stopped)]);
    told.rollout = told.rollout.promoted(&told.waves, &told.fleet, &ada(at("12:02"))).unwrap();
    assert_eq!(
        told.rollout.waves[0].promoted,
        Some(crate::Promotion { by: "Ada".into(), at: at("12:02"), why: "it is good".into() })
    );
    assert_eq!(told.steps("12:02")[..2], [admitted(&FLEET[..1]), Step::InStep { wave: 0 }]);
}

#[test]
fn a_promotion_never_goes_past_max_failures() {
    let mut told = Told::new(TWO, &FLEET);
    told.heard("12:00").steps("12:00");
    told.says(FLEET[0], 8, Standing::Failed);
    let promoted = |told: &Told| told.rollout.promoted(&told.waves, &told.fleet, &ada(at("12:01")));
    let failed = [organization(FLEET[0])].into();
    let refused = NotPromoted::TooManyFailed { version: version(8), failed, max_failures: 0 };
    assert!(refused.to_string().starts_with(&format!("1 organization ({}) failed", FLEET[0])), "{refused}");
    assert_eq!(promoted(&told), Err(refused.clone()), "not written down yet, and seen all the same");
    told.steps("12:01");
    assert_eq!(promoted(&told), Err(refused));

    // One that fails after the promotion stops the version where it is.
    told.says(FLEET[0], 8, Standing::InStep);
    told.rollout = promoted(&told).unwrap();
    told.steps("12:02");
    assert_eq!(told.admits(), FLEET);
    told.says(FLEET[0], 8, Standing::Failed);
    assert!(matches!(told.steps("12:03")[..], [Step::Remember { .. }, Step::Halt { .. }, Step::Wait { .. }]));
}

/// A pin takes it off the version, and a member that is forgotten is none any more.
#[test]
fn one_that_fails_no_more_since_it_is_elsewhere_blocks_no_promotion() {
    let mut told = Told::new(TWO, &FLEET);
    told.heard("12:00").steps("12:00");
    told.says(FLEET[0], 8, Standing::Failed).steps("12:01");
    let promoted = |told: &Told| told.rollout.promoted(&told.waves, &told.fleet, &ada(at("12:01")));
    assert!(promoted(&told).is_err());
    let mut gone = told.clone();
    gone.fleet.remove(&organization(FLEET[0]));
    assert!(promoted(&gone).is_ok());
    told.says(FLEET[0], 7, Standing::Paused);
    assert!(promoted(&told).is_ok());
    told.says(FLEET[0], 8, Standing::Paused);
    assert!(promoted(&told).is_err(), "paused with it, it has not recovered");
}

#[test]
fn a_wave_that_is_paused_as_a_whole_is_not_passed_untried() {
    let mut told = Told::new(TWO, &FLEET);
    told.heard("12:00").says(FLEET[0], 7, Standing::PausedByHub).steps("12:00");
    told.heard("36:00").says(FLEET[0], 7, Standing::PausedByHub);
    assert!(matches!(told.steps("36:00")[..], [Step::Prolong { wave: 0, windows: false }, Step::Wait { .. }]));
    // The pause is over: it counts again.
    told.heard("37:00").says(FLEET[0], 8, Standing::InStep);
    assert_eq!(told.steps("37:00")[0], Step::InStep { wave: 0 });
    // One that is silent, or holds by itself, never blocks the others.
    for standing in [Standing::PausedByHub, Standing::Paused] {
        let mut told = Told::new(TWO, &FLEET);
        told.heard("12:00").says(FLEET[0], 7, standing).steps("12:00");
        if standing == Standing::Paused {
            told.heard("36:00").says(FLEET[0], 7, standing);
        }
        assert_eq!(told.steps("36:00")[0], Step::Enter { wave: 1 }, "{standing:?}");
    }
}

#[test]
fn a_person_halts_and_promotes_and_there_is_an_end_to_it() {
    let mut told = Told::new(TWO, &FLEET);
    let promoted = |told: &Told| told.rollout.promoted(&told.waves, &told.fleet, &ada(at("12:01")));
    told.heard("12:00").steps("12:00");
    told.rollout = told.rollout.halted("Bob", "a vendor called", at("12:00"));
    assert_eq!(told.rollout.waves[0].state, WaveState::Halted { at: at("12:00") });
    assert_eq!(told.steps("12:00"), [wait(None, Waiting::Stopped)]);
    told.rollout = promoted(&told).unwrap();
    assert_eq!(promoted(&told), Err(NotPromoted::LastWave { version: version(8) }));
    told.rollout = told.rollout.halted("Bob", "another vendor called", at("12:02"));
    told.rollout = promoted(&told).unwrap();
    assert_eq!(told.rollout.waves[1].state, WaveState::Entered { at: at("12:01") });

    let other = waves("waves = [{ name = \"everybody\", share = 100 }]");
    assert_eq!(told.rollout.promoted(&other, &told.fleet, &ada(at("12:01"))), Err(NotPromoted::OtherWaves));
}

#[test]
fn waves_that_were_configured_anew_are_taken_over() {
    let mut told = Told::new(TWO, &FLEET);
    told.heard("12:00").steps("12:00");
    told.waves = waves(
        "waves = [{ name = \"zero\", organizations = [\"o-b000000000\"] }, \
         { name = \"one\", organizations = [\"o-a000000000\"] }, { name = \"all\", share = 100 }]",
    );
    assert_eq!(told.steps("12:01")[..2], [Step::Adopt, admitted(&FLEET[1..2])]);
    assert_eq!(told.rollout.current(), Some(1));
    // Where none of the names is left, it begins anew; who was admitted stays so.
    told.waves = waves("waves = [{ name = \"everybody\", share = 100 }]");
    assert_eq!(told.steps("12:02")[..3], [Step::Adopt, Step::Enter { wave: 0 }, admitted(&FLEET[2..])]);
}

#[test]
fn without_a_last_good_version_a_failing_one_halts() {
    let config = format!("on_failure = \"roll-back\"\n{TWO}");
    let mut told = Told::new(&config, &FLEET);
    told.rollout.last_good = None;
    assert_eq!(told.rollout.directed(&organization(FLEET[0])), None);
    told.heard("12:00").steps("12:00");
    told.says(FLEET[0], 8, Standing::Failed);
    assert!(matches!(told.steps("12:01")[1], Step::Halt { .. }));
}

#[test]
fn the_state_is_written_and_read_again() {
    let mut told = Told::new(&format!("on_failure = \"roll-back\"\n{TWO}"), &FLEET);
    told.heard("12:00").steps("12:00");
    told.rollout = told.rollout.promoted(&told.waves, &told.fleet, &ada(at("12:01"))).unwrap();
    told.says(FLEET[0], 8, Standing::Failed).steps("12:02");
    let text = serde_json::to_string(&told.rollout).unwrap();
    assert_eq!(serde_json::from_str::<Rollout>(&text).unwrap(), told.rollout);
    assert_eq!(
        text,
        r#"{"version":8,"last_good":7,"waves":[{"name":"one","state":{"state":"entered","at":"2026-11-25T12:00:00Z"}},{"name":"all","state":{"state":"failed","at":"2026-11-25T12:02:00Z"},"promoted":{"by":"Ada","at":"2026-11-25T12:01:00Z","why":"it is good"}}],"directed":{"o-a000000000":8},"failed":["o-a000000000"],"stopped":{"stopped":"rolling-back","to":7,"reason":{"kind":"too-many-failed","failed":1,"max_failures":0}},"done":false}"#
    );
}

/// What happens to a fleet.
#[derive(Debug, Clone)]
enum Event {
    /// An organization takes up what it is directed to, and stands so.
    Says(usize, Standing),
    /// It is not heard of for hours.
    Silent(usize),
    /// Time passes, in minutes, and everybody else is heard of.
    Later(i64),
    /// A hub goes on, one step.
    Step,
    Promote,
    Halt,
    /// The management experience changed.
    Newer,
    /// A hub publishes what is to be restored.
    Restore,
}

fn event() -> impl Strategy<Value = Event> {
    let standing = prop_oneof![
        5 => Just(Standing::InStep),
        2 => Just(Standing::Working),
        2 => Just(Standing::Failed),
        1 => Just(Standing::Held),
        1 => Just(Standing::Paused),
        1 => Just(Standing::Waiting),
    ];
    prop_oneof![
        8 => (0..6_usize, standing).prop_map(|(who, standing)| Event::Says(who, standing)),
        1 => (0..6_usize).prop_map(Event::Silent),
        3 => (1..800_i64).prop_map(Event::Later),
        12 => Just(Event::Step),
        1 => Just(Event::Promote),
        1 => Just(Event::Halt),
        1 => Just(Event::Newer),
        1 => Just(Event::Restore),
    ]
}

fn any_config() -> impl Strategy<Value = String> {
    (0..3_usize, any::<bool>(), 1..4_usize, any::<bool>(), 50..=100_u8).prop_map(
        |(max_failures, rolls_back, at_once, is_bounded, in_step)| {
            let on_failure = if rolls_back { "roll-back" } else { "halt" };
            let at_once = if is_bounded { format!(", at_once = {at_once}") } else { String::new() };
            format!(
                "max_failures = {max_failures}\non_failure = \"{on_failure}\"\nwaves = [\
                 {{ name = \"canary\", organizations = [\"o-m000000000\"], soak = \"1h\"{at_once} }},\
                 {{ name = \"half\", share = 50, in_step = {in_step}, soak = \"2h\"{at_once} }},\
                 {{ name = \"all\", share = 100{at_once} }}]"
            )
        },
    )
}

fn members() -> Vec<OrganizationId> {
    (0..6).map(|n| organization(&format!("o-m{n:09}"))).collect()
}

/// A history, and what has to hold at every moment of it.
struct History {
    waves: Waves,
    rollout: Rollout,
    fleet: Fleet,
    now: Timestamp,
    newest: u64,
    /// Organizations that a hub saw fail with the version since it began, apart from those that a
    /// promotion forgave.
    failed: BTreeSet<OrganizationId>,
    /// Those that were in step with it at some time.
    were_in_step: BTreeSet<OrganizationId>,
    /// Those that a hub ever saw fail with it, and that were not in step before.
    ever_failed: BTreeSet<OrganizationId>,
    /// Whether somebody was silent or paused since it began, or it was promoted.
    is_disturbed: bool,
}

impl History {
    fn new(config: &str) -> Self {
        let (waves, now) = (waves(config), at("0:00"));
        let seen = Observed { last_seen: Some(now), ..Observed::NEVER };
        Self {
            rollout: Rollout::begin(version(2), Some(version(1)), &waves),
            fleet: members().into_iter().map(|id| (id, seen)).collect(),
            waves,
            now,
            newest: 2,
            failed: BTreeSet::new(),
            were_in_step: BTreeSet::new(),
            ever_failed: BTreeSet::new(),
            is_disturbed: false,
        }
    }

    fn begin_again(&mut self, rollout: Rollout) {
        self.newest += 1;
        self.rollout = rollout;
        self.failed.clear();
        self.were_in_step.clear();
        self.ever_failed.clear();
        self.is_disturbed = false;
    }

    fn apply(&mut self, event: Event) -> Result<(), TestCaseError> {
        let members = members();
        match event {
            Event::Says(who, standing) => {
                let observed = self.fleet.get_mut(&members[who]).unwrap();
                *observed =
                    Observed { version: self.rollout.directed(&members[who]), standing, last_seen: Some(self.now) };
                self.is_disturbed |= standing == Standing::Paused;
                if standing == Standing::InStep && self.rollout.has_admitted(&members[who]) {
                    self.were_in_step.insert(members[who].clone());
                }
            }
            Event::Silent(who) => {
                self.fleet.get_mut(&members[who]).unwrap().last_seen = None;
                self.is_disturbed = true;
            }
            Event::Later(minutes) => {
                self.now += SignedDuration::from_mins(minutes);
                let heard = self.fleet.values_mut().filter_map(|observed| observed.last_seen.as_mut());
                heard.for_each(|seen| *seen = self.now);
            }
            Event::Step => self.step()?,
            Event::Promote => {
                // One that is refused writes nothing down of what it saw.
                if let Ok(promoted) = self.rollout.promoted(&self.waves, &self.fleet, &ada(self.now)) {
                    self.look();
                    self.failed.retain(|id| promoted.failed.contains(id));
                    self.rollout = promoted;
                    self.is_disturbed = true;
                    prop_assert!(self.failed.len() <= self.waves.max_failures(), "promoted past max_failures");
                }
            }
            Event::Halt => self.rollout = self.rollout.halted("Ada", "why not", self.now),
            Event::Newer => {
                if let Some(newer) = self.rollout.superseded(version(self.newest + 1), &self.waves) {
                    self.begin_again(newer);
                }
            }
            Event::Restore => {
                if let Some(restored) = self.rollout.restored(version(self.newest + 1)) {
                    self.begin_again(restored);
                }
            }
        }
        Ok(())
    }

    /// A hub sees what fails now.
    fn look(&mut self) {
        self.failed.extend(failing(&self.fleet, self.rollout.version));
        let first = failing(&self.fleet, self.rollout.version).filter(|id| !self.were_in_step.contains(id));
        self.ever_failed.extend(first);
    }

    fn step(&mut self) -> Result<(), TestCaseError> {
        if !self.rollout.done && !is_taken_back(&self.rollout) {
            self.look();
        }
        let step = next(&self.waves, &self.rollout, &self.fleet, self.now);
        let goes_on = matches!(step, Step::Enter { .. } | Step::Admit { .. } | Step::Done);
        prop_assert!(
            !goes_on || self.failed.len() <= self.waves.max_failures(),
            "{step:?} after {:?} failed",
            self.failed
        );
        if let Step::Enter { wave } = step {
            prop_assert_eq!(wave, self.rollout.current().map_or(0, |current| current + 1), "a wave was left out");
        }
        self.rollout = self.rollout.after(&step, &self.waves, self.now);
        Ok(())
    }

    fn check(&self, before: &Rollout) -> Result<(), TestCaseError> {
        for id in members() {
            prop_assert!(self.rollout.directed(&id) >= before.directed(&id), "{id} went backwards");
        }
        if let Some(at_once) = self.waves.waves()[0].at_once.filter(|_| !self.is_disturbed) {
            prop_assert!(self.ever_failed.len() <= self.waves.max_failures() + at_once.get(), "{:?}", self.ever_failed);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn max_failures_holds_and_nobody_goes_backwards(
        config in any_config(), events in proptest::collection::vec(event(), 0..120),
    ) {
        let mut history = History::new(&config);
        for event in events {
            let before = history.rollout.clone();
            history.apply(event)?;
            history.check(&before)?;
        }
    }

    /// Whatever happened: once nothing fails any more, everybody who is heard of gets the newest
    /// version, unless the version was stopped. Nobody starves.
    #[test]
    fn a_version_that_does_not_fail_reaches_everybody(
        config in any_config(), events in proptest::collection::vec(event(), 0..60),
    ) {
        let mut history = History::new(&config);
        for event in events {
            history.apply(event)?;
        }
        history.apply(Event::Restore)?;
        history.apply(Event::Newer)?;
        let newest = history.rollout.version;
        for _ in 0..60 {
            for who in 0..6 {
                history.apply(Event::Says(who, Standing::InStep))?;
            }
            history.apply(Event::Later(60))?;
            for _ in 0..3 {
                history.apply(Event::Step)?;
            }
        }
        prop_assert!(history.rollout.done, "{:?}", history.rollout);
        for id in members() {
            prop_assert_eq!(history.rollout.directed(&id), Some(newest));
        }
    }

    /// Members that say again and again that their change windows are closed keep no version back
    /// forever: it goes through all waves, or is stopped.
    #[test]
    fn closed_change_windows_end(
        config in any_config(),
        says in proptest::collection::vec(proptest::collection::vec(0..4_usize, 6), 40..80),
    ) {
        let mut history = History::new(&config);
        for standings in says.iter().cycle().take(80) {
            for (who, standing) in standings.iter().enumerate() {
                let standing = if *standing == 0 { Standing::InStep } else { Standing::Waiting };
                history.apply(Event::Says(who, standing))?;
            }
            history.apply(Event::Later(12 * 60))?;
            for _ in 0..12 {
                history.apply(Event::Step)?;
            }
        }
        // Eight days for each of three waves, and a deadline for each of six members.
        prop_assert!(history.rollout.done || history.rollout.stopped.is_some(), "{:?}", history.rollout);
    }

    /// The steps end: between two observations, a hub writes a bounded number of states.
    #[test]
    fn the_steps_come_to_rest(config in any_config(), events in proptest::collection::vec(event(), 0..60)) {
        let mut history = History::new(&config);
        for event in events {
            history.apply(event)?;
        }
        for _ in 0..12 {
            history.step()?;
        }
        let before = history.rollout.clone();
        history.step()?;
        prop_assert_eq!(history.rollout, before);
    }
}
