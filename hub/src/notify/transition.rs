//! The decision: what was told, and how the fleet stands, in; what changed, out. Pure.
//!
//! The rule against flapping is one sentence: **what is worse is told at once, and what is better
//! is told once it has lasted for 25 minutes.** So what fails, recovers and fails again within that
//! time is told once. An example: an experience is told as failed at 12:00, is in step at 13:00,
//! fails again at 13:15 and is in step from 14:00 on. Told are "failed" at 12:00, and "recovered"
//! with the first look after 14:25.
//!
//! What was told as better and is worse again within a day has to be better for twice as long the
//! next time: 50 minutes, then 100, and at the most a day. So a member that flaps slowly, on
//! purpose or not, is told as better five times a day at the most, and as worse as often. The waves
//! are none of it: they are the hub's own.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{Digest, ExperienceId, OrganizationId, SnapshotVersion};

use crate::notify::observe::{Observed, Sight};
use crate::notify::state::{State, Subject};
use crate::notify::told::{Entry, Told};

/// How long something has to be better before it is told. A little less than two intervals of the
/// shortest schedule (15 minutes), so that the second look after the first better one may tell it.
pub(crate) const SETTLED: SignedDuration = SignedDuration::from_mins(25);
/// What comes back within this time after it was told as better flaps. Nor does anything have to be
/// better for longer.
pub(crate) const SOON: SignedDuration = SignedDuration::from_hours(24);
/// Beyond so many relapses the time does not grow any more.
const MOST_RELAPSES: u32 = 6;

/// A change of state that operations is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transition {
    /// The same for every hub that sees this change.
    pub(crate) id: Digest,
    /// The subject that changed.
    pub(crate) subject: Subject,
    /// The state that was told before.
    pub(crate) from: State,
    /// The state now; the same as before only where another version is held, or was stopped.
    pub(crate) to: State,
    /// The version of the receipt; none without one.
    pub(crate) version: Option<SnapshotVersion>,
    /// Since when, as far as that is known.
    pub(crate) since: Option<Timestamp>,
    /// Why, in words that can be shown anywhere.
    pub(crate) cause: String,
}

/// What is to be told, and what will have been told then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// The next state in the ledger.
    pub(crate) told: Told,
    /// What changed, in the order of the subjects.
    pub(crate) transitions: Vec<Transition>,
}

/// What is to be told. `generation` is that of the state in the ledger: two hubs that read the same
/// one, and see the same, give a change the same id; and the same change a second time, later, gets
/// another one.
pub(crate) fn decide(
    told: &Told,
    generation: u64,
    observed: &Observed,
    experience: &ExperienceId,
    now: Timestamp,
) -> Decision {
    let mut next = told.clone();
    let mut transitions = Vec::new();
    let subjects: BTreeSet<Subject> = told.entries.keys().chain(observed.subjects()).cloned().collect();
    for subject in subjects {
        let Some(sight) = observed.sight(&subject) else { continue };
        let Some(state) = sight.state else { continue };
        let before = told.entries.get(&subject);
        match step(before, state, &sight, subject.organization.is_some(), now) {
            Step::Nothing => {}
            Step::Forget => {
                next.entries.remove(&subject);
            }
            Step::Note(entry) => {
                next.entries.insert(subject, entry);
            }
            Step::Tell(entry) => {
                let from = before.map_or(State::Well, |before| before.state);
                transitions.push(transition(experience, generation, &subject, from, state, &sight));
                match entry {
                    Some(entry) => next.entries.insert(subject, entry),
                    None => next.entries.remove(&subject),
                };
            }
        }
    }
    next.bound(|subject| observed.is_found(subject));
    Decision { told: next, transitions }
}

/// What comes of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Nothing changes in the ledger.
    Nothing,
    /// Nothing is told, and the ledger notes since when it is better.
    Note(Entry),
    /// It is well, and recovered so long ago that nothing has to be known of it any more.
    Forget,
    /// The state is told; none remains where it is well.
    Tell(Option<Entry>),
}

/// `flaps`: whether it may be worse and better by turns as a member likes.
fn step(before: Option<&Entry>, state: State, sight: &Sight, flaps: bool, now: Timestamp) -> Step {
    // Another version that is held needs another confirmation, and another one that was stopped, or
    // the same for another reason, another decision.
    let held = sight.version.filter(|_| matches!(state, State::Held | State::WaveHalted));
    let stop = sight.stop.clone();
    let same = |before: &Entry| (before.version, &before.stop) == (held, &stop);
    let entry = Entry::new(state, held, stop.clone());
    let Some(before) = before else {
        return if state == State::Well { Step::Nothing } else { Step::Tell(Some(entry)) };
    };
    let eased_at = before.eased_at.filter(|at| flaps && now.duration_since(*at) < SOON);
    let relapses = if eased_at.is_some() { before.relapses } else { 0 };
    // A member's receipt may name one version that is held and another one by turns. The newer is
    // told at once, and an older one, as after a pin, once it has lasted.
    let is_older = state == State::Held && before.state == state && held < before.version;
    if state > before.state || (state == before.state && !same(before) && !is_older) {
        let came_back = u32::from(state > before.state && eased_at.is_some());
        let relapses = (relapses + came_back).min(MOST_RELAPSES);
        return Step::Tell(Some(Entry { eased_at, relapses, ..entry }));
    }
    if state == before.state && !is_older {
        return match before.better_since {
            Some(_) => Step::Note(Entry { better_since: None, ..before.clone() }),
            None if state == State::Well && eased_at.is_none() => Step::Forget,
            None => Step::Nothing,
        };
    }
    match before.better_since {
        None => Step::Note(Entry { better_since: Some(now), ..before.clone() }),
        Some(since) if now.duration_since(since) >= settled(relapses) => {
            let entry = Entry { eased_at: Some(now).filter(|_| flaps), relapses, ..entry };
            Step::Tell(Some(entry).filter(|_| flaps || state != State::Well))
        }
        Some(_) => Step::Nothing,
    }
}

/// How long something has to be better that came back so often.
fn settled(relapses: u32) -> SignedDuration {
    SETTLED.checked_mul(1 << relapses.min(MOST_RELAPSES)).map_or(SOON, |settled| settled.min(SOON))
}

fn transition(
    experience: &ExperienceId,
    generation: u64,
    subject: &Subject,
    from: State,
    to: State,
    sight: &Sight,
) -> Transition {
    let Subject { organization, member_experience } = subject;
    let organization = organization.as_ref().map_or("", OrganizationId::as_str);
    let member = member_experience.as_ref().map_or("", ExperienceId::as_str);
    let version = sight.version.map_or(0, SnapshotVersion::get);
    let (old, new) = (from.as_str(), to.as_str());
    // None of the parts has a line break, so no two transitions have the same text.
    let text = format!("{experience}\n{organization}\n{member}\n{old}\n{new}\n{version}\n{generation}");
    Transition {
        id: Digest::of(text.as_bytes()),
        subject: subject.clone(),
        from,
        to,
        version: sight.version,
        since: sight.since,
        cause: sight.cause.clone(),
    }
}
