//! A snapshot that is too large for one transaction, through both programs as processes: stored in
//! parts, applied whole, read by every command that reads snapshots, and never half there.

use std::time::Duration;

use pmp_ledger::{DynamoSnapshots, SnapshotStore};
use pmp_local_aws::world::{Experience, Organization, ProcurementPolicy};
use pmp_protocol::{Digest, ExperienceId};
use pmp_tests::{ALPHA, ALPHA_PROD, Asked, HUB, HUB_ORGANIZATION, Line, MANAGEMENT, Scene, World, within, world};
use serde_json::Value;

/// More than 3.5 MB packed, with these ids.
const PRODUCTS: usize = 165_000;

/// As long as an id may be, and random in 16 letters, but for the first five.
fn id(n: usize) -> String {
    format!("prod-{}", &Digest::of(&n.to_le_bytes()).hex()[..45])
}

/// A management experience with these products, and one experience of alpha that has all but two.
fn large() -> World {
    let policy =
        |name: &str, from: usize| ProcurementPolicy::new(&format!("policy-{name}")).approving((from..PRODUCTS).map(id));
    let management = Experience::new(MANAGEMENT, "Management").with_policy(policy("management", 0));
    let member = Experience::new(ALPHA_PROD, "Production").with_policy(policy("alpha", 2));
    World {
        organizations: vec![
            Organization::new(HUB_ORGANIZATION, "Hub", HUB).with_experience(management),
            Organization::new(ALPHA, "Alpha", "222222222222").with_experience(member),
        ],
        ..world(&[], &[])
    }
}

async fn parts_and_digest(scene: &Scene) -> Option<(usize, Digest)> {
    let store = DynamoSnapshots::new(scene.hub_account.config(), "Snapshots".parse().unwrap());
    let head = store.head(&ExperienceId::new(MANAGEMENT).unwrap()).await.unwrap()?;
    assert!(head.is_large());
    Some((head.chunks, head.digest))
}

#[tokio::test]
async fn a_snapshot_in_parts_is_published_applied_and_read_by_every_command() {
    // Protocol L4, L23 and L25. Rules 0 and 3.
    let scene = Scene::start(large()).await;
    // A hub that dies while it writes the parts leaves nothing that anybody could read.
    let line = Line::open(&scene.endpoint()).await;
    let running = scene.hub.with(&[("AWS_ENDPOINT_URL", line.endpoint())]).start(&["publish"]);
    within(Duration::from_secs(120), "two parts are written", async || {
        let asked = line.asked();
        let is_part = |asked: &&Asked| String::from_utf8_lossy(&asked.body).contains("\"part#");
        let parts = asked.iter().filter(|asked| asked.operation == "dynamodb:PutItem").filter(is_part).count();
        if parts >= 2 { Ok(()) } else { Err(format!("{parts} parts of {} calls", asked.len())) }
    })
    .await;
    running.kill().await;
    assert_eq!(parts_and_digest(&scene).await, None);
    let nothing = scene.spoke.run(&["sync"]).await;
    assert_ne!(nothing.code, 0, "there is no snapshot: {}", nothing.stdout);

    // The next run goes on.
    let published = scene.hub.json(&["publish"]).await["published"].clone();
    assert_eq!((&published["outcome"], &published["version"]), (&"stored".into(), &1.into()));
    assert_eq!(published["inline"], false);
    let (parts, digest) = parts_and_digest(&scene).await.unwrap();
    assert!(parts > 10, "{parts} parts");
    assert_eq!(published["digest"], digest.to_string());

    let synced = scene.spoke.json(&["sync"]).await;
    assert_eq!(synced["receipts"][0]["status"], "in-sync", "{synced}");
    assert_eq!(synced["receipts"][0]["allowed"], 2);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await.approved.len(), PRODUCTS);
    assert!(scene.states().await.contains(&(ALPHA_PROD.to_owned(), "SYNCED".to_owned())), "{:?}", scene.states().await);

    // A second version, and then the first again, whose parts lie under another number.
    let gone = id(7);
    scene.hub_account.reject(MANAGEMENT, &[&gone]).await;
    let published = scene.hub.json(&["publish"]).await["published"].clone();
    assert_eq!((&published["outcome"], &published["version"]), (&"stored".into(), &2.into()));
    let synced = scene.spoke.json(&["sync"]).await;
    assert_eq!((&synced["receipts"][0]["status"], &synced["receipts"][0]["denied"]), (&"in-sync".into(), &1.into()));

    let shown = scene.hub.json(&["show", "1"]).await;
    assert_eq!(shown["products"].as_array().map(Vec::len), Some(PRODUCTS));
    let changed = scene.hub.json(&["diff", "1", "2"]).await;
    assert!(changed.to_string().contains(&gone), "{changed}");
    assert_eq!(scene.hub.json(&["history"]).await["versions"].as_array().map(Vec::len), Some(2));
    let why = scene.hub.json(&["why", &gone, "--org", ALPHA]).await;
    assert_eq!(why["snapshot"]["listed"], "rejected", "{why}");
    let before = scene.hub.json(&["why", &gone, "--at", "1"]).await;
    assert_eq!(before["snapshot"]["listed"], "approved", "{before}");
    let checked = scene.hub.run(&["doctor"]).await;
    let line = checked.stdout.lines().find(|line| line.contains("snapshots-table")).unwrap_or_default();
    assert!(checked.stdout.contains("parts: spokes read it from layout 7"), "{line}: {}", checked.stdout);
    let again = scene.hub.json(&["publish"]).await["published"].clone();
    assert_eq!(again["outcome"], "announced");
    let pinned = scene.hub.run(&["pin", "1", "--reason", "a test"]).await;
    assert_eq!(pinned.code, 0, "{}", pinned.stderr);
    assert_eq!(parts_and_digest(&scene).await, Some((parts, digest)), "version 3 has the content of version 1");
}

/// The peak of both programs with half a million products. It says what they took.
#[tokio::test]
#[ignore = "takes minutes in a debug build; docs/performance.md has its figures"]
async fn half_a_million_products_fit_into_what_the_templates_give() {
    let ids = |from: usize| (from..500_000).map(|n| format!("prod-{}", &pmp_tests::longest_id(n)[..13]));
    let policy = |name: &str, from| ProcurementPolicy::new(&format!("policy-{name}")).approving(ids(from));
    let management = Experience::new(MANAGEMENT, "Management").with_policy(policy("management", 0));
    let member = Experience::new(ALPHA_PROD, "Production").with_policy(policy("alpha", 2));
    let organizations = vec![
        Organization::new(HUB_ORGANIZATION, "Hub", HUB).with_experience(management),
        Organization::new(ALPHA, "Alpha", "222222222222").with_experience(member),
    ];
    let scene = Scene::start(World { organizations, ..world(&[], &[]) }).await;
    let mib = |bytes: u64| bytes / 1024 / 1024;
    let published = scene.hub.run_measured(&["publish", "-o", "json"]).await;
    let said: Value = serde_json::from_str(&published.finished.stdout).unwrap();
    assert_eq!(said["published"]["counts"]["approved"], 500_000);
    let (parts, _) = parts_and_digest(&scene).await.unwrap();
    println!("publish: {parts} parts, {} MiB, {:.1} s", mib(published.peak_rss), published.took.as_secs_f64());
    let again = scene.hub.run_measured(&["publish", "-o", "json"]).await;
    println!("publish again: {} MiB, {:.1} s", mib(again.peak_rss), again.took.as_secs_f64());
    let synced = scene.spoke.run_measured(&["sync", "-o", "json"]).await;
    let said: Value = serde_json::from_str(&synced.finished.stdout).unwrap();
    assert_eq!(said["receipts"][0]["status"], "in-sync", "{}", synced.finished.stderr);
    println!("sync: {} MiB, {:.1} s", mib(synced.peak_rss), synced.took.as_secs_f64());
    assert!(mib(published.peak_rss) < 256 && mib(synced.peak_rss) < 512);
}
