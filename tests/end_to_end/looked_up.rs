//! Products are looked up once, by the hub, for the filters of all members: within AWS's quotas,
//! beside publishing, and never so that a missing answer is taken for one.

use std::path::Path;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use pmp_local_aws::world::{CatalogLimits, Fault, FaultRule, Product};
use pmp_protocol::{Answers, ExperienceId};
use pmp_tests::{ALPHA_PROD, HUB, Lists, MANAGEMENT, Program, Scene, World, eventually, get_json, world};
use serde_json::{Value, json};

const ALPHA_ACCOUNT: &str = "222222222222";
pub(crate) const LOOK_UP: (&str, &str) = ("PMP_PRODUCT_ATTRIBUTES", "true");

fn product(id: &str, manufacturer: &str) -> Product {
    let (id, name, manufacturer) = (id.to_owned(), format!("The product {id}"), manufacturer.to_owned());
    Product {
        id,
        name,
        manufacturer,
        categories: vec!["Security".to_owned()],
        fulfillment: "SaaS".into(),
        ..Product::default()
    }
}

fn two_vendors(approved: &[&str]) -> World {
    let products = vec![product("prod-acme", "Acme Corp"), product("prod-other", "Example Inc")];
    World { products, ..world(approved, &[]) }
}

/// What an account asked Marketplace Discovery: calls, and how many of them were throttled.
pub(crate) async fn asked(scene: &Scene, account: &str) -> (usize, usize) {
    let (mut calls, mut throttled) = (0, 0);
    for operation in ["GetProduct", "SearchListings"] {
        let url = format!("{}/_local/requests?account={account}&operation={operation}", scene.endpoint());
        let requests = get_json(&url).await["requests"].as_array().unwrap().clone();
        calls += requests.len();
        throttled += requests.iter().filter(|request| request["status"] == 429).count();
    }
    (calls, throttled)
}

/// Alpha's spoke, which excludes what Acme made, and is told of products from there.
fn spoke(scene: &Scene, whence: &str) -> Program {
    scene
        .spoke_with_filter(Path::new("exclude-vendors"), r#"{"vendors":["Acme Corp"]}"#)
        .with(&[("PMP_PRODUCT_ATTRIBUTES", whence), ("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)])
}

fn items(scene: &Scene) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(scene.hub_account.config())
}

fn key(item: &str) -> std::collections::HashMap<String, AttributeValue> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    [("experience".to_owned(), text(MANAGEMENT)), ("item".to_owned(), text(item))].into()
}

#[tokio::test]
async fn a_members_plan_names_the_products_that_the_hub_looked_up() {
    let scene = Scene::start(two_vendors(&["prod-acme", "prod-unknown"])).await;
    scene.hub.json(&["publish"]).await;
    // Names are a help: a hub that looks nothing up has none.
    let plan = scene.spoke.run(&["plan"]).await;
    assert!(plan.stdout.contains("  + allow  prod-acme     "), "{}", plan.stdout);
    assert_eq!(scene.spoke.json(&["plan"]).await["names"], json!([]));

    scene.hub.with(&[LOOK_UP]).json(&["publish"]).await;
    let plan = scene.spoke.run(&["plan"]).await;
    assert!(plan.stdout.contains("  + allow  The product prod-acme · Acme Corp (prod-acme)"), "{}", plan.stdout);
    assert!(plan.stdout.contains("  + allow  prod-unknown  "), "{}", plan.stdout);
    let names = &scene.spoke.json(&["plan"]).await["names"];
    assert_eq!(names, &json!([{"id": "prod-acme", "name": "The product prod-acme", "vendor": "Acme Corp"}]));
}

// Whoever runs it sees the figures that the documents give.
#[allow(clippy::print_stdout)]
#[tokio::test]
async fn ten_thousand_products_are_known_in_a_minute_with_six_hundred_calls_and_no_throttle() {
    let ids: Vec<String> = (0..10_000).map(|n| format!("prod-{n:013}")).collect();
    let approved: Vec<&str> = ids.iter().map(String::as_str).collect();
    // Of some, no listing tells.
    let products = ids.iter().skip(50).enumerate().map(|(n, id)| product(id, &format!("Vendor {}", n % 700))).collect();
    let scene = Scene::start(World { products, catalog: CatalogLimits::default(), ..world(&approved, &[]) }).await;
    let hub = scene.hub.with(&[LOOK_UP]);
    let began = Instant::now();
    let published = hub.json(&["publish"]).await;
    let took = began.elapsed();
    let (calls, throttled) = asked(&scene, HUB).await;
    println!("10,000 products, 50 of them in no listing: {calls} calls in {took:.1?}, {throttled} throttled");
    let products = &published["products"];
    assert_eq!(
        (&products["known"], &products["unknown"], &products["new"]),
        (&json!(10_000), &json!(0), &json!(10_000))
    );
    assert_eq!(throttled, 0);
    assert!(calls <= 600, "{calls} calls");
    assert!(took <= Duration::from_secs(60), "{took:?}");

    let again = hub.json(&["publish"]).await;
    let more = asked(&scene, HUB).await.0 - calls;
    println!("nothing new: {more} calls");
    assert!(more <= 2 && again["products"]["known"] == 10_000, "{more} calls, {again:#}");
}

#[tokio::test]
async fn spokes_take_what_the_hub_found_out_and_ask_nothing_themselves() {
    let scene = Scene::start(two_vendors(&["prod-acme", "prod-other"])).await;
    let hub = scene.hub.with(&[LOOK_UP]);
    hub.json(&["publish"]).await;
    for whence in ["true", "hub"] {
        let synced = spoke(&scene, whence).run(&["sync"]).await;
        assert_eq!(synced.code, 0, "{}{}", synced.stdout, synced.stderr);
        assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-other"], &[]));
    }
    assert_eq!(asked(&scene, ALPHA_ACCOUNT).await.0, 0);

    // What is approved since, and what was not answered yet, is decided of by nobody.
    scene.hub_account.approve(MANAGEMENT, &["prod-late"]).await;
    scene.hub.json(&["publish"]).await;
    let synced = spoke(&scene, "hub").run(&["sync", "--output", "json"]).await;
    assert_eq!(synced.code, 1, "{}", synced.stderr);
    for part in ["partial", "`prod-late`: not looked up for the filter: the hub has not looked it up yet"] {
        assert!(synced.stdout.contains(part), "{part}: {}", synced.stdout);
    }
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-other"], &[]));
    let before = asked(&scene, HUB).await.0;
    hub.json(&["publish"]).await;
    assert_eq!(asked(&scene, HUB).await.0 - before, 2, "a search, and the one product of which no listing tells");
    let synced = spoke(&scene, "hub").run(&["sync"]).await;
    assert_eq!(synced.code, 0, "{}{}", synced.stdout, synced.stderr);
    assert_eq!(asked(&scene, ALPHA_ACCOUNT).await.0, 0);
}

#[tokio::test]
async fn a_spoke_looks_products_up_itself_where_it_is_told_to_or_the_hub_has_not() {
    let scene = Scene::start(two_vendors(&["prod-acme", "prod-other"])).await;
    scene.hub.json(&["publish"]).await;
    let refused = spoke(&scene, "hub").run(&["sync", "--output", "json"]).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let why =
        "the filter was not run, since products cannot be looked up for it: the hub has not looked up any products";
    assert!(refused.stdout.contains(why), "{}", refused.stdout);
    assert_eq!(
        (scene.alpha_account.lists(ALPHA_PROD).await, asked(&scene, ALPHA_ACCOUNT).await.0),
        (Lists::default(), 0)
    );

    // As with a hub of an earlier release: what was in force stays so.
    assert_eq!(spoke(&scene, "true").run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-other"], &[]));
    assert_eq!(asked(&scene, ALPHA_ACCOUNT).await.0, 1, "both products are found by one search");

    scene.hub.with(&[LOOK_UP]).json(&["publish"]).await;
    assert_eq!(spoke(&scene, "own").run(&["sync"]).await.code, 0);
    assert_eq!(asked(&scene, ALPHA_ACCOUNT).await.0, 2);
    let wrong = spoke(&scene, "yes").run(&["sync"]).await;
    let told = "(PMP_PRODUCT_ATTRIBUTES): `yes` is not one of `true`, `hub`, `own` and `false`";
    assert!(wrong.stderr.contains(told), "{}", wrong.stderr);
}

#[tokio::test]
async fn a_hub_that_may_not_look_products_up_publishes_all_the_same_and_says_so() {
    let denied = FaultRule::new(Fault::AccessDenied { message: None });
    let of = |operation: &str| FaultRule { operation: Some(operation.into()), ..denied.clone() };
    let faults = vec![of("GetProduct"), of("SearchListings")];
    let scene = Scene::start(World { faults, ..two_vendors(&["prod-acme"]) }).await;
    let published = scene.hub.with(&[LOOK_UP]).run(&["publish"]).await;
    assert_eq!(published.code, 0, "{}", published.stderr);
    assert!(published.stdout.contains("Published snapshot 1"), "{}", published.stdout);
    for part in ["not all products were looked up", "grant `aws-marketplace:GetProduct`"] {
        assert!(published.stderr.contains(part), "{part}: {}", published.stderr);
    }
}

#[tokio::test]
async fn what_takes_long_to_look_up_delays_no_publish_and_reaches_the_spokes_when_it_is_there() {
    let slow = Fault::Latency { min: Duration::from_secs(8), max: None };
    let slow = FaultRule { operation: Some("SearchListings".into()), ..FaultRule::new(slow) };
    let scene = Scene::start(World { faults: vec![slow], ..two_vendors(&["prod-acme", "prod-other"]) }).await;
    let hub = scene.hub.with(&[LOOK_UP]).start(&["run", "--interval", "1h"]);
    let agent = spoke(&scene, "hub").start(&["run"]);
    let newest = async || scene.hub.json(&["status"]).await["snapshot"]["version"].clone();
    eventually("the first snapshot", &json!(1), newest).await;
    let began = Instant::now();
    scene.hub_account.approve(MANAGEMENT, &["prod-new"]).await;
    eventually("the second one", &json!(2), newest).await;
    assert!(began.elapsed() < Duration::from_secs(8), "it waited for {:?}", began.elapsed());
    // The schedule is an hour away: the snapshot is announced again once there are answers.
    let lists = async || scene.alpha_account.lists(ALPHA_PROD).await;
    eventually("the filtered lists", &Lists::new(&["prod-other"], &[]), lists).await;
    assert_eq!((hub.stop().await.0, agent.stop().await.0), (0, 0));
    assert_eq!(asked(&scene, ALPHA_ACCOUNT).await.0, 0);
}

#[tokio::test]
async fn what_was_changed_in_the_ledger_is_not_believed_and_found_out_anew() {
    let scene = Scene::start(two_vendors(&["prod-acme", "prod-other"])).await;
    let hub = scene.hub.with(&[LOOK_UP]);
    hub.json(&["publish"]).await;
    let dynamodb = items(&scene);
    let get = dynamodb.get_item().table_name("Snapshots").set_key(Some(key("answers")));
    let head = get.send().await.unwrap().item.unwrap();
    let digest = head["digest"].as_s().unwrap().trim_start_matches("sha256:").to_owned();
    let forged = Answers::none(ExperienceId::new(MANAGEMENT).unwrap()).seal().unwrap();
    let mut item = key(&format!("answers#{digest}#0001"));
    item.insert("chunk".to_owned(), AttributeValue::N("1".to_owned()));
    item.insert("content".to_owned(), AttributeValue::B(Blob::new(forged.compressed())));
    dynamodb.put_item().table_name("Snapshots").set_item(Some(item)).send().await.unwrap();

    let refused = spoke(&scene, "hub").run(&["sync", "--output", "json"]).await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    for part in ["the filter was not run", "the ledger names sha256:"] {
        assert!(refused.stdout.contains(part), "{part}: {}", refused.stdout);
    }
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::default());
    let healed: Value = hub.json(&["publish"]).await;
    assert_eq!(healed["products"]["answered"], 2, "{healed:#}");
    assert_eq!(spoke(&scene, "hub").run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-other"], &[]));
}
