//! The filter that a command is about: its file, its limits and its settings, from the command line.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use pmp_filter_host::{ConfiguredFilter, Filter, FilterHost, Limits};
use pmp_terminal::Failure;

/// A component file.
#[derive(Debug, Clone, Args)]
pub(crate) struct Component {
    /// The filter: the file of a WebAssembly component
    #[arg(value_name = "FILTER")]
    file: PathBuf,
    /// The largest file that is loaded, in MiB
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().file_bytes / MIB)]
    max_file: usize,
}

/// The settings that a filter runs with.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// The filter's settings: JSON, or @FILE
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
}

const MIB: usize = 1024 * 1024;

/// A filter, and how long it took to make it ready.
pub(crate) struct Ready {
    pub(crate) filter: Filter,
    pub(crate) bytes: Vec<u8>,
    pub(crate) took: Duration,
}

impl Component {
    /// Reads the file, as large as it may be.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Failure> {
        let what = || format!("cannot read the filter `{}`", self.file.display());
        std::fs::read(&self.file).with_context(what).map_err(Failure::new)
    }

    /// The host that a spoke uses, with its limits.
    pub(crate) fn host(&self) -> Result<FilterHost, Failure> {
        let limits = Limits { file_bytes: self.max_file.saturating_mul(MIB), ..Limits::default() };
        FilterHost::new(limits).map_err(Failure::new)
    }

    /// Compiles the filter and has it say what it is.
    pub(crate) fn load(&self) -> Result<Ready, Failure> {
        let (host, bytes) = (self.host()?, self.read()?);
        let started = Instant::now();
        let filter =
            host.load_bytes(&bytes).with_context(|| format!("cannot load the filter `{}`", self.file.display()));
        let filter = filter.map_err(|error| {
            Failure::new(error).hint(format!("`pmp-filter inspect {}` shows what the file holds", self.file.display()))
        })?;
        Ok(Ready { filter, bytes, took: started.elapsed() })
    }
}

impl Settings {
    /// Has the filter check its settings.
    pub(crate) fn configure(&self, filter: &Filter) -> Result<ConfiguredFilter, Failure> {
        let text = match self.settings.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("cannot read the settings `{file}`")),
            None => Ok(self.settings.clone()),
        };
        Ok(filter.configure(&text.map_err(Failure::new)?)?)
    }
}
