//! Which requests are answered. Pure: a request's head in, a refusal out.
//!
//! Whoever can open a connection on this machine may look: the page needs no password. So a page of
//! somebody else in a visitor's browser must not reach it. A name that somebody else's DNS points
//! here is refused by `Host`. A request that another page causes is refused by `Origin` and the
//! `Sec-Fetch` headers, which browsers send and pages cannot forge. A link from anywhere may lead
//! here.

use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::{Method, StatusCode, Uri};

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It would change something, or is none that the page needs.
    Method,
    /// It is meant for another host.
    Host,
    /// Another page causes it.
    Origin,
    /// There is nothing at that address.
    Nothing,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::Nothing => StatusCode::NOT_FOUND,
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Method => "only GET and HEAD are answered\n",
            Self::Host => "this is a page of pmp-hub for this machine alone, by its loopback address or localhost\n",
            Self::Origin => "another page may not ask for this one\n",
            Self::Nothing => "there is one page here, at /\n",
        }
    }
}

/// Checks a request to the server that listens on `port`.
pub(super) fn check(method: &Method, uri: &Uri, headers: &HeaderMap, port: u16) -> Result<(), Refusal> {
    let own = |host: &str| [format!("127.0.0.1:{port}"), format!("localhost:{port}")].iter().any(|own| own == host);
    // Exactly one: of two, a proxy and this server could read one each.
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    if hosts.next().is_some() || !host.is_some_and(own) || uri.authority().is_some_and(|it| !own(it.as_str())) {
        return Err(Refusal::Host);
    }
    let is_own = |origin: &str| origin.strip_prefix("http://").is_some_and(own);
    if headers.get_all(ORIGIN).iter().any(|origin| !origin.to_str().is_ok_and(is_own)) {
        return Err(Refusal::Origin);
    }
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let of_another = said("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    // A link, and not a frame, a script or a picture of another page.
    let is_link = said("sec-fetch-mode") == Some("navigate") && said("sec-fetch-dest") == Some("document");
    if of_another && !is_link {
        return Err(Refusal::Origin);
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Refusal::Method);
    }
    if uri.path() == "/" { Ok(()) } else { Err(Refusal::Nothing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: u16 = 8642;

    fn checked(method: Method, address: &str, headers: &[(&'static str, &str)]) -> Result<(), Refusal> {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: hyper::header::HeaderName = name;
            map.append(name, value);
        }
        check(&method, &address.parse().unwrap(), &map, PORT)
    }

    #[test]
    fn only_a_request_for_this_machine_is_answered() {
        let get = |headers: &[(&'static str, &str)]| checked(Method::GET, "/", headers);
        assert_eq!(get(&[("host", "127.0.0.1:8642")]), Ok(()));
        assert_eq!(get(&[("host", "localhost:8642")]), Ok(()));
        for host in ["evil.example:8642", "127.0.0.1", "127.0.0.1:80", "localhost:8642.evil.example", "[::1]:8642", ""]
        {
            assert_eq!(get(&[("host", host)]), Err(Refusal::Host), "{host}");
        }
        assert_eq!(get(&[]), Err(Refusal::Host));
        assert_eq!(get(&[("host", "127.0.0.1:8642"), ("host", "evil.example")]), Err(Refusal::Host));
        let absolute = checked(Method::GET, "http://evil.example/", &[("host", "127.0.0.1:8642")]);
        assert_eq!(absolute, Err(Refusal::Host));
    }

    #[test]
    fn another_page_may_link_here_and_do_nothing_else() {
        let get =
            |more: &[(&'static str, &str)]| checked(Method::GET, "/", &[&[("host", "localhost:8642")], more].concat());
        assert_eq!(get(&[("origin", "http://localhost:8642")]), Ok(()));
        for origin in ["http://evil.example", "null", "https://localhost:8642", "http://localhost:8643"] {
            assert_eq!(get(&[("origin", origin)]), Err(Refusal::Origin), "{origin}");
        }
        let from =
            |site, mode, dest| get(&[("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]);
        assert_eq!(from("cross-site", "navigate", "document"), Ok(()));
        assert_eq!(from("none", "navigate", "document"), Ok(()));
        assert_eq!(from("same-origin", "cors", "empty"), Ok(()));
        for (site, mode, dest) in
            [("cross-site", "navigate", "iframe"), ("cross-site", "no-cors", "script"), ("same-site", "cors", "empty")]
        {
            assert_eq!(from(site, mode, dest), Err(Refusal::Origin), "{site} {mode} {dest}");
        }
    }

    #[test]
    fn there_is_one_page_and_nothing_can_be_changed() {
        let host = [("host", "localhost:8642")];
        assert_eq!(checked(Method::HEAD, "/?reload=no", &host), Ok(()));
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            assert_eq!(checked(method, "/", &host), Err(Refusal::Method));
        }
        assert_eq!(checked(Method::GET, "/../etc/passwd", &host), Err(Refusal::Nothing));
    }
}
