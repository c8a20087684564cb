//! The report: every product in every member experience, as a spreadsheet and as lines.

use std::path::Path;

use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, MANAGEMENT, Scene, world};
use serde_json::{Value, json};

async fn rows(scene: &Scene, more: &[&str]) -> Vec<Value> {
    let finished = scene.hub.run(&[&["report", "-o", "ndjson"], more].concat()).await;
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'a>(rows: &'a [Value], product: &str, member: &str) -> &'a Value {
    let row = |row: &&Value| row["product"] == product && row["member_experience"] == member;
    rows.iter().find(row).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn every_product_of_every_experience_is_a_row_as_of_any_version() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    let filtered = scene.spoke_with_filter(Path::new("exclude-ids"), r#"{"ids":["prod-b"],"reason":"not here"}"#);
    scene.hub.json(&["publish"]).await;
    assert_eq!(filtered.run(&["sync"]).await.code, 0);
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);

    let now = rows(&scene, &[]).await;
    assert_eq!(now.len(), 4 * 4, "four products in four experiences: {now:#?}");
    for member in [ALPHA_PROD, ALPHA_DEV] {
        assert_eq!(of(&now, "prod-b", member)["verdict"], "APPROVED");
        assert_eq!(of(&now, "prod-x", member)["verdict"], "REJECTED");
        assert_eq!(of(&now, "prod-c", member)["version"], 2);
    }
    // As it was decided by the first snapshot, with the filter of then.
    let then = rows(&scene, &["--at", "1", "--org", ALPHA]).await;
    assert_eq!(then.len(), 3 * 4, "{then:#?}");
    let b = of(&then, "prod-b", ALPHA_PROD);
    assert_eq!((&b["verdict"], &b["approved"], &b["version"]), (&json!("FILTERED"), &json!(false), &json!(1)));
    assert!(b["filter"].is_string() && b["filter_digest"].as_str().unwrap().starts_with("sha256:"), "{b}");
    assert!(!b["why"].as_str().unwrap().is_empty() && b["receipt_at"].is_string(), "{b}");
    // The same as `why` says of each.
    let why = scene.hub.json(&["why", "prod-b", "--at", "1"]).await;
    for answer in why["experiences"].as_array().unwrap() {
        let row = of(&then, "prod-b", answer["member_experience"].as_str().unwrap());
        assert_eq!((&row["verdict"], &row["why"]), (&answer["stance"], &answer["why"]));
    }

    let csv = scene.hub.run(&["report", "--csv"]).await.stdout;
    let lines: Vec<_> = csv.lines().collect();
    assert!(lines[0].starts_with("product,name,organization,member_experience,verdict,approved,why,"), "{}", lines[0]);
    assert_eq!(lines.len(), 1 + 16);
    assert_eq!(scene.hub.run(&["report"]).await.code, 1, "it is nothing for a screen");
    // What is asked for has to be there.
    scene.hub_account.approve(MANAGEMENT, &["prod-d"]).await;
    scene.hub.json(&["publish", "--keep-versions", "2"]).await;
    for (arguments, code) in [
        (&["report", "--csv", "--at", "1"][..], "E4060"),
        (&["report", "--csv", "--at", "9"], "E4071"),
        (&["why", "prod-a", "--org", ALPHA, "--experience", "exp-none"], "E4070"),
        (&["why", "a product that nobody knows"], "E4073"),
    ] {
        let missing = scene.hub.run(arguments).await;
        assert_eq!(missing.code, 1, "{arguments:?}: {missing:?}");
        assert!(missing.stderr.contains(&format!("code: {code}")), "{arguments:?}: {missing:?}");
    }
}
