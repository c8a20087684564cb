//! The filter that a command is about: its file or name, its limits and its settings, from the command line.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use pmp_filter_host::{ConfiguredFilter, Filter, FilterHost, FilterSource, Limits};
use pmp_terminal::Failure;

/// A component file, or a built-in filter.
#[derive(Debug, Clone, Args)]
pub(crate) struct Component {
    /// The filter: the file of a WebAssembly component, or the name of a built-in one
    #[arg(value_name = "FILTER")]
    source: FilterSource,
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
    /// The size of its file; 0 for a built-in one.
    pub(crate) bytes: usize,
    pub(crate) took: Duration,
}

/// What a command is about, before it is loaded.
pub(crate) enum Found {
    BuiltIn(Filter),
    File(Vec<u8>),
}

impl Component {
    /// Reads the file, as large as it may be; or finds the built-in filter.
    pub(crate) fn find(&self) -> Result<Found, Failure> {
        match &self.source {
            FilterSource::BuiltIn(name) => {
                let filter = Filter::built_in(name, self.limits());
                filter.map(Found::BuiltIn).with_context(|| format!("there is no built-in filter `{name}`"))
            }
            FilterSource::File(file) => {
                let bytes = std::fs::read(file).with_context(|| format!("cannot read the filter `{}`", self.source));
                bytes.map(Found::File)
            }
        }
        .map_err(Failure::new)
    }

    /// The host that a spoke uses, with its limits.
    pub(crate) fn host(&self) -> Result<FilterHost, Failure> {
        FilterHost::new(self.limits()).map_err(Failure::new)
    }

    fn limits(&self) -> Limits {
        Limits { file_bytes: self.max_file.saturating_mul(MIB), ..Limits::default() }
    }

    /// Makes the filter ready: a component is compiled, and says what it is.
    pub(crate) fn load(&self) -> Result<Ready, Failure> {
        let found = self.find()?;
        let host = self.host()?;
        let started = Instant::now();
        let (filter, bytes) = match found {
            Found::BuiltIn(filter) => (Ok(filter), 0),
            Found::File(bytes) => (host.load_bytes(&bytes), bytes.len()),
        };
        let filter = filter.with_context(|| format!("cannot load the filter `{}`", self.source)).map_err(|error| {
            Failure::new(error).hint(format!("`pmp-filter inspect {}` shows what the file holds", self.source))
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
