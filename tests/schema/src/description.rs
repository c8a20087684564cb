//! Whether a schema describes every field.

use serde_json::Value;

/// The properties in `schema`, at any depth, that have no `description`, each with the path to it.
/// `name` begins the paths.
pub fn undescribed(name: &str, schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look(schema, name, &mut found);
    found
}

fn look(value: &Value, place: &str, found: &mut Vec<String>) {
    let Some(object) = value.as_object() else { return };
    for (name, field) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if field.get("description").is_none() {
            found.push(format!("{place}.{name}"));
        }
    }
    for (name, inner) in object {
        look(inner, &format!("{place}/{name}"), found);
    }
}
