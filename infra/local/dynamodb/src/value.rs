//! Attribute values and items.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::number::Number;

/// The attributes of an item or of a map, by name.
pub type Attributes = BTreeMap<String, Value>;

/// How deep values may be nested in each other.
const DEEPEST: usize = 32;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// A text in UTF-8.
    S(Arc<str>),
    /// A number, exact and decimal.
    N(Number),
    /// Bytes of any content.
    B(Binary),
    /// One of true and false.
    Bool(bool),
    /// Nothing, which is said explicitly.
    Null,
    /// A list of values of any types.
    L(Vec<Value>),
    /// A map of values of any types.
    M(Attributes),
    /// A set of texts.
    Ss(BTreeSet<Arc<str>>),
    /// A set of numbers.
    Ns(BTreeSet<Number>),
    /// A set of bytes.
    Bs(BTreeSet<Binary>),
}

impl Value {
    /// The name of the type as requests write it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::S(text) = self { Some(text) } else { None }
    }

    /// The bytes that the value counts for.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number.size(),
            Self::B(binary) => binary.bytes().len(),
            Self::Bool(_) | Self::Null => 1,
            Self::L(list) => 3 + list.iter().map(|value| 1 + value.size()).sum::<usize>(),
            Self::M(map) => 3 + map.len() + size_of(map),
            Self::Ss(set) => set.iter().map(|text| text.len()).sum(),
            Self::Ns(set) => set.iter().map(|number| number.size()).sum(),
            Self::Bs(set) => set.iter().map(|binary| binary.bytes().len()).sum(),
        }
    }

    /// Whether it is nested deeper than DynamoDB permits.
    pub(crate) fn is_too_deep(&self) -> bool {
        self.depth() > DEEPEST
    }

    fn depth(&self) -> usize {
        match self {
            Self::L(list) => 1 + list.iter().map(Self::depth).max().unwrap_or_default(),
            Self::M(map) => 1 + map.values().map(Self::depth).max().unwrap_or_default(),
            _ => 0,
        }
    }

    /// The order of two values of one type that has an order.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::S(one), Self::S(two)) => Some(one.cmp(two)),
            (Self::N(one), Self::N(two)) => Some(one.cmp(two)),
            (Self::B(one), Self::B(two)) => Some(one.cmp(two)),
            _ => None,
        }
    }
}

/// The bytes that attributes count for: their names and values.
pub(crate) fn size_of(attributes: &Attributes) -> usize {
    attributes.iter().map(|(name, value)| name.len() + value.size()).sum()
}

/// An item. Copies share its attributes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Item(Arc<Attributes>);

impl Item {
    /// The attributes, by name.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.0
    }

    /// The bytes that the item counts for.
    pub(crate) fn size(&self) -> usize {
        size_of(&self.0)
    }
}

impl From<Attributes> for Item {
    fn from(attributes: Attributes) -> Self {
        Self(Arc::new(attributes))
    }
}

/// Bytes, which copies share. They are compared from the first byte on.
#[derive(Debug, Clone)]
pub struct Binary(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes: Vec<u8>,
    digest: OnceLock<String>,
}

impl Binary {
    /// The bytes themselves, in order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The SHA-256 of the bytes, in hexadecimal digits. It is computed once.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.0.digest.get_or_init(|| {
            Sha256::digest(&self.0.bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
        })
    }
}

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Shared { bytes, digest: OnceLock::new() }))
    }
}

impl PartialEq for Binary {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Binary {}

impl Hash for Binary {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

impl Ord for Binary {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl PartialOrd for Binary {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
