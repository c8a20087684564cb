//! The HTTP front: one handler for all services. It finds the caller, the service and the protocol
//! of a request, and applies the faults that are in force. It knows nothing about what the services
//! do. Every request gets an answer in its service's own form, even if a service panics, and the
//! next request is served.

mod answer;
mod body;
mod credentials;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use awsim_core::protocol::{self, Protocol};
use awsim_core::{AwsError, RequestContext};
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use futures::FutureExt;
use jiff::Timestamp;

use crate::cloud::{Call, Cloud, Reply};
use crate::connection::Connection;
use crate::control::check_caller;
use crate::discovery;
use crate::faults::{CallFacts, FaultEffect, Refusal, Served, panic_refusal};
use answer::{assemble, json_body, refuse, write};
use credentials::{Signed, error_name, signed};

/// The signing name of the Marketplace Catalog.
const MARKETPLACE: &str = "aws-marketplace";
const DYNAMODB: &str = "dynamodb";

/// Why a request gets no regular answer.
enum Stop {
    /// The request is answered with this error.
    Refused(AwsError),
    /// A fault drops the request's connection.
    Dropped,
}

impl From<AwsError> for Stop {
    fn from(error: AwsError) -> Self {
        Self::Refused(error)
    }
}

/// Answers one request to any service.
pub(crate) async fn handle(State(cloud): State<Arc<Cloud>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let begun = Instant::now();
    // awsim generates the request id; the rest of this context is not used.
    let request_id = RequestContext::new("", "").request_id;
    let signed = signed(&parts);
    let mut served = Served { at: cloud.clock().now(), service: signed.service.clone(), ..Served::default() };
    let answer = guard(&signed.service, async {
        // A web page elsewhere can make a browser send a request with a signature in its query, and
        // signatures are not verified here.
        check_caller(&parts.headers)
            .map_err(|foreign| AwsError::forbidden(error_name(signed.protocol, "AccessDenied"), foreign.to_string()))?;
        let body = body::read(body, &parts.headers).await.map_err(|error| error.for_protocol(signed.protocol))?;
        serve(&cloud, &parts, body, &signed, &request_id, &mut served).await
    })
    .await;
    let mut response = match answer {
        Ok(response) => response,
        Err(Stop::Refused(error)) => refuse(&signed.service, signed.protocol, error, &request_id),
        Err(Stop::Dropped) => drop_connection(&parts),
    };
    // Clients compare this date with their own clock.
    if let Ok(date) = HeaderValue::from_str(&date(cloud.clock().now())) {
        response.headers_mut().insert(header::DATE, date);
    }
    served.status = Some(response.status().as_u16()).filter(|_| response.extensions().get::<Gone>().is_none());
    served.ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Served { service, operation, account, status, .. } = &served;
    tracing::debug!(service, operation, account, status);
    cloud.requests().add(served);
    response
}

/// Marks an answer that the client will not receive.
#[derive(Clone)]
struct Gone;

fn drop_connection(parts: &Parts) -> Response<Body> {
    if let Some(ConnectInfo(connection)) = parts.extensions.get::<ConnectInfo<Connection>>() {
        connection.cut();
    }
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Gone);
    response
}

/// Turns a panic into the service's own internal error, so that other requests are not affected.
async fn guard<T>(service: &str, serving: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    // A panic may leave the state half changed. That is acceptable in an emulator: the next request
    // takes over the locks.
    AssertUnwindSafe(serving).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let panic = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
        tracing::error!(service, panic, "the emulator broke down on a request, which is a bug of it; it goes on");
        Err(Stop::Refused(error_of(panic_refusal(service))))
    })
}

/// A time in the form of HTTP's `Date`.
fn date(now: Timestamp) -> String {
    now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

async fn serve(
    cloud: &Cloud,
    parts: &Parts,
    body: Bytes,
    signed: &Signed,
    request_id: &str,
    served: &mut Served,
) -> Result<Response<Body>, Stop> {
    let mut call = identify(cloud, parts, signed, request_id)?;
    call.caller.account().clone_into(&mut served.account);
    if signed.service == MARKETPLACE {
        let path = parts.uri.path();
        let operation = discovery::Operation::at(path).map_or(path.trim_matches('/'), |operation| operation.name());
        operation.clone_into(&mut served.operation);
        let loses_answer = befall(cloud, &mut call, served).await?;
        // Even if the answer will be lost, the call has its effect.
        let reply = cloud.answer_marketplace(&parts.method, &parts.uri, &body, &call).await;
        return if loses_answer { Err(Stop::Dropped) } else { Ok(write(reply, request_id)) };
    }
    let (protocol, body) = check_form(parts, signed, body)?;
    if signed.service == DYNAMODB && protocol.is_json() {
        operation_of(parts).clone_into(&mut served.operation);
        let loses_answer = befall(cloud, &mut call, served).await?;
        let answer = cloud.answer_dynamodb(&served.operation, &body, &call).await;
        if loses_answer {
            return Err(Stop::Dropped);
        }
        let body = serde_json::to_vec(&answer?).map_err(|error| AwsError::internal(error.to_string()))?;
        return Ok(write(Reply { status: 200, error: None, body: body.into() }, request_id));
    }
    let parsed = protocol::parse_request(protocol, &parts.method, &parts.uri, &parts.headers, &body, &[])?;
    parsed.operation.clone_into(&mut served.operation);
    let loses_answer = befall(cloud, &mut call, served).await?;
    let answer = cloud.answer(&signed.service, &parsed.operation, parsed.input, &call).await;
    if loses_answer {
        return Err(Stop::Dropped);
    }
    let answer = answer?;
    if protocol.is_json() {
        return Ok(write(Reply { status: 200, error: None, body: json_body(answer).into() }, request_id));
    }
    let (status, headers, body) = protocol::serialize_response(protocol, &parsed.operation, &answer, request_id);
    Ok(assemble(status, headers, body.into()))
}

/// Applies the faults that are in force to a call, before it is handled. Returns whether the answer
/// is to be lost.
async fn befall(cloud: &Cloud, call: &mut Call, served: &mut Served) -> Result<bool, Stop> {
    let arn = call.caller.arn();
    let facts = CallFacts {
        service: &served.service,
        operation: &served.operation,
        account: call.caller.account(),
        caller: &arn,
    };
    let effect = cloud.faults().on_call(&facts, cloud.clock().now());
    if !effect.latency.is_zero() {
        tokio::time::sleep(effect.latency).await;
    }
    if !effect.jump.is_zero()
        && let Err(error) = cloud.jump(effect.jump).await
    {
        tracing::warn!(%error, "a fault's clock jump was left out");
    }
    served.faults = effect.fired;
    call.server_fault = effect.server_fault;
    call.stale = effect.stale;
    match effect.outcome {
        FaultEffect::Answer => Ok(false),
        FaultEffect::LoseAnswer => Ok(true),
        FaultEffect::LoseRequest => Err(Stop::Dropped),
        FaultEffect::Refuse(refusal) => Err(Stop::Refused(error_of(refusal))),
    }
}

fn error_of(Refusal { status, code, message }: Refusal) -> AwsError {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let error = if status.is_server_error() {
        AwsError::server_error(code, message)
    } else {
        AwsError::bad_request(code, message)
    };
    AwsError { status, ..error }
}

/// The checks that services make before they look up the operation. If a query request came as a
/// URL, its query is the body.
fn check_form(parts: &Parts, signed: &Signed, body: Bytes) -> Result<(Protocol, Bytes), AwsError> {
    if !credentials::is_known(&signed.service) {
        let known = "There are sns, sqs, dynamodb, sts, organizations, kms and aws-marketplace";
        return Err(AwsError::bad_request(
            "UnknownService",
            format!("There is no service `{}` here. {known}", signed.service),
        ));
    }
    let protocol = protocol::effective_protocol(signed.protocol, &parts.headers, &body);
    if signed.service == DYNAMODB && !protocol.is_json() {
        let message = "pmp-local's DynamoDB takes JSON alone";
        return Err(AwsError::bad_request("SerializationException", message));
    }
    if protocol == Protocol::AwsQuery {
        let asked = if parts.method == Method::GET {
            parts.uri.query().unwrap_or_default().as_bytes().to_vec().into()
        } else {
            body
        };
        return check_action(&asked).map(|()| (protocol, asked));
    }
    if parts.method != Method::POST || protocol.is_json() && !parts.headers.contains_key("x-amz-target") {
        let unknown = AwsError::bad_request(
            "UnknownOperationException",
            "The request names no operation: it must be a POST with the header X-Amz-Target",
        );
        return Err(AwsError { status: StatusCode::NOT_FOUND, ..unknown });
    }
    // DynamoDB reads its JSON itself.
    if protocol.is_json() && signed.service != DYNAMODB {
        answer::check_json(&body)?;
    }
    Ok((protocol, body))
}

/// The operation that a JSON service is asked for.
fn operation_of(parts: &Parts) -> &str {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

fn check_action(form: &[u8]) -> Result<(), AwsError> {
    let action = form.split(|byte| *byte == b'&').find_map(|pair| pair.strip_prefix(b"Action="));
    if action.is_some_and(|action| !action.is_empty()) && std::str::from_utf8(form).is_ok() {
        return Ok(());
    }
    Err(AwsError::bad_request("MissingAction", "The request is missing an action or a required parameter."))
}

/// The caller, by the access key of the signature. The signature itself is not verified: this
/// emulator protects nothing.
fn identify(cloud: &Cloud, parts: &Parts, signed: &Signed, request_id: &str) -> Result<Call, AwsError> {
    let name = |code: &str| error_name(signed.protocol, code);
    let credentials = signed.credentials(cloud.clock().now())?;
    let caller = cloud.caller(&credentials.access_key).ok_or_else(|| {
        let (code, message) = match credentials.access_key.starts_with("ASIA") {
            true => ("ExpiredToken", "The security token included in the request is expired"),
            false => ("InvalidClientTokenId", "The security token included in the request is invalid. Sign with a 12-digit account id as the access key, or with a session's key."),
        };
        AwsError::forbidden(name(code), message)
    })?;
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    Ok(Call {
        caller,
        region: credentials.region.clone(),
        request_id: request_id.to_owned(),
        authority: host.to_owned(),
        server_fault: false,
        stale: Duration::ZERO,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error_of_the_service() {
        for (service, code) in [("aws-marketplace", "InternalServiceException"), ("dynamodb", "InternalServerError")] {
            let broken = async { if service.is_empty() { Ok(()) } else { panic!("broken") } };
            let Err(Stop::Refused(error)) = guard(service, broken).await else { panic!("no error") };
            assert_eq!((error.status, error.code.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, code));
        }
    }
}
