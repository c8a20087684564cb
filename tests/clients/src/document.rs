//! The SDK's documents as JSON, which is easier to write and to look into.

use aws_smithy_types::{Document, Number};
use serde_json::Value;

/// JSON as a document. Numbers must be whole and not negative, as all numbers of the catalog's
/// documents are.
pub fn document(value: &Value) -> Document {
    match value {
        Value::Object(fields) => {
            Document::Object(fields.iter().map(|(name, value)| (name.clone(), document(value))).collect())
        }
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::String(text) => Document::String(text.clone()),
        Value::Bool(value) => Document::Bool(*value),
        Value::Number(number) => Document::Number(Number::PosInt(number.as_u64().unwrap())),
        Value::Null => Document::Null,
    }
}

/// A document as JSON.
pub fn json(document: &Document) -> Value {
    match document {
        Document::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), json(value))).collect(),
        Document::Array(items) => items.iter().map(json).collect(),
        Document::Number(Number::PosInt(number)) => (*number).into(),
        Document::Number(number) => number.to_f64_lossy().into(),
        Document::String(text) => text.clone().into(),
        Document::Bool(value) => (*value).into(),
        Document::Null => Value::Null,
    }
}
