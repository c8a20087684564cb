//! Change windows: the member's own and the fleet's. Nothing is changed outside of them, both sides
//! say so, and it goes on once they are open.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use pmp_local_aws::world::{Fault, FaultRule};
use pmp_tests::{ALPHA, ALPHA_PROD, Lists, MANAGEMENT, Scene, eventually, world};
use serde_json::{Value, json};

use crate::doctor::Checkup;

const TIMESTAMPS: &str = "SyncTimestamps";

/// A window that opens in two to three hours, for a quarter of an hour.
fn later() -> String {
    let hour = TimeZone::UTC.to_datetime(Timestamp::now() + 3.hours()).hour();
    format!("daily {hour:02}:00-{hour:02}:15 UTC")
}

/// The row of a member experience in the hub's `status`.
async fn row(scene: &Scene, member: &str) -> Value {
    let status = scene.hub.json(&["status"]).await;
    let rows = status["spokes"].as_array().unwrap();
    rows.iter().find(|row| row["member_experience"] == member).unwrap_or(&Value::Null).clone()
}

/// What `doctor` says of the time zones.
fn database() -> String {
    format!("time zone database {}", pmp_windows::TZDB)
}

fn one() -> Lists {
    Lists::new(&["prod-a"], &[])
}

fn both() -> Lists {
    Lists::new(&["prod-a", "prod-b"], &[])
}

/// Alpha follows snapshot 1, and snapshot 2 approves another product.
async fn behind() -> Scene {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    scene
}

#[tokio::test]
async fn a_member_changes_nothing_outside_of_its_windows() {
    let scene = behind().await;
    let windows = later();
    let spoke = scene.spoke.with(&[("PMP_CHANGE_WINDOWS", &windows)]);
    let closed = spoke.run(&["sync"]).await;
    assert_eq!(closed.code, 3, "{closed:?}");
    assert!(closed.stderr.contains("--outside-windows"), "{}", closed.stderr);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, one());

    // Both sides say until when, and find nothing wrong with it.
    let told = row(&scene, ALPHA_PROD).await;
    assert_eq!((&told["state"], &told["receipt"]["status"]), (&json!("PAUSED"), &json!("held")));
    let message = told["message"].as_str().unwrap();
    assert!(message.starts_with("change windows closed until ") && message.contains(" UTC (in "), "{message}");
    let said = &told["receipt"]["paused"]["windows"];
    assert_eq!((&said["member"], &said["whose"], &said["open"]), (&json!(windows), &json!("member"), &json!(false)));
    assert!(said["until"]["at"].is_string() && said["until"]["civil"].is_string(), "{said}");
    assert_eq!((&said["until"]["zone"], &said["tzdb"]), (&json!("UTC"), &json!(pmp_windows::TZDB)));
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 0);
    let own = spoke.run(&["status", "--check"]).await;
    assert_eq!(own.code, 0);
    assert!(own.stdout.contains("change windows closed until "), "{}", own.stdout);
    Checkup::of(&spoke).await.expect_ok("change-windows", &database());

    // A plan is shown all the same, and says that it waits.
    let plan = spoke.run(&["plan"]).await;
    assert_eq!(plan.code, 0);
    assert!(plan.stderr.contains("hint: change windows closed until "), "{}", plan.stderr);
    assert!(spoke.json(&["plan"]).await["paused"]["windows"]["open"] == json!(false));

    // What cannot wait has a reason, which the receipt tells.
    let without = spoke.run(&["sync", "--outside-windows"]).await;
    assert_eq!(without.code, 1, "{}", without.stderr);
    assert_eq!(spoke.run(&["sync", "--outside-windows", "--reason", "an incident"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, both());
    let told = row(&scene, ALPHA_PROD).await;
    assert_eq!((&told["state"], &told["receipt"]["paused"]), (&json!("SYNCED"), &Value::Null));
    let outside = &told["receipt"]["windows"]["outside"];
    assert_eq!(outside["reason"], "an incident");
    assert!(outside["by"].as_str().unwrap().starts_with("arn:aws:"), "{outside}");
    // It is still told when later receipts have replaced that one.
    let log = scene.hub.run(&["log", ALPHA, "--all"]).await.stdout;
    assert!(log.contains("outside its change windows by arn:aws:") && log.contains(": an incident"), "{log}");
}

#[tokio::test]
async fn a_member_can_hold_whatever_else_is_mistyped() {
    let scene = behind().await;
    let mistyped = scene.spoke.with(&[("PMP_CHANGE_WINDOWS", "at night"), ("PMP_MAX_REMOVED_PERCENT", "half")]);
    assert_eq!(mistyped.run(&["sync"]).await.code, 1);
    let held = mistyped.run(&["hold", "--until", "2h", "--reason", "an incident"]).await;
    assert_eq!(held.code, 0, "{}", held.stderr);
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    assert_eq!(mistyped.run(&["unhold"]).await.code, 0);
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
}

#[tokio::test]
async fn windows_that_never_meet_are_an_exception_that_needs_a_person() {
    let scene = behind().await;
    scene.hub.with(&[("PMP_CHANGE_WINDOWS", "daily 00:00-12:00 UTC")]).json(&["publish"]).await;
    let member = scene.spoke.with(&[("PMP_CHANGE_WINDOWS", "daily 12:00-24:00 UTC")]);
    assert_eq!(member.run(&["sync"]).await.code, 3);
    let exceptions = scene.hub.json(&["exceptions"]).await;
    let found = &exceptions["exceptions"][0];
    assert_eq!((&found["kind"], &found["organization"]), (&json!("paused"), &json!(ALPHA)), "{exceptions}");
    assert!(found["reason"].as_str().unwrap().contains("never open together"), "{found}");
}

#[tokio::test]
async fn the_fleets_windows_hold_until_the_hub_opens_them() {
    // Protocol D11 and D12.
    let scene = behind().await;
    let windows = later();
    let hub = scene.hub.with(&[("PMP_CHANGE_WINDOWS", &windows)]);
    hub.json(&["publish"]).await;
    // They are not the member's to disregard.
    for arguments in [&["sync"][..], &["sync", "--outside-windows", "--reason", "mine"]] {
        assert_eq!(scene.spoke.run(arguments).await.code, 3);
    }
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, one());
    let told = row(&scene, ALPHA_PROD).await;
    let said = &told["receipt"]["paused"]["windows"];
    assert_eq!((&told["state"], &said["whose"], &said["fleet"]), (&json!("PAUSED"), &json!("fleet"), &json!(windows)));
    let status = scene.hub.run(&["status", "--check"]).await;
    assert_eq!(status.code, 0);
    assert!(status.stdout.contains("change windows closed until "), "{}", status.stdout);
    let directions = scene.hub.run(&["directions"]).await;
    assert!(directions.stdout.contains(&format!("change windows: {windows}")), "{}", directions.stdout);
    Checkup::of(&scene.hub).await.expect_ok("change-windows", &database());
    let plan = scene.hub.run(&["plan"]).await;
    let hint = format!("hint: the fleet's change windows ({windows}) are closed until ");
    assert!(plan.stderr.contains(&hint) && plan.stderr.contains(": nothing is changed before"), "{}", plan.stderr);
    // A run without the setting leaves them, and `doctor` tells of one that says something else.
    scene.hub.json(&["publish"]).await;
    let other = scene.hub.with(&[("PMP_CHANGE_WINDOWS", "daily 00:00-24:00 UTC")]);
    Checkup::of(&other).await.expect("change-windows", "warning", "the members are told `daily ", "pmp-hub publish");
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);

    let open = scene.hub.with(&[("PMP_CHANGE_WINDOWS", "always")]);
    let agent = scene.spoke.start(&["run"]);
    open.json(&["publish"]).await;
    eventually("it goes on", &both(), async || scene.alpha_account.lists(ALPHA_PROD).await).await;
    eventually("and says so", &json!("SYNCED"), async || row(&scene, ALPHA_PROD).await["state"].clone()).await;
    assert_eq!(agent.stop().await.0, 0);
}

#[tokio::test]
async fn a_spoke_that_knows_no_windows_is_told_not_to_obey_them() {
    // Protocol D13.
    let scene = behind().await;
    scene.hub.with(&[("PMP_CHANGE_WINDOWS", &later())]).json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    // As a spoke of an earlier release says of itself.
    let table = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    for key in [format!("{MANAGEMENT}#"), format!("spoke#{MANAGEMENT}#all")] {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let key = HashMap::from([("organization".to_owned(), text(ALPHA)), ("item".to_owned(), text(&key))]);
        let call = table.update_item().table_name(TIMESTAMPS).set_key(Some(key));
        let call = call.update_expression("SET ledger = :three");
        call.expression_attribute_values(":three", AttributeValue::N("3".to_owned())).send().await.unwrap();
    }
    let told = row(&scene, ALPHA_PROD).await;
    assert_eq!(told["state"], "ERROR");
    assert!(told["message"].as_str().unwrap().starts_with("does not obey the fleet's change windows ("), "{told}");
}

#[tokio::test]
async fn windows_that_never_meet_need_a_person() {
    let scene = behind().await;
    scene.hub.with(&[("PMP_CHANGE_WINDOWS", "daily 00:00-12:00 UTC")]).json(&["publish"]).await;
    let spoke = scene.spoke.with(&[("PMP_CHANGE_WINDOWS", "daily 12:00-24:00 UTC")]);
    assert_eq!(spoke.run(&["sync"]).await.code, 3);
    let told = row(&scene, ALPHA_PROD).await;
    assert_eq!(told["state"], "ERROR");
    assert!(told["message"].as_str().unwrap().starts_with("change windows never open together ("), "{told}");
    assert_eq!(spoke.run(&["status", "--check"]).await.code, 4);
    Checkup::of(&spoke).await.expect("change-windows", "failed", "never open at the same time", "PMP_CHANGE_WINDOWS");
}

#[tokio::test]
async fn words_that_are_no_windows_are_refused_at_the_start() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    for (program, command) in [(&scene.hub, "publish"), (&scene.spoke, "sync")] {
        let wrong = program.with(&[("PMP_CHANGE_WINDOWS", "Mon-Fri 22:00-04:00 Europe/Berln")]).run(&[command]).await;
        assert_ne!(wrong.code, 0);
        let told = "--change-windows (PMP_CHANGE_WINDOWS)";
        assert!(
            wrong.stderr.contains(told) && wrong.stderr.contains("did you mean `Europe/Berlin`?"),
            "{}",
            wrong.stderr
        );
    }
}

/// A snapshot that went out while its windows did not would be applied outside of them.
#[tokio::test]
async fn nothing_is_published_while_the_fleets_windows_cannot_be_told() {
    let scene = behind().await;
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    let hub = scene.hub.with(&[("PMP_CHANGE_WINDOWS", &later())]);
    let refused = FaultRule {
        service: Some("dynamodb".into()),
        operation: Some("TransactWriteItems".into()),
        next: Some(1),
        ..FaultRule::new(Fault::AccessDenied { message: None })
    };
    scene.add_fault(&refused).await;
    let kept = hub.run(&["publish"]).await;
    assert_eq!(kept.code, 1, "{kept:?}");
    assert!(kept.stderr.contains("cannot be told their change windows"), "{}", kept.stderr);
    assert_eq!(hub.json(&["history"]).await["versions"][0]["version"], 2, "nothing was stored");
    // And without the table there is nobody to tell.
    let untold = hub.with(&[("PMP_TIMESTAMPS_TABLE", "")]).run(&["publish"]).await;
    assert!(untold.code == 1 && untold.stderr.contains("needs --timestamps-table"), "{}", untold.stderr);
    assert_eq!(hub.json(&["publish"]).await["published"]["version"], 3);

    // What is kept back by windows is not kept back by a guard rail, and nobody forgot it.
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    let why = scene.hub.run(&["why", "prod-b"]).await.stdout;
    assert!(why.contains("change windows closed until ") && !why.contains("guard rail"), "{why}");
    let told = scene.hub.json(&["notify", "--dry-run"]).await;
    assert!(!told.to_string().contains("paused-too-long"), "{told}");
}
