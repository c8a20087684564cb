//! The command `pmp-spoke sync` as a whole process: from its start to its exit.

use std::path::Path;
use std::time::{Duration, Instant};

use pmp_tests::{Call, Measured};

use crate::figures::{self, Ended, Whole};
use crate::run::check;
use crate::scenario::Scenario;
use crate::stage::{Elsewhere, Stage};

const MIB: f64 = 1024.0 * 1024.0;

/// Publishes, runs the command, and runs it again where there was nothing to do: then the first run
/// writes the receipts, and the second one finds everything as it was left. The programs are those
/// of the build in `folder`, where one is given.
pub(crate) async fn run(
    scenario: &Scenario,
    latency: Duration,
    elsewhere: Option<&Elsewhere>,
    more: &[(&str, &str)],
    folder: Option<&Path>,
) -> Vec<Whole> {
    let stage = Stage::set(scenario, latency, elsewhere, more, folder).await;
    stage.hub.json(&["publish"]).await;
    let mut runs = vec![once(&stage, scenario, latency).await];
    if runs[0].change_sets == 0 {
        runs.push(once(&stage, scenario, latency).await);
    }
    runs
}

async fn once(stage: &Stage, scenario: &Scenario, latency: Duration) -> Whole {
    let began = Instant::now();
    let Measured { finished, peak_rss, took, processor } = stage.spoke.run_measured(&["sync", "-o", "json"]).await;
    let calls: Vec<Call> = stage.catalog_line.record().into_iter().filter(|call| call.sent >= began).collect();
    let mut problems = Vec::new();
    if finished.code != 0 {
        problems.push(format!("`pmp-spoke sync` ended with {}: {}", finished.code, finished.stderr));
    }
    let receipts: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap_or_default();
    let receipts = receipts["receipts"].as_array().cloned().unwrap_or_default();
    let ended = receipts.iter().filter_map(|receipt| {
        let text = |name: &str| receipt[name].as_str().map(str::to_owned);
        Some((text("member_experience")?, Ended { status: text("status")?, at: Instant::now() }))
    });
    problems.extend(check(stage, scenario, &ended.collect()).await);
    let started = figures::started(&calls).len();
    let (counts, throttled) = figures::count(&calls);
    let floor = scenario.floor(latency, true).as_secs_f64();
    let of_floor = (started > 0 && floor > 0.0).then(|| took.as_secs_f64() / floor);
    let looks = figures::looks(&counts, started);
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
    let peak_mib = peak_rss as f64 / MIB;
    Whole {
        wall: took.as_secs_f64(),
        of_floor,
        processor: processor.as_secs_f64(),
        peak_mib,
        change_sets: started,
        looks,
        calls: counts,
        throttled,
        above: scenario.bounds.above(of_floor, looks),
        problems,
    }
}
