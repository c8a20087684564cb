//! What `serve` shows: the last moment at which the ledger could be read, and what went wrong
//! since.
//!
//! One task reads the ledger, and only when somebody asks for the page and what there is has become
//! old. So it is read at most once in that time, whatever the number of requests, and never while
//! nobody looks.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pmp_ledger::LedgerError;
use pmp_protocol::one_line;
use pmp_runtime::{Clock, Stop};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::web::page::{self, Live, Shown};
use crate::web::read::{Seen, Source};

/// How long a request waits for a read before it gets what there was.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was read, and what went wrong since.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    seen: Arc<Seen>,
    trouble: Option<(Arc<str>, Timestamp)>,
    /// The process that read it.
    process: Arc<str>,
    /// The number of the read that it comes from.
    number: u64,
    read_at: Instant,
}

/// What the page shows now.
#[derive(Debug)]
pub(crate) struct Board {
    posted: watch::Sender<Posted>,
    wanted: Notify,
    every: Duration,
    clock: Arc<dyn Clock>,
}

impl Board {
    /// A board that shows `seen`, and is read again at most every `every`. `process` is a text that
    /// no other process has: a browser still knows the page of an earlier one.
    pub(crate) fn new(seen: Seen, every: Duration, clock: Arc<dyn Clock>, process: &str) -> Self {
        let (seen, process) = (Arc::new(seen), process.into());
        let first = Posted { seen, trouble: None, process, number: 1, read_at: Instant::now() };
        Self { posted: watch::Sender::new(first), wanted: Notify::new(), every, clock }
    }

    /// Reads the ledger whenever that is asked for, until the program is stopped.
    pub(crate) async fn keep(&self, mut source: Source, stop: &Stop) {
        let each = async {
            loop {
                self.wanted.notified().await;
                self.post(source.read().await);
                // What is asked for meanwhile is answered with this.
                tokio::time::sleep(self.every).await;
            }
        };
        stop.unless_stopped(each).await;
    }

    fn post(&self, read: Result<Seen, LedgerError>) {
        self.posted.send_modify(|posted| {
            (posted.number, posted.read_at) = (posted.number + 1, Instant::now());
            match read {
                Ok(seen) => (posted.seen, posted.trouble) = (Arc::new(seen), None),
                // What was seen before stays, and the page says how old it is.
                Err(error) => posted.trouble = Some((one_line(&error).into(), self.clock.now())),
            }
        });
    }

    /// What is posted. Where it has become old, waits for a read.
    pub(super) async fn look(&self) -> Posted {
        let mut posted = self.posted.subscribe();
        let is_old = posted.borrow_and_update().read_at.elapsed() >= self.every;
        if is_old {
            self.wanted.notify_one();
            // A read that takes longer is for the next request. The sender lives as long as this.
            let _read = tokio::time::timeout(PATIENCE, posted.changed()).await;
        }
        let posted = posted.borrow();
        posted.clone()
    }

    /// The page of it. `reloads`: whether a browser without scripts loads it again by itself.
    pub(super) fn page(&self, posted: &Posted, reloads: bool) -> String {
        let trouble = posted.trouble.as_ref().map(|(problem, at)| (problem.as_ref(), *at));
        let live = Live { every: self.every, now: self.clock.now(), trouble, reloads, tag: &posted.tag() };
        page::render(&posted.seen, Shown::Live(live))
    }
}

impl Posted {
    /// The name of this state of the page.
    pub(super) fn tag(&self) -> String {
        format!("{}-{}", self.process, self.number)
    }
}
