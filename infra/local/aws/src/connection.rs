//! Connections that can be cut: the client then receives nothing more, as when the network fails. A
//! connection also ends if a client does not send a request's head in time.
//!
//! axum closes a connection only after an answer. So each connection shares a switch with the
//! handlers of its requests. Once the switch is set, nothing more is written, and hyper gives the
//! connection up. hyper's own time limit for heads is not used, because it would also end a
//! connection that is kept open for the next request. AWS's clients keep connections for longer
//! than a head may take.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};

/// How long the head of a request may take from its first byte, and how long the first byte of a
/// connection may take. Chosen well above what a slow client needs.
const HEAD: Duration = Duration::from_secs(10);

/// The state that a connection shares with the handlers of its requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    cut: AtomicBool,
    /// How many heads were read completely.
    heads: AtomicU64,
    /// Whether the request of the last head is still unanswered.
    answering: AtomicBool,
}

impl Connection {
    /// Cuts the connection: from now on nothing is written.
    pub(crate) fn cut(&self) {
        self.0.cut.store(true, Ordering::Release);
    }

    fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::Acquire)
    }
}

/// Middleware that tells the connection when a request's head is complete, and when the request is
/// answered.
pub(crate) async fn answering(request: Request, next: Next) -> Response {
    let Some(ConnectInfo(Connection(shared))) = request.extensions().get::<ConnectInfo<Connection>>().cloned() else {
        return next.run(request).await;
    };
    shared.answering.store(true, Ordering::Release);
    shared.heads.fetch_add(1, Ordering::Release);
    let response = next.run(request).await;
    shared.answering.store(false, Ordering::Release);
    response
}

/// A listener whose connections can be cut.
pub(crate) struct Connections(pub(crate) TcpListener);

impl Listener for Connections {
    type Io = Stream;
    type Addr = Connection;

    async fn accept(&mut self) -> (Stream, Connection) {
        let (stream, _) = Listener::accept(&mut self.0).await;
        // An answer is written at once and as a whole, so Nagle's algorithm would only delay it.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let connection = Connection::default();
        let head = Some(Head { number: 0, end: Box::pin(sleep(HEAD)) });
        (Stream { stream, connection: connection.clone(), head }, connection)
    }

    fn local_addr(&self) -> io::Result<Connection> {
        // Not used: the server takes its address from the inner listener.
        let _: SocketAddr = self.0.local_addr()?;
        Ok(Connection::default())
    }
}

impl Connected<IncomingStream<'_, Connections>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        stream.remote_addr().clone()
    }
}

/// One connection, whose writes can be stopped and whose reads have a time limit.
pub(crate) struct Stream {
    stream: TcpStream,
    connection: Connection,
    /// The head that is being received; `None` between two requests.
    head: Option<Head>,
}

/// A head that is being received.
struct Head {
    /// How many heads of this connection came before it.
    number: u64,
    /// Ends when the head has taken too long.
    end: Pin<Box<Sleep>>,
}

impl Stream {
    /// Whether the head that is being received has taken too long.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        self.head_on_its_way().is_some_and(|head| head.end.as_mut().poll(cx).is_ready())
    }

    /// Notes that bytes arrived. If no request is being answered, they begin or continue a head.
    fn has_read(&mut self) {
        if self.head_on_its_way().is_none() && !self.connection.0.answering.load(Ordering::Acquire) {
            let number = self.connection.0.heads.load(Ordering::Acquire);
            self.head = Some(Head { number, end: Box::pin(sleep(HEAD)) });
        }
    }

    fn head_on_its_way(&mut self) -> Option<&mut Head> {
        let there = self.connection.0.heads.load(Ordering::Acquire);
        self.head = self.head.take().filter(|head| head.number == there);
        self.head.as_mut()
    }

    fn check(&self) -> io::Result<()> {
        if self.connection.is_cut() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match &read {
            // A read without new bytes is the end of the stream.
            Poll::Ready(Ok(())) if buffer.filled().len() > before => self.has_read(),
            Poll::Pending if self.is_late(cx) => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            _ => {}
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::any;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A server whose answers take `takes`, and a connection to it.
    async fn connected(takes: Duration) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(any(async move || {
            sleep(takes).await;
            "answer"
        }));
        let router =
            router.layer(axum::middleware::from_fn(answering)).into_make_service_with_connect_info::<Connection>();
        tokio::spawn(async move { axum::serve(Connections(listener), router).await });
        TcpStream::connect(address).await.unwrap()
    }

    async fn ask(stream: &mut TcpStream) {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"answer") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "the connection ended");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_ends_the_connection() {
        for head in ["", "G", "GET / HTTP/1.1\r\nHost: loc"] {
            let mut stream = connected(Duration::ZERO).await;
            let began = tokio::time::Instant::now();
            stream.write_all(head.as_bytes()).await.unwrap();
            let _closed_or_reset = stream.read_to_end(&mut Vec::new()).await;
            let took = began.elapsed();
            assert!((HEAD..HEAD * 2).contains(&took), "{head:?}: {took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn neither_a_slow_answer_nor_a_pause_between_requests_ends_it() {
        let mut stream = connected(HEAD * 3).await;
        for _ in 0..3 {
            ask(&mut stream).await;
            sleep(HEAD * 6).await;
        }
        // The head of a later request has the same time limit.
        let began = tokio::time::Instant::now();
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let _closed_or_reset = stream.read_to_end(&mut Vec::new()).await;
        assert!((HEAD..HEAD * 2).contains(&began.elapsed()));
    }
}
