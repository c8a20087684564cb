//! The fleet's plan before anyone is told.

use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, MANAGEMENT, Scene, world};
use serde_json::{Value, json};

fn outlook(plan: &Value, experience: &str) -> Value {
    let rows = plan["experiences"].as_array().unwrap();
    rows.iter().find(|row| row["member_experience"] == experience).cloned().unwrap()
}

#[tokio::test]
async fn what_is_planned_for_the_fleet_is_what_is_applied() {
    let scene = Scene::start(world(&["prod-a", "prod-b", "prod-c"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let nothing = scene.hub.run(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(nothing.code, 0, "{nothing:?}");
    assert!(nothing.stdout.contains("unchanged"), "{nothing:?}");

    scene.hub_account.approve(MANAGEMENT, &["prod-d"]).await;
    scene.hub_account.reject(MANAGEMENT, &["prod-b"]).await;
    let plan = scene.hub.json(&["plan"]).await;
    for experience in [ALPHA_PROD, ALPHA_DEV] {
        let row = outlook(&plan, experience);
        assert_eq!((&row["outlook"], &row["allow"], &row["deny"]), (&json!("change"), &json!(1), &json!(1)), "{row}");
        assert_eq!(row["applied"], 1);
    }
    assert_eq!(plan["products"], json!([{"from": 1, "allow": ["prod-d"], "deny": ["prod-b"]}]));
    let table = scene.hub.run(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(table.code, 2, "{table:?}");
    assert!(table.stdout.contains("- deny   prod-b") && table.stdout.contains("+ allow  prod-d"), "{table:?}");
    // Nobody was told.
    assert_eq!(scene.hub.json(&["status"]).await["snapshot"]["version"], 1);

    // It comes as it was told.
    scene.hub.json(&["publish"]).await;
    let synced = scene.spoke.json(&["sync"]).await;
    let receipts = synced["receipts"].as_array().unwrap();
    let kept = receipts.iter().filter(|it| it["status"] == "in-sync");
    assert!(
        kept.clone().count() == 2 && kept.clone().all(|it| (&it["allowed"], &it["denied"]) == (&json!(1), &json!(1)))
    );

    // What would be held is told as such, and what has a filter of its own is not known.
    scene.hub_account.reject(MANAGEMENT, &["prod-a", "prod-c"]).await;
    let rules =
        format!(r#"[{{"experiences":["{ALPHA_DEV}"],"filter":"exclude-ids","settings":{{"ids":["prod-c"]}}}}]"#);
    let filters = scene.spoke.with(&[("PMP_FILTERS", &rules), ("PMP_MAX_REMOVED_PERCENT", "100")]);
    assert_eq!(filters.run(&["sync"]).await.code, 0);
    let plan = scene.hub.run(&["plan", "--detailed-exitcode", "-o", "json"]).await;
    assert_eq!(plan.code, 3, "{plan:?}");
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(outlook(&plan, ALPHA_PROD)["outlook"], "held");
    assert!(outlook(&plan, ALPHA_PROD)["reason"].as_str().unwrap().contains("would remove 2 of 3 approved products"));
    let filtered = outlook(&plan, ALPHA_DEV);
    assert_eq!(filtered["outlook"], "not-known");
    assert!(filtered["reason"].as_str().unwrap().contains("it has a filter of its own: `exclude-ids`"), "{filtered}");
}

#[tokio::test]
async fn a_pin_keeps_it_away_and_a_pause_keeps_it_back() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let until = ["pause", "--org", ALPHA, "--until", "2h", "--reason", "an audit", "--no-announce"];
    assert_eq!(scene.hub.run(&until).await.code, 0);
    let paused = outlook(&scene.hub.json(&["plan"]).await, ALPHA_PROD);
    assert_eq!((&paused["outlook"], &paused["allow"]), (&json!("change"), &json!(1)), "{paused}");
    assert!(paused["waits"].as_str().unwrap().contains("an audit"), "{paused}");
    let told = scene.hub.run(&["plan"]).await.stdout;
    assert!(told.contains("2 of them would come later"), "{told}");
    assert_eq!(scene.hub.run(&["resume", "--org", ALPHA, "--reason", "over", "--no-announce"]).await.code, 0);

    assert_eq!(scene.hub.run(&["pin", "1", "--org", ALPHA, "--reason", "a bad one", "--no-announce"]).await.code, 0);
    let pinned = outlook(&scene.hub.json(&["plan"]).await, ALPHA_PROD);
    assert_eq!(pinned["outlook"], "unchanged", "{pinned}");
    assert!(pinned["reason"].as_str().unwrap().starts_with("pinned to 1 by arn:aws:"), "{pinned}");
    assert_eq!(scene.hub.run(&["plan", "--detailed-exitcode"]).await.code, 0);

    // What is published is approved there in no view: it stays where operators pinned it.
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let why = scene.hub.json(&["why", "prod-b"]).await;
    let told = why["experiences"].as_array().unwrap().iter().find(|it| it["member_experience"] == ALPHA_PROD).unwrap();
    assert_eq!((&told["stance"], &told["approved"]), (&json!("NOT_LISTED"), &json!(false)), "{told}");
    assert!(told["why"].as_str().unwrap().contains("pinned to 1 by "), "{told}");
}

#[tokio::test]
async fn what_was_set_aside_is_not_planned_twice() {
    let mut world = world(&["prod-a", "prod-gone"], &[]);
    world.poison_products.insert("prod-gone".into());
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 1, "one product is set aside");
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let row = outlook(&scene.hub.json(&["plan"]).await, ALPHA_PROD);
    assert_eq!((&row["outlook"], &row["allow"], &row["applied"]), (&json!("change"), &json!(1), &json!(1)), "{row}");
}
