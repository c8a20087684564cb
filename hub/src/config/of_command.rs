//! What each command needs of the settings, checked as a whole: whatever is missing or wrong is
//! told at once.

use std::time::Duration;

use jiff::SignedDuration;
use pmp_aws::TopicArn;
use pmp_ledger::TableName;
use pmp_protocol::ExperienceId;
use pmp_terminal::{Failure, Settings};

use super::experiences::Own;
use super::waves::WavesSetting;
use super::{
    ConfigArgs, DoctorConfig, InitConfig, LIFETIME, NOTIFY_TOPIC, NotifyConfig, PlanConfig, PublishConfig, RunSettings,
    StatusConfig, SteerConfig, TIMESTAMPS,
};
use crate::signing::SigningKey;

impl ConfigArgs {
    /// What `publish` needs for each management experience; at least one.
    pub(crate) fn for_publish(&self) -> Result<Vec<PublishConfig>, Failure> {
        let mut settings = Settings::default();
        let publish = self.publish(&mut settings, Self::published);
        settings.finish(|| publish)
    }

    /// The configuration of `public-key`.
    pub(crate) fn for_public_key(&self) -> Result<SigningKey, Failure> {
        let mut settings = Settings::default();
        let key = self.signing_key().required(&mut settings);
        settings.finish(|| key)
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
        let own = self.one(&mut settings).and_then(|own| own.waves);
        let waves = own.or_else(|| self.waves().optional(&mut settings)).unwrap_or_default();
        settings.finish(|| Some(PlanConfig { status, folder, program, waves }))
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
            named: self.named(),
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
