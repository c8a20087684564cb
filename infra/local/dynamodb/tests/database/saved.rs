//! Databases on the disk.

use std::collections::BTreeMap;

use pmp_local_dynamodb::Database;
use pmp_local_dynamodb::saved::{self, Unreadable};
use serde_json::json;

use crate::{call, get, item, put, receipts, text};

fn written(databases: &[Database]) -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
    let (mut lines, mut large) = (Vec::new(), BTreeMap::new());
    let keep = |binary: &pmp_local_dynamodb::Binary| {
        large.insert(binary.digest().to_owned(), binary.bytes().to_vec());
        Ok(())
    };
    saved::write(databases, &mut lines, keep).unwrap();
    (lines, large)
}

fn read(lines: &[u8], large: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Database>, Unreadable> {
    saved::read(lines, |digest| large.get(digest).cloned().ok_or_else(|| Unreadable(format!("no {digest}"))))
}

fn filled() -> (Database, serde_json::Value) {
    let mut database = receipts("S");
    let large = json!({ "B": "QUJD".repeat(30_000) });
    let all = item(
        "o-1",
        "i",
        &[
            ("large", large.clone()),
            ("deep", json!({ "M": { "l": { "L": [large, { "NULL": true }, { "BOOL": false }] } } })),
            ("sets", json!({ "L": [{ "SS": ["a"] }, { "NS": ["1.5"] }, { "BS": ["AQ=="] }] })),
            ("text", text("ü\n\u{2028}")),
        ],
    );
    put(&mut database, all.clone());
    put(&mut database, item("o-2", "j", &[]));
    call(&mut database, "UpdateTable", &json!({ "TableName": "receipts", "DeletionProtectionEnabled": true })).unwrap();
    (database, all)
}

#[test]
fn what_was_written_is_read_again() {
    let (mut database, all) = filled();
    let (lines, large) = written(&[Database::new("222222222222", "us-east-1"), database.clone()]);
    assert_eq!((lines.iter().filter(|byte| **byte == b'\n').count(), large.len()), (4, 1));
    assert!(lines.len() < 2_000, "the large value is elsewhere");
    let mut restored = read(&lines, &large).unwrap();
    assert_eq!(restored.len(), 1, "a database without tables leaves nothing");
    let restored = &mut restored[0];
    assert_eq!((restored.account(), restored.region()), (database.account(), database.region()));
    assert_eq!(get(restored, item("o-1", "i", &[])), all);
    for operation in ["DescribeTable", "DescribeTimeToLive", "Scan"] {
        let asked = json!({ "TableName": "receipts" });
        assert_eq!(call(restored, operation, &asked).unwrap(), call(&mut database, operation, &asked).unwrap());
    }
}

#[test]
fn what_is_cut_off_or_changed_is_not_read() {
    let (database, _) = filled();
    let (lines, large) = written(&[database]);
    let whole = String::from_utf8(lines).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let without = |n: usize| {
        let kept: Vec<_> = lines.iter().enumerate().filter(|(at, _)| *at != n).map(|(_, line)| *line).collect();
        kept.join("\n")
    };
    for n in 0..lines.len() {
        assert!(read(without(n).as_bytes(), &large).is_err(), "without line {n}");
    }
    for damaged in [String::new(), format!("{whole}{}", lines[3]), whole.replace("\"S\"", "\"X\"")] {
        assert!(read(damaged.as_bytes(), &large).is_err());
    }
    assert!(read(whole.as_bytes(), &BTreeMap::new()).unwrap_err().to_string().contains("no "));
    let other = large.keys().map(|digest| (digest.clone(), vec![1])).collect();
    assert!(read(whole.as_bytes(), &other).unwrap_err().to_string().contains("is another one"));
}
