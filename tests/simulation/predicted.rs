//! What is foretold is what comes: `pmp-spoke plan`, from the live lists, and `pmp-hub plan`, from
//! receipts and snapshots alone, are held against what a spoke applies afterwards, whatever goes
//! wrong meanwhile. Experiences that somebody else touched in between are left out, and so is what
//! the catalog does not take: nobody could know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pmp_plan::{Desired, GuardRails, Lately, Observed, plan_after};
use pmp_protocol::{Content, ExperienceId, ProductId, Receipt, ReceiptStatus, SnapshotVersion, Verdicts};

use tokio::time::sleep;

use crate::catalog::Experience;
use crate::chance::{born, seeds, store_random};
use crate::run::{Shared, live, queue_is_empty, settle};
use crate::world::World;

/// Seeds that always run.
const SEEDS: u64 = 40;
/// Snapshots that follow one another in the world of one seed.
const ROUNDS: usize = 4;
/// How long the world has faults after each announcement, if they keep it from being taken.
const TAKEN_WITHIN: Duration = Duration::from_secs(2 * 3600);
/// Announcements within which all must be well.
const ANNOUNCEMENTS: u32 = 3;

/// Products that come onto a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Moves {
    allow: BTreeSet<ProductId>,
    deny: BTreeSet<ProductId>,
}

impl Moves {
    /// Without the products that the catalog does not take.
    fn without(mut self, products: &BTreeSet<ProductId>) -> Self {
        self.allow.retain(|id| !products.contains(id));
        self.deny.retain(|id| !products.contains(id));
        self
    }
}

/// What is foretold of one experience; none where a guard rail would hold it.
#[derive(Debug, Clone)]
struct Foretold {
    before: Experience,
    by_spoke: Option<Moves>,
    by_hub: Option<Moves>,
}

/// The plan for lists that are so, as both programs make it.
fn moves(content: &Content, version: SnapshotVersion, observed: Observed<'_>) -> Option<Moves> {
    let verdicts = Verdicts::new();
    let desired = Desired::new(content, &verdicts);
    let plan = plan_after(Lately::default(), &desired, observed, version, GuardRails::default(), None).ok()?;
    Some(Moves { allow: plan.allow().clone(), deny: plan.deny().clone() })
}

/// What the hub knows of an experience by its receipt: that it is as the snapshot that is applied
/// there says.
fn as_the_hub_knows(world: &World, receipt: &Receipt) -> Option<Content> {
    Some(world.snapshot(receipt.applied()?.version)?.content().clone())
}

fn foretell(world: &World, next: &Content, version: SnapshotVersion) -> BTreeMap<ExperienceId, Foretold> {
    let mut foretold = BTreeMap::new();
    // Somebody's change set that still runs will touch its experience.
    let undisturbed = world.catalog.experiences.iter().filter(|(id, _)| world.catalog.holder(id).is_none());
    for (id, before) in undisturbed {
        let observed = Observed { approved: &before.approved, rejected: &before.rejected };
        let by_spoke = moves(next, version, observed);
        // Of an experience that is not in step with the newest snapshot, the hub says so, and
        // foretells what it can.
        let settled = world.receipts.get(id).filter(|receipt| receipt.status == ReceiptStatus::InSync);
        let Some(known) = settled.and_then(|receipt| as_the_hub_knows(world, receipt)) else { continue };
        let observed = Observed { approved: known.approved(), rejected: known.rejected() };
        let by_hub = moves(next, version, observed);
        foretold.insert(id.clone(), Foretold { before: before.clone(), by_spoke, by_hub });
    }
    foretold
}

/// What came of it.
fn applied(before: &Experience, after: &Experience) -> Moves {
    Moves {
        allow: after.approved.difference(&before.approved).cloned().collect(),
        deny: after.rejected.difference(&before.rejected).cloned().collect(),
    }
}

/// The experiences that somebody else touched since the log had so many lines.
fn touched(world: &World, since: usize) -> BTreeSet<ExperienceId> {
    let by_others = |line: &&String| line.contains("somebody changes ") || line.contains("somebody starts ");
    let lines: Vec<_> = world.log[since..].iter().filter(by_others).collect();
    let named = |id: &&ExperienceId| lines.iter().any(|line| line.ends_with(id.as_str()));
    world.catalog.experiences.keys().filter(named).cloned().collect()
}

/// How much was compared.
#[derive(Debug, Default)]
struct Compared {
    experiences: usize,
    products: usize,
    held: usize,
}

/// Until the announcement is taken; or until so much went wrong for so long that only a world
/// without faults will see its end.
async fn taken_or_given_up(shared: &Shared) {
    tokio::select! {
        () = queue_is_empty(shared) => {}
        () = sleep(TAKEN_WITHIN) => {}
    }
}

async fn one(seed: u64, compared: &mut Compared) -> Result<(), String> {
    let shared: Shared = Arc::new(Mutex::new(born(seed)));
    let per_mille = shared.lock().unwrap().faults.per_mille;
    settle(&shared, ANNOUNCEMENTS).await?;
    for _ in 0..ROUNDS {
        let (since, foretold, version, next) = {
            let mut world = shared.lock().unwrap();
            // Announcements that still come would be of older snapshots.
            world.queue.clear();
            store_random(&mut world);
            let (version, next) = world.newest().map(|it| (it.version(), it.content().clone())).unwrap();
            let foretold = foretell(&world, &next, version);
            world.announce(version, Duration::ZERO, true);
            world.faults.per_mille = per_mille;
            (world.log.len(), foretold, version, next)
        };
        live(&shared, taken_or_given_up).await?;
        settle(&shared, ANNOUNCEMENTS).await?;
        let world = shared.lock().unwrap();
        if let Some(problem) = world.violations.first() {
            return Err(problem.clone());
        }
        let touched = touched(&world, since);
        for (id, Foretold { before, by_spoke, by_hub }) in foretold.into_iter().filter(|(id, _)| !touched.contains(id))
        {
            let came = applied(&before, &world.catalog.experiences[&id]);
            let place = format!("snapshot {version}, {id}");
            let (Some(by_spoke), Some(by_hub)) = (&by_spoke, &by_hub) else {
                // Both judge by the approved lists, which both know: they hold the same.
                if by_spoke.is_some() != by_hub.is_some() || came != Moves::default() {
                    return Err(format!("{place}: {by_spoke:?} or {by_hub:?} was foretold, and {came:?} came"));
                }
                compared.held += 1;
                continue;
            };
            let poison = &world.catalog.poison;
            let (by_spoke, by_hub) = (by_spoke.clone().without(poison), by_hub.clone().without(poison));
            if by_spoke != came {
                return Err(format!("{place}: {by_spoke:?} was foretold by the spoke, and {came:?} came"));
            }
            // The hub does not know what earlier snapshots left on the list of rejected products:
            // to reject that is to do nothing.
            let already = by_hub.deny.iter().filter(|id| before.rejected.contains(*id)).cloned().collect();
            let by_hub = by_hub.without(&already);
            if by_hub != came || !already.is_subset(next.rejected()) {
                return Err(format!("{place}: {by_hub:?} was foretold by the hub, and {came:?} came"));
            }
            compared.experiences += 1;
            compared.products += came.allow.len() + came.deny.len();
        }
    }
    Ok(())
}

#[test]
fn what_is_foretold_is_what_comes() {
    let seeds = seeds(SEEDS);
    let (mut compared, count) = (Compared::default(), seeds.end - seeds.start);
    for seed in seeds {
        // A runtime for each: its clock starts anew, so that a seed means the same wherever it
        // runs.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        if let Err(problem) = runtime.block_on(one(seed, &mut compared)) {
            panic!(
                "seed {seed} (again: `PMP_SEED={seed} cargo test -p pmp-tests --test simulation foretold`): {problem}"
            );
        }
    }
    println!("{count} seeds: {compared:?}, all as foretold");
    // It compares something, or it says nothing.
    assert!(compared.experiences > 0 && compared.products > 0 || count < SEEDS, "{compared:?}");
}
