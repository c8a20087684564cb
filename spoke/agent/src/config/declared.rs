//! Every setting of the spoke, declared once: flag, variable, check, help, and its row in
//! `docs/configuration.md`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use pmp_aws::{QueueUrl, RoleArn, TopicArn};
use pmp_catalog::RateLimits;
use pmp_filter_host::FilterSource;
use pmp_ledger::{LeaseTerm, TableName};
use pmp_metrics::MetricSet;
use pmp_protocol::{Digest, ExperienceId, OrganizationId, not_one_of};
use pmp_terminal::{Span, Switch, WholeNumber, declare_settings, parse_duration};
use pmp_windows::Windows;

use crate::filters::lookup::AttributeSource;
use crate::filters::share::FilterSharing;
use crate::mode::Mode;
use crate::pass::record::Retention;

declare_settings! {
    /// The settings that several commands share. Each is checked by the commands that need it.
    #[derive(Debug, Clone, Args)]
    #[command(next_help_heading = "Settings")]
    pub(crate) struct ConfigArgs, global: true {
        experience_id: ExperienceId = EXPERIENCE {
            flag: "experience-id",
            variable: "PMP_EXPERIENCE_ID",
            value: "ID",
            help: "The management experience to follow: exp-…",
            needed_by: "all",
            meaning: "the management experience to follow",
        }
        queue_url: QueueUrl = QUEUE {
            flag: "queue-url",
            variable: "PMP_QUEUE_URL",
            value: "URL",
            help: "The queue that is subscribed to the hub's topic (for `run`)",
            needed_by: "run; init creates it",
            meaning: "the queue that is subscribed to the hub's topic",
        }
        snapshots_table: TableName = SNAPSHOTS {
            flag: "snapshots-table",
            variable: "PMP_SNAPSHOTS_TABLE",
            value: "TABLE",
            help: "The hub's table of snapshots: its name or ARN",
            needed_by: "run, sync, plan",
            meaning: "the hub's table: name or ARN",
        }
        timestamps_table: TableName = TIMESTAMPS {
            flag: "timestamps-table",
            variable: "PMP_TIMESTAMPS_TABLE",
            value: "TABLE",
            help: "The hub's table of receipts: its name or ARN",
            needed_by: "run, sync, plan",
            meaning: "the hub's table: name or ARN",
        }
        topic_arn: TopicArn = TOPIC {
            flag: "topic-arn",
            variable: "PMP_TOPIC_ARN",
            value: "ARN",
            help: "The hub's topic (for `init`)",
            needed_by: "init",
            meaning: "the hub's topic",
        }
        hub_role_arn: RoleArn = HUB_ROLE {
            flag: "hub-role-arn",
            variable: "PMP_HUB_ROLE_ARN",
            value: "ARN",
            help: "The role to assume for the hub's tables; without it, the spoke's own credentials \
                are used",
            needed_by: "optional in the hub's own account",
            meaning: "the role to assume for the hub's tables: `arn:aws:iam::ACCOUNT:role/NAME`. Without \
                it, the spoke uses its own credentials, which works in the same account. From \
                another account that would need a policy of the tables, and your own key for them, \
                because no other account can use the key that AWS manages",
        }
        hub_external_id: String = EXTERNAL_ID {
            flag: "hub-external-id",
            variable: "PMP_HUB_EXTERNAL_ID",
            value: "ID",
            help: "The external id that the role's trust policy asks for",
            needed_by: "optional",
            meaning: "the external ID that the role requires",
        }
        org_id: OrganizationId = ORG {
            flag: "org-id",
            variable: "PMP_ORG_ID",
            value: "ID",
            help: "This organization: o-…; without it, AWS Organizations is asked",
            needed_by: "optional",
            meaning: "this organization; without it, AWS Organizations is asked. A set value is not \
                compared with AWS Organizations, because that needs a permission; `doctor` \
                compares it if it has the permission",
        }
        trusted_keys: String = TRUSTED {
            flag: "trusted-keys",
            variable: "PMP_TRUSTED_KEYS",
            value: "KEYS",
            help: "The hub's public keys: PEM, or a file of it; one, or two while they change. What \
                they did not sign is refused",
            needed_by: "optional",
            meaning: "the hub's public keys, in PEM or as a file: one, or two while keys change. What \
                they did not sign is [refused](security.md#signatures); without them, the ledger \
                is believed",
        }
        member_experience_ids: Selected = MEMBERS {
            flag: "member-experience-ids",
            variable: "MEMBER_EXPERIENCE_IDS",
            value: "IDS",
            help: "The experiences to keep in step, separated by commas; without it, all live ones",
            needed_by: "optional",
            meaning: "the experiences to sync, separated by commas. If empty: all live ones, except \
                those of which the ledger holds snapshots, because these are management \
                experiences themselves. A list without an id (`,`), or with only the management \
                experience, is an error. An id that names no experience is told by `sync`, which exits \
                with 1, and in the sign of life, as long as the list has it; it gets no receipt, \
                unless the experience was kept in step before",
        }
        filter: FilterSource = FILTER {
            flag: "filter",
            variable: "PMP_FILTER",
            value: "FILTER",
            help: "A filter: the file of a WebAssembly component, s3://BUCKET/KEY, or the name of a \
                built-in one",
            needed_by: "optional",
            meaning: "a filter: the file of a WebAssembly component, `s3://BUCKET/KEY` (with \
                `?versionId=ID` if need be), or the name of a \
                [built-in](filters.md#built-in-filters) one. A value with a `/` or a `.` in it is \
                a file",
        }
        filter_config: String = FILTER_CONFIG {
            flag: "filter-config",
            variable: "PMP_FILTER_CONFIG",
            value: "JSON",
            help: "The filter's settings: JSON, @FILE, or @s3://BUCKET/KEY",
            needed_by: "optional",
            meaning: "the filter's settings: JSON, `@FILE`, or `@s3://BUCKET/KEY` (at most 256 KiB, read \
                at the start, with `s3:GetObject`)",
        }
        filter_digest: Digest = FILTER_DIGEST {
            flag: "filter-digest",
            variable: "PMP_FILTER_DIGEST",
            value: "DIGEST",
            help: "The digest that the filter's file must have: sha256:…; needed for one from S3, and \
                for a compiled one",
            needed_by: "optional; needed for a filter from S3 and for a compiled one",
            meaning: "the digest that the file must have: `sha256:…`",
        }
        filters: String = FILTERS {
            flag: "filters",
            variable: "PMP_FILTERS",
            value: "JSON",
            help: "Rules for filters by experience: JSON, or @FILE. The first rule that names an \
                experience counts; all others have --filter",
            needed_by: "optional",
            meaning: "[rules](filters.md#filters-by-experience) for filters by experience: a JSON list, \
                or `@FILE`. The first rule that names an experience counts; all other experiences \
                use `PMP_FILTER`",
        }
        filter_cache: PathBuf = FILTER_CACHE {
            flag: "filter-cache",
            variable: "PMP_FILTER_CACHE",
            value: "DIR",
            help: "The cache directory for the compiled filter; only this user may be able to write \
                to it",
            needed_by: "optional",
            meaning: "cache directory for the [compiled filter](filters.md#where-a-filter-comes-from); \
                only this user may write to it",
        }
        filter_share: FilterSharing = FILTER_SHARE {
            flag: "filter-share",
            variable: "PMP_FILTER_SHARE",
            value: "WHAT",
            help: "What the hub is told of the filter, in addition to its name, version and digest: `none`; \
                `digest`, the digest of its settings and what else tells its input apart; or \
                `settings`, these themselves, so that `pmp-hub plan` can run the filter [default: \
                digest]",
            needed_by: "run, sync; optional",
            meaning: "what the hub is [told of the filter](filters.md#what-the-hub-is-told), beside its \
                name, version and digest. `none`: nothing. `digest` (the default): the digest of \
                the settings, and what else tells its input apart. `settings`: also the settings \
                themselves, if they have at most 2,048 bytes",
        }
        filter_max_file: WholeNumber<1, 65_535> = FILTER_SIZE {
            flag: "filter-max-file",
            variable: "PMP_FILTER_MAX_FILE",
            value: "MIB",
            help: "The largest file of a filter that is loaded, in MiB [default: 4]",
            needed_by: "optional",
            meaning: "the largest filter file that is loaded, in MiB (4)",
        }
        #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        product_attributes: AttributeSource = ATTRIBUTES {
            flag: "product-attributes",
            variable: "PMP_PRODUCT_ATTRIBUTES",
            value: "WHENCE",
            help: "Tell the filter the vendor, categories, name and fulfillment types of the products. \
                `true`: from the hub's lookups, and if the hub has none, from lookups here; `hub`: \
                from the hub's lookups only; `own`: from lookups here only; `false`: not at all",
            needed_by: "optional; needed for some [built-in filters](filters.md#built-in-filters)",
            meaning: "where the filter gets names, vendors, categories and fulfillment types of products \
                from. `false` (the default): nowhere. `true`: from the [hub's \
                lookups](how-it-works.md#what-is-known-of-products), and if the hub has looked \
                none up, from lookups here. `hub`: from the hub's lookups only. `own`: from \
                lookups here only. Lookups here need `aws-marketplace:SearchListings` and \
                `aws-marketplace:GetProduct`; with only the latter they take longer",
        }
        max_removed_percent: WholeNumber<0, 100> = REMOVED_PERCENT {
            flag: "max-removed-percent",
            variable: "PMP_MAX_REMOVED_PERCENT",
            value: "PERCENT",
            help: "Hold a plan that removes more than this share of the approved products",
            needed_by: "optional",
            meaning: "hold a plan that removes more than this share of the approved products (50)",
        }
        max_removed_products: WholeNumber<0, { u64::MAX }> = REMOVED_PRODUCTS {
            flag: "max-removed-products",
            variable: "PMP_MAX_REMOVED_PRODUCTS",
            value: "N",
            help: "Hold a plan that removes more than this many products",
            needed_by: "optional",
            meaning: "hold a plan that removes more than this many products",
        }
        guard_window: Span = GUARD_WINDOW {
            flag: "guard-window",
            variable: "PMP_GUARD_WINDOW",
            value: "DURATION",
            help: "What was removed within this time counts together, so that many small steps are \
                held like one large one [default: 24h]",
            needed_by: "optional",
            meaning: "products removed within this time are added up for both limits (24h), so that many \
                small steps are held like one large one. With `1s` each plan is judged by itself",
        }
        catalog_rates: RateLimits = RATES {
            flag: "catalog-rates",
            variable: "PMP_CATALOG_RATES",
            value: "RATES",
            help: "Calls per second to the catalog, where they differ from AWS's quotas: \
                start-change-set=10,list-entities=5,…",
            needed_by: "optional",
            meaning: "calls per second to the catalog, if they differ from AWS's quotas: \
                `start-change-set=5,describe-change-set=10,describe-entity=20,list-entities=10,list-change-sets=5`",
        }
        max_open_change_sets: WholeNumber<1, 250> = OPEN {
            flag: "max-open-change-sets",
            variable: "PMP_MAX_OPEN_CHANGE_SETS",
            value: "N",
            help: "The most change sets to have open at once",
            needed_by: "optional",
            meaning: "the most change sets that are open at once (200; AWS permits 250 per account)",
        }
        share_change_sets: Switch = SHARING {
            flag: "share-change-sets",
            variable: "PMP_SHARE_CHANGE_SETS",
            value: "BOOL",
            help: "Whether experiences may share change sets where starts are scarce: true or false",
            needed_by: "optional",
            meaning: "whether experiences share change sets if starts are scarce (`true`)",
        }
        product_id_limit: IdLimit = ID_LIMIT {
            flag: "product-id-limit",
            variable: "PMP_PRODUCT_ID_LIMIT",
            value: "WHAT",
            help: "Whether AWS's limit of 50 product ids applies per change or per request: change or \
                request",
            needed_by: "optional",
            meaning: "whether AWS's limit of 50 product IDs applies per `change` (the default) or per \
                `request`; the spoke learns it if AWS refuses",
        }
        #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        sync_settings: Switch = SYNC_SETTINGS {
            flag: "sync-settings",
            variable: "PMP_SYNC_SETTINGS",
            value: "BOOL",
            help: "Also copy the policy's settings (currently: whether users may request products)",
            needed_by: "optional",
            meaning: "Also copy the policy's settings (currently: whether users may request products). \
                Default: false",
        }
        mode: Mode = MODE {
            flag: "mode",
            variable: "PMP_MODE",
            value: "MODE",
            help: "What to do with the plans: `apply` them, or `observe`, which tells what would \
                change and changes nothing [default: apply]",
            needed_by: "run, sync; optional",
            meaning: "`apply` (the default), or `observe`: report [what would \
                change](deploy.md#adopting-a-week-of-observing), and change nothing. With \
                `observe`, `StartChangeSet` is never called",
        }
        drift: String = DRIFT {
            flag: "drift",
            variable: "PMP_DRIFT",
            value: "WHAT",
            help: "What to do with what others changed in an experience: `heal` it, or only `report` \
                it; or rules by experience, as JSON or @FILE [default: heal]",
            needed_by: "run, sync; optional",
            meaning: "what to do about [what others changed](operations.md#what-others-changed) in an \
                experience: `heal` (the default), `report`, or rules by experience: a JSON list, \
                or `@FILE`. Example: `[{\"names\":[\"Sandbox*\"],\"drift\":\"report\"}]`. The \
                first rule that names an experience counts; all others are healed",
        }
        change_windows: Windows = CHANGE_WINDOWS {
            flag: "change-windows",
            variable: "PMP_CHANGE_WINDOWS",
            value: "WINDOWS",
            help: "Start change sets only in these windows: `Mon-Fri 22:00-04:00 Europe/Berlin`, several \
                with `;` between them, or `always` [default: always]",
            needed_by: "run, sync; optional",
            meaning: "the [change windows](steer.md#change-windows) in which change sets may be started, as \
                `Mon-Fri 22:00-04:00 Europe/Berlin`: several with `;` between them, or `always` (the \
                default). Where the fleet has windows as well, both have to be open",
        }
        metrics: MetricSet = METRICS {
            flag: "metrics",
            variable: "PMP_METRICS",
            value: "WHICH",
            help: "Which figures become metrics, which CloudWatch bills: `none`, `alarms` or `all`; they \
                are written where the log is JSON [default: all]",
            needed_by: "run; optional",
            meaning: "which figures CloudWatch makes [metrics](metrics.md#which-figures-become-metrics) of: \
                `none`, `alarms` (those that the template's alarms look at) or `all` (the default). All \
                figures stand in the log in any case",
        }
        lease_term: Term = LEASE_TERM {
            flag: "lease-term",
            variable: "PMP_LEASE_TERM",
            value: "DURATION",
            help: "For how long a spoke that holds the organization's lease may be silent: another \
                that watches goes on after that [default: 10s]",
            needed_by: "optional",
            meaning: "how long a spoke that holds the organization's lease may fail to renew it (10s), \
                from 1 s to 1 h. After a crash, another spoke that \
                [watches](operations.md#one-spoke-at-a-time) continues after this time",
        }
        keep_decisions: WholeNumber<1, 200> = KEEP {
            flag: "keep-decisions",
            variable: "PMP_KEEP_DECISIONS",
            value: "N",
            help: "For how many snapshots the hub can be asked later what was decided here about each \
                product [default: 50]",
            needed_by: "run, sync; optional",
            meaning: "for how many snapshots the hub can [show \
                later](operations.md#why-a-product-is-approved-or-not) what was decided here about \
                each product (50), from 1 to 200. The hub can show only snapshots that it still \
                keeps (its `PMP_KEEP_VERSIONS`)",
        }
        keep_decisions_for: KeptFor = KEEP_FOR {
            flag: "keep-decisions-for",
            variable: "PMP_KEEP_DECISIONS_FOR",
            value: "DURATION",
            help: "For how long decisions and outcomes are kept [default: 400d]",
            needed_by: "run, sync; optional",
            meaning: "how long decisions and outcomes are kept (400d), at least 24h; what is in force is \
                always kept",
        }
        stop_after: Span = STOP_AFTER {
            flag: "stop-after",
            variable: "PMP_STOP_AFTER",
            value: "DURATION",
            help: "Stop after this time, as on SIGTERM: start nothing new and record the progress \
                (for `run` and `sync`)",
            needed_by: "run, sync; optional",
            meaning: "stop after this time, as on SIGTERM: start nothing new and record the progress",
        }
    }
}

declare_settings! {
    /// The setting of `init` alone.
    #[derive(Debug, Args)]
    pub(crate) struct InitSettings, global: false {
        queue_name: String = QUEUE_NAME {
            flag: "queue-name",
            variable: "PMP_QUEUE_NAME",
            value: "NAME",
            help: "The name of the queue; its dead-letter queue gets the suffix -dead-letters \
                [default: pmp-sync-snapshots]",
            needed_by: "init",
            meaning: "the name of the queue (`pmp-sync-snapshots`)",
        }
    }
}

/// Member experiences, separated by commas. At least one: a list that came out empty never means
/// all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selected(pub(crate) BTreeSet<ExperienceId>);

impl FromStr for Selected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let given: Vec<_> = text.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        if given.is_empty() {
            return Err(format!("`{text}` holds no id; leave it blank to keep all live experiences in step"));
        }
        let (read, wrong): (Vec<_>, Vec<_>) = given.into_iter().map(ExperienceId::new).partition(Result::is_ok);
        let wrong: Vec<_> = wrong.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
        if wrong.is_empty() { Ok(Self(read.into_iter().flatten().collect())) } else { Err(wrong.join("; ")) }
    }
}

/// To what AWS's limit of 50 product ids applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdLimit {
    /// Each change may name 50.
    Change,
    /// All changes of a request may name 50 together.
    Request,
}

impl FromStr for IdLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "change" => Ok(Self::Change),
            "request" => Ok(Self::Request),
            _ => Err(not_one_of(text, &["change", "request"])),
        }
    }
}

/// How long the holder of a lease may be silent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Term(pub(crate) LeaseTerm);

impl FromStr for Term {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        LeaseTerm::new(parse_duration(text)?).map(Self).ok_or_else(|| {
            let longest = LeaseTerm::LONGEST.as_secs() / 3600;
            format!("shorter than {} s, or longer than {longest} h", LeaseTerm::SHORTEST.as_secs())
        })
    }
}

/// For how long decisions and outcomes are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeptFor(pub(crate) Duration);

impl FromStr for KeptFor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let age = parse_duration(text)?;
        if age < Retention::SHORTEST {
            return Err("shorter than 24h: what is in force would be deleted as old between two passes".to_owned());
        }
        Ok(Self(age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of this program in `docs/configuration.md`, which are made of the declarations.
    #[test]
    fn the_documentation_has_the_settings_as_they_are_declared() {
        let declared = ConfigArgs::DECLARED.iter().chain(InitSettings::DECLARED);
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let text = std::fs::read_to_string(page).unwrap();
        let renewed = pmp_terminal::with_settings(&text, "pmp-spoke", declared).unwrap();
        if std::env::var_os("RENEW_SETTINGS").is_some() {
            std::fs::write(page, renewed).unwrap();
        } else {
            assert!(text == renewed, "RENEW_SETTINGS=1 cargo test -p pmp-spoke config renews it");
        }
    }

    #[test]
    fn a_selection_names_each_id_that_is_none() {
        let read = |text: &str| text.parse::<Selected>().map(|selected| selected.0.len());
        assert_eq!((read("exp-a, exp-b,"), read("exp-a,exp-a")), (Ok(2), Ok(1)));
        assert!(read(" , ").unwrap_err().contains("holds no id"));
        let wrong = read("exp-a,prod-b,exp c").unwrap_err();
        assert!(wrong.contains("prod-b") && wrong.contains("exp c"), "{wrong}");
    }
}
