//! The parts of a spoke, put together from its settings.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_config::SdkConfig;
use pmp_catalog::SdkCatalog;
use pmp_ledger::{DynamoAnswers, DynamoLeases, DynamoReceipts, DynamoRecords, DynamoSnapshots};
use pmp_protocol::{ManagementId, one_line};
use pmp_runtime::{Chance, Clock, Stop, SystemChance, SystemClock};
use pmp_terminal::progress::waiting_for;
use pmp_terminal::{Failure, Output, stop_on_signal};
use tokio::time::Instant;

use crate::config::SpokeConfig;
use crate::draft::SPOKE_VERSION;
use crate::error::sdk;
use crate::filters::Filters;
use crate::identity::Identity;
use crate::lease::Leases;
use crate::pass::Spoke;
use crate::pass::record::Records;
use crate::pass::trust::Trust;
use crate::progress::Silent;

/// What a command waits for, before there is a spoke.
const IDENTITY: &str = "AWS: who this is, and which organization";
const FILTERS: &str = "the filters: fetched and compiled";

/// What a command does with the spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It makes passes. The hub is told what stands in their way.
    Pass,
    /// It looks, and writes nothing: the hub must not take it for a pass.
    Look,
}

/// The spoke that the configuration describes. Where it makes passes, a filter that cannot be used
/// is told to the hub. `waits` is the output of a command that a person waits for.
pub(crate) async fn spoke(
    sdk: &SdkConfig,
    identity: Identity,
    config: &SpokeConfig,
    command: &str,
    purpose: Purpose,
    waits: Option<Output>,
) -> Result<Spoke, Failure> {
    let hub = match config.hub_role_for(&identity.organization) {
        Some(role) => pmp_aws::assume_role(sdk, role).await,
        None => sdk.clone(),
    };
    let leases = Arc::new(DynamoLeases::new(&hub, config.timestamps.clone()));
    let (clock, chance, organization) = (clock(), chance(), identity.organization.clone());
    let lease = Leases::new(leases, organization, holder(command), config.lease_term, clock.clone(), chance.clone());
    let catalog = Arc::new(SdkCatalog::without_retries(sdk, config.rates));
    let mut spoke = Spoke {
        catalog: catalog.clone(),
        snapshots: Arc::new(DynamoSnapshots::new(&hub, config.snapshots.clone())),
        answers: Some(Arc::new(DynamoAnswers::new(&hub, config.snapshots.clone()))),
        receipts: Arc::new(DynamoReceipts::new(&hub, config.timestamps.clone())),
        identity,
        management: ManagementId::new(config.experience.clone()),
        selection: config.selection.clone(),
        filters: Arc::new(Filters::new(sdk, &config.filters)),
        sharing: config.sharing,
        attributes: None,
        guard: config.guard,
        guard_window: config.guard_window,
        engine: config.engine,
        lease,
        reads_directions: Arc::new(AtomicBool::new(true)),
        pause_ends: Arc::default(),
        windows: config.windows.clone(),
        outside: None,
        trust: Arc::new(Trust::new(config.trusted.clone())),
        records: Some(Records {
            store: Arc::new(DynamoRecords::new(&hub, config.timestamps.clone())),
            retention: config.retention,
        }),
        sync_settings: config.sync_settings,
        mode: config.mode,
        bound: None,
        drift: config.drift.clone(),
        history: Some(catalog.clone()),
        progress: Arc::new(Silent),
        metrics: None,
        clock,
        chance,
    };
    let mut sources = config.filters.assigned().filter_map(|(_, filter)| Some(filter.as_ref()?.product_attributes));
    if let Some(source) = sources.find(|source| !source.is_nowhere()) {
        spoke.attributes = source.attributes(sdk, &hub, &config.snapshots, &config.experience);
    }
    if let Err(error) = waiting(waits, FILTERS, spoke.filters.start()).await {
        let failure = Failure::from(error);
        if purpose == Purpose::Pass {
            let text = failure.render().lines().collect::<Vec<_>>().join("; ");
            if let Err(error) = spoke.report_error(text, None).await {
                tracing::warn!(error = one_line(&error), "the hub could not be told of the filter's failure");
            }
        }
        return Err(failure);
    }
    Ok(spoke)
}

/// The SDK's configuration, and the spoke over it. A person who waits for longer than a second is
/// told for what.
pub(crate) async fn sdk_and_spoke(
    config: &SpokeConfig,
    command: &str,
    purpose: Purpose,
    waits: Option<Output>,
) -> Result<(SdkConfig, Spoke), Failure> {
    let beginning = async {
        let sdk = sdk().await?;
        let identity = Identity::find(&sdk, config.organization.clone()).await?;
        Ok::<_, Failure>((sdk, identity))
    };
    let (sdk, identity) = waiting(waits, IDENTITY, beginning).await?;
    let spoke = spoke(&sdk, identity, config, command, purpose, waits).await?;
    Ok((sdk, spoke))
}

async fn waiting<T>(waits: Option<Output>, what: &str, work: impl Future<Output = T>) -> T {
    match waits {
        Some(output) => waiting_for(output, what, work).await,
        None => work.await,
    }
}

/// The time of day, for commands that have no spoke.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The same for chance.
pub(crate) fn chance() -> Arc<dyn Chance> {
    Arc::new(SystemChance)
}

/// The name of this process for others: program, version, command, host and process.
fn holder(command: &str) -> String {
    let host = hostname::get().map_or_else(|_| "an unnamed host".into(), |name| name.to_string_lossy().into_owned());
    format!("pmp-spoke {SPOKE_VERSION} ({command}) on {host}, process {}", std::process::id())
}

/// The token that a signal cancels, and `--stop-after`.
pub(crate) fn stop(config: &SpokeConfig) -> Result<Stop, Failure> {
    let stop = stop_on_signal()?;
    if let Some(after) = config.stop_after {
        stop.before(Instant::now() + after, Duration::ZERO);
    }
    Ok(stop)
}
