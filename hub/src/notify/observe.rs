//! From what the hub sees of the fleet to the state of each subject. Pure.
//!
//! The rows are those of `status`, so that a notification never says anything else than the command
//! that it names. What counts neither way has no state here: what is on its way, what is paused for
//! less than a day, what an operator let through, and what could not be read.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{OrganizationId, PlainText, Receipt, ReceiptStatus, SnapshotVersion, count, is_ahead};
use pmp_waves::Stopped;

use crate::notify::state::{State, Subject};
use crate::rollout::state::OnTheWay;
use crate::rollout::told::progress;
use crate::status::fleet::View;
use crate::status::group::Caused as _;
use crate::status::{SpokeState, SpokeStatus};

/// A pause of longer than this is told: whoever paused for a night knows of it, and whoever forgot
/// it does not.
const PAUSED_LONG: SignedDuration = SignedDuration::from_hours(24);
/// The longest cause, in bytes: more than a sentence.
const MAX_CAUSE: usize = 300;

/// How a subject stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sight {
    /// None where it counts neither as trouble nor as well.
    pub(crate) state: Option<State>,
    /// The version of its receipt; none without one.
    pub(crate) version: Option<SnapshotVersion>,
    /// Since when, as far as that is known.
    pub(crate) since: Option<Timestamp>,
    /// Why, in words that can be shown anywhere.
    pub(crate) cause: String,
    /// Why a version was stopped in the waves, whatever became of it since; none of all others.
    pub(crate) stop: Option<String>,
}

/// How the fleet stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    found: BTreeMap<Subject, Sight>,
    /// Organizations of which something could not be read.
    partly: BTreeSet<OrganizationId>,
    /// All that were looked at.
    looked: BTreeSet<OrganizationId>,
    /// Whether some organizations were not looked at.
    left_out: bool,
}

impl Observed {
    /// How the fleet stands by this view, and these rows of it.
    pub(crate) fn of(view: &View, rows: &[SpokeStatus], now: Timestamp, stale_after: SignedDuration) -> Self {
        let mut found = BTreeMap::<Subject, Sight>::new();
        for row in rows {
            let subject = Subject {
                organization: Some(row.organization.clone()),
                member_experience: row.member_experience.clone(),
            };
            let sight = sight(view, row, now, stale_after);
            match found.get(&subject) {
                Some(worse) if rank(worse) >= rank(&sight) => {}
                _ => {
                    found.insert(subject, sight);
                }
            }
        }
        if let Some(sight) = of_waves(&view.waves) {
            found.insert(Subject::WAVES, sight);
        }
        let is_part = |report: &pmp_ledger::Report| report.more || !report.organization.unreadable.is_empty();
        let partly = view.looked.iter().filter(|looked| looked.report.as_ref().map_or(true, is_part));
        Self {
            found,
            partly: partly.map(|looked| looked.id.clone()).collect(),
            looked: view.looked.iter().map(|looked| looked.id.clone()).collect(),
            left_out: view.left_out.is_some(),
        }
    }

    /// Every subject that was found.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.found.keys()
    }

    /// Whether it was found, well or not.
    pub(crate) fn is_found(&self, subject: &Subject) -> bool {
        self.found.contains_key(subject)
    }

    /// How a subject stands, where that is known. One that is not found any more is well: its
    /// organization has forgotten it. A read that failed says nothing (rule 12 of the design).
    pub(crate) fn sight(&self, subject: &Subject) -> Option<Cow<'_, Sight>> {
        if let Some(sight) = self.found.get(subject) {
            return Some(Cow::Borrowed(sight));
        }
        let known = match &subject.organization {
            // Where there are none, there is a sight of them that is well.
            None => false,
            Some(organization) if self.looked.contains(organization) => !self.partly.contains(organization),
            Some(_) => !self.left_out,
        };
        let cause = match subject.member_experience {
            Some(_) => "it is not reported any more",
            None => "nothing is wrong there any more",
        };
        let gone = Sight { state: Some(State::Well), version: None, since: None, cause: cause.to_owned(), stop: None };
        known.then_some(Cow::Owned(gone))
    }
}

/// How the waves stand; none where that cannot be read (rule 12 of the design).
fn of_waves(waves: &OnTheWay) -> Option<Sight> {
    let rollout = match waves {
        OnTheWay::Kept(kept) => &kept.state.rollout,
        OnTheWay::NoWaves => return Some(waves_are_well("there are no waves any more")),
        OnTheWay::Unreadable(_) => return None,
    };
    let progress = progress(rollout);
    let (version, reason) = match &rollout.stopped {
        None => return Some(waves_are_well(&progress)),
        // That it was taken back is not another version that was stopped.
        Some(Stopped::RolledBack { from, reason, .. }) => (*from, reason),
        Some(Stopped::Halted { reason } | Stopped::RollingBack { reason, .. }) => (rollout.version, reason),
    };
    let bounded = |text: &str| PlainText::bounded(text, MAX_CAUSE).into();
    let (cause, stop) = (bounded(&progress), Some(bounded(&reason.to_string())));
    Some(Sight { state: Some(State::WaveHalted), version: Some(version), since: None, cause, stop })
}

fn waves_are_well(cause: &str) -> Sight {
    Sight { state: Some(State::Well), version: None, since: None, cause: cause.to_owned(), stop: None }
}

/// Of two sights of one subject the one that is more trouble counts. What counts neither way comes
/// before what is well.
fn rank(sight: &Sight) -> (bool, Option<State>) {
    (sight.state != Some(State::Well), sight.state)
}

fn sight(view: &View, row: &SpokeStatus, now: Timestamp, stale_after: SignedDuration) -> Sight {
    let receipt = row.receipt.as_ref();
    let received = receipt.map(|receipt| receipt.received_at);
    let (state, since) = match row.state {
        SpokeState::Disputed => (Some(State::Disputed), received),
        // That the hub could not read says nothing of the organization.
        SpokeState::Unreadable => (is_read(view, row).then_some(State::Unreadable), None),
        SpokeState::Held => (row.confirmation.is_none().then_some(State::Held), received),
        SpokeState::Error if receipt.is_some_and(is_set_aside) => (Some(State::SetAside), received),
        SpokeState::Error => (Some(State::Failed), received),
        SpokeState::Drifted => {
            let noticed = receipt.and_then(|receipt| receipt.drift.as_ref()).map(|drift| drift.noticed_at);
            (Some(State::Drifted), noticed)
        }
        SpokeState::Never => {
            // Whoever was admitted just now has not had the time to deploy a spoke.
            let admitted = admitted_at(view, row);
            let is_new = admitted.is_some_and(|at| now.duration_since(at) <= stale_after);
            ((!is_new).then_some(State::Silent), admitted)
        }
        SpokeState::Stale => match alive_at(row, now) {
            Some(alive) if now.duration_since(alive) <= stale_after => {
                (Some(State::Behind), view.expected(&row.organization).map(|expected| expected.since))
            }
            alive => (Some(State::Silent), alive),
        },
        SpokeState::Paused => {
            let since = paused_since(view, row);
            // Closed change windows are no pause that somebody forgot: they open by themselves.
            let by_windows = receipt.and_then(|it| it.paused.as_ref()).is_some_and(|paused| paused.windows.is_some());
            let since = since.filter(|_| !by_windows);
            let is_long = since.is_some_and(|since| now.duration_since(since) > PAUSED_LONG);
            (is_long.then_some(State::PausedTooLong), since)
        }
        SpokeState::Applying => (None, None),
        SpokeState::Synced | SpokeState::Pinned | SpokeState::WouldChange => match receipt {
            Some(receipt) if !receipt.deferred.is_empty() => (Some(State::SetAside), received),
            _ => (Some(State::Well), None),
        },
        SpokeState::Skipped => (Some(State::Well), None),
    };
    let cause = match state {
        Some(State::SetAside) => set_aside(row),
        _ => row.cause().into_owned(),
    };
    Sight { state, version: row.version, since, cause: PlainText::bounded(&cause, MAX_CAUSE).into(), stop: None }
}

/// Whether all is applied but products that are set aside.
fn is_set_aside(receipt: &Receipt) -> bool {
    receipt.status == ReceiptStatus::Partial && !receipt.is_unfinished() && !receipt.deferred.is_empty()
}

fn set_aside(row: &SpokeStatus) -> String {
    let deferred = row.receipt.as_ref().map(|receipt| receipt.deferred.as_slice()).unwrap_or_default();
    let products = count(deferred.len(), "product");
    deferred.first().map_or_else(|| products.clone(), |first| format!("{products}, the first: {}", first.error))
}

/// When the row's spoke was alive, as `status` judges it. A time to come counts for nothing.
fn alive_at(row: &SpokeStatus, now: Timestamp) -> Option<Timestamp> {
    let seen = row.last_seen.filter(|seen| !is_ahead(*seen, now));
    seen.or_else(|| row.receipt.as_ref().map(|receipt| receipt.received_at))
}

/// Whether the organization could be read, as far as it can be.
fn is_read(view: &View, row: &SpokeStatus) -> bool {
    view.looked_at(&row.organization).is_none_or(|looked| looked.report.is_ok())
}

/// When an operator admitted the organization; none where the settings do.
fn admitted_at(view: &View, row: &SpokeStatus) -> Option<Timestamp> {
    let admitted = view.roster.as_ref()?.get(&row.organization)?;
    admitted.record.as_ref().filter(|_| !admitted.named).map(|record| record.admitted_at)
}

/// When the pause began: as the receipt says, or, of an organization as a whole, its own hold.
fn paused_since(view: &View, row: &SpokeStatus) -> Option<Timestamp> {
    if let Some(receipt) = &row.receipt {
        return receipt.paused.as_ref().map(|paused| paused.since);
    }
    let report = view.report(&row.organization)?;
    report.organization.signs().iter().filter_map(|seen| seen.hold.as_ref()).map(|hold| hold.at).min()
}
