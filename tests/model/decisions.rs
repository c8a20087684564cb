//! The decisions that are checked: the programs' own functions, each of which a broken model
//! replaces by a wrong one.

use jiff::Timestamp;
use pmp_hub::{Decision, Trigger};
use pmp_ledger::{Found, Head, Lease, Watched};
use pmp_plan::{Desired, GuardRails, Observed, Plan, Refusal};
use pmp_protocol::{Digest, ExperienceId, Receipt, SnapshotMessage, SnapshotVersion};
use pmp_spoke::{Backlog, Received, Worth};
use pmp_waves::{Fleet, Rollout, Step, Waves};

pub(crate) type Decide = fn(Option<&Head>, Digest, Trigger) -> Decision;
pub(crate) type Sort = fn(Vec<Received>, &ExperienceId) -> Backlog;
pub(crate) type Weigh = for<'a> fn(&'a [SnapshotMessage], Option<&Head>) -> (Vec<Worth>, Option<&'a SnapshotMessage>);
pub(crate) type MayTake = fn(Option<&Lease>, &str, Timestamp, Option<&Watched>) -> bool;
pub(crate) type MayReplace = fn(Option<&Receipt>, &Receipt, Option<&Found>) -> bool;
pub(crate) type PlanOf =
    fn(&Desired<'_>, Observed<'_>, SnapshotVersion, GuardRails, Option<SnapshotVersion>) -> Result<Plan, Box<Refusal>>;
pub(crate) type Next = fn(&Waves, &Rollout, &Fleet, Timestamp) -> Step;

/// What hub and spokes decide.
#[derive(Clone, Copy)]
pub(crate) struct Decisions {
    pub(crate) decide: Decide,
    pub(crate) sort: Sort,
    pub(crate) weigh: Weigh,
    pub(crate) may_take: MayTake,
    pub(crate) may_replace: MayReplace,
    pub(crate) plan: PlanOf,
    pub(crate) next: Next,
}

impl Decisions {
    /// The programs' own functions, all of them.
    pub(crate) const REAL: Self = Self {
        decide: pmp_hub::decide,
        sort: Backlog::sort,
        weigh: pmp_spoke::weigh,
        may_take: pmp_ledger::may_take,
        may_replace: pmp_ledger::may_replace,
        plan: pmp_plan::plan,
        next: pmp_waves::next,
    };
}
