//! One experience: plan, start the next change set, wait for its end, look, plan again.
//!
//! Between change sets the lists are carried on in memory, and only the revision is read: where it is the next one,
//! nobody else changed anything. Otherwise, and before it is said to be in step, the policy itself is read.
//!
//! [`outcome`] says what an end or an error means; [`live`] reads and waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::SignedDuration;
use pmp_catalog::{CatalogError, ChangeSetId, ChangeSetRequest, Part};
use pmp_plan::{ChangeSet, Confirmation, IdLimit, Lately, Observed, Plan, Refusal, plan_after};
use pmp_protocol::{ProductId, ReceiptStatus, ResourceRequests};
use tokio::time::Instant;

use super::isolate::Isolation;
use super::starter::Started;
use super::{Applied, Engine, Order, Watch};
use crate::error::one_line;
use crate::member::Live;
use crate::patience::Patience;
use crate::receipt::Progress;
use crate::{drift, lists};

mod live;
mod observe;
mod outcome;

/// How often change sets may fail for the catalog's own reasons (`SERVER_FAULT`), or succeed without effect.
const MAX_FAULTS: u32 = 3;
/// A change set that was started so long before this pass is an earlier run's, whatever the two clocks say.
const EARLIER: SignedDuration = SignedDuration::from_secs(60);
/// For so long after a change set succeeded, lists that do not show what it did may be older than it. AWS says nothing of how soon
/// reads follow; later, they are believed.
const READS_MAY_LAG: Duration = Duration::from_secs(45);
const STOPPED: &str = "told to stop before the end";

pub(super) type End = (ReceiptStatus, Option<String>);

pub(super) struct Run<'a> {
    engine: &'a Engine,
    order: &'a Order<'a>,
    live: Live,
    watch: &'a dyn Watch,
    progress: Progress,
    patience: Patience,
    isolation: Isolation,
    /// Whether the settings wait until all products are done, so that it is clear whose fault an error is.
    settings_last: bool,
    /// Why the catalog refused the settings, once it did.
    settings_refused: Option<String>,
    faults: u32,
    /// Whether its parts go alone: they were in a change set that failed, and which part was at fault is not known.
    alone: bool,
    /// Whether the lists are as they were read, rather than carried on.
    read: bool,
    /// What was pending when the lists were last read, and whether a change set succeeded since.
    pending_when_read: Option<usize>,
    applied_since: bool,
    /// Products that this run approved, or else denied, and when the last of its change sets ended.
    changed: BTreeMap<ProductId, bool>,
    changed_at: Option<Instant>,
    /// By token, the change set that answered a request and ended without effect.
    in_vain: HashMap<String, ChangeSetId>,
    /// By token, how often a request was refused, perhaps for the token alone.
    refused: HashMap<String, Refused>,
    /// The products that change sets of this turn have allowed.
    allowed: BTreeSet<ProductId>,
}

/// How a request was refused in ways that its token may be to blame for.
#[derive(Debug, Default, Clone, Copy)]
struct Refused {
    times: u32,
    /// How often of these in words that are not known.
    unclear: u32,
}

/// A change set, and what it is for.
struct Work {
    change_set: ChangeSet,
    /// The token that it would have by itself the first time.
    token: String,
    /// Whether it tests suspects.
    test: bool,
    /// The limit that it was made for.
    limit: IdLimit,
}

impl Work {
    fn has_products(&self) -> bool {
        self.change_set.allow().is_some() || self.change_set.deny().is_some()
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(engine: &'a Engine, order: &'a Order<'a>, live: Live, watch: &'a dyn Watch) -> Self {
        let approved_before = live.policy.approved.len();
        Self {
            engine,
            order,
            live,
            watch,
            progress: Progress { approved_before, ..Progress::default() },
            patience: Patience::with_the_catalog(),
            isolation: Isolation::new(order.quarantined, order.pass),
            settings_last: false,
            settings_refused: None,
            faults: 0,
            alone: false,
            read: true,
            pending_when_read: None,
            applied_since: false,
            changed: BTreeMap::new(),
            changed_at: None,
            in_vain: HashMap::new(),
            refused: HashMap::new(),
            allowed: BTreeSet::new(),
        }
    }

    pub(super) async fn finish(mut self) -> Applied {
        let (status, error) = self.until_done().await;
        self.note_how_it_is_left();
        Applied { status, progress: self.progress, error }
    }

    /// Only lists that were read tell how the catalog has them, and not those that were carried on.
    fn note_how_it_is_left(&mut self) {
        self.progress.left = self.read.then(|| drift::left(&self.live.policy));
    }

    async fn until_done(&mut self) -> End {
        if let Some(end) = self.adopt_unfinished().await {
            return end;
        }
        loop {
            let next = match self.next() {
                Ok(next) => next,
                Err(end) => return end,
            };
            let step = match next {
                Some(_) if self.engine.stop.is_cancelled() => return stopped(),
                Some(work) => self.step(work).await,
                None if self.read => return self.done(),
                None => self.look_again().await,
            };
            if let Some(end) = step {
                return end;
            }
        }
    }

    /// What to do next, from the lists as they are known: none where nothing is left.
    fn next(&mut self) -> Result<Option<Work>, End> {
        let mut plan = match self.plan() {
            Ok(plan) => plan,
            Err(refusal) => return Err(self.held(&refusal)),
        };
        let to_change = plan.pending() + usize::from(self.wanted_settings().is_some());
        if let Some(end) = self.check_effect(to_change) {
            return Err(end);
        }
        self.isolation.set_aside(&mut plan);
        let settings = self.wanted_settings().filter(|_| !self.settings_last || plan.pending() == 0);
        let plan = plan.with_settings(settings, self.live.policy.policy_resource_requests);
        let limit = self.engine.limit();
        let batch = plan.first(limit).map(|change_set| (change_set, false));
        let next = batch.or_else(|| self.isolation.next_test(limit).map(|change_set| (change_set, true)));
        let work = next.map(|(change_set, test)| {
            let token = ChangeSetRequest::new(self.first_part(&change_set), "").client_request_token();
            Work { change_set, token, test, limit }
        });
        self.progress.pending = plan.pending() + self.isolation.suspects();
        self.progress.quarantined = self.isolation.quarantined().cloned().collect();
        Ok(work)
    }

    /// What is left after a change set, so that what is told as done and what is told as left add up.
    fn count_pending(&mut self) {
        if let Ok(mut plan) = self.plan() {
            self.isolation.set_aside(&mut plan);
            self.progress.pending = plan.pending() + self.isolation.suspects();
        }
    }

    fn plan(&self) -> Result<Plan, Box<Refusal>> {
        self.plan_with(self.order.confirmation)
    }

    fn plan_with(&self, confirmation: Confirmation) -> Result<Plan, Box<Refusal>> {
        let Order { desired, version, guard, lately, .. } = *self.order;
        let lists = lists::as_if_done(&self.live.policy, desired, self.order.left_alone);
        let observed = Observed { approved: &lists.0, rejected: &lists.1 };
        // What this pass has removed already belongs to the blow that is judged.
        let Progress { removed, approved_before, .. } = self.progress;
        let lately = Lately { removed: lately.removed + removed, approved: lately.approved.max(approved_before) };
        plan_after(lately, desired, observed, version, guard, confirmation)
    }

    /// The settings that the policy should have, where it has not and the catalog has not refused them.
    fn wanted_settings(&self) -> Option<ResourceRequests> {
        let observed = self.live.policy.policy_resource_requests;
        self.order.settings.filter(|wanted| *wanted != observed && self.settings_refused.is_none())
    }

    fn held(&mut self, refusal: &Refusal) -> End {
        self.progress.pending = refusal.changes;
        let hint = format!("let it through with `pmp-spoke sync --confirm {}`", self.order.version);
        (ReceiptStatus::Held, Some(format!("{refusal}; {hint}")))
    }

    /// Change sets that succeeded must have changed something: some that do not would be repeated for ever.
    fn check_effect(&mut self, pending: usize) -> Option<End> {
        if !self.read {
            return None;
        }
        let in_vain = self.applied_since && self.pending_when_read.is_some_and(|before| pending >= before);
        (self.pending_when_read, self.applied_since) = (Some(pending), false);
        if !in_vain {
            return None;
        }
        self.faults += 1;
        let error = "the catalog reports success, but its lists did not change";
        (self.faults >= MAX_FAULTS).then(|| (ReceiptStatus::Failed, Some(error.to_owned())))
    }

    fn done(&self) -> End {
        if let Some(refused) = &self.settings_refused {
            let error = format!("the products are in step, but the catalog refused the settings: {refused}");
            return (ReceiptStatus::Failed, Some(error));
        }
        let Some(first) = self.progress.quarantined.first() else { return (ReceiptStatus::InSync, None) };
        let count = self.progress.quarantined.len();
        let products = if count == 1 { "product is" } else { "products are" };
        let error =
            format!("{count} {products} set aside, all others are applied; `{}`: {}", first.product, first.error);
        (ReceiptStatus::Partial, Some(error))
    }

    /// Starts a change set and waits for its end; what it means is an end, or going on.
    async fn step(&mut self, work: Work) -> Option<End> {
        let part = self.part(&work);
        // A bound on requests leaves no room for others.
        let alone = self.alone || work.test || work.limit != IdLimit::PerChange;
        match self.engine.starter.submit(part, alone).await {
            Started::Stopped => Some(stopped()),
            Started::Refused { concerned: false, .. } => None,
            Started::Refused { error, shared, .. } => {
                self.alone |= shared;
                self.react(&error, &work).await
            }
            Started::Running { id, shared, ended } => {
                self.progress.change_sets.push(id.to_string());
                self.watch.progress(&self.progress);
                let ended = tokio::select! {
                    // Cancel-safe, both: the change set is recorded, and goes on by itself.
                    () = self.engine.stop.cancelled() => return Some(stopped()),
                    ended = ended => ended.unwrap_or_else(|_| Err(poller_gone(&id))),
                };
                let end = self.after(&id, ended, work, shared).await;
                self.count_pending();
                self.watch.progress(&self.progress);
                end
            }
        }
    }

    /// The part for a change set, as it is asked for the first time.
    fn first_part(&self, change_set: &ChangeSet) -> Part {
        Part {
            experience: self.live.experience.id.clone(),
            revision: self.live.experience.revision,
            allow: change_set.allow().cloned(),
            deny: change_set.deny().cloned(),
            settings: change_set.settings(),
            after: None,
            refused: 0,
        }
    }

    /// The part to ask for now: not with a token that was answered, or refused, before.
    fn part(&self, work: &Work) -> Part {
        let after = self.in_vain.get(&work.token).cloned();
        let refused = self.refused.get(&work.token).map_or(0, |refused| refused.times);
        Part { after, refused, ..self.first_part(&work.change_set) }
    }
}

fn stopped() -> End {
    (ReceiptStatus::Partial, Some(STOPPED.to_owned()))
}

fn gave_up(error: &CatalogError) -> End {
    let text = one_line(error);
    (ReceiptStatus::Failed, Some(error.hint().map_or_else(|| text.clone(), |hint| format!("{text}; {hint}"))))
}

fn poller_gone(id: &ChangeSetId) -> CatalogError {
    CatalogError::Unexpected { entity: id.to_string(), problem: "nobody looks at it any more".to_owned() }
}
