//! What the hub needs to know, from flags or the environment, checked at start.

use clap::Args;
use pmp_ledger::TableName;
use pmp_protocol::ExperienceId;
use pmp_terminal::{Failure, Settings, Source};

use crate::TopicArn;

const EXPERIENCE: Source = Source { flag: "--experience-id", variable: "PMP_EXPERIENCE_ID" };
const SNAPSHOTS: Source = Source { flag: "--snapshots-table", variable: "PMP_SNAPSHOTS_TABLE" };
const TIMESTAMPS: Source = Source { flag: "--timestamps-table", variable: "PMP_TIMESTAMPS_TABLE" };
const TOPIC: Source = Source { flag: "--topic-arn", variable: "PMP_TOPIC_ARN" };
const EVENTS: Source = Source { flag: "--events-queue-url", variable: "PMP_EVENTS_QUEUE_URL" };

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
}

/// What `publish` and `run` need.
#[derive(Debug, Clone)]
pub(crate) struct PublishConfig {
    pub(crate) experience: ExperienceId,
    pub(crate) snapshots: TableName,
    pub(crate) topic: TopicArn,
    pub(crate) events_queue_url: Option<String>,
}

/// What `status` needs.
#[derive(Debug, Clone)]
pub(crate) struct StatusConfig {
    pub(crate) experience: ExperienceId,
    pub(crate) snapshots: TableName,
    pub(crate) timestamps: TableName,
}

/// What `init` needs: names of what to make, or ARNs of what is there.
#[derive(Debug, Clone)]
pub(crate) struct InitConfig {
    pub(crate) snapshots: TableName,
    pub(crate) timestamps: TableName,
    pub(crate) topic: Option<TopicArn>,
}

impl ConfigArgs {
    pub(crate) fn for_publish(&self) -> Result<PublishConfig, Failure> {
        let mut settings = Settings::default();
        let experience = settings.required(self.experience_id.as_deref(), EXPERIENCE);
        let snapshots = settings.required(self.snapshots_table.as_deref(), SNAPSHOTS);
        let topic = settings.required(self.topic_arn.as_deref(), TOPIC);
        let events_queue_url: Option<String> = settings.optional(self.events_queue_url.as_deref(), EVENTS);
        if events_queue_url.as_ref().is_some_and(|url| !url.starts_with("http")) {
            settings.problem(EVENTS, "not the URL of a queue (https://sqs.REGION.amazonaws.com/ACCOUNT/NAME)");
        }
        settings.finish(|| {
            let (experience, snapshots, topic) = (experience?, snapshots?, topic?);
            Some(PublishConfig { experience, snapshots, topic, events_queue_url })
        })
    }

    pub(crate) fn for_status(&self) -> Result<StatusConfig, Failure> {
        let mut settings = Settings::default();
        let experience = settings.required(self.experience_id.as_deref(), EXPERIENCE);
        let snapshots = settings.required(self.snapshots_table.as_deref(), SNAPSHOTS);
        let timestamps = settings.required(self.timestamps_table.as_deref(), TIMESTAMPS);
        settings
            .finish(|| Some(StatusConfig { experience: experience?, snapshots: snapshots?, timestamps: timestamps? }))
    }

    /// The configuration of `confirm`: without a topic, the confirmation waits for the next announcement.
    pub(crate) fn for_confirm(&self) -> Result<(StatusConfig, Option<TopicArn>), Failure> {
        let status = self.for_status()?;
        let mut settings = Settings::default();
        let topic = settings.optional(self.topic_arn.as_deref(), TOPIC);
        settings.finish(|| Some((status, topic)))
    }

    pub(crate) fn for_init(&self) -> Result<InitConfig, Failure> {
        let mut settings = Settings::default();
        let name = |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
        let snapshots = settings.required(Some(&name(&self.snapshots_table, "pmp-sync-Snapshots")), SNAPSHOTS);
        let timestamps = settings.required(Some(&name(&self.timestamps_table, "pmp-sync-SyncTimestamps")), TIMESTAMPS);
        let topic = settings.optional(self.topic_arn.as_deref(), TOPIC);
        settings.finish(|| Some(InitConfig { snapshots: snapshots?, timestamps: timestamps?, topic }))
    }
}
