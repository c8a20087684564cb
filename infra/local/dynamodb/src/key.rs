//! The keys of items, and the checks on them.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::number::Number;
use crate::value::{Attributes, Binary, Value};

/// The most bytes of a partition key.
const LONGEST_PARTITION: usize = 2048;
/// The most bytes of a sort key.
const LONGEST_SORT: usize = 1024;

const NO_MATCH: &str = "The provided key element does not match the schema";

/// A value that can be a key, in DynamoDB's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    S(Arc<str>),
    N(Number),
    B(Binary),
}

impl Key {
    /// The key in a value; `None` if values of its type cannot be keys.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::S(text) => Some(Self::S(Arc::clone(text))),
            Value::N(number) => Some(Self::N(*number)),
            Value::B(binary) => Some(Self::B(binary.clone())),
            _ => None,
        }
    }

    pub(crate) fn value(&self) -> Value {
        match self {
            Self::S(text) => Value::S(Arc::clone(text)),
            Self::N(number) => Value::N(*number),
            Self::B(binary) => Value::B(binary.clone()),
        }
    }

    pub(crate) fn begins_with(&self, prefix: &Self) -> bool {
        match (self, prefix) {
            (Self::S(text), Self::S(prefix)) => text.starts_with(&**prefix),
            (Self::B(binary), Self::B(prefix)) => binary.bytes().starts_with(prefix.bytes()),
            _ => false,
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(_) => 1,
            Self::B(binary) => binary.bytes().len(),
        }
    }

    /// Where a scan comes by this partition. Another build may go another way, as AWS may.
    pub(crate) fn place(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl fmt::Display for Key {
    /// The value as IAM compares it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use base64::Engine;
        match self {
            Self::S(text) => f.write_str(text),
            Self::N(number) => number.fmt(f),
            Self::B(binary) => f.write_str(&base64::engine::general_purpose::STANDARD.encode(binary.bytes())),
        }
    }
}

/// The type of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeyType {
    S,
    N,
    B,
}

impl KeyType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
        }
    }
}

/// One attribute of a table's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyAttribute {
    pub(crate) name: String,
    pub(crate) kind: KeyType,
}

impl KeyAttribute {
    fn check(&self, key: &Key, is_sort: bool) -> Result<(), Error> {
        match key.length() {
            0 => Err(empty(self, key)),
            length if is_sort && length > LONGEST_SORT => {
                Err(Error::invalid("Aggregated size of all range keys has exceeded the size limit of 1024 bytes"))
            }
            length if length > LONGEST_PARTITION => {
                Err(Error::invalid("Size of hashkey has exceeded the maximum size limit of2048 bytes"))
            }
            _ => Ok(()),
        }
    }

    /// The key in `value`, which has to be of the right type.
    fn take(&self, value: &Value) -> Option<Key> {
        Key::of(value).filter(|_| value.kind() == self.kind.name())
    }
}

fn empty(attribute: &KeyAttribute, key: &Key) -> Error {
    let kind = if matches!(key, Key::B(_)) { "binary" } else { "string" };
    Error::validation(format!(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {}",
        attribute.name
    ))
}

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ItemKey {
    pub(crate) partition: Key,
    pub(crate) sort: Option<Key>,
}

/// The attributes that make up the key of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeySchema {
    pub(crate) partition: KeyAttribute,
    pub(crate) sort: Option<KeyAttribute>,
}

impl KeySchema {
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.partition).chain(&self.sort)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.attributes().any(|attribute| attribute.name == name)
    }

    /// The key of an item that is written.
    pub(crate) fn of_item(&self, item: &Attributes) -> Result<ItemKey, Error> {
        let take = |attribute: &KeyAttribute, is_sort| {
            let name = &attribute.name;
            let value = item.get(name).ok_or_else(|| Error::invalid(format!("Missing the key {name} in the item")))?;
            let key = attribute.take(value).ok_or_else(|| {
                let (expected, actual) = (attribute.kind.name(), value.kind());
                Error::invalid(format!("Type mismatch for key {name} expected: {expected} actual: {actual}"))
            })?;
            attribute.check(&key, is_sort).map(|()| key)
        };
        let partition = take(&self.partition, false)?;
        let sort = self.sort.as_ref().map(|attribute| take(attribute, true)).transpose()?;
        Ok(ItemKey { partition, sort })
    }

    /// The key that a request names: all attributes of the key, and no other.
    pub(crate) fn of_key(&self, key: &Attributes) -> Result<ItemKey, Error> {
        let mismatch = || Error::validation(NO_MATCH);
        if key.len() != self.attributes().count() {
            return Err(mismatch());
        }
        let take = |attribute: &KeyAttribute, is_sort| {
            let value = key.get(&attribute.name).ok_or_else(mismatch)?;
            let key = attribute.take(value).ok_or_else(mismatch)?;
            attribute.check(&key, is_sort).map(|()| key)
        };
        let partition = take(&self.partition, false)?;
        let sort = self.sort.as_ref().map(|attribute| take(attribute, true)).transpose()?;
        Ok(ItemKey { partition, sort })
    }

    /// The value of one attribute of the key in a condition on keys.
    pub(crate) fn of_condition(attribute: &KeyAttribute, value: &Value) -> Result<Key, Error> {
        let mismatch = || Error::invalid("Condition parameter type does not match schema type");
        let key = attribute.take(value).ok_or_else(mismatch)?;
        if key.length() == 0 { Err(empty(attribute, &key)) } else { Ok(key) }
    }

    /// The attributes of a key.
    pub(crate) fn attributes_of(&self, key: &ItemKey) -> Attributes {
        let sort = self.sort.as_ref().zip(key.sort.as_ref());
        std::iter::once((&self.partition, &key.partition))
            .chain(sort)
            .map(|(attribute, key)| (attribute.name.clone(), key.value()))
            .collect()
    }
}
