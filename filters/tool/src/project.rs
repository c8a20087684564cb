//! A filter's project: a folder with a `filter.toml`, which gives the name of the filter and its
//! language. Everything else has a fixed place, so that no command needs to be told twice.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use pmp_protocol::Hint;
use serde::Deserialize;

/// The file that makes a folder a project.
pub(crate) const MANIFEST: &str = "filter.toml";
/// The folder of the contract, unless the project sets another one.
pub(crate) const WIT: &str = "wit/filter-1.0.0";
/// The world that filters are built for, if a language does not choose one by itself.
pub(crate) const WORLD: &str = "filter";

/// A language that filters can be started in and built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    /// With the SDK; the smallest and fastest components
    #[value(alias = "rs")]
    Rust,
    /// Runs on the engine QuickJS
    #[value(name = "javascript", alias = "js")]
    JavaScript,
    /// Runs on the interpreter CPython
    #[value(alias = "py")]
    Python,
}

impl Language {
    /// Whether two builds of the same source are the same file.
    pub(crate) fn builds_are_reproducible(self) -> bool {
        // The component contains the state of a started interpreter, which differs from start to
        // start.
        self == Self::Rust
    }

    /// The usual mistake in this language if a component that was built is no filter.
    pub(crate) fn usual_mistake(self) -> &'static str {
        match self {
            Self::Rust => "src/lib.rs ends with `export!(MyFilter);`, once, for the type that implements `Filter`",
            Self::JavaScript => {
                "src/filter.js says `export const rules = guard({ describe, validate, evaluate }, logging.log)`"
            }
            Self::Python => "app.py has a class `Rules(exports.Rules)` with describe, validate and evaluate",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::Python => "python",
        })
    }
}

/// The name of a filter. Its package and its file have the same name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FilterName(String);

/// The reason why a text is no name of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a filter's name is a lower-case letter and up to 63 more, digits or single hyphens among them, as in `no-machine-images`"
)]
pub(crate) struct NameError;

pmp_protocol::codes!(NameError => "E2120");

pmp_protocol::without_hint!(NameError);

impl FilterName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FilterName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // Narrower than the contract's rule: it is also a name for Cargo, npm and Python.
        let fits = (1..=64).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.ends_with('-')
            && !text.contains("--");
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError) }
    }
}

impl TryFrom<String> for FilterName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl fmt::Display for FilterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: FilterName,
    language: Language,
    wit: Option<PathBuf>,
    max_file_mib: Option<usize>,
}

/// A folder in which a filter is written.
#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
    manifest: Manifest,
}

/// The reason why a folder is no project.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    #[error("the folder `{}` is no filter's project: it has no `{MANIFEST}`", .0.display())]
    NoProject(PathBuf),
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot understand `{}`", path.display())]
    Parse { path: PathBuf, source: toml::de::Error },
    #[error("the filter `{name}` is not built yet: there is no `{}`", path.display())]
    NotBuilt { name: FilterName, path: PathBuf },
}

pmp_protocol::codes!(ProjectError {
    NoProject => "E2116",
    Read => "E2117",
    Parse => "E2118",
    NotBuilt => "E2119",
});

impl Hint for ProjectError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoProject(_) => Some(
                "name the file of a component or a built-in filter, or start a project with `pmp-filter new`"
                    .to_owned(),
            ),
            Self::NotBuilt { .. } => Some("build it with `pmp-filter build`".to_owned()),
            Self::Read { .. } | Self::Parse { .. } => None,
        }
    }
}

impl Project {
    /// Reads the manifest of a folder.
    pub(crate) fn read(root: &Path) -> Result<Self, ProjectError> {
        let path = root.join(MANIFEST);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ProjectError::NoProject(root.to_owned()));
            }
            Err(source) => return Err(ProjectError::Read { path, source }),
        };
        let manifest = toml::from_str(&text).map_err(|source| ProjectError::Parse { path, source })?;
        Ok(Self { root: root.to_owned(), manifest })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn name(&self) -> &FilterName {
        &self.manifest.name
    }

    pub(crate) fn language(&self) -> Language {
        self.manifest.language
    }

    /// The folder of the contract.
    pub(crate) fn wit(&self) -> PathBuf {
        self.root.join(self.manifest.wit.as_deref().unwrap_or(Path::new(WIT)))
    }

    /// The limit on the component's size in MiB, if the project sets one.
    pub(crate) fn max_file_mib(&self) -> Option<usize> {
        self.manifest.max_file_mib
    }

    /// The path at which `build` puts the component.
    pub(crate) fn component(&self) -> PathBuf {
        self.root.join("build").join(format!("{}.wasm", self.manifest.name))
    }

    /// The component, which must have been built.
    pub(crate) fn built(&self) -> Result<PathBuf, ProjectError> {
        let path = self.component();
        if path.is_file() { Ok(path) } else { Err(ProjectError::NotBuilt { name: self.name().clone(), path }) }
    }

    /// The path of its test cases.
    pub(crate) fn cases(&self) -> PathBuf {
        self.root.join("cases.toml")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_for_every_language() {
        for name in ["a", "no-machine-images", "top-10"] {
            assert_eq!(name.parse::<FilterName>().unwrap().as_str(), name);
        }
        for name in ["", "A", "1st", "-a", "a-", "a--b", "a_b", "a.b", "../a", &"a".repeat(65)] {
            assert_eq!(name.parse::<FilterName>(), Err(NameError), "{name}");
        }
    }

    #[test]
    fn a_misspelt_field_of_the_manifest_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(MANIFEST), "name = \"a\"\nlanguage = \"rust\"\nmax_file = 3").unwrap();
        let error = Project::read(folder.path()).unwrap_err();
        let ProjectError::Parse { source, .. } = error else { panic!("{error}") };
        assert!(source.to_string().contains("unknown field `max_file`"), "{source}");
    }
}
