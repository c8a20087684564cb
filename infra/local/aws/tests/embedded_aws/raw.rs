//! HTTP as no SDK would send it: bytes out, status, headers and body in.

use std::time::Duration;

use pmp_local_aws::Server;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back; nothing at all has the status 0.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

pub(crate) async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.endpoint().trim_start_matches("http://")).await.unwrap()
}

/// Sends the bytes as they are, and reads until the server closes.
pub(crate) async fn send(server: &Server, bytes: &[u8]) -> Answer {
    let mut stream = connect(server).await;
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    receive(stream).await
}

pub(crate) async fn receive(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    let _ = tokio::time::timeout(Duration::from_secs(10), reading).await.expect("an answer within ten seconds");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

/// A request with these header lines; `Host`, `Content-Length` and `Connection` are added where
/// they are not given.
pub(crate) fn request(line: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let given = |name: &str| headers.iter().any(|header| header.to_ascii_lowercase().starts_with(name));
    let mut text = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
    if !given("host:") {
        text.push_str("Host: localhost\r\n");
    }
    if !given("content-length:") {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    headers.iter().for_each(|header| text.push_str(&format!("{header}\r\n")));
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

/// An `Authorization` of the account for the service.
pub(crate) fn authorization(account: &str, service: &str) -> String {
    let scope = format!("{account}/20261125/us-east-1/{service}/aws4_request");
    format!("Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00")
}

/// A request to the control endpoint: the status and the JSON.
pub(crate) async fn control(server: &Server, line: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = send(server, &request(line, &["Content-Type: application/json"], body.as_bytes())).await;
    (answer.status, answer.json())
}
