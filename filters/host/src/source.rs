//! The source of a filter, in the form of the configuration.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use pmp_protocol::alike;

use crate::Filter;
use crate::rules::BUILT_IN;

/// The source of a filter: a built-in one, a file, or an object in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterSource {
    /// A built-in filter of this name.
    BuiltIn(&'static str),
    /// A file: it has a `/` or a `.` in it.
    File(PathBuf),
    /// An object in S3: `s3://BUCKET/KEY`, with `?versionId=ID` for one version of it.
    S3(S3Object),
}

/// An object in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Object {
    /// The name of the bucket.
    pub bucket: String,
    /// The key in the form that S3 uses, without any encoding.
    pub key: String,
    /// The version of the object. `None` for the newest.
    pub version_id: Option<String>,
}

/// The reason why a text names no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// A word that is neither a file nor a built-in filter.
    #[error(
        "unknown filter `{name}`{} Built-in filters are {}. For a file, write `./{name}`",
        meant(name).map_or_else(|| ".".to_owned(), |meant| format!("; did you mean `{meant}`?")),
        Filter::built_in_names().collect::<Vec<_>>().join(", ")
    )]
    NoSuchBuiltIn {
        /// The text that is neither a path nor the name of a built-in filter.
        name: String,
    },
    /// The text is not the URL of an object.
    #[error("`{0}` is not the URL of an object in S3 (s3://BUCKET/KEY, or s3://BUCKET/KEY?versionId=ID)")]
    NotAnObject(String),
    /// The URL does not start with `s3://`.
    #[error("`{0}` is a URL of another kind than s3://BUCKET/KEY")]
    OtherUrl(String),
}

pmp_protocol::codes!(SourceError {
    NoSuchBuiltIn => "E2044",
    NotAnObject => "E2045",
    OtherUrl => "E2046",
});

pmp_protocol::without_hint!(SourceError);

/// The built-in filter with a similar name, if there is one.
fn meant(name: &str) -> Option<&'static str> {
    alike(name, Filter::built_in_names()).into_iter().next()
}

impl FromStr for FilterSource {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if let Some(rule) = BUILT_IN.iter().find(|rule| rule.name == text) {
            return Ok(Self::BuiltIn(rule.name));
        }
        if let Some(object) = text.strip_prefix("s3://") {
            return object.parse().map(Self::S3).map_err(|()| SourceError::NotAnObject(text.to_owned()));
        }
        if text.contains("://") {
            return Err(SourceError::OtherUrl(text.to_owned()));
        }
        if !text.contains(['/', '.']) {
            return Err(SourceError::NoSuchBuiltIn { name: text.to_owned() });
        }
        Ok(Self::File(text.into()))
    }
}

impl FromStr for S3Object {
    type Err = ();

    /// Parses the part after `s3://`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (text, version_id) = match text.rsplit_once("?versionId=") {
            Some((text, version)) => (text, Some(version.to_owned())),
            None => (text, None),
        };
        let (bucket, key) = text.split_once('/').ok_or(())?;
        // S3 itself checks its rules for names. These checks keep a typing mistake from being read
        // as something else.
        let in_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let named = (3..=63).contains(&bucket.len()) && bucket.bytes().all(in_name);
        if !named || key.is_empty() || key.ends_with('/') || version_id.as_deref() == Some("") {
            return Err(());
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), version_id })
    }
}

impl fmt::Display for FilterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name) => f.write_str(name),
            Self::File(path) => path.display().fmt(f),
            Self::S3(object) => object.fmt(f),
        }
    }
}

impl fmt::Display for S3Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)?;
        self.version_id.iter().try_for_each(|version| write!(f, "?versionId={version}"))
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded;

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
            "unknown filter `exclude-vendor`; did you mean `exclude-vendors`? Built-in filters are exclude-ids, \
             exclude-vendors, only-categories, rules. For a file, write `./exclude-vendor`"
        );
        assert_eq!(error.code().to_string(), "E2044");
        assert!(!"nothing-alike".parse::<FilterSource>().unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn an_object_in_s3_is_named_by_bucket_key_and_version() {
        for (text, bucket, key, version) in [
            ("s3://filters/a.wasm", "filters", "a.wasm", None),
            ("s3://my.filters-1/x/y z?/a", "my.filters-1", "x/y z?/a", None),
            ("s3://filters/a.wasm?versionId=3/L4k", "filters", "a.wasm", Some("3/L4k")),
        ] {
            let source: FilterSource = text.parse().unwrap();
            let version_id = version.map(str::to_owned);
            assert_eq!(source, FilterSource::S3(S3Object { bucket: bucket.into(), key: key.into(), version_id }));
            assert_eq!(source.to_string(), text);
        }
        for text in
            ["s3://", "s3://filters", "s3://filters/", "s3://filters/a/", "s3://F/a", "s3://filters/a?versionId="]
        {
            assert!(matches!(text.parse::<FilterSource>(), Err(SourceError::NotAnObject(_))), "{text}");
        }
        let other = "https://example.com/filter.wasm".parse::<FilterSource>();
        assert!(matches!(other, Err(SourceError::OtherUrl(_))), "{other:?}");
    }
}
