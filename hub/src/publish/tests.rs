//! What a hub announces of contents that a newer release stored, and what it does not direct.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pmp_aws::ApiError;
use pmp_catalog::testing::FakeCatalog;
use pmp_ledger::testing::MemoryLedger;
use pmp_ledger::{NewSnapshot, SnapshotStore};
use pmp_protocol::testing::{self, management, now};
use pmp_protocol::{Because, Body, DirectionChange, Reason, SnapshotMessage, SnapshotVersion};
use pmp_runtime::SystemClock;
use pmp_signature::{LocalKey, PublicKey};

use super::*;
use crate::signing::{Signer, SigningError};
use crate::steer::Helm;

#[derive(Debug, Default)]
struct Announced(Mutex<Vec<SnapshotMessage>>);

#[async_trait]
impl Topic for Announced {
    async fn publish(&self, message: &SnapshotMessage) -> Result<String, ApiError> {
        self.0.lock().unwrap().push(message.clone());
        Ok("m-1".to_owned())
    }
}

struct Stage {
    ledger: Arc<MemoryLedger>,
    topic: Arc<Announced>,
    hub: Hub,
}

/// A hub over a ledger whose first snapshot a newer release has stored.
async fn after_a_newer_release() -> Stage {
    let (ledger, topic) = (Arc::new(MemoryLedger::default()), Arc::new(Announced::default()));
    let sealed = testing::sealed_by_a_newer_release(&testing::content(&["prod-a"], &["prod-b"]));
    let first = NewSnapshot {
        experience: &management(),
        previous: None,
        version: SnapshotVersion::FIRST,
        taken_at: now(),
        sealed: &sealed,
        statement: None,
        pinned: None,
    };
    ledger.store(&first).await.unwrap();
    let hub = Hub {
        catalog: Arc::new(FakeCatalog::new(1, &BTreeSet::new())),
        snapshots: ledger.clone(),
        marks: Some(ledger.clone()),
        topic: topic.clone(),
        experience: management(),
        keep_versions: 50,
        max_hold: None,
        rollouts: None,
        windows: None,
        signing: None,
        unsigned: false,
        clock: Arc::new(SystemClock),
    };
    Stage { ledger, topic, hub }
}

#[tokio::test]
async fn what_a_newer_release_stored_is_announced_as_it_is() {
    let Stage { ledger, topic, hub } = after_a_newer_release().await;
    let head = ledger.head(&management()).await.unwrap().unwrap();
    hub.announce_again(&head, Reason::Operator).await.unwrap();
    let announced = topic.0.lock().unwrap().remove(0);
    assert_eq!((announced.digest, announced.version), (head.digest, head.latest));
    assert!(matches!(announced.body, Body::Stored { .. }), "in a message of this release something would be missing");
}

#[tokio::test]
async fn what_a_newer_release_stored_is_not_published_again_in_part() {
    let Stage { ledger, hub, .. } = after_a_newer_release().await;
    let head = ledger.head(&management()).await.unwrap().unwrap();
    let helm = Helm { receipts: ledger.as_ref(), signing: None, experience: &management() };
    let because = Because { by: "arn:operator".to_owned(), at: now(), reason: "an incident".to_owned() };
    helm.change(None, &DirectionChange::Pin(head.latest, head.digest), &because).await.unwrap();
    let refused = hub.publish(Trigger::Operator).await.unwrap_err();
    assert!(matches!(refused, HubError::NewerContent { version } if version == head.latest), "{refused}");
}

/// A key in memory.
#[derive(Debug)]
struct Key(LocalKey);

impl Key {
    fn new() -> Self {
        const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
        Self(LocalKey::from_pem(PEM).unwrap())
    }
}

#[async_trait]
impl Signer for Key {
    async fn public_key(&self) -> Result<PublicKey, SigningError> {
        Ok(self.0.public().clone())
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        Ok(self.0.sign(message))
    }
}

/// Protocol K2: a spoke that trusts keys refuses a longer statement, and would change nothing any
/// more.
#[tokio::test]
async fn what_spokes_would_not_read_is_not_directed() {
    let Stage { ledger, .. } = after_a_newer_release().await;
    let signing = Signing { signer: Arc::new(Key::new()), lifetime: jiff::SignedDuration::from_hours(24) };
    let helm = Helm { receipts: ledger.as_ref(), signing: Some(&signing), experience: &management() };
    let because = |reason: String| Because { by: "arn:operator".to_owned(), at: now(), reason };
    let pause = DirectionChange::Pause(now() + jiff::SignedDuration::from_hours(2));
    let refused = helm.change(None, &pause, &because("why ".repeat(2_000))).await.unwrap_err();
    assert!(matches!(refused, HubError::DirectionTooLong { .. }), "{refused}");
    assert!(matches!(ledger.direction(&management(), None).await.unwrap(), pmp_ledger::Said::Nothing));
    helm.change(None, &pause, &because("an incident".to_owned())).await.unwrap();
}
