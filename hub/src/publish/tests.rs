//! What a hub announces of contents that a newer release stored, what it does not direct, and where
//! it gives up because somebody else was first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::FutureExt as _;
use jiff::SignedDuration;
use pmp_aws::{ApiError, Outcome as ApiOutcome};
use pmp_catalog::testing::FakeCatalog;
use pmp_catalog::{CatalogError, ProductDirectory};
use pmp_ledger::testing::MemoryLedger;
use pmp_ledger::{NewRollout, NewSnapshot, RolloutStore, SnapshotStore, StoredRollout};
use pmp_protocol::testing::{self, management, now, version};
use pmp_protocol::{
    Because, Body, Coded, DirectionChange, OrganizationId, ProductAttributes, ProductId, Reason, SnapshotMessage,
    SnapshotVersion,
};
use pmp_runtime::SystemClock;
use pmp_signature::{LocalKey, PublicKey};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::products::Products;
use super::*;
use crate::config::waves::{Configured, WavesSetting};
use crate::rollout::state::tests::{fleet, named_waves};
use crate::rollout::state::{Newest, Origin, State};
use crate::signing::{Signer, SigningError};
use crate::status::fleet::Fleet;
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

fn because(reason: &str) -> Because {
    Because { by: "arn:operator".to_owned(), at: now(), reason: reason.to_owned() }
}

fn code<T: fmt::Debug>(refused: Result<T, HubError>) -> String {
    refused.unwrap_err().code().to_string()
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
    let helm = Helm { receipts: ledger.as_ref(), signing: None, experience: &management(), fleet: None };
    let pin = DirectionChange::Pin(head.latest, head.digest);
    helm.change(None, &pin, &because("an incident")).await.unwrap();
    assert_eq!(code(hub.publish(Trigger::Operator).await), "E4016");
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
    let signing = signing(Key::new());
    let helm = Helm { receipts: ledger.as_ref(), signing: Some(&signing), experience: &management(), fleet: None };
    let pause = DirectionChange::Pause(now() + SignedDuration::from_hours(2));
    assert_eq!(code(helm.change(None, &pause, &because(&"why ".repeat(2_000))).await), "E4017");
    assert!(matches!(ledger.direction(&management(), None).await.unwrap(), pmp_ledger::Said::Nothing));
    helm.change(None, &pause, &because("an incident")).await.unwrap();
}

fn signing(signer: impl Signer + 'static) -> Signing {
    Signing::new(Arc::new(signer), SignedDuration::from_hours(24))
}

/// A key in memory, and what somebody else does while it signs.
struct Slow<F>(F);

impl<F> fmt::Debug for Slow<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slow")
    }
}

#[async_trait]
impl<F: Fn() + Send + Sync> Signer for Slow<F> {
    async fn public_key(&self) -> Result<PublicKey, SigningError> {
        Key::new().public_key().await
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        (self.0)();
        Key::new().sign(message).await
    }
}

#[tokio::test]
async fn a_hub_that_another_outruns_each_time_gives_up() {
    let Stage { ledger, hub, .. } = after_a_newer_release().await;
    let catalog = FakeCatalog::new(1, &BTreeSet::new());
    let lists = catalog.world().experiences[&pmp_catalog::testing::experience(0)].clone();
    catalog.world().experiences.insert(management(), lists);
    let next = AtomicU64::new(2);
    let store = move || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        ledger.keep(&testing::snapshot(number, &testing::content(&["prod-of-another"], &[])));
    };
    let hub = Hub { catalog: Arc::new(catalog), signing: Some(signing(Slow(store))), ..hub };
    assert_eq!(code(hub.publish(Trigger::Operator).await), "E4012");
}

#[tokio::test]
async fn a_direction_that_somebody_else_changes_meanwhile_is_left() {
    let Stage { ledger, .. } = after_a_newer_release().await;
    let pause = |hours| DirectionChange::Pause(now() + SignedDuration::from_hours(hours));
    let other = ledger.clone();
    let first = move || {
        let helm = Helm { receipts: other.as_ref(), signing: None, experience: &management(), fleet: None };
        helm.change(None, &pause(1), &because("the first")).now_or_never().unwrap().unwrap();
    };
    let signing = signing(Slow(first));
    let helm = Helm { receipts: ledger.as_ref(), signing: Some(&signing), experience: &management(), fleet: None };
    assert_eq!(code(helm.change(None, &pause(2), &because("the second")).await), "E4018");
}

/// A state of waves that somebody else writes first, each time.
#[derive(Debug)]
struct Contended(Arc<MemoryLedger>);

#[async_trait]
impl RolloutStore for Contended {
    async fn rollout(&self, experience: &ExperienceId) -> Result<Option<StoredRollout>, LedgerError> {
        self.0.rollout(experience).await
    }

    async fn put_rollout(&self, _: &ExperienceId, _: &NewRollout, _: u64) -> Result<bool, LedgerError> {
        Ok(false)
    }
}

fn with_waves(hub: &Hub, ledger: &Arc<MemoryLedger>, store: Arc<dyn RolloutStore>) -> Hub {
    let fleet = Fleet::in_memory(ledger);
    Hub { rollouts: Some(Rollouts { store, fleet, setting: WavesSetting::Unset }), ..hub.clone() }
}

/// The ledger's head is snapshot 1.
#[tokio::test]
async fn waves_are_left_where_their_state_is_none_that_can_go_on() {
    let Stage { ledger, hub, .. } = after_a_newer_release().await;
    let hub = with_waves(&hub, &ledger, ledger.clone());
    let because = because("an incident");
    assert_eq!(code(hub.halt(version(2), &because).await), "E4021");
    // Snapshot 2 is on its way.
    let waves = Configured::read("[[waves]]\nname = \"all\"\nshare = 100\n").unwrap();
    let rollout = pmp_waves::Rollout::begin(version(2), None, &waves.waves);
    let state = State { rollout, ..State::begin(&waves, version(2), Digest::of(b"two")) };
    assert!(ledger.put_rollout(&management(), &state.write(), 0).await.unwrap());
    assert_eq!(code(hub.promote(version(7), &because).await), "E4024");
    assert_eq!(code(hub.promote(version(2), &because).await), "E4025");
    // Who means the version before does not stop the one that may have mended it.
    assert_eq!(code(hub.halt(version(1), &because).await), "E4024");
    let contended = with_waves(&hub, &ledger, Arc::new(Contended(ledger.clone())));
    assert_eq!(code(contended.halt(version(2), &because).await), "E4020");
    let broken = NewRollout { state: "no JSON".to_owned(), stand_in: String::new() };
    assert!(ledger.put_rollout(&management(), &broken, 1).await.unwrap());
    assert_eq!(code(hub.publish(Trigger::Operator).await), "E4019");
}

/// The hub of a fleet in four waves that name all of it, and one for all others.
fn with_named_waves(hub: &Hub, ledger: &Arc<MemoryLedger>, organizations: BTreeSet<OrganizationId>) -> Hub {
    let setting = WavesSetting::Given(Box::new(named_waves(&organizations)));
    let fleet = Fleet { named: organizations, ..Fleet::in_memory(ledger) };
    Hub { rollouts: Some(Rollouts { store: ledger.clone(), fleet, setting }), ..hub.clone() }
}

#[tokio::test]
async fn ten_thousand_organizations_are_promoted_through_named_waves() {
    let Stage { ledger, hub, .. } = after_a_newer_release().await;
    let hub = with_named_waves(&hub, &ledger, fleet(10_000, 10));
    let head = ledger.head(&management()).await.unwrap().unwrap();
    assert!(hub.kept(Some(&head)).await.unwrap().is_some());
    let second = testing::snapshot(2, &testing::content(&["prod-a", "prod-c"], &["prod-b"]));
    ledger.keep(&second);
    let newest = Newest { version: version(2), digest: second.digest(), origin: Origin::Management };
    let rollouts = hub.rollouts.as_ref().unwrap();
    assert!(hub.take_steps(rollouts, newest).await.failure().is_none());
    for wave in 2..=4 {
        let because = Because { at: hub.clock.now(), ..because("it is good") };
        let decided = hub.promote(version(2), &because).await.unwrap();
        assert!(decided.went.failure().is_none(), "wave {wave}");
    }
    let kept = rollouts.kept(&management()).await.unwrap().unwrap();
    assert_eq!((kept.state.rollout.directed.len(), kept.state.pending.len()), (10_000, 0));
    // As it was while the directions of the last of these waves were written.
    let pending = kept.state.rollout.directed.keys().take(2_500).cloned().collect();
    let state = State { pending, ..kept.state };
    assert!(state.write().state.len() > 390_000, "one item does not hold it as a text");
}

#[tokio::test]
async fn waves_that_could_not_hold_the_fleet_are_refused_before_they_begin() {
    let Stage { ledger, hub, .. } = after_a_newer_release().await;
    let hub = with_named_waves(&hub, &ledger, fleet(20_000, 32));
    let head = ledger.head(&management()).await.unwrap().unwrap();
    assert_eq!(code(hub.kept(Some(&head)).await), "E4090");
    assert_eq!(ledger.rollout(&management()).await.unwrap(), None);
    // The ledger holds half as many, with ids as they are in life.
    let hub = with_named_waves(&hub, &ledger, fleet(10_000, 10));
    assert!(hub.kept(Some(&head)).await.unwrap().is_some());
}

/// A directory that nobody may ask, or that does not answer.
#[derive(Debug)]
struct Directory {
    answers: bool,
}

impl Directory {
    async fn refuse(&self) -> CatalogError {
        if !self.answers {
            std::future::pending::<()>().await;
        }
        let (code, message) = ("AccessDeniedException".to_owned(), "no".to_owned());
        let outcome = ApiOutcome::Refused { code, message, status: 403, request_id: None };
        CatalogError::Api(ApiError::of("aws-marketplace:GetProduct", outcome))
    }
}

#[async_trait]
impl ProductDirectory for Directory {
    async fn product(&self, _: &ProductId) -> Result<Option<ProductAttributes>, CatalogError> {
        Err(self.refuse().await)
    }

    async fn listed(&self, _: &[ProductId]) -> Result<BTreeMap<ProductId, ProductAttributes>, CatalogError> {
        Err(self.refuse().await)
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_up_of_products_that_ends_early_says_why() {
    let Stage { ledger, hub, .. } = after_a_newer_release().await;
    let (goes_on, stopped) = (CancellationToken::new(), CancellationToken::new());
    stopped.cancel();
    for (answers, deadline, stop, code) in [
        (false, None, &stopped, "E4031"),
        (false, Some(Instant::now()), &goes_on, "E4032"),
        (true, None, &goes_on, "E4033"),
    ] {
        let products = Products { directory: Arc::new(Directory { answers }), answers: ledger.clone() };
        let looked_up = products.look_up(&hub, deadline, stop).await.unwrap();
        assert_eq!(looked_up.ended.unwrap().code().to_string(), code);
    }
}
