//! Where AWS's documentation is silent, hub and spoke are right under either reading (rule 15):
//! each assumption reversed, and all of them at once. `docs/aws-assumptions.md` lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;
use pmp_local_aws::world::{
    Assumptions, CatalogLimits, ChangeEventTarget, ChangeSetTiming, Experience, IdLimit, Listing, Organization,
    Product, RequestRates, StaleRevisions,
};
use pmp_tests::{
    ALPHA_ARCHIVED, ALPHA_DEV, ALPHA_DISABLED, ALPHA_PROD, Aws, EVENTS_QUEUE, HUB, HUB_ORGANIZATION, Lists, MANAGEMENT,
    Scene, Tap, World, alpha, eventually, world,
};
use serde_json::{Value, json};

/// An experience of alpha without a policy, in which everything is allowed.
const OPEN: &str = "exp-alpha-open";
/// A product that the catalog refuses.
const POISON: &str = "prod-poison";

/// Alpha, whose spoke acts as a delegated administrator: every experience is shared with it, and
/// none its own. Development has the product already that the catalog refuses.
fn administered(assumptions: &Assumptions) -> Organization {
    let mut alpha = alpha();
    let spoke = std::mem::replace(&mut alpha.management_account, "222222222220".into());
    for experience in &mut alpha.experiences {
        match experience.id.as_str() {
            ALPHA_DEV => experience.policy.as_mut().unwrap().approved.push(POISON.into()),
            ALPHA_ARCHIVED => experience.admin_status = Some(assumptions.archived_admin_status.clone()),
            _ => {}
        }
    }
    alpha.with_delegated_administrator(&spoke).with_experience(Experience::new(OPEN, "Open"))
}

/// A scene that the catalog's answers to the first two starts of the spoke do not reach.
async fn scene(assumptions: &Assumptions, approved: &[&str], limits: CatalogLimits) -> Scene {
    let approved: Vec<_> = approved.iter().copied().chain([POISON]).collect();
    let mut world = world(&approved, &["prod-x"]);
    world.organizations[1] = administered(assumptions);
    world.catalog = CatalogLimits { assumptions: assumptions.clone(), ..limits };
    world.poison_products.insert(POISON.into());
    let lost = json!([{"fault": {"kind": "lost-answer"}, "operation": "StartChangeSet", "account": "222222222222", "next": 2}]);
    let faults = serde_json::from_value(lost).unwrap();
    let change_sets = ChangeSetTiming::always(Duration::from_millis(150));
    Scene::start(World { change_sets, faults, ..world }).await
}

/// What a pass says of each experience: its status, and the products that are set aside.
async fn synced(scene: &Scene) -> Vec<(String, String, Vec<String>)> {
    let synced = scene.spoke.run(&["sync", "--wait", "-o", "json"]).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let answer: Value = serde_json::from_str(&synced.stdout).unwrap_or_else(|_| panic!("{}", synced.stderr));
    let row = |receipt: &Value| {
        let aside =
            receipt["quarantined"].as_array().into_iter().flatten().map(|found| text(&found["product"])).collect();
        (text(&receipt["member_experience"]), text(&receipt["status"]), aside)
    };
    answer["receipts"].as_array().unwrap().iter().map(row).collect()
}

/// What is expected of them.
fn expected(prod: &[&str], dev: &[&str]) -> Vec<(String, String, Vec<String>)> {
    let row = |experience: &str, aside: &[&str]| {
        let status = if aside.is_empty() { "in-sync" } else { "partial" };
        (experience.to_owned(), status.to_owned(), aside.iter().map(|id| (*id).to_owned()).collect())
    };
    let skipped = |experience: &str| (experience.to_owned(), "skipped".to_owned(), Vec::new());
    let mut rows = vec![row(ALPHA_PROD, prod), row(ALPHA_DEV, dev)];
    rows.extend([ALPHA_DISABLED, ALPHA_ARCHIVED, OPEN].map(skipped));
    rows.sort();
    rows
}

/// Publishes until the snapshot has so many products: what was changed at the console may be
/// readable only later.
async fn published(scene: &Scene, approved: usize, rejected: usize) {
    let counts = json!({"approved": approved, "rejected": rejected});
    eventually("the snapshot", &counts, async || scene.hub.json(&["publish"]).await["published"]["counts"].clone())
        .await;
}

/// A first sync over lost answers that is killed in the middle, a restart, a delta while somebody
/// changes the same experience, and drift, with a product all along that the catalog refuses.
async fn everything_ends_as_it_should(assumptions: Value) {
    everything_ends_as_it_should_within(assumptions, CatalogLimits::without_throttling()).await;
}

/// The same, within these limits of the catalog.
async fn everything_ends_as_it_should_within(assumptions: Value, limits: CatalogLimits) {
    let assumptions: Assumptions = serde_json::from_value(assumptions).unwrap();
    let adds = assumptions.listing == Listing::Adds;
    let ids: Vec<String> = (0..12).map(|n| format!("prod-{n:02}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let scene = scene(&assumptions, &ids, limits).await;
    scene.hub.json(&["publish"]).await;

    // The dead holder's lease is waited for: a short term keeps the test short.
    let agent = scene.spoke.with(&[("PMP_LEASE_TERM", "3s")]).start(&["run"]);
    eventually("a change set was started", &true, async || scene.alpha_account.change_sets().await > 0).await;
    agent.kill().await;
    assert_eq!(synced(&scene).await, expected(&[POISON], &[]), "{assumptions:?}");
    let lists = async |experience: &str| scene.alpha_account.lists(experience).await;
    eventually("the first sync", &Lists::new(&ids, &["prod-x"]), async || lists(ALPHA_PROD).await).await;

    // In the hub one product comes and one goes; at the same time somebody approves one in alpha's
    // production.
    scene.hub_account.approve(MANAGEMENT, &["prod-new"]).await;
    scene.hub_account.reject(MANAGEMENT, &[ids[0]]).await;
    published(&scene, 13, 2).await;
    tokio::join!(scene.alpha_account.approve(ALPHA_PROD, &["prod-local"]), synced(&scene));
    let effective = async |experience: &str| {
        let Lists { approved, rejected } = lists(experience).await;
        // A product on both lists is rejected.
        Lists { approved: &approved - &rejected, rejected }
    };
    let current = [&ids[1..], &["prod-new"]].concat();
    let wanted = Lists::new(&current, &["prod-local", "prod-x", ids[0]]);
    eventually("the delta, and what is only here is gone", &(expected(&[POISON], &[]), wanted), async || {
        (synced(&scene).await, effective(ALPHA_PROD).await)
    })
    .await;

    // Drift.
    scene.alpha_account.reject(ALPHA_DEV, &[ids[1]]).await;
    scene.alpha_account.approve(ALPHA_DEV, &["prod-local"]).await;
    // Nothing that can be asked of a catalog that leaves it on the list of denied products brings
    // this one back.
    let (aside, approved): (&[&str], _) = if adds { (&ids[1..2], &current[1..]) } else { (&[], &current[..]) };
    let approved = [approved, &[POISON]].concat();
    let mut rejected = vec!["prod-local", "prod-x", ids[0]];
    rejected.extend(aside);
    let healed = (expected(&[POISON], aside), Lists::new(&approved, &rejected));
    eventually("drift is healed", &healed, async || (synced(&scene).await, effective(ALPHA_DEV).await)).await;
    assert_eq!(lists(ALPHA_DISABLED).await, Lists::default());
    assert_eq!(lists(ALPHA_ARCHIVED).await, Lists::default());
    let states = scene.states().await;
    assert!(states.contains(&(ALPHA_DEV.to_owned(), if adds { "ERROR" } else { "SYNCED" }.to_owned())), "{states:?}");
}

#[tokio::test]
async fn what_is_not_set_may_be_null() {
    everything_ends_as_it_should(json!({"absent_values": "null"})).await;
}

#[tokio::test]
async fn what_is_not_set_may_be_empty() {
    everything_ends_as_it_should(json!({"absent_values": "empty"})).await;
}

#[tokio::test]
async fn a_product_that_does_not_exist_may_fail_with_another_code() {
    everything_ends_as_it_should(json!({"unknown_products": "INVALID_INPUT"})).await;
}

#[tokio::test]
async fn ids_may_be_counted_by_request() {
    let limits = CatalogLimits { product_ids: IdLimit::PerRequest, ..CatalogLimits::without_throttling() };
    everything_ends_as_it_should_within(json!({}), limits).await;
}

/// Both lists together are longer than a request may be in which ids are counted together.
#[tokio::test]
async fn ids_that_are_counted_by_request_are_asked_for_in_smaller_parts() {
    let named = |prefix: &str| (0..40).map(|n| format!("{prefix}-{n:02}")).collect::<Vec<_>>();
    let (approved, rejected) = (named("prod"), named("prod-x"));
    let texts = |ids: &'static [String]| ids.iter().map(String::as_str).collect::<Vec<_>>();
    let (approved, rejected) = (texts(approved.leak()), texts(rejected.leak()));
    let mut world = world(&approved, &rejected);
    world.catalog.product_ids = IdLimit::PerRequest;
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let synced = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]).run(&["sync"]).await;
    assert_eq!(synced.code, 0, "{}", synced.stderr);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&approved, &rejected));
}

#[tokio::test]
async fn batches_may_have_a_quota_of_their_own() {
    let none: Value = serde_json::to_value(RequestRates::default()).unwrap();
    let none = none.as_object().unwrap().keys().map(|operation| (operation.clone(), json!(0))).collect();
    let rates: RequestRates = serde_json::from_value(Value::Object(none)).unwrap();
    let requests_per_second = RequestRates { batch_describe_entities: 1, ..rates };
    let limits = CatalogLimits { requests_per_second, ..CatalogLimits::default() };
    everything_ends_as_it_should_within(json!({}), limits).await;
}

#[tokio::test]
async fn batches_may_not_find_what_is_there() {
    everything_ends_as_it_should(json!({"batches": "not-found"})).await;
}

#[tokio::test]
async fn a_list_may_be_refused_for_its_order() {
    everything_ends_as_it_should(json!({"sort_with_scope": "refused"})).await;
}

#[tokio::test]
async fn revisions_may_count_changes() {
    everything_ends_as_it_should(json!({"revisions": "per-change"})).await;
}

#[tokio::test]
async fn a_known_token_may_be_refused() {
    everything_ends_as_it_should(json!({"known_tokens": "refused"})).await;
}

#[tokio::test]
async fn a_known_token_may_be_refused_after_the_end() {
    everything_ends_as_it_should(json!({"known_tokens": "refused-after-the-end"})).await;
}

#[tokio::test]
async fn a_known_token_may_be_forgotten_after_the_end() {
    everything_ends_as_it_should(json!({"known_tokens": "forgotten-after-the-end"})).await;
}

#[tokio::test]
async fn a_stale_revision_may_be_refused_in_words_that_say_nothing() {
    everything_ends_as_it_should(json!({"stale_revisions": "unnamed"})).await;
}

/// What the spoke asks for is on its way while somebody changes the experience.
#[tokio::test]
async fn a_stale_revision_is_noticed_whatever_it_is_refused_with() {
    let assumptions = Assumptions { stale_revisions: StaleRevisions::Unnamed, ..Assumptions::default() };
    let mut world = world(&["prod-a", "prod-b", "prod-c"], &[]);
    world.organizations[1] = administered(&assumptions);
    world.catalog.assumptions = assumptions;
    let production = world.organizations[1].experiences.iter_mut().find(|experience| experience.id == ALPHA_PROD);
    production.unwrap().policy.as_mut().unwrap().approved.extend(["prod-a", "prod-b"].map(Into::into));
    let late = json!([{"fault": {"kind": "latency", "min": "4s"}, "operation": "StartChangeSet", "account": "222222222222", "next": 1}]);
    world.faults = serde_json::from_value(late).unwrap();
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let line = Tap::open(&scene.endpoint()).await;
    let named = [("MEMBER_EXPERIENCE_IDS", ALPHA_PROD), ("AWS_ENDPOINT_URL_MARKETPLACE_CATALOG", line.endpoint())];
    let spoke = scene.spoke.with(&named);
    let started = async || line.calls().iter().filter(|call| *call == "StartChangeSet").count();
    let (synced, ()) = tokio::join!(spoke.run(&["sync"]), async {
        eventually("it is on its way", &1, started).await;
        Aws::new(&scene.endpoint(), "222222222220").approve(ALPHA_PROD, &["prod-local"]).await;
    });
    assert_eq!(synced.code, 0, "{}", synced.stderr);
    let lists = scene.alpha_account.lists(ALPHA_PROD).await;
    assert_eq!(lists, Lists::new(&["prod-a", "prod-b", "prod-c"], &["prod-local"]));
    assert_eq!(started().await, 2, "one was refused");
}

#[tokio::test]
async fn an_archived_experience_may_have_any_status() {
    everything_ends_as_it_should(json!({"archived_admin_status": "Archived"})).await;
}

#[tokio::test]
async fn to_allow_may_leave_a_product_denied() {
    everything_ends_as_it_should(json!({"listing": "adds"})).await;
}

#[tokio::test]
async fn reads_may_lag_behind() {
    everything_ends_as_it_should(json!({"read_lag": "400ms"})).await;
}

fn all_otherwise() -> Value {
    json!({
        "absent_values": "null", "batches": "not-found", "sort_with_scope": "refused", "revisions": "per-change",
        "known_tokens": "refused", "stale_revisions": "unnamed", "archived_admin_status": "Archived", "listing": "adds",
        "unknown_products": "INVALID_INPUT", "events_of_changes": "owner", "listings": "bare", "product_searches": "refused",
        "dead_letters": "lost", "read_lag": "400ms"
    })
}

#[tokio::test]
async fn all_of_them_may_be_otherwise_at_once() {
    let limits = CatalogLimits { product_ids: IdLimit::PerRequest, ..CatalogLimits::without_throttling() };
    everything_ends_as_it_should_within(all_otherwise(), limits).await;
}

#[tokio::test]
async fn filters_decide_alike_where_all_of_them_are_otherwise_at_once() {
    filters_decide_alike(all_otherwise()).await;
}

/// Every switch at once, each in its other position.
#[test]
fn all_are_otherwise_where_all_are_said_to_be() {
    let otherwise = all_otherwise();
    serde_json::from_value::<Assumptions>(otherwise.clone()).unwrap();
    let assumed = serde_json::to_value(Assumptions::default()).unwrap();
    for (switch, value) in assumed.as_object().unwrap() {
        assert!(otherwise.get(switch).is_some_and(|thrown| thrown != value), "`{switch}` is not thrown");
    }
}

/// What the hub looks up of products says the same, by whatever way it comes: alpha takes those of
/// one category alone.
async fn filters_decide_alike(assumptions: Value) {
    let product = |id: &str, category: &str| Product {
        id: id.to_owned(),
        name: format!("The product {id}"),
        manufacturer: "Acme Corp".to_owned(),
        categories: vec![category.to_owned()],
        fulfillment: "SaaS".to_owned(),
        ..Product::default()
    };
    let products = [("prod-a", "Security"), ("prod-b", "Storage"), ("prod-c", "Security"), ("prod-d", "Security")];
    let mut world = world(&["prod-a", "prod-b", "prod-c"], &[]);
    world.products = products.map(|(id, category)| product(id, category)).into();
    world.catalog.assumptions = serde_json::from_value(assumptions).unwrap();
    let scene = Scene::start(world).await;
    let hub = scene.hub.with(&[("PMP_PRODUCT_ATTRIBUTES", "true")]);
    let published = hub.json(&["publish"]).await;
    assert_eq!(published["products"]["known"], 3, "{published:#}");
    let spoke = scene.spoke_with_filter(Path::new("only-categories"), r#"{"categories":["Security"]}"#);
    for whence in ["hub", "own"] {
        let spoke = spoke.with(&[("PMP_PRODUCT_ATTRIBUTES", whence), ("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
        let expected = Lists::new(&["prod-a", "prod-c"], &[]);
        eventually("the first sync", &expected, async || {
            spoke.run(&["sync"]).await;
            scene.alpha_account.lists(ALPHA_PROD).await
        })
        .await;
    }
    scene.hub_account.approve(MANAGEMENT, &["prod-d"]).await;
    let known = async || hub.json(&["publish"]).await["products"]["known"].clone();
    eventually("the delta is published", &json!(4), known).await;
    let spoke = spoke.with(&[("PMP_PRODUCT_ATTRIBUTES", "hub"), ("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    eventually("the delta", &Lists::new(&["prod-a", "prod-c", "prod-d"], &[]), async || {
        spoke.run(&["sync"]).await;
        scene.alpha_account.lists(ALPHA_PROD).await
    })
    .await;
}

#[tokio::test]
async fn filters_decide_by_what_listings_and_products_say() {
    filters_decide_alike(json!({})).await;
}

#[tokio::test]
async fn listings_may_leave_out_what_products_say() {
    filters_decide_alike(json!({"listings": "bare"})).await;
}

#[tokio::test]
async fn listings_may_not_be_found_by_the_ids_of_products() {
    filters_decide_alike(json!({"product_searches": "not-found"})).await;
}

#[tokio::test]
async fn listings_may_not_be_searched_by_the_ids_of_products() {
    filters_decide_alike(json!({"product_searches": "refused"})).await;
}

/// The hub administers for another account, which alone is told of what the hub's own account
/// changes.
#[tokio::test]
async fn the_event_of_a_change_may_go_to_another_account() {
    const OWNER: &str = "111111111110";
    let assumptions = json!({"events_of_changes": "owner"});
    let mut world = world(&["prod-a"], &[]);
    let mut hub = world.organizations.remove(0);
    hub.management_account = OWNER.into();
    world.change_event_targets.push(ChangeEventTarget::to_queue(OWNER, "owners-events"));
    world.organizations.insert(0, hub.with_delegated_administrator(HUB));
    world.catalog.assumptions = serde_json::from_value(assumptions).unwrap();
    let scene = Scene::start(world).await;
    let hub = scene.hub.start(&["run", "--interval", "5s"]);
    let version = async || scene.hub.json(&["status"]).await["snapshot"]["version"].clone();
    eventually("the first snapshot", &json!(1), version).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    eventually("the schedule finds what no event told of", &json!(2), version).await;
    let owner = Aws::new(&scene.endpoint(), OWNER);
    assert_eq!(owner.waiting(&owner.queue_url("owners-events").await).await, 1);
    let (code, log) = hub.stop().await;
    assert_eq!(code, 0, "{log}");
}

/// What a subscription could not deliver is lost: the spoke goes by the ledger, whatever tells it
/// to look.
#[tokio::test]
async fn a_dead_letter_may_be_lost() {
    let mut world = world(&["prod-a"], &[]);
    world.catalog.assumptions = serde_json::from_value(json!({"dead_letters": "lost"})).unwrap();
    let scene = Scene::start(world).await;
    let sqs = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let nobody = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    let closed = sqs.set_queue_attributes().queue_url(&scene.queue_url).attributes(QueueAttributeName::Policy, nobody);
    closed.send().await.unwrap();
    scene.hub.json(&["publish"]).await;
    for queue in [&scene.queue_url, &scene.dead_letters_url] {
        assert_eq!(scene.alpha_account.waiting(queue).await, 0, "{queue}");
    }
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
}

/// An approval is told by its own event alone: the hub hears of it, and looks.
#[tokio::test]
async fn an_approval_may_send_no_event_but_its_own() {
    let mut world = world(&["prod-a"], &[]);
    let only = ChangeEventTarget {
        detail_types: vec!["Product Request Approved".to_owned()],
        ..ChangeEventTarget::to_queue(HUB, EVENTS_QUEUE)
    };
    world.change_event_targets = vec![only];
    world.organizations[0].experiences[0].audience.push(HUB_ORGANIZATION.into());
    let scene = Scene::start(world).await;
    let hub = scene.hub.start(&["run", "--interval", "1h"]);
    let version = async || scene.hub.json(&["status"]).await["snapshot"]["version"].clone();
    eventually("the first snapshot", &json!(1), version).await;
    let request = scene.hub_account.request_product("prod-asked").await;
    scene.hub_account.approve_request(&request).await;
    eventually("the approval", &json!(2), version).await;
    let (code, log) = hub.stop().await;
    assert_eq!(code, 0, "{log}");
}

/// The hub hears of a change before it can be read.
#[tokio::test]
async fn a_change_event_may_come_before_its_effect() {
    let mut world = world(&["prod-a"], &[]);
    world.catalog.assumptions.read_lag = Duration::from_secs(8);
    let scene = Scene::start(world).await;
    let hub = scene.hub.start(&["run", "--interval", "1h"]);
    let version = async || scene.hub.json(&["status"]).await["snapshot"]["version"].clone();
    eventually("the first snapshot", &json!(1), version).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let began = Instant::now();
    eventually("the change", &json!(2), version).await;
    assert!(began.elapsed() >= Duration::from_secs(8), "it was read before it could be: {:?}", began.elapsed());
    let (code, log) = hub.stop().await;
    assert_eq!(code, 0, "{log}");
    assert_eq!(log.matches("looking once more").count(), 1, "{log}");
}

/// The rows of a table of the page, without its head: their cells.
fn rows(page: &str, head: &str) -> Vec<Vec<String>> {
    let table = page.split_once(head).unwrap_or_else(|| panic!("there is no table `{head}`")).1;
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let inner = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|')).unwrap();
        inner.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    lines.map(cells).collect()
}

/// Every assumption that a world can turn round has a switch in its row, and a test that there is;
/// every switch has a row, and every value but the assumed one, too.
#[test]
fn every_row_has_a_switch_that_there_is_and_a_test_and_every_switch_a_row() {
    const PAGE: &str = include_str!("../../docs/aws-assumptions.md");
    const TESTS: &str = include_str!("assumptions.rs");
    let assumed = serde_json::to_value(Assumptions::default()).unwrap();
    let limits = serde_json::to_value(CatalogLimits::default()).unwrap();
    let rates = &limits["requests_per_second"];
    let mut thrown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let rows = rows(PAGE, "| assumed | documented | switch | if it is otherwise | test |");
    assert!(rows.len() >= 20, "{} rows", rows.len());
    for row in rows {
        assert_eq!(row.len(), 5, "{row:?}");
        let (switch, tests) = (row[2].trim_matches('`'), &row[4]);
        let (name, value) = switch.split_once(" = ").map_or((switch, None), |(name, value)| (name, Some(value)));
        let known = [&assumed, &limits, rates].into_iter().find_map(|settings| settings.get(name));
        let known = known.unwrap_or_else(|| panic!("there is no switch `{name}`: {row:?}"));
        if let Some(value) = value {
            let value: Value = serde_json::from_str(value).unwrap_or_else(|_| panic!("no value: {row:?}"));
            assert_ne!(value, *known, "that is what is assumed: {row:?}");
            let mut world = json!({ "catalog": {} });
            let place = if assumed.get(name).is_some() {
                &mut world["catalog"]["assumptions"][name]
            } else if limits.get(name).is_some() {
                &mut world["catalog"][name]
            } else {
                &mut world["catalog"]["requests_per_second"][name]
            };
            *place = value.clone();
            serde_json::from_value::<World>(world).unwrap_or_else(|error| panic!("{row:?}: {error}"));
            thrown.entry(name.to_owned()).or_default().insert(value.as_str().unwrap_or_default().to_owned());
        } else {
            thrown.entry(name.to_owned()).or_default();
        }
        let named: Vec<_> = tests.split('`').filter_map(|word| word.strip_prefix("assumptions::")).collect();
        assert!(!named.is_empty(), "no test: {row:?}");
        for test in named {
            assert!(TESTS.contains(&format!("async fn {test}()")), "there is no test `{test}`");
        }
    }
    for (switch, value) in assumed.as_object().unwrap() {
        let thrown = thrown.get(switch).unwrap_or_else(|| panic!("docs/aws-assumptions.md has no row for `{switch}`"));
        // Of a switch of words, every word but the assumed one has a row: the others are refused
        // with a list of them.
        let wrong = json!({ switch: "\u{1}" });
        let Err(error) = serde_json::from_value::<Assumptions>(wrong) else { continue };
        let error = error.to_string();
        let words = error.split_once("expected").map_or("", |(_, words)| words);
        let words = words.split('`').skip(1).step_by(2).filter(|word| *word != value);
        words.for_each(|word| assert!(thrown.contains(word), "no row for `{switch} = \"{word}\"`"));
    }
}

/// What cannot be turned round says why.
#[test]
fn what_has_no_switch_says_why() {
    const PAGE: &str = include_str!("../../docs/aws-assumptions.md");
    let rows = rows(PAGE, "| not documented | what is done | why there is no switch |");
    assert!(!rows.is_empty());
    for row in rows {
        assert!(row.len() == 3 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}
