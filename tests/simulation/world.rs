//! The simulated world: catalog, ledger and queue in memory, who changed what, and the invariants
//! that are checked as it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use pmp_ledger::{Directed, Lease, LeaseTerm};
use pmp_plan::{Desired, GuardRails, Observed, plan};
use pmp_protocol::{
    Because, Content, Decision, Direction, DirectionChange, ExperienceId, OrganizationId, OrganizationSeen, ProductId,
    Reason, Receipt, ReceiptStatus, ResourceRequests, Sealed, Snapshot, SnapshotMessage, SnapshotVersion, Verdict,
    Verdicts,
};
use pmp_runtime::Clock;
use pmp_windows::Windows;
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

use crate::catalog::{Catalog, Change, Experience, Outcome};
use crate::faults::Faults;
use crate::rare::Reached;
use crate::seeded::{SeededChance, SimulatedClock};

/// A message in the queue.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) visible_at: Instant,
    pub(crate) times: u32,
    /// The version that the hub announces with it; none in what somebody else sent.
    pub(crate) version: Option<SnapshotVersion>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) catalog: Catalog,
    /// The products that the organization's filter excludes; without any, it has no filter.
    pub(crate) excluded: BTreeSet<ProductId>,
    /// The member's own change windows; without any, it changes things at any time.
    pub(crate) windows: Option<Windows>,
    /// Every snapshot that the hub has stored, the first at index 0.
    pub(crate) history: Vec<Snapshot>,
    pub(crate) receipts: BTreeMap<ExperienceId, Receipt>,
    pub(crate) seen: Option<OrganizationSeen>,
    /// What operators of the hub direct for the organization.
    pub(crate) directed: Option<Directed>,
    /// The direction that the living process has read.
    pub(crate) heard: Option<Direction>,
    /// The signs of life of single spokes: there is one.
    pub(crate) spokes: Vec<OrganizationSeen>,
    pub(crate) queue: Vec<Message>,
    /// Tells who waits for a message that one has come, or is visible at another time than before.
    pub(crate) queue_moved: Arc<Notify>,
    pub(crate) dead_letters: Vec<Message>,
    pub(crate) faults: Faults,
    /// Its hub may store a snapshot at any moment.
    pub(crate) restless: bool,
    /// The rare states that this world came upon.
    pub(crate) reached: Reached,
    /// Calls at the ports so far.
    pub(crate) calls: u64,
    /// Change sets that spokes have started.
    pub(crate) all_own: BTreeSet<String>,
    /// Those whose start the living process has heard of, and whose end it has not.
    pub(crate) known_open: BTreeSet<String>,
    /// Of those that it knows from receipts alone: the experiences whose receipts name them. A
    /// receipt that was forged names none, and nobody knows then that the change set holds that
    /// experience, too: the catalog's lock refuses another one.
    known_of: BTreeMap<String, BTreeSet<ExperienceId>>,
    /// The newest version that the living process has read.
    pub(crate) acted_on: Option<SnapshotVersion>,
    /// Experiences that changed since the living process last read them.
    changed_unread: BTreeSet<ExperienceId>,
    /// Change sets that spokes have started, those included that a repeated token named again.
    pub(crate) started: usize,
    pub(crate) log: Vec<String>,
    /// What a second run of the same seed must repeat: the log with its exact times, and between
    /// its lines everything in full that is only named there. None where no second run follows:
    /// to write it takes longer than all else.
    pub(crate) record: Option<Vec<String>>,
    /// The time of day, for every process and for whoever else is in this world.
    pub(crate) clock: Arc<SimulatedClock>,
    /// Where the processes have jitter and names from.
    pub(crate) chance: Arc<SeededChance>,
    pub(crate) violations: Vec<String>,
    /// The version to which the ledger's table of snapshots went back, until the hub goes on.
    restored_to: Option<SnapshotVersion>,
    /// Versions that went with it.
    lost: BTreeSet<SnapshotVersion>,
    /// Until then the ledger does not answer.
    down_until: Option<Instant>,
    /// What lies where the newest snapshots' contents belong, and until when.
    swapped: Option<(Snapshot, Instant)>,
    lease: Option<Lease>,
    /// When a lease that somebody took is given back.
    stolen_until: Option<Instant>,
    /// The living process has heard that the lease is another's.
    pub(crate) lease_heard_lost: bool,
    /// When the living process was told to stop.
    told_to_stop: Option<Instant>,
    /// The longest that a process took to stop.
    pub(crate) slowest_stop: Duration,
    began: Instant,
    sent: u64,
}

/// A process that is told to stop ends within this time, whatever hangs.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

pub(crate) fn management() -> ExperienceId {
    ExperienceId::new("exp-management").unwrap()
}

pub(crate) fn product(n: usize) -> ProductId {
    ProductId::new(&format!("prod-{n:04}")).unwrap()
}

pub(crate) fn products(range: std::ops::Range<usize>) -> BTreeSet<ProductId> {
    range.map(product).collect()
}

/// The member experience `exp-member-N`.
pub(crate) fn member(n: usize) -> ExperienceId {
    ExperienceId::new(&format!("exp-member-{n}")).unwrap()
}

impl World {
    /// Member experiences with these lists of approved products. The seed determines all that
    /// happens, to the byte (`replay.rs`).
    pub(crate) fn new(seed: u64, members: impl IntoIterator<Item = BTreeSet<ProductId>>) -> Self {
        let mut catalog = Catalog::default();
        for (n, approved) in members.into_iter().enumerate() {
            let experience = Experience { revision: 1, approved, rejected: BTreeSet::new() };
            catalog.experiences.insert(member(n), experience);
        }
        Self {
            catalog,
            excluded: BTreeSet::new(),
            windows: None,
            history: Vec::new(),
            receipts: BTreeMap::new(),
            seen: None,
            directed: None,
            heard: None,
            spokes: Vec::new(),
            queue: Vec::new(),
            queue_moved: Arc::default(),
            dead_letters: Vec::new(),
            faults: Faults::new(seed),
            restless: false,
            reached: Reached::default(),
            calls: 0,
            all_own: BTreeSet::new(),
            known_open: BTreeSet::new(),
            known_of: BTreeMap::new(),
            acted_on: None,
            changed_unread: BTreeSet::new(),
            started: 0,
            log: Vec::new(),
            record: None,
            clock: Arc::new(SimulatedClock::new()),
            chance: Arc::new(SeededChance::new(seed)),
            violations: Vec::new(),
            restored_to: None,
            lost: BTreeSet::new(),
            down_until: None,
            swapped: None,
            lease: None,
            stolen_until: None,
            lease_heard_lost: false,
            told_to_stop: None,
            slowest_stop: Duration::ZERO,
            began: Instant::now(),
            sent: 0,
        }
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        let (at, what) = (self.began.elapsed().as_secs_f64(), what.into());
        self.record(&what, &());
        self.log.push(format!("{at:9.3} s  call {:4}  {what}", self.calls));
    }

    /// Something in full, for the record alone: the log stays short enough to be read.
    pub(crate) fn record(&mut self, what: &str, value: &impl fmt::Debug) {
        let (nanos, call) = (self.began.elapsed().as_nanos(), self.calls);
        if let Some(record) = &mut self.record {
            record.push(format!("{nanos} ns, call {call}: {what} {value:?}"));
        }
    }

    /// How everything is left.
    pub(crate) fn record_the_end(&mut self) {
        let experiences = self.catalog.experiences.clone();
        self.record("the experiences are", &experiences);
        let receipts = self.receipts.clone();
        self.record("the receipts are", &receipts);
        let change_sets: Vec<_> =
            self.catalog.change_sets.iter().map(|(id, set)| (id, &set.changes, &set.outcome)).collect();
        let change_sets = format!("{change_sets:?}");
        self.record("the change sets are", &change_sets);
    }

    pub(crate) fn violated(&mut self, what: String) {
        self.note(format!("VIOLATED: {what}"));
        self.violations.push(what);
    }

    // The hub.

    /// Stores the next snapshot.
    pub(crate) fn store(&mut self, approved: BTreeSet<ProductId>, rejected: BTreeSet<ProductId>) -> SnapshotVersion {
        let version = self.newest().map_or(SnapshotVersion::FIRST, |newest| newest.version().next());
        let (a, r) = (approved.len(), rejected.len());
        let content = Content::new(management(), approved, rejected, BTreeMap::new(), ResourceRequests::Allow).unwrap();
        let sealed = Sealed::new(&content).unwrap();
        self.history.push(Snapshot::open(&management(), version, jiff::Timestamp::UNIX_EPOCH, &sealed).unwrap());
        self.note(format!("hub stores snapshot {version}: {a} approved, {r} rejected"));
        // Where the table went back, this is how the hub goes on: past all that it ever stored.
        self.restored_to = None;
        version
    }

    /// What the ledger's head names.
    pub(crate) fn in_force(&self) -> Option<&Snapshot> {
        match self.restored_to {
            Some(version) => self.snapshot(version),
            None => self.newest(),
        }
    }

    /// The table of snapshots goes back to an earlier moment.
    pub(crate) fn restore(&mut self, version: SnapshotVersion) {
        self.note(format!("the table of snapshots goes back to {version}"));
        self.lost.extend(self.history.iter().map(Snapshot::version).filter(|lost| *lost > version));
        self.restored_to = Some(version);
    }

    pub(crate) fn is_restored(&self) -> bool {
        self.in_force().map(Snapshot::version) != self.newest().map(Snapshot::version)
    }

    pub(crate) fn is_lost(&self, version: SnapshotVersion) -> bool {
        self.lost.contains(&version)
    }

    /// The ledger does not answer for a while.
    pub(crate) fn take_down(&mut self, duration: Duration) {
        self.note(format!("the ledger does not answer for {duration:?}"));
        self.down_until = Some(Instant::now() + duration);
    }

    pub(crate) fn ledger_is_down(&self) -> bool {
        self.down_until.is_some_and(|until| until > Instant::now())
    }

    /// Someone who may write into the ledger puts other contents in place of all that it holds, and
    /// leaves the head as it is. After a while the hub's own are back.
    pub(crate) fn swap(&mut self, content: Snapshot, duration: Duration) {
        self.note(format!("the stored contents are others for {duration:?}"));
        self.swapped = Some((content, Instant::now() + duration));
    }

    /// What somebody put in place of the stored contents, as long as it lies there.
    fn swapped(&self) -> Option<&Snapshot> {
        self.swapped.as_ref().filter(|(_, until)| *until > Instant::now()).map(|(content, _)| content)
    }

    pub(crate) fn is_swapped(&self) -> bool {
        self.swapped().is_some()
    }

    /// What is read where a snapshot's content belongs.
    pub(crate) fn stored(&self, version: SnapshotVersion) -> Option<&Snapshot> {
        self.swapped().or_else(|| self.snapshot(version))
    }

    /// Whether the hub ever stored what a receipt speaks of.
    pub(crate) fn bears_out(&self, receipt: &Receipt) -> bool {
        self.snapshot(receipt.version).is_some_and(|snapshot| snapshot.digest() == receipt.digest)
    }

    pub(crate) fn newest(&self) -> Option<&Snapshot> {
        self.history.last()
    }

    /// What the organization is to be on in the end: what it is pinned to, or the newest.
    fn expected(&self) -> Option<&Snapshot> {
        let pin = self.directed.as_ref().and_then(|directed| directed.direction.pin.as_ref());
        pin.map_or_else(|| self.newest(), |pin| self.snapshot(pin.version))
    }

    /// Operators of the hub change what they direct for the organization.
    pub(crate) fn direct(&mut self, change: &DirectionChange) {
        self.note(format!("operators direct: {change:?}"));
        self.directs(change);
        let organization = OrganizationId::new("o-simulated0").unwrap();
        let before = self.directed.take().map(|directed| directed.direction);
        let before = before.unwrap_or_else(|| Direction::none(management(), Some(organization)));
        let because = Because { by: "somebody".into(), at: self.clock.now(), reason: "chance".into() };
        let direction = before.changed(change, &because).unwrap_or(before);
        self.directed = (direction.generation > 0).then_some(Directed { direction, statement: None });
    }

    /// Puts the announcement of a version into the queue, visible after `delay`; as a reference if
    /// not `inline`.
    pub(crate) fn announce(&mut self, version: SnapshotVersion, delay: Duration, inline: bool) {
        self.announced(inline);
        let snapshot = self.snapshot(version).unwrap();
        let sealed = Sealed::new(snapshot.content()).unwrap();
        let (taken_at, reason) = (snapshot.taken_at(), Reason::Changed);
        let mut message = SnapshotMessage::announce(management(), version, taken_at, reason, &sealed, 1);
        if !inline {
            message.body = pmp_protocol::Body::Stored { chunks: 1 };
        }
        self.send(message.to_json(), delay);
        if let Some(sent) = self.queue.last_mut() {
            sent.version = Some(version);
        }
    }

    pub(crate) fn send(&mut self, body: String, delay: Duration) {
        self.sent += 1;
        let (id, visible_at) = (format!("message-{}", self.sent), Instant::now() + delay);
        self.queue.push(Message { id, body, visible_at, times: 0, version: None });
        self.queue_moved.notify_waiters();
    }

    pub(crate) fn snapshot(&self, version: SnapshotVersion) -> Option<&Snapshot> {
        self.history.iter().find(|snapshot| snapshot.version() == version)
    }

    // Others at the catalog.

    /// Somebody approves one product and rejects another, at once.
    pub(crate) fn foreign_change(&mut self, universe: usize) {
        let Some((experience, change)) = self.foreign(universe) else { return };
        if self.catalog.holder(&experience).is_none() {
            self.note(format!("somebody changes {experience}"));
            self.catalog.apply(&change);
            self.changed_unread.insert(experience);
        }
    }

    /// Somebody's change set holds an experience for a while.
    pub(crate) fn foreign_lock(&mut self, universe: usize) {
        let Some((experience, change)) = self.foreign(universe) else { return };
        let ends = Instant::now() + self.faults.duration();
        if let Ok(id) = self.catalog.start(vec![change], None, ends, false) {
            self.note(format!("somebody starts {id} on {experience}"));
        }
    }

    fn foreign(&mut self, universe: usize) -> Option<(ExperienceId, Change)> {
        let rng = &mut self.faults.rng;
        let experience = self.catalog.experiences.keys().nth(rng.usize(0..self.catalog.experiences.len()))?.clone();
        let (allow, deny) = (rng.usize(0..universe), rng.usize(0..universe));
        let deny = if allow == deny { vec![] } else { vec![product(deny)] };
        let change = Change { experience: experience.clone(), revision: None, allow: vec![product(allow)], deny };
        Some((experience, change))
    }

    /// Cancels one of the spoke's running change sets.
    pub(crate) fn cancel_one(&mut self) {
        let open = |id: &&String| self.catalog.change_sets[id.as_str()].outcome.is_none();
        if let Some(id) = self.all_own.iter().find(open).cloned() {
            self.note(format!("somebody cancels {id}"));
            self.catalog.cancel(&id);
            self.has_ended(&id, &Outcome::Cancelled);
        }
    }

    // The lease.

    /// The lease as it is now.
    pub(crate) fn lease(&mut self) -> Option<&Lease> {
        if self.stolen_until.is_some_and(|until| until <= Instant::now()) {
            self.stolen_until = None;
            self.lease = self.lease.as_ref().map(Lease::given_back);
        }
        self.lease.as_ref()
    }

    pub(crate) fn set_lease(&mut self, lease: Lease) {
        self.lease = Some(lease);
    }

    /// Somebody else has the lease for a hundred seconds.
    pub(crate) fn steal_lease(&mut self) {
        self.note("somebody takes the lease");
        let organization = OrganizationId::new("o-simulated0").unwrap();
        let (id, now) = (format!("thief-{}", self.calls), self.clock.now());
        self.lease = Some(Lease::new(organization, id, "somebody else".to_owned(), now, LeaseTerm::DEFAULT));
        self.stolen_until = Some(Instant::now() + Duration::from_secs(100));
    }

    // The invariants.

    /// Lets time take effect. Called before anything else at each call.
    pub(crate) fn settle(&mut self) {
        for (id, outcome) in self.catalog.settle(Instant::now()) {
            self.note(format!("{id} ends: {outcome:?}"));
            self.has_ended(&id, &outcome);
            if outcome == Outcome::Succeeded {
                let changes = self.catalog.change_sets[&id].changes.clone();
                self.changed_unread.extend(changes.into_iter().map(|change| change.experience));
            }
        }
    }

    /// The living process has read the lists of these experiences.
    pub(crate) fn were_read(&mut self, experiences: &[ExperienceId]) {
        self.changed_unread.retain(|changed| !experiences.contains(changed));
    }

    /// A process is born: it knows nothing. When it is to be told to stop, if that is planned.
    pub(crate) fn reborn(&mut self) -> Option<Duration> {
        self.known_open.clear();
        self.known_of.clear();
        self.acted_on = None;
        self.heard = None;
        self.lease_heard_lost = false;
        self.told_to_stop = None;
        self.faults.reborn()
    }

    /// The living process has taken the lease for a pass. Between passes another may have had it,
    /// and the ledger may have been out of reach: what it knows of its change sets is what receipts
    /// say. Whatever else runs holds its experience, and the catalog refuses a second change set.
    pub(crate) fn begins_a_pass(&mut self) {
        self.lease_heard_lost = false;
        let told: BTreeSet<&String> = self.receipts.values().flat_map(|receipt| &receipt.change_sets).collect();
        self.known_open.retain(|id| told.contains(id));
        self.known_of.clear();
        for (id, receipt) in self.known_open.iter().flat_map(|id| self.receipts.values().map(move |it| (id, it))) {
            if receipt.change_sets.contains(id) {
                self.known_of.entry(id.clone()).or_default().insert(receipt.member_experience.clone());
            }
        }
    }

    /// The living process has heard that its change set was started.
    pub(crate) fn heard_of_start(&mut self, id: &str) {
        self.known_of.remove(id);
        self.known_open.insert(id.to_owned());
    }

    /// The living process is told to stop.
    pub(crate) fn told_to_stop(&mut self) {
        self.note("the process is told to stop");
        self.was_told();
        self.told_to_stop = Some(Instant::now());
    }

    /// The living process has ended by itself.
    pub(crate) fn stopped(&mut self) {
        self.note("the process stops");
        self.ended();
        let Some(told) = self.told_to_stop.take() else { return };
        let took = told.elapsed();
        self.slowest_stop = self.slowest_stop.max(took);
        if took > STOPS_WITHIN {
            self.violated(format!("it ended {took:?} after it was told to stop"));
        }
    }

    /// Checks that a process which asks for a change set may do so, by what it has heard until now.
    /// Called when it asks: what it hears while the request travels comes too late to take the
    /// request back.
    pub(crate) fn check_asks(&mut self, what: &str, changes: &[Change]) {
        let now = self.clock.now();
        if self.windows.as_ref().is_some_and(|windows| !windows.answer(now).is_open()) {
            self.violated(format!("{what}: asked for at {now}, when change windows are closed"));
        }
        if self.lease_heard_lost {
            self.violated(format!("{what}: asked for by a process that knows that the lease is another's"));
        }
        let open = self.known_open.iter().find(|id| {
            let set = &self.catalog.change_sets[id.as_str()];
            let of = self.known_of.get(*id);
            let is_known = |open: &Change| of.is_none_or(|known| known.contains(&open.experience));
            let is_asked =
                |open: &Change| is_known(open) && changes.iter().any(|change| change.experience == open.experience);
            set.outcome.is_none() && set.changes.iter().any(is_asked)
        });
        if let Some(open) = open.cloned() {
            self.violated(format!("{what}: asked for while {open} of the same process runs"));
        }
    }

    /// Checks a change that the spoke asks for, before the catalog says what it thinks of it.
    pub(crate) fn check_start(&mut self, change: &Change) {
        let experience = &change.experience;
        let Some(head) = self.acted_on else {
            return self.violated(format!("{experience} is changed before any snapshot was read"));
        };
        let pin = self.heard.as_ref().and_then(|heard| heard.pin.as_ref());
        let version = pin.map_or(head, |pin| pin.version);
        let line = self.heard.as_ref().map_or(0, |heard| heard.line);
        let now = self.clock.now();
        if self.heard.as_ref().is_some_and(|heard| heard.paused(now).is_some()) {
            self.violated(format!("{experience} is changed by a process that knows that it is paused"));
        }
        if change.allow.len() > 50 || change.deny.len() > 50 || change.allow.len() + change.deny.len() == 0 {
            self.violated(format!("{} allows and {} denials in one change set", change.allow.len(), change.deny.len()));
        }
        let genuine = self.receipts.values().filter(|receipt| self.bears_out(receipt));
        let acknowledged = genuine.map(Receipt::order).max();
        if acknowledged.is_some_and(|acknowledged| acknowledged > (line, version)) {
            self.violated(format!(
                "{experience} is changed by snapshot {version}, but {acknowledged:?} was acknowledged"
            ));
        }
        let Some(content) = self.snapshot(version).map(|snapshot| snapshot.content().clone()) else { return };
        let wanted = |product: &&ProductId| content.approved().contains(*product) && !self.excluded.contains(*product);
        if let Some(product) = change.allow.iter().find(|product| !wanted(product)) {
            self.violated(format!("{product} is approved in {experience}, which snapshot {version} does not ask for"));
        }
        let wanted = |product: &&ProductId| content.approved().contains(*product) && !self.excluded.contains(*product);
        if let Some(product) = change.deny.iter().find(wanted) {
            self.violated(format!("{product} is denied in {experience}, which snapshot {version} approves"));
        }
        if !self.changed_unread.contains(experience) && !self.passes_guard(experience, &content, version) {
            self.violated(format!("{experience} is changed by snapshot {version}, which the guard rails hold"));
        }
    }

    fn passes_guard(&self, experience: &ExperienceId, content: &Content, version: SnapshotVersion) -> bool {
        self.plan(experience, content, version, None).is_some()
    }

    /// The pure plan for an experience as it is now; none where the guard rails hold it.
    pub(crate) fn plan(
        &self,
        experience: &ExperienceId,
        content: &Content,
        version: SnapshotVersion,
        confirmed: Option<SnapshotVersion>,
    ) -> Option<pmp_plan::Plan> {
        let Experience { approved, rejected, .. } = &self.catalog.experiences[experience];
        let verdicts = self.verdicts();
        let desired = Desired::new(content, &verdicts);
        plan(&desired, Observed { approved, rejected }, version, GuardRails::default(), confirmed).ok()
    }

    /// What the organization's filter says, of whatever is approved.
    pub(crate) fn verdicts(&self) -> Verdicts {
        let decision = Decision { verdict: Verdict::Exclude, reason: None };
        self.excluded.iter().map(|id| (id.clone(), decision.clone())).collect()
    }

    /// The settings of that filter, the built-in `exclude-ids`. `None` where there is none.
    pub(crate) fn filter_settings(&self) -> Option<String> {
        let ids: Vec<&str> = self.excluded.iter().map(ProductId::as_str).collect();
        (!ids.is_empty()).then(|| serde_json::json!({"ids": ids}).to_string())
    }

    /// What `version` still asks of an experience, but for products that the catalog does not take.
    pub(crate) fn missing(&self, experience: &ExperienceId, version: SnapshotVersion) -> BTreeSet<ProductId> {
        let Some(snapshot) = self.snapshot(version) else { return BTreeSet::new() };
        let Some(plan) = self.plan(experience, snapshot.content(), version, Some(version)) else {
            return BTreeSet::new();
        };
        let asked = plan.allow().union(plan.deny()).cloned().collect::<BTreeSet<_>>();
        asked.difference(&self.catalog.poison).cloned().collect()
    }

    /// Checks a receipt that the spoke writes.
    pub(crate) fn check_receipt(&mut self, receipt: &Receipt) {
        let Receipt { member_experience, version, status, .. } = receipt;
        self.record("in full:", receipt);
        self.note(format!(
            "receipt: {member_experience} {status} {version} {}",
            receipt.error.as_deref().unwrap_or("")
        ));
        if !self.bears_out(receipt) {
            self.violated(format!("a receipt for snapshot {version}, which the hub never stored so"));
        }
        // Of a version that the ledger lost nobody can say any more whether somebody made it up.
        let applied = receipt.applied().filter(|applied| !self.is_lost(applied.version));
        if applied.is_some_and(|it| self.snapshot(it.version).is_none_or(|snapshot| snapshot.digest() != it.digest)) {
            self.violated(format!("a receipt claims that {applied:?} is in force, which the hub never stored so"));
        }
        let known = self.catalog.experiences.contains_key(member_experience);
        if *status == ReceiptStatus::InSync && known && !self.changed_unread.contains(member_experience) {
            let missing = self.missing(member_experience, *version);
            if !missing.is_empty() {
                let count = missing.len();
                self.violated(format!("{member_experience} is told to be in sync with {version}, and {count} are not"));
            }
        }
    }

    /// What stands between this world and the end that the newest snapshot asks for.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let Some(newest) = self.expected() else { return Vec::new() };
        let (version, content) = (newest.version(), newest.content());
        let experiences = self.catalog.experiences.keys();
        // A version that was lost with the table's past cannot be compared any more: the ledger
        // does not say which content it had.
        let forged = self.receipts.values().filter(|it| !self.bears_out(it) && !self.is_lost(it.version));
        experiences
            .flat_map(|experience| self.unfinished_at(experience, content, version))
            .chain(forged.map(|it| format!("a forged receipt of {} for {} stands", it.member_experience, it.version)))
            .collect()
    }

    fn unfinished_at(&self, experience: &ExperienceId, content: &Content, version: SnapshotVersion) -> Vec<String> {
        let Some(receipt) = self.receipts.get(experience) else { return vec![format!("{experience} has no receipt")] };
        let mut problems = Vec::new();
        if receipt.version != version {
            problems.push(format!("{experience} has a receipt for {}, not {version}", receipt.version));
        }
        if !self.passes_guard(experience, content, version) {
            if receipt.status != ReceiptStatus::Held {
                problems.push(format!("{experience} should be held, and has the receipt `{}`", receipt.status));
            }
            return problems;
        }
        let missing = self.missing(experience, version);
        if !missing.is_empty() {
            problems.push(format!("{experience} lacks {} products of snapshot {version}", missing.len()));
        }
        let wanted = self.poisoned(experience, content, version);
        let named: BTreeSet<_> = receipt.deferred.iter().map(|one| one.product.clone()).collect();
        if named != wanted {
            problems.push(format!("{experience} names {named:?} as quarantined, not {wanted:?}"));
        }
        if wanted.is_empty() && receipt.status != ReceiptStatus::InSync {
            let error = receipt.error.as_deref().unwrap_or_default();
            problems.push(format!("{experience} has the receipt `{}`: {error}", receipt.status));
        }
        problems
    }

    /// What the snapshot asks of an experience and the catalog does not take.
    fn poisoned(&self, experience: &ExperienceId, content: &Content, version: SnapshotVersion) -> BTreeSet<ProductId> {
        let plan = self.plan(experience, content, version, Some(version));
        let asked = plan.map(|plan| plan.allow().union(plan.deny()).cloned().collect::<BTreeSet<_>>());
        asked.unwrap_or_default().intersection(&self.catalog.poison).cloned().collect()
    }
}
