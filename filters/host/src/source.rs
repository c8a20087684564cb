//! Where a filter comes from, as the configuration says it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::Filter;
use crate::rules::BUILT_IN;

/// Where a filter comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterSource {
    /// A built-in filter of this name.
    BuiltIn(&'static str),
    /// A file: it has a `/` or a `.` in it.
    File(PathBuf),
}

/// Why a text names no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// A word that is no file, and no built-in filter either.
    #[error(
        "`{name}` is none of the built-in filters ({}); a file is written with a `/` or a `.`, as in `./{name}`",
        Filter::built_in_names().collect::<Vec<_>>().join(", ")
    )]
    NoSuchBuiltIn {
        /// The word.
        name: String,
    },
}

impl FromStr for FilterSource {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if let Some(rule) = BUILT_IN.iter().find(|rule| rule.name == text) {
            return Ok(Self::BuiltIn(rule.name));
        }
        if !text.contains(['/', '.']) {
            return Err(SourceError::NoSuchBuiltIn { name: text.to_owned() });
        }
        Ok(Self::File(text.into()))
    }
}

impl fmt::Display for FilterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name) => f.write_str(name),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_meant_where_there_is_a_slash_or_a_dot() {
        for file in ["./exclude-ids", "filters/exclude-ids", "exclude-ids.wasm", "/exclude-ids"] {
            assert_eq!(file.parse(), Ok(FilterSource::File(file.into())));
        }
        for name in Filter::built_in_names() {
            assert_eq!(name.parse(), Ok(FilterSource::BuiltIn(name)));
        }
    }

    #[test]
    fn a_misspelt_name_is_answered_with_those_that_there_are() {
        let error = "exclude-vendor".parse::<FilterSource>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`exclude-vendor` is none of the built-in filters (exclude-ids, exclude-vendors, only-categories, rules); a \
             file is written with a `/` or a `.`, as in `./exclude-vendor`"
        );
    }
}
