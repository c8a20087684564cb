//! What becomes of answers, items and contents that are not as the ledger needs them: each error by
//! its code.

use std::collections::BTreeMap;

use pmp_ledger::{
    AnswerStore, DynamoAnswers, DynamoRollouts, DynamoRoster, DynamoSnapshots, LedgerError, MAX_STORED_BYTES,
    NewRollout, NewSnapshot, RolloutStore, Roster, SnapshotStore, Table, schema,
};
use pmp_protocol::{
    Answer, Answers, Coded as _, Counts, Digest, Hint as _, ProductAttributes, ProductId, Sealed, SnapshotVersion,
};
use serde_json::{Value, json};

use crate::server::Server;
use crate::values::{at, management, organization, version};
use crate::{found, one, table};

async fn snapshots(answers: impl IntoIterator<Item = Value>) -> DynamoSnapshots {
    DynamoSnapshots::new(&Server::answering(answers).await.config, table("Snapshots"))
}

#[track_caller]
fn has_code<T: std::fmt::Debug>(outcome: Result<T, LedgerError>, code: &str) -> LedgerError {
    let error = outcome.unwrap_err();
    assert_eq!(error.code().to_string(), code, "{error}");
    assert!(error.hint().is_some(), "{error}");
    error
}

#[tokio::test]
async fn a_table_that_is_not_there_or_has_other_keys_is_named() {
    let no_table = json!({"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no"});
    let missing = snapshots([no_table]).await;
    has_code(missing.head(&management()).await, "E1201");
    let keys =
        json!([{"AttributeName": "organization", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}]);
    let server = Server::answering([json!({"Table": {"KeySchema": keys}})]).await;
    let swapped = schema::check(&server.config, Table::Snapshots, &table("SyncTimestamps")).await;
    assert!(has_code(swapped, "E1202").hint().unwrap().contains("swapped"));
}

#[tokio::test]
async fn a_snapshot_that_is_missing_or_damaged_is_refused() {
    // A fetch that finds nothing, or not all, is repeated consistently.
    let none = snapshots([found(Vec::new()), found(Vec::new())]).await;
    has_code(none.fetch(&management(), version(42)).await, "E1203");
    let chunk = json!({"experience": {"S": "exp-management"}, "item": {"S": "v00000000000000000042#0001"}});
    let damaged = snapshots([found(vec![chunk.clone()]), found(vec![chunk])]).await;
    has_code(damaged.fetch(&management(), version(42)).await, "E1204");
    let head = json!({"experience": {"S": "exp-management"}, "item": {"S": "head"}, "latest": {"N": "0"}});
    let unreadable = snapshots([one(&head)]).await;
    has_code(unreadable.head(&management()).await, "E1205");
}

#[tokio::test]
async fn what_is_too_large_for_a_transaction_is_not_sent() {
    let bytes = vec![0; MAX_STORED_BYTES + 1];
    let sealed = Sealed::from_parts(Digest::of(&bytes), Counts::default(), bytes);
    let new = NewSnapshot {
        experience: &management(),
        previous: None,
        version: SnapshotVersion::FIRST,
        taken_at: at(0),
        sealed: &sealed,
        statement: None,
        pinned: None,
    };
    has_code(snapshots([]).await.store(&new).await, "E1206");
    // One product with a name that does not pack well.
    let digests = (0_u32..120_000).map(|number| Digest::of(&number.to_le_bytes()).hex());
    let attributes = ProductAttributes { name: Some(digests.collect()), ..ProductAttributes::default() };
    let answer = Answer { at: at(0), attributes: Some(attributes) };
    let products = BTreeMap::from([(ProductId::new("prod-a").unwrap(), answer)]);
    let answers = Answers { products, ..Answers::none(management()) };
    let server = Server::answering([]).await;
    let store = DynamoAnswers::new(&server.config, table("Snapshots"));
    has_code(store.store(&answers, at(0)).await, "E1216");
    let store = DynamoRollouts::new(&server.config, table("SyncTimestamps"));
    let digests = (0_u32..14_000).map(|number| Digest::of(&number.to_le_bytes()).hex());
    let next = NewRollout { state: digests.collect(), stand_in: String::new() };
    has_code(store.put_rollout(&management(), &next, 0).await, "E1221");
    assert_eq!(server.asked(), "[]\n");
}

#[tokio::test]
async fn deletions_that_dynamodb_leaves_undone_are_told() {
    let key = json!({"organization": {"S": organization().as_str()}, "item": {"S": "exp-management#seen"}});
    let undone = json!({"UnprocessedItems": {"SyncTimestamps": [{"DeleteRequest": {"Key": key.clone()}}]}});
    let answers = std::iter::once(found(vec![key])).chain(std::iter::repeat_n(undone, 10));
    let server = Server::answering(answers).await;
    let roster = DynamoRoster::new(&server.config, table("SyncTimestamps"));
    let error = has_code(roster.forget(&organization(), &management()).await, "E1215");
    assert!(error.hint().unwrap().contains("again in a minute"), "{error}");
}
