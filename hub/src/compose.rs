//! The parts of a hub, put together from its settings.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use jiff::SignedDuration;
use pmp_catalog::{Catalog, RateLimits, SdkCatalog, SdkDirectory};
use pmp_ledger::{
    DynamoAnswers, DynamoAudit, DynamoOutbox, DynamoReceipts, DynamoRecords, DynamoRollouts, DynamoSnapshots, Outbox,
    TableName,
};
use pmp_protocol::ExperienceId;
use pmp_runtime::{Chance, Clock, SystemChance, SystemClock};

use crate::audit::{Auditor, RunAudit};
use crate::config::{NotifyConfig, PublishConfig, StatusConfig};
use crate::notify::{Notifier, SnsChannel};
use crate::publish::Hub;
use crate::publish::products::Products;
use crate::publish::topic::SnsTopic;
use crate::publish::waves::Rollouts;
use crate::signing::Signing;
use crate::status::fleet::Fleet;

pub(crate) fn hub(sdk: &SdkConfig, config: &PublishConfig, keep_versions: u64) -> Hub {
    hub_of(sdk, config, keep_versions, catalog(sdk))
}

/// The catalog, with the bounds of one account: hubs of one process share it.
pub(crate) fn catalog(sdk: &SdkConfig) -> Arc<dyn Catalog> {
    Arc::new(SdkCatalog::new(sdk, RateLimits::default()))
}

/// The hub of one management experience among others.
pub(crate) fn hub_of(sdk: &SdkConfig, config: &PublishConfig, keep_versions: u64, catalog: Arc<dyn Catalog>) -> Hub {
    Hub {
        catalog,
        snapshots: Arc::new(DynamoSnapshots::new(sdk, config.snapshots.clone())),
        marks: config.timestamps.clone().map(|table| Arc::new(DynamoReceipts::new(sdk, table)) as _),
        rollouts: config.timestamps.as_ref().map(|table| Rollouts {
            store: Arc::new(DynamoRollouts::new(sdk, table.clone())),
            fleet: Fleet::consistent(sdk, &config.snapshots, table, config.members.clone()),
            setting: config.waves.clone(),
        }),
        topic: Arc::new(SnsTopic::new(sdk, config.topic.clone())),
        experience: config.experience.clone(),
        keep_versions,
        max_hold: config.max_hold.and_then(|hold| u64::try_from(hold.as_secs()).ok()),
        windows: config.windows.clone(),
        signing: config.signing.as_ref().map(|signing| Signing::new(signing.key.signer(sdk), signing.lifetime)),
        unsigned: config.unsigned,
        clock: clock(),
    }
}

/// The time of day, for commands that have no hub.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Chance, for commands that have no hub.
pub(crate) fn chance() -> Arc<dyn Chance> {
    Arc::new(SystemChance)
}

/// What writes into the audit, as the caller.
pub(crate) fn auditor(sdk: &SdkConfig, timestamps: &TableName, experience: &ExperienceId) -> Auditor {
    let store = Arc::new(DynamoAudit::new(sdk, timestamps.clone()));
    Auditor::new(store, experience.clone(), clock(), sdk.clone())
}

/// What writes down the runs of a hub by itself, where the table for it is configured.
pub(crate) fn run_audit(sdk: &SdkConfig, config: &PublishConfig, fleet: Option<Fleet>) -> Option<RunAudit> {
    let timestamps = config.timestamps.as_ref()?;
    let snapshots = Arc::new(DynamoSnapshots::new(sdk, config.snapshots.clone()));
    let records = Arc::new(DynamoRecords::new(sdk, timestamps.clone()));
    Some(RunAudit { auditor: auditor(sdk, timestamps, &config.experience), snapshots, records, fleet: fleet? })
}

/// What looks products up, where that is wanted.
pub(crate) fn products(sdk: &SdkConfig, config: &PublishConfig) -> Option<Products> {
    let products = || Products {
        directory: Arc::new(SdkDirectory::new(sdk)),
        answers: Arc::new(DynamoAnswers::new(sdk, config.snapshots.clone())),
    };
    config.looks_products_up.then(products)
}

/// What tells operations after each run, where a topic for that is configured.
pub(crate) fn notifier_of_runs(sdk: &SdkConfig, config: &PublishConfig, stale_after: Duration) -> Option<Notifier> {
    let (notify, timestamps) = (config.notify.as_ref()?, config.timestamps.clone()?);
    let (experience, snapshots, members) =
        (config.experience.clone(), config.snapshots.clone(), config.members.clone());
    Some(notifier(sdk, &StatusConfig { experience, snapshots, timestamps, members }, notify, stale_after))
}

/// What tells operations of the fleet, on the topic of the settings.
pub(crate) fn notifier(
    sdk: &SdkConfig,
    config: &StatusConfig,
    notify: &NotifyConfig,
    stale_after: Duration,
) -> Notifier {
    Notifier {
        fleet: consistent_fleet(sdk, config),
        outbox: outbox(sdk, config),
        channel: Arc::new(SnsChannel::new(sdk, notify.topic.clone(), notify.format)),
        experience: config.experience.clone(),
        stale_after: silence(stale_after),
        clock: clock(),
    }
}

/// The fleet, as whoever tells of it reads it.
pub(crate) fn consistent_fleet(sdk: &SdkConfig, config: &StatusConfig) -> Fleet {
    Fleet::consistent(sdk, &config.snapshots, &config.timestamps, config.members.clone())
}

/// What was told, and what is still to be sent.
pub(crate) fn outbox(sdk: &SdkConfig, config: &StatusConfig) -> Arc<dyn Outbox> {
    Arc::new(DynamoOutbox::new(sdk, config.timestamps.clone()))
}

/// How long a spoke may be silent, for comparing times of day.
pub(crate) fn silence(stale_after: Duration) -> SignedDuration {
    SignedDuration::try_from(stale_after).unwrap_or(SignedDuration::MAX)
}
