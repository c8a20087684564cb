//! A tap on the line between a program and AWS: passes everything on, and notes which operations were called.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A tap. It closes when it is dropped.
#[derive(Debug)]
pub struct Tap {
    endpoint: String,
    calls: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Line {
    to: String,
    client: Client<HttpConnector, Body>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Tap {
    /// Opens a tap in front of `endpoint`.
    pub async fn open(endpoint: &str) -> Self {
        let calls = Arc::<Mutex<Vec<String>>>::default();
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

    /// The operations called so far, in order: `PutItem`, or the path for services that have no operation header.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(State(line): State<Line>, mut request: Request) -> Response {
    line.calls.lock().unwrap().push(operation(request.headers(), request.uri()));
    *request.uri_mut() = format!("{}{}", line.to, request.uri()).parse().unwrap();
    match line.client.request(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// `X-Amz-Target: DynamoDB_20120810.PutItem` in the JSON protocols.
fn operation(headers: &HeaderMap, uri: &Uri) -> String {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let name = target.and_then(|target| target.rsplit('.').next());
    name.unwrap_or(uri.path()).to_owned()
}
