//! Values, items and names of tables in the JSON of requests and answers.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::error::Error;
use crate::number::Number;
use crate::value::{Attributes, Binary, Item, Value};

/// The beginning of an error's text that is about a value and not about the form of the JSON.
const ABOUT_A_VALUE: &str = "\u{1}";

const EMPTY: &str = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
const SEVERAL: &str =
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes";
const INVALID: &str = "One or more parameter values were invalid: ";

/// Reads a request's JSON.
pub(crate) fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(body).map_err(|error| Error::serialization(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| {
        let text = error.to_string();
        match text.strip_prefix(ABOUT_A_VALUE) {
            // serde_json adds where it was.
            Some(text) => Error::validation(text.rfind(" at line ").map_or(text, |end| &text[..end])),
            None => Error::serialization(text),
        }
    })
}

fn refused<E: de::Error>(problem: impl fmt::Display) -> E {
    E::custom(format_args!("{ABOUT_A_VALUE}{problem}"))
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Some(Kind(kind)) = map.next_key()? else { return Err(refused(EMPTY)) };
        let value = match kind {
            "S" => Value::S(map.next_value::<String>()?.into()),
            "N" => Value::N(map.next_value::<Decimal>()?.0),
            "B" => Value::B(map.next_value::<Base64>()?.0),
            "BOOL" => Value::Bool(map.next_value()?),
            "NULL" if map.next_value::<bool>()? => Value::Null,
            "NULL" => return Err(refused(format!("{INVALID}Null attribute value types must have the value of true"))),
            "L" => Value::L(map.next_value()?),
            "M" => Value::M(map.next_value()?),
            "SS" => {
                let members = map.next_value::<Vec<String>>()?.into_iter().map(Arc::from).collect();
                Value::Ss(set_of(members, "An string set  may not be empty")?)
            }
            "NS" => {
                let members = map.next_value::<Vec<Decimal>>()?.into_iter().map(|decimal| decimal.0).collect();
                Value::Ns(set_of(members, "An number set  may not be empty")?)
            }
            "BS" => {
                let members = map.next_value::<Vec<Base64>>()?.into_iter().map(|binary| binary.0).collect();
                Value::Bs(set_of(members, "Binary sets should not be empty")?)
            }
            _ => return Err(refused(EMPTY)),
        };
        match map.next_key::<IgnoredAny>()? {
            Some(_) => Err(refused(SEVERAL)),
            None => Ok(value),
        }
    }
}

fn set_of<T: Ord, E: de::Error>(members: Vec<T>, empty: &str) -> Result<BTreeSet<T>, E> {
    if members.is_empty() {
        return Err(refused(format!("{INVALID}{empty}")));
    }
    let count = members.len();
    let set: BTreeSet<T> = members.into_iter().collect();
    if set.len() < count {
        return Err(refused(format!("{INVALID}Input collection contains duplicates.")));
    }
    Ok(set)
}

/// The name of a type. One that is not known is an empty text.
struct Kind(&'static str);

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KindVisitor;
        impl Visitor<'_> for KindVisitor {
            type Value = Kind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a type")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Kind, E> {
                let known = ["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"];
                Ok(Kind(known.into_iter().find(|known| *known == name).unwrap_or_default()))
            }
        }
        deserializer.deserialize_str(KindVisitor)
    }
}

struct Decimal(Number);

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DecimalVisitor;
        impl Visitor<'_> for DecimalVisitor {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number in a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                Number::parse(text).map(Decimal).map_err(refused)
            }
        }
        deserializer.deserialize_str(DecimalVisitor)
    }
}

struct Base64(Binary);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64Visitor;
        impl Visitor<'_> for Base64Visitor {
            type Value = Base64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes in base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64, E> {
                STANDARD.decode(text).map(|bytes| Base64(bytes.into())).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Base64Visitor)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_key(self.kind())?;
        match self {
            Self::S(text) => map.serialize_value(&**text)?,
            Self::N(number) => map.serialize_value(&Shown(number))?,
            Self::B(binary) => map.serialize_value(&Encoded(binary))?,
            Self::Bool(value) => map.serialize_value(value)?,
            Self::Null => map.serialize_value(&true)?,
            Self::L(list) => map.serialize_value(list)?,
            Self::M(attributes) => map.serialize_value(attributes)?,
            Self::Ss(set) => map.serialize_value(&set.iter().map(|text| &**text).collect::<Vec<_>>())?,
            Self::Ns(set) => map.serialize_value(&set.iter().map(Shown).collect::<Vec<_>>())?,
            Self::Bs(set) => map.serialize_value(&set.iter().map(Encoded).collect::<Vec<_>>())?,
        }
        map.end()
    }
}

struct Shown<'a>(&'a Number);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

struct Encoded<'a>(&'a Binary);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0.bytes()))
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Attributes::deserialize(deserializer).map(Self::from)
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.attributes().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back_as_it_was() {
        let text = r#"{"b":{"B":"AQI="},"bs":{"BS":["AQ==","Ag=="]},"f":{"BOOL":false},"l":{"L":[{"S":"a"},{"NULL":true}]},"m":{"M":{"member":{"N":"1.5"}}},"ns":{"NS":["1","2"]},"s":{"S":"ü\n"},"ss":{"SS":["a","b"]}}"#;
        let item: Item = read(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&item).unwrap(), text);
    }

    #[test]
    fn what_is_no_value_is_told_from_what_is_no_json() {
        for (text, code, part) in [
            (r#"{"a":{}}"#, "ValidationException", EMPTY),
            (r#"{"a":{"X":"1"}}"#, "ValidationException", EMPTY),
            (r#"{"a":{"S":"1","N":"1"}}"#, "ValidationException", SEVERAL),
            (r#"{"a":{"N":"one"}}"#, "ValidationException", "numeric value: one"),
            (r#"{"a":{"NULL":false}}"#, "ValidationException", "must have the value of true"),
            (r#"{"a":{"SS":[]}}"#, "ValidationException", "set  may not be empty"),
            (r#"{"a":{"NS":["1","1.0"]}}"#, "ValidationException", "contains duplicates"),
            (r#"{"a":{"S":1}}"#, "SerializationException", "invalid type"),
            (r#"{"a":{"B":"*"}}"#, "SerializationException", ""),
            (r#"{"a":"#, "SerializationException", "EOF"),
        ] {
            let error = read::<Attributes>(text.as_bytes()).unwrap_err();
            assert!(error.code == code && error.message.contains(part), "{text}: {error:?}");
            assert!(!error.message.starts_with(ABOUT_A_VALUE));
            assert!(code.starts_with('S') || !error.message.contains(" at line "));
        }
    }
}
