//! Keeps a plan in a file. `plan --out` writes it, people read it, and `sync --plan` applies
//! exactly that plan, or nothing.
//!
//! The file holds the facts that the plan depends on: the snapshot, each experience's revision and
//! filter, and the settings. `sync --plan` plans once more, and refuses if any of them differs.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use pmp_plan::Step;
use pmp_protocol::{
    Digest, ExperienceId, FilterIdentity, OrganizationId, ProductId, ResourceRequests, Snapshot, SnapshotVersion,
};
use pmp_terminal::{Exit, Failure};
use serde::{Deserialize, Serialize};

use crate::config::SpokeConfig;
use crate::draft::SPOKE_VERSION;
use crate::identity::Identity;
use crate::pass::preview::{Planned, Preview, Previews};

/// The schema of the file, which is its first field.
const SCHEMA: &str = "pmp-sync.plan/1";
/// The largest file that is read, in bytes: enough for the lists of some hundred of the largest
/// experiences.
const MAX_BYTES: u64 = 256 << 20;
/// The most differences that are listed one by one.
const MAX_TOLD: usize = 10;

/// A plan for all member experiences, with the facts that it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlanFile {
    schema: String,
    made_at: Timestamp,
    /// The version of the program, because another one may plan otherwise.
    spoke_version: String,
    organization: OrganizationId,
    management_experience: ExperienceId,
    version: SnapshotVersion,
    digest: Digest,
    /// The settings by variable. A value that may be long or confidential is a digest.
    settings: BTreeMap<String, String>,
    experiences: Vec<PlannedExperience>,
}

/// The plan for one experience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PlannedExperience {
    experience: ExperienceId,
    /// The revision that was read. `None` if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<FilterIdentity>,
    /// `plan`, `held`, `skipped` or `failed`.
    outcome: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow: Vec<ProductId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deny: Vec<ProductId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_resource_requests: Option<ResourceRequests>,
}

impl PlanFile {
    /// The file for the plan that was made now.
    pub(crate) fn new(
        identity: &Identity,
        config: &SpokeConfig,
        snapshot: &Snapshot,
        previews: &Previews,
        now: Timestamp,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            made_at: now,
            spoke_version: SPOKE_VERSION.to_owned(),
            organization: identity.organization.clone(),
            management_experience: snapshot.experience().clone(),
            version: snapshot.version(),
            digest: snapshot.digest(),
            settings: settings(config),
            experiences: previews.experiences.iter().map(PlannedExperience::of).collect(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If the file cannot be read, or is no plan of this schema.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let hint = || "make it with `pmp-spoke plan --out FILE`".to_owned();
        let failed = |problem: String| {
            Failure::new("E5022", format!("the plan in `{}` cannot be used: {problem}", path.display())).hint(hint())
        };
        let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
        if size > MAX_BYTES {
            return Err(failed(format!("it has {size} bytes, more than the {MAX_BYTES} that a plan may have")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let plan: Self = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
        if plan.schema != SCHEMA {
            return Err(failed(format!("its schema is `{}`, and this program reads `{SCHEMA}`", plan.schema)));
        }
        Ok(plan)
    }

    /// Writes the plan to a file, and replaces an existing one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::from);
        text.and_then(|text| std::fs::write(path, text + "\n"))
            .map_err(|error| Failure::new("E5023", format!("the plan cannot be kept in `{}`: {error}", path.display())))
    }

    /// The revision of each experience in the plan.
    pub(crate) fn revisions(&self) -> BTreeMap<ExperienceId, u64> {
        self.experiences.iter().filter_map(|it| Some((it.experience.clone(), it.revision?))).collect()
    }

    /// Checks that `now` is the same plan, made from the same facts.
    ///
    /// # Errors
    /// A refusal that lists the differences.
    pub(crate) fn hold_against(&self, now: &Self) -> Result<(), Failure> {
        let moved = self.moved(now);
        if moved.is_empty() {
            return Ok(());
        }
        let error = format!("the plan of {} is not what would be done now; nothing was changed", self.made_at);
        let more = moved.len().saturating_sub(MAX_TOLD);
        let told = moved.into_iter().take(MAX_TOLD).chain((more > 0).then(|| format!("and {more} more")));
        let failure = told.fold(Failure::new("E5024", error).exit(Exit::Refused), Failure::detail);
        Err(failure.hint("look at it again with `pmp-spoke plan --out FILE`".to_owned()))
    }

    /// The differences, a sentence each.
    fn moved(&self, now: &Self) -> Vec<String> {
        let mut moved = Vec::new();
        let mut compare = |what: &str, before: &str, now: &str| {
            if before != now {
                moved.push(match DIGESTS.contains(&what) {
                    true => format!("{what} was changed since"),
                    false => format!("{what} was {before}, and is {now}"),
                });
            }
        };
        compare("the organization", self.organization.as_str(), now.organization.as_str());
        compare("the management experience", self.management_experience.as_str(), now.management_experience.as_str());
        let snapshot = |plan: &Self| format!("{} ({})", plan.version, plan.digest.short());
        compare("the newest snapshot", &snapshot(self), &snapshot(now));
        compare("the version of pmp-spoke", &self.spoke_version, &now.spoke_version);
        for name in self.settings.keys().chain(now.settings.keys().filter(|name| !self.settings.contains_key(*name))) {
            let of = |plan: &Self| plan.settings.get(name).map_or("not set", String::as_str).to_owned();
            compare(name, &of(self), &of(now));
        }
        let by_id = |plan: &Self| -> BTreeMap<_, _> {
            plan.experiences.iter().map(|it| (it.experience.clone(), it.clone())).collect()
        };
        let (before, now) = (by_id(self), by_id(now));
        moved.extend(before.iter().flat_map(|(id, before)| match now.get(id) {
            Some(now) => before.moved(now),
            None => vec![format!("{id} is no longer one that this spoke keeps in step")],
        }));
        let added = now.keys().filter(|id| !before.contains_key(*id));
        moved.extend(added.map(|id| format!("{id} is new: the plan does not know it")));
        moved
    }
}

impl PlannedExperience {
    fn of(preview: &Preview) -> Self {
        let (outcome, report, requests) = match &preview.outcome {
            Planned::Plan { report, policy_resource_requests, .. } => ("plan", Some(report), *policy_resource_requests),
            Planned::Held { report, .. } => ("held", Some(report), None),
            Planned::Skipped { .. } => ("skipped", None, None),
            Planned::Failed { .. } => ("failed", None, None),
        };
        let products = |step: Step| {
            let entries = report.iter().flat_map(|report| &report.entries).filter(|entry| entry.step == step);
            let mut products: Vec<_> = entries.map(|entry| entry.product.clone()).collect();
            products.sort();
            products
        };
        Self {
            experience: preview.experience.clone(),
            revision: preview.revision,
            filter: preview.filter.as_ref().and_then(|filter| filter.identity.clone()),
            outcome: outcome.to_owned(),
            allow: products(Step::Allow),
            deny: products(Step::Deny),
            policy_resource_requests: requests,
        }
    }

    /// The differences of one experience, with causes before their effects.
    fn moved(&self, now: &Self) -> Vec<String> {
        let id = &self.experience;
        let mut moved = Vec::new();
        if self.revision != now.revision {
            let shown = |revision: Option<u64>| revision.map_or("not known".to_owned(), |it| it.to_string());
            moved.push(format!("{id}: its revision was {}, and is {}", shown(self.revision), shown(now.revision)));
        }
        if self.filter != now.filter {
            let shown = |filter: &Option<FilterIdentity>| {
                let name = |it: &FilterIdentity| format!("`{}` {} ({})", it.name, it.version, it.digest.short());
                filter.as_ref().map_or("none".to_owned(), name)
            };
            moved.push(format!("{id}: its filter was {}, and is {}", shown(&self.filter), shown(&now.filter)));
        }
        if self.outcome != now.outcome {
            moved.push(format!("{id}: the outcome was `{}`, and is `{}`", self.outcome, now.outcome));
        } else if moved.is_empty() && self != now {
            let counts = |it: &Self| format!("{} to allow, {} to deny", it.allow.len(), it.deny.len());
            moved.push(format!("{id}: it planned {}; now that is {}, or others", counts(self), counts(now)));
        }
        moved
    }
}

const DRIFT: &str = "PMP_DRIFT";
const FILTERS: &str = "the setting of filters";
/// The settings of which a digest is kept: they may be long or confidential. Nobody can read two
/// digests, so that they differ is all that is told.
const DIGESTS: [&str; 2] = [DRIFT, FILTERS];

/// The settings that a plan depends on.
fn settings(config: &SpokeConfig) -> BTreeMap<String, String> {
    let set = |name: &str, value: String| (name.to_owned(), value);
    let optional = |number: Option<usize>| number.map_or("not set".to_owned(), |number| number.to_string());
    let filters = Digest::of(format!("{:?}", config.filters).as_bytes());
    BTreeMap::from([
        set("MEMBER_EXPERIENCE_IDS", config.selection.scope().id),
        set("PMP_MAX_REMOVED_PERCENT", config.guard.max_removed_percent.to_string()),
        set("PMP_MAX_REMOVED_PRODUCTS", optional(config.guard.max_removed_products)),
        set("PMP_GUARD_WINDOW", format!("{} s", config.guard_window.as_secs())),
        set("PMP_SYNC_SETTINGS", config.sync_settings.to_string()),
        set("PMP_MODE", config.mode.to_string()),
        set(DRIFT, Digest::of(format!("{:?}", config.drift).as_bytes()).short()),
        set(FILTERS, filters.short()),
    ])
}
