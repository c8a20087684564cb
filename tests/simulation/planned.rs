//! One fault at a time, at every call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;

use crate::faults::{ERRORS, Fault};
use crate::run::{Shared, live, queue_is_empty, settle, verdict};
use crate::world::{World, product, products};

/// The place of a refusal for want of a permission among [`ERRORS`].
const NOT_AUTHORIZED: usize = 6;

/// Two experiences, the first a little and the second far from what snapshot 1 asks for: one and
/// two change sets.
fn small_world(seed: u64) -> Shared {
    let mut world = World::new(seed, [products(0..60), products(0..30)]);
    let version = world.store(products(10..95), products(200..205));
    world.announce(version, Duration::ZERO, true);
    Arc::new(Mutex::new(world))
}

/// Runs the small world with one fault at the nth call.
async fn with_fault(call: u64, fault: Fault) {
    let shared = small_world(call);
    shared.lock().unwrap().faults.planned.insert(call, fault);
    let lived = live(&shared, queue_is_empty).await;
    let outcome = match lived {
        Ok(()) => settle(&shared, 3).await,
        error => error,
    };
    verdict(&format!("{fault:?} at call {call}"), &shared, outcome);
}

/// How many calls the small world takes where nothing goes wrong.
async fn calls() -> u64 {
    let shared = small_world(0);
    let outcome = live(&shared, queue_is_empty).await;
    let (calls, started, unfinished) = {
        let world = shared.lock().unwrap();
        (world.calls, world.started, world.unfinished())
    };
    verdict("no fault", &shared, outcome);
    assert_eq!(unfinished, Vec::<String>::new());
    assert_eq!(started, 3, "change sets");
    calls
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_before_or_after_its_effect_is_healed() {
    for call in 1..=calls().await {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            with_fault(call, fault).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_crashes_one_after_the_other_are_healed() {
    let calls = calls().await;
    for first in 1..=calls {
        let second = first + 1 + first * 7 % 11;
        let shared = small_world(first);
        {
            let mut world = shared.lock().unwrap();
            world.faults.planned.insert(first, Fault::CrashAfter);
            world.faults.planned.insert(second, Fault::CrashBefore);
        }
        let lived = live(&shared, queue_is_empty).await;
        let outcome = if lived.is_ok() { settle(&shared, 3).await } else { lived };
        verdict(&format!("crashes at calls {first} and {second}"), &shared, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn every_error_of_the_table_at_every_call_is_borne() {
    for call in 1..=calls().await {
        for n in 0..ERRORS.len() {
            with_fault(call, Fault::Refused(n)).await;
        }
    }
}

/// Between the failed sync and the next one, the change set runs on.
#[tokio::test(start_paused = true)]
async fn a_change_set_that_may_not_be_looked_at_is_waited_for_by_the_next_sync() {
    let shared = small_world(0);
    let outcome = live(&shared, queue_is_empty).await;
    verdict("no fault", &shared, outcome);
    let looks: Vec<u64> = {
        let world = shared.lock().unwrap();
        let looks = world.log.iter().filter(|line| line.contains("DescribeChangeSet"));
        let numbers =
            looks.map(|line| line.split_whitespace().skip_while(|word| *word != "call").nth(1).unwrap().parse());
        numbers.collect::<Result<_, _>>().unwrap()
    };
    for look in looks.iter().take(20) {
        let shared = small_world(0);
        shared.lock().unwrap().faults.planned.insert(*look, Fault::Refused(NOT_AUTHORIZED));
        // With another snapshot the next sync plans another change set.
        let lived = live(&shared, async |shared| {
            while !shared.lock().unwrap().log.iter().any(|line| line.contains(" failed 1")) {
                sleep(Duration::from_millis(20)).await;
            }
            {
                let mut world = shared.lock().unwrap();
                let version = world.store(products(20..100), products(200..205));
                world.announce(version, Duration::ZERO, true);
            }
            queue_is_empty(shared).await;
        });
        let lived = lived.await;
        let outcome = if lived.is_ok() { settle(&shared, 1).await } else { lived };
        verdict(&format!("not permitted at call {look}"), &shared, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_at_any_call_applies_nothing_twice() {
    for call in 1..=calls().await {
        with_fault(call, Fault::Lost).await;
    }
}

/// The small world in step with snapshot 1, as the second one comes, in which something is to be
/// allowed and denied everywhere; with a message that is none among the announcements.
async fn world_in_step(seed: u64) -> Shared {
    let shared = small_world(seed);
    let outcome = live(&shared, queue_is_empty).await;
    verdict("no fault", &shared, outcome);
    {
        let mut world = shared.lock().unwrap();
        let version = world.store(products(20..100), products(10..15));
        (0..3).for_each(|n| world.announce(version, Duration::ZERO, n == 0));
        world.send("not a message".to_owned(), Duration::ZERO);
    }
    shared
}

/// Lists of which nothing, or half, is told, and batches of which nothing, or half, is done: with
/// no word of it, at any call of the agent, those at its queue among them.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_empty_or_half_at_any_call_loses_nothing_and_writes_nothing_false() {
    let shared = world_in_step(0).await;
    let first = shared.lock().unwrap().calls;
    let outcome = live(&shared, queue_is_empty).await;
    verdict("no fault", &shared, outcome);
    let calls = shared.lock().unwrap().calls - first;
    let mut cases = 0;
    for call in 1..=calls {
        for fault in [Fault::Empty, Fault::Half, Fault::Refused(8), Fault::Lost] {
            let shared = world_in_step(call).await;
            {
                let mut world = shared.lock().unwrap();
                let at = world.calls + call;
                world.faults.planned.insert(at, fault);
            }
            let lived = live(&shared, queue_is_empty).await;
            let outcome = if lived.is_ok() { settle(&shared, 1).await } else { lived };
            let world = shared.lock().unwrap();
            let skipped =
                world.log.iter().find(|line| line.contains("receipt: exp-member-") && line.contains(" skipped "));
            let lost = world.dead_letters.iter().filter(|message| message.body != "not a message").count();
            let outcome = match (outcome, skipped) {
                (Ok(()), Some(skipped)) => Err(format!("an experience that is there is skipped: {skipped}")),
                (Ok(()), None) if lost > 0 => Err(format!("{lost} announcements are dead letters")),
                (outcome, _) => outcome,
            };
            drop(world);
            verdict(&format!("{fault:?} at call {call}"), &shared, outcome);
            cases += 1;
        }
    }
    println!("{calls} calls of an agent, each empty, half, failed and done without an answer: {cases} cases");
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_call_leaves_the_rest_to_the_next_run() {
    for call in 1..=calls().await {
        with_fault(call, Fault::Stop).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_by_someone_else_at_any_call_is_noticed() {
    for call in 1..=calls().await {
        for fault in [Fault::Foreign, Fault::ForeignLock, Fault::Cancel] {
            with_fault(call, fault).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bursts_of_throttling_server_faults_and_slow_calls_only_take_time() {
    for call in 1..=calls().await {
        for fault in [Fault::Burst(8), Fault::FailedByServer, Fault::Slow(70)] {
            with_fault(call, fault).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_at_any_call_ends_the_pass_and_the_next_goes_on() {
    for call in 1..=calls().await {
        with_fault(call, Fault::StealLease).await;
    }
}

/// Products that the catalog does not take are named, and all others are applied.
async fn poisoned(poison: std::ops::Range<usize>) {
    let shared = small_world(1);
    {
        let mut world = shared.lock().unwrap();
        world.catalog.poison = poison.clone().map(product).collect();
    }
    let lived = live(&shared, queue_is_empty).await;
    let outcome = if lived.is_ok() { settle(&shared, 1).await } else { lived };
    verdict(&format!("poison products {poison:?}"), &shared, outcome);
}

#[tokio::test(start_paused = true)]
async fn one_poison_product_is_quarantined_and_all_others_are_applied() {
    poisoned(70..71).await;
}

#[tokio::test(start_paused = true)]
async fn three_poison_products_are_quarantined_and_all_others_are_applied() {
    poisoned(88..91).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_poison_products_is_quarantined_and_all_others_are_applied() {
    poisoned(60..95).await;
}

#[tokio::test(start_paused = true)]
async fn a_poison_product_that_is_to_be_denied_is_quarantined_too() {
    poisoned(201..203).await;
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_twice_late_and_in_any_order_end_in_the_newest() {
    for seed in 0..20 {
        let mut world = World::new(seed, [products(0..60), products(0..30)]);
        for n in 0..4 {
            world.store(products(n..90 + 5 * n), products(300..305));
        }
        for _ in 0..12 {
            let version = pmp_protocol::SnapshotVersion::new(world.faults.rng.u64(1..=4)).unwrap();
            let delay = Duration::from_secs(world.faults.rng.u64(0..600));
            let inline = world.faults.rng.bool();
            world.announce(version, delay, inline);
        }
        world.send("not a message".to_owned(), Duration::ZERO);
        let shared = Arc::new(Mutex::new(world));
        let outcome = live(&shared, queue_is_empty).await;
        assert_eq!(shared.lock().unwrap().dead_letters.len(), 1, "the message that is not one");
        let unfinished = shared.lock().unwrap().unfinished();
        let outcome = outcome.and(if unfinished.is_empty() { Ok(()) } else { Err(unfinished.join("; ")) });
        verdict(&format!("seed {seed}"), &shared, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn what_removes_too_much_is_held_whatever_crashes() {
    for call in 1..=30 {
        let mut world = World::new(call, [products(0..100), products(0..20)]);
        let version = world.store(products(0..45), products(0..0));
        world.announce(version, Duration::ZERO, true);
        world.faults.planned.insert(call, Fault::CrashAfter);
        let shared = Arc::new(Mutex::new(world));
        let outcome = live(&shared, queue_is_empty).await;
        verdict(&format!("crash at call {call}"), &shared, outcome);
        let world = shared.lock().unwrap();
        let receipt = &world.receipts[&crate::world::member(0)];
        assert_eq!(receipt.status, pmp_protocol::ReceiptStatus::Held, "{}", world.log.join("\n"));
        assert_eq!(world.catalog.experiences[&crate::world::member(0)].approved.len(), 100);
        assert_eq!(world.catalog.experiences[&crate::world::member(1)].approved.len(), 45);
    }
}
