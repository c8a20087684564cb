//! `pmp-local env`: the variables for another account, to paste or to eval.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use pmp_terminal::{Exit, Failure, print_lines};

use super::variables::{Variables, identity};
use super::world;
use crate::demo;

const EXAMPLES: &str = "Examples:
  eval \"$(pmp-local env aurora)\"                 be the management account of an organization
  pmp-local env 222222222222                     be an account
  pmp-local env member --world world.toml        with the names of a world of your own";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Env {
    /// An account, an organization by its id or name, or an access key; the first organization if left out
    #[arg(value_name = "ACCOUNT|ORG")]
    who: Option<String>,
    /// Where pmp-local serves; by default on this machine, at the port
    #[arg(long, env = "PMP_LOCAL_ENDPOINT", value_name = "URL")]
    endpoint: Option<String>,
    /// The port
    #[arg(long, env = "PMP_LOCAL_PORT", default_value_t = super::serve::PORT)]
    port: u16,
    /// The world that is served; the built-in one if left out
    #[arg(long, env = "PMP_LOCAL_WORLD", value_name = "FILE")]
    world: Option<PathBuf>,
}

impl Env {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let world = match &self.world {
            Some(file) => world::load(file)?,
            None => demo::built_in().map_err(Failure::new)?,
        };
        let endpoint = self.endpoint.unwrap_or_else(|| format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.port));
        let variables = Variables::new(&endpoint, &world, &identity(&world, self.who.as_deref())?);
        print_lines(variables.lines()).context("cannot print").map_err(Failure::new)?;
        Ok(Exit::Ok)
    }
}
