//! The policies of queues and topics, which their owners write: `doctor` says whom they let in.

use pmp_aws::{Admission, Asker, Request, ResourcePolicy};
use serde_json::{Value, json};

use super::utf8;
use crate::memory::within;
use crate::refusal::is_told;

const REQUESTS: [Request<'_>; 3] = [
    Request {
        asker: Asker::Service("sns.amazonaws.com"),
        action: "sqs:SendMessage",
        resource: "arn:aws:sqs:us-east-1:222222222222:queue",
        source: Some("arn:aws:sns:us-east-1:111111111111:topic"),
    },
    Request {
        asker: Asker::Account("222222222222"),
        action: "sns:Subscribe",
        resource: "arn:aws:sns:us-east-1:111111111111:topic",
        source: None,
    },
    Request {
        asker: Asker::Service("events.amazonaws.com"),
        action: "sns:Publish",
        resource: "arn:aws:sns:us-east-1:111111111111:topic",
        source: None,
    },
];

pub(super) fn access(bytes: &[u8]) {
    let Some(text) = utf8(bytes) else { return };
    let policy = match within(64 * 1024 + 512 * bytes.len(), || ResourcePolicy::parse(text)) {
        Ok(policy) => policy,
        Err(error) => return is_told(&error),
    };
    let document: Value = serde_json::from_str(text).expect("it was read");
    let statements = match &document["Statement"] {
        Value::Array(statements) => statements.clone(),
        one => vec![one.clone()],
    };
    let with = |statements: Vec<Value>| ResourcePolicy::parse(&json!({ "Statement": statements }).to_string());
    let reversed = with(statements.iter().rev().cloned().collect()).expect("the same statements");
    let denying = json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"});
    let denied = with([statements.clone(), vec![denying]].concat()).expect("one more statement");
    let without = with(statements.into_iter().filter(|it| it["Effect"] == "Deny").collect()).expect("fewer statements");
    for request in &REQUESTS {
        let admitted = policy.admits(request);
        // The order says nothing, but for which of several keys is named.
        let known = |admission: &Admission| !matches!(admission, Admission::Unclear(_));
        let again = reversed.admits(request);
        assert!(if known(&admitted) { again == admitted } else { !known(&again) }, "{admitted:?}, {again:?}");
        assert!(!policy.denies(request) || admitted == Admission::No, "what denies wins");
        assert_eq!((denied.admits(request), denied.denies(request)), (Admission::No, true));
        assert_ne!(without.admits(request), Admission::Yes, "what nothing allows is not admitted");
    }
}
