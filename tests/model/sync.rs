//! The model of publishing and syncing: two hubs of one management experience, up to three member
//! organizations with two spokes each, up to three versions.
//!
//! A hub reads the content, reads the head and decides, stores, announces, and marks as published.
//! A spoke receives messages, takes the lease, reads head and lists and plans; applies; and writes
//! its receipt. Each of these is a step, and between two steps anything else may happen: the
//! content changes, a message is lost, is received twice, late or in another order, a hub crashes,
//! a spoke hangs and wakes up when another one has taken its lease, someone edits an experience,
//! messages of another management experience and forged ones arrive.
//!
//! What is decided at each step is decided by the programs' own functions ([`Decisions`]). What
//! this model states by itself is the ports: the conditional write of a version, the queue, the
//! catalog that refuses a change set from an old revision.
//!
//! What the model found: a spoke hangs with a change set that it is about to request for version 2.
//! Another one takes the lease, and version 3 says what the experience says already, so there is
//! nothing to change and the revision stays. Then the request of the first reaches the catalog,
//! names the right revision, and is carried out. The experience is at version 2 though its receipt
//! says 3, until the next announcement mends it. The model holds that it is mended, and that
//! nothing of the kind happens where version 3 changed anything.
//!
//! How the state space stays finite: each kind of accident has a budget, and so have runs of hubs.
//! Hubs are alike, and so are organizations and an organization's spokes: a state stands for all
//! that differ in their order. The order is made the same in [`Sync::in_order`] rather than by
//! stateright's `symmetry`, which breadth-first search ignores.
//!
//! That every organization comes to be in step is said without `eventually`, which stateright takes
//! for proven on a path that ends in a circle: in every state in which nothing is on its way to an
//! organization, it is in step or held ([`Sync::quiet_means_in_step`]).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use pmp_hub::{Decision, Trigger};
use pmp_ledger::{Lease, LeaseTerm, Watched};
use pmp_plan::{Desired, GuardRails, Observed};
use pmp_protocol::{
    Content, Counts, Digest, ExperienceId, OrganizationId, ProductId, Receipt, ResourceRequests, Verdict, Verdicts,
};
use pmp_spoke::{Received, Worth};
use stateright::{Model, Property};

use crate::decisions::Decisions;
use crate::values::{Asked, digest, head, number, receipt_for, version};

/// Versions that the ledger takes; a hub that would store one more does not.
const VERSIONS: u8 = 3;
/// Messages in a queue are a set of bits: bit `v` announces version `v`.
const FOREIGN: u8 = 1;
/// Announces version 2 with a digest that no hub stored.
const FORGED: u8 = 1 << 4;
const FORGED_VERSION: u8 = 2;

/// What a hub says in three contents, and an edit of somebody else: sets of products.
const APPROVED: [u8; 3] = [0b0011, 0b0001, 0b0110];
const REJECTED: [u8; 3] = [0b0000, 0b0010, 0b0000];
const EDITED: u8 = 0b1000;
/// What the filter of some organizations takes away.
const EXCLUDED: u8 = 0b0100;

/// How often each kind of thing may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Budget {
    pub(crate) changes: u8,
    pub(crate) runs: u8,
    pub(crate) hub_crashes: u8,
    pub(crate) losses: u8,
    pub(crate) hangs: u8,
    pub(crate) edits: u8,
    pub(crate) forgeries: u8,
    pub(crate) confirmations: u8,
}

/// A hub, between two steps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum HubAt {
    Idle,
    Read { content: u8, scheduled: bool },
    Storing { previous: u8, content: u8 },
    Announcing { version: u8 },
    Announced { version: u8 },
}

/// A spoke, between two steps of a pass. `messages` are those that the pass answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum SpokeAt {
    Idle,
    Holding {
        messages: u8,
    },
    /// `is_stale`: the experience has another revision than the one that the plan names.
    Planned {
        messages: u8,
        version: u8,
        allow: u8,
        deny: u8,
        is_stale: bool,
    },
    Through {
        messages: u8,
        version: u8,
        is_held: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Spoke {
    pub(crate) at: SpokeAt,
    /// It does nothing, and does not know it.
    pub(crate) hangs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LeaseNow {
    pub(crate) holder: u8,
    /// Since its last renewal: 0 fresh, 1 given up by its holder, 2 a whole term, 3 over for all.
    pub(crate) age: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Org {
    has_filter: bool,
    pub(crate) queue: u8,
    /// The head was announced to it, and that was lost; or its lists were changed since.
    pub(crate) misses: bool,
    approved: u8,
    rejected: u8,
    /// The newest version that it was in step with.
    pub(crate) in_force: u8,
    /// The version that its lists were changed for last: the revision is that change's.
    changed_for: u8,
    /// The receipt in the ledger: version, and whether a guard rail held it.
    pub(crate) receipt: Option<(u8, bool)>,
    pub(crate) lease: Option<LeaseNow>,
    pub(crate) spokes: [Spoke; 2],
    confirmed: u8,
}

/// The state of the whole system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State<const N: usize> {
    content: u8,
    pub(crate) latest: u8,
    pub(crate) published: u8,
    /// The content of each version.
    stored: [u8; VERSIONS as usize],
    pub(crate) hubs: [HubAt; 2],
    pub(crate) orgs: [Org; N],
    left: Budget,
    /// The rules that were broken on the way here, as bits of [`Rule`].
    broken: u16,
}

/// What must never happen, on any way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Something was approved that the hub did not approve, or that the filter took away.
    Narrow,
    /// More was removed than the guard rails permit, and nobody confirmed it.
    Guarded,
    /// A receipt for an older version overwrote one for a newer version.
    ReceiptsInOrder,
    /// The plan of an older version was carried out over the change of a newer one.
    NeverBackwards,
    /// A version was given to two contents.
    OneContent,
    /// Two spokes of an organization acted at the same time.
    OneSpoke,
    /// A message of another management experience was taken for one's own.
    OneLine,
    /// A message that the ledger does not bear out was answered.
    BorneOut,
    /// A message was deleted whose outcome is not in the ledger.
    ToldFirst,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Change,
    Run { hub: usize, scheduled: bool },
    HubStep(usize),
    HubCrash(usize),
    Receive { org: usize, spoke: usize, messages: u8, watched: bool },
    SpokeStep { org: usize, spoke: usize },
    Hang { org: usize, spoke: usize },
    Wake { org: usize, spoke: usize },
    Time(usize),
    Lose { org: usize, message: u8 },
    Forge { org: usize, message: u8 },
    Edit(usize),
    Confirm(usize),
}

/// What a hub is told to do, with versions as numbers; 0 for none.
#[derive(Debug, Clone, Copy)]
enum Told {
    Store(u8),
    Announce(u8),
    Nothing,
}

/// A plan as sets of products; none where a guard rail holds it.
type Planned = Option<(u8, u8)>;

type PlanKey = (u8, bool, u8, u8, u8, u8);

/// The model of `N` organizations.
pub(crate) struct Sync<const N: usize> {
    pub(crate) budget: Budget,
    pub(crate) decisions: Decisions,
    /// Whether the catalog looks at the revision that a change set names.
    pub(crate) catalog_compares: bool,
    /// Whether a version is stored only after the one that was read.
    pub(crate) store_compares: bool,
    facts: Facts,
    decided: Asked<(u8, u8, u8, u8, bool), Told>,
    weighed: Asked<(u8, u8, [u8; 3]), (u8, bool)>,
    taken: Asked<(Option<LeaseNow>, u8, bool), bool>,
    replaced: Asked<(u8, u8), bool>,
    planned: Asked<PlanKey, Planned>,
}

/// The values that the functions take, made once.
struct Facts {
    ours: ExperienceId,
    theirs: ExperienceId,
    organization: OrganizationId,
    products: Vec<ProductId>,
    contents: Vec<Content>,
    verdicts: [Verdicts; 2],
    receipts: Vec<Receipt>,
}

impl Facts {
    fn new() -> Self {
        let ours = ExperienceId::new("exp-ours").unwrap();
        let products: Vec<_> =
            ["prod-a", "prod-b", "prod-c", "prod-d"].iter().map(|id| ProductId::new(id).unwrap()).collect();
        let set = |bits: u8| -> BTreeSet<ProductId> {
            products.iter().enumerate().filter(|(n, _)| bits & 1 << n != 0).map(|(_, id)| id.clone()).collect()
        };
        let content = |n: usize| {
            let (approved, rejected) = (set(APPROVED[n]), set(REJECTED[n]));
            Content::new(ours.clone(), approved, rejected, BTreeMap::new(), ResourceRequests::Allow).unwrap()
        };
        let exclude = pmp_protocol::Decision { verdict: Verdict::Exclude, reason: None };
        Self {
            theirs: ExperienceId::new("exp-theirs").unwrap(),
            organization: OrganizationId::new("o-alpha00000").unwrap(),
            contents: (0..3).map(content).collect(),
            verdicts: [Verdicts::new(), set(EXCLUDED).into_iter().map(|id| (id, exclude.clone())).collect()],
            receipts: (1..=VERSIONS).map(receipt_for).collect(),
            ours,
            products,
        }
    }

    fn set(&self, bits: u8) -> BTreeSet<ProductId> {
        let chosen = self.products.iter().enumerate().filter(|(n, _)| bits & 1 << n != 0);
        chosen.map(|(_, id)| id.clone()).collect()
    }

    fn bits(&self, set: &BTreeSet<ProductId>) -> u8 {
        let chosen = self.products.iter().enumerate().filter(|(_, id)| set.contains(*id));
        chosen.map(|(n, _)| 1 << n).sum()
    }

    fn body(&self, experience: &ExperienceId, number: u8, digest: Digest) -> String {
        serde_json::json!({
            "schema": "pmp-sync.snapshot/1", "experience": experience, "version": number, "digest": digest,
            "taken_at": "2026-11-24T12:00:00Z", "reason": "changed", "counts": Counts { approved: 0, rejected: 0 },
            "body": {"stored": {"chunks": 1}}
        })
        .to_string()
    }
}

impl<const N: usize> State<N> {
    fn content_of(&self, version: u8) -> u8 {
        version.checked_sub(1).map_or(0, |index| self.stored[usize::from(index)])
    }

    fn breaks(&mut self, rule: Rule) {
        self.broken |= 1 << rule as u16;
    }

    fn keeps(&self, rule: Rule) -> bool {
        self.broken & 1 << rule as u16 == 0
    }
}

impl Org {
    fn new(has_filter: bool) -> Self {
        let idle = Spoke { at: SpokeAt::Idle, hangs: false };
        Self {
            has_filter,
            queue: 0,
            misses: false,
            approved: 0,
            rejected: 0,
            in_force: 0,
            changed_for: 0,
            receipt: None,
            lease: None,
            spokes: [idle; 2],
            confirmed: 0,
        }
    }

    /// What the lists have to be for this content.
    fn desired(&self, content: u8) -> u8 {
        APPROVED[usize::from(content)] & if self.has_filter { !EXCLUDED } else { !0 }
    }

    /// Another revision: plans that were made before name the old one.
    fn moved(&mut self) {
        for spoke in &mut self.spokes {
            if let SpokeAt::Planned { is_stale, .. } = &mut spoke.at {
                *is_stale = true;
            }
        }
    }

    fn is_working(spoke: &Spoke) -> bool {
        spoke.at != SpokeAt::Idle && !spoke.hangs
    }

    /// The spokes are alike: the order in which they stand says nothing.
    fn in_order(mut self) -> Self {
        if self.spokes[1] < self.spokes[0] {
            self.spokes.swap(0, 1);
            self.lease = self.lease.map(|lease| LeaseNow { holder: 1 - lease.holder, ..lease });
        }
        self
    }
}

impl<const N: usize> Sync<N> {
    pub(crate) fn new(budget: Budget) -> Self {
        Self {
            budget,
            decisions: Decisions::REAL,
            catalog_compares: true,
            store_compares: true,
            facts: Facts::new(),
            decided: Asked::new(),
            weighed: Asked::new(),
            taken: Asked::new(),
            replaced: Asked::new(),
            planned: Asked::new(),
        }
    }

    fn in_order(mut state: State<N>) -> State<N> {
        state.hubs.sort_unstable();
        state.orgs = state.orgs.map(Org::in_order);
        state.orgs.sort_unstable();
        state
    }

    fn told(&self, state: &State<N>, content: u8, scheduled: bool) -> Told {
        let (latest, published, newest) = (state.latest, state.published, state.content_of(state.latest));
        self.decided.or_ask((latest, published, newest, content, scheduled), || {
            let trigger = if scheduled { Trigger::Schedule } else { Trigger::ChangeEvent };
            match (self.decisions.decide)(head(latest, newest, published).as_ref(), digest(content), trigger) {
                Decision::Store { previous } => Told::Store(previous.map_or(0, number)),
                Decision::Announce { version, .. } => Told::Announce(number(version)),
                Decision::Nothing { .. } => Told::Nothing,
            }
        })
    }

    /// Which of these messages a pass for the head answers, and whether one asks for a pass.
    fn weigh(&self, state: &State<N>, messages: u8) -> (u8, bool) {
        self.weighed.or_ask((messages, state.latest, state.stored), || {
            let mut received = Vec::new();
            for bit in (0..8).filter(|bit| messages & 1 << bit != 0) {
                let body = match 1 << bit {
                    FOREIGN => self.facts.body(&self.facts.theirs, 1, digest(state.content_of(1))),
                    FORGED => self.facts.body(&self.facts.ours, FORGED_VERSION, Digest::of(b"forged")),
                    _ => self.facts.body(&self.facts.ours, bit, digest(state.content_of(bit))),
                };
                let id = bit.to_string();
                received.push(Received { handle: id.clone(), id, body, times: 1, sent: None });
            }
            let backlog = (self.decisions.sort)(received, &self.facts.ours);
            let head = head(state.latest, state.content_of(state.latest), state.published);
            let (worths, newest) = (self.decisions.weigh)(&backlog.messages, head.as_ref());
            let answered = backlog.ours.iter().zip(&worths).filter(|(_, worth)| **worth == Worth::Answered);
            let bits = answered.map(|(received, _)| 1 << received.id.parse::<u8>().unwrap()).sum();
            (bits, newest.is_some())
        })
    }

    fn may_take(&self, lease: Option<LeaseNow>, me: u8, watched: bool) -> bool {
        self.taken.or_ask((lease, me, watched), || {
            let name = |spoke: u8| format!("spoke-{spoke}");
            let now = Timestamp::from_second(1_800_000_000).unwrap();
            let term = LeaseTerm::DEFAULT;
            let age = |age: u8| match age {
                0 => Duration::ZERO,
                1 => term.held_for(),
                2 => term.whole(),
                _ => term.by_the_clocks(),
            };
            let Some(LeaseNow { holder, age: since }) = lease else {
                return (self.decisions.may_take)(None, &name(me), now, None);
            };
            let taken_at = now.checked_sub(age(since)).unwrap();
            let organization = self.facts.organization.clone();
            let lease = Lease::new(organization, name(holder), name(holder), taken_at, term);
            let watch = Watched { lease: lease.clone(), unchanged_for: age(since) };
            (self.decisions.may_take)(Some(&lease), &name(me), now, watched.then_some(&watch))
        })
    }

    fn may_replace(&self, stored: Option<(u8, bool)>, version: u8) -> bool {
        self.replaced.or_ask((stored.map_or(0, |(version, _)| version), version), || {
            let receipt = |version: u8| &self.facts.receipts[usize::from(version - 1)];
            (self.decisions.may_replace)(stored.map(|(stored, _)| receipt(stored)), receipt(version), None)
        })
    }

    fn plan(&self, org: &Org, number: u8, content: u8) -> Planned {
        let key = (content, org.has_filter, org.approved, org.rejected, number, org.confirmed);
        self.planned.or_ask(key, || {
            let verdicts = &self.facts.verdicts[usize::from(org.has_filter)];
            let desired = Desired::new(&self.facts.contents[usize::from(content)], verdicts);
            let (approved, rejected) = (self.facts.set(org.approved), self.facts.set(org.rejected));
            let observed = Observed { approved: &approved, rejected: &rejected };
            let confirmed = (org.confirmed > 0).then(|| version(org.confirmed));
            let plan = (self.decisions.plan)(&desired, observed, version(number), GuardRails::default(), confirmed);
            plan.ok().map(|plan| (self.facts.bits(plan.allow()), self.facts.bits(plan.deny())))
        })
    }

    fn hub_step(&self, state: &mut State<N>, hub: usize) {
        state.hubs[hub] = match state.hubs[hub] {
            HubAt::Idle => HubAt::Idle,
            HubAt::Read { content, scheduled } => match self.told(state, content, scheduled) {
                Told::Store(previous) => HubAt::Storing { previous, content },
                Told::Announce(version) => HubAt::Announcing { version },
                Told::Nothing => HubAt::Idle,
            },
            HubAt::Storing { previous, content } => {
                let version = previous + 1;
                if self.store_compares && previous != state.latest {
                    // Another hub took the version first: it reads again.
                    HubAt::Read { content: state.content, scheduled: false }
                } else if version > VERSIONS {
                    HubAt::Idle
                } else {
                    if version <= state.latest && state.content_of(version) != content {
                        state.breaks(Rule::OneContent);
                    }
                    state.stored[usize::from(previous)] = content;
                    state.latest = state.latest.max(version);
                    HubAt::Announcing { version }
                }
            }
            HubAt::Announcing { version } => {
                for org in &mut state.orgs {
                    org.queue |= 1 << version;
                    org.misses &= version != state.latest;
                }
                HubAt::Announced { version }
            }
            HubAt::Announced { version } => {
                state.published = state.published.max(version);
                HubAt::Idle
            }
        };
    }

    fn receive(&self, state: &mut State<N>, at: usize, spoke: usize, messages: u8, watched: bool) -> Option<()> {
        let (answered, asks) = self.weigh(state, messages);
        let me = spoke as u8;
        if !asks || !self.may_take(state.orgs[at].lease, me, watched) {
            return None;
        }
        if answered & FOREIGN != 0 {
            state.breaks(Rule::OneLine);
        }
        if answered & FORGED != 0 && state.latest <= FORGED_VERSION {
            state.breaks(Rule::BorneOut);
        }
        if state.latest == 0 {
            // There is nothing that a pass could be about; only a broken model comes here.
            return Some(());
        }
        let is_alone = !Org::is_working(&state.orgs[at].spokes[1 - spoke]);
        if !is_alone {
            state.breaks(Rule::OneSpoke);
        }
        let org = &mut state.orgs[at];
        org.lease = Some(LeaseNow { holder: me, age: 0 });
        org.queue &= !answered;
        org.spokes[spoke].at = SpokeAt::Holding { messages: answered };
        self.spoke_step(state, at, spoke);
        Some(())
    }

    /// Carries a plan out, where the catalog takes it. Returns whether it did.
    fn apply(&self, state: &mut State<N>, org: usize, spoke: usize) -> bool {
        let SpokeAt::Planned { version, allow, deny, is_stale, .. } = state.orgs[org].spokes[spoke].at else {
            return false;
        };
        if is_stale && self.catalog_compares {
            return false;
        }
        let content = state.content_of(version);
        let mut now = state.orgs[org];
        let permitted = now.desired(content);
        let removed = (now.approved & deny).count_ones();
        let of = now.approved.count_ones();
        if allow & !permitted != 0 {
            state.breaks(Rule::Narrow);
        }
        if now.confirmed != version && removed > 0 && (removed == of || removed * 2 > of) {
            state.breaks(Rule::Guarded);
        }
        if version < now.changed_for {
            state.breaks(Rule::NeverBackwards);
        }
        // A newer version that had nothing to change left the revision as it was. So a request of
        // an older one that comes late undoes it, until the next announcement.
        now.misses |= version < now.in_force;
        now.approved = (now.approved | allow) & !deny;
        now.rejected = (now.rejected | deny) & !allow;
        now.in_force = now.in_force.max(version);
        now.changed_for = version;
        now.moved();
        state.orgs[org] = now;
        true
    }

    fn write_receipt(&self, state: &mut State<N>, org: usize, version: u8, is_held: bool) {
        let stored = state.orgs[org].receipt;
        if self.may_replace(stored, version) {
            if stored.is_some_and(|(stored, _)| stored > version) {
                state.breaks(Rule::ReceiptsInOrder);
            }
            state.orgs[org].receipt = Some((version, is_held));
        }
    }

    fn spoke_step(&self, state: &mut State<N>, org: usize, spoke: usize) {
        match state.orgs[org].spokes[spoke].at {
            SpokeAt::Idle => {}
            SpokeAt::Holding { messages } => {
                let version = state.latest;
                let content = state.content_of(version);
                let planned = self.plan(&state.orgs[org], version, content);
                let org = &mut state.orgs[org];
                org.spokes[spoke].at = match planned {
                    None => SpokeAt::Through { messages, version, is_held: true },
                    Some((0, 0)) => {
                        org.in_force = org.in_force.max(version);
                        SpokeAt::Through { messages, version, is_held: false }
                    }
                    Some((allow, deny)) => SpokeAt::Planned { messages, version, allow, deny, is_stale: false },
                };
            }
            SpokeAt::Planned { messages, version, .. } => {
                let at = if self.apply(state, org, spoke) {
                    SpokeAt::Through { messages, version, is_held: false }
                } else {
                    // The catalog refused an old revision: it plans again.
                    SpokeAt::Holding { messages }
                };
                state.orgs[org].spokes[spoke].at = at;
            }
            SpokeAt::Through { messages, version, is_held } => {
                self.write_receipt(state, org, version, is_held);
                let told = state.orgs[org].receipt.map_or(0, |(version, _)| version);
                let announced = messages & !(FOREIGN | FORGED);
                if announced != 0 && u32::from(told) < announced.ilog2() {
                    state.breaks(Rule::ToldFirst);
                }
                // What was received is hidden from others; now it is deleted.
                let org = &mut state.orgs[org];
                org.lease = None;
                org.spokes[spoke].at = SpokeAt::Idle;
            }
        }
    }

    /// A spoke that hung goes on where it was: its request reaches the catalog, and its receipt the
    /// ledger. Then it finds its lease lost, and leaves the messages where they are.
    fn wake(&self, state: &mut State<N>, org: usize, spoke: usize) {
        let at = state.orgs[org].spokes[spoke].at;
        let was_applied = self.apply(state, org, spoke);
        match at {
            SpokeAt::Planned { version, .. } if was_applied => self.write_receipt(state, org, version, false),
            SpokeAt::Through { version, is_held, .. } => self.write_receipt(state, org, version, is_held),
            _ => {}
        }
        let org = &mut state.orgs[org];
        if org.lease.is_some_and(|lease| usize::from(lease.holder) == spoke) {
            org.lease = None;
        }
        org.spokes[spoke] = Spoke { at: SpokeAt::Idle, hangs: false };
    }

    /// What was stored and not announced is announced by the next run, whatever made the hub look.
    fn the_next_run_publishes(&self, state: &State<N>) -> bool {
        let content = state.content_of(state.latest);
        let announces =
            |scheduled| matches!(self.told(state, content, scheduled), Told::Announce(it) if it == state.latest);
        state.published == state.latest || (announces(true) && announces(false))
    }

    /// An announcement of the head leads to a pass, in whatever company it comes.
    fn an_announcement_asks(&self, state: &State<N>) -> bool {
        let announced = |org: &Org| state.latest > 0 && org.queue & 1 << state.latest != 0;
        state.orgs.iter().filter(|org| announced(org)).all(|org| self.weigh(state, org.queue).1)
    }

    /// A lease that is not renewed ends: after a term for those that watched it, and for all others
    /// by the clock.
    fn a_lease_ends(&self, state: &State<N>) -> bool {
        let mut leases = state.orgs.iter().filter_map(|org| org.lease);
        leases.all(|lease| {
            let other = 1 - lease.holder;
            (lease.age < 2 || self.may_take(Some(lease), other, true))
                && (lease.age < 3 || self.may_take(Some(lease), other, false))
        })
    }

    /// Nobody starves: where nothing is on its way to an organization, it has what the head asks
    /// for, or a guard rail holds that.
    fn quiet_means_in_step(state: &State<N>) -> bool {
        let hubs_rest = state.hubs.iter().all(|hub| *hub == HubAt::Idle);
        if !hubs_rest || state.latest == 0 || state.published != state.latest {
            return true;
        }
        let content = state.content_of(state.latest);
        state.orgs.iter().all(|org| {
            let spokes_rest = org.spokes.iter().all(|spoke| spoke.at == SpokeAt::Idle);
            let announced = org.queue & !(FOREIGN | FORGED) != 0;
            let is_in_step = org.approved == org.desired(content);
            !spokes_rest || announced || org.misses || is_in_step || org.receipt == Some((state.latest, true))
        })
    }
}

impl<const N: usize> Model for Sync<N> {
    type State = State<N>;
    type Action = Action;

    fn init_states(&self) -> Vec<State<N>> {
        vec![State {
            content: 0,
            latest: 0,
            published: 0,
            stored: [0; VERSIONS as usize],
            hubs: [HubAt::Idle; 2],
            // One of them has a filter.
            orgs: std::array::from_fn(|n| Org::new(n + 1 == N)),
            left: self.budget,
            broken: 0,
        }]
    }

    fn actions(&self, state: &State<N>, actions: &mut Vec<Action>) {
        if state.left.changes > 0 && state.content < 2 {
            actions.push(Action::Change);
        }
        for hub in 0..state.hubs.len() {
            if state.hubs[hub] == HubAt::Idle {
                if state.left.runs > 0 {
                    actions.extend([true, false].map(|scheduled| Action::Run { hub, scheduled }));
                }
            } else {
                actions.push(Action::HubStep(hub));
                if state.left.hub_crashes > 0 {
                    actions.push(Action::HubCrash(hub));
                }
            }
        }
        for (org, now) in state.orgs.iter().enumerate() {
            for spoke in 0..now.spokes.len() {
                match now.spokes[spoke] {
                    Spoke { hangs: true, .. } => actions.push(Action::Wake { org, spoke }),
                    Spoke { at: SpokeAt::Idle, .. } => {
                        // All of them, or one: queues keep no order.
                        let mut sets = vec![now.queue];
                        sets.extend((0..8).map(|bit| now.queue & 1 << bit).filter(|one| *one != now.queue));
                        for messages in sets.into_iter().filter(|set| *set != 0) {
                            let receive = |watched| Action::Receive { org, spoke, messages, watched };
                            actions.push(receive(false));
                            actions.extend(now.lease.map(|_| receive(true)));
                        }
                    }
                    _ => {
                        actions.push(Action::SpokeStep { org, spoke });
                        if state.left.hangs > 0 {
                            actions.push(Action::Hang { org, spoke });
                        }
                    }
                }
            }
            let holder = now.lease.filter(|lease| lease.age < 3);
            if holder.is_some_and(|lease| now.spokes[usize::from(lease.holder)].hangs) {
                actions.push(Action::Time(org));
            }
            if state.left.losses > 0 {
                let announced = (1..=VERSIONS).map(|bit| 1 << bit).filter(|message| now.queue & message != 0);
                actions.extend(announced.map(|message| Action::Lose { org, message }));
            }
            if state.left.forgeries > 0 {
                let absent = [FOREIGN, FORGED].into_iter().filter(|message| now.queue & message == 0);
                actions.extend(absent.map(|message| Action::Forge { org, message }));
            }
            if state.left.edits > 0 && now.approved & EDITED == 0 {
                actions.push(Action::Edit(org));
            }
            if state.left.confirmations > 0 && now.receipt == Some((state.latest, true)) {
                actions.push(Action::Confirm(org));
            }
        }
    }

    fn next_state(&self, last: &State<N>, action: Action) -> Option<State<N>> {
        let mut state = last.clone();
        match action {
            Action::Change => {
                state.left.changes -= 1;
                state.content += 1;
            }
            Action::Run { hub, scheduled } => {
                state.left.runs -= 1;
                state.hubs[hub] = HubAt::Read { content: state.content, scheduled };
            }
            Action::HubStep(hub) => self.hub_step(&mut state, hub),
            Action::HubCrash(hub) => {
                state.left.hub_crashes -= 1;
                state.hubs[hub] = HubAt::Idle;
            }
            Action::Receive { org, spoke, messages, watched } => {
                self.receive(&mut state, org, spoke, messages, watched)?;
            }
            Action::SpokeStep { org, spoke } => self.spoke_step(&mut state, org, spoke),
            Action::Hang { org, spoke } => {
                state.left.hangs -= 1;
                let org = &mut state.orgs[org];
                org.spokes[spoke].hangs = true;
                // What it received becomes visible again.
                let (SpokeAt::Holding { messages }
                | SpokeAt::Planned { messages, .. }
                | SpokeAt::Through { messages, .. }) = org.spokes[spoke].at
                else {
                    return None;
                };
                org.queue |= messages;
            }
            Action::Wake { org, spoke } => self.wake(&mut state, org, spoke),
            Action::Time(org) => {
                if let Some(lease) = &mut state.orgs[org].lease {
                    lease.age += 1;
                }
            }
            Action::Lose { org, message } => {
                state.left.losses -= 1;
                state.orgs[org].queue &= !message;
                state.orgs[org].misses |= message == 1 << state.latest;
            }
            Action::Forge { org, message } => {
                state.left.forgeries -= 1;
                state.orgs[org].queue |= message;
            }
            Action::Edit(org) => {
                state.left.edits -= 1;
                state.orgs[org].approved |= EDITED;
                state.orgs[org].misses = true;
                state.orgs[org].moved();
            }
            Action::Confirm(org) => {
                state.left.confirmations -= 1;
                state.orgs[org].confirmed = state.latest;
                // The hub announces the snapshot again.
                state.orgs[org].queue |= 1 << state.latest;
            }
        }
        Some(Self::in_order(state))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing is approved that the hub or the filter takes away", |_, state: &State<N>| {
                state.keeps(Rule::Narrow)
            }),
            Property::always("the guard rails hold", |_, state: &State<N>| state.keeps(Rule::Guarded)),
            Property::always("a receipt never goes backwards", |_, state: &State<N>| {
                state.keeps(Rule::ReceiptsInOrder)
            }),
            Property::always("an experience never goes backwards", |_, state: &State<N>| {
                state.keeps(Rule::NeverBackwards)
            }),
            Property::always("a version has one content", |_, state: &State<N>| state.keeps(Rule::OneContent)),
            Property::always("one spoke of an organization acts", |_, state: &State<N>| state.keeps(Rule::OneSpoke)),
            Property::always("two lines of versions never mix", |_, state: &State<N>| state.keeps(Rule::OneLine)),
            Property::always("only what the ledger bears out is answered", |_, state: &State<N>| {
                state.keeps(Rule::BorneOut)
            }),
            Property::always("an outcome is told before its message is deleted", |_, state: &State<N>| {
                state.keeps(Rule::ToldFirst)
            }),
            Property::always("quiet means in step", |_, state: &State<N>| Self::quiet_means_in_step(state)),
            Property::always("what was stored is published by the next run", |model: &Self, state: &State<N>| {
                model.the_next_run_publishes(state)
            }),
            Property::always("an announcement of the head leads to a pass", |model: &Self, state: &State<N>| {
                model.an_announcement_asks(state)
            }),
            Property::always("a lease ends", |model: &Self, state: &State<N>| model.a_lease_ends(state)),
            Property::sometimes("all are in step with the third version", |_, state: &State<N>| {
                state.orgs.iter().all(|org| org.in_force == 3 && org.receipt == Some((3, false)))
            }),
            Property::sometimes("a guard rail holds a plan", |_, state: &State<N>| {
                state.orgs.iter().any(|org| org.receipt.is_some_and(|(_, is_held)| is_held))
            }),
            Property::sometimes("a hub loses the race for a version", |_, state: &State<N>| {
                let late = |hub: &HubAt| matches!(hub, HubAt::Storing { previous, .. } if *previous < state.latest);
                state.hubs.iter().any(late)
            }),
            Property::sometimes("a version is stored and not published", |_, state: &State<N>| {
                state.latest > state.published && state.hubs.iter().all(|hub| *hub == HubAt::Idle)
            }),
            Property::sometimes("a lease is taken from a spoke that hangs", |_, state: &State<N>| {
                let taken =
                    |org: &Org| org.spokes.iter().any(|spoke| spoke.hangs) && org.spokes.iter().any(Org::is_working);
                state.orgs.iter().any(taken)
            }),
            Property::sometimes("a plan names an old revision", |_, state: &State<N>| {
                let stale = |spoke: &Spoke| matches!(spoke.at, SpokeAt::Planned { is_stale: true, .. });
                state.orgs.iter().any(|org| org.spokes.iter().any(stale))
            }),
            Property::sometimes("a late request undoes a version that had nothing to change", |_, state: &State<N>| {
                let undone = |org: &Org| org.changed_for < org.in_force && org.receipt == Some((org.in_force, false));
                let wrong = |org: &Org| org.approved != org.desired(state.content_of(org.in_force));
                state.orgs.iter().any(|org| undone(org) && wrong(org))
            }),
            Property::sometimes("a message comes after its version was superseded", |_, state: &State<N>| {
                let older = |org: &Org| org.queue & 0b1110 & !(1 << state.latest) != 0;
                state.latest > 1
                    && state.orgs.iter().any(|org| older(org) && org.receipt.is_some_and(|it| it.0 == state.latest))
            }),
        ]
    }
}
