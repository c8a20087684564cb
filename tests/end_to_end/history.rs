//! What the ledger keeps, version by version: `history`, `show` and `diff`.

use pmp_tests::{HUB, MANAGEMENT, Scene, world};
use serde_json::{Value, json};

/// Three snapshots: prod-a and prod-b approved; prod-c approved besides; prod-a rejected.
async fn three_versions() -> Scene {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-z"])).await;
    scene.hub.json(&["publish"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    scene.hub_account.reject(MANAGEMENT, &["prod-a"]).await;
    scene.hub.json(&["publish"]).await;
    scene
}

fn changes(diff: &Value) -> Vec<(&str, &Value, &Value)> {
    let products = diff["products"].as_array().unwrap().iter();
    products.map(|row| (row["product"].as_str().unwrap(), &row["before"], &row["after"])).collect()
}

#[tokio::test]
async fn the_versions_are_listed_newest_first_with_their_numbers() {
    let scene = three_versions().await;
    let history = scene.hub.json(&["history"]).await;
    assert_eq!(history["experience"], MANAGEMENT);
    let versions = history["versions"].as_array().unwrap();
    let numbers: Vec<_> =
        versions.iter().map(|row| (&row["version"], &row["approved"], &row["rejected"], &row["in_force"])).collect();
    let (three, two, one) = (json!(3), json!(2), json!(1));
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(numbers, [(&three, &two, &two, &yes), (&two, &three, &one, &no), (&one, &two, &one, &no)]);

    let table = scene.hub.on_a_screen().run(&["history", "--since", "1h"]).await;
    assert_eq!(table.code, 0, "{}", table.stderr);
    let lines: Vec<_> = table.stdout.lines().collect();
    assert!(lines[0].starts_with("VERSION") && lines[1].starts_with('3') && lines[3].starts_with('1'), "{lines:#?}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
    assert!(lines.last().unwrap().contains("3 versions kept"), "{lines:#?}");
    // Which change set each brought: CloudTrail knows who started it.
    let told = scene.hub.json(&["history", "--change-sets"]).await;
    // The catalog tells whole seconds, and these versions came within one: so of any of them.
    let sets = told["versions"].as_array().unwrap().iter().flat_map(|row| row["change_sets"].as_array().unwrap());
    let sets: Vec<_> = sets.collect();
    assert!(sets.len() == 2 && sets.iter().all(|set| set["account"] == HUB && set["at"].is_string()), "{told}");
    let table = scene.hub.run(&["history", "--change-sets", "-o", "wide"]).await.stdout;
    assert!(sets.iter().all(|set| table.contains(set["id"].as_str().unwrap())), "{table}");
    assert!(!history.to_string().contains("change_sets"), "only where it was asked: {history}");
    let none = scene.hub.run(&["history", "--since", "2100-01-01"]).await;
    assert_eq!(none.stdout, "No snapshot since 2100-01-01 00:00:00Z. The newest is 3.\n");
    let mistyped = scene.hub.run(&["history", "--since", "tuesday"]).await;
    assert_eq!(mistyped.code, 1);
    assert!(mistyped.stderr.contains("a day (2026-11-24)"), "{}", mistyped.stderr);
}

#[tokio::test]
async fn what_differs_is_told_product_by_product_between_versions_and_now() {
    let scene = three_versions().await;
    let (approved, rejected, null) = (json!("approved"), json!("rejected"), Value::Null);
    let diff = scene.hub.json(&["diff", "1", "3"]).await;
    assert_eq!(changes(&diff), [("prod-a", &approved, &rejected), ("prod-c", &null, &approved)]);
    assert_eq!(scene.hub.json(&["diff"]).await["products"], json!([]), "nothing has changed since");

    scene.hub_account.approve(MANAGEMENT, &["prod-d"]).await;
    let now = scene.hub.json(&["diff"]).await;
    assert_eq!((&now["before"], &now["after"]), (&json!("3"), &json!("now")));
    assert_eq!(changes(&now), [("prod-d", &null, &approved)]);
    // From what was before that time; where nothing is kept of it, from the first, which is said.
    let since = scene.hub.run(&["diff", "--since", "1h", "-o", "json"]).await;
    let diff: Value = serde_json::from_str(&since.stdout).unwrap();
    assert_eq!((&diff["before"], &diff["after"]), (&json!("1"), &json!("3")));
    assert!(since.stderr.contains("snapshot 1 is the oldest that is kept"), "{}", since.stderr);
    let none = scene.hub.run(&["diff", "--since", "2100-01-01"]).await;
    assert_eq!(none.stdout, "No differences between snapshot 3 and snapshot 3.\n", "{}", none.stderr);
    let told = scene.hub.run(&["diff", "1"]).await;
    let lines: Vec<_> = told.stdout.lines().collect();
    assert_eq!(
        *lines.last().unwrap(),
        "Between snapshot 1 and what the management experience says now: 2 approved, 1 rejected"
    );
    let same = scene.hub.run(&["diff", "2", "2"]).await;
    assert_eq!(same.stdout, "No differences between snapshot 2 and snapshot 2.\n");
}

#[tokio::test]
async fn a_version_is_shown_and_one_that_is_not_kept_says_where_to_look() {
    let scene = three_versions().await;
    let shown = scene.hub.json(&["show", "1"]).await;
    assert_eq!(
        shown["products"],
        json!([
            {"product": "prod-a", "listed": "approved", "note": null},
            {"product": "prod-b", "listed": "approved", "note": null},
            {"product": "prod-z", "listed": "rejected", "note": null},
        ])
    );
    let newest = scene.hub.run(&["show"]).await;
    assert!(newest.stdout.starts_with(&format!("{MANAGEMENT}, snapshot 3 (")), "{}", newest.stdout);
    let missing = scene.hub.run(&["show", "9"]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("hint: `pmp-hub history` lists the versions that are kept"), "{}", missing.stderr);
    assert!(!missing.stderr.contains("publish"), "{}", missing.stderr);

    let elsewhere = scene.hub.with(&[("PMP_EXPERIENCE_ID", "exp-elsewhere")]);
    for command in [&["history"][..], &["show"], &["diff"]] {
        let unknown = elsewhere.run(command).await;
        assert_eq!(unknown.code, 1, "{command:?}");
        assert!(unknown.stderr.contains("the ledger knows of no snapshot of `exp-elsewhere`"), "{}", unknown.stderr);
    }
}
