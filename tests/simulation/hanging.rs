//! Whatever hangs, a stop is bounded, and costs nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::faults::Fault;
use crate::run::{Shared, live, queue_is_empty, settle, verdict};
use crate::world::{World, products};

/// Two experiences, the first a little and the second far from what snapshot 1 asks for; and a
/// message that is none.
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

/// Every call takes so much longer, and the process is told to stop then: how long it took to end.
async fn stop_in_a_slow_world(latency: Duration, after: Duration) -> Duration {
    let shared = small_world(after.as_secs(), false);
    shared.lock().unwrap().faults.slow_life = Some((latency, after));
    let lived = live(&shared, queue_is_empty).await;
    let slowest = shared.lock().unwrap().slowest_stop;
    let outcome = if lived.is_ok() { settle(&shared, 3).await } else { lived };
    verdict(&format!("every call takes {latency:?} longer, told to stop after {after:?}"), &shared, outcome);
    slowest
}

/// Whatever a call takes, and whenever in it the stop comes.
#[tokio::test(start_paused = true)]
async fn however_slow_every_call_is_and_whenever_the_stop_comes_it_ends_within_ten_seconds() {
    let (mut all, mut slowest_of_all) = (0, Duration::ZERO);
    for latency in [0, 300, 1_000, 2_500, 6_000, 9_900, 15_000, 45_000].map(Duration::from_millis) {
        let (mut stops, mut slowest) = (0, Duration::ZERO);
        // Again and again in the first minute, at all places within a second, and now and then
        // until what takes longest would be over.
        let times = (0..60).map(|n| n * 930).chain((60..300).step_by(17).map(|n| n * 1_000));
        for after in times.map(Duration::from_millis) {
            let took = stop_in_a_slow_world(latency, after).await;
            stops += u32::from(!took.is_zero());
            slowest = slowest.max(took);
        }
        println!("every call takes {latency:?} longer: {stops} stops, the slowest took {slowest:?}");
        (all, slowest_of_all) = (all + stops, slowest_of_all.max(slowest));
    }
    println!("{all} stops, the slowest took {slowest_of_all:?}");
    assert!(all > 0 && slowest_of_all <= Duration::from_secs(10), "{slowest_of_all:?}");
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
