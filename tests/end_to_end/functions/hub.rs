//! The hub, from a schedule, from change events and from an operator's test event.

use std::time::{Duration, Instant};

use pmp_tests::{Batch, Function, MANAGEMENT, Program, Scene, world};
use serde_json::{Value, json};

use super::{TIME, lines, logged, refusal};

fn schedule() -> Value {
    json!({"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "account": "111111111111",
           "time": "2026-11-24T12:00:00Z", "region": "us-east-1", "detail": {},
           "resources": ["arn:aws:events:us-east-1:111111111111:rule/pmp-sync-hub"]})
}

async fn outcome(hub: &Function, event: Value) -> String {
    let published = hub.invoke(event, TIME).await.1.unwrap();
    published["published"]["outcome"].as_str().unwrap_or_else(|| panic!("{published}")).to_owned()
}

/// The reasons of the announcements that wait in alpha's queue.
async fn announced(scene: &Scene) -> Vec<String> {
    let batch = Batch::receive(&scene.alpha_account, &scene.queue_url).await;
    let reason = |body: &str| serde_json::from_str::<Value>(body).unwrap()["reason"].as_str().unwrap().to_owned();
    let reasons = batch.bodies().into_iter().map(reason).collect();
    batch.settle(&Ok(json!({"batchItemFailures": []}))).await;
    reasons
}

#[tokio::test]
async fn the_first_invocation_stores_and_a_warm_one_announces_with_logs_and_metrics_for_machines() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 1, "there is nothing yet, and the ledger knows of alpha");
    let hub = Function::start(&scene.hub).await;
    let (first, answer) = hub.invoke(schedule(), TIME).await;
    let published = &answer.unwrap()["published"];
    assert_eq!((&published["outcome"], &published["version"]), (&json!("stored"), &json!(1)));
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(outcome(&hub, schedule()).await, "announced");
    assert_eq!(announced(&scene).await, ["changed", "scheduled"]);

    // One start for both, and each line names its invocation.
    assert_eq!(logged(&hub, "hub ready"), 1);
    let stored = lines(&hub.log()).into_iter().find(|line| line["message"] == "snapshot stored").unwrap();
    assert_eq!((&stored["level"], &stored["span"]["requestId"]), (&json!("INFO"), &json!(first)));

    let documents = hub.documents();
    assert_eq!(documents.len(), 2);
    let told = |name: &str| documents.iter().map(|document| document[name].clone()).collect::<Vec<_>>();
    assert_eq!(told("Experience"), [MANAGEMENT, MANAGEMENT]);
    assert_eq!(
        (told("Published"), told("Changed"), told("Errors")),
        (vec![json!(1); 2], vec![json!(1), json!(0)], vec![json!(0); 2])
    );
    assert_eq!((told("ApprovedProducts"), told("RejectedProducts")), (vec![json!(2); 2], vec![json!(1); 2]));
    assert_eq!(documents[0]["requestId"], json!(first));
    assert_eq!(documents[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"], "pmp-sync");
    // Alpha has acknowledged in between.
    assert_eq!(documents[0].get("OldestVersionLag"), None);
    assert_eq!((&documents[1]["OldestVersionLag"], &documents[1]["SilentSpokes"]), (&json!(0), &json!(0)));
    assert_eq!(hub.stop().await.0, 0);
}

#[tokio::test]
async fn a_burst_of_change_events_publishes_once_and_what_was_read_already_is_not_read_again() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let hub = Function::start(&scene.hub).await;
    assert_eq!(outcome(&hub, schedule()).await, "stored");
    announced(&scene).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let events = Batch::receive(&scene.hub_account, &scene.events_url()).await;
    let event: Value = serde_json::from_str(events.bodies()[0]).unwrap();
    assert_eq!(event["detail-type"], "Change Set Succeeded");

    assert_eq!(outcome(&hub, event.clone()).await, "stored");
    // What the next one tells of may not be readable yet: it is looked at once more, and that look
    // has seen all of them.
    let began = Instant::now();
    assert_eq!(outcome(&hub, event.clone()).await, "unchanged");
    assert!(began.elapsed() >= Duration::from_secs(10), "{:?}", began.elapsed());
    for _ in 0..2 {
        assert_eq!(hub.invoke(event.clone(), TIME).await.1.unwrap(), json!({"outcome": "seen"}));
    }
    assert_eq!(announced(&scene).await, ["changed"]);

    // Events that come late tell of changes that were read long ago.
    let late = json!({"time": "2020-01-01T00:00:00Z"});
    let late = Value::Object(
        [event.as_object().unwrap().clone(), late.as_object().unwrap().clone()].into_iter().flatten().collect(),
    );
    assert_eq!(hub.invoke(late, TIME).await.1.unwrap(), json!({"outcome": "seen"}));
    let mut failed = event;
    failed["detail-type"] = json!("Change Set Failed");
    assert_eq!(hub.invoke(failed, TIME).await.1.unwrap(), json!({"outcome": "ignored"}));
    // What led to no look is no datum; looks at events tell nothing of the spokes.
    let documents = hub.documents();
    assert_eq!(documents.len(), 4);
    assert_eq!(documents[3].get("SilentSpokes"), None);
}

#[tokio::test]
async fn any_other_json_is_an_operator_s_test_event() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let hub = Function::start(&scene.hub).await;
    assert_eq!(outcome(&hub, json!({})).await, "stored");
    assert_eq!(outcome(&hub, json!({"key1": "value1"})).await, "announced");
    assert_eq!(outcome(&hub, json!("anything")).await, "announced");
    assert_eq!(announced(&scene).await, ["changed", "operator", "operator"]);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_told_to_lambda_and_in_the_log() {
    let scene = Scene::start(world(&[], &[])).await;
    let program = scene.hub.with(&[("PMP_TOPIC_ARN", " "), ("PMP_KEEP_VERSIONS", "many"), ("PMP_STALE_AFTER", "")]);
    let hub = Function::start(&program).await;
    let told = hub.init_error().await;
    let text = told["errorMessage"].as_str().unwrap().to_owned();
    assert!(text.contains("--topic-arn (PMP_TOPIC_ARN) is missing"), "{text}");
    assert!(text.contains("--keep-versions (PMP_KEEP_VERSIONS): `many` is not a whole number of at least 2"), "{text}");
    assert!(!text.contains("PMP_STALE_AFTER"), "a blank variable is one that is not set: {text}");
    let (code, log) = hub.ended().await;
    assert_eq!(code, 1);
    let line = lines(&log).into_iter().find(|line| line["message"] == "the function cannot start").unwrap();
    assert_eq!((line["level"].as_str(), line["error"].as_str()), (Some("ERROR"), Some(text.as_str())));
}

#[tokio::test]
async fn a_setting_of_the_log_that_is_none_is_told_too() {
    let scene = Scene::start(world(&[], &[])).await;
    for (variable, value, error, code) in [
        ("PMP_LOG", "no=such=level", "--log (PMP_LOG): `no=such=level` is no level", "code: E1713"),
        ("PMP_LOG_FORMAT", "xml", "invalid value 'xml' for '--log-format <LOG_FORMAT>'", "code: E1716"),
    ] {
        let hub = Function::start(&scene.hub.with(&[(variable, value)])).await;
        let told = hub.init_error().await;
        let message = told["errorMessage"].as_str().unwrap();
        assert!(message.contains(error) && message.contains(code), "{told}");
        assert_eq!(hub.ended().await.0, 1);
    }
}

#[tokio::test]
async fn a_function_that_cannot_ask_for_events_says_so_and_ends() {
    let scene = Scene::start(world(&[], &[])).await;
    // Nothing listens there.
    let as_a_function = scene.hub.with(&[
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"),
        ("AWS_LAMBDA_FUNCTION_NAME", "hub"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/hub"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "0123"),
    ]);
    let ended = as_a_function.run(&[]).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    let line = lines(&ended.stderr).into_iter().find(|line| line["message"] == "Lambda's runtime API failed");
    let told = line.unwrap_or_else(|| panic!("{ended:?}"))["error"].as_str().unwrap().to_owned();
    assert!(told.contains("code: E1715"), "{told}");
}

#[tokio::test]
async fn an_invocation_that_fails_says_why_and_the_next_is_served() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let hub = Function::start(&scene.hub.with(&[("PMP_EXPERIENCE_ID", "exp-nowhere")])).await;
    for _ in 0..2 {
        let text = refusal(hub.invoke(schedule(), TIME).await.1);
        assert!(text.starts_with("error: cannot read the management experience `exp-nowhere`"), "{text}");
        assert!(text.contains("hint: check that `exp-nowhere` exists"), "{text}");
    }
    let errors: Vec<_> = hub.documents().iter().map(|document| document["Errors"].clone()).collect();
    assert_eq!(errors, [1, 1]);
    let (code, log) = hub.stop().await;
    assert_eq!(code, 0, "{log}");
    lines(&log);
}

#[tokio::test]
async fn with_arguments_it_is_the_command_line_whatever_lambda_s_variables_say() {
    let hub = Program::new("pmp-hub", &[("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")]);
    let version = hub.run(&["--version"]).await;
    assert_eq!((version.code, version.stdout.starts_with("pmp-hub ")), (0, true));
}
