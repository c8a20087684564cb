//! The model of waves: two hubs that take a version through three waves of one organization each,
//! and up to four versions, one of which may restore the content of an earlier one.
//!
//! A hub reads the state and then what is observed, decides, and writes the next state, where
//! nobody wrote another one meanwhile. Between its decision and its write anything else may happen:
//! the other hub writes, time passes, an organization takes up what it is directed to, fails, fails
//! later though it was in step, falls silent and comes back, sends a receipt late, the management
//! experience changes, a person promotes or halts, the hub crashes.
//!
//! The decisions are `waves::next`, `decide` and the rule of the receipts' conditional write, and
//! the states are those that [`pmp_waves::Rollout`] computes. A state here is a small copy of it
//! ([`Now`]) whose times are ages in hours, which stop growing where they make no difference any
//! more. So time goes on without end in a finite state space.
//!
//! That nobody starves is said without `eventually`, which stateright takes for proven on a path
//! that ends in a circle: when all the time in the world has passed, the decision is not to wait
//! ([`Rollouts::never_waits_for_ever`]), and a version that went through all waves is what
//! everybody is directed to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use pmp_hub::{Decision, Trigger};
use pmp_protocol::{Because, OrganizationId, Receipt};
use pmp_waves::{Fleet, Format, Observed, Progress, Reason, Rollout, Standing, Step, Stopped, WaveState, Waves};
use stateright::{Model, Property};

use crate::decisions::Decisions;
use crate::values::{Asked, digest, head, number, receipt_for, version};

/// Versions that the ledger takes.
const VERSIONS: u8 = 4;
/// How long a wave has to stay in step, in hours.
const SOAK: u8 = 1;
/// How long a wave may take, in hours.
const DEADLINE: u8 = 2;
/// Hours after which it makes no difference how much more time passes.
const LONG: u8 = DEADLINE;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Budget {
    pub(crate) newer: u8,
    pub(crate) failures: u8,
    pub(crate) silences: u8,
    pub(crate) late: u8,
    pub(crate) promotions: u8,
    pub(crate) halts: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum WaveNow {
    Waiting,
    Entered { age: u8 },
    InStep { entered: u8, age: u8 },
    Failed,
    Halted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum StoppedNow {
    No,
    Halted,
    RollingBack { to: u8 },
    RolledBack { from: u8, to: u8 },
}

/// A [`Rollout`], with numbers for versions (0 for none), ages for times, and sets as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Now {
    pub(crate) version: u8,
    last_good: u8,
    pub(crate) waves: [WaveNow; 3],
    directed: [u8; 3],
    pub(crate) failed: u8,
    pub(crate) stopped: StoppedNow,
    pub(crate) done: bool,
}

/// How a hub came to the state that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum By {
    Step,
    Person,
    Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum HubAt {
    Idle,
    /// It read what is observed, and the state only after that. In the broken model alone.
    Saw([OrgAt; 3]),
    /// It publishes the content of an earlier version.
    Restoring {
        to: u8,
    },
    /// It writes `next`. `failing` are those that it saw fail, `is_entitled` whether the wave
    /// before the one that it enters was in step, or beyond its deadline without being heard of.
    Writing {
        next: Now,
        is_stale: bool,
        by: By,
        failing: u8,
        is_entitled: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct OrgAt {
    /// The receipt in the ledger: version, and whether it failed.
    pub(crate) receipt: Option<(u8, bool)>,
    pub(crate) is_silent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Org {
    pub(crate) at: OrgAt,
    /// The version that it works at.
    works_at: u8,
    /// A receipt on its way.
    late: Option<(u8, bool)>,
    /// Whether it was in step with the version that is on its way. Kept where the number of those
    /// that work at it is bounded.
    was_in_step: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) newest: u8,
    contents: [u8; VERSIONS as usize],
    pub(crate) now: Now,
    pub(crate) orgs: [Org; 3],
    pub(crate) hubs: [HubAt; 2],
    pub(crate) left: Budget,
    broken: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A wave was entered, or somebody admitted, though too many had failed.
    MaxFailures,
    /// An organization was directed to an older version.
    NeverBackwards,
    /// A failure that was written down was forgotten, and no person promoted.
    Remembered,
    /// A wave was entered before the one before it was in step.
    InTurn,
    /// A receipt for an older version overwrote one for a newer version.
    ReceiptsInOrder,
    /// A version was given to two contents.
    OneContent,
    /// Organizations were directed to a version that does not restore the last good content, though
    /// too many had failed.
    Restored,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Newer { content: u8 },
    Look(usize),
    Go(usize),
    Supersede(usize),
    Promote(usize),
    Halt(usize),
    Publish(usize),
    Write(usize),
    Crash(usize),
    Take(usize),
    FailLater(usize),
    Finish { org: usize, failed: bool, late: bool },
    Give(usize),
    Deliver(usize),
    LoseReceipt(usize),
    Silence(usize),
    Return(usize),
    Later,
}

pub(crate) struct Rollouts {
    pub(crate) budget: Budget,
    pub(crate) decisions: Decisions,
    /// Whether a state is written only over the one that was read.
    pub(crate) write_compares: bool,
    /// Whether a hub reads the state first, as it has to.
    pub(crate) reads_state_first: bool,
    pub(crate) waves: Waves,
    at_once: Option<usize>,
    organizations: [OrganizationId; 3],
    receipts: Vec<Receipt>,
    time: Timestamp,
    went: Asked<(Now, [OrgAt; 3]), Went>,
    directions: Asked<(u8, u8, usize), u8>,
}

/// What a decision leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Went {
    Nowhere,
    To(Now),
    Restore(u8),
}

/// Configurations of three waves.
pub(crate) const CONFIGURATIONS: [&str; 3] = [
    "max_failures = 0\non_failure = \"halt\"",
    "max_failures = 1\non_failure = \"roll-back\"",
    "max_failures = 0\non_failure = \"roll-back\"\nat_once = 1",
];

fn set(bits: u8) -> impl Iterator<Item = usize> {
    (0..3).filter(move |n| bits & 1 << n != 0)
}

impl Rollouts {
    /// `configuration` is one of [`CONFIGURATIONS`]; `at_once` in it is that of the last wave.
    pub(crate) fn new(configuration: &str, budget: Budget) -> Self {
        let (general, at_once) = match configuration.split_once("\nat_once") {
            Some((general, _)) => (general, ", at_once = 1"),
            None => (configuration, ""),
        };
        let wave = |name: &str, members: &str| {
            format!("{{ name = \"{name}\", {members}, soak = \"{SOAK}h\", deadline = \"{DEADLINE}h\"{at_once} }}")
        };
        let waves = [
            wave("one", "organizations = [\"o-a000000000\"]"),
            wave("two", "organizations = [\"o-b000000000\"]"),
            wave("all", "share = 100"),
        ];
        let text = format!("{general}\nwaves = [{}]", waves.join(", "));
        Self {
            budget,
            decisions: Decisions::REAL,
            write_compares: true,
            reads_state_first: true,
            waves: Waves::parse(&text, Format::Toml).unwrap(),
            at_once: (!at_once.is_empty()).then_some(1),
            organizations: ["o-a000000000", "o-b000000000", "o-c000000000"].map(|id| OrganizationId::new(id).unwrap()),
            receipts: (1..=VERSIONS).map(receipt_for).collect(),
            time: Timestamp::from_second(1_800_000_000).unwrap(),
            went: Asked::new(),
            directions: Asked::new(),
        }
    }

    fn ago(&self, age: u8) -> Timestamp {
        self.time - SignedDuration::from_hours(i64::from(age))
    }

    fn age(&self, at: Timestamp) -> u8 {
        u8::try_from(self.time.duration_since(at).as_hours()).unwrap().min(LONG)
    }

    /// The state as the programs have it.
    fn rollout(&self, now: &Now) -> Rollout {
        let state = |wave: &WaveNow| match *wave {
            WaveNow::Waiting => WaveState::Waiting,
            WaveNow::Entered { age } => WaveState::Entered { at: self.ago(age) },
            WaveNow::InStep { entered, age } => WaveState::InStep { entered: self.ago(entered), at: self.ago(age) },
            WaveNow::Failed => WaveState::Failed { at: self.time },
            WaveNow::Halted => WaveState::Halted { at: self.time },
        };
        let waves = self.waves.waves().iter().zip(&now.waves);
        let reason = || Reason::ByHand { by: String::new(), why: String::new() };
        Rollout {
            version: version(now.version),
            last_good: (now.last_good > 0).then(|| version(now.last_good)),
            waves: waves
                .map(|(wave, now)| Progress { state: state(now), ..Progress::waiting(wave.name.clone()) })
                .collect(),
            directed: (0..3)
                .filter(|n| now.directed[*n] > 0)
                .map(|n| (self.organizations[n].clone(), version(now.directed[n])))
                .collect::<BTreeMap<_, _>>(),
            failed: set(now.failed).map(|n| self.organizations[n].clone()).collect::<BTreeSet<_>>(),
            stopped: match now.stopped {
                StoppedNow::No => None,
                StoppedNow::Halted => Some(Stopped::Halted { reason: reason() }),
                StoppedNow::RollingBack { to } => Some(Stopped::RollingBack { to: version(to), reason: reason() }),
                StoppedNow::RolledBack { from, to } => {
                    Some(Stopped::RolledBack { from: version(from), to: version(to), reason: reason() })
                }
            },
            done: now.done,
        }
    }

    /// The small copy of a state.
    fn now(&self, rollout: &Rollout) -> Now {
        let wave = |n: usize| match rollout.waves[n].state {
            WaveState::Waiting => WaveNow::Waiting,
            WaveState::Entered { at } => WaveNow::Entered { age: self.age(at) },
            WaveState::InStep { entered, at } => WaveNow::InStep { entered: self.age(entered), age: self.age(at) },
            WaveState::Failed { .. } => WaveNow::Failed,
            WaveState::Halted { .. } => WaveNow::Halted,
        };
        let mut waves = [0, 1, 2].map(wave);
        // Since when the waves before the current one are what they are makes no difference.
        for before in waves.iter_mut().take(rollout.current().unwrap_or(0)) {
            *before = match *before {
                WaveNow::Entered { .. } => WaveNow::Entered { age: 0 },
                WaveNow::InStep { .. } => WaveNow::InStep { entered: 0, age: 0 },
                other => other,
            };
        }
        Now {
            version: number(rollout.version),
            last_good: rollout.last_good.map_or(0, number),
            waves,
            directed: [0, 1, 2].map(|n| rollout.directed.get(&self.organizations[n]).copied().map_or(0, number)),
            failed: (0..3).filter(|n| rollout.failed.contains(&self.organizations[*n])).map(|n| 1 << n).sum(),
            stopped: match &rollout.stopped {
                None => StoppedNow::No,
                Some(Stopped::Halted { .. }) => StoppedNow::Halted,
                Some(Stopped::RollingBack { to, .. }) => StoppedNow::RollingBack { to: number(*to) },
                Some(Stopped::RolledBack { from, to, .. }) => {
                    StoppedNow::RolledBack { from: number(*from), to: number(*to) }
                }
            },
            done: rollout.done,
        }
    }

    fn fleet(&self, orgs: &[OrgAt; 3]) -> Fleet {
        let observed = |org: &OrgAt| {
            let last_seen = (!org.is_silent).then_some(self.time);
            match org.receipt {
                None => Observed { last_seen, ..Observed::NEVER },
                Some((number, failed)) => {
                    let standing = if failed { Standing::Failed } else { Standing::InStep };
                    Observed { version: Some(version(number)), standing, last_seen }
                }
            }
        };
        self.organizations.iter().cloned().zip(orgs.iter().map(observed)).collect()
    }

    /// What the decision leads to.
    fn next(&self, now: &Now, orgs: &[OrgAt; 3]) -> Went {
        self.went.or_ask((*now, *orgs), || {
            let rollout = self.rollout(now);
            match (self.decisions.next)(&self.waves, &rollout, &self.fleet(orgs), self.time) {
                Step::Wait { .. } => Went::Nowhere,
                Step::RollBack { to, .. } if matches!(now.stopped, StoppedNow::RollingBack { .. }) => {
                    Went::Restore(number(to))
                }
                step => Went::To(self.now(&rollout.after(&step, &self.waves, self.time))),
            }
        })
    }

    fn directed(&self, now: &Now, org: usize) -> u8 {
        self.directions.or_ask((now.directed[org], now.last_good, org), || {
            self.rollout(now).directed(&self.organizations[org]).map_or(0, number)
        })
    }

    /// Whether a version may go from this wave to the next one by itself.
    fn is_entitled(&self, now: &Now, orgs: &[OrgAt; 3]) -> bool {
        let Some(current) = now.waves.iter().rposition(|wave| *wave != WaveNow::Waiting) else { return true };
        match now.waves[current] {
            WaveNow::InStep { age, .. } => {
                age >= SOAK && (orgs[current].receipt == Some((now.version, false)) && !orgs[current].is_silent)
            }
            WaveNow::Entered { age } => age >= DEADLINE && orgs[current].is_silent,
            WaveNow::Waiting | WaveNow::Failed | WaveNow::Halted => false,
        }
    }

    fn go(&self, state: &mut State, hub: usize, seen: [OrgAt; 3]) -> Option<()> {
        state.hubs[hub] = match self.next(&state.now, &seen) {
            Went::Nowhere => return None,
            Went::Restore(to) => HubAt::Restoring { to },
            Went::To(next) => self.writing(state, next, By::Step),
        };
        Some(())
    }

    /// A hub that writes `next`, which it decided on from the state as it is now.
    fn writing(&self, state: &State, next: Now, by: By) -> HubAt {
        let (now, orgs) = (&state.now, state.orgs.map(|org| org.at));
        let failing = (0..3).filter(|n| orgs[*n].receipt == Some((now.version, true))).map(|n| 1 << n).sum();
        HubAt::Writing { next, is_stale: false, by, failing, is_entitled: self.is_entitled(now, &orgs) }
    }

    fn promote(&self, state: &mut State, hub: usize) -> Option<()> {
        let seen = state.orgs.map(|org| org.at);
        let ada = Because { by: "Ada".to_owned(), at: self.time, reason: String::new() };
        let rollout = self.rollout(&state.now).promoted(&self.waves, &self.fleet(&seen), &ada).ok()?;
        state.hubs[hub] = self.writing(state, self.now(&rollout), By::Person);
        state.left.promotions -= 1;
        Some(())
    }

    fn publish(&self, state: &mut State, hub: usize, to: u8) -> Option<()> {
        let content = |version: u8| state.contents[usize::from(version - 1)];
        let head = head(state.newest, content(state.newest), state.newest);
        let published = match (self.decisions.decide)(head.as_ref(), digest(content(to)), Trigger::Operator) {
            Decision::Store { previous } => {
                let version = previous.map_or(0, number) + 1;
                if version > VERSIONS {
                    return None;
                }
                let restored = content(to);
                if version <= state.newest && content(version) != restored {
                    state.broken |= 1 << Rule::OneContent as u8;
                }
                state.contents[usize::from(version - 1)] = restored;
                version
            }
            Decision::Announce { version, .. } | Decision::Nothing { version } => number(version),
        };
        state.newest = state.newest.max(published);
        state.hubs[hub] = match self.rollout(&state.now).restored(version(published)) {
            Some(rollout) => self.writing(state, self.now(&rollout), By::Version),
            None => HubAt::Idle,
        };
        Some(())
    }

    fn write(&self, state: &mut State, hub: usize) {
        let HubAt::Writing { next, is_stale, by, failing, is_entitled } = state.hubs[hub] else { return };
        state.hubs[hub] = HubAt::Idle;
        if is_stale && self.write_compares {
            return;
        }
        let (before, contents) = (state.now, state.contents);
        let mut breaks = |rule: Rule| state.broken |= 1 << rule as u8;
        let is_same = next.version == before.version;
        let entered = (0..3).filter(|n| before.waves[*n] == WaveNow::Waiting && next.waves[*n] != WaveNow::Waiting);
        let enters = is_same && entered.count() > 0;
        let admits = is_same && next.directed.iter().zip(before.directed).any(|(next, before)| *next > before);
        let too_many = (next.failed | failing).count_ones() as usize > self.waves.max_failures();
        // Going back is no admission: it is what too many failures lead to. It may be to the failed
        // version itself, where that has the last good content already, as when the management
        // experience went back by itself. Then organizations that are still directed to a version
        // in between are directed to it. So what counts is the content.
        if let (By::Version, StoppedNow::RolledBack { to, .. }) = (by, next.stopped) {
            let content = |version: u8| contents[usize::from(version - 1)];
            if content(next.version) != content(to) {
                breaks(Rule::Restored);
            }
        } else if (enters || admits || (is_same && next.done && !before.done)) && too_many {
            breaks(Rule::MaxFailures);
        }
        if by == By::Step && enters && !is_entitled {
            breaks(Rule::InTurn);
        }
        if is_same && by == By::Step && before.failed & !next.failed != 0 {
            breaks(Rule::Remembered);
        }
        if (0..3).any(|org| self.directed(&next, org) < self.directed(&before, org)) {
            breaks(Rule::NeverBackwards);
        }
        if !is_same {
            state.orgs.iter_mut().for_each(|org| org.was_in_step = false);
        }
        for org in &mut state.orgs {
            org.was_in_step |= self.at_once.is_some() && org.at.receipt == Some((next.version, false));
        }
        state.now = next;
        self.moved(state);
    }

    /// The state is another one: what hubs have read is not what the ledger holds.
    fn moved(&self, state: &mut State) {
        for hub in &mut state.hubs {
            if let HubAt::Writing { is_stale, .. } = hub {
                *is_stale = true;
                if self.write_compares {
                    // Its write comes to nothing, whatever it holds.
                    *hub = HubAt::Idle;
                }
            }
        }
    }

    fn write_receipt(&self, state: &mut State, org: usize, receipt: (u8, bool)) {
        let stored = state.orgs[org].at.receipt;
        let of = |number: u8| &self.receipts[usize::from(number - 1)];
        if (self.decisions.may_replace)(stored.map(|(stored, _)| of(stored)), of(receipt.0), None) {
            if stored.is_some_and(|(stored, _)| stored > receipt.0) {
                state.broken |= 1 << Rule::ReceiptsInOrder as u8;
            }
            let org = &mut state.orgs[org];
            org.at.receipt = Some(receipt);
            org.was_in_step |= self.at_once.is_some() && receipt == (state.now.version, false);
        }
    }

    /// When all the time in the world has passed, a version that was not stopped goes on.
    fn never_waits_for_ever(&self, state: &State) -> bool {
        let mut now = state.now;
        for _ in 0..LONG {
            now.later();
        }
        let is_over = now.done || matches!(now.stopped, StoppedNow::Halted | StoppedNow::RolledBack { .. });
        is_over || self.next(&now, &state.orgs.map(|org| org.at)) != Went::Nowhere
    }

    /// What is to be restored can be, as soon as its content is published.
    fn restores(&self, state: &State) -> bool {
        let StoppedNow::RollingBack { to } = state.now.stopped else { return true };
        let content = |version: u8| state.contents[usize::from(version - 1)];
        content(state.newest) != content(to) || self.rollout(&state.now).restored(version(state.newest)).is_some()
    }

    /// Of those that were never in step with the version, no more failed than are permitted and
    /// worked at it at one time.
    fn failures_are_bounded(&self, state: &State) -> bool {
        let is_disturbed = state.left.promotions < self.budget.promotions || state.left.silences < self.budget.silences;
        let Some(at_once) = self.at_once.filter(|_| !is_disturbed) else { return true };
        let failed = set(state.now.failed).filter(|n| !state.orgs[*n].was_in_step).count();
        failed <= self.waves.max_failures() + at_once
    }
}

impl Now {
    fn later(&mut self) {
        let current = self.waves.iter_mut().rfind(|wave| **wave != WaveNow::Waiting);
        if let Some(wave) = current {
            match wave {
                WaveNow::Entered { age } => *age = (*age + 1).min(LONG),
                WaveNow::InStep { entered, age } => {
                    (*entered, *age) = ((*entered + 1).min(LONG), (*age + 1).min(LONG));
                }
                WaveNow::Waiting | WaveNow::Failed | WaveNow::Halted => {}
            }
        }
    }
}

impl State {
    fn keeps(&self, rule: Rule) -> bool {
        self.broken & 1 << rule as u8 == 0
    }
}

impl Model for Rollouts {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let rollout = Rollout::begin(version(2), Some(version(1)), &self.waves);
        let at = OrgAt { receipt: Some((1, false)), is_silent: false };
        vec![State {
            newest: 2,
            contents: [1, 2, 0, 0],
            now: self.now(&rollout),
            orgs: [Org { at, works_at: 0, late: None, was_in_step: false }; 3],
            hubs: [HubAt::Idle; 2],
            left: self.budget,
            broken: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.left.newer > 0 && state.newest < VERSIONS {
            // Another content, or the first one again.
            let newest = state.contents[usize::from(state.newest - 1)];
            let contents = [1, state.newest + 1].into_iter().filter(|content| *content != newest);
            actions.extend(contents.map(|content| Action::Newer { content }));
        }
        for (hub, at) in state.hubs.iter().enumerate() {
            match at {
                HubAt::Idle => {
                    actions.push(if self.reads_state_first { Action::Go(hub) } else { Action::Look(hub) });
                    if state.newest > state.now.version {
                        actions.push(Action::Supersede(hub));
                    }
                    if state.left.promotions > 0 {
                        actions.push(Action::Promote(hub));
                    }
                    if state.left.halts > 0 {
                        actions.push(Action::Halt(hub));
                    }
                    continue;
                }
                HubAt::Saw(_) => actions.push(Action::Go(hub)),
                HubAt::Restoring { .. } => actions.push(Action::Publish(hub)),
                HubAt::Writing { .. } => actions.push(Action::Write(hub)),
            }
            actions.push(Action::Crash(hub));
        }
        for (org, now) in state.orgs.iter().enumerate() {
            if now.at.is_silent {
                actions.push(Action::Return(org));
            } else if now.works_at == 0 {
                actions.push(Action::Take(org));
                if state.left.failures > 0 && now.at.receipt.is_some_and(|(_, failed)| !failed) {
                    actions.push(Action::FailLater(org));
                }
            } else {
                actions.push(Action::Give(org));
                for failed in [false, true] {
                    if failed && state.left.failures == 0 {
                        continue;
                    }
                    actions.push(Action::Finish { org, failed, late: false });
                    if state.left.late > 0 && now.late.is_none() {
                        actions.push(Action::Finish { org, failed, late: true });
                    }
                }
            }
            if state.left.silences > 0 && !now.at.is_silent {
                actions.push(Action::Silence(org));
            }
            if now.late.is_some() {
                actions.extend([Action::Deliver(org), Action::LoseReceipt(org)]);
            }
        }
        actions.push(Action::Later);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Newer { content } => {
                state.left.newer -= 1;
                state.contents[usize::from(state.newest)] = content;
                state.newest += 1;
            }
            Action::Look(hub) => state.hubs[hub] = HubAt::Saw(state.orgs.map(|org| org.at)),
            Action::Go(hub) => {
                let seen = match state.hubs[hub] {
                    HubAt::Saw(seen) => seen,
                    _ => state.orgs.map(|org| org.at),
                };
                self.go(&mut state, hub, seen)?;
            }
            Action::Supersede(hub) => {
                let rollout = self.rollout(&state.now).superseded(version(state.newest), &self.waves)?;
                state.hubs[hub] = self.writing(&state, self.now(&rollout), By::Version);
            }
            Action::Promote(hub) => self.promote(&mut state, hub)?,
            Action::Halt(hub) => {
                let next = self.now(&self.rollout(&state.now).halted("Ada", "why not", self.time));
                if next == state.now {
                    return None;
                }
                state.hubs[hub] = self.writing(&state, next, By::Person);
                state.left.halts -= 1;
            }
            Action::Publish(hub) => {
                let HubAt::Restoring { to } = state.hubs[hub] else { return None };
                self.publish(&mut state, hub, to)?;
            }
            Action::Write(hub) => self.write(&mut state, hub),
            Action::Crash(hub) => state.hubs[hub] = HubAt::Idle,
            Action::Take(org) => {
                let directed = self.directed(&state.now, org);
                let has_it = state.orgs[org].at.receipt == Some((directed, false));
                if directed == 0 || has_it {
                    return None;
                }
                state.orgs[org].works_at = directed;
            }
            Action::FailLater(org) => {
                let (version, _) = state.orgs[org].at.receipt?;
                state.left.failures -= 1;
                state.orgs[org].at.receipt = Some((version, true));
            }
            Action::Finish { org, failed, late } => {
                let receipt = (std::mem::take(&mut state.orgs[org].works_at), failed);
                state.left.failures -= u8::from(failed);
                if late {
                    state.left.late -= 1;
                    state.orgs[org].late = Some(receipt);
                } else {
                    self.write_receipt(&mut state, org, receipt);
                }
            }
            Action::Give(org) => state.orgs[org].works_at = 0,
            Action::Deliver(org) => {
                let receipt = state.orgs[org].late.take()?;
                self.write_receipt(&mut state, org, receipt);
            }
            Action::LoseReceipt(org) => state.orgs[org].late = None,
            Action::Silence(org) => {
                state.left.silences -= 1;
                state.orgs[org].at.is_silent = true;
            }
            Action::Return(org) => state.orgs[org].at.is_silent = false,
            Action::Later => {
                state.now.later();
                for hub in &mut state.hubs {
                    if let HubAt::Writing { next, .. } = hub {
                        next.later();
                    }
                }
            }
        }
        // The hubs are alike.
        state.hubs.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("max_failures holds", |_, state: &State| state.keeps(Rule::MaxFailures)),
            Property::always("no more fail than are permitted and at work", |model: &Self, state: &State| {
                model.failures_are_bounded(state)
            }),
            Property::always("a failure is remembered", |_, state: &State| state.keeps(Rule::Remembered)),
            Property::always("nobody is directed backwards", |_, state: &State| state.keeps(Rule::NeverBackwards)),
            Property::always("a wave is entered in its turn", |_, state: &State| state.keeps(Rule::InTurn)),
            Property::always("a receipt never goes backwards", |_, state: &State| state.keeps(Rule::ReceiptsInOrder)),
            Property::always("a version has one content", |_, state: &State| state.keeps(Rule::OneContent)),
            Property::always("going back is to the last good content", |_, state: &State| state.keeps(Rule::Restored)),
            Property::always("nobody is waited for for ever", |model: &Self, state: &State| {
                model.never_waits_for_ever(state)
            }),
            Property::always("what is to be restored can be", |model: &Self, state: &State| model.restores(state)),
            Property::always("what all waves had is what everybody is directed to", |model: &Self, state: &State| {
                !state.now.done || (0..3).all(|org| model.directed(&state.now, org) == state.now.version)
            }),
            Property::sometimes("the third version goes through all waves", |_, state: &State| {
                state.now.done && state.now.version == 3
            }),
            Property::sometimes("a version goes through all waves beside a silent organization", |_, state: &State| {
                let has_not = |org: &Org| org.at.is_silent && org.at.receipt == Some((1, false));
                state.now.done && state.orgs.iter().any(has_not)
            }),
            Property::sometimes("a version is stopped in its second wave", |_, state: &State| {
                state.now.waves[1] == WaveNow::Failed
            }),
            Property::sometimes("a person halts a version", |_, state: &State| {
                state.now.waves.contains(&WaveNow::Halted)
            }),
            Property::sometimes("a promoted version goes through all waves", |model: &Self, state: &State| {
                state.now.done && state.left.promotions < model.budget.promotions
            }),
            Property::sometimes("a newer version finds an organization at the older one", |_, state: &State| {
                state.now.directed.iter().any(|directed| *directed > 0 && *directed < state.now.version)
            }),
            Property::sometimes("an organization of an earlier wave fails", |_, state: &State| {
                state.now.failed & 1 != 0 && state.now.waves[1] != WaveNow::Waiting
            }),
            Property::sometimes(
                "a version is rolled back, or there is none to roll back",
                |model: &Self, state: &State| {
                    let halts = model.waves.on_failure() == pmp_waves::OnFailure::Halt;
                    halts || matches!(state.now.stopped, StoppedNow::RolledBack { .. })
                },
            ),
            Property::sometimes("both hubs write", |_, state: &State| {
                state.hubs.iter().all(|hub| matches!(hub, HubAt::Writing { .. }))
            }),
        ]
    }
}
