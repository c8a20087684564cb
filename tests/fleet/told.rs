//! Calls in the log: in a form that is the same in each run of a seed. The SDK writes maps in an
//! order by chance; here they are sorted.

use std::sync::LazyLock;

use pmp_protocol::Digest;
use serde_json::Value;

use crate::cloud::{Service, form};

/// Whether the log holds all bodies as they are, and not their digests: `PMP_FULL=1`.
static IN_FULL: LazyLock<bool> = LazyLock::new(|| std::env::var_os("PMP_FULL").is_some());

/// What a request is about, and a digest of all that it says.
pub(crate) fn subject(service: Service, query: &str, body: &[u8]) -> String {
    match service {
        // Attributes have numbers by chance, and the topic is named after the process.
        Service::Topic => brief(form(body, "Message").unwrap_or_default().as_bytes()),
        Service::Sessions => String::new(),
        Service::Catalog if !query.is_empty() => query.to_owned(),
        Service::Tables => {
            let mut texts = Vec::new();
            let value = serde_json::from_slice(body).unwrap_or(Value::Null);
            for part in ["Key", "ExpressionAttributeValues", "Item"] {
                keys(&value[part], &mut texts);
            }
            texts.sort();
            texts.truncate(4);
            format!("{} {}", texts.join(" "), sorted(&value))
        }
        Service::Catalog | Service::Queues => brief(body),
    }
}

/// Short texts that name something.
fn keys(value: &Value, texts: &mut Vec<String>) {
    let fields = value.as_object().into_iter().flatten();
    let names = [":partition", ":item", ":experience", ":from", "organization", "experience", "item"];
    let named = fields.filter(|(name, _)| names.contains(&name.as_str()));
    texts.extend(named.filter_map(|(_, value)| value["S"].as_str().map(str::to_owned)));
}

/// The first digits of a digest of a body, whatever the order of its fields.
pub(crate) fn brief(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => sorted(&value),
        Err(_) => Digest::of(body).short(),
    }
}

fn sorted(value: &Value) -> String {
    let mut text = String::new();
    write_sorted(value, &mut text);
    if *IN_FULL {
        return text;
    }
    Digest::of(text.as_bytes()).short()
}

fn write_sorted(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.keys().collect();
            names.sort();
            text.push('{');
            for name in names {
                text.push_str(name);
                text.push(':');
                write_sorted(&fields[name], text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_sorted(item, text);
                text.push(',');
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[test]
fn the_order_of_fields_changes_nothing() {
    assert_eq!(brief(br#"{"a":1,"b":{"c":[1,2],"d":null}}"#), brief(br#"{"b":{"d":null,"c":[1,2]},"a":1}"#));
    assert_ne!(brief(br#"{"a":[1,2]}"#), brief(br#"{"a":[2,1]}"#));
}
