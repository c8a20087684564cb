//! Answers requests for the page on the loopback interface.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use pmp_protocol::Hint;
use pmp_runtime::Stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::web::board::Board;
use crate::web::guard::{self, Refusal};
use crate::web::page::SERVED_POLICY;
use crate::web::places::{PATIENCE, Place, Places};

/// After a connection that could not be taken, such as without a free file, before the next try.
const PAUSE: Duration = Duration::from_millis(200);

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The port is taken, or may not be used.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        port: u16,
        #[source]
        source: io::Error,
    },
}

pmp_protocol::codes!(ServeError {
    Listen => "E4038",
});

impl Hint for ServeError {
    fn hint(&self) -> Option<String> {
        let Self::Listen { source, .. } = self;
        match source.kind() {
            io::ErrorKind::AddrInUse => Some("another program has this port: `--port 0` takes any free one".to_owned()),
            io::ErrorKind::PermissionDenied => {
                Some("ports from 1024 on need no privilege, such as --port 8642".to_owned())
            }
            _ => None,
        }
    }
}

/// A server that listens on this machine alone.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens on `port` of 127.0.0.1; on any free one if it is 0.
    ///
    /// # Errors
    /// Where the port is taken, or may not be used.
    pub(crate) async fn listen(port: u16) -> Result<Self, ServeError> {
        let cannot = |source| ServeError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        Ok(Self { listener, address })
    }

    /// Where the page is.
    pub(crate) fn address(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers until the program is stopped. Connections end with it: nothing of them is lost.
    pub(crate) async fn serve(self, board: &Arc<Board>, stop: &Stop) {
        let port = self.address.port();
        let each = async {
            let (mut connections, mut places) = (JoinSet::new(), Places::default());
            loop {
                while connections.try_join_next().is_some() {}
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        let board = board.clone();
                        places.take(|place| connections.spawn(connection(stream, board, port, place)));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        stop.unless_stopped(each).await;
    }
}

async fn connection(stream: TcpStream, board: Arc<Board>, port: u16, place: Place) {
    let answers = place.clone();
    let service = service_fn(move |request| {
        let (board, place) = (board.clone(), answers.clone());
        async move { Ok::<_, Infallible>(place.answering(answer(&request, &board, port)).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // Safe to cancel: a connection that is dropped is closed, and nothing is written by a request.
    tokio::select! {
        biased;
        served = server.serve_connection(TokioIo::new(stream), service) => {
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended early");
            }
        }
        () = place.out_of_patience() => tracing::debug!("a connection was ended: the other side did not go on"),
    }
}

async fn answer(request: &Request<Incoming>, board: &Board, port: u16) -> Response<Full<Bytes>> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    if let Err(refusal) = guard::check(method, uri, headers, port) {
        return refused(refusal);
    }
    let reloads = uri.query() != Some("reload=no");
    let posted = board.look().await;
    let tag = format!("\"{}\"", posted.tag());
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let wants_body = !is_known && method != Method::HEAD;
    let body = if wants_body { board.page(&posted, reloads) } else { String::new() };
    let mut response = response(status, "text/html; charset=utf-8", body);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    let mut response = response(refusal.status(), "text/plain; charset=utf-8", refusal.text().to_owned());
    if refusal == Refusal::Method {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, kind),
        // What is on the page is for whoever looks now, and not for the browser's disk.
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&SERVED_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
