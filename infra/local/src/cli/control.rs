//! A client of the control endpoint of a running `pmp-local serve`.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Uri, header};
use clap::Args;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use pmp_terminal::Failure;
use serde_json::Value;

use crate::control::PREFIX;

/// How long the server may take: it answers at once, or is not there.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer: a thousand rules have a few hundred kilobytes.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Which server to steer.
#[derive(Args)]
pub(super) struct ServerArgs {
    /// Where pmp-local serves
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL", default_value = "http://127.0.0.1:4566", global = true)]
    endpoint: String,
}

impl ServerArgs {
    /// Asks the control endpoint, and gives what it answers.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let hint =
            || "start one with `pmp-local serve`, or say where it is with --endpoint or AWS_ENDPOINT_URL".to_owned();
        let url = format!("{}{PREFIX}{path}", self.endpoint.trim_end_matches('/'));
        let answered =
            async { self.send(method, &url, body).await.with_context(|| format!("cannot steer `{}`", self.endpoint)) };
        let (success, answer) = answered.await.map_err(|error| Failure::new(error).hint(hint()))?;
        match answer["error"].as_str() {
            Some(error) => Err(Failure::new(anyhow!("the server refused: {error}"))),
            None if success => Ok(answer),
            None => {
                Err(Failure::new(anyhow!("what answers at `{}` is no pmp-local: {answer}", self.endpoint)).hint(hint()))
            }
        }
    }

    async fn send(&self, method: Method, url: &str, body: Option<&Value>) -> anyhow::Result<(bool, Value)> {
        let uri: Uri = url.parse().context("this is no URL")?;
        if uri.scheme_str() != Some("http") {
            bail!("the endpoint of a pmp-local begins with http://");
        }
        let request = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.map(Value::to_string).unwrap_or_default()))?;
        let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
        let exchange = async {
            let answer = client.request(request).await?;
            let success = answer.status().is_success();
            let text = to_bytes(Body::new(answer.into_body()), MAX_ANSWER).await?;
            anyhow::Ok((success, serde_json::from_slice(&text).context("the answer is no JSON")?))
        };
        tokio::time::timeout(PATIENCE, exchange).await.context("it does not answer")?
    }
}
