//! Whom the hub admitted: `init --admit`, the setting, `members`, and what is said of those who
//! never report.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use pmp_tests::{ALPHA, Function, HUB, MANAGEMENT, Scene, world};
use serde_json::{Value, json};

const BETA: &str = "o-beta000000";

async fn in_step() -> Scene {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene
}

/// Organization and state of each row of `status`.
async fn states(scene: &Scene) -> Vec<(String, String)> {
    let status = scene.hub.json(&["status"]).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = status["spokes"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["organization"]), text(&row["state"]))).collect()
}

#[tokio::test]
async fn who_was_admitted_and_never_reported_is_missed_and_who_was_not_is_disputed() {
    let scene = in_step().await;
    let hint = scene.hub.run(&["status"]).await;
    assert!(hint.stderr.contains("hint: nobody is admitted") && hint.stderr.contains("members admit ORG"), "{hint:?}");
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 0);

    let made = scene.hub.json(&["init", "--admit", BETA]).await;
    assert_eq!(made["changes"], json!([format!("admitted {BETA}")]));
    assert_eq!(scene.hub.json(&["init", "--admit", BETA]).await["changes"], json!([]), "it is admitted already");
    let again = scene.hub.run(&["members", "admit", BETA]).await;
    assert_eq!((again.code, again.stdout.as_str()), (0, "No changes: they are on the roster already.\n"), "{again:?}");
    let found = states(&scene).await;
    assert!(found.contains(&(BETA.into(), "NEVER".into())), "{found:?}");
    assert!(found.iter().filter(|(id, _)| id == ALPHA).all(|(_, state)| state == "DISPUTED"), "{found:?}");
    let check = scene.hub.run(&["status", "--check"]).await;
    assert_eq!((check.code, check.stderr.contains("hint: nobody is admitted")), (4, false), "{check:?}");

    // The setting and the records count together.
    let named = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", ALPHA)]);
    let members = named.json(&["members"]).await["members"].as_array().unwrap().clone();
    let told = |row: &Value| (row["organization"].clone(), row["source"].clone(), row["state"].clone());
    assert_eq!(told(&members[0]), (json!(ALPHA), json!("settings"), json!("SYNCED")));
    assert_eq!(told(&members[1]), (json!(BETA), json!("record"), json!("NEVER")));
    assert_eq!(members[1]["admitted_by"], format!("arn:aws:iam::{HUB}:root"));
    assert!(members[0]["last_seen"].is_string() && members[1]["last_seen"].is_null());
    let table = named.run(&["members"]).await;
    assert!(table.stdout.contains("2 admitted, 1 of them never reported\n"), "{}", table.stdout);

    let hub = Function::start(&named).await;
    let event = json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
    hub.invoke(event, Duration::from_secs(60)).await.1.unwrap();
    let told = hub.documents().pop().unwrap();
    assert_eq!((&told["SilentSpokes"], &told["DisputedExperiences"]), (&json!(1), &json!(0)), "{told}");
    assert_eq!(hub.stop().await.0, 0);
}

#[tokio::test]
async fn an_organization_is_forgotten_only_where_it_is_named_twice_and_then_wholly() {
    let scene = in_step().await;
    let admitted = scene.hub.run(&["members", "admit", ALPHA, BETA]).await;
    assert_eq!((admitted.code, admitted.stdout), (0, format!("admitted {ALPHA}\nadmitted {BETA}\n")));
    assert_eq!(scene.hub.run(&["confirm", ALPHA, "1", "--force", "--no-announce"]).await.code, 0);
    for wrong in [&["members", "forget", ALPHA][..], &["members", "forget", ALPHA, BETA]] {
        let refused = scene.hub.run(wrong).await;
        assert_eq!(refused.code, 3, "{refused:?}");
        assert!(
            refused.stderr.contains(&format!("repeat the id: `pmp-hub members forget {ALPHA} {ALPHA}`")),
            "{refused:?}"
        );
    }
    assert!(states(&scene).await.iter().any(|(id, state)| id == ALPHA && state == "SYNCED"));

    let forgotten = scene.hub.json(&["members", "forget", ALPHA, ALPHA]).await;
    // Two receipts of live experiences at least, the sign of life, the confirmation, and the
    // record.
    assert!(forgotten["items"].as_u64().unwrap() >= 5, "{forgotten}");
    assert_eq!(states(&scene).await, [(BETA.to_owned(), "NEVER".to_owned())]);
    let dynamodb = Client::new(scene.hub_account.config());
    let left = dynamodb.scan().table_name("SyncTimestamps").send().await.unwrap().items.unwrap();
    let of_alpha = |item: &std::collections::HashMap<String, AttributeValue>| {
        item["organization"].as_s().unwrap().contains(ALPHA) && item["item"].as_s().unwrap().contains(MANAGEMENT)
    };
    assert!(!left.iter().any(of_alpha), "{left:#?}");
    // Again changes nothing.
    assert_eq!(scene.hub.json(&["members", "forget", ALPHA, "--yes"]).await["items"], 0);
    let again = scene.hub.run(&["members", "forget", ALPHA, "--yes"]).await;
    assert_eq!(again.stdout, format!("Nothing was deleted: the ledger knows nothing of {ALPHA}.\n"));
    scene.hub.replays_its_audit("after a member left").await;
}

#[tokio::test]
async fn a_list_that_is_none_is_an_error_and_a_blank_one_is_no_list() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    for wrong in ["o-alpha00000,", ",", "alpha", "o-alpha00000 o-beta000000", "*"] {
        let finished = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", wrong)]).run(&["status"]).await;
        assert_eq!(finished.code, 1, "{wrong}: {finished:?}");
        assert!(finished.stderr.contains("--member-organizations (PMP_MEMBER_ORGANIZATIONS): "), "{finished:?}");
    }
    let blank = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", " ")]);
    assert_eq!(blank.json(&["status"]).await["roster"], Value::Null);
    let admitted = scene.hub.with(&[("PMP_EXPERIENCE_ID", "")]).run(&["init", "--admit", ALPHA]).await;
    assert!(admitted.stderr.contains("--experience-id (PMP_EXPERIENCE_ID) is missing"), "{admitted:?}");
}

/// More than a template's parameter or a function's environment holds.
#[tokio::test]
async fn four_hundred_organizations_are_on_the_roster_by_records_in_the_ledger() {
    let scene = in_step().await;
    let ids: Vec<_> = (0..399).map(|number| format!("o-member{number:04}")).chain([ALPHA.to_owned()]).collect();
    let list = ids.join(",");
    assert!(list.len() > 4_096);
    let made = scene.hub.json(&["init", "--admit", &list]).await;
    assert_eq!(made["changes"].as_array().unwrap().len(), 400);
    let members = scene.hub.json(&["members"]).await["members"].as_array().unwrap().clone();
    assert!(members.iter().all(|row| row["source"] == "record"));
    assert_eq!(members.len(), 400);

    let hub = Function::start(&scene.hub).await;
    let event = json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
    hub.invoke(event, Duration::from_secs(60)).await.1.unwrap();
    let told = hub.documents().pop().unwrap();
    assert_eq!((&told["SilentSpokes"], &told["DisputedExperiences"]), (&json!(399), &json!(0)), "{told}");
    assert_eq!(hub.stop().await.0, 0);
}
