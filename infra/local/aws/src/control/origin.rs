//! Which requests may control the server: only those that do not come from a web page of another
//! site.
//!
//! Any web page can make a browser send requests to a loopback port: across sites, or by a DNS name
//! that resolves to the loopback (DNS rebinding). The headers show both.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

/// Why a request may not control the server.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Foreign {
    #[error(
        "the `Host` of the request is no address of this server: use localhost, or the IP address that it listens on"
    )]
    Host,
    #[error("the request comes from another site")]
    Origin,
}

pmp_protocol::codes!(Foreign {
    Host => "E3008",
    Origin => "E3009",
});

pmp_protocol::without_hint!(Foreign);

/// Checks `Host`, `Origin` and `Sec-Fetch-Site`, by which browsers name the site that a request
/// comes from.
pub(crate) fn check_origin(headers: &HeaderMap) -> Result<(), Foreign> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST.as_str()).unwrap_or_default();
    if !is_address(host) {
        return Err(Foreign::Host);
    }
    let own = |origin: &str| origin.strip_prefix("http://").is_some_and(|authority| authority == host);
    if text(header::ORIGIN.as_str()).is_some_and(|origin| !own(origin)) {
        return Err(Foreign::Origin);
    }
    match text("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(Foreign::Origin),
    }
}

/// Checks where a request for a service comes from. AWS's clients send `Host` only; browsers send
/// more headers, so these come from the server's own page or from a foreign one. The host name may
/// also be one of AWS's own, which a proxy has kept, or a name without a dot or below `internal`,
/// as containers have them. An attacker cannot make such names resolve to this server.
pub(crate) fn check_caller(headers: &HeaderMap) -> Result<(), Foreign> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().map(|value| value.to_str().unwrap_or("?"));
    if hosts.next().is_some() || host.is_some_and(|host| !is_address(host) && !is_name_of_ours(host)) {
        return Err(Foreign::Host);
    }
    let own = |origin: &str| origin.strip_prefix("http://").is_some_and(|authority| Some(authority) == host);
    if text(header::ORIGIN.as_str()).is_some_and(|origin| !own(origin)) {
        return Err(Foreign::Origin);
    }
    match text("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(Foreign::Origin),
    }
}

fn is_name_of_ours(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().to_ascii_lowercase();
    let below = |domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    !host.contains('@')
        && !name.is_empty()
        && (!name.contains('.')
            || ["localhost", "internal", "amazonaws.com", "amazonaws.com.cn", "api.aws"].into_iter().any(below))
}

/// Whether the name is an address or `localhost`: an attacker cannot control what these resolve to.
fn is_address(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    !host.contains('@') && (name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)]) -> Result<(), Foreign> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        check_origin(&map)
    }

    #[test]
    fn only_the_servers_own_addresses_and_pages_may_steer() {
        for host in ["127.0.0.1:4566", "localhost:4566", "LOCALHOST", "[::1]:4566", "192.168.0.7:80"] {
            assert_eq!(check(&[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example:4566", "localhost.evil.example", "user@127.0.0.1", "", "127.0.0.1.evil.example"] {
            assert_eq!(check(&[("host", host)]), Err(Foreign::Host), "{host}");
        }
        assert_eq!(check(&[]), Err(Foreign::Host));
        let host = ("host", "localhost:4566");
        assert_eq!(check(&[host, ("origin", "http://localhost:4566"), ("sec-fetch-site", "same-origin")]), Ok(()));
        for origin in ["http://evil.example", "null", "http://localhost:80", "https://localhost:4566"] {
            assert_eq!(check(&[host, ("origin", origin)]), Err(Foreign::Origin), "{origin}");
        }
        assert_eq!(check(&[host, ("sec-fetch-site", "cross-site")]), Err(Foreign::Origin));
    }

    #[test]
    fn services_answer_whom_a_browser_has_not_sent_here() {
        let check = |headers: &[(&'static str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().unwrap());
            }
            check_caller(&map)
        };
        for host in [
            "127.0.0.1:4566",
            "localhost",
            "[::1]:80",
            "111111111111.ddb.localhost:4566",
            "pmp-local:4566",
            "host.docker.internal:1",
        ] {
            assert_eq!(check(&[("host", host)]), Ok(()), "{host}");
        }
        for host in ["sqs.us-east-1.amazonaws.com", "catalog.marketplace.us-east-1.api.aws:443"] {
            assert_eq!(check(&[("host", host)]), Ok(()), "{host}");
        }
        assert_eq!(check(&[]), Ok(()));
        for host in ["evil.example:4566", "amazonaws.com.evil.example", "notamazonaws.com", "user@localhost", "a.b"] {
            assert_eq!(check(&[("host", host)]), Err(Foreign::Host), "{host}");
        }
        let host = ("host", "127.0.0.1:4566");
        assert_eq!(check(&[host, host]), Err(Foreign::Host));
        for origin in ["http://evil.example", "null", "https://127.0.0.1:4566"] {
            assert_eq!(check(&[host, ("origin", origin)]), Err(Foreign::Origin), "{origin}");
        }
        for site in ["cross-site", "same-site"] {
            assert_eq!(check(&[host, ("sec-fetch-site", site)]), Err(Foreign::Origin), "{site}");
        }
        assert_eq!(check(&[host, ("origin", "http://127.0.0.1:4566"), ("sec-fetch-site", "same-origin")]), Ok(()));
    }
}
