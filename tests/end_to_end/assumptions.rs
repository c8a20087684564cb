//! Where AWS's documentation is silent, hub and spoke are right under either reading: each assumption reversed, and all of them
//! at once. `docs/aws-assumptions.md` lists them.

use std::time::{Duration, Instant};

use pmp_local::world::{Assumptions, ChangeSetTiming, Experience, Listing, Organization, StaleRevisions};
use pmp_tests::{
    ALPHA_ARCHIVED, ALPHA_DEV, ALPHA_DISABLED, ALPHA_PROD, Aws, Lists, MANAGEMENT, Scene, Tap, World, alpha,
    eventually, world,
};
use serde_json::{Value, json};

/// An experience of alpha without a policy, in which everything is allowed.
const OPEN: &str = "exp-alpha-open";
/// A product that the catalog refuses.
const POISON: &str = "prod-poison";

/// Alpha, whose spoke acts as a delegated administrator: every experience is shared with it, and none its own. Development has the
/// product already that the catalog refuses.
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
async fn scene(assumptions: &Assumptions, approved: &[&str]) -> Scene {
    let approved: Vec<_> = approved.iter().copied().chain([POISON]).collect();
    let mut world = world(&approved, &["prod-x"]);
    world.organizations[1] = administered(assumptions);
    world.catalog.assumptions = assumptions.clone();
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

/// Publishes until the snapshot has so many products: what was changed at the console may be readable only later.
async fn published(scene: &Scene, approved: usize, rejected: usize) {
    let counts = json!({"approved": approved, "rejected": rejected});
    eventually("the snapshot", &counts, async || scene.hub.json(&["publish"]).await["published"]["counts"].clone())
        .await;
}

/// A first sync over lost answers that is killed in the middle, a restart, a delta while somebody changes the same experience, and
/// drift, with a product all along that the catalog refuses.
async fn everything_ends_as_it_should(assumptions: Value) {
    let assumptions: Assumptions = serde_json::from_value(assumptions).unwrap();
    let adds = assumptions.listing == Listing::Adds;
    let ids: Vec<String> = (0..12).map(|n| format!("prod-{n:02}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let scene = scene(&assumptions, &ids).await;
    scene.hub.json(&["publish"]).await;

    // The dead holder's lease is waited for: a short term keeps the test short.
    let agent = scene.spoke.with(&[("PMP_LEASE_TERM", "3s")]).start(&["run"]);
    eventually("a change set was started", &true, async || scene.alpha_account.change_sets().await > 0).await;
    agent.kill().await;
    assert_eq!(synced(&scene).await, expected(&[POISON], &[]), "{assumptions:?}");
    let lists = async |experience: &str| scene.alpha_account.lists(experience).await;
    eventually("the first sync", &Lists::new(&ids, &["prod-x"]), async || lists(ALPHA_PROD).await).await;

    // In the hub one product comes and one goes; at the same time somebody approves one in alpha's production.
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
    // Nothing that can be asked of a catalog that leaves it on the list of denied products brings this one back.
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

#[tokio::test]
async fn all_of_them_may_be_otherwise_at_once() {
    everything_ends_as_it_should(json!({
        "absent_values": "null", "batches": "not-found", "sort_with_scope": "refused", "revisions": "per-change",
        "known_tokens": "refused", "stale_revisions": "unnamed", "archived_admin_status": "Archived", "listing": "adds",
        "read_lag": "400ms"
    }))
    .await;
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

#[test]
fn the_document_has_every_assumption_and_tests_that_there_are() {
    const DOCUMENT: &str = include_str!("../../docs/aws-assumptions.md");
    const TESTS: &str = include_str!("assumptions.rs");
    let switches = serde_json::to_value(Assumptions::default()).unwrap();
    for switch in switches.as_object().unwrap().keys() {
        assert!(DOCUMENT.contains(&format!("`{switch}")), "docs/aws-assumptions.md does not have `{switch}`");
    }
    let mut named = 0;
    for test in DOCUMENT.split('`').filter_map(|word| word.strip_prefix("assumptions::")) {
        assert!(TESTS.contains(&format!("async fn {test}()")), "there is no test `{test}`");
        named += 1;
    }
    assert!(named >= switches.as_object().unwrap().len(), "{named} tests are named");
}
