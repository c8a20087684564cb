//! What the spoke needs to know, from flags or the environment, checked at start.
//!
//! [`ConfigArgs`] holds the flags as they were given. Each command makes of them what it needs:
//! [`SpokeConfig`], [`DoctorConfig`] or [`InitConfig`]. The settings that need more than parsing
//! are in the modules below, a group each.

mod arn;
mod filters;
mod guard;
mod hub;
mod members;
mod pace;
mod record;

use std::time::Duration;

use clap::Args;
use pmp_aws::AssumedRole;
use pmp_catalog::RateLimits;
use pmp_ledger::{LeaseTerm, TableName};
use pmp_plan::GuardRails;
use pmp_protocol::{DriftHandling, ExperienceId, OrganizationId};
use pmp_signature::TrustedKeys;
use pmp_terminal::{Failure, Settings, Source, parse_duration};

use self::arn::is_topic_arn;
pub(crate) use self::filters::FILTER_CONFIG;
use self::filters::{FILTER, FILTER_CACHE, FILTER_DIGEST, FILTER_SHARE, FILTER_SIZE};
use self::guard::{REMOVED_PERCENT, REMOVED_PRODUCTS};
pub(crate) use self::hub::acting_for;
use self::pace::{ID_LIMIT, LEASE_TERM, OPEN, SHARING};
use self::record::{KEEP, KEEP_FOR};
use crate::apply::EngineSettings;
use crate::erosion;
use crate::filters::config::FilterConfig;
use crate::filters::rules::FilterRules;
use crate::filters::share::FilterSharing;
use crate::mode::Mode;
use crate::pass::discover::Selection;
use crate::pass::record::Retention;

pub(crate) const EXPERIENCE: Source = Source { flag: "--experience-id", variable: "PMP_EXPERIENCE_ID" };
pub(crate) const QUEUE: Source = Source { flag: "--queue-url", variable: "PMP_QUEUE_URL" };
pub(crate) const SNAPSHOTS: Source = Source { flag: "--snapshots-table", variable: "PMP_SNAPSHOTS_TABLE" };
pub(crate) const TIMESTAMPS: Source = Source { flag: "--timestamps-table", variable: "PMP_TIMESTAMPS_TABLE" };
pub(crate) const TOPIC: Source = Source { flag: "--topic-arn", variable: "PMP_TOPIC_ARN" };
pub(crate) const HUB_ROLE: Source = Source { flag: "--hub-role-arn", variable: "PMP_HUB_ROLE_ARN" };
pub(crate) const EXTERNAL_ID: Source = Source { flag: "--hub-external-id", variable: "PMP_HUB_EXTERNAL_ID" };
pub(crate) const ORG: Source = Source { flag: "--org-id", variable: "PMP_ORG_ID" };
pub(crate) const TRUSTED: Source = Source { flag: "--trusted-keys", variable: "PMP_TRUSTED_KEYS" };
pub(crate) const MEMBERS: Source = Source { flag: "--member-experience-ids", variable: "MEMBER_EXPERIENCE_IDS" };
pub(crate) const FILTERS: Source = Source { flag: "--filters", variable: "PMP_FILTERS" };
pub(crate) const ATTRIBUTES: Source = Source { flag: "--product-attributes", variable: "PMP_PRODUCT_ATTRIBUTES" };
const GUARD_WINDOW: Source = Source { flag: "--guard-window", variable: "PMP_GUARD_WINDOW" };
const SYNC_SETTINGS: Source = Source { flag: "--sync-settings", variable: "PMP_SYNC_SETTINGS" };
const MODE: Source = Source { flag: "--mode", variable: "PMP_MODE" };
const DRIFT: Source = Source { flag: "--drift", variable: "PMP_DRIFT" };
const STOP_AFTER: Source = Source { flag: "--stop-after", variable: "PMP_STOP_AFTER" };
const RATES: Source = Source { flag: "--catalog-rates", variable: "PMP_CATALOG_RATES" };

/// The settings that several commands share. Each is checked by the commands that need it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct ConfigArgs {
    /// The management experience to follow: exp-…
    #[arg(long, global = true, env = EXPERIENCE.variable, hide_env_values = true, value_name = "ID")]
    experience_id: Option<String>,
    /// The queue that is subscribed to the hub's topic (for `run`)
    #[arg(long, global = true, env = QUEUE.variable, hide_env_values = true, value_name = "URL")]
    queue_url: Option<String>,
    /// The hub's table of snapshots: its name or ARN
    #[arg(long, global = true, env = SNAPSHOTS.variable, hide_env_values = true, value_name = "TABLE")]
    snapshots_table: Option<String>,
    /// The hub's table of receipts: its name or ARN
    #[arg(long, global = true, env = TIMESTAMPS.variable, hide_env_values = true, value_name = "TABLE")]
    timestamps_table: Option<String>,
    /// The hub's topic (for `init`)
    #[arg(long, global = true, env = TOPIC.variable, hide_env_values = true, value_name = "ARN")]
    topic_arn: Option<String>,
    /// The role to assume for the hub's tables; without it, the spoke's own credentials are used
    #[arg(long, global = true, env = HUB_ROLE.variable, hide_env_values = true, value_name = "ARN")]
    hub_role_arn: Option<String>,
    /// The external id that the role's trust policy asks for
    #[arg(long, global = true, env = EXTERNAL_ID.variable, hide_env_values = true, value_name = "ID")]
    hub_external_id: Option<String>,
    /// This organization: o-…; without it, AWS Organizations is asked
    #[arg(long, global = true, env = ORG.variable, hide_env_values = true, value_name = "ID")]
    org_id: Option<String>,
    /// The hub's public keys: PEM, or a file of it; one, or two while they change. What they did
    /// not sign is refused
    #[arg(long, global = true, env = TRUSTED.variable, hide_env_values = true, value_name = "KEYS")]
    trusted_keys: Option<String>,
    /// The experiences to keep in step, separated by commas; without it, all live ones
    #[arg(long, global = true, env = MEMBERS.variable, hide_env_values = true, value_name = "IDS")]
    member_experience_ids: Option<String>,
    /// A filter: the file of a WebAssembly component, s3://BUCKET/KEY, or the name of a built-in
    /// one
    #[arg(long, global = true, env = FILTER.variable, hide_env_values = true, value_name = "FILTER")]
    filter: Option<String>,
    /// The filter's settings: JSON, @FILE, or @s3://BUCKET/KEY
    #[arg(long, global = true, env = FILTER_CONFIG.variable, hide_env_values = true, value_name = "JSON")]
    filter_config: Option<String>,
    /// The digest that the filter's file must have: sha256:…; needed for one from S3, and for a
    /// compiled one
    #[arg(long, global = true, env = FILTER_DIGEST.variable, hide_env_values = true, value_name = "DIGEST")]
    filter_digest: Option<String>,
    /// Rules for filters by experience: JSON, or @FILE. The first rule that names an experience
    /// counts; all others have --filter
    #[arg(long, global = true, env = FILTERS.variable, hide_env_values = true, value_name = "JSON")]
    filters: Option<String>,
    /// What the hub is told of the filter besides its name, version and digest: `none`; `digest`,
    /// the digest of its settings and what else tells its input apart; or `settings`, these
    /// themselves, so that `pmp-hub plan` can run the filter [default: digest]
    #[arg(long, global = true, env = FILTER_SHARE.variable, hide_env_values = true, value_name = "WHAT")]
    filter_share: Option<String>,
    /// The cache directory for the compiled filter; only this user may be able to write to it
    #[arg(long, global = true, env = FILTER_CACHE.variable, hide_env_values = true, value_name = "DIR")]
    filter_cache: Option<String>,
    /// The largest file of a filter that is loaded, in MiB [default: 4]
    #[arg(long, global = true, env = FILTER_SIZE.variable, hide_env_values = true, value_name = "MIB")]
    filter_max_file: Option<String>,
    /// Tell the filter vendor, categories, name and fulfillment types of the products: `true`, as
    /// the hub looked them up, and by looking them up here where that has not; `hub`, as the hub
    /// looked them up; `own`, by looking them up here; `false`, not at all
    #[arg(long, global = true, env = ATTRIBUTES.variable, hide_env_values = true, value_name = "WHENCE",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    product_attributes: Option<String>,
    /// Hold a plan that removes more than this share of the approved products
    #[arg(long, global = true, env = REMOVED_PERCENT.variable, hide_env_values = true, value_name = "PERCENT")]
    max_removed_percent: Option<String>,
    /// Hold a plan that removes more than this many products
    #[arg(long, global = true, env = REMOVED_PRODUCTS.variable, hide_env_values = true, value_name = "N")]
    max_removed_products: Option<String>,
    /// What was removed within this time counts together: many small steps are held like one blow
    /// [default: 24h]
    #[arg(long, global = true, env = GUARD_WINDOW.variable, hide_env_values = true, value_name = "DURATION")]
    guard_window: Option<String>,
    /// Calls per second to the catalog, where they differ from AWS's quotas:
    /// start-change-set=10,list-entities=5,…
    #[arg(long, global = true, env = RATES.variable, hide_env_values = true, value_name = "RATES")]
    catalog_rates: Option<String>,
    /// The most change sets to have open at once
    #[arg(long, global = true, env = OPEN.variable, hide_env_values = true, value_name = "N")]
    max_open_change_sets: Option<String>,
    /// Whether experiences may share change sets where starts are scarce: true or false
    #[arg(long, global = true, env = SHARING.variable, hide_env_values = true, value_name = "BOOL")]
    share_change_sets: Option<String>,
    /// Whether AWS's limit of 50 product ids applies per change or per request: change or request
    #[arg(long, global = true, env = ID_LIMIT.variable, hide_env_values = true, value_name = "WHAT")]
    product_id_limit: Option<String>,
    /// Let the policy's settings follow the management experience's, too: whether users may request
    /// products
    #[arg(long, global = true, env = SYNC_SETTINGS.variable, hide_env_values = true, value_name = "BOOL",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sync_settings: Option<String>,
    /// What to do with the plans: `apply` them, or `observe`, which tells what would change and
    /// changes nothing [default: apply]
    #[arg(long, global = true, env = MODE.variable, hide_env_values = true, value_name = "MODE")]
    mode: Option<String>,
    /// What to do with what others changed in an experience: `heal` it, or only `report` it; or
    /// rules by experience, as JSON or @FILE [default: heal]
    #[arg(long, global = true, env = DRIFT.variable, hide_env_values = true, value_name = "WHAT")]
    drift: Option<String>,
    /// For how long a spoke that holds the organization's lease may be silent: another that watches
    /// goes on after that [default: 10s]
    #[arg(long, global = true, env = LEASE_TERM.variable, hide_env_values = true, value_name = "DURATION")]
    lease_term: Option<String>,
    /// For how many snapshots the hub can be asked later what was decided here about each product
    /// [default: 50]
    #[arg(long, global = true, env = KEEP.variable, hide_env_values = true, value_name = "N")]
    keep_decisions: Option<String>,
    /// For how long decisions and outcomes are kept [default: 400d]
    #[arg(long, global = true, env = KEEP_FOR.variable, hide_env_values = true, value_name = "DURATION")]
    keep_decisions_for: Option<String>,
    /// Stop after this time, as on SIGTERM: start nothing new and record the progress (for `run`
    /// and `sync`)
    #[arg(long, global = true, env = STOP_AFTER.variable, hide_env_values = true, value_name = "DURATION")]
    stop_after: Option<String>,
}

/// What `run`, `sync` and `plan` need; `queue_url` for `run` alone.
#[derive(Debug, Clone)]
pub(crate) struct SpokeConfig {
    pub(crate) experience: ExperienceId,
    pub(crate) snapshots: TableName,
    pub(crate) timestamps: TableName,
    pub(crate) queue_url: Option<String>,
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
    pub(crate) lease_term: LeaseTerm,
    pub(crate) stop_after: Option<Duration>,
    /// How much is recorded of what was decided.
    pub(crate) retention: Retention,
}

/// What `doctor` looks at: whatever is set and can be read.
#[derive(Debug, Clone)]
pub(crate) struct DoctorConfig {
    pub(crate) experience: Option<ExperienceId>,
    pub(crate) snapshots: Option<TableName>,
    pub(crate) timestamps: Option<TableName>,
    pub(crate) queue_url: Option<String>,
    pub(crate) topic_arn: Option<String>,
    pub(crate) hub_role: Option<AssumedRole>,
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) trusted: Option<TrustedKeys>,
    pub(crate) selection: Selection,
    /// None where they are wrong.
    pub(crate) filters: Option<FilterRules<Option<FilterConfig>>>,
    pub(crate) mode: Mode,
}

/// Settings that `init` needs.
#[derive(Debug, Clone)]
pub(crate) struct InitConfig {
    pub(crate) experience: ExperienceId,
    pub(crate) topic_arn: String,
}

impl ConfigArgs {
    /// The configuration of `run`, or of `sync` and `plan`, which need no queue.
    pub(crate) fn for_pass(&self, needs_queue: bool) -> Result<SpokeConfig, Failure> {
        let mut settings = Settings::default();
        let experience = settings.required(self.experience_id.as_deref(), EXPERIENCE);
        let snapshots = settings.required(self.snapshots_table.as_deref(), SNAPSHOTS);
        let timestamps = settings.required(self.timestamps_table.as_deref(), TIMESTAMPS);
        let queue_url = if needs_queue { self.queue_url(&mut settings) } else { None };
        let hub_role = self.hub_role(&mut settings);
        let organization = settings.optional(self.org_id.as_deref(), ORG);
        let trusted = self.trusted(&mut settings);
        let selection = self.selection(&mut settings, experience.as_ref());
        let filters = self.filters(&mut settings, experience.as_ref());
        let sharing = settings.optional(self.filter_share.as_deref(), FILTER_SHARE).unwrap_or_default();
        let guard = self.guard(&mut settings);
        let guard_window = duration(&mut settings, self.guard_window.as_deref(), GUARD_WINDOW);
        let rates: Option<RateLimits> = settings.optional(self.catalog_rates.as_deref(), RATES);
        let engine = self.engine(&mut settings);
        let sync_settings = settings.switch(self.sync_settings.as_deref(), SYNC_SETTINGS).unwrap_or(false);
        let mode = settings.optional(self.mode.as_deref(), MODE).unwrap_or_default();
        let drift = self.drift(&mut settings, experience.as_ref());
        let lease_term = self.lease_term(&mut settings);
        let stop_after = duration(&mut settings, self.stop_after.as_deref(), STOP_AFTER);
        let retention = self.retention(&mut settings);
        settings.finish(|| {
            Some(SpokeConfig {
                experience: experience?,
                snapshots: snapshots?,
                timestamps: timestamps?,
                queue_url,
                hub_role,
                organization,
                trusted,
                selection,
                filters: filters?,
                sharing,
                guard,
                guard_window: guard_window.unwrap_or(erosion::WINDOW),
                rates: rates.unwrap_or_default(),
                engine,
                sync_settings,
                mode,
                drift: drift?,
                lease_term,
                stop_after,
                retention,
            })
        })
    }

    pub(crate) fn for_init(&self) -> Result<InitConfig, Failure> {
        let mut settings = Settings::default();
        let experience = settings.required(self.experience_id.as_deref(), EXPERIENCE);
        let topic_arn: Option<String> = settings.required(self.topic_arn.as_deref(), TOPIC);
        if topic_arn.as_ref().is_some_and(|arn| !is_topic_arn(arn)) {
            settings.problem(TOPIC, "not the ARN of an SNS topic (arn:aws:sns:REGION:ACCOUNT:NAME)");
        }
        settings.finish(|| Some(InitConfig { experience: experience?, topic_arn: topic_arn? }))
    }

    /// The configuration for `doctor`, and what is missing or wrong for `run`. A spoke that only
    /// ever runs `sync` has no queue, and only `init` needs the topic: those two may be absent.
    pub(crate) fn for_doctor(&self) -> (DoctorConfig, Result<(), Failure>) {
        let pass = self.for_pass(is_set(self.queue_url.as_ref()));
        let complete =
            pass.and_then(|_| if is_set(self.topic_arn.as_ref()) { self.for_init().map(drop) } else { Ok(()) });
        // `complete` carries every problem. The configuration here keeps whatever could be parsed.
        let mut settings = Settings::default();
        let url: Option<String> = settings.optional(self.queue_url.as_deref(), QUEUE);
        let topic_arn: Option<String> = settings.optional(self.topic_arn.as_deref(), TOPIC);
        let config = DoctorConfig {
            experience: settings.optional(self.experience_id.as_deref(), EXPERIENCE),
            snapshots: settings.optional(self.snapshots_table.as_deref(), SNAPSHOTS),
            timestamps: settings.optional(self.timestamps_table.as_deref(), TIMESTAMPS),
            queue_url: url.filter(|url| pmp_aws::is_queue_url(url)),
            topic_arn: topic_arn.filter(|arn| is_topic_arn(arn)),
            hub_role: self.hub_role(&mut settings),
            organization: settings.optional(self.org_id.as_deref(), ORG),
            trusted: self.trusted(&mut settings),
            selection: self.selection(&mut settings, None),
            filters: self.filters(&mut settings, None),
            mode: settings.optional(self.mode.as_deref(), MODE).unwrap_or_default(),
        };
        (config, complete)
    }

    fn queue_url(&self, settings: &mut Settings) -> Option<String> {
        let url: Option<String> = settings.required(self.queue_url.as_deref(), QUEUE);
        if url.as_ref().is_some_and(|url| !pmp_aws::is_queue_url(url)) {
            settings.problem(QUEUE, "not the URL of a queue (https://sqs.REGION.amazonaws.com/ACCOUNT/NAME)");
        }
        url
    }
}

/// A text, or with an `@` before it the path of a file that holds it.
fn text_or_file(settings: &mut Settings, value: Option<&str>, source: Source) -> Option<String> {
    let text = value.map(str::trim).filter(|text| !text.is_empty())?;
    let Some(path) = text.strip_prefix('@') else { return Some(text.to_owned()) };
    std::fs::read_to_string(path).map_err(|e| settings.problem(source, format!("cannot read `{path}`: {e}"))).ok()
}

fn duration(settings: &mut Settings, value: Option<&str>, source: Source) -> Option<Duration> {
    let text: String = settings.optional(value, source)?;
    parse_duration(&text).map_err(|problem| settings.problem(source, problem)).ok()
}

/// Whether something is given: blank is absent.
fn is_set(value: Option<&String>) -> bool {
    value.is_some_and(|text| !text.trim().is_empty())
}
