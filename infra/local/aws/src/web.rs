//! The page at `/`: organizations, experiences, product lists, change sets, queues and what just
//! happened, live; and a click that approves or rejects a product.
//!
//! The page is rendered here as a whole, from a copy of the state ([`crate::cloud::view`]). The
//! script only fetches the page again and replaces what differs; without the script, a reload does
//! the same. An approval is a `StartChangeSet` of the experience's owner, with all checks that a
//! signed request gets.
//!
//! Nobody signs in, so a web page elsewhere must not be able to control this page through a
//! visitor's browser. `guard` refuses requests for a host name that is not this machine's (DNS
//! rebinding), and posts from another origin, which browsers name in `Origin` and `Sec-Fetch-Site`.
//! There are no cookies, so nothing needs `SameSite`. No script or style is inline, and nothing is
//! fetched from elsewhere; the content security policy enforces that.
//!
//! - `guard`: which requests are answered. `query`: what the visitor wants to see.
//! - `table`: which products are shown. `page`, `products`, `activity`: the HTML; `fragments`: the
//!   parts that they share.
//! - `action`: a click on a button. `problem`: why it started no change set.

mod action;
mod activity;
mod fragments;
mod guard;
mod page;
mod problem;
mod products;
mod query;
mod table;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use pmp_protocol::json_without_acting;
use sha2::{Digest, Sha256};

use crate::cloud::Cloud;
use crate::control::Foreign;
use crate::front;
use query::Asked;
use table::Names;

const STYLE: &str = include_str!("web/assets/page.css");
const SCRIPT: &str = include_str!("web/assets/page.js");
const ICON: &str = include_str!("web/assets/icon.svg");

/// The content security policy: what a browser may load for the page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The state that the handlers share.
struct Web {
    cloud: Arc<Cloud>,
    names: Names,
}

/// The routes of the page. Signed requests go to the services, also at `/`.
pub(crate) fn router(cloud: Arc<Cloud>) -> Router {
    let names = Names::new(cloud.products());
    let web = Arc::new(Web { cloud, names });
    let ours = Router::new()
        .route("/_local/view", get(view))
        .route("/_local/experiences/{id}", get(experience))
        .route("/_local/experiences/{id}/products", axum::routing::post(action::submit))
        .route("/_local/page.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/_local/page.js", get(|| asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/_local/icon.svg", get(|| asset("image/svg+xml", ICON)))
        .layer(middleware::from_fn(guarded));
    Router::new().route("/", get(root).fallback(service)).merge(ours).with_state(web)
}

/// `GET /`: the page; a signed request is for a service.
async fn root(State(web): State<Arc<Web>>, request: Request) -> Response {
    if guard::is_signed(request.headers(), request.uri()) {
        return front::handle(State(Arc::clone(&web.cloud)), request).await;
    }
    if let Err(refusal) = guard::check(request.method(), request.headers()) {
        return foreign(&refusal);
    }
    let asked = Query::<Asked>::try_from_uri(request.uri()).map(|Query(asked)| asked).unwrap_or_default();
    tagged(page::render(&web, &asked, None), request.headers())
}

/// Any other method at `/` is for a service.
async fn service(State(web): State<Arc<Web>>, request: Request) -> Response {
    front::handle(State(Arc::clone(&web.cloud)), request).await
}

/// Everything as JSON, which is safe to print on a terminal.
async fn view(State(web): State<Arc<Web>>) -> Response {
    let view = match serde_json::to_string(&web.cloud.view()) {
        Ok(view) => json_without_acting(&view),
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    };
    ([(header::CONTENT_TYPE, "application/json")], view).into_response()
}

/// Redirects to the page with the products of that experience.
async fn experience(Path(id): Path<String>) -> Redirect {
    Redirect::to(&Asked { experience: Some(id), ..Asked::default() }.link())
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-cache"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        text,
    )
        .into_response()
}

async fn guarded(request: Request, next: Next) -> Response {
    match guard::check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => foreign(&refusal),
    }
}

fn foreign(refusal: &Foreign) -> Response {
    (StatusCode::FORBIDDEN, refusal.to_string()).into_response()
}

/// The page with an entity tag; without a body if the visitor already has this page.
fn tagged(html: String, headers: &HeaderMap) -> Response {
    let digest = Sha256::digest(html.as_bytes());
    let tag = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect::<String>();
    let tag = format!("\"{tag}\"");
    let same = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response =
        if same { StatusCode::NOT_MODIFIED.into_response() } else { html_response(StatusCode::OK, html) };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn html_response(status: StatusCode, html: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, html).into_response()
}
