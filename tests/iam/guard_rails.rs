//! Guard rails of organizations, as in AWS's [data perimeter examples]: they deny what crosses
//! organizations here, and the exceptions that `docs/deploy.md` asks for let it through.
//!
//! [data perimeter examples]: https://github.com/aws-samples/data-perimeter-policy-examples

use aws_sdk_sqs::types::QueueAttributeName;
use pmp_local_aws::world::{AccessKey, ControlPolicy, Role};
use pmp_tests::{ALPHA, ALPHA_PROD, HUB_ORGANIZATION, Lists, World, world};
use serde_json::{Value, json};

use crate::ask::everything;
use crate::organizations::{ALPHA_DELEGATE, Besides, HUB_DELEGATE, Organizations, batch, look};

/// An account that nobody here is.
const NOBODY: &str = "999999999999";
/// The tags by which the examples make their exceptions.
const IDENTITY: &str = "dp:exclude:identity";
const RESOURCE: &str = "dp:exclude:resource";
const HUB_ROLE: &str = "pmp-sync-member-o-alpha00000";
const QUEUES: [&str; 2] = ["pmp-sync-snapshots", "pmp-sync-snapshots-dead-letters"];
/// A role that deploys alpha's spoke, by its key.
const DEPLOYER: &str = "AKIADEPLOYER0000";

/// The conditions of `EnforceOrgIdentities` and `EnforceConfusedDeputyProtection`, which trust one
/// more account.
fn identity_perimeter(organization: &str, trusted: &str) -> ControlPolicy {
    let tag = format!("aws:ResourceTag/{IDENTITY}");
    let identities = json!({
        "StringNotEqualsIfExists": {"aws:PrincipalOrgID": organization, "aws:PrincipalAccount": [trusted], &tag: "true"},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    });
    let deputies = json!({
        "StringNotEqualsIfExists": {"aws:SourceOrgID": organization, "aws:SourceAccount": [trusted], &tag: "true"},
        "Null": {"aws:SourceAccount": "false"},
        "Bool": {"aws:PrincipalIsAWSService": "true"},
    });
    let deny = |sid: &str, actions: Value, condition: Value| {
        let what = json!({"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": "*"});
        with(what, "Condition", condition)
    };
    let statements = [
        deny("EnforceOrgIdentities", json!(["sqs:*", "kms:*", "sts:AssumeRole"]), identities),
        deny("EnforceConfusedDeputyProtection", json!(["sqs:*", "kms:*", "sts:*"]), deputies),
    ];
    ControlPolicy::new("identity-perimeter", json!({"Version": "2012-10-17", "Statement": statements}))
}

fn with(mut statement: Value, field: &str, value: Value) -> Value {
    statement[field] = value;
    statement
}

/// The conditions of `EnforceResourcePerimeterAWSResources`, but for these resources.
fn resource_perimeter(organization: &str, except: &[&str]) -> ControlPolicy {
    let resources = [&["arn:aws:iam::aws:policy/*"][..], except].concat();
    let tag = format!("aws:PrincipalTag/{RESOURCE}");
    let condition = json!({"StringNotEqualsIfExists": {"aws:ResourceOrgID": organization, &tag: "true"}});
    let statement = json!({"Sid": "EnforceResourcePerimeterAWSResources", "Effect": "Deny", "Action": "*",
        "NotResource": resources, "Condition": condition});
    ControlPolicy::new("resource-perimeter", json!({"Version": "2012-10-17", "Statement": [statement]}))
}

fn topic() -> String {
    format!("arn:aws:sns:us-east-1:{HUB_DELEGATE}:pmp-sync-snapshots")
}

/// As `docs/deploy.md` has them, beside the topic.
fn subscriptions() -> String {
    format!("{}:*", topic())
}

fn hub_role() -> String {
    format!("arn:aws:iam::{HUB_DELEGATE}:role/{HUB_ROLE}")
}

/// The world of hub and alpha with these policies: resource control policies of the hub's
/// organization and of alpha's, then service control policies.
fn guarded(
    [hub_resource, alpha_resource]: [Option<ControlPolicy>; 2],
    [hub_service, alpha_service]: [Option<ControlPolicy>; 2],
) -> World {
    let mut world = world(&["prod-a"], &["prod-x"]);
    world.organizations[0].resource_control_policies.extend(hub_resource);
    world.organizations[1].resource_control_policies.extend(alpha_resource);
    world.organizations[0].service_control_policies.extend(hub_service);
    world.organizations[1].service_control_policies.extend(alpha_service);
    world
}

/// The hub announces once, the spoke takes it, and the experience is in step.
async fn assert_in_step(organizations: &Organizations) {
    look(&organizations.hub_function().await).await;
    let spoke = organizations.spoke_function().await;
    assert!(batch(organizations, &spoke).await.is_empty(), "{}", spoke.log());
    assert_eq!(organizations.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &["prod-x"]));
}

/// Messages in a queue of alpha's.
async fn messages(organizations: &Organizations, queue: &str) -> String {
    let sqs = aws_sdk_sqs::Client::new(organizations.alpha_account.config());
    let count = QueueAttributeName::ApproximateNumberOfMessages;
    let url = organizations.alpha_account.queue_url(queue).await;
    let answer = sqs.get_queue_attributes().queue_url(url).attribute_names(count.clone()).send().await.unwrap();
    answer.attributes.unwrap().remove(&count).unwrap()
}

fn assert_names(check: &Value, result: &str, policy: &str) {
    assert_eq!(check["result"], result, "{check:#}");
    assert!(check["fixes"].to_string().contains(policy), "{check:#}");
}

#[tokio::test]
async fn the_hubs_resource_perimeter_keeps_members_out_but_for_those_that_are_excepted() {
    let by_tag = [(HUB_ROLE, IDENTITY, "true")];
    for (trusted, tags, admitted) in
        [(NOBODY, &[][..], false), (ALPHA_DELEGATE, &[][..], true), (NOBODY, &by_tag[..], true)]
    {
        let world = guarded([Some(identity_perimeter(HUB_ORGANIZATION, trusted)), None], [None, None]);
        let besides = Besides { roles: tags, ..Besides::default() };
        let organizations = Organizations::deploy_delegated_besides(world, &[], besides).await;
        if admitted {
            assert_in_step(&organizations).await;
            continue;
        }
        let checkup = organizations.spoke_checkup().await;
        let policy = "a resource control policy of the organization that owns the resource refused this";
        assert_names(&checkup["hub-role"], "failed", policy);
    }
}

#[tokio::test]
async fn a_members_resource_perimeter_keeps_announcements_out_of_both_queues_but_for_those_that_are_excepted() {
    let by_tag = QUEUES.map(|queue| (queue, IDENTITY, "true"));
    for (trusted, tags, admitted) in
        [(NOBODY, &[][..], false), (HUB_DELEGATE, &[][..], true), (NOBODY, &by_tag[..], true)]
    {
        let world = guarded([None, Some(identity_perimeter(ALPHA, trusted))], [None, None]);
        let besides = Besides { queues: tags, ..Besides::default() };
        let organizations = Organizations::deploy_delegated_besides(world, &[], besides).await;
        assert_eq!(organizations.subscribed, Ok(()));
        if admitted {
            assert_in_step(&organizations).await;
            continue;
        }
        look(&organizations.hub_function().await).await;
        for queue in QUEUES {
            assert_eq!(messages(&organizations, queue).await, "0", "{queue}");
        }
        // Nobody in the member's account is told; where to look is all that can be said.
        let checkup = organizations.spoke_checkup().await;
        assert_names(&checkup["sign-of-life"], "warning", "look for a resource control policy on queues");
    }
}

#[tokio::test]
async fn a_members_service_perimeter_keeps_its_own_in_but_for_what_is_excepted() {
    let exceptions = [topic(), subscriptions(), hub_role()];
    let by_arn = exceptions.each_ref().map(String::as_str);
    let by_tag = [("pmp-sync-spoke", RESOURCE, "true")];
    for (except, tags, admitted) in
        [(&[][..], &[][..], false), (&by_arn[..], &[][..], true), (&[][..], &by_tag[..], true)]
    {
        let mut world = guarded([None, None], [None, Some(resource_perimeter(ALPHA, except))]);
        let trust = json!({"Version": "2012-10-17", "Statement": []});
        let deployer = Role::new(ALPHA_DELEGATE, "deployer", trust).with_permissions(everything());
        world.roles.push(if tags.is_empty() { deployer } else { deployer.with_tag(RESOURCE, "true") });
        world.access_keys.push(AccessKey::new(DEPLOYER, ALPHA_DELEGATE).of_role("deployer"));
        let besides = Besides { roles: tags, deployer: Some(DEPLOYER), ..Besides::default() };
        let organizations = Organizations::deploy_delegated_besides(world, &[], besides).await;
        if admitted {
            assert_eq!(organizations.subscribed, Ok(()));
            assert_in_step(&organizations).await;
            // What deploys the spoke looks at its subscription, sets it and takes it away.
            let sns = aws_sdk_sns::Client::new(organizations.as_account(DEPLOYER).config());
            let listed = sns.list_subscriptions().send().await.unwrap();
            let own = listed.subscriptions()[0].subscription_arn().unwrap();
            sns.get_subscription_attributes().subscription_arn(own).send().await.unwrap();
            sns.set_subscription_attributes()
                .subscription_arn(own)
                .attribute_name("RawMessageDelivery")
                .attribute_value("true")
                .send()
                .await
                .unwrap();
            sns.unsubscribe().subscription_arn(own).send().await.unwrap();
            continue;
        }
        let refused = organizations.subscribed.clone().unwrap_err();
        assert!(refused.contains("sns:Subscribe"), "{refused}");
        assert!(refused.ends_with("with an explicit deny in a service control policy"), "{refused}");
        let checkup = organizations.spoke_checkup().await;
        assert_names(
            &checkup["hub-role"],
            "failed",
            "a service control policy of this account's organization refused this",
        );
    }
}

#[tokio::test]
async fn behind_all_of_them_nothing_is_denied_once_the_exceptions_are_made() {
    let exceptions = [topic(), subscriptions(), hub_role()];
    let alpha = resource_perimeter(ALPHA, &exceptions.each_ref().map(String::as_str));
    let identities = [identity_perimeter(HUB_ORGANIZATION, ALPHA_DELEGATE), identity_perimeter(ALPHA, HUB_DELEGATE)];
    let resources = [resource_perimeter(HUB_ORGANIZATION, &[]), alpha];
    let world = guarded(identities.map(Some), resources.map(Some));
    let organizations = Organizations::deploy_delegated(world, &[]).await;
    assert_in_step(&organizations).await;
    let denied: Vec<_> = organizations.decisions().await.into_iter().filter(|it| !it.allowed).collect();
    assert!(denied.is_empty(), "{denied:#?}");
}

#[tokio::test]
async fn no_guard_rail_binds_management_accounts() {
    let identities = [HUB_ORGANIZATION, ALPHA].map(|organization| Some(identity_perimeter(organization, NOBODY)));
    let resources = [HUB_ORGANIZATION, ALPHA].map(|organization| Some(resource_perimeter(organization, &[])));
    let organizations = Organizations::deploy(guarded(identities, resources), &[], &[]).await;
    assert_in_step(&organizations).await;
}

/// A policy that is attached to one account leaves the others alone.
#[tokio::test]
async fn a_guard_rail_binds_the_accounts_that_it_is_attached_to() {
    let mut world =
        guarded([Some(identity_perimeter(HUB_ORGANIZATION, NOBODY).on("111111111113")), None], [None, None]);
    world.organizations[0] = world.organizations[0].clone().with_member("111111111113");
    assert_in_step(&Organizations::deploy_delegated(world, &[]).await).await;
}
