//! Everything at once, by chance: faults at any call, snapshots that follow one another, messages
//! in any order.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pmp_protocol::ProductId;
use tokio::time::sleep;

use crate::ports::UNIVERSE;
use crate::rare::{BY_CHANCE, Rare, Reached};
use crate::run::{Shared, live, settle, verdict};
use crate::world::{World, product};

/// Seeds that always run.
const SEEDS: u64 = 60;
/// The hub announces its newest snapshot every hour; within this many announcements all must be
/// well.
const ANNOUNCEMENTS: u32 = 3;

#[test]
fn whatever_happens_the_rules_hold_and_the_end_is_reached() {
    println!("{}", each_seed("whatever_happens", history, BY_CHANCE));
}

/// Lets each seed's world live through `history`, and then come to its end. `name` is what the
/// test's name begins with: to run a seed that fails again. All seeds together must come upon each
/// state of `rare`, or the test fails: how often each was reached.
pub(crate) fn each_seed(name: &str, history: impl AsyncFn(&Shared), rare: &[(Rare, &'static str)]) -> String {
    let (seeds, mut reached) = (seeds(SEEDS), Reached::default());
    let (count, mut calls) = (seeds.end - seeds.start, 0);
    for seed in seeds {
        let (shared, outcome) = lifetime(seed, &history);
        let replay = format!("PMP_SEED={seed} cargo test -p pmp-tests --test simulation {name}");
        verdict(&format!("seed {seed} (again: `{replay}`)"), &shared, outcome);
        let world = shared.lock().unwrap();
        calls += world.calls;
        reached.add(&world.reached);
    }
    let (report, never) = reached.report(rare);
    let report = format!("{name}: {count} seeds, {calls} calls\n{report}");
    // One seed alone cannot come upon all of them.
    assert!(never.is_empty() || count < SEEDS, "{report}no seed came upon this: {}", never.join("; "));
    report
}

/// The seeds to run: the one that `PMP_SEED` names, or so many, and as many more as `PMP_SOAK`
/// says.
pub(crate) fn seeds(always: u64) -> Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("PMP_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..always + number("PMP_SOAK").unwrap_or_default(),
    }
}

/// The world of a seed after it has lived through `history` and was led to its end, and whether it
/// came there.
pub(crate) fn lifetime(seed: u64, history: &impl AsyncFn(&Shared)) -> (Shared, Result<(), String>) {
    led(seed, history, None)
}

/// The same, with all that a second run must repeat, in full.
pub(crate) fn recorded(seed: u64, history: &impl AsyncFn(&Shared)) -> (Vec<String>, Result<(), String>) {
    let (shared, outcome) = led(seed, history, Some(Vec::new()));
    let record = shared.lock().unwrap().record.take();
    (record.unwrap_or_default(), outcome)
}

fn led(seed: u64, history: &impl AsyncFn(&Shared), record: Option<Vec<String>>) -> (Shared, Result<(), String>) {
    // A runtime for each: its clock starts anew, so that a seed means the same wherever it runs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(one(seed, history, record))
}

async fn one(seed: u64, history: &impl AsyncFn(&Shared), record: Option<Vec<String>>) -> (Shared, Result<(), String>) {
    let mut world = born(seed);
    world.record = record;
    let shared = Arc::new(Mutex::new(world));
    let outcome = match live(&shared, history).await {
        Ok(()) => {
            lead_to_an_end(&mut shared.lock().unwrap());
            settle(&shared, ANNOUNCEMENTS).await
        }
        error => error,
    };
    shared.lock().unwrap().record_the_end();
    (shared, outcome)
}

pub(crate) fn random_products(rng: &mut fastrand::Rng, count: usize) -> BTreeSet<ProductId> {
    (0..count).map(|_| product(rng.usize(0..UNIVERSE))).collect()
}

/// One to four experiences with lists of their own, and sometimes products that the catalog does
/// not take.
pub(crate) fn born(seed: u64) -> World {
    let mut rng = fastrand::Rng::with_seed(seed);
    let members: Vec<_> = (0..rng.usize(1..=4))
        .map(|_| {
            let count = rng.usize(0..200);
            random_products(&mut rng, count)
        })
        .collect();
    let mut world = World::new(seed, members);
    world.restless = true;
    world.faults.per_mille = [0, 10, 30, 80][rng.usize(0..4)];
    if rng.u8(0..4) == 0 {
        let count = rng.usize(1..4);
        world.catalog.poison = random_products(&mut rng, count);
    }
    store_random(&mut world);
    world
}

/// Stores a snapshot that differs a little, or much, from the one before, and announces it in some
/// way.
pub(crate) fn store_random(world: &mut World) {
    let before = world.newest().map(|newest| newest.content().approved().clone()).unwrap_or_default();
    let rng = &mut world.faults.rng;
    // What removes most is held, and what comes after it as well: seldom, or hardly anything would
    // be applied.
    let (more, fewer) = match rng.u8(0..12) {
        0 => (rng.usize(0..150), 60),
        1..=5 => (rng.usize(20..150), 8),
        _ => (rng.usize(0..20), 3),
    };
    let more = random_products(rng, more);
    let mut approved: BTreeSet<_> = before.into_iter().filter(|_| rng.usize(0..100) >= fewer).collect();
    approved.extend(more);
    let count = rng.usize(0..30);
    let rejected = random_products(rng, count).difference(&approved).cloned().collect();
    let version = world.store(approved, rejected);
    for _ in 0..world.faults.rng.u32(0..3) {
        let delay = Duration::from_secs(world.faults.rng.u64(0..900));
        let inline = world.faults.rng.bool();
        world.announce(version, delay, inline);
    }
}

/// In a world of chance the hub may store another snapshot while a dead process's change set runs:
/// the next process wants something else.
pub(crate) fn meanwhile(world: &mut World) {
    if world.restless && world.own_runs() && world.faults.rng.bool() {
        store_random(world);
    }
}

/// Some hours in which the hub stores snapshots.
pub(crate) async fn history(shared: &Shared) {
    let count = shared.lock().unwrap().faults.rng.u32(2..10);
    for _ in 0..count {
        let pause = shared.lock().unwrap().faults.rng.u64(10..1_200);
        sleep(Duration::from_secs(pause)).await;
        store_random(&mut shared.lock().unwrap());
    }
    sleep(Duration::from_secs(1_800)).await;
}

/// A last snapshot that the guard rails let through everywhere: it approves what is approved, and a
/// little more or less.
fn lead_to_an_end(world: &mut World) {
    world.settle();
    world.restless = false;
    let mut approved: BTreeSet<_> =
        world.catalog.experiences.values().flat_map(|experience| experience.approved.iter().cloned()).collect();
    let rng = &mut world.faults.rng;
    approved.retain(|_| rng.u8(0..10) > 0);
    approved.extend(random_products(rng, 70));
    let rejected = random_products(rng, 20).difference(&approved).cloned().collect();
    world.store(approved, rejected);
}
