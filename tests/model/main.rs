//! Model checking of what hub and spokes decide.
//!
//! The models run the programs' own functions: `decide` of the hub, `Backlog::sort` and `weigh` of
//! the spoke, `may_take` and `may_replace` of the ledger, `plan`, and `waves::next`. They visit
//! every state that two hubs and three organizations can come to, within bounds that each test
//! names.
//!
//! - `sync.rs`: publish, message, lease, plan, receipt.
//! - `rollout.rs`: a version on its way through the waves.
//! - `halts.rs`: versions that a person stops on their way, and what spokes make of that.
//! - `broken.rs`: for each rule a model that breaks it, and that has to fail. So no rule holds only
//!   because nothing in the model could break it.
//!
//! The tests that run with every change take seconds. `.ci/soak model` visits more than ten million
//! states. `tests/model/mutants` changes the functions themselves, and counts which changes the
//! models and the crates' own tests find.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod broken;
mod decisions;
mod halts;
mod rollout;
mod sync;
mod values;

use std::collections::BTreeSet;
use std::hash::Hash;
use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, Model};

use crate::halts::Halts;
use crate::rollout::{CONFIGURATIONS, Rollouts};
use crate::sync::Sync;

/// No run of these tests takes so long: one that does was not finished.
const LONGEST: Duration = Duration::from_secs(20 * 60);

/// What several runs came to, together.
struct Visits {
    threads: usize,
    states: usize,
    /// What has to be reached by one of them, and was not yet.
    unreached: BTreeSet<&'static str>,
    reached: BTreeSet<&'static str>,
}

impl Visits {
    fn new(threads: usize) -> Self {
        Self { threads, states: 0, unreached: BTreeSet::new(), reached: BTreeSet::new() }
    }

    /// Visits all states of a model. In breadth: the way to a broken rule is the shortest, and
    /// paths stay short where time goes round in circles.
    fn visit<M>(&mut self, name: &str, model: M)
    where
        M: Model + Send + std::marker::Sync + 'static,
        M::State: Clone + std::fmt::Debug + Hash + PartialEq + Send + std::marker::Sync + 'static,
        M::Action: Clone + std::fmt::Debug + PartialEq,
    {
        let begun = Instant::now();
        let properties = model.properties();
        let checker = model.checker().threads(self.threads).timeout(LONGEST).spawn_bfs().join();
        let (took, states) = (begun.elapsed(), checker.unique_state_count());
        println!(
            "{name}: {states} states, {} transitions, {} steps deep, {:.1} s",
            checker.state_count(),
            checker.max_depth(),
            took.as_secs_f64()
        );
        assert!(took < LONGEST, "{name}: not all states were visited");
        let discoveries = checker.discoveries();
        for property in properties {
            let found = discoveries.get(property.name);
            match property.expectation {
                Expectation::Sometimes if found.is_some() => _ = self.reached.insert(property.name),
                Expectation::Sometimes => _ = self.unreached.insert(property.name),
                Expectation::Always | Expectation::Eventually => {
                    let way = found.map(|path| (path.clone().into_actions(), path.last_state().clone()));
                    assert!(way.is_none(), "{name}: not always: {}, {way:#?}", property.name);
                }
            }
        }
        self.states += states;
    }

    /// All states, where each property that has to be reached was.
    fn all(self) -> usize {
        let never: Vec<_> = self.unreached.difference(&self.reached).collect();
        assert!(never.is_empty(), "no state was reached where: {never:?}");
        println!("{} states in all", self.states);
        self.states
    }
}

/// Budgets as [`sync::Budget`] names them, in its order.
fn accidents(budget: [u8; 8]) -> sync::Budget {
    let [changes, runs, hub_crashes, losses, hangs, edits, forgeries, confirmations] = budget;
    sync::Budget { changes, runs, hub_crashes, losses, hangs, edits, forgeries, confirmations }
}

/// Budgets as [`rollout::Budget`] names them, in its order.
fn events(budget: [u8; 6]) -> rollout::Budget {
    let [newer, failures, silences, late, promotions, halts] = budget;
    rollout::Budget { newer, failures, silences, late, promotions, halts }
}

#[test]
fn publishing_and_syncing_keep_the_rules() {
    let mut visits = Visits::new(1);
    visits.visit("one organization, a spoke hangs", Sync::<1>::new(accidents([2, 3, 0, 0, 1, 0, 0, 0])));
    visits.visit("one organization, a hub crashes", Sync::<1>::new(accidents([1, 3, 1, 1, 0, 1, 1, 1])));
    visits.visit("three organizations, no accident", Sync::<3>::new(accidents([1, 2, 0, 0, 0, 0, 0, 0])));
    visits.all();
}

/// The bounds of the models of waves in these tests.
const WAVES: [[u8; 6]; 3] = [[1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 1, 0, 0, 1, 1]];
/// The one of [`CONFIGURATIONS`] that rolls back.
const ROLLS_BACK: usize = 2;

fn visit_waves(visits: &mut Visits, position: usize, bounds: &[[u8; 6]]) {
    for bound in bounds {
        visits.visit(&format!("waves {position}"), Rollouts::new(CONFIGURATIONS[position], events(*bound)));
    }
}

/// Where a failing wave halts the version. What has to be reached is asked of all configurations
/// together, which takes longer.
#[test]
fn waves_that_halt_keep_the_rules() {
    let mut visits = Visits::new(1);
    for position in (0..CONFIGURATIONS.len()).filter(|position| *position != ROLLS_BACK) {
        visit_waves(&mut visits, position, &WAVES[..1]);
    }
    println!("{} states", visits.states);
}

/// Where a failing wave takes the version back.
#[test]
fn waves_that_roll_back_keep_the_rules() {
    let mut visits = Visits::new(1);
    visit_waves(&mut visits, ROLLS_BACK, &WAVES);
}

/// Protocol D15: what is halted is begun nowhere, and what has begun goes on.
#[test]
fn halts_keep_the_rules() {
    let mut visits = Visits::new(1);
    visits.visit("four versions, three words", Halts::new(4, 3));
    println!("{} states", visits.states);
}

/// Protocol D15: more versions are halted at one time than a direction names.
#[test]
#[ignore = "takes most of a minute: .ci/soak model"]
fn halts_of_many_versions_keep_the_rules() {
    let mut visits = Visits::new(2);
    visits.visit("four versions, three words", Halts::new(4, 3));
    visits.visit("six versions, five words", Halts::new(6, 5));
    visits.all();
}

#[test]
#[ignore = "takes most of a minute: .ci/soak model"]
fn waves_reach_what_has_to_be_reached() {
    let mut visits = Visits::new(1);
    for position in (0..CONFIGURATIONS.len()).filter(|position| *position != ROLLS_BACK) {
        visit_waves(&mut visits, position, &WAVES);
    }
    visits.all();
}

#[test]
#[ignore = "many minutes on two processors: .ci/soak model"]
fn ten_million_states_keep_the_rules() {
    let begun = Instant::now();
    let mut visits = Visits::new(2);
    for (name, budget) in LONG_SYNC {
        visits.visit(name, Sync::<3>::new(accidents(budget)));
    }
    for position in 0..CONFIGURATIONS.len() {
        visit_waves(&mut visits, position, &LONG_WAVES);
    }
    visits.visit("one organization, an accident of each kind", Sync::<1>::new(accidents([1, 3, 1, 1, 1, 1, 1, 1])));
    let states = visits.all();
    println!("{:.0} s", begun.elapsed().as_secs_f64());
    assert!(states >= 10_000_000, "{states} states");
}

/// The bounds of the models of waves there: everything once without a newer version, and a newer
/// version beside what is most common. All of it at once is more than fits into twenty minutes.
const LONG_WAVES: [[u8; 6]; 2] = [[0, 1, 1, 1, 1, 1], [1, 1, 1, 0, 1, 0]];
const LONG_SYNC: [(&str, [u8; 8]); 3] = [
    ("three organizations and three versions, no accident", [2, 3, 0, 0, 0, 0, 0, 0]),
    ("three organizations, a hub crashes and a message is lost", [2, 2, 1, 1, 0, 0, 0, 0]),
    ("three organizations, a spoke hangs", [2, 2, 0, 0, 1, 0, 0, 0]),
];

/// Tries other bounds: `PMP_MODEL=3:2,2,1,1,0,0,0,0`, with the number of organizations and the
/// budget in the order of [`sync::Budget`], or `PMP_MODEL=w1:1,1,1,1,1,1` with one of
/// [`CONFIGURATIONS`] and [`rollout::Budget`].
#[test]
#[ignore = "for whoever chooses the bounds of the other tests"]
fn any_bounds_keep_the_rules() {
    let Ok(text) = std::env::var("PMP_MODEL") else { return };
    let (what, budget) = text.split_once(':').unwrap();
    let budget: Vec<u8> = budget.split(',').map(|number| number.parse().unwrap()).collect();
    let mut visits = Visits::new(2);
    match (what.strip_prefix('w'), what) {
        (Some(position), _) => {
            let configuration = CONFIGURATIONS[position.parse::<usize>().unwrap()];
            visits.visit(&text, Rollouts::new(configuration, events(budget.try_into().unwrap())));
        }
        (None, "1") => visits.visit(&text, Sync::<1>::new(accidents(budget.try_into().unwrap()))),
        (None, "2") => visits.visit(&text, Sync::<2>::new(accidents(budget.try_into().unwrap()))),
        (None, _) => visits.visit(&text, Sync::<3>::new(accidents(budget.try_into().unwrap()))),
    }
}
