//! What is told over plain HTTP, as the control endpoint of the embedded AWS does.

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// The JSON at an address.
pub async fn get_json(url: &str) -> Value {
    serde_json::from_str(&get_text(url).await).unwrap()
}

/// Tells the control endpoint of the embedded AWS something; its answer.
pub async fn tell(method: Method, url: &str, body: &Value) -> Value {
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder().method(method).uri(url).header("content-type", "application/json");
    let answer = client.request(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.unwrap();
    assert!(head.status.is_success(), "{url}: {} {}", head.status, String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap_or_default()
}

/// The text at an address.
pub async fn get_text(url: &str) -> String {
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(url.parse::<Uri>().unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.unwrap();
    assert!(head.status.is_success(), "{url}: {} {}", head.status, String::from_utf8_lossy(&body));
    String::from_utf8(body.into()).unwrap()
}
