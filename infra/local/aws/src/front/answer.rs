//! Answers in the form of the services' protocols.

use awsim_core::AwsError;
use awsim_core::protocol::{self, Protocol};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::cloud::Reply;
use crate::error_names::as_written_by;

/// Refuses a body that is not a JSON object. awsim would treat it as an empty one.
pub(super) fn check_json(body: &[u8]) -> Result<(), AwsError> {
    let is_object = body.trim_ascii_start().first().is_none_or(|first| *first == b'{');
    if body.is_empty() || is_object && serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        return Ok(());
    }
    Err(AwsError::bad_request("SerializationException", "The body of the request is not a JSON object"))
}

pub(super) fn refuse(service: &str, protocol: Protocol, error: AwsError, request_id: &str) -> Response<Body> {
    let (error, legacy_name) = as_written_by(service, error);
    tracing::debug!(service, code = error.code, message = error.message, "refused");
    let (status, mut headers, body) = protocol::serialize_error(protocol, &error, request_id);
    if let Some(name) = legacy_name.and_then(|name| HeaderValue::from_str(&name).ok()) {
        headers.insert(HeaderName::from_static("x-amzn-query-error"), name);
    }
    assemble(status, headers, body.into())
}

/// Writes an answer as JSON. awsim's own writer is not used, because it rewrites maps with a key
/// `member`, and such a map may be a caller's data.
pub(super) fn json_body(mut answer: Value) -> String {
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("__headers");
    }
    answer.to_string()
}

pub(super) fn write(reply: Reply, request_id: &str) -> Response<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    if let Some(error) = reply.error {
        headers.insert(HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(error));
    }
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    assemble(status, headers, reply.body.into())
}

pub(super) fn assemble(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
