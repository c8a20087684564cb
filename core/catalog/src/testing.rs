//! A catalog in memory for tests, on tokio's clock: locks, revisions, change sets that take time,
//! products that it refuses, and errors at chosen calls. In no program: only the feature `testing`
//! compiles it.

// What a test asks for and is not there ends that test.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use pmp_aws::{ApiError, Outcome};
use pmp_protocol::{ExperienceId, ManagementId, MemberId, ProductBatch, ProductId, ResourceRequests};
use tokio::time::Instant;

use crate::{
    Catalog, CatalogError, ChangeError, ChangeKind, ChangeSetId, ChangeSetRequest, ChangeSetState, ChangeSetStatus,
    Experience, ExperienceStatus, Pace, Part, PolicyId, Probe, ProcurementPolicy, RateLimits, Revision, Scope,
};

pub mod documents;

/// The calls that a test can make fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// `StartChangeSet`, one request at a time.
    Start,
    /// `DescribeChangeSet`, one poll at a time.
    DescribeChangeSet,
    /// All experiences of one call.
    DescribeExperience,
    /// All policies of one call.
    DescribePolicy,
    /// The change sets that run on one experience.
    OpenChangeSets,
}

/// An error as AWS spells it.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// The error code. For a start, `lost` means that the answer is lost, and not the request.
    pub code: &'static str,
    /// The message beside the code.
    pub message: &'static str,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// The outcome of the next change sets, unless their products decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It fails by a fault of AWS itself.
    ServerFault,
    /// Somebody cancels the change set.
    Cancelled,
    /// It succeeds, and changes nothing.
    WithoutEffect,
}

/// Whether an error says which of the changes it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// It names the change.
    Yes,
    /// It names the experience only.
    No,
}

/// The reaction to a request whose token is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KnownToken {
    /// The answer is the change set that the first request became.
    #[default]
    Answered,
    /// The request is refused, in these words.
    Refused(&'static str),
}

/// The state of the catalog, and what it is told to do.
#[derive(Debug, Default)]
pub struct World {
    /// All experiences, by id.
    pub experiences: BTreeMap<ExperienceId, Lists>,
    /// The answers to listings. A listing that is not here has all experiences.
    pub listings: BTreeMap<Scope, Result<Vec<ExperienceId>, Refusal>>,
    /// What becomes of repeated requests.
    pub known_token: KnownToken,
    /// Whether an approval leaves a product on the list of rejected ones, and the other way round.
    pub adds: bool,
    /// The text with which a stale revision is refused. `None`: a text that names the reason.
    pub stale: Option<&'static str>,
    change_sets: BTreeMap<String, Running>,
    tokens: BTreeMap<String, String>,
    /// Products that it refuses.
    pub poison: BTreeSet<ProductId>,
    /// Whether it refuses settings, and names the change that it refuses.
    pub poison_settings: Option<Named>,
    /// How long each change set takes.
    pub duration: Duration,
    /// The age of what reads of experiences, and of policies, return.
    pub lag: (Duration, Duration),
    /// The lists before each change, with the time of the change.
    past: Vec<(Instant, BTreeMap<ExperienceId, Lists>)>,
    /// The catalog's own clock.
    pub clock: Timestamp,
    /// The outcomes of the next calls, by operation. `None` lets one call pass.
    pub refusals: BTreeMap<Call, Vec<Option<Refusal>>>,
    /// The fates of the next change sets.
    pub fates: Vec<Fate>,
    /// The change sets that may be open at once.
    pub max_open: usize,
    /// Whether `StartChangeSet` panics: a fault of the program itself.
    pub panics: bool,
    /// Whether the bound of 50 ids counts per request.
    pub ids_per_request: bool,
    /// The requests that became change sets, with their times.
    pub started: Vec<(Instant, ChangeSetRequest)>,
    /// How often change sets were described.
    pub looks: usize,
}

/// One experience with its policy.
#[derive(Debug, Default, Clone)]
pub struct Lists {
    /// The list of approved products.
    pub approved: BTreeSet<ProductId>,
    /// The list of rejected products.
    pub rejected: BTreeSet<ProductId>,
    /// The policy's setting for requests.
    pub requests: ResourceRequests,
    /// The number of its newest revision.
    pub revision: u64,
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

/// A catalog in memory. Its clones are the same catalog.
#[derive(Debug, Clone)]
pub struct FakeCatalog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    pace: Pace,
}

impl FakeCatalog {
    /// Experiences `exp-0`, `exp-1` …, all with these products approved; change sets take a second.
    #[must_use]
    pub fn new(experiences: usize, approved: &BTreeSet<ProductId>) -> Self {
        let lists = Lists { approved: approved.clone(), revision: 1, ..Lists::default() };
        let experiences = (0..experiences).map(|n| (experience(n), lists.clone())).collect();
        let world = World { experiences, duration: Duration::from_secs(1), max_open: 250, ..World::default() };
        Self(Arc::new(Shared { world: Mutex::new(world), pace: Pace::new(RateLimits::default()) }))
    }

    /// The present state of the catalog.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.0.world.lock().unwrap();
        world.advance();
        world
    }

    /// Refuses the next calls of this kind, except for those that are `None`.
    pub fn refuse(&self, call: Call, refusals: impl IntoIterator<Item = Option<Refusal>>) {
        self.world().refusals.insert(call, refusals.into_iter().collect());
    }
}

/// The id of experience number `n`.
#[must_use]
pub fn experience(n: usize) -> ExperienceId {
    ExperienceId::new(&format!("exp-{n}")).unwrap()
}

/// The same, as one that may be changed.
#[must_use]
pub fn member(n: usize) -> MemberId {
    ManagementId::new(ExperienceId::new("exp-management").unwrap()).member(experience(n)).unwrap()
}

/// The id of the experience's policy.
#[must_use]
pub fn policy_id(experience: &ExperienceId) -> PolicyId {
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

    /// The experience as a read finds it, which may be late.
    #[must_use]
    pub fn describe(&self, id: &ExperienceId) -> Experience {
        Experience {
            id: id.clone(),
            revision: Revision(self.as_of(self.lag.0)[id].revision),
            name: "One".into(),
            status: ExperienceStatus::Enabled,
            admin_status: None,
            policies: vec![policy_id(id)],
        }
    }

    /// Its policy as a read finds it, which may be late.
    #[must_use]
    pub fn policy(&self, id: &ExperienceId) -> ProcurementPolicy {
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
    pub fn start(&mut self, parts: &[Part]) -> String {
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
    /// Carries out a part of a change set.
    pub fn apply(&mut self, part: &Part, adds: bool) {
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

    async fn list_experiences(&self, scope: Scope) -> Result<Vec<ExperienceId>, CatalogError> {
        let world = self.world();
        match world.listings.get(&scope) {
            Some(Err(refusal)) => Err(refused("aws-marketplace:ListEntities", *refusal)),
            Some(Ok(listed)) => Ok(listed.clone()),
            None => Ok(world.experiences.keys().cloned().collect()),
        }
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

#[async_trait]
impl Probe for FakeCatalog {
    async fn list_once(&self, scope: Scope, _: bool) -> Result<Vec<ExperienceId>, CatalogError> {
        self.list_experiences(scope).await
    }

    async fn describe_in_batch(
        &self,
        ids: &[ExperienceId],
    ) -> Result<Vec<Result<Experience, CatalogError>>, CatalogError> {
        Ok(self.describe_experiences(ids).await)
    }

    async fn details(&self, entity: &str) -> Result<serde_json::Value, CatalogError> {
        Err(CatalogError::NotFound(entity.to_owned()))
    }
}
