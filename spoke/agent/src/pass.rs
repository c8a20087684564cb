//! One pass: all member experiences, against one snapshot. It starts in [`Spoke::sync`].
//!
//! 1. [`standing`] reads the ledger: head, receipts, the other spokes. [`trust`] checks the head's
//!    signature, and [`steer`] what operators direct: a pin, a pause. [`windows`] says whether
//!    change windows are open.
//! 2. [`snapshot`] fetches the snapshot that the head names, or the pin.
//! 3. [`discover`] finds the member experiences, without those that [`beside`] leaves to other
//!    spokes.
//! 4. [`running`] works on all of them side by side. Each is narrowed by its filter, compared with
//!    edits of others ([`drift`]), applied, and has its receipt written.
//!
//! Nothing is kept from one pass to the next but what the ledger holds (rule 2).

pub(crate) mod beside;
pub(crate) mod deferred;
pub(crate) mod discover;
pub(crate) mod drift;
pub(crate) mod look;
pub(crate) mod preview;
pub(crate) mod record;
pub(crate) mod reporter;
mod running;
pub(crate) mod snapshot;
pub(crate) mod standing;
pub(crate) mod steer;
pub(crate) mod tally;
pub(crate) mod trust;
pub(crate) mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use pmp_catalog::{Catalog, ChangeHistory};
use pmp_filter_host::{Filter, Limits};
use pmp_ledger::{AnswerStore, LeaseStore, LeaseTerm, LedgerError, ReceiptStore, SnapshotStore};
use pmp_plan::GuardRails;
use pmp_protocol::{
    ChangeSetTimes, Confirmed, DriftHandling, ExperienceId, LAYOUT_OF_CONFIRMATIONS, LEDGER_LAYOUT, ManagementId,
    OrganizationSeen, Outside, Receipt, ReceiptStatus, ResourceRequests, Snapshot, one_line, total,
};
use pmp_runtime::{Chance, Clock, Stop, SystemChance, SystemClock};
use pmp_windows::Windows;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::apply::{Closing, Engine, EngineSettings};
use crate::draft::{SPOKE_VERSION, now, told};
use crate::erosion;
use crate::error::{SpokeError, one_line_with_hint};
use crate::filters::Filters;
use crate::filters::lookup::{Attributes, Known, LookUpError};
use crate::filters::narrow::Exhausted;
use crate::filters::rules::FilterRules;
use crate::filters::share::FilterSharing;
use crate::identity::Identity;
use crate::lease::Leases;
use crate::metrics_sink::MetricsSink;
use crate::mode::Mode;
use crate::pass::beside::Beside;
use crate::pass::discover::{Absent, Candidate, Discovered, Member, Selection, discover, leave_management_alone};
use crate::pass::record::{Recorder, Records};
use crate::pass::running::Pass;
use crate::pass::standing::{SignOfLife, Standing};
use crate::pass::tally::Tally;
use crate::pass::trust::Trust;
use crate::progress::{ShowProgress, Silent};

/// Runs of filters at once. Each run has memory of its own, and keeps a processor busy.
const FILTERS: usize = 2;

/// The spoke of one member organization, for one management experience.
#[derive(Debug, Clone)]
pub struct Spoke {
    /// The member organization's catalog.
    pub catalog: Arc<dyn Catalog>,
    /// Where the hub's snapshots are read.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// What the hub looked up of products, for their names. `None` where nobody is shown any.
    pub(crate) answers: Option<Arc<dyn AnswerStore>>,
    /// The hub's table of receipts.
    pub receipts: Arc<dyn ReceiptStore>,
    /// The organization, account and region that this spoke works in.
    pub identity: Identity,
    /// The management experience that this spoke follows.
    pub management: ManagementId,
    pub(crate) selection: Selection,
    pub(crate) filters: Arc<Filters>,
    /// How much of the filters the hub is told.
    pub(crate) sharing: FilterSharing,
    /// Looks up facts about products for the filters. `None` where the filters get none.
    pub(crate) attributes: Option<Arc<Attributes>>,
    pub(crate) guard: GuardRails,
    /// How far back the guard rails look.
    pub(crate) guard_window: Duration,
    pub(crate) engine: EngineSettings,
    pub(crate) lease: Leases,
    /// Whether the role may read what the hub's operators direct, as it was found last.
    pub(crate) reads_directions: Arc<AtomicBool>,
    /// When the pause ends that was found last; none where nothing is paused.
    pub(crate) pause_ends: Arc<Mutex<Option<Timestamp>>>,
    /// The member's own change windows. `None` where it changes things at any time.
    pub(crate) windows: Option<Windows>,
    /// Who lets the next pass disregard them.
    pub(crate) outside: Option<Outside>,
    /// The keys whose signatures count, and what they signed before.
    pub(crate) trust: Arc<Trust>,
    /// Where decisions and outcomes are kept. `None` where no record is kept.
    pub(crate) records: Option<Records>,
    /// Whether the policies' settings follow the management experience as well.
    pub(crate) sync_settings: bool,
    /// Whether plans are applied, or only reported.
    pub(crate) mode: Mode,
    /// The revisions that a kept plan was made from: an experience at another revision is not
    /// changed. `None` where no plan was kept.
    pub(crate) bound: Option<Arc<BTreeMap<ExperienceId, u64>>>,
    /// What to do with edits of others, by experience.
    pub(crate) drift: FilterRules<DriftHandling>,
    /// Names who made these edits. `None` where nobody is to be named.
    pub(crate) history: Option<Arc<dyn ChangeHistory>>,
    /// Shows a person how far a pass is. Agents log instead.
    pub(crate) progress: Arc<dyn ShowProgress>,
    /// Where the figures of each run are written. `None` where nobody collects them.
    pub(crate) metrics: Option<Arc<dyn MetricsSink>>,
    /// Tells the time of day. The lease has it, too.
    pub(crate) clock: Arc<dyn Clock>,
    /// Where jitter and names that nobody else has come from. The lease has it, too.
    pub(crate) chance: Arc<dyn Chance>,
}

/// The outcome of a pass: every member experience has a receipt in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassOutcome {
    /// One receipt for each member experience, by its id.
    pub receipts: Vec<Receipt>,
    /// Figures of what this pass did.
    pub tally: Tally,
}

impl PassOutcome {
    /// Whether the pass came to its end. It did not where it was told to stop.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.receipts.iter().any(Receipt::is_unfinished)
    }

    /// Until when receipts wait for the end of a pause, or for change windows. `None` where none
    /// does, and where that does not end by itself.
    pub(crate) fn waits_until(&self) -> Option<Timestamp> {
        let waiting = self.receipts.iter().filter_map(|receipt| receipt.paused.as_ref());
        waiting.filter(|paused| paused.ends()).map(|paused| paused.until).max()
    }

    /// How many member experiences the spoke looks after.
    fn kept(&self) -> usize {
        self.receipts.iter().filter(|receipt| receipt.is_kept()).count()
    }
}

impl Spoke {
    /// A spoke over these ports, for all live experiences, without a filter, with the default guard
    /// rails, and with the system's time and chance.
    #[must_use]
    pub fn new(
        catalog: Arc<dyn Catalog>,
        snapshots: Arc<dyn SnapshotStore>,
        receipts: Arc<dyn ReceiptStore>,
        leases: Arc<dyn LeaseStore>,
        identity: Identity,
        management: ExperienceId,
    ) -> Self {
        let organization = identity.organization.clone();
        let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
        let holder = format!("pmp-spoke {SPOKE_VERSION} (library)");
        let lease = Leases::new(leases, organization, holder, LeaseTerm::DEFAULT, clock.clone(), chance.clone());
        let (selection, guard) = (Selection::All, GuardRails::default());
        Self {
            catalog,
            snapshots,
            answers: None,
            receipts,
            identity,
            management: ManagementId::new(management),
            selection,
            filters: Arc::new(Filters::none()),
            sharing: FilterSharing::default(),
            attributes: None,
            guard,
            guard_window: erosion::WINDOW,
            engine: EngineSettings::default(),
            lease,
            reads_directions: Arc::new(AtomicBool::new(true)),
            pause_ends: Arc::default(),
            windows: None,
            outside: None,
            trust: Arc::default(),
            records: None,
            sync_settings: false,
            mode: Mode::Apply,
            bound: None,
            drift: FilterRules::without_rules(DriftHandling::Heal),
            history: None,
            progress: Arc::new(Silent),
            metrics: None,
            clock,
            chance,
        }
    }

    /// Takes the time of day from `clock`.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { lease: self.lease.with_clock(clock.clone()), clock, ..self }
    }

    /// Takes jitter and names from `chance`.
    #[must_use]
    pub fn with_chance(self, chance: Arc<dyn Chance>) -> Self {
        Self { lease: self.lease.with_chance(chance.clone()), chance, ..self }
    }

    /// Sets how far back the guard rails look. With zero, they judge each plan by itself.
    #[must_use]
    pub fn with_guard_window(self, guard_window: Duration) -> Self {
        Self { guard_window, ..self }
    }

    /// Sets the member's own change windows.
    #[must_use]
    pub fn with_change_windows(self, windows: Windows) -> Self {
        Self { windows: Some(windows).filter(|windows| !windows.is_always()), ..self }
    }

    /// Sets a built-in filter for all experiences, and shares its settings with the hub. `None`
    /// where there is no filter of this name, or it refuses its settings.
    #[must_use]
    pub fn with_built_in_filter(self, name: &str, settings: &str) -> Option<Self> {
        let filter = Filter::built_in(name, Limits::default())?.configure(settings).ok()?;
        Some(Self { filters: Arc::new(Filters::ready_made(filter)), sharing: FilterSharing::Settings, ..self })
    }

    /// Brings every member experience to what `snapshot` and its filter ask for, and writes a
    /// receipt for each. `snapshot` is the one that `standing` names. A failure of one experience
    /// is in its receipt, and stops no other (rule 3).
    ///
    /// # Errors
    /// A failure that concerns all of them. The sign of life in the ledger tells it as well, where
    /// the ledger can be reached.
    pub(crate) async fn sync(
        &self,
        standing: Standing,
        snapshot: Arc<Snapshot>,
        confirmed: Option<Confirmed>,
        stop: &Stop,
    ) -> Result<PassOutcome, SpokeError> {
        let life =
            SignOfLife { needs: standing.needs.clone(), disputed: standing.told.clone(), ..SignOfLife::default() };
        let beside = standing.beside.clone();
        let life = SignOfLife { hold: standing.steering.told_hold(self.clock.now()), ..life };
        let outcome = Box::pin(self.try_sync(standing, snapshot, confirmed, stop)).await;
        if matches!(outcome, Err(SpokeError::Stopped(_))) {
            // A stop is no failure that the hub should see. The next run reports.
            return outcome.map(|made| made.pass);
        }
        let life = match &outcome {
            Ok(Made { pass, times, misnamed, .. }) => {
                let error = (!misnamed.is_empty()).then(|| misnamed.join("; "));
                let experiences = pass.kept().saturating_sub(misnamed.len());
                SignOfLife { experiences, times: *times, error, ..life }
            }
            Err(error) => SignOfLife { error: Some(one_line(error)), ..life },
        };
        let report = async {
            // The lease is still held, so no other spoke finishes a pass meanwhile.
            for superseded in beside.superseded() {
                self.receipts.put_spoke(&superseded).await?;
            }
            self.report_seen(life, &beside).await
        };
        let seen = stop.write_down(report).await;
        match (outcome, seen) {
            (Ok(_), Some(Err(error))) => Err(error.into()),
            (Ok(_), None) => Err(SpokeError::stopped(stop)),
            (outcome, _) => outcome.map(|made| made.pass),
        }
    }

    /// The facts about the snapshot's approved products, for the filters. A filter can take away no
    /// others.
    pub(crate) async fn known(&self, snapshot: &Snapshot, stop: &CancellationToken) -> Result<Arc<Known>, LookUpError> {
        match &self.attributes {
            Some(attributes) if self.filters.has_any() => {
                let approved = snapshot.content().approved();
                attributes.look_up(approved.iter(), self.progress.as_ref(), self.clock.now(), stop).await.map(Arc::new)
            }
            _ => Ok(Arc::default()),
        }
    }

    /// The settings that the policies of member experiences should have. `None` where settings do
    /// not follow.
    pub(crate) fn settings(&self, snapshot: &Snapshot) -> Option<ResourceRequests> {
        self.sync_settings.then(|| snapshot.content().policy_resource_requests())
    }

    /// Writes the sign of life, with the failure of the pass as a whole: one item for this spoke,
    /// and one for the organization. Hubs of earlier releases read only the latter.
    pub(crate) async fn report_seen(&self, life: SignOfLife, beside: &Beside) -> Result<(), LedgerError> {
        // Protocol R13.
        let seen = self.sign_of_life(life, beside);
        self.receipts.put_spoke(&seen).await?;
        self.receipts.put_seen(&with_neighbours(seen, beside)).await
    }

    fn sign_of_life(&self, life: SignOfLife, beside: &Beside) -> OrganizationSeen {
        let Identity { organization, account, region, .. } = self.identity.clone();
        OrganizationSeen {
            organization,
            experience: ExperienceId::clone(&self.management),
            last_seen: self.clock.now(),
            account,
            region,
            experiences: life.experiences,
            spoke: Some(beside.introduction()),
            spoke_version: SPOKE_VERSION.to_owned(),
            error: life.error.as_deref().map(told),
            change_set_times: life.times,
            needs: life.needs,
            // A role that may not read directions obeys none.
            // Protocol D13.
            ledger: Some(if self.reads_directions.load(Ordering::Relaxed) {
                LEDGER_LAYOUT
            } else {
                LAYOUT_OF_CONFIRMATIONS
            }),
            hold: life.hold,
            disputed: life.disputed,
            filter_settings: self.sharing.settings(self.filters.made_ready()),
        }
    }

    /// When change windows end that are open at the beginning of a pass.
    fn closing(&self, standing: &Standing) -> Option<Closing> {
        let open = standing.windows.as_ref().filter(|said| said.open)?;
        Some(Closing { at: open.until.as_ref()?.at, clock: self.clock.clone() })
    }

    async fn try_sync(
        &self,
        standing: Standing,
        snapshot: Arc<Snapshot>,
        confirmed: Option<Confirmed>,
        stop: &Stop,
    ) -> Result<Made, SpokeError> {
        let times = standing.before.seen.as_ref().and_then(|seen| seen.change_set_times);
        let before = kept(&standing);
        let discovered = discover(self.catalog.as_ref(), &self.management, &self.selection, &before, &self.chance);
        let discovered = stop.unless_stopped(discovered).await;
        let Discovered { candidates, half } = discovered.ok_or_else(|| SpokeError::stopped(stop))??;
        let kept = leave_management_alone(self.snapshots.as_ref(), &self.selection, candidates);
        let candidates = stop.unless_stopped(kept).await.ok_or_else(|| SpokeError::stopped(stop))??;
        let gone = gone(&standing, &candidates);
        if let (Some(error), false) = (&half, gone.is_empty()) {
            // Rule 12: the listing that failed may be the one that names them.
            return Err(SpokeError::List(error.clone()));
        }
        let misnamed = misnamed(&standing, &candidates);
        tracing::debug!(version = %snapshot.version(), experiences = candidates.len(), "pass started");
        let version = snapshot.version();
        self.catalog.expect(snapshot.content());
        let name = format!("{}{version}", drift::NAME);
        let (catalog, chance) = (self.catalog.clone(), self.chance.clone());
        let closing = self.closing(&standing);
        let engine = Engine::start(catalog, self.engine, times, name, chance, closing, stop.token().clone());
        engine.show(self.progress.clone());
        let began = now(self.clock.as_ref());
        // `began` is taken first, because a filter may have to be fetched, which takes long.
        let in_force = stop.unless_stopped(self.filters.in_force()).await.ok_or_else(|| SpokeError::stopped(stop))?;
        // Where one of the two listings failed, an experience that a rule names may exist all the
        // same.
        let rule_warnings = if half.is_some() { Vec::new() } else { in_force.warnings(named(&candidates)) };
        rule_warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let known = if candidates.is_empty() { Ok(Arc::default()) } else { self.known(&snapshot, stop.token()).await };
        let filters = Semaphore::new(FILTERS);
        let tally = Mutex::default();
        let exhausted = Exhausted::default();
        let recorder = |records| Recorder::new(records, self.snapshots.clone(), snapshot.clone());
        let recorder = self.records.clone().map(recorder);
        let pass = Pass {
            spoke: self,
            engine,
            snapshot,
            confirmed,
            stop,
            standing,
            began,
            in_force,
            rule_warnings,
            filters,
            exhausted,
            known,
            recorder,
            tally,
            news: AtomicBool::new(false),
        };
        let outcomes = pass.sync_all(candidates, gone).await;
        // Every receipt was tried by now. If one could not be written, its error keeps the message
        // in the queue (rule 6).
        let mut receipts = outcomes.into_iter().collect::<Result<Vec<_>, SpokeError>>()?;
        receipts.sort_by(|a, b| a.member_experience.cmp(&b.member_experience));
        let in_sync = receipts.iter().filter(|receipt| receipt.status == ReceiptStatus::InSync).count();
        tracing::debug!(%version, experiences = receipts.len(), in_sync, "pass done");
        let tally = Tally { change_set_times: pass.engine.seen_times(), ..pass.tally().clone() };
        let (times, has_news) = (pass.engine.times(), pass.has_news());
        Ok(Made { pass: PassOutcome { receipts, tally }, times, has_news, misnamed })
    }
}

/// A pass that came to an end.
struct Made {
    pass: PassOutcome,
    /// How long change sets take, for the next pass.
    times: Option<ChangeSetTimes>,
    /// Whether a pass that only looks found something to do or to write down. A pass that changes
    /// things does both itself.
    has_news: bool,
    /// The ids that name nothing and have no receipt. They are told in the sign of life, as long as
    /// the setting names them.
    misnamed: Vec<String>,
}

/// What is told of each id that names nothing, and of which the ledger has no receipt.
fn misnamed(standing: &Standing, candidates: &[Candidate]) -> Vec<String> {
    let unknown = candidates.iter().filter(|candidate| !standing.knows(&candidate.id));
    unknown.filter_map(|it| Some(format!("{}: {}", it.id, one_line_with_hint(it.misnamed()?)))).collect()
}

/// The organization's sign of life, from this spoke's own: it counts the experiences of the other
/// spokes, too.
fn with_neighbours(seen: OrganizationSeen, beside: &Beside) -> OrganizationSeen {
    let others = total(beside.neighbours().map(|seen| seen.experiences));
    OrganizationSeen { experiences: seen.experiences.saturating_add(others), ..seen }
}

/// The experiences that were kept in step before. Those with a disputed receipt are among them,
/// because that receipt has to be replaced.
pub(crate) fn kept(standing: &Standing) -> BTreeSet<ExperienceId> {
    let told = standing.before.receipts.iter().filter(|receipt| receipt.status != ReceiptStatus::Skipped);
    told.map(|receipt| &receipt.member_experience).chain(standing.disputed.keys()).cloned().collect()
}

/// The experiences that were kept in step before and are not found now. Each needs a receipt that
/// says so, since the old one would look as if the experience lagged.
fn gone(standing: &Standing, candidates: &[Candidate]) -> Vec<Member> {
    let found: BTreeSet<_> = candidates.iter().map(|candidate| &*candidate.id).collect();
    let gone = kept(standing).into_iter().filter(|id| !found.contains(id));
    gone.map(|id| Member { id, name: None, state: Err(Absent::Gone) }).collect()
}

/// The experiences, each with its name. The name is `None` where it could not be read.
pub(crate) fn named(candidates: &[Candidate]) -> impl Iterator<Item = (&ExperienceId, Option<&str>)> {
    candidates.iter().map(|candidate| (&*candidate.id, candidate.name.as_deref()))
}
