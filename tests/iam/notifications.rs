//! What the hub's role may do where operations is told what changed.

use pmp_tests::world;

use crate::organizations::{Organizations, look};
use crate::roles::Grant;

const OPERATIONS: &str = "arn:aws:sns:us-east-1:111111111111:operations";

#[tokio::test]
async fn a_hub_that_tells_operations_may_publish_there_and_nothing_else_changes() {
    let (plain, organizations) = tokio::join!(
        Organizations::deploy(world(&["prod-a"], &[]), &[], &[]),
        Organizations::deploy(world(&["prod-a"], &[]), &[("NotifyTopicArn", OPERATIONS)], &[])
    );
    let (before, after) = (plain.roles[0].grants(), organizations.roles[0].grants());
    let added: Vec<_> = after.into_iter().filter(|grant| !before.contains(grant)).collect();
    let publish = Grant { action: "sns:Publish".to_owned(), resource: OPERATIONS.to_owned() };
    assert_eq!(added, std::slice::from_ref(&publish));

    // Alpha is admitted and has never reported, which is told. Nothing hears it but the topic.
    let sns = aws_sdk_sns::Client::new(organizations.hub_account.config());
    sns.create_topic().name("operations").send().await.unwrap();
    let hub = organizations.hub_function().await;
    look(&hub).await;
    let sent: Vec<_> =
        hub.documents().iter().filter_map(|document| document.get("NotificationsSent").cloned()).collect();
    assert_eq!(sent, [1], "{}", hub.log());
    let decisions = organizations.decisions().await;
    assert!(decisions.iter().any(|decision| publish.covers(decision) && decision.allowed), "{decisions:#?}");
    let denied: Vec<_> = decisions.iter().filter(|decision| !decision.allowed).collect();
    assert!(denied.is_empty(), "denied: {denied:#?}");
}
