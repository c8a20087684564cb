//! CloudFormation templates, read: YAML with short-form functions in, JSON with long-form functions
//! out.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use serde_saphyr::Tagged;

/// A file of this repository, by its path from the root.
pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A template of this repository, by its path from the root.
pub(crate) fn read(path: &str) -> Value {
    let file = in_repository(path);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let Node(template) = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    template
}

/// A YAML node, whose tag is written out: `!Sub x` becomes `{"Fn::Sub": "x"}`.
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(Untagged(value), tag) = Tagged::deserialize(deserializer)?;
        let name = tag.as_deref().and_then(|tag| tag.strip_prefix('!'));
        Ok(Self(match (name, value) {
            (Some(name @ ("Ref" | "Condition")), value) => json!({ name: value }),
            (Some("GetAtt"), Value::String(path)) => {
                let (resource, attribute) = path.split_once('.').expect("`!GetAtt Resource.Attribute`");
                json!({ "Fn::GetAtt": [resource, attribute] })
            }
            (Some(name), value) => json!({ format!("Fn::{name}"): value }),
            (None, value) => value,
        }))
    }
}

/// What a node holds.
struct Untagged(Value);

impl<'de> Deserialize<'de> for Untagged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Content).map(Self)
    }
}

struct Content;

impl<'de> Visitor<'de> for Content {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML node")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(json!(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut nodes: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Node(value)) = nodes.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut nodes: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some((name, Node(value))) = nodes.next_entry::<String, _>()? {
            values.insert(name, value);
        }
        Ok(Value::Object(values))
    }
}
