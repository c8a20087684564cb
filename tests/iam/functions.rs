//! The functions' roles: all that the functions do is allowed, and all that is allowed is done.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use awsim_iam_policy::Decision as Verdict;
use pmp_local_aws::world::{ChangeSetTiming, Experience, ProcurementPolicy, ResourceRequests};
use pmp_protocol::Digest;
use pmp_signature::PublicKey;
use pmp_tests::{ALPHA_DEV, ALPHA_PROD, Aws, Lists, MANAGEMENT, Objects, longest_id, world};
use serde_json::json;

use crate::organizations::{Organizations, batch, batch_within, look};
use crate::roles::{Decision, Declared, Grant};
use crate::template::in_repository;

/// What AWS itself does with a role, by its documentation. Lambda writes a function's log, takes
/// messages from the queue of an event source mapping, and sends what failed to the destination;
/// EventBridge Scheduler invokes the function, and sets aside what it cannot bring. The programs do
/// none of it.
const BY_AWS: [(&str, &str); 9] = [
    ("pmp-sync-hub-schedule", "lambda:InvokeFunction"),
    ("pmp-sync-hub-schedule", "sqs:SendMessage"),
    ("pmp-sync-hub", "logs:CreateLogStream"),
    ("pmp-sync-hub", "logs:PutLogEvents"),
    ("pmp-sync-hub", "sqs:SendMessage"),
    ("pmp-sync-spoke", "logs:CreateLogStream"),
    ("pmp-sync-spoke", "logs:PutLogEvents"),
    ("pmp-sync-spoke", "sqs:DeleteMessage"),
    ("pmp-sync-spoke", "sqs:ReceiveMessage"),
];

/// The first key of the hub's account, which the embedded AWS gives the same id in every run.
pub(crate) const FIRST_KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/2d4267a3-8af6-a083-c7fd-3c25e0bfd9c9";

#[tokio::test]
async fn every_call_is_allowed_and_everything_that_is_allowed_is_called() {
    let everyday = everyday().await;
    let mut decisions = everyday.decisions().await;
    decisions.extend(a_large_snapshot().await.decisions().await);

    assert_none_denied(&decisions);
    for role in &everyday.roles {
        let own: Vec<_> = decisions.iter().filter(|decision| decision.principal == role.arn()).collect();
        print_calls(role, &own);
        let by_aws = |grant: &Grant| BY_AWS.contains(&(role.name.as_str(), grant.action.as_str()));
        let used = |grant: &Grant| by_aws(grant) || own.iter().any(|decision| grant.covers(decision));
        let unused: Vec<_> = role.grants().into_iter().filter(|grant| !used(grant)).collect();
        assert!(unused.is_empty(), "{} may do what it never does: {unused:#?}", role.name);
    }
}

#[tokio::test]
async fn delegated_administrators_that_name_their_experiences_lack_nothing() {
    let mut world = world(&["prod-a"], &["prod-x"]);
    world.change_sets = ChangeSetTiming::always(Duration::from_millis(500));
    let named = [("MemberExperienceIds", ALPHA_PROD)];
    let organizations = Organizations::deploy_delegated(world, &named).await;
    let (hub, spoke) = (organizations.hub_function().await, organizations.spoke_function().await);
    look(&hub).await;
    assert!(batch(&organizations, &spoke).await.is_empty(), "{}", spoke.log());
    assert_eq!(organizations.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &["prod-x"]));
    assert_eq!(organizations.alpha_account.lists(ALPHA_DEV).await, Lists::default());
    assert_none_denied(&organizations.decisions().await);
}

#[tokio::test]
async fn a_function_that_observes_may_start_nothing_and_lacks_nothing() {
    let observes = [("Mode", "observe")];
    let organizations = Organizations::deploy(world(&["prod-a"], &["prod-x"]), &[], &observes).await;
    let role = organizations.roles.iter().find(|role| role.name == "pmp-sync-spoke").unwrap();
    assert!(role.grants().iter().all(|it| it.action != "aws-marketplace:StartChangeSet"), "{:#?}", role.grants());
    // Whatever else it is given some day.
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    assert_ne!(role.decides_with(&all, "AllowProductProcurement"), Verdict::Allow);
    let (hub, spoke) = (organizations.hub_function().await, organizations.spoke_function().await);
    look(&hub).await;
    assert!(batch(&organizations, &spoke).await.is_empty(), "{}", spoke.log());
    assert_eq!(organizations.alpha_account.change_sets().await, 0);
    assert_none_denied(&organizations.decisions().await);
}

/// The role of a hub that serves several reads those that the parameters name, whatever the
/// settings say.
#[tokio::test]
async fn the_hub_reads_the_management_experiences_that_are_named_and_no_other() {
    let mut world = world(&["prod-a"], &["prod-x"]);
    for id in ["exp-second", "exp-third"] {
        let policy = ProcurementPolicy::new(&id.replace("exp-", "policy-"));
        world.organizations[0].experiences.push(Experience::new(id, id).with_policy(policy));
    }
    let more = ("MoreExperienceIds", "exp-second,exp-fourth");
    let tables = ("Experiences", r#"{"exp-management": {}, "exp-second": {}, "exp-third": {}}"#);
    let organizations = Organizations::deploy(world.clone(), &[("MoreExperienceIds", "exp-second")], &[]).await;
    look(&organizations.hub_function().await).await;
    assert_none_denied(&organizations.decisions().await);

    let organizations = Organizations::deploy(world, &[more, tables], &[]).await;
    let hub = organizations.roles.iter().find(|role| role.name == "pmp-sync-hub").unwrap();
    let read = hub.grants().into_iter().filter(|grant| grant.action == "aws-marketplace:DescribeEntity");
    let mut read: Vec<_> =
        read.filter_map(|grant| Some(grant.resource.split_once("Experience/")?.1.to_owned())).collect();
    read.sort();
    assert_eq!(read, ["exp-fourth", MANAGEMENT, "exp-second"]);
    let function = organizations.hub_function().await;
    let (_, answer) = function.invoke(json!({}), Duration::from_secs(900)).await;
    let refused = answer.unwrap_err()["errorMessage"].as_str().unwrap().to_owned();
    assert!(refused.starts_with("error: 1 of 3 management experiences could not be published"), "{refused}");
    assert!(refused.contains("`exp-third`: cannot read the management experience"), "{refused}");
    assert!(refused.contains("aws-marketplace:DescribeEntity"), "{refused}");
}

#[tokio::test]
async fn keys_of_ones_own_may_be_used_by_the_services_for_the_roles_and_nothing_else_changes() {
    let key = |account: &str| format!("arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let keys = [key("111111111111"), key("222222222222")];
    let [hub, spoke] = [[("KmsKeyArn", keys[0].as_str())], [("KmsKeyArn", keys[1].as_str())]];
    let (plain, own) = tokio::join!(
        Organizations::deploy(world(&[], &[]), &[], &[]),
        Organizations::deploy(world(&["prod-a"], &[]), &hub, &spoke)
    );
    let through = |role: &Declared| -> Vec<String> {
        let mut found = role.statements("kms:Decrypt");
        assert_eq!(found.len(), 1, "{}", role.name);
        let through = found.remove(0)["Condition"]["StringEquals"]["kms:ViaService"].clone();
        let through = through.as_array().cloned().unwrap_or_else(|| vec![through]);
        through.iter().map(|service| service.as_str().unwrap().split('.').next().unwrap().to_owned()).collect()
    };
    let expected = [
        ("pmp-sync-hub", 0, vec!["dynamodb", "sns", "sqs"]),
        ("pmp-sync-hub-schedule", 0, vec!["sqs"]),
        ("pmp-sync-member-o-alpha00000", 0, vec!["dynamodb"]),
        ("pmp-sync-spoke", 1, vec!["sqs"]),
    ];
    for ((before, after), (name, key, services)) in plain.roles.iter().zip(&own.roles).zip(expected) {
        assert_eq!((before.name.as_str(), after.name.as_str()), (name, name));
        let added: Vec<_> = after.grants().into_iter().filter(|grant| !before.grants().contains(grant)).collect();
        assert!(added.iter().all(|it| it.action.starts_with("kms:") && it.resource == keys[key]), "{added:#?}");
        assert_eq!(through(after), services, "{name}");
    }
    // All else goes on.
    let (hub, spoke) = (own.hub_function().await, own.spoke_function().await);
    look(&hub).await;
    assert!(batch(&own, &spoke).await.is_empty(), "{}", spoke.log());
    assert_eq!(own.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
}

#[tokio::test]
async fn two_hundred_experiences_are_kept_in_step_without_a_list() {
    let mut world = world(&["prod-a"], &["prod-x"]);
    let ids: Vec<_> = (0..200).map(|number| format!("exp-{number:013}")).collect();
    for id in &ids {
        let policy = ProcurementPolicy::new(&id.replace("exp-", "policy-"));
        world.organizations[1].experiences.push(Experience::new(id, id).with_policy(policy));
    }
    let organizations = Organizations::deploy(world, &[], &[]).await;
    let (hub, spoke) = (organizations.hub_function().await, organizations.spoke_function().await);
    look(&hub).await;
    assert!(batch(&organizations, &spoke).await.is_empty(), "{}", spoke.log());
    for id in &ids {
        assert_eq!(organizations.alpha_account.lists(id).await, Lists::new(&["prod-a"], &["prod-x"]), "{id}");
    }
    assert_none_denied(&organizations.decisions().await);
}

#[tokio::test]
async fn a_filter_from_a_bucket_takes_its_object_and_the_products_and_nothing_else() {
    let component = std::fs::read(in_repository("filters/examples/exclude-products/exclude-products.wasm")).unwrap();
    let digest = Digest::of(&component).to_string();
    let filtered = [
        ("FilterBucket", "filters"),
        ("FilterKey", "exclude-products.wasm"),
        ("FilterDigest", &digest),
        ("FilterConfig", r#"{"exclude_ids":["prod-b"]}"#),
        ("ProductAttributes", "own"),
    ];
    let objects = Objects::start().await;
    objects.put("/filters/exclude-products.wasm", &component);
    let (plain, told_by_the_hub, organizations) = tokio::join!(
        Organizations::deploy(world(&[], &[]), &[("ProductAttributes", "false")], &[]),
        Organizations::deploy(world(&[], &[]), &[], &[("ProductAttributes", "hub")]),
        Organizations::deploy(world(&["prod-a", "prod-b"], &[]), &[], &filtered)
    );
    let hub = organizations.hub_function().await;
    let spoke = organizations.spoke_function_with(&[("AWS_ENDPOINT_URL_S3", objects.endpoint())]).await;
    look(&hub).await;
    assert!(batch(&organizations, &spoke).await.is_empty(), "{}", spoke.log());
    assert_eq!(organizations.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));

    let (before, grants) = (plain.spoke_role().grants(), organizations.spoke_role().grants());
    let added: Vec<_> = grants.iter().filter(|grant| !before.contains(grant)).collect();
    let grant = |action: &str, resource: &str| Grant { action: action.to_owned(), resource: resource.to_owned() };
    let [product, listings, object] = [
        grant("aws-marketplace:GetProduct", "arn:aws:aws-marketplace:::catalog/AWSMarketplace*/product/*"),
        grant("aws-marketplace:SearchListings", "arn:aws:aws-marketplace:::catalog/AWSMarketplace*/listing/*"),
        grant("s3:GetObject", "arn:aws:s3:::filters/exclude-products.wasm"),
    ];
    assert_eq!(added, [&product, &listings, &object]);
    assert_eq!(told_by_the_hub.spoke_role().grants(), before, "what the hub looked up takes no permission");
    let of_hub = |organizations: &Organizations| organizations.roles[0].grants();
    let (before, after) = (of_hub(&plain), of_hub(&organizations));
    let added: Vec<_> = after.iter().filter(|grant| !before.contains(grant)).collect();
    assert_eq!(added, [&product, &listings]);
    // The embedded AWS has no S3: what stands in for it tells what it was asked for.
    assert_eq!(objects.asked(), ["/filters/exclude-products.wasm"]);
    let decisions = organizations.decisions().await;
    assert!([product, listings].iter().all(|grant| decisions.iter().any(|decision| grant.covers(decision))));
    assert_none_denied(&decisions);
}

#[tokio::test]
async fn filters_of_rules_take_their_objects_and_nothing_else() {
    let component = std::fs::read(in_repository("filters/examples/exclude-products/exclude-products.wasm")).unwrap();
    let digest = Digest::of(&component).to_string();
    let rules = format!(
        r#"[{{"experiences":["{ALPHA_PROD}"],"filter":"s3://filters/prod.wasm","digest":"{digest}",
              "settings":{{"exclude_ids":["prod-b"]}}}},
            {{"names":["*"],"filter":"exclude-ids","settings":{{"ids":["prod-a"]}}}}]"#
    );
    let object = "arn:aws:s3:::filters/prod.wasm";
    let filtered = [("Filters", rules.as_str()), ("FilterObjectArns", object)];
    let objects = Objects::start().await;
    objects.put("/filters/prod.wasm", &component);
    let (organizations, added) = with_objects(&objects, &filtered).await;
    assert_eq!(organizations.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(organizations.alpha_account.lists(ALPHA_DEV).await, Lists::new(&["prod-b"], &[]));

    assert_eq!(added, [Grant { action: "s3:GetObject".to_owned(), resource: object.to_owned() }]);
    assert_eq!(objects.asked(), ["/filters/prod.wasm"]);
    assert_none_denied(&organizations.decisions().await);
}

/// Longer than a parameter, and a function's environment, hold.
#[tokio::test]
async fn settings_of_a_filter_from_a_bucket_take_their_object_and_nothing_else() {
    let ids: Vec<_> = (0..1_000).map(|number| format!("prod-{number:04}")).chain(["prod-b".to_owned()]).collect();
    let settings = serde_json::json!({"ids": ids}).to_string();
    assert!(settings.len() > 4_096);
    let named =
        [("FilterName", "exclude-ids"), ("FilterConfigBucket", "settings"), ("FilterConfigKey", "1/exclude.json")];
    let objects = Objects::start().await;
    objects.put("/settings/1/exclude.json", settings.as_bytes());
    let (organizations, added) = with_objects(&objects, &named).await;
    assert_eq!(organizations.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(objects.asked(), ["/settings/1/exclude.json"]);
    let object = Grant { action: "s3:GetObject".into(), resource: "arn:aws:s3:::settings/1/exclude.json".into() };
    assert_eq!(added, [object]);
    assert_none_denied(&organizations.decisions().await);
}

/// Organizations whose spoke is deployed with these parameters, after it brought prod-a and prod-b
/// through a filter that `objects` holds a part of; and what its role has besides one without.
async fn with_objects(objects: &Objects, parameters: &[(&str, &str)]) -> (Organizations, Vec<Grant>) {
    let (plain, organizations) = tokio::join!(
        Organizations::deploy(world(&[], &[]), &[], &[]),
        Organizations::deploy(world(&["prod-a", "prod-b"], &[]), &[], parameters)
    );
    let hub = organizations.hub_function().await;
    let spoke = organizations.spoke_function_with(&[("AWS_ENDPOINT_URL_S3", objects.endpoint())]).await;
    look(&hub).await;
    assert!(batch(&organizations, &spoke).await.is_empty(), "{}", spoke.log());
    let before = plain.spoke_role().grants();
    let added = organizations.spoke_role().grants().into_iter().filter(|it| !before.contains(it)).collect();
    (organizations, added)
}

fn assert_none_denied(decisions: &[Decision]) {
    let denied: Vec<_> = decisions.iter().filter(|decision| !decision.allowed).collect();
    assert!(denied.is_empty(), "denied: {denied:#?}");
}

/// Both functions as they live: a first sync, a quiet pass, changes, a locked experience, a message
/// that is not understood.
async fn everyday() -> Organizations {
    let mut world = world(&["prod-a", "prod-b"], &["prod-x"]);
    world.change_sets = ChangeSetTiming::always(Duration::from_millis(1_500));
    let management = world.organizations[0].experiences[0].policy.as_mut().unwrap();
    management.policy_resource_requests = ResourceRequests::Deny;
    let hub = [("KeepVersions", "2"), ("SigningKeyArn", FIRST_KEY)];
    let organizations = Organizations::deploy(world, &hub, &[("SyncSettings", "true")]).await;
    let public = create_key(&organizations.hub_account).await;
    let spoke = organizations.spoke_function_with(&[("PMP_TRUSTED_KEYS", &public)]).await;
    let hub = organizations.hub_function().await;
    let (hub_account, alpha) = (&organizations.hub_account, &organizations.alpha_account);
    for _ in 0..2 {
        look(&hub).await;
        assert!(batch(&organizations, &spoke).await.is_empty(), "{}", spoke.log());
    }
    assert_eq!(alpha.lists(ALPHA_PROD).await, Lists::new(&["prod-a", "prod-b"], &["prod-x"]));
    assert_eq!(alpha.resource_requests(ALPHA_PROD).await, "Deny");

    // More versions than the hub keeps.
    for product in ["prod-c", "prod-d"] {
        hub_account.approve(MANAGEMENT, &[product]).await;
        look(&hub).await;
    }
    // Someone else's change set has locked an experience. Where it ended before the spoke came to
    // it, another one does.
    for product in ["prod-own-1", "prod-own-2", "prod-own-3", "prod-own-4"] {
        let others = [product];
        let (kept, ()) = tokio::join!(batch(&organizations, &spoke), alpha.approve(ALPHA_PROD, &others));
        assert!(kept.is_empty(), "{}", spoke.log());
        let decisions = organizations.decisions().await;
        if decisions.iter().any(|decision| decision.action == "aws-marketplace:ListChangeSets") {
            break;
        }
        look(&hub).await;
    }

    alpha.send(&organizations.queue_url().await, "no JSON at all").await;
    assert!(batch(&organizations, &spoke).await.is_empty(), "{}", spoke.log());
    organizations
}

/// Makes the hub's signing key; its public part.
async fn create_key(hub_account: &Aws) -> String {
    let kms = aws_sdk_kms::Client::new(hub_account.config());
    let call = kms.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
    let made = call.send().await.unwrap().key_metadata.unwrap();
    assert_eq!(made.arn(), Some(FIRST_KEY));
    let public = kms.get_public_key().key_id(FIRST_KEY).send().await.unwrap().public_key.unwrap();
    PublicKey::from_der(public.as_ref()).unwrap().to_pem()
}

/// A snapshot that is too large for a message, and so much to do that the deadline comes first.
async fn a_large_snapshot() -> Organizations {
    let products: Vec<String> = (0..6_000).map(longest_id).collect();
    let mut world = world(&products.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    world.change_sets = ChangeSetTiming::always(Duration::from_secs(2));
    // To look up so many that are in no listing takes the hub longer than this test.
    let organizations = Organizations::deploy(world, &[("ProductAttributes", "false")], &[]).await;
    let (hub, spoke) = (organizations.hub_function().await, organizations.spoke_function().await);
    look(&hub).await;
    let kept = batch_within(&organizations, &spoke, Duration::from_secs(6)).await;
    assert_eq!(kept.len(), 1, "there is time for it: {}", spoke.log());
    organizations
}

/// How often each action was asked for, for those who run this with `--nocapture`.
#[allow(clippy::print_stdout)]
fn print_calls(role: &Declared, calls: &[&Decision]) {
    let mut counts = BTreeMap::<&str, u64>::new();
    for decision in calls {
        *counts.entry(&decision.action).or_default() += decision.count;
    }
    println!("{}", role.name);
    counts.iter().for_each(|(action, count)| println!("  {action:<40} {count:>6}"));
}
