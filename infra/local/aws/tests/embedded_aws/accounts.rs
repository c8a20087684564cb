//! Who is who: accounts by access key, keys of the world, and keys that nobody has.

use aws_credential_types::Credentials;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use pmp_local_aws::world::{AccessKey, Role};

use crate::rig::{DELEGATE, HUB, MEMBER, OUTSIDER, Rig, world};

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

#[tokio::test]
async fn a_key_of_the_world_is_its_account_its_user_or_its_role() {
    let (account, user, role) = ("AKIAACCOUNT000001", "AKIAUSER000000001", "AKIAROLE000000001");
    let mut world = world();
    let nothing_but_lists = r#"{"Statement":[{"Effect":"Allow","Action":"sqs:ListQueues","Resource":"*"}]}"#;
    world.roles.push(Role::new(MEMBER, "reader", r#"{"Statement":[]}"#).with_permissions(nothing_but_lists));
    world.access_keys = vec![
        AccessKey::new(account, DELEGATE),
        AccessKey::new(user, MEMBER).of_user("ada"),
        AccessKey::new(role, MEMBER).of_role("reader"),
    ];
    let rig = Rig::start(world).await;
    let config = |key: &str| rig.signed_with(Credentials::new(key, "secret", None, None, "test"));
    for (key, arn) in [
        (account, format!("arn:aws:iam::{DELEGATE}:root")),
        (user, format!("arn:aws:iam::{MEMBER}:user/ada")),
        (role, format!("arn:aws:sts::{MEMBER}:assumed-role/reader/{role}")),
    ] {
        let identity = aws_sdk_sts::Client::new(&config(key)).get_caller_identity().send().await.unwrap();
        assert_eq!(identity.arn(), Some(arn.as_str()));
    }
    let queues = |key: &str| aws_sdk_sqs::Client::new(&config(key));
    queues(user).create_queue().queue_name("orders").send().await.unwrap();
    assert_eq!(queues(role).list_queues().send().await.unwrap().queue_urls().len(), 1);
    let error = queues(role).create_queue().queue_name("more").send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDenied"));
}
