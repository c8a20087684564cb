//! Tables and what is set about them.

use pmp_local_dynamodb::Database;
use serde_json::{Value, json};

use crate::{ACCOUNT, call, receipts, refusal};

fn arn() -> String {
    format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/receipts")
}

#[test]
fn a_table_is_described_as_it_was_made_and_goes_when_it_may() {
    let mut database = receipts("N");
    let name = json!({ "TableName": "receipts" });
    let table = call(&mut database, "DescribeTable", &name).unwrap()["Table"].clone();
    assert_eq!(table["TableArn"], arn());
    assert_eq!(
        (&table["TableStatus"], &table["BillingModeSummary"]["BillingMode"]),
        (&json!("ACTIVE"), &json!("PAY_PER_REQUEST"))
    );
    assert_eq!(table["KeySchema"][1], json!({ "AttributeName": "item", "KeyType": "RANGE" }));
    assert_eq!(table["AttributeDefinitions"][1], json!({ "AttributeName": "item", "AttributeType": "N" }));
    assert_eq!(call(&mut database, "DescribeTable", &json!({ "TableName": arn() })).unwrap()["Table"], table);
    let again = json!({
        "TableName": "receipts", "BillingMode": "PAY_PER_REQUEST", "KeySchema": table["KeySchema"],
        "AttributeDefinitions": table["AttributeDefinitions"],
    });
    assert_eq!(refusal(&mut database, "CreateTable", &again), "ResourceInUseException: Table already exists: receipts");
    let protect = |on: bool| json!({ "TableName": "receipts", "DeletionProtectionEnabled": on });
    call(&mut database, "UpdateTable", &protect(true)).unwrap();
    assert!(refusal(&mut database, "DeleteTable", &name).contains("currently protected against deletion"));
    call(&mut database, "UpdateTable", &protect(false)).unwrap();
    assert_eq!(call(&mut database, "DeleteTable", &name).unwrap()["TableDescription"]["TableStatus"], "DELETING");
    assert!(refusal(&mut database, "DeleteTable", &name).starts_with("ResourceNotFoundException: "));
    assert_eq!(call(&mut database, "ListTables", &json!({})).unwrap(), json!({ "TableNames": [] }));
}

#[test]
fn tables_that_cannot_be_are_refused() {
    let mut database = Database::new(ACCOUNT, "us-east-1");
    let table = |more: Value| {
        let mut asked = json!({
            "TableName": "fresh", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
        });
        for (field, value) in more.as_object().unwrap() {
            asked[field] = value.clone();
        }
        asked
    };
    for (more, problem) in [
        (json!({ "BillingMode": "PROVISIONED" }), "must both be specified when BillingMode is PROVISIONED"),
        (json!({ "BillingMode": "FREE" }), "enum value set: [PROVISIONED, PAY_PER_REQUEST]"),
        (
            json!({ "KeySchema": [{ "AttributeName": "other", "KeyType": "HASH" }] }),
            "not defined in AttributeDefinitions. Keys: [other]",
        ),
        (json!({ "KeySchema": [{ "AttributeName": "k", "KeyType": "RANGE" }] }), "Invalid KeySchema"),
        (
            json!({ "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "BOOL" }] }),
            "enum value set: [B, N, S]",
        ),
        (json!({ "GlobalSecondaryIndexes": [{}] }), "pmp-local's DynamoDB has no secondary indexes"),
        (json!({ "StreamSpecification": { "StreamEnabled": true } }), "pmp-local's DynamoDB has no streams"),
    ] {
        let refused = refusal(&mut database, "CreateTable", &table(more));
        assert!(refused.starts_with("ValidationException: ") && refused.contains(problem), "{problem}: {refused}");
    }
    let provisioned = json!({ "BillingMode": "PROVISIONED", "ProvisionedThroughput": { "ReadCapacityUnits": 1, "WriteCapacityUnits": 2 } });
    let made = call(&mut database, "CreateTable", &table(provisioned)).unwrap();
    assert_eq!(made["TableDescription"]["ProvisionedThroughput"]["WriteCapacityUnits"], 2);
}

#[test]
fn tables_are_listed_page_by_page() {
    let mut database = Database::new(ACCOUNT, "us-east-1");
    for name in ["c", "a", "b"] {
        let table = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
        });
        call(&mut database, "CreateTable", &table).unwrap();
    }
    let first = call(&mut database, "ListTables", &json!({ "Limit": 2 })).unwrap();
    assert_eq!(first, json!({ "TableNames": ["a", "b"], "LastEvaluatedTableName": "b" }));
    let rest = call(&mut database, "ListTables", &json!({ "Limit": 2, "ExclusiveStartTableName": "b" })).unwrap();
    assert_eq!(rest, json!({ "TableNames": ["c"] }));
}

#[test]
fn expiry_backups_and_tags_are_kept() {
    let mut database = receipts("S");
    let name = json!({ "TableName": "receipts" });
    let told = call(&mut database, "DescribeTimeToLive", &name).unwrap();
    assert_eq!(told["TimeToLiveDescription"], json!({ "TimeToLiveStatus": "DISABLED" }));
    let live = |enabled: bool| json!({ "TableName": "receipts", "TimeToLiveSpecification": { "Enabled": enabled, "AttributeName": "expires" } });
    assert!(refusal(&mut database, "UpdateTimeToLive", &live(false)).contains("TimeToLive is already disabled"));
    call(&mut database, "UpdateTimeToLive", &live(true)).unwrap();
    assert!(refusal(&mut database, "UpdateTimeToLive", &live(true)).contains("TimeToLive is already enabled"));
    let told = call(&mut database, "DescribeTimeToLive", &name).unwrap();
    assert_eq!(told["TimeToLiveDescription"], json!({ "TimeToLiveStatus": "ENABLED", "AttributeName": "expires" }));
    let recover =
        json!({ "TableName": "receipts", "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true } });
    call(&mut database, "UpdateContinuousBackups", &recover).unwrap();
    let told = call(&mut database, "DescribeContinuousBackups", &name).unwrap();
    let status = &told["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"];
    assert_eq!(status, "ENABLED");
    let resource = |more: Value| {
        let mut asked = more;
        asked["ResourceArn"] = arn().into();
        asked
    };
    let tag = |key: &str, value: &str| json!({ "Key": key, "Value": value });
    call(&mut database, "TagResource", &resource(json!({ "Tags": [tag("a", "1"), tag("b", "2")] }))).unwrap();
    call(&mut database, "TagResource", &resource(json!({ "Tags": [tag("b", "3")] }))).unwrap();
    call(&mut database, "UntagResource", &resource(json!({ "TagKeys": ["a", "none"] }))).unwrap();
    let tags = call(&mut database, "ListTagsOfResource", &resource(json!({}))).unwrap();
    assert_eq!(tags, json!({ "Tags": [tag("b", "3")] }));
}

#[test]
fn a_policy_is_put_told_and_deleted() {
    let mut database = receipts("S");
    let asked = |policy: &str| json!({ "ResourceArn": arn(), "Policy": policy });
    let get = json!({ "ResourceArn": arn() });
    assert!(refusal(&mut database, "GetResourcePolicy", &get).starts_with("PolicyNotFoundException: "));
    let put = call(&mut database, "PutResourcePolicy", &asked("{}")).unwrap();
    let told = call(&mut database, "GetResourcePolicy", &get).unwrap();
    assert_eq!((&told["Policy"], &told["RevisionId"]), (&json!("{}"), &put["RevisionId"]));
    assert_eq!(database.policy(&arn()), Some("{}"));
    assert_eq!(database.policy(&format!("{}/index/by-x", arn())), Some("{}"));
    call(&mut database, "DeleteResourcePolicy", &get).unwrap();
    assert_eq!(database.policy(&arn()), None);
    let elsewhere = json!({ "ResourceArn": arn().replace("receipts", "other"), "Policy": "{}" });
    assert!(refusal(&mut database, "PutResourcePolicy", &elsewhere).starts_with("ResourceNotFoundException: "));
}
