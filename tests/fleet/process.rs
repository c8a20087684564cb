//! Processes of the fleet: hubs and spokes over their real adapters, which live, die and live
//! again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pmp_aws::{AssumedRole, TopicArn, assume_role};
use pmp_catalog::{RateLimits, SdkCatalog};
use pmp_hub::{Hub, HubError, SnsTopic, Trigger, testing};
use pmp_ledger::{DynamoLeases, DynamoReceipts, DynamoSnapshots, TableName};
use pmp_protocol::{AccountId, ProductId};
use pmp_spoke::{Identity, Spoke, SqsInbox, run_agent};
use tokio::time::{Instant, sleep, sleep_until};

use crate::cloud::queues::{INBOX, url};
use crate::cloud::tables::{SNAPSHOTS, TIMESTAMPS};
use crate::fleet::{HUB, REGION, management};
use crate::line::Line;
use crate::rare::Rare;
use crate::seeded::SeededChance;
use crate::world::{Shared, Who};

/// How often a hub announces an unchanged snapshot. In production it is an hour: the fleet's day is
/// shorter, because an idle spoke looks at its queue and its lease several times a minute.
pub(crate) const INTERVAL: Duration = Duration::from_secs(120);
/// How often a hub looks how a version stands in the waves, as the agent does.
const LOOK_AT_WAVES: Duration = Duration::from_secs(20);
/// When a hub reads once more, after an event that led to nothing new.
const READ_AGAIN: Duration = Duration::from_secs(12);
/// The longest pause of a hub after a failure, and the first one.
const MAX_PAUSE: Duration = Duration::from_secs(60);

fn table(name: &str) -> TableName {
    name.parse().unwrap()
}

/// The hub of a process, as `compose` makes it.
pub(crate) fn hub_of(line: &Line) -> Hub {
    let sdk = line.sdk();
    let (snapshots, timestamps) = (table(SNAPSHOTS), table(TIMESTAMPS));
    let (members, waves) = {
        let world = line.world();
        let members: BTreeSet<_> = world.shape.members.iter().map(|member| member.organization.clone()).collect();
        (members, world.waves.clone())
    };
    let rollouts = waves.map(|waves| testing::rollouts(&sdk, &snapshots, &timestamps, members, &waves).unwrap());
    // In the region of the process: see `line::region`.
    let topic = format!("arn:aws:sns:{}:{HUB}:snapshots", sdk.region().unwrap());
    Hub {
        catalog: Arc::new(SdkCatalog::new(&sdk, RateLimits::default())),
        snapshots: Arc::new(DynamoSnapshots::new(&sdk, snapshots)),
        marks: Some(Arc::new(DynamoReceipts::new(&sdk, timestamps))),
        topic: Arc::new(SnsTopic::new(&sdk, topic.parse::<TopicArn>().unwrap())),
        experience: management(),
        keep_versions: 50,
        max_hold: None,
        rollouts,
        windows: None,
        signing: None,
        unsigned: false,
        clock: Arc::new(line.process.day.clone()),
    }
}

/// The lives of a hub, one after the other, without end.
pub(crate) async fn hub(world: Shared, which: usize) {
    loop {
        let line = Line::born(&world, Who::Hub(which));
        let hub = hub_of(&line);
        // Cancel-safe: a life may end anywhere.
        tokio::select! {
            biased;
            () = line.process.dead.cancelled() => {}
            () = line.process.stop.stopped() => line.world().kill(&line.process, "as it was told"),
            () = watch(&hub, &line) => {}
        }
        line.world().judge.run_ends(line.process.life, false);
        let pause = line.world().faults.rng.u64(1..25);
        sleep(Duration::from_secs(pause)).await;
    }
}

/// Publishes by schedule and on change events, and takes versions through waves, as the agent of
/// `pmp-hub run` does.
async fn watch(hub: &Hub, line: &Line) {
    let changed = line.world().changed.clone();
    let (mut next, mut next_waves) = (Instant::now(), Instant::now() + LOOK_AT_WAVES);
    let (mut look_again, mut pause) = (None, Duration::from_secs(1));
    loop {
        // Biased, and cancel-safe: nothing has begun.
        let trigger = tokio::select! {
            biased;
            () = sleep_until(next) => Some(Trigger::Schedule),
            () = changed.notified() => Some(Trigger::ChangeEvent),
            () = at(look_again) => Some(Trigger::ChangeEvent),
            () = sleep_until(next_waves), if hub.rollouts.is_some() => None,
        };
        line.world().judge.run_begins(line.process.life);
        let outcome = match trigger {
            Some(trigger) => hub.publish(trigger).await.map(Some),
            None => hub.go_on().await.map(|_| None),
        };
        line.world().judge.run_ends(line.process.life, outcome.is_ok());
        line.world().note(format!("hub: {trigger:?} came to {}", told(&outcome)));
        next_waves = Instant::now() + LOOK_AT_WAVES;
        match (&outcome, trigger) {
            (Ok(_), Some(Trigger::Schedule)) => next = Instant::now() + INTERVAL,
            (Ok(Some(published)), _) => {
                let again = published.outcome == pmp_hub::Outcome::Unchanged && look_again.is_none();
                look_again = again.then(|| Instant::now() + READ_AGAIN);
            }
            _ => {}
        }
        if outcome.is_ok() {
            pause = Duration::from_secs(1);
        } else {
            sleep(pause).await;
            pause = (2 * pause).min(MAX_PAUSE);
        }
    }
}

fn told(outcome: &Result<Option<pmp_hub::Published>, HubError>) -> String {
    match outcome {
        Ok(Some(published)) => format!("{:?} {}", published.outcome, published.version),
        Ok(None) => "a look at the waves".to_owned(),
        Err(error) => format!("an error: {error}"),
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The lives of a process of a spoke, one after the other, without end.
pub(crate) async fn spoke(world: Shared, member: usize, which: usize) {
    if which > 0 {
        world.lock().unwrap().reach(Rare::TwoSpokes);
    }
    loop {
        let line = Line::born(&world, Who::Spoke(member, which));
        let (spoke, inbox) = spoke_of(&line, member).await;
        // Cancel-safe: a life may end anywhere.
        tokio::select! {
            biased;
            () = line.process.dead.cancelled() => {}
            () = run_agent(&spoke, &inbox, &line.process.stop) => line.world().note(format!("{:?} has stopped", line.process.who)),
        }
        // What it left running calls nobody any more.
        line.process.dead.cancel();
        let pause = line.world().faults.rng.u64(1..25);
        sleep(Duration::from_secs(pause)).await;
    }
}

/// The spoke of a process, as `compose` makes it.
async fn spoke_of(line: &Line, member: usize) -> (Spoke, SqsInbox) {
    let sdk = line.sdk();
    let shape = line.world().shape.members[member].clone();
    let seed = line.world().shape.seed;
    let role = AssumedRole {
        arn: format!("arn:aws:iam::{HUB}:role/{}", shape.organization),
        external_id: Some("fleet".to_owned()),
        session_name: "spoke".to_owned(),
        advice: "a fleet's role",
    };
    let hub = assume_role(&sdk, role).await;
    let identity = Identity {
        organization: shape.organization.clone(),
        account: AccountId::new(&shape.account).unwrap(),
        region: REGION.to_owned(),
        caller: format!("arn:aws:iam::{}:role/spoke", shape.account),
    };
    let spoke = Spoke::new(
        Arc::new(SdkCatalog::without_retries(&sdk, RateLimits::default())),
        Arc::new(DynamoSnapshots::new(&hub, table(SNAPSHOTS))),
        Arc::new(DynamoReceipts::new(&hub, table(TIMESTAMPS))),
        Arc::new(DynamoLeases::new(&hub, table(TIMESTAMPS))),
        identity,
        management(),
    );
    let chance = SeededChance::new(seed.wrapping_mul(1_000_003) ^ u64::from(line.process.life.0));
    // The guard rails judge each plan by itself: the fleet's hours are full of changes.
    let spoke = spoke
        .with_guard_window(Duration::ZERO)
        .with_clock(Arc::new(line.process.day.clone()))
        .with_chance(Arc::new(chance));
    let ids: Vec<_> = shape.excluded.iter().map(ProductId::as_str).collect();
    let spoke = match ids.is_empty() {
        true => spoke,
        false => spoke.with_built_in_filter("exclude-ids", &serde_json::json!({ "ids": ids }).to_string()).unwrap(),
    };
    let inbox = SqsInbox::new(&sdk, url(&shape.account, INBOX).parse().unwrap());
    (spoke, inbox)
}
