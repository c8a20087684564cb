//! Two things go wrong, at any two calls: every kind of fault at every call, and every kind at each
//! of the calls that follow, for as many as a pass takes. What the first one leads to, a retry, a
//! next process, somebody who waits, is where the second one strikes.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::faults::{ERRORS, Fault};
use crate::run::{Shared, live, queue_is_empty, settle, verdict};
use crate::world::{World, products};

/// Of all pairs, one in so many is always tried; a prime, so that all calls and kinds have a part.
const ONE_IN: u64 = 4_001;

/// What goes wrong at a call. An answer that is empty or half, and says that it is all, is left to
/// the tests that count what it may cost.
fn kinds() -> Vec<Fault> {
    let refusals = (0..ERRORS.len()).map(Fault::Refused);
    let others = [
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::Lost,
        Fault::Slow(70),
        Fault::Stop,
        Fault::Foreign,
        Fault::ForeignLock,
        Fault::FailedByServer,
        Fault::Cancel,
        Fault::StealLease,
        Fault::Burst(8),
        Fault::LedgerDown(45),
    ];
    refusals.chain(others).collect()
}

/// Faults at the `first` call and so many calls `later`.
#[derive(Debug, Clone, Copy)]
struct Pair {
    first: (u64, Fault),
    later: (u64, Fault),
}

/// All pairs of a pass that takes so many calls, by number.
struct Pairs {
    calls: u64,
    kinds: Vec<Fault>,
}

impl Pairs {
    fn count(&self) -> u64 {
        (self.calls * self.kinds.len() as u64).pow(2)
    }

    fn of(&self, number: u64) -> Pair {
        let kind = |number: u64| self.kinds[usize::try_from(number).unwrap()];
        let kinds = self.kinds.len() as u64;
        let (call, number) = (number % self.calls, number / self.calls);
        let (later, number) = (number % self.calls, number / self.calls);
        Pair { first: (call + 1, kind(number % kinds)), later: (later + 1, kind(number / kinds)) }
    }
}

/// One experience that is one change set away from snapshot 1. A change set takes three seconds, so
/// that few of the calls only wait for it.
fn smallest_world(seed: u64) -> Shared {
    let mut world = World::new(seed, [products(0..60)]);
    world.faults.change_sets_take = Some(Duration::from_secs(3));
    let version = world.store(products(10..95), products(200..205));
    world.announce(version, Duration::ZERO, true);
    Arc::new(Mutex::new(world))
}

/// How many calls a pass takes where nothing goes wrong.
async fn calls() -> u64 {
    let shared = smallest_world(0);
    let outcome = live(&shared, queue_is_empty).await;
    let (calls, unfinished) = {
        let world = shared.lock().unwrap();
        (world.calls, world.unfinished())
    };
    verdict("no fault", &shared, outcome);
    assert_eq!(unfinished, Vec::<String>::new());
    calls
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// The smallest world with a pair of faults: it must come to its end, and keep every rule.
fn survives(Pair { first, later }: Pair) {
    let outcome = async {
        let shared = smallest_world(first.0);
        {
            let planned = &mut shared.lock().unwrap().faults.planned;
            planned.insert(first.0, first.1);
            planned.insert(first.0 + later.0, later.1);
        }
        let lived = live(&shared, queue_is_empty).await;
        let outcome = if lived.is_ok() { settle(&shared, 3).await } else { lived };
        let (at, after) = (first.0, first.0 + later.0);
        verdict(&format!("{:?} at call {at}, {:?} at call {after}", first.1, later.1), &shared, outcome);
    };
    paused().block_on(outcome);
}

/// Tries one in `step` of all pairs, on all processors, and says how many those were.
fn try_pairs(step: u64) -> String {
    let pairs = Pairs { calls: paused().block_on(calls()), kinds: kinds() };
    let (next, tried) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(step, Ordering::Relaxed);
                    if number >= pairs.count() {
                        break;
                    }
                    survives(pairs.of(number));
                    tried.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let tried = tried.into_inner();
    let (calls, kinds, all) = (pairs.calls, pairs.kinds.len(), pairs.count());
    assert_eq!(tried, all.div_ceil(step));
    format!("{calls} calls, {kinds} kinds of faults: {tried} of {all} pairs, nothing lost")
}

#[test]
fn two_faults_at_any_two_calls_are_borne() {
    println!("{}", try_pairs(ONE_IN));
}

#[test]
#[ignore = "hundreds of thousands of worlds: .ci/soak pairs"]
fn every_pair_of_faults_is_borne() {
    println!("{}", try_pairs(1));
}
