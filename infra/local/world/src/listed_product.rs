//! A product on a list. A world file may write it as its id alone.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A product on a list, with the note that an administrator left. A world file has the id alone, or
/// `{ id, notes }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedProduct {
    /// The product's id: 1 to 50 visible ASCII characters.
    pub id: String,
    /// The note: 1 to 50 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

impl From<&str> for ListedProduct {
    fn from(id: &str) -> Self {
        Self { id: id.into(), notes: None }
    }
}

impl From<String> for ListedProduct {
    fn from(id: String) -> Self {
        Self { id, notes: None }
    }
}

impl From<(&str, &str)> for ListedProduct {
    fn from((id, notes): (&str, &str)) -> Self {
        Self { id: id.into(), notes: Some(notes.into()) }
    }
}

/// The long form of the world file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IdAndNotes {
    /// The product's id: 1 to 50 visible ASCII characters.
    id: String,
    /// The note: 1 to 50 characters.
    notes: Option<String>,
}

struct EitherForm;

impl<'de> Visitor<'de> for EitherForm {
    type Value = ListedProduct;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a product id, or a table with `id` and `notes`")
    }

    fn visit_str<E: Error>(self, id: &str) -> Result<ListedProduct, E> {
        Ok(id.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ListedProduct, A::Error> {
        let IdAndNotes { id, notes } = IdAndNotes::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ListedProduct { id, notes })
    }
}

impl<'de> Deserialize<'de> for ListedProduct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherForm)
    }
}

impl JsonSchema for ListedProduct {
    fn schema_name() -> Cow<'static, str> {
        "ListedProduct".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A product on a list: its id, or its id with the note that an administrator left.",
            "anyOf": [{ "type": "string", "description": "The product id." }, IdAndNotes::json_schema(generator)],
        })
    }
}
