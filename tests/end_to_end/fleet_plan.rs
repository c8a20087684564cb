//! The fleet's plan before anyone is told.

use pmp_tests::{ALPHA_DEV, ALPHA_PROD, MANAGEMENT, Scene, world};
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
