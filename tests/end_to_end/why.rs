//! Why a product is approved, or not: `why`, and the record that it rests on; `log`, of one
//! organization.

use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_local_aws::world::Product;
use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, MANAGEMENT, Program, Scene, World, world};
use serde_json::{Value, json};

use crate::confirming::two_thirds_to_remove;

/// Five products are approved, of which the catalog does not know one, and one is rejected. Two
/// have names.
fn six_products() -> World {
    let named = |id: &str, name: &str| Product {
        id: id.to_owned(),
        name: name.to_owned(),
        manufacturer: "Example Security".to_owned(),
        categories: vec!["Security".to_owned()],
        ..Product::default()
    };
    let mut world = world(&["prod-a", "prod-b", "prod-c", "prod-d", "prod-poison"], &["prod-x"]);
    world.products = vec![named("prod-a", "Port Scanner"), named("prod-b", "Port Knocker")];
    world.poison_products.insert("prod-poison".into());
    world
}

fn excluding(scene: &Scene, id: &str) -> Program {
    scene.spoke_with_filter(Path::new("exclude-ids"), &json!({"ids": [id], "reason": "not here"}).to_string())
}

/// A scene with names, in which alpha's filter excludes prod-b.
async fn decided() -> (Scene, Program, Program) {
    let scene = Scene::start(six_products()).await;
    let hub = scene.hub.with(&[("PMP_PRODUCT_ATTRIBUTES", "true")]);
    hub.json(&["publish"]).await;
    let spoke = excluding(&scene, "prod-b");
    // One product is set aside.
    assert_eq!(spoke.run(&["sync"]).await.code, 1);
    (scene, hub, spoke)
}

/// The stances of a product in both experiences of alpha, and why.
async fn stances(hub: &Program, arguments: &[&str]) -> Vec<(String, String)> {
    let why = hub.json(&[&["why"][..], arguments].concat()).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    // Alpha has a disabled and an archived experience besides.
    let managed = why["experiences"].as_array().unwrap().iter().filter(|row| row["stance"] != "SKIPPED");
    managed.map(|row| (text(&row["stance"]), text(&row["why"]))).collect()
}

/// What both experiences say alike.
async fn stance(hub: &Program, arguments: &[&str]) -> (String, String) {
    let found = stances(hub, arguments).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0], found[1]);
    found[0].clone()
}

fn fits_a_screen(text: &str) {
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.len() <= 24 && lines.iter().all(|line| line.chars().count() <= 80), "{text}");
}

#[tokio::test]
async fn every_kind_of_answer_has_its_reason() {
    let (scene, hub, spoke) = decided().await;
    assert_eq!(stance(&hub, &["prod-a"]).await, ("APPROVED".into(), String::new()));
    let (filtered, why) = stance(&hub, &["prod-b"]).await;
    assert_eq!(filtered, "FILTERED");
    assert!(why.starts_with("`exclude-ids@") && why.ends_with("`: not here"), "{why}");
    let (aside, why) = stance(&hub, &["prod-poison"]).await;
    assert_eq!(aside, "SET_ASIDE");
    assert!(why.starts_with("ENTITY_NOT_FOUND"), "{why}");
    assert_eq!(stance(&hub, &["prod-x"]).await.0, "REJECTED");
    assert_eq!(stance(&hub, &["prod-nowhere"]).await.0, "NOT_LISTED");

    // By its name; and what looks like it is asked for.
    let named = hub.on_a_screen().run(&["why", "port scanner"]).await;
    assert_eq!(named.stdout.lines().next().unwrap(), "Port Scanner · Example Security (prod-a)", "{}", named.stderr);
    assert_eq!(named.stdout.lines().last().unwrap(), "approved in 2, skipped in 2");
    fits_a_screen(&named.stdout);
    let mistyped = hub.run(&["why", "prod-poisom"]).await;
    assert_eq!(mistyped.code, 0);
    assert!(mistyped.stderr.contains("did you mean prod-poison?"), "{}", mistyped.stderr);
    let unclear = hub.run(&["why", "the port"]).await;
    assert_eq!(unclear.code, 1);
    let unclear = hub.run(&["why", "Port Kno"]).await;
    assert!(unclear.stderr.contains("did you mean Port Knocker · Example Security (prod-b)?"), "{}", unclear.stderr);

    // The lists of a snapshot have the names, too.
    let shown = hub.on_a_screen().run(&["show"]).await.stdout;
    let row = shown.lines().find(|line| line.starts_with("prod-b ")).unwrap();
    assert!(row.contains("Port Knocker · Example Security"), "{shown}");
    fits_a_screen(&shown);
    let known = json!({"id": "prod-a", "name": "Port Scanner", "vendor": "Example Security"});
    assert_eq!(hub.json(&["show"]).await["names"][0], known);
    assert_eq!(hub.json(&["diff"]).await["names"], json!([]));

    // A snapshot that is not there yet; then another filter.
    scene.hub_account.approve(MANAGEMENT, &["prod-late"]).await;
    hub.json(&["publish"]).await;
    let (late, why) = stance(&hub, &["prod-late"]).await;
    assert_eq!((late.as_str(), why.as_str()), ("NOT_YET", "snapshot 2 is not applied yet; until then not listed"));
    assert_eq!(stance(&hub, &["prod-a"]).await.0, "APPROVED", "nothing was said of it");
    let again = excluding(&scene, "prod-a");
    assert_eq!(again.run(&["sync"]).await.code, 1);
    for (product, before, after) in [
        ("prod-a", "APPROVED", "FILTERED"),
        ("prod-b", "FILTERED", "APPROVED"),
        ("prod-late", "NOT_LISTED", "APPROVED"),
        ("prod-poison", "SET_ASIDE", "SET_ASIDE"),
        ("prod-x", "REJECTED", "REJECTED"),
    ] {
        assert_eq!(stance(&hub, &[product, "--at", "1"]).await.0, before, "{product} by snapshot 1");
        assert_eq!(stance(&hub, &[product, "--at", "2"]).await.0, after, "{product} by snapshot 2");
        assert_eq!(stance(&hub, &[product]).await.0, after, "{product} now");
    }
    let table = hub.run(&["why", "prod-a", "--at", "1"]).await;
    assert!(table.stdout.contains("by snapshot 1 ("), "{}", table.stdout);
    let never = hub.run(&["why", "prod-a", "--at", "7"]).await;
    assert!(never.stderr.contains("the ledger has no snapshot 7: the newest is 2"), "{}", never.stderr);
    let before = hub.run(&["why", "prod-a", "--at", "2020-01-01"]).await;
    assert!(before.stderr.contains("no snapshot is kept from 2020-01-01 00:00:00Z or before"), "{}", before.stderr);
    drop(spoke);
}

/// The steps in one experience, each with whose view it is.
fn chain(why: &Value, member: &str) -> Vec<(String, String, String)> {
    let row = why["experiences"].as_array().unwrap().iter().find(|row| row["member_experience"] == member).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let steps = row["chain"].as_array().unwrap().iter();
    steps.map(|step| (text(&step["view"]), text(&step["step"]), text(&step["what"]))).collect()
}

#[tokio::test]
async fn in_one_organization_the_whole_chain_is_told() {
    let (scene, hub, spoke) = decided().await;
    let why = hub.json(&["why", "prod-b", "--org", ALPHA]).await;
    let product = json!({"id": "prod-b", "name": "Port Knocker", "vendor": "Example Security"});
    assert_eq!((&why["product"], &why["snapshot"]["listed"]), (&product, &json!("approved")));
    let steps = chain(&why, ALPHA_PROD);
    let order: Vec<_> = steps.iter().map(|(view, step, _)| (view.as_str(), step.as_str())).collect();
    assert_eq!(
        order,
        [
            ("hub", "management"),
            ("hub", "snapshot"),
            ("member", "filter"),
            ("member", "plan"),
            ("member", "change set"),
            ("member", "receipt")
        ]
    );
    assert!(steps[2].2.starts_with("filtered by `exclude-ids@"), "{steps:?}");
    assert_eq!(steps[3].2, "not approved since snapshot 1, or before");
    assert_eq!(steps[4].2, "not known which one", "it was never approved there, so no change set named it");
    assert_eq!(steps[5].2, "partial at 1; the ledger confirms it");

    // It is filtered where it was approved: the plan that did so is told, and later ones had
    // nothing to do.
    scene.hub_account.approve(MANAGEMENT, &["prod-late"]).await;
    hub.json(&["publish"]).await;
    let changed = excluding(&scene, "prod-a");
    assert_eq!(changed.run(&["sync"]).await.code, 1);
    let steps = chain(&hub.json(&["why", "prod-a", "--org", ALPHA]).await, ALPHA_DEV);
    assert_eq!((steps[3].2.as_str(), steps[5].2.as_str()), ("deny", "partial at 2; the ledger confirms it"));
    assert!(steps[4].2.ends_with("1 denied"), "{steps:?}");
    let steps = chain(&hub.json(&["why", "prod-a", "--org", ALPHA, "--at", "1"]).await, ALPHA_DEV);
    assert!(steps[2].2.starts_with("kept by `exclude-ids@"), "{steps:?}");
    assert!(steps[5].2.starts_with("partial at 1"), "{steps:?}");

    let told = hub.on_a_screen().run(&["why", "prod-a", "--org", ALPHA]).await;
    fits_a_screen(&told.stdout);
    assert!(told.stdout.contains(&format!("{ALPHA_PROD}   FILTERED   `exclude-ids@")), "{}", told.stdout);
    let one = hub.json(&["why", "prod-a", "--org", ALPHA, "--experience", ALPHA_PROD]).await;
    assert_eq!(one["experiences"].as_array().unwrap().len(), 1);
    let stranger = hub.run(&["why", "prod-a", "--org", "o-stranger00"]).await;
    assert_eq!(stranger.code, 1);
    assert!(stranger.stderr.contains("nothing is known of `o-stranger00`"), "{}", stranger.stderr);
    drop(spoke);
}

#[tokio::test]
async fn what_a_guard_rail_holds_is_told_with_what_is_in_force_until_then() {
    let scene = two_thirds_to_remove().await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    let (held, why) = stance(&scene.hub, &["prod-b"]).await;
    assert_eq!(held, "HELD");
    assert_eq!(why, "a guard rail holds snapshot 1, which would make it not listed; until then nothing is in force");
    scene.hub.run(&["confirm", ALPHA, "1"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(stance(&scene.hub, &["prod-b"]).await.0, "NOT_LISTED");

    // Two of three again, this time over what this system brought there.
    scene.hub_account.approve(MANAGEMENT, &["prod-c", "prod-d"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene.hub_account.reject(MANAGEMENT, &["prod-c", "prod-d"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    let (held, why) = stance(&scene.hub, &["prod-c"]).await;
    assert_eq!(held, "HELD");
    assert_eq!(why, "a guard rail holds snapshot 3, which would make it rejected; until then approved");
    assert_eq!(stance(&scene.hub, &["prod-a"]).await.0, "APPROVED", "whatever is held, this stays");
    assert_eq!(stance(&scene.hub, &["prod-c", "--at", "2"]).await.0, "APPROVED");
}

/// How often each journal was written, and how many outcomes are kept.
async fn written(scene: &Scene) -> (Vec<String>, usize) {
    let client = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    let call = client.query().table_name("SyncTimestamps").key_condition_expression("organization = :o");
    let call = call.expression_attribute_values(":o", AttributeValue::S(ALPHA.to_owned()));
    let items = call.send().await.unwrap().items.unwrap();
    let key = |item: &std::collections::HashMap<String, AttributeValue>| item["item"].as_s().unwrap().clone();
    let records: Vec<_> =
        items.iter().filter(|item| key(item).starts_with("decided#") || key(item).starts_with("done#")).collect();
    let now = jiff::Timestamp::now().as_second();
    for record in &records {
        let days = (record["expires_at"].as_n().unwrap().parse::<i64>().unwrap() - now) / 86_400;
        assert!((399..=400).contains(&days), "{days}");
    }
    let journals = records.iter().filter_map(|item| item.get("revision"));
    let journals: Vec<_> = journals.map(|revision| revision.as_n().unwrap().clone()).collect();
    // The disabled and the archived experience have one each, which says so.
    let outcomes = records.len() - journals.len() - 2;
    (journals, outcomes)
}

#[tokio::test]
async fn a_pass_without_change_writes_nothing_of_the_record_and_log_tells_what_came_newest_first() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &[])).await;
    scene.hub.json(&["publish"]).await;
    for _ in 0..3 {
        assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
        assert_eq!(written(&scene).await, (vec!["1".to_owned(), "1".to_owned()], 2));
    }
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(written(&scene).await, (vec!["2".to_owned(), "2".to_owned()], 4));

    let log = scene.hub.json(&["log", ALPHA]).await;
    let rows = log["outcomes"].as_array().unwrap();
    let rows: Vec<_> = rows.iter().filter(|row| row["status"] != "skipped").collect();
    let told: Vec<_> =
        rows.iter().map(|row| (&row["version"], &row["status"], &row["allowed"], &row["disputed"])).collect();
    let (one, two, synced, null) = (json!(1), json!(2), json!("in-sync"), Value::Null);
    assert_eq!(
        told,
        [
            (&two, &synced, &one, &null),
            (&two, &synced, &one, &null),
            (&one, &synced, &two, &null),
            (&one, &synced, &two, &null)
        ]
    );
    assert_eq!(rows[0]["change_set_ids"].as_array().unwrap().len(), 1);
    let only = scene.hub.json(&["log", ALPHA, "--experience", ALPHA_DEV]).await;
    let only: Vec<_> =
        only["outcomes"].as_array().unwrap().iter().map(|row| row["member_experience"].clone()).collect();
    assert_eq!(only, [json!(ALPHA_DEV), json!(ALPHA_DEV)]);
    assert_eq!(scene.hub.json(&["log", ALPHA, "--since", "2100-01-01"]).await["outcomes"], json!([]));
    let table = scene.hub.on_a_screen().run(&["log", ALPHA]).await;
    fits_a_screen(&table.stdout);
    assert!(table.stdout.ends_with("6 outcomes, as the member's spoke reported\n"), "{}", table.stdout);
    let nobody = scene.hub.run(&["log", "o-stranger00"]).await;
    // A mistyped organization must not look like one that is well.
    assert_eq!(nobody.code, 1);
    assert!(nobody.stderr.starts_with("error: nothing is known of `o-stranger00`"), "{}", nobody.stderr);
}

#[tokio::test]
async fn how_much_is_kept_is_a_setting() {
    let scene = Scene::start(world(&["prod-0"], &[])).await;
    let spoke = scene.spoke.with(&[("PMP_KEEP_DECISIONS", "2"), ("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    scene.hub.json(&["publish"]).await;
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    for number in 1..=3 {
        scene.hub_account.approve(MANAGEMENT, &[format!("prod-{number}").as_str()]).await;
        scene.hub.json(&["publish"]).await;
        assert_eq!(spoke.run(&["sync"]).await.code, 0);
    }
    let at = async |version: &str| stances(&scene.hub, &["prod-2", "--at", version]).await[0].clone();
    assert_eq!(at("4").await.0, "APPROVED");
    assert_eq!(at("3").await.0, "APPROVED");
    assert_eq!(at("2").await, ("UNKNOWN".to_owned(), "no decision is kept from then or before".to_owned()));
    let wrong = scene.spoke.with(&[("PMP_KEEP_DECISIONS", "0"), ("PMP_KEEP_DECISIONS_FOR", "90m")]);
    let wrong = wrong.run(&["sync"]).await;
    assert!(wrong.stderr.contains("(PMP_KEEP_DECISIONS): `0` is not a whole number from 1 to 200"), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("(PMP_KEEP_DECISIONS_FOR): shorter than 24h"), "{}", wrong.stderr);
}

/// It gave a sign of life, and no receipt: it is no stranger, and the hub knows why.
#[tokio::test]
async fn a_member_whose_passes_all_fail_is_told_with_its_error() {
    let mut scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", ALPHA)]);
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.with(&[("PMP_FILTER", "/no/such/filter.wasm")]).run(&["sync"]).await.code, 1);
    let chain = scene.hub.run(&["why", "prod-a", "--org", ALPHA]).await;
    assert!(chain.code == 0 && chain.stdout.contains("its last pass failed: "), "{chain:?}");
    let fleet = scene.hub.json(&["why", "prod-a"]).await;
    assert_eq!(fleet["experiences"][0]["stance"], "ERROR", "{fleet}");
    let log = scene.hub.run(&["log", ALPHA]).await;
    assert!(
        log.stdout.starts_with(&format!("No sync of {ALPHA} came to a receipt yet; its last pass failed: ")),
        "{log:?}"
    );
}

#[tokio::test]
async fn the_pin_of_the_fleet_stands_above_the_answer() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    scene.hub_account.reject(MANAGEMENT, &["prod-a"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.hub.run(&["pin", "1", "--reason", "not yet"]).await.code, 0);
    let told = scene.hub.run(&["why", "prod-a"]).await.stdout;
    assert!(told.contains("the fleet is pinned to the content of snapshot 1, by root"), "{told}");
}

/// What another filter did at the same snapshot is not told of the change sets before it.
#[tokio::test]
async fn a_change_set_that_is_older_than_the_plan_did_not_carry_it_out() {
    let (scene, hub, _) = decided().await;
    let log = hub.json(&["log", ALPHA, "--experience", ALPHA_PROD]).await;
    let before = log["outcomes"][0]["change_set_ids"].as_array().unwrap().clone();
    assert!(!before.is_empty(), "{log}");
    // Decisions have their times in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(excluding(&scene, "prod-a").run(&["sync"]).await.code, 1);
    for (product, plan) in [("prod-a", "deny"), ("prod-b", "allow")] {
        let steps = chain(&hub.json(&["why", product, "--org", ALPHA]).await, ALPHA_PROD);
        assert_eq!(steps[3].2, plan, "{steps:?}");
        assert!(steps[4].2.ends_with(", 1 allowed, 1 denied") && !steps[4].2.contains("one of"), "{steps:?}");
        assert!(before.iter().all(|id| !steps[4].2.contains(id.as_str().unwrap())), "{before:?}: {steps:?}");
    }
    // It is as it was before the first plan, or that plan did it: nobody knows.
    let steps = chain(&hub.json(&["why", "prod-x", "--org", ALPHA]).await, ALPHA_PROD);
    assert_eq!(
        (steps[3].2.as_str(), steps[4].2.as_str()),
        ("not approved since snapshot 1, or before", "not known which one")
    );
}

/// A product that a row of the answer knows is not one that is not known.
#[tokio::test]
async fn nobody_is_asked_what_was_meant_of_a_product_that_somebody_set() {
    let scene = Scene::start(world(&["prod-scanner"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke.with(&[("PMP_DRIFT", "report")]);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    let asked = scene.hub.run(&["why", "prod-scaner"]).await;
    assert!(asked.stderr.contains("hint: no product `prod-scaner` is known; did you mean prod-scanner?"), "{asked:?}");
    scene.alpha_account.approve(ALPHA_PROD, &["prod-scaner"]).await;
    spoke.run(&["sync"]).await;
    let known = scene.hub.run(&["why", "prod-scaner"]).await;
    assert!(known.stdout.contains("DRIFTED") && !known.stderr.contains("no product"), "{known:?}");
}
