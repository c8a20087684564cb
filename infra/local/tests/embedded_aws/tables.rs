//! DynamoDB as the ledger uses it: races, sizes, ARNs.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest, ScalarAttributeType,
    WriteRequest,
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
