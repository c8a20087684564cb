//! The HTTP front: one handler for every service. Says who calls, for which service, in which protocol; knows nothing of
//! what the services do.

use std::sync::Arc;

use awsim_core::auth::parse_authorization;
use awsim_core::protocol::{self, Protocol};
use awsim_core::{AwsError, RequestContext};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::cloud::{Call, Caller, Cloud, Reply};
use crate::error_names::as_written_by;

/// The largest request of any service here is DynamoDB's BatchWriteItem: 16 MB of items, and their JSON around them.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// The service that the Marketplace Catalog signs for.
const MARKETPLACE: &str = "aws-marketplace";

/// Answers one request.
pub(crate) async fn handle(State(cloud): State<Arc<Cloud>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // awsim draws the id of a request; nothing else of this context is used.
    let request_id = RequestContext::new("", "").request_id;
    let (service, protocol) = service_of(&parts.headers);
    let answer = match to_bytes(body, MAX_BODY).await {
        Ok(body) => serve(&cloud, &parts, body, &service, protocol, &request_id).await,
        Err(_) => Err(AwsError {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            ..AwsError::bad_request("RequestEntityTooLarge", format!("Requests may have {MAX_BODY} bytes"))
        }),
    };
    let mut response = answer.unwrap_or_else(|error| refuse(&service, protocol, error, &request_id));
    // Clients read from it how far their own clock is off.
    if let Ok(date) = HeaderValue::from_str(&date(cloud.clock().now())) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// A time in the form of HTTP's `Date`.
fn date(now: Timestamp) -> String {
    now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

async fn serve(
    cloud: &Cloud,
    parts: &Parts,
    body: Bytes,
    service: &str,
    protocol: Protocol,
    request_id: &str,
) -> Result<Response<Body>, AwsError> {
    let call = identify(cloud, parts, protocol, request_id)?;
    if service == MARKETPLACE {
        let reply = cloud.answer_marketplace(&parts.method, &parts.uri, &body, &call).await;
        tracing::debug!(service, path = parts.uri.path(), caller = call.caller.account(), status = reply.status);
        return Ok(write(reply, request_id));
    }
    let protocol = protocol::effective_protocol(protocol, &parts.headers, &body);
    if protocol.is_json() {
        check_json(&body)?;
    }
    let parsed = protocol::parse_request(protocol, &parts.method, &parts.uri, &parts.headers, &body, &[])?;
    let answer = cloud.answer(service, &parsed.operation, parsed.input, &call).await;
    let status = answer.as_ref().map_or_else(|error| error.status, |_| StatusCode::OK);
    tracing::debug!(service, operation = parsed.operation, caller = call.caller.account(), status = status.as_u16());
    let answer = answer?;
    if protocol.is_json() {
        return Ok(write(Reply { status: 200, error: None, body: json_body(answer) }, request_id));
    }
    let (status, headers, body) = protocol::serialize_response(protocol, &parsed.operation, &answer, request_id);
    Ok(assemble(status, headers, body.into()))
}

/// awsim takes a body that is no JSON object for an empty one.
fn check_json(body: &[u8]) -> Result<(), AwsError> {
    let is_object = body.trim_ascii_start().first().is_none_or(|first| *first == b'{');
    if body.is_empty() || is_object && serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        return Ok(());
    }
    Err(AwsError::bad_request("SerializationException", "The body of the request is not a JSON object"))
}

/// The caller, by the access key that signed. Signatures are not verified: this emulator guards nothing.
fn identify(cloud: &Cloud, parts: &Parts, protocol: Protocol, request_id: &str) -> Result<Call, AwsError> {
    let credentials = authorization(&parts.headers).ok_or_else(|| {
        let code = "MissingAuthenticationToken";
        AwsError::forbidden(error_name(protocol, code), "Request is missing Authentication Token")
    })?;
    let caller: Caller = cloud.caller(&credentials.access_key).ok_or_else(|| {
        let (code, message) = match credentials.access_key.starts_with("ASIA") {
            true => ("ExpiredToken", "The security token included in the request is expired"),
            false => ("InvalidClientTokenId", "The security token included in the request is invalid. Sign with a 12-digit account id as the access key, or with a session's key."),
        };
        AwsError::forbidden(error_name(protocol, code), message)
    })?;
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    Ok(Call { caller, region: credentials.region, request_id: request_id.to_owned(), authority: host.to_owned() })
}

fn authorization(headers: &HeaderMap) -> Option<awsim_core::auth::SigV4Credentials> {
    parse_authorization(headers.get(header::AUTHORIZATION)?.to_str().ok()?)
}

/// The service that a request was signed for, and the protocol that it speaks.
fn service_of(headers: &HeaderMap) -> (String, Protocol) {
    let service = authorization(headers).map(|credentials| credentials.service).unwrap_or_default();
    let protocol = match service.as_str() {
        "sns" | "sts" => Protocol::AwsQuery,
        "sqs" | "dynamodb" => Protocol::AwsJson1_0,
        "organizations" => Protocol::AwsJson1_1,
        _ => Protocol::RestJson1,
    };
    (service, protocol)
}

/// The common errors have other names in the JSON protocols than in the query protocol.
fn error_name(protocol: Protocol, query: &str) -> String {
    match (protocol.is_json(), query) {
        (true, "InvalidClientTokenId") => "UnrecognizedClientException".into(),
        (true, name) => format!("{name}Exception"),
        (false, name) => name.into(),
    }
}

fn refuse(service: &str, protocol: Protocol, error: AwsError, request_id: &str) -> Response<Body> {
    let (error, legacy_name) = as_written_by(service, error);
    tracing::debug!(service, code = error.code, message = error.message, "refused");
    let (status, mut headers, body) = protocol::serialize_error(protocol, &error, request_id);
    if let Some(name) = legacy_name.and_then(|name| HeaderValue::from_str(&name).ok()) {
        headers.insert(HeaderName::from_static("x-amzn-query-error"), name);
    }
    assemble(status, headers, body.into())
}

/// awsim's own writer of JSON rewrites maps with a key `member`, which may be anyone's data.
fn json_body(mut answer: Value) -> String {
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("__headers");
    }
    answer.to_string()
}

fn write(reply: Reply, request_id: &str) -> Response<Body> {
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

fn assemble(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
