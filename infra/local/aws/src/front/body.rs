//! Reads a request's body, with a limit on size and time.

use std::time::Duration;

use awsim_core::AwsError;
use awsim_core::protocol::Protocol;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use futures::StreamExt;
use tokio::time::timeout;

/// Limit of a body in bytes. The largest request of any service here is DynamoDB's BatchWriteItem:
/// 16 MB of items, and the JSON around them.
const MAX_BODY: usize = 32 * 1024 * 1024;
/// How long a body may take. A client that sends it slowly keeps only its own connection busy.
const MAX_TIME: Duration = Duration::from_secs(60);

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    TooLarge,
    Cut,
    Late,
}

pub(super) async fn read(body: Body, headers: &HeaderMap) -> Result<Bytes, Unreadable> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(Unreadable::TooLarge);
    }
    timeout(MAX_TIME, collect(body)).await.map_err(|_| Unreadable::Late)?
}

async fn collect(body: Body) -> Result<Bytes, Unreadable> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Unreadable::Cut)?;
        if bytes.len() + chunk.len() > MAX_BODY {
            return Err(Unreadable::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

impl Unreadable {
    pub(super) fn for_protocol(self, protocol: Protocol) -> AwsError {
        let (status, code, message) = match self {
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", format!("Requests may have {MAX_BODY} bytes"))
            }
            Self::Cut => (StatusCode::BAD_REQUEST, "IncompleteBody", "The body ends before its Content-Length".into()),
            Self::Late => {
                let text = format!("The body did not come within {} seconds", MAX_TIME.as_secs());
                (StatusCode::REQUEST_TIMEOUT, "RequestTimeout", text)
            }
        };
        AwsError { status, ..AwsError::bad_request(super::error_name(protocol, code), message) }
    }
}
