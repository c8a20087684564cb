//! Which calls go through a proxy: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in either case, as
//! the AWS CLI and curl read them.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::proxy::matcher::Matcher;

use crate::ConfigError;
use crate::environment::port_is_one;
use crate::profile::Profile;

/// A proxy, and who named it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// With user and password, where there are any.
    uri: Uri,
    variable: &'static str,
}

impl Proxy {
    /// For the connector; it holds the password.
    pub(crate) fn uri(&self) -> Uri {
        self.uri.clone()
    }

    /// The variable that names it.
    pub(crate) fn variable(&self) -> &'static str {
        self.variable
    }

    fn parse(variable: &'static str, text: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| ConfigError::Variable { name: variable.to_owned(), problem: problem.to_owned() };
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        if full.starts_with("socks") {
            return Err(wrong(
                "names a SOCKS proxy, which cannot be used; name one that speaks HTTP: http://HOST:PORT",
            ));
        }
        // Without the value, which may hold a password.
        let not_one = "is not the URL of a proxy (http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT, in which whatever is \
                       neither letter nor digit is percent-encoded)";
        let uri: Uri = full.parse().map_err(|_| wrong(not_one))?;
        let speaks_http = matches!(uri.scheme(), Some(scheme) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        // A second `@` is one of the password, at which its end would be cut off.
        let cut = uri.authority().is_some_and(|authority| authority.as_str().matches('@').count() > 1);
        // With another port, or none, it would be another proxy; and of `http:/HOST:PORT` the
        // scheme would be the host.
        let port = uri.authority().is_some_and(|authority| port_is_one(authority.as_str()));
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if speaks_http && has_host && !cut && port && bare { Ok(Self { uri, variable }) } else { Err(wrong(not_one)) }
    }

    /// Its address, without user and password.
    fn address(&self) -> String {
        let scheme = self.uri.scheme_str().unwrap_or("http");
        format!("{scheme}://{}", authority(&self.uri))
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.address(), self.variable)
    }
}

// Not derived: it would show the password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// Host and port, the one that the scheme stands for included.
pub(crate) fn authority(uri: &Uri) -> String {
    format!("{}:{}", uri.host().unwrap_or_default(), port(uri))
}

fn port(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme() == Some(&Scheme::HTTP) { 80 } else { 443 })
}

/// How a request travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// To the host itself, without a proxy.
    Direct,
    /// To what gives this machine its credentials and its region: never through a proxy, which
    /// would give its own.
    Metadata,
    /// To a proxy, which passes it on.
    Through(Proxy),
}

/// The proxies of the environment.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    pub(crate) https: Option<Proxy>,
    pub(crate) http: Option<Proxy>,
    except: Exceptions,
    /// Hosts that give credentials or a region, besides the usual addresses.
    metadata: Vec<String>,
}

impl Proxies {
    /// As the environment names them. A blank variable counts as absent; of two spellings the one
    /// in lower case counts.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<String>, profile: &Profile) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, set(name)?)));
        let proxy = |names| first(names).map(|(name, text)| Proxy::parse(name, &text)).transpose();
        let named = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_SERVICE_ENDPOINT"].into_iter();
        let named = named.filter_map(set).chain(profile.get("ec2_metadata_service_endpoint").map(str::to_owned));
        let host = |text: String| Some(bare(text.trim().parse::<Uri>().ok()?.host()?).to_ascii_lowercase());
        Ok(Self {
            https: proxy(["https_proxy", "HTTPS_PROXY"])?,
            http: proxy(["http_proxy", "HTTP_PROXY"])?,
            except: first(["no_proxy", "NO_PROXY"])
                .map_or_else(Exceptions::default, |(_, text)| Exceptions::parse(&text)),
            metadata: named.filter_map(host).collect(),
        })
    }

    /// How a request to `uri` travels.
    pub(crate) fn route(&self, uri: &Uri) -> Route {
        let host = bare(uri.host().unwrap_or_default()).to_ascii_lowercase();
        if gives_credentials(&host) || self.metadata.contains(&host) {
            return Route::Metadata;
        }
        let proxy = if uri.scheme() == Some(&Scheme::HTTP) { &self.http } else { &self.https };
        match proxy {
            // No proxy elsewhere could reach this machine's own addresses.
            Some(proxy) if !is_this_machine(&host) && !self.except.hold(uri) => Route::Through(proxy.clone()),
            _ => Route::Direct,
        }
    }

    /// The proxies in words, for a person.
    pub(crate) fn told(&self) -> Vec<String> {
        self.https.iter().chain(&self.http).map(ToString::to_string).collect()
    }

    /// What `NO_PROXY` holds, where that matters.
    pub(crate) fn except(&self) -> Option<String> {
        let matters = (self.https.is_some() || self.http.is_some()) && !self.except.text.is_empty();
        matters.then(|| self.except.text.clone())
    }
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The addresses of instance metadata and of the credentials of containers: link-local, or Amazon's
/// own part of the local IPv6 range.
fn gives_credentials(host: &str) -> bool {
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.segments()[..2] == [0xfd00, 0x0ec2] || address.is_unicast_link_local(),
        Err(_) => false,
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What goes without a proxy.
#[derive(Debug)]
struct Exceptions {
    text: String,
    /// `host`, `.suffix`, addresses, networks, `*`.
    all_ports: Matcher,
    /// `host:port`, by the port.
    one_port: Vec<(u16, Matcher)>,
}

impl Default for Exceptions {
    fn default() -> Self {
        Self::parse("")
    }
}

impl Exceptions {
    /// Separated by commas or blanks. A name holds for what is below it, too, with or without `.`
    /// or `*.` before it; an address may be a network (`10.0.0.0/8`); a port behind a name limits
    /// it to that port.
    fn parse(text: &str) -> Self {
        // The library knows hosts, suffixes, addresses and networks; `*.`, ports and schemes it
        // would take for a part of the name.
        let matcher = |entries: &[&str]| Matcher::builder().all("http://proxy").no(entries.join(",")).build();
        let (mut plain, mut with_port) = (Vec::new(), Vec::new());
        for entry in text.split([',', ' ', '\t']).map(str::trim).filter(|entry| !entry.is_empty()) {
            let entry = entry.split_once("://").map_or(entry, |(_, rest)| rest.trim_end_matches('/'));
            let entry = entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry);
            match entry.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse::<u16>() {
                    Ok(port) => with_port.push((port, matcher(&[bare(host)]))),
                    Err(_) => plain.push(bare(entry)),
                },
                _ => plain.push(bare(entry)),
            }
        }
        Self { text: text.to_owned(), all_ports: matcher(&plain), one_port: with_port }
    }

    fn hold(&self, uri: &Uri) -> bool {
        // The matcher has a proxy for everything, so what it has none for is an exception.
        let holds = |matcher: &Matcher| matcher.intercept(uri).is_none();
        holds(&self.all_ports) || self.one_port.iter().any(|(one, matcher)| *one == port(uri) && holds(matcher))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(set: &[(&str, &str)]) -> Result<Proxies, String> {
        let variable = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Proxies::read(&variable, &Profile::default()).map_err(|error| error.to_string())
    }

    fn route(set: &[(&str, &str)], uri: &str) -> String {
        match proxies(set).unwrap().route(&uri.parse().unwrap()) {
            Route::Through(proxy) => proxy.to_string(),
            other => format!("{other:?}"),
        }
    }

    const STS: &str = "https://sts.us-east-1.amazonaws.com/";

    #[test]
    fn each_scheme_has_its_variable_in_either_case() {
        let both = [("HTTPS_PROXY", "http://one:3128"), ("http_proxy", "two")];
        assert_eq!(route(&both, STS), "`http://one:3128` (HTTPS_PROXY)");
        assert_eq!(route(&both, "http://aws.test:4566/"), "`http://two:80` (http_proxy)");
        let cases = [("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "https://lower")];
        assert_eq!(route(&cases, STS), "`https://lower:443` (https_proxy)");
        assert_eq!(route(&[("https_proxy", " "), ("HTTPS_PROXY", "upper:1")], STS), "`http://upper:1` (HTTPS_PROXY)");
        assert_eq!(route(&[("ALL_PROXY", "http://all:1")], STS), "Direct");
    }

    #[test]
    fn a_password_is_used_and_never_shown() {
        let proxies = proxies(&[("HTTPS_PROXY", "http://user:not-to%40be-seen@proxy:3128/")]).unwrap();
        let Route::Through(proxy) = proxies.route(&STS.parse().unwrap()) else { panic!("{proxies:?}") };
        assert!(proxy.uri().to_string().contains("not-to%40be-seen@proxy"));
        assert_eq!(proxy.to_string(), "`http://proxy:3128` (HTTPS_PROXY)");
        assert!(!format!("{proxies:?}{:?}", proxies.told()).contains("be-seen"));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_being_shown() {
        for (value, told) in [
            ("socks5://user:secret@proxy:1080", "HTTPS_PROXY names a SOCKS proxy, which cannot be used"),
            ("ftp://secret", "HTTPS_PROXY is not the URL of a proxy (http://HOST:PORT"),
            ("http://user:sec@ret@proxy:1", "HTTPS_PROXY is not the URL of a proxy"),
            ("http://127.0.0.1:99999", "HTTPS_PROXY is not the URL of a proxy"),
            ("127.0.0.1:0", "HTTPS_PROXY is not the URL of a proxy"),
            ("http://proxy:", "HTTPS_PROXY is not the URL of a proxy"),
            ("http:/127.0.0.1", "HTTPS_PROXY is not the URL of a proxy"),
            ("http//127.0.0.1:3128", "HTTPS_PROXY is not the URL of a proxy"),
            ("http:127.0.0.1:3128", "HTTPS_PROXY is not the URL of a proxy"),
            ("http://proxy:31 28", "HTTPS_PROXY is not the URL of a proxy"),
            ("http://:3128", "HTTPS_PROXY is not the URL of a proxy"),
            ("http://user:sec ret@proxy", "HTTPS_PROXY is not the URL of a proxy"),
        ] {
            let problem = proxies(&[("HTTPS_PROXY", value)]).unwrap_err();
            assert!(problem.starts_with(told) && !problem.contains("sec"), "{problem}");
        }
    }

    #[test]
    fn the_forms_of_no_proxy_that_people_use() {
        let goes = |except: &str, uri: &str| {
            route(&[("HTTPS_PROXY", "http://proxy:1"), ("NO_PROXY", except)], uri) == "Direct"
        };
        for except in [
            "sts.us-east-1.amazonaws.com",
            "STS.us-east-1.amazonaws.com",
            "amazonaws.com",
            ".amazonaws.com",
            "*.amazonaws.com",
            "a.test, .amazonaws.com",
            "a.test .amazonaws.com",
            "*",
            ".amazonaws.com:443",
            "https://sts.us-east-1.amazonaws.com/",
        ] {
            assert!(goes(except, STS), "{except}");
        }
        for except in ["", "ts.us-east-1.amazonaws.com", "s3.amazonaws.com", ".amazonaws.com:8443", "10.0.0.0/8"] {
            assert!(!goes(except, STS), "{except}");
        }
        for (except, uri) in [
            ("10.0.0.0/8", "https://10.1.2.3/"),
            ("10.1.2.3", "https://10.1.2.3:8443/"),
            ("10.1.2.3:8443", "https://10.1.2.3:8443/"),
            ("fd12::/16", "https://[fd12::1]/"),
            ("[fd12::1]:8443", "https://[fd12::1]:8443/"),
            ("fd12::1", "https://[fd12::1]/"),
        ] {
            assert!(goes(except, uri), "{except} {uri}");
        }
        assert!(!goes("[fd12::1]:8443", "https://[fd12::1]/"));
    }

    #[test]
    fn what_gives_credentials_and_this_machine_itself_never_go_through_a_proxy() {
        let all = [
            ("HTTP_PROXY", "http://proxy:1"),
            ("HTTPS_PROXY", "http://proxy:1"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://credentials.test:8080/token"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://metadata.test"),
        ];
        for metadata in [
            "http://169.254.169.254/latest/meta-data/",
            "http://169.254.170.2/v2/credentials/1",
            "http://[fd00:ec2::254]/",
            "http://[fd00:ec2::23]/v1/credentials",
            "http://credentials.test:8080/token",
            "http://METADATA.test/latest/",
        ] {
            assert_eq!(route(&all, metadata), "Metadata", "{metadata}");
        }
        for own in ["http://127.0.0.1:4566/", "https://localhost/", "http://[::1]:80/", "http://aws.localhost:4566/"] {
            assert_eq!(route(&all, own), "Direct", "{own}");
        }
        assert_eq!(route(&all, "http://vpce.test/"), "`http://proxy:1` (HTTP_PROXY)");
    }
}
