//! A DynamoDB that writes down what it is asked and answers what it is told to: the requests are
//! the wire format.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use pmp_test_clients::{account, without_retries};
use serde_json::{Map, Value, json};

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Value>,
    requests: Vec<Value>,
}

/// The server, and how to reach it.
pub(crate) struct Server {
    script: Arc<Mutex<Script>>,
    pub(crate) config: SdkConfig,
}

impl Server {
    /// One that answers with these, in this order, and with nothing (`{}`) after them.
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Value>) -> Self {
        let script = Arc::new(Mutex::new(Script { answers: answers.into_iter().collect(), requests: Vec::new() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = without_retries(&account(&endpoint, "111111111111"));
        Self { script, config }
    }

    /// What it was asked so far, as text: sorted by name, and the requests that were sent side by
    /// side in one order.
    pub(crate) fn asked(&self) -> String {
        let mut requests = self.script.lock().unwrap().requests.clone();
        requests.sort_by_key(Value::to_string);
        serde_json::to_string_pretty(&requests).unwrap() + "\n"
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.rsplit('.').next().unwrap();
    let mut request: Value = serde_json::from_slice(&body).unwrap();
    // Another one in each call: DynamoDB takes a repeated call for the same one by it.
    request.as_object_mut().unwrap().remove("ClientRequestToken");
    let mut script = script.lock().unwrap();
    script.requests.push(sorted(json!({ "operation": operation, "request": request })));
    let answer = script.answers.pop_front().unwrap_or_else(|| json!({}));
    // As DynamoDB does it, an error is told from an answer by this field, too.
    let status = if answer["__type"].is_null() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    (status, [("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

/// The same with the fields of every object in order: the SDK writes maps in any order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(Map::from_iter(fields))
        }
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        other => other,
    }
}
