//! The schemas that commands publish: made of the types that are printed, and held against what is
//! checked in.

use std::path::Path;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};

use crate::undescribed;

/// What every document has besides: which version of these schemas it follows.
// It is described, and never made.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct Versioned<T, const VERSION: u32> {
    /// It changes when a field changes its meaning or goes; new fields may come at any time.
    #[schemars(schema_with = "this_version::<VERSION>")]
    schema_version: u32,
    #[serde(flatten)]
    document: T,
}

fn this_version<const VERSION: u32>(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({"const": VERSION})
}

/// A schema with the name of its file.
pub type Named = (String, Schema);

/// The schema of one type as it is written, and not as it would be read: what is always there is
/// required. `title` says what follows it.
#[must_use]
pub fn schema_of<T: JsonSchema>(file: &str, title: &str) -> Named {
    let mut schema = SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
    schema.insert("title".into(), title.into());
    (format!("{file}.schema.json"), schema)
}

/// The schema of the document that a command of `pmp-PROGRAM` prints with `-o json`, which follows
/// this version of the schemas.
#[must_use]
pub fn schema_of_document<T: JsonSchema, const VERSION: u32>(program: &str, command: &str) -> Named {
    let file = format!("{program}-{}", command.replace(' ', "-"));
    schema_of::<Versioned<T, VERSION>>(&file, &format!("pmp-{program} {command} -o json"))
}

/// Ends the test where a schema is not the one of `docs/schema`.
/// `RENEW_SCHEMAS=1` writes them. `package`: whose test this is.
pub fn hold(package: &str, schemas: &[Named]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    let renew = std::env::var_os("RENEW_SCHEMAS").is_some();
    for (name, schema) in schemas {
        let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
        if renew {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(name), &text).unwrap();
        }
        let checked_in = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(checked_in == text, "{name}: renew it: RENEW_SCHEMAS=1 cargo test -p {package} schema");
    }
}

/// Ends the test where a field of a schema is not described.
pub fn hold_described(schemas: &[Named]) {
    let found: Vec<_> = schemas.iter().flat_map(|(name, schema)| undescribed(name, schema.as_value())).collect();
    assert!(found.is_empty(), "{found:#?}");
}
