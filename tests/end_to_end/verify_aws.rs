//! `pmp-hub verify-aws`: on the embedded AWS everything is as it is assumed, and each assumption
//! that is reversed there is refuted, and no other. Whatever is changed is put back, however it
//! ends.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use pmp_local_aws::world::{
    Assumptions, ChangeSetTiming, Experience, ListedProduct, ProcurementPolicy, Product, ResourceRequests, Role,
};
use pmp_tests::{
    ALPHA, ALPHA_PROD, Aws, EVENTS_QUEUE, Finished, HUB, Lists, MANAGEMENT, Program, Scene, Tap, World, eventually,
    world,
};
use serde_json::{Value, json};

use crate::schemas::hold_document;

/// The experience that was made for it.
const TRIAL: &str = "exp-trial";
/// Another, without a policy.
const OPEN: &str = "exp-hub-open";
/// Another experience, which is archived.
const OLD: &str = "exp-hub-old";
/// Whose they all are. The hub's account administers for it.
const OWNER: &str = "111111111110";
/// A product that does not exist.
const NOWHERE: &str = "prod-nowhere";
/// What is rejected there: the first with a note, which would be lost.
const REJECTED: [&str; 2] = ["prod-a-noted", "prod-r"];
const APPROVED: [&str; 2] = ["prod-b", "prod-c"];

/// What is not tried by a program at all.
const BY_HAND: &str = "events_of_approvals";

fn trial_world(assumptions: &Assumptions) -> World {
    let mut world = world(&["prod-a"], &["prod-x"]);
    let noted = ListedProduct { notes: Some("why".into()), ..ListedProduct::from(REJECTED[0]) };
    let mut policy = ProcurementPolicy::new("policy-trial").approving(APPROVED).rejecting([noted]);
    policy.rejected.push(REJECTED[1].into());
    policy.policy_resource_requests = ResourceRequests::Deny;
    let mut old = Experience::new(OLD, "Old").with_policy(ProcurementPolicy::new("policy-old")).archived();
    old.admin_status = Some(assumptions.archived_admin_status.clone());
    let mut hub = world.organizations.remove(0);
    hub.management_account = OWNER.into();
    let hub = hub.with_delegated_administrator(HUB).with_experience(Experience::new(OPEN, "Open"));
    let hub = hub.with_experience(Experience::new(TRIAL, "Trial").with_policy(policy)).with_experience(old);
    world.organizations.insert(0, hub);
    world.poison_products.insert(NOWHERE.into());
    world.products = ["prod-a", "prod-b", "prod-c"].map(product).into();
    world.catalog.assumptions = assumptions.clone();
    world
}

fn product(id: &str) -> Product {
    let (id, name) = (id.to_owned(), format!("The product {id}"));
    let (categories, fulfillment) = (vec!["Security".to_owned()], "SaaS".to_owned());
    Product { id, name, manufacturer: "Acme Corp".to_owned(), categories, fulfillment, ..Product::default() }
}

async fn scene_of(world: World) -> Scene {
    Scene::start(world).await
}

/// `verify-aws`, with the queue that takes the events.
async fn verify(scene: &Scene, hub: &Program, arguments: &[&str]) -> Finished {
    let events = scene.hub_account.queue_url(EVENTS_QUEUE).await;
    let hub = hub.with(&[("PMP_EVENTS_QUEUE_URL", "")]);
    hub.run(&[&["verify-aws", "--events-queue-url", &*events][..], arguments].concat()).await
}

/// What the experience is, to whom it matters.
async fn state_of(scene: &Scene, experience: &str) -> (Lists, String) {
    (scene.hub_account.lists(experience).await, scene.hub_account.resource_requests(experience).await)
}

/// What it was in the beginning.
fn untouched() -> (Lists, String) {
    (Lists::new(&APPROVED, &REJECTED), "Deny".to_owned())
}

fn document(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{}", finished.stderr))
}

/// The names of the assumptions with this verdict.
fn with_verdict(document: &Value, verdict: &str) -> BTreeSet<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    let names = findings.filter(|finding| finding["verdict"] == verdict);
    names.map(|finding| finding["name"].as_str().unwrap().to_owned()).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn everything_is_as_it_is_assumed_and_then_as_it_was() {
    let scene = scene_of(trial_world(&Assumptions::default())).await;
    let arguments = ["--change", TRIAL, "--unknown-product", NOWHERE, "--dead-letters", "-o", "json"];
    let verified = verify(&scene, &scene.hub, &arguments).await;
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let document = document(&verified);
    hold_document("hub", "verify-aws", &document);
    assert_eq!(with_verdict(&document, "refuted"), names(&[]), "{document:#}");
    assert_eq!(with_verdict(&document, "not-tried"), names(&[BY_HAND]), "{document:#}");
    assert_eq!((&document["schema_version"], &document["left"]), (&json!(1), &json!([])));
    assert_eq!(document["standing"], "delegated-administrator");
    assert_eq!(state_of(&scene, TRIAL).await, untouched());
    let policy = aws_sdk_marketplacecatalog::Client::new(scene.hub_account.config()).describe_entity();
    let policy = policy.catalog("AWSMarketplace").entity_id("policy-trial").send().await.unwrap();
    assert!(policy.details().unwrap().contains("\"Notes\":\"why\""), "{:?}", policy.details());
    // Four change sets were made, and the queues and the topic are gone.
    let timed = document["change_sets"].as_array().unwrap();
    let made = timed.iter().map(|set| (set["changes"].as_u64().unwrap(), set["status"].as_str().unwrap()));
    let succeeded = "SUCCEEDED";
    assert_eq!(made.collect::<Vec<_>>(), [(1, succeeded), (3, succeeded), (1, succeeded), (1, "FAILED")]);
    let queues = aws_sdk_sqs::Client::new(scene.hub_account.config()).list_queues().queue_name_prefix("pmp-verify");
    assert_eq!(queues.send().await.unwrap().queue_urls(), Vec::<String>::new());
    let topics = aws_sdk_sns::Client::new(scene.hub_account.config()).list_topics().send().await.unwrap();
    assert!(topics.topics().iter().all(|topic| topic.topic_arn() == Some(&scene.topic_arn)), "{topics:?}");
}

#[test]
fn every_switch_of_the_embedded_aws_is_one_of_the_assumptions_and_the_page_has_them_all() {
    const PAGE: &str = include_str!("../../docs/first-day.md");
    const SOURCE: &str = include_str!("../../hub/src/verify/assumption.rs");
    let switches = serde_json::to_value(Assumptions::default()).unwrap();
    for switch in switches.as_object().unwrap().keys() {
        assert!(SOURCE.contains(&format!("=> \"{switch}\"")), "verify-aws does not know `{switch}`");
    }
    let arms =
        SOURCE.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \"")?.1.split_once('"'));
    let known: Vec<_> = arms.map(|(name, _)| name).filter(|name| !name.contains(' ')).collect();
    assert!(known.len() > switches.as_object().unwrap().len(), "{known:?}");
    for name in known {
        assert!(PAGE.contains(&format!("`{name}`")), "docs/first-day.md does not have `{name}`");
    }
}

/// With `assumptions`, these are refuted and no other; the experience is as it was.
async fn refutes(assumptions: Value, refuted: &[&str]) {
    let scene = scene_of(trial_world(&serde_json::from_value(assumptions).unwrap())).await;
    let arguments = ["--change", TRIAL, "--unknown-product", NOWHERE, "-o", "json"];
    let verified = verify(&scene, &scene.hub, &arguments).await;
    assert_eq!(verified.code, 4, "{}{}", verified.stdout, verified.stderr);
    let document = document(&verified);
    assert_eq!(with_verdict(&document, "refuted"), names(refuted), "{document:#}");
    assert_eq!(with_verdict(&document, "not-tried"), names(&[BY_HAND, "dead_letters"]), "{document:#}");
    assert_eq!(document["left"], json!([]));
    assert_eq!(state_of(&scene, TRIAL).await, untouched());
}

#[tokio::test]
async fn absent_values_that_are_null_are_found() {
    refutes(json!({"absent_values": "null"}), &["absent_values"]).await;
}

#[tokio::test]
async fn absent_values_that_are_empty_are_found() {
    refutes(json!({"absent_values": "empty"}), &["absent_values"]).await;
}

#[tokio::test]
async fn listings_that_leave_something_out_are_found() {
    refutes(json!({"listings": "bare"}), &["listings"]).await;
}

/// What is in no listing cannot be compared with one.
#[tokio::test]
async fn searches_that_find_nothing_or_are_refused_are_found() {
    for reading in ["not-found", "refused"] {
        let scene = scene_of(trial_world(&serde_json::from_value(json!({"product_searches": reading})).unwrap())).await;
        let verified = scene.hub.run(&["verify-aws", "-o", "json"]).await;
        assert_eq!(verified.code, 4, "{}{}", verified.stdout, verified.stderr);
        let document = document(&verified);
        assert_eq!(with_verdict(&document, "refuted"), names(&["product_searches"]), "{document:#}");
        assert!(with_verdict(&document, "not-tried").contains("listings"), "{document:#}");
    }
}

/// A code is told, whichever it is; it refutes nothing.
#[tokio::test]
async fn the_code_of_a_product_that_does_not_exist_is_told() {
    let scene =
        scene_of(trial_world(&serde_json::from_value(json!({"unknown_products": "INVALID_INPUT"})).unwrap())).await;
    let verified = scene.hub.run(&["verify-aws", "--change", TRIAL, "--unknown-product", NOWHERE, "-o", "json"]).await;
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let document = document(&verified);
    let findings = document["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["name"] == "unknown_products").unwrap();
    assert_eq!(finding["verdict"], "confirmed");
    assert!(finding["seen"].as_str().unwrap().contains("INVALID_INPUT"), "{finding}");
}

/// The hub administers for another account, to which the event goes.
#[tokio::test]
async fn events_that_go_to_the_owner_are_found() {
    let scene = scene_of(trial_world(&serde_json::from_value(json!({"events_of_changes": "owner"})).unwrap())).await;
    let verified = verify(&scene, &scene.hub, &["--change", TRIAL, "-o", "json"]).await;
    assert_eq!(verified.code, 4, "{}{}", verified.stdout, verified.stderr);
    let document = document(&verified);
    assert_eq!(with_verdict(&document, "refuted"), names(&["events_of_changes"]), "{document:#}");
    let not_tried = names(&[BY_HAND, "dead_letters", "read_lag_of_events", "unknown_products"]);
    assert_eq!(with_verdict(&document, "not-tried"), not_tried, "{document:#}");
    assert_eq!(state_of(&scene, TRIAL).await, untouched());
}

#[tokio::test]
async fn dead_letters_that_are_lost_are_found() {
    let scene = scene_of(trial_world(&serde_json::from_value(json!({"dead_letters": "lost"})).unwrap())).await;
    let verified = scene.hub.run(&["verify-aws", "--dead-letters", "-o", "json"]).await;
    assert_eq!(verified.code, 4, "{}{}", verified.stdout, verified.stderr);
    let document = document(&verified);
    assert_eq!(with_verdict(&document, "refuted"), names(&["dead_letters"]), "{document:#}");
    assert_eq!(document["left"], json!([]));
}

#[tokio::test]
async fn batches_that_find_nothing_are_found() {
    refutes(json!({"batches": "not-found"}), &["batches"]).await;
}

#[tokio::test]
async fn a_list_that_is_refused_for_its_order_is_found() {
    refutes(json!({"sort_with_scope": "refused"}), &["sort_with_scope"]).await;
}

#[tokio::test]
async fn revisions_that_count_changes_are_found() {
    refutes(json!({"revisions": "per-change"}), &["revisions"]).await;
}

#[tokio::test]
async fn known_tokens_that_are_refused_are_found() {
    for reading in ["refused", "refused-after-the-end", "forgotten-after-the-end"] {
        refutes(json!({"known_tokens": reading}), &["known_tokens"]).await;
    }
}

#[tokio::test]
async fn stale_revisions_that_are_not_named_are_found() {
    refutes(json!({"stale_revisions": "unnamed"}), &["stale_revisions"]).await;
}

#[tokio::test]
async fn another_status_of_an_archived_experience_is_found() {
    refutes(json!({"archived_admin_status": "Archived"}), &["archived_admin_status"]).await;
}

#[tokio::test]
async fn reads_that_lag_are_found() {
    refutes(json!({"read_lag": "4s"}), &["read_lag", "read_lag_of_events"]).await;
}

#[tokio::test]
async fn a_product_that_is_taken_although_it_does_not_exist_is_found_and_what_is_left_of_it_is_said() {
    let mut world = trial_world(&Assumptions::default());
    world.poison_products.clear();
    let scene = scene_of(world).await;
    let verified = scene.hub.run(&["verify-aws", "--change", TRIAL, "--unknown-product", NOWHERE, "-o", "json"]).await;
    assert_eq!(verified.code, 1, "{}{}", verified.stdout, verified.stderr);
    let document = document(&verified);
    assert_eq!(with_verdict(&document, "refuted"), names(&["unknown_products"]), "{document:#}");
    assert_eq!(document["left"][0], format!("`{NOWHERE}` is rejected; it was on no list."));
    // There is no command for it, and none about a product that is where it was.
    let by_hand = format!("`{NOWHERE}`: nothing takes it off that list; archive or delete the test experience.");
    assert_eq!(document["left"].as_array().unwrap()[1..], [json!(by_hand)]);
    assert!(!verified.stderr.contains("\"prod-r\""), "{}", verified.stderr);
    assert!(verified.stderr.contains("code: E4111"), "{}", verified.stderr);
    let (lists, requests) = state_of(&scene, TRIAL).await;
    assert_eq!((lists.approved, requests), (untouched().0.approved, untouched().1));
}

/// What the catalog offers does not put this back: the product is rejected as before, and on the
/// other list, too.
#[tokio::test]
async fn lists_that_only_grow_are_found_and_what_is_left_is_said() {
    let assumptions = serde_json::from_value(json!({"listing": "adds"})).unwrap();
    let scene = scene_of(trial_world(&assumptions)).await;
    let verified = scene.hub.run(&["verify-aws", "--change", TRIAL, "--unknown-product", NOWHERE, "-o", "json"]).await;
    assert_eq!(verified.code, 1, "{}{}", verified.stdout, verified.stderr);
    let document = document(&verified);
    assert_eq!(with_verdict(&document, "refuted"), names(&["listing"]), "{document:#}");
    let left = "`prod-r` is approved and rejected at once; it was rejected.";
    assert_eq!(document["left"][0], left);
    assert!(
        verified.stderr.contains(left) && verified.stderr.contains("aws marketplace-catalog"),
        "{}",
        verified.stderr
    );
    let mut lists = untouched().0;
    lists.approved.insert("prod-r".into());
    assert_eq!(state_of(&scene, TRIAL).await, (lists, "Deny".to_owned()));
}

/// Ends it by a signal once `change_sets` were started.
async fn interrupted(signal: &str, change_sets: usize) {
    let mut world = trial_world(&Assumptions::default());
    world.change_sets = ChangeSetTiming::always(Duration::from_secs(2));
    let scene = scene_of(world).await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().to_str().unwrap();
    let running = scene.hub.start(&["verify-aws", "--change", TRIAL, "--report", report]);
    let started = async || scene.hub_account.change_sets().await >= change_sets;
    eventually("it is at work", &true, started).await;
    running.signal(signal).await;
    let (code, log) = running.ended().await;
    assert_eq!(code, 1, "{log}");
    assert!(log.contains(&format!("told to stop by SIG{signal}")) && log.contains("code: E4110"), "{log}");
    assert!(log.contains(&format!("{TRIAL} is as it was before")), "{log}");
    assert_eq!(state_of(&scene, TRIAL).await, untouched(), "{log}");
    let written: Value = serde_json::from_str(&read(folder.path(), "report.json")).unwrap();
    assert!(written["failure"].as_str().unwrap().contains("told to stop"), "{written:#}");
    assert!(with_verdict(&written, "not-tried").contains("revisions"), "{written:#}");
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[tokio::test]
async fn an_experience_is_put_back_where_it_is_interrupted_in_its_first_change() {
    interrupted("INT", 1).await;
}

#[tokio::test]
async fn an_experience_is_put_back_where_it_is_told_to_stop_in_its_second_change() {
    interrupted("TERM", 2).await;
}

#[tokio::test]
async fn an_experience_is_put_back_where_a_step_fails() {
    let mut world = trial_world(&Assumptions::default());
    // The first three are one change set, asked for three times.
    let fourth = json!([{"fault": {"kind": "server-fault"}, "operation": "StartChangeSet", "every": 4}]);
    world.faults = serde_json::from_value(fourth).unwrap();
    let scene = scene_of(world).await;
    let verified = scene.hub.run(&["verify-aws", "--change", TRIAL, "-o", "json"]).await;
    assert_eq!(verified.code, 1, "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stderr.contains("ended as FAILED"), "{}", verified.stderr);
    let document = document(&verified);
    assert_eq!(document["left"], json!([]));
    assert!(with_verdict(&document, "confirmed").contains("known_tokens"), "{document:#}");
    assert_eq!(state_of(&scene, TRIAL).await, untouched());
}

#[tokio::test]
async fn where_it_cannot_be_put_back_what_is_left_is_said_and_how_to_do_it_by_hand() {
    let mut world = trial_world(&Assumptions::default());
    world.change_sets = ChangeSetTiming::always(Duration::from_secs(2));
    let scene = scene_of(world).await;
    let running = scene.hub.start(&["verify-aws", "--change", TRIAL]);
    eventually("it is at work", &1, async || scene.hub_account.change_sets().await).await;
    let denied = json!({"fault": {"kind": "access-denied"}, "operation": "StartChangeSet"});
    scene.add_fault(&serde_json::from_value(denied).unwrap()).await;
    let (code, log) = running.ended().await;
    assert_eq!(code, 1, "{log}");
    assert!(log.contains(&format!("`{TRIAL}` may not be as it was before")), "{log}");
    let (lists, _) = state_of(&scene, TRIAL).await;
    assert!(lists.approved.contains("prod-r"), "{lists:?}");
    // What is said is done, by whoever may.
    scene.clear_faults().await;
    let command = log.lines().rev().find_map(|line| line.split_once("To put it back by hand: ")).unwrap().1;
    let changes: Value = serde_json::from_str(command.split('\'').nth(1).unwrap()).unwrap();
    for change in changes.as_array().unwrap() {
        assert_eq!(change["Entity"], json!({"Type": "Experience@1.0", "Identifier": TRIAL}));
    }
    assert_eq!(changes[0]["ChangeType"], "DenyProductProcurement");
    let product = changes[0]["DetailsDocument"]["Products"][0]["Ids"][0].as_str().unwrap();
    Aws::new(&scene.endpoint(), OWNER).reject(TRIAL, &[product]).await;
    assert_eq!(state_of(&scene, TRIAL).await, untouched());
}

/// A product that is on a list exists; to allow it and to deny it would take it off that list, or
/// change what it is.
#[tokio::test]
async fn a_product_that_is_on_a_list_is_not_taken_for_one_that_does_not_exist() {
    let scene = scene_of(trial_world(&Assumptions::default())).await;
    for (product, standing) in [(APPROVED[0], "approved"), (REJECTED[1], "rejected"), (REJECTED[0], "rejected")] {
        let arguments = ["verify-aws", "--change", TRIAL, TRIAL, "--unknown-product", product, "-o", "json"];
        let refused = scene.hub.run(&arguments).await;
        assert_eq!(refused.code, 3, "{}", refused.stderr);
        let why = format!("`{product}` is on the lists of `{TRIAL}`, where it is {standing}: nothing was changed");
        assert!(refused.stderr.contains(&why) && refused.stderr.contains("hint: name a product"), "{}", refused.stderr);
        assert!(refused.stderr.contains("code: E4103"), "{}", refused.stderr);
        let document = document(&refused);
        assert_eq!((with_verdict(&document, "refuted"), &document["left"]), (names(&[]), &json!([])));
    }
    assert_eq!(scene.hub_account.change_sets().await, 0);
}

/// Neither the hub nor the trials can do anything with it.
#[tokio::test]
async fn an_experience_without_a_policy_is_neither_followed_nor_tried() {
    let scene = scene_of(trial_world(&Assumptions::default())).await;
    let tried = scene.hub.run(&["verify-aws", "--change", OPEN, OPEN]).await;
    assert!(tried.code == 1 && tried.stderr.contains("code: E4101"), "{}", tried.stderr);
    let published = scene.hub.with(&[("PMP_EXPERIENCE_ID", OPEN)]).run(&["publish"]).await;
    assert!(published.code == 1 && published.stderr.contains("code: E4010"), "{}", published.stderr);
}

/// How a change set stands may be refused, in the middle of it: putting back is asked for all the
/// same.
#[tokio::test]
async fn an_experience_is_put_back_where_its_change_sets_cannot_be_described() {
    for denied in [&["DescribeChangeSet"][..], &["DescribeChangeSet", "ListChangeSets"]] {
        let mut world = trial_world(&Assumptions::default());
        world.change_sets = ChangeSetTiming::always(Duration::from_secs(2));
        let rule = |operation: &&str| json!({"fault": {"kind": "access-denied"}, "operation": operation});
        let rules: Vec<_> = denied.iter().map(rule).collect();
        world.faults = serde_json::from_value(json!(rules)).unwrap();
        let scene = scene_of(world).await;
        let verified = scene.hub.run(&["verify-aws", "--change", TRIAL, "-o", "json"]).await;
        assert_eq!(verified.code, 1, "{}{}", verified.stdout, verified.stderr);
        assert!(verified.stderr.contains("cannot describe the change set"), "{}", verified.stderr);
        assert!(verified.stderr.contains(&format!("{TRIAL} is as it was before")), "{}", verified.stderr);
        assert_eq!(document(&verified)["left"], json!([]));
        assert_eq!(state_of(&scene, TRIAL).await, untouched(), "{denied:?}");
    }
}

/// Nothing follows from what could not be read, and why it could not is said.
#[tokio::test]
async fn what_could_not_be_read_is_not_tried() {
    let denied = |operation: &str, every: u64| json!({"fault": {"kind": "access-denied"}, "operation": operation, "every": every});
    let describing = json!([denied("BatchDescribeEntities", 1), denied("DescribeEntity", 1)]);
    // The second list is that of the experiences that are shared with this account.
    for (faults, operation) in [(describing, "DescribeEntit"), (json!([denied("ListEntities", 2)]), "ListEntities")] {
        let mut world = trial_world(&Assumptions::default());
        world.faults = serde_json::from_value(faults).unwrap();
        let verified = scene_of(world).await.hub.run(&["verify-aws", "-o", "json"]).await;
        assert_eq!(verified.code, 1, "{}{}", verified.stdout, verified.stderr);
        let document = document(&verified);
        assert_eq!(with_verdict(&document, "refuted"), names(&[]), "{document:#}");
        for finding in document["findings"].as_array().unwrap().iter().filter(|f| f["verdict"] == "not-tried") {
            let seen = finding["seen"].as_str().unwrap();
            let why = seen.contains(operation) && seen.contains("AccessDenied");
            assert!(why || finding["trial"].as_u64() > Some(3), "{finding:#}");
            assert!(!seen.contains("sees 0"), "{finding:#}");
        }
        assert!(with_verdict(&document, "not-tried").contains("batches"), "{document:#}");
    }
}

/// The hub takes the events out of its queue: that none comes there says nothing.
#[tokio::test]
async fn the_queue_of_a_hub_is_not_waited_for() {
    let scene = scene_of(trial_world(&Assumptions::default())).await;
    let events = scene.hub_account.queue_url(EVENTS_QUEUE).await;
    let hub = scene.hub.with(&[("PMP_EVENTS_QUEUE_URL", &events)]);
    let document = document(&hub.run(&["verify-aws", "--change", TRIAL, "-o", "json"]).await);
    for name in ["events_of_changes", "read_lag_of_events"] {
        let finding = document["findings"].as_array().unwrap().iter().find(|finding| finding["name"] == name).unwrap();
        assert_eq!(finding["verdict"], "not-tried", "{finding:#}");
        assert!(
            finding["seen"].as_str().unwrap().contains("PMP_EVENTS_QUEUE_URL is the queue of a hub"),
            "{finding:#}"
        );
    }
}

#[tokio::test]
async fn an_experience_that_is_in_use_is_left_alone_unless_it_is_named_twice() {
    let scene = scene_of(trial_world(&Assumptions::default())).await;
    scene.hub.json(&["publish"]).await;
    scene.spoke.json(&["sync", "--wait"]).await;
    for (experience, why) in [
        (MANAGEMENT, "it is the management experience (--experience-id (PMP_EXPERIENCE_ID))".to_owned()),
        (MANAGEMENT, "the ledger holds snapshots of it, up to 1".to_owned()),
        (ALPHA_PROD, format!("{ALPHA} keeps it in step with {MANAGEMENT}")),
    ] {
        let refused = scene.hub.run(&["verify-aws", "--change", experience]).await;
        assert_eq!(refused.code, 3, "{}", refused.stderr);
        assert!(refused.stderr.contains(&why), "{}", refused.stderr);
        // What is changed on the management experience goes to all members: how to do that is not
        // said.
        let told = refused.stderr.contains(&format!("--change {experience} {experience}`"));
        assert_eq!(told, experience != MANAGEMENT, "{}", refused.stderr);
    }
    // What cannot be looked at may be so.
    let unset = scene.hub.with(&[("PMP_TIMESTAMPS_TABLE", "")]).run(&["verify-aws", "--change", TRIAL]).await;
    assert_eq!(unset.code, 3, "{}", unset.stderr);
    assert!(unset.stderr.contains("whether a spoke keeps it in step is not known"), "{}", unset.stderr);
    let two = scene.hub.run(&["verify-aws", "--change", MANAGEMENT, TRIAL]).await;
    assert_eq!(two.code, 3, "{}", two.stderr);
    assert_eq!(scene.hub_account.change_sets().await, 0);

    // The management experience is not changed, however often it is named.
    let twice = scene.hub.run(&["verify-aws", "--change", MANAGEMENT, MANAGEMENT]).await;
    assert_eq!(twice.code, 3, "{}", twice.stderr);
    assert!(twice.stderr.contains("it is the management experience"), "{}", twice.stderr);
    assert_eq!(scene.hub_account.change_sets().await, 0);

    let unset = scene.hub.with(&[("PMP_TIMESTAMPS_TABLE", "")]);
    let meant = unset.run(&["verify-aws", "--change", TRIAL, TRIAL]).await;
    assert_eq!(meant.code, 0, "{}", meant.stderr);
    assert!(scene.hub_account.change_sets().await > 0);
    assert_eq!(state_of(&scene, TRIAL).await, untouched());
}

#[tokio::test]
async fn nothing_is_changed_without_being_asked_for() {
    let scene = scene_of(trial_world(&Assumptions::default())).await;
    let line = Tap::open(&scene.endpoint()).await;
    let verified = scene.hub.with(&[("AWS_ENDPOINT_URL", line.endpoint())]).run(&["verify-aws", "-o", "json"]).await;
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    let called: BTreeSet<_> = line.calls().into_iter().collect();
    assert_eq!(
        called,
        names(&[
            "2026-02-05/getProduct",
            "2026-02-05/searchListings",
            "BatchDescribeEntities",
            "DescribeEntity",
            "ListEntities"
        ])
    );
    let tried =
        ["absent_values", "archived_admin_status", "batches", "listings", "product_searches", "sort_with_scope"];
    let tried = names(&tried);
    assert_eq!(with_verdict(&document(&verified), "confirmed"), tried);
    assert_eq!(with_verdict(&document(&verified), "refuted"), names(&[]));
}

/// What a management account sees says little of what a delegated administrator would.
#[tokio::test]
async fn what_only_a_delegated_administrator_can_see_is_not_tried_as_another() {
    let scene = scene_of(trial_world(&Assumptions::default())).await;
    let owner = scene.hub.with(&[("AWS_ACCESS_KEY_ID", OWNER)]);
    let document = document(&owner.run(&["verify-aws", "-o", "json"]).await);
    assert_eq!(document["standing"], "management-account");
    assert!(with_verdict(&document, "not-tried").contains("sort_with_scope"), "{document:#}");
    assert!(with_verdict(&document, "confirmed").contains("batches"), "{document:#}");
    let nobody = scene.hub.with(&[("AWS_ACCESS_KEY_ID", "444444444444")]);
    let verified = nobody.run(&["verify-aws", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&verified.stdout).unwrap();
    assert_eq!((verified.code, &document["standing"]), (0, &json!("neither")), "{}", verified.stderr);
    assert_eq!(with_verdict(&document, "confirmed"), names(&[]));
}

#[tokio::test]
async fn a_report_can_be_shown_to_others() {
    let assumptions = serde_json::from_value(json!({"batches": "not-found", "stale_revisions": "unnamed"})).unwrap();
    let scene = scene_of(trial_world(&assumptions)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trial");
    let arguments = ["verify-aws", "--change", TRIAL, "--unknown-product", NOWHERE, "--report", path.to_str().unwrap()];
    let verified = scene.hub.run(&arguments).await;
    assert_eq!(verified.code, 4, "{}", verified.stderr);
    assert!(verified.stdout.contains(MANAGEMENT) || verified.stdout.contains(OPEN), "{}", verified.stdout);
    let (json, markdown) = (read(&path, "report.json"), read(&path, "report.md"));
    let hidden =
        [HUB, OWNER, TRIAL, OPEN, OLD, MANAGEMENT, NOWHERE, "policy-trial", "policy-management", "prod-r", "prod-b"];
    for text in [&json, &markdown] {
        for id in hidden {
            assert!(!text.contains(id), "{id}: {text}");
        }
    }
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["schema_version"], 1);
    let experience = report["experience"].as_str().unwrap();
    let seen = report["findings"].as_array().unwrap().iter().find(|found| found["name"] == "stale_revisions").unwrap();
    assert!(experience.starts_with("experience-"), "{experience}");
    assert!(seen["seen"].as_str().unwrap().contains(experience), "the same id by the same name: {seen}");
    assert!(markdown.contains(&format!("changed: {experience}.")), "{markdown}");
    assert!(markdown.contains("| 1 | `batches`") && markdown.contains("**refuted**"), "{markdown}");
}

/// The policies that the page gives are enough, and it is no account's root that needs them.
#[tokio::test]
async fn the_policies_of_the_page_are_what_it_takes() {
    const PAGE: &str = include_str!("../../docs/first-day.md");
    let policy = |heading: &str| {
        let part = PAGE.split_once(heading).unwrap_or_else(|| panic!("{heading}")).1;
        let text = part.split_once("```json\n").unwrap().1.split_once("```").unwrap().0;
        let text = text.replace("OWNER", OWNER).replace("HUB", HUB).replace("exp-1234567890abc", TRIAL);
        let text = text.replace("pmp-sync-Snapshots", "Snapshots").replace("pmp-sync-SyncTimestamps", "SyncTimestamps");
        serde_json::from_str::<Value>(&text.replace("QUEUE", EVENTS_QUEUE)).unwrap()
    };
    let (reads, changes) = (policy("<!-- policy: reads -->"), policy("<!-- policy: changes -->"));
    let mut both = reads.clone();
    both["Statement"].as_array_mut().unwrap().extend(changes["Statement"].as_array().unwrap().iter().cloned());
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{HUB}:root")}, "Action": "sts:AssumeRole"}]});
    let mut world = trial_world(&Assumptions::default());
    let role = |name: &str, policy: &Value| Role::new(HUB, name, trust.clone()).with_permissions(policy.clone());
    world.roles.extend([role("reader", &reads), role("changer", &both)]);
    let scene = scene_of(world).await;
    let run = async |role: &str, arguments: &[&str], more: &[(&str, &str)]| {
        let call = aws_sdk_sts::Client::new(scene.hub_account.config()).assume_role().role_session_name("ada");
        let session =
            call.role_arn(format!("arn:aws:iam::{HUB}:role/{role}")).send().await.unwrap().credentials.unwrap();
        let keys = [
            ("AWS_ACCESS_KEY_ID", session.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", session.secret_access_key()),
            ("AWS_SESSION_TOKEN", session.session_token()),
        ];
        scene.hub.with(&keys).with(&[("PMP_EVENTS_QUEUE_URL", "")]).with(more).run(arguments).await
    };
    let read = run("reader", &["verify-aws"], &[]).await;
    assert_eq!(read.code, 0, "{}", read.stderr);
    let events = scene.hub_account.queue_url(EVENTS_QUEUE).await;
    let all = [
        &["verify-aws", "--change", TRIAL, "--unknown-product", NOWHERE, "--dead-letters"][..],
        &["--events-queue-url", &events],
    ]
    .concat();
    let refused = run("reader", &all[..3], &[]).await;
    assert_ne!(refused.code, 0, "{}", refused.stderr);
    assert_eq!(state_of(&scene, TRIAL).await, untouched());
    let changed = run("changer", &all, &[]).await;
    assert_eq!(changed.code, 0, "{}{}", changed.stdout, changed.stderr);
    assert_eq!(state_of(&scene, TRIAL).await, untouched());
    // No other experience than the one that the policy names. The program itself would not change
    // this one where it knows what it is.
    let nothing_known = [("PMP_EXPERIENCE_ID", "")];
    let other = run("changer", &["verify-aws", "--change", MANAGEMENT, MANAGEMENT], &nothing_known).await;
    assert_eq!(other.code, 1, "{}", other.stderr);
    assert!(other.stderr.contains("aws-marketplace:StartChangeSet"), "{}", other.stderr);
}
