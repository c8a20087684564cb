//! The tool of filters' authors on the live ledger: it reads the newest snapshot, and nothing else.

use pmp_tests::{MANAGEMENT, Scene, world};
use serde_json::Value;

#[tokio::test]
async fn run_decides_on_the_newest_snapshot_of_the_ledger() {
    let mut world = world(&["prod-a", "prod-b"], &["prod-x"]);
    let management = world.organizations[0].experiences[0].policy.as_mut().unwrap();
    management.approved.push(("prod-ai", "GenAI, preview").into());
    let scene = Scene::start(world).await;
    let tool = scene.filter_tool();
    let run = ["run", "exclude-ids", "--settings", r#"{"ids":["prod-b","prod-c"]}"#, "--ledger", MANAGEMENT];

    let early = tool.run(&run).await;
    assert_eq!(early.code, 1);
    assert!(early.stderr.contains("the ledger holds no snapshot of `exp-management` yet"), "{}", early.stderr);
    assert!(early.stderr.contains("code: E2113"), "{}", early.stderr);

    scene.hub.json(&["publish"]).await;
    let ran = tool.run(&run).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("o exclude  prod-b"), "{}", ran.stdout);
    assert!(ran.stdout.contains("4 products: 2 kept, 1 excluded, 0 rejected by the filter; 1 rejected by the hub."));
    assert!(ran.stderr.contains("snapshot 1 of `exp-management`"), "{}", ran.stderr);

    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    let json: Value = serde_json::from_str(&tool.run(&[&run[..], &["-o", "json"]].concat()).await.stdout).unwrap();
    let decided: Vec<_> = json["decisions"].as_array().unwrap().iter().map(|row| row["verdict"].as_str()).collect();
    let (keep, exclude, reject) = (Some("keep"), Some("exclude"), Some("reject"));
    assert_eq!(decided, [keep, keep, exclude, exclude, reject]);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_is_named() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let tool = scene.filter_tool().with(&[("PMP_SNAPSHOTS_TABLE", "NoSuchTable"), ("PMP_HUB_ROLE_ARN", "")]);
    let ran = tool.run(&["run", "exclude-ids", "--settings", r#"{"ids":["prod-b"]}"#, "--ledger", MANAGEMENT]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("NoSuchTable"), "{}", ran.stderr);
}
