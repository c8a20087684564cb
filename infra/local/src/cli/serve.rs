//! `pmp-local serve`.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use pmp_terminal::{Exit, Failure, stop_on_signal};
use tracing_subscriber::EnvFilter;

use super::world;
use crate::{Options, Server};

#[derive(Args)]
pub(super) struct Serve {
    /// The world to serve: accounts, organizations, experiences, roles (TOML, YAML or JSON)
    #[arg(long, value_name = "FILE")]
    world: PathBuf,
    /// The port; 0 takes any free one
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// The address to listen on. Requests are not authenticated: leave it on the loopback
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
}

impl Serve {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let filter = EnvFilter::try_from_env("PMP_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
        let world = world::load(&self.world)?;
        let accounts = world.organizations.iter().map(|o| format!("{} ({})", o.management_account, o.name));
        let accounts = accounts.collect::<Vec<_>>().join(", ");
        let account = world.organizations.first().map_or("111111111111", |o| &o.management_account).to_owned();
        let region = world.region.clone();
        // Before starting, so that a signal that comes while it starts stops it cleanly too.
        let stop = stop_on_signal().context("cannot listen for signals").map_err(Failure::new)?;
        let server = Server::start(world, Options { address: self.bind, port: self.port }).await?;
        let printed = print_variables(&self.world, &server.endpoint(), &region, &account, &accounts);
        printed.context("cannot print").map_err(Failure::new)?;
        stop.cancelled().await;
        server.shutdown().await;
        Ok(Exit::Ok)
    }
}

fn print_variables(world: &Path, endpoint: &str, region: &str, account: &str, accounts: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "# Accounts: {accounts}. The access key says which one you are; the secret can be anything.")?;
    writeln!(out, "export AWS_ENDPOINT_URL={endpoint}")?;
    writeln!(out, "export AWS_REGION={region}")?;
    writeln!(out, "export AWS_ACCESS_KEY_ID={account}")?;
    writeln!(out, "export AWS_SECRET_ACCESS_KEY=local")?;
    writeln!(out, "# Ready: serving `{}` on {endpoint}. Stop with Ctrl-C.", world.display())?;
    out.flush()
}
