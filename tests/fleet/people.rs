//! People, and whoever else has rights: they edit, pin, pause, restore, revoke, and forge.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use pmp_hub::testing;
use pmp_protocol::{Because, DirectionChange, ExperienceId, OrganizationId, ProductId};
use pmp_runtime::Clock;
use pmp_test_reference::Change;
use serde_json::json;
use tokio::time::sleep;

use crate::cloud::catalog::{self, edit};
use crate::cloud::queues::INBOX;
use crate::cloud::topic::wrapped;
use crate::fleet::{HUB, UNIVERSE, management, product, some_products};
use crate::items::{head_key, head_of, receipt_of};
use crate::line::Line;
use crate::process::hub_of;
use crate::rare::Rare;

use crate::world::{Shared, World};

/// One thing that somebody does.
pub(crate) async fn something(shared: &Shared, operator: &Line) {
    let (kind, place) = {
        let mut world = shared.lock().unwrap();
        let count = world.shape.members.len();
        let place = world.faults.rng.usize(0..count);
        (world.faults.rng.u8(0..26), place)
    };
    match kind {
        0..=7 => edit_management(&mut shared.lock().unwrap()),
        8..=10 => edit_member(&mut shared.lock().unwrap(), place),
        11 | 12 => pin(shared, operator, Some(place)).await,
        13 => pin(shared, operator, None).await,
        14 => direct(shared, operator, Some(place), &DirectionChange::Unpin).await,
        15 => direct(shared, operator, None, &DirectionChange::Unpin).await,
        16 | 17 => {
            let (whom, until) = {
                let mut world = shared.lock().unwrap();
                let seconds = world.faults.rng.i64(10..120);
                (world.faults.rng.bool().then_some(place), world.now() + SignedDuration::from_secs(seconds))
            };
            direct(shared, operator, whom, &DirectionChange::Pause(until)).await;
        }
        18 => {
            direct(shared, operator, None, &DirectionChange::Resume).await;
            direct(shared, operator, Some(place), &DirectionChange::Resume).await;
        }
        19 | 20 => forge_message(&mut shared.lock().unwrap(), place),
        21 => forge_receipt(&mut shared.lock().unwrap(), place),
        22 => {
            let mut world = shared.lock().unwrap();
            world.note("all sessions are revoked");
            world.reach(Rare::Revoked);
            world.cloud.sessions.revoke();
        }
        _ => restore(shared, operator).await,
    }
}

/// Somebody approves and rejects products in the management experience.
fn edit_management(world: &mut World) {
    let lists = catalog::lists(&world.cloud.catalog, &management());
    let rng = &mut world.faults.rng;
    let more = rng.usize(0..25);
    let fewer = if rng.u8(0..8) == 0 { 50 } else { 6 };
    let deny: BTreeSet<_> = lists.approved.iter().filter(|_| rng.usize(0..100) < fewer).cloned().collect();
    let allow = some_products(rng, more).into_iter().filter(|id| !lists.approved.contains(id) && !deny.contains(id));
    let allow = allow.collect();
    start(world, HUB.to_owned(), &management(), &Change { allow, deny });
}

/// Somebody else edits a member experience.
fn edit_member(world: &mut World, place: usize) {
    let member = world.shape.members[place].clone();
    let which = world.faults.rng.usize(0..member.experiences.len());
    let experience = member.experiences[which].0.clone();
    edit_experience(world, &member.account, &experience);
}

/// Somebody else edits this experience.
pub(crate) fn edit_experience(world: &mut World, account: &str, experience: &ExperienceId) {
    let lists = catalog::lists(&world.cloud.catalog, experience);
    let count = world.faults.rng.usize(1..6);
    let some = some_products(&mut world.faults.rng, count);
    let (deny, allow) = some.into_iter().partition(|id| lists.approved.contains(id));
    world.reach(Rare::ForeignEdit);
    start(world, account.to_owned(), experience, &Change { allow, deny });
}

/// Starts a change set of a person, who leaves alone what the catalog refuses. Where something
/// locks the experience, nothing happens.
pub(crate) fn start(world: &mut World, account: String, experience: &ExperienceId, change: &Change) {
    world.advance();
    let now = world.now();
    let taken = |ids: &BTreeSet<ProductId>| ids.difference(&world.shape.poison).cloned().collect();
    let change = &Change { allow: taken(&change.allow), deny: taken(&change.deny) };
    match edit(&mut world.cloud.catalog, &account, experience, change, now) {
        Ok(id) => {
            world.note(format!("somebody changes {experience}: +{} -{}, {id}", change.allow.len(), change.deny.len()));
            world.running.insert(id, (None, [experience.clone()].into()));
            world.cloud.started.notify_waiters();
        }
        Err(error) => world.note(format!("somebody would change {experience}: {error}")),
    }
}

/// An operator directs something, and has it announced. That somebody else was first is no harm.
async fn direct(shared: &Shared, operator: &Line, whom: Option<usize>, change: &DirectionChange) {
    let (organization, because) = {
        let mut world = shared.lock().unwrap();
        let organization = whom.map(|place| world.shape.members[place].organization.clone());
        world.note(format!("an operator directs {organization:?}: {change:?}"));
        let because = Because { by: "an operator".to_owned(), at: world.now(), reason: "the seed".to_owned() };
        (organization, because)
    };
    let hub = hub_of(operator);
    let outcome = testing::direct(&hub, organization.as_ref(), change, &because).await;
    shared.lock().unwrap().note(format!("directed: {outcome:?}"));
    let tells = shared.lock().unwrap().faults.rng.bool();
    if tells && matches!(outcome, Ok(true)) {
        let outcome = hub.publish(pmp_hub::Trigger::Operator).await.map(|published| published.outcome);
        shared.lock().unwrap().note(format!("an operator announces: {outcome:?}"));
    }
}

/// An operator pins an organization, or the fleet, to a version that there is.
async fn pin(shared: &Shared, operator: &Line, whom: Option<usize>) {
    let target = {
        let mut world = shared.lock().unwrap();
        let versions = world.judge.kept();
        if versions.is_empty() {
            return;
        }
        if whom.is_none() {
            world.reach(Rare::FleetPinned);
        }
        versions[world.faults.rng.usize(0..versions.len())]
    };
    direct(shared, operator, whom, &DirectionChange::Pin(target.version, target.digest)).await;
}

/// Somebody sends a message that no hub sent.
fn forge_message(world: &mut World, place: usize) {
    let Some(head) = world.judge.head() else { return };
    let rng = &mut world.faults.rng;
    let ahead = head.version.get() + [0, 1, 1_000][rng.usize(0..3)];
    let digest = pmp_protocol::Digest::of(&rng.u64(..).to_le_bytes());
    let text = match rng.u8(0..4) {
        0 => "no JSON".to_owned(),
        1 => json!({ "schema": "pmp-sync.snapshot/2" }).to_string(),
        _ => json!({ "schema": "pmp-sync.snapshot/1", "experience": management().as_str(), "version": ahead,
            "digest": digest.to_string(), "taken_at": "2026-03-01T06:00:00Z", "reason": "changed",
            "counts": { "approved": 1, "rejected": 0 }, "body": { "stored": { "chunks": 1 } } })
        .to_string(),
    };
    let (member, now) = (world.shape.members[place].clone(), world.now());
    let body = if member.raw { text } else { wrapped(&text) };
    world.note(format!("somebody forges a message to {}", member.organization));
    world.forged.insert(body.clone());
    world.cloud.queues.send(&member.account, INBOX, body, now, now);
}

/// Somebody who may write an organization's partition forges a receipt.
fn forge_receipt(world: &mut World, place: usize) {
    let Some(head) = world.judge.head() else { return };
    let member = world.shape.members[place].clone();
    let experience = member.experiences[0].0.clone();
    let rng = &mut world.faults.rng;
    let version = [head.version.get(), head.version.get() + 3, 1][rng.usize(0..3)];
    let digest = pmp_protocol::Digest::of(&rng.u64(..).to_le_bytes()).to_string();
    let status = ["in-sync", "applying", "failed"][rng.usize(0..3)];
    let text = |text: &str| json!({ "S": text });
    let none = json!({ "N": "0" });
    let item = json!({
        "organization": text(member.organization.as_str()), "item": text(&format!("{}#{experience}", management())),
        "experience": text(management().as_str()), "member_experience": text(experience.as_str()),
        "version": { "N": version.to_string() }, "digest": text(&digest), "status": text(status),
        "received_at": text("2026-03-01T06:00:00Z"), "spoke_version": text("forged"),
        "allowed": none, "denied": none, "pending": none, "narrowed": none,
    });
    let now = world.now();
    world.cloud.tables.put(false, &item, now);
    world.note(format!("somebody forges a receipt of {experience}: {version} {status}"));
    world.reach(Rare::ForgedReceipt);
    if let Some(receipt) = receipt_of(&item) {
        world.judge.forged_receipt(&member.organization, receipt);
    }
}

/// The table of snapshots goes back to an earlier moment; some minutes later an operator lets the
/// hub go on. Only where the mark names the head: a version whose hub died before it raised the
/// mark is known to nobody after that, and its number may be given again.
async fn restore(shared: &Shared, operator: &Line) {
    {
        let mut world = shared.lock().unwrap();
        let writes = world.faults.rng.usize(1..8);
        if world.judge.mark().is_none() || world.judge.mark() != world.judge.head() {
            return;
        }
        if !world.cloud.tables.restore(writes) {
            return;
        }
        world.note(format!("the table of snapshots is restored: {writes} writes are lost"));
        world.reach(Rare::Restored);
        world.went_back();
    }
    let pause = shared.lock().unwrap().faults.rng.u64(1..60);
    sleep(Duration::from_secs(pause)).await;
    recover(shared, operator).await;
}

/// An operator runs `recover` until it succeeds, but not for ever.
pub(crate) async fn recover(shared: &Shared, operator: &Line) {
    for _ in 0..5 {
        let outcome = testing::recover(&hub_of(operator)).await.map(|published| published.version);
        shared.lock().unwrap().note(format!("an operator recovers: {outcome:?}"));
        if outcome.is_ok() {
            return shared.lock().unwrap().reach(Rare::Recovered);
        }
        sleep(Duration::from_secs(20)).await;
    }
}

/// Takes back all that was directed, until nothing is.
pub(crate) async fn let_go(shared: &Shared, operator: &Line) {
    let count = shared.lock().unwrap().shape.members.len();
    for place in [None].into_iter().chain((0..count).map(Some)) {
        for _ in 0..5 {
            let left = {
                let world = shared.lock().unwrap();
                let organization = place.map(|place| world.shape.members[place].organization.clone());
                world.directed_now(organization.as_ref())
            };
            let Some(change) = left else { break };
            direct(shared, operator, place, &change).await;
        }
    }
}

/// The last thing that the management experience says: it approves all that anybody approves, so
/// that no guard rail holds it anywhere, and a little more.
pub(crate) async fn say_the_last(shared: &Shared) {
    let wanted = {
        let mut world = shared.lock().unwrap();
        let members = world.shape.members.clone();
        let experiences = members.iter().flat_map(|member| &member.experiences);
        let approved = experiences.flat_map(|(id, _)| catalog::lists(&world.cloud.catalog, id).approved);
        let mut wanted: BTreeSet<ProductId> = approved.collect();
        wanted.extend(some_products(&mut world.faults.rng, 5));
        wanted.retain(|id| !world.shape.poison.contains(id));
        wanted
    };
    for _ in 0..30 {
        {
            let mut world = shared.lock().unwrap();
            let lists = catalog::lists(&world.cloud.catalog, &management());
            let allow: BTreeSet<_> = wanted.difference(&lists.approved).cloned().collect();
            let never = product(UNIVERSE + 1);
            let deny: BTreeSet<_> = [never].into_iter().filter(|id| !lists.rejected.contains(id)).collect();
            if allow.is_empty() && deny.is_empty() {
                return;
            }
            start(&mut world, HUB.to_owned(), &management(), &Change { allow, deny });
        }
        sleep(Duration::from_secs(13)).await;
    }
}

impl World {
    /// The judge hears what the ledger says after the table of snapshots went back.
    fn went_back(&mut self) {
        let (now, key) = (self.now(), head_key());
        let item = self.cloud.tables.item(&key, now);
        let (head, published) = head_of(&item);
        self.judge.went_back(head, published);
    }

    /// What takes back what is directed now; none where nothing is.
    fn directed_now(&self, place: Option<&OrganizationId>) -> Option<DirectionChange> {
        let direction = self.judge.direction(place)?;
        let now = self.day.now();
        if direction.pin.is_some() {
            return Some(DirectionChange::Unpin);
        }
        direction.pause.filter(|pause| pause.holds(now)).map(|_| DirectionChange::Resume)
    }
}
