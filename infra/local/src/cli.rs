//! The command line of `pmp-local`.

use std::ffi::OsString;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{Options, Server, World};

/// A local AWS with a Private Marketplace.
#[derive(Parser)]
#[command(name = "pmp-local", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve SNS, SQS, DynamoDB, STS, Organizations and Marketplace Catalog on one port until stopped
    Serve(Serve),
}

#[derive(Args)]
struct Serve {
    /// The world to serve: accounts, organizations, experiences, roles (TOML)
    #[arg(long, value_name = "FILE")]
    world: PathBuf,
    /// The port; 0 takes any free one
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// The address to listen on. Requests are not authenticated: leave it on the loopback
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
}

/// Runs `pmp-local` with `args`, the first of which is the program's name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and are no failure.
            let code = if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
            return error.print().map_or(ExitCode::FAILURE, |()| code);
        }
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    match cli.command {
        Command::Serve(serve) => runtime.block_on(self::serve(serve)),
    }
}

async fn serve(serve: Serve) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env("PMP_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let world = World::load(&serve.world)?;
    let accounts = world.organizations.iter().map(|o| format!("{} ({})", o.management_account, o.name));
    let accounts = accounts.collect::<Vec<_>>().join(", ");
    let account = world.organizations.first().map_or("111111111111", |o| &o.management_account).to_owned();
    let region = world.region.clone();
    // Before starting, so that a signal that comes while it starts stops it cleanly too.
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let server = Server::start(world, Options { address: serve.bind, port: serve.port }).await?;
    print_variables(&serve.world, &server.endpoint(), &region, &account, &accounts).context("cannot print")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot listen for Ctrl-C")?,
        _ = terminate.recv() => {}
    }
    server.shutdown().await;
    Ok(())
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
