//! Every service through the SDK's own clients, by a session of a role in another organization's
//! account: what the role may do happens in the role's account, what it may not is refused, and the
//! caller's own account stays out of it.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_marketplacecatalog::types::ChangeStatus;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use pmp_local_aws::World;
use pmp_local_aws::world::Role;
use serde_json::json;

use crate::rig::{DELEGATE, HUB, LIVE, MANAGEMENT, MEMBER, Rig, change, eventually, lists, world};
use crate::tables::{create_receipts, text};

/// What the sessions of the tests may do in the hub's account.
const ALLOWED: [&str; 9] = [
    "aws-marketplace:DescribeEntity",
    "aws-marketplace:DescribeChangeSet",
    "aws-marketplace:ListEntities",
    "aws-marketplace:StartChangeSet",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "organizations:DescribeOrganization",
    "sns:Publish",
    "sqs:*",
];

/// A role of the hub's account, which the member organization's account may assume with the right
/// external id, and one of the member's delegated administrator, which only that role's sessions
/// may assume.
fn world_with_roles() -> World {
    let trust = |principal: &str, external_id: Option<&str>| {
        let mut statement = json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "sts:AssumeRole" });
        if let Some(id) = external_id {
            statement["Condition"] = json!({ "StringEquals": { "sts:ExternalId": id } });
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let permissions = |actions: &[&str]| json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }] });
    let member = format!("arn:aws:iam::{MEMBER}:root");
    let guest = format!("arn:aws:iam::{HUB}:role/guest");
    let mut allowed = ALLOWED.to_vec();
    allowed.push("sts:AssumeRole");
    World {
        roles: vec![
            Role::new(HUB, "guest", trust(&member, Some("secret-7"))).with_permissions(permissions(&allowed)),
            Role::new(DELEGATE, "back", trust(&guest, None)).with_permissions(permissions(&["sqs:*"])),
        ],
        ..world()
    }
}

async fn assume(rig: &Rig, by: &SdkConfig, role: String, external_id: Option<&str>) -> SdkConfig {
    // The provider of the SDK itself, as production uses it: it asks STS, and again before a
    // session ends.
    let caller = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(rig.server.endpoint())
        .http_client(by.http_client().unwrap())
        .credentials_provider(by.credentials_provider().unwrap())
        .load()
        .await;
    let provider = aws_config::sts::AssumeRoleProvider::builder(role).session_name("across").configure(&caller);
    let provider = external_id.into_iter().fold(provider, |provider, id| provider.external_id(id));
    let provider = SharedCredentialsProvider::new(provider.build().await);
    rig.account(HUB).into_builder().credentials_provider(provider).build()
}

async fn guest(rig: &Rig) -> SdkConfig {
    assume(rig, &rig.account(MEMBER), format!("arn:aws:iam::{HUB}:role/guest"), Some("secret-7")).await
}

fn code(error: &impl ProvideErrorMetadata) -> &str {
    error.code().unwrap_or_default()
}

#[tokio::test]
async fn the_catalog_of_another_organization_through_a_role() {
    let rig = Rig::start(world_with_roles()).await;
    let catalog = aws_sdk_marketplacecatalog::Client::new(&guest(&rig).await);
    let list = || catalog.list_entities().catalog("AWSMarketplace").entity_type("Experience").send();
    let listed = list().await.unwrap();
    assert_eq!(listed.entity_summary_list()[0].entity_id(), Some(MANAGEMENT), "the role's account owns it");

    let start = |experience: &str| {
        let change = change("AllowProductProcurement", experience, &["prod-new"]);
        catalog.start_change_set().catalog("AWSMarketplace").change_set(change).send()
    };
    let id = start(MANAGEMENT).await.unwrap().change_set_id.unwrap();
    eventually("the change set succeeds", async || {
        let described = catalog.describe_change_set().catalog("AWSMarketplace").change_set_id(&id).send().await;
        (described.unwrap().status() == Some(&ChangeStatus::Succeeded)).then_some(())
    })
    .await;
    assert!(lists(&rig.catalog(HUB), "policy-management").await.0.contains(&"prod-new".to_owned()));

    // What is the caller's own is foreign to its session; what the role does not name, is refused.
    assert_eq!(code(&start(LIVE).await.unwrap_err()), "AccessDeniedException");
    let others = catalog.list_change_sets().catalog("AWSMarketplace").send().await.unwrap_err();
    assert_eq!(code(&others), "AccessDeniedException");
}

#[tokio::test]
async fn topics_of_another_account_through_a_role() {
    let rig = Rig::start(world_with_roles()).await;
    let topic = rig.sns(HUB).create_topic().name("news").send().await.unwrap().topic_arn.unwrap();
    let sns = aws_sdk_sns::Client::new(&guest(&rig).await);
    sns.publish().topic_arn(&topic).message("hello").send().await.unwrap();
    let direct = rig.sns(MEMBER).publish().topic_arn(&topic).message("hello").send().await.unwrap_err();
    assert_eq!(code(&direct), "AuthorizationError", "the topic itself lets the member account in nowhere");
    let deleted = sns.delete_topic().topic_arn(&topic).send().await.unwrap_err();
    assert_eq!(code(&deleted), "AuthorizationError");
}

#[tokio::test]
async fn queues_of_another_account_through_a_role() {
    let rig = Rig::start(world_with_roles()).await;
    let sqs = aws_sdk_sqs::Client::new(&guest(&rig).await);
    let url = sqs.create_queue().queue_name("inbox").send().await.unwrap().queue_url.unwrap();
    assert_eq!(url, rig.server.queue_url(HUB, "inbox"), "made in the role's account");
    sqs.send_message().queue_url(&url).message_body("hello").send().await.unwrap();
    let received = rig.sqs(HUB).receive_message().queue_url(&url).send().await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("hello"));
    let direct = rig.sqs(MEMBER).receive_message().queue_url(&url).send().await.unwrap_err();
    assert_eq!(code(&direct), "AccessDenied");
    let own = rig.sqs(MEMBER).create_queue().queue_name("own").send().await.unwrap().queue_url.unwrap();
    let foreign = sqs.send_message().queue_url(own).message_body("hello").send().await.unwrap_err();
    assert_eq!(code(&foreign), "AccessDenied");
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_the_error_that_the_sdk_has_for_it() {
    let rig = Rig::start(world_with_roles()).await;
    let sqs = aws_sdk_sqs::Client::new(&guest(&rig).await);
    let missing = sqs.get_queue_url().queue_name("nowhere").send().await.unwrap_err();
    assert_eq!(code(&missing), "AWS.SimpleQueueService.NonExistentQueue", "the name of old");
    assert!(missing.into_service_error().is_queue_does_not_exist(), "the shape of the model");
}

#[tokio::test]
async fn tables_of_another_account_through_a_role() {
    let rig = Rig::start(world_with_roles()).await;
    create_receipts(&rig.dynamodb(HUB)).await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&guest(&rig).await);
    let put = dynamodb.put_item().table_name("receipts").item("organization", text("o")).item("experience", text("e"));
    put.send().await.unwrap();
    let key = |client: &aws_sdk_dynamodb::Client| {
        client.get_item().table_name("receipts").key("organization", text("o")).key("experience", text("e")).send()
    };
    assert!(key(&rig.dynamodb(HUB)).await.unwrap().item().is_some());
    assert_eq!(code(&key(&rig.dynamodb(MEMBER)).await.unwrap_err()), "ResourceNotFoundException");
    let scanned = dynamodb.scan().table_name("receipts").send().await.unwrap_err();
    assert_eq!(code(&scanned), "AccessDeniedException");
}

#[tokio::test]
async fn the_organization_is_that_of_the_roles_account() {
    let rig = Rig::start(world_with_roles()).await;
    let organizations = aws_sdk_organizations::Client::new(&guest(&rig).await);
    let found = organizations.describe_organization().send().await.unwrap().organization.unwrap();
    assert_eq!((found.id(), found.master_account_id()), (Some("o-hub0000000"), Some(HUB)));
    let accounts = organizations.list_accounts().send().await.unwrap_err();
    assert_eq!(code(&accounts), "AccessDeniedException");
}

#[tokio::test]
async fn a_session_assumes_a_role_of_a_third_account() {
    let rig = Rig::start(world_with_roles()).await;
    let back = assume(&rig, &guest(&rig).await, format!("arn:aws:iam::{DELEGATE}:role/back"), None).await;
    let identity = aws_sdk_sts::Client::new(&back).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some(format!("arn:aws:sts::{DELEGATE}:assumed-role/back/across").as_str()));
    let url = aws_sdk_sqs::Client::new(&back).create_queue().queue_name("inbox").send().await.unwrap();
    assert_eq!(url.queue_url(), Some(rig.server.queue_url(DELEGATE, "inbox").as_str()));
    let catalog = aws_sdk_marketplacecatalog::Client::new(&back);
    let refused = catalog.describe_entity().catalog("AWSMarketplace").entity_id(LIVE).send().await.unwrap_err();
    assert_eq!(code(&refused), "AccessDeniedException", "the first session's rights are not the second's");
}
