//! The server: starts the embedded AWS on a port and stops it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use pmp_protocol::Hint;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::authorization::Witness;
use crate::clock::OutOfRange;
use crate::cloud::{Cloud, Deployed};
use crate::connection::{self, Connection, Connections};
use crate::control;
use crate::front;
use crate::keeper::{Found, Keeper};
use crate::state::{Folder, Resumed, StateError};
use crate::web;
use crate::world::{World, WorldError};

/// How long connections may take to end when the server stops. Their requests end at once,
/// including long polls.
const GRACE: Duration = Duration::from_secs(2);

/// How often a server that stops looks whether the last request has let go of its cloud.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Where the server listens, where it keeps its state, and who receives the decisions of IAM.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on. Requests are not authenticated: keep it on the loopback, unless
    /// the network is your own.
    pub address: IpAddr,
    /// The port; 0 takes any free one.
    pub port: u16,
    /// The folder in which the state survives a restart. Without one, the state is in memory and
    /// ends with the server.
    pub state: Option<PathBuf>,
    /// Receives every decision of IAM, with the policies that it rests on.
    pub witness: Option<Arc<dyn Witness>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), port: 0, state: None, witness: None }
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The world is impossible.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The port is in use, or the system does not permit its use.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was requested.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The state could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
}

pmp_protocol::codes!(StartError {
    World(source) => source,
    Listen => "E3014",
    State(source) => source,
});

impl Hint for StartError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::World(source) => source.hint(),
            Self::State(source) => source.hint(),
            Self::Listen { .. } => None,
        }
    }
}

/// A running embedded AWS. It stops when it is dropped; [`Server::shutdown`] also waits for the end
/// and saves the state.
pub struct Server {
    cloud: Arc<Cloud>,
    resumed: Option<Resumed>,
    address: SocketAddr,
    stopping: CancellationToken,
    front: JoinHandle<()>,
    change_sets: JoinHandle<()>,
    keeper: Option<JoinHandle<Keeper>>,
}

impl Server {
    /// Starts on the caller's tokio runtime. When this returns, requests are answered.
    ///
    /// # Errors
    /// The world is not valid, the port cannot be used, or the state cannot be read or written.
    pub async fn start(world: World, options: Options) -> Result<Self, StartError> {
        Self::starting(world, options).await
    }

    /// The future is boxed, so that the server is compiled with this library, and not once more
    /// with each test binary that starts one.
    fn starting(world: World, options: Options) -> BoxFuture<'static, Result<Self, StartError>> {
        Box::pin(Self::start_here(world, options))
    }

    async fn start_here(world: World, options: Options) -> Result<Self, StartError> {
        world.validate()?;
        let asked = SocketAddr::new(options.address, options.port);
        let listen = |source| StartError::Listen { address: asked, source };
        let listener = TcpListener::bind(asked).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let folder = options.state.as_deref().map(Folder::take).transpose()?;
        let found = folder.as_ref().map(Found::load).transpose()?.flatten();
        let (world, resumed) = match &found {
            Some(found) => (found.world.clone(), Some(found.resumed(&world))),
            None => (world, None),
        };
        let (stopping, authority) = (CancellationToken::new(), address.to_string());
        let cloud = Arc::new(Cloud::new(world, &authority, options.witness, stopping.clone()).await?);
        let keeper = match folder {
            Some(folder) => {
                let keeper = Keeper::start(Arc::clone(&cloud), folder, found, &authority).await?;
                Some(tokio::spawn(keeper.run(stopping.clone())))
            }
            None => None,
        };
        let router = Router::new().nest(control::PREFIX, control::router()).fallback(front::handle);
        let router = router.with_state(Arc::clone(&cloud)).merge(web::router(Arc::clone(&cloud)));
        let router = router.layer(middleware::from_fn(connection::answering));
        let router = router.into_make_service_with_connect_info::<Connection>();
        let stopped = stopping.clone().cancelled_owned();
        let front = tokio::spawn(async move {
            if let Err(error) = axum::serve(Connections(listener), router).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the embedded AWS stopped answering");
            }
        });
        let running = Arc::clone(&cloud);
        let change_sets = tokio::spawn(async move { running.run_change_sets().await });
        Ok(Self { cloud, resumed, address, stopping, front, change_sets, keeper })
    }

    /// The world that is served: the one that was given, or the one that the restored state began
    /// with.
    #[must_use]
    pub fn world(&self) -> &World {
        self.cloud.world()
    }

    /// The state that the server continued with; `None` if it began a new one.
    #[must_use]
    pub fn resumed(&self) -> Option<Resumed> {
        self.resumed
    }

    /// The URL to give to clients as their endpoint: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a queue. It does not have to exist.
    #[must_use]
    pub fn queue_url(&self, account: &str, queue: &str) -> String {
        format!("{}/{account}/{queue}", self.endpoint())
    }

    /// What of a hub and of spokes is deployed, as `account` sees it.
    #[must_use]
    pub fn deployed(&self, account: &str) -> Deployed {
        self.cloud.deployed(account)
    }

    /// The emulator's time: real time plus what its clock has jumped.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.cloud.clock().now()
    }

    /// Sets the clock forward, or back if `by` is negative. When this returns, everything that is
    /// due by then has happened: change sets have ended, messages are visible again, sessions have
    /// expired.
    ///
    /// # Errors
    /// The clock cannot show that time. Then it does not move.
    pub async fn jump(&self, by: SignedDuration) -> Result<(), OutOfRange> {
        self.cloud.jump(by).await
    }

    /// Stops the server: answers the requests that are running, drops those that take longer than
    /// two seconds, saves the state, and removes what is not to stay.
    pub async fn shutdown(mut self) {
        self.stopping.cancel();
        if tokio::time::timeout(GRACE, &mut self.front).await.is_err() {
            self.front.abort();
        }
        // The task watches the same token. If a change set is just ending, its event is delivered
        // first: after the state is saved, the event would never be sent again.
        if tokio::time::timeout(GRACE, &mut self.change_sets).await.is_err() {
            self.change_sets.abort();
        }
        if let Some(keeper) = self.keeper.take()
            && let Ok(keeper) = keeper.await
        {
            keeper.finish().await;
        }
        // The task of a connection holds the cloud a moment longer than it serves. What is left of
        // it goes away here, and not when the process is ending.
        let alone = async {
            while Arc::get_mut(&mut self.cloud).is_none() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(GRACE, alone).await.is_err() {
            tracing::warn!("a request is still running: what it holds stays until it ends");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}
