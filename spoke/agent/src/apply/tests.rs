//! The executor against a catalog in memory, with paused time: every answer that the catalog may give.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;

use async_trait::async_trait;
use pmp_aws::{ApiError, Outcome};
use pmp_catalog::{ChangeSetStatus, Experience, ExperienceStatus, Pace, PolicyId, RateLimits, Revision, Scope};
use pmp_protocol::{Content, ExperienceId, ProductId, ResourceRequests, Verdicts};

use super::*;

/// What the catalog does with the next change set.
#[derive(Debug, Clone)]
enum Turn {
    Refuse { code: &'static str, message: &'static str, status: u16 },
    Fail { server_fault: bool },
    Cancel,
    SucceedWithoutEffect,
}

#[derive(Debug, Default)]
struct State {
    approved: BTreeSet<ProductId>,
    rejected: BTreeSet<ProductId>,
    revision: u64,
    started: Vec<ChangeSetRequest>,
    turns: VecDeque<Turn>,
    outcomes: BTreeMap<String, ChangeSetState>,
    /// The change set that each request token started: a repeated token is answered with it.
    tokens: BTreeMap<String, String>,
}

/// One experience that applies change sets at once, unless told otherwise.
#[derive(Debug)]
struct FakeCatalog(Mutex<State>, Pace);

fn experience_id() -> ExperienceId {
    ExperienceId::new("exp-1").unwrap()
}

impl FakeCatalog {
    fn new(approved: BTreeSet<ProductId>, turns: impl IntoIterator<Item = Turn>) -> Self {
        Self(
            Mutex::new(State { approved, revision: 1, turns: turns.into_iter().collect(), ..State::default() }),
            Pace::new(RateLimits::default()),
        )
    }

    fn experience(&self) -> Experience {
        Experience {
            id: experience_id(),
            revision: Revision(self.0.lock().unwrap().revision),
            name: "One".into(),
            status: ExperienceStatus::Enabled,
            admin_status: None,
            policies: vec![PolicyId::new("policy-1").unwrap()],
        }
    }

    fn policy(&self) -> ProcurementPolicy {
        let state = self.0.lock().unwrap();
        ProcurementPolicy { approved: state.approved.clone(), rejected: state.rejected.clone(), ..Default::default() }
    }

    fn live(&self) -> Live {
        Live { experience: self.experience(), policy_id: PolicyId::new("policy-1").unwrap(), policy: self.policy() }
    }

    fn started(&self) -> Vec<ChangeSetRequest> {
        self.0.lock().unwrap().started.clone()
    }
}

#[async_trait]
impl Catalog for FakeCatalog {
    fn pace(&self) -> &Pace {
        &self.1
    }

    async fn open_change_sets(&self, _: &ExperienceId) -> Result<Vec<ChangeSetId>, CatalogError> {
        Ok(Vec::new())
    }

    async fn list_experiences(&self, _: Scope) -> Result<Vec<ExperienceId>, CatalogError> {
        Ok(vec![experience_id()])
    }

    async fn describe_experiences(&self, ids: &[ExperienceId]) -> Vec<Result<Experience, CatalogError>> {
        ids.iter().map(|_| Ok(self.experience())).collect()
    }

    async fn describe_policies(&self, ids: &[PolicyId]) -> Vec<Result<ProcurementPolicy, CatalogError>> {
        ids.iter().map(|_| Ok(self.policy())).collect()
    }

    async fn start_change_set(&self, request: &ChangeSetRequest) -> Result<ChangeSetId, CatalogError> {
        let mut state = self.0.lock().unwrap();
        let part = &request.parts()[0];
        assert_eq!(part.revision.0, state.revision, "planned from a revision that is not the live one");
        if let Some(id) = state.tokens.get(&request.client_request_token()) {
            return Ok(ChangeSetId::new(id));
        }
        state.started.push(request.clone());
        let id = format!("cs-{}", state.started.len());
        let outcome = match state.turns.pop_front() {
            Some(Turn::Refuse { code, message, status }) => {
                let outcome = Outcome::Refused { code: code.into(), message: message.into(), status, request_id: None };
                return Err(CatalogError::Api(ApiError { operation: "aws-marketplace:StartChangeSet", outcome }));
            }
            Some(Turn::Fail { server_fault }) => {
                let errors = vec![ChangeError {
                    entity: None,
                    kind: None,
                    code: "ENTITY_NOT_FOUND".into(),
                    message: "no such product".into(),
                }];
                ChangeSetState::Failed { server_fault, errors }
            }
            Some(Turn::Cancel) => ChangeSetState::Cancelled,
            Some(Turn::SucceedWithoutEffect) => ChangeSetState::Succeeded,
            None => {
                for id in part.allow.iter().flat_map(ProductBatch::products) {
                    state.rejected.remove(id);
                    state.approved.insert(id.clone());
                }
                for id in part.deny.iter().flat_map(ProductBatch::products) {
                    state.approved.remove(id);
                    state.rejected.insert(id.clone());
                }
                state.revision += 1;
                ChangeSetState::Succeeded
            }
        };
        state.tokens.insert(request.client_request_token(), id.clone());
        state.outcomes.insert(id.clone(), outcome);
        Ok(ChangeSetId::new(&id))
    }

    async fn describe_change_set(&self, id: &ChangeSetId) -> Result<ChangeSetStatus, CatalogError> {
        Ok(self.0.lock().unwrap().outcomes[id.as_str()].clone().into())
    }
}

struct Unwatched;

#[async_trait]
impl Watch for Unwatched {
    async fn progress(&self, _: &Progress) {}
}

fn products(range: std::ops::Range<u32>) -> BTreeSet<ProductId> {
    range.map(|n| ProductId::new(&format!("prod-{n:05}")).unwrap()).collect()
}

/// Applies a snapshot that approves `approved` to what the catalog holds.
async fn applied(catalog: &FakeCatalog, approved: BTreeSet<ProductId>, stop: &CancellationToken) -> Applied {
    let experience = ExperienceId::new("exp-management").unwrap();
    let content =
        Content::new(experience, approved, BTreeSet::new(), BTreeMap::new(), ResourceRequests::Allow).unwrap();
    let verdicts = Verdicts::new();
    let desired = Desired::new(&content, &verdicts);
    let order = Order {
        catalog,
        desired: &desired,
        version: SnapshotVersion::FIRST,
        guard: GuardRails::default(),
        confirmation: Confirmation::None,
        pass: Timestamp::UNIX_EPOCH,
        stop,
    };
    apply(&order, catalog.live(), &Unwatched).await
}

#[tokio::test(start_paused = true)]
async fn a_delta_takes_the_fewest_change_sets_and_each_follows_the_live_revision() {
    let catalog = FakeCatalog::new(products(0..200), []);
    // 120 new, 60 gone: three change sets, the denials in the first two.
    let applied = applied(&catalog, products(60..320), &CancellationToken::new()).await;
    assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None));
    assert_eq!((applied.progress.allowed, applied.progress.denied, applied.progress.pending), (120, 60, 0));
    let started = catalog.started();
    assert_eq!(started.len(), 3);
    assert_eq!(started.iter().map(|request| request.parts()[0].revision.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(started.iter().filter(|request| request.parts()[0].deny.is_some()).count(), 2);
    assert_eq!(catalog.policy().approved, products(60..320));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_do_starts_nothing() {
    let catalog = FakeCatalog::new(products(0..10), []);
    let applied = applied(&catalog, products(0..10), &CancellationToken::new()).await;
    assert_eq!(applied.status, ReceiptStatus::InSync);
    assert!(catalog.started().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_from_the_live_state() {
    let refuse = |code, message, status| Turn::Refuse { code, message, status };
    let turns = [
        refuse("ResourceInUseException", "locked", 423),
        refuse("ThrottlingException", "slow down", 429),
        refuse("ServiceQuotaExceededException", "too many open", 402),
        refuse("ValidationException", "the latest revision is 7", 422),
        refuse("InternalServiceException", "sorry", 500),
        Turn::Cancel,
        Turn::Fail { server_fault: true },
    ];
    let catalog = FakeCatalog::new(products(0..1), turns);
    let applied = applied(&catalog, products(0..3), &CancellationToken::new()).await;
    assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None));
    let started = catalog.started();
    assert_eq!(started.len(), 8);
    // After a failure the catalog would answer the same token with the same failure.
    assert_ne!(started[6].client_request_token(), started[7].client_request_token());
    assert_ne!(started[5].client_request_token(), started[6].client_request_token());
    // A request that was refused started nothing: its token is still good.
    assert_eq!(started[0].client_request_token(), started[5].client_request_token());
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_ends_it_with_the_catalogs_own_words() {
    let cases = [
        (Turn::Fail { server_fault: false }, "change set cs-1 failed: ENTITY_NOT_FOUND: no such product"),
        (
            Turn::Refuse { code: "AccessDeniedException", message: "not you", status: 403 },
            "`aws-marketplace:StartChangeSet` was refused with AccessDeniedException: not you; grant \
             `aws-marketplace:StartChangeSet` to the calling role or user, in the policies of both accounts",
        ),
    ];
    for (turn, text) in cases {
        let catalog = FakeCatalog::new(products(0..1), [turn]);
        let applied = applied(&catalog, products(0..3), &CancellationToken::new()).await;
        assert_eq!((applied.status, applied.error.as_deref()), (ReceiptStatus::Failed, Some(text)));
        assert_eq!(applied.progress.pending, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn faults_and_successes_without_effect_are_bounded() {
    for turn in [Turn::Fail { server_fault: true }, Turn::SucceedWithoutEffect] {
        let catalog = FakeCatalog::new(products(0..1), std::iter::repeat_n(turn, 20));
        let applied = applied(&catalog, products(0..3), &CancellationToken::new()).await;
        assert_eq!(applied.status, ReceiptStatus::Failed);
        assert!(catalog.started().len() <= 3, "{} change sets", catalog.started().len());
    }
}

#[tokio::test(start_paused = true)]
async fn an_experience_that_stays_locked_is_given_up_in_the_end() {
    let locked = Turn::Refuse { code: "ResourceInUseException", message: "locked", status: 423 };
    let catalog = FakeCatalog::new(products(0..1), std::iter::repeat_n(locked, 1_000));
    let applied = applied(&catalog, products(0..3), &CancellationToken::new()).await;
    assert_eq!(applied.status, ReceiptStatus::Failed);
    assert!(applied.error.unwrap().starts_with("gave up: "));
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_starts_nothing_and_says_what_is_pending() {
    let catalog = FakeCatalog::new(products(0..1), []);
    let stop = CancellationToken::new();
    stop.cancel();
    let applied = applied(&catalog, products(0..200), &stop).await;
    assert_eq!(applied.status, ReceiptStatus::Partial);
    assert_eq!(applied.progress.pending, 199);
    assert!(catalog.started().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_removes_too_much_is_held_with_the_numbers() {
    let catalog = FakeCatalog::new(products(0..100), []);
    let applied = applied(&catalog, products(0..40), &CancellationToken::new()).await;
    assert_eq!(applied.status, ReceiptStatus::Held);
    assert_eq!(
        applied.error.as_deref(),
        Some(
            "it would remove 60 of 100 approved products (60%, limit 50%); let it through with `pmp-spoke sync --confirm 1`"
        )
    );
    assert!(catalog.started().is_empty());
}
