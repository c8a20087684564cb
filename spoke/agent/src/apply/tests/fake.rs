//! A catalog in memory, on tokio's clock: locks, revisions, change sets that take time, products
//! that it refuses, and errors at chosen calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use pmp_aws::{ApiError, Outcome};
use pmp_catalog::{
    Catalog, CatalogError, ChangeError, ChangeKind, ChangeSetId, ChangeSetRequest, ChangeSetState, ChangeSetStatus,
    Experience, ExperienceStatus, Pace, Part, PolicyId, ProcurementPolicy, RateLimits, Revision, Scope,
};
use pmp_protocol::{ExperienceId, ManagementId, MemberId, ProductBatch, ProductId, ResourceRequests};
use tokio::time::Instant;

use crate::apply::live::Live;

/// The calls that a test can make fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Start,
    DescribeChangeSet,
    DescribeExperience,
    DescribePolicy,
    OpenChangeSets,
}

/// An error as AWS spells it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: &'static str,
    pub(super) status: u16,
}

/// The outcome of the next change sets, unless their products decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    ServerFault,
    Cancelled,
    WithoutEffect,
}

/// Whether an error says which of the changes it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Yes,
    No,
}

/// The reaction to a request whose token is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum KnownToken {
    /// The answer is the change set that the first request became.
    #[default]
    Answered,
    /// The request is refused, in these words.
    Refused(&'static str),
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) experiences: BTreeMap<ExperienceId, Lists>,
    pub(super) known_token: KnownToken,
    /// Whether an approval leaves a product on the list of rejected ones, and the other way round.
    pub(super) adds: bool,
    /// The text with which a stale revision is refused. `None`: a text that names the reason.
    pub(super) stale: Option<&'static str>,
    change_sets: BTreeMap<String, Running>,
    tokens: BTreeMap<String, String>,
    pub(super) poison: BTreeSet<ProductId>,
    /// Whether it refuses settings, and names the change that it refuses.
    pub(super) poison_settings: Option<Named>,
    pub(super) duration: Duration,
    /// The age of what reads of experiences, and of policies, return.
    pub(super) lag: (Duration, Duration),
    /// The lists before each change, with the time of the change.
    past: Vec<(Instant, BTreeMap<ExperienceId, Lists>)>,
    /// The catalog's own clock.
    pub(super) clock: Timestamp,
    /// The outcomes of the next calls, by operation. `None` lets one call pass.
    pub(super) refusals: BTreeMap<Call, Vec<Option<Refusal>>>,
    pub(super) fates: Vec<Fate>,
    /// The change sets that may be open at once.
    pub(super) max_open: usize,
    /// Whether `StartChangeSet` panics: a fault of the program itself.
    pub(super) panics: bool,
    /// Whether the bound of 50 ids counts per request.
    pub(super) ids_per_request: bool,
    pub(super) started: Vec<(Instant, ChangeSetRequest)>,
    pub(super) looks: usize,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Lists {
    pub(super) approved: BTreeSet<ProductId>,
    pub(super) rejected: BTreeSet<ProductId>,
    pub(super) requests: ResourceRequests,
    pub(super) revision: u64,
    locked_by: Option<String>,
}

#[derive(Debug)]
struct Running {
    parts: Vec<Part>,
    ends: Instant,
    started: Timestamp,
    took: Duration,
    fate: Option<Fate>,
    state: ChangeSetState,
}

#[derive(Debug, Clone)]
pub(super) struct FakeCatalog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    pace: Pace,
}

impl FakeCatalog {
    /// Experiences `exp-0`, `exp-1` …, all with these products approved; change sets take a second.
    pub(super) fn new(experiences: usize, approved: &BTreeSet<ProductId>) -> Self {
        let lists = Lists { approved: approved.clone(), revision: 1, ..Lists::default() };
        let experiences = (0..experiences).map(|n| (experience(n), lists.clone())).collect();
        let world = World { experiences, duration: Duration::from_secs(1), max_open: 250, ..World::default() };
        Self(Arc::new(Shared { world: Mutex::new(world), pace: Pace::new(RateLimits::default()) }))
    }

    /// The present state of the catalog.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.0.world.lock().unwrap();
        world.advance();
        world
    }

    pub(super) fn refuse(&self, call: Call, refusals: impl IntoIterator<Item = Option<Refusal>>) {
        self.world().refusals.insert(call, refusals.into_iter().collect());
    }

    pub(super) fn live(&self, n: usize) -> Live {
        let world = self.world();
        let id = experience(n);
        Live {
            member: member(n),
            experience: world.describe(&id),
            policy_id: policy_id(&id),
            policy: world.policy(&id),
        }
    }
}

pub(super) fn experience(n: usize) -> ExperienceId {
    ExperienceId::new(&format!("exp-{n}")).unwrap()
}

/// The same, as one that may be changed.
pub(super) fn member(n: usize) -> MemberId {
    ManagementId::new(ExperienceId::new("exp-management").unwrap()).member(experience(n)).unwrap()
}

fn policy_id(experience: &ExperienceId) -> PolicyId {
    PolicyId::new(&experience.as_str().replace("exp", "policy")).unwrap()
}

fn refused(operation: &'static str, Refusal { code, message, status }: Refusal) -> CatalogError {
    let outcome = Outcome::Refused { code: code.into(), message: message.into(), status, request_id: None };
    CatalogError::Api(ApiError::of(operation, outcome))
}

impl World {
    fn advance(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self
            .change_sets
            .iter()
            .filter(|(_, set)| set.state == ChangeSetState::Running && set.ends <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.end(&id);
        }
    }

    /// The lists as they were at that time before now.
    fn as_of(&self, lag: Duration) -> &BTreeMap<ExperienceId, Lists> {
        let moment = Instant::now().checked_sub(lag);
        let later = |changed: Instant| moment.is_none_or(|moment| changed > moment);
        self.past
            .iter()
            .find(|(changed, _)| !lag.is_zero() && later(*changed))
            .map_or(&self.experiences, |(_, past)| past)
    }

    fn end(&mut self, id: &str) {
        self.past.push((self.change_sets[id].ends, self.experiences.clone()));
        let set = self.change_sets.get_mut(id).unwrap();
        let mut errors = Vec::new();
        for part in &set.parts {
            for (kind, batch) in [(ChangeKind::Allow, &part.allow), (ChangeKind::Deny, &part.deny)] {
                if batch.iter().flat_map(ProductBatch::products).any(|id| self.poison.contains(id)) {
                    errors.push(ChangeError {
                        entity: Some(part.experience.to_string()),
                        kind: Some(kind),
                        code: "ENTITY_NOT_FOUND".into(),
                        message: "no such product".into(),
                    });
                }
            }
        }
        if let Some(named) = self.poison_settings {
            errors.extend(set.parts.iter().filter(|part| part.settings.is_some()).map(|part| ChangeError {
                entity: Some(part.experience.to_string()),
                kind: (named == Named::Yes).then_some(ChangeKind::Settings),
                code: "CALLER_NOT_AUTHORIZED".into(),
                message: "no settings for you".into(),
            }));
        }
        set.state = match set.fate {
            Some(Fate::ServerFault) => ChangeSetState::Failed { server_fault: true, errors: Vec::new() },
            Some(Fate::Cancelled) => ChangeSetState::Cancelled,
            _ if !errors.is_empty() => ChangeSetState::Failed { server_fault: false, errors },
            _ => ChangeSetState::Succeeded,
        };
        for part in &set.parts {
            let lists = self.experiences.get_mut(&*part.experience).unwrap();
            lists.locked_by = None;
            if set.state == ChangeSetState::Succeeded && set.fate != Some(Fate::WithoutEffect) {
                lists.apply(part, self.adds);
            }
        }
    }

    pub(super) fn describe(&self, id: &ExperienceId) -> Experience {
        Experience {
            id: id.clone(),
            revision: Revision(self.as_of(self.lag.0)[id].revision),
            name: "One".into(),
            status: ExperienceStatus::Enabled,
            admin_status: None,
            policies: vec![policy_id(id)],
        }
    }

    pub(super) fn policy(&self, id: &ExperienceId) -> ProcurementPolicy {
        let Lists { approved, rejected, requests, .. } = self.as_of(self.lag.1)[id].clone();
        let contradictory: BTreeSet<_> = approved.intersection(&rejected).cloned().collect();
        let approved = &approved - &contradictory;
        let policy_resource_requests = requests;
        ProcurementPolicy { approved, rejected, contradictory, policy_resource_requests, ..Default::default() }
    }

    fn next_refusal(&mut self, call: Call) -> Option<Refusal> {
        let refusals = self.refusals.get_mut(&call)?;
        if refusals.is_empty() { None } else { refusals.remove(0) }
    }

    /// Starts a change set of these parts for any caller.
    pub(super) fn start(&mut self, parts: &[Part]) -> String {
        let id = format!("cs-{}", self.change_sets.len() + 1);
        for part in parts {
            self.experiences.get_mut(&*part.experience).unwrap().locked_by = Some(id.clone());
        }
        let fate = if self.fates.is_empty() { None } else { Some(self.fates.remove(0)) };
        let ends = Instant::now() + self.duration;
        let running = Running {
            parts: parts.to_vec(),
            ends,
            started: self.clock,
            took: self.duration,
            fate,
            state: ChangeSetState::Running,
        };
        self.change_sets.insert(id.clone(), running);
        id
    }

    fn check(&self, request: &ChangeSetRequest) -> Result<(), CatalogError> {
        let refuse =
            |code, message, status| Err(refused("aws-marketplace:StartChangeSet", Refusal { code, message, status }));
        let ids: usize = request
            .parts()
            .iter()
            .flat_map(|part| part.allow.iter().chain(&part.deny))
            .map(|b| b.products().len())
            .sum();
        if self.ids_per_request && ids > 50 {
            let text = "Cumulative number of values in Ids array must be less than or equal to 50";
            return refuse("ValidationException", text, 422);
        }
        for part in request.parts() {
            let lists = &self.experiences[&*part.experience];
            if lists.locked_by.is_some() {
                return refuse("ResourceInUseException", "the entity is locked by a change set", 423);
            }
            if lists.revision != part.revision.0 {
                return refuse("ValidationException", self.stale.unwrap_or("not the latest revision"), 422);
            }
        }
        let open = self.change_sets.values().filter(|set| set.state == ChangeSetState::Running).count();
        if open >= self.max_open {
            return refuse("ServiceQuotaExceededException", "too many open change sets", 402);
        }
        Ok(())
    }
}

impl Lists {
    pub(super) fn apply(&mut self, part: &Part, adds: bool) {
        let (allow, deny) = (part.allow.iter(), part.deny.iter());
        for id in allow.flat_map(ProductBatch::products) {
            if !adds {
                self.rejected.remove(id);
            }
            self.approved.insert(id.clone());
        }
        for id in deny.flat_map(ProductBatch::products) {
            if !adds {
                self.approved.remove(id);
            }
            self.rejected.insert(id.clone());
        }
        self.requests = part.settings.unwrap_or(self.requests);
        self.revision += 1;
    }
}

#[async_trait]
impl Catalog for FakeCatalog {
    fn pace(&self) -> &Pace {
        &self.0.pace
    }

    async fn list_experiences(&self, _: Scope) -> Result<Vec<ExperienceId>, CatalogError> {
        Ok(self.world().experiences.keys().cloned().collect())
    }

    async fn describe_experiences(&self, ids: &[ExperienceId]) -> Vec<Result<Experience, CatalogError>> {
        let mut world = self.world();
        match world.next_refusal(Call::DescribeExperience) {
            Some(refusal) => ids.iter().map(|_| Err(refused("aws-marketplace:DescribeEntity", refusal))).collect(),
            None => ids.iter().map(|id| Ok(world.describe(id))).collect(),
        }
    }

    async fn describe_policies(&self, ids: &[PolicyId]) -> Vec<Result<ProcurementPolicy, CatalogError>> {
        let mut world = self.world();
        match world.next_refusal(Call::DescribePolicy) {
            Some(refusal) => ids.iter().map(|_| Err(refused("aws-marketplace:DescribeEntity", refusal))).collect(),
            None => {
                let experience = |id: &PolicyId| ExperienceId::new(&id.as_str().replace("policy", "exp")).unwrap();
                ids.iter().map(|id| Ok(world.policy(&experience(id)))).collect()
            }
        }
    }

    async fn start_change_set(&self, request: &ChangeSetRequest) -> Result<ChangeSetId, CatalogError> {
        let panics = self.world().panics;
        assert!(!panics, "a fault of the program itself");
        let mut world = self.world();
        match (world.tokens.get(&request.client_request_token()), world.known_token) {
            // The first outcome counts, even if the change set failed.
            (Some(id), KnownToken::Answered) => return Ok(ChangeSetId::new(id)),
            (Some(_), KnownToken::Refused(message)) => {
                let refusal = Refusal { code: "ValidationException", message, status: 422 };
                return Err(refused("aws-marketplace:StartChangeSet", refusal));
            }
            (None, _) => {}
        }
        let refusal = world.next_refusal(Call::Start);
        let lost = refusal.is_some_and(|refusal| refusal.code == "lost");
        if let (Some(refusal), false) = (refusal, lost) {
            return Err(refused("aws-marketplace:StartChangeSet", refusal));
        }
        world.check(request)?;
        let id = world.start(request.parts());
        world.tokens.insert(request.client_request_token(), id.clone());
        world.started.push((Instant::now(), request.clone()));
        if lost {
            let outcome = Outcome::NoAnswer("timed out".into());
            return Err(CatalogError::Api(ApiError::of("aws-marketplace:StartChangeSet", outcome)));
        }
        Ok(ChangeSetId::new(&id))
    }

    async fn describe_change_set(&self, id: &ChangeSetId) -> Result<ChangeSetStatus, CatalogError> {
        let mut world = self.world();
        world.looks += 1;
        match world.next_refusal(Call::DescribeChangeSet) {
            Some(refusal) => Err(refused("aws-marketplace:DescribeChangeSet", refusal)),
            None => {
                let set = &world.change_sets[id.as_str()];
                let took = jiff::SignedDuration::try_from(set.took).unwrap();
                let ended = (set.state != ChangeSetState::Running).then(|| set.started + took);
                Ok(ChangeSetStatus { state: set.state.clone(), started: Some(set.started), ended })
            }
        }
    }

    async fn open_change_sets(&self, experience: &ExperienceId) -> Result<Vec<ChangeSetId>, CatalogError> {
        let mut world = self.world();
        match world.next_refusal(Call::OpenChangeSets) {
            Some(refusal) => Err(refused("aws-marketplace:ListChangeSets", refusal)),
            None => Ok(world.experiences[experience].locked_by.iter().map(|id| ChangeSetId::new(id)).collect()),
        }
    }
}
