//! Keeps the state: restores it from the folder when the server starts, and saves it after changes
//! and at the end. [`Keeper::run`] is a task of its own; it is woken by `Cloud::changes`.
//!
//! A save holds everything that any service answered before the save began: requests that change
//! something wait while the parts are copied, but not while they are written to the disk. If the
//! server is killed, the last moment is lost ([`SAVE_AFTER`] to [`SAVE_AFTER_AT_MOST`], plus the
//! time of a save). The saved state is always one moment of all services.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::World;
use crate::cloud::Cloud;
use crate::state::{Copy, Folder, Parts, Restored, Resumed, SCHEMA, Saved, StateError, digest};

/// How long changes are collected before they are saved: [`GATHER`] times as long as the last save
/// took, within these two bounds. So at most a fifth of the time goes to saves, even if the state
/// is large.
const SAVE_AFTER: Duration = Duration::from_millis(50);
const SAVE_AFTER_AT_MOST: Duration = Duration::from_secs(1);
const GATHER: u32 = 4;

/// The state that the folder held.
pub(crate) struct Found {
    saved_at: Timestamp,
    pub(crate) world: World,
    parts: Parts,
    tables: Restored,
    generation: u64,
    digest: String,
}

impl Found {
    /// Reads the folder. `None` if it holds no state yet.
    pub(crate) fn load(folder: &Folder) -> Result<Option<Self>, StateError> {
        Ok(folder.load()?.map(|loaded| Self {
            saved_at: loaded.saved.saved_at,
            world: loaded.world,
            parts: loaded.saved.parts,
            tables: loaded.tables,
            generation: loaded.saved.generation,
            digest: loaded.saved.world,
        }))
    }
}

impl Found {
    /// What the server reports about the state, if it was started with `world`.
    pub(crate) fn resumed(&self, world: &World) -> Resumed {
        let same = serde_json::to_vec(world).is_ok_and(|text| digest(&text) == self.digest);
        Resumed { saved_at: self.saved_at, other_world: !same }
    }
}

/// Saves the state of the services into the folder.
pub(crate) struct Keeper {
    cloud: Arc<Cloud>,
    folder: Arc<Folder>,
    world: String,
    generation: u64,
    /// The newest copy of the tables that this server has made.
    copy: Option<Copy>,
    /// The names of the large values that are already in the folder.
    binaries: BTreeSet<String>,
    /// How long the last save took.
    took: Duration,
}

impl Keeper {
    /// Restores what was found, or begins a new state. The state is on the disk when this returns.
    pub(crate) async fn start(
        cloud: Arc<Cloud>,
        folder: Folder,
        found: Option<Found>,
        authority: &str,
    ) -> Result<Self, StateError> {
        let mut keeper = Self {
            cloud,
            world: String::new(),
            generation: 0,
            copy: None,
            binaries: BTreeSet::new(),
            took: Duration::ZERO,
            folder: Arc::new(folder),
        };
        match found {
            Some(found) => keeper.resume(found, authority)?,
            None => keeper.world = keeper.folder.begin(keeper.cloud.world())?,
        }
        keeper.save().await?;
        Ok(keeper)
    }

    fn resume(&mut self, found: Found, authority: &str) -> Result<(), StateError> {
        let Restored { databases, binaries } = found.tables;
        self.folder.keep_binaries(|name| binaries.contains(name))?;
        self.binaries = binaries;
        self.cloud.databases.restore(databases);
        let restored = self.cloud.restore(found.parts, authority);
        restored.map_err(|error| self.folder.unusable(&error))?;
        (self.world, self.generation) = (found.digest, found.generation);
        Ok(())
    }

    /// Saves after changes, until the server stops.
    pub(crate) async fn run(mut self, stopping: CancellationToken) -> Self {
        loop {
            // Cancel-safe: a change that nobody waited for stays noted, and `finish` saves it.
            tokio::select! {
                () = stopping.cancelled() => return self,
                () = self.cloud.changes.wait() => {}
            }
            // Cancel-safe: only the sleep can be cancelled; a save that has begun runs to its end.
            tokio::select! {
                () = stopping.cancelled() => return self,
                () = tokio::time::sleep((self.took * GATHER).clamp(SAVE_AFTER, SAVE_AFTER_AT_MOST)) => self.save_or_say().await,
            }
        }
    }

    /// Saves the last changes. No request may be running any more.
    pub(crate) async fn finish(mut self) {
        if self.cloud.changes.unsaved() {
            self.save_or_say().await;
        }
    }

    async fn save_or_say(&mut self) {
        if let Err(error) = self.save().await {
            self.cloud.changes.not_saved();
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "the state could not be saved; the next change tries again");
        }
    }

    async fn save(&mut self) -> Result<(), StateError> {
        let begun = Instant::now();
        let (parts, version, changed) = {
            let _pause = self.cloud.changes.pause().await;
            let version = self.cloud.databases.version();
            let is_copied = self.copy.as_ref().is_some_and(|copy| copy.of == version);
            (
                self.cloud.parts().map_err(std::io::Error::from)?,
                version,
                (!is_copied).then(|| self.cloud.databases.copies()),
            )
        };
        // Taken even if it fails: what a save has placed is never written over by the next.
        self.generation += 1;
        let generation = self.generation;
        let copied = self.copy.clone().filter(|_| changed.is_none());
        let copy = copied.unwrap_or_else(|| Copy { file: format!("tables-{generation}.zst"), of: version });
        let saved = Saved {
            schema: SCHEMA.to_owned(),
            saved_at: Timestamp::now(),
            generation,
            world: self.world.clone(),
            tables: copy.file.clone(),
            parts,
        };
        // Requests that change something go on from here: the copies stay as they are.
        let (folder, mut binaries) = (Arc::clone(&self.folder), std::mem::take(&mut self.binaries));
        let written = tokio::task::spawn_blocking(move || {
            let placed = changed.map(|databases| folder.place_tables(&saved.tables, &databases, &mut binaries));
            (placed.unwrap_or(Ok(())).and_then(|()| folder.save(&saved)), binaries)
        });
        let (written, binaries) = written.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        self.binaries = binaries;
        written?;
        self.copy = Some(copy);
        self.took = begun.elapsed();
        Ok(())
    }
}
