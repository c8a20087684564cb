//! Computes the changes that a pass would make, without making them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use pmp_plan::{Desired, Lately, Observed, Report, explain, plan_after};
use pmp_protocol::{
    ExperienceId, FilterIdentity, OperatorConfirmation, ProductId, Receipt, ResourceRequests, Snapshot, confirmed,
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::apply::lists;
use crate::erosion;
use crate::error::{SpokeError, one_line_with_hint};
use crate::filters::Chosen;
use crate::filters::lookup::{Known, LookUpError};
use crate::filters::narrow::{Exhausted, Narrowed, narrow};
use crate::pass::Spoke;
use crate::pass::discover::{Member, discover, leave_management_alone, read_policies};
use crate::pass::standing::Standing;
use crate::pass::{kept, named};

/// The planned changes of all member experiences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Previews {
    pub(crate) experiences: Vec<Preview>,
    /// Warnings about rules that decide nothing.
    pub(crate) warnings: Vec<String>,
}

impl Previews {
    /// All products that the plans name, some of them several times.
    pub(crate) fn products(&self) -> impl Iterator<Item = &ProductId> {
        self.experiences.iter().flat_map(|preview| {
            let entries = match &preview.outcome {
                Planned::Plan { report, .. } | Planned::Held { report, .. } => &report.entries[..],
                Planned::Skipped { .. } | Planned::Failed { .. } => &[],
            };
            entries.iter().map(|entry| &entry.product).chain(&preview.left_alone)
        })
    }
}

/// The filter of an experience, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ShownFilter {
    /// `None` if the experience has no filter.
    #[serde(flatten)]
    pub(crate) identity: Option<FilterIdentity>,
    /// The reason. `None` if all experiences have the same filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) because: Option<String>,
}

/// The planned changes of one member experience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Preview {
    pub(crate) experience: ExperienceId,
    /// Its name. `None` if it could not be read.
    pub(crate) name: Option<String>,
    /// The revision that was read. `None` if it could not be read.
    #[serde(skip)]
    pub(crate) revision: Option<u64>,
    /// Its filter. `None` if that is not known, or if there are no filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<ShownFilter>,
    /// Anomalies that the filter reported.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) filter_warnings: Vec<String>,
    /// Products that stay as somebody else set them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) left_alone: BTreeSet<ProductId>,
    #[serde(flatten)]
    pub(crate) outcome: Planned,
}

/// The outcome for one experience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(crate) enum Planned {
    /// A plan, perhaps an empty one.
    Plan {
        report: Report,
        #[serde(rename = "narrowed")]
        filtered: usize,
        /// The policy's settings after the change. `None` if they would not change.
        #[serde(skip_serializing_if = "Option::is_none")]
        policy_resource_requests: Option<ResourceRequests>,
        change_sets: usize,
    },
    /// A guard rail would hold it.
    Held { reason: String, report: Report },
    /// It is not managed now.
    Skipped { reason: String },
    /// It could not be planned.
    Failed { reason: String },
}

impl Spoke {
    /// Plans for every member experience as a pass would, with the confirmations of the hub's
    /// operators.
    pub(crate) async fn preview(&self, standing: &Standing, snapshot: &Arc<Snapshot>) -> Result<Previews, SpokeError> {
        let found =
            discover(self.catalog.as_ref(), &self.management, &self.selection, &kept(standing), &self.chance).await?;
        let candidates = leave_management_alone(self.snapshots.as_ref(), &self.selection, found.candidates).await?;
        let in_force = self.filters.in_force().await;
        let warnings = if found.half.is_some() { Vec::new() } else { in_force.warnings(named(&candidates)) };
        let members = read_policies(self.catalog.as_ref(), candidates, &self.chance).await;
        let before = &standing.before;
        let known = self.known(snapshot, &CancellationToken::new()).await;
        let (mut previews, exhausted) = (Vec::new(), Exhausted::default());
        for member in members {
            let receipt = before.receipts.iter().find(|receipt| receipt.member_experience == member.id);
            let mut deferred = receipt.map(|receipt| deferred_at(receipt, self.clock.now())).unwrap_or_default();
            let has_name = member.name.is_some() || !self.filters.has_rules();
            let chosen = has_name.then(|| in_force.of(&member.id, member.name.as_deref()));
            let has_filter = chosen.as_ref().is_some_and(|chosen| !chosen.filter.is_nothing());
            // An experience without a filter needs no facts, so no product is deferred for lack of
            // them.
            let known = if has_filter { known.clone() } else { Ok(Arc::default()) };
            if let Ok(known) = &known {
                deferred.extend(known.not_looked_up().clone());
            }
            let lately = erosion::lately(&erosion::recent(receipt, self.guard_window, self.clock.now()));
            let confirmations = &before.confirmations;
            let narrowing = Narrowing { chosen, known, exhausted: &exhausted };
            previews.push(
                self.preview_member(snapshot, narrowing, confirmations, (member, receipt, lately), &deferred).await,
            );
        }
        Ok(Previews { experiences: previews, warnings })
    }

    async fn preview_member(
        &self,
        snapshot: &Arc<Snapshot>,
        Narrowing { chosen, known, exhausted }: Narrowing<'_>,
        confirmations: &[OperatorConfirmation],
        (member, receipt, lately): (Member, Option<&Receipt>, Lately),
        deferred: &BTreeMap<ProductId, String>,
    ) -> Preview {
        let Member { id: experience, name, state } = member;
        let filter = chosen.as_ref().and_then(|chosen| self.shown(chosen));
        let live = match state {
            Ok(live) => live,
            Err(absent) => {
                let reason = one_line_with_hint(&absent);
                let outcome =
                    if absent.is_failure() { Planned::Failed { reason } } else { Planned::Skipped { reason } };
                return Preview {
                    experience,
                    name,
                    revision: None,
                    filter,
                    filter_warnings: Vec::new(),
                    left_alone: BTreeSet::new(),
                    outcome,
                };
            }
        };
        let revision = Some(live.experience.revision.0);
        let organization = self.identity.organization.clone();
        let filtered = match (chosen, known) {
            (Some(chosen), Ok(known)) => {
                let (snapshot, now) = (snapshot.clone(), self.clock.now());
                narrow(chosen, organization, snapshot, live.experience.clone(), known, now, exhausted).await
            }
            // An experience that was read has a name.
            (None, _) => Err("which filter it has is not known: its name could not be read".to_owned()),
            (_, Err(error)) => Err(error.to_string()),
        };
        let (mut filter_warnings, mut left_alone) = (Vec::new(), BTreeSet::new());
        let outcome = match filtered {
            Err(reason) => Planned::Failed { reason },
            Ok(Narrowed::NotManaged(reason)) => Planned::Skipped { reason },
            Ok(Narrowed::By { verdicts, warnings }) => {
                filter_warnings = warnings;
                let desired = Desired::new(snapshot.content(), &verdicts);
                let identity = filter.as_ref().and_then(|filter| filter.identity.clone());
                let edits = self.edits(receipt, snapshot, identity, &desired, &live, self.clock.now());
                left_alone = edits.await.left_alone;
                let lists = lists::as_if_done(&live.policy, &desired, &left_alone);
                let observed = Observed { approved: &lists.0, rejected: &lists.1 };
                let confirmed = confirmed(confirmations, snapshot, &experience).map(|_| snapshot.version());
                let report = explain(&desired, observed, deferred);
                match plan_after(lately, &desired, observed, snapshot.version(), self.guard, confirmed) {
                    Ok(mut plan) => {
                        plan.leave_out(deferred.keys());
                        let observed = live.policy.policy_resource_requests;
                        let plan = plan.with_settings(self.settings(snapshot), observed);
                        let policy_resource_requests = plan.settings();
                        let change_sets = plan.change_sets().len();
                        Planned::Plan { filtered: desired.filtered(), policy_resource_requests, change_sets, report }
                    }
                    Err(refusal) => Planned::Held { reason: refusal.to_string(), report },
                }
            }
        };
        Preview { experience, name, revision, filter, filter_warnings, left_alone, outcome }
    }

    /// The filter of an experience. `None` if it is not worth showing.
    fn shown(&self, chosen: &Chosen) -> Option<ShownFilter> {
        let because = self.filters.has_rules().then(|| chosen.because.clone());
        let identity = chosen.filter.identity();
        (identity.is_some() || because.is_some()).then_some(ShownFilter { identity, because })
    }
}

/// Everything that narrowing one experience needs.
struct Narrowing<'a> {
    chosen: Option<Chosen>,
    known: Result<Arc<Known>, LookUpError>,
    exhausted: &'a Exhausted,
}

/// The products that the catalog refused, or that could not be looked up, and that a pass would
/// leave at `now`.
fn deferred_at(receipt: &Receipt, now: Timestamp) -> BTreeMap<ProductId, String> {
    let left = receipt.deferred.iter().filter(|found| found.next_try.is_some_and(|next| next > now));
    left.map(|found| (found.product.clone(), found.error.clone())).collect()
}
