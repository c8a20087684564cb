//! Stories into which somebody wrote something that cannot be, with digests that belong together:
//! each is refused, and the entry that was written is named.

#![expect(clippy::ptr_arg, reason = "all ways are functions of one type, and some take entries out")]

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::*;
use crate::testing::written_at;
use crate::{Publishing, WaveStep};

/// Alters a story, and returns the number of the entry that is the first one wrong; none where the
/// story has nothing of the kind.
type Way = fn(&mut Vec<Event>) -> Option<u64>;

/// Each way, with the code of what is found.
const WAYS: [(&str, Way); 23] = [
    ("E1617", other_content),
    ("E1618", other_counts),
    ("E1619", stored_twice),
    ("E1620", never_stored),
    ("E1621", left_out),
    ("E1622", other_pinned),
    ("E1623", back_to_itself),
    ("E1624", mark_below),
    ("E1625", never_pinned),
    ("E1625", never_paused),
    ("E1625", never_confirmed),
    ("E1626", over_before_it_began),
    ("E1627", a_failure_of_nothing),
    ("E1628", failed_again),
    ("E1629", failed_for_another),
    ("E1630", another_wave),
    ("E1631", before_its_turn),
    ("E1632", through_no_wave),
    ("E1633", went_on_by_itself),
    ("E1634", never_admitted),
    ("E1635", counted_wrong),
    ("E1636", more_than_there_are),
    ("E1637", the_same_twice),
];

#[test]
fn every_doctored_story_is_refused_and_the_first_wrong_entry_named() {
    let mut refused = BTreeMap::<&str, usize>::new();
    for seed in 0..25 {
        for (code, way) in WAYS {
            let mut events = Story::of(seed).events;
            let Some(entry) = way(&mut events) else { continue };
            let wrong = replayed(&events).expect_err(&format!("seed {seed}, {code}"));
            assert_eq!((wrong.code().to_string().as_str(), wrong.entry), (code, entry), "seed {seed}: {wrong}");
            *refused.entry(code).or_default() += 1;
        }
    }
    let all: usize = refused.values().sum();
    assert!(all >= 200, "{all}: {refused:?}");
    assert!(WAYS.iter().all(|(code, _)| refused.contains_key(code)), "{refused:?}");
}

fn place(events: &[Event], is_it: impl Fn(&Event) -> bool) -> Option<usize> {
    events.iter().position(is_it)
}

/// Number of the entry at a place.
fn number(place: usize) -> u64 {
    place as u64 + 1
}

/// Alters the first event that `alter` takes.
fn alter(events: &mut [Event], alter: impl Fn(&mut Event) -> bool) -> Option<u64> {
    events.iter_mut().position(alter).map(number)
}

/// Takes an entry out. Failures name entries by their numbers.
fn take_out(events: &mut Vec<Event>, place: usize) {
    events.remove(place);
    for event in events {
        if let Event::Failed { entry, .. } = event
            && *entry > number(place)
        {
            *entry -= 1;
        }
    }
}

fn other_content(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Confirm { content: of, .. } => {
            *of = content(99);
            true
        }
        _ => false,
    })
}

fn other_counts(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Publish { approved, outcome: Publishing::Announced, .. } => {
            *approved += 1;
            true
        }
        _ => false,
    })
    // What is found, and nobody published, has no numbers before.
    .filter(|number| !matches!(events[usize::try_from(*number).unwrap() - 2], Event::Found { .. }))
}

fn stored_twice(events: &mut Vec<Event>) -> Option<u64> {
    let stored = |event: &Event| matches!(event, Event::Publish { outcome: Publishing::Stored, .. });
    let again = events[place(events, stored)?].clone();
    events.push(again);
    Some(number(events.len() - 1))
}

fn never_stored(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Receipts { changed, .. } => {
            changed[0].applied = Some(version(1_000));
            true
        }
        _ => false,
    })
}

/// The last snapshots of a story have no entries but their own.
fn left_out(events: &mut Vec<Event>) -> Option<u64> {
    let newest = events.iter().filter_map(Event::stored).max()?.get();
    let tells_of = |of: u64| move |event: &Event| event.stored() == Some(version(of));
    while let Some(place) = place(events, tells_of(newest - 1)) {
        take_out(events, place);
    }
    place(events, tells_of(newest)).map(number)
}

fn other_pinned(events: &mut Vec<Event>) -> Option<u64> {
    let of = |event: &Event| match event {
        Event::Publish { version, content, .. } | Event::Found { version, content } => Some((*version, *content)),
        _ => None,
    };
    let told: Vec<_> = events.iter().filter_map(of).collect();
    alter(events, |event| match event {
        Event::Publish { pinned: Some(pinned), version, content, .. } => {
            let other = told.iter().find(|(of, other)| of < version && other != content);
            other.map(|(of, _)| *pinned = *of).is_some()
        }
        _ => false,
    })
}

fn back_to_itself(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Waves { version, steps } => steps.iter_mut().any(|step| match step {
            WaveStep::RollBack { to, .. } => {
                *to = *version;
                true
            }
            _ => false,
        }),
        _ => false,
    })
}

fn mark_below(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Recover { latest, highest } if *highest > Some(version(1)) => {
            (*latest, *highest) = (None, Some(version(1)));
            true
        }
        _ => false,
    })
}

fn never_pinned(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Unpin { organizations, .. } => {
            *organizations = vec![organization(77)];
            true
        }
        _ => false,
    })
}

fn never_paused(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Resume { organizations, .. } => {
            *organizations = vec![organization(77)];
            true
        }
        _ => false,
    })
}

fn never_confirmed(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Unconfirm { whom, .. } => {
            whom[0].member_experience = Some(story::experience(77));
            true
        }
        _ => false,
    })
}

fn over_before_it_began(events: &mut Vec<Event>) -> Option<u64> {
    let place = place(events, |event| matches!(event, Event::Pause { .. }))?;
    if let Event::Pause { until, .. } = &mut events[place] {
        *until = written_at(number(place)) - SignedDuration::from_secs(1);
    }
    Some(number(place))
}

fn a_failure_of_nothing(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Failed { entry, .. } => {
            *entry = 1;
            true
        }
        _ => false,
    })
}

fn failed_again(events: &mut Vec<Event>) -> Option<u64> {
    let failed = events[place(events, |event| matches!(event, Event::Failed { .. }))?].clone();
    events.push(failed);
    Some(number(events.len() - 1))
}

fn failed_for_another(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Failed { not_done, .. } => {
            *not_done = vec![organization(77)];
            true
        }
        _ => false,
    })
}

fn another_wave(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Waves { steps, .. } => {
            steps[0] = story::enter("nowhere", false);
            true
        }
        _ => false,
    })
}

fn before_its_turn(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Waves { steps, .. } if steps[0] == story::enter("canary", false) => {
            steps[0] = story::enter("quarter", false);
            true
        }
        _ => false,
    })
}

/// The first version is for everybody, and was in no wave: waves began after it.
fn through_no_wave(events: &mut Vec<Event>) -> Option<u64> {
    events.push(Event::Waves { version: version(1), steps: vec![WaveStep::ForEverybody] });
    Some(number(events.len() - 1))
}

fn went_on_by_itself(events: &mut Vec<Event>) -> Option<u64> {
    let promoted = place(events, |event| matches!(event, Event::Promote { .. }))?;
    take_out(events, promoted);
    let Event::Waves { steps, .. } = &mut events[promoted] else { return None };
    steps[0] = story::enter("all", false);
    Some(number(promoted))
}

fn never_admitted(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Settings(settings) if !settings.no_longer_admitted.is_empty() => {
            settings.no_longer_admitted.push(organization(77));
            true
        }
        _ => false,
    })
}

fn counted_wrong(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Receipts { receipts, .. } => {
            *receipts += 1;
            true
        }
        _ => false,
    })
}

fn more_than_there_are(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Receipts { receipts, statuses, changed, .. } => {
            *receipts = changed.len() - 1;
            statuses.insert("in-sync".to_owned(), *receipts);
            true
        }
        _ => false,
    })
}

fn the_same_twice(events: &mut Vec<Event>) -> Option<u64> {
    alter(events, |event| match event {
        Event::Receipts { receipts, statuses, changed, .. } => {
            changed.push(changed[0].clone());
            *receipts = changed.len();
            statuses.insert("in-sync".to_owned(), *receipts);
            true
        }
        _ => false,
    })
}
