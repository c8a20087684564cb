//! S3, as far as a spoke uses it: `GetObject`, with errors in S3's own form.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, stream};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// An S3 with some objects. Ends when it is dropped.
#[derive(Debug)]
pub struct Objects {
    endpoint: String,
    store: Store,
    server: JoinHandle<()>,
}

type Store = Arc<Mutex<Held>>;

#[derive(Debug, Default)]
struct Held {
    /// By `/BUCKET/KEY`, or `/BUCKET/KEY?versionId=ID`.
    objects: HashMap<String, Vec<u8>>,
    /// Of these only a part is sent, and then the connection ends.
    breaking_off: HashMap<String, Vec<u8>>,
    /// What was asked for.
    asked: Vec<String>,
}

impl Objects {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let store = Store::default();
        let router = Router::new().fallback(get_object).with_state(store.clone());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { endpoint, store, server }
    }

    /// The URL for `AWS_ENDPOINT_URL_S3`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Puts an object there: `/BUCKET/KEY`, or `/BUCKET/KEY?versionId=ID`.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        self.store.lock().unwrap().objects.insert(path.to_owned(), bytes.to_vec());
    }

    /// Puts an object there that breaks off after these bytes.
    pub fn break_off(&self, path: &str, bytes: &[u8]) {
        self.store.lock().unwrap().breaking_off.insert(path.to_owned(), bytes.to_vec());
    }

    /// What was asked for so far.
    pub fn asked(&self) -> Vec<String> {
        self.store.lock().unwrap().asked.clone()
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn get_object(State(store): State<Store>, uri: Uri, Query(query): Query<HashMap<String, String>>) -> Response {
    let version = query.get("versionId").map(|version| format!("?versionId={version}")).unwrap_or_default();
    let path = format!("{}{version}", uri.path());
    let mut store = store.lock().unwrap();
    store.asked.push(path.clone());
    if let Some(bytes) = store.objects.get(&path) {
        return bytes.clone().into_response();
    }
    if let Some(bytes) = store.breaking_off.get(&path) {
        let part = stream::iter([Ok(bytes.clone())]);
        // The part is on its way by then: what breaks off at once sends nothing at all.
        let end = stream::once(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Err(std::io::Error::other("the connection ends"))
        });
        return Body::from_stream(part.chain(end)).into_response();
    }
    // One bucket that nobody may read.
    let (status, code, message) = if path.starts_with("/forbidden/") {
        (StatusCode::FORBIDDEN, "AccessDenied", "Access Denied")
    } else {
        (StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.")
    };
    let xml = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"#
    );
    (status, [(header::CONTENT_TYPE, "application/xml")], xml).into_response()
}
