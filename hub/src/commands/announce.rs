//! The announcement that both forms of `confirm` make.

use aws_config::SdkConfig;
use pmp_aws::TopicArn;
use pmp_ledger::Head;
use pmp_protocol::Reason;
use pmp_terminal::Failure;

use crate::compose;
use crate::config::{PublishConfig, StatusConfig};
use crate::publish::Published;

/// Announces the newest snapshot again, so that the spokes find the confirmation.
pub(super) async fn announce(
    sdk: &SdkConfig,
    config: StatusConfig,
    topic: TopicArn,
    head: &Head,
) -> Result<Published, Failure> {
    // The snapshot is not signed anew, because the person who confirms may not hold the hub's key.
    let publish = PublishConfig::by_hand(config, topic);
    // Nothing is stored, so nothing is pruned.
    let hub = compose::hub(sdk, &publish, u64::MAX);
    let announced = hub.announce_again(head, Reason::Operator).await;
    let hint = "it is confirmed: the spoke takes it up with the next announcement";
    announced.map_err(|error| Failure::from(error).hint(hint.to_owned()))
}
