//! A function that cannot start: said in the log, and to Lambda, which hands it to whoever invoked
//! the function.

use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{PooledClient, build_request};
use pmp_terminal::Failure;
use serde_json::json;

/// What Lambda and CloudWatch show as the kind of error.
const ERROR_TYPE: &str = "pmp-sync.InitError";

/// Tells the log and Lambda of it. The process has to end after this.
pub(crate) async fn report(failure: &Failure) {
    let text = failure.render();
    tracing::error!(error = text, "the function cannot start");
    if let Err(error) = tell_lambda(&text).await {
        tracing::warn!(error, "Lambda could not be told");
    }
}

async fn tell_lambda(text: &str) -> Result<(), lambda_runtime_api_client::BoxError> {
    let body = json!({"errorMessage": text, "errorType": ERROR_TYPE, "stackTrace": []});
    let request = build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", ERROR_TYPE)
        .body(Body::from(body.to_string()))?;
    let answer = PooledClient::builder().build().call(request).await?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status()).into()) }
}
