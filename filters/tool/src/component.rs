//! The filter that a command line names: its file, project or name, its limits and its settings.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use etcetera::BaseStrategy as _;
use pmp_filter_host::{ConfiguredFilter, Filter, FilterHost, FilterSource, Limits, LoadError};
use pmp_terminal::progress::computing;
use pmp_terminal::{Failure, Output};

use crate::project::Project;

/// A component file, a project, or a built-in filter.
#[derive(Debug, Clone, Args)]
pub(crate) struct Component {
    /// The filter: the file of a WebAssembly component, the folder of a project, or the name of a
    /// built-in filter
    #[arg(value_name = "FILTER", default_value = ".")]
    source: FilterSource,
    /// The largest file that is loaded, in MiB [default: what the project says, or 4]
    #[arg(long, value_name = "MIB")]
    max_file: Option<usize>,
}

/// The settings that a filter runs with.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// The filter's settings: JSON, or @FILE
    #[arg(long, value_name = "JSON", default_value = "{}")]
    settings: String,
}

const MIB: usize = 1024 * 1024;

/// A filter, and the time that it took to make it ready.
pub(crate) struct Ready {
    pub(crate) filter: Filter,
    /// The size of its file in bytes; 0 for a built-in filter.
    pub(crate) bytes: usize,
    pub(crate) took: Duration,
}

/// The filter of a command, before it is loaded.
pub(crate) enum Found {
    BuiltIn(Filter),
    File(Vec<u8>),
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(f)
    }
}

impl Component {
    /// The component that a project has built.
    pub(crate) fn built(project: &Project) -> Self {
        Self { source: FilterSource::File(project.root().to_owned()), max_file: None }
    }

    /// The project, if the argument is a folder.
    pub(crate) fn project(&self) -> Result<Option<Project>, Failure> {
        match &self.source {
            FilterSource::File(folder) if folder.is_dir() => Ok(Some(Project::read(folder)?)),
            _ => Ok(None),
        }
    }

    /// The component file; `None` for a built-in filter. It is an error if a project is not built
    /// yet.
    pub(crate) fn file(&self) -> Result<Option<PathBuf>, Failure> {
        match (&self.source, self.project()?) {
            (_, Some(project)) => Ok(Some(project.built()?)),
            (FilterSource::File(file), None) => Ok(Some(file.clone())),
            (FilterSource::BuiltIn(_) | FilterSource::S3(_), None) => Ok(None),
        }
    }

    /// Reads the file within the limit on its size, or finds the built-in filter.
    pub(crate) fn find(&self) -> Result<Found, Failure> {
        match (self.file()?, &self.source) {
            (_, FilterSource::S3(_)) => {
                Err(Failure::new("E2144", format!("`{}` is in S3: fetch it, and name the file", self.source)))
            }
            (Some(file), _) => {
                let cannot =
                    |error| Failure::tried("E1750", format!("cannot read the filter `{}`", file.display()), error);
                std::fs::read(&file).map(Found::File).map_err(cannot)
            }
            (None, source) => Filter::built_in(&source.to_string(), self.limits()?)
                .map(Found::BuiltIn)
                .ok_or_else(|| Failure::new("E2145", format!("there is no built-in filter `{source}`"))),
        }
    }

    /// The host that a spoke uses, with its limits.
    pub(crate) fn host(&self) -> Result<FilterHost, Failure> {
        Ok(FilterHost::new(self.limits()?)?)
    }

    fn limits(&self) -> Result<Limits, Failure> {
        let limits = Limits::default();
        let of_project = || Ok::<_, Failure>(self.project()?.and_then(|project| project.max_file_mib()));
        let mib = self.max_file.map_or_else(of_project, |mib| Ok(Some(mib)))?;
        Ok(Limits { file_bytes: mib.map_or(limits.file_bytes, |mib| mib.saturating_mul(MIB)), ..limits })
    }

    /// Loads the filter. A component is compiled and asked for its description.
    pub(crate) fn load(&self, output: Output) -> Result<Ready, Failure> {
        self.load_with(&self.host()?, output)
    }

    /// Loads the filter with a cache in this user's cache folder, for a filter that is run again
    /// and again.
    pub(crate) fn load_kept(&self, output: Output) -> Result<Filter, Failure> {
        Ok(self.load_with(&with_own_cache(self.host()?), output)?.filter)
    }

    /// Compiles `bytes`, and says so where that takes long.
    pub(crate) fn compile(&self, host: &FilterHost, bytes: &[u8], output: Output) -> Result<Filter, LoadError> {
        computing(output, &self.to_be_compiled(), || host.load_bytes(bytes))
    }

    /// What is waited for while the filter is compiled.
    pub(crate) fn to_be_compiled(&self) -> String {
        format!("the filter `{}` to be compiled", self.source)
    }

    fn load_with(&self, host: &FilterHost, output: Output) -> Result<Ready, Failure> {
        let found = self.find()?;
        let started = Instant::now();
        let (filter, bytes) = match found {
            Found::BuiltIn(filter) => (Ok(filter), 0),
            Found::File(bytes) => (self.compile(host, &bytes, output), bytes.len()),
        };
        let project = self.project()?;
        let filter = filter.map_err(|error| {
            // If the component is a project's, the hint can name the language's usual mistake.
            let unfinished = matches!(error, LoadError::NotAFilter | LoadError::Describe(_));
            let mistake = project.filter(|_| unfinished).map(|project| project.language().usual_mistake().to_owned());
            let context = format!("cannot load the filter `{}`", self.source);
            let look = format!("`pmp-filter inspect {}` shows what the file holds", self.source);
            Failure::from(error).within(context).hint(mistake).hint(look)
        })?;
        Ok(Ready { filter, bytes, took: started.elapsed() })
    }
}

/// Gives the host a cache in this user's cache folder. It is never in a project's folder: otherwise
/// machine code that came with someone else's project would run.
pub(crate) fn with_own_cache(host: FilterHost) -> FilterHost {
    match etcetera::choose_base_strategy() {
        Ok(folders) => host.with_cache(&folders.cache_dir().join("pmp-filter")),
        // A user without a home directory has no cache.
        Err(_) => host,
    }
}

impl Settings {
    /// Lets the filter check its settings.
    pub(crate) fn configure(&self, filter: &Filter) -> Result<ConfiguredFilter, Failure> {
        let text = match self.settings.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| Failure::tried("E1750", format!("cannot read the settings `{file}`"), error))?,
            None => self.settings.clone(),
        };
        Ok(filter.configure(&text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_built_in_filter_has_is_an_error() {
        let component = Component { source: FilterSource::BuiltIn("exclude-nothing"), max_file: None };
        let failure = component.find().err().unwrap();
        assert_eq!(failure.code().to_string(), "E2145");
    }
}
