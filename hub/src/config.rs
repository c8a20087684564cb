//! What the hub needs to know, from flags or the environment, checked at start.

mod declared;
mod experiences;
mod hold;
pub(crate) mod notify;
pub(crate) mod waves;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use pmp_aws::{QueueUrl, TopicArn};
use pmp_ledger::TableName;
use pmp_metrics::MetricSet;
use pmp_protocol::{ExperienceId, OrganizationId};
use pmp_terminal::{Failure, Given, Settings, Span, parse_duration};
use pmp_windows::Windows;

pub(crate) use self::declared::{
    CHANGE_WINDOWS, ConfigArgs, EVENTS, EXPERIENCE, EXPERIENCES, FILTER_PROGRAM, FILTERS_FOLDER, INTERVAL, KEEP,
    LIFETIME, MAX_HOLD, MEMBERS, METRICS, NOTIFY_FORMAT, NOTIFY_TOPIC, RunSettings, SIGNING_KEY, SNAPSHOTS, STALE,
    TIMESTAMPS, TOPIC, WAVES,
};
use self::experiences::{Experiences, Own};
use self::notify::Format;
use self::waves::WavesSetting;
use crate::signing::SigningKey;

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

/// The settings of the Lambda function, which come from the environment alone.
#[derive(Debug, Clone, Args)]
pub(crate) struct FunctionArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    run: RunSettings,
}

/// How long a spoke may be silent, as the commands take it that look at the fleet.
#[derive(Debug, Args)]
pub(crate) struct StaleAfter {
    /// How long a spoke may be silent, or behind, before it is stale
    #[arg(long, env = STALE.variable, default_value = STALE_AFTER, value_parser = parse_stale_after, value_name = "DURATION")]
    pub(crate) stale_after: Duration,
}

impl RunSettings {
    /// How long a spoke may be silent, as `status` takes it. `check` says what is wrong there.
    pub(crate) fn silence(&self) -> SignedDuration {
        let given = self.stale_after().if_right().map_or(SILENCE, |span| span.0);
        SignedDuration::try_from(given).unwrap_or(SignedDuration::MAX)
    }

    /// Notes what is wrong with these settings.
    fn check(&self, settings: &mut Settings) {
        let _ = self.read(settings);
    }

    /// How many versions are kept, and how long a spoke may be silent to a program that runs.
    fn read(&self, settings: &mut Settings) -> (u64, Duration) {
        let _ = self.metrics().optional(settings);
        let keep = self.keep_versions().optional(settings).map_or(KEEP_VERSIONS, |keep| keep.get());
        let interval = self.interval().optional(settings).map_or(Duration::ZERO, |span| span.0);
        let given = self.stale_after().optional(settings).map(|span| span.0);
        (keep, silence(settings, given, interval))
    }
}

/// What the Lambda function needs.
#[derive(Debug, Clone)]
pub(crate) struct FunctionConfig {
    /// One for each management experience; at least one.
    pub(crate) publish: Vec<PublishConfig>,
    pub(crate) keep_versions: u64,
    pub(crate) stale_after: Duration,
    pub(crate) metrics: MetricSet,
}

impl FunctionArgs {
    pub(crate) fn config(&self) -> Result<FunctionConfig, Failure> {
        let mut settings = Settings::default();
        let publish = self.config.publish(&mut settings, ConfigArgs::served);
        let (keep_versions, stale_after) = self.run.read(&mut settings);
        let metrics = self.run.metrics().if_right().unwrap_or_default();
        settings.finish(|| Some(FunctionConfig { publish: publish?, keep_versions, stale_after, metrics }))
    }
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
    let given = Given::<Span>::new(given, STALE).optional(&mut settings).map(|span| span.0);
    let silence = silence(&mut settings, given, interval);
    settings.finish(|| Some(silence))
}

/// What `publish` and `run` need for one management experience.
#[derive(Debug, Clone)]
pub(crate) struct PublishConfig {
    pub(crate) experience: ExperienceId,
    pub(crate) snapshots: TableName,
    /// The table of receipts; none where neither a mark is kept nor anything told of the spokes.
    pub(crate) timestamps: Option<TableName>,
    pub(crate) topic: TopicArn,
    pub(crate) events_queue_url: Option<QueueUrl>,
    pub(crate) signing: Option<SigningConfig>,
    /// Whether not to sign is meant, though earlier snapshots were signed.
    pub(crate) unsigned: bool,
    /// Whether products are looked up for the members' filters.
    pub(crate) looks_products_up: bool,
    /// The longest that a member may hold; none for the usual.
    pub(crate) max_hold: Option<SignedDuration>,
    /// Where operations is told what changed; none where it is not.
    pub(crate) notify: Option<NotifyConfig>,
    /// The waves in which organizations get a new version.
    pub(crate) waves: WavesSetting,
    /// Whom the settings admit.
    pub(crate) members: BTreeSet<OrganizationId>,
    /// The fleet's change windows; none where what was set last stays.
    pub(crate) windows: Option<Windows>,
}

/// How operations is told what changed in the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotifyConfig {
    pub(crate) topic: TopicArn,
    pub(crate) format: Format,
}

/// How snapshots are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningConfig {
    pub(crate) key: SigningKey,
    pub(crate) lifetime: SignedDuration,
}

/// What the commands need that look at the fleet.
#[derive(Debug, Clone)]
pub(crate) struct StatusConfig {
    pub(crate) experience: ExperienceId,
    pub(crate) snapshots: TableName,
    pub(crate) timestamps: TableName,
    /// Whom the settings admit.
    pub(crate) members: BTreeSet<OrganizationId>,
}

/// The configuration of the command `plan`.
#[derive(Debug, Clone)]
pub(crate) struct PlanConfig {
    pub(crate) status: StatusConfig,
    /// The folder with the members' filters.
    pub(crate) folder: Option<String>,
    /// The program that runs them, where it is not to be looked for.
    pub(crate) program: Option<String>,
}

/// What the commands need that direct the fleet.
#[derive(Debug, Clone)]
pub(crate) struct SteerConfig {
    pub(crate) experience: ExperienceId,
    pub(crate) snapshots: TableName,
    pub(crate) timestamps: TableName,
    /// Without a topic, what is directed waits for the next announcement.
    pub(crate) topic: Option<TopicArn>,
    /// Whom the settings admit.
    pub(crate) members: BTreeSet<OrganizationId>,
    pub(crate) signing: Option<SigningConfig>,
    /// Whether not to sign is meant, though earlier snapshots were signed.
    pub(crate) unsigned: bool,
}

impl PublishConfig {
    /// What a person's command needs to publish or to announce: all that a run does besides is left
    /// out, and the waves are those that the hub was configured with last.
    pub(crate) fn by_hand(status: StatusConfig, topic: TopicArn) -> Self {
        let StatusConfig { experience, snapshots, timestamps, members } = status;
        Self {
            experience,
            snapshots,
            timestamps: Some(timestamps),
            topic,
            events_queue_url: None,
            signing: None,
            unsigned: false,
            looks_products_up: false,
            max_hold: None,
            notify: None,
            waves: WavesSetting::Unset,
            members,
            windows: None,
        }
    }
}

impl SteerConfig {
    /// The same, as the commands need it that look at the fleet.
    pub(crate) fn status(&self) -> StatusConfig {
        let Self { experience, snapshots, timestamps, members, .. } = self.clone();
        StatusConfig { experience, snapshots, timestamps, members }
    }

    /// The same, to publish.
    ///
    /// # Errors
    /// Without a topic, which is told as a setting that is missing.
    pub(crate) fn publish(&self) -> Result<PublishConfig, Failure> {
        let mut settings = Settings::default();
        if self.topic.is_none() {
            settings.missing(TOPIC);
        }
        settings.finish(|| {
            let (signing, unsigned) = (self.signing.clone(), self.unsigned);
            Some(PublishConfig { signing, unsigned, ..PublishConfig::by_hand(self.status(), self.topic.clone()?) })
        })
    }
}

/// What `doctor` looks at: whatever is set and can be read.
#[derive(Debug, Clone)]
pub(crate) struct DoctorConfig {
    pub(crate) experience: Option<ExperienceId>,
    pub(crate) snapshots: Option<TableName>,
    pub(crate) timestamps: Option<TableName>,
    pub(crate) topic: Option<TopicArn>,
    pub(crate) notify_topic: Option<TopicArn>,
    pub(crate) events_queue_url: Option<QueueUrl>,
    pub(crate) members: BTreeSet<OrganizationId>,
    pub(crate) signing_key: Option<SigningKey>,
    pub(crate) looks_products_up: bool,
    /// The fleet's change windows as they are set here; none where they are not.
    pub(crate) windows: Option<Windows>,
    /// The folder with the members' filters, and the program that runs them.
    pub(crate) folder: Option<String>,
    pub(crate) program: Option<String>,
    /// Whether waves are configured.
    pub(crate) has_waves: bool,
    /// Whether the next run ends them.
    pub(crate) ends_waves: bool,
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
    /// The management experience that a command is about: the one that is chosen, or the only one.
    fn one(&self, settings: &mut Settings) -> Option<Own> {
        if !self.hub_experiences().is_set() {
            return self.experience_id().required(settings).map(Own::plain);
        }
        if self.experience_id().is_set() {
            return self.chosen(settings);
        }
        let experiences = self.hub_experiences().optional(settings)?;
        let only = experiences.only().cloned();
        if only.is_none() {
            settings
                .missing_because(EXPERIENCE, format!("{EXPERIENCES} names several, so choose one of {experiences}"));
        }
        only
    }

    /// The management experience that is chosen among those of the hub: another one is a mistake,
    /// which must not look like an empty fleet.
    fn chosen(&self, settings: &mut Settings) -> Option<Own> {
        let (chosen, experiences) =
            (self.experience_id().optional(settings), self.hub_experiences().optional(settings));
        let (chosen, experiences): (ExperienceId, _) = (chosen?, experiences?);
        let own = experiences.of(&chosen).cloned();
        if own.is_none() {
            settings.problem(EXPERIENCE, format!("`{chosen}` is not among those of {EXPERIENCES}: {experiences}"));
        }
        own
    }

    /// The management experiences that are published by a command: the chosen one, or all.
    fn published(&self, settings: &mut Settings) -> Option<Vec<Own>> {
        if self.experience_id().is_set() {
            return self.one(settings).map(|own| vec![own]);
        }
        self.served(settings)
    }

    /// The management experiences that are served by whatever runs on: all, whichever one is chosen
    /// for commands, because the others would be forgotten without a word.
    fn served(&self, settings: &mut Settings) -> Option<Vec<Own>> {
        if !self.hub_experiences().is_set() {
            return self.one(settings).map(|own| vec![own]);
        }
        if self.experience_id().is_set() {
            self.chosen(settings)?;
        }
        self.hub_experiences().optional(settings).map(Experiences::all)
    }

    /// What `publish` needs for each management experience; at least one.
    pub(crate) fn for_publish(&self) -> Result<Vec<PublishConfig>, Failure> {
        let mut settings = Settings::default();
        let publish = self.publish(&mut settings, Self::published);
        settings.finish(|| publish)
    }

    fn publish(
        &self,
        settings: &mut Settings,
        which: impl FnOnce(&Self, &mut Settings) -> Option<Vec<Own>>,
    ) -> Option<Vec<PublishConfig>> {
        let experiences = which(self, settings);
        let snapshots = self.snapshots_table().required(settings);
        let topic = self.topic_arn().required(settings);
        let timestamps = self.timestamps_table().optional(settings);
        let events_queue_url = self.events_queue_url().optional(settings);
        let (signing, unsigned) = (self.signing(settings), self.unsigned());
        let looks_products_up = self.looks_products_up(settings);
        let max_hold = self.max_hold().optional(settings).map(|hold| hold.0);
        let notify = self.notify(settings);
        // What is wrong with that table is told with the rest; here counts that it is there.
        if notify.is_some() && !self.timestamps_table().is_set() {
            settings.missing(TIMESTAMPS);
        }
        let waves = self.waves().optional(settings).unwrap_or_default();
        let without_table = |settings: &mut Settings, waves: &WavesSetting, source| {
            if matches!(waves, WavesSetting::Given(_)) && !self.timestamps_table().is_set() {
                settings.problem(source, format!("needs {TIMESTAMPS}: how organizations stand is written there"));
            }
        };
        without_table(settings, &waves, WAVES);
        if let Some(own) = experiences.iter().flatten().find_map(|own| own.waves.as_ref()) {
            without_table(settings, own, EXPERIENCES);
        }
        let members = self.members(settings);
        let windows = self.change_windows().optional(settings);
        if !self.timestamps_table().is_set() {
            let untold = |source| (source, format!("needs {TIMESTAMPS}: what members are told is written there"));
            let own = experiences.iter().flatten().any(|own| own.windows.is_some()).then(|| untold(EXPERIENCES));
            for (source, problem) in windows.is_some().then(|| untold(CHANGE_WINDOWS)).into_iter().chain(own) {
                settings.problem(source, problem);
            }
        }
        let (experiences, snapshots, topic): (_, TableName, TopicArn) = (experiences?, snapshots?, topic?);
        let of = |own: Own| PublishConfig {
            experience: own.experience,
            snapshots: snapshots.clone(),
            timestamps: timestamps.clone(),
            topic: topic.clone(),
            events_queue_url: events_queue_url.clone(),
            signing: signing.clone(),
            unsigned,
            looks_products_up,
            max_hold: own.max_hold.or(max_hold),
            notify: notify.clone(),
            waves: own.waves.unwrap_or_else(|| waves.clone()),
            members: own.members.unwrap_or_else(|| members.clone()),
            windows: own.windows.or_else(|| windows.clone()),
        };
        Some(experiences.into_iter().map(of).collect())
    }

    /// Where operations is told.
    fn notify(&self, settings: &mut Settings) -> Option<NotifyConfig> {
        let topic = self.notify_topic_arn().optional(settings);
        // A wrong format is noted, so that no configuration comes of it.
        let format = self.notify_format().optional(settings).unwrap_or_default();
        Some(NotifyConfig { topic: topic?, format })
    }

    fn looks_products_up(&self, settings: &mut Settings) -> bool {
        self.product_attributes().optional(settings).is_some_and(|switch| switch.0)
    }

    /// Whether not to sign is meant: a blank setting may be one that was forgotten.
    fn unsigned(&self) -> bool {
        self.signing_key().is(UNSIGNED)
    }

    fn read_signing_key(&self, settings: &mut Settings) -> Option<SigningKey> {
        self.signing_key().unless(UNSIGNED).optional(settings)
    }

    fn signing(&self, settings: &mut Settings) -> Option<SigningConfig> {
        let key = self.read_signing_key(settings);
        // A wrong lifetime is noted, so that no configuration comes of it.
        let lifetime = self.statement_lifetime().optional(settings).map_or(STATEMENT_LIFETIME, |it| it.0);
        Some(SigningConfig { key: key?, lifetime })
    }

    /// The configuration of `public-key`.
    pub(crate) fn for_public_key(&self) -> Result<SigningKey, Failure> {
        let mut settings = Settings::default();
        let key = self.signing_key().required(&mut settings);
        settings.finish(|| key)
    }

    /// Whom the settings of the hub admit.
    fn members(&self, settings: &mut Settings) -> BTreeSet<OrganizationId> {
        self.member_organizations().optional(settings).unwrap_or_default().0
    }

    /// The management experience that a command is about, and whom the settings admit to it.
    fn one_and_members(&self, settings: &mut Settings) -> Option<(ExperienceId, BTreeSet<OrganizationId>)> {
        let (own, members) = (self.one(settings), self.members(settings));
        own.map(|own| (own.experience, own.members.unwrap_or(members)))
    }

    /// What `run` needs: as `publish`, for all. Without an interval, only whether it is complete.
    pub(crate) fn for_run(&self, interval: Option<Duration>) -> Result<Vec<PublishConfig>, Failure> {
        self.for_run_with(interval, |_| {})
    }

    fn for_run_with(
        &self,
        interval: Option<Duration>,
        besides: impl FnOnce(&mut Settings),
    ) -> Result<Vec<PublishConfig>, Failure> {
        let mut settings = Settings::default();
        besides(&mut settings);
        let publish = self.publish(&mut settings, Self::served);
        let signing = publish.iter().flatten().find_map(|publish| publish.signing.as_ref());
        if let (Some(interval), Some(signing)) = (interval, signing)
            && SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX) > signing.lifetime / 2
        {
            settings
                .problem(LIFETIME, "shorter than two intervals: one announcement that fails would freeze every spoke");
        }
        settings.finish(|| publish)
    }

    /// What `recover` needs: as `publish`, and the table that holds the mark.
    pub(crate) fn for_recover(&self) -> Result<PublishConfig, Failure> {
        let mut settings = Settings::default();
        let one = |config: &Self, settings: &mut Settings| config.one(settings).map(|own| vec![own]);
        let publish = self.publish(&mut settings, one);
        // What is wrong with it is told with the rest; here counts that it is there.
        if !self.timestamps_table().is_set() {
            settings.missing(TIMESTAMPS);
        }
        settings.finish(|| publish?.into_iter().next())
    }

    pub(crate) fn for_status(&self) -> Result<StatusConfig, Failure> {
        let mut settings = Settings::default();
        let one = self.one_and_members(&mut settings);
        let snapshots = self.snapshots_table().required(&mut settings);
        let timestamps = self.timestamps_table().required(&mut settings);
        settings.finish(|| {
            let ((experience, members), snapshots, timestamps) = (one?, snapshots?, timestamps?);
            Some(StatusConfig { experience, snapshots, timestamps, members })
        })
    }

    /// What `plan` needs: as `status`, and where the members' filters and their program are.
    pub(crate) fn for_plan(&self) -> Result<PlanConfig, Failure> {
        let status = self.for_status()?;
        let mut settings = Settings::default();
        let folder = self.filters_folder().optional(&mut settings);
        let program = self.filter_program().optional(&mut settings);
        settings.finish(|| Some(PlanConfig { status, folder, program }))
    }

    /// The configuration of `history`, `show` and `diff`. They read the table of receipts to tell
    /// which experience may have been meant, where it is set.
    pub(crate) fn for_history(&self) -> Result<(ExperienceId, TableName, Option<TableName>), Failure> {
        let mut settings = Settings::default();
        let one = self.one(&mut settings);
        let snapshots = self.snapshots_table().required(&mut settings);
        let timestamps = self.timestamps_table().if_right();
        settings.finish(|| Some((one?.experience, snapshots?, timestamps)))
    }

    /// The configuration of `confirm`: without a topic, the confirmation waits for the next
    /// announcement.
    pub(crate) fn for_confirm(&self) -> Result<(StatusConfig, Option<TopicArn>), Failure> {
        let status = self.for_status()?;
        let mut settings = Settings::default();
        let topic = self.topic_arn().optional(&mut settings);
        settings.finish(|| Some((status, topic)))
    }

    /// The configuration of `notify`: as `status`, the topic, without which nothing is sent, and
    /// how long a spoke may be silent, as the function has it: otherwise each would contradict the
    /// other.
    pub(crate) fn for_notify(
        &self,
        run: &RunSettings,
        sends: bool,
    ) -> Result<(StatusConfig, Option<NotifyConfig>, Duration), Failure> {
        let mut settings = Settings::default();
        let one = self.one_and_members(&mut settings);
        let snapshots = self.snapshots_table().required(&mut settings);
        let timestamps = self.timestamps_table().required(&mut settings);
        let (notify, (_, stale_after)) = (self.notify(&mut settings), run.read(&mut settings));
        if sends && !self.notify_topic_arn().is_set() {
            settings.missing(NOTIFY_TOPIC);
        }
        settings.finish(|| {
            let ((experience, members), snapshots, timestamps) = (one?, snapshots?, timestamps?);
            Some((StatusConfig { experience, snapshots, timestamps, members }, notify, stale_after))
        })
    }

    /// The configuration of the commands that direct the fleet. To publish at once takes a topic.
    pub(crate) fn for_steer(&self, publishes: bool) -> Result<SteerConfig, Failure> {
        let mut settings = Settings::default();
        let one = self.one_and_members(&mut settings);
        let snapshots = self.snapshots_table().required(&mut settings);
        let timestamps = self.timestamps_table().required(&mut settings);
        let topic =
            if publishes { self.topic_arn().required(&mut settings) } else { self.topic_arn().optional(&mut settings) };
        let (signing, unsigned) = (self.signing(&mut settings), self.unsigned());
        settings.finish(|| {
            let ((experience, members), snapshots, timestamps) = (one?, snapshots?, timestamps?);
            Some(SteerConfig { experience, snapshots, timestamps, topic, members, signing, unsigned })
        })
    }

    /// The configuration for `doctor`, and what is missing or wrong for `publish` and `run`. One
    /// for each management experience that is to be looked at; at least one.
    pub(crate) fn for_doctor(&self, run: &RunSettings) -> (Vec<DoctorConfig>, Result<(), Failure>) {
        let complete = self.for_run_with(None, |settings| run.check(settings)).map(drop);
        // `complete` carries the problems already; here we keep whatever could be read.
        let found = self.published(&mut Settings::default()).unwrap_or_default();
        let configs: Vec<_> = found.into_iter().map(|own| self.whatever_is_right(Some(own))).collect();
        (if configs.is_empty() { vec![self.whatever_is_right(None)] } else { configs }, complete)
    }

    /// The configuration for `verify-aws`: whatever is right. Its management experience is the one
    /// that would be changed, where the hub serves it: so that is noticed.
    pub(crate) fn for_verify(&self, changed: Option<&ExperienceId>) -> DoctorConfig {
        let experiences = self.hub_experiences().if_right();
        let own = changed.and_then(|changed| experiences.as_ref()?.of(changed).cloned());
        self.whatever_is_right(own.or_else(|| self.one(&mut Settings::default())))
    }

    fn whatever_is_right(&self, own: Option<Own>) -> DoctorConfig {
        let mut settings = Settings::default();
        let settings = &mut settings;
        let (experience, own_members, own_waves, own_windows) = match own {
            Some(Own { experience, members, waves, windows, .. }) => (Some(experience), members, waves, windows),
            None => (None, None, None, None),
        };
        let of_the_hub = self.waves().is_set() && !self.waves().is("none");
        DoctorConfig {
            experience,
            snapshots: self.snapshots_table().optional(settings),
            timestamps: self.timestamps_table().optional(settings),
            topic: self.topic_arn().optional(settings),
            notify_topic: self.notify_topic_arn().optional(settings),
            events_queue_url: self.events_queue_url().optional(settings),
            members: own_members.unwrap_or_else(|| self.members(settings)),
            signing_key: self.read_signing_key(settings),
            looks_products_up: self.looks_products_up(settings),
            windows: own_windows.or_else(|| self.change_windows().optional(settings)),
            folder: self.filters_folder().optional(settings),
            program: self.filter_program().optional(settings),
            ends_waves: own_waves.as_ref().map_or(self.waves().is("none"), |waves| *waves == WavesSetting::Off),
            has_waves: own_waves.map_or(of_the_hub, |waves| matches!(waves, WavesSetting::Given(_))),
        }
    }

    pub(crate) fn for_init(&self, admits: bool) -> Result<InitConfig, Failure> {
        let mut settings = Settings::default();
        let one = if admits {
            self.one(&mut settings)
        } else {
            // Nothing is made by it: what is wrong there is said by the commands that need it.
            self.one(&mut Settings::default())
        };
        let experience = one.map(|own| own.experience);
        let snapshots = self.snapshots_table().or("pmp-sync-Snapshots").required(&mut settings);
        let timestamps = self.timestamps_table().or("pmp-sync-SyncTimestamps").required(&mut settings);
        let topic = self.topic_arn().optional(&mut settings);
        settings.finish(|| Some(InitConfig { snapshots: snapshots?, timestamps: timestamps?, topic, experience }))
    }
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
