//! The one experience that the trials change: its state before, every change on it, and its
//! restoration.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use pmp_catalog::{
    CatalogError, ChangeSetId, ChangeSetRequest, ChangeSetState, ErrorClass, Operation, Part, PolicyId, Probe, Revision,
};
use pmp_protocol::{ExperienceId, MemberId, ProductBatch, ProductId, ResourceRequests, one_line};
use pmp_terminal::progress::{self, Step};
use tokio::time::{Instant, sleep, timeout};

use super::error::VerifyError;
use super::left::{ByHand, Left, Standing, left};
use super::mask::Kind;
use super::record::{Record, Timed};
use super::seen::Seen;

/// The name of its change sets, in the console and in lists.
const NAME: &str = "pmp-hub verify-aws";
/// The longest wait for a change set, in minutes.
const PATIENCE_MINUTES: u64 = 15;
/// The longest time, in seconds, for which reads may show the state before a change.
const LAG_SECONDS: u64 = 60;
/// The longest time, in seconds, for which lists may lag behind the experience's new revision.
const LISTS_LAG_SECONDS: u64 = 5;
/// The longest time for the restoration, once the experience is free.
const PUTTING_BACK: Duration = Duration::from_secs(20 * 60);
/// The most attempts to restore, one a second, if the catalog refuses, because reads may lag.
const ATTEMPTS: u32 = 90;
/// The most attempts to restore if the change set fails.
const FAILURES: u32 = 3;

/// The changes of one change set.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    pub(super) allow: Option<&'a ProductId>,
    pub(super) deny: Option<&'a ProductId>,
    pub(super) requests: Option<ResourceRequests>,
}

/// The experience that the trials change, with everything that must be restored.
#[derive(Debug)]
pub(super) struct Subject<'c> {
    catalog: &'c dyn Probe,
    pub(super) id: MemberId,
    policy: PolicyId,
    /// Its state before the first change.
    before: Seen,
    /// The product that is moved. It is rejected and has no note, because a note would be lost.
    pub(super) product: ProductId,
    /// A product that is approved, if there is one. Allowing it changes nothing.
    pub(super) approved: Option<ProductId>,
    /// The id of this run. Every token holds it, so that none repeats one of an earlier run.
    run: ChangeSetId,
    /// Whether something may differ from the state before.
    dirty: AtomicBool,
    refused: AtomicU32,
    /// The product that does not exist, if it was requested.
    tried_unknown: OnceLock<ProductId>,
}

impl<'c> Subject<'c> {
    /// Reads the experience, and chooses the product to move. The product `unknown` must not be on
    /// its lists.
    pub(super) async fn new(
        catalog: &'c dyn Probe,
        member: &MemberId,
        unknown: Option<&ProductId>,
        began: Timestamp,
        record: &mut Record,
    ) -> Result<Self, VerifyError> {
        let id: &ExperienceId = member;
        let failed = || VerifyError::catalog(format!("cannot read the experience `{id}`"));
        let experience = one(catalog.describe_experiences(std::slice::from_ref(id)).await, id.as_str());
        let experience = experience.map_err(failed())?;
        let policy = experience.policies.first().ok_or_else(|| VerifyError::NoPolicy(id.clone()))?.clone();
        let lists = one(catalog.describe_policies(std::slice::from_ref(&policy)).await, policy.as_str());
        let lists = lists.map_err(failed())?;
        if let Some((product, standing)) = unknown.map(|product| (product, Standing::of(&lists, product)))
            && standing != Standing::Unlisted
        {
            let (product, experience, standing) = (product.clone(), id.clone(), standing.words());
            return Err(VerifyError::Listed { product, experience, standing });
        }
        let bare =
            |product: &&ProductId| !lists.notes.contains_key(*product) && !lists.contradictory.contains(*product);
        let product = lists.rejected.iter().find(bare).ok_or_else(|| VerifyError::NoProduct(id.clone()))?.clone();
        let approved = lists.approved.iter().find(bare).cloned();
        record.masks.know(Kind::Experience, id.as_str());
        record.masks.know(Kind::Policy, policy.as_str());
        for product in std::iter::once(&product).chain(&approved) {
            record.masks.know(Kind::Product, product.as_str());
        }
        Ok(Self {
            catalog,
            id: member.clone(),
            policy,
            before: Seen { revision: experience.revision, policy: lists },
            product,
            approved,
            run: ChangeSetId::new(&format!("verify-aws {began}")),
            dirty: AtomicBool::new(false),
            refused: AtomicU32::new(0),
            tried_unknown: OnceLock::new(),
        })
    }

    /// The state before the first change.
    pub(super) fn before(&self) -> &Seen {
        &self.before
    }

    /// The setting that the policy did not have before.
    pub(super) fn other_requests(&self) -> ResourceRequests {
        match self.before.policy.policy_resource_requests {
            ResourceRequests::Allow => ResourceRequests::Deny,
            ResourceRequests::Deny => ResourceRequests::Allow,
        }
    }

    /// Reads its present state.
    pub(super) async fn read(&self) -> Result<Seen, CatalogError> {
        let experience =
            one(self.catalog.describe_experiences(std::slice::from_ref(&*self.id)).await, self.id.as_str())?;
        let policy =
            one(self.catalog.describe_policies(std::slice::from_ref(&self.policy)).await, self.policy.as_str())?;
        Ok(Seen { revision: experience.revision, policy })
    }

    /// The request for these changes at a revision.
    pub(super) fn request(&self, revision: Revision, asked: Asked<'_>) -> ChangeSetRequest {
        let batch = |product: Option<&ProductId>| ProductBatch::split(&product.into_iter().cloned().collect()).pop();
        let part = Part {
            experience: self.id.clone(),
            revision,
            allow: batch(asked.allow),
            deny: batch(asked.deny),
            settings: asked.requests,
            after: Some(self.run.clone()),
            refused: self.refused.load(Ordering::Relaxed),
        };
        ChangeSetRequest::new(part, NAME)
    }

    /// Starts a change set. From here on the experience must be restored.
    pub(super) async fn start(&self, request: &ChangeSetRequest) -> Result<ChangeSetId, CatalogError> {
        self.catalog.pace().of(Operation::StartChangeSet).ready().await;
        let was_dirty = self.dirty.swap(true, Ordering::Relaxed);
        let started = self.catalog.start_change_set(request).await;
        // A refusal changed nothing. After any other error, the change set may have started.
        let refused = started.as_ref().is_err_and(|error| !passes(error) && error.class() != ErrorClass::Unexpected);
        if refused && !was_dirty {
            self.dirty.store(false, Ordering::Relaxed);
        }
        started
    }

    /// Waits until a change set has ended, and records its duration.
    pub(super) async fn ended(
        &self,
        id: &ChangeSetId,
        request: &ChangeSetRequest,
        record: &mut Record,
    ) -> Result<ChangeSetState, VerifyError> {
        record.masks.know(Kind::ChangeSet, id.as_str());
        progress::step(Step::Waiting, &format!("change set {id} of {} is at work", changes_text(request)));
        let began = Instant::now();
        let status = self.wait_for(id).await?;
        let named = match &status.state {
            ChangeSetState::Succeeded => "SUCCEEDED",
            ChangeSetState::Failed { .. } => "FAILED",
            _ => "CANCELLED",
        };
        let parts = request.parts();
        let products = |batch: &Option<ProductBatch>| batch.as_ref().map_or(0, |batch| batch.products().len());
        record.change_sets.push(Timed {
            id: id.to_string(),
            changes: parts.iter().map(Part::changes).sum(),
            products: parts.iter().map(|part| products(&part.allow) + products(&part.deny)).sum(),
            status: named,
            seconds: began.elapsed().as_secs_f64(),
            started: status.started,
            ended: status.ended,
        });
        Ok(status.state)
    }

    async fn wait_for(&self, id: &ChangeSetId) -> Result<pmp_catalog::ChangeSetStatus, VerifyError> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(PATIENCE_MINUTES * 60) {
            self.catalog.pace().of(Operation::DescribeChangeSet).ready().await;
            match self.catalog.describe_change_set(id).await {
                Ok(status) if status.state != ChangeSetState::Running => return Ok(status),
                Ok(_) => {}
                Err(error) if passes(&error) => {}
                Err(source) => {
                    return Err(VerifyError::catalog(format!("cannot describe the change set `{id}`"))(source));
                }
            }
            // Poll often at first, so that the next read comes right after the end; then every
            // second.
            let quick = began.elapsed() < Duration::from_secs(20);
            sleep(Duration::from_millis(if quick { 200 } else { 1000 })).await;
        }
        Err(VerifyError::Endless(id.clone(), PATIENCE_MINUTES))
    }

    /// Waits as [`Self::ended`] does. Any end but success is an error.
    pub(super) async fn succeeded(
        &self,
        id: &ChangeSetId,
        request: &ChangeSetRequest,
        record: &mut Record,
    ) -> Result<(), VerifyError> {
        match self.ended(id, request, record).await? {
            ChangeSetState::Succeeded => Ok(()),
            state => Err(VerifyError::NotDone { id: id.clone(), how: how(&state) }),
        }
    }

    /// Reads until the state is as `expected`, because reads may lag. Returns the seconds that this
    /// took.
    pub(super) async fn settled(
        &self,
        id: &ChangeSetId,
        expected: impl Fn(&Seen) -> bool,
    ) -> Result<(Seen, f64), VerifyError> {
        self.settled_within(LAG_SECONDS, id, expected).await
    }

    async fn settled_within(
        &self,
        seconds: u64,
        id: &ChangeSetId,
        expected: impl Fn(&Seen) -> bool,
    ) -> Result<(Seen, f64), VerifyError> {
        let began = Instant::now();
        loop {
            let seen = self.read().await;
            let seen = seen.map_err(VerifyError::catalog(format!("cannot read the experience `{}`", self.id)))?;
            if expected(&seen) {
                return Ok((seen, began.elapsed().as_secs_f64()));
            }
            if began.elapsed() > Duration::from_secs(seconds) {
                return Err(VerifyError::NotSeen(id.clone(), seconds));
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Whether `seen` shows that every change was undone. If so, the experience counts as restored.
    pub(super) fn is_back(&self, seen: &Seen) -> bool {
        let back = left(&self.before.policy, &seen.policy).is_empty();
        self.dirty.store(!back, Ordering::Relaxed);
        back
    }

    /// Whether something may differ from the state before.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Relaxed)
    }

    /// Records that a product that does not exist is requested. It is the last trial.
    pub(super) fn tries_unknown(&self, product: &ProductId) {
        self.tried_unknown.get_or_init(|| product.clone());
    }

    /// Restores the experience, however far the trials got. It does not rely on reads from before
    /// the last change set, so it undoes every change in any case.
    pub(super) async fn put_back(&self) -> Left {
        let besides = self.tried_unknown.get();
        let putting_back = async {
            let (mut failures, mut attempts) = (0, 0);
            let mut attempt = 0;
            loop {
                attempt += 1;
                let error = match self.try_to_put_back(besides).await {
                    Ok(seen) => {
                        let sentences = left(&self.before.policy, &seen.policy);
                        // The product was approved only after the lists had been read.
                        let late = besides.is_some_and(|product| seen.policy.approved.contains(product));
                        if !late || attempt >= FAILURES {
                            return Left { sentences, seen: Some(seen) };
                        }
                        continue;
                    }
                    Err(error) => error,
                };
                failures += u32::from(matches!(error, VerifyError::NotDone { .. }));
                let again = match &error {
                    VerifyError::Catalog { source, .. } => comes_again(source),
                    VerifyError::NotDone { .. } => failures < FAILURES,
                    _ => false,
                };
                // AWS decides how long a change set takes. While one is running, only the time
                // limit counts.
                let locked =
                    matches!(&error, VerifyError::Catalog { source, .. } if source.class() == ErrorClass::Locked);
                attempts += u32::from(!locked);
                if !again || attempts == ATTEMPTS {
                    let causes = one_line(&error);
                    return Left::unseen(format!("`{}` may not be as it was before: {causes}.", self.id));
                }
                // Use another token, because the last one may be the reason for the refusal.
                self.refused.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_secs(1)).await;
            }
        };
        timeout(PUTTING_BACK, putting_back).await.unwrap_or_else(|_| {
            Left::unseen(format!("`{}` may not be as it was before: it took too long to put it back.", self.id))
        })
    }

    /// One attempt. Returns the state that was read afterwards.
    async fn try_to_put_back(&self, besides: Option<&ProductId>) -> Result<Seen, VerifyError> {
        let failed = |what: &str| VerifyError::catalog(format!("cannot {what} `{}`", self.id));
        self.wait_until_free().await?;
        let now = self.read().await.map_err(failed("read"))?;
        // A product that does not exist, and was not approved, cannot be denied either.
        let besides = besides.filter(|product| now.policy.approved.contains(*product));
        let deny: BTreeSet<_> = std::iter::once(&self.product).chain(besides).cloned().collect();
        let asked = Asked { requests: Some(self.before.policy.policy_resource_requests), ..Asked::default() };
        let request = self.request(now.revision, asked);
        let request = {
            let part = request.parts()[0].clone();
            let deny = ProductBatch::split(&deny).pop();
            ChangeSetRequest::new(Part { deny, ..part }, NAME)
        };
        let id = self.start(&request).await.map_err(failed("change"))?;
        progress::step(Step::Waiting, &format!("change set {id} puts it back"));
        let (state, seconds) = match self.wait_for(&id).await {
            Ok(status) => (status.state, LAG_SECONDS),
            // Its outcome is not known. A read shows whether it had its effect.
            Err(VerifyError::Catalog { .. }) => {
                let has_ended = self.wait_until_free().await?;
                (ChangeSetState::Succeeded, if has_ended { LAG_SECONDS } else { PATIENCE_MINUTES * 60 })
            }
            Err(error) => return Err(error),
        };
        if state != ChangeSetState::Succeeded {
            return Err(VerifyError::NotDone { id, how: how(&state) });
        }
        let newer = |seen: &Seen| seen.revision > now.revision;
        let (seen, _) = self.settled_within(seconds, &id, newer).await?;
        if self.is_back(&seen) {
            return Ok(seen);
        }
        match self.settled_within(LISTS_LAG_SECONDS, &id, |seen| self.is_back(seen)).await {
            Ok((seen, _)) => Ok(seen),
            Err(VerifyError::NotSeen(..)) => self.read().await.map_err(failed("read")),
            Err(error) => Err(error),
        }
    }

    /// Waits until no change set is running. Returns whether that is known. If the caller may not
    /// ask, a request that comes too early is refused and repeated.
    async fn wait_until_free(&self) -> Result<bool, VerifyError> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(PATIENCE_MINUTES * 60) {
            let open = match self.catalog.open_change_sets(&self.id).await {
                Ok(open) => open,
                Err(error) => {
                    progress::note(&format!("whether a change set is at work on {} is not known: {error}", self.id));
                    return Ok(false);
                }
            };
            let Some(running) = open.first() else { return Ok(true) };
            progress::step(Step::Waiting, &format!("change set {running} is still at work"));
            match self.wait_for(running).await {
                // The change set itself cannot be read. The list leaves it out once it has ended.
                Err(VerifyError::Catalog { .. }) => sleep(Duration::from_secs(1)).await,
                waited => drop(waited?),
            }
        }
        Ok(false)
    }

    /// The changes that restore the experience by hand: the differences in `seen`, or, if that is
    /// not known, the reverse of the trials. When a product that does not exist was requested,
    /// everything else had been restored before.
    pub(super) fn by_hand(&self, seen: Option<&Seen>) -> ByHand {
        let nothing = ByHand::nothing(&self.id);
        match (seen, self.tried_unknown.get()) {
            (Some(seen), _) => ByHand::of(&self.id, &self.before.policy, &seen.policy),
            (None, Some(unknown)) => ByHand { deny: BTreeSet::from([unknown.clone()]), ..nothing },
            (None, None) => {
                let requests = Some(self.before.policy.policy_resource_requests);
                ByHand { deny: BTreeSet::from([self.product.clone()]), requests, ..nothing }
            }
        }
    }
}

/// The number of changes and their kinds, for example `3 changes`.
fn changes_text(request: &ChangeSetRequest) -> String {
    pmp_terminal::count(request.parts().iter().map(Part::changes).sum(), "change")
}

/// The end of a change set, with the catalog's own text.
fn how(state: &ChangeSetState) -> String {
    match state {
        ChangeSetState::Failed { errors, .. } => {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            format!("FAILED: {}", errors.join("; "))
        }
        ChangeSetState::Cancelled => "CANCELLED".to_owned(),
        ChangeSetState::Succeeded | ChangeSetState::Running => "SUCCEEDED".to_owned(),
    }
}

/// The outcome of the entity that was requested.
fn one<T>(outcomes: Vec<Result<T, CatalogError>>, id: &str) -> Result<T, CatalogError> {
    outcomes.into_iter().next().unwrap_or_else(|| Err(CatalogError::NotFound(id.to_owned())))
}

fn passes(error: &CatalogError) -> bool {
    matches!(error.class(), ErrorClass::Throttled | ErrorClass::Transient)
}

/// Whether another attempt to restore may succeed. It may after a stale revision, whatever the text
/// says.
fn comes_again(error: &CatalogError) -> bool {
    let class = error.class();
    passes(error)
        || matches!(
            class,
            ErrorClass::Locked
                | ErrorClass::QuotaExceeded
                | ErrorClass::StaleRevision
                | ErrorClass::KnownToken
                | ErrorClass::Invalid
        )
}
