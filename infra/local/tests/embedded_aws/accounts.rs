//! Who is who: accounts by access key, organizations, and keys that nobody has.

use aws_credential_types::Credentials;
use aws_sdk_sqs::error::ProvideErrorMetadata;

use crate::rig::{DELEGATE, EMPLOYEE, HUB, MEMBER, OUTSIDER, Rig, world};

#[tokio::test]
async fn an_access_key_of_twelve_digits_is_the_account() {
    let rig = Rig::start(world()).await;
    for account in [HUB, MEMBER, OUTSIDER] {
        let identity = rig.sts(account).get_caller_identity().send().await.unwrap();
        assert_eq!(identity.account(), Some(account));
        assert_eq!(identity.arn(), Some(format!("arn:aws:iam::{account}:root").as_str()));
    }
    rig.server.shutdown().await;
}

#[tokio::test]
async fn an_unknown_key_is_refused_by_every_protocol() {
    let rig = Rig::start(world()).await;
    let config = rig.signed_with(Credentials::new("AKIAUNKNOWN", "secret", None, None, "test"));
    let error = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidClientTokenId"));
    let error = aws_sdk_sqs::Client::new(&config).list_queues().send().await.unwrap_err();
    assert_eq!(error.code(), Some("UnrecognizedClientException"));
    let catalog = aws_sdk_marketplacecatalog::Client::new(&config);
    let error = catalog.list_entities().catalog("AWSMarketplace").entity_type("Experience").send().await.unwrap_err();
    assert_eq!(error.code(), Some("UnrecognizedClientException"));
}

#[tokio::test]
async fn each_account_has_its_own_organization() {
    let rig = Rig::start(world()).await;
    let organization = async |account: &str| {
        let client = aws_sdk_organizations::Client::new(&rig.account(account));
        client.describe_organization().send().await.map(|answer| answer.organization.unwrap())
    };
    for (account, id, master) in [
        (HUB, "o-hub0000000", HUB),
        (MEMBER, "o-member0000", MEMBER),
        (DELEGATE, "o-member0000", MEMBER),
        (EMPLOYEE, "o-member0000", MEMBER),
    ] {
        let found = organization(account).await.unwrap();
        assert_eq!((found.id(), found.master_account_id()), (Some(id), Some(master)));
        assert!(found.master_account_email().is_some_and(|email| email.contains('@')));
    }
    let error = organization(OUTSIDER).await.unwrap_err();
    assert_eq!(error.code(), Some("AWSOrganizationsNotInUseException"));
}

#[tokio::test]
async fn only_administrators_list_accounts() {
    let rig = Rig::start(world()).await;
    let organizations = |account: &str| aws_sdk_organizations::Client::new(&rig.account(account));
    let accounts = organizations(DELEGATE).list_accounts().send().await.unwrap();
    assert_eq!(accounts.accounts().len(), 3);
    let delegates = organizations(MEMBER).list_delegated_administrators().send().await.unwrap();
    assert_eq!(delegates.delegated_administrators()[0].id(), Some(DELEGATE));
    let error = organizations(EMPLOYEE).list_accounts().send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
}

#[tokio::test]
async fn the_same_name_in_two_accounts_is_two_queues() {
    let rig = Rig::start(world()).await;
    for account in [HUB, MEMBER] {
        let url = rig.sqs(account).create_queue().queue_name("orders").send().await.unwrap().queue_url.unwrap();
        assert_eq!(url, rig.server.queue_url(account, "orders"));
        rig.sqs(account).send_message().queue_url(&url).message_body(account).send().await.unwrap();
    }
    for account in [HUB, MEMBER] {
        let url = rig.server.queue_url(account, "orders");
        let received = rig.sqs(account).receive_message().queue_url(url).send().await.unwrap();
        assert_eq!(received.messages()[0].body(), Some(account));
        assert_eq!(received.messages().len(), 1);
    }
}
