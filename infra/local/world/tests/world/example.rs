//! The worlds that are shown to people.

use pmp_world::{Format, World, example};

#[test]
fn both_formats_hold_the_same_valid_world() {
    let read = |format| World::parse(example(format).unwrap(), format).unwrap();
    let (toml, yaml) = (read(Format::Toml), read(Format::Yaml));
    toml.validate().unwrap();
    let json = serde_json::to_string(&toml).unwrap();
    assert_eq!(json, serde_json::to_string(&yaml).unwrap());
    let again = World::parse(&json, Format::Json).unwrap();
    assert_eq!(json, serde_json::to_string(&again).unwrap(), "what is written can be read");
}

#[test]
fn the_worlds_in_the_documentation_are_valid() {
    let page = concat!(
        include_str!("../../../../../docs/pmp-local.md"),
        include_str!("../../../../../docs/pmp-local-catalog.md")
    );
    let mut seen = 0;
    for (fence, format) in [("\n```toml\n", Format::Toml), ("\n```yaml\n", Format::Yaml)] {
        for block in page.split(fence).skip(1).filter_map(|rest| rest.split("\n```").next()) {
            let world = World::parse(block, format).map_err(|(field, error)| format!("{field}: {error} in {block}"));
            world.unwrap().validate().unwrap();
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen}");
}
