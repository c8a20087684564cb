//! What is wrong on the way to AWS, in a sentence that names who barred it, with what can be done.

use std::error::Error;
use std::io;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::retry::ErrorKind;
use http::Uri;
use rustls::CertificateError;

use super::proxy::{Proxy, Route, authority};
use super::roots::Roots;
use crate::cause::{Cause, Trouble, chain, root_cause};

const CHECK: &str = "check the network, the region and AWS_ENDPOINT_URL; then run the command again";
const PERHAPS_A_PROXY: &str = "check the network, the region and AWS_ENDPOINT_URL; then run the command again. Where a proxy is the only way out: HTTPS_PROXY";
pub(crate) const LOOK_IN_BETWEEN: &str = "look for what is in between: a proxy (HTTPS_PROXY), a page to sign in to the network, a firewall, or a wrong AWS_ENDPOINT_URL";

/// The same error with a cause for people. Whether it may pass, and so whether the call is made
/// again, stays as it is; what never reached AWS, and will not, is not tried again.
pub(super) fn barred(error: ConnectorError, uri: &Uri, route: &Route, roots: &Roots) -> ConnectorError {
    // What gives credentials has its own reasons not to be there, which the SDK knows.
    if *route == Route::Metadata {
        return error;
    }
    let connection = error.connection_metadata().cloned();
    let (cause, for_good) = cause(&error, uri, route, roots);
    let trouble = Trouble::boxed(cause);
    let told = match (for_good, error.as_other()) {
        (true, _) => ConnectorError::other(trouble, None).never_connected(),
        (false, _) if error.is_timeout() => ConnectorError::timeout(trouble),
        (false, _) if error.is_io() => ConnectorError::io(trouble),
        (false, _) if error.is_user() => ConnectorError::user(trouble),
        (false, kind) => ConnectorError::other(trouble, kind),
    };
    match connection {
        Some(connection) => told.with_connection(connection),
        None => told,
    }
}

/// The cause, and whether another try would fare no better.
fn cause(error: &ConnectorError, uri: &Uri, route: &Route, roots: &Roots) -> (Cause, bool) {
    let host = uri.host().unwrap_or_default();
    if let Some(tls) = chain(error).find_map(|error| error.downcast_ref::<rustls::Error>()) {
        return (untrusted(tls, uri, route, roots), true);
    }
    if let Route::Through(proxy) = route {
        return of_proxy(error, proxy, uri);
    }
    let place = authority(uri);
    let cause = match Barrier::of(error) {
        Barrier::Name => Cause::with_fix(format!("the name `{host}` is not known here"), PERHAPS_A_PROXY),
        Barrier::Refused => Cause::with_fix(format!("`{place}` refused the connection"), CHECK),
        Barrier::NoConnection(text) => Cause::with_fix(format!("no connection to `{place}`: {text}"), PERHAPS_A_PROXY),
        Barrier::Other => Cause::with_fix(format!("{} (`{place}`)", root_cause(error)), CHECK),
    };
    (cause, false)
}

fn of_proxy(error: &ConnectorError, proxy: &Proxy, uri: &Uri) -> (Cause, bool) {
    let (variable, place) = (proxy.variable(), authority(uri));
    let says = |text: &str| chain(error).any(|error| error.to_string() == text);
    // The library keeps its type to itself, and says no more than this.
    if says("tunnel error: proxy authorization required") {
        return (wants_a_password(proxy), true);
    }
    if says("tunnel error: unsuccessful") {
        let fix = format!("let who runs the proxy allow it, or put `{}` into NO_PROXY", uri.host().unwrap_or_default());
        return (Cause::with_fix(format!("the proxy {proxy} refused to connect to `{place}`"), fix), true);
    }
    let fix =
        format!("check {variable}, and that the proxy can be reached from here; NO_PROXY names what goes without it");
    let text = match Barrier::of(error) {
        Barrier::Name => format!("the name of the proxy {proxy} is not known here"),
        Barrier::Refused => format!("the proxy {proxy} refused the connection"),
        Barrier::NoConnection(text) => format!("no connection through the proxy {proxy} to `{place}`: {text}"),
        Barrier::Other => format!("{} (`{place}`, through the proxy {proxy})", root_cause(error)),
    };
    (Cause::with_fix(text, fix), false)
}

fn wants_a_password(proxy: &Proxy) -> Cause {
    let text = format!(
        "the proxy {proxy} asks for a user and a password, or does not take those that it was given (HTTP 407)"
    );
    let variable = proxy.variable();
    let fix = format!(
        "set {variable} to http://USER:PASSWORD@HOST:PORT, in which whatever is neither letter nor digit is percent-encoded"
    );
    Cause::with_fix(text, fix)
}

fn untrusted(error: &rustls::Error, uri: &Uri, route: &Route, roots: &Roots) -> Cause {
    let place = authority(uri);
    let way = match route {
        Route::Through(proxy) => format!(", through the proxy {proxy}"),
        Route::Direct | Route::Metadata => String::new(),
    };
    match error {
        // A bad signature is that of another root with the name of one that is trusted: one that
        // was made anew.
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            Cause::with_fix(
                format!("the certificate of `{place}`{way} is issued by none of those who are trusted ({roots})"),
                "where something in between looks into TLS, name a file with its root: AWS_CA_BUNDLE, or `ca_bundle` of the profile; \
             in it stand all roots that are to be trusted",
            )
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Cause::with_fix(format!("the certificate of `{place}`{way} is for another name"), LOOK_IN_BETWEEN),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Cause::with_fix(
            format!("the certificate of `{place}`{way} does not hold today"),
            "check the clock of this machine, and what is in between",
        ),
        rustls::Error::InvalidMessage(_) => Cause::with_fix(
            format!("what answers at `{place}`{way} does not speak TLS"),
            "check AWS_ENDPOINT_URL and the proxy: `http://` where there is no TLS",
        ),
        other => Cause::with_fix(format!("no TLS with `{place}`{way}: {other}"), LOOK_IN_BETWEEN),
    }
}

/// Why there is no connection.
enum Barrier {
    /// The name has no address.
    Name,
    /// The other side refused it.
    Refused,
    /// It could not be made for another reason.
    NoConnection(String),
    /// There was a connection, and something else went wrong.
    Other,
}

impl Barrier {
    fn of(error: &ConnectorError) -> Self {
        let kind = |error: &(dyn Error + 'static)| error.downcast_ref::<io::Error>().map(io::Error::kind);
        let mut kinds = chain(error).filter_map(kind);
        if chain(error).any(|error| error.to_string() == "dns error") {
            return Self::Name;
        }
        if kinds.any(|kind| kind == io::ErrorKind::ConnectionRefused) {
            return Self::Refused;
        }
        let is_connect = |error: &(dyn Error + 'static)| {
            error
                .downcast_ref::<hyper_util::client::legacy::Error>()
                .is_some_and(hyper_util::client::legacy::Error::is_connect)
        };
        match chain(error).any(is_connect) {
            true => Self::NoConnection(root_cause(error)),
            false => Self::Other,
        }
    }
}

/// Whether an answer is not AWS's: a page for people, or a proxy's request for a password. AWS's
/// own load balancers send pages only with an error of theirs, which passes: those are handed on,
/// and the call is made again.
pub(super) fn in_between(answer: &HttpResponse, route: &Route) -> Option<Cause> {
    let status = answer.status().as_u16();
    match route {
        Route::Through(proxy) if status == 407 => Some(wants_a_password(proxy)),
        _ if status >= 500 || !(is_page(answer) || status == 407) => None,
        Route::Through(proxy) => Some(answered(answer, &format!(", through the proxy {proxy}"))),
        Route::Direct | Route::Metadata => Some(answered(answer, "")),
    }
}

/// The same for an answer that the SDK took for a refusal without a name.
pub(crate) fn answered_in_between(answer: &HttpResponse) -> Option<Cause> {
    let status = answer.status().as_u16();
    let of_aws = answer.headers().iter().any(|(name, _)| name.starts_with("x-amz"));
    (!of_aws && (is_page(answer) || matches!(status, 300..=399 | 407 | 511))).then(|| answered(answer, ""))
}

/// Reads an answer that is called a page, and says whether it is one.
pub(super) async fn whether_a_page(mut answer: HttpResponse) -> Result<(HttpResponse, bool), ConnectorError> {
    let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
    let body = ByteStream::new(body).collect().await;
    let body = body.map_err(|error| ConnectorError::other(error.into(), Some(ErrorKind::TransientError)))?.into_bytes();
    let is_one = begins_as_a_page(&body);
    *answer.body_mut() = SdkBody::from(body);
    Ok((answer, is_one))
}

fn begins_as_a_page(body: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 7] = [b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<meta", b"<!--"];
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    BEGINNINGS.iter().any(|begins| body.get(..begins.len()).is_some_and(|it| it.eq_ignore_ascii_case(begins)))
}

fn is_page(answer: &HttpResponse) -> bool {
    let kind = answer.headers().get("content-type").unwrap_or_default().trim_start().to_ascii_lowercase();
    kind.starts_with("text/html") || kind.starts_with("application/xhtml")
}

fn answered(answer: &HttpResponse, way: &str) -> Cause {
    let kind = answer.headers().get("content-type").and_then(|kind| kind.split(';').next()).unwrap_or("no type");
    let text = format!(
        "something in between answered in AWS's place (HTTP {}, {}{way})",
        answer.status().as_u16(),
        kind.trim()
    );
    Cause::with_fix(text, LOOK_IN_BETWEEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, kind: &'static str) -> HttpResponse {
        let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from("<html>"));
        answer.headers_mut().insert("content-type", kind);
        answer
    }

    #[test]
    fn a_page_for_people_is_not_an_answer_of_awss() {
        let told =
            |status, kind| in_between(&answer(status, kind), &Route::Direct).map(|cause| cause.text().to_owned());
        let page = |status| Some(format!("something in between answered in AWS's place (HTTP {status}, text/html)"));
        for status in [200, 302, 403, 404] {
            assert_eq!(
                told(status, "Text/HTML; charset=utf-8").map(|text| text.to_lowercase()),
                page(status).map(|t| t.to_lowercase())
            );
        }
        assert!(told(407, "text/plain").is_some());
        for (status, kind) in
            [(200, "text/xml"), (400, "application/x-amz-json-1.0"), (503, "text/html"), (403, "application/xml")]
        {
            assert_eq!(told(status, kind), None, "{status} {kind}");
        }
    }

    #[tokio::test]
    async fn what_is_only_called_a_page_is_handed_on_whole() {
        for (body, expected) in [
            ("<!DOCTYPE html><title>Sign in</title>", true),
            ("\u{feff}  <HTML>", true),
            ("<!-- a portal -->", true),
            (r#"{"Organization":{}}"#, false),
            ("<PublishResponse xmlns=\"x\"/>", false),
            ("<?xml version=\"1.0\"?><ListQueuesResponse/>", false),
            ("", false),
        ] {
            let mut answer = answer(200, "text/html");
            *answer.body_mut() = SdkBody::from(body);
            let (answer, is_one) = whether_a_page(answer).await.unwrap();
            assert_eq!(is_one, expected, "{body}");
            assert_eq!(answer.body().bytes(), Some(body.as_bytes()));
        }
    }

    #[test]
    fn a_refusal_without_a_name_is_awss_own_where_aws_signed_it() {
        let told = |status, kind| answered_in_between(&answer(status, kind)).is_some();
        assert!(told(503, "text/html") && told(302, "text/plain") && told(511, "text/plain"));
        assert!(!told(404, "application/json") && !told(503, "text/plain"));
        let mut of_aws = answer(503, "text/html");
        of_aws.headers_mut().insert("x-amzn-requestid", "1");
        assert_eq!(answered_in_between(&of_aws), None);
    }
}
