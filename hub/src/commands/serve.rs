//! `serve`: shows the page of the fleet to browsers on this machine.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use pmp_terminal::progress::waiting_for;
use pmp_terminal::{Exit, Failure, Output, leave_on_signal, parse_duration};

use super::look::{hints, no_snapshot};
use crate::compose;
use crate::config::{ConfigArgs, StaleAfter};
use crate::error::{HubError, sdk};
use crate::status::fleet::Fleet;
use crate::web::board::Board;
use crate::web::read::{Seen, Source};
use crate::web::server::Server;

/// The least time between two reads of the ledger: each costs about one read unit for each
/// organization.
const LEAST: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The port on 127.0.0.1; 0 is any free one
    #[arg(long, default_value_t = 8642, value_name = "PORT")]
    port: u16,
    /// How often the ledger is read at most, while somebody looks. Each read costs about one read
    /// unit for each organization
    #[arg(long, default_value = "30s", value_parser = parse_every, value_name = "DURATION")]
    every: Duration,
    #[command(flatten)]
    stale: StaleAfter,
}

fn parse_every(text: &str) -> Result<Duration, String> {
    let every = parse_duration(text)?;
    if every < LEAST { Err("at least 5s".to_owned()) } else { Ok(every) }
}

pub(crate) async fn serve(config: &ConfigArgs, args: &ServeArgs, output: Output) -> Result<Exit, Failure> {
    let stop = leave_on_signal()?;
    // Before anything else: wrong settings are told here, and not on a page.
    let Some(seen) = stop.unless_stopped(waiting_for(output, "the ledger", see(config, &args.stale))).await else {
        return Ok(Exit::Ok);
    };
    let (source, seen) = seen?;
    let server = Server::listen(args.port).await?;
    hints(&seen.view);
    let board = Arc::new(Board::new(seen, args.every, compose::clock(), &compose::chance().unique_id()));
    output.line(&format!("The page is at {} for this machine alone. Ctrl-C ends it.", server.address()))?;
    tokio::join!(board.keep(source, &stop), server.serve(&board, &stop));
    Ok(Exit::Ok)
}

/// Reads what the page shows for the first time.
pub(super) async fn see(config: &ConfigArgs, stale: &StaleAfter) -> Result<(Source, Seen), Failure> {
    let config = config.for_status()?;
    let sdk = sdk().await?;
    let fleet = Fleet::new(&sdk, &config.snapshots, &config.timestamps, config.members);
    let silence = compose::silence(stale.stale_after);
    let mut source = Source::new(&sdk, &config.experience, fleet, &config.snapshots, silence, compose::clock());
    let seen = source.read().await.map_err(HubError::Ledger)?;
    if !seen.view.knows_experience() {
        let meant = source.meant().await.map_err(HubError::Ledger)?;
        return Err(no_snapshot(&config.experience, meant.as_ref()));
    }
    Ok((source, seen))
}
