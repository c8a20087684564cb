//! A server in this process for the commands that steer one, and waiting for a level with a
//! deadline.

use std::time::{Duration, Instant};

use pmp_local_aws::{Options, Server};
use pmp_world::{Organization, World};

/// The hub's organization: its management account.
pub(crate) const HUB: &str = "111111111111";
/// A member organization: its management account.
pub(crate) const MEMBER: &str = "222222222222";

/// Two organizations without experiences: the commands name accounts and organizations alone.
pub(crate) fn world() -> World {
    let organizations =
        vec![Organization::new("o-hub0000000", "Hub", HUB), Organization::new("o-member0000", "Member", MEMBER)];
    World { organizations, ..World::default() }
}

/// A running server in this process.
pub(crate) struct Rig {
    pub(crate) server: Server,
}

impl Rig {
    pub(crate) async fn start(world: World) -> Self {
        Self { server: Server::start(world, Options::default()).await.unwrap() }
    }
}

/// Looks until there is something, and fails after ten seconds.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
