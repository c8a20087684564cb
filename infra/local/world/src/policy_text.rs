//! An IAM policy document as JSON text.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// An IAM policy document. A world file has it as JSON in a string, or written as a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyText(String);

impl PolicyText {
    /// The policy document as JSON text, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PolicyText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for PolicyText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<serde_json::Value> for PolicyText {
    fn from(document: serde_json::Value) -> Self {
        Self(document.to_string())
    }
}

impl<'de> Deserialize<'de> for PolicyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Self(text),
            document => document.into(),
        })
    }
}

impl JsonSchema for PolicyText {
    fn schema_name() -> Cow<'static, str> {
        "Policy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "description": "An IAM policy document: JSON in a string, or the same written as a table.",
        })
    }
}
