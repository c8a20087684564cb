//! A tap on the line between a program and AWS: passes everything on, and notes what was called,
//! when, and with what outcome.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Bodies up to this size, in bytes, are kept with a call; larger ones are passed on and not looked
/// at.
const KEPT: usize = 64 * 1024;

/// One call that went over the line.
#[derive(Debug, Clone)]
pub struct Call {
    /// `PutItem`, `Publish`, `StartChangeSet`; the path where neither header nor body names the
    /// operation.
    pub operation: String,
    /// What was asked, up to 64 KiB; empty beyond.
    pub asked: Bytes,
    /// What came back, up to 64 KiB; empty beyond, and until the answer came.
    pub answer: Bytes,
    /// The HTTP status; 0 until the answer came.
    pub status: u16,
    /// When the request came to the tap.
    pub sent: Instant,
    /// When its answer had come to the tap.
    pub answered: Option<Instant>,
}

/// A tap. It closes when it is dropped.
#[derive(Debug)]
pub struct Tap {
    endpoint: String,
    calls: Arc<Mutex<Vec<Call>>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Line {
    to: String,
    client: Client<HttpConnector, Body>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Tap {
    /// Opens a tap in front of `endpoint`.
    pub async fn open(endpoint: &str) -> Self {
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let line = Line { to: endpoint.to_owned(), client, calls: calls.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(line);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { endpoint, calls, server }
    }

    /// The endpoint to give to programs.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The operations called so far, in order.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|call| call.operation.clone()).collect()
    }

    /// Everything that went over the line so far, in the order in which it was sent.
    pub fn record(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(State(line): State<Line>, request: Request) -> Response {
    let sent = Instant::now();
    let (mut parts, body) = request.into_parts();
    let asked = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let operation = operation(&parts.headers, &parts.uri, &asked);
    let kept = if asked.len() <= KEPT { asked.clone() } else { Bytes::new() };
    let call = Call { operation, asked: kept, answer: Bytes::new(), status: 0, sent, answered: None };
    let place = {
        let mut calls = line.calls.lock().unwrap();
        calls.push(call);
        calls.len() - 1
    };
    parts.uri = format!("{}{}", line.to, parts.uri).parse().unwrap();
    let answer = match line.client.request(Request::from_parts(parts, Body::from(asked))).await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let (parts, body) = answer.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.unwrap_or_default();
    if let Some(call) = line.calls.lock().unwrap().get_mut(place) {
        call.status = parts.status.as_u16();
        call.answered = Some(Instant::now());
        call.answer = if body.len() <= KEPT { body.clone() } else { Bytes::new() };
    }
    Response::from_parts(parts, Body::from(body))
}

/// `X-Amz-Target: DynamoDB_20120810.PutItem` in the JSON protocols, `Action=Publish` in the query
/// protocol, and `/StartChangeSet` in the REST one.
pub(crate) fn operation(headers: &HeaderMap, uri: &Uri, body: &[u8]) -> String {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    if let Some(name) = target.and_then(|target| target.rsplit('.').next()) {
        return name.to_owned();
    }
    let form = headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form"));
    let text = std::str::from_utf8(body).unwrap_or_default();
    let action = text.split('&').find_map(|field| field.strip_prefix("Action="));
    match action.filter(|_| form) {
        Some(action) => action.to_owned(),
        None => uri.path().trim_start_matches('/').to_owned(),
    }
}
