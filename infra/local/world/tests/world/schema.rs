//! The schema of the world file.

use pmp_world::World;

#[test]
fn the_schema_that_is_checked_in_is_the_programs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/world.schema.json");
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    let text = World::schema_text().unwrap();
    assert!(checked_in == text, "renew it: cargo run -p pmp-local -- world schema > docs/world.schema.json");
}

#[test]
fn every_field_is_described() {
    fn undescribed(value: &serde_json::Value, place: &str, found: &mut Vec<String>) {
        let Some(object) = value.as_object() else { return };
        for (name, field) in object.get("properties").and_then(|p| p.as_object()).into_iter().flatten() {
            if field.get("description").is_none() {
                found.push(format!("{place}.{name}"));
            }
        }
        for (name, inner) in object {
            undescribed(inner, &format!("{place}/{name}"), found);
        }
    }
    let mut found = Vec::new();
    undescribed(World::schema().as_value(), "", &mut found);
    assert!(found.is_empty(), "{found:?}");
}
