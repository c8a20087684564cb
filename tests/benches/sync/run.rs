//! Runs one scenario and measures it.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use pmp_tests::{Call, Tap};

use crate::events::Events;
use crate::figures::{self, Ended, Figures};
use crate::scenario::{Scenario, Trigger};
use crate::stage::{Elsewhere, Stage};

/// How often to look whether the last receipt is there. The figures are from the lines' own clock.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Of how many member experiences the lists are read in the end.
const CHECKED: usize = 5;

/// The moments that the figures are between.
struct Moments {
    command: Instant,
    announced: Instant,
}

pub(crate) async fn run(
    scenario: &Scenario,
    latency: Duration,
    elsewhere: Option<&Elsewhere>,
    more: &[(&str, &str)],
) -> Figures {
    let stage = Stage::set(scenario, latency, elsewhere, more, None).await;
    let mut problems = Vec::new();
    let events = stage.events.as_deref().map(|queue| Events::listen(&stage.spoke_account, queue));
    let spoke = stage.start_spoke().await;
    let mut agent = None;
    let moments = match scenario.trigger {
        Trigger::Publish => publish(&stage).await,
        Trigger::Click => {
            // The first snapshot, which changes nothing, must be there before the click.
            agent = Some(stage.hub.start(&["run"]));
            let limit = Duration::from_secs(60);
            let first = wait_for_receipts(&stage.spoke_line, scenario, Instant::now(), limit).await;
            if first.len() < scenario.members {
                problems.push("no receipts for the first snapshot".to_owned());
            }
            click(&stage, scenario).await
        }
    };
    let limit = scenario.floor(latency, false) * 20 + Duration::from_secs(60);
    let ended = wait_for_receipts(&stage.spoke_line, scenario, moments.command, limit).await;
    if let Some(agent) = agent {
        agent.stop().await;
    }
    let (code, log) = spoke.stop().await;
    if code != 0 {
        problems.push(format!("the spoke ended with {code}: {log}"));
    }
    problems.extend(check(&stage, scenario, &ended).await);
    let calls: Vec<Call> =
        stage.catalog_line.record().into_iter().filter(|call| call.sent >= moments.command).collect();
    measure(scenario, latency, &moments, &calls, &ended, events.as_ref(), problems)
}

/// Publishes, and finds the moment at which the announcement went out.
async fn publish(stage: &Stage) -> Moments {
    let command = Instant::now();
    stage.hub.json(&["publish"]).await;
    let announced = |call: &&Call| call.operation == "Publish" && call.sent >= command;
    let announced = stage.hub_line.record().iter().find(announced).map_or(command, |call| call.sent);
    Moments { command, announced }
}

/// Approves a product, as a person at the console does.
async fn click(stage: &Stage, scenario: &Scenario) -> Moments {
    let command = Instant::now();
    if let Some(product) = scenario.clicked() {
        stage.hub_account.approve(&scenario.management(), &[&product]).await;
    }
    Moments { command, announced: command }
}

/// The receipts that end the work on each experience, once all are there, or as many as came until
/// `limit`. Elsewhere the experiences of all scenarios lie side by side: only the scenario's own
/// count.
async fn wait_for_receipts(line: &Tap, scenario: &Scenario, from: Instant, limit: Duration) -> HashMap<String, Ended> {
    let members = scenario.member_ids();
    loop {
        let mut ended = figures::ended(&line.record(), from);
        ended.retain(|member, _| members.contains(member));
        if ended.len() == members.len() || from.elapsed() > limit {
            return ended;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub(crate) async fn check(stage: &Stage, scenario: &Scenario, ended: &HashMap<String, Ended>) -> Vec<String> {
    let mut problems = Vec::new();
    let members = scenario.member_ids();
    let missing = members.iter().filter(|member| !ended.contains_key(*member)).count();
    if missing > 0 {
        problems.push(format!("{missing} experiences have no receipt"));
    }
    let desired = scenario.desired();
    for member in members.iter().step_by(members.len().div_ceil(CHECKED)) {
        if stage.spoke_account.lists(member).await != desired {
            problems.push(format!("{member} does not say what was asked"));
        }
    }
    problems
}

fn measure(
    scenario: &Scenario,
    latency: Duration,
    moments: &Moments,
    calls: &[Call],
    ended: &HashMap<String, Ended>,
    events: Option<&Events>,
    problems: Vec<String>,
) -> Figures {
    let started = figures::started(calls);
    let (counts, throttled) = figures::count(calls);
    let looks = figures::looks(&counts, started.len());
    let last = ended.values().map(|ended| ended.at).max().unwrap_or_else(Instant::now);
    let mut receipts = BTreeMap::new();
    for ended in ended.values() {
        *receipts.entry(ended.status.clone()).or_default() += 1;
    }
    let ends = match events {
        Some(events) => events.ended(),
        // Without events the end is known where the duration is fixed.
        None if scenario.timing.is_none() => {
            started.iter().map(|one| (one.id.clone(), one.answered + latency)).collect()
        }
        None => HashMap::new(),
    };
    // What random durations came to is known only afterwards.
    let chain = scenario.timing.and_then(|_| figures::longest_chain(&started, &ends));
    let floor = |shared| chain.unwrap_or_else(|| scenario.floor(latency, shared).as_secs_f64());
    let since = |from: Instant| last.saturating_duration_since(from).as_secs_f64();
    Figures {
        scenario: scenario.name.to_owned(),
        title: scenario.title.to_owned(),
        change_sets: started.len(),
        fewest: [scenario.job().change_sets(false), scenario.job().change_sets(true)],
        floor: floor(false),
        floor_shared: floor(true),
        wall: since(moments.announced),
        from_command: since(moments.command),
        at_work: calls.first().map_or(0.0, |call| since(call.sent)),
        calls: counts,
        looks,
        throttled,
        busiest_second: figures::busiest(calls),
        lag: figures::lag(&started, &ends),
        receipts,
        command: Vec::new(),
        problems,
    }
}
