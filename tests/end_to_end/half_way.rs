//! `init` of both programs, refused, failed, unheard or killed at each of its calls: run again, and
//! all is as if nothing had been.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use futures::StreamExt;
use futures::stream;
use pmp_local_aws::{Options, Server};
use pmp_tests::{ALPHA, Aws, HUB, Line, MANAGEMENT, Program, Wrong, world};
use serde_json::{Value, json};

const ACCOUNT: &str = "222222222222";
const TABLES: [&str; 2] = ["Snapshots", "SyncTimestamps"];
const QUEUES: [&str; 2] = ["pmp-sync-snapshots", "pmp-sync-snapshots-dead-letters"];
const TOPIC: &str = "pmp-sync-snapshots";
/// Worked on at once: most of their time they wait to try again.
const AT_ONCE: usize = 12;

/// How a first `init` ends half way.
const HALF_WAY: [Wrong; 5] =
    [Wrong::Refused, Wrong::Failed, Wrong::DoneAndFailed, Wrong::SilentBefore, Wrong::SilentAfter];

fn program(name: &'static str, account: &str, endpoint: &str) -> Program {
    let environment = [
        ("AWS_ACCESS_KEY_ID", account),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL", endpoint),
        ("PMP_EXPERIENCE_ID", MANAGEMENT),
        ("PMP_SNAPSHOTS_TABLE", TABLES[0]),
        ("PMP_TIMESTAMPS_TABLE", TABLES[1]),
    ];
    Program::new(name, &environment)
}

fn hub(endpoint: &str) -> (Program, Vec<&'static str>) {
    (program("pmp-hub", HUB, endpoint), vec!["init", "--allow-account", ACCOUNT, "--admit", ALPHA])
}

fn spoke(endpoint: &str) -> (Program, Vec<&'static str>) {
    let topic = format!("arn:aws:sns:us-east-1:{HUB}:{TOPIC}");
    (program("pmp-spoke", ACCOUNT, endpoint).with(&[("PMP_TOPIC_ARN", &topic)]), vec!["init"])
}

/// A program with its arguments, at an endpoint.
type Init = fn(&str) -> (Program, Vec<&'static str>);

/// An embedded AWS in which everything is there that `init` of a spoke needs, or nothing.
async fn place(of_spoke: bool) -> Server {
    let server = Server::start(world(&["prod-a"], &[]), Options::default()).await.unwrap();
    if of_spoke {
        let (hub, arguments) = hub(&server.endpoint());
        hub.json(&arguments).await;
    }
    server
}

/// What there is in the end, without names and times that are never the same.
async fn all_there_is(server: &Server) -> BTreeMap<String, Value> {
    let mut there = BTreeMap::new();
    let hub = Aws::new(&server.endpoint(), HUB);
    let dynamodb = aws_sdk_dynamodb::Client::new(hub.config());
    for name in TABLES {
        let table = dynamodb.describe_table().table_name(name).send().await.unwrap().table.unwrap();
        let keys: Vec<_> = table.key_schema().iter().map(|key| key.attribute_name().to_owned()).collect();
        let items = dynamodb.scan().table_name(name).send().await.unwrap().items.unwrap_or_default();
        let keyed = |item: &std::collections::HashMap<String, _>| -> Vec<String> {
            keys.iter().map(|key| format!("{:?}", item.get(key))).collect()
        };
        // Whoever asks twice stands in the audit twice.
        let of_audit = |item: &Vec<String>| item.first().is_some_and(|partition| partition.contains("hub#audit"));
        let items: Vec<_> = items.iter().map(keyed).filter(|item| !of_audit(item)).collect();
        let status = table.table_status().map(|status| status.as_str().to_owned());
        there.insert(format!("table {name}"), json!({"keys": keys, "status": status, "items": items}));
    }
    let sns = aws_sdk_sns::Client::new(hub.config());
    let of_member = aws_sdk_sns::Client::new(Aws::new(&server.endpoint(), ACCOUNT).config());
    let topics = sns.list_topics().send().await.unwrap().topics.unwrap_or_default();
    for topic in topics.iter().filter_map(|topic| topic.topic_arn()) {
        let attributes = sns.get_topic_attributes().topic_arn(topic).send().await.unwrap().attributes.unwrap();
        let policy: Value = attributes.get("Policy").map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
        let subscriptions = sns.list_subscriptions_by_topic().topic_arn(topic).send().await.unwrap();
        let mut heard = Vec::new();
        for subscription in subscriptions.subscriptions() {
            let arn = subscription.subscription_arn().unwrap();
            let told = of_member.get_subscription_attributes().subscription_arn(arn).send().await.unwrap();
            let told = told.attributes.unwrap_or_default();
            let raw = told.get("RawMessageDelivery").cloned();
            heard.push(json!({"endpoint": subscription.endpoint(), "raw": raw, "filter": told.get("FilterPolicy")}));
        }
        there.insert(format!("topic {topic}"), json!({"policy": policy, "heard by": heard}));
    }
    let sqs = aws_sdk_sqs::Client::new(Aws::new(&server.endpoint(), ACCOUNT).config());
    for url in sqs.list_queues().send().await.unwrap().queue_urls.unwrap_or_default() {
        let told = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All).send().await;
        let told = told.unwrap().attributes.unwrap_or_default().into_iter();
        let told: BTreeMap<_, _> = told
            .filter(|(name, _)| !name.as_str().ends_with("Timestamp"))
            .map(|(name, value)| {
                (name.as_str().to_owned(), serde_json::from_str(&value).unwrap_or(Value::String(value)))
            })
            .collect();
        let name = url.rsplit('/').next().unwrap_or_default();
        there.insert(format!("queue {name}"), json!(told));
    }
    there
}

/// The first `init` of a new place ends half way at this call, in this way; then it is run again.
async fn half_way(init: Init, of_spoke: bool, call: usize, wrong: Wrong, whole: &BTreeMap<String, Value>) -> String {
    let server = place(of_spoke).await;
    let line = Line::open(&server.endpoint()).await;
    line.answer(call, wrong);
    let (program, arguments) = init(line.endpoint());
    let first = if matches!(wrong, Wrong::SilentBefore | Wrong::SilentAfter) {
        let running = program.start(&arguments);
        let struck = tokio::time::timeout(Duration::from_secs(60), line.struck()).await;
        running.kill().await;
        format!("killed at {}", struck.unwrap_or_else(|_| panic!("{wrong:?}: there was no call {call}")))
    } else {
        format!("{:?}", program.run(&arguments).await)
    };
    let operation = line.asked().get(call - 1).map(|asked| asked.operation.clone()).unwrap_or_default();
    line.heal();
    let again = program.run(&arguments).await;
    assert_eq!(again.code, 0, "{wrong:?} at call {call}, {operation}: {again:?}\nafter {first}");
    let there = all_there_is(&server).await;
    assert_eq!(there, *whole, "{wrong:?} at call {call}, {operation}, after {first}");
    operation
}

/// How many calls an undisturbed `init` makes, and what there is after it.
async fn undisturbed(init: Init, of_spoke: bool) -> (usize, BTreeMap<String, Value>) {
    let server = place(of_spoke).await;
    let line = Line::open(&server.endpoint()).await;
    let (program, arguments) = init(line.endpoint());
    program.json(&arguments).await;
    let calls = line.asked().len();
    let there = all_there_is(&server).await;
    // Once more changes nothing.
    program.json(&arguments).await;
    assert_eq!(all_there_is(&server).await, there);
    (calls, there)
}

#[allow(clippy::print_stdout)]
async fn at_each_call(name: &str, init: Init, of_spoke: bool) -> Vec<String> {
    let (calls, whole) = undisturbed(init, of_spoke).await;
    let cases = (1..=calls).flat_map(|call| HALF_WAY.map(move |wrong| (call, wrong)));
    let run = stream::iter(cases).map(|(call, wrong)| half_way(init, of_spoke, call, wrong, &whole));
    let operations: Vec<String> = run.buffer_unordered(AT_ONCE).collect().await;
    println!("`{name} init`: {calls} calls, each in {} ways: {} cases", HALF_WAY.len(), operations.len());
    operations
}

#[tokio::test]
async fn a_hubs_init_that_ended_half_way_is_simply_run_again() {
    let operations = at_each_call("pmp-hub", hub, false).await;
    for operation in ["dynamodb:CreateTable", "sns:CreateTopic", "sns:SetTopicAttributes", "dynamodb:PutItem"] {
        assert!(operations.iter().any(|asked| asked == operation), "{operation}: {operations:?}");
    }
}

#[tokio::test]
async fn a_spokes_init_that_ended_half_way_is_simply_run_again() {
    let operations = at_each_call("pmp-spoke", spoke, true).await;
    for operation in ["sqs:CreateQueue", "sqs:SetQueueAttributes", "sns:Subscribe"] {
        assert!(operations.iter().any(|asked| asked == operation), "{operation}: {operations:?}");
    }
    let made = QUEUES.len() * HALF_WAY.len();
    assert!(operations.iter().filter(|asked| *asked == "sqs:CreateQueue").count() >= made, "{operations:?}");
}
