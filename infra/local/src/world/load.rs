//! Reading a world from a file, and the forms that the file allows for convenience.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::{ListedProduct, Problem, World};

/// Why a world could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The file could not be read.
    #[error("cannot read the world file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML, or not of this form. The source names the line.
    #[error("cannot understand the world file `{}`", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected there.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// The world contradicts itself or names something impossible.
    #[error("the world is not valid:{}", Lines(.0))]
    Invalid(Vec<Problem>),
}

struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl World {
    /// Reads and validates a world file.
    ///
    /// # Errors
    /// The file cannot be read, is not of the documented form, or describes an impossible world.
    pub fn load(path: &Path) -> Result<Self, WorldError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| WorldError::Read { path: path.to_owned(), source })?;
        let world: Self = toml::from_str(&text)
            .map_err(|source| WorldError::Parse { path: path.to_owned(), source: Box::new(source) })?;
        world.validate()?;
        Ok(world)
    }
}

/// A product on a list, as the file may write it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ListedProductForm {
    Id(String),
    WithNotes(IdAndNotes),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IdAndNotes {
    id: String,
    notes: Option<String>,
}

impl From<ListedProductForm> for ListedProduct {
    fn from(form: ListedProductForm) -> Self {
        match form {
            ListedProductForm::Id(id) => Self { id, notes: None },
            ListedProductForm::WithNotes(IdAndNotes { id, notes }) => Self { id, notes },
        }
    }
}

/// `"2s"`, `"150ms"`, `"1m 30s"`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let refused = |why: String| serde::de::Error::custom(format!("`{text}` is not a duration such as \"2s\": {why}"));
    let span: jiff::SignedDuration = text.parse().map_err(|e: jiff::Error| refused(e.to_string()))?;
    Duration::try_from(span).map_err(|e| refused(e.to_string()))
}
