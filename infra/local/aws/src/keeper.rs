//! Keeps the state: takes it from the folder when the server starts, and saves it after changes and at the end.
//!
//! What was answered before a save began is in it, of every service alike: requests that change something wait while the
//! parts are taken. They don't wait for the disk. So whoever kills the server loses what was answered in the last
//! moment ([`SAVE_AFTER`] to [`SAVE_AFTER_AT_MOST`], and the time that a save takes), and never a part of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::World;
use crate::cloud::{Cloud, STAND_IN, stand_ins};
use crate::state::{
    Contents, Copy, Folder, Parts, Pinned, Resumed, SCHEMA, Saved, StateError, Tables, digest, items_with,
};

/// How long changes are gathered before they are saved: longer where saves take long, so that a large state leaves four
/// fifths of the time to those who change it.
const SAVE_AFTER: Duration = Duration::from_millis(50);
const SAVE_AFTER_AT_MOST: Duration = Duration::from_secs(1);
const GATHER: u32 = 4;

/// What the folder had.
pub(crate) struct Found {
    saved_at: Timestamp,
    pub(crate) world: World,
    parts: Parts,
    generation: u64,
    digest: String,
}

impl Found {
    /// Reads the folder; nothing if it has no state yet.
    pub(crate) fn load(folder: &Folder) -> Result<Option<Self>, StateError> {
        Ok(folder.load()?.map(|loaded| Self {
            saved_at: loaded.saved.saved_at,
            world: loaded.world,
            parts: loaded.saved.parts,
            generation: loaded.saved.generation,
            digest: loaded.saved.world,
        }))
    }
}

impl Found {
    /// What to say of it, where `world` was asked for.
    pub(crate) fn resumed(&self, world: &World) -> Resumed {
        let same = serde_json::to_vec(world).is_ok_and(|text| digest(&text) == self.digest);
        Resumed { saved_at: self.saved_at, other_world: !same }
    }
}

/// Saves a cloud's state.
pub(crate) struct Keeper {
    cloud: Arc<Cloud>,
    folder: Arc<Folder>,
    tables: Arc<Tables>,
    world: String,
    generation: u64,
    /// The newest copy of the items that this server made.
    copy: Option<Copy>,
    /// The large values that are in the folder.
    binaries: BTreeSet<String>,
    /// How long the last save took.
    took: Duration,
}

impl Keeper {
    /// Fills the cloud with what was found, and keeps it from now on; a new state is on the disk when this returns.
    pub(crate) async fn start(
        cloud: Arc<Cloud>,
        folder: Folder,
        found: Option<Found>,
        authority: &str,
    ) -> Result<Self, StateError> {
        let tables = Arc::new(Tables::open(&folder.live())?);
        let mut keeper = Self {
            cloud,
            tables,
            world: String::new(),
            generation: 0,
            copy: None,
            binaries: BTreeSet::new(),
            took: Duration::ZERO,
            folder: Arc::new(folder),
        };
        match found {
            Some(found) => keeper.resume(found, authority).await?,
            None => keeper.world = keeper.folder.begin(keeper.cloud.world())?,
        }
        keeper.save().await?;
        Ok(keeper)
    }

    async fn resume(&mut self, found: Found, authority: &str) -> Result<(), StateError> {
        let mut wanted = BTreeSet::new();
        items_with(&self.folder.live(), STAND_IN, |text| wanted.extend(stand_ins(text).map(str::to_owned)))?;
        for name in &wanted {
            self.cloud.binaries.insert(name.clone(), self.folder.binary(name)?);
        }
        self.folder.keep_binaries(|name| wanted.contains(name))?;
        self.binaries = wanted;
        let restored = self.cloud.restore(found.parts, authority).await;
        restored.map_err(|error| self.folder.unusable(&error))?;
        (self.world, self.generation) = (found.digest, found.generation);
        Ok(())
    }

    /// Saves after changes, until the server stops.
    pub(crate) async fn run(mut self, stopping: CancellationToken) -> Self {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return self,
                () = self.cloud.changes.wait() => {}
            }
            tokio::select! {
                () = stopping.cancelled() => return self,
                () = tokio::time::sleep((self.took * GATHER).clamp(SAVE_AFTER, SAVE_AFTER_AT_MOST)) => self.save_or_say().await,
            }
        }
    }

    /// Saves what is left. Nothing may change any more.
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
        let (parts, pinned, binaries) = {
            let _pause = self.cloud.changes.pause().await;
            let binaries = self.cloud.binaries.unknown_to(|name| self.binaries.contains(name));
            (self.cloud.parts().await?, self.tables.pin(self.copy.as_ref())?, binaries)
        };
        let generation = self.generation + 1;
        let copy = match &pinned {
            Pinned::Unchanged(copy) => copy.clone(),
            Pinned::Held(version) => Copy { file: format!("tables-{generation}.db"), of: *version },
        };
        let saved = Saved {
            schema: SCHEMA.to_owned(),
            saved_at: Timestamp::now(),
            generation,
            world: self.world.clone(),
            tables: copy.file.clone(),
            parts,
        };
        let held = matches!(pinned, Pinned::Held(_));
        let (folder, tables) = (Arc::clone(&self.folder), Arc::clone(&self.tables));
        let names: Vec<_> = binaries.iter().map(|(name, _)| name.clone()).collect();
        let written = tokio::task::spawn_blocking(move || {
            if held {
                folder.place(&saved.tables, |path| tables.copy(path).map_err(StateError::from))?;
            }
            folder.save(&Contents { saved: &saved, binaries: &binaries })
        });
        written.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        (self.generation, self.copy) = (generation, Some(copy));
        self.binaries.extend(names);
        self.took = begun.elapsed();
        Ok(())
    }
}
