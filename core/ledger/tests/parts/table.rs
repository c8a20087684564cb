//! A partition of the table `Snapshots` behind the real client, in this process: what it holds can
//! be looked at and altered, eventually consistent reads may lag, a writer may die after any of its
//! writes, and read units may be limited, in simulated time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use pmp_ledger::DynamoSnapshots;
use pmp_test_clients::{account, without_retries};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Bytes of a page, and of a read unit.
const PAGE: usize = 1024 * 1024;
const UNIT: usize = 4096;

/// The items, by their sort keys.
pub(crate) type Items = BTreeMap<String, Value>;

/// What a partition serves in a second, in read units. A second's worth may be used at once.
#[derive(Debug)]
struct Limit {
    per_second: f64,
    /// Each part counts as one of this many bytes, so that the test need not carry them.
    part_bytes: usize,
    left: f64,
    at: Instant,
}

#[derive(Debug, Default)]
struct State {
    items: Items,
    /// What eventually consistent reads find; the items themselves where none is set.
    stale: Option<Items>,
    limit: Option<Limit>,
    /// The operations that were answered, each with its sort key or the first of its range.
    calls: Vec<String>,
    refused: usize,
}

/// The partition, which any number of callers share.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeTable(Arc<Mutex<State>>);

/// One program that uses the table. It dies after a number of writes: then no call of it arrives.
#[derive(Debug, Clone)]
struct Caller {
    table: FakeTable,
    writes_left: Arc<Mutex<usize>>,
    /// How long a call is on its way, by a seed, so that callers interleave.
    seed: Option<Arc<Mutex<fastrand::Rng>>>,
}

impl FakeTable {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn items(&self) -> Items {
        self.state().items.clone()
    }

    pub(crate) fn alter(&self, change: impl FnOnce(&mut Items)) {
        change(&mut self.state().items);
    }

    /// From now on, eventually consistent reads find what is there now.
    pub(crate) fn lag(&self) {
        let mut state = self.state();
        state.stale = Some(state.items.clone());
    }

    /// From now on, the partition serves so many read units in a second.
    pub(crate) fn limit(&self, per_second: f64, part_bytes: usize) {
        self.state().limit = Some(Limit { per_second, part_bytes, left: per_second, at: Instant::now() });
    }

    /// The calls since this was asked last.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state().calls)
    }

    /// How many calls were refused because of the limit.
    pub(crate) fn refused(&self) -> usize {
        self.state().refused
    }

    /// The store over the real client, as a program without retries has it.
    pub(crate) fn store(&self) -> DynamoSnapshots {
        self.store_that_dies_after(usize::MAX)
    }

    pub(crate) fn store_that_dies_after(&self, writes: usize) -> DynamoSnapshots {
        store(&without_retries(&self.config(writes, None)))
    }

    /// One whose calls take their time, by a seed.
    pub(crate) fn slow_store(&self, seed: u64) -> DynamoSnapshots {
        store(&without_retries(&self.config(usize::MAX, Some(seed))))
    }

    /// One that tries again, as the programs do (`core/aws/src/session.rs`).
    pub(crate) fn patient_store(&self, seed: u64) -> DynamoSnapshots {
        let retries = RetryConfig::standard().with_max_attempts(5).with_max_backoff(Duration::from_secs(20));
        store(&self.config(usize::MAX, Some(seed)).to_builder().retry_config(retries).build())
    }

    fn config(&self, writes: usize, seed: Option<u64>) -> SdkConfig {
        let seed = seed.map(|seed| Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))));
        let caller = Caller { table: self.clone(), writes_left: Arc::new(Mutex::new(writes)), seed };
        account("http://127.0.0.1:1", "111111111111").to_builder().http_client(caller).build()
    }

    fn answer(&self, operation: &str, input: &Value) -> Result<Value, (&'static str, Value)> {
        let mut state = self.state();
        let answer = state.answer(operation, input)?;
        let key = input["Key"]["item"]["S"].as_str().or(input["Item"]["item"]["S"].as_str());
        let key = key.or(input["ExpressionAttributeValues"][":from"]["S"].as_str()).unwrap_or_default();
        let consistent = if input["ConsistentRead"] == json!(true) { " consistently" } else { "" };
        state.calls.push(format!("{operation} {key}{consistent}"));
        Ok(answer)
    }
}

fn store(config: &SdkConfig) -> DynamoSnapshots {
    DynamoSnapshots::new(config, "Snapshots".parse().unwrap())
}

fn size(item: &Value) -> usize {
    item["content"]["B"].as_str().map_or(200, |content| content.len() / 4 * 3 + 200)
}

fn failed(condition: bool) -> Result<(), (&'static str, Value)> {
    if condition { Ok(()) } else { Err(("ConditionalCheckFailedException", json!({}))) }
}

impl State {
    fn answer(&mut self, operation: &str, input: &Value) -> Result<Value, (&'static str, Value)> {
        match operation {
            "GetItem" => {
                let key = input["Key"]["item"]["S"].as_str().unwrap();
                let item = self.seen(input).get(key).cloned();
                self.charge(input, &item.iter().collect::<Vec<_>>())?;
                Ok(item.map_or(json!({}), |item| json!({ "Item": item })))
            }
            "Query" => self.query(input),
            "PutItem" => {
                let key = input["Item"]["item"]["S"].as_str().unwrap().to_owned();
                failed(input["ConditionExpression"].is_null() || !self.items.contains_key(&key))?;
                self.items.insert(key, input["Item"].clone());
                Ok(json!({}))
            }
            "TransactWriteItems" => self.transact(input["TransactItems"].as_array().unwrap()),
            "UpdateItem" => {
                self.update(input).map(|item| self.items.insert("head".to_owned(), item)).map(|_| json!({}))
            }
            "BatchWriteItem" => {
                for request in input["RequestItems"]["Snapshots"].as_array().unwrap() {
                    self.items.remove(request["DeleteRequest"]["Key"]["item"]["S"].as_str().unwrap());
                }
                Ok(json!({}))
            }
            other => panic!("{other}"),
        }
    }

    fn seen(&self, input: &Value) -> &Items {
        let stale = self.stale.as_ref().filter(|_| input["ConsistentRead"] != json!(true));
        stale.unwrap_or(&self.items)
    }

    fn query(&mut self, input: &Value) -> Result<Value, (&'static str, Value)> {
        let text = |name: &str| input["ExpressionAttributeValues"][name]["S"].as_str().unwrap().to_owned();
        let (from, to) = (text(":from"), text(":to"));
        let after = input["ExclusiveStartKey"]["item"]["S"].as_str().map(str::to_owned);
        let (mut page, mut bytes, mut last) = (Vec::new(), 0, None);
        for (key, item) in self.seen(input).range(from..=to) {
            if after.as_ref().is_some_and(|after| key <= after) {
                continue;
            }
            if bytes + size(item) > PAGE && !page.is_empty() {
                last = page.last().map(|item: &Value| json!({"experience": item["experience"], "item": item["item"]}));
                break;
            }
            bytes += size(item);
            page.push(item.clone());
        }
        self.charge(input, &page.iter().collect::<Vec<_>>())?;
        if !input["ProjectionExpression"].is_null() {
            page = page.iter().map(|item| json!({"experience": item["experience"], "item": item["item"]})).collect();
        }
        let mut answer = json!({ "Count": page.len(), "ScannedCount": page.len(), "Items": page });
        if let Some(last) = last {
            answer["LastEvaluatedKey"] = last;
        }
        Ok(answer)
    }

    /// Takes the read units of these items, or refuses the call.
    fn charge(&mut self, input: &Value, items: &[&Value]) -> Result<(), (&'static str, Value)> {
        let Some(limit) = &mut self.limit else { return Ok(()) };
        let passed = limit.at.elapsed().as_secs_f64();
        (limit.at, limit.left) = (Instant::now(), (limit.left + passed * limit.per_second).min(limit.per_second));
        let is_part = |item: &&&Value| item["item"]["S"].as_str().is_some_and(|key| key.starts_with("part#"));
        let parts = items.iter().filter(is_part).count();
        let bytes = parts * limit.part_bytes + (items.len() - parts) * 200;
        let units = bytes.div_ceil(UNIT).max(1) as f64;
        let units = if input["ConsistentRead"] == json!(true) { units } else { units / 2.0 };
        if limit.left < units {
            self.refused += 1;
            return Err(("ProvisionedThroughputExceededException", json!({})));
        }
        limit.left -= units;
        Ok(())
    }

    fn transact(&mut self, writes: &[Value]) -> Result<Value, (&'static str, Value)> {
        let updated: Vec<_> = writes
            .iter()
            .filter(|write| write["Update"].is_object())
            .map(|write| self.update(&write["Update"]))
            .collect::<Result<_, _>>()
            .map_err(|_| {
                let reasons = json!([{ "Code": "ConditionalCheckFailed" }]);
                ("TransactionCanceledException", json!({ "CancellationReasons": reasons }))
            })?;
        for put in writes.iter().map(|write| &write["Put"]["Item"]).filter(|item| item.is_object()) {
            self.items.insert(put["item"]["S"].as_str().unwrap().to_owned(), put.clone());
        }
        for head in updated {
            self.items.insert("head".to_owned(), head);
        }
        Ok(json!({}))
    }

    /// The head after an update.
    fn update(&self, update: &Value) -> Result<Value, (&'static str, Value)> {
        let head = self.items.get("head");
        let value = |name: &str| update["ExpressionAttributeValues"][name].clone();
        let mut holds = update["ConditionExpression"].as_str().unwrap().split(" AND ").flat_map(|it| it.split(" OR "));
        let condition = holds.all(|term| match term.split_once(" = ") {
            Some((name, wanted)) => head.is_some_and(|head| head[name] == value(wanted)),
            None if term == "attribute_not_exists(latest)" => head.is_none(),
            None => true,
        });
        failed(condition)?;
        let mut head = head.cloned().unwrap_or_else(|| json!({"experience": update["Key"]["experience"]}));
        head["item"] = json!({"S": "head"});
        let expression = update["UpdateExpression"].as_str().unwrap().strip_prefix("SET ").unwrap();
        for term in expression.split(" REMOVE ").next().unwrap().split(", ") {
            let (name, from) = term.split_once(" = ").unwrap();
            head[name.trim_start_matches('#')] = value(from);
        }
        Ok(head)
    }
}

impl HttpConnector for Caller {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap();
        let operation = target.rsplit('.').next().unwrap().to_owned();
        let input: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let caller = self.clone();
        HttpConnectorFuture::new(async move {
            let pause = caller.seed.as_ref().map(|seed| Duration::from_micros(seed.lock().unwrap().u64(1..20_000)));
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            let answer = caller.answer(&operation, &input);
            let (status, body) = match answer {
                Ok(answer) => (200, answer),
                Err((code, mut more)) => {
                    more["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
                    more["message"] = json!("refused");
                    (if code == "InternalServerError" { 500 } else { 400 }, more)
                }
            };
            Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string())))
        })
    }
}

impl Caller {
    fn answer(&self, operation: &str, input: &Value) -> Result<Value, (&'static str, Value)> {
        let mut left = self.writes_left.lock().unwrap();
        if *left == 0 {
            return Err(("InternalServerError", json!({})));
        }
        let answer = self.table.answer(operation, input)?;
        if !matches!(operation, "GetItem" | "Query") {
            *left -= 1;
        }
        Ok(answer)
    }
}

impl HttpClient for Caller {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
