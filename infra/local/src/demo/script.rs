//! The events, in order: everything is set up, the first sync, a person's change, and what the hub
//! knows of it all.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use pmp_terminal::progress::Step;
use pmp_terminal::{Failure, cut};
use serde::Deserialize;

use super::process::Part;
use super::products::{EXCLUDED_LABEL, Product};
use super::scene::{HUB_ACCOUNT, MANAGEMENT, Member, MemberExperience, State};
use super::screen::Screen;
use super::stage::{Stage, read};
use super::{Demo, seconds};

/// How often the experiences are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// For everything that is not a change set: starting programs, messages, looking.
const BASE_PATIENCE: Duration = Duration::from_secs(30);
/// A spoke looks at a running change set at least this often, and so may notice its end so much
/// later.
const NOTICE: Duration = Duration::from_secs(5);
/// What a change set holds of each kind.
const BATCH: u32 = 50;
/// Once the catalogs are as they must be: until the receipts say so.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(20);

/// What happened, for the summary.
#[derive(Debug)]
pub(super) struct Story {
    /// Approved and rejected products at the beginning.
    pub(super) approved: usize,
    pub(super) rejected: usize,
    /// Until the last experience had them.
    pub(super) first_sync: Duration,
    /// Change sets of the first sync.
    pub(super) change_sets: usize,
    /// What the filter took away of the first snapshot.
    pub(super) filtered: usize,
    /// Until the person's change was everywhere.
    pub(super) change: Duration,
    pub(super) live: usize,
    /// Experiences that are not live, with the reason.
    pub(super) untouched: Vec<String>,
}

/// From the beginning to the end.
pub(super) async fn play(args: &Demo, stage: &mut Stage, screen: &Screen) -> Result<Story, Failure> {
    let began = set_up(args, stage, screen).await?;
    let (approved, rejected) = (stage.scene.management.approved.len(), stage.scene.management.rejected.len());
    let first_sync = first_sync(args, stage, screen, began).await?;
    let (change_sets, filtered) =
        (change_sets(stage).await?, stage.scene.members.iter().map(|m| stage.scene.filtered(m)).sum());
    let change = change(args, stage, screen).await?;
    show_status(stage, screen).await?;
    let untouched = untouched(stage).await?;
    let live = stage.scene.members.iter().flat_map(Member::live).count();
    Ok(Story { approved, rejected, first_sync, change_sets, filtered, change, live, untouched })
}

/// Everything that has to be there; returns when the hub began.
async fn set_up(args: &Demo, stage: &mut Stage, screen: &Screen) -> Result<Instant, Failure> {
    screen.heading("Set up");
    screen.step(Step::Done, &format!("a local AWS with 4 organizations at {} (seed {})", stage.endpoint(), args.seed));
    screen.quiet(&format!("  watch it in a browser, while this runs: {}/", stage.endpoint()));
    stage.init_hub().await?;
    screen.step(Step::Done, "pmp-hub init: two tables and a topic, for three members to subscribe to");
    stage.init_spokes().await?;
    screen.step(Step::Done, "pmp-spoke init, three times: a queue each, subscribed to the topic");
    let began = Instant::now();
    stage.start_programs()?;
    screen.step(Step::Doing, "pmp-hub run and three times pmp-spoke run, processes of their own");
    screen.quiet(&format!("  their logs, while this runs: {}", stage.launcher.folder().display()));
    Ok(began)
}

/// All that the management experience says, on its way to every live experience.
async fn first_sync(args: &Demo, stage: &mut Stage, screen: &Screen, began: Instant) -> Result<Duration, Failure> {
    let (approved, rejected) = (stage.scene.management.approved.len(), stage.scene.management.rejected.len());
    screen.heading(&format!("First sync: {approved} approved and {rejected} rejected products"));
    stage.scene.follow();
    let per_change_set = args.latency * 5 / 4 + NOTICE;
    let patience = BASE_PATIENCE + per_change_set * u32::from(args.products).div_ceil(BATCH);
    watch(stage, screen, began, patience, |stage, member, experience| {
        let (approved, rejected) = (experience.expected.approved.len(), experience.expected.rejected.len());
        let filtered = match (&member.filter, stage.scene.filtered(member)) {
            (Some(_), filtered) => format!("; {filtered} filtered"),
            (None, _) => String::new(),
        };
        format!("{approved} approved, {rejected} rejected{filtered}")
    })
    .await
}

/// A person approves two products and rejects one in the management experience.
async fn change(args: &Demo, stage: &mut Stage, screen: &Screen) -> Result<Duration, Failure> {
    let newcomers = stage.scene.products.newcomers.clone();
    let retiree = stage.scene.products.retiree.clone();
    screen.heading(&format!("Now a person approves two products and rejects one in {MANAGEMENT}"));
    for newcomer in &newcomers {
        screen.step(Step::Doing, &format!("approves  {}", introduce(newcomer)));
    }
    screen.step(Step::Doing, &format!("rejects   {}", introduce(&retiree)));
    let account = stage.account(HUB_ACCOUNT);
    let began = Instant::now();
    let change_set = account.change(MANAGEMENT, &newcomers, std::slice::from_ref(&retiree)).await?;
    let patience = BASE_PATIENCE + (args.latency * 5 / 4 + NOTICE) * 2;
    until(patience, "the catalog to apply the change", async || Ok(account.is_applied(&change_set).await?)).await?;
    screen.reached(MANAGEMENT, began.elapsed(), "applied by the catalog, which tells the hub");
    stage.scene.change_management();
    stage.scene.follow();
    watch(stage, screen, began, patience, |stage, member, _| {
        let arrived = newcomers.iter().filter(|newcomer| stage.scene.keeps(member, &newcomer.id)).count();
        let missing = newcomers.iter().find(|newcomer| !stage.scene.keeps(member, &newcomer.id));
        let missing = missing.map(|product| format!("; its filter excludes {}", cut(&product.name, 28)));
        format!("{arrived} approved, 1 rejected{}", missing.unwrap_or_default())
    })
    .await
}

/// Watches the live experiences until all are as they must be, and says of each when and how it
/// arrived; returns how long the last one took, from `began`.
async fn watch(
    stage: &mut Stage,
    screen: &Screen,
    began: Instant,
    patience: Duration,
    describe: impl Fn(&Stage, &Member, &MemberExperience) -> String,
) -> Result<Duration, Failure> {
    let rows = stage.scene.members.iter().flat_map(Member::live);
    let mut race = screen.race(rows.map(|e| (e.id.to_string(), e.expected.approved.len())));
    let mut arrived = BTreeSet::new();
    loop {
        let found = stage.look().await?;
        let took = began.elapsed();
        let looked_at = stage.scene.members.iter().zip(&found).flat_map(|(member, lists)| {
            member.experiences.iter().zip(lists).map(move |(experience, lists)| (member, experience, lists))
        });
        let live = looked_at.filter(|(_, experience, _)| experience.state == State::Live);
        for (row, (member, experience, lists)) in live.enumerate() {
            let expected = &experience.expected;
            if *lists != *expected {
                race.at(row, lists.approved.intersection(&expected.approved).count());
            } else if arrived.insert(row) {
                race.arrived(row, took, &describe(stage, member, experience));
            }
        }
        let differing = stage.differing(&found, |state| state == State::Live);
        if differing.is_empty() {
            return Ok(took);
        }
        stage.check_programs()?;
        if took > patience {
            let members: Vec<_> = differing.iter().map(|differing| differing.member).collect();
            let failure = Failure::new("E3053", format!("not everything arrived within {}", seconds(patience)));
            let failure = differing.iter().fold(failure, |failure, differing| failure.detail(differing.text.clone()));
            return Err(stage.explain(failure, &members));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How many change sets the spokes have started.
async fn change_sets(stage: &Stage) -> Result<usize, Failure> {
    let mut count = 0;
    for member in &stage.scene.members {
        count += stage.account(member.spoke_account).change_sets().await?;
    }
    Ok(count)
}

/// The part of `pmp-hub status --output json` that is looked at.
#[derive(Deserialize)]
struct Status {
    spokes: Vec<SpokeRow>,
}

#[derive(Deserialize)]
struct SpokeRow {
    state: String,
    lag: Option<u64>,
}

/// The hub's own view, once every receipt is in: a spoke acknowledges only after the catalog is as
/// it must be.
async fn show_status(stage: &Stage, screen: &Screen) -> Result<(), Failure> {
    until(RECEIPT_PATIENCE, "the hub to hold every spoke's receipt", async || {
        let status = stage.launcher.run(Part::Hub, &["status", "--output", "json"], &stage.hub).await?;
        let status: Status = read(&status)?;
        Ok(status.spokes.iter().all(|row| match row.state.as_str() {
            "SYNCED" => row.lag == Some(0),
            state => state == "SKIPPED",
        }))
    })
    .await
    .map_err(|failure| stage.explain(failure, &[]))?;
    screen.heading("$ pmp-hub status");
    let table = stage.launcher.run(Part::Hub, &["status"], &stage.hub).await?;
    screen.text(table.trim_end());
    Ok(())
}

/// The experiences that are not live, after a look that they are as they were.
async fn untouched(stage: &Stage) -> Result<Vec<String>, Failure> {
    let found = stage.look().await?;
    let touched = stage.differing(&found, |state| state != State::Live);
    if !touched.is_empty() {
        let failure = Failure::new("E3054", "an experience that is not live was changed");
        return Err(touched.into_iter().fold(failure, |failure, differing| failure.detail(differing.text)));
    }
    let experiences = stage.scene.members.iter().flat_map(|member| &member.experiences);
    let reason = |experience: &MemberExperience| match experience.state {
        State::Live => None,
        State::Disabled => Some(format!("{} (disabled)", experience.id)),
        State::Archived => Some(format!("{} (archived)", experience.id)),
    };
    Ok(experiences.filter_map(reason).collect())
}

/// Looks again and again until it is so.
async fn until(
    patience: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let began = Instant::now();
    while !look().await? {
        if began.elapsed() > patience {
            return Err(Failure::new("E3055", format!("waited {} for {what}", seconds(patience))));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// A product by its name, with what decides where it goes.
fn introduce(product: &Product) -> String {
    let label = product.labels.iter().find(|label| *label == EXCLUDED_LABEL);
    let label = label.map(|label| format!(", label {label}")).unwrap_or_default();
    format!("{} ({}{label})", cut(&product.name, 44), product.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_come_is_not_waited_for_without_an_end() {
        let failure = until(Duration::ZERO, "a miracle", async || Ok(false)).await.unwrap_err();
        assert_eq!(failure.one_line(), "waited 0.0 s for a miracle");
        assert_eq!(failure.code().to_string(), "E3055");
    }
}
