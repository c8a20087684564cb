//! Between the SDK's `Document` and `serde_json::Value`: the SDK's type has no serde of its own.

use aws_smithy_types::{Document, Number};
use serde_json::Value;

pub(crate) fn to_json(document: &Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(value) => Value::Bool(*value),
        Document::String(value) => Value::String(value.clone()),
        Document::Number(Number::PosInt(value)) => (*value).into(),
        Document::Number(Number::NegInt(value)) => (*value).into(),
        Document::Number(Number::Float(value)) => (*value).into(),
        Document::Array(values) => Value::Array(values.iter().map(to_json).collect()),
        Document::Object(fields) => Value::Object(fields.iter().map(|(k, v)| (k.clone(), to_json(v))).collect()),
    }
}
