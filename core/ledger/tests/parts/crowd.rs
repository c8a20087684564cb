//! All members of a hub fetch at the same time, from one partition. The arithmetic is in
//! docs/performance.md.

use std::time::Duration;

use futures::future::join_all;
use pmp_ledger::SnapshotStore;
use pmp_protocol::Digest;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::table::FakeTable;
use crate::{SMALL, management, new, version};

/// What DynamoDB serves of one partition in a second, in read units.
const UNITS: f64 = 3000.0;
/// The parts of 500,000 products with ids like AWS's own, and the bytes of each.
const PARTS: usize = 13;
const PART_BYTES: usize = 340_000;
/// A fifth of a thousand members at a fifth of the units: it takes the same time.
const SCALE: f64 = 0.2;

/// A version in as many parts, which count as large ones and carry little, so that the test is
/// about the reads.
async fn table() -> FakeTable {
    let table = FakeTable::default();
    table.store().store(&new(&management(), None, 1, &SMALL)).await.unwrap();
    let packed = SMALL.compressed();
    let parts: Vec<_> = packed.chunks(packed.len().div_ceil(PARTS)).collect();
    assert_eq!(parts.len(), PARTS);
    table.alter(|items| {
        let base64 = |bytes: &[u8]| {
            let blob = aws_smithy_types::base64::encode(bytes);
            json!({ "B": blob })
        };
        for part in &parts {
            let key = format!("part#00000000000000000001#{}", Digest::of(part).hex());
            items.insert(key.clone(), json!({"item": {"S": key}, "content": base64(part)}));
        }
        let index = items.get_mut("v00000000000000000001#0001").unwrap();
        index.as_object_mut().unwrap().remove("content");
        let digests: Vec<Value> = parts.iter().map(|part| json!({"S": Digest::of(part).to_string()})).collect();
        (index["parts"], index["bytes"]) = (json!({ "L": digests }), json!({"N": packed.len().to_string()}));
        items.get_mut("head").unwrap()["chunks"] = json!({"N": PARTS.to_string()});
    });
    table
}

#[tokio::test(start_paused = true)]
async fn a_thousand_members_at_once_come_through_in_the_time_that_the_partition_takes() {
    let table = table().await;
    table.limit(UNITS * SCALE, PART_BYTES);
    let members = (1000.0 * SCALE) as u64;
    let began = Instant::now();
    let fetch = async |seed| {
        let found = table.patient_store(seed).fetch(&management(), version(1)).await.unwrap();
        assert_eq!((found.version(), found.digest()), (version(1), SMALL.digest()));
        began.elapsed()
    };
    let all = join_all((0..members).map(fetch));
    // What others read of the partition meanwhile comes through: it is small.
    let heads = async {
        let store = table.patient_store(members);
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            store.head(&management()).await.unwrap().unwrap();
        }
    };
    let took: Vec<Duration> = tokio::select! {
        biased;
        took = all => took,
        () = heads => Vec::new(),
    };
    let last = took.into_iter().max().unwrap().as_secs_f64();
    // Half a unit for each 4 KiB of every part.
    let floor = 1000.0 * PARTS as f64 * (PART_BYTES as f64 / 4096.0).ceil() / 2.0 / UNITS;
    println!("{members} members, {PARTS} parts: {last:.0} s, no less than {floor:.0} s; {} refused", table.refused());
    assert!(table.refused() > 0, "the limit was met");
    assert!(last > floor * 0.9, "{last} s is less than the partition can serve in: {floor} s");
    assert!(last < floor * 2.0, "{last} s, where {floor} s would do");
}
