//! Worlds in each format, good and bad.

use pmp_protocol::Coded;
use pmp_world::{Format, Product, World};

#[track_caller]
fn refused(format: Format, text: &str, field: &str, line: &str, what: &str) {
    let (found, error) = World::parse(text, format).unwrap_err();
    assert_eq!(error.code().to_string(), "E3036");
    let error = error.to_string();
    assert_eq!(found, field, "{format:?}: {error}");
    assert!(error.contains(line) && error.contains(what), "{format:?}: {error}");
}

#[test]
fn an_error_names_the_line_and_the_field_in_every_format() {
    let what = "unknown field `sede`";
    refused(Format::Toml, "region = \"eu-west-1\"\nsede = 1", "sede", "line 2", what);
    refused(Format::Yaml, "region: eu-west-1\nsede: 1", "sede", "line 2", what);
    refused(Format::Json, "{\"region\": \"eu-west-1\",\n\"sede\": 1}", "sede", "line 2", what);
    let (field, what) = ("organizations[0].experiences[0].policy.approved[1].note", "unknown field `note`");
    let json = r#"{ "organizations": [{ "id": "o", "name": "n", "management_account": "1", "experiences": [
        { "id": "e", "name": "n", "policy": { "id": "p", "approved": ["a", { "id": "b", "note": "c" }] } }] }] }"#;
    refused(Format::Json, json, field, "line 2", what);
    refused(Format::Yaml, json, field, "line 2", what);
    refused(Format::Toml, "[change_sets]\nmin = \"soon\"", "change_sets.min", "line 2", "is not a duration");
    refused(Format::Yaml, "change_sets:\n  min: soon", "change_sets.min", "line 2", "is not a duration");
    refused(Format::Toml, "seed =", "", "line 1", "");
    refused(Format::Json, "{,}", "", "line 1", "");
}

#[test]
fn yaml_takes_an_account_without_quotes_as_it_is_written() {
    let text = "organizations: [{id: o-aaaaaaaaaa, name: A, management_account: 012345678901}]";
    let world = World::parse(text, Format::Yaml).unwrap();
    assert_eq!(world.organizations[0].management_account, "012345678901");
}

#[test]
fn a_large_world_fits_every_format() {
    let products = (0..30_000).map(|n| Product { id: format!("prod-{n}"), ..Product::default() }).collect();
    let json = serde_json::to_string(&World { products, ..World::default() }).unwrap();
    for format in [Format::Json, Format::Yaml] {
        assert_eq!(World::parse(&json, format).unwrap().products.len(), 30_000, "{format:?}");
    }
}
