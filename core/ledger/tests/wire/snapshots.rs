//! What is written into the table `Snapshots`, and read from it.

use std::collections::BTreeMap;

use pmp_ledger::{
    AnswerStore, AnswersHead, DynamoAnswers, DynamoSnapshots, Head, KeptVersion, NewSnapshot, SnapshotStore, Stored,
};
use pmp_protocol::{Counts, Digest, Sealed, SnapshotVersion};
use serde_json::{Value, json};

use crate::server::Server;
use crate::values::{answers, at, full_content, large_content, management, version};
use crate::{found, golden, hold, items, one, table};

fn snapshots(server: &Server) -> DynamoSnapshots {
    DynamoSnapshots::new(&server.config, table("Snapshots"))
}

fn new<'a>(
    experience: &'a pmp_protocol::ExperienceId,
    sealed: &'a Sealed,
    previous: Option<u64>,
    statement: Option<&'a str>,
) -> NewSnapshot<'a> {
    let version = previous.map_or(SnapshotVersion::FIRST, |previous| version(previous).next());
    NewSnapshot {
        experience,
        previous: previous.map(crate::values::version),
        version,
        taken_at: at(0),
        sealed,
        statement,
        pinned: None,
    }
}

/// The items of a golden file whose sort key begins with this.
fn items_of(name: &str, key: &str) -> Vec<Value> {
    let is_of = |item: &Value| item["item"]["S"].as_str().is_some_and(|item| item.starts_with(key));
    items(name).into_iter().filter(is_of).collect()
}

#[tokio::test]
async fn a_snapshot_is_stored_and_read_as_it_was() {
    // Protocol L1, L3, L4 and L5.
    let (experience, sealed) = (management(), Sealed::new(&full_content()).unwrap());
    for (name, previous, statement) in
        [("snapshot-first.json", None, None), ("snapshot-next.json", Some(41), Some("an envelope"))]
    {
        let server = Server::answering([]).await;
        let new = new(&experience, &sealed, previous, statement);
        assert_eq!(snapshots(&server).store(&new).await.unwrap(), Stored::Won { chunks: 1 });
        hold(name, &server);
        let server = Server::answering([found(items_of(name, "v"))]).await;
        let read = snapshots(&server).fetch(&experience, new.version).await.unwrap();
        assert_eq!((read.version(), read.taken_at(), read.content()), (new.version, at(0), &full_content()));
    }
    let server = Server::answering([found(items_of("snapshot-next.json", "v"))]).await;
    snapshots(&server).fetch(&experience, version(42)).await.unwrap();
    hold("snapshot-read.json", &server);
}

/// Several chunks, without their bytes: these the reading of them holds.
#[tokio::test]
async fn a_large_snapshot_lies_under_the_keys_that_it_had() {
    // Protocol L4.
    let (experience, sealed) = (management(), Sealed::new(&large_content()).unwrap());
    let server = Server::answering([]).await;
    let stored = snapshots(&server).store(&new(&experience, &sealed, Some(9), None)).await.unwrap();
    assert_eq!(stored, Stored::Won { chunks: 2 });
    let asked: Value = serde_json::from_str(&server.asked()).unwrap();
    let writes = asked[0]["request"]["TransactItems"].as_array().unwrap();
    let written: Vec<Value> = writes.iter().filter_map(|write| write["Put"].get("Item").cloned()).collect();
    let keys: Vec<_> = written.iter().map(|item| item["item"]["S"].as_str().unwrap()).collect();
    assert_eq!(keys, ["v00000000000000000010#0001", "v00000000000000000010#0002", "digest#00000000000000000010"]);
    let server = Server::answering([found(written[..2].to_vec())]).await;
    let read = snapshots(&server).fetch(&experience, version(10)).await.unwrap();
    assert_eq!(read.content(), &large_content());
}

/// One that is too large for a transaction: the parts without their bytes, and what names them. The
/// bytes are no content, so that they are the same whatever packs.
#[tokio::test]
async fn what_is_too_large_for_a_transaction_lies_in_parts_that_another_item_names() {
    // Protocol L23, L24 and L26.
    let packed: Vec<u8> = (0_u32..110_000).flat_map(|number| *Digest::of(&number.to_le_bytes()).bytes()).collect();
    let counts = Counts { approved: 175_000, rejected: 1 };
    let (experience, sealed) = (management(), Sealed::from_parts(Digest::of(b"it"), counts, packed));
    let server = Server::answering([]).await;
    let stored = snapshots(&server).store(&new(&experience, &sealed, Some(9), None)).await.unwrap();
    assert_eq!(stored, Stored::Won { chunks: 11 });
    let asked: Vec<Value> = serde_json::from_str(&server.asked()).unwrap();
    let (decides, parts): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|asked| asked["operation"] == "TransactWriteItems");
    golden::hold("snapshot-parts.json", (serde_json::to_string_pretty(&decides).unwrap() + "\n").as_bytes());
    let index = &decides[0]["request"]["TransactItems"][0]["Put"]["Item"];
    let named = index["parts"]["L"].as_array().unwrap();
    let key = |digest: &Value| {
        format!("part#00000000000000000010#{}", digest["S"].as_str().unwrap().trim_start_matches("sha256:"))
    };
    let mut named: Vec<_> = named.iter().map(key).collect();
    named.sort();
    let mut written: Vec<_> =
        parts.iter().map(|put| put["request"]["Item"]["item"]["S"].as_str().unwrap().to_owned()).collect();
    written.sort();
    assert_eq!(written, named);
    for put in &parts {
        assert_eq!(put["request"]["ConditionExpression"], "attribute_not_exists(#item)");
        let names: Vec<_> = put["request"]["Item"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["content", "experience", "item"]);
    }
}

#[tokio::test]
async fn the_versions_that_are_kept_are_read_as_they_were() {
    let kept = items_of("snapshot-next.json", "digest#");
    let sealed = Sealed::new(&full_content()).unwrap();
    let server = Server::answering([found(kept.clone()), found(kept)]).await;
    let digests = snapshots(&server).digests(&management()).await.unwrap();
    assert_eq!(digests, BTreeMap::from([(version(42), sealed.digest())]));
    let counts = Some(sealed.counts());
    let expected = KeptVersion { version: version(42), digest: sealed.digest(), taken_at: at(0), counts, pinned: None };
    assert_eq!(snapshots(&server).versions(&management()).await.unwrap(), [expected]);
    hold("versions-read.json", &server);
}

/// The head is written by updates, so its item is put together here, as DynamoDB does it.
fn head_item(published: bool) -> Value {
    let digest = Sealed::new(&full_content()).unwrap().digest().to_string();
    let mut item = json!({"experience": {"S": "exp-management"}, "item": {"S": "head"}, "latest": {"N": "42"},
        "digest": {"S": digest}, "taken_at": {"S": "2026-11-24T12:00:00Z"}, "chunks": {"N": "1"}});
    if published {
        item["published"] = json!({"N": "41"});
        item["published_at"] = json!({"S": "2026-11-24T12:00:12Z"});
        item["statement"] = json!({"S": "an envelope"});
    }
    item
}

#[tokio::test]
async fn the_head_is_written_and_read_as_it_was() {
    // Protocol L2, L6 and L9.
    let sealed = Sealed::new(&full_content()).unwrap();
    let expected = |published: bool| Head {
        latest: version(42),
        digest: sealed.digest(),
        taken_at: at(0),
        chunks: 1,
        published: published.then(|| version(41)),
        statement: published.then(|| "an envelope".to_owned()),
    };
    for published in [false, true] {
        let server = Server::answering([one(&head_item(published))]).await;
        assert_eq!(snapshots(&server).head(&management()).await.unwrap(), Some(expected(published)));
        hold("head-read.json", &server);
    }
    let server = Server::answering([]).await;
    let store = snapshots(&server);
    store.mark_published(&management(), version(42), at(12)).await.unwrap();
    store.put_statement(&management(), version(42), sealed.digest(), "another envelope").await.unwrap();
    store.mend(&management(), &expected(true), &sealed).await.unwrap();
    hold("head-updates.json", &server);
}

#[tokio::test]
async fn what_is_looked_up_of_products_is_stored_and_read_as_it_was() {
    // Protocol L11.
    // Nothing was stored before; what is old by now is asked for afterwards.
    let server = Server::answering([]).await;
    let store = DynamoAnswers::new(&server.config, table("Snapshots"));
    let head = store.store(&answers(), at(13)).await.unwrap();
    assert_eq!(head, AnswersHead { digest: answers().seal().unwrap().digest(), chunks: 1, products: 3, at: at(13) });
    hold("answers.json", &server);
    let stored = items_of("answers.json", "answers#");
    let named = items("answers.json").into_iter().find(|item| item["item"]["S"] == "answers").unwrap();
    let server = Server::answering([one(&named), found(stored)]).await;
    let store = DynamoAnswers::new(&server.config, table("Snapshots"));
    let latest = store.latest(&management()).await.unwrap().unwrap();
    assert_eq!((latest, store.fetch(&management(), &latest).await.unwrap()), (head, answers()));
    hold("answers-read.json", &server);
}
