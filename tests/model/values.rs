//! Versions, digests, heads and receipts, made of the small numbers that the models count with.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::RwLock;

use jiff::Timestamp;
use pmp_ledger::Head;
use pmp_protocol::{Digest, Receipt, SnapshotVersion};

/// The version with this number, which is not 0.
pub(crate) fn version(number: u8) -> SnapshotVersion {
    SnapshotVersion::new(u64::from(number)).unwrap()
}

pub(crate) fn number(version: SnapshotVersion) -> u8 {
    u8::try_from(version.get()).unwrap()
}

pub(crate) fn digest(content: u8) -> Digest {
    Digest::of(&[content])
}

/// The ledger's head; none where `latest` is 0.
pub(crate) fn head(latest: u8, content: u8, published: u8) -> Option<Head> {
    (latest > 0).then(|| Head {
        latest: version(latest),
        digest: digest(content),
        taken_at: Timestamp::UNIX_EPOCH,
        chunks: 1,
        published: (published > 0).then(|| version(published)),
        statement: None,
    })
}

/// A receipt for this version, in which nothing else matters.
pub(crate) fn receipt_for(number: u8) -> Receipt {
    let text = serde_json::json!({
        "organization": "o-alpha00000", "experience": "exp-ours", "member_experience": "exp-member",
        "version": version(number), "digest": digest(number), "status": "in-sync",
        "received_at": Timestamp::UNIX_EPOCH, "allowed": 0, "denied": 0, "pending": 0, "narrowed": 0,
        "spoke_version": "0.1.0"
    });
    serde_json::from_value(text).unwrap()
}

/// Answers of functions that are pure: each question is asked once.
pub(crate) struct Asked<K, V>(RwLock<HashMap<K, V>>);

impl<K: Hash + Eq, V: Copy> Asked<K, V> {
    pub(crate) fn new() -> Self {
        Self(RwLock::new(HashMap::new()))
    }

    pub(crate) fn or_ask(&self, key: K, ask: impl FnOnce() -> V) -> V {
        if let Some(answer) = self.0.read().unwrap().get(&key) {
            return *answer;
        }
        let answer = ask();
        self.0.write().unwrap().insert(key, answer);
        answer
    }
}
