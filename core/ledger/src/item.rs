//! Reads attributes out of DynamoDB items.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_protocol::{AnswersError, Hint, SealError};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// An item that this ledger did not write in this form. The caller adds the table or the snapshot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ItemError {
    /// The attribute is not there.
    #[error("attribute `{0}` is missing")]
    Missing(&'static str),
    /// The attribute is of another kind.
    #[error("attribute `{0}` is neither text nor number")]
    Kind(&'static str),
    /// The attribute is a text or a number, and cannot be parsed.
    #[error("attribute `{name}` is `{value}`")]
    Value {
        /// Name of the attribute.
        name: &'static str,
        /// The beginning of the value. It is text from outside: bounded, but not made harmless
        /// (rule 14).
        value: String,
    },
    /// There are more or fewer items than the first of them says.
    #[error("{found} of {expected} chunks are there")]
    Chunks {
        /// How many items were found.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// The items are not numbered from 1 without gaps. The value is the first missing number.
    #[error("chunk {0} is missing")]
    MissingChunk(usize),
    /// An item holds no bytes.
    #[error("chunk {0} has no content")]
    EmptyChunk(usize),
    /// The content is said to be in more parts, or larger, than a hub stores.
    #[error("it is said to be {bytes} bytes in {parts} parts, which is more than the ledger holds")]
    TooManyParts {
        /// How many parts it is said to have.
        parts: usize,
        /// How large it is said to be.
        bytes: usize,
    },
    /// The item of a part is not there. The value is its number, from 1.
    #[error("part {0} is missing")]
    MissingPart(usize),
    /// The bytes of a part are not those that its key names. The value is its number, from 1.
    #[error("part {0} has another content than its key names")]
    WrongPart(usize),
    /// The parts together are more or fewer bytes than is said of them.
    #[error("the parts are {found} bytes together, and not {expected}")]
    PartsLength {
        /// How many bytes there are, or were when there were too many.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// There is no item at all.
    #[error("it has no items")]
    NoItems,
    /// The items make up another content than they name.
    #[error(transparent)]
    Content(#[from] SealError),
    /// The items make up other answers than they name.
    #[error(transparent)]
    Answers(#[from] AnswersError),
}

pmp_protocol::codes!(ItemError {
    Missing => "E1207",
    Kind => "E1208",
    Value => "E1209",
    Chunks => "E1210",
    MissingChunk => "E1211",
    EmptyChunk => "E1212",
    NoItems => "E1213",
    TooManyParts => "E1217",
    MissingPart => "E1218",
    WrongPart => "E1219",
    PartsLength => "E1220",
    Content(source) => source,
    Answers(source) => source,
});

impl Hint for ItemError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Content(source) => source.hint(),
            Self::Answers(source) => source.hint(),
            Self::Missing(_)
            | Self::Kind(_)
            | Self::Value { .. }
            | Self::Chunks { .. }
            | Self::MissingChunk(_)
            | Self::EmptyChunk(_)
            | Self::TooManyParts { .. }
            | Self::MissingPart(_)
            | Self::WrongPart(_)
            | Self::PartsLength { .. }
            | Self::NoItems => None,
        }
    }
}

/// Parses the attribute `name`, which must be a text or a number.
pub(crate) fn parse<T: FromStr>(item: &Item, name: &'static str) -> Result<T, ItemError> {
    let text = match item.get(name) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text,
        Some(_) => return Err(ItemError::Kind(name)),
        None => return Err(ItemError::Missing(name)),
    };
    text.parse().map_err(|_| ItemError::Value { name, value: text.chars().take(80).collect() })
}

/// Parses the attribute `name` as [`parse`] does. `None` if it is absent.
pub(crate) fn parse_optional<T: FromStr>(item: &Item, name: &'static str) -> Result<Option<T>, ItemError> {
    item.contains_key(name).then(|| parse(item, name)).transpose()
}

pub(crate) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
