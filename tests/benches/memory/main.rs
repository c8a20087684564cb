//! The spoke's peak memory: many experiences, each with many products, in one process.
//!
//! It runs `pmp-spoke sync` once where all experiences are in step, once where each lacks some
//! products and has some too many, and once with a filter that takes nearly all memory that it may,
//! and prints the peak of the resident set. AWS's sample gives its Lambda function 256 MiB: that is
//! the limit.

// A benchmark is a program for a person; what it cannot do ends it, with the reason.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../../../filters/host/tests/guests/guests.rs"]
mod guests;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use guests::Guest;
use pmp_local_aws::world::{ChangeSetTiming, Experience, Organization, ProcurementPolicy};
use pmp_local_aws::{Options, Server};
use pmp_tests::{EXTERNAL_ID, Measured, Program, World, member_role_for};
use serde_json::{Value, json};

const HUB: &str = "111111111111";
const MEMBER: &str = "222222222222";
const ORGANIZATION: &str = "o-member0000";
/// Products that an experience lacks, and that it has too many, where there is something to do.
const DELTA: usize = 10;
/// Writes to every page up to 1,000 of the 1,024 that a filter may have, and keeps everything.
const GREEDY: &str = "
    (loop $more
      (if (i32.lt_u (memory.size) (i32.const 1000)) (then
        (memory.fill
          (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)) (i32.const 0) (i32.const 65536))
        (br $more))))
    (call $keep (local.get $n))";
/// What two filters, which may run at once, may take on top, in MiB.
const FILTERS: u32 = 2 * 64;
const MIB: f64 = 1024.0 * 1024.0;

/// Measures the spoke's peak memory
#[derive(Debug, Parser)]
#[command(name = "memory")]
struct Cli {
    /// How many member experiences there are
    #[arg(long, default_value_t = 100)]
    experiences: usize,
    /// How many products each of them has
    #[arg(long, default_value_t = 20_000)]
    products: usize,
    /// Fail above this peak, in MiB; with a filter, above this and what two filters may take
    #[arg(long, default_value_t = 256, value_name = "MIB")]
    limit: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// A variable for the spoke; repeat for more
    #[arg(long, value_name = "NAME=VALUE")]
    spoke_env: Vec<String>,
    /// What cargo passes to benchmarks
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(missing) = ["pmp-hub", "pmp-spoke"].iter().find_map(|name| pmp_tests::find_binary(name).err()) {
        eprintln!("error: {missing}");
        return ExitCode::FAILURE;
    }
    let mut rows = Vec::new();
    let mut well = true;
    let folder = tempfile::tempdir().unwrap();
    let filter = folder.path().join("greedy.wasm");
    std::fs::write(&filter, Guest { evaluate: GREEDY, ..Guest::default() }.component()).unwrap();
    let passes =
        [("nothing to do", 0, None), ("something to do", DELTA, None), ("a greedy filter", 0, filter.to_str())];
    for (name, delta, filter) in passes {
        eprintln!("{} experiences x {} products, {name} ...", cli.experiences, cli.products);
        let Measured { finished, peak_rss, took, .. } = measure(&cli, delta, filter).await;
        let receipts: Value = serde_json::from_str(&finished.stdout).unwrap_or_default();
        let in_sync =
            receipts["receipts"].as_array().into_iter().flatten().filter(|one| one["status"] == "in-sync").count();
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
        let mib = peak_rss as f64 / MIB;
        if finished.code != 0 || in_sync != cli.experiences {
            eprintln!("PROBLEM: {in_sync} in sync, exit code {}: {}", finished.code, finished.stderr);
            well = false;
        }
        let limit = cli.limit + filter.map_or(0, |_| FILTERS);
        well &= mib <= f64::from(limit);
        rows.push((name, mib, limit, took.as_secs_f64(), in_sync));
    }
    if cli.json {
        let row = |(name, mib, limit, seconds, in_sync): &(&str, f64, u32, f64, usize)| json!({"pass": name, "peak_rss_mib": mib, "limit_mib": limit, "seconds": seconds, "in_sync": in_sync});
        println!("{}", Value::from(rows.iter().map(row).collect::<Vec<_>>()));
    } else {
        println!("PASS              PEAK RSS     LIMIT       TIME      IN SYNC");
        for (name, mib, limit, seconds, in_sync) in rows {
            println!("{name:<15}   {mib:6.1} MiB   {limit} MiB   {seconds:5.1} s   {in_sync}");
        }
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(cli: &Cli, delta: usize, filter: Option<&str>) -> Measured {
    let server = Server::start(world(cli, delta), Options::default()).await.unwrap();
    let environment = |account: &'static str| {
        let endpoint = server.endpoint();
        move |name: &'static str| {
            Program::new(
                name,
                &[
                    ("AWS_ACCESS_KEY_ID", account),
                    ("AWS_SECRET_ACCESS_KEY", "secret"),
                    ("AWS_EC2_METADATA_DISABLED", "true"),
                    ("AWS_ENDPOINT_URL", &endpoint),
                    ("PMP_EXPERIENCE_ID", "exp-management"),
                    ("PMP_SNAPSHOTS_TABLE", "Snapshots"),
                    ("PMP_TIMESTAMPS_TABLE", "SyncTimestamps"),
                ],
            )
        }
    };
    let hub = environment(HUB)("pmp-hub");
    let topic = hub.json(&["init", "--allow-account", MEMBER]).await["topic_arn"].as_str().unwrap().to_owned();
    hub.with(&[("PMP_TOPIC_ARN", &topic)]).json(&["publish"]).await;
    let table = |name: &str| format!("arn:aws:dynamodb:us-east-1:{HUB}:table/{name}");
    let spoke = environment(MEMBER)("pmp-spoke").with(&[
        ("PMP_SNAPSHOTS_TABLE", &table("Snapshots")),
        ("PMP_TIMESTAMPS_TABLE", &table("SyncTimestamps")),
        ("PMP_HUB_ROLE_ARN", &format!("arn:aws:iam::{HUB}:role/member-{ORGANIZATION}")),
        ("PMP_HUB_EXTERNAL_ID", EXTERNAL_ID),
    ]);
    let spoke = spoke.with(&[("PMP_FILTER", filter.unwrap_or_default())]);
    let more: Vec<_> = cli.spoke_env.iter().filter_map(|variable| variable.split_once('=')).collect();
    spoke.with(&more).run_measured(&["sync", "-o", "json"]).await
}

/// The management experience, and member experiences that have all of its products but the last
/// `delta`, and `delta` others.
fn world(cli: &Cli, delta: usize) -> World {
    let id = |n: usize| format!("prod-{n:013}");
    let experience = |name: &str, products: std::ops::Range<usize>| {
        let policy = ProcurementPolicy::new(&format!("policy-{name}")).approving(products.map(id));
        Experience::new(&format!("exp-{name}"), name).with_policy(policy)
    };
    let management = experience("management", delta..cli.products + delta);
    let mut member = Organization::new(ORGANIZATION, "Member", MEMBER);
    for n in 0..cli.experiences {
        member = member.with_experience(experience(&format!("member-{n:03}"), 0..cli.products));
    }
    World {
        change_sets: ChangeSetTiming::always(Duration::from_millis(100)),
        organizations: vec![Organization::new("o-hub0000000", "Hub", HUB).with_experience(management), member],
        roles: vec![member_role_for(HUB, MEMBER, ORGANIZATION)],
        ..World::default()
    }
}
