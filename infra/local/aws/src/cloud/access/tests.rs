use super::*;
use crate::world::{AccessKey, Organization, Role};

const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:topic";
const QUEUE: &str = "arn:aws:sqs:us-east-1:222222222222:queue";
const ROLE: &str = "arn:aws:iam::111111111111:role/other";
const OTHERS_TOPIC: &str = "arn:aws:sns:us-east-1:222222222222:topic";
const OTHERS_ROLE: &str = "arn:aws:iam::222222222222:role/other";

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

/// A session of the role `r`, whose permissions are `permissions`, narrowed by `session_policy`.
fn session(permissions: &str, session_policy: Option<&str>) -> (Access, Caller) {
    let role = Role::new("111111111111", "r", r#"{"Statement":[]}"#).with_permissions(permissions);
    let access_keys = vec![AccessKey::new("K", "111111111111").of_role("r")];
    let world = World { roles: vec![role], access_keys, ..World::default() };
    let Caller::Session(mut session) = Caller::of_key(&world.access_keys[0]) else { unreachable!() };
    session.inline_session_policy = session_policy.map(str::to_owned);
    (Access::new(&world, None), Caller::Session(session))
}

fn allows(action: &str) -> String {
    format!(r#"{{"Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#)
}

fn lets_in(principal: &str) -> String {
    format!(r#"{{"Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"*","Resource":"*"}}]}}"#)
}

fn question<'a>(caller: &'a Caller, action: &'a str, resource: &'a str, policy: &'a str) -> Question<'a> {
    let owner = account_in(resource).unwrap();
    Question { caller, action, resource, owner, resource_policy: Some(policy), conditions: Conditions::new() }
}

#[test]
fn a_policy_that_names_its_own_account_leaves_it_to_the_accounts_policies() {
    for principal in ["111111111111", "arn:aws:iam::111111111111:root"] {
        let policy = lets_in(principal);
        let (access, may_not) = session(&allows("sqs:*"), None);
        assert!(access.decide(question(&may_not, "sns:Publish", TOPIC, &policy)).is_err(), "{principal}");
        assert!(access.decide_by_resource(question(&may_not, "sts:AssumeRole", ROLE, &policy)).is_err(), "{principal}");
        let (access, may) = session(&allows("*"), None);
        assert!(access.decide(question(&may, "sns:Publish", TOPIC, &policy)).is_ok(), "{principal}");
        assert!(access.decide_by_resource(question(&may, "sts:AssumeRole", ROLE, &policy)).is_ok(), "{principal}");
    }
    // A caller that the trust policy names needs no other permission. If it names neither the
    // caller nor the account, no policy of the account is enough.
    let (access, role) = session(&allows("sqs:*"), None);
    let named = lets_in("arn:aws:iam::111111111111:role/r");
    assert!(access.decide(question(&role, "sns:Publish", TOPIC, &named)).is_ok());
    assert!(access.decide_by_resource(question(&role, "sts:AssumeRole", ROLE, &named)).is_ok());
    let (access, role) = session(&allows("*"), None);
    let other = lets_in("arn:aws:iam::111111111111:role/s");
    assert!(access.decide_by_resource(question(&role, "sts:AssumeRole", ROLE, &other)).is_err());
}

#[test]
fn a_deny_of_the_callers_own_binds_whoever_trusts_it() {
    let deny = r#"{"Statement":[{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*"}]}"#;
    let (access, role) = session(deny, None);
    let named = lets_in("arn:aws:iam::111111111111:role/r");
    assert!(access.decide_by_resource(question(&role, "sts:AssumeRole", ROLE, &named)).is_err());
}

#[test]
fn a_sessions_own_policy_narrows_what_resources_let_in_too() {
    let named = lets_in("arn:aws:iam::111111111111:role/r");
    let (access, narrowed) = session(&allows("*"), Some(&allows("sqs:*")));
    for topic in [TOPIC, OTHERS_TOPIC] {
        assert!(access.decide(question(&narrowed, "sns:Publish", topic, &named)).is_err(), "{topic}");
    }
    for role in [ROLE, OTHERS_ROLE] {
        assert!(access.decide_by_resource(question(&narrowed, "sts:AssumeRole", role, &named)).is_err(), "{role}");
    }
    let (access, enough) = session(&allows("*"), Some(&allows("s*")));
    for topic in [TOPIC, OTHERS_TOPIC] {
        assert!(access.decide(question(&enough, "sns:Publish", topic, &named)).is_ok(), "{topic}");
    }
    for role in [ROLE, OTHERS_ROLE] {
        assert!(access.decide_by_resource(question(&enough, "sts:AssumeRole", role, &named)).is_ok(), "{role}");
    }
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
