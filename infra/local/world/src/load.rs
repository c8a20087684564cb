//! Reading a world from a file: TOML, YAML or JSON, by its extension.

use std::fmt;
use std::path::{Path, PathBuf};

use pmp_protocol::{Hint, asked_back};
use serde::Deserialize;
use serde_path_to_error::{Deserializer, Track};

use super::{Problem, World};

/// Why a world file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The file could not be read.
    #[error("cannot read the world file `{}`", path.display())]
    Read {
        /// The world file's path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file's extension names none of the formats.
    #[error("the world file `{}` is neither .toml nor .yaml, .yml or .json", path.display())]
    Extension {
        /// The world file's path.
        path: PathBuf,
    },
    /// The text is not of its format, or is no world.
    #[error("cannot understand the world file `{}`{}", path.display(), At(field))]
    Parse {
        /// The world file's path.
        path: PathBuf,
        /// The field at which reading ended; empty where the text is not of its format at all.
        field: String,
        /// The line, and what was expected there.
        #[source]
        source: FormatError,
    },
    /// The world contradicts itself or names something impossible.
    #[error("the world is not valid:{}", Lines(.0))]
    Invalid(Vec<Problem>),
}

pmp_protocol::codes!(WorldError {
    Read => "E3033",
    Extension => "E3034",
    Parse { source } => source,
    Invalid => "E3035",
});

impl Hint for WorldError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => Some("`pmp-local world example` prints one to start from".to_owned()),
            Self::Extension { .. } | Self::Parse { .. } => {
                Some("`pmp-local world schema` says what a world file may hold".to_owned())
            }
            Self::Invalid(_) => None,
        }
    }
}

/// What the parser of the format says, with the line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FormatError(String);

pmp_protocol::codes!(FormatError => "E3036");

pmp_protocol::without_hint!(FormatError);

impl FormatError {
    fn toml(error: &toml::de::Error, text: &str) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self(asked_back(&format!("{} at line {line}, column {column}", error.message())))
    }

    fn yaml(error: &serde_saphyr::Error) -> Self {
        Self(asked_back(&error.without_snippet().to_string()))
    }

    fn json(error: &serde_json::Error) -> Self {
        Self(asked_back(&error.to_string()))
    }
}

struct At<'a>(&'a str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " at `{}`", self.0) }
    }
}

struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// The formats that a world can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.0, which `world example` prints by default.
    Toml,
    /// YAML 1.2, in files that end in `.yaml` or `.yml`.
    Yaml,
    /// JSON, for programs that write worlds.
    Json,
}

impl Format {
    /// By the file's extension; a file without one, `/dev/stdin` for example, is TOML. `None` for
    /// an extension that names none of the formats.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase).as_deref() {
            None | Some("toml") => Some(Self::Toml),
            Some("yaml" | "yml") => Some(Self::Yaml),
            Some("json") => Some(Self::Json),
            Some(_) => None,
        }
    }
}

impl World {
    /// Reads and validates a world file.
    ///
    /// # Errors
    /// The file cannot be read, is not of the documented form, or describes an impossible world.
    pub fn load(path: &Path) -> Result<Self, WorldError> {
        let format = Format::of(path).ok_or_else(|| WorldError::Extension { path: path.to_owned() })?;
        let text =
            std::fs::read_to_string(path).map_err(|source| WorldError::Read { path: path.to_owned(), source })?;
        let world = Self::parse(&text, format).map_err(|(field, source)| {
            let path = path.to_owned();
            WorldError::Parse { path, field, source }
        })?;
        world.validate()?;
        Ok(world)
    }

    /// Reads a world without validating it.
    ///
    /// # Errors
    /// The text is not of that format, or not of the documented form. The error comes with the path
    /// of the field at which reading ended; the path is empty if the text is not of its format.
    pub fn parse(text: &str, format: Format) -> Result<Self, (String, FormatError)> {
        let mut track = Track::new();
        let world = match format {
            Format::Toml => toml::Deserializer::parse(text)
                .and_then(|deserializer| Self::deserialize(Deserializer::new(deserializer, &mut track)))
                .map_err(|error| FormatError::toml(&error, text)),
            Format::Yaml => serde_saphyr::with_deserializer_from_str_with_options(text, yaml(), |deserializer| {
                Self::deserialize(Deserializer::new(deserializer, &mut track))
            })
            .map_err(|error| FormatError::yaml(&error)),
            Format::Json => {
                let mut deserializer = serde_json::Deserializer::from_str(text);
                Self::deserialize(Deserializer::new(&mut deserializer, &mut track))
                    .and_then(|world| deserializer.end().map(|()| world))
                    .map_err(|error| FormatError::json(&error))
            }
        };
        world.map_err(|error| {
            let field = track.path().to_string();
            // Where the text is not of its format, there is no field to name.
            (if matches!(field.as_str(), "." | "?") { String::new() } else { field }, error)
        })
    }
}

/// The parser's default limits are meant for files from strangers. A world with every product of
/// the marketplace has a million nodes.
fn yaml() -> serde_saphyr::Options {
    serde_saphyr::options! { budget: serde_saphyr::budget! { max_nodes: 10_000_000, max_events: 20_000_000 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_says_the_format() {
        let format = |path: &str| Format::of(Path::new(path));
        assert_eq!(
            ["a.yml", "b.YAML", "c.json", "d.toml", "stdin"].map(format).map(Option::unwrap),
            [Format::Yaml, Format::Yaml, Format::Json, Format::Toml, Format::Toml,]
        );
        assert_eq!(format("world.ini"), None);
    }
}
