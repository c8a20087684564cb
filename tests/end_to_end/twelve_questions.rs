//! The twelve questions of an incident or an audit, asked of the largest fleet: what each costs.

use std::time::Duration;

use pmp_tests::{Finished, Tap};
use serde_json::Value;

use crate::whole_fleet::{assert_one_screen, fleet_with};

const ORGANIZATIONS: usize = 1_000;
const PRODUCTS: usize = 2_000;
const MOST_MEMORY: u64 = 100 * 1024 * 1024;
const MOST_TIME: Duration = Duration::from_secs(1);

/// 1,000 organizations with five experiences each, and 2,000 products. It takes minutes.
#[tokio::test]
#[ignore = "takes minutes; run it with `--include-ignored --nocapture` to see what it costs"]
#[allow(clippy::print_stdout)]
async fn each_is_answered_within_a_second_on_one_screen() {
    let ids: Vec<String> = (0..PRODUCTS).map(|n| format!("prod-{n:013}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let scene = fleet_with(ORGANIZATIONS, &ids, &["prod-new"]).await;
    let commands: [&[&str]; 16] = [
        &["status"],
        &["status", "--check"],
        &["versions"],
        &["history"],
        &["diff", "1", "2"],
        &["show"],
        &["log", "o-member0000"],
        &["why", "prod-new"],
        &["why", "prod-new", "--org", "o-member0000"],
        &["why", "prod-new", "--at", "1"],
        &["plan"],
        &["members"],
        &["drift"],
        &["exceptions"],
        &["directions"],
        &["wait", "--timeout", "1ms"],
    ];
    let mut slow = Vec::new();
    for command in commands {
        let tap = Tap::open(&scene.endpoint()).await;
        scene.hub.with(&[("AWS_ENDPOINT_URL_DYNAMODB", tap.endpoint())]).run(command).await;
        let calls = tap.record();
        let told = calls.iter().filter_map(|call| serde_json::from_slice::<Value>(&call.answer).ok());
        let units: f64 = told.filter_map(|answer| answer["ConsumedCapacity"]["CapacityUnits"].as_f64()).sum();
        // Without the tap, the quickest of three: this machine does other things, too.
        let mut measured = Vec::new();
        for _ in 0..3 {
            measured.push(scene.hub.on_a_screen().run_measured(command).await);
        }
        let took = measured.iter().map(|one| one.took).min().unwrap();
        let memory = measured.iter().map(|one| one.peak_rss).max().unwrap();
        let name = command.join(" ");
        println!("{name}: {took:?}, {} calls, {units} read units told, {} KiB", calls.len(), memory / 1024);
        let finished = &measured[0].finished;
        assert_one_screen(&name, &Finished { stderr: String::new(), ..finished.clone() });
        if took > MOST_TIME {
            slow.push(format!("{name}: {took:?}"));
        }
        if memory > MOST_MEMORY {
            slow.push(format!("{name}: {memory} bytes"));
        }
    }
    assert!(slow.is_empty(), "{slow:?}");
}
