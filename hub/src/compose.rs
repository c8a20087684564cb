//! The parts of a hub, put together from its settings.

use std::sync::Arc;

use aws_config::SdkConfig;
use pmp_catalog::{RateLimits, SdkCatalog, SdkDirectory};
use pmp_ledger::{DynamoAnswers, DynamoReceipts, DynamoRollouts, DynamoSnapshots};
use pmp_runtime::{Clock, SystemClock};

use crate::config::PublishConfig;
use crate::publish::Hub;
use crate::publish::products::Products;
use crate::publish::topic::SnsTopic;
use crate::publish::waves::Rollouts;
use crate::signing::Signing;
use crate::status::fleet::Fleet;

pub(crate) fn hub(sdk: &SdkConfig, config: &PublishConfig, keep_versions: u64) -> Hub {
    Hub {
        catalog: Arc::new(SdkCatalog::new(sdk, RateLimits::default())),
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
        signing: config
            .signing
            .as_ref()
            .map(|signing| Signing { signer: signing.key.signer(sdk), lifetime: signing.lifetime }),
        unsigned: config.unsigned,
        clock: clock(),
    }
}

/// The time of day, for commands that have no hub.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// What looks products up, where that is wanted.
pub(crate) fn products(sdk: &SdkConfig, config: &PublishConfig) -> Option<Products> {
    let products = || Products {
        directory: Arc::new(SdkDirectory::new(sdk)),
        answers: Arc::new(DynamoAnswers::new(sdk, config.snapshots.clone())),
    };
    config.looks_products_up.then(products)
}
