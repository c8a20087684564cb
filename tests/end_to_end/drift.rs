//! Edits of others: noticed, told with who it was as far as AWS tells, and healed or only reported.

use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, Finished, Lists, MANAGEMENT, Program, Scene, Tap, world};
use serde_json::{Value, json};

use crate::doctor::Checkup;

/// A scene in which both experiences of alpha are in step with a first snapshot.
async fn in_step() -> Scene {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene
}

async fn receipt(spoke: &Program, experience: &str) -> Value {
    let finished: Finished = spoke.run(&["sync", "-o", "json"]).await;
    let told: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"));
    let receipts = told["receipts"].as_array().unwrap();
    receipts.iter().find(|it| it["member_experience"] == experience).cloned().unwrap()
}

async fn row(scene: &Scene, experience: &str) -> Value {
    let status = scene.hub.json(&["status"]).await;
    status["spokes"].as_array().unwrap().iter().find(|it| it["member_experience"] == experience).cloned().unwrap()
}

/// However many change sets of others there were: one call lists them, and one describes the
/// newest.
#[tokio::test]
async fn who_edited_an_experience_takes_two_calls_for_each_edited_one() {
    let scene = in_step().await;
    for product in ["prod-1", "prod-2", "prod-3"] {
        scene.alpha_account.approve(ALPHA_PROD, &[product]).await;
        scene.alpha_account.approve(ALPHA_DEV, &[product]).await;
    }
    let tap = Tap::open(&scene.endpoint()).await;
    let catalog = [("AWS_ENDPOINT_URL_MARKETPLACE_CATALOG", tap.endpoint()), ("PMP_DRIFT", "report")];
    let told = receipt(&scene.spoke.with(&catalog), ALPHA_PROD).await;
    assert_eq!(told["drift"]["by"].as_array().unwrap().len(), 3, "{told}");
    let calls = tap.record();
    let count = |operation: &str| calls.iter().filter(|call| call.operation.contains(operation)).count();
    // Nothing was started, so nothing else describes a change set.
    assert_eq!((count("ListChangeSets"), count("DescribeChangeSet"), count("StartChangeSet")), (2, 2, 0));
}

#[tokio::test]
async fn what_others_changed_is_healed_and_told_with_the_account_and_the_change_set() {
    let scene = in_step().await;
    scene.alpha_account.approve(ALPHA_PROD, &["prod-forbidden"]).await;
    scene.alpha_account.reject(ALPHA_PROD, &["prod-a"]).await;
    let healed = receipt(&scene.spoke, ALPHA_PROD).await;
    assert_eq!(healed["status"], "in-sync", "{healed}");
    let drift = &healed["drift"];
    assert_eq!((&drift["handling"], &drift["products"], &drift["times"]), (&json!("heal"), &json!(2), &json!(1)));
    let edited = json!([{"product": "prod-a", "now": "rejected"}, {"product": "prod-forbidden", "now": "approved"}]);
    assert_eq!(drift["edited"], edited);
    let by = drift["by"].as_array().unwrap();
    assert_eq!(by.len(), 2, "{drift}");
    assert!(by.iter().all(|set| set["account"] == "222222222222" && set["id"].is_string()), "{drift}");
    assert_eq!(
        scene.alpha_account.lists(ALPHA_PROD).await,
        Lists::new(&["prod-a", "prod-b"], &["prod-forbidden", "prod-x"])
    );
    // Nobody touched the other one, and the next pass finds nothing new.
    let untouched = receipt(&scene.spoke, ALPHA_DEV).await;
    assert!(untouched.get("drift").is_none(), "{untouched}");
    assert_eq!(receipt(&scene.spoke, ALPHA_PROD).await["drift"], *drift);

    // Which products it was stands in the wide table.
    let wide = scene.hub.run(&["drift", "-o", "wide"]).await.stdout;
    assert!(wide.contains("prod-a, prod-forbidden"), "{wide}");
    // The hub shows it over the fleet.
    let fleet = scene.hub.json(&["drift"]).await;
    let rows = fleet["drift"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{fleet}");
    assert_eq!((&rows[0]["organization"], &rows[0]["member_experience"]), (&json!(ALPHA), &json!(ALPHA_PROD)));
    assert_eq!(rows[0]["drift"], *drift);
    let table = scene.hub.run(&["drift"]).await;
    assert_eq!(table.code, 0, "{table:?}");
    assert!(table.stdout.contains("222222222222") && table.stdout.contains("heal"), "{table:?}");
    assert_eq!(row(&scene, ALPHA_PROD).await["state"], "SYNCED");
    // The same filters as those of `status` and `log`.
    for (filter, rows) in [
        (["--org", ALPHA], 1),
        (["--experience", ALPHA_PROD], 1),
        (["--experience", ALPHA_DEV], 0),
        (["--since", "1h"], 1),
        (["--since", "2099-01-01T00:00:00Z"], 0),
    ] {
        let told = scene.hub.json(&[&["drift"][..], &filter].concat()).await;
        assert_eq!(told["drift"].as_array().unwrap().len(), rows, "{filter:?}: {told}");
    }
    let unknown = scene.hub.run(&["drift", "--org", "o-nobody0000"]).await;
    assert!(unknown.code == 1 && unknown.stderr.contains("the hub knows nothing of"), "{unknown:?}");
    let none = scene.hub.run(&["drift", "--experience", ALPHA_DEV]).await;
    assert!(none.stdout.starts_with("No spoke tells of an experience that others changed there"), "{none:?}");
}

#[tokio::test]
async fn what_is_only_reported_stays_while_all_else_follows_the_hub() {
    let scene = in_step().await;
    let rules = format!(r#"[{{"experiences":["{ALPHA_PROD}"],"drift":"report"}}]"#);
    // What is taken away here is not to be held.
    let free = scene.spoke.with(&[("PMP_MAX_REMOVED_PERCENT", "100")]);
    let spoke = free.with(&[("PMP_DRIFT", &rules)]);
    for experience in [ALPHA_PROD, ALPHA_DEV] {
        scene.alpha_account.approve(experience, &["prod-own"]).await;
    }
    let planned = spoke.run(&["plan"]).await;
    assert!(
        planned.stdout.contains("! leave  prod-own") && planned.stdout.contains("- deny   prod-own"),
        "{planned:?}"
    );
    let reported = receipt(&spoke, ALPHA_PROD).await;
    assert_eq!((&reported["status"], &reported["pending"]), (&json!("partial"), &json!(1)), "{reported}");
    assert_eq!(reported["drift"]["handling"], "report");
    assert!(reported["error"].as_str().unwrap().starts_with("left as somebody else set them: 1 product, by account"));
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a", "prod-b", "prod-own"], &["prod-x"]));
    // The rule names one experience; the other is healed.
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&["prod-a", "prod-b"], &["prod-own", "prod-x"]));
    assert_eq!(row(&scene, ALPHA_PROD).await["state"], "DRIFTED");
    // It is there, and `status --check` fails all the same: `wait` says why.
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 4);
    let waited = scene.hub.run(&["wait"]).await;
    let told = "Snapshot 1 is everywhere, but 1 experience has drifted: `pmp-hub status` says more.\n";
    assert_eq!((waited.code, waited.stdout.as_str()), (0, told), "{waited:?}");

    // A later snapshot is applied but for that product; and what others edit besides is told, too.
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub_account.reject(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    let later = receipt(&spoke, ALPHA_PROD).await;
    assert_eq!((&later["status"], &later["version"]), (&json!("partial"), &json!(2)), "{later}");
    let expected = Lists::new(&["prod-a", "prod-c", "prod-own"], &["prod-b", "prod-x"]);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    scene.alpha_account.reject(ALPHA_PROD, &["prod-a"]).await;
    let both = receipt(&spoke, ALPHA_PROD).await;
    assert_eq!((&both["drift"]["products"], &both["drift"]["times"]), (&json!(2), &json!(2)), "{both}");
    let before = scene.alpha_account.change_sets().await;
    assert_eq!(receipt(&spoke, ALPHA_PROD).await["drift"]["edited"], both["drift"]["edited"]);
    assert_eq!(scene.alpha_account.change_sets().await, before);

    // Without the setting, all of it is healed.
    let healed = receipt(&free, ALPHA_PROD).await;
    assert_eq!(healed["status"], "in-sync", "{healed}");
    let expected = Lists::new(&["prod-a", "prod-c"], &["prod-b", "prod-own", "prod-x"]);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    assert_eq!(row(&scene, ALPHA_PROD).await["state"], "SYNCED");
}

#[tokio::test]
async fn an_edit_and_a_new_snapshot_at_once_are_told_apart() {
    let scene = in_step().await;
    let spoke = scene.spoke.with(&[("PMP_DRIFT", "report")]);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    scene.alpha_account.approve(ALPHA_PROD, &["prod-own"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    let reported = receipt(&spoke, ALPHA_PROD).await;
    assert_eq!(reported["drift"]["edited"], json!([{"product": "prod-own", "now": "approved"}]), "{reported}");
    // What is asked about the product is answered by what is there, and by whom it was set.
    for question in [&["why", "prod-own"][..], &["why", "prod-own", "--org", ALPHA]] {
        let why = scene.hub.json(question).await;
        let rows = why["experiences"].as_array().unwrap();
        let told = rows.iter().find(|it| it["member_experience"] == ALPHA_PROD).unwrap();
        assert_eq!((&told["stance"], &told["approved"]), (&json!("DRIFTED"), &json!(true)), "{told}");
        assert!(
            told["why"].as_str().unwrap().starts_with("somebody else set it: approved; hub and filter say"),
            "{told}"
        );
    }
    let expected = Lists::new(&["prod-a", "prod-b", "prod-c", "prod-own"], &["prod-x"]);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    let wrong = scene.spoke.with(&[("PMP_DRIFT", "leave")]).run(&["sync"]).await;
    assert!(wrong.code == 1 && wrong.stderr.contains("PMP_DRIFT"), "{wrong:?}");
}

/// Both are applied in one pass, and what was healed is told for all that: with who it was, and
/// without what the hub moved.
#[tokio::test]
async fn an_edit_that_is_healed_together_with_a_new_snapshot_is_told() {
    let scene = in_step().await;
    scene.alpha_account.approve(ALPHA_PROD, &["prod-own"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    let healed = receipt(&scene.spoke, ALPHA_PROD).await;
    assert_eq!((&healed["status"], &healed["version"]), (&json!("in-sync"), &json!(2)), "{healed}");
    let drift = &healed["drift"];
    assert_eq!((&drift["handling"], &drift["products"], &drift["times"]), (&json!("heal"), &json!(1), &json!(1)));
    assert_eq!(drift["edited"], json!([{"product": "prod-own", "now": "approved"}]), "{healed}");
    assert_eq!(drift["by"][0]["account"], "222222222222", "{healed}");
    let expected = Lists::new(&["prod-a", "prod-b", "prod-c"], &["prod-own", "prod-x"]);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    // Whoever was not touched has nothing to tell, and neither has a product that is rejected once
    // more.
    assert!(receipt(&scene.spoke, ALPHA_DEV).await.get("drift").is_none());
    scene.alpha_account.reject(ALPHA_DEV, &["prod-nowhere"]).await;
    assert!(receipt(&scene.spoke, ALPHA_DEV).await.get("drift").is_none());
}

/// All of it happens within a minute, by which the catalog's clock may be behind.
#[tokio::test]
async fn only_who_edited_since_the_last_pass_is_named() {
    let scene = in_step().await;
    scene.alpha_account.approve(ALPHA_PROD, &["prod-old"]).await;
    assert_eq!(receipt(&scene.spoke, ALPHA_PROD).await["drift"]["by"].as_array().unwrap().len(), 1);
    // A snapshot that asks for what is there already: its receipt names no change set.
    scene.hub_account.reject(MANAGEMENT, &["prod-old"]).await;
    scene.hub.json(&["publish"]).await;
    let quiet = receipt(&scene.spoke, ALPHA_PROD).await;
    assert_eq!((&quiet["version"], quiet.get("change_sets")), (&json!(2), None), "{quiet}");
    let before = scene.alpha_account.change_sets().await;
    scene.alpha_account.approve(ALPHA_PROD, &["prod-own"]).await;
    let spoke = scene.spoke.with(&[("PMP_DRIFT", "report")]);
    let reported = receipt(&spoke, ALPHA_PROD).await;
    assert_eq!(scene.alpha_account.change_sets().await, before + 1);
    let by = reported["drift"]["by"].as_array().unwrap();
    assert_eq!(by.len(), 1, "{reported}");
    assert!(by[0].get("name").is_none_or(|name| !name.as_str().unwrap().starts_with("pmp-sync")), "{reported}");
    assert!(!reported["error"].as_str().unwrap().contains("earlier"), "{reported}");
    // A second edit is named beside the first, which is still left.
    scene.alpha_account.reject(ALPHA_PROD, &["prod-a"]).await;
    let both = receipt(&spoke, ALPHA_PROD).await;
    assert_eq!(both["drift"]["by"].as_array().unwrap().len(), 2, "{both}");
    assert_eq!(both["drift"]["by"][1], by[0], "{both}");

    // A pass that changed nothing does not count again what one before it changed for this
    // snapshot.
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    receipt(&spoke, ALPHA_PROD).await;
    scene.alpha_account.reject(ALPHA_PROD, &["prod-b"]).await;
    receipt(&spoke, ALPHA_PROD).await;
    let log = scene.hub.run(&["log", ALPHA, "--experience", ALPHA_PROD, "--all"]).await.stdout;
    let of_third: Vec<_> = log.lines().filter(|line| line.contains("   3   ")).collect();
    assert_eq!(of_third.len(), 2, "{log}");
    assert!(of_third[1].contains("1 allowed") && of_third[1].contains("1 change set"), "{log}");
    assert!(!of_third[0].contains("1 allowed") && !of_third[0].contains("change set,"), "{log}");
}

#[tokio::test]
async fn doctor_leaves_an_edit_to_whoever_decides_about_it() {
    let scene = in_step().await;
    scene.alpha_account.approve(ALPHA_PROD, &["prod-own"]).await;
    let spoke = scene.spoke.with(&[("PMP_DRIFT", "report")]);
    assert_eq!(receipt(&spoke, ALPHA_PROD).await["status"], "partial");
    for program in [&spoke, &scene.spoke] {
        let checkup = Checkup::of(program).await;
        let detail = "left as somebody else set them: 1 product";
        checkup.expect("sign-of-life", "warning", detail, "decide with the person who changed it (`pmp-hub drift`)");
        checkup.expect("sign-of-life", "warning", detail, "PMP_DRIFT=heal");
        assert_eq!(checkup.commands(), [""; 0], "it would undo what a person did, or change nothing");
    }
}

/// What the hub never approved is not what a guard rail protects.
#[tokio::test]
async fn what_is_taken_back_from_others_holds_no_later_plan() {
    let scene = in_step().await;
    scene.alpha_account.approve(ALPHA_PROD, &["prod-y", "prod-z"]).await;
    let healed = receipt(&scene.spoke, ALPHA_PROD).await;
    assert_eq!((&healed["status"], &healed["denied"]), (&json!("in-sync"), &json!(2)), "{healed}");
    scene.hub_account.reject(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    let later = receipt(&scene.spoke, ALPHA_PROD).await;
    assert_eq!((&later["status"], &later["version"]), (&json!("in-sync"), &json!(2)), "{later}");
    // What the hub approved counts as ever: two of two, one after the other.
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    receipt(&scene.spoke, ALPHA_PROD).await;
    scene.hub_account.reject(MANAGEMENT, &["prod-a"]).await;
    scene.hub.json(&["publish"]).await;
    let held = receipt(&scene.spoke, ALPHA_PROD).await;
    assert_eq!(held["status"], "held", "{held}");
}
