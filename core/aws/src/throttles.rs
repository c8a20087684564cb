//! Counts the answers that ask to slow down, and says which operation is throttled at the moment:
//! by every attempt of every client, those included that the SDK tries again by itself and nobody
//! else hears of.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::time::Instant;

/// How many answers of this process were throttles.
static THROTTLES: AtomicUsize = AtomicUsize::new(0);

/// How many answers have asked this process to slow down so far.
#[must_use]
pub fn throttles() -> usize {
    THROTTLES.load(Ordering::Relaxed)
}

/// An operation of AWS whose last answer asked to slow down, and that is asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttled {
    /// The service, as requests are signed for it, and the operation: `dynamodb:Query`.
    operation: String,
    /// The first of the answers that asked to slow down, since one that did not.
    pub since: Instant,
}

/// What is waited for, as the end of a sentence.
impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, which AWS throttles", self.operation)
    }
}

/// The operations that are throttled at the moment, with the first such answer.
#[derive(Debug, Default)]
struct Waiting(BTreeMap<String, Instant>);

impl Waiting {
    /// An answer to `operation` came.
    fn answered(&mut self, operation: String, throttle: bool) {
        if throttle {
            self.0.entry(operation).or_insert_with(Instant::now);
        } else {
            self.0.remove(&operation);
        }
    }

    /// The operation that is throttled for longest.
    fn longest(&self) -> Option<Throttled> {
        let (operation, since) = self.0.iter().min_by_key(|(_, since)| **since)?;
        Some(Throttled { operation: operation.clone(), since: *since })
    }
}

/// Those of this process.
static WAITING: Mutex<Waiting> = Mutex::new(Waiting(BTreeMap::new()));

/// The operation that AWS has throttled for longest, of those that it throttles at the moment.
#[must_use]
pub fn throttled() -> Option<Throttled> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner).longest()
}

/// What a request asks for, in the way in which its protocol says so: a header, a field of a form,
/// or the path.
fn operation_of(request: &HttpRequest) -> String {
    // `AWS4-HMAC-SHA256 Credential=KEY/20261201/us-east-1/dynamodb/aws4_request, …`
    let signed = request.headers().get("authorization").and_then(|signed| signed.split('/').nth(3));
    let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
    let form = request.body().bytes().and_then(|body| std::str::from_utf8(body).ok());
    let action = form.and_then(|form| form.split('&').find_map(|field| field.strip_prefix("Action=")));
    let path = request.uri().split('?').next().and_then(|path| path.rsplit('/').next());
    let path = path.filter(|last| last.starts_with(|c: char| c.is_ascii_uppercase()));
    let named = target.or(action).or(path).filter(|name| name.bytes().all(|b| b.is_ascii_alphanumeric()));
    match (signed, named) {
        (Some(service), Some(name)) => format!("{service}:{name}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "a call".to_owned(),
    }
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
        let operation = operation_of(&request);
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let mut answer = answer.await?;
            let throttle = is_throttle(&mut answer).await;
            if throttle {
                THROTTLES.fetch_add(1, Ordering::Relaxed);
            }
            WAITING.lock().unwrap_or_else(PoisonError::into_inner).answered(operation, throttle);
            Ok(answer)
        })
    }
}

/// Whether an answer asks to slow down. Some services say so by the status, some in a header, some
/// in the body of a 400.
async fn is_throttle(answer: &mut HttpResponse) -> bool {
    match answer.status().as_u16() {
        429 => true,
        // SQS says so with 403.
        400 | 403 | 503 => {
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
            (403, "<Code>RequestThrottled</Code>", true),
            (403, "<Code>AccessDenied</Code>", false),
            (200, "Throttling", false),
            (503, "", false),
        ] {
            let mut answer = answer(status, body);
            assert_eq!(is_throttle(&mut answer).await, expected, "{status} {body}");
            assert_eq!(answer.body().bytes(), Some(body.as_bytes()));
        }
    }

    #[test]
    fn the_operation_that_waits_longest_is_named_until_it_is_answered() {
        let mut waiting = Waiting::default();
        for (operation, throttle) in [("sqs:ReceiveMessage", true), ("dynamodb:Query", true), ("dynamodb:Query", true)]
        {
            waiting.answered(operation.to_owned(), throttle);
            let answered = Instant::now();
            while Instant::now() == answered {}
        }
        let longest = |waiting: &Waiting| waiting.longest().map(|it| it.to_string());
        assert_eq!(longest(&waiting).as_deref(), Some("`sqs:ReceiveMessage`, which AWS throttles"));
        waiting.answered("sqs:ReceiveMessage".to_owned(), false);
        assert_eq!(longest(&waiting).as_deref(), Some("`dynamodb:Query`, which AWS throttles"));
        waiting.answered("dynamodb:Query".to_owned(), false);
        assert_eq!(waiting.longest(), None);
    }

    #[test]
    fn a_request_is_named_in_each_of_the_protocols() {
        let signed =
            |service: &str| format!("AWS4-HMAC-SHA256 Credential=AKID/20261201/us-east-1/{service}/aws4_request, x");
        let named = |service: &str, headers: &[(&'static str, &'static str)], uri: &str, body: &'static str| {
            let mut request = HttpRequest::new(SdkBody::from(body));
            request.set_uri(uri.to_owned()).unwrap();
            request.headers_mut().insert("authorization", signed(service));
            headers.iter().for_each(|(name, value)| _ = request.headers_mut().insert(*name, *value));
            operation_of(&request)
        };
        let target = [("x-amz-target", "DynamoDB_20120810.Query")];
        assert_eq!(named("dynamodb", &target, "http://127.0.0.1:4566/", "{}"), "dynamodb:Query");
        assert_eq!(named("sns", &[], "http://127.0.0.1/", "Action=Publish&Version=2010-03-31"), "sns:Publish");
        let catalog = "https://catalog.marketplace.us-east-1.amazonaws.com/DescribeEntity?catalog=AWSMarketplace";
        assert_eq!(named("aws-marketplace", &[], catalog, ""), "aws-marketplace:DescribeEntity");
        assert_eq!(named("s3", &[], "http://127.0.0.1/bucket/filter.wasm", ""), "s3");
        assert_eq!(operation_of(&HttpRequest::new(SdkBody::empty())), "a call");
    }
}
