//! The model of halts: versions on their way through the waves, which a person stops and lets go
//! on, and what two organizations make of that (protocol D15).
//!
//! A person's word is in the state of waves first, and a hub writes it into the direction of the
//! fleet after that, or the next version comes in between. A spoke reads the directions, and what
//! it decides is from what it read: anything may happen before it begins. It has begun with a
//! version when its receipt says so.
//!
//! The decisions are [`Direction::changed`], [`halted`] and [`Receipt::has_begun`]. What the spokes
//! were told is counted apart from the direction ([`State::told`]), so that it can be compared.

use jiff::Timestamp;
use pmp_protocol::{Because, Direction, DirectionChange, ExperienceId, Halted, Receipt, ReceiptStatus, Turn, halted};
use stateright::{Model, Property};

use crate::values::{digest, number, receipt_for, version};

/// How many of them a direction names.
const NAMED: usize = 4;

/// The direction of the fleet, in numbers; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FleetNow {
    turn: u8,
    halted: [u8; NAMED],
    /// Whether the oldest of them stands for all older ones.
    and_older: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Org {
    /// The version whose turn has come here.
    turn: u8,
    /// The version that its receipt is about, and whether it has begun with it.
    receipt: (u8, bool),
    /// What it is about to begin with, and whether the halt of that was told when it read.
    begins: Option<(u8, bool)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The version that is on its way, and whether a person stopped it.
    on_its_way: u8,
    is_stopped: bool,
    fleet: FleetNow,
    /// The versions whose halt the spokes were told, and that did not go on since, as bits.
    told: u8,
    orgs: [Org; 2],
    left: u8,
    /// Whether a spoke began with a version whose halt it was told.
    is_broken: bool,
    /// Whether a version went on that was halted, and somebody began with it then.
    went_on: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The management experience says something else: the next version begins.
    Newer,
    Halt,
    Promote,
    /// A hub writes into the direction of the fleet what the state says.
    Tell,
    Admit(usize),
    /// Everybody may take the version.
    Done,
    /// A spoke reads the directions, and decides whether it begins.
    Read(usize),
    Begin(usize),
    /// It is told to stop before it begins.
    Drop(usize),
}

pub(crate) type HaltOf = for<'a> fn(Option<&'a Direction>, Option<&'a Direction>) -> Option<&'a Halted>;
pub(crate) type HasBegun = fn(&Receipt, &Halted) -> bool;

pub(crate) struct Halts {
    /// How many versions the ledger takes, and how often a person may halt or promote.
    versions: u8,
    words: u8,
    pub(crate) halted: HaltOf,
    pub(crate) has_begun: HasBegun,
    experience: ExperienceId,
}

fn bit(number: u8) -> u8 {
    1 << (number - 1)
}

fn because() -> Because {
    Because { by: "Ada".to_owned(), at: Timestamp::UNIX_EPOCH, reason: "why not".to_owned() }
}

impl Halts {
    /// With the programs' own decisions.
    pub(crate) fn new(versions: u8, words: u8) -> Self {
        let experience = ExperienceId::new("exp-ours").unwrap();
        Self { versions, words, halted, has_begun: Receipt::has_begun, experience }
    }

    fn turn(&self, turn: u8) -> Direction {
        let turn = (turn > 0).then(|| Turn { version: version(turn), digest: digest(turn), at: Timestamp::UNIX_EPOCH });
        Direction { generation: 1, turn, ..Direction::none(self.experience.clone(), None) }
    }

    fn direction(&self, fleet: &FleetNow) -> Direction {
        let named = fleet.halted.iter().filter(|number| **number > 0);
        let halted = named.enumerate().map(|(place, number)| Halted {
            version: version(*number),
            digest: digest(*number),
            by: "Ada".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            reason: "why not".to_owned(),
            and_older: place == 0 && fleet.and_older,
        });
        Direction { halted: halted.collect(), ..self.turn(fleet.turn) }
    }

    fn changed(&self, fleet: &FleetNow, change: &DirectionChange) -> FleetNow {
        let Some(next) = self.direction(fleet).changed(change, &because()) else { return *fleet };
        let mut numbers = [0; NAMED];
        for (place, halted) in next.halted.iter().enumerate() {
            numbers[place] = number(halted.version);
        }
        let and_older = next.halted.first().is_some_and(|halted| halted.and_older);
        FleetNow { turn: next.turn.map_or(0, |turn| number(turn.version)), halted: numbers, and_older }
    }

    /// The version that a spoke may take, and whether it does not begin with it.
    fn decided(&self, state: &State, org: &Org) -> (u8, bool) {
        let (fleet, own) = (self.direction(&state.fleet), self.turn(org.turn));
        let (about, has_begun) = org.receipt;
        let status = if has_begun { ReceiptStatus::InSync } else { ReceiptStatus::Held };
        let receipt = Receipt { status, ..receipt_for(about) };
        let halted = (self.halted)(Some(&fleet), Some(&own)).filter(|it| !(self.has_begun)(&receipt, it));
        (org.turn.max(state.fleet.turn), halted.is_some())
    }
}

impl Model for Halts {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let org = Org { turn: 0, receipt: (1, true), begins: None };
        let fleet = FleetNow { turn: 1, halted: [0; NAMED], and_older: false };
        let (on_its_way, is_stopped) = (2, false);
        vec![State {
            on_its_way,
            is_stopped,
            fleet,
            told: 0,
            orgs: [org; 2],
            left: self.words,
            is_broken: false,
            went_on: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Tell);
        if state.on_its_way < self.versions {
            actions.push(Action::Newer);
        }
        if state.left > 0 && state.on_its_way > state.fleet.turn {
            actions.push(if state.is_stopped { Action::Promote } else { Action::Halt });
        }
        for (place, org) in state.orgs.iter().enumerate() {
            if !state.is_stopped && org.turn < state.on_its_way {
                actions.push(Action::Admit(place));
            }
            match org.begins {
                None => actions.push(Action::Read(place)),
                Some(_) => actions.extend([Action::Begin(place), Action::Drop(place)]),
            }
        }
        if !state.is_stopped && state.orgs.iter().all(|org| org.turn == state.on_its_way) {
            actions.push(Action::Done);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Newer => (state.on_its_way, state.is_stopped) = (state.on_its_way + 1, false),
            Action::Halt => (state.is_stopped, state.left) = (true, state.left - 1),
            Action::Promote => (state.is_stopped, state.left) = (false, state.left - 1),
            Action::Tell => {
                let (about, number) = (version(state.on_its_way), state.on_its_way);
                if state.is_stopped {
                    state.fleet = self.changed(&state.fleet, &DirectionChange::Halt(about, digest(number)));
                    state.told |= bit(number);
                } else {
                    state.fleet = self.changed(&state.fleet, &DirectionChange::GoOn(about));
                    if state.told & bit(number) != 0 {
                        state.went_on |= bit(number);
                    }
                    state.told &= !bit(number);
                }
            }
            Action::Admit(place) => state.orgs[place].turn = state.on_its_way,
            Action::Done => {
                let number = state.on_its_way;
                let turn = DirectionChange::Turn(version(number), digest(number));
                state.fleet = self.changed(&state.fleet, &turn);
                // Everybody may take it, or a newer one: no halt of it counts any more.
                state.told &= !((bit(number) << 1).wrapping_sub(1));
            }
            Action::Read(place) => {
                let org = state.orgs[place];
                let (may_take, waits) = self.decided(&state, &org);
                let is_it = org.receipt.0 == may_take;
                if waits {
                    if !is_it {
                        state.orgs[place].receipt = (may_take, false);
                    }
                } else if !(is_it && org.receipt.1) {
                    let was_told = may_take > state.fleet.turn && state.told & bit(may_take) != 0;
                    state.orgs[place].begins = Some((may_take, was_told));
                }
            }
            Action::Begin(place) => {
                let (version, was_told) = state.orgs[place].begins.take()?;
                state.is_broken |= was_told;
                state.orgs[place].receipt = (version, true);
            }
            Action::Drop(place) => state.orgs[place].begins = None,
        }
        // The organizations are alike.
        state.orgs.sort_unstable();
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("what is halted, and told, is begun nowhere", |_, state: &State| !state.is_broken),
            Property::always("who has begun goes on", |model: &Self, state: &State| {
                state.orgs.iter().all(|org| {
                    let (may_take, waits) = model.decided(state, org);
                    !waits || org.receipt != (may_take, true)
                })
            }),
            Property::always("what nobody was told of keeps nobody", |model: &Self, state: &State| {
                state.orgs.iter().all(|org| {
                    let (may_take, waits) = model.decided(state, org);
                    !waits || state.told & bit(may_take) != 0 || state.fleet.and_older
                })
            }),
            Property::sometimes("a version goes on that was halted, and is begun", |_, state: &State| {
                state.orgs.iter().any(|org| org.receipt.1 && state.went_on & bit(org.receipt.0) != 0)
            }),
            Property::sometimes("an organization waits with an older version", |model: &Self, state: &State| {
                let waits = |org: &Org| org.turn < state.on_its_way && model.decided(state, org).1;
                state.orgs.iter().any(waits)
            }),
            Property::sometimes("one halt stands for all older ones", |model: &Self, state: &State| {
                let waits = |org: &Org| model.decided(state, org) == (2, true);
                state.fleet.and_older && state.orgs.iter().any(waits)
            }),
        ]
    }
}
