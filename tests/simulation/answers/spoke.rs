//! A spoke's pass over two experiences, in which something is to be allowed and something to be
//! denied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use jiff::Timestamp;
use pmp_aws::AssumedRole;
use pmp_catalog::SdkCatalog;
use pmp_ledger::schema::{Table, ensure};
use pmp_ledger::{
    DynamoLeases, DynamoReceipts, DynamoSnapshots, NewSnapshot, ReceiptStore, SnapshotStore, Stored, TableName,
};
use pmp_local_aws::world::ChangeSetTiming;
use pmp_local_aws::{Options, Server};
use pmp_protocol::{
    AccountId, Content, ExperienceId, HeadMark, OrganizationId, ProductId, Reason, Receipt, ReceiptStatus,
    ResourceRequests, Sealed, SnapshotMessage, SnapshotVersion,
};
use pmp_runtime::{Stop, StopReason};
use pmp_spoke::{Identity, Inbox, Received, Spoke, SpokeError};
use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, Asked, Aws, EXTERNAL_ID, HUB, Line, MANAGEMENT, World, Wrong, world};
use serde_json::Value;

use super::{Altered, MOST_CALLS, impatient, no_limits, verdict};

const MEMBERS: [&str; 2] = [ALPHA_PROD, ALPHA_DEV];
const ACCOUNT: &str = "222222222222";
/// A pass takes a part of a second.
const PATIENCE: Duration = Duration::from_secs(90);

/// What snapshots approve and reject, by turns: from one to the next, two products are to be
/// allowed and two to be denied. The guard rails let both through.
const APPROVED: [&[&str]; 2] = [&["prod-1", "prod-2", "prod-3", "prod-4"], &["prod-1", "prod-2", "prod-5", "prod-6"]];
const REJECTED: [&[&str]; 2] = [&["prod-9"], &["prod-3", "prod-9"]];
const TO_CHANGE: usize = 2;

/// A ledger with snapshots, a member organization, and the line between its spoke and AWS.
struct Place {
    _server: Server,
    line: Line,
    snapshots: DynamoSnapshots,
    receipts: DynamoReceipts,
    alpha: Aws,
    hub: SdkConfig,
    newest: Option<SnapshotVersion>,
    tables: [TableName; 2],
}

/// At most one message. Before it, the agent does what the ledger says is left to do; after it, it
/// is told to stop.
#[derive(Debug)]
struct OneMessage {
    message: Mutex<Option<String>>,
    stop: Stop,
}

#[async_trait]
impl Inbox for OneMessage {
    async fn receive(&self, _: bool) -> Result<Vec<Received>, SpokeError> {
        let message = self.message.lock().unwrap().take();
        if let Some(body) = message {
            let (id, handle) = ("message".to_owned(), "message".to_owned());
            return Ok(vec![Received { id, body, handle, times: 1, sent: None }]);
        }
        self.stop.stop(StopReason::Signal("SIGTERM"));
        std::future::pending().await
    }

    async fn delete(&self, _: &[Received]) -> Result<(), SpokeError> {
        Ok(())
    }

    async fn bury(&self, _: &Received, _: &str) -> Result<bool, SpokeError> {
        Ok(true)
    }

    async fn hide(&self, _: &[Received], _: Duration) -> Result<(), SpokeError> {
        Ok(())
    }
}

fn management() -> ExperienceId {
    ExperienceId::new(MANAGEMENT).unwrap()
}

fn organization() -> OrganizationId {
    OrganizationId::new(ALPHA).unwrap()
}

fn products(ids: &[&str]) -> BTreeSet<ProductId> {
    ids.iter().map(|id| ProductId::new(id).unwrap()).collect()
}

/// Which of the two contents a version has.
fn turn(version: SnapshotVersion) -> usize {
    usize::from(version.get().is_multiple_of(2))
}

impl Place {
    async fn new() -> Self {
        let world = World { change_sets: ChangeSetTiming::always(Duration::from_millis(5)), ..world(&[], &[]) };
        let server = Server::start(world, Options::default()).await.unwrap();
        let line = Line::open(&server.endpoint()).await;
        let hub = Aws::new(&server.endpoint(), HUB).config().clone();
        let mut tables = Vec::new();
        for (table, name) in [(Table::Snapshots, "Snapshots"), (Table::SyncTimestamps, "SyncTimestamps")] {
            tables.push(ensure(&hub, table, &name.parse().unwrap()).await.unwrap().arn().parse::<TableName>().unwrap());
        }
        let (timestamps, snapshots) = (tables.pop().unwrap(), tables.pop().unwrap());
        Self {
            alpha: Aws::new(&server.endpoint(), ACCOUNT),
            snapshots: DynamoSnapshots::new(&hub, snapshots.clone()),
            receipts: DynamoReceipts::new(&hub, timestamps.clone()),
            _server: server,
            line,
            hub,
            newest: None,
            tables: [snapshots, timestamps],
        }
    }

    /// A spoke as a new process has it: it has asked for nothing yet.
    async fn spoke(&self) -> Spoke {
        let member = impatient(self.line.endpoint(), ACCOUNT).await;
        let [snapshots, timestamps] = self.tables.clone();
        let role = AssumedRole {
            arn: format!("arn:aws:iam::{HUB}:role/member-{ALPHA}"),
            external_id: Some(EXTERNAL_ID.to_owned()),
            session_name: "spoke".to_owned(),
            advice: "",
        };
        let of_role = pmp_aws::assume_role(&member, role).await;
        let identity = Identity {
            organization: organization(),
            account: AccountId::new(ACCOUNT).unwrap(),
            region: "us-east-1".to_owned(),
            caller: "test".to_owned(),
        };
        Spoke::new(
            Arc::new(SdkCatalog::without_retries(&member, no_limits())),
            Arc::new(DynamoSnapshots::new(&of_role, snapshots)),
            Arc::new(DynamoReceipts::new(&of_role, timestamps.clone())),
            Arc::new(DynamoLeases::new(&of_role, timestamps)),
            identity,
            management(),
        )
        .with_guard_window(Duration::ZERO)
    }

    /// Stores the next snapshot, as a hub does.
    async fn store(&mut self) -> SnapshotVersion {
        let version = self.newest.map_or(SnapshotVersion::FIRST, SnapshotVersion::next);
        let (approved, rejected) = (products(APPROVED[turn(version)]), products(REJECTED[turn(version)]));
        let content = Content::new(management(), approved, rejected, BTreeMap::new(), ResourceRequests::Allow).unwrap();
        let (sealed, taken_at) = (Sealed::new(&content).unwrap(), Timestamp::now());
        let experience = &management();
        let (previous, sealed) = (self.newest, &sealed);
        let new = NewSnapshot { experience, previous, version, taken_at, sealed, statement: None, pinned: None };
        assert_eq!(self.snapshots.store(&new).await.unwrap(), Stored::Won { chunks: 1 });
        let mark = HeadMark { version, digest: sealed.digest(), at: taken_at };
        self.receipts.raise(experience, mark).await.unwrap();
        self.newest = Some(version);
        version
    }

    /// Lets a spoke do what the ledger says is left to do, and then answer the announcement, where
    /// there is one. A lease that it could not give back has run out by then.
    async fn pass(&self, announcement: Option<String>) {
        let stop = Stop::new();
        let inbox = OneMessage { message: Mutex::new(announcement), stop: stop.clone() };
        let spoke = self.spoke().await;
        let running = pmp_spoke::run_agent(&spoke, &inbox, &stop);
        tokio::time::timeout(PATIENCE, running).await.expect("the pass does not end");
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.hub);
        let lease = dynamodb.delete_item().table_name("SyncTimestamps").key("organization", text(ALPHA));
        lease.key("item", text("lease")).send().await.unwrap();
    }

    /// The newest snapshot, announced on schedule, as it is within the hour.
    async fn announcement(&self) -> String {
        let snapshot = self.snapshots.fetch(&management(), self.newest.unwrap()).await.unwrap();
        let sealed = Sealed::new(snapshot.content()).unwrap();
        let (version, taken_at, reason) = (snapshot.version(), snapshot.taken_at(), Reason::Scheduled);
        SnapshotMessage::announce(management(), version, taken_at, reason, &sealed, 1).to_json()
    }

    /// Checks that all is as `version` asks for, and told so.
    async fn check_end(&self, version: SnapshotVersion) -> Result<(), String> {
        let told = self.receipts.organization(&organization(), &management()).await.unwrap();
        for member in MEMBERS {
            let lists = self.alpha.lists(member).await;
            let (approved, rejected) = (&APPROVED[turn(version)], &REJECTED[turn(version)]);
            let approves: Vec<&str> = lists.approved.iter().map(String::as_str).collect();
            let lacks: Vec<_> = rejected.iter().filter(|id| !lists.rejected.contains(**id)).collect();
            if approves != **approved || !lacks.is_empty() {
                return Err(format!("{member} is not as snapshot {version} asks for: {lists:?}"));
            }
            let receipt = told.receipts.iter().find(|it| it.member_experience.as_str() == member);
            let receipt = receipt.ok_or_else(|| format!("{member} has no receipt"))?;
            if (receipt.status, receipt.version) != (ReceiptStatus::InSync, version) {
                return Err(format!("{member} has the receipt {receipt:?}"));
            }
            let most = if version == SnapshotVersion::FIRST { approved.len() } else { TO_CHANGE };
            if receipt.allowed > most || receipt.denied > most {
                return Err(format!("{member}'s receipt counts what did not happen: {receipt:?}"));
            }
        }
        // A disabled experience and an archived one have theirs, too.
        let kept = |receipt: &&Receipt| receipt.status != ReceiptStatus::Skipped;
        if told.receipts.iter().filter(kept).count() != MEMBERS.len() {
            return Err(format!("a receipt too many: {:?}", told.receipts));
        }
        match told.seen.and_then(|seen| seen.error) {
            Some(error) => Err(format!("the sign of life has an error: {error}")),
            None => Ok(()),
        }
    }
}

/// Checks what was asked of AWS, in the order in which it was asked, while `version` was in force.
fn check_asked(asked: &[Asked], version: SnapshotVersion) -> Result<(), String> {
    let approved = APPROVED[turn(version)];
    let mut in_step = BTreeSet::new();
    for Asked { operation, body } in asked {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        match operation.as_str() {
            "aws-marketplace:StartChangeSet" => {
                for change in body["ChangeSet"].as_array().unwrap() {
                    let entity = change["Entity"]["Identifier"].as_str().unwrap_or_default();
                    let member = entity.split('@').next().unwrap_or_default();
                    if in_step.contains(member) {
                        return Err(format!("{member} was told to be in step, and is changed after that"));
                    }
                    let allows = change["ChangeType"] == "AllowProductProcurement";
                    for product in products_of(change) {
                        if approved.contains(&product.as_str()) != allows {
                            let verb = if allows { "approves" } else { "denies" };
                            return Err(format!("it {verb} {product} in {member}, against snapshot {version}"));
                        }
                    }
                }
            }
            "dynamodb:PutItem" => {
                let item = &body["Item"];
                let (member, status) = (item["member_experience"]["S"].as_str(), item["status"]["S"].as_str());
                if let (Some(member), Some(status)) = (member, status) {
                    if MEMBERS.contains(&member) && matches!(status, "skipped" | "held") {
                        return Err(format!("{member} is said to be {status}: {}", item["error"]["S"]));
                    }
                    let of_now = item["version"]["N"].as_str() == Some(version.to_string().as_str());
                    if status == "in-sync" && of_now {
                        in_step.insert(member.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn products_of(change: &Value) -> Vec<String> {
    let details = match &change["DetailsDocument"] {
        Value::Null => serde_json::from_str(change["Details"].as_str().unwrap_or_default()).unwrap_or_default(),
        document => document.clone(),
    };
    let lists = details["Products"].as_array().cloned().unwrap_or_default();
    let ids = lists.iter().flat_map(|list| list["Ids"].as_array().cloned().unwrap_or_default());
    ids.filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

/// Each call of a pass is answered wrongly in this way.
async fn each_call(wrong: Wrong) -> Altered {
    let mut place = Place::new().await;
    let version = place.store().await;
    place.pass(None).await;
    place.check_end(version).await.unwrap();
    let mut altered = Altered::default();
    for call in 1..MOST_CALLS {
        let version = place.store().await;
        let announcement = place.announcement().await;
        place.line.answer(call, wrong);
        place.pass(None).await;
        let (mut asked, struck) = (place.line.asked(), place.line.has_struck());
        let made = asked.len();
        place.line.heal();
        place.pass(Some(announcement)).await;
        asked.extend(place.line.asked());
        let operation = asked.get(call - 1).filter(|_| call <= made).map(|asked| asked.operation.clone());
        let outcome = match check_asked(&asked, version) {
            Ok(()) => place.check_end(version).await,
            error => error,
        };
        if let Err(problem) = outcome {
            let asked: Vec<_> = asked.iter().map(|asked| asked.operation.as_str()).collect();
            let (first, after) = asked.split_at(made);
            let (first, after) = (first.join(" "), after.join(" "));
            altered
                .problems
                .push(format!("{wrong:?} at call {call}, {operation:?}: {problem}\n{first}\nand then {after}"));
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
#[ignore = "some 280 cases take two minutes of processor time"]
async fn whatever_one_call_of_a_pass_is_answered_nothing_is_lost_and_nothing_false_is_written() {
    let altered = join_all(Wrong::ANSWERS.map(async |wrong| (wrong, each_call(wrong).await))).await;
    let operations = [
        "aws-marketplace:ListEntities",
        "aws-marketplace:BatchDescribeEntities",
        "aws-marketplace:StartChangeSet",
        "aws-marketplace:DescribeChangeSet",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:PutItem",
        "sts:AssumeRole",
    ];
    verdict("a spoke's pass", &altered, &operations);
}
