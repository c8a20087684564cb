//! The speed of the executor, compared with the floor that change sets and rate limits set.

use std::time::Duration;

use super::*;

async fn seconds(catalog: &FakeCatalog, approved: BTreeSet<ProductId>, share: bool) -> f64 {
    let settings = EngineSettings { share_change_sets: share, ..EngineSettings::default() };
    let began = Instant::now();
    let applied = Pass { settings, ..Pass::new(catalog, approved) }.run().await;
    let wrong: Vec<_> = applied.iter().filter(|applied| applied.status != ReceiptStatus::InSync).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    began.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn one_experience_stays_within_a_tenth_of_its_chain_of_change_sets() {
    for duration in [1, 5, 30] {
        let catalog = FakeCatalog::new(1, &products(0..1));
        catalog.world().duration = Duration::from_secs(duration);
        let took = seconds(&catalog, products(0..500), true).await;
        let floor = 10.0 * duration as f64;
        assert!(took <= floor * 1.10, "{took} s, floor {floor} s");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_experiences_of_ten_change_sets_stay_at_the_chain_although_starts_are_scarce() {
    let catalog = FakeCatalog::new(10, &products(0..1_000));
    // 500 products to allow and 500 to deny: 10 change sets one after the other, 100 in all, with 5
    // starts a second.
    let took = seconds(&catalog, products(500..1_500), true).await;
    let shared = catalog.world().started.len();
    assert!(took <= 11.5, "{took} s with {shared} change sets");

    let catalog = FakeCatalog::new(10, &products(0..1_000));
    let took = seconds(&catalog, products(500..1_500), false).await;
    assert_eq!(catalog.world().started.len(), 100);
    assert!((20.0..=22.0).contains(&took), "{took} s by itself");
}

/// For each experience, the times from the end of a change set to the start of the next one, in
/// milliseconds, sorted.
fn lags(catalog: &FakeCatalog) -> Vec<u128> {
    let world = catalog.world();
    let mut ends: BTreeMap<ExperienceId, Instant> = BTreeMap::new();
    let mut lags = Vec::new();
    for (at, request) in &world.started {
        for part in request.parts() {
            if let Some(end) = ends.insert(ExperienceId::clone(&part.experience), *at + world.duration) {
                lags.push((*at - end).as_millis());
            }
        }
    }
    lags.sort_unstable();
    lags
}

#[tokio::test(start_paused = true)]
async fn the_next_change_set_starts_within_a_tenth_of_the_one_before_and_at_the_most_within_300_ms_of_a_second() {
    for (experiences, seconds_each) in [(1, 1), (3, 1), (10, 1), (10, 5), (30, 30), (100, 10)] {
        let catalog = FakeCatalog::new(experiences, &products(0..1));
        catalog.world().duration = Duration::from_secs(seconds_each);
        seconds(&catalog, products(0..500), true).await;
        let lags = lags(&catalog);
        let (typical, longest) = (lags[lags.len() / 2], lags[lags.len() - 1]);
        let told =
            format!("{experiences} x {seconds_each} s: median {typical} ms, longest {longest} ms of {}", lags.len());
        println!("{told}");
        assert!(typical < u128::from(100 * seconds_each), "{told}");
        assert!(longest < u128::from(300 * seconds_each), "{told}");
    }
}

/// One job, and what it may take: experiences, products to allow and to deny in each, and seconds
/// of a change set; then the floor and the most of it, in seconds, and the most polls of a change
/// set.
type Bound = (usize, u32, u32, u64, f64, f64, f64);

#[tokio::test(start_paused = true)]
async fn jobs_stay_close_to_the_floor_with_few_polls() {
    const BOUNDS: [Bound; 4] = [
        (10, 500, 500, 1, 10.0, 1.07, 1.5),
        (300, 60, 0, 1, 7.0, 1.07, 1.5),
        (3, 200, 20, 3, 12.0, 1.02, 2.5),
        (1, 500, 0, 15, 150.0, 1.015, 5.0),
    ];
    for (experiences, allow, deny, seconds_each, floor, most, polls) in BOUNDS {
        let catalog = FakeCatalog::new(experiences, &products(0..2 * deny));
        catalog.world().duration = Duration::from_secs(seconds_each);
        let took = seconds(&catalog, products(deny..2 * deny + allow), true).await;
        let world = catalog.world();
        let each = world.looks as f64 / world.started.len() as f64;
        let told = format!(
            "{experiences} x ({allow} + {deny}) at {seconds_each} s: {took:.2} s, {:.3} of the floor; {} change sets, {each:.2} polls each",
            took / floor,
            world.started.len()
        );
        println!("{told}");
        assert!(took <= floor * most && each <= polls, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_experiences_share_change_sets_where_starts_are_scarce() {
    let catalog = FakeCatalog::new(100, &products(0..100));
    let took = seconds(&catalog, products(50..150), true).await;
    let shared = catalog.world().started.len();
    assert!(took <= 4.0, "{took} s with {shared} change sets");
    assert!((10..=20).contains(&shared), "{shared} change sets");
}

#[tokio::test(start_paused = true)]
async fn while_calls_suffice_nobody_shares() {
    let catalog = FakeCatalog::new(2, &products(0..10));
    seconds(&catalog, products(0..60), true).await;
    assert!(catalog.world().started.iter().all(|(_, request)| request.parts().len() == 1));
}

#[tokio::test(start_paused = true)]
async fn the_account_is_never_asked_faster_than_it_permits() {
    let catalog = FakeCatalog::new(30, &products(0..10));
    seconds(&catalog, products(0..200), false).await;
    let times: Vec<_> = catalog.world().started.iter().map(|(at, _)| *at).collect();
    // A bucket of 5 that is refilled at 5 a second bounds how soon the tenth start may come after
    // any start.
    for pair in times.windows(10) {
        assert!(pair[9] - pair[0] >= Duration::from_millis(790), "{:?}", pair[9] - pair[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_change_sets_are_open_than_are_wanted() {
    let catalog = FakeCatalog::new(6, &products(0..10));
    catalog.world().duration = Duration::from_secs(20);
    let settings = EngineSettings { max_open_change_sets: 2, share_change_sets: false, ..EngineSettings::default() };
    catalog.world().max_open = 2;
    let applied = Pass { settings, ..Pass::new(&catalog, products(0..20)) }.run().await;
    assert!(applied.iter().all(|applied| applied.status == ReceiptStatus::InSync), "{applied:?}");
    assert_eq!(catalog.world().started.len(), 6);
}
