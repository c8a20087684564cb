//! What the ledger in memory is held to (`pmp_ledger::testing`), DynamoDB's adapters are held to as
//! well: so a test in memory tells what would happen.

use pmp_ledger::testing::contract;
use pmp_ledger::{
    DynamoAnswers, DynamoAudit, DynamoLeases, DynamoOutbox, DynamoReceipts, DynamoRecords, DynamoReports,
    DynamoRollouts, DynamoRoster, DynamoSnapshots,
};
use pmp_tests::{Scene, world};

#[tokio::test]
async fn the_adapters_do_what_every_ledger_must() {
    let scene = Scene::start(world(&[], &[])).await;
    let config = scene.hub_account.config();
    let (snapshots, timestamps) = (|| "Snapshots".parse().unwrap(), || "SyncTimestamps".parse().unwrap());
    contract::snapshots(&DynamoSnapshots::new(config, snapshots())).await;
    contract::answers(&DynamoAnswers::new(config, snapshots())).await;
    contract::audit(&DynamoAudit::new(config, timestamps())).await;
    let receipts = DynamoReceipts::new(config, timestamps());
    contract::receipts(&receipts).await;
    contract::signs_of_life(&receipts).await;
    contract::confirmations(&receipts).await;
    contract::marks(&receipts).await;
    contract::signed_with(&receipts).await;
    contract::records(&DynamoRecords::new(config, timestamps())).await;
    contract::leases(&DynamoLeases::new(config, timestamps())).await;
    contract::roster(&DynamoRoster::new(config, timestamps()), &receipts).await;
    contract::reports(&DynamoReports::new(config, timestamps()), &receipts).await;
    contract::outbox(&DynamoOutbox::new(config, timestamps())).await;
    contract::rollouts(&DynamoRollouts::new(config, timestamps())).await;
}
