//! Operators who pin, unpin, pause and resume at any moment, while everything else goes wrong as
//! well: a spoke that knows of a pause changes nothing, what is pinned is applied and nothing newer
//! (`World::check_start`), receipts never go backwards in their order, and once it is over the end
//! is reached: the pinned snapshot, or the newest.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use pmp_protocol::DirectionChange;
use pmp_runtime::Clock;
use tokio::time::sleep;

use crate::chance::{each_seed, store_random};
use crate::faults::Fault;
use crate::rare::STEERED;
use crate::run::{Shared, live, queue_is_empty, verdict};
use crate::world::{World, products};

#[test]
fn whatever_operators_direct_the_rules_hold_and_the_end_is_it() {
    println!("{}", each_seed("whatever_operators_direct", history, STEERED));
}

async fn history(shared: &Shared) {
    let count = shared.lock().unwrap().faults.rng.u32(4..14);
    for _ in 0..count {
        let pause = shared.lock().unwrap().faults.rng.u64(5..1_000);
        sleep(Duration::from_secs(pause)).await;
        let as_it_works = shared.lock().unwrap().faults.rng.u8(0..3) == 0;
        if as_it_works {
            a_change_set_runs(shared).await;
        }
        something(&mut shared.lock().unwrap());
    }
    // The last pause ends by itself.
    sleep(Duration::from_secs(3_600)).await;
}

/// Waits until a change set runs, but not for ever.
async fn a_change_set_runs(shared: &Shared) {
    for _ in 0..600 {
        if shared.lock().unwrap().own_runs() {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

fn something(world: &mut World) {
    match world.faults.rng.u32(0..10) {
        0..=3 => return store_random(world),
        4..=6 => {
            let which = world.faults.rng.usize(0..world.history.len());
            let (version, digest) = (world.history[which].version(), world.history[which].digest());
            world.direct(&DirectionChange::Pin(version, digest));
        }
        7 => world.direct(&DirectionChange::Unpin),
        8 => {
            let until = world.clock.now() + SignedDuration::from_secs(world.faults.rng.i64(60..3_000));
            world.direct(&DirectionChange::Pause(until));
        }
        _ => world.direct(&DirectionChange::Resume),
    }
    // As `pmp-hub` does it, unless it was told not to.
    if world.faults.rng.bool() {
        let newest = world.newest().unwrap().version();
        world.announce(newest, Duration::ZERO, true);
    }
}

/// One experience that snapshot 1 changes. Its announcement is a reference: it has to be fetched.
fn to_be_fetched() -> Shared {
    let mut world = World::new(3, [products(0..60)]);
    let version = world.store(products(10..95), products(200..205));
    world.announce(version, Duration::ZERO, false);
    Arc::new(Mutex::new(world))
}

/// A large snapshot takes minutes to fetch: the brake that is pulled meanwhile holds.
#[tokio::test(start_paused = true)]
async fn a_pause_that_comes_while_a_snapshot_is_fetched_is_obeyed() {
    // Protocol D11.
    let shared = to_be_fetched();
    let outcome = live(&shared, queue_is_empty).await;
    let fetch = {
        let world = shared.lock().unwrap();
        let line = world.log.iter().find(|line| line.ends_with("ReadSnapshot 1")).unwrap();
        line.split_whitespace().skip_while(|word| *word != "call").nth(1).unwrap().parse::<u64>().unwrap()
    };
    assert!(shared.lock().unwrap().started > 0);
    verdict("no pause", &shared, outcome);

    let shared = to_be_fetched();
    shared.lock().unwrap().faults.planned.insert(fetch, Fault::Slow(60));
    let outcome = live(&shared, async |shared: &Shared| {
        sleep(Duration::from_secs(20)).await;
        {
            let mut world = shared.lock().unwrap();
            let until = world.clock.now() + SignedDuration::from_secs(1_800);
            world.direct(&DirectionChange::Pause(until));
        }
        sleep(Duration::from_secs(1_700)).await;
        assert_eq!(shared.lock().unwrap().started, 0, "change sets after the pause had begun");
        // It ends by itself, and the spoke goes on.
        sleep(Duration::from_secs(3_600)).await;
    })
    .await;
    let world = shared.lock().unwrap();
    assert!(world.log.iter().any(|line| line.contains("ReadSnapshot 1  <- Slow(60)")), "{}", world.log.join("\n"));
    assert!(world.started > 0 && world.unfinished().is_empty(), "{:?}", world.unfinished());
    drop(world);
    verdict("a pause while it is fetched", &shared, outcome);
}
