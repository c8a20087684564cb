//! `key`, held to the table that all languages are held to.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use pmp_filter_names::key;

fn table() -> Vec<(String, String)> {
    serde_json::from_str(include_str!("../table.json")).unwrap()
}

#[test]
fn a_thousand_hard_names_have_the_keys_of_the_table() {
    let table = table();
    assert_eq!(table.len(), 1000);
    let differ: Vec<_> = table.iter().filter(|(name, expected)| key(name) != *expected).collect();
    assert!(differ.is_empty(), "{differ:?}");
}

#[test]
fn a_key_is_its_own_key() {
    for (_, expected) in table() {
        assert_eq!(key(&expected), expected);
    }
}
