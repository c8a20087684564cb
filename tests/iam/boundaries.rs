//! What the roles and the topic refuse, whoever asks and however.

use std::fmt::Debug;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use aws_sdk_marketplacecatalog::types::{Change, Entity};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use awsim_iam_policy::Decision;
use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, Aws, EXTERNAL_ID, HUB, HUB_ORGANIZATION, MANAGEMENT, world};
use serde_json::json;

use crate::functions::FIRST_KEY;
use crate::organizations::{ALPHA_ACCOUNT, Organizations};

/// Fails unless the call was refused for want of a permission.
pub(crate) fn denied<T: Debug, E: ProvideErrorMetadata + Debug>(what: &str, answer: Result<T, E>) {
    let error = answer.expect_err(what);
    let code = error.code().unwrap_or_default();
    assert!(["AccessDenied", "AccessDeniedException", "AuthorizationError"].contains(&code), "{what}: {error:?}");
}

async fn start(aws: &Aws, experience: &str, change_type: &str) -> Result<(), aws_sdk_marketplacecatalog::Error> {
    let entity = Entity::builder().r#type("Experience@1.0").identifier(experience).build().unwrap();
    let details = json!({"Products": [{"Ids": ["prod-a"]}]});
    let change = Change::builder().change_type(change_type).entity(entity).details(details.to_string());
    let call = aws_sdk_marketplacecatalog::Client::new(aws.config()).start_change_set().catalog("AWSMarketplace");
    call.change_set(change.build().unwrap()).send().await?;
    Ok(())
}

#[tokio::test]
async fn the_spoke_changes_products_of_the_named_experiences_and_nothing_else() {
    let named = [("MemberExperienceIds", ALPHA_PROD)];
    let organizations = Organizations::deploy(world(&["prod-a"], &[]), &[], &named).await;
    let spoke = organizations.as_spoke();
    start(&spoke, ALPHA_PROD, "AllowProductProcurement").await.unwrap();
    denied("an experience that is not named", start(&spoke, ALPHA_DEV, "AllowProductProcurement").await);
    for change_type in [
        "UpdateExperience",
        "RestrictExperience",
        "ReviveExperience",
        "AssociateAudience",
        "DisassociateAudience",
        "UpdateBrandingSettings",
        "UpdateProcurementPolicy",
    ] {
        denied(change_type, start(&spoke, ALPHA_PROD, change_type).await);
    }
}

/// Whoever widens the role by another policy, as an account's administrators may, does not widen
/// what it changes.
#[tokio::test]
async fn no_other_change_type_is_open_to_the_spoke_whatever_its_role_is_given_besides() {
    let named = [("MemberExperienceIds", ALPHA_PROD)];
    let organizations = Organizations::deploy(world(&["prod-a"], &[]), &[], &named).await;
    let everything = json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    for (change_type, expected) in [
        ("AllowProductProcurement", Decision::Allow),
        ("DenyProductProcurement", Decision::Allow),
        ("UpdateProcurementPolicy", Decision::ExplicitDeny),
        ("ReviveExperience", Decision::ExplicitDeny),
        ("CreateBrandingSettings", Decision::ExplicitDeny),
        ("SomethingThatAwsAddsSomeDay", Decision::ExplicitDeny),
    ] {
        assert_eq!(organizations.spoke_role().decides_with(&everything, change_type), expected, "{change_type}");
    }
}

#[tokio::test]
async fn the_hub_changes_no_experience_and_nothing_that_spokes_wrote() {
    let organizations = Organizations::deploy(world(&["prod-a"], &[]), &[], &[]).await;
    let hub = organizations.as_hub();
    denied("a change", start(&hub, MANAGEMENT, "AllowProductProcurement").await);
    let dynamodb = aws_sdk_dynamodb::Client::new(hub.config());
    let timestamps = organizations.member_output("TimestampsTableArn");
    denied("a receipt", put(&dynamodb, &timestamps, "organization", ALPHA).await);
    // What operators say is theirs to say: the function admits nobody and confirms nothing. It
    // keeps its own mark.
    denied("the roster", put(&dynamodb, &timestamps, "organization", "hub#roster").await);
    denied("a confirmation", put(&dynamodb, &timestamps, "organization", &format!("hub#{ALPHA}")).await);
    put(&dynamodb, &timestamps, "organization", "hub#heads").await.unwrap();
    put(&dynamodb, &timestamps, "organization", "hub#audit").await.unwrap();
    denied("the tables", dynamodb.delete_table().table_name(timestamps).send().await);
}

#[tokio::test]
async fn the_hub_alone_signs_and_nobody_of_a_member_does() {
    let organizations = Organizations::deploy(world(&["prod-a"], &[]), &[("SigningKeyArn", FIRST_KEY)], &[]).await;
    let owner = aws_sdk_kms::Client::new(organizations.hub_account.config());
    let create = async || {
        let call = owner.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
        call.send().await.unwrap().key_metadata.unwrap().arn.unwrap()
    };
    let (own, other) = (create().await, create().await);
    let sign = async |aws: &Aws, key: &str| {
        let call = aws_sdk_kms::Client::new(aws.config()).sign().key_id(key).message(Blob::new([7; 32]));
        call.message_type(MessageType::Digest).signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await
    };
    let (hub, spoke) = (organizations.as_hub(), organizations.as_spoke());
    sign(&hub, &own).await.unwrap();
    denied("another key", sign(&hub, &other).await);
    let kms = aws_sdk_kms::Client::new(hub.config());
    denied("switching the key off", kms.disable_key().key_id(&own).send().await);
    denied("another key of one's own", kms.create_key().send().await);
    denied("a spoke", sign(&spoke, &own).await);
    denied("a member's administrator", sign(&organizations.as_account(ALPHA_ACCOUNT), &own).await);
    let call = aws_sdk_sts::Client::new(spoke.config()).assume_role().role_session_name("test");
    let call = call.role_arn(organizations.member_output("HubRoleArn")).external_id(EXTERNAL_ID);
    let session = call.send().await.unwrap().credentials.unwrap();
    denied("a member in the hub's account", sign(&organizations.as_account(&session.access_key_id), &own).await);
}

async fn put(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
    key: &str,
    value: &str,
) -> Result<(), aws_sdk_dynamodb::Error> {
    let call = client.put_item().table_name(table).item(key, AttributeValue::S(value.into()));
    call.item("item", AttributeValue::S("x".into())).send().await?;
    Ok(())
}

#[tokio::test]
async fn a_member_reads_snapshots_and_writes_its_own_receipts_and_nobody_else_does() {
    // Protocol L12.
    let organizations = Organizations::deploy(world(&["prod-a"], &[]), &[], &[]).await;
    let role = organizations.member_output("HubRoleArn");
    let assume = async |aws: &Aws, external_id: Option<&str>| {
        let call = aws_sdk_sts::Client::new(aws.config()).assume_role().role_arn(&role).role_session_name("test");
        call.set_external_id(external_id.map(str::to_owned)).send().await
    };
    let spoke = organizations.as_spoke();
    denied("no external id", assume(&spoke, None).await);
    denied("another external id", assume(&spoke, Some("guessed-external-id")).await);
    denied("the account's administrator", assume(&organizations.as_account(ALPHA_ACCOUNT), Some(EXTERNAL_ID)).await);
    denied("another account", assume(&organizations.as_account("333333333333"), Some(EXTERNAL_ID)).await);
    denied("the hub itself", assume(&organizations.as_hub(), Some(EXTERNAL_ID)).await);

    let session = assume(&spoke, Some(EXTERNAL_ID)).await.unwrap().credentials.unwrap();
    let member = aws_sdk_dynamodb::Client::new(organizations.as_account(&session.access_key_id).config());
    let [snapshots, timestamps] =
        ["SnapshotsTableArn", "TimestampsTableArn"].map(|name| organizations.member_output(name));
    put(&member, &timestamps, "organization", ALPHA).await.unwrap();
    denied("another's receipts", put(&member, &timestamps, "organization", HUB_ORGANIZATION).await);
    denied("a snapshot", put(&member, &snapshots, "experience", MANAGEMENT).await);
    denied("everyone's receipts", member.scan().table_name(&timestamps).send().await);
    let others = member.query().table_name(&timestamps).key_condition_expression("organization = :o");
    denied(
        "reading another's",
        others.expression_attribute_values(":o", AttributeValue::S(HUB_ORGANIZATION.into())).send().await,
    );
    // What the hub says: about this organization, and how far it came. To be read, and written by
    // nobody here.
    let read = async |partition: &str| {
        let call = member.query().table_name(&timestamps).key_condition_expression("organization = :o");
        call.expression_attribute_values(":o", AttributeValue::S(partition.into())).send().await
    };
    let get = async |partition: &str| {
        let call = member.get_item().table_name(&timestamps).key("organization", AttributeValue::S(partition.into()));
        call.key("item", AttributeValue::S(MANAGEMENT.into())).send().await
    };
    let own = format!("hub#{ALPHA}");
    for partition in [ALPHA, &own, "hub#heads"] {
        read(partition).await.unwrap();
        get(partition).await.unwrap();
    }
    let other = format!("hub#{HUB_ORGANIZATION}");
    for partition in [HUB_ORGANIZATION, &other, "hub#audit", "hub#roster", "hub#", "hub"] {
        denied(partition, read(partition).await);
        denied(partition, get(partition).await);
    }
    for partition in [&own, &other, "hub#audit", "hub#heads", "hub#roster", "hub#"] {
        denied(partition, put(&member, &timestamps, "organization", partition).await);
    }
    let delete = member.delete_item().table_name(&timestamps).key("organization", AttributeValue::S(ALPHA.into()));
    denied("taking a receipt back", delete.key("item", AttributeValue::S("x".into())).send().await);
}

#[tokio::test]
async fn queues_of_member_organizations_subscribe_and_nothing_else() {
    let organizations = Organizations::deploy(world(&["prod-a"], &[]), &[], &[]).await;
    let topic = organizations.member_output("TopicArn");
    let subscribe = async |account: &str, protocol: &str, endpoint: &str| {
        let aws = organizations.as_account(account);
        let call = aws_sdk_sns::Client::new(aws.config()).subscribe().topic_arn(&topic).protocol(protocol);
        call.endpoint(endpoint).send().await
    };
    denied("an account of no member", subscribe("333333333333", "sqs", "arn:aws:sqs:us-east-1:333333333333:q").await);
    denied("an address on the web", subscribe(ALPHA_ACCOUNT, "https", "https://example.com/").await);
    let member = aws_sdk_sns::Client::new(organizations.as_account(ALPHA_ACCOUNT).config());
    denied("a member that announces", member.publish().topic_arn(&topic).message("{}").send().await);
    let owner = aws_sdk_sns::Client::new(organizations.as_account(HUB).config());
    owner.publish().topic_arn(&topic).message("{}").send().await.unwrap();
}

/// More than a parameter holds. Alpha is the last of them.
#[tokio::test]
async fn queues_of_four_hundred_organizations_subscribe_and_nobody_elses() {
    let ids = |range: std::ops::Range<u32>| range.map(|number| format!("o-member{number:04}")).collect::<Vec<_>>();
    let lists = [ids(0..250), ids(250..399), vec![ALPHA.to_owned()]].map(|list| list.join(","));
    let names = ["MemberOrganizationIds", "SecondMemberOrganizationIds", "ThirdMemberOrganizationIds"];
    let given: Vec<_> = names.into_iter().zip(lists.iter().map(String::as_str)).collect();
    let organizations = Organizations::deploy(world(&["prod-a"], &[]), &given, &[]).await;
    let subscribe = async |account: &str| {
        let client = aws_sdk_sns::Client::new(organizations.as_account(account).config());
        let call = client.subscribe().topic_arn(organizations.member_output("TopicArn")).protocol("sqs");
        call.endpoint(format!("arn:aws:sqs:us-east-1:{account}:another")).send().await
    };
    subscribe(ALPHA_ACCOUNT).await.unwrap();
    denied("an account of no member", subscribe("333333333333").await);
}
