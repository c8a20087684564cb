use pmp_protocol::{Coded as _, Hint as _};

use super::*;
use crate::testing::{chained, file};
use crate::{HubSettings, Verifier, WaveStep};

mod doctored;
mod story;

use story::{Story, content, organization, version};

/// What is told of these events, by a file whose lines belong together.
fn replayed(events: &[Event]) -> Result<Replayed, Contradiction> {
    let file = file(&chained(events.iter().cloned()), 1);
    let (mut verifier, mut replay) = (Verifier::default(), Replay::default());
    for line in file.lines() {
        verifier.line(line.as_bytes()).unwrap();
        replay.line(line.as_bytes());
    }
    verifier.finish().unwrap();
    replay.finish()
}

/// The same for the part that begins with entry `first`.
fn replayed_from(texts: &[String], first: usize) -> Result<Replayed, Contradiction> {
    let mut replay = Replay::default();
    texts[first - 1..].iter().for_each(|text| replay.entry(text));
    replay.finish()
}

#[test]
fn what_a_hub_and_its_operators_can_do_goes_together() {
    for seed in 0..300 {
        let story = Story::of(seed);
        let replayed = replayed(&story.events).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        assert_eq!(replayed.lowest, Some(version(1)));
        assert_eq!(replayed.not_understood, 0);
        assert!(replayed.outcomes > 0 && replayed.asked > 0, "seed {seed}");
    }
}

#[test]
fn of_a_part_nothing_is_denied_that_may_stand_before_it() {
    for seed in 0..30 {
        let texts = chained(Story::of(seed).events);
        for first in 2..=texts.len() {
            replayed_from(&texts, first).unwrap_or_else(|wrong| panic!("seed {seed}, from {first}: {wrong}"));
        }
    }
}

/// Two hubs and a person write beside each other: their entries come in another order than what
/// they did.
#[test]
fn what_is_told_later_than_it_is_named_is_no_contradiction() {
    let stored = |number| story::stored(version(number), content(number));
    let seen = story::receipts(&[story::outcome(0, version(2))]);
    let found = Event::Found { version: version(2), content: content(2) };
    let beside = [stored(1), seen, found, stored(3), stored(2)];
    assert!(replayed(&beside).is_ok());
    let pin = story::pin(Vec::new(), version(2), content(2));
    assert!(replayed(&[stored(1), pin.clone(), stored(2)]).is_ok());
    // It has to be told at some time, and as it was named.
    let wrong = replayed(&[stored(1), pin.clone()]).unwrap_err();
    assert_eq!((wrong.entry, wrong.wrong), (2, Wrong::Untold(version(2))));
    let wrong = replayed(&[stored(1), pin, story::stored(version(2), content(9))]).unwrap_err();
    assert_eq!((wrong.entry, wrong.wrong), (3, Wrong::OtherContent { version: version(2), by: 2 }));
    // Two persons recover at the same time: the second writes after the first has stored another.
    let recover = Event::Recover { latest: Some(version(1)), highest: Some(version(2)) };
    assert!(replayed(&[stored(1), stored(2), recover.clone(), stored(3), recover]).is_ok());
    // Two persons end the same pin.
    let unpin = Event::Unpin { organizations: vec![organization(1)], wave: None, reason: "over".to_owned() };
    let pin = story::pin(vec![organization(1)], version(1), content(1));
    assert!(replayed(&[stored(1), pin, unpin.clone(), unpin]).is_ok());
}

/// Whoever asks may name what there is not: it fails, and then nothing of it was done.
#[test]
fn what_failed_whole_has_no_consequence() {
    let stored = |number| story::stored(version(number), content(number));
    let promote = |number| Event::Promote { version: version(number), reason: "by mistake".to_owned() };
    let failed = |entry, not_done| Event::Failed { entry, error: "no such snapshot".to_owned(), not_done };
    assert!(replayed(&[stored(1), promote(3), failed(2, Vec::new())]).is_ok());
    // In part: it was done, and there has to be such a snapshot.
    let in_part = [stored(1), promote(3), failed(2, vec![organization(1)])];
    assert_eq!(replayed(&in_part).unwrap_err().wrong, Wrong::Untold(version(3)));
    // A promotion that failed lets nothing go on.
    let settings = HubSettings { waves: vec!["canary".to_owned(), "all".to_owned()], ..HubSettings::default() };
    let waves = |steps| Event::Waves { version: version(1), steps };
    let stop = WaveStep::Stop { reason: "it failed".to_owned() };
    let began = [stored(1), Event::Settings(settings), waves(vec![story::enter("canary", false), stop]), promote(1)];
    let goes_on = waves(vec![story::enter("all", false)]);
    assert!(replayed(&[&began[..], std::slice::from_ref(&goes_on)].concat()).is_ok());
    let wrong = replayed(&[&began[..], &[failed(4, Vec::new()), goes_on]].concat()).unwrap_err();
    assert_eq!((wrong.entry, wrong.wrong), (6, Wrong::WentOn { version: version(1), by: 3 }));
}

/// What was decided before the audit began is no contradiction either.
#[test]
fn a_snapshot_below_the_lowest_is_older_than_the_audit() {
    let events = [
        Event::Found { version: version(7), content: content(7) },
        story::pin(Vec::new(), version(3), content(3)),
        story::receipts(&[story::outcome(0, version(6))]),
        Event::Recover { latest: Some(version(7)), highest: None },
        Event::Recover { latest: Some(version(6)), highest: Some(version(7)) },
        // A head that no hub came to: whoever may write there made it up.
        Event::Recover { latest: Some(version(u64::MAX)), highest: Some(version(7)) },
    ];
    assert!(replayed(&events).is_ok());
    let none = replayed(&[story::pin(Vec::new(), version(3), content(3))]).unwrap();
    assert_eq!((none.lowest, none.highest), (None, None));
}

#[test]
fn an_entry_of_a_later_release_is_counted_and_not_judged() {
    let mut replay = Replay::default();
    replay.entry(r#"{"number":1,"action":"dissolve"}"#);
    replay.entry("no entry");
    assert_eq!(replay.finish().unwrap().not_understood, 2);
}

#[test]
fn the_first_that_is_wrong_is_named_though_another_was_found_earlier() {
    // Entry 2 is about a snapshot that never comes, which is known at the end; entry 3 is wrong at
    // once.
    let events = [
        story::stored(version(1), content(1)),
        story::pin(Vec::new(), version(5), content(5)),
        story::stored(version(1), content(1)),
    ];
    let wrong = replayed(&events).unwrap_err();
    assert_eq!(wrong.to_string(), "entry 2 is about snapshot 5, and no entry tells that there is one");
    assert!(wrong.hint().unwrap().contains("export it again"));
    assert_eq!(wrong.code().to_string(), "E1620");
}
