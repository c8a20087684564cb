//! A hundred clients and a thousand change sets, with messages and tables between them.
//!
//! Each client keeps one experience, as a spoke does, and knows what it must find. All of them
//! count in one item, each says on one topic what it did, and readers take that off one queue.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_marketplacecatalog::error::ProvideErrorMetadata;
use aws_sdk_marketplacecatalog::types::{ChangeStatus, EntityRequest, Sort, SortOrder};
use pmp_local_aws::world::{CatalogLimits, ChangeSetTiming, Experience, Organization, ProcurementPolicy};
use pmp_local_aws::{Server, World};
use serde_json::json;
use tokio::sync::{Barrier, Mutex};

use crate::latency::Latencies;
use crate::rig::{CATALOG, DELEGATE, LIMIT, MANAGEMENT, client, lists, procurement, revision, serve};

const CLIENTS: usize = 100;
const ROUNDS: usize = 10;
const READERS: usize = 5;

fn experience(client: usize) -> String {
    format!("exp-load{client:03}")
}

fn policy(client: usize) -> String {
    format!("procpolicy-load{client:03}")
}

fn world() -> World {
    let mut organization = Organization::new("o-load000000", "Load", MANAGEMENT).with_delegated_administrator(DELEGATE);
    for number in 0..CLIENTS {
        let policy = ProcurementPolicy::new(&policy(number));
        organization = organization.with_experience(Experience::new(&experience(number), "Load").with_policy(policy));
    }
    World {
        change_sets: ChangeSetTiming::always(Duration::from_millis(20)),
        catalog: CatalogLimits::without_throttling(),
        organizations: vec![organization],
        ..World::default()
    }
}

/// What is measured, by operation.
struct Measures {
    start: Latencies,
    describe_change_set: Latencies,
    batch_describe: Latencies,
    list: Latencies,
    count: Latencies,
    publish: Latencies,
}

/// One client of the hundred.
struct Client {
    number: usize,
    catalog: aws_sdk_marketplacecatalog::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    sns: aws_sdk_sns::Client,
    topic: String,
    measures: Arc<Measures>,
    approved: BTreeSet<String>,
    rejected: BTreeSet<String>,
}

impl Client {
    /// One round: change, wait, look, count, tell. Answers the id of the change set.
    async fn round(&mut self, round: usize) -> String {
        let id = self.change(round).await;
        self.wait(&id).await;
        self.look(round).await;
        let sum = self.count().await;
        let message = format!("{sum} {id}");
        let publish = self.sns.publish().topic_arn(&self.topic).message(message).send();
        self.measures.publish.measure(publish).await.unwrap();
        id
    }

    /// Starts a change set twice with one token, which is once, and tries to start another
    /// meanwhile.
    async fn change(&mut self, round: usize) -> String {
        let product = |kind: &str, n: usize| format!("prod-{kind}-{}-{round}-{n}", self.number);
        let allowed: Vec<String> = (0..5).map(|n| product("a", n)).collect();
        // Some that are new, and one that was approved in the round before.
        let mut denied: Vec<String> = (0..2).map(|n| product("d", n)).collect();
        denied.extend(self.approved.iter().next().cloned());
        let target = format!("{}@{}", experience(self.number), round + 1);
        let start = |token: &str| {
            let request = self.catalog.start_change_set().catalog(CATALOG).client_request_token(token);
            let request = request.change_set(procurement("AllowProductProcurement", &target, &allowed));
            request.change_set(procurement("DenyProductProcurement", &target, &denied)).send()
        };
        let token = format!("load-{}-{round}", self.number);
        let (first, second) =
            tokio::join!(self.measures.start.measure(start(&token)), self.measures.start.measure(start(&token)));
        let id = first.unwrap().change_set_id.unwrap();
        assert_eq!(second.unwrap().change_set_id(), Some(id.as_str()), "one token, one change set");
        if round.is_multiple_of(3) {
            // Locked while it runs, and a stale revision afterwards: never accepted.
            let other = start(&format!("{token}-other")).await.unwrap_err();
            let code = other.code().unwrap_or_default();
            assert!(matches!(code, "ResourceInUseException" | "ValidationException"), "{other:?}");
        }
        for product in &denied {
            self.approved.remove(product);
        }
        self.approved.extend(allowed);
        self.rejected.extend(denied);
        id
    }

    async fn wait(&self, id: &str) {
        loop {
            tokio::time::sleep(Duration::from_millis(25)).await;
            let request = self.catalog.describe_change_set().catalog(CATALOG).change_set_id(id).send();
            let described = self.measures.describe_change_set.measure(request).await.unwrap();
            assert_eq!(described.change_set_id(), Some(id));
            match described.status() {
                Some(ChangeStatus::Preparing | ChangeStatus::Applying) => {}
                Some(ChangeStatus::Succeeded) => return,
                other => panic!("change set {id} is {other:?}"),
            }
        }
    }

    /// The experience and its policy are exactly what this client made of them, and one revision
    /// on.
    async fn look(&self, round: usize) {
        let (experience, policy) = (experience(self.number), policy(self.number));
        let entity = |id: &str| EntityRequest::builder().catalog(CATALOG).entity_id(id).build().unwrap();
        let request = self.catalog.batch_describe_entities();
        let request = request.entity_request_list(entity(&experience)).entity_request_list(entity(&policy)).send();
        let answer = self.measures.batch_describe.measure(request).await.unwrap();
        let details = answer.entity_details().unwrap();
        for id in [&experience, &policy] {
            assert_eq!(revision(details[id].entity_identifier()), round as u64 + 2, "{id}");
        }
        let (approved, rejected) = lists(details[&policy].details_document().unwrap());
        assert!(approved.iter().eq(&self.approved), "client {} round {round}: approved", self.number);
        assert!(rejected.iter().eq(&self.rejected), "client {} round {round}: rejected", self.number);
        if round == self.number % ROUNDS {
            self.list().await;
        }
    }

    /// Every page of the list together has each experience once, whatever changes meanwhile. In the
    /// order of ids: in the default one, by the last change, an experience that changes between two
    /// pages moves ahead of both.
    async fn list(&self) {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let request = self.catalog.list_entities().catalog(CATALOG).entity_type("Experience").max_results(30);
            let by_id = Sort::builder().sort_by("EntityId").sort_order(SortOrder::Ascending).build();
            let request = request.sort(by_id).set_next_token(token.take());
            let request = if self.is_delegate() { request.filter_list(shared()) } else { request };
            let page = self.measures.list.measure(request.send()).await.unwrap();
            found.extend(page.entity_summary_list().iter().map(|summary| summary.entity_id().unwrap().to_owned()));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        found.sort_unstable();
        assert!(found.into_iter().eq((0..CLIENTS).map(experience)), "each experience once");
    }

    fn is_delegate(&self) -> bool {
        !self.number.is_multiple_of(2)
    }

    /// Adds one to what everybody counts in; answers the sum, which nobody else may see.
    async fn count(&self) -> String {
        let add = self.dynamodb.update_item().table_name("counts").key("name", AttributeValue::S("total".into()));
        let add = add.update_expression("ADD #c :one").expression_attribute_names("#c", "count");
        let add = add.expression_attribute_values(":one", AttributeValue::N("1".into()));
        let add = add.return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew).send();
        let answer = self.measures.count.measure(add).await.unwrap();
        let AttributeValue::N(sum) = &answer.attributes().unwrap()["count"] else { panic!("{answer:?}") };
        sum.clone()
    }
}

fn shared() -> aws_sdk_marketplacecatalog::types::Filter {
    aws_sdk_marketplacecatalog::types::Filter::builder().name("Scope").value_list("SharedWithMe").build()
}

async fn make_table(server: &Server) {
    let dynamodb = aws_sdk_dynamodb::Client::new(&client(server, MANAGEMENT));
    let attribute = AttributeDefinition::builder().attribute_name("name").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("name").key_type(KeyType::Hash);
    let table = dynamodb.create_table().table_name("counts").billing_mode(BillingMode::PayPerRequest);
    let table = table.attribute_definitions(attribute.build().unwrap()).key_schema(key.build().unwrap());
    table.send().await.unwrap();
}

/// A topic, and a queue that gets what is published there; answers the topic's ARN and the queue's
/// URL.
async fn make_topic(server: &Server) -> (String, String) {
    let config = client(server, MANAGEMENT);
    let (sns, sqs) = (aws_sdk_sns::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    let topic = sns.create_topic().name("told").send().await.unwrap().topic_arn.unwrap();
    let url = sqs.create_queue().queue_name("told").send().await.unwrap().queue_url.unwrap();
    let queue = format!("arn:aws:sqs:us-east-1:{MANAGEMENT}:told");
    let policy = json!({ "Statement": [{ "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" },
        "Action": "sqs:SendMessage", "Resource": queue, "Condition": { "ArnEquals": { "aws:SourceArn": topic } } }] });
    let attribute = aws_sdk_sqs::types::QueueAttributeName::Policy;
    sqs.set_queue_attributes().queue_url(&url).attributes(attribute, policy.to_string()).send().await.unwrap();
    let subscription = sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(queue);
    subscription.attributes("RawMessageDelivery", "true").send().await.unwrap();
    (topic, url)
}

/// Takes messages off the queue until every one has come; answers them.
async fn read(sqs: aws_sdk_sqs::Client, url: String, missing: Arc<AtomicUsize>) -> Vec<String> {
    let mut got = Vec::new();
    while missing.load(Ordering::SeqCst) > 0 {
        let request = sqs.receive_message().queue_url(&url).max_number_of_messages(10).wait_time_seconds(1);
        for message in request.send().await.unwrap().messages() {
            missing.fetch_sub(1, Ordering::SeqCst);
            got.push(message.body().unwrap().to_owned());
            sqs.delete_message()
                .queue_url(&url)
                .receipt_handle(message.receipt_handle().unwrap())
                .send()
                .await
                .unwrap();
        }
    }
    got
}

/// Every change set of the organization's two administrators, by all pages of the list.
async fn all_change_sets(catalog: &aws_sdk_marketplacecatalog::Client) -> Vec<String> {
    let mut pages = catalog.list_change_sets().catalog(CATALOG).max_results(20).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        for summary in page.unwrap().change_set_summary_list() {
            assert_eq!(summary.status(), Some(&ChangeStatus::Succeeded));
            found.push(summary.change_set_id().unwrap().to_owned());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_clients_and_a_thousand_change_sets_meet_no_wrong_answer() {
    tokio::time::timeout(LIMIT, run()).await.expect("it ends in time");
}

async fn run() {
    let server = serve(world()).await;
    make_table(&server).await;
    let (topic, url) = make_topic(&server).await;
    let missing = Arc::new(AtomicUsize::new(CLIENTS * ROUNDS));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let sqs = aws_sdk_sqs::Client::new(&client(&server, MANAGEMENT));
            tokio::spawn(read(sqs, url.clone(), Arc::clone(&missing)))
        })
        .collect();
    let measures = Arc::new(Measures {
        start: Latencies::of("StartChangeSet"),
        describe_change_set: Latencies::of("DescribeChangeSet"),
        batch_describe: Latencies::of("BatchDescribeEntities"),
        list: Latencies::of("ListEntities"),
        count: Latencies::of("UpdateItem, of one item"),
        publish: Latencies::of("Publish, delivered"),
    });
    // All of them set out at the same moment.
    let (begin, ids) = (Arc::new(Barrier::new(CLIENTS)), Arc::new(Mutex::new(Vec::new())));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let config = client(&server, if number.is_multiple_of(2) { MANAGEMENT } else { DELEGATE });
            let shared = client(&server, MANAGEMENT);
            let mut client = Client {
                number,
                catalog: aws_sdk_marketplacecatalog::Client::new(&config),
                dynamodb: aws_sdk_dynamodb::Client::new(&shared),
                sns: aws_sdk_sns::Client::new(&shared),
                topic: topic.clone(),
                measures: Arc::clone(&measures),
                approved: BTreeSet::new(),
                rejected: BTreeSet::new(),
            };
            let (begin, ids) = (Arc::clone(&begin), Arc::clone(&ids));
            tokio::spawn(async move {
                begin.wait().await;
                for round in 0..ROUNDS {
                    let id = client.round(round).await;
                    ids.lock().await.push(id);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let Measures { start, describe_change_set, batch_describe, list, count, publish } = &*measures;
    for latencies in [start, describe_change_set, batch_describe, list, count, publish] {
        latencies.print();
    }
    let mut told = Vec::new();
    for reader in readers {
        told.extend(reader.await.unwrap());
    }
    check(&server, &url, ids.lock().await.clone(), told).await;
    server.shutdown().await;
}

/// Nothing is lost, and nothing is there twice.
async fn check(server: &Server, url: &str, ids: Vec<String>, told: Vec<String>) {
    let started: BTreeSet<&String> = ids.iter().collect();
    assert_eq!((ids.len(), started.len()), (CLIENTS * ROUNDS, CLIENTS * ROUNDS), "every change set has its own id");
    let mut listed = Vec::new();
    for account in [MANAGEMENT, DELEGATE] {
        let catalog = aws_sdk_marketplacecatalog::Client::new(&client(server, account));
        let found = all_change_sets(&catalog).await;
        assert_eq!(found.len(), CLIENTS * ROUNDS / 2, "those of {account}");
        listed.extend(found);
    }
    listed.sort_unstable();
    assert!(listed.iter().eq(started.iter().copied()), "the lists name what was started, once each");

    let (mut sums, mut heard): (Vec<usize>, Vec<&str>) = told
        .iter()
        .map(|message| message.split_once(' ').map(|(sum, id)| (sum.parse::<usize>().unwrap(), id)).unwrap())
        .unzip();
    heard.sort_unstable();
    assert!(heard.into_iter().eq(started.iter().map(|id| id.as_str())), "each message was delivered once");
    sums.sort_unstable();
    assert!(sums.into_iter().eq(1..=CLIENTS * ROUNDS), "no update was lost, and no two saw the same sum");
    let sqs = aws_sdk_sqs::Client::new(&client(server, MANAGEMENT));
    assert!(sqs.receive_message().queue_url(url).send().await.unwrap().messages().is_empty());
}
