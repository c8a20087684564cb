//! Where calls really went: service by service, the endpoint and the way to it. For whoever wants
//! to see it: `doctor`.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use http::Uri;

use super::proxy::{Route, authority};

/// Which hosts this process has reached so far.
static REACHED: Mutex<BTreeSet<Reached>> = Mutex::new(BTreeSet::new());

/// An endpoint that calls went to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    /// The service, by the name that requests are signed with: `sts`, `aws-marketplace`.
    pub service: String,
    /// The region that requests were signed for.
    pub region: String,
    /// `https://HOST`, with the port where it is not the usual one.
    pub endpoint: String,
    /// The proxy on the way.
    pub through: Option<String>,
}

/// The endpoints that this process has called so far.
#[must_use]
pub fn reached() -> Vec<Reached> {
    REACHED.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

/// Notes a call that is about to be made.
pub(super) fn note(request: &HttpRequest, uri: &Uri, route: &Route) {
    // Credential=KEY/DATE/REGION/SERVICE/aws4_request
    let signed =
        request.headers().get("authorization").and_then(|value| value.split_once("Credential=")).map(|(_, rest)| rest);
    let scope = signed.and_then(|rest| rest.split(',').next()).unwrap_or_default();
    let [_, _, region, service, _] = scope.split('/').collect::<Vec<_>>()[..] else { return };
    let endpoint = endpoint(uri);
    let through = match route {
        Route::Through(proxy) => Some(proxy.to_string()),
        Route::Direct | Route::Metadata => None,
    };
    let found = Reached { service: service.to_owned(), region: region.to_owned(), endpoint, through };
    REACHED.lock().unwrap_or_else(PoisonError::into_inner).insert(found);
}

fn endpoint(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("https");
    match uri.port() {
        Some(_) => format!("{scheme}://{}", authority(uri)),
        None => format!("{scheme}://{}", uri.host().unwrap_or_default()),
    }
}
