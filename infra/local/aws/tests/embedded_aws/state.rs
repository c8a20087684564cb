//! What survives a restart, as clients see it: everything that was answered, in each service.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_marketplacecatalog::types::ChangeStatus;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use jiff::SignedDuration;
use pmp_local_aws::world::{ChangeEventTarget, ChangeSetTiming, Role};
use pmp_local_aws::{Options, Server, StartError, StateError};

use crate::rig::{HUB, MANAGEMENT, MEMBER, Rig, change, lists, world};

async fn create_table(tables: &aws_sdk_dynamodb::Client) {
    let attribute = AttributeDefinition::builder().attribute_name("k").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("k").key_type(KeyType::Hash);
    let create = tables.create_table().table_name("t").billing_mode(BillingMode::PayPerRequest);
    let create = create.attribute_definitions(attribute.build().unwrap()).key_schema(key.build().unwrap());
    create.send().await.unwrap();
}

async fn put(tables: &aws_sdk_dynamodb::Client, key: &str, value: &[u8]) {
    let put = tables.put_item().table_name("t").item("k", AttributeValue::S(key.into()));
    put.item("v", AttributeValue::B(Blob::new(value))).send().await.unwrap();
}

async fn get(tables: &aws_sdk_dynamodb::Client, key: &str) -> Option<Vec<u8>> {
    let get = tables.get_item().table_name("t").key("k", AttributeValue::S(key.into()));
    let item: HashMap<_, _> = get.send().await.unwrap().item?;
    Some(item["v"].as_b().unwrap().clone().into_inner())
}

#[tokio::test]
async fn a_queue_keeps_its_messages_those_in_flight_and_their_receive_counts() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::keeping(world(), dir.path()).await;
    let queues = rig.sqs(MEMBER);
    let create = queues.create_queue().queue_name("orders").attributes(QueueAttributeName::VisibilityTimeout, "600");
    let url = create.send().await.unwrap().queue_url.unwrap();
    for body in ["first", "second", "third"] {
        queues.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let held = queues.receive_message().queue_url(&url).max_number_of_messages(2).send().await.unwrap();
    let receipts: Vec<_> = held.messages().iter().filter_map(|message| message.receipt_handle()).collect();
    queues
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle(receipts[0])
        .visibility_timeout(0)
        .send()
        .await
        .unwrap();
    rig.server.shutdown().await;

    let rig = Rig::keeping(world(), dir.path()).await;
    let queues = rig.sqs(MEMBER);
    let url = queues.get_queue_url().queue_name("orders").send().await.unwrap().queue_url.unwrap();
    assert_eq!(url, rig.server.queue_url(MEMBER, "orders"), "at the new port");
    let receive = queues.receive_message().queue_url(&url).max_number_of_messages(10);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
    let received = receive.send().await.unwrap();
    let count = |body: &str| {
        let message = received.messages().iter().find(|message| message.body() == Some(body))?;
        message.attributes()?.get(&MessageSystemAttributeName::ApproximateReceiveCount).cloned()
    };
    assert_eq!((count("first").as_deref(), count("third").as_deref()), (Some("2"), Some("1")));
    assert_eq!(count("second"), None, "still in flight");
    queues.delete_message().queue_url(&url).receipt_handle(receipts[1]).send().await.unwrap();
    let attributes = queues.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All);
    let attributes = attributes.send().await.unwrap().attributes.unwrap();
    assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], "600");
    assert_eq!(attributes[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible], "2");
    rig.server.shutdown().await;
}

#[tokio::test]
async fn a_topic_still_delivers_to_its_subscribers() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::keeping(world(), dir.path()).await;
    let url = rig.sqs(HUB).create_queue().queue_name("inbox").send().await.unwrap().queue_url.unwrap();
    let topic = rig.sns(HUB).create_topic().name("news").send().await.unwrap().topic_arn.unwrap();
    let policy = format!(
        r#"{{"Statement":[{{"Effect":"Allow","Principal":{{"Service":"sns.amazonaws.com"}},"Action":"sqs:SendMessage","Resource":"*",
        "Condition":{{"ArnEquals":{{"aws:SourceArn":"{topic}"}}}}}}]}}"#
    );
    let set = rig.sqs(HUB).set_queue_attributes().queue_url(&url).attributes(QueueAttributeName::Policy, policy);
    set.send().await.unwrap();
    let queue = format!("arn:aws:sqs:us-east-1:{HUB}:inbox");
    let subscribe = rig.sns(HUB).subscribe().topic_arn(&topic).protocol("sqs").endpoint(queue);
    let subscribe = subscribe.attributes("RawMessageDelivery", "true").return_subscription_arn(true);
    let subscription = subscribe.send().await.unwrap().subscription_arn.unwrap();
    rig.server.shutdown().await;

    let rig = Rig::keeping(world(), dir.path()).await;
    rig.sns(HUB).publish().topic_arn(&topic).message("still here").send().await.unwrap();
    let url = rig.server.queue_url(HUB, "inbox");
    let received = rig.sqs(HUB).receive_message().queue_url(url).send().await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("still here"), "raw, as it was subscribed");
    let listed = rig.sns(HUB).list_subscriptions_by_topic().topic_arn(&topic).send().await.unwrap();
    assert_eq!(listed.subscriptions()[0].subscription_arn(), Some(subscription.as_str()));
    rig.server.shutdown().await;
}

#[tokio::test]
async fn tables_keep_their_items_the_large_ones_too() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::keeping(world(), dir.path()).await;
    let tables = rig.dynamodb(HUB);
    create_table(&tables).await;
    let large: Vec<u8> = (0..350_000_u32).map(|n| (n % 251) as u8).collect();
    for n in 0..4_u8 {
        let value: Vec<u8> = large.iter().map(|byte| byte.wrapping_add(n)).collect();
        put(&tables, &format!("large-{n}"), &value).await;
    }
    put(&tables, "small", b"1").await;
    let policy = format!(
        r#"{{"Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{MEMBER}"}},"Action":"dynamodb:GetItem","Resource":"*"}}]}}"#
    );
    let arn = format!("arn:aws:dynamodb:us-east-1:{HUB}:table/t");
    tables.put_resource_policy().resource_arn(&arn).policy(policy).send().await.unwrap();
    rig.server.shutdown().await;

    // Twice: what was read is saved again, and unused values are deleted in between.
    for round in 0..2 {
        let rig = Rig::keeping(world(), dir.path()).await;
        let tables = rig.dynamodb(HUB);
        assert_eq!(get(&tables, "small").await.as_deref(), Some(b"1".as_slice()));
        for n in round..4_u8 {
            let expected: Vec<u8> = large.iter().map(|byte| byte.wrapping_add(n)).collect();
            assert!(get(&tables, &format!("large-{n}")).await.unwrap() == expected, "large-{n}");
        }
        let other = rig.dynamodb(MEMBER).get_item().table_name(&arn).key("k", AttributeValue::S("small".into()));
        assert!(other.send().await.unwrap().item.is_some(), "the table's policy is there");
        tables.delete_item().table_name("t").key("k", AttributeValue::S("large-0".into())).send().await.unwrap();
        rig.server.shutdown().await;
    }
    let kept = std::fs::read_dir(dir.path().join("binaries")).unwrap().count();
    assert_eq!(kept, 3, "the value of the deleted item is gone");
}

#[tokio::test]
async fn a_session_and_the_clock_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = world();
    let trust =
        format!(r#"{{"Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{MEMBER}"}},"Action":"sts:AssumeRole"}}]}}"#);
    let nothing_but_lists = r#"{"Statement":[{"Effect":"Allow","Action":"sqs:ListQueues","Resource":"*"}]}"#;
    world.roles.push(Role::new(HUB, "reader", trust).with_permissions(nothing_but_lists));
    let rig = Rig::keeping(world.clone(), dir.path()).await;
    rig.server.jump(SignedDuration::from_hours(1000)).await.unwrap();
    let role = format!("arn:aws:iam::{HUB}:role/reader");
    let assumed = rig.sts(MEMBER).assume_role().role_arn(&role).role_session_name("session").send().await.unwrap();
    let session = assumed.credentials.unwrap();
    rig.server.shutdown().await;

    let rig = Rig::keeping(world, dir.path()).await;
    let ahead = rig.server.now().duration_since(jiff::Timestamp::now());
    assert!((ahead - SignedDuration::from_hours(1000)).abs() < SignedDuration::from_secs(5), "{ahead}");
    let credentials = aws_credential_types::Credentials::new(
        session.access_key_id(),
        session.secret_access_key(),
        Some(session.session_token().to_owned()),
        None,
        "test",
    );
    let config = rig.signed_with(credentials);
    let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some(format!("arn:aws:sts::{HUB}:assumed-role/reader/session").as_str()));
    aws_sdk_sqs::Client::new(&config).list_queues().send().await.unwrap();
    rig.server.jump(SignedDuration::from_hours(2)).await.unwrap();
    assert!(aws_sdk_sqs::Client::new(&config).list_queues().send().await.is_err(), "and it ends when it should");
    rig.server.shutdown().await;
}

#[tokio::test]
async fn a_change_set_that_runs_ends_after_the_restart_and_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = world();
    world.change_sets = ChangeSetTiming::always(Duration::from_millis(1500));
    world.change_event_targets = vec![ChangeEventTarget::to_queue(HUB, "events")];
    let rig = Rig::keeping(world.clone(), dir.path()).await;
    let catalog = rig.catalog(HUB);
    let start = catalog.start_change_set().catalog("AWSMarketplace").client_request_token("once");
    let start = start.change_set(change("AllowProductProcurement", MANAGEMENT, &["prod-new"]));
    let id = start.clone().send().await.unwrap().change_set_id.unwrap();
    rig.server.shutdown().await;

    let rig = Rig::keeping(world.clone(), dir.path()).await;
    let catalog = rig.catalog(HUB);
    let other = catalog.start_change_set().catalog("AWSMarketplace");
    let other = other.change_set(change("AllowProductProcurement", MANAGEMENT, &["prod-other"])).send().await;
    assert!(other.unwrap_err().into_service_error().is_resource_in_use_exception(), "still locked");
    let queue = rig.server.queue_url(HUB, "events");
    let event = rig.sqs(HUB).receive_message().queue_url(queue).wait_time_seconds(10).send().await.unwrap();
    assert!(event.messages()[0].body().unwrap().contains(&id));
    let described = catalog.describe_change_set().catalog("AWSMarketplace").change_set_id(&id).send().await.unwrap();
    assert_eq!(described.status(), Some(&ChangeStatus::Succeeded));
    rig.server.shutdown().await;

    let rig = Rig::keeping(world, dir.path()).await;
    let catalog = rig.catalog(HUB);
    assert_eq!(lists(&catalog, "policy-management").await.0, ["prod-a", "prod-b", "prod-new"]);
    let again = catalog.start_change_set().catalog("AWSMarketplace").client_request_token("once");
    let again = again.change_set(change("AllowProductProcurement", MANAGEMENT, &["prod-new"])).send().await.unwrap();
    assert_eq!(again.change_set_id(), Some(id.as_str()), "the token is remembered");
    rig.server.shutdown().await;
}

#[tokio::test]
async fn the_state_wins_over_another_world_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let start = async |world| {
        Server::start(world, Options { state: Some(dir.path().to_owned()), ..Options::default() }).await.unwrap()
    };
    let server = start(world()).await;
    assert_eq!(server.resumed(), None);
    server.shutdown().await;
    let server = start(world()).await;
    assert!(!server.resumed().unwrap().other_world);
    server.shutdown().await;
    let mut other = world();
    other.organizations.truncate(1);
    let server = start(other).await;
    assert!(server.resumed().unwrap().other_world);
    assert_eq!(server.world().organizations.len(), 2);
    let taken = Server::start(world(), Options { state: Some(dir.path().to_owned()), ..Options::default() }).await;
    assert!(matches!(taken, Err(StartError::State(StateError::InUse { .. }))));
    server.shutdown().await;
}
