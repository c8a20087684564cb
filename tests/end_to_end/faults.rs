//! The real programs while things go wrong: they end where they would have ended, do nothing twice,
//! and what is wrong in one place stops no other (rule 3).

use pmp_local_aws::world::{Fault, FaultRule};
use pmp_tests::{ALPHA_PROD, EVENTS_QUEUE, Lists, MANAGEMENT, Scene, World, eventually, world};

const CATALOG: &str = "aws-marketplace";

/// Of the spoke's own calls: its account is alpha's.
fn of_catalog(operation: &str, fault: Fault) -> FaultRule {
    FaultRule { service: Some(CATALOG.into()), operation: Some(operation.into()), ..FaultRule::new(fault) }
}

#[tokio::test]
async fn a_spoke_gets_through_throttling_lost_answers_and_a_server_fault() {
    let faults = vec![
        FaultRule { next: Some(1), ..of_catalog("StartChangeSet", Fault::ServerFault {}) },
        FaultRule { next: Some(1), ..of_catalog("StartChangeSet", Fault::LostAnswer {}) },
        FaultRule { every: Some(3), ..of_catalog("DescribeChangeSet", Fault::Throttling { message: None }) },
        FaultRule { next: Some(1), ..of_catalog("ListEntities", Fault::LostRequest {}) },
    ];
    let scene = Scene::start(World { faults, ..world(&["prod-a", "prod-b"], &["prod-x"]) }).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    let synced = spoke.run(&["sync"]).await;
    assert_eq!(synced.code, 0, "{}{}", synced.stdout, synced.stderr);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a", "prod-b"], &["prod-x"]));
    // The one that the catalog failed, whose answer was lost as well, and the one after it: none
    // was started twice.
    assert_eq!(scene.alpha_account.change_sets().await, 2);
}

/// Within a second, whoever waits is told for which call, and for how long by then.
#[tokio::test]
async fn what_aws_throttles_is_named_while_it_is_waited_for() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    let throttled = |service: &str, operation: &str| FaultRule {
        service: Some(service.into()),
        operation: Some(operation.into()),
        next: Some(4),
        ..FaultRule::new(Fault::Throttling { message: None })
    };
    scene.hub.json(&["publish"]).await;
    let cases = [
        (&scene.hub, "publish", throttled(CATALOG, "DescribeEntity"), "`aws-marketplace:DescribeEntity`"),
        (&scene.hub, "status", throttled("dynamodb", "Query"), "`dynamodb:Query`"),
        (&scene.spoke, "plan", throttled("sts", "AssumeRole"), "`sts:AssumeRole`"),
        (&scene.spoke, "sync", throttled(CATALOG, "StartChangeSet"), "`aws-marketplace:StartChangeSet`"),
    ];
    for (program, command, fault, named) in cases {
        scene.add_fault(&fault).await;
        let finished = program.run(&[command]).await;
        assert_eq!(finished.code, 0, "{command}: {}", finished.stderr);
        let line = finished.stderr.lines().find(|line| line.contains("which AWS throttles")).unwrap_or_default();
        assert!(line.starts_with(&format!(". waiting for {named}")), "{command}: {}", finished.stderr);
        assert!(line.ends_with(" s so far"), "{command}: {line}");
        scene.clear_faults().await;
    }
    // A program that reads the answer is told nothing of it.
    scene.add_fault(&throttled("dynamodb", "Query")).await;
    let quiet = scene.hub.run(&["status", "-o", "json"]).await;
    assert!(quiet.code == 0 && !quiet.stderr.contains("throttles"), "{}", quiet.stderr);
}

#[tokio::test]
async fn change_events_alone_bring_a_snapshot_also_where_they_come_late_and_often() {
    let of_events = |fault| FaultRule { queue: Some(EVENTS_QUEUE.into()), ..FaultRule::new(fault) };
    let second = std::time::Duration::from_secs(1);
    let faults = vec![
        of_events(Fault::MessageDuplicated { copies: 3 }),
        of_events(Fault::MessageDelayed { min: second, max: None }),
    ];
    let scene = Scene::start(World { faults, ..world(&["prod-a"], &[]) }).await;
    let hub = scene.hub.start(&["run", "--interval", "6h"]);
    let version = async || scene.hub.json(&["status"]).await["snapshot"]["version"].as_u64().unwrap_or_default();
    eventually("the first snapshot", &1, version).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-new"]).await;
    eventually("the event's snapshot", &2, version).await;
    // Four events, all read by now or soon: nothing new is nothing new.
    let waiting = async || scene.hub_account.waiting(&scene.events_url()).await;
    eventually("the events are all read", &0, waiting).await;
    assert_eq!(version().await, 2);
    let (code, log) = hub.stop().await;
    assert_eq!(code, 0, "{log}");
}
