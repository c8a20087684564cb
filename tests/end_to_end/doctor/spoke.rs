//! What `pmp-spoke doctor` finds.

use std::collections::HashMap;
use std::path::Path;

use aws_sdk_sqs::types::QueueAttributeName;
use pmp_local_aws::world::{AccessKey, Fault, FaultRule, Role};
use pmp_tests::{ALPHA_DISABLED, ALPHA_PROD, Scene, World, world};
use serde_json::json;

use super::{Checkup, operations};
use crate::leases::thief;

const READER: &str = "AKIASPOKEDOCTOR0001";
const ACCOUNT: &str = "222222222222";

async fn in_step() -> Scene {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene
}

fn example() -> std::path::PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    repository.join("filters/examples/exclude-products/exclude-products.wasm")
}

#[tokio::test]
async fn everything_is_well_and_nothing_is_changed() {
    let scene = in_step().await;
    let waiting = scene.alpha_account.waiting(&scene.queue_url).await;
    let spoke = scene.spoke_with_filter(&example(), r#"{"exclude_ids":["prod-b"]}"#);
    let checkup = Checkup::of(&spoke).await;
    // What is not set is not looked at.
    assert_eq!(checkup.that_are("skipped"), ["trusted-keys"]);
    assert_eq!(checkup.that_are("ok").len(), checkup.checks.len() - 1, "{:#?}", checkup.checks);
    let names: Vec<_> = checkup.checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "configuration",
            "filter",
            "credentials",
            "account",
            "clock",
            "region",
            "organization",
            "hub-role",
            "snapshots-table",
            "timestamps-table",
            "sign-of-life",
            "lease",
            "trusted-keys",
            "catalog",
            "queue",
            "dead-letters",
            "subscription",
            "queue-policy",
            "network"
        ]
    );
    assert!(checkup.check("filter")["detail"].as_str().unwrap().starts_with("`exclude-products` "));
    assert_eq!(checkup.check("lease")["detail"], "free");
    checkup.expect_ok("network", &format!("services at {} (AWS_ENDPOINT_URL)", scene.endpoint()));
    assert_eq!(checkup.check("network")["detail"].as_str().unwrap().matches("AWS_ENDPOINT_URL").count(), 1);
    assert_eq!(
        operations(&spoke, &scene.endpoint()).await,
        [
            "AssumeRole",
            "BatchDescribeEntities",
            "DescribeOrganization",
            "GetCallerIdentity",
            "GetItem",
            "GetQueueAttributes",
            "GetSubscriptionAttributes",
            "ListEntities",
            "ListSubscriptions",
            "Query"
        ]
    );
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, waiting);
}

#[tokio::test]
async fn what_is_not_set_up_yet_is_a_warning() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let checkup = Checkup::of(&scene.spoke.with(&[("PMP_QUEUE_URL", ""), ("PMP_TOPIC_ARN", "")])).await;
    checkup.expect("snapshots-table", "warning", "no snapshot of exp-management yet", "pmp-hub publish");
    checkup.expect("sign-of-life", "warning", "no pass has finished yet", "pmp-spoke sync");
    checkup.expect("queue", "warning", "PMP_QUEUE_URL) is not set", "`sync` does without");
    assert_eq!(checkup.check("lease")["detail"], "free, and never taken");
    assert_eq!(checkup.that_are("skipped"), ["trusted-keys", "dead-letters", "subscription", "queue-policy"]);
    assert_eq!(checkup.code, 0);
    // One that is mistyped has no snapshot either, and others have.
    scene.hub.json(&["publish"]).await;
    for (mistyped, says) in
        [("exp-managment", "did you mean `exp-management`?"), ("exp-0123", "snapshots of exp-management")]
    {
        let checkup = Checkup::of(&scene.spoke.with(&[("PMP_EXPERIENCE_ID", mistyped)])).await;
        checkup.expect("snapshots-table", "warning", &format!("no snapshot of {mistyped} yet"), says);
    }
}

#[tokio::test]
async fn a_wrong_external_id_hides_the_ledger_and_nothing_else() {
    let scene = in_step().await;
    let checkup = Checkup::of(&scene.spoke.with(&[("PMP_HUB_EXTERNAL_ID", "wrong")])).await;
    checkup.expect("hub-role", "failed", "`sts:AssumeRole` was refused with AccessDenied", "PMP_HUB_EXTERNAL_ID");
    checkup.expect("hub-role", "failed", "", "grant `sts:AssumeRole`");
    assert_eq!(checkup.that_are("failed"), ["hub-role"]);
    assert_eq!(
        checkup.that_are("skipped"),
        ["snapshots-table", "timestamps-table", "sign-of-life", "lease", "trusted-keys"]
    );
}

#[tokio::test]
async fn a_role_of_the_hub_that_was_forgotten_is_told_once() {
    let scene = in_step().await;
    let without = scene.spoke.with(&[("PMP_HUB_ROLE_ARN", ""), ("PMP_HUB_EXTERNAL_ID", "")]);
    let checkup = Checkup::of(&without).await;
    checkup.expect(
        "hub-role",
        "failed",
        "the tables belong to 111111111111 and you are 222222222222",
        "set --hub-role-arn (PMP_HUB_ROLE_ARN)",
    );
    assert_eq!(checkup.that_are("failed"), ["hub-role"]);
}

#[tokio::test]
async fn an_organization_that_was_set_is_held_against_organizations() {
    let scene = in_step().await;
    let right = Checkup::of(&scene.spoke.with(&[("PMP_ORG_ID", pmp_tests::ALPHA)])).await;
    right.expect_ok("organization", "o-alpha00000, from --org-id (PMP_ORG_ID); as AWS Organizations says");
    let wrong = Checkup::of(&scene.spoke.with(&[("PMP_ORG_ID", "o-alpha00001")])).await;
    let told = "this account belongs to o-alpha00000, as AWS Organizations says";
    wrong.expect("organization", "failed", told, "set --org-id (PMP_ORG_ID) to o-alpha00000");
}

#[tokio::test]
async fn a_table_that_is_not_there() {
    let scene = in_step().await;
    let arn = "arn:aws:dynamodb:us-east-1:111111111111:table/SyncTimestampz";
    let checkup = Checkup::of(&scene.spoke.with(&[("PMP_TIMESTAMPS_TABLE", arn)])).await;
    // The member's role names its tables: to it, any other is forbidden. No permission is missing.
    let meant = "did you mean `arn:aws:dynamodb:us-east-1:111111111111:table/SyncTimestamps`?";
    checkup.expect("timestamps-table", "failed", "SyncTimestampz", meant);
    assert_eq!(checkup.check("sign-of-life")["detail"], "`timestamps-table` was not read");
    // Without the role, the table is looked for in the spoke's own account.
    let own = [("PMP_HUB_ROLE_ARN", ""), ("PMP_HUB_EXTERNAL_ID", ""), ("PMP_SNAPSHOTS_TABLE", "Snapshots")];
    let checkup = Checkup::of(&scene.spoke.with(&own)).await;
    checkup.expect(
        "snapshots-table",
        "failed",
        "table `Snapshots` does not exist",
        "--hub-role-arn (PMP_HUB_ROLE_ARN)",
    );
}

#[tokio::test]
async fn a_queue_without_a_subscription() {
    let scene = in_step().await;
    let sns = aws_sdk_sns::Client::new(scene.alpha_account.config());
    let found = sns.list_subscriptions().send().await.unwrap();
    let arn = found.subscriptions()[0].subscription_arn().unwrap();
    sns.unsubscribe().subscription_arn(arn).send().await.unwrap();
    let checkup = Checkup::of(&scene.spoke).await;
    checkup.expect("subscription", "failed", "the queue is not subscribed to `arn:aws:sns:", "`pmp-spoke init`");
    assert_eq!(checkup.that_are("failed"), ["subscription"]);

    // A stack's queue hides messages for longer. Its stack would do nothing about it.
    let sqs = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let call = sqs.set_queue_attributes().queue_url(&scene.queue_url);
    call.attributes(QueueAttributeName::VisibilityTimeout, "5400").send().await.unwrap();
    let checkup = Checkup::of(&scene.spoke).await;
    let fixes = checkup.check("subscription")["fixes"].to_string();
    assert!(!fixes.contains("pmp-spoke init"), "{fixes}");
    let command = format!("aws sns subscribe --topic-arn {} --protocol sqs --notification-endpoint ", scene.topic_arn);
    assert!(fixes.contains(&command) && fixes.contains("pmp-sync-snapshots-dead-letters"), "{fixes}");
}

#[tokio::test]
async fn a_subscription_that_keeps_the_experience_out() {
    let scene = in_step().await;
    let sns = aws_sdk_sns::Client::new(scene.alpha_account.config());
    let found = sns.list_subscriptions().send().await.unwrap();
    let arn = found.subscriptions()[0].subscription_arn().unwrap();
    let set = sns.set_subscription_attributes().subscription_arn(arn).attribute_name("FilterPolicy");
    set.attribute_value(r#"{"experience":["exp-other"]}"#).send().await.unwrap();
    let checkup = Checkup::of(&scene.spoke).await;
    checkup.expect(
        "subscription",
        "failed",
        "keeps messages about exp-management out",
        r#"{"experience":["exp-management"]}"#,
    );
}

#[tokio::test]
async fn a_queue_that_lets_nobody_send_and_keeps_no_dead_letters() {
    let scene = in_step().await;
    let sqs = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let nothing = [QueueAttributeName::Policy, QueueAttributeName::RedrivePolicy].map(|name| (name, String::new()));
    let call = sqs.set_queue_attributes().queue_url(&scene.queue_url).set_attributes(Some(HashMap::from(nothing)));
    call.send().await.unwrap();
    // The topic need not be set: the subscription tells it.
    let checkup = Checkup::of(&scene.spoke.with(&[("PMP_TOPIC_ARN", "")])).await;
    checkup.expect(
        "queue-policy",
        "failed",
        "the queue has no policy",
        &format!(r#""aws:SourceArn": "{}""#, scene.topic_arn),
    );
    checkup.expect("dead-letters", "warning", "no dead-letter queue", "redrive policy");
    let gone = format!("{}-gone", scene.queue_url);
    let checkup = Checkup::of(&scene.spoke.with(&[("PMP_QUEUE_URL", &gone)])).await;
    checkup.expect("queue", "failed", "does not exist", "--queue-url (PMP_QUEUE_URL)");
}

#[tokio::test]
async fn experiences_that_are_named_and_cannot_be_kept_in_step() {
    let scene = in_step().await;
    let named = format!("{ALPHA_PROD},{ALPHA_DISABLED},exp-unknown");
    let checkup = Checkup::of(&scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", &named)])).await;
    checkup.expect(
        "catalog",
        "failed",
        "exp-unknown: MEMBER_EXPERIENCE_IDS names it, and it does not exist",
        "MEMBER_EXPERIENCE_IDS",
    );
    checkup.expect("catalog", "failed", "1 live member experience: exp-alpha-prod", "");
    checkup.expect("catalog", "failed", "exp-alpha-off: the experience is disabled", "fix the experience");
    let checkup = Checkup::of(&scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", "exp-alpha-prd")])).await;
    checkup.expect(
        "catalog",
        "failed",
        "exp-alpha-prd: MEMBER_EXPERIENCE_IDS names it",
        &format!("did you mean `{ALPHA_PROD}`?"),
    );
}

#[tokio::test]
async fn a_filter_that_does_not_load_or_refuses_its_settings() {
    let scene = in_step().await;
    let checkup = Checkup::of(&scene.spoke_with_filter(Path::new("no-such.wasm"), "{}")).await;
    checkup.expect(
        "filter",
        "failed",
        "cannot use the filter --filter (PMP_FILTER) `no-such.wasm`",
        "pmp-filter inspect",
    );
    let checkup = Checkup::of(&scene.spoke_with_filter(&example(), r#"{"no_such_setting":1}"#)).await;
    checkup.expect("filter", "failed", "no_such_setting", "pmp-filter");
    assert_eq!(checkup.that_are("failed"), ["filter"]);
}

#[tokio::test]
async fn products_that_are_to_be_looked_up_for_the_filter() {
    let denied = FaultRule { next: Some(1), ..FaultRule::new(Fault::AccessDenied { message: None }) };
    let faults = vec![FaultRule { operation: Some("GetProduct".into()), ..denied }];
    let scene = Scene::start(World { faults, ..world(&["prod-a"], &[]) }).await;
    let spoke = scene.spoke_with_filter(Path::new("exclude-vendors"), r#"{"vendors":["Acme Corp"]}"#);
    let checkup = Checkup::of(&spoke).await;
    checkup.expect("filter", "failed", "decides by facts that this spoke does not look up", "PMP_PRODUCT_ATTRIBUTES");
    let spoke = spoke.with(&[("PMP_PRODUCT_ATTRIBUTES", "true")]);
    let checkup = Checkup::of(&spoke).await;
    checkup.expect(
        "products",
        "failed",
        "`aws-marketplace:GetProduct` was refused",
        "grant `aws-marketplace:GetProduct`",
    );
    let checkup = Checkup::of(&spoke).await;
    let detail = |checkup: &Checkup| checkup.check("products")["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail(&checkup), "the hub has looked none up; can be looked up for the filter");

    let of_hub = spoke.with(&[("PMP_PRODUCT_ATTRIBUTES", "hub")]);
    let checkup = Checkup::of(&of_hub).await;
    checkup.expect("products", "failed", "the hub has not looked up any products", "PMP_PRODUCT_ATTRIBUTES");
    scene.hub.with(&[("PMP_PRODUCT_ATTRIBUTES", "true")]).json(&["publish"]).await;
    let checkup = Checkup::of(&of_hub).await;
    assert!(detail(&checkup).starts_with("1 product looked up by the hub, stored "), "{}", detail(&checkup));
}

#[tokio::test]
async fn a_guard_rail_of_an_organization_is_named_where_aws_names_it() {
    let refuses = |operation: &str, why: &str| {
        let message = format!("User: x is not authorized to perform: it on resource: y {why}");
        let denied = FaultRule::new(Fault::AccessDenied { message: Some(message) });
        FaultRule { operation: Some(operation.into()), ..denied }
    };
    let rcp = refuses("AssumeRole", "with an explicit deny in a resource control policy");
    let scp = refuses("ListSubscriptions", "with an explicit deny in a service control policy");
    let scene = Scene::start(World { faults: vec![rcp, scp], ..world(&["prod-a"], &[]) }).await;
    let checkup = Checkup::of(&scene.spoke).await;
    checkup.expect(
        "hub-role",
        "failed",
        "resource control policy",
        "a resource control policy of the organization that owns",
    );
    checkup.expect(
        "subscription",
        "warning",
        "service control policy",
        "a service control policy of this account's organization",
    );
    let others = checkup.checks.iter().filter(|check| check["fixes"].to_string().contains("control policy of"));
    assert_eq!(others.count(), 2);
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let mut world = world(&["prod-a"], &[]);
    let allow = json!([{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]);
    let permissions = json!({"Version": "2012-10-17", "Statement": allow});
    let trust = json!({"Version": "2012-10-17", "Statement": []});
    world.roles.push(Role::new(ACCOUNT, "reader", trust).with_permissions(permissions));
    world.access_keys.push(AccessKey::new(READER, ACCOUNT).of_role("reader"));
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke.with(&[("AWS_ACCESS_KEY_ID", READER)]);
    let checkup = Checkup::of(&spoke).await;
    checkup.expect(
        "organization",
        "failed",
        "cannot find out",
        "`organizations:DescribeOrganization`, or set --org-id",
    );
    assert_eq!(checkup.check("hub-role")["detail"], "`organization` failed");
    checkup.expect("catalog", "failed", "AccessDenied", "grant `aws-marketplace:ListEntities`");
    checkup.expect("queue", "failed", "AccessDenied", "grant `sqs:GetQueueAttributes`");
    // With the organization set, the rest of the ledger is looked at.
    let checkup = Checkup::of(&spoke.with(&[("PMP_ORG_ID", pmp_tests::ALPHA)])).await;
    checkup.expect_ok("organization", "o-alpha00000, from --org-id (PMP_ORG_ID); not checked: ");
    assert_eq!(checkup.check("snapshots-table")["result"], "ok", "{:#}", checkup.check("snapshots-table"));
}

#[tokio::test]
async fn without_credentials_only_what_needs_none_is_looked_at() {
    let scene = in_step().await;
    let none = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_REGION", "eu-west-1")];
    let checkup = Checkup::of(&scene.spoke.with(&none)).await;
    checkup.expect("credentials", "failed", "no credentials were found", "AWS_PROFILE");
    checkup.expect("region", "warning", "eu-west-1", "AWS_REGION to us-east-1");
    assert_eq!(checkup.check("filter")["result"], "ok");
    for check in ["organization", "hub-role", "snapshots-table", "lease", "catalog", "queue", "queue-policy"] {
        assert_eq!(checkup.check(check)["detail"], "`credentials` failed", "{check}");
    }
}

#[tokio::test]
async fn a_lease_that_is_held_says_by_whom_and_stays() {
    let scene = in_step().await;
    thief(&scene, i64::MAX / 1_000_000).await;
    let checkup = Checkup::of(&scene.spoke).await;
    let lease = checkup.check("lease");
    // Nobody holds one for so long.
    assert_eq!(lease["result"], "warning");
    let told = lease["detail"].as_str().unwrap();
    assert!(told.starts_with("held by a thief, since ") && told.contains("longer than any lease"), "{lease}");
    thief(&scene, jiff::Timestamp::now().as_millisecond() + 30_000).await;
    assert_eq!(Checkup::of(&scene.spoke).await.check("lease")["result"], "ok");
}
