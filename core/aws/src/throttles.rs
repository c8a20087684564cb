//! Counts the answers that ask to slow down: every attempt of every client, those included that the
//! SDK tries again by itself and nobody else hears of.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::ConfigBag;

/// How many answers of this process were throttles.
static THROTTLES: AtomicUsize = AtomicUsize::new(0);

/// How many answers have asked this process to slow down so far.
#[must_use]
pub fn throttles() -> usize {
    THROTTLES.load(Ordering::Relaxed)
}

/// The same client, whose answers are looked at.
pub(crate) fn counted(client: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(Counted(client))
}

#[derive(Debug)]
struct Counted<T>(T);

impl HttpClient for Counted<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Counted(self.0.http_connector(settings, components)))
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.validate_base_client_config(components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        self.0.validate_final_config(components, config)
    }
}

impl HttpConnector for Counted<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let mut answer = answer.await?;
            if is_throttle(&mut answer).await {
                THROTTLES.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer)
        })
    }
}

/// Whether an answer asks to slow down. Some services say so by the status, some in a header, some
/// in the body of a 400.
async fn is_throttle(answer: &mut HttpResponse) -> bool {
    match answer.status().as_u16() {
        429 => true,
        400 | 503 => {
            if answer.headers().get("x-amzn-errortype").is_some_and(names_throttle) {
                return true;
            }
            error_text(answer).await.is_some_and(|text| names_throttle(&text))
        }
        _ => false,
    }
}

/// The body of an answer that is an error. An error is short: it is read here, and handed on.
pub(crate) async fn error_text(answer: &mut HttpResponse) -> Option<String> {
    let body = ByteStream::new(answer.take_body()).collect().await.ok()?.into_bytes();
    let text = std::str::from_utf8(&body).ok().map(str::to_owned);
    *answer.body_mut() = SdkBody::from(body);
    text
}

/// The names that AWS's services have for it.
fn names_throttle(text: &str) -> bool {
    const NAMES: [&str; 6] = [
        "Throttling",
        "Throttled",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "TooManyRequests",
        "SlowDown",
    ];
    NAMES.iter().any(|name| text.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
    }

    #[tokio::test]
    async fn a_throttle_is_known_by_status_or_body_and_the_body_is_handed_on() {
        for (status, body, expected) in [
            (429, "", true),
            (400, r#"{"__type":"com.amazonaws.dynamodb#ProvisionedThroughputExceededException"}"#, true),
            (400, "<Code>Throttling</Code>", true),
            (400, r#"{"__type":"ValidationException"}"#, false),
            (200, "Throttling", false),
            (503, "", false),
        ] {
            let mut answer = answer(status, body);
            assert_eq!(is_throttle(&mut answer).await, expected, "{status} {body}");
            assert_eq!(answer.body().bytes(), Some(body.as_bytes()));
        }
    }
}
