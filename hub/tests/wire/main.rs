//! The announcement as SNS takes it: its body, and the attributes by which a subscription's filter
//! policy may choose.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../core/protocol/tests/wire/golden.rs"]
mod golden;
#[path = "../../../core/protocol/tests/wire/values.rs"]
mod values;

use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use pmp_hub::{SnsTopic, Topic};
use pmp_protocol::{Reason, Sealed, SnapshotMessage};

const ANSWER: &str = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
    <MessageId>id-1</MessageId></PublishResult></PublishResponse>";

type Asked = Arc<Mutex<Vec<Vec<u8>>>>;

/// An SNS that takes every message, and writes down what it was sent.
async fn sns() -> (SdkConfig, Asked) {
    let asked = Asked::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = async |State(asked): State<Asked>, body: Bytes| {
        asked.lock().unwrap().push(body.to_vec());
        ([("content-type", "text/xml")], ANSWER)
    };
    let router = Router::new().fallback(answer).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let credentials = Credentials::new("111111111111", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    (config, asked)
}

/// The fields of the request, one a line and in order: the SDK writes the attributes in any.
fn fields(body: &[u8]) -> String {
    let body = std::str::from_utf8(body).unwrap();
    let mut fields: Vec<&str> = body.split('&').collect();
    // `MessageAttributes.entry.N.…`: the numbers say nothing, so each attribute goes by its name.
    let mut attributes: Vec<String> = Vec::new();
    for number in 1..=fields.len() {
        let prefix = format!("MessageAttributes.entry.{number}.");
        let mut own: Vec<&str> = fields.iter().filter_map(|field| field.strip_prefix(&prefix)).collect();
        own.sort_unstable();
        if !own.is_empty() {
            attributes.push(own.join(" "));
        }
        fields.retain(|field| !field.starts_with(&prefix));
    }
    attributes.sort();
    fields.sort_unstable();
    fields.into_iter().map(str::to_owned).chain(attributes).map(|line| line + "\n").collect()
}

#[tokio::test]
async fn a_snapshot_is_announced_with_the_attributes_that_it_had() {
    let sealed = Sealed::new(&values::full_content()).unwrap();
    let (experience, version) = (values::management(), values::version(42));
    let message = SnapshotMessage::announce(experience, version, values::at(0), Reason::Changed, &sealed, 1);
    let (config, asked) = sns().await;
    let topic = SnsTopic::new(&config, "arn:aws:sns:us-east-1:111111111111:pmp".parse().unwrap());
    assert_eq!(topic.publish(&message).await.unwrap(), "id-1");
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    golden::hold("publish.txt", fields(&asked[0]).as_bytes());
}
