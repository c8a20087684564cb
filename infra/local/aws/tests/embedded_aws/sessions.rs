//! Assuming roles in another account, and what the sessions may do.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_types::SdkConfig;
use pmp_local_aws::World;
use pmp_local_aws::world::Role;
use serde_json::json;

use crate::rig::{DELEGATE, HUB, MEMBER, OUTSIDER, Rig, change, world};
use crate::tables::{create_receipts, text};

const ROLE: &str = "arn:aws:iam::111111111111:role/member-writer";

/// A hub role for the member organization: it may write the organization's own partition, and
/// nothing else.
fn world_with_roles() -> World {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:aws:iam::{MEMBER}:root") },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "secret-7", "aws:PrincipalOrgID": "o-member0000" } },
    }] });
    let permissions = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:GetItem", "dynamodb:Query",
            "dynamodb:BatchWriteItem"],
        "Resource": format!("arn:aws:dynamodb:us-east-1:{HUB}:table/receipts"),
        "Condition": {
            "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": ["o-member0000"] },
            "Null": { "dynamodb:LeadingKeys": "false" },
        },
    }] });
    let closed = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{MEMBER}:root") }, "Action": "sts:AssumeRole",
    }] });
    let procurement = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "aws-marketplace:Describe*", "Resource": "*" },
        { "Effect": "Allow", "Action": "aws-marketplace:StartChangeSet", "Resource": "*",
          "Condition": { "StringEquals": { "catalog:ChangeType": ["AllowProductProcurement"] } } },
    ] });
    World {
        roles: vec![
            Role::new(HUB, "member-writer", trust).with_permissions(permissions),
            Role::new(HUB, "hub-only", closed.clone()),
            Role::new(MEMBER, "allower", closed).with_permissions(procurement),
        ],
        ..world()
    }
}

async fn assume(rig: &Rig, by: &SdkConfig, role: &str, external_id: Option<&str>) -> Result<SdkConfig, String> {
    let request = aws_sdk_sts::Client::new(by).assume_role().role_arn(role).role_session_name("o-member0000-test");
    let answer = request.set_external_id(external_id.map(str::to_owned)).send().await;
    let answer = answer.map_err(|error| error.code().unwrap_or_default().to_owned())?;
    let given = answer.credentials.unwrap();
    let token = Some(given.session_token);
    Ok(rig.signed_with(Credentials::new(given.access_key_id, given.secret_access_key, token, None, "test")))
}

#[tokio::test]
async fn the_external_id_and_the_principal_decide() {
    let rig = Rig::start(world_with_roles()).await;
    let denied = Some("AccessDenied".to_owned());
    for (account, role, external_id, expected) in [
        (MEMBER, ROLE, Some("secret-7"), None),
        (MEMBER, ROLE, Some("secret-8"), denied.clone()),
        (MEMBER, ROLE, None, denied.clone()),
        (DELEGATE, ROLE, Some("secret-7"), denied.clone()),
        (OUTSIDER, ROLE, Some("secret-7"), denied.clone()),
        // Being in the role's own account is not enough.
        (HUB, ROLE, Some("secret-7"), denied.clone()),
        (MEMBER, "arn:aws:iam::111111111111:role/no-such-role", Some("secret-7"), denied),
    ] {
        let result = assume(&rig, &rig.account(account), role, external_id).await;
        assert_eq!(result.err(), expected, "{account} {role} {external_id:?}");
    }
}

#[tokio::test]
async fn a_session_acts_in_the_roles_account_under_its_own_name() {
    let rig = Rig::start(world_with_roles()).await;
    let session = assume(&rig, &rig.account(MEMBER), ROLE, Some("secret-7")).await.unwrap();
    let identity = aws_sdk_sts::Client::new(&session).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.account(), Some(HUB));
    let arn = format!("arn:aws:sts::{HUB}:assumed-role/member-writer/o-member0000-test");
    assert_eq!(identity.arn(), Some(arn.as_str()));
}

#[tokio::test]
async fn a_session_reaches_its_own_partition_and_no_other() {
    let rig = Rig::start(world_with_roles()).await;
    create_receipts(&rig.dynamodb(HUB)).await;
    let session = assume(&rig, &rig.account(MEMBER), ROLE, Some("secret-7")).await.unwrap();
    let table = aws_sdk_dynamodb::Client::new(&session);
    let put = |organization: &str| {
        let request = table.put_item().table_name("receipts");
        request.item("organization", text(organization)).item("experience", text("e")).send()
    };
    put("o-member0000").await.unwrap();
    assert_eq!(put("o-hub0000000").await.unwrap_err().code(), Some("AccessDeniedException"));

    let query = |organization: &str| {
        let request = table.query().table_name(format!("arn:aws:dynamodb:us-east-1:{HUB}:table/receipts"));
        let request = request.key_condition_expression("organization = :o");
        request.expression_attribute_values(":o", text(organization)).send()
    };
    assert_eq!(query("o-member0000").await.unwrap().count(), 1);
    assert_eq!(query("o-hub0000000").await.unwrap_err().code(), Some("AccessDeniedException"));

    let error = table.scan().table_name("receipts").send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    let error = table.delete_table().table_name("receipts").send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
}

#[tokio::test]
async fn one_foreign_item_spoils_a_batch() {
    let rig = Rig::start(world_with_roles()).await;
    create_receipts(&rig.dynamodb(HUB)).await;
    let session = assume(&rig, &rig.account(MEMBER), ROLE, Some("secret-7")).await.unwrap();
    let table = aws_sdk_dynamodb::Client::new(&session);
    let write = |organization: &str| {
        let item = [("organization", text(organization)), ("experience", text("e"))];
        let put = aws_sdk_dynamodb::types::PutRequest::builder().set_item(Some(
            item.into_iter().map(|(name, value): (&str, AttributeValue)| (name.to_owned(), value)).collect(),
        ));
        aws_sdk_dynamodb::types::WriteRequest::builder().put_request(put.build().unwrap()).build()
    };
    let request = |organizations: &[&str]| {
        let writes = organizations.iter().map(|organization| write(organization)).collect();
        table.batch_write_item().request_items("receipts", writes).send()
    };
    request(&["o-member0000"]).await.unwrap();
    let error = request(&["o-member0000", "o-hub0000000"]).await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
}

#[tokio::test]
async fn a_tables_name_in_another_account_is_not_its_key() {
    let rig = Rig::start(world_with_roles()).await;
    create_receipts(&rig.dynamodb(HUB)).await;
    let by_arn = rig.dynamodb(MEMBER).describe_table();
    let by_arn = by_arn.table_name(format!("arn:aws:dynamodb:us-east-1:{HUB}:table/receipts"));
    assert_eq!(by_arn.send().await.unwrap_err().code(), Some("AccessDeniedException"));
    let by_name = rig.dynamodb(MEMBER).describe_table().table_name("receipts");
    assert_eq!(by_name.send().await.unwrap_err().code(), Some("ResourceNotFoundException"));
}

#[tokio::test]
async fn a_session_may_only_ask_for_the_change_types_its_policy_names() {
    let rig = Rig::start(world_with_roles()).await;
    let role = format!("arn:aws:iam::{MEMBER}:role/allower");
    let session = assume(&rig, &rig.account(MEMBER), &role, None).await.unwrap();
    let catalog = aws_sdk_marketplacecatalog::Client::new(&session);
    let start = |change_type: &str, id: &str| {
        let change = change(change_type, crate::rig::LIVE, &[id]);
        catalog.start_change_set().catalog("AWSMarketplace").change_set(change).send()
    };
    let error = start("DenyProductProcurement", "prod-a").await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    start("AllowProductProcurement", "prod-new").await.unwrap();
    let error = catalog.list_entities().catalog("AWSMarketplace").entity_type("Experience").send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
}
