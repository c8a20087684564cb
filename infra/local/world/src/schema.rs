//! The JSON schema of world files, for editors and for checks elsewhere.

use schemars::Schema;

use super::World;

impl World {
    /// The schema of a world file, for all its formats. It is checked in as
    /// `docs/world.schema.json`.
    #[must_use]
    pub fn schema() -> Schema {
        let mut schema = schemars::schema_for!(World);
        schema.insert("title".into(), "pmp-local world".into());
        schema
    }

    /// The schema as the text that is checked in.
    #[must_use]
    pub fn schema_text() -> String {
        // In schemars' own order. What is made of JSON becomes JSON; else the test of the file that
        // is checked in would find nothing.
        serde_json::to_string_pretty(&Self::schema()).unwrap_or_default() + "\n"
    }
}
