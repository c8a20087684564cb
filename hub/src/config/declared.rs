//! Every setting of the hub, declared once: flag, variable, check, help, and its row in
//! `docs/configuration.md`.

use std::collections::BTreeSet;
use std::str::FromStr;

use clap::Args;
use jiff::SignedDuration;
use pmp_aws::{QueueUrl, TopicArn};
use pmp_ledger::TableName;
use pmp_metrics::MetricSet;
use pmp_protocol::{ExperienceId, OrganizationId};
use pmp_signature::{LONGEST_LIFETIME, SHORTEST_LIFETIME};
use pmp_terminal::{Span, Switch, WholeNumber, declare_settings, parse_duration};
use pmp_windows::Windows;

use super::experiences::Experiences;
use super::hold::MaxHold;
use super::notify::Format;
use super::waves::WavesSetting;
use crate::signing::SigningKey;

declare_settings! {
    /// The settings that several commands share. Each is checked by the commands that need it.
    #[derive(Debug, Clone, Args)]
    #[command(next_help_heading = "Settings")]
    pub(crate) struct ConfigArgs, global: true {
        experience_id: ExperienceId = EXPERIENCE {
            flag: "experience-id",
            variable: "PMP_EXPERIENCE_ID",
            value: "ID",
            help: "The management experience: exp-…",
            needed_by: "all but init; init with `--admit`",
            meaning: "the management experience. Where `PMP_EXPERIENCES` names several: the one that a command is about, which \
                `run`, `publish` and `doctor` do without",
        }
        hub_experiences: Experiences = EXPERIENCES {
            flag: "experiences",
            variable: "PMP_EXPERIENCES",
            value: "TEXT",
            help: "The management experiences that this hub serves: ids separated by commas, or a table for each as TOML, JSON or @FILE",
            needed_by: "all but public-key; optional",
            meaning: "the [management experiences](operations.md#several-management-experiences) that this hub serves, up to 20: \
                ids separated by commas, or a table for each with `members`, `waves`, `change_windows` and `max_hold`, as TOML, \
                JSON, or `@FILE`. What a table does not say comes from the settings below",
        }
        snapshots_table: TableName = SNAPSHOTS {
            flag: "snapshots-table",
            variable: "PMP_SNAPSHOTS_TABLE",
            value: "TABLE",
            help: "The table of snapshots: its name or ARN",
            needed_by: "all; init creates it",
            meaning: "name or ARN",
        }
        timestamps_table: TableName = TIMESTAMPS {
            flag: "timestamps-table",
            variable: "PMP_TIMESTAMPS_TABLE",
            value: "TABLE",
            help: "The table of receipts: its name or ARN",
            needed_by: "status, exceptions, members, versions, wait, confirm, pin, unpin, pause, resume, promote, halt, directions, recover; publish and run, optional there; init creates it; optional for history, show and diff",
            meaning: "name or ARN. With it, history, show and diff suggest which experience you may have \
                meant. Without it, `publish` and `run` keep no note of the highest version, and do not \
                notice that [the table of snapshots was \
                restored](operations.md#the-snapshots-table-was-restored)",
        }
        topic_arn: TopicArn = TOPIC {
            flag: "topic-arn",
            variable: "PMP_TOPIC_ARN",
            value: "ARN",
            help: "The topic on which snapshots are announced",
            needed_by: "publish, run, recover, promote, halt, pin and unpin of the fleet; confirm, pause, resume and the other pins (optional there); init creates it",
            meaning: "the topic",
        }
        events_queue_url: QueueUrl = EVENTS {
            flag: "events-queue-url",
            variable: "PMP_EVENTS_QUEUE_URL",
            value: "URL",
            help: "A queue to which an EventBridge rule delivers the catalog's change events (for `run`)",
            needed_by: "run, optional",
            meaning: "a queue to which an EventBridge rule delivers the catalog's change events",
        }
        #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
        product_attributes: Switch = ATTRIBUTES {
            flag: "product-attributes",
            variable: "PMP_PRODUCT_ATTRIBUTES",
            value: "BOOL",
            help: "Look up vendor, categories, name and fulfillment types of the products, once for all members, for their filters",
            needed_by: "publish, run, doctor; optional",
            meaning: "whether names, vendors, categories and fulfillment types of the approved products are \
                [looked up](how-it-works.md#what-is-known-of-products), once for the filters of all \
                members (false; the templates set true); needs `aws-marketplace:SearchListings` and \
                `aws-marketplace:GetProduct`",
        }
        member_organizations: Organizations = MEMBERS {
            flag: "member-organizations",
            variable: "PMP_MEMBER_ORGANIZATIONS",
            value: "ORG,…",
            help: "The member organizations that are admitted, separated by commas, in addition to those of `members admit`",
            needed_by: "status, exceptions, members, versions, wait, confirm, pin, unpin, pause, resume, promote, halt, directions, publish, run; optional",
            meaning: "the [member organizations](operations.md#members) that are admitted, `o-…`, separated \
                by commas, in addition to those of `members admit`. Empty means no list; anything in \
                the list that is not an id is an error",
        }
        signing_key: SigningKey = SIGNING_KEY {
            flag: "signing-key",
            variable: "PMP_SIGNING_KEY",
            value: "KEY",
            help: "The key that signs snapshots: awskms:///ARN, or file:PATH; without it, they are not signed; `none` to stop signing",
            needed_by: "publish, run, recover, pin, unpin, pause, resume, promote, directions, public-key, doctor; optional",
            meaning: "the key that [signs](security.md#signatures) snapshots, and what is [directed](steer.md): `awskms:///ARN` of a KMS key \
                over P-256, or `file:PATH` of an Ed25519 key in PKCS#8; `none` to stop signing",
        }
        max_hold: MaxHold = MAX_HOLD {
            flag: "max-hold",
            variable: "PMP_MAX_HOLD",
            value: "DURATION",
            help: "How long a member may hold by itself, from 1h to 720h [default: 168h]",
            needed_by: "publish, run; optional",
            meaning: "the longest that a member may [hold](steer.md#a-member-holds) by itself (168h; from 1h to 720h)",
        }
        waves: WavesSetting = WAVES {
            flag: "waves",
            variable: "PMP_WAVES",
            value: "TEXT",
            help: "The waves in which organizations get a new version, as TOML, JSON or @FILE; `none` to end them",
            needed_by: "publish, run; optional",
            meaning: "the [waves](steer.md#waves) in which organizations get a new version: TOML, JSON, or `@FILE`; \
                `none` ends them. Empty means those that the hub was configured with last, where there are any. \
                Needs `PMP_TIMESTAMPS_TABLE`",
        }
        change_windows: Windows = CHANGE_WINDOWS {
            flag: "change-windows",
            variable: "PMP_CHANGE_WINDOWS",
            value: "WINDOWS",
            help: "Let members start change sets only in these windows: `Mon-Fri 22:00-04:00 Europe/Berlin`, several with `;` \
                between them, or `always`; without it, what was set last stays",
            needed_by: "publish, run; optional",
            meaning: "the [change windows](steer.md#change-windows) of the fleet, in which members may start change sets, as \
                `Mon-Fri 22:00-04:00 Europe/Berlin`: several with `;` between them, or `always`. Without it, what was set \
                last stays",
        }
        statement_lifetime: Lifetime = LIFETIME {
            flag: "statement-lifetime",
            variable: "PMP_STATEMENT_LIFETIME",
            value: "DURATION",
            help: "How long a spoke may go by a signature that is not renewed, from 24h to 2160h [default: 168h]",
            needed_by: "publish, run, recover; optional",
            meaning: "how long a spoke may rely on a signature that is not renewed (168h; from 24h to 2160h)",
        }
        notify_topic_arn: TopicArn = NOTIFY_TOPIC {
            flag: "notify-topic-arn",
            variable: "PMP_NOTIFY_TOPIC_ARN",
            value: "ARN",
            help: "The topic for notifications of what changed in the fleet; without it, there are none",
            needed_by: "notify; run and doctor, optional there",
            meaning: "a topic, standard or FIFO, on which operations is [told what changed](notifications.md) in the \
                fleet. Needs `PMP_TIMESTAMPS_TABLE`",
        }
        notify_format: Format = NOTIFY_FORMAT {
            flag: "notify-format",
            variable: "PMP_NOTIFY_FORMAT",
            value: "FORMAT",
            help: "The form of these notifications: json or chatbot [default: json]",
            needed_by: "notify, run; optional",
            meaning: "the form of these notifications: `json`, or `chatbot` for \
                [AWS Chatbot](notifications.md#aws-chatbot) (json)",
        }
        filters_folder: String = FILTERS_FOLDER {
            flag: "filters-folder",
            variable: "PMP_FILTERS_FOLDER",
            value: "FOLDER",
            help: "A folder with the members' filters, which are found by their digests (for `plan`)",
            needed_by: "plan, optional",
            meaning: "a folder with [the members' filters](operations.md#a-plan-for-members-with-filters): \
                components, and settings that are not shared. Files are found by their digests, whatever \
                they are called. Built-in filters need no file",
        }
        filter_program: String = FILTER_PROGRAM {
            flag: "filter-program",
            variable: "PMP_FILTER_PROGRAM",
            value: "FILE",
            help: "The program that runs the members' filters [default: `pmp-filter` beside `pmp-hub`, or on the PATH]",
            needed_by: "plan, optional",
            meaning: "the program that runs the members' filters (`pmp-filter` beside `pmp-hub`, or on the \
                `PATH`)",
        }
    }
}

declare_settings! {
    /// The settings of `run`, `status` and `members` alone, as `doctor` looks at them: in the
    /// environment they are set for all. The commands that take them give them a default of their
    /// own, and read them by the same checks.
    #[derive(Debug, Clone, Default, Args)]
    pub(crate) struct RunSettings, global: false {
        keep_versions: WholeNumber<2, { u64::MAX }> = KEEP {
            flag: "keep-versions",
            variable: "PMP_KEEP_VERSIONS",
            value: "N",
            help: "How many versions the ledger keeps (of `run` and `publish`)",
            needed_by: "publish, run, recover",
            meaning: "versions that the ledger keeps (50)",
        }
        stale_after: Span = STALE {
            flag: "stale-after",
            variable: "PMP_STALE_AFTER",
            value: "DURATION",
            help: "How long a spoke may be silent (of `run`, `status` and `members`)",
            needed_by: "status, exceptions, members, wait, run",
            meaning: "how long a spoke may be silent or behind (3h). For `run` and the function: how long \
                before [metrics](metrics.md) count it (3h, or three intervals if that is longer); \
                there, a value that is not longer than `--interval` is refused",
        }
        interval: Span = INTERVAL {
            flag: "interval",
            variable: "PMP_INTERVAL",
            value: "DURATION",
            help: "How often an unchanged snapshot is announced (of `run`)",
            needed_by: "run",
            meaning: "how often an unchanged snapshot is announced (1h). A function has a schedule, and uses \
                this only for `PMP_STALE_AFTER`",
        }
        metrics: MetricSet = METRICS {
            flag: "metrics",
            variable: "PMP_METRICS",
            value: "WHICH",
            help: "Which figures become metrics, which CloudWatch bills: `none`, `alarms` or `all` (of `run`)",
            needed_by: "run; optional",
            meaning: "which figures CloudWatch makes [metrics](metrics.md#which-figures-become-metrics) of: `none`, \
                `alarms` (those that the templates' alarms look at) or `all` (the default). All figures stand in \
                the log in any case",
        }
    }
}

/// A list of organizations, separated by commas. It may not be empty: a blank setting means no
/// list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Organizations(pub(crate) BTreeSet<OrganizationId>);

impl FromStr for Organizations {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |id: &str| {
            OrganizationId::new(id.trim()).map_err(|problem| format!("{problem}; ids are separated by one comma each"))
        };
        text.split(',').map(read).collect::<Result<_, _>>().map(Self)
    }
}

/// For how long a signature holds that is not renewed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetime(pub(crate) SignedDuration);

impl FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let given = parse_duration(text)?;
        let given = SignedDuration::try_from(given).unwrap_or(SignedDuration::MAX);
        if !(SHORTEST_LIFETIME..=LONGEST_LIFETIME).contains(&given) {
            return Err("not from 24h to 2160h (90 days)".to_owned());
        }
        Ok(Self(given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of this program in `docs/configuration.md`, which are made of the declarations.
    #[test]
    fn the_documentation_has_the_settings_as_they_are_declared() {
        let declared = ConfigArgs::DECLARED.iter().chain(RunSettings::DECLARED);
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        let text = std::fs::read_to_string(page).unwrap();
        let renewed = pmp_terminal::with_settings(&text, "pmp-hub", declared).unwrap();
        if std::env::var_os("RENEW_SETTINGS").is_some() {
            std::fs::write(page, renewed).unwrap();
        } else {
            assert!(text == renewed, "RENEW_SETTINGS=1 cargo test -p pmp-hub config renews it");
        }
    }
}
