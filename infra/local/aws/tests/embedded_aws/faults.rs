//! Faults on demand, each as a real client meets it.

use std::time::{Duration, Instant};

use aws_sdk_marketplacecatalog::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::SignedDuration;
use pmp_local_aws::World;
use pmp_local_aws::world::{Fault, FaultRule};
use serde_json::json;

use crate::raw::control;
use crate::rig::{HUB, LIVE, MEMBER, Rig, change, eventually, lists, world};

async fn rig(rules: impl Into<Vec<FaultRule>>) -> Rig {
    Rig::start(World { faults: rules.into(), ..world() }).await
}

fn once(fault: Fault) -> FaultRule {
    FaultRule { next: Some(1), ..FaultRule::new(fault) }
}

/// The HTTP status and the error's name; nothing where no answer came.
fn refusal<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<(u16, String)> {
    let status = error.raw_response()?.status().as_u16();
    Some((status, error.code().unwrap_or_default().to_owned()))
}

#[tokio::test]
async fn each_service_throttles_fails_and_refuses_in_its_own_words() {
    let rig = rig([]).await;
    let tables = [
        (
            "throttling",
            [
                (429, "ThrottlingException"),
                (400, "ProvisionedThroughputExceededException"),
                (400, "ThrottlingException"),
                (400, "Throttling"),
                (403, "RequestThrottled"),
                (400, "Throttling"),
                (400, "TooManyRequestsException"),
            ],
        ),
        (
            "server-error",
            [
                (500, "InternalServiceException"),
                (500, "InternalServerError"),
                (500, "InternalServerError"),
                (500, "InternalError"),
                (500, "InternalFailure"),
                (500, "InternalFailure"),
                (500, "ServiceException"),
            ],
        ),
        (
            "unavailable",
            [
                (503, "ServiceUnavailableException"),
                (503, "ServiceUnavailableException"),
                (503, "ServiceUnavailableException"),
                (503, "ServiceUnavailable"),
                (503, "ServiceUnavailable"),
                (503, "ServiceUnavailable"),
                (503, "ServiceUnavailableException"),
            ],
        ),
        (
            "access-denied",
            [
                (403, "AccessDeniedException"),
                (400, "AccessDeniedException"),
                (400, "AccessDeniedException"),
                (403, "AuthorizationError"),
                (403, "AccessDenied"),
                (403, "AccessDenied"),
                (400, "AccessDeniedException"),
            ],
        ),
        (
            "validation",
            [
                (422, "ValidationException"),
                (400, "ValidationException"),
                (400, "ValidationException"),
                (400, "InvalidParameter"),
                (400, "InvalidParameterValue"),
                (400, "ValidationError"),
                (400, "InvalidInputException"),
            ],
        ),
    ];
    for (kind, expected) in tables {
        control(&rig.server, "DELETE /_local/faults", &json!(null)).await;
        control(&rig.server, "POST /_local/faults", &json!({ "fault": { "kind": kind } })).await;
        let catalog = rig.unretried(MEMBER, aws_sdk_marketplacecatalog::Client::new);
        let tables = rig.unretried(HUB, aws_sdk_dynamodb::Client::new);
        let queue = rig.server.queue_url(HUB, "q");
        let found = [
            refusal(
                &catalog.list_entities().catalog("AWSMarketplace").entity_type("Experience").send().await.unwrap_err(),
            ),
            refusal(&tables.scan().table_name("t").send().await.unwrap_err()),
            refusal(&tables.list_tables().send().await.unwrap_err()),
            refusal(&rig.unretried(HUB, aws_sdk_sns::Client::new).list_topics().send().await.unwrap_err()),
            refusal(
                &rig.unretried(HUB, aws_sdk_sqs::Client::new)
                    .receive_message()
                    .queue_url(queue)
                    .send()
                    .await
                    .unwrap_err(),
            ),
            refusal(&rig.unretried(HUB, aws_sdk_sts::Client::new).get_caller_identity().send().await.unwrap_err()),
            refusal(
                &rig.unretried(HUB, aws_sdk_organizations::Client::new)
                    .describe_organization()
                    .send()
                    .await
                    .unwrap_err(),
            ),
        ];
        assert_eq!(found, expected.map(|(status, code)| Some((status, code.to_owned()))), "{kind}");
    }
}

#[tokio::test]
async fn the_catalog_refuses_on_demand_with_the_text_asked_for() {
    let message = Some("Cumulative number of values in Ids array must be less than or equal to 50".to_owned());
    let rig = rig([
        once(Fault::ResourceInUse { message: None }),
        once(Fault::QuotaExceeded { message: None }),
        once(Fault::Validation { message: message.clone() }),
    ])
    .await;
    let catalog = rig.unretried(MEMBER, aws_sdk_marketplacecatalog::Client::new);
    let start = || {
        let start = catalog.start_change_set().catalog("AWSMarketplace");
        start.change_set(change("AllowProductProcurement", LIVE, &["prod-n"])).send()
    };
    assert_eq!(refusal(&start().await.unwrap_err()), Some((423, "ResourceInUseException".into())));
    assert_eq!(refusal(&start().await.unwrap_err()), Some((402, "ServiceQuotaExceededException".into())));
    let error = start().await.unwrap_err();
    assert_eq!((refusal(&error), error.message()), (Some((422, "ValidationException".into())), message.as_deref()));
    start().await.unwrap();
}

#[tokio::test]
async fn latency_is_what_a_client_waits() {
    let latency = Fault::Latency { min: Duration::from_millis(300), max: Some(Duration::from_millis(400)) };
    let rig = rig([FaultRule { operation: Some("GetCallerIdentity".into()), ..FaultRule::new(latency) }]).await;
    let begun = Instant::now();
    rig.sts(HUB).get_caller_identity().send().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_lost_request_does_nothing_and_a_lost_answer_hides_what_was_done() {
    let of_start = |fault| FaultRule { operation: Some("StartChangeSet".into()), ..once(fault) };
    let rig = rig([of_start(Fault::LostRequest {}), of_start(Fault::LostAnswer {})]).await;
    let catalog = rig.unretried(MEMBER, aws_sdk_marketplacecatalog::Client::new);
    let start = || {
        let start = catalog.start_change_set().catalog("AWSMarketplace").client_request_token("token");
        start.change_set(change("AllowProductProcurement", LIVE, &["prod-n"])).send()
    };
    let count = async || {
        let listed = catalog.list_change_sets().catalog("AWSMarketplace").send().await.unwrap();
        listed.change_set_summary_list.unwrap_or_default().len()
    };
    assert!(matches!(start().await.unwrap_err(), SdkError::DispatchFailure(_)));
    assert_eq!(count().await, 0);
    // The rule of the lost answer was not used up by the call that never arrived.
    assert!(matches!(start().await.unwrap_err(), SdkError::DispatchFailure(_)));
    assert_eq!(count().await, 1);
    start().await.unwrap();
    assert_eq!(count().await, 1, "the token says that it is the same request");
}

#[tokio::test]
async fn a_server_fault_fails_a_change_set_and_applies_nothing() {
    let rig = rig([once(Fault::ServerFault {})]).await;
    let catalog = rig.catalog(MEMBER);
    for (status, code) in [("FAILED", Some("SERVER_FAULT")), ("SUCCEEDED", None)] {
        let start = catalog.start_change_set().catalog("AWSMarketplace");
        let started = start.change_set(change("AllowProductProcurement", LIVE, &["prod-n"])).send().await.unwrap();
        let ended = eventually("it ends", async || {
            let describe = catalog.describe_change_set().catalog("AWSMarketplace");
            let set = describe.change_set_id(started.change_set_id().unwrap()).send().await.unwrap();
            set.end_time().is_some().then_some(set)
        })
        .await;
        assert_eq!(ended.status().unwrap().as_str(), status);
        assert_eq!(ended.failure_code().map(|code| code.as_str()), code);
        let applied = lists(&catalog, "policy-live").await.0.contains(&"prod-n".to_owned());
        assert_eq!(applied, code.is_none());
    }
}

#[tokio::test]
async fn products_become_poison_and_sound_again_while_it_runs() {
    let rig = rig([]).await;
    let catalog = rig.catalog(MEMBER);
    let outcome = async || {
        let start = catalog.start_change_set().catalog("AWSMarketplace");
        let started = start.change_set(change("AllowProductProcurement", LIVE, &["prod-n"])).send().await.unwrap();
        eventually("it ends", async || {
            let describe = catalog.describe_change_set().catalog("AWSMarketplace");
            let set = describe.change_set_id(started.change_set_id().unwrap()).send().await.unwrap();
            set.end_time().map(|_| set.status().unwrap().as_str().to_owned())
        })
        .await
    };
    let (_, poison) = control(&rig.server, "POST /_local/poison", &json!({ "add": ["prod-n"] })).await;
    assert_eq!(poison, json!({ "poison_products": ["prod-n"] }));
    assert_eq!(outcome().await, "FAILED");
    control(&rig.server, "POST /_local/poison", &json!({ "remove": ["prod-n"] })).await;
    assert_eq!(outcome().await, "SUCCEEDED");
}

/// The bodies that a queue gives, in order, after `a`, `b`, `c` were sent to it.
async fn received(rig: &Rig, batch: bool) -> Vec<String> {
    let sqs = rig.sqs(HUB);
    let queue = sqs.create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    if batch {
        let entry = |id: &str| {
            aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder().id(id).message_body(id).build().unwrap()
        };
        let batch = sqs.send_message_batch().queue_url(&queue);
        let sent = batch.entries(entry("a")).entries(entry("b")).entries(entry("c")).send().await.unwrap();
        assert_eq!(sent.successful().len(), 3);
    } else {
        for body in ["a", "b", "c"] {
            sqs.send_message().queue_url(&queue).message_body(body).send().await.unwrap();
        }
    }
    let answer = sqs.receive_message().queue_url(&queue).max_number_of_messages(10).send().await.unwrap();
    answer.messages.unwrap_or_default().into_iter().map(|message| message.body.unwrap()).collect()
}

#[tokio::test]
async fn messages_are_lost_duplicated_delayed_and_reordered() {
    let delayed = Fault::MessageDelayed { min: Duration::from_secs(60), max: None };
    for (fault, expected) in [
        (Fault::MessageLost {}, vec!["a", "c"]),
        (Fault::MessageDuplicated { copies: 1 }, vec!["a", "b", "b", "c"]),
        (Fault::MessageReordered {}, vec!["b", "a", "c"]),
        (delayed, vec!["a", "c"]),
    ] {
        for batch in [false, true] {
            let kind = fault.kind();
            let rule = FaultRule { every: Some(2), queue: Some("q".into()), ..FaultRule::new(fault.clone()) };
            let rig = rig([rule]).await;
            assert_eq!(received(&rig, batch).await, expected, "{kind}, in a batch: {batch}");
            rig.server.jump(SignedDuration::from_secs(61)).await.unwrap();
            let again =
                rig.sqs(HUB).receive_message().queue_url(rig.server.queue_url(HUB, "q")).max_number_of_messages(10);
            let again = again.send().await.unwrap().messages.unwrap_or_default();
            let late = again.iter().any(|message| message.body() == Some("b"));
            assert_eq!(late, kind != "message-lost", "{kind}: after a minute");
        }
    }
}

#[tokio::test]
async fn a_fault_can_make_the_clock_jump() {
    let jump = Fault::ClockJump { by: SignedDuration::from_hours(-1) };
    let rig = rig([FaultRule { service: Some("sts".into()), ..once(jump) }]).await;
    for _ in 0..2 {
        rig.sts(HUB).get_caller_identity().send().await.unwrap();
    }
    let behind = jiff::Timestamp::now().duration_since(rig.server.now());
    assert!((3590..=3600).contains(&behind.as_secs()), "{behind:#}");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults_again() {
    let run = async |seed| {
        let likely = FaultRule { probability: Some(0.5), ..FaultRule::new(Fault::Throttling { message: None }) };
        let rig = Rig::start(World { seed, faults: vec![likely], ..world() }).await;
        let sts = rig.unretried(HUB, aws_sdk_sts::Client::new);
        let mut outcomes = String::new();
        for _ in 0..40 {
            outcomes.push(if sts.get_caller_identity().send().await.is_ok() { '.' } else { 'x' });
        }
        outcomes
    };
    let first = run(7).await;
    assert_eq!(run(7).await, first);
    assert_ne!(run(8).await, first);
}
