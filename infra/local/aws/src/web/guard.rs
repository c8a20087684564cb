//! Which requests to the page are answered. It is pure: headers in, a refusal out.

use axum::http::{HeaderMap, Method, Uri, header};

use crate::control::{Foreign, check_origin};

/// Whether a request is signed, by a header or in its query. Then it is for a service.
pub(super) fn is_signed(headers: &HeaderMap, uri: &Uri) -> bool {
    let in_query = |query: &str| query.contains("X-Amz-Signature=") || query.contains("X-Amz-Credential=");
    headers.contains_key(header::AUTHORIZATION) || uri.query().is_some_and(in_query)
}

/// Refuses requests that another web page may have caused: requests to a host name that is not this
/// machine's own, and requests from another origin that would change something. Links from other
/// pages are permitted.
pub(super) fn check(method: &Method, headers: &HeaderMap) -> Result<(), Foreign> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return check_origin(headers);
    }
    check_origin(&headers.get(header::HOST).map(|host| (header::HOST, host.clone())).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_link_may_lead_here_from_anywhere_and_a_form_may_not() {
        let foreign = headers(&[("host", "127.0.0.1:4566"), ("sec-fetch-site", "cross-site")]);
        assert_eq!(check(&Method::GET, &foreign), Ok(()));
        assert_eq!(check(&Method::POST, &foreign), Err(Foreign::Origin));
        let rebound = headers(&[("host", "evil.example:4566")]);
        assert_eq!(check(&Method::GET, &rebound), Err(Foreign::Host));
        let own =
            headers(&[("host", "localhost:80"), ("origin", "http://localhost:80"), ("sec-fetch-site", "same-origin")]);
        assert_eq!(check(&Method::POST, &own), Ok(()));
    }

    #[test]
    fn signed_requests_are_for_the_services() {
        let none = HeaderMap::new();
        assert!(is_signed(&headers(&[("authorization", "AWS4-HMAC-SHA256")]), &Uri::from_static("/")));
        assert!(is_signed(&none, &Uri::from_static("/?Action=Publish&X-Amz-Signature=1")));
        assert!(!is_signed(&none, &Uri::from_static("/?q=x")));
    }
}
