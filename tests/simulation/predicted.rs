//! What is foretold is what comes: `pmp-hub plan`, from receipts and snapshots alone, by the hub's
//! own code, is held against what a spoke applies afterwards in passes of its own, whatever goes
//! wrong meanwhile. So is the pure plan from the live lists. Every other organization has a filter.
//! Experiences that somebody else touched in between are left out, and so is what the catalog does
//! not take: nobody could know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use pmp_hub::{FleetPlan, Foresight, Outlook, PlannedStep};
use pmp_ledger::{Head, Organization};
use pmp_plan::GuardRails;
use pmp_protocol::deciding::{Answered, Ask, AskedProducts, RunOutcome, Said, VerdictTable};
use pmp_protocol::{
    Content, Decision, ExperienceId, OrganizationId, ProductId, Receipt, ReceiptStatus, SnapshotVersion, Verdict,
};
use tokio::time::sleep;

use crate::catalog::Experience;
use crate::chance::{born, random_products, seeds, store_random};
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

/// What the hub sees: the head, the receipts, the signs of life, and the snapshots that it keeps.
fn seen_by_the_hub(world: &World) -> Option<Foresight> {
    let newest = world.newest()?;
    let (latest, digest, taken_at) = (newest.version(), newest.digest(), newest.taken_at());
    let head = Head { latest, digest, taken_at, chunks: 1, published: Some(latest), statement: None };
    // Spokes here judge each plan by itself, which is a setting that the hub does not know.
    let without_removals = |receipt: &Receipt| Receipt { removals: Vec::new(), ..receipt.clone() };
    let id = OrganizationId::new("o-simulated0").unwrap();
    let organization = Organization {
        seen: world.seen.clone(),
        spokes: world.spokes.clone(),
        receipts: world.receipts.values().map(without_removals).collect(),
        ..Organization::unknown(id)
    };
    let kept = world.history.iter().map(|snapshot| (snapshot.version(), snapshot.digest(), snapshot.content().clone()));
    Some(Foresight::new(Some(head), [organization], kept))
}

/// What `pmp-filter decide` would answer: the filter excludes these products wherever they are.
fn answers(asks: &[Ask], excluded: &BTreeSet<ProductId>) -> Vec<Answered> {
    let products: BTreeMap<usize, &AskedProducts> = asks
        .iter()
        .filter_map(|ask| match ask {
            Ask::Products(products) => Some((products.number, products)),
            Ask::Filter(_) | Ask::Run(_) => None,
        })
        .collect();
    let decide = |products: &&AskedProducts| {
        let excludes = |id: &ProductId| if excluded.contains(id) { Verdict::Exclude } else { Verdict::Keep };
        let decided = products.products.iter().map(|it| Decision { verdict: excludes(&it.id), reason: None });
        Answered::Verdicts(VerdictTable::of(products.number, products, &decided.collect::<Vec<_>>()))
    };
    let runs = asks.iter().filter_map(|ask| match ask {
        Ask::Run(run) => Some(Answered::Run(RunOutcome { number: run.number, said: Said::Verdicts(run.products) })),
        Ask::Products(_) | Ask::Filter(_) => None,
    });
    products.values().map(decide).chain(runs).collect()
}

/// What the hub foretells of an experience; the outer `None` where it says that it cannot know.
fn by_hub(plan: &FleetPlan, receipt: &Receipt) -> Option<Option<Moves>> {
    let row = plan.rows.iter().find(|row| row.member_experience.as_ref() == Some(&receipt.member_experience))?;
    let moves = match &row.outlook {
        Outlook::Held { .. } => return Some(None),
        Outlook::Unchanged { .. } => Moves::default(),
        Outlook::Change { .. } => match row.filtered_case {
            Some(number) => {
                let to = |step| plan.filtered[number].products.iter().filter(move |it| it.step == step);
                let to = |step| to(step).map(|it| it.product.clone()).collect();
                Moves { allow: to(PlannedStep::Allow), deny: to(PlannedStep::Deny) }
            }
            None => {
                let from = plan.products.iter().find(|from| Some(from.from) == row.applied)?;
                Moves { allow: from.allow.clone(), deny: from.deny.clone() }
            }
        },
        Outlook::Observed { .. } | Outlook::NotKnown { .. } => return None,
    };
    let deferred = receipt.deferred.iter().map(|found| found.product.clone()).collect();
    Some(Some(moves.without(&deferred)))
}

fn foretell(
    world: &World,
    hub: &Foresight,
    next: &Content,
    version: SnapshotVersion,
) -> Result<BTreeMap<ExperienceId, Foretold>, String> {
    let now = Timestamp::now();
    let answers = answers(&hub.asks(next, now), &world.excluded);
    let plan = hub.plan(next, GuardRails::default(), now, answers);
    let mut foretold = BTreeMap::new();
    // Somebody's change set that still runs will touch its experience.
    let undisturbed = world.catalog.experiences.iter().filter(|(id, _)| world.catalog.holder(id).is_none());
    for (id, before) in undisturbed {
        let planned = world.plan(id, next, version, None);
        let by_spoke = planned.map(|plan| Moves { allow: plan.allow().clone(), deny: plan.deny().clone() });
        // Of an experience that is not in step with the newest snapshot, the hub says so, and
        // foretells what it can.
        let Some(receipt) = world.receipts.get(id).filter(|it| it.status == ReceiptStatus::InSync) else { continue };
        let Some(by_hub) = by_hub(&plan, receipt) else {
            let row = plan.rows.iter().find(|row| row.member_experience.as_ref() == Some(id));
            return Err(format!("{id} is in step, and the hub knows nothing of it: {row:?}"));
        };
        foretold.insert(id.clone(), Foretold { before: before.clone(), by_spoke, by_hub });
    }
    Ok(foretold)
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
    /// Those of them with a filter.
    filtered: usize,
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
    let mut born = born(seed);
    // What was foretold is of one snapshot: no other may come in between.
    born.restless = false;
    if !seed.is_multiple_of(2) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let count = rng.usize(1..60);
        born.excluded = random_products(&mut rng, count);
    }
    let shared: Shared = Arc::new(Mutex::new(born));
    let per_mille = shared.lock().unwrap().faults.per_mille;
    settle(&shared, ANNOUNCEMENTS).await?;
    for _ in 0..ROUNDS {
        let (since, foretold, version, next) = {
            let mut world = shared.lock().unwrap();
            // Announcements that still come would be of older snapshots.
            world.queue.clear();
            let hub = seen_by_the_hub(&world).ok_or("there is no snapshot")?;
            store_random(&mut world);
            let (version, next) = world.newest().map(|it| (it.version(), it.content().clone())).unwrap();
            let foretold = foretell(&world, &hub, &next, version)?;
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
            compared.filtered += usize::from(!world.excluded.is_empty());
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
    assert!(
        compared.experiences > compared.filtered && compared.filtered > 0 && compared.products > 0 || count < SEEDS,
        "{compared:?}"
    );
}
