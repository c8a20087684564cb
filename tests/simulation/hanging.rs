//! Whatever hangs, a stop is bounded, and costs nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::faults::Fault;
use crate::run::{Shared, live, queue_is_empty, settle, verdict};
use crate::world::{World, products};

/// Two experiences, the first a little and the second far from what snapshot 1 asks for; and a message that is none.
fn small_world(seed: u64, all_hang: bool) -> Shared {
    let mut world = World::new(seed, [products(0..60), products(0..30)]);
    let version = world.store(products(10..95), products(200..205));
    world.announce(version, Duration::ZERO, seed.is_multiple_of(2));
    world.send("not a message".to_owned(), Duration::ZERO);
    world.faults.all_hang = all_hang;
    Arc::new(Mutex::new(world))
}

/// How many calls the small world takes where nothing goes wrong.
async fn calls() -> u64 {
    let shared = small_world(0, false);
    let outcome = live(&shared, queue_is_empty).await;
    verdict("no fault", &shared, outcome);
    shared.lock().unwrap().calls
}

/// Lets the nth call hang, and tells the process to stop meanwhile: how long it took to end.
async fn stop_while_it_hangs(call: u64, all_hang: bool) -> Duration {
    let shared = small_world(call, all_hang);
    shared.lock().unwrap().faults.planned.insert(call, Fault::Hang);
    let lived = live(&shared, queue_is_empty).await;
    let slowest = shared.lock().unwrap().slowest_stop;
    let outcome = if lived.is_ok() { settle(&shared, 3).await } else { lived };
    verdict(&format!("call {call} hangs{}", if all_hang { ", and all after it" } else { "" }), &shared, outcome);
    slowest
}

#[tokio::test(start_paused = true)]
async fn whatever_hangs_a_stop_ends_within_ten_seconds_and_the_next_run_goes_on() {
    let (calls, mut stops, mut slowest) = (calls().await, 0, Duration::ZERO);
    for call in 1..=calls {
        for all_hang in [false, true] {
            let took = stop_while_it_hangs(call, all_hang).await;
            stops += u32::from(!took.is_zero());
            slowest = slowest.max(took);
        }
    }
    println!("{calls} calls, each hung: {stops} stops, the slowest took {slowest:?}");
    assert!(stops > 0 && slowest <= Duration::from_secs(10), "{slowest:?}");
}
