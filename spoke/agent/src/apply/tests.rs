//! The executor against a catalog in memory, with paused time, for every answer that the catalog
//! may give.

mod errors;
mod pace;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use pmp_catalog::testing::{FakeCatalog, experience, member, policy_id};
use pmp_protocol::{Content, DeferralReason, ProductId, ResourceRequests, Verdicts};
use pmp_runtime::SystemChance;
use tokio::time::Instant;

use super::*;

/// Experience number `n` as a pass reads it.
fn as_read(catalog: &FakeCatalog, n: usize) -> Live {
    let (world, id) = (catalog.world(), experience(n));
    let (experience, policy) = (world.describe(&id), world.policy(&id));
    Live { member: member(n), experience, policy_id: policy_id(&id), policy }
}

struct Unwatched;

impl Watch for Unwatched {
    fn progress(&self, _: &Progress) {}
}

/// Records the products that were done and left, at each report of progress.
#[derive(Default)]
struct Kept(std::sync::Mutex<Vec<(usize, usize)>>);

impl Watch for Kept {
    fn progress(&self, progress: &Progress) {
        self.0.lock().unwrap().push((progress.allowed + progress.denied, progress.pending));
    }
}

fn products(range: std::ops::Range<u32>) -> BTreeSet<ProductId> {
    range.map(|n| ProductId::new(&format!("prod-{n:05}")).unwrap()).collect()
}

fn content(approved: BTreeSet<ProductId>, rejected: BTreeSet<ProductId>) -> Content {
    let management = ExperienceId::new("exp-management").unwrap();
    Content::new(management, approved, rejected, BTreeMap::new(), ResourceRequests::Allow).unwrap()
}

/// A pass that applies a snapshot that approves `approved` to all experiences of `catalog`, side by
/// side.
struct Pass<'a> {
    catalog: &'a FakeCatalog,
    approved: BTreeSet<ProductId>,
    /// What the snapshot rejects besides.
    rejected: BTreeSet<ProductId>,
    settings: EngineSettings,
    /// The policy's settings that are asked for.
    wanted: Option<ResourceRequests>,
    stop: CancellationToken,
    deferred: Vec<Deferred>,
    unfinished: Option<ChangeSetId>,
    at: Timestamp,
    lately: Lately,
    watch: &'a dyn Watch,
}

impl<'a> Pass<'a> {
    fn new(catalog: &'a FakeCatalog, approved: BTreeSet<ProductId>) -> Self {
        Self {
            catalog,
            approved,
            rejected: BTreeSet::new(),
            settings: EngineSettings::default(),
            wanted: None,
            stop: CancellationToken::new(),
            deferred: Vec::new(),
            unfinished: None,
            at: Timestamp::UNIX_EPOCH,
            lately: Lately::default(),
            watch: &Unwatched,
        }
    }

    async fn run(self) -> Vec<Applied> {
        let experiences = self.catalog.world().experiences.len();
        let live = (0..experiences).map(|n| as_read(self.catalog, n)).collect();
        self.run_on(live).await
    }

    /// Runs the pass on experiences that were read before.
    async fn run_on(self, live: Vec<Live>) -> Vec<Applied> {
        let content = content(self.approved, self.rejected);
        let verdicts = Verdicts::new();
        let desired = Desired::new(&content, &verdicts);
        let catalog: Arc<dyn Catalog> = Arc::new(self.catalog.clone());
        let (name, chance) = ("pmp-sync snapshot 1".into(), Arc::new(SystemChance));
        let engine = Engine::start(catalog, self.settings, None, name, chance, None, self.stop);
        let nothing = BTreeSet::new();
        let order = Order {
            desired: &desired,
            version: SnapshotVersion::FIRST,
            guard: GuardRails::default(),
            lately: self.lately,
            confirmed: None,
            settings: self.wanted,
            pass: self.at,
            deferred: &self.deferred,
            left_alone: &nothing,
            added_by_others: &nothing,
            unfinished: self.unfinished,
            uncounted: false,
            history: None,
        };
        self.catalog.world().clock = self.at;
        let active: Vec<_> = live.iter().map(|_| engine.active()).collect();
        let apply = |(live, active)| {
            let applied = engine.apply(&order, live, self.watch);
            async move { (applied.await, active).0 }
        };
        join_all(live.into_iter().zip(active).map(apply)).await
    }
}

/// The outcome for a single experience that was read before.
async fn applied_to(catalog: &FakeCatalog, live: Live, approved: BTreeSet<ProductId>) -> Applied {
    Pass::new(catalog, approved).run_on(vec![live]).await.remove(0)
}

/// The outcome for a single experience.
async fn applied(catalog: &FakeCatalog, approved: BTreeSet<ProductId>) -> Applied {
    Pass::new(catalog, approved).run().await.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_delta_takes_the_fewest_change_sets_and_each_follows_the_live_revision() {
    let catalog = FakeCatalog::new(1, &products(0..200));
    // 120 products are new and 60 are gone: three change sets, with the denials in the first two.
    let applied = applied(&catalog, products(60..320)).await;
    assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None));
    assert_eq!((applied.progress.allowed, applied.progress.denied, applied.progress.pending), (120, 60, 0));
    let world = catalog.world();
    let parts: Vec<_> = world.started.iter().flat_map(|(_, request)| request.parts()).collect();
    assert_eq!(parts.iter().map(|part| part.revision.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(parts.iter().filter(|part| part.deny.is_some()).count(), 2);
    assert_eq!(world.experiences[&experience(0)].approved, products(60..320));
}

#[tokio::test(start_paused = true)]
async fn what_is_told_as_done_and_as_left_adds_up() {
    let (catalog, kept) = (FakeCatalog::new(1, &products(0..200)), Kept::default());
    Pass { watch: &kept, ..Pass::new(&catalog, products(60..320)) }.run().await;
    let told = kept.0.into_inner().unwrap();
    assert!(told.len() >= 6 && told.iter().all(|(done, left)| done + left == 180), "{told:?}");
    assert_eq!((told[0], told.last()), ((0, 180), Some(&(180, 0))));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_do_starts_nothing_and_reads_nothing() {
    let catalog = FakeCatalog::new(3, &products(0..10));
    for applied in Pass::new(&catalog, products(0..10)).run().await {
        assert_eq!(applied.status, ReceiptStatus::InSync);
    }
    assert!(catalog.world().started.is_empty());
    assert_eq!(catalog.world().looks, 0);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_removes_too_much_is_held_with_the_numbers() {
    let catalog = FakeCatalog::new(1, &products(0..100));
    let applied = applied(&catalog, products(0..40)).await;
    assert_eq!((applied.status, applied.progress.pending), (ReceiptStatus::Held, 60));
    assert_eq!(
        applied.error.as_deref(),
        Some(
            "it would remove 60 of 100 approved products (60%, limit 50%); let it through with `pmp-spoke sync --confirm 1`"
        )
    );
    assert!(catalog.world().started.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_step_that_would_pass_by_itself_is_held_after_those_before() {
    let catalog = FakeCatalog::new(1, &products(0..55));
    let first = Pass { lately: Lately { removed: 45, approved: 100 }, ..Pass::new(&catalog, products(0..30)) };
    let held = first.run().await.remove(0);
    assert_eq!((held.status, held.progress.pending), (ReceiptStatus::Held, 25));
    assert!(held.error.unwrap().contains("with those removed lately 70 of 100, 70%, limit 50%"));
    // A smaller removal passes, and the result counts it.
    let applied = applied(&catalog, products(0..30)).await;
    assert_eq!(
        (applied.status, applied.progress.removed, applied.progress.approved_before),
        (ReceiptStatus::InSync, 25, 55)
    );
}

/// Otherwise a spoke that is stopped again and again would remove more than the guard rails permit.
#[tokio::test(start_paused = true)]
async fn what_a_running_change_set_removes_counts_at_a_stop() {
    let catalog = FakeCatalog::new(1, &products(0..55));
    let pass = Pass::new(&catalog, products(0..30));
    let stop = pass.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        stop.cancel();
    });
    let stopped = pass.run().await.remove(0);
    assert_eq!((stopped.status, stopped.progress.removed, stopped.progress.removing), (ReceiptStatus::Partial, 0, 25));
}

/// The lists were read before that change set ended. What it removes is not there any more when
/// this pass begins to remove.
#[tokio::test(start_paused = true)]
async fn a_guard_rail_counts_what_is_there_after_an_earlier_pass_s_change_set() {
    let catalog = FakeCatalog::new(1, &products(0..100));
    let before = Pass::new(&catalog, products(0..30));
    let live = vec![as_read(&catalog, 0)];
    let deny = ProductBatch::split(&products(70..100)).pop();
    let part = pmp_catalog::Part {
        experience: pmp_catalog::testing::member(0),
        revision: pmp_catalog::Revision(1),
        allow: None,
        deny,
        settings: None,
        after: None,
        refused: 0,
    };
    let unfinished = Some(ChangeSetId::new(&catalog.world().start(&[part])));
    // 40 of 70 are removed, and not 40 of 100.
    let held = Pass { unfinished, ..before }.run_on(live).await.remove(0);
    assert_eq!((held.status, held.progress.pending), (ReceiptStatus::Held, 40), "{:?}", held.error);
    assert!(catalog.world().started.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_held_pass_keeps_what_was_deferred() {
    let catalog = FakeCatalog::new(1, &products(0..55));
    let next_try = |second| Timestamp::from_second(second).ok();
    let refused = |id: u32, next_try| Deferred {
        reason: DeferralReason::Refused,
        product: products(id..id + 1).pop_first().unwrap(),
        error: "no such product".to_owned(),
        first_seen: next_try,
        tries: 3,
        next_try,
    };
    // One product is left for an hour. The other is due to be tried again.
    let deferred = vec![refused(56, next_try(3_600)), refused(57, next_try(-1))];
    let approved = products(0..1).into_iter().chain(products(56..58)).collect();
    let pass = Pass { deferred: deferred.clone(), ..Pass::new(&catalog, approved) };
    let held = pass.run().await.remove(0);
    assert_eq!((held.status, held.progress.deferred), (ReceiptStatus::Held, deferred));
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_starts_nothing_and_says_what_is_pending() {
    let catalog = FakeCatalog::new(1, &products(0..1));
    let pass = Pass::new(&catalog, products(0..200));
    pass.stop.cancel();
    let applied = pass.run().await.remove(0);
    assert_eq!((applied.status, applied.progress.pending), (ReceiptStatus::Partial, 199));
    assert!(catalog.world().started.is_empty());
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_at_any_time_it_starts_nothing_after() {
    let stop_after = (0..150).map(|n| std::time::Duration::from_millis(n * 20));
    for stop_after in stop_after {
        let catalog = FakeCatalog::new(3, &products(0..1));
        // With throttled starts, the experience also waits for pauses and for permits.
        errors::throttle_starts(&catalog, 4);
        let pass = Pass::new(&catalog, products(0..100));
        let (stop, began) = (pass.stop.clone(), Instant::now());
        tokio::spawn(async move {
            tokio::time::sleep(stop_after).await;
            stop.cancel();
        });
        pass.run().await;
        let late = catalog.world().started.iter().filter(|(at, _)| *at > began + stop_after).count();
        assert_eq!(late, 0, "stopped after {stop_after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_while_a_change_set_runs_it_records_it_and_the_next_run_waits_for_it() {
    let catalog = FakeCatalog::new(1, &products(0..1));
    let pass = Pass::new(&catalog, products(0..100));
    let stop = pass.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        stop.cancel();
    });
    let began = Instant::now();
    let stopped = pass.run().await.remove(0);
    assert!(began.elapsed().as_millis() < 600, "{:?}", began.elapsed());
    assert_eq!((stopped.status, stopped.progress.pending), (ReceiptStatus::Partial, 99));
    assert_eq!(stopped.progress.change_sets, ["cs-1"]);

    let unfinished = Some(ChangeSetId::new(&stopped.progress.change_sets[0]));
    let next = Pass { unfinished, ..Pass::new(&catalog, products(0..100)) }.run().await.remove(0);
    assert_eq!((next.status, next.error), (ReceiptStatus::InSync, None));
    let started = catalog.world().started.len();
    assert_eq!(started, 2, "one before the stop, one after: the first was not fought");
}

#[tokio::test(start_paused = true)]
async fn reads_that_are_older_than_its_own_changes_are_read_again_and_nothing_is_started_twice() {
    let seconds = |tenths: u64| std::time::Duration::from_millis(tenths * 100);
    for lag in [7, 20, 150, 300] {
        for lag in [(lag, lag), (0, lag), (lag, 0)] {
            let catalog = FakeCatalog::new(1, &products(0..20));
            catalog.world().lag = (seconds(lag.0), seconds(lag.1));
            // 180 products are new and 10 are gone: four change sets.
            let applied = applied(&catalog, products(10..200)).await;
            assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None), "{lag:?}");
            assert_eq!((applied.progress.allowed, applied.progress.denied, applied.progress.pending), (180, 10, 0));
            let world = catalog.world();
            assert_eq!(world.started.len(), 4, "{lag:?}");
            assert_eq!(world.experiences[&experience(0)].approved, products(10..200), "{lag:?}");
        }
    }
}

/// Lists that do not have the denial yet look as if nothing were to be waited for.
#[tokio::test(start_paused = true)]
async fn a_denial_of_what_was_never_approved_is_not_repeated_by_a_read_that_lags() {
    let seconds = |seconds: u64| std::time::Duration::from_secs(seconds);
    for lag in [(1, 1), (5, 5), (5, 0)] {
        let catalog = FakeCatalog::new(1, &products(0..20));
        catalog.world().lag = (seconds(lag.0), seconds(lag.1));
        let pass = Pass { rejected: products(500..501), ..Pass::new(&catalog, products(0..20)) };
        let applied = pass.run().await.remove(0);
        assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None), "{lag:?}");
        assert_eq!((applied.progress.denied, applied.progress.change_sets.len()), (1, 1), "{lag:?}");
        assert_eq!(catalog.world().started.len(), 1, "{lag:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_change_in_between_is_noticed_and_mended() {
    let catalog = FakeCatalog::new(1, &products(0..10));
    let other = catalog.clone();
    tokio::spawn(async move {
        // This is between the first and the second change set: the first has ended, and the spoke
        // has not noticed yet.
        tokio::time::sleep(std::time::Duration::from_millis(1_001)).await;
        let mut world = other.world();
        let lists = world.experiences.get_mut(&experience(0)).unwrap();
        lists.approved.remove(&ProductId::new("prod-00003").unwrap());
        lists.approved.insert(ProductId::new("foreign").unwrap());
        lists.revision += 1;
    });
    let applied = applied(&catalog, products(0..150)).await;
    assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None));
    assert_eq!(catalog.world().experiences[&experience(0)].approved, products(0..150));
}
