//! What the spoke needs to know, from flags or the environment, checked at start.
//!
//! [`ConfigArgs`] holds the flags as they were given. Each command makes of them what it needs:
//! [`SpokeConfig`], [`DoctorConfig`] or [`InitConfig`]. The settings that need more than parsing
//! are in the modules below, a group each.

mod declared;
mod filters;
mod guard;
mod hub;
mod members;
mod pace;
mod record;

use std::time::Duration;

use pmp_aws::{AssumedRole, QueueUrl, TopicArn};
use pmp_catalog::RateLimits;
use pmp_ledger::{LeaseTerm, TableName};
use pmp_metrics::MetricSet;
use pmp_plan::GuardRails;
use pmp_protocol::{DriftHandling, ExperienceId, OrganizationId};
use pmp_signature::TrustedKeys;
use pmp_terminal::{Failure, Settings, Source};
use pmp_windows::Windows;

pub(crate) use self::declared::{
    ATTRIBUTES, CHANGE_WINDOWS, ConfigArgs, EXPERIENCE, EXTERNAL_ID, FILTER, FILTER_CONFIG, FILTER_SIZE, FILTERS,
    HUB_ROLE, ID_LIMIT, InitSettings, LEASE_TERM, MEMBERS, MODE, OPEN, ORG, QUEUE, RATES, SNAPSHOTS, STOP_AFTER,
    TIMESTAMPS, TOPIC, TRUSTED,
};
pub(crate) use self::hub::acting_for;
use crate::apply::EngineSettings;
use crate::erosion;
use crate::filters::config::FilterConfig;
use crate::filters::rules::FilterRules;
use crate::filters::share::FilterSharing;
use crate::mode::Mode;
use crate::pass::discover::Selection;
use crate::pass::record::Retention;

/// What `run`, `sync` and `plan` need.
#[derive(Debug, Clone)]
pub(crate) struct SpokeConfig {
    pub(crate) experience: ExperienceId,
    pub(crate) snapshots: TableName,
    pub(crate) timestamps: TableName,
    pub(crate) hub_role: Option<AssumedRole>,
    pub(crate) organization: Option<OrganizationId>,
    /// Whose signatures count; none where what is not signed counts, too.
    pub(crate) trusted: Option<TrustedKeys>,
    pub(crate) selection: Selection,
    pub(crate) filters: FilterRules<Option<FilterConfig>>,
    /// How much of the filters the hub is told.
    pub(crate) sharing: FilterSharing,
    pub(crate) guard: GuardRails,
    pub(crate) guard_window: Duration,
    pub(crate) rates: RateLimits,
    pub(crate) engine: EngineSettings,
    pub(crate) sync_settings: bool,
    pub(crate) mode: Mode,
    pub(crate) drift: FilterRules<DriftHandling>,
    /// The member's own change windows; none where changes are made at any time.
    pub(crate) windows: Option<Windows>,
    pub(crate) lease_term: LeaseTerm,
    pub(crate) stop_after: Option<Duration>,
    /// How much is recorded of what was decided.
    pub(crate) retention: Retention,
    /// Which figures become metrics.
    pub(crate) metrics: MetricSet,
}

/// What `doctor` looks at: whatever is set and can be read.
#[derive(Debug, Clone)]
pub(crate) struct DoctorConfig {
    pub(crate) experience: Option<ExperienceId>,
    pub(crate) snapshots: Option<TableName>,
    pub(crate) timestamps: Option<TableName>,
    pub(crate) queue_url: Option<QueueUrl>,
    pub(crate) topic_arn: Option<TopicArn>,
    pub(crate) hub_role: Option<AssumedRole>,
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) trusted: Option<TrustedKeys>,
    pub(crate) selection: Selection,
    /// None where they are wrong.
    pub(crate) filters: Option<FilterRules<Option<FilterConfig>>>,
    pub(crate) mode: Mode,
    /// The member's own change windows; none where changes are made at any time.
    pub(crate) windows: Option<Windows>,
}

/// Settings that `init` needs.
#[derive(Debug, Clone)]
pub(crate) struct InitConfig {
    pub(crate) experience: ExperienceId,
    pub(crate) topic_arn: TopicArn,
}

impl ConfigArgs {
    /// The configuration of `sync`, `plan` and `status`.
    pub(crate) fn for_pass(&self) -> Result<SpokeConfig, Failure> {
        let mut settings = Settings::default();
        let config = self.pass(&mut settings);
        settings.finish(|| config)
    }

    /// The configuration of `run` and of the function, which also take messages from a queue.
    pub(crate) fn for_run(&self) -> Result<(SpokeConfig, QueueUrl), Failure> {
        let mut settings = Settings::default();
        let config = self.pass(&mut settings);
        let queue_url = self.queue_url().required(&mut settings);
        settings.finish(|| Some((config?, queue_url?)))
    }

    fn pass(&self, settings: &mut Settings) -> Option<SpokeConfig> {
        let experience = self.experience_id().required(settings);
        let snapshots = self.snapshots_table().required(settings);
        let timestamps = self.timestamps_table().required(settings);
        let hub_role = self.hub_role(settings);
        let organization = self.org_id().optional(settings);
        let trusted = self.trusted(settings);
        let selection = self.selection(settings, experience.as_ref());
        let filters = self.filter_rules(settings, experience.as_ref());
        let sharing = self.filter_share().optional(settings).unwrap_or_default();
        let guard = self.guard(settings);
        let guard_window = self.guard_window().optional(settings);
        let rates = self.catalog_rates().optional(settings);
        let engine = self.engine(settings);
        let sync_settings = self.sync_settings().optional(settings);
        let mode = self.mode().optional(settings).unwrap_or_default();
        let drift = self.drift_rules(settings, experience.as_ref());
        let windows = self.change_windows().optional(settings);
        let lease_term = self.lease_term().optional(settings);
        let stop_after = self.stop_after().optional(settings);
        let retention = self.retention(settings);
        let metrics = self.metrics().optional(settings).unwrap_or_default();
        Some(SpokeConfig {
            experience: experience?,
            snapshots: snapshots?,
            timestamps: timestamps?,
            hub_role,
            organization,
            trusted,
            selection,
            filters: filters?,
            sharing,
            guard,
            guard_window: guard_window.map_or(erosion::WINDOW, |span| span.0),
            rates: rates.unwrap_or_default(),
            engine,
            sync_settings: sync_settings.is_some_and(|switch| switch.0),
            mode,
            drift: drift?,
            windows: windows.filter(|windows| !windows.is_always()),
            lease_term: lease_term.map_or(LeaseTerm::DEFAULT, |term| term.0),
            stop_after: stop_after.map(|span| span.0),
            retention,
            metrics,
        })
    }

    /// The configuration of `hold` and `unhold`, which only need to reach the ledger. A member must
    /// be able to stop changes whatever else is mistyped; `doctor` and `sync` say what that is.
    pub(crate) fn for_hold(&self) -> Result<SpokeConfig, Failure> {
        let mut settings = Settings::default();
        let experience = self.experience_id().required(&mut settings);
        let snapshots = self.snapshots_table().required(&mut settings);
        let timestamps = self.timestamps_table().required(&mut settings);
        let hub_role = self.hub_role(&mut settings);
        let organization = self.org_id().optional(&mut settings);
        let trusted = self.trusted(&mut settings);
        settings.finish(|| {
            Some(SpokeConfig {
                experience: experience?,
                snapshots: snapshots?,
                timestamps: timestamps?,
                hub_role,
                organization,
                trusted,
                selection: Selection::All,
                filters: FilterRules::without_rules(None),
                sharing: FilterSharing::default(),
                guard: GuardRails::default(),
                guard_window: erosion::WINDOW,
                rates: RateLimits::default(),
                engine: EngineSettings::default(),
                sync_settings: false,
                mode: Mode::default(),
                drift: FilterRules::without_rules(DriftHandling::default()),
                windows: None,
                lease_term: LeaseTerm::DEFAULT,
                stop_after: None,
                retention: Retention::DEFAULT,
                metrics: MetricSet::default(),
            })
        })
    }

    pub(crate) fn for_init(&self) -> Result<InitConfig, Failure> {
        let mut settings = Settings::default();
        let experience = self.experience_id().required(&mut settings);
        let topic_arn = self.topic_arn().required(&mut settings);
        settings.finish(|| Some(InitConfig { experience: experience?, topic_arn: topic_arn? }))
    }

    /// The configuration for `doctor`, and what is missing or wrong for `run`. A spoke that only
    /// ever runs `sync` has no queue, and only `init` needs the topic: those two may be absent.
    pub(crate) fn for_doctor(&self) -> (DoctorConfig, Result<(), Failure>) {
        let pass = if self.queue_url().is_set() { self.for_run().map(drop) } else { self.for_pass().map(drop) };
        let complete = pass.and_then(|()| if self.topic_arn().is_set() { self.for_init().map(drop) } else { Ok(()) });
        // `complete` carries every problem. The configuration here keeps whatever could be parsed.
        let mut settings = Settings::default();
        let config = DoctorConfig {
            experience: self.experience_id().optional(&mut settings),
            snapshots: self.snapshots_table().optional(&mut settings),
            timestamps: self.timestamps_table().optional(&mut settings),
            queue_url: self.queue_url().optional(&mut settings),
            topic_arn: self.topic_arn().optional(&mut settings),
            hub_role: self.hub_role(&mut settings),
            organization: self.org_id().optional(&mut settings),
            trusted: self.trusted(&mut settings),
            selection: self.selection(&mut settings, None),
            filters: self.filter_rules(&mut settings, None),
            mode: self.mode().optional(&mut settings).unwrap_or_default(),
            windows: self.change_windows().optional(&mut settings).filter(|windows| !windows.is_always()),
        };
        (config, complete)
    }
}

impl InitSettings {
    /// The name of the queue that `init` makes.
    pub(crate) fn name_of_queue(&self) -> Result<String, Failure> {
        let mut settings = Settings::default();
        let name = self.queue_name().or("pmp-sync-snapshots").required(&mut settings);
        settings.finish(|| name)
    }
}

/// A text, or with an `@` before it the path of a file that holds it. `None` where nothing is
/// given, and where the file cannot be read, which is noted.
fn text_or_file(settings: &mut Settings, text: Option<String>, source: Source) -> Option<String> {
    let text = text?;
    let Some(path) = text.strip_prefix('@') else { return Some(text) };
    std::fs::read_to_string(path).map_err(|e| settings.problem(source, format!("cannot read `{path}`: {e}"))).ok()
}
