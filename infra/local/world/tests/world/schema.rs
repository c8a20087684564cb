//! The schema of the world file.

use pmp_test_schema::undescribed;
use pmp_world::World;

#[test]
fn the_schema_that_is_checked_in_is_the_programs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/world.schema.json");
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    let text = World::schema_text();
    assert!(checked_in == text, "renew it: cargo run -p pmp-local -- world schema > docs/world.schema.json");
}

#[test]
fn every_field_is_described() {
    let found = undescribed("world", World::schema().as_value());
    assert!(found.is_empty(), "{found:?}");
}
