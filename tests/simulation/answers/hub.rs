//! A hub's publish of a management experience that has changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use futures::future::join_all;
use pmp_catalog::SdkCatalog;
use pmp_hub::{Hub, SnsTopic, Trigger};
use pmp_ledger::schema::{Table, ensure};
use pmp_ledger::{DynamoReceipts, DynamoSnapshots, ReceiptStore, SnapshotStore};
use pmp_local_aws::{Options, Server};
use pmp_protocol::{ExperienceId, SnapshotMessage, SnapshotVersion};
use pmp_runtime::SystemClock;
use pmp_tests::{Aws, HUB, Line, MANAGEMENT, Wrong, world};
use serde_json::json;

use super::{Altered, MOST_CALLS, impatient, no_limits, verdict};

const QUEUE: &str = "listener";

/// A management experience, a ledger, a topic with a listener, and the line between the hub and
/// AWS.
struct Place {
    _server: Server,
    line: Line,
    account: Aws,
    queue: String,
    snapshots: DynamoSnapshots,
    receipts: DynamoReceipts,
    hub: Hub,
}

fn management() -> ExperienceId {
    ExperienceId::new(MANAGEMENT).unwrap()
}

/// A topic and a queue that hears of it.
async fn listened_to(config: &SdkConfig) -> (String, String) {
    let (sns, sqs) = (aws_sdk_sns::Client::new(config), aws_sdk_sqs::Client::new(config));
    let topic = sns.create_topic().name("snapshots").send().await.unwrap().topic_arn.unwrap();
    let arn = format!("arn:aws:sqs:us-east-1:{HUB}:{QUEUE}");
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]});
    let made = sqs.create_queue().queue_name(QUEUE).attributes(QueueAttributeName::Policy, policy.to_string());
    let queue = made.send().await.unwrap().queue_url.unwrap();
    let heard = sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(arn);
    heard.attributes("RawMessageDelivery", "true").send().await.unwrap();
    (topic, queue)
}

impl Place {
    async fn new() -> Self {
        let server = Server::start(world(&["prod-a"], &["prod-x"]), Options::default()).await.unwrap();
        let line = Line::open(&server.endpoint()).await;
        let account = Aws::new(&server.endpoint(), HUB);
        let direct = account.config().clone();
        for (table, name) in [(Table::Snapshots, "Snapshots"), (Table::SyncTimestamps, "SyncTimestamps")] {
            ensure(&direct, table, &name.parse().unwrap()).await.unwrap();
        }
        let (topic, queue) = listened_to(&direct).await;
        let altered = impatient(line.endpoint(), HUB).await;
        let snapshots = |config: &SdkConfig| DynamoSnapshots::new(config, "Snapshots".parse().unwrap());
        let receipts = |config: &SdkConfig| DynamoReceipts::new(config, "SyncTimestamps".parse().unwrap());
        let hub = Hub {
            catalog: Arc::new(SdkCatalog::new(&altered, no_limits())),
            snapshots: Arc::new(snapshots(&altered)),
            marks: Some(Arc::new(receipts(&altered))),
            topic: Arc::new(SnsTopic::new(&altered, topic.parse().unwrap())),
            experience: management(),
            // Few, so that each publish takes something away.
            max_hold: None,
            windows: None,
            keep_versions: 3,
            rollouts: None,
            signing: None,
            unsigned: false,
            clock: Arc::new(SystemClock),
        };
        Self { snapshots: snapshots(&direct), receipts: receipts(&direct), _server: server, line, account, queue, hub }
    }

    async fn head(&self) -> Option<pmp_ledger::Head> {
        self.snapshots.head(&management()).await.unwrap()
    }

    /// What was announced since the last look.
    async fn heard(&self) -> Vec<SnapshotMessage> {
        let sqs = aws_sdk_sqs::Client::new(self.account.config());
        let mut heard = Vec::new();
        loop {
            let taken = sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10).send().await.unwrap();
            let messages = taken.messages.unwrap_or_default();
            if messages.is_empty() {
                return heard;
            }
            for message in messages {
                heard.push(SnapshotMessage::parse(message.body().unwrap()).unwrap().0);
                let handle = message.receipt_handle().unwrap();
                sqs.delete_message().queue_url(&self.queue).receipt_handle(handle).send().await.unwrap();
            }
        }
    }

    /// Checks that the newest version is the one that is expected, holds what the catalog says, and
    /// was announced; and that nothing else was.
    async fn check(&self, expected: SnapshotVersion) -> Result<(), String> {
        let head = self.head().await.ok_or("there is no head")?;
        if head.latest != expected || head.published != Some(expected) {
            return Err(format!("the head is {head:?}, and {expected} was to come"));
        }
        let stored = self.snapshots.fetch(&management(), head.latest).await.map_err(|error| error.to_string())?;
        let lists = self.account.lists(MANAGEMENT).await;
        let ids = |products: &BTreeSet<pmp_protocol::ProductId>| products.iter().map(ToString::to_string).collect();
        let content = stored.content();
        if (lists.approved, lists.rejected) != (ids(content.approved()), ids(content.rejected()))
            || stored.digest() != head.digest
        {
            return Err(format!("snapshot {expected} is not what the catalog says: {content:?}"));
        }
        let mark = self.receipts.mark(&management()).await.unwrap().ok_or("there is no mark")?;
        if (mark.version, mark.digest) != (head.latest, head.digest) {
            return Err(format!("the mark is {mark:?}, and the head {head:?}"));
        }
        let heard = self.heard().await;
        let stored = self.snapshots.digests(&management()).await.unwrap();
        if let Some(false_one) = heard.iter().find(|it| stored.get(&it.version) != Some(&it.digest)) {
            return Err(format!("what was announced is not in the ledger: {false_one:?}"));
        }
        if !heard.iter().any(|it| it.version == expected) {
            return Err(format!("snapshot {expected} was not announced: {heard:?}"));
        }
        Ok(())
    }
}

/// Each call of a publish, where something has changed or nothing has, is answered wrongly in this
/// way.
async fn each_call(wrong: Wrong, changed: bool) -> Altered {
    let place = Place::new().await;
    place.hub.publish(Trigger::Schedule).await.unwrap();
    place.check(SnapshotVersion::FIRST).await.unwrap();
    let mut altered = Altered::default();
    for call in 1..MOST_CALLS {
        let mut expected = place.head().await.unwrap().latest;
        if changed {
            place.account.approve(MANAGEMENT, &[&format!("prod-{call}")]).await;
            expected = expected.next();
        }
        place.line.answer(call, wrong);
        let published = place.hub.publish(Trigger::Schedule).await;
        let (asked, struck) = (place.line.asked(), place.line.has_struck());
        place.line.heal();
        let again = place.hub.publish(Trigger::Schedule).await;
        let outcome = match again {
            Ok(_) => place.check(expected).await,
            Err(error) => Err(error.to_string()),
        };
        let operation = asked.get(call - 1).map(|asked| asked.operation.clone());
        if let Err(problem) = outcome {
            let asked: Vec<_> = asked.iter().map(|asked| asked.operation.as_str()).collect();
            let asked = asked.join(" ");
            let first = format!("first {published:?}\n{asked}");
            altered.problems.push(format!("{wrong:?} at call {call}, {operation:?}: {problem}\n{first}"));
        }
        match operation {
            Some(operation) if struck => *altered.cases.entry(operation).or_default() += 1,
            Some(_) => {}
            None => return altered,
        }
    }
    panic!("{wrong:?}: more than {MOST_CALLS} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_one_call_of_a_publish_is_answered_nothing_is_lost_and_nothing_false_is_announced() {
    let operations =
        ["aws-marketplace:DescribeEntity", "dynamodb:TransactWriteItems", "dynamodb:GetItem", "sns:Publish"];
    let altered = join_all(Wrong::ANSWERS.map(async |wrong| (wrong, each_call(wrong, true).await))).await;
    verdict("a hub's publish of what has changed", &altered, &operations);
    let altered = join_all(Wrong::ANSWERS.map(async |wrong| (wrong, each_call(wrong, false).await))).await;
    verdict("a hub's publish of what has not", &altered, &["dynamodb:Query", "sns:Publish"]);
}
