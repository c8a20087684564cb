//! What the spoke needs to know, from flags or the environment, checked at start.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pmp_aws::AssumedRole;
use pmp_catalog::RateLimits;
use pmp_filter_host::{FilterSource, Limits};
use pmp_ledger::{LeaseTerm, TableName};
use pmp_plan::GuardRails;
use pmp_protocol::{Digest, DriftHandling, ExperienceId, OrganizationId};
use pmp_signature::TrustedKeys;
use pmp_terminal::{Failure, Settings, Source, parse_duration};

use crate::apply::EngineSettings;
use crate::filters::config::{FilterConfig, FilterSettings};
use crate::filters::lookup::AttributeSource;
use crate::filters::rules;
use crate::filters::rules::{FilterRules, Shared};
use crate::mode::Mode;
use crate::pass::discover::Selection;
use crate::pass::erosion;
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
const FILTER: Source = Source { flag: "--filter", variable: "PMP_FILTER" };
const FILTER_DIGEST: Source = Source { flag: "--filter-digest", variable: "PMP_FILTER_DIGEST" };
const FILTER_CACHE: Source = Source { flag: "--filter-cache", variable: "PMP_FILTER_CACHE" };
const FILTER_SIZE: Source = Source { flag: "--filter-max-file", variable: "PMP_FILTER_MAX_FILE" };
const FILTER_CONFIG: Source = Source { flag: "--filter-config", variable: "PMP_FILTER_CONFIG" };
pub(crate) const FILTERS: Source = Source { flag: "--filters", variable: "PMP_FILTERS" };
pub(crate) const ATTRIBUTES: Source = Source { flag: "--product-attributes", variable: "PMP_PRODUCT_ATTRIBUTES" };
const REMOVED_PERCENT: Source = Source { flag: "--max-removed-percent", variable: "PMP_MAX_REMOVED_PERCENT" };
const REMOVED_PRODUCTS: Source = Source { flag: "--max-removed-products", variable: "PMP_MAX_REMOVED_PRODUCTS" };
const GUARD_WINDOW: Source = Source { flag: "--guard-window", variable: "PMP_GUARD_WINDOW" };
const SYNC_SETTINGS: Source = Source { flag: "--sync-settings", variable: "PMP_SYNC_SETTINGS" };
const MODE: Source = Source { flag: "--mode", variable: "PMP_MODE" };
const DRIFT: Source = Source { flag: "--drift", variable: "PMP_DRIFT" };
const LEASE_TERM: Source = Source { flag: "--lease-term", variable: "PMP_LEASE_TERM" };
const STOP_AFTER: Source = Source { flag: "--stop-after", variable: "PMP_STOP_AFTER" };
const RATES: Source = Source { flag: "--catalog-rates", variable: "PMP_CATALOG_RATES" };
const OPEN: Source = Source { flag: "--max-open-change-sets", variable: "PMP_MAX_OPEN_CHANGE_SETS" };
const SHARING: Source = Source { flag: "--share-change-sets", variable: "PMP_SHARE_CHANGE_SETS" };
const KEEP: Source = Source { flag: "--keep-decisions", variable: "PMP_KEEP_DECISIONS" };
const KEEP_FOR: Source = Source { flag: "--keep-decisions-for", variable: "PMP_KEEP_DECISIONS_FOR" };
const ID_LIMIT: Source = Source { flag: "--product-id-limit", variable: "PMP_PRODUCT_ID_LIMIT" };

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
    /// The hub's public keys: PEM, or a file of it; one, or two while they change. What they did not sign is refused
    #[arg(long, global = true, env = TRUSTED.variable, hide_env_values = true, value_name = "KEYS")]
    trusted_keys: Option<String>,
    /// The experiences to keep in step, separated by commas; without it, all live ones
    #[arg(long, global = true, env = MEMBERS.variable, hide_env_values = true, value_name = "IDS")]
    member_experience_ids: Option<String>,
    /// A filter: the file of a WebAssembly component, s3://BUCKET/KEY, or the name of a built-in one
    #[arg(long, global = true, env = FILTER.variable, hide_env_values = true, value_name = "FILTER")]
    filter: Option<String>,
    /// The filter's settings: JSON, @FILE, or @s3://BUCKET/KEY
    #[arg(long, global = true, env = FILTER_CONFIG.variable, hide_env_values = true, value_name = "JSON")]
    filter_config: Option<String>,
    /// The digest that the filter's file must have: sha256:…; needed for one from S3, and for a compiled one
    #[arg(long, global = true, env = FILTER_DIGEST.variable, hide_env_values = true, value_name = "DIGEST")]
    filter_digest: Option<String>,
    /// Rules for filters by experience: JSON, or @FILE. The first rule that names an experience counts; all others have --filter
    #[arg(long, global = true, env = FILTERS.variable, hide_env_values = true, value_name = "JSON")]
    filters: Option<String>,
    /// The cache directory for the compiled filter; only this user may be able to write to it
    #[arg(long, global = true, env = FILTER_CACHE.variable, hide_env_values = true, value_name = "DIR")]
    filter_cache: Option<String>,
    /// The largest file of a filter that is loaded, in MiB [default: 4]
    #[arg(long, global = true, env = FILTER_SIZE.variable, hide_env_values = true, value_name = "MIB")]
    filter_max_file: Option<String>,
    /// Tell the filter vendor, categories, name and fulfillment types of the products: `true`, as the hub looked them up, and
    /// by looking them up here where that has not; `hub`, as the hub looked them up; `own`, by looking them up here; `false`,
    /// not at all
    #[arg(long, global = true, env = ATTRIBUTES.variable, hide_env_values = true, value_name = "WHENCE",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    product_attributes: Option<String>,
    /// Hold a plan that removes more than this share of the approved products
    #[arg(long, global = true, env = REMOVED_PERCENT.variable, hide_env_values = true, value_name = "PERCENT")]
    max_removed_percent: Option<String>,
    /// Hold a plan that removes more than this many products
    #[arg(long, global = true, env = REMOVED_PRODUCTS.variable, hide_env_values = true, value_name = "N")]
    max_removed_products: Option<String>,
    /// What was removed within this time counts together: many small steps are held like one blow [default: 24h]
    #[arg(long, global = true, env = GUARD_WINDOW.variable, hide_env_values = true, value_name = "DURATION")]
    guard_window: Option<String>,
    /// Calls per second to the catalog, where they differ from AWS's quotas: start-change-set=10,list-entities=5,…
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
    /// Let the policy's settings follow the management experience's, too: whether users may request products
    #[arg(long, global = true, env = SYNC_SETTINGS.variable, hide_env_values = true, value_name = "BOOL",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sync_settings: Option<String>,
    /// What to do with the plans: `apply` them, or `observe`, which tells what would change and changes nothing [default: apply]
    #[arg(long, global = true, env = MODE.variable, hide_env_values = true, value_name = "MODE")]
    mode: Option<String>,
    /// What to do with what others changed in an experience: `heal` it, or only `report` it; or rules by experience, as JSON or
    /// @FILE [default: heal]
    #[arg(long, global = true, env = DRIFT.variable, hide_env_values = true, value_name = "WHAT")]
    drift: Option<String>,
    /// For how long a spoke that holds the organization's lease may be silent: another that watches goes on after that [default: 10s]
    #[arg(long, global = true, env = LEASE_TERM.variable, hide_env_values = true, value_name = "DURATION")]
    lease_term: Option<String>,
    /// For how many snapshots the hub can be asked later what was decided here about each product [default: 50]
    #[arg(long, global = true, env = KEEP.variable, hide_env_values = true, value_name = "N")]
    keep_decisions: Option<String>,
    /// For how long decisions and outcomes are kept [default: 400d]
    #[arg(long, global = true, env = KEEP_FOR.variable, hide_env_values = true, value_name = "DURATION")]
    keep_decisions_for: Option<String>,
    /// Stop after this time, as on SIGTERM: start nothing new and record the progress (for `run` and `sync`)
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

/// What `init` needs.
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

    /// The configuration for `doctor`, and what is missing or wrong for `run`. A spoke that only ever runs `sync` has no
    /// queue, and only `init` needs the topic: those two may be absent.
    pub(crate) fn for_doctor(&self) -> (DoctorConfig, Result<(), Failure>) {
        let pass = self.for_pass(is_set(self.queue_url.as_ref()));
        let complete =
            pass.and_then(|_| if is_set(self.topic_arn.as_ref()) { self.for_init().map(drop) } else { Ok(()) });
        // What is wrong stands there; here counts what is right.
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

    fn hub_role(&self, settings: &mut Settings) -> Option<AssumedRole> {
        let arn: Option<String> = settings.optional(self.hub_role_arn.as_deref(), HUB_ROLE);
        let external_id: Option<String> = settings.optional(self.hub_external_id.as_deref(), EXTERNAL_ID);
        if arn.as_ref().is_some_and(|arn| !is_role_arn(arn)) {
            settings.problem(
                HUB_ROLE,
                "not the ARN of a role (arn:aws:iam::ACCOUNT:role/NAME; an account has twelve digits)",
            );
        }
        if arn.is_none() && external_id.is_some() {
            settings.problem(EXTERNAL_ID, "is set, but no role to use it with (--hub-role-arn, PMP_HUB_ROLE_ARN)");
        }
        // The organization is added once it is known; see `SpokeConfig::hub_role_for`.
        let advice = "check --hub-role-arn (PMP_HUB_ROLE_ARN) and --hub-external-id (PMP_HUB_EXTERNAL_ID) with the hub's operators; \
                      `pmp-spoke doctor` says more";
        arn.map(|arn| AssumedRole { arn, external_id, session_name: String::new(), advice })
    }

    /// A text with keys in it, or the path of a file. What is set and cannot be read never means "no keys".
    fn trusted(&self, settings: &mut Settings) -> Option<TrustedKeys> {
        let given = self.trusted_keys.as_deref().map(str::trim).filter(|text| !text.is_empty())?;
        let text = if given.contains("-----BEGIN") {
            given.to_owned()
        } else {
            match std::fs::read_to_string(given) {
                Ok(text) => text,
                Err(error) => {
                    // Not what was given: it may be a private key that lost its first line.
                    settings.problem(TRUSTED, format!("neither PEM nor the path of a file that can be read: {error}"));
                    return None;
                }
            }
        };
        TrustedKeys::from_pem(&text).map_err(|error| settings.problem(TRUSTED, error)).ok()
    }

    /// A list that came out empty does not mean everything: blank alone does.
    fn selection(&self, settings: &mut Settings, management: Option<&ExperienceId>) -> Selection {
        let text = self.member_experience_ids.as_deref().unwrap_or_default().trim();
        if text.is_empty() {
            return Selection::All;
        }
        let mut ids = BTreeSet::new();
        for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
            match ExperienceId::new(id) {
                Ok(id) => _ = ids.insert(id),
                Err(error) => settings.problem(MEMBERS, error),
            }
        }
        if text.split(',').all(|id| id.trim().is_empty()) {
            settings
                .problem(MEMBERS, format!("`{text}` holds no id; leave it blank to keep all live experiences in step"));
        }
        if management.is_some_and(|management| ids.iter().eq([management])) {
            settings.problem(MEMBERS, "names the management experience alone, which is the one to follow");
        }
        Selection::Only(ids)
    }

    /// The filters, by experience: where there are rules, `PMP_FILTER` is for all that none of them names. None where they are
    /// wrong.
    fn filters(
        &self,
        settings: &mut Settings,
        management: Option<&ExperienceId>,
    ) -> Option<FilterRules<Option<FilterConfig>>> {
        let shared = self.shared(settings);
        let default = self.filter(settings, &shared);
        if !is_set(self.filters.as_ref()) {
            return Some(FilterRules::without_rules(default));
        }
        let written = text_or_file(settings, self.filters.as_deref(), FILTERS)?;
        let rules = rules::read(&written, default, &shared, management);
        rules.map_err(|problems| problems.into_iter().for_each(|it| settings.problem(FILTERS, it))).ok()
    }

    /// What becomes of edits of others, by experience. None where that is wrong.
    fn drift(&self, settings: &mut Settings, management: Option<&ExperienceId>) -> Option<FilterRules<DriftHandling>> {
        if !is_set(self.drift.as_ref()) {
            return Some(FilterRules::without_rules(DriftHandling::Heal));
        }
        let written = text_or_file(settings, self.drift.as_deref(), DRIFT)?;
        let rules = rules::read_drift(&written, management);
        rules.map_err(|problems| problems.into_iter().for_each(|it| settings.problem(DRIFT, it))).ok()
    }

    fn shared(&self, settings: &mut Settings) -> SharedByFilters {
        let mut limits = Limits::default();
        let cache = settings.optional(self.filter_cache.as_deref(), FILTER_CACHE);
        if let Some(mib) = settings.number(self.filter_max_file.as_deref(), FILTER_SIZE, 1..=u16::MAX) {
            limits.file_bytes = usize::from(mib) << 20;
        }
        let product_attributes = settings.optional(self.product_attributes.as_deref(), ATTRIBUTES).unwrap_or_default();
        SharedByFilters { cache, limits, product_attributes }
    }

    fn filter(&self, settings: &mut Settings, shared: &SharedByFilters) -> Option<FilterConfig> {
        let source: Option<FilterSource> = settings.optional(self.filter.as_deref(), FILTER);
        let config = self.filter_settings(settings);
        // A filter that is named wrongly has been told of.
        if is_set(self.filter_config.as_ref()) && !is_set(self.filter.as_ref()) {
            settings.problem(FILTER_CONFIG, "is set, but no filter to use it with (--filter, PMP_FILTER)");
        }
        let digest: Option<Digest> = settings.optional(self.filter_digest.as_deref(), FILTER_DIGEST);
        let source = source?;
        let pinned = is_set(self.filter_digest.as_ref());
        if matches!(source, FilterSource::S3(_)) && !pinned {
            settings.problem(FILTER_DIGEST, "is missing: what comes from S3 is used only if it has this digest");
        }
        if matches!(source, FilterSource::BuiltIn(_)) && pinned {
            settings.problem(FILTER_DIGEST, "is set, but the filter is built in: there is no file to compare");
        }
        Some(shared.filter(source, config.unwrap_or_else(|| FilterSettings::Json("{}".to_owned())), digest))
    }

    fn filter_settings(&self, settings: &mut Settings) -> Option<FilterSettings> {
        let text = self.filter_config.as_deref().map(str::trim);
        let Some(url) = text.and_then(|text| text.strip_prefix('@')).filter(|url| url.contains("://")) else {
            return text_or_file(settings, self.filter_config.as_deref(), FILTER_CONFIG).map(FilterSettings::Json);
        };
        match url.parse() {
            Ok(FilterSource::S3(object)) => return Some(FilterSettings::Object(object)),
            Ok(_) => settings.problem(FILTER_CONFIG, format!("`{url}` is neither a file nor s3://BUCKET/KEY")),
            Err(error) => settings.problem(FILTER_CONFIG, error),
        }
        None
    }

    fn engine(&self, settings: &mut Settings) -> EngineSettings {
        let default = EngineSettings::default();
        // AWS permits 250 per account.
        let open = settings.number(self.max_open_change_sets.as_deref(), OPEN, 1..=250_u8);
        let ids: Option<String> = settings.optional(self.product_id_limit.as_deref(), ID_LIMIT);
        if ids.as_deref().is_some_and(|ids| !matches!(ids, "change" | "request")) {
            settings.problem(ID_LIMIT, "neither `change` nor `request`");
        }
        EngineSettings {
            share_change_sets: settings
                .switch(self.share_change_sets.as_deref(), SHARING)
                .unwrap_or(default.share_change_sets),
            max_open_change_sets: open.map_or(default.max_open_change_sets, usize::from),
            ids_per_request: ids.as_deref() == Some("request"),
        }
    }

    fn guard(&self, settings: &mut Settings) -> GuardRails {
        let default = GuardRails::default();
        let percent = settings.number(self.max_removed_percent.as_deref(), REMOVED_PERCENT, 0..=100);
        GuardRails {
            max_removed_percent: percent.unwrap_or(default.max_removed_percent),
            max_removed_products: settings.number(self.max_removed_products.as_deref(), REMOVED_PRODUCTS, 0..),
        }
    }

    fn retention(&self, settings: &mut Settings) -> Retention {
        let default = Retention::DEFAULT;
        // An item of DynamoDB's holds them all.
        let versions = settings.number(self.keep_decisions.as_deref(), KEEP, 1..=200_u8);
        let age = duration(settings, self.keep_decisions_for.as_deref(), KEEP_FOR);
        if age.is_some_and(|age| age < Retention::SHORTEST) {
            settings.problem(KEEP_FOR, "shorter than 24h: what is in force would be deleted as old between two passes");
        }
        Retention { versions: versions.map_or(default.versions, usize::from), age: age.unwrap_or(default.age) }
    }

    fn lease_term(&self, settings: &mut Settings) -> LeaseTerm {
        let Some(given) = duration(settings, self.lease_term.as_deref(), LEASE_TERM) else { return LeaseTerm::DEFAULT };
        LeaseTerm::new(given).unwrap_or_else(|| {
            let longest = LeaseTerm::LONGEST.as_secs() / 3600;
            let problem = format!("shorter than {} s, or longer than {longest} h", LeaseTerm::SHORTEST.as_secs());
            settings.problem(LEASE_TERM, problem);
            LeaseTerm::DEFAULT
        })
    }
}

/// What all filters have in common.
struct SharedByFilters {
    cache: Option<PathBuf>,
    limits: Limits,
    product_attributes: AttributeSource,
}

impl Shared for SharedByFilters {
    fn filter(&self, source: FilterSource, settings: FilterSettings, digest: Option<Digest>) -> FilterConfig {
        let Self { cache, limits, product_attributes } = self;
        let (cache, limits) = (cache.clone(), limits.clone());
        FilterConfig { source, settings, digest, cache, limits, product_attributes: *product_attributes }
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

impl SpokeConfig {
    /// The role for the hub's tables, with a session name that says in the hub's CloudTrail who acts.
    pub(crate) fn hub_role_for(&self, organization: &OrganizationId) -> Option<AssumedRole> {
        self.hub_role.clone().map(|role| acting_for(role, organization))
    }
}

/// Whether something is given: blank is absent.
fn is_set(value: Option<&String>) -> bool {
    value.is_some_and(|text| !text.trim().is_empty())
}

/// The role with the name of a session of this spoke.
pub(crate) fn acting_for(role: AssumedRole, organization: &OrganizationId) -> AssumedRole {
    AssumedRole { session_name: format!("pmp-spoke@{}={organization}", env!("CARGO_PKG_VERSION")), ..role }
}

fn is_topic_arn(text: &str) -> bool {
    matches!(text.splitn(6, ':').collect::<Vec<_>>().as_slice(),
        ["arn", _, "sns", region, account, name]
            if pmp_aws::is_region(region) && is_account(account) && is_name(name))
}

/// A role is of an account, and IAM of no region.
fn is_role_arn(text: &str) -> bool {
    matches!(text.splitn(6, ':').collect::<Vec<_>>().as_slice(),
        ["arn", _, "iam", "", account, resource]
            if is_account(account) && resource.strip_prefix("role/").is_some_and(is_name))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_graphic()) && !text.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_one_of_an_account() {
        for good in ["arn:aws:iam::111111111111:role/member", "arn:aws-cn:iam::111111111111:role/of/a/path/member-1"] {
            assert!(is_role_arn(good), "{good}");
        }
        for bad in [
            "arn:aws:iam::111111111111:user/member",
            "arn:aws:iam::11111111111:role/member",
            "arn:aws:iam:us-east-1:111111111111:role/member",
            "arn:aws:iam::111111111111:role/",
            "arn:aws:iam::111111111111:role/two words",
            "arn:aws:sts::111111111111:assumed-role/member/session",
            "arn:aws:iam::111111111111:role",
            "member",
        ] {
            assert!(!is_role_arn(bad), "{bad}");
        }
    }

    #[test]
    fn a_topic_is_one_of_a_region_and_an_account() {
        assert!(is_topic_arn("arn:aws:sns:us-east-1:111111111111:snapshots"));
        for bad in [
            "arn:aws:sns:us-east-1:11111111111:snapshots",
            "arn:aws:sns::111111111111:snapshots",
            "arn:aws:sns:us-east-1:111111111111:",
            "arn:aws:sqs:us-east-1:111111111111:snapshots",
        ] {
            assert!(!is_topic_arn(bad), "{bad}");
        }
    }
}
