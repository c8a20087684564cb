//! A small fleet that changes, and what operations is to be told of it by the documented rule,
//! worked out apart from the code.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use pmp_ledger::testing::MemoryLedger;
use pmp_ledger::{Found, ReceiptStore as _, RolloutStore as _};
use pmp_protocol::testing::{content, experience, management, organization, receipt, seen, snapshot, version};
use pmp_protocol::{
    Deferred, Digest, OrganizationSeen, Paused, PausedBy, ProductId, Receipt, ReceiptStatus, Snapshot, SpokeScope,
};

use crate::config::waves::Configured;
use crate::notify::state::{State, Subject};
use crate::rollout::state::State as RolloutState;

/// How a member experience, or the waves, stand in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Really {
    InStep,
    OnItsWay,
    SetAside,
    PausedForDays,
    Behind,
    Silent,
    Failed,
    Held,
    Disputed,
    /// Of the waves alone: a version was stopped there.
    Stopped,
}

impl Really {
    /// All that a member experience may be.
    pub(super) const ALL: [Self; 9] = [
        Self::InStep,
        Self::OnItsWay,
        Self::SetAside,
        Self::PausedForDays,
        Self::Behind,
        Self::Silent,
        Self::Failed,
        Self::Held,
        Self::Disputed,
    ];

    /// The state that is told; none where it counts neither way.
    pub(super) fn state(self) -> Option<State> {
        Some(match self {
            Self::InStep => State::Well,
            Self::OnItsWay => return None,
            Self::SetAside => State::SetAside,
            Self::PausedForDays => State::PausedTooLong,
            Self::Behind => State::Behind,
            Self::Silent => State::Silent,
            Self::Failed => State::Failed,
            Self::Held => State::Held,
            Self::Disputed => State::Disputed,
            Self::Stopped => State::WaveHalted,
        })
    }
}

/// The organizations, each with as many experiences.
pub(super) const ORGANIZATIONS: [&str; 2] = ["o-alpha00000", "o-beta000000"];
const EXPERIENCES: [&str; 2] = ["exp-one", "exp-two"];

pub(super) fn subjects() -> Vec<Subject> {
    let of = |id: &'static str| {
        EXPERIENCES
            .iter()
            .map(move |it| Subject { organization: Some(organization(id)), member_experience: Some(experience(it)) })
    };
    ORGANIZATIONS.into_iter().flat_map(of).chain([Subject::WAVES]).collect()
}

/// Packed once: that is what would take long.
static SNAPSHOTS: LazyLock<[Snapshot; 2]> =
    LazyLock::new(|| [snapshot(41, &content(&["prod-a"], &[])), snapshot(42, &content(&["prod-a", "prod-b"], &[]))]);

/// Stores the snapshots, which were taken long before the stage begins.
pub(super) fn prepare(ledger: &MemoryLedger) {
    SNAPSHOTS.iter().for_each(|snapshot| ledger.keep(snapshot));
}

/// Writes the waves' state into the ledger: everybody has snapshot 42, or it was stopped.
async fn put_waves(ledger: &MemoryLedger, really: Really) {
    let configured = Configured::read("[[waves]]\nname = \"all\"\nshare = 100\n").unwrap();
    let mut kept = RolloutState::begin(&configured, version(42), SNAPSHOTS[1].digest());
    let reason = pmp_waves::Reason::TooManyFailed { failed: 1, max_failures: 0 };
    kept.rollout.stopped = (really == Really::Stopped).then_some(pmp_waves::Stopped::Halted { reason });
    let before = ledger.rollout(&management()).await.unwrap().map_or(0, |stored| stored.generation);
    assert!(ledger.put_rollout(&management(), &kept.write(), before).await.unwrap());
}

/// Has the spoke of `subject` report that it stands so, at `now`; of the waves, the ledger says it.
pub(super) async fn report(ledger: &MemoryLedger, subject: &Subject, really: Really, now: Timestamp) {
    let hours = SignedDuration::from_hours;
    let Subject { organization, member_experience } = subject;
    let Some(organization) = organization else { return put_waves(ledger, really).await };
    let member = member_experience.clone().unwrap();
    let [old, newest] = &*SNAPSHOTS;
    let is_behind = really == Really::Behind;
    let status = match really {
        Really::OnItsWay => ReceiptStatus::Applying,
        Really::PausedForDays | Really::Held => ReceiptStatus::Held,
        Really::Failed => ReceiptStatus::Failed,
        _ => ReceiptStatus::InSync,
    };
    let paused = Paused {
        whose: PausedBy::Member,
        until: now + hours(50),
        by: "arn:someone".into(),
        since: now - hours(30),
        reason: "a migration".into(),
        windows: None,
        halted: None,
    };
    let deferred = Deferred {
        product: ProductId::new("prod-b").unwrap(),
        reason: pmp_protocol::DeferralReason::Refused,
        error: "the catalog refuses it".into(),
        first_seen: None,
        tries: 1,
        next_try: None,
    };
    let spoke = format!("only-{member}");
    let digest = match really {
        Really::Disputed => Digest::of(b"never stored"),
        _ if is_behind => old.digest(),
        _ => newest.digest(),
    };
    let new = Receipt {
        organization: organization.clone(),
        experience: management(),
        member_experience: member.clone(),
        version: version(if is_behind { 41 } else { 42 }),
        digest,
        received_at: now,
        applied_at: (status == ReceiptStatus::InSync).then_some(now),
        paused: (really == Really::PausedForDays).then_some(paused),
        deferred: if really == Really::SetAside { vec![deferred] } else { Vec::new() },
        pending: 0,
        owner: Some(spoke.clone()),
        error: matches!(status, ReceiptStatus::Failed | ReceiptStatus::Held).then(|| "no".to_owned()),
        ..receipt(42, status, None)
    };
    let stored = ledger.organization(organization, &management()).await.unwrap().receipts;
    let found = stored.iter().find(|receipt| receipt.member_experience == member).map(Found::of);
    assert!(ledger.put(&new, found.as_ref()).await.unwrap());
    let last_seen = if really == Really::Silent { now - hours(5) } else { now };
    let scope = SpokeScope { id: spoke, ..SpokeScope::of(Some([member].into())) };
    let sign = OrganizationSeen {
        organization: organization.clone(),
        last_seen,
        spoke: Some(scope),
        ledger: Some(pmp_protocol::LEDGER_LAYOUT),
        ..seen()
    };
    ledger.put_spoke(&sign).await.unwrap();
}

/// What operations is to be told. Time passes in strides: within one, far less than half an hour;
/// from one to the next, far more.
#[derive(Debug, Default)]
pub(super) struct Expected {
    told: BTreeMap<Subject, ToldOf>,
    pub(super) transitions: Vec<(Subject, State, State)>,
}

/// What was told of one subject.
#[derive(Debug, Clone, Copy)]
struct ToldOf {
    state: State,
    /// The stride since which it is better.
    better: Option<u64>,
    /// Whether it was told as better; a seed is over within a day.
    eased: bool,
    /// How often it was worse again after that.
    relapses: u32,
}

impl Expected {
    /// A hub has seen the world as it is, in this stride.
    pub(super) fn seen(&mut self, world: &BTreeMap<Subject, Really>, stride: u64) {
        for (subject, really) in world {
            let Some(state) = really.state() else { continue };
            let nothing = ToldOf { state: State::Well, better: None, eased: false, relapses: 0 };
            let told = self.told.get(subject).copied().unwrap_or(nothing);
            // A stride is an hour, and the time doubles with each relapse, from 25 minutes on.
            let strides = (25_u64 << told.relapses).div_ceil(60);
            let has_lasted = told.better.is_some_and(|since| since + strides <= stride);
            let next = if state > told.state {
                let came_back = told.eased && *subject != Subject::WAVES;
                ToldOf { state, better: None, relapses: told.relapses + u32::from(came_back), ..told }
            } else if state < told.state && has_lasted {
                ToldOf { state, better: None, eased: true, ..told }
            } else {
                let better = (state < told.state).then(|| told.better.unwrap_or(stride));
                ToldOf { better, ..told }
            };
            if next.state != told.state {
                self.transitions.push((subject.clone(), told.state, state));
            }
            self.told.insert(subject.clone(), next);
        }
    }
}
