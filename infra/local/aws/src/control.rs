//! The control endpoint below `/_local/`: health, the world, faults, the clock, poison products,
//! the latest requests and IAM's decisions, as JSON.
//!
//! Tests, rehearsals and the page use it to control the emulator. It never answers in place of a
//! service. It refuses requests from web pages of other sites.

mod origin;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get};
use jiff::{SignedDuration, Timestamp};
use pmp_protocol::json_without_acting;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::world::{FaultRule, is_product_id};
pub(crate) use origin::{Foreign, check_caller, check_origin};

/// The path below which the control endpoint answers.
pub const PREFIX: &str = "/_local";
/// Limit of a request's body in bytes. A fault rule has a few hundred.
const MAX_BODY: usize = 64 * 1024;

/// The routes, to be nested below [`PREFIX`].
pub(crate) fn router() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/health", known(get(health)))
        .route("/world", known(get(read_world)))
        .route("/deployed/{account}", known(get(read_deployed)))
        .route("/faults", known(get(list_faults).post(add_fault).delete(clear_faults)))
        .route("/faults/{id}", known(delete(remove_fault)))
        .route("/clock", known(get(read_clock).post(set_clock)))
        .route("/poison", known(get(list_poison).post(change_poison)))
        .route("/requests", known(get(list_requests).delete(clear_requests)))
        .route("/decisions", known(get(list_decisions).delete(clear_decisions)))
        .fallback(any(no_such_path))
        .layer(middleware::from_fn(guard))
}

/// Answers methods that a path does not have with an error in the usual form.
fn known(routes: MethodRouter<Arc<Cloud>>) -> MethodRouter<Arc<Cloud>> {
    routes.fallback(async |method: Method| {
        Refused(StatusCode::METHOD_NOT_ALLOWED, format!("this path has no method {method}")).into_response()
    })
}

/// An error answer: `{"error": "a sentence"}`.
struct Refused(StatusCode, String);

type Answer = Result<Response, Refused>;

impl Refused {
    fn bad(why: impl ToString) -> Self {
        Self(StatusCode::BAD_REQUEST, why.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        write(self.0, &json!({ "error": self.1 }))
    }
}

fn write(status: StatusCode, body: &Value) -> Response {
    // People read the answer in a terminal, so control characters are escaped.
    let body = json_without_acting(&format!("{body}\n"));
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

fn ok(body: &Value) -> Answer {
    Ok(write(StatusCode::OK, body))
}

async fn guard(request: Request, next: Next) -> Response {
    match check_origin(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(foreign) => Refused(StatusCode::FORBIDDEN, foreign.to_string()).into_response(),
    }
}

async fn no_such_path() -> Response {
    let paths = "there is /_local/health, /_local/world, /_local/deployed/ACCOUNT, /_local/faults, /_local/clock, /_local/poison, /_local/requests and \
                 /_local/decisions";
    Refused(StatusCode::NOT_FOUND, format!("no such path: {paths}")).into_response()
}

/// Reads the body of a request. The type refuses unknown fields.
async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Refused> {
    let (parts, body): (_, Body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // A browser sends this content type to another site only after a preflight request, which is
    // refused here.
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        let why = "the body must be sent as `Content-Type: application/json`";
        return Err(Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, why.into()));
    }
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
        Refused(StatusCode::PAYLOAD_TOO_LARGE, format!("the body cannot be read, or has more than {MAX_BODY} bytes"))
    })?;
    serde_json::from_slice(&body).map_err(|error| Refused::bad(format!("the body is not understood: {error}")))
}

async fn health(State(cloud): State<Arc<Cloud>>) -> Answer {
    let world = cloud.world();
    ok(&json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "now": cloud.clock().now(),
        "region": world.region,
        "seed": world.seed,
        "faults": cloud.faults().rules().len(),
    }))
}

async fn list_faults(State(cloud): State<Arc<Cloud>>) -> Answer {
    ok(&json!({ "faults": cloud.faults().rules() }))
}

async fn add_fault(State(cloud): State<Arc<Cloud>>, request: Request) -> Answer {
    let rule: FaultRule = read(request).await?;
    let problems: Vec<String> = rule.problems().into_iter().map(|(field, why)| format!("{field}: {why}")).collect();
    if !problems.is_empty() {
        return Err(Refused::bad(problems.join("; ")));
    }
    let now = cloud.clock().now();
    let added = json!(cloud.faults().add(rule, now));
    Ok(write(StatusCode::CREATED, &added))
}

async fn clear_faults(State(cloud): State<Arc<Cloud>>) -> Answer {
    ok(&json!({ "removed": cloud.faults().clear() }))
}

async fn remove_fault(State(cloud): State<Arc<Cloud>>, Path(id): Path<String>) -> Answer {
    let missing = || Refused(StatusCode::NOT_FOUND, format!("there is no fault `{id}`"));
    let number: u64 = id.parse().map_err(|_| missing())?;
    if cloud.faults().remove(number) { ok(&json!({ "removed": 1 })) } else { Err(missing()) }
}

/// The body of `POST /_local/clock`: exactly one of the three fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetClock {
    by: Option<SignedDuration>,
    to: Option<Timestamp>,
    reset: Option<bool>,
}

fn clock(cloud: &Cloud) -> Value {
    let offset = cloud.clock().offset();
    json!({ "now": cloud.clock().now(), "offset": format!("{offset:#}"), "offset_seconds": offset.as_secs_f64() })
}

async fn read_clock(State(cloud): State<Arc<Cloud>>) -> Answer {
    ok(&clock(&cloud))
}

async fn set_clock(State(cloud): State<Arc<Cloud>>, request: Request) -> Answer {
    let by = match read(request).await? {
        SetClock { by: Some(by), to: None, reset: None } => by,
        SetClock { by: None, to: Some(to), reset: None } => to.duration_since(cloud.clock().now()),
        SetClock { by: None, to: None, reset: Some(true) } => -cloud.clock().offset(),
        _ => {
            let one = "give one of `by` (a duration such as \"1h\" or \"-5m\"), `to` (a time such as \"2027-01-01T00:00:00Z\") and `reset` (true)";
            return Err(Refused::bad(one));
        }
    };
    cloud.jump(by).await.map_err(Refused::bad)?;
    ok(&clock(&cloud))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangePoison {
    #[serde(default)]
    add: Vec<String>,
    #[serde(default)]
    remove: Vec<String>,
}

async fn list_poison(State(cloud): State<Arc<Cloud>>) -> Answer {
    ok(&json!({ "poison_products": cloud.poison(&[], &[]) }))
}

async fn change_poison(State(cloud): State<Arc<Cloud>>, request: Request) -> Answer {
    let ChangePoison { add, remove } = read(request).await?;
    if let Some(id) = add.iter().chain(&remove).find(|id| !is_product_id(id)) {
        return Err(Refused::bad(format!("`{id}` is not a product id (1 to 50 visible ASCII characters)")));
    }
    ok(&json!({ "poison_products": cloud.poison(&add, &remove) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    service: Option<String>,
    operation: Option<String>,
    account: Option<String>,
}

/// The organizations and access keys of the world that is served, in the form of a world file.
async fn read_world(State(cloud): State<Arc<Cloud>>) -> Answer {
    let world = cloud.world();
    let organizations = world.organizations.iter().map(|organization| {
        json!({
            "id": organization.id,
            "name": organization.name,
            "management_account": organization.management_account,
            "member_accounts": organization.member_accounts,
            "delegated_administrators": organization.delegated_administrators,
        })
    });
    let organizations = organizations.collect::<Vec<_>>();
    ok(&json!({ "region": world.region, "organizations": organizations, "access_keys": world.access_keys }))
}

/// What of a hub and of spokes is deployed, as an account sees it.
async fn read_deployed(State(cloud): State<Arc<Cloud>>, Path(account): Path<String>) -> Answer {
    ok(&json!(cloud.deployed(&account)))
}

async fn list_requests(
    State(cloud): State<Arc<Cloud>>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let Query(wanted) = wanted.map_err(|error| Refused::bad(format!("the query is not understood: {error}")))?;
    let named = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
    let requests = cloud.requests();
    let found: Vec<_> = requests
        .latest()
        .filter(|request| {
            named(&wanted.service, &request.service)
                && named(&wanted.operation, &request.operation)
                && named(&wanted.account, &request.account)
        })
        .collect();
    ok(&json!({ "requests": found, "counts": requests.counts() }))
}

async fn clear_requests(State(cloud): State<Arc<Cloud>>) -> Answer {
    ok(&json!({ "removed": cloud.requests().clear() }))
}

async fn list_decisions(State(cloud): State<Arc<Cloud>>) -> Answer {
    ok(&json!(cloud.decisions()))
}

async fn clear_decisions(State(cloud): State<Arc<Cloud>>) -> Answer {
    ok(&json!({ "removed": cloud.forget_decisions() }))
}
