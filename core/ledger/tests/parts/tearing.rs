//! A hub may stop between any two writes: a reader finds the version before, or the new one whole.

use std::collections::BTreeSet;

use pmp_ledger::{SnapshotStore, Stored};
use pmp_protocol::{Digest, Sealed};

use crate::table::FakeTable;
use crate::{LARGE, OTHER, SMALL, management, new, version};

/// What a reader finds: the head's version and digest, and the version that it names, whole.
async fn read(table: &FakeTable) -> (u64, Digest) {
    let store = table.store();
    let head = store.head(&management()).await.unwrap().unwrap();
    let snapshot = store.fetch(&management(), head.latest).await.unwrap();
    assert_eq!(snapshot.digest(), head.digest);
    assert_eq!(snapshot.content().counts(), snapshot.seal().unwrap().unwrap().counts());
    (head.latest.get(), head.digest)
}

async fn store(table: &FakeTable, previous: Option<u64>, number: u64, sealed: &Sealed) -> Stored {
    table.store().store(&new(&management(), previous, number, sealed)).await.unwrap()
}

fn parts(table: &FakeTable) -> usize {
    table.items().keys().filter(|key| key.starts_with("part#")).count()
}

#[tokio::test]
async fn wherever_a_hub_stops_a_reader_finds_the_version_before_or_the_new_one() {
    // Protocol L3, L23 and L24.
    let table = FakeTable::default();
    store(&table, None, 1, &SMALL).await;
    let before = table.items();
    let writes = LARGE.compressed().len().div_ceil(340_000) + 1;
    assert!(writes > 10, "{writes} writes");
    for stops_after in 0..writes {
        table.alter(|items| items.clone_from(&before));
        let hub = table.store_that_dies_after(stops_after);
        hub.store(&new(&management(), Some(1), 2, &LARGE)).await.unwrap_err();
        assert_eq!(read(&table).await, (1, SMALL.digest()), "after {stops_after} writes");
        assert_eq!(parts(&table), stops_after, "each of them stays");
        // What is there beside them is as it was, to the byte.
        let mut items = table.items();
        items.retain(|key, _| !key.starts_with("part#"));
        assert_eq!(items, before);
    }
    // The next run goes on: all parts are there, so only the transaction writes.
    let hub = table.store_that_dies_after(1);
    let won = Stored::Won { chunks: writes - 1 };
    assert_eq!(hub.store(&new(&management(), Some(1), 2, &LARGE)).await.unwrap(), won);
    assert_eq!(read(&table).await, (2, LARGE.digest()));
    let head = table.store().head(&management()).await.unwrap().unwrap();
    assert!(head.is_large());
}

#[tokio::test]
async fn what_a_hub_left_behind_goes_with_the_versions_of_its_age() {
    // Protocol L10 and L24.
    let table = FakeTable::default();
    table.store_that_dies_after(3).store(&new(&management(), None, 1, &OTHER)).await.unwrap_err();
    store(&table, None, 1, &LARGE).await;
    let of_one = parts(&table) - 3;
    store(&table, Some(1), 2, &SMALL).await;
    store(&table, Some(2), 3, &OTHER).await;
    // A hub that lost leaves parts of a version that is there already.
    let lost = table.store().store(&new(&management(), Some(1), 2, &OTHER)).await.unwrap();
    assert_eq!(lost, Stored::Lost);
    let prune = async |pinned: &[u64], keep| {
        let pinned: BTreeSet<_> = pinned.iter().copied().map(version).collect();
        table.store().prune(&management(), version(3), keep, &pinned).await.unwrap()
    };
    assert_eq!(prune(&[], 3).await, 0);
    // A pinned version keeps its parts.
    assert_eq!(prune(&[1], 1).await, 2 + of_one);
    assert_eq!(table.store().fetch(&management(), version(1)).await.unwrap().digest(), LARGE.digest());
    assert_eq!(prune(&[], 1).await, of_one + 2 + 3);
    assert_eq!(parts(&table), of_one, "those of version 3");
    assert_eq!(read(&table).await, (3, OTHER.digest()));
}

/// Deletions may stop half-way, too: the item that names the parts goes first.
#[tokio::test]
async fn pruning_that_stops_leaves_no_version_without_its_parts() {
    let table = FakeTable::default();
    for (number, sealed) in [(1, &*LARGE), (2, &*OTHER), (3, &*LARGE)] {
        store(&table, Some(number - 1).filter(|previous| *previous > 0), number, sealed).await;
    }
    let of_one = parts(&table) / 3;
    let hub = table.store_that_dies_after(1);
    hub.prune(&management(), version(3), 1, &BTreeSet::new()).await.unwrap_err();
    assert!(parts(&table) > of_one, "some are left");
    for old in [1, 2] {
        let error = table.store().fetch(&management(), version(old)).await.unwrap_err();
        assert!(matches!(error, pmp_ledger::LedgerError::NoSnapshot { .. }), "{error}");
    }
    table.store().prune(&management(), version(3), 1, &BTreeSet::new()).await.unwrap();
    assert_eq!(parts(&table), of_one);
    assert_eq!(read(&table).await, (3, LARGE.digest()));
}

/// What fits into a transaction is stored as ever.
#[tokio::test]
async fn a_small_snapshot_has_no_parts() {
    let table = FakeTable::default();
    assert_eq!(store(&table, None, 1, &SMALL).await, Stored::Won { chunks: 1 });
    let keys: Vec<_> = table.items().into_keys().collect();
    assert_eq!(keys, ["digest#00000000000000000001", "head", "v00000000000000000001#0001"]);
    assert!(!table.store().head(&management()).await.unwrap().unwrap().is_large());
}

#[tokio::test]
async fn parts_that_are_lost_or_damaged_are_stored_again_under_the_same_number() {
    // Protocol L6.
    let table = FakeTable::default();
    store(&table, None, 1, &LARGE).await;
    let whole = table.items();
    let keys: Vec<_> = whole.keys().filter(|key| key.starts_with("part#")).cloned().collect();
    table.alter(|items| {
        items.remove(&keys[3]);
        items.get_mut(&keys[5]).unwrap()["content"] = whole[&keys[4]]["content"].clone();
    });
    let head = table.store().head(&management()).await.unwrap().unwrap();
    assert!(table.store().mend(&management(), &head, &LARGE).await.unwrap());
    assert_eq!(table.items(), whole);
    assert_eq!(read(&table).await, (1, LARGE.digest()));
}
