//! Operations is told what changed in the fleet: once, by a topic of its own.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, Aws, Batch, Function, HUB, MANAGEMENT, Program, Scene};
use serde_json::{Value, json};

use crate::confirming::two_thirds_to_remove;

const OPERATIONS: &str = "arn:aws:sns:us-east-1:111111111111:operations";
const TIME: Duration = Duration::from_secs(60);

/// A queue that hears what the topic of operations says.
struct Ears {
    account: Aws,
    url: String,
}

impl Ears {
    /// Makes the topic, and a queue that is subscribed to it.
    async fn open(scene: &Scene) -> Self {
        let account = scene.hub_account.clone();
        let sns = aws_sdk_sns::Client::new(account.config());
        let made = sns.create_topic().name("operations").send().await.unwrap();
        assert_eq!(made.topic_arn(), Some(OPERATIONS));
        let arn = format!("arn:aws:sqs:us-east-1:{HUB}:heard");
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": OPERATIONS}}}]});
        let sqs = aws_sdk_sqs::Client::new(account.config());
        let queue = sqs.create_queue().queue_name("heard");
        let url =
            queue.attributes(QueueAttributeName::Policy, policy.to_string()).send().await.unwrap().queue_url.unwrap();
        let subscribe = sns.subscribe().topic_arn(OPERATIONS).protocol("sqs").endpoint(arn);
        subscribe.attributes("RawMessageDelivery", "true").send().await.unwrap();
        Self { account, url }
    }

    /// What was said since this was asked last.
    async fn heard(&self) -> Vec<Value> {
        let batch = Batch::receive(&self.account, &self.url).await;
        let heard = batch.bodies().into_iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        batch.settle(&Ok(json!({"batchItemFailures": []}))).await;
        heard
    }
}

/// A hub with a topic of operations, whose member alpha has both experiences held.
async fn held() -> (Scene, Program) {
    let scene = two_thirds_to_remove().await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    let hub = scene.hub.with(&[("PMP_NOTIFY_TOPIC_ARN", OPERATIONS)]);
    (scene, hub)
}

fn schedule() -> Value {
    json!({"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}})
}

#[tokio::test]
async fn a_command_tells_once_and_shows_before_what_it_would_tell() {
    let (scene, hub) = held().await;
    let ears = Ears::open(&scene).await;
    let foreseen = scene.hub.json(&["notify", "--dry-run"]).await;
    assert_eq!((&foreseen["dry_run"], &foreseen["sent"]), (&json!(true), &json!(0)));
    assert_eq!(ears.heard().await, Vec::<Value>::new(), "it only shows");

    let told = hub.json(&["notify"]).await;
    assert_eq!((&told["sent"], &told["failed"], &told["waiting"]), (&json!(1), &json!(0), &json!(0)));
    let heard = ears.heard().await;
    let [heard] = heard.as_slice() else { panic!("{heard:#?}") };
    assert_eq!(*heard, told["notifications"][0], "what is printed is what is sent");
    assert_eq!(heard["id"], foreseen["notifications"][0]["id"], "what was foreseen is what is told");
    let summary = "2 member experiences of 1 organization are held by a guard rail: it would remove 2 of 3 approved products \
                   (66%, limit 50%).";
    assert_eq!((&heard["kind"], &heard["summary"]), (&json!("held"), &json!(summary)));
    assert_eq!((&heard["experience"], &heard["schema_version"]), (&json!(MANAGEMENT), &json!(1)));
    assert_eq!(heard["next"], format!("pmp-hub exceptions --org {ALPHA}"));
    let mut members: Vec<_> =
        heard["transitions"].as_array().unwrap().iter().map(|it| &it["member_experience"]).collect();
    members.sort_by_key(ToString::to_string);
    assert_eq!(members, [ALPHA_DEV, ALPHA_PROD]);
    assert_eq!((&heard["transitions"][0]["from"], &heard["transitions"][0]["to"]), (&json!("well"), &json!("held")));

    let again = hub.run(&["notify"]).await;
    assert_eq!((again.code, again.stdout.trim()), (0, "Nothing to tell."));
    assert_eq!(ears.heard().await, Vec::<Value>::new());
    let missing = scene.hub.run(&["notify"]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("PMP_NOTIFY_TOPIC_ARN"), "{}", missing.stderr);
}

#[tokio::test]
async fn a_function_tells_after_it_published_and_a_topic_that_fails_keeps_nothing_back() {
    let (scene, hub) = held().await;
    // There is no such topic yet.
    let function = Function::start(&hub).await;
    for _ in 0..2 {
        let (_, answer) = function.invoke(schedule(), TIME).await;
        assert_eq!(answer.unwrap()["published"]["outcome"], "announced", "it is published all the same");
    }
    let figures = |documents: Vec<Value>, name: &str| -> Vec<Value> {
        documents.iter().filter_map(|document| document.get(name).cloned()).collect()
    };
    assert_eq!(figures(function.documents(), "NotificationsFailed"), [1, 1]);
    assert!(function.log().contains("a notification could not be sent"), "{}", function.log());
    assert!(function.log().contains("check --notify-topic-arn"), "it says what to do: {}", function.log());

    let ears = Ears::open(&scene).await;
    function.invoke(schedule(), TIME).await.1.unwrap();
    function.invoke(schedule(), TIME).await.1.unwrap();
    let heard = ears.heard().await;
    assert_eq!(heard.len(), 1, "{heard:#?}");
    assert_eq!(heard[0]["kind"], "held");
    assert_eq!(figures(function.documents(), "NotificationsSent"), [0, 0, 1, 0]);
    // The spokes are counted as without it.
    assert_eq!(figures(function.documents(), "HeldExperiences"), [2, 2, 2, 2]);
}

#[tokio::test]
async fn two_hubs_at_once_tell_it_once_and_a_chat_gets_its_own_form() {
    let (scene, hub) = held().await;
    let ears = Ears::open(&scene).await;
    let hub = hub.with(&[("PMP_NOTIFY_FORMAT", "chatbot")]);
    let run = async || hub.run(&["notify"]).await;
    let (one, two, three) = tokio::join!(run(), run(), run());
    for finished in [one, two, three] {
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    }
    let heard = ears.heard().await;
    let [heard] = heard.as_slice() else { panic!("{heard:#?}") };
    assert_eq!((&heard["version"], &heard["source"]), (&json!("1.0"), &json!("custom")));
    assert_eq!(heard["content"]["title"], "pmp-sync: held");
    assert_eq!(heard["content"]["nextSteps"][0], format!("Run `pmp-hub exceptions --org {ALPHA}`"));
}

#[tokio::test]
async fn an_agent_tells_as_the_function_does() {
    let (scene, hub) = held().await;
    let ears = Ears::open(&scene).await;
    let agent = hub.start(&["run", "--interval", "1h"]);
    pmp_tests::eventually("operations hears of it", &1, async || ears.heard().await.len()).await;
    assert_eq!(agent.stop().await.0, 0);
}
