//! What the hub needs to know, from flags or the environment, checked at start.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use pmp_ledger::TableName;
use pmp_protocol::{ExperienceId, OrganizationId};
use pmp_signature::{LONGEST_LIFETIME, SHORTEST_LIFETIME};
use pmp_terminal::{Failure, Settings, Source, parse_duration};

use crate::signing::SigningKey;
use pmp_aws::TopicArn;

pub(crate) const EXPERIENCE: Source = Source { flag: "--experience-id", variable: "PMP_EXPERIENCE_ID" };
pub(crate) const SNAPSHOTS: Source = Source { flag: "--snapshots-table", variable: "PMP_SNAPSHOTS_TABLE" };
pub(crate) const TIMESTAMPS: Source = Source { flag: "--timestamps-table", variable: "PMP_TIMESTAMPS_TABLE" };
pub(crate) const TOPIC: Source = Source { flag: "--topic-arn", variable: "PMP_TOPIC_ARN" };
const KEEP: Source = Source { flag: "--keep-versions", variable: "PMP_KEEP_VERSIONS" };
const STALE: Source = Source { flag: "--stale-after", variable: "PMP_STALE_AFTER" };
const INTERVAL: Source = Source { flag: "--interval", variable: "PMP_INTERVAL" };
pub(crate) const EVENTS: Source = Source { flag: "--events-queue-url", variable: "PMP_EVENTS_QUEUE_URL" };
pub(crate) const ATTRIBUTES: Source = Source { flag: "--product-attributes", variable: "PMP_PRODUCT_ATTRIBUTES" };
pub(crate) const MEMBERS: Source = Source { flag: "--member-organizations", variable: "PMP_MEMBER_ORGANIZATIONS" };
pub(crate) const SIGNING_KEY: Source = Source { flag: "--signing-key", variable: "PMP_SIGNING_KEY" };
const LIFETIME: Source = Source { flag: "--statement-lifetime", variable: "PMP_STATEMENT_LIFETIME" };

/// What stands in place of a key where snapshots are meant to be unsigned, though earlier ones were
/// signed.
const UNSIGNED: &str = "none";
/// For how long a statement holds, where nothing else is asked for: a weekend and its holidays may
/// pass without the hub.
const STATEMENT_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many versions the ledger keeps, where nothing else is asked for.
pub(crate) const KEEP_VERSIONS: u64 = 50;
/// How long a spoke may be silent or behind, where nothing else is asked for.
pub(crate) const STALE_AFTER: &str = "3h";
/// The same, where the interval is not longer than a third of it.
pub(crate) const SILENCE: Duration = Duration::from_secs(3 * 60 * 60);
/// Where it is: one announcement may go astray, and one be late.
const INTERVALS_OF_SILENCE: u32 = 3;

/// The settings that several commands share. Each is checked by the commands that need it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct ConfigArgs {
    /// The management experience: exp-…
    #[arg(long, global = true, env = EXPERIENCE.variable, hide_env_values = true, value_name = "ID")]
    experience_id: Option<String>,
    /// The table of snapshots: its name or ARN
    #[arg(long, global = true, env = SNAPSHOTS.variable, hide_env_values = true, value_name = "TABLE")]
    snapshots_table: Option<String>,
    /// The table of receipts: its name or ARN
    #[arg(long, global = true, env = TIMESTAMPS.variable, hide_env_values = true, value_name = "TABLE")]
    timestamps_table: Option<String>,
    /// The topic on which snapshots are announced
    #[arg(long, global = true, env = TOPIC.variable, hide_env_values = true, value_name = "ARN")]
    topic_arn: Option<String>,
    /// A queue to which an EventBridge rule delivers the catalog's change events (for `run`)
    #[arg(long, global = true, env = EVENTS.variable, hide_env_values = true, value_name = "URL")]
    events_queue_url: Option<String>,
    /// Look up vendor, categories, name and fulfillment types of the products, once for all
    /// members, for their filters
    #[arg(long, global = true, env = ATTRIBUTES.variable, hide_env_values = true, value_name = "BOOL",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    product_attributes: Option<String>,
    /// The member organizations that are admitted, separated by commas, besides those of `members
    /// admit`
    #[arg(long, global = true, env = MEMBERS.variable, hide_env_values = true, value_name = "ORG,…")]
    member_organizations: Option<String>,
    /// The key that signs snapshots: awskms:///ARN, or file:PATH; without it, they are not signed;
    /// `none` to stop signing
    #[arg(long, global = true, env = SIGNING_KEY.variable, hide_env_values = true, value_name = "KEY")]
    signing_key: Option<String>,
    /// How long a spoke may go by a signature that is not renewed, from 24h to 2160h [default:
    /// 168h]
    #[arg(long, global = true, env = LIFETIME.variable, hide_env_values = true, value_name = "DURATION")]
    statement_lifetime: Option<String>,
}

/// A list of organizations, separated by commas. It may not be empty: no list is spelled by a blank
/// setting.
#[derive(Debug, Clone, Default)]
struct Organizations(BTreeSet<OrganizationId>);

impl FromStr for Organizations {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |id: &str| {
            OrganizationId::new(id.trim()).map_err(|problem| format!("{problem}; ids are separated by one comma each"))
        };
        text.split(',').map(read).collect::<Result<_, _>>().map(Self)
    }
}

/// The settings of the Lambda function, which come from the environment alone.
#[derive(Debug, Clone, Args)]
pub(crate) struct FunctionArgs {
    #[command(flatten)]
    config: ConfigArgs,
    // As texts, because templates spell "not set" as a blank.
    #[arg(long, env = KEEP.variable, hide_env_values = true)]
    keep_versions: Option<String>,
    #[arg(long, env = STALE.variable, hide_env_values = true)]
    stale_after: Option<String>,
    /// Of the schedule, which the function does not see by itself.
    #[arg(long, env = INTERVAL.variable, hide_env_values = true)]
    interval: Option<String>,
}

/// The settings of `run`, `status` and `members` alone, as `doctor` looks at them: in the
/// environment they are set for all.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RunSettings {
    /// How many versions the ledger keeps (of `run` and `publish`)
    #[arg(long, env = KEEP.variable, hide_env_values = true, value_name = "N")]
    keep_versions: Option<String>,
    /// How long a spoke may be silent (of `run`, `status` and `members`)
    #[arg(long, env = STALE.variable, hide_env_values = true, value_name = "DURATION")]
    stale_after: Option<String>,
    /// How often an unchanged snapshot is announced (of `run`)
    #[arg(long, env = INTERVAL.variable, hide_env_values = true, value_name = "DURATION")]
    interval: Option<String>,
}

impl RunSettings {
    /// How long a spoke may be silent, as `status` takes it. What is wrong there is said by
    /// `check`.
    pub(crate) fn stale_after(&self) -> SignedDuration {
        let given = self.stale_after.as_deref().and_then(|text| parse_stale_after(text).ok());
        SignedDuration::try_from(given.unwrap_or(SILENCE)).unwrap_or(SignedDuration::MAX)
    }

    fn check(&self, settings: &mut Settings) {
        let _keep = settings.number(self.keep_versions.as_deref(), KEEP, 2_u64..);
        let interval = duration(settings, self.interval.as_deref(), INTERVAL);
        let given = duration(settings, self.stale_after.as_deref(), STALE);
        silence(settings, given, interval.unwrap_or_default());
    }
}

/// What the Lambda function needs.
#[derive(Debug, Clone)]
pub(crate) struct FunctionConfig {
    pub(crate) publish: PublishConfig,
    /// Whom the settings admit.
    pub(crate) members: BTreeSet<OrganizationId>,
    pub(crate) keep_versions: u64,
    pub(crate) stale_after: Duration,
}

impl FunctionArgs {
    pub(crate) fn config(&self) -> Result<FunctionConfig, Failure> {
        let mut settings = Settings::default();
        let publish = self.config.publish(&mut settings);
        let members = self.config.members(&mut settings);
        let keep_versions = settings.number(self.keep_versions.as_deref(), KEEP, 2..).unwrap_or(KEEP_VERSIONS);
        let interval = duration(&mut settings, self.interval.as_deref(), INTERVAL);
        let stale_after = duration(&mut settings, self.stale_after.as_deref(), STALE);
        let stale_after = silence(&mut settings, stale_after, interval.unwrap_or_default());
        settings.finish(|| Some(FunctionConfig { publish: publish?, members, keep_versions, stale_after }))
    }
}

fn duration(settings: &mut Settings, text: Option<&str>, source: Source) -> Option<Duration> {
    let text: String = settings.optional(text, source)?;
    parse_duration(&text).map_err(|problem| settings.problem(source, problem)).ok()
}

/// How long a spoke may be silent. One that is well gives a sign of life once in an interval, so it
/// has to be longer than that.
fn silence(settings: &mut Settings, given: Option<Duration>, interval: Duration) -> Duration {
    match given {
        Some(given) if given <= interval => {
            settings.problem(
                STALE,
                format!("not longer than {INTERVAL}: between two announcements every spoke would be silent"),
            );
            given
        }
        Some(given) => given,
        None => SILENCE.max(interval.saturating_mul(INTERVALS_OF_SILENCE)),
    }
}

/// The same for `status` and `members`, which know of no interval. A blank is how templates spell
/// "not set".
pub(crate) fn parse_stale_after(text: &str) -> Result<Duration, String> {
    if text.trim().is_empty() { Ok(SILENCE) } else { parse_duration(text) }
}

/// The same for `run`.
pub(crate) fn silence_of_run(given: Option<&str>, interval: Duration) -> Result<Duration, Failure> {
    let mut settings = Settings::default();
    let given = duration(&mut settings, given, STALE);
    let silence = silence(&mut settings, given, interval);
    settings.finish(|| Some(silence))
}

/// What `publish` and `run` need.
#[derive(Debug, Clone)]
pub(crate) struct PublishConfig {
    pub(crate) experience: ExperienceId,
    pub(crate) snapshots: TableName,
    /// The table of receipts; none where neither a mark is kept nor anything told of the spokes.
    pub(crate) timestamps: Option<TableName>,
    pub(crate) topic: TopicArn,
    pub(crate) events_queue_url: Option<String>,
    pub(crate) signing: Option<SigningConfig>,
    /// Whether not to sign is meant, though earlier snapshots were signed.
    pub(crate) unsigned: bool,
    /// Whether products are looked up for the members' filters.
    pub(crate) looks_products_up: bool,
}

/// How snapshots are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningConfig {
    pub(crate) key: SigningKey,
    pub(crate) lifetime: SignedDuration,
}

/// What `status` needs.
#[derive(Debug, Clone)]
pub(crate) struct StatusConfig {
    pub(crate) experience: ExperienceId,
    pub(crate) snapshots: TableName,
    pub(crate) timestamps: TableName,
    /// Whom the settings admit.
    pub(crate) members: BTreeSet<OrganizationId>,
}

/// What `doctor` looks at: whatever is set and can be read.
#[derive(Debug, Clone)]
pub(crate) struct DoctorConfig {
    pub(crate) experience: Option<ExperienceId>,
    pub(crate) snapshots: Option<TableName>,
    pub(crate) timestamps: Option<TableName>,
    pub(crate) topic: Option<TopicArn>,
    pub(crate) events_queue_url: Option<String>,
    pub(crate) members: BTreeSet<OrganizationId>,
    pub(crate) signing_key: Option<SigningKey>,
    pub(crate) looks_products_up: bool,
}

/// What `init` needs: names of what to make, or ARNs of what is there.
#[derive(Debug, Clone)]
pub(crate) struct InitConfig {
    pub(crate) snapshots: TableName,
    pub(crate) timestamps: TableName,
    pub(crate) topic: Option<TopicArn>,
    /// The management experience; needed where organizations are admitted.
    pub(crate) experience: Option<ExperienceId>,
}

impl ConfigArgs {
    pub(crate) fn for_publish(&self) -> Result<PublishConfig, Failure> {
        let mut settings = Settings::default();
        let publish = self.publish(&mut settings);
        settings.finish(|| publish)
    }

    fn publish(&self, settings: &mut Settings) -> Option<PublishConfig> {
        let experience = settings.required(self.experience_id.as_deref(), EXPERIENCE);
        let snapshots = settings.required(self.snapshots_table.as_deref(), SNAPSHOTS);
        let topic = settings.required(self.topic_arn.as_deref(), TOPIC);
        let timestamps = settings.optional(self.timestamps_table.as_deref(), TIMESTAMPS);
        let events_queue_url: Option<String> = settings.optional(self.events_queue_url.as_deref(), EVENTS);
        if events_queue_url.as_ref().is_some_and(|url| !pmp_aws::is_queue_url(url)) {
            settings.problem(EVENTS, "not the URL of a queue (https://sqs.REGION.amazonaws.com/ACCOUNT/NAME)");
        }
        let (signing, unsigned) = (self.signing(settings), self.unsigned());
        let looks_products_up = self.looks_products_up(settings);
        let (experience, snapshots, topic) = (experience?, snapshots?, topic?);
        Some(PublishConfig {
            experience,
            snapshots,
            timestamps,
            topic,
            events_queue_url,
            signing,
            unsigned,
            looks_products_up,
        })
    }

    fn looks_products_up(&self, settings: &mut Settings) -> bool {
        settings.optional(self.product_attributes.as_deref(), ATTRIBUTES).unwrap_or(false)
    }

    /// Whether not to sign is meant: a blank setting may be one that was forgotten.
    fn unsigned(&self) -> bool {
        self.signing_key.as_deref().is_some_and(|key| key.trim() == UNSIGNED)
    }

    fn signing_key(&self, settings: &mut Settings) -> Option<SigningKey> {
        settings.optional(self.signing_key.as_deref().filter(|_| !self.unsigned()), SIGNING_KEY)
    }

    fn signing(&self, settings: &mut Settings) -> Option<SigningConfig> {
        let key = self.signing_key(settings);
        let text: Option<String> = settings.optional(self.statement_lifetime.as_deref(), LIFETIME);
        let lifetime = text.map_or(Ok(STATEMENT_LIFETIME), |text| lifetime(&text));
        let lifetime = lifetime.map_err(|problem| settings.problem(LIFETIME, problem)).ok()?;
        Some(SigningConfig { key: key?, lifetime })
    }

    /// The configuration of `public-key`.
    pub(crate) fn for_public_key(&self) -> Result<SigningKey, Failure> {
        let mut settings = Settings::default();
        let key = settings.required(self.signing_key.as_deref(), SIGNING_KEY);
        settings.finish(|| key)
    }

    /// Whom the settings admit.
    fn members(&self, settings: &mut Settings) -> BTreeSet<OrganizationId> {
        let members: Option<Organizations> = settings.optional(self.member_organizations.as_deref(), MEMBERS);
        members.unwrap_or_default().0
    }

    /// What `run` needs: as `publish`, and whom the settings admit. Without an interval, only
    /// whether it is complete.
    pub(crate) fn for_run(
        &self,
        interval: Option<Duration>,
    ) -> Result<(PublishConfig, BTreeSet<OrganizationId>), Failure> {
        self.for_run_with(interval, |_| {})
    }

    fn for_run_with(
        &self,
        interval: Option<Duration>,
        besides: impl FnOnce(&mut Settings),
    ) -> Result<(PublishConfig, BTreeSet<OrganizationId>), Failure> {
        let mut settings = Settings::default();
        besides(&mut settings);
        let publish = self.publish(&mut settings);
        let members = self.members(&mut settings);
        let signing = publish.as_ref().and_then(|publish| publish.signing.as_ref());
        if let (Some(interval), Some(signing)) = (interval, signing)
            && SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX) > signing.lifetime / 2
        {
            settings
                .problem(LIFETIME, "shorter than two intervals: one announcement that fails would freeze every spoke");
        }
        settings.finish(|| Some((publish?, members)))
    }

    /// What `recover` needs: as `publish`, and the table that holds the mark.
    pub(crate) fn for_recover(&self) -> Result<PublishConfig, Failure> {
        let mut settings = Settings::default();
        let publish = self.publish(&mut settings);
        // What is wrong with it is told with the rest; here counts that it is there.
        if self.timestamps_table.as_deref().is_none_or(|table| table.trim().is_empty()) {
            let _missing = settings.required::<TableName>(None, TIMESTAMPS);
        }
        settings.finish(|| publish)
    }

    pub(crate) fn for_status(&self) -> Result<StatusConfig, Failure> {
        let mut settings = Settings::default();
        let experience = settings.required(self.experience_id.as_deref(), EXPERIENCE);
        let snapshots = settings.required(self.snapshots_table.as_deref(), SNAPSHOTS);
        let timestamps = settings.required(self.timestamps_table.as_deref(), TIMESTAMPS);
        let members = self.members(&mut settings);
        settings.finish(|| {
            let (experience, snapshots, timestamps) = (experience?, snapshots?, timestamps?);
            Some(StatusConfig { experience, snapshots, timestamps, members })
        })
    }

    /// The configuration of `history`, `show` and `diff`. They read the table of receipts to tell
    /// which experience may have been meant, where it is set.
    pub(crate) fn for_history(&self) -> Result<(ExperienceId, TableName, Option<TableName>), Failure> {
        let mut settings = Settings::default();
        let experience = settings.required(self.experience_id.as_deref(), EXPERIENCE);
        let snapshots = settings.required(self.snapshots_table.as_deref(), SNAPSHOTS);
        let timestamps = self.timestamps_table.as_deref().and_then(|table| table.trim().parse().ok());
        settings.finish(|| Some((experience?, snapshots?, timestamps)))
    }

    /// The configuration of `confirm`: without a topic, the confirmation waits for the next
    /// announcement.
    pub(crate) fn for_confirm(&self) -> Result<(StatusConfig, Option<TopicArn>), Failure> {
        let status = self.for_status()?;
        let mut settings = Settings::default();
        let topic = settings.optional(self.topic_arn.as_deref(), TOPIC);
        settings.finish(|| Some((status, topic)))
    }

    /// The configuration for `doctor`, and what is missing or wrong for `publish` and `run`.
    pub(crate) fn for_doctor(&self, run: &RunSettings) -> (DoctorConfig, Result<(), Failure>) {
        let complete = self.for_run_with(None, |settings| run.check(settings)).map(drop);
        // What is wrong stands there; here counts what is right.
        let mut settings = Settings::default();
        let events: Option<String> = settings.optional(self.events_queue_url.as_deref(), EVENTS);
        let config = DoctorConfig {
            experience: settings.optional(self.experience_id.as_deref(), EXPERIENCE),
            snapshots: settings.optional(self.snapshots_table.as_deref(), SNAPSHOTS),
            timestamps: settings.optional(self.timestamps_table.as_deref(), TIMESTAMPS),
            topic: settings.optional(self.topic_arn.as_deref(), TOPIC),
            events_queue_url: events.filter(|url| pmp_aws::is_queue_url(url)),
            members: self.members(&mut settings),
            signing_key: self.signing_key(&mut settings),
            looks_products_up: self.looks_products_up(&mut settings),
        };
        (config, complete)
    }

    pub(crate) fn for_init(&self, admits: bool) -> Result<InitConfig, Failure> {
        let mut settings = Settings::default();
        let experience = self.experience_id.as_deref();
        let experience = if admits {
            settings.required(experience, EXPERIENCE)
        } else {
            // Nothing is made by it: what is wrong there is said by the commands that need it.
            experience.and_then(|id| id.parse().ok())
        };
        let name = |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
        let snapshots = settings.required(Some(&name(&self.snapshots_table, "pmp-sync-Snapshots")), SNAPSHOTS);
        let timestamps = settings.required(Some(&name(&self.timestamps_table, "pmp-sync-SyncTimestamps")), TIMESTAMPS);
        let topic = settings.optional(self.topic_arn.as_deref(), TOPIC);
        settings.finish(|| Some(InitConfig { snapshots: snapshots?, timestamps: timestamps?, topic, experience }))
    }
}

fn lifetime(text: &str) -> Result<SignedDuration, String> {
    let given = parse_duration(text)?;
    let given = SignedDuration::try_from(given).unwrap_or(SignedDuration::MAX);
    if !(SHORTEST_LIFETIME..=LONGEST_LIFETIME).contains(&given) {
        return Err("not from 24h to 2160h (90 days)".to_owned());
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        function: FunctionArgs,
    }

    /// How long a spoke may be silent to a function with these settings; or what it says of them.
    fn of_function(settings: &[(&str, &str)]) -> Result<Duration, String> {
        let needed = [
            ("--experience-id", "exp-1"),
            ("--snapshots-table", "Snapshots"),
            ("--topic-arn", "arn:aws:sns:us-east-1:111111111111:t"),
        ];
        let args = needed.iter().chain(settings).flat_map(|(flag, value)| [*flag, *value]);
        let cli = Cli::try_parse_from(["hub"].into_iter().chain(args)).unwrap();
        cli.function.config().map(|config| config.stale_after).map_err(|failure| failure.render())
    }

    #[test]
    fn a_silence_is_longer_than_the_interval() {
        for (interval, given, expected) in [
            ("", "", Some(3)),
            ("1h", "", Some(3)),
            ("6h", "", Some(18)),
            ("1h", "2h", Some(2)),
            ("12h", "2d", Some(48)),
            ("", "1h", Some(1)),
            ("3h", "3h", None),
            ("12h", "3h", None),
            ("6h", "360m", None),
        ] {
            let found = of_function(&[("--interval", interval), ("--stale-after", given)]);
            match expected {
                Some(hours) => assert_eq!(found, Ok(HOUR * hours), "{interval}, {given}"),
                None => assert!(
                    found.unwrap_err().contains("--stale-after (PMP_STALE_AFTER): not longer than"),
                    "{interval}"
                ),
            }
        }
        assert_eq!(silence_of_run(None, HOUR * 6).unwrap(), HOUR * 18);
        assert_eq!(silence_of_run(Some(" "), HOUR).unwrap(), HOUR * 3);
        assert!(silence_of_run(Some("1h"), HOUR).is_err() && silence_of_run(Some("soon"), HOUR).is_err());
        assert_eq!((parse_stale_after(""), parse_stale_after("2h")), (Ok(HOUR * 3), Ok(HOUR * 2)));
        assert_eq!(parse_duration(STALE_AFTER), Ok(SILENCE));
    }

    #[test]
    fn an_interval_that_is_no_duration_is_named() {
        assert!(of_function(&[("--interval", "hourly")]).unwrap_err().contains("--interval (PMP_INTERVAL)"));
    }
}
