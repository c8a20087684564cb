//! A client of the control endpoint of a running `pmp-local serve`.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Uri, header};
use clap::Args;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use pmp_local_aws::CONTROL_PREFIX as PREFIX;
use pmp_terminal::progress::waiting_for;
use pmp_terminal::{Failure, Output};
use serde_json::Value;

use super::serve::PORT;

/// How long the server may take to answer. A server that runs answers at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// Limit of an answer in bytes: a thousand rules have a few hundred kilobytes.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Which server the command is for.
#[derive(Args)]
pub(super) struct ServerArgs {
    /// Where pmp-local serves [default: on this machine, at the port PMP_LOCAL_PORT, or 4566]
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", global = true)]
    endpoint: Option<String>,
}

/// The endpoint on this machine, at the port of `PMP_LOCAL_PORT`, which `serve` uses as well.
fn on_this_machine() -> Result<String, Failure> {
    let port = match std::env::var("PMP_LOCAL_PORT") {
        Ok(port) if !port.trim().is_empty() => port.trim().parse::<u16>().map_err(|_| {
            Failure::new("E3038", format!("`{port}` in PMP_LOCAL_PORT is no port"))
                .hint("a port is 1 to 65535".to_owned())
        })?,
        _ => PORT,
    };
    Ok(format!("http://{}:{port}", Ipv4Addr::LOCALHOST))
}

impl ServerArgs {
    /// Calls the control endpoint, and returns its answer. An error of the server is a failure.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        output: Output,
    ) -> Result<Value, Failure> {
        let hint = || {
            "start one with `pmp-local serve`, or say where it is with --endpoint, AWS_ENDPOINT_URL or PMP_LOCAL_PORT"
                .to_owned()
        };
        let endpoint = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => on_this_machine()?,
        };
        let asked = ask(&endpoint, method, path, body);
        let asked = waiting_for(output, &format!("pmp-local at `{endpoint}`"), asked).await;
        let (success, answer) = asked.map_err(|AskError(cause)| {
            Failure::new("E3039", format!("cannot reach pmp-local at `{endpoint}`: {cause}")).hint(hint())
        })?;
        match answer["error"].as_str() {
            Some(error) => Err(Failure::new("E3040", format!("the server refused: {error}"))),
            None if success => Ok(answer),
            None => {
                Err(Failure::new("E3041", format!("what answers at `{endpoint}` is no pmp-local: {answer}"))
                    .hint(hint()))
            }
        }
    }
}

/// Why there is no answer, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct AskError(String);

pmp_protocol::codes!(AskError => "E3039");

pmp_protocol::without_hint!(AskError);

impl AskError {
    /// The last cause holds the reason. The causes before it only repeat that a connection failed.
    fn of(error: impl std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = cause.to_string();
            source = cause.source();
        }
        Self(text)
    }
}

/// Calls the control endpoint of the pmp-local at `endpoint`. Returns whether the status is a
/// success, and the answer.
pub(super) async fn ask(
    endpoint: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<(bool, Value), AskError> {
    let uri: Uri = format!("{}{PREFIX}{path}", endpoint.trim_end_matches('/')).parse().map_err(AskError::of)?;
    if uri.scheme_str() != Some("http") {
        return Err(AskError("the endpoint of a pmp-local begins with http://".to_owned()));
    }
    let request = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body.map(Value::to_string).unwrap_or_default())).map_err(AskError::of)?;
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let exchange = async {
        let answer = client.request(request).await.map_err(AskError::of)?;
        let success = answer.status().is_success();
        let text = to_bytes(Body::new(answer.into_body()), MAX_ANSWER).await.map_err(AskError::of)?;
        let answer = serde_json::from_slice(&text);
        let answer = answer.map_err(|_| AskError("what answers there does not answer in JSON".to_owned()))?;
        Ok((success, answer))
    };
    tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| AskError(format!("no answer within {PATIENCE:?}")))?
}
