//! `pmp-filter decide`: runs filters for `pmp-hub plan`, which links no WebAssembly engine. It
//! reads questions from standard input and writes answers to standard output, a JSON object a line
//! (`pmp_protocol::deciding`).
//!
//! The filters are other organizations', and so are their settings. They run as in a spoke: in the
//! same host, within the same limits, one instance for each run. Machine code is never loaded: it
//! would run outside the sandbox, and the digest that names it was written by a member.

mod decider;

use std::io::BufRead;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use clap::Args;
use pmp_filter_host::{FilterHost, Limits};
use pmp_protocol::deciding::{Answered, Ask, AskedRun, DECIDE_PROTOCOL, Hello};
use pmp_terminal::{Exit, Failure, print_json};
use serde_json::json;

use self::decider::Decider;
use crate::component::with_own_cache;

/// Runs that wait for a thread. Beyond them nothing is read, so that a hub which was ended does not
/// leave a day's work behind.
const WAITING: usize = 64;
const MIB: usize = 1024 * 1024;

/// The options of `pmp-filter decide`.
#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The largest component that is loaded, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    max_file: usize,
    /// How many filters run at once [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    at_once: Option<u16>,
}

impl Decide {
    /// Answers until there are no more questions.
    pub(crate) fn execute(self) -> Result<Exit, Failure> {
        let limits = Limits { file_bytes: self.max_file.saturating_mul(MIB), ..Limits::default() };
        let host = with_own_cache(FilterHost::new(limits.clone())?);
        let decider = Decider::new(host, limits);
        let hello = Hello { version: env!("CARGO_PKG_VERSION").to_owned(), protocol: DECIDE_PROTOCOL };
        print_json(&json!(hello).to_string())?;
        let available = thread::available_parallelism().map_or(1, usize::from);
        answer_all(&decider, self.at_once.map_or(available, usize::from))?;
        Ok(Exit::Ok)
    }
}

/// Reads questions to their end, and has `threads` threads answer them.
fn answer_all(decider: &Decider, threads: usize) -> Result<(), Failure> {
    let (waiting, runs) = sync_channel::<AskedRun>(WAITING);
    let runs = Mutex::new(runs);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(run) = next(&runs) {
                    decider.answer(&run, &tell);
                }
            });
        }
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|error| Failure::tried("E2146", "cannot read the questions", error))?;
            let ask: Ask = serde_json::from_str(&line)
                .map_err(|error| Failure::tried("E2147", "cannot understand a question", error))?;
            // A thread ends only when this sender is dropped.
            if let Some(run) = decider.learn(ask)
                && waiting.send(run).is_err()
            {
                break;
            }
        }
        drop(waiting);
        Ok(())
    })
}

fn next(runs: &Mutex<Receiver<AskedRun>>) -> Option<AskedRun> {
    // A receiver is not changed by a thread that panicked while it waited.
    runs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Writes an answer. Where nobody reads any more, the questions end soon, too.
fn tell(answer: &Answered) {
    if let Ok(line) = serde_json::to_string(answer) {
        let _nobody_reads = print_json(&line);
    }
}
