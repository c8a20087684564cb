//! Told to stop while something hangs: every program ends within ten seconds (rule 13), and a
//! function answers before its deadline.

use std::time::{Duration, Instant};

use futures::future::join_all;
use pmp_local_aws::world::{Fault, FaultRule};
use pmp_tests::{ALPHA_PROD, Agent, Batch, Function, Lists, Scene, eventually, world};
use serde_json::json;

/// Both programs promise to end within this time (rule 13).
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// Every call of this operation hangs.
fn hangs(service: &str, operation: &str) -> FaultRule {
    let fault = Fault::Latency { min: Duration::from_secs(300), max: None };
    FaultRule { service: Some(service.into()), operation: Some(operation.into()), ..FaultRule::new(fault) }
}

/// A scene with an announcement, in which this hangs.
async fn scene_that_hangs(service: &str, operation: &str) -> Scene {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    scene.add_fault(&hangs(service, operation)).await;
    scene
}

/// Lets it come to where it hangs, and tells it to stop; how long it took.
// The bound is to be seen.
#[allow(clippy::print_stdout)]
async fn stop_after_a_while(what: &str, agent: Agent) -> Duration {
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = Instant::now();
    let (code, log) = agent.stop().await;
    let took = told.elapsed();
    println!("{what} hangs: ended {took:?} after SIGTERM");
    assert_eq!(code, 0, "{what}: {log}");
    assert!(took < STOPS_WITHIN, "{what}: {took:?}\n{log}");
    took
}

#[tokio::test]
async fn a_spoke_ends_within_ten_seconds_whatever_hangs_and_the_next_one_goes_on() {
    let operations = [
        ("aws-marketplace", "ListEntities"),
        ("aws-marketplace", "BatchDescribeEntities"),
        ("aws-marketplace", "StartChangeSet"),
        ("dynamodb", "Query"),
        ("dynamodb", "PutItem"),
        ("sqs", "ChangeMessageVisibilityBatch"),
        ("sts", "AssumeRole"),
    ];
    let trials = operations.map(async |(service, operation)| {
        let scene = scene_that_hangs(service, operation).await;
        stop_after_a_while(operation, scene.spoke.start(&["run"])).await;
        scene.clear_faults().await;
        // Whoever hung in the ledger could not give the lease back.
        let next = scene.spoke.with(&[("PMP_LEASE_TERM", "5s")]).start(&["run"]);
        // Before that, a signal ends it as any program.
        eventually("it runs", &true, async || next.log().contains("spoke running")).await;
        let expected = Lists::new(&["prod-a"], &["prod-x"]);
        eventually(operation, &expected, async || scene.alpha_account.lists(ALPHA_PROD).await).await;
        assert_eq!(next.stop().await.0, 0);
    });
    join_all(trials).await;
}

#[tokio::test]
async fn a_hub_ends_within_ten_seconds_whatever_hangs() {
    let operations =
        [("aws-marketplace", "DescribeEntity"), ("dynamodb", "GetItem"), ("sns", "Publish"), ("sqs", "ReceiveMessage")];
    let trials = operations.map(async |(service, operation)| {
        let scene = scene_that_hangs(service, operation).await;
        stop_after_a_while(operation, scene.hub.start(&["run", "--interval", "1s"])).await;
    });
    join_all(trials).await;
}

#[tokio::test]
async fn a_sync_that_hangs_says_so_when_it_is_told_to_stop() {
    let scene = scene_that_hangs("aws-marketplace", "ListEntities").await;
    let syncing = scene.spoke.start(&["sync", "--stop-after", "3s"]);
    let began = Instant::now();
    let (code, log) = syncing.ended().await;
    assert_eq!(code, 1, "{log}");
    assert!(began.elapsed() < Duration::from_secs(3) + STOPS_WITHIN, "{:?}", began.elapsed());
    assert!(log.contains("the time for this run is up, before the end"), "{log}");
    assert!(log.contains("code: E5003"), "{log}");
}

#[tokio::test]
async fn a_sync_that_hangs_and_is_interrupted_ends_without_an_error() {
    let scene = scene_that_hangs("aws-marketplace", "ListEntities").await;
    let syncing = scene.spoke.start(&["sync"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    syncing.signal("INT").await;
    let (code, log) = syncing.ended().await;
    assert_eq!(code, 130, "{log}");
    assert!(log.contains("told to stop by SIGINT (Ctrl-C), ") && !log.contains("error:"), "{log}");
    assert!(!log.contains("code:"), "{log}");
}

#[tokio::test]
async fn a_function_answers_before_its_deadline_whatever_hangs() {
    let time = Duration::from_secs(8);
    let operations =
        [("aws-marketplace", "ListEntities"), ("dynamodb", "PutItem"), ("sqs", "ChangeMessageVisibilityBatch")];
    let spokes = operations.map(async |(service, operation)| {
        let scene = Scene::start(world(&["prod-a"], &[])).await;
        scene.hub.json(&["publish"]).await;
        let spoke = Function::start(&scene.spoke).await;
        spoke.ready().await;
        let batch = Batch::receive(&scene.alpha_account, &scene.queue_url).await;
        let ids: Vec<_> = batch.ids().into_iter().map(str::to_owned).collect();
        scene.add_fault(&hangs(service, operation)).await;
        let began = Instant::now();
        let (_, answer) = spoke.invoke(batch.event(), time).await;
        let took = began.elapsed();
        println!("{operation} hangs: the spoke answered after {took:?} of {time:?}");
        assert!(took < time, "{operation}: {took:?}\n{}", spoke.log());
        scene.clear_faults().await;
        // The pass may have been done by then, where it is the queue alone that hangs.
        let again = batch.settle(&answer).await;
        assert!(again == ids || (service == "sqs" && again.is_empty()), "{operation}: {answer:?}");
    });
    let hubs = [("aws-marketplace", "DescribeEntity"), ("dynamodb", "Query")].map(async |(service, operation)| {
        let scene = Scene::start(world(&["prod-a"], &[])).await;
        let hub = Function::start(&scene.hub).await;
        hub.ready().await;
        scene.add_fault(&hangs(service, operation)).await;
        let began = Instant::now();
        let event = json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
        let (_, answer) = hub.invoke(event, time).await;
        let took = began.elapsed();
        println!("{operation} hangs: the hub answered after {took:?} of {time:?}");
        assert!(took < time, "{operation}: {took:?}\n{}", hub.log());
        assert!(answer.unwrap_err().to_string().contains("code: E4026"), "{operation}: {}", hub.log());
    });
    tokio::join!(join_all(spokes), join_all(hubs));
}
