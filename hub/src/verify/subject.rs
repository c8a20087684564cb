//! The one experience that the trials change: what it was before, every change that is made on it,
//! and how it is put back.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use pmp_catalog::{
    CatalogError, ChangeSetId, ChangeSetRequest, ChangeSetState, ErrorClass, Operation, Part, PolicyId, Probe, Revision,
};
use pmp_protocol::{ExperienceId, ProductBatch, ProductId, ResourceRequests};
use pmp_terminal::progress::{self, Step};
use tokio::time::{Instant, sleep, timeout};

use super::error::VerifyError;
use super::left::{ByHand, Left, Standing, left};
use super::mask::Kind;
use super::record::{Record, Timed};
use super::seen::Seen;

/// How its change sets are called, in the console and in lists.
const NAME: &str = "pmp-hub verify-aws";
/// How long a change set is waited for, in minutes.
const PATIENCE_MINUTES: u64 = 15;
/// For how many seconds reads may show what was before.
const LAG_SECONDS: u64 = 60;
/// The same for the lists, once the experience shows its new revision.
const LISTS_LAG_SECONDS: u64 = 5;
/// How long it may take to put the experience back, once it is free.
const PUTTING_BACK: Duration = Duration::from_secs(20 * 60);
/// How often that is tried where the catalog refuses, a second each: reads may lag.
const ATTEMPTS: u32 = 90;
/// How often it is tried where the change set fails.
const FAILURES: u32 = 3;

/// What to ask for in one change set.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    pub(super) allow: Option<&'a ProductId>,
    pub(super) deny: Option<&'a ProductId>,
    pub(super) requests: Option<ResourceRequests>,
}

/// The experience on which assumptions are tried, with what has to be put back.
#[derive(Debug)]
pub(super) struct Subject<'c> {
    catalog: &'c dyn Probe,
    pub(super) id: ExperienceId,
    policy: PolicyId,
    /// What it was before the first change.
    before: Seen,
    /// The product that is moved: rejected, and without a note, which would be lost.
    pub(super) product: ProductId,
    /// One that is approved, where there is one: to allow it changes nothing.
    pub(super) approved: Option<ProductId>,
    /// Which run this is: part of every token, so that none is one of an earlier run.
    run: ChangeSetId,
    /// Whether something may be otherwise than before.
    dirty: AtomicBool,
    refused: AtomicU32,
    /// The product that was asked for and does not exist.
    tried_unknown: OnceLock<ProductId>,
}

impl<'c> Subject<'c> {
    /// Reads it, and chooses what to move. A product that is on its lists is not `unknown`.
    pub(super) async fn new(
        catalog: &'c dyn Probe,
        id: &ExperienceId,
        unknown: Option<&ProductId>,
        began: Timestamp,
        record: &mut Record,
    ) -> Result<Self, VerifyError> {
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
            id: id.clone(),
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

    /// What it was before the first change.
    pub(super) fn before(&self) -> &Seen {
        &self.before
    }

    /// The setting that it did not have before.
    pub(super) fn other_requests(&self) -> ResourceRequests {
        match self.before.policy.policy_resource_requests {
            ResourceRequests::Allow => ResourceRequests::Deny,
            ResourceRequests::Deny => ResourceRequests::Allow,
        }
    }

    /// It, as it can be read now.
    pub(super) async fn read(&self) -> Result<Seen, CatalogError> {
        let experience =
            one(self.catalog.describe_experiences(std::slice::from_ref(&self.id)).await, self.id.as_str())?;
        let policy =
            one(self.catalog.describe_policies(std::slice::from_ref(&self.policy)).await, self.policy.as_str())?;
        Ok(Seen { revision: experience.revision, policy })
    }

    /// The request for this, at a revision.
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

    /// Starts a change set. From here on the experience has to be put back.
    pub(super) async fn start(&self, request: &ChangeSetRequest) -> Result<ChangeSetId, CatalogError> {
        self.catalog.pace().of(Operation::StartChangeSet).ready().await;
        let was_dirty = self.dirty.swap(true, Ordering::Relaxed);
        let started = self.catalog.start_change_set(request).await;
        // A refusal has done nothing. Whatever else went wrong may have started it.
        let refused = started.as_ref().is_err_and(|error| !passes(error) && error.class() != ErrorClass::Unexpected);
        if refused && !was_dirty {
            self.dirty.store(false, Ordering::Relaxed);
        }
        started
    }

    /// Waits until a change set has ended, and takes down how long it took.
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
            // Often while it may be quick, so that a read right after the end is one; then by the
            // second.
            let quick = began.elapsed() < Duration::from_secs(20);
            sleep(Duration::from_millis(if quick { 200 } else { 1000 })).await;
        }
        Err(VerifyError::Endless(id.clone(), PATIENCE_MINUTES))
    }

    /// As [`Self::ended`], where it has to succeed.
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

    /// Reads until it is as `expected`, since reads may lag; and how many seconds that took.
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

    /// Says that all that was done has been undone, as `seen` shows.
    pub(super) fn is_back(&self, seen: &Seen) -> bool {
        let back = left(&self.before.policy, &seen.policy).is_empty();
        self.dirty.store(!back, Ordering::Relaxed);
        back
    }

    /// Whether something may be otherwise than before.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Relaxed)
    }

    /// Says that a product is asked for that does not exist. It is the last trial.
    pub(super) fn tries_unknown(&self, product: &ProductId) {
        self.tried_unknown.get_or_init(|| product.clone());
    }

    /// Puts the experience back, whatever was done and however far it got. Nothing is believed that
    /// was read before the last change set: what was done is undone in any case.
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
                        // It was approved only when the lists had been read already.
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
                // How long a change set takes is AWS's to say: while one is at work, only the time
                // is counted.
                let locked =
                    matches!(&error, VerifyError::Catalog { source, .. } if source.class() == ErrorClass::Locked);
                attempts += u32::from(!locked);
                if !again || attempts == ATTEMPTS {
                    let causes = anyhow::Error::new(error);
                    return Left::unseen(format!("`{}` may not be as it was before: {causes:#}.", self.id));
                }
                // Another token: the last one may have been what was refused.
                self.refused.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_secs(1)).await;
            }
        };
        timeout(PUTTING_BACK, putting_back).await.unwrap_or_else(|_| {
            Left::unseen(format!("`{}` may not be as it was before: it took too long to put it back.", self.id))
        })
    }

    /// One try: how the experience can be read afterwards.
    async fn try_to_put_back(&self, besides: Option<&ProductId>) -> Result<Seen, VerifyError> {
        let failed = |what: &str| VerifyError::catalog(format!("cannot {what} `{}`", self.id));
        self.wait_until_free().await?;
        let now = self.read().await.map_err(failed("read"))?;
        // One that does not exist, and was not approved, cannot be denied either.
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
            // How it ended is not told: what can be read says whether it did what it was to do.
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

    /// Waits until no change set is at work; whether that is known. Where it may not be asked, a
    /// request that comes too early is refused, and made again.
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
                // Asked by itself it is not told of; the list leaves it out once it has ended.
                Err(VerifyError::Catalog { .. }) => sleep(Duration::from_secs(1)).await,
                waited => drop(waited?),
            }
        }
        Ok(false)
    }

    /// What puts it back by hand: what is otherwise in `seen`, or where that is not known what was
    /// done. All else had been put back when a product was asked for that does not exist.
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

/// `3 changes` and what they are about.
fn changes_text(request: &ChangeSetRequest) -> String {
    pmp_terminal::count(request.parts().iter().map(Part::changes).sum(), "change")
}

/// How a change set ended, with what the catalog says of it.
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

/// The outcome for the one that was asked for.
fn one<T>(outcomes: Vec<Result<T, CatalogError>>, id: &str) -> Result<T, CatalogError> {
    outcomes.into_iter().next().unwrap_or_else(|| Err(CatalogError::NotFound(id.to_owned())))
}

fn passes(error: &CatalogError) -> bool {
    matches!(error.class(), ErrorClass::Throttled | ErrorClass::Transient)
}

/// Whether to put it back may be tried again: also where a revision was stale, in whatever words.
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
