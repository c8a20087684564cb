//! What survives a kill, of a `pmp-local serve` that is a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_types::SdkConfig;

use crate::rig::{HUB, eventually};

async fn create_table(tables: &aws_sdk_dynamodb::Client) {
    let attribute = AttributeDefinition::builder().attribute_name("k").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("k").key_type(KeyType::Hash);
    let create = tables.create_table().table_name("t").billing_mode(BillingMode::PayPerRequest);
    let create = create.attribute_definitions(attribute.build().unwrap()).key_schema(key.build().unwrap());
    create.send().await.unwrap();
}

async fn put(tables: &aws_sdk_dynamodb::Client, key: &str, value: &[u8]) {
    let put = tables.put_item().table_name("t").item("k", AttributeValue::S(key.into()));
    put.item("v", AttributeValue::B(Blob::new(value))).send().await.unwrap();
}

/// A `pmp-local serve` of its own, to be killed.
struct Process {
    child: Child,
    endpoint: String,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pmp-local"))
            .args(["serve", "--port", "0", "--output", "json", "--state"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        Self { child, endpoint: ready["endpoint"].as_str().unwrap().to_owned() }
    }

    fn config(&self) -> SdkConfig {
        pmp_test_clients::account(&self.endpoint, HUB)
    }

    /// As `kill -9` does.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A writer writes a number into a table, then sends it to a queue, over and over; the server is
/// killed in between. What is there afterwards must be one moment of that: so many numbers in a
/// row, in both, or one more in the table.
#[tokio::test]
async fn whoever_is_killed_leaves_one_moment_of_all_services() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path());
    let config = process.config();
    let (tables, queues) = (aws_sdk_dynamodb::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    create_table(&tables).await;
    let url = queues.create_queue().queue_name("numbers").send().await.unwrap().queue_url.unwrap();
    // A sign that saves go on while it writes: the third one from here.
    let saves = |from: Option<std::time::SystemTime>| {
        let saved = std::fs::metadata(dir.path().join("state.zst")).ok()?.modified().ok()?;
        (Some(saved) != from).then_some(saved)
    };
    let (mut written, mut seen, mut last) = (0_usize, 0, saves(None));
    while seen < 3 {
        put(&tables, &written.to_string(), b"1").await;
        queues.send_message().queue_url(&url).message_body(written.to_string()).send().await.unwrap();
        written += 1;
        if let Some(saved) = saves(last) {
            (seen, last) = (seen + 1, Some(saved));
        }
    }
    process.kill();

    let process = Process::start(dir.path());
    let config = process.config();
    let (tables, queues) = (aws_sdk_dynamodb::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    let url = queues.get_queue_url().queue_name("numbers").send().await.unwrap().queue_url.unwrap();
    let attributes = queues.get_queue_attributes().queue_url(&url);
    let attributes = attributes.attribute_names(QueueAttributeName::ApproximateNumberOfMessages).send().await.unwrap();
    let sent: usize =
        attributes.attributes().unwrap()[&QueueAttributeName::ApproximateNumberOfMessages].parse().unwrap();
    let scanned = tables.scan().table_name("t").into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let mut numbers: Vec<usize> =
        scanned.unwrap().iter().map(|item| item["k"].as_s().unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>(), "no number is missing in between");
    assert!(numbers.len() == sent || numbers.len() == sent + 1, "{} in the table, {sent} in the queue", numbers.len());
    assert!(sent > 0 && sent <= written, "{sent} of {written}");
    process.kill();
}

#[tokio::test]
async fn what_was_answered_a_second_ago_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path());
    let before = std::fs::metadata(dir.path().join("state.zst")).unwrap().modified().unwrap();
    let queues = aws_sdk_sqs::Client::new(&process.config());
    queues.create_queue().queue_name("kept").send().await.unwrap();
    let asked = std::time::Instant::now();
    eventually("a save", async || {
        (std::fs::metadata(dir.path().join("state.zst")).ok()?.modified().ok()? != before).then_some(())
    })
    .await;
    println!("saved {} ms after the answer", asked.elapsed().as_millis());
    process.kill();
    let process = Process::start(dir.path());
    let queues = aws_sdk_sqs::Client::new(&process.config());
    queues.get_queue_url().queue_name("kept").send().await.unwrap();
    process.kill();
}

#[test]
fn a_state_that_cannot_be_read_is_refused_with_a_hint_and_reset_starts_over() {
    let dir = tempfile::tempdir().unwrap();
    Process::start(dir.path()).kill();
    let state = dir.path().join("state.zst");
    std::fs::write(&state, "scribble").unwrap();
    let serve = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmp-local"));
        command.args(["serve", "--port", "0", "--state"]).arg(dir.path()).args(more);
        command
    };
    let refused = serve(&[]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("is damaged: `state.zst`") && said.contains("--reset"), "{said}");
    assert_eq!(std::fs::read_to_string(&state).unwrap(), "scribble");
    let mut child = serve(&["--reset"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let ready =
        BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).find(|line| line.contains("Ready"));
    assert!(ready.is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    let cleared =
        Command::new(env!("CARGO_BIN_EXE_pmp-local")).args(["state", "clear"]).arg(dir.path()).output().unwrap();
    assert!(cleared.status.success() && !state.exists());
}
