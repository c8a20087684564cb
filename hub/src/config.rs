//! What the hub needs to know, from flags or the environment, checked at start.

mod declared;
pub(crate) mod experiences;
mod hold;
pub(crate) mod notify;
mod of_command;
mod run;
pub(crate) mod waves;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use pmp_aws::{QueueUrl, TopicArn};
use pmp_ledger::TableName;
use pmp_protocol::{ExperienceId, OrganizationId};
use pmp_terminal::{Failure, Settings, Source};
use pmp_windows::Windows;

pub(crate) use self::declared::{
    CHANGE_WINDOWS, ConfigArgs, EVENTS, EXPERIENCE, EXPERIENCES, FILTER_PROGRAM, FILTERS_FOLDER, INTERVAL, KEEP,
    LIFETIME, MAX_HOLD, MEMBERS, METRICS, NOTIFY_FORMAT, NOTIFY_TOPIC, RunSettings, SIGNING_KEY, SNAPSHOTS, STALE,
    TIMESTAMPS, TOPIC, WAVES,
};
use self::experiences::{Experiences, Own};
use self::notify::Format;
pub(crate) use self::run::{FunctionArgs, KEEP_VERSIONS, SILENCE, StaleAfter, silence_of_run};
use self::waves::WavesSetting;
use crate::signing::SigningKey;

/// What stands in place of a key where snapshots are meant to be unsigned, though earlier ones were
/// signed.
const UNSIGNED: &str = "none";
/// For how long a statement holds, where nothing else is asked for: a weekend and its holidays may
/// pass without the hub.
const STATEMENT_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where the hub's management experiences are named, and which.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// The setting that names them, and that is wrong where one does not exist.
    pub(crate) source: Source,
    /// All that it names. None of them is meant by another one.
    pub(crate) all: BTreeSet<ExperienceId>,
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
    /// The waves in which the next version would go out.
    pub(crate) waves: WavesSetting,
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
    /// Where it is named, and with which others.
    pub(crate) named: Named,
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
    /// Where the hub's management experiences are named, and which they are.
    pub(crate) fn named(&self) -> Named {
        if !self.hub_experiences().is_set() {
            return Named { source: EXPERIENCE, all: self.experience_id().if_right().into_iter().collect() };
        }
        let experiences = self.hub_experiences().if_right().map(Experiences::all).unwrap_or_default();
        Named { source: EXPERIENCES, all: experiences.into_iter().map(|own| own.experience).collect() }
    }

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

    /// Whom the settings of the hub admit.
    fn members(&self, settings: &mut Settings) -> BTreeSet<OrganizationId> {
        self.member_organizations().optional(settings).unwrap_or_default().0
    }

    /// The management experience that a command is about, and whom the settings admit to it.
    fn one_and_members(&self, settings: &mut Settings) -> Option<(ExperienceId, BTreeSet<OrganizationId>)> {
        let (own, members) = (self.one(settings), self.members(settings));
        own.map(|own| (own.experience, own.members.unwrap_or(members)))
    }
}
