//! The control endpoint: what it shows and sets, and whom it refuses.

use jiff::SignedDuration;
use pmp_local_aws::World;
use pmp_local_aws::world::{Fault, FaultRule};
use serde_json::{Value, json};

use crate::raw::{control, request, send};
use crate::rig::{HUB, MEMBER, Rig, world};

#[tokio::test]
async fn rules_are_listed_with_how_often_they_fired_added_and_removed() {
    let first = FaultRule { seed: Some(9), ..FaultRule::new(Fault::ServerFault {}) };
    let rig = Rig::start(World { faults: vec![first], ..world() }).await;
    let rule = json!({ "fault": { "kind": "throttling" }, "service": "sts", "every": 2 });
    let (status, added) = control(&rig.server, "POST /_local/faults", &rule).await;
    assert_eq!((status, &added["id"], &added["rule"]), (201, &json!(2), &rule));
    for _ in 0..3 {
        let _ = rig.unretried(HUB, aws_sdk_sts::Client::new).get_caller_identity().send().await;
    }
    let (status, listed) = control(&rig.server, "GET /_local/faults", &Value::Null).await;
    assert_eq!((status, &listed["faults"][0]["seed"]), (200, &json!(9)));
    assert_eq!((&listed["faults"][1]["seen"], &listed["faults"][1]["fired"]), (&json!(3), &json!(1)));
    assert_eq!(control(&rig.server, "DELETE /_local/faults/2", &Value::Null).await, (200, json!({ "removed": 1 })));
    assert_eq!(control(&rig.server, "DELETE /_local/faults/2", &Value::Null).await.0, 404);
    assert_eq!(control(&rig.server, "DELETE /_local/faults", &Value::Null).await, (200, json!({ "removed": 1 })));
    rig.sts(HUB).get_caller_identity().send().await.unwrap();
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_sentence_and_changes_nothing() {
    let rig = Rig::start(world()).await;
    let throttling = |more: Value| {
        let mut rule = json!({ "fault": { "kind": "throttling" } });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    for (line, body, status, why) in [
        ("POST /_local/faults", throttling(json!({ "sevice": "sts" })), 400, "unknown field `sevice`"),
        ("POST /_local/faults", json!({ "fault": { "kind": "throttling", "by": 1 } }), 400, "unknown field `by`"),
        ("POST /_local/faults", json!({ "fault": { "kind": "earthquake" } }), 400, "unknown variant `earthquake`"),
        ("POST /_local/faults", throttling(json!({ "service": "s3" })), 400, "service: `s3` is not one of"),
        ("POST /_local/faults", throttling(json!({ "account": "me" })), 400, "account: `me`"),
        ("POST /_local/faults", throttling(json!({ "probability": 1.5 })), 400, "probability: 1.5"),
        ("POST /_local/faults", throttling(json!({ "probability": 1, "next": 2 })), 400, "only one of"),
        ("POST /_local/faults", throttling(json!({ "queue": "q" })), 400, "only faults of messages"),
        ("POST /_local/faults", json!({ "fault": { "kind": "latency", "min": "2s", "max": "1s" } }), 400, "longer"),
        ("POST /_local/faults", json!({ "fault": { "kind": "latency", "min": "soon" } }), 400, "is not a duration"),
        ("POST /_local/clock", json!({ "by": "1h", "reset": true }), 400, "give one of"),
        ("POST /_local/clock", json!({ "by": "100000000h" }), 400, "years 1970 to 9998"),
        ("POST /_local/poison", json!({ "add": ["two words"] }), 400, "`two words` is not a product id"),
        ("GET /_local/requests?sevice=sts", Value::Null, 400, "the query is not understood"),
        ("GET /_local/nope", Value::Null, 404, "/_local/faults"),
        ("PUT /_local/faults", Value::Null, 405, "no method PUT"),
    ] {
        let (found, answer) = control(&rig.server, line, &body).await;
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(found == status && error.contains(why), "{line} {body}: {found} {answer}");
    }
    let form =
        send(&rig.server, &request("POST /_local/clock", &["Content-Type: text/plain"], br#"{"by":"1h"}"#)).await;
    assert_eq!(form.status, 415, "a page elsewhere can send this without asking");
    let large = vec![b' '; 100_000];
    let large = send(&rig.server, &request("POST /_local/clock", &["Content-Type: application/json"], &large)).await;
    assert_eq!(large.status, 413);
    assert_eq!(control(&rig.server, "GET /_local/faults", &Value::Null).await.1, json!({ "faults": [] }));
    assert_eq!(control(&rig.server, "GET /_local/clock", &Value::Null).await.1["offset_seconds"], 0.0);
}

#[tokio::test]
async fn pages_from_elsewhere_may_not_steer() {
    let rig = Rig::start(world()).await;
    for headers in [
        ["Host: evil.example", "X-Other: 1"],
        ["Host: localhost", "Origin: http://evil.example"],
        ["Host: localhost", "Sec-Fetch-Site: cross-site"],
    ] {
        let answer = send(&rig.server, &request("DELETE /_local/faults", &headers, b"")).await;
        assert_eq!(answer.status, 403, "{headers:?}: {answer:?}");
    }
    assert_eq!(send(&rig.server, &request("GET /_local/health", &[], b"")).await.json()["status"], "ok");
}

#[tokio::test]
async fn the_clock_is_read_and_set() {
    let rig = Rig::start(world()).await;
    let set = async |body: Value| control(&rig.server, "POST /_local/clock", &body).await.1;
    assert_eq!(set(json!({ "by": "1h" })).await["offset"], "1h");
    assert_eq!(set(json!({ "by": "-90m" })).await["offset_seconds"], -1800.0);
    let there = set(json!({ "to": "2030-01-01T00:00:00Z" })).await;
    assert!(there["now"].as_str().unwrap().starts_with("2030-01-01T00:00:0"), "{there}");
    assert!(rig.server.now().to_string().starts_with("2030-01-01T00:0"));
    let answer = send(&rig.server, &request("POST /", &[], b"")).await;
    assert!(answer.head.contains("date: tue, 01 jan 2030 00:0"), "{answer:?}");
    let back = set(json!({ "reset": true })).await;
    assert_eq!(back["offset_seconds"], 0.0, "{back}");
    assert!(rig.server.now().duration_since(jiff::Timestamp::now()).abs() < SignedDuration::from_mins(1));
}

#[tokio::test]
async fn the_latest_requests_say_what_came_of_them() {
    let rule = FaultRule { service: Some("sns".into()), ..FaultRule::new(Fault::LostAnswer {}) };
    let rig = Rig::start(World { faults: vec![rule], ..world() }).await;
    rig.catalog(MEMBER).list_entities().catalog("AWSMarketplace").entity_type("Experience").send().await.unwrap();
    let _ = rig.unretried(HUB, aws_sdk_sns::Client::new).list_topics().send().await.unwrap_err();
    let (_, listed) = control(&rig.server, "GET /_local/requests", &Value::Null).await;
    let found = &listed["requests"];
    let of = |n: usize| {
        [&found[n]["service"], &found[n]["operation"], &found[n]["account"], &found[n]["status"], &found[n]["faults"]]
    };
    assert_eq!(
        of(0).map(Value::to_string),
        [r#""aws-marketplace""#, r#""ListEntities""#, r#""222222222222""#, "200", "[]"]
    );
    assert_eq!(of(1).map(Value::to_string), [r#""sns""#, r#""ListTopics""#, r#""111111111111""#, "null", "[1]"]);
    let count = |service: &str, operation: &str, failed: u64| {
        json!({
            "service": service, "operation": operation, "requests": 1, "failed": failed
        })
    };
    assert_eq!(listed["counts"], json!([count("aws-marketplace", "ListEntities", 0), count("sns", "ListTopics", 1)]));
    let (_, only) = control(&rig.server, "GET /_local/requests?service=sns", &Value::Null).await;
    assert_eq!((only["requests"].as_array().unwrap().len(), &only["requests"][0]["number"]), (1, &json!(2)));
    assert_eq!(control(&rig.server, "DELETE /_local/requests", &Value::Null).await.1, json!({ "removed": 2 }));
}

#[tokio::test]
async fn the_decisions_of_iam_are_counted() {
    let rig = Rig::start(world()).await;
    let list = rig.catalog(MEMBER).list_entities().catalog("AWSMarketplace").entity_type("Experience");
    list.clone().send().await.unwrap();
    list.send().await.unwrap();
    let (_, listed) = control(&rig.server, "GET /_local/decisions", &Value::Null).await;
    let found = &listed["decisions"][0];
    assert_eq!((&found["action"], &found["count"]), (&json!("aws-marketplace:ListEntities"), &json!(2)), "{listed}");
    assert_eq!((&found["principal"], &found["allowed"]), (&json!(format!("arn:aws:iam::{MEMBER}:root")), &json!(true)));
    assert_eq!(control(&rig.server, "DELETE /_local/decisions", &Value::Null).await.1, json!({ "removed": 1 }));
}
