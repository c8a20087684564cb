//! Items that somebody hid, altered or exchanged: the version is refused whole, and the part named.

use std::collections::BTreeSet;

use pmp_ledger::{LedgerError, MAX_STORED_BYTES, NewSnapshot, SnapshotStore};
use pmp_protocol::{Coded as _, Counts, Digest, Hint as _, Sealed};
use serde_json::{Value, json};

use crate::table::{FakeTable, Items};
use crate::{LARGE, OTHER, management, new, version};

const INDEX: &str = "v00000000000000000001#0001";

async fn stored() -> FakeTable {
    let table = FakeTable::default();
    table.store().store(&new(&management(), None, 1, &LARGE)).await.unwrap();
    table
}

/// The keys of the parts of version 1, in the order of the content.
fn parts(items: &Items) -> Vec<String> {
    let digests = items[INDEX]["parts"]["L"].as_array().unwrap().clone();
    let key = |digest: &Value| {
        let hex = digest["S"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
        format!("part#00000000000000000001#{hex}")
    };
    digests.iter().map(key).collect()
}

async fn problem(table: &FakeTable) -> String {
    let error = table.store().fetch(&management(), version(1)).await.unwrap_err();
    assert_eq!(error.code().to_string(), "E1204", "{error}");
    assert!(error.hint().is_some());
    let LedgerError::Damaged { problem, .. } = error else { panic!("{error}") };
    problem
}

#[tokio::test]
async fn what_is_hidden_altered_or_exchanged_is_refused_and_named() {
    // Protocol L25. E1217, E1218, E1219 and E1220 are told as the problem.
    type Damage = fn(&mut Items, &[String]);
    let damages: [(Damage, &str); 12] = [
        (|items, parts| drop(items.remove(&parts[2])), "part 3 is missing"),
        (
            |items, parts| items.get_mut(&parts[0]).unwrap()["content"]["B"] = json!("AAAA"),
            "part 1 has another content than its key names",
        ),
        (
            |items, parts| {
                let first = items[&parts[0]]["content"].clone();
                let last = std::mem::replace(&mut items.get_mut(&parts[10]).unwrap()["content"], first);
                items.get_mut(&parts[0]).unwrap()["content"] = last;
            },
            "part 1 has another content than its key names",
        ),
        (
            |items, parts| drop(items.get_mut(&parts[4]).unwrap().as_object_mut().unwrap().remove("content")),
            "part 5 has another content than its key names",
        ),
        (|items, _| items.get_mut(INDEX).unwrap()["parts"]["L"].as_array_mut().unwrap().swap(1, 2), "the content"),
        (|items, _| drop(items.get_mut(INDEX).unwrap()["parts"]["L"].as_array_mut().unwrap().pop()), "the parts are "),
        (
            |items, _| items.get_mut(INDEX).unwrap()["bytes"] = json!({"N": "1000000"}),
            "the parts are 1020000 bytes together, and not 1000000",
        ),
        (
            |items, _| items.get_mut(INDEX).unwrap()["bytes"] = json!({"N": "18446744073709551615"}),
            "it is said to be 18446744073709551615 bytes in ",
        ),
        (
            |items, _| {
                let list = items.get_mut(INDEX).unwrap()["parts"]["L"].as_array_mut().unwrap();
                let again = list.clone();
                (0..7).for_each(|_| list.extend(again.clone()));
            },
            " parts, which is more than the ledger holds",
        ),
        (|items, _| items.get_mut(INDEX).unwrap()["parts"] = json!({"S": "all"}), "attribute `parts` is `no list`"),
        (
            |items, _| items.get_mut(INDEX).unwrap()["parts"]["L"][3] = json!({"S": "../v1"}),
            "attribute `parts` is `no list of digests`",
        ),
        (
            |items, _| {
                let again = items[INDEX].clone();
                drop(items.insert("v00000000000000000001#0002".to_owned(), again));
            },
            "2 of 1 chunks are there",
        ),
    ];
    let table = stored().await;
    let whole = table.items();
    for (damage, expected) in damages {
        table.alter(|items| {
            items.clone_from(&whole);
            damage(items, &parts(&whole));
        });
        let problem = problem(&table).await;
        assert!(problem.contains(expected), "{problem}, not {expected}");
    }
    table.alter(|items| *items = whole);
    table.store().fetch(&management(), version(1)).await.unwrap();
}

/// Whole and well-formed, but of another content than the version names.
#[tokio::test]
async fn the_parts_of_another_version_are_refused_by_the_digest_of_the_whole() {
    // Protocol S5.
    let table = stored().await;
    table.store().store(&new(&management(), Some(1), 2, &OTHER)).await.unwrap();
    let of_the_second = table.items()["v00000000000000000002#0001"].clone();
    table.alter(|items| {
        let moved: Vec<_> = items
            .iter()
            .filter_map(|(key, item)| {
                let to = key.strip_prefix("part#00000000000000000002#")?;
                Some((format!("part#00000000000000000001#{to}"), item.clone()))
            })
            .collect();
        items.extend(moved);
        let index = items.get_mut(INDEX).unwrap();
        (index["parts"], index["bytes"]) = (of_the_second["parts"].clone(), of_the_second["bytes"].clone());
    });
    let problem = problem(&table).await;
    assert!(problem.starts_with("the content hashes to "), "{problem}");
}

/// The bounds hold before anything is read: no part is asked for.
#[tokio::test]
async fn what_claims_to_be_too_large_is_not_read() {
    // Protocol L25.
    let table = stored().await;
    table.alter(|items| items.get_mut(INDEX).unwrap()["bytes"] = json!({"N": "24000001"}));
    table.calls();
    problem(&table).await;
    assert!(table.calls().iter().all(|call| call.starts_with("Query v")), "{:?}", table.calls());
    // Neither are thousands of chunks.
    table.alter(|items| {
        let chunk = items[INDEX].clone();
        items.extend((2..3000).map(|number| (format!("v00000000000000000001#{number:04}"), chunk.clone())));
        items.get_mut(INDEX).unwrap().as_object_mut().unwrap().remove("parts");
        items.get_mut(INDEX).unwrap()["chunks"] = json!({"N": "3000"});
    });
    assert_eq!(problem(&table).await, "10 of 3000 chunks are there");
}

#[tokio::test]
async fn parts_are_read_eventually_consistently_and_what_lags_once_more() {
    // Protocol L5 and L25.
    let table = stored().await;
    let late = parts(&table.items())[7].clone();
    let content = table.items()[&late].clone();
    table.alter(|items| drop(items.remove(&late)));
    table.lag();
    table.alter(|items| drop(items.insert(late.clone(), content)));
    table.calls();
    table.store().fetch(&management(), version(1)).await.unwrap();
    let calls = table.calls();
    let consistent: Vec<_> = calls.iter().filter(|call| call.ends_with("consistently")).collect();
    assert_eq!(consistent, [&format!("GetItem {late} consistently")], "of {calls:?}");
    assert_eq!(calls.len(), 1 + parts(&table.items()).len() + 1);
}

#[tokio::test]
async fn what_names_the_parts_is_read_once_more_where_it_lags_behind_a_mend() {
    // Protocol L5 and L25.
    let table = stored().await;
    let whole = table.items()[INDEX].clone();
    // Before it was mended, it named a part that is not there.
    table.alter(|items| items.get_mut(INDEX).unwrap()["parts"]["L"][3] = json!({"S": Digest::of(b"lost").to_string()}));
    table.lag();
    table.alter(|items| drop(items.insert(INDEX.to_owned(), whole)));
    table.store().fetch(&management(), version(1)).await.unwrap();
    // What is damaged still is read in no third way.
    table.alter(|items| items.get_mut(INDEX).unwrap()["parts"]["L"][3] = json!({"S": Digest::of(b"lost").to_string()}));
    table.calls();
    assert_eq!(problem(&table).await, "part 4 is missing");
    let of_the_index = table.calls().into_iter().filter(|call| call.starts_with("Query v")).count();
    assert_eq!(of_the_index, 2);
}

/// What an earlier release makes of it: it takes the item for the first chunk, and shows why not.
#[tokio::test]
async fn an_earlier_release_reads_in_place_of_the_number_what_it_takes() {
    // Protocol L26.
    let index = stored().await.items()[INDEX].clone();
    let told = index["chunks"]["S"].as_str().unwrap();
    assert_eq!(told, "in parts: it takes a release that reads layout 7 of the ledger");
    assert!(told.parse::<usize>().is_err() && told.len() <= 80);
    assert!(index["content"].is_null());
    let names: BTreeSet<_> = index.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "approved",
        "bytes",
        "chunk",
        "chunks",
        "digest",
        "experience",
        "item",
        "parts",
        "rejected",
        "taken_at",
        "version",
    ];
    assert_eq!(names, BTreeSet::from(expected));
}

#[tokio::test]
async fn what_is_larger_than_a_snapshot_may_be_is_refused_with_what_to_do() {
    // Protocol L4.
    let table = FakeTable::default();
    let counts = Counts { approved: 900_000, rejected: 0 };
    let sealed = Sealed::from_parts(Digest::of(b"it"), counts, vec![0; MAX_STORED_BYTES + 1]);
    let of = management();
    let new = NewSnapshot { sealed: &sealed, ..new(&of, None, 1, &LARGE) };
    let error = table.store().store(&new).await.unwrap_err();
    assert_eq!(error.code().to_string(), "E1206");
    assert!(error.to_string().ends_with("24000001 bytes packed; the ledger holds at most 24000000"), "{error}");
    assert!(error.hint().unwrap().contains("two management experiences"));
    assert!(table.calls().is_empty() && table.items().is_empty());
}
