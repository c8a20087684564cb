//! Makes a stack's tables, topics, queues and subscriptions in the embedded AWS, with the
//! properties that the template gives them. Functions, rules and alarms are not made: the tests
//! play those.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pmp_tests::Aws;
use serde_json::Value;

use crate::stack::{Stack, text};

/// Makes them, as whoever deploys in the account; subscriptions last. What AWS says where it does
/// not let a queue subscribe.
pub(crate) async fn deploy(stack: &Stack, account: &Aws) -> Result<(), String> {
    let dynamodb = aws_sdk_dynamodb::Client::new(account.config());
    for logical in stack.of_type("AWS::DynamoDB::Table") {
        create_table(&dynamodb, &stack.properties(logical)).await;
    }
    let sns = aws_sdk_sns::Client::new(account.config());
    for logical in stack.of_type("AWS::SNS::Topic") {
        sns.create_topic().name(text(&stack.properties(logical)["TopicName"])).send().await.unwrap();
    }
    for logical in stack.of_type("AWS::SNS::TopicPolicy") {
        let properties = stack.properties(logical);
        for topic in properties["Topics"].as_array().unwrap() {
            let call = sns.set_topic_attributes().topic_arn(text(topic)).attribute_name("Policy");
            call.attribute_value(properties["PolicyDocument"].to_string()).send().await.unwrap();
        }
    }
    create_queues(stack, &aws_sdk_sqs::Client::new(account.config()), account).await;
    for logical in stack.of_type("AWS::SNS::Subscription") {
        subscribe(&sns, &stack.properties(logical)).await?;
    }
    Ok(())
}

async fn create_table(client: &aws_sdk_dynamodb::Client, properties: &Value) {
    let mut call = client.create_table().table_name(text(&properties["TableName"]));
    for key in properties["KeySchema"].as_array().unwrap() {
        let kind = KeyType::from(text(&key["KeyType"]).as_str());
        let key = KeySchemaElement::builder().attribute_name(text(&key["AttributeName"])).key_type(kind);
        call = call.key_schema(key.build().unwrap());
    }
    for attribute in properties["AttributeDefinitions"].as_array().unwrap() {
        let definition = AttributeDefinition::builder().attribute_name(text(&attribute["AttributeName"]));
        let definition = definition.attribute_type(text(&attribute["AttributeType"]).as_str().into());
        call = call.attribute_definitions(definition.build().unwrap());
    }
    call.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
}

/// Dead-letter queues first: a redrive policy names a queue that is there.
async fn create_queues(stack: &Stack, client: &aws_sdk_sqs::Client, account: &Aws) {
    let mut queues: Vec<_> = stack.of_type("AWS::SQS::Queue").into_iter().map(|name| stack.properties(name)).collect();
    queues.sort_by_key(|properties| properties.get("RedrivePolicy").is_some());
    let known = ["VisibilityTimeout", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "RedrivePolicy"];
    for properties in queues {
        let given = known.iter().filter_map(|name| Some((QueueAttributeName::from(*name), properties.get(*name)?)));
        let attributes = given.map(|(name, value)| (name, text(value))).collect::<HashMap<_, _>>();
        let attributes = (!attributes.is_empty()).then_some(attributes);
        let call = client.create_queue().queue_name(text(&properties["QueueName"])).set_attributes(attributes);
        call.send().await.unwrap();
    }
    for logical in stack.of_type("AWS::SQS::QueuePolicy") {
        let properties = stack.properties(logical);
        for queue in properties["Queues"].as_array().unwrap() {
            let url = account.queue_url(text(queue).rsplit('/').next().unwrap()).await;
            let policy = properties["PolicyDocument"].to_string();
            let call = client.set_queue_attributes().queue_url(url);
            call.attributes(QueueAttributeName::Policy, policy).send().await.unwrap();
        }
    }
}

async fn subscribe(client: &aws_sdk_sns::Client, properties: &Value) -> Result<(), String> {
    let call = client.subscribe().topic_arn(text(&properties["TopicArn"])).protocol(text(&properties["Protocol"]));
    let mut call = call.endpoint(text(&properties["Endpoint"]));
    for name in ["RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy"] {
        if let Some(value) = properties.get(name) {
            call = call.attributes(name, text(value));
        }
    }
    let answer = call.send().await;
    answer.map(drop).map_err(|error| error.message().map_or_else(|| format!("{error:?}"), str::to_owned))
}
