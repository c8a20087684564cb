//! The way of a snapshot into the member experiences.

use pmp_local_aws::world::{Experience, Organization, ProcurementPolicy};
use pmp_tests::{
    ALPHA, ALPHA_ARCHIVED, ALPHA_DEV, ALPHA_DISABLED, ALPHA_PROD, Lists, MANAGEMENT, Scene, Tap, World,
    hub_organization, world,
};
use serde_json::{Value, json};

use crate::confirming::two_thirds_to_remove;

fn states(states: &[(&str, &str)]) -> Vec<(String, String)> {
    states.iter().map(|(experience, state)| ((*experience).to_owned(), (*state).to_owned())).collect()
}

#[tokio::test]
async fn a_first_sync_brings_every_live_experience_into_step_and_says_so() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    let synced = scene.spoke.run(&["sync"]).await;
    assert_eq!(synced.code, 0, "{}", synced.stderr);
    assert!(synced.stdout.ends_with("2 of 2 member experiences in sync with snapshot 1\n"), "{}", synced.stdout);

    let expected = Lists::new(&["prod-a", "prod-b"], &["prod-x"]);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, expected);
    let skipped = "SKIPPED";
    let expected =
        [(ALPHA_DEV, "SYNCED"), (ALPHA_DISABLED, skipped), (ALPHA_ARCHIVED, skipped), (ALPHA_PROD, "SYNCED")];
    let mut expected = states(&expected);
    expected.sort();
    assert_eq!(scene.states().await, expected);
}

#[tokio::test]
async fn a_pass_with_nothing_to_do_says_so_and_the_organization_sees_how_it_stands() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    let none = scene.spoke.run(&["status", "--check"]).await;
    assert_eq!(none.code, 4, "{none:?}");
    assert!(
        none.stdout.ends_with("No pass has been made yet.\n") && none.stderr.contains("pmp-spoke sync"),
        "{none:?}"
    );

    let row = |table: &str, experience: &str| {
        let row = table.lines().find(|line| line.starts_with(experience)).unwrap_or_else(|| panic!("{table}"));
        row.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let first = scene.spoke.run(&["sync"]).await;
    assert_eq!(row(&first.stdout, ALPHA_PROD)[1..], ["in-sync", "2", "1", "0", "0"]);
    let again = scene.spoke.run(&["sync"]).await;
    assert_eq!(row(&again.stdout, ALPHA_PROD)[1..], ["in-sync", "0", "0", "0", "0", "nothing", "to", "do"]);
    // The receipt keeps the numbers of the pass that did it.
    let receipts = scene.spoke.json(&["sync"]).await["receipts"].as_array().unwrap().clone();
    let receipt = receipts.iter().find(|receipt| receipt["member_experience"] == ALPHA_PROD).unwrap();
    assert_eq!((&receipt["allowed"], &receipt["denied"]), (&json!(2), &json!(1)));

    let stands = scene.spoke.run(&["status", "--check"]).await;
    assert_eq!(stands.code, 0, "{stands:?}");
    assert!(stands.stdout.starts_with(&format!("{ALPHA}, as the ledger has it: current snapshot 1 (")), "{stands:?}");
    assert_eq!(row(&stands.stdout, ALPHA_PROD)[1..3], ["in-sync", "1"]);
    assert!(stands.stdout.ends_with("2 of 2 member experiences in sync with snapshot 1\n"), "{stands:?}");
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    let behind = scene.spoke.run(&["status"]).await;
    assert!(behind.stdout.contains("snapshot 2 was taken") && behind.stdout.contains("0 of 2 member"), "{behind:?}");
}

#[tokio::test]
async fn a_delta_is_applied_in_as_few_change_sets_as_aws_permits() {
    let ids: Vec<String> = (0..120).map(|n| format!("prod-{n:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let scene = Scene::start(world(&ids[..60], &[])).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.change_sets().await, 2);

    // 60 more are approved, 10 of the first are rejected: 60 allows and 10 denials are two change
    // sets.
    for batch in ids[60..].chunks(50) {
        scene.hub_account.approve(MANAGEMENT, batch).await;
    }
    scene.hub_account.reject(MANAGEMENT, &ids[..10]).await;
    let published = scene.hub.json(&["publish"]).await;
    assert_eq!(published["published"]["version"], 2);

    let planned = spoke.run(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(planned.code, 2, "{}", planned.stderr);
    assert!(planned.stdout.contains("60 to allow, 10 to deny"), "{}", planned.stdout);
    assert!(planned.stdout.contains("- deny   prod-0000"), "{}", planned.stdout);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.change_sets().await, 4);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&ids[10..], &ids[..10]));
}

#[tokio::test]
async fn nothing_to_do_starts_no_change_set() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let before = scene.alpha_account.change_sets().await;

    let planned = scene.spoke.run(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(planned.code, 0, "{}", planned.stdout);
    assert!(planned.stdout.ends_with("No changes. Every live experience matches snapshot 1.\n"));
    let again = scene.spoke.json(&["sync"]).await;
    assert_eq!(scene.alpha_account.change_sets().await, before);
    // The numbers stay those of the sync that brought it there.
    let prod = again["receipts"].as_array().unwrap().iter().find(|row| row["member_experience"] == ALPHA_PROD);
    assert_eq!((&prod.unwrap()["allowed"], &prod.unwrap()["status"]), (&json!(1), &json!("in-sync")));

    let announced = scene.hub.run(&["publish"]).await;
    assert!(announced.stdout.starts_with("No changes. Announced snapshot 1 "), "{}", announced.stdout);
}

/// A world in which alpha has `count` live experiences, and nothing is left to do.
fn all_in_step(count: usize) -> World {
    let experience = |n: usize| {
        let policy = ProcurementPolicy::new(&format!("policy-{n:03}")).approving(["prod-a"]).rejecting(["prod-x"]);
        Experience::new(&format!("exp-{n:03}"), "One of many").with_policy(policy)
    };
    let mut world = world(&["prod-a"], &["prod-x"]);
    let account = world.organizations[1].management_account.clone();
    let alpha =
        (0..count).map(experience).fold(Organization::new(ALPHA, "Alpha", &account), Organization::with_experience);
    world.organizations = vec![hub_organization(&["prod-a"], &["prod-x"]), alpha];
    world
}

#[tokio::test]
async fn nothing_to_do_takes_few_calls_to_the_catalog_however_many_experiences_there_are() {
    // A page of ListEntities holds 50.
    for (experiences, pages) in [(3, 1), (60, 2), (101, 3)] {
        let scene = Scene::start(all_in_step(experiences)).await;
        scene.hub.json(&["publish"]).await;
        let line = Tap::open(&scene.endpoint()).await;
        let spoke = scene.spoke.with(&[("AWS_ENDPOINT_URL_MARKETPLACE_CATALOG", line.endpoint())]);
        assert_eq!(spoke.run(&["sync"]).await.code, 0);
        let calls = line.calls();
        let most = 1 + pages + 2 * experiences.div_ceil(20);
        assert!(calls.len() <= most, "{} calls, {most} permitted: {calls:?}", calls.len());
        assert!(!calls.contains(&"StartChangeSet".to_owned()));
    }
}

/// All members fetch at once, from one partition of the hub's table.
#[tokio::test]
async fn a_snapshot_is_fetched_by_the_read_that_costs_half() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let line = Tap::open(&scene.endpoint()).await;
    let spoke = scene.spoke.with(&[("AWS_ENDPOINT_URL_DYNAMODB", line.endpoint())]);
    assert_eq!(spoke.run(&["plan"]).await.code, 0);
    let asked = line.record().into_iter().filter(|call| call.operation == "Query").map(|call| call.asked);
    let asked = asked.map(|body| serde_json::from_slice::<Value>(&body).unwrap());
    let of_chunks =
        |query: &Value| query["ExpressionAttributeValues"][":from"]["S"].as_str().unwrap_or("").starts_with('v');
    let consistent: Vec<_> = asked.filter(of_chunks).map(|query| query["ConsistentRead"].clone()).collect();
    assert_eq!(consistent, [json!(false)]);
}

const MISNAMED: &str = "MEMBER_EXPERIENCE_IDS names it, and it does not exist, or is not shared with this account";

#[tokio::test]
async fn only_the_named_experiences_are_kept_in_step_and_what_is_wrong_with_one_stops_no_other() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let named = format!("{ALPHA_PROD}, {ALPHA_DISABLED},exp-does-not-exist");
    let spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", &named)]);
    let synced = spoke.run(&["sync", "-o", "json"]).await;
    assert_eq!(synced.code, 1, "an id that names nothing is a mistake: {}", synced.stderr);
    let receipts = serde_json::from_str::<Value>(&synced.stdout).unwrap()["receipts"].clone();
    let told: Vec<_> =
        receipts.as_array().unwrap().iter().map(|row| (row["status"].clone(), row["error"].clone())).collect();
    assert_eq!(
        told,
        [
            (json!("skipped"), json!("the experience is disabled")),
            (json!("in-sync"), json!(null)),
            (json!("failed"), json!(MISNAMED)),
        ]
    );
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::default());
}

#[tokio::test]
async fn an_experience_that_is_no_longer_kept_in_step_does_not_look_as_if_it_lagged() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]).run(&["sync"]).await.code, 0);
    let state = |experience: &str, state: &str| (experience.to_owned(), state.to_owned());
    let states = scene.states().await;
    assert!(states.contains(&state(ALPHA_PROD, "SYNCED")), "{states:?}");
    assert!(states.contains(&state(ALPHA_DEV, "SKIPPED")), "{states:?}");
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&["prod-a"], &[]));
}

#[tokio::test]
async fn disabled_and_archived_experiences_are_left_alone() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_DISABLED).await, Lists::default());
    assert_eq!(scene.alpha_account.lists(ALPHA_ARCHIVED).await, Lists::default());
}

#[tokio::test]
async fn a_product_that_the_catalog_refuses_is_quarantined_and_all_others_are_applied() {
    let mut world = world(&["prod-a", "prod-poison"], &[]);
    world.poison_products.insert("prod-poison".into());
    // Development has the product already: there it is not asked for.
    let development = world.organizations[1].experiences.iter_mut().find(|experience| experience.id == ALPHA_DEV);
    development.unwrap().policy.as_mut().unwrap().approved.push("prod-poison".into());
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let synced = scene.spoke.run(&["sync", "-o", "json"]).await;
    assert_eq!(synced.code, 1);
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&["prod-a", "prod-poison"], &[]));
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    let receipts: Value = serde_json::from_str(&synced.stdout).unwrap();
    let receipt =
        receipts["receipts"].as_array().unwrap().iter().find(|r| r["member_experience"] == ALPHA_PROD).unwrap();
    assert_eq!((&receipt["status"], &receipt["pending"]), (&json!("partial"), &json!(0)));
    assert_eq!(receipt["quarantined"][0]["product"], "prod-poison");
    assert!(receipt["quarantined"][0]["error"].as_str().unwrap().starts_with("ENTITY_NOT_FOUND"), "{receipt}");
    let checked = scene.hub.run(&["status", "--check"]).await;
    assert_eq!(checked.code, 4);
    assert!(checked.stdout.contains("ERROR"), "{}", checked.stdout);
    assert!(checked.stdout.contains("set aside"), "{}", checked.stdout);
}

#[tokio::test]
async fn a_snapshot_that_would_remove_too_much_is_held_until_exactly_it_is_confirmed() {
    let scene = two_thirds_to_remove().await;
    let held = scene.spoke.run(&["sync"]).await;
    assert_eq!(held.code, 3, "{}", held.stderr);
    assert!(held.stdout.contains("it would remove 2 of 3 approved products (66%, limit 50%)"), "{}", held.stdout);
    assert_eq!(scene.alpha_account.change_sets().await, 0);
    assert_eq!(scene.spoke.run(&["plan"]).await.code, 3);

    let other = scene.spoke.run(&["sync", "--confirm", "2"]).await;
    assert!(other.code == 1 && other.stderr.contains("code: E5026"), "{}", other.stderr);
    assert_eq!(scene.spoke.run(&["sync", "--confirm", "1"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &["prod-b", "prod-c"]));
}

#[tokio::test]
async fn local_drift_is_healed() {
    let scene = Scene::start(world(&["prod-a", "prod-b", "prod-c"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene.alpha_account.reject(ALPHA_PROD, &["prod-a"]).await;
    scene.alpha_account.approve(ALPHA_PROD, &["prod-local"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let expected = Lists::new(&["prod-a", "prod-b", "prod-c"], &["prod-local"]);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
}
