//! `pmp-local env`: the variables for another account, to paste or to eval.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use axum::http::Method;
use clap::Args;
use pmp_local_aws::Deployed;
use pmp_terminal::progress::note;
use pmp_terminal::{Exit, Failure, print_lines};
use pmp_world::World;

use super::control::ask;
use super::variables::{Variables, account_of, identity};
use super::world;
use crate::demo;

const EXAMPLES: &str = "Examples:
  eval \"$(pmp-local env aurora)\"                 be the management account of an organization
  pmp-local env 222222222222                     be an account
  pmp-local env member --world world.toml        with the names of a world of your own";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Env {
    /// An account, an organization by its id or name, or an access key; the first organization if
    /// left out
    #[arg(value_name = "ACCOUNT|ORG")]
    who: Option<String>,
    /// Where pmp-local serves [default: on this machine, at --port]
    #[arg(long, env = "PMP_LOCAL_ENDPOINT", value_name = "URL")]
    endpoint: Option<String>,
    /// The port of the pmp-local on this machine
    #[arg(long, env = "PMP_LOCAL_PORT", default_value_t = super::serve::PORT)]
    port: u16,
    /// The world file with the names [default: the world that the pmp-local there serves, or the
    /// built-in one if none is running]
    #[arg(long, env = "PMP_LOCAL_WORLD", value_name = "FILE")]
    world: Option<PathBuf>,
}

impl Env {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let endpoint = self.endpoint.unwrap_or_else(|| format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.port));
        let world = match &self.world {
            Some(file) => world::load(file)?,
            None => match served(&endpoint).await {
                Some(world) => world,
                None => {
                    note(&format!("no pmp-local answers at {endpoint}: these are the names of the built-in world"));
                    demo::built_in()?
                }
            },
        };
        let who = identity(&world, self.who.as_deref())?;
        let deployed = deployed(&endpoint, account_of(&world, &who.access_key)).await;
        let variables = Variables::new(&endpoint, &world, &who, deployed);
        print_lines(variables.lines()).map_err(|error| Failure::from(error).within("cannot print"))?;
        Ok(Exit::Ok)
    }
}

/// What of a hub and of spokes is deployed at a running pmp-local, as an account sees it. Nothing
/// if none is running, or if it is an older version without this path.
async fn deployed(endpoint: &str, account: &str) -> Deployed {
    let answer = ask(endpoint, Method::GET, &format!("/deployed/{account}"), None).await;
    let answer = answer.ok().filter(|(success, _)| *success);
    answer.and_then(|(_, answer)| serde_json::from_value(answer).ok()).unwrap_or_default()
}

/// The organizations and keys of the world that a running pmp-local serves. `None` if none is
/// running, or if it is an older version without this path.
async fn served(endpoint: &str) -> Option<World> {
    let (success, answer) = ask(endpoint, Method::GET, "/world", None).await.ok()?;
    serde_json::from_value(answer).ok().filter(|_| success)
}
