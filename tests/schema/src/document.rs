//! Holds a document to a published JSON Schema: the keywords that our schemas use, and no other. A
//! crate for the whole of JSON Schema brings two dozen others along; and we ask for more than it
//! would, that a field which is not described is not there.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A JSON Schema that is checked in.
#[derive(Debug)]
pub struct PublishedSchema(Value);

impl PublishedSchema {
    /// The schema of what `command` of pmp-hub prints, of `docs/schema`.
    pub fn of_hub(command: &str) -> Self {
        Self::of("hub", command)
    }

    /// The schema of what `command` of pmp-spoke prints, of `docs/schema`.
    pub fn of_spoke(command: &str) -> Self {
        Self::of("spoke", command)
    }

    /// The schema of what `command` of `pmp-PROGRAM` prints, of `docs/schema`.
    pub fn of(program: &str, command: &str) -> Self {
        let path = file_of(program, command);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(serde_json::from_str(&text).unwrap())
    }

    /// Whether what `command` of `pmp-PROGRAM` prints has a schema.
    pub fn is_published(program: &str, command: &str) -> bool {
        file_of(program, command).exists()
    }

    /// What in `document` is not as the schema says, or not described by it.
    pub fn faults(&self, document: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(&self.0, document, "", &mut faults);
        faults
    }

    fn check(&self, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
        let Some(schema) = schema.as_object() else {
            assert!(schema == true, "{place}: {schema}");
            return;
        };
        for (keyword, rule) in schema {
            let mut expect = |holds: bool| {
                if !holds {
                    faults.push(format!("{place}: {value} is not `{keyword}: {rule}`"));
                }
            };
            match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "format" | "default" | "required" => {}
                "type" => {
                    let types = rule.as_array().map_or(std::slice::from_ref(rule), Vec::as_slice);
                    expect(types.iter().any(|name| is(value, name.as_str().unwrap())));
                }
                "const" => expect(value == rule),
                "enum" => expect(rule.as_array().unwrap().contains(value)),
                "minimum" => expect(value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap())),
                "$ref" => {
                    let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    self.check(&self.0["$defs"][name], value, place, faults);
                }
                "anyOf" | "oneOf" => {
                    let fits = |one: &Value| {
                        let mut inner = Vec::new();
                        self.check(one, value, place, &mut inner);
                        inner
                    };
                    let outcomes: Vec<_> = rule.as_array().unwrap().iter().map(fits).collect();
                    if !outcomes.iter().any(Vec::is_empty) {
                        faults.extend(outcomes.into_iter().min_by_key(Vec::len).unwrap());
                    }
                }
                "items" => {
                    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{place}/{at}"), faults);
                    }
                }
                "uniqueItems" => {
                    let items = value.as_array().map_or(&[][..], Vec::as_slice);
                    expect(rule == false || items.iter().enumerate().all(|(at, item)| !items[..at].contains(item)));
                }
                "properties" | "additionalProperties" | "propertyNames" => {}
                other => panic!("{place}: no test knows the keyword `{other}`"),
            }
        }
        let Some(fields) = value.as_object() else { return };
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap()) {
                faults.push(format!("{place}: {name} is missing"));
            }
        }
        let (properties, others) = (schema.get("properties"), schema.get("additionalProperties"));
        for (name, field) in fields {
            let place = format!("{place}/{name}");
            match (properties.and_then(|properties| properties.get(name)), others) {
                (Some(rule), _) | (None, Some(rule)) if rule != false => self.check(rule, field, &place, faults),
                (None, None) if properties.is_none() => {}
                _ => faults.push(format!("{place} is not described")),
            }
        }
    }
}

/// The file of a schema, which the name of the command stands in.
fn file_of(program: &str, command: &str) -> PathBuf {
    let file = format!("../../docs/schema/{program}-{}.schema.json", command.replace(' ', "-"));
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is no type"),
    }
}
