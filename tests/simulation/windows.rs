//! Change windows: no change set is asked for outside of them (`World::check_asks`), one that runs
//! when they close is followed to its end, and the spoke goes on by itself when they open.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pmp_protocol::ReceiptStatus;
use tokio::time::sleep;

use crate::run::{Shared, live, verdict};
use crate::world::{World, member, products};

/// One experience that is far from what snapshot 1 asks for: eight change sets, one after the
/// other. Each takes from 5 to 60 seconds. It is 06:00 in UTC as the world begins.
fn far_behind(windows: &str) -> Shared {
    let mut world = World::new(7, [products(0..10)]);
    world.windows = Some(windows.parse().unwrap());
    let version = world.store(products(0..400), products(0..0));
    world.announce(version, Duration::ZERO, true);
    Arc::new(Mutex::new(world))
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_its_window_and_goes_on_by_itself() {
    // In Berlin it is an hour later.
    let shared = far_behind("daily 09:00-12:00 Europe/Berlin");
    let outcome = live(&shared, async |shared: &Shared| {
        sleep(Duration::from_secs(2 * 3_600 - 1)).await;
        {
            let world = shared.lock().unwrap();
            assert_eq!(world.started, 0, "change sets before the window");
            let receipt = &world.receipts[&member(0)];
            let paused = receipt.paused.as_ref().unwrap();
            assert_eq!(
                (receipt.status, paused.until.to_string().as_str()),
                (ReceiptStatus::Held, "2026-03-01T08:00:00Z")
            );
            let until = paused.windows.as_ref().unwrap().until.clone().unwrap();
            assert_eq!(
                (until.civil.to_string().as_str(), until.zone.as_str()),
                ("2026-03-01T09:00:00", "Europe/Berlin")
            );
        }
        sleep(Duration::from_secs(1_800)).await;
    })
    .await;
    assert_eq!(shared.lock().unwrap().unfinished(), Vec::<String>::new());
    let receipt = shared.lock().unwrap().receipts[&member(0)].clone();
    let said = receipt.windows.unwrap();
    assert!(said.open && said.member.as_deref() == Some("daily 09:00-12:00 Europe/Berlin"), "{said:?}");
    verdict("a window in two hours", &shared, outcome);
}

#[tokio::test(start_paused = true)]
async fn a_window_that_closes_lets_what_runs_end_and_starts_no_more() {
    let shared = far_behind("daily 06:00-06:01 UTC; daily 07:00-09:00 UTC");
    let outcome = live(&shared, async |shared: &Shared| {
        sleep(Duration::from_secs(1_800)).await;
        let started = {
            let world = shared.lock().unwrap();
            let running = world.catalog.change_sets.values().filter(|set| set.outcome.is_none()).count();
            assert!((1..8).contains(&world.started) && running == 0, "{} started, {running} running", world.started);
            let receipt = &world.receipts[&member(0)];
            assert_eq!((receipt.status, receipt.allowed), (ReceiptStatus::Held, 50 * world.started));
            assert_eq!(receipt.pending, 390 - 50 * world.started);
            let paused = receipt.paused.as_ref().unwrap();
            assert_eq!(paused.until.to_string(), "2026-03-01T07:00:00Z");
            // The message of the announcement led to another pass since, which changed nothing.
            let error = receipt.error.as_deref().unwrap();
            assert!(error.starts_with("change windows closed until Sun 2026-03-01 07:00 UTC"), "{error}");
            assert!(receipt.windows.as_ref().is_some_and(|said| said.open), "what let the first ones start");
            world.started
        };
        sleep(Duration::from_secs(3_600)).await;
        assert!(shared.lock().unwrap().started > started);
    })
    .await;
    assert_eq!(shared.lock().unwrap().unfinished(), Vec::<String>::new());
    verdict("a window of a minute", &shared, outcome);
}
