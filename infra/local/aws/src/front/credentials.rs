//! Who signed a request, and for which service: from the `Authorization` header or from the query
//! of a presigned URL. For a request with neither, the intended service is guessed, so that the
//! error answer has the right form.

use awsim_core::AwsError;
use awsim_core::auth::{SigV4Credentials, parse_authorization};
use awsim_core::protocol::Protocol;
use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// The signature of a request.
pub(super) struct Signed {
    /// The service that the request is for; empty if that is not known.
    pub(super) service: String,
    pub(super) protocol: Protocol,
    signature: Signature,
}

enum Signature {
    Present(SigV4Credentials),
    /// A presigned URL, with the time at which it expires.
    Presigned(SigV4Credentials, Option<Timestamp>),
    Garbled,
    Missing,
}

/// Reads the signature of a request.
pub(super) fn signed(parts: &Parts) -> Signed {
    let signature = match parts.headers.get(header::AUTHORIZATION) {
        Some(value) => match value.to_str().ok().and_then(parse_authorization) {
            Some(credentials) => Signature::Present(credentials),
            None => Signature::Garbled,
        },
        None => presigned(parts),
    };
    let service = match &signature {
        Signature::Present(credentials) | Signature::Presigned(credentials, _) => credentials.service.clone(),
        Signature::Garbled | Signature::Missing => meant_for(&parts.headers).to_owned(),
    };
    let protocol = match service.as_str() {
        "sns" | "sts" => Protocol::AwsQuery,
        "sqs" | "dynamodb" => Protocol::AwsJson1_0,
        "kms" | "organizations" => Protocol::AwsJson1_1,
        "aws-marketplace" => Protocol::RestJson1,
        // The service does not exist here. Its clients expect an error in the protocol of their
        // request.
        _ if is_form(&parts.headers) => Protocol::AwsQuery,
        _ => Protocol::RestJson1,
    };
    Signed { service, protocol, signature }
}

/// Whether this server has the service.
pub(super) fn is_known(service: &str) -> bool {
    matches!(service, "aws-marketplace" | "dynamodb" | "kms" | "organizations" | "sns" | "sqs" | "sts")
}

impl Signed {
    /// The credentials of the request, or the error that AWS answers without them.
    pub(super) fn credentials(&self, now: Timestamp) -> Result<&SigV4Credentials, AwsError> {
        let refuse = |status, code: &str, message: &str| {
            Err(AwsError { status, ..AwsError::bad_request(error_name(self.protocol, code), message) })
        };
        match &self.signature {
            Signature::Present(credentials) => Ok(credentials),
            Signature::Presigned(_, None) => refuse(
                StatusCode::BAD_REQUEST,
                "IncompleteSignature",
                "A presigned request needs X-Amz-Date, and X-Amz-Expires from 1 to 604800",
            ),
            Signature::Presigned(_, Some(end)) if *end <= now => {
                let message = format!("Signature expired: {end} is now earlier than {now}");
                refuse(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", &message)
            }
            Signature::Presigned(credentials, Some(_)) => Ok(credentials),
            Signature::Garbled => refuse(
                StatusCode::BAD_REQUEST,
                "IncompleteSignature",
                "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
            ),
            Signature::Missing => {
                refuse(StatusCode::FORBIDDEN, "MissingAuthenticationToken", "Request is missing Authentication Token")
            }
        }
    }
}

/// The signature of a presigned URL: `X-Amz-Credential` and the other parameters of its query.
fn presigned(parts: &Parts) -> Signature {
    let Ok(Query(parameters)) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri) else {
        return Signature::Missing;
    };
    let find = |name: &str| parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let Some(credential) = find("X-Amz-Credential") else { return Signature::Missing };
    let header = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=unread");
    let Some(credentials) = parse_authorization(&header) else { return Signature::Garbled };
    let signed_at = find("X-Amz-Date")
        .and_then(|date| DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok())
        .and_then(|date| TimeZone::UTC.to_timestamp(date).ok());
    let lasts = find("X-Amz-Expires")
        .and_then(|seconds| seconds.parse().ok())
        .filter(|seconds| (1..=604_800).contains(seconds));
    let end = signed_at.zip(lasts).and_then(|(at, seconds)| at.checked_add(SignedDuration::from_secs(seconds)).ok());
    Signature::Presigned(credentials, end)
}

/// The service that an unsigned request is for, if its target header names it.
fn meant_for(headers: &HeaderMap) -> &'static str {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    match target.split('.').next().unwrap_or_default() {
        "DynamoDB_20120810" => "dynamodb",
        "AmazonSQS" => "sqs",
        "AWSOrganizationsV20161128" => "organizations",
        "TrentService" => "kms",
        _ => "",
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("application/x-www-form-urlencoded")
}

/// The name of a common error in this protocol. The JSON protocols have other names than the query
/// protocol.
pub(super) fn error_name(protocol: Protocol, query: &str) -> String {
    match (protocol.is_json(), query) {
        (true, "InvalidClientTokenId") => "UnrecognizedClientException".into(),
        (true, "SignatureDoesNotMatch") => "InvalidSignatureException".into(),
        (true, name) => format!("{name}Exception"),
        (false, name) => name.into(),
    }
}
