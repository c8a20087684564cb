//! DynamoDB as the ledger uses it: races, sizes, ARNs.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put, PutRequest, ScalarAttributeType,
    TransactWriteItem, WriteRequest,
};
use tokio::task::JoinSet;

use crate::rig::{HUB, Rig, world};

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// A table keyed as the receipts are.
pub(crate) async fn create_receipts(dynamodb: &Client) {
    let key = |name: &str, r#type| KeySchemaElement::builder().attribute_name(name).key_type(r#type).build().unwrap();
    let attribute = |name: &str| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let request = dynamodb.create_table().table_name("receipts").billing_mode(BillingMode::PayPerRequest);
    let request = request.key_schema(key("organization", KeyType::Hash)).key_schema(key("experience", KeyType::Range));
    let request = request.attribute_definitions(attribute("organization"));
    request.attribute_definitions(attribute("experience")).send().await.unwrap();
}

#[tokio::test]
async fn of_twenty_racing_writers_one_wins() {
    let rig = Rig::start(world()).await;
    let dynamodb = rig.dynamodb(HUB);
    create_receipts(&dynamodb).await;
    for round in 0..5 {
        let mut writers = JoinSet::new();
        for writer in 0..20 {
            let request = dynamodb.put_item().table_name("receipts");
            let request = request.item("organization", text(&format!("round-{round}"))).item("experience", text("e"));
            let request = request.item("writer", text(&writer.to_string()));
            let request = request.condition_expression("attribute_not_exists(organization)");
            writers.spawn(async move { request.send().await.map_err(|e| e.code().unwrap_or_default().to_owned()) });
        }
        let outcomes = writers.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let lost = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        assert!(lost.clone().all(|code| code == "ConditionalCheckFailedException"), "{:?}", lost.collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_batch_of_many_megabytes_is_accepted_and_an_item_over_400_kb_is_not() {
    let rig = Rig::start(world()).await;
    let dynamodb = rig.dynamodb(HUB);
    create_receipts(&dynamodb).await;
    let write = |n: usize| {
        let put = PutRequest::builder().item("organization", text("o")).item("experience", text(&n.to_string()));
        let put = put.item("body", AttributeValue::B(Blob::new(vec![7; 390 * 1024]))).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    let table = format!("arn:aws:dynamodb:us-east-1:{HUB}:table/receipts");
    let request = dynamodb.batch_write_item().request_items(table, (0..10).map(write).collect());
    assert!(request.send().await.unwrap().unprocessed_items().is_none_or(std::collections::HashMap::is_empty));

    // 1 MB per page: all ten come, but not at once.
    let query = dynamodb.query().table_name("receipts").key_condition_expression("organization = :o");
    let query = query.expression_attribute_values(":o", text("o"));
    let first = query.clone().send().await.unwrap();
    assert!(first.count() < 10 && first.last_evaluated_key().is_some());
    let all = query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(all.len(), 10);

    let request = dynamodb.put_item().table_name("receipts").item("organization", text("o"));
    let request = request.item("experience", text("big")).item("body", text(&"x".repeat(401 * 1024)));
    assert_eq!(request.send().await.unwrap_err().code(), Some("ValidationException"));
}

#[tokio::test]
async fn a_transaction_of_large_items_is_whole_or_nothing_and_has_four_megabytes() {
    let rig = Rig::start(world()).await;
    let dynamodb = rig.dynamodb(HUB);
    create_receipts(&dynamodb).await;
    let put = |partition: &str, n: usize| {
        let put = Put::builder().table_name("receipts").item("organization", text(partition));
        let put =
            put.item("experience", text(&n.to_string())).item("body", AttributeValue::B(Blob::new(vec![7; 390_000])));
        let put = put.condition_expression("attribute_not_exists(organization)").build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let write = async |partition: &str, from: usize, to: usize| {
        let items = (from..to).map(|n| put(partition, n)).collect();
        let answer = dynamodb.transact_write_items().set_transact_items(Some(items)).send().await;
        answer.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
    };
    let stored = async |partition: &str| {
        let query = dynamodb.query().table_name("receipts").key_condition_expression("organization = :o");
        let query = query.expression_attribute_values(":o", text(partition)).into_paginator().items().send();
        let items = query.collect::<Result<Vec<_>, _>>().await.unwrap();
        assert!(items.iter().all(|item| item["body"].as_b().unwrap().as_ref() == vec![7; 390_000]));
        items.len()
    };
    assert_eq!(write("whole", 0, 9).await, Ok(()));
    assert_eq!(stored("whole").await, 9);
    assert_eq!(write("whole", 8, 12).await, Err("TransactionCanceledException".into()));
    assert_eq!(stored("whole").await, 9);
    assert_eq!(write("large", 0, 11).await, Err("ValidationException".into()));
    assert_eq!(stored("large").await, 0);
}
