//! A spoke that only observes: it tells what it would change, and changes nothing until it is told
//! to apply.

use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, Lists, Program, Scene, eventually, world};
use serde_json::{Value, json};

use crate::confirming::two_thirds_to_remove;

fn observer(scene: &Scene) -> Program {
    scene.spoke.with(&[("PMP_MODE", "observe")])
}

async fn state(scene: &Scene, experience: &str) -> String {
    let states = scene.states().await;
    states.into_iter().find(|(id, _)| id == experience).map_or_else(String::new, |(_, state)| state)
}

#[tokio::test]
async fn an_observing_spoke_tells_what_would_change_and_changes_nothing() {
    // Protocol R11.
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    let observed = observer(&scene).run(&["sync"]).await;
    assert_eq!(observed.code, 0, "{observed:?}");
    assert!(observed.stdout.contains("would allow 2 and deny 1 product"), "{observed:?}");
    assert!(
        observed.stdout.ends_with("0 of 2 member experiences in sync with snapshot 1; observed: 2 would change\n"),
        "{observed:?}"
    );
    assert_eq!(scene.alpha_account.change_sets().await, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::default());

    // The hub shows it as what it is: no trouble, nothing to wait for, and nothing applied.
    assert_eq!(state(&scene, ALPHA_PROD).await, "WOULD_CHANGE");
    let screen = scene.hub.run(&["status"]).await.stdout;
    assert!(screen.lines().any(|line| line.starts_with("WOULD_CHANGE")), "{screen}");
    let status = scene.hub.json(&["status", "--check"]).await;
    let row = status["spokes"].as_array().unwrap().iter().find(|row| row["member_experience"] == ALPHA_PROD).unwrap();
    assert_eq!(row["receipt"]["would_change"], json!({"allow": 2, "deny": 1}));
    // What an earlier hub reads: a status that it knows, with the reason.
    assert_eq!(row["receipt"]["status"], "skipped");
    assert!(row["receipt"]["applied"].is_null() && row["applied"].is_null(), "{row}");
    let table = scene.hub.run(&["status"]).await.stdout;
    assert!(table.contains("2 would change"), "{table}");
    // Nobody waits for it, and nobody is told that it has the snapshot.
    let waited = scene.hub.run(&["wait", "--timeout", "1s", "-o", "json"]).await;
    assert_eq!(waited.code, 4, "{waited:?}");
    let waited: Value = serde_json::from_str(&waited.stdout).unwrap();
    assert_eq!(
        (&waited["everywhere"], waited["not_waited_for"].as_array().unwrap().len()),
        (&json!(false), 2),
        "{waited}"
    );
    let nowhere = scene.hub.run(&["wait", "--timeout", "1s"]).await;
    assert!(nowhere.stdout.contains("all 2 member experiences are pinned, paused or only observed"), "{nowhere:?}");
    // Its record says what it would decide.
    let why = scene.hub.json(&["why", "prod-a", "--org", ALPHA]).await;
    let told = why["experiences"][0]["why"].as_str().unwrap();
    assert!(told.contains("its spoke only observed snapshot 1, which would make it approved"), "{why}");

    // What changes meanwhile is observed as well, and so is what somebody brings into step by hand.
    scene.alpha_account.approve(ALPHA_DEV, &["prod-a", "prod-b"]).await;
    scene.alpha_account.reject(ALPHA_DEV, &["prod-x"]).await;
    let again = observer(&scene).json(&["sync"]).await;
    let receipt = again["receipts"].as_array().unwrap().iter().find(|it| it["member_experience"] == ALPHA_DEV).unwrap();
    assert_eq!((&receipt["status"], &receipt["would_change"]), (&json!("in-sync"), &json!({"allow": 0, "deny": 0})));

    // Doctor says so, and the setting is checked.
    let doctor = observer(&scene).run(&["doctor"]).await;
    assert!(doctor.stdout.contains("observe: it tells what would change"), "{doctor:?}");
    let wrong = scene.spoke.with(&[("PMP_MODE", "watch")]).run(&["sync"]).await;
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(
        wrong.stderr.contains("PMP_MODE") && wrong.stderr.contains("`watch` is neither `apply` nor `observe`"),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn to_graduate_is_one_setting_and_needs_no_message() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    let agent = observer(&scene).start(&["run"]);
    eventually("it is observed", &"WOULD_CHANGE".to_owned(), async || state(&scene, ALPHA_PROD).await).await;
    let (code, log) = agent.stop().await;
    assert_eq!(code, 0, "{log}");
    assert_eq!(scene.alpha_account.change_sets().await, 0, "{log}");

    let agent = scene.spoke.start(&["run"]);
    eventually("it is applied", &"SYNCED".to_owned(), async || state(&scene, ALPHA_PROD).await).await;
    agent.stop().await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &["prod-x"]));
    let receipts = scene.spoke.json(&["sync"]).await;
    assert!(receipts["receipts"].as_array().unwrap().iter().all(|it| it.get("would_change").is_none()), "{receipts}");
}

#[tokio::test]
async fn a_guard_rail_holds_while_observing_and_says_how_much_would_change() {
    let scene = two_thirds_to_remove().await;
    let observed = observer(&scene).run(&["sync", "-o", "json"]).await;
    assert_eq!(observed.code, 3, "{observed:?}");
    let told: Value = serde_json::from_str(&observed.stdout).unwrap();
    let receipt = told["receipts"].as_array().unwrap().iter().find(|it| it["member_experience"] == ALPHA_PROD).unwrap();
    assert_eq!((&receipt["status"], &receipt["would_change"]), (&json!("held"), &json!({"allow": 0, "deny": 2})));
    assert_eq!(state(&scene, ALPHA_PROD).await, "HELD");
    // Confirmed, it is still observed alone.
    assert_eq!(scene.hub.run(&["confirm", ALPHA, "1"]).await.code, 0);
    assert_eq!(observer(&scene).run(&["sync"]).await.code, 0);
    assert_eq!(state(&scene, ALPHA_PROD).await, "WOULD_CHANGE");
    assert_eq!(scene.alpha_account.change_sets().await, 0);
}
