//! The demo: the embedded AWS with four organizations in it, the real hub and three real spokes at
//! work, and a person who changes something.
//!
//! - `products`, `scene`, `world`: which products, who takes part, and all of it as a world for the
//!   embedded AWS.
//! - `lists`: what every experience must say in the end, by a rule of the demo's own.
//! - `process`, `accounts`: starting the programs, and looking into the catalogs.
//! - `stage`: everything that runs. `script`: the events in order. `screen` and `summary`: what is
//!   shown.
//!
//! The hub and the spokes are processes with nothing but documented environment variables; none
//! knows that it is in a demo. Whether it worked is judged by what the catalogs say, never by what
//! the programs say.

mod accounts;
mod lists;
mod process;
mod products;
mod scene;
mod screen;
mod script;
mod stage;
mod summary;
mod world;

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use pmp_terminal::{Exit, Failure, log_into_file, stop_on_signal};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(crate) use process::end_with_the_demo;
use screen::Screen;
use stage::Stage;
pub(crate) use world::built_in;

/// How often the demo checks that its programs are still running, with `--keep`.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Parses the number of products. The demo's groups need some, and its bars must fit on a screen.
fn number_of_products(text: &str) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| (40..=500).contains(number));
    number.ok_or_else(|| "the demo takes 40 to 500 products".to_owned())
}

/// The options of the demo.
#[derive(Debug, Clone, Args)]
pub(crate) struct Demo {
    /// Leave everything running until Ctrl-C, and print how to play with it
    #[arg(long)]
    keep: bool,
    /// Random seed: which products are used, and how long each change set takes
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// How long a change set takes, give or take a quarter: 500ms, 2s
    #[arg(long, default_value = "1s", value_parser = parse_duration, value_name = "DURATION")]
    latency: Duration,
    /// How many products the management experience lists
    #[arg(long, default_value_t = 300, value_parser = number_of_products, value_name = "N")]
    products: u16,
    /// Use no colours (so does the variable NO_COLOR)
    #[arg(long)]
    no_color: bool,
}

/// What the user is told who stopped the demo.
const STOPPED: &str = "Stopped before the end. Nothing of it is left.";

/// Runs the demo to its end. It leaves nothing behind, except what `--keep` asks for and what
/// explains a failure.
pub(crate) async fn run(args: Demo) -> Result<Exit, Failure> {
    let stop = stop_on_signal()?.token().clone();
    let folder = tempfile::Builder::new().prefix("pmp-demo-").tempdir();
    let folder = folder.map_err(|error| Failure::tried("E3046", "cannot make a folder for logs", error))?;
    log_into(folder.path())?;
    let screen = Screen::new(args.no_color);
    screen.text("pmp-sync: one management organization approves products, three member organizations follow.");
    screen.quiet("Real programs and AWS SDK clients, on an AWS embedded here: nothing leaves this machine.");
    let mut stage = Stage::start(&args, folder.path()).await?;
    let outcome = perform(&args, &mut stage, &screen, &stop).await;
    stage.end().await;
    match outcome {
        Ok(()) => {
            settle(folder, args.keep);
            Ok(Exit::Ok)
        }
        // The user stopped the demo, which is no failure: what a step says that was broken off is
        // not told, and the logs are not needed.
        Err(_) if stop.is_cancelled() => {
            screen.quiet(STOPPED);
            settle(folder, args.keep);
            Ok(Exit::Ok)
        }
        Err(failure) => {
            let hint = format!("the whole logs are in {}", folder.path().display());
            settle(folder, true);
            Err(failure.hint(hint))
        }
    }
}

async fn perform(args: &Demo, stage: &mut Stage, screen: &Screen, stop: &CancellationToken) -> Result<(), Failure> {
    let story = tokio::select! {
        // Cancel-safe: what the script has started belongs to the stage, which is ended in any
        // case.
        story = script::play(args, stage, screen) => story?,
        () = stop.cancelled() => {
            screen.quiet(STOPPED);
            return Ok(());
        }
    };
    summary::show(&story, screen);
    if !args.keep {
        summary::show_next(args, stage, screen);
        return Ok(());
    }
    summary::show_how_to_play(stage, screen);
    loop {
        // Cancel-safe: the sleep holds nothing, and the programs belong to the stage.
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => stage.check_programs()?,
        }
    }
}

/// Removes the folder, or keeps it for the user. If it cannot be removed, the system cleans it up
/// later.
fn settle(folder: TempDir, keep: bool) {
    if keep {
        let _path = folder.keep();
    } else if let Err(error) = folder.close() {
        tracing::warn!(%error, "the demo's folder could not be removed");
    }
}

/// Sends the log of the embedded AWS into a file, because the screen shows the demo.
fn log_into(folder: &Path) -> Result<(), Failure> {
    let path = folder.join("aws.log");
    let file = File::create(&path);
    let file = file.map_err(|error| Failure::tried("E1751", format!("cannot write `{}`", path.display()), error))?;
    log_into_file(file);
    Ok(())
}

/// Parses `500ms` or `2s`, up to a minute: AWS's change sets take no longer.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is not a duration such as 500ms or 2s"))?;
    Duration::try_from(duration)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(60))
        .ok_or_else(|| format!("`{text}` is not between nothing and a minute"))
}

/// A duration for people: `3.4 s`.
fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
