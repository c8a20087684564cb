//! The audit: who did what, and what came of it; exported, verified by the file alone, and altered.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_audit::Entry;
use pmp_audit::testing::{chained, file};
use pmp_tests::{ALPHA, HUB, MANAGEMENT, Scene, Tap, world};
use serde_json::{Value, json};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn actions(audit: &Value) -> Vec<&str> {
    audit["entries"].as_array().unwrap().iter().rev().map(|entry| entry["action"].as_str().unwrap()).collect()
}

/// A hub that published, and whose operators did one of each.
async fn busy_hub() -> Scene {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    let hub = &scene.hub;
    for command in [
        &["publish"][..],
        &["members", "admit", ALPHA],
        &["pause", "--org", ALPHA, "--until", "1h", "--reason", "a freeze"],
        &["resume", "--org", ALPHA, "--reason", "it is over"],
        &["confirm", ALPHA, "1", "--force"],
        &["confirm", ALPHA, "1", "--undo"],
        &["pin", "1", "--reason", "=1+1 \u{202e}an audit", "--no-announce"],
        &["unpin", "--reason", "it is over", "--no-announce"],
        &["members", "forget", ALPHA, ALPHA],
    ] {
        if command[0] == "pause" {
            assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
        }
        let finished = hub.run(command).await;
        assert_eq!(finished.code, 0, "{command:?}: {}", finished.stderr);
    }
    scene
}

/// What changes nothing was not done, and the audit says nothing of it.
#[tokio::test]
async fn what_changed_nothing_is_not_in_the_audit() {
    let scene = busy_hub().await;
    let hub = &scene.hub;
    assert_eq!(hub.run(&["members", "admit", ALPHA]).await.code, 0);
    assert_eq!(hub.run(&["pause", "--org", ALPHA, "--until", "1h", "--reason", "a freeze"]).await.code, 0);
    let before = hub.json(&["audit"]).await["entries"][0]["number"].as_u64();
    for (command, told) in [
        (&["resume", "--all", "--reason", "it is over"][..], "Nothing is paused for the fleet."),
        (&["unpin", "--reason", "it is over", "--no-announce"], "Nothing is pinned for the fleet."),
        (&["unpin", "--org", ALPHA, "--reason", "it is over"], "Nothing is pinned for o-alpha00000."),
    ] {
        let finished = hub.run(command).await;
        assert_eq!((finished.code, finished.stdout.trim_end()), (0, told), "{command:?}: {}", finished.stderr);
        assert_eq!(hub.json(&["audit"]).await["entries"][0]["number"].as_u64(), before, "{command:?}");
    }
    assert_eq!(hub.run(&["resume", "--org", ALPHA, "--reason", "it is over"]).await.code, 0);
    let audit = hub.json(&["audit"]).await;
    assert_eq!(audit["entries"][0]["action"], "resume");
    assert_eq!(audit["entries"][0]["number"].as_u64(), before.map(|number| number + 1));
}

#[tokio::test]
async fn what_everyone_did_is_listed_exported_and_verified_alone() {
    let scene = busy_hub().await;
    let hub = &scene.hub;
    let audit = hub.json(&["audit"]).await;
    let asked = ["publish", "admit", "pause", "resume", "confirm", "unconfirm", "pin", "unpin", "forget"];
    assert_eq!(actions(&audit), asked);
    let newest = &audit["entries"][0];
    assert_eq!((&newest["number"], &newest["organization"]), (&json!(9), &json!(ALPHA)));
    assert_eq!(newest["author"], format!("arn:aws:iam::{HUB}:root"));
    assert_eq!(audit["head"]["digest"], newest["digest"]);
    let screen = hub.on_a_screen().run(&["audit"]).await.stdout;
    assert!(screen.lines().count() <= 24 && screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    assert!(screen.contains("9 entries; head:"), "{screen}");
    // Who left, and what was done about one organization.
    let left = hub.json(&["audit", "--action", "forget,recover"]).await;
    assert_eq!((actions(&left), &left["entries"][0]["number"]), (vec!["forget"], &json!(9)), "{left}");
    let about = ["admit", "pause", "resume", "confirm", "unconfirm", "forget"];
    assert_eq!(actions(&hub.json(&["audit", "--org", ALPHA]).await), about);
    assert_eq!(actions(&hub.json(&["audit", "--org", ALPHA, "--last", "2"]).await), about[4..]);
    assert_eq!(actions(&hub.json(&["audit", "--org", "o-nobody00000"]).await), [""; 0]);
    let mistyped = hub.run(&["audit", "--action", "forgt"]).await;
    assert!(mistyped.code == 1 && mistyped.stderr.contains("did you mean `forget`?"), "{mistyped:?}");
    assert!(mistyped.stderr.contains("code: E1755 (`pmp-hub explain E1755` says more)"), "{mistyped:?}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.ndjson").to_string_lossy().into_owned();
    let exported = hub.run(&["audit", "export", "--out", &path]).await;
    assert_eq!(exported.code, 0, "{}", exported.stderr);
    let file = std::fs::read_to_string(&path).unwrap();
    assert_eq!(hub.run(&["audit", "export"]).await.stdout, file, "standard output has the same bytes");
    assert_eq!(hub.run(&["audit", "export", "--out", &path]).await.code, 1, "it is not written over");
    let nowhere = folder.path().join("nothing.ndjson");
    let late = hub.run(&["audit", "export", "--since", "99", "--out", nowhere.to_str().unwrap()]).await;
    assert!(late.code == 1 && late.stderr.contains("code: E4044"), "{}", late.stderr);
    assert!(!nowhere.exists(), "no file is left that holds nothing");

    // Without AWS and without settings.
    let alone = hub.with(&[
        ("PMP_EXPERIENCE_ID", ""),
        ("PMP_TIMESTAMPS_TABLE", ""),
        ("PMP_SNAPSHOTS_TABLE", ""),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ]);
    let head = audit["head"]["digest"].as_str().unwrap().to_owned();
    let verified = alone.json(&["audit", "verify", &path, "--anchor", &head]).await;
    assert_eq!((&verified["first"], &verified["last"], &verified["anchored"]), (&json!(1), &json!(9), &json!(9)));
    let before = audit["entries"][6]["digest"].as_str().unwrap();
    let part = folder.path().join("part.ndjson").to_string_lossy().into_owned();
    assert_eq!(hub.run(&["audit", "export", "--since", "4", "--out", &part]).await.code, 0);
    let cut = alone.run(&["audit", "verify", &part, "--anchor", before]).await;
    assert_eq!(cut.code, 4, "a part is no whole audit, unless it is meant: {}", cut.stdout);
    assert!(cut.stderr.contains("entry 1 (line 1) is missing: the file begins with entry 4"), "{}", cut.stderr);
    assert!(cut.stderr.contains("`--since 4`"), "{}", cut.stderr);
    let verified = alone.json(&["audit", "verify", &part, "--anchor", before, "--since", "4"]).await;
    assert_eq!(
        (&verified["first"], &verified["anchored"], &verified["before"]),
        (&json!(4), &json!(3), &json!(before))
    );
    assert_eq!((&verified["last"], &verified["after_anchor"]), (&json!(9), &json!(6)));

    // What it tells goes together, as a whole and from any entry on.
    let replayed = alone.json(&["audit", "replay", &path]).await;
    let numbers = ["first", "last", "lowest_snapshot", "highest_snapshot", "asked", "not_understood"];
    assert_eq!(numbers.map(|name| replayed[name].as_u64().unwrap()), [1, 9, 1, 1, 8, 0], "{replayed}");
    assert_eq!(alone.run(&["audit", "replay", &part, "--since", "4"]).await.code, 0);

    // A byte, an entry, an order, an end.
    let lines: Vec<_> = file.split_inclusive('\n').collect();
    for (altered, named) in [
        (file.replacen("a freeze", "a frieze", 1), "entry 3 (line 3) was altered"),
        ([&lines[..4], &lines[5..]].concat().concat(), "entry 5 (line 5) is missing: entry 6 is in its place"),
        ([&lines[..1], &[lines[2], lines[1]], &lines[3..]].concat().concat(), "entry 2 (line 2) is missing: entry 3"),
        (lines[..6].concat(), "line 7 is missing: the file ends after entry 6"),
    ] {
        let path = folder.path().join("altered.ndjson").to_string_lossy().into_owned();
        std::fs::write(&path, altered).unwrap();
        let found = alone.run(&["audit", "verify", &path]).await;
        assert_eq!(found.code, 4, "{}", found.stdout);
        assert!(found.stderr.contains(named), "{}", found.stderr);
        assert_eq!(alone.run(&["audit", "replay", &path]).await.code, 4, "nothing is told of what was altered");
    }

    // The pin is taken out, and all that follows is written again, with digests that belong
    // together.
    let rewritten = folder.path().join("rewritten.ndjson").to_string_lossy().into_owned();
    std::fs::write(&rewritten, without_the_entry(7, &lines)).unwrap();
    assert_eq!(alone.run(&["audit", "verify", &rewritten]).await.code, 0, "the lines belong together");
    let found = alone.run(&["audit", "replay", &rewritten]).await;
    assert_eq!(found.code, 4, "{}", found.stdout);
    let contradiction = "entry 7 ends a pin of the fleet, and no entry before it began one";
    assert!(found.stderr.contains(contradiction) && found.stderr.contains("E1625"), "{}", found.stderr);
}

/// An exported audit without one entry, written again by somebody who may write into the table.
fn without_the_entry(number: usize, lines: &[&str]) -> String {
    let entries = lines[..lines.len() - 1].iter().map(|line| serde_json::from_str::<Entry>(line).unwrap());
    let kept = entries.enumerate().filter(|(at, _)| at + 1 != number).map(|(_, entry)| entry.event);
    file(&chained(kept), 1)
}

#[tokio::test]
async fn an_entry_that_was_altered_in_the_table_is_named_by_the_export() {
    let scene = busy_hub().await;
    let table = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    let key = format!("entry#{MANAGEMENT}#{:020}", 3);
    let call = table.get_item().table_name("SyncTimestamps").key("organization", text("hub#audit"));
    let mut item: HashMap<_, _> = call.key("item", text(&key)).send().await.unwrap().item.unwrap();
    let entry = item["entry"].as_s().unwrap().replace("a freeze", "a breeze");
    item.insert("entry".to_owned(), text(&entry));
    table.put_item().table_name("SyncTimestamps").set_item(Some(item)).send().await.unwrap();
    let exported = scene.hub.run(&["audit", "export"]).await;
    assert_eq!((exported.code, exported.stdout.lines().count()), (4, 10), "{}", exported.stderr);
    assert!(exported.stderr.contains("entry 3 (line 3) was altered"), "{}", exported.stderr);
}

/// The hub's agent writes down what the members' receipts say.
#[tokio::test]
async fn what_the_receipts_came_to_is_written_down_by_schedule() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    for _ in 0..2 {
        let run = scene.hub.run(&["run", "--stop-after", "3s"]).await;
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    let audit = scene.hub.json(&["audit"]).await;
    assert_eq!(actions(&audit), ["publish", "receipts"], "the second run saw nothing new");
    let receipts = &audit["entries"][0];
    let changed = receipts["changed"].as_array().unwrap();
    assert_eq!(receipts["receipts"], changed.len());
    assert!(
        changed.iter().all(|it| it["organization"] == ALPHA && (it["applied"] == 1 || it["status"] == "skipped")),
        "{receipts}"
    );
}

#[tokio::test]
async fn without_the_audit_a_person_does_nothing_and_what_failed_is_said() {
    // Protocol A9.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    // The head of the audit is no head any more.
    let table = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    let put = |item: &str| {
        let call = table.put_item().table_name("SyncTimestamps").item("organization", text("hub#audit"));
        call.item("item", text(item))
    };
    put(&format!("head#{MANAGEMENT}")).item("number", text("damaged")).send().await.unwrap();
    let pin = scene.hub.run(&["pin", "1", "--reason", "an audit"]).await;
    assert_eq!(pin.code, 1);
    assert!(pin.stderr.contains("nothing was done, because it cannot be written into the audit"), "{}", pin.stderr);
    let directions = scene.hub.json(&["directions"]).await;
    assert_eq!(directions["directions"], json!([]));
}

const WAVES: &str = r#"
[[waves]]
name = "canary"
soak = "1h"
organizations = ["o-alpha00000"]
[[waves]]
name = "all"
share = 100
"#;

#[tokio::test]
async fn waves_and_settings_stand_in_the_audit_once() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let hub = scene.hub.with(&[
        ("PMP_WAVES", WAVES),
        ("PMP_MEMBER_ORGANIZATIONS", ALPHA),
        ("PMP_CHANGE_WINDOWS", "daily 00:00-23:59 UTC"),
    ]);
    hub.json(&["publish"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    hub.json(&["publish"]).await;
    for command in [
        &["pause", "--wave", "canary", "--until", "2h", "--reason", "a freeze"][..],
        &["resume", "--wave", "canary", "--reason", "it is over"],
        &["halt", "--reason", "a vendor called"],
        &["promote", "--reason", "it was a misunderstanding"],
    ] {
        let finished = hub.run(command).await;
        assert_eq!(finished.code, 0, "{command:?}: {}", finished.stderr);
    }
    let refused = hub.run(&["promote", "1", "--reason", "no"]).await;
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let audit = hub.json(&["audit"]).await;
    let expected = [
        "publish", "publish", "settings", "publish", "waves", "pause", "resume", "halt", "promote", "waves", "promote",
        "failed",
    ];
    assert_eq!(actions(&audit), expected);
    let entry = |number: usize| &audit["entries"][expected.len() - number];
    let settings = entry(3);
    assert_eq!(
        (&settings["waves"], &settings["change_windows"]),
        (&json!(["canary", "all"]), &json!("daily 00:00-23:59 UTC"))
    );
    assert_eq!((&entry(5)["version"], &entry(5)["steps"]), (&json!(2), &json!([{"step": "enter", "wave": "canary"}])));
    assert_eq!((&entry(6)["organizations"], &entry(6)["wave"]), (&json!([ALPHA]), &json!("canary")));
    assert_eq!((&entry(8)["version"], &entry(8)["reason"]), (&json!(2), &json!("a vendor called")));
    let by_hand = &entry(10)["steps"][0];
    assert_eq!(
        (&by_hand["wave"], &by_hand["promoted_by"]),
        (&json!("all"), &json!(format!("arn:aws:iam::{HUB}:root")))
    );
    assert_eq!(entry(12)["entry"], 11);
}

/// Whom the settings admit decides whose receipts count, as `members admit` does.
#[tokio::test]
async fn whom_the_settings_admit_stands_in_the_audit() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let run = async |members: &str| {
        let hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", members)]);
        assert_eq!(hub.run(&["run", "--stop-after", "3s"]).await.code, 0);
    };
    run(&format!("{ALPHA},o-beta000000")).await;
    run(&format!("{ALPHA},o-beta000000")).await;
    // What a person's command was given admits nobody for the hub.
    scene.hub.json(&["publish"]).await;
    run("o-beta000000").await;
    let audit = scene.hub.json(&["audit"]).await;
    assert_eq!(actions(&audit), ["publish", "settings", "publish", "settings"]);
    let (first, last) = (&audit["entries"][2], &audit["entries"][0]);
    assert_eq!((&first["admitted"], &first["no_longer_admitted"]), (&json!([ALPHA, "o-beta000000"]), &Value::Null));
    assert_eq!((&last["admitted"], &last["no_longer_admitted"]), (&Value::Null, &json!([ALPHA])));
    let told = scene.hub.run(&["audit", "-o", "wide"]).await.stdout;
    assert!(told.contains(&format!("admitted: {ALPHA} and 1 more; ")), "{told}");
    assert!(told.contains(&format!("no longer admitted: {ALPHA}; ")), "{told}");
}

/// By schedule, in a fleet in which nothing changed.
#[tokio::test]
async fn a_run_without_news_writes_nothing_into_the_audit() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.hub.run(&["run", "--stop-after", "3s"]).await.code, 0);
    let tap = Tap::open(&scene.endpoint()).await;
    let hub = scene.hub.with(&[("AWS_ENDPOINT_URL_DYNAMODB", tap.endpoint())]);
    assert_eq!(hub.run(&["run", "--stop-after", "3s"]).await.code, 0);
    let of_audit: Vec<_> = tap.record().into_iter().filter(|call| call_is_about_the_audit(&call.asked)).collect();
    let operations: Vec<_> = of_audit.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(operations, ["GetItem", "GetItem"], "its head, and the fingerprints of receipts");
}

fn call_is_about_the_audit(asked: &[u8]) -> bool {
    String::from_utf8_lossy(asked).contains("hub#audit")
}
