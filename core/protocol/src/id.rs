//! Identifiers, each a type of its own, checked where they enter the process.
//!
//! The checks are on length and character set only: AWS documents several shapes of product id and
//! may add more.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::PlainText;

/// A text that is not the identifier it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {expected}{}", question(meant.as_deref()))]
pub struct IdError {
    /// What was found, shortened to 80 bytes, and harmless.
    pub value: String,
    /// What would have been valid.
    pub expected: &'static str,
    /// The id that stands in it, such as one in an ARN, in quotes, or in capital letters. `None` if
    /// there is none, or more than one.
    pub meant: Option<String>,
    /// An id that is valid, and that nothing has.
    pub stand_in: &'static str,
}

fn question(meant: Option<&str>) -> String {
    meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}

crate::codes!(IdError => "E1009");

crate::without_hint!(IdError);

impl IdError {
    fn new(value: &str, expected: &'static str, stand_in: &'static str, check: fn(&str) -> bool) -> Self {
        let meant = inside(value, stand_in, check);
        let value = PlainText::bounded(value, 80).into();
        Self { value, expected, meant, stand_in }
    }
}

/// The one id in `text`, by the prefix that `stand_in` has, too. Ids without a prefix could be any
/// word.
fn inside(text: &str, stand_in: &str, check: fn(&str) -> bool) -> Option<String> {
    /// An ARN with an id is shorter.
    const LONGEST: usize = 300;
    let prefix = stand_in.split_inclusive('-').next().filter(|prefix| prefix.ends_with('-'))?;
    let words = text.get(..text.len().min(LONGEST))?.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let whole = words.flat_map(|word| [word.to_owned(), word.to_ascii_lowercase()]);
    let ids: BTreeSet<String> = whole.filter(|word| word.starts_with(prefix) && check(word)).collect();
    if ids.len() == 1 { ids.into_iter().next() } else { None }
}

/// Reads an identifier from a text, wherever that stands.
struct Spelled<T>(fn(&str) -> Result<T, IdError>);

impl<T> Visitor<'_> for Spelled<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

// Protocol S1.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $stand_in:literal, $check:expr) => {
        $(#[$doc])*
        // `Arc<str>`: ids are copied into every plan of every experience; the copy must not copy
        // the text.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        // Written and read without a `String` in between: a snapshot has a million of them.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Spelled($name::new))
            }
        }

        impl $name {
            /// Checks and takes `value`.
            pub fn new(value: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> bool = $check;
                if check(value) { Ok(Self(value.into())) } else { Err(IdError::new(value, $expected, $stand_in, check)) }
            }

            /// Whether another copy of it shares its text.
            #[must_use]
            pub fn is_shared(&self) -> bool {
                Arc::strong_count(&self.0) > 1
            }

            /// The identifier as AWS spells it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(value: &str) -> Result<Self, IdError> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(value: String) -> Result<Self, IdError> {
                Self::new(&value)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }
    };
}

id_type!(
    /// A product of AWS Marketplace: a UUID, `prod-…` or `prodview-…`; at most 50 characters (AWS
    /// documents the bound for `AllowProductProcurement`).
    ProductId,
    "a product id (1 to 50 visible ASCII characters)",
    "product",
    |v| !v.is_empty() && v.len() <= 50 && v.bytes().all(|b| b.is_ascii_graphic())
);

id_type!(
    /// A private marketplace experience: `exp-…`, without a revision.
    ExperienceId,
    "an experience id (`exp-` and 1 to 60 letters, digits or hyphens)",
    "exp-0000000000000",
    |v| v.strip_prefix("exp-").is_some_and(|rest| !rest.is_empty()
        && rest.len() <= 60
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
);

id_type!(
    /// An AWS Organizations organization: `o-` and 10 to 32 lower-case letters or digits
    /// (Organizations service model).
    OrganizationId,
    "an organization id (`o-` and 10 to 32 lower-case letters or digits)",
    "o-0000000000",
    |v| v.strip_prefix("o-").is_some_and(|rest| (10..=32).contains(&rest.len())
        && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
);

id_type!(
    /// An AWS account: 12 digits.
    AccountId,
    "an account id (12 digits)",
    "000000000000",
    |v| v.len() == 12 && v.bytes().all(|b| b.is_ascii_digit())
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Coded as _;

    #[test]
    fn product_ids_in_every_shape_are_accepted() {
        for id in ["prod-abcd1234efgh5", "prodview-abcdefghijklm", "c7bd4ac9-2f15-4b5a-9d3a-0f6d3e2f1a11", "x"] {
            assert_eq!(ProductId::new(id).unwrap().as_str(), id);
        }
    }

    #[test]
    fn the_one_id_in_a_text_is_asked_back() {
        let meant = |text: &str| ExperienceId::new(text).unwrap_err().meant;
        for text in [
            "arn:aws:aws-marketplace:us-east-1:111111111111:AWSMarketplace/Experience/exp-a1b2c3",
            "'exp-a1b2c3'",
            "exp-a1b2c3@12",
            "EXP-A1B2C3",
        ] {
            assert_eq!(meant(text).as_deref(), Some("exp-a1b2c3"), "{text}");
        }
        for text in ["exp-a,exp-b", "experience", "", "exp-"] {
            assert_eq!(meant(text), None, "{text}");
        }
        let error = OrganizationId::new("O-ABCDEFGHIJ").unwrap_err().to_string();
        assert!(error.ends_with("; did you mean `o-abcdefghij`?"), "{error}");
        assert_eq!(OrganizationId::new("o-short").unwrap_err().meant, None);
        assert_eq!(ProductId::new("two words").unwrap_err().meant, None);
        // Each stands in for an id of its kind.
        assert!(ExperienceId::new(ExperienceId::new("").unwrap_err().stand_in).is_ok());
        assert!(OrganizationId::new(OrganizationId::new("").unwrap_err().stand_in).is_ok());
        assert!(ProductId::new(ProductId::new("").unwrap_err().stand_in).is_ok());
        assert!(AccountId::new(AccountId::new("").unwrap_err().stand_in).is_ok());
    }

    #[test]
    fn what_is_not_an_id_is_refused_with_the_value_and_the_rule() {
        // Protocol S1.
        let too_long = "p".repeat(51);
        for bad in ["", "two words", "line\nbreak", "ünïcode", too_long.as_str()] {
            assert!(ProductId::new(bad).is_err(), "{bad:?}");
        }
        for bad in ["exp-", "exp-a@3", "experience", "exp-a b"] {
            assert!(ExperienceId::new(bad).is_err(), "{bad:?}");
        }
        for bad in ["o-short", "O-abcdefghij", "o-ABCDEFGHIJ"] {
            assert!(OrganizationId::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(AccountId::new("12345678901").unwrap_err().code().to_string(), "E1009");
        assert_eq!(
            ExperienceId::new("exp-\u{7}").unwrap_err().to_string(),
            "`exp-\u{fffd}` is not an experience id (`exp-` and 1 to 60 letters, digits or hyphens)"
        );
    }
}
