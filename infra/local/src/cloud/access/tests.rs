use super::*;
use crate::world::{Organization, Role};

const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:topic";
const QUEUE: &str = "arn:aws:sqs:us-east-1:222222222222:queue";

fn access() -> Access {
    let world = World {
        organizations: vec![Organization::new("o-aaaaaaaaaa", "A", "222222222222")],
        roles: vec![Role::new("111111111111", "r", r#"{"Statement":[]}"#)],
        ..World::default()
    };
    Access::new(&world, None)
}

fn subscribes(policy: Option<&str>, account: &str) -> bool {
    let caller = Caller::Account(account.into());
    let question = Question {
        caller: &caller,
        action: "sns:Subscribe",
        resource: TOPIC,
        owner: "111111111111",
        resource_policy: policy,
        conditions: Conditions::new(),
    };
    access().decide(question).is_ok()
}

#[test]
fn another_account_needs_the_resources_consent() {
    let policy = |principal: &str, effect: &str| {
        format!(
            r#"{{"Statement":[{{"Effect":"{effect}","Principal":{{"AWS":"{principal}"}},"Action":"SNS:Subscribe","Resource":"{TOPIC}"}}]}}"#
        )
    };
    assert!(subscribes(None, "111111111111"));
    assert!(!subscribes(None, "222222222222"));
    assert!(!subscribes(Some(""), "222222222222"));
    assert!(subscribes(Some(&policy("222222222222", "Allow")), "222222222222"));
    assert!(subscribes(Some(&policy("arn:aws:iam::222222222222:root", "Allow")), "222222222222"));
    assert!(!subscribes(Some(&policy("333333333333", "Allow")), "222222222222"));
    assert!(!subscribes(Some(&policy("*", "Deny")), "111111111111"), "a deny binds the owner too");
    assert!(!subscribes(Some("not a policy"), "222222222222"));
}

#[test]
fn the_organization_is_known_whatever_the_case_of_the_key() {
    let policy = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sns:*","Resource":"*",
        "Condition":{"StringEquals":{"aws:principalorgid":"o-aaaaaaaaaa"}}}]}"#;
    assert!(subscribes(Some(policy), "222222222222"));
    assert!(!subscribes(Some(policy), "333333333333"));
}

#[test]
fn a_service_is_let_in_by_name_and_source_only() {
    let policy = format!(
        r#"{{"Statement":[{{"Effect":"Allow","Principal":{{"Service":"sns.amazonaws.com"}},"Action":"sqs:SendMessage",
        "Resource":"{QUEUE}","Condition":{{"ArnEquals":{{"aws:SourceArn":"{TOPIC}"}}}}}}]}}"#
    );
    let admits = |service: &str, from: &str, policy: &str| {
        access().admits_service(service, "sqs:SendMessage", QUEUE, policy, source(from, None))
    };
    assert!(admits("sns.amazonaws.com", TOPIC, &policy));
    assert!(!admits("sns.amazonaws.com", "arn:aws:sns:us-east-1:111111111111:other", &policy));
    assert!(!admits("events.amazonaws.com", TOPIC, &policy));
    assert!(!admits("sns.amazonaws.com", TOPIC, ""));
}
