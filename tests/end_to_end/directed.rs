//! What is told of pins, pauses and waves where things are not as they usually are: tampered with,
//! taken back, not obeyed yet.

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_tests::{ALPHA, ALPHA_PROD, Lists, MANAGEMENT, Program, Scene, world};
use serde_json::{Value, json};

use crate::doctor::Checkup;
use crate::signatures::{another_key, key_pair};
use crate::steering::{BETA, BETA_PROD, delete, item, put, text, two_organizations};
use crate::waves::{THREE, taken_back};

#[tokio::test]
async fn doctor_fails_where_a_direction_is_not_the_hubs_own() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let (key, _) = key_pair(folder.path());
    let hub = scene.hub.with(&[("PMP_SIGNING_KEY", &format!("file:{}", key.display()))]);
    let other = scene.hub.with(&[("PMP_SIGNING_KEY", &format!("file:{}", another_key(folder.path()).display()))]);
    hub.json(&["publish"]).await;
    hub.json(&["pause", "--org", ALPHA, "--until", "2h", "--reason", "their audit", "--no-announce"]).await;
    hub.json(&["pause", "--all", "--until", "2h", "--reason", "a freeze", "--no-announce"]).await;
    Checkup::of(&hub).await.expect_ok("directions", "o-alpha00000 is paused until ");

    let fix = "pmp-hub directions --sign";
    // Where the spoke reads it, where the hub lists it, and the fleet's.
    let (direction, copy) = (format!("direction#{MANAGEMENT}"), format!("directed#{MANAGEMENT}#{ALPHA}"));
    let (own, of_alpha) = (format!("hub#{ALPHA}"), "`o-alpha00000`");
    let as_read = "where its spoke reads it, ";
    let places = [
        (own.as_str(), direction.as_str(), of_alpha, as_read),
        ("hub#directed", copy.as_str(), of_alpha, ""),
        ("hub#heads", direction.as_str(), "the fleet", ""),
    ];
    for (partition, key, whose, place) in places {
        let genuine = item(&scene, partition, key).await.unwrap();
        let told = |problem: &str| format!("what is directed for {whose} is not this hub's word: {place}{problem}");
        let mut unsigned = genuine.clone();
        unsigned.remove("statement");
        put(&scene, unsigned).await;
        Checkup::of(&hub).await.expect("directions", "failed", &told("it is not signed"), fix);
        let mut beside = genuine.clone();
        beside.insert("reason".to_owned(), text("forged"));
        put(&scene, beside).await;
        let problem = "its statement cannot be read: it says something else than what stands beside it";
        Checkup::of(&hub).await.expect("directions", "failed", &told(problem), fix);
        let listed = hub.json(&["directions"]).await.to_string();
        assert!(listed.contains(&format!("{place}{problem}")), "{listed}");
        put(&scene, genuine).await;
    }
    let problem = "what is directed for the fleet is not this hub's word: it is signed by a key that is not trusted";
    Checkup::of(&other).await.expect("directions", "failed", problem, fix);
    // What was directed once, and lies in one place alone.
    let genuine = item(&scene, &own, &direction).await.unwrap();
    delete(&scene, &own, &direction).await;
    let gone = "what is directed for `o-alpha00000` is not this hub's word: where its spoke reads it, it is gone";
    Checkup::of(&hub).await.expect("directions", "failed", gone, fix);
    put(&scene, genuine).await;
    Checkup::of(&hub).await.expect_ok("directions", "the fleet is paused until ");
    // A hub that does not sign believes the ledger.
    Checkup::of(&scene.hub).await.expect_ok("directions", "the fleet is paused until ");
}

/// The exit of a command that may fail, and what it prints as JSON.
async fn json_of(program: &Program, arguments: &[&str]) -> (i32, Value) {
    let finished = program.run(&[arguments, &["-o", "json"]].concat()).await;
    (finished.code, serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}")))
}

#[tokio::test]
async fn what_was_taken_back_is_planned_and_waited_for_as_what_it_is() {
    let fleet = taken_back(THREE).await;
    let kept_off =
        "snapshot 2 was taken back, and the management experience says the same: nothing of this is published";
    let plan = fleet.hub.run(&["plan"]).await;
    assert!(plan.stderr.contains(&format!("hint: {kept_off}")), "{}", plan.stderr);
    assert!(plan.stderr.contains("`pmp-hub promote 2`"), "{}", plan.stderr);
    let plan = fleet.hub.json(&["plan"]).await;
    assert!(plan["not_published"].as_str().unwrap().starts_with(kept_off), "{plan}");

    // Alpha did not go back yet. The others had the content all the time, under its old number.
    let early = json_of(&fleet.hub, &["wait", "--timeout", "1s"]).await;
    assert_eq!((early.0, &early.1["version"], &early.1["everywhere"]), (4, &json!(3), &json!(false)));
    let missing: Vec<_> = early.1["missing"].as_array().unwrap().iter().map(|row| &row["organization"]).collect();
    assert_eq!(missing, [ALPHA]);
    assert_eq!(fleet.alpha.run(&["sync"]).await.code, 0);
    let there = fleet.hub.run(&["wait", "--timeout", "1s"]).await;
    assert_eq!((there.code, there.stdout.as_str()), (0, "Snapshot 3 is everywhere.\n"), "{there:?}");
    let back = fleet.hub.run(&["wait", "2"]).await;
    assert_eq!(back.code, 4, "{back:?}");
    assert!(back.stderr.contains("snapshot 2 was stopped in the waves, and taken back"), "{}", back.stderr);

    // Let through again, it is what is planned.
    fleet.hub.json(&["promote", "2", "--reason", "the cause was elsewhere"]).await;
    assert_eq!(fleet.hub.json(&["plan"]).await["not_published"], Value::Null);
}

#[tokio::test]
async fn a_version_that_was_taken_back_everywhere_is_nowhere() {
    let all = "max_failures = 0\n[[waves]]\nname = \"all\"\nshare = 100\n";
    let fleet = taken_back(all).await;
    for spoke in [&fleet.alpha, &fleet.beta, &fleet.gamma] {
        spoke.run(&["sync"]).await;
    }
    let (code, waited) = json_of(&fleet.hub, &["wait", "2"]).await;
    assert_eq!((code, &waited["everywhere"]), (4, &json!(false)), "{waited}");
    let told = fleet.hub.run(&["wait", "2"]).await.stdout;
    assert_eq!(told, "Snapshot 2 is nowhere: it was taken back.\n");
    assert_eq!(fleet.hub.run(&["wait"]).await.code, 0);
}

#[tokio::test]
async fn a_reason_is_told_in_whole_and_what_ended_is_not_in_force() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let reason = "a vendor called, and asked for the list of last week until the contract is signed ".repeat(3);
    let reason = reason.trim();
    assert_eq!(scene.hub.run(&["pause", "--all", "--until", "2h", "--reason", reason]).await.code, 0);
    for columns in ["60", "80", "200"] {
        let hub = scene.hub.with(&[("COLUMNS", columns), ("PMP_MEMBER_ORGANIZATIONS", ALPHA)]);
        let status = hub.run(&["status"]).await;
        let flat = status.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(reason) && flat.contains("paused until "), "{columns}: {}", status.stdout);
        assert!(!flat.contains("arn:"), "{}", status.stdout);
    }
    let shown = scene.hub.run(&["directions"]).await;
    assert!(shown.stdout.ends_with("\n1 shown\n"), "{shown:?}");
    scene.hub.json(&["resume", "--all", "--reason", "it was signed"]).await;
    let nothing = scene.hub.run(&["directions"]).await;
    assert_eq!(nothing.stdout, "Nothing is pinned or paused now.\n");
    let all = scene.hub.run(&["directions", "--all"]).await;
    assert!(all.stdout.contains("nothing") && all.stdout.contains("it was signed"), "{all:?}");
}

#[tokio::test]
async fn whoever_is_pinned_is_not_waited_for_and_does_not_count_as_there() {
    let (scene, beta) = two_organizations().await;
    scene.hub.json(&["publish"]).await;
    for spoke in [&scene.spoke, &beta] {
        assert_eq!(spoke.run(&["sync"]).await.code, 0);
    }
    scene.hub_account.approve(MANAGEMENT, &["prod-new"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(beta.run(&["sync"]).await.code, 0);
    // Beta never hears of its pin, and alpha follows.
    scene.hub.json(&["pin", "1", "--org", BETA, "--reason", "their audit", "--no-announce"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-newer"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let told = scene.hub.run(&["wait", "--timeout", "1s"]).await;
    assert_eq!(told.code, 0, "{told:?}");
    assert_eq!(
        told.stdout,
        "Snapshot 3 is everywhere, except in 1 member experience that is pinned, paused or only observed.\n"
    );
    let (code, document) = json_of(&scene.hub, &["wait", "--timeout", "1s"]).await;
    let left_out = document["not_waited_for"].as_array().unwrap();
    assert_eq!((code, left_out.len(), &left_out[0]["member_experience"]), (0, 1, &json!(BETA_PROD)), "{document}");
    // It has that one already.
    let older = scene.hub.json(&["wait", "1"]).await;
    assert_eq!((&older["everywhere"], &older["not_waited_for"]), (&json!(true), &json!([])), "{older}");

    // Nobody is left who follows it.
    scene.hub.json(&["pin", "1", "--org", ALPHA, "--reason", "their audit", "--no-announce"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let nobody = scene.hub.run(&["wait"]).await;
    assert_eq!(nobody.code, 4, "{nobody:?}");
    assert_eq!(nobody.stdout, "Snapshot 3 is nowhere: all 3 member experiences are pinned, paused or only observed.\n");
}

#[tokio::test]
async fn a_run_that_ends_waves_says_that_it_lets_go_what_was_taken_back() {
    let fleet = taken_back(THREE).await;
    let without = fleet.hub.with(&[("PMP_WAVES", "none")]);
    let told = "PMP_WAVES is `none`: with the next run, snapshot 2, which was taken back, is published again";
    Checkup::of(&without).await.expect("waves", "warning", told, "correct the management experience first");
    let ended = without.run(&["publish"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let said = "Waves are switched off: this is the content of snapshot 2, which was taken back.";
    assert!(ended.stdout.contains(said), "{}", ended.stdout);
    assert!(ended.stderr.contains("what was taken back as snapshot 2 is for everybody"), "{}", ended.stderr);
}

#[tokio::test]
async fn programs_learn_that_what_was_taken_back_is_published() {
    let fleet = taken_back(THREE).await;
    let without = fleet.hub.with(&[("PMP_WAVES", "none")]);
    let ended = without.json(&["publish"]).await;
    assert_eq!((&ended["published"]["version"], &ended["published"]["taken_back"]), (&json!(4), &json!(2)), "{ended}");
    let again = without.json(&["publish"]).await;
    assert_eq!(again["published"]["taken_back"], Value::Null, "it was told: {again}");
    // Mended before, nothing is to be said.
    let mended = taken_back(THREE).await;
    mended.scene.hub_account.reject(MANAGEMENT, &["prod-bad"]).await;
    let ended = mended.hub.with(&[("PMP_WAVES", "none")]).json(&["publish"]).await;
    assert_eq!((&ended["published"]["version"], &ended["published"]["taken_back"]), (&json!(4), &Value::Null));
}

#[tokio::test]
async fn a_pause_says_what_it_takes_the_place_of() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let pause = async |whom: &[&str], until: &str, more: &[&str]| {
        let asked = [&["pause", "--until", until, "--no-announce"], whom, more].concat();
        let finished = scene.hub.run(&asked).await;
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.stdout
    };
    let (first, second) = ("2099-01-01T00:00:00Z", "2h");
    let long = scene.hub.run(&["pause", "--all", "--until", first, "--reason", "x"]).await;
    assert_eq!(long.code, 1, "at most 30 days");
    let told = pause(&["--all"], "20d", &["--reason", "a freeze"]).await;
    assert!(told.starts_with("Paused the fleet until ") && !told.contains("instead of"), "{told}");
    let told = pause(&["--all"], second, &["--reason", "a shorter one"]).await;
    let by = " by arn:aws:iam::111111111111:root: a freeze).\n";
    assert!(told.contains(" instead of ") && told.contains(by), "{told}");
    let told = pause(&["--all"], "3h", &["--reason", "again", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&told).unwrap();
    let replaced = document["replaced"].as_array().unwrap();
    assert_eq!((replaced.len(), &replaced[0]["member"]), (1, &Value::Null), "{document}");
    assert_eq!(replaced[0]["pause"]["reason"], "a shorter one");
    // One that was ended, or that never was, is none.
    scene.hub.json(&["resume", "--all", "--reason", "over", "--no-announce"]).await;
    for whom in [&["--all"][..], &["--org", ALPHA]] {
        let told = pause(whom, second, &["--reason", "anew", "-o", "json"]).await;
        let document: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(document["replaced"], json!([]));
    }
}

#[tokio::test]
async fn a_hold_that_cannot_be_read_is_replaced_by_the_member() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    scene.spoke.json(&["hold", "--until", "2h", "--reason", "an audit"]).await;
    let key = format!("hold#{MANAGEMENT}");
    let garbage = async |until: AttributeValue| {
        let mut held = item(&scene, ALPHA, &key).await.unwrap();
        held.insert("until".to_owned(), until);
        put(&scene, held).await;
        let refused = scene.spoke.run(&["sync"]).await;
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains("cannot be read"), "{}", refused.stderr);
    };
    garbage(text("soon")).await;
    let held = scene.spoke.json(&["hold", "--until", "1h", "--reason", "a new one"]).await;
    assert_eq!(held["hold"]["reason"], "a new one");
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3, "it holds");
    garbage(AttributeValue::Bool(true)).await;
    let released = scene.spoke.run(&["unhold"]).await;
    assert_eq!(released.code, 0, "{released:?}");
    assert!(released.stdout.starts_with("o-alpha00000 holds no longer."), "{}", released.stdout);
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
}

#[tokio::test]
async fn why_and_drift_tell_what_a_pause_keeps_back() {
    let (scene, beta) = two_organizations().await;
    scene.hub.json(&["publish"]).await;
    for spoke in [&scene.spoke, &beta] {
        assert_eq!(spoke.run(&["sync"]).await.code, 0);
    }
    scene.hub.json(&["pause", "--org", ALPHA, "--until", "2h", "--reason", "a freeze", "--no-announce"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-new"]).await;
    scene.hub.json(&["publish"]).await;
    let why = async |member: &str| {
        let told = scene.hub.json(&["why", "prod-new"]).await;
        let rows = told["experiences"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["member_experience"] == member).unwrap()
    };
    // Before its spoke looks, and after.
    let told = why(ALPHA_PROD).await;
    let message = told["why"].as_str().unwrap();
    assert_eq!(told["stance"], "NOT_YET", "{told}");
    assert!(
        message.starts_with("paused until ") && message.contains(": a freeze: that keeps back snapshot 2"),
        "{told}"
    );
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    let told = why(ALPHA_PROD).await;
    assert!(told["why"].as_str().unwrap().starts_with("paused until "), "{told}");

    // Healing waits for the end of the pause, and does not after it.
    scene.alpha_account.reject(ALPHA_PROD, &["prod-a"]).await;
    scene.hub.json(&["resume", "--org", ALPHA, "--reason", "over", "--no-announce"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let drift = async || scene.hub.json(&["drift"]).await["drift"][0].clone();
    assert_eq!(drift().await["waits"], Value::Null);
    scene.alpha_account.reject(ALPHA_PROD, &["prod-a"]).await;
    scene.hub.json(&["pause", "--org", ALPHA, "--until", "2h", "--reason", "a freeze", "--no-announce"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    let told = drift().await;
    assert!(told["waits"].as_str().unwrap_or_default().starts_with("paused until "), "{told}");
    let table = scene.hub.run(&["drift"]).await.stdout;
    assert!(
        table.contains("  waits  ") && table.ends_with("0 left as others set them, 1 waits, 0 healed\n"),
        "{table}"
    );

    // One that is pinned, and does not know it yet.
    assert_eq!(beta.run(&["sync"]).await.code, 0);
    scene.hub.json(&["pin", "1", "--org", BETA, "--reason", "their audit", "--no-announce"]).await;
    let told = why(BETA_PROD).await;
    assert_eq!(told["stance"], "NOT_YET", "{told}");
    let message = told["why"].as_str().unwrap();
    assert!(
        message.starts_with("pinned to 1 by ") && message.ends_with(", and not applied yet; until then approved"),
        "{told}"
    );
}
