//! Whoever wants to know is told what IAM was asked, what it answered, and by which policies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use pmp_local_aws::world::{AccessKey, Role};
use pmp_local_aws::{Authorization, Options, Server, Verdict, Witness, World};
use serde_json::{Value, json};

use crate::rig::{HUB, MEMBER, Rig, world};

/// Keeps what it is told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<Authorization>>);

impl Witness for Told {
    fn note(&self, authorization: Authorization) {
        self.0.lock().unwrap().push(authorization);
    }
}

impl Told {
    /// What was told since the last look.
    fn take(&self) -> Vec<Authorization> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

async fn start(world: World) -> (Rig, Arc<Told>) {
    let told = Arc::new(Told::default());
    let options = Options { witness: Some(Arc::clone(&told) as Arc<dyn Witness>), ..Options::default() };
    (Rig { server: Server::start(world, options).await.unwrap() }, told)
}

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<String>> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect()
}

#[tokio::test]
async fn a_question_is_told_with_its_conditions_and_the_policies_of_the_caller() {
    let permissions =
        json!({ "Statement": [{ "Effect": "Allow", "Action": "aws-marketplace:List*", "Resource": "*" }] });
    let role = Role::new(HUB, "reader", json!({ "Statement": [] })).with_permissions(permissions.clone());
    let access_keys = vec![AccessKey::new("AKIAREADER000000", HUB).of_role("reader")];
    let (rig, told) = start(World { roles: vec![role], access_keys, ..world() }).await;
    let reader = rig.signed_with(Credentials::new("AKIAREADER000000", "secret", None, None, "test"));
    let reader = aws_sdk_marketplacecatalog::Client::new(&reader);
    reader.list_entities().catalog("AWSMarketplace").entity_type("Experience").send().await.unwrap();

    let listed = Authorization {
        caller: format!("arn:aws:sts::{HUB}:assumed-role/reader/AKIAREADER000000"),
        action: "aws-marketplace:ListEntities".into(),
        resource: "*".into(),
        owner: HUB.into(),
        conditions: values(&[
            ("aws:PrincipalArn", &format!("arn:aws:iam::{HUB}:role/reader")),
            ("aws:PrincipalAccount", HUB),
            ("aws:PrincipalIsAWSService", "false"),
            ("aws:PrincipalOrgID", "o-hub0000000"),
            ("aws:ResourceAccount", HUB),
            ("aws:ResourceOrgID", "o-hub0000000"),
            ("aws:SecureTransport", "true"),
        ]),
        identity_policies: vec![permissions.to_string()],
        resource_policy: None,
        session_policy: None,
        service_control_policies: Vec::new(),
        resource_control_policies: Vec::new(),
        verdict: Verdict::Allowed,
    };
    assert_eq!(told.take(), [listed]);

    reader.describe_change_set().catalog("AWSMarketplace").change_set_id("cs-none").send().await.unwrap_err();
    let refused = told.take().pop().unwrap();
    assert_eq!(refused.resource, format!("arn:aws:aws-marketplace:us-east-1:{HUB}:AWSMarketplace/ChangeSet/cs-none"));
    assert_eq!(
        (refused.action.as_str(), refused.verdict),
        ("aws-marketplace:DescribeChangeSet", Verdict::ImplicitlyDenied)
    );
}

#[tokio::test]
async fn discovery_is_asked_about_a_product_or_all_listings() {
    let (rig, told) = start(world()).await;
    let discovery = aws_sdk_marketplacediscovery::Client::new(&rig.account(HUB));
    discovery.get_product().product_id("prod-none").send().await.unwrap_err();
    discovery.search_listings().send().await.unwrap();
    let resources: Vec<_> = told.take().into_iter().map(|told| told.resource).collect();
    let in_catalog = |what: &str| format!("arn:aws:aws-marketplace:::catalog/AWSMarketplace/{what}");
    assert_eq!(resources, [in_catalog("product/prod-none"), in_catalog("listing/*")]);
}

#[tokio::test]
async fn a_service_is_told_with_the_policy_of_the_queue() {
    let (rig, told) = start(world()).await;
    let topic = rig.sns(HUB).create_topic().name("t").send().await.unwrap().topic_arn.unwrap();
    let queue = rig.sqs(HUB).create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    let arn = format!("arn:aws:sqs:us-east-1:{HUB}:q");
    rig.sns(HUB).subscribe().topic_arn(&topic).protocol("sqs").endpoint(&arn).send().await.unwrap();
    let policy = |service: &str| {
        json!({ "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": { "ArnEquals": { "aws:SourceArn": topic } } }] })
    };
    let publish = async |policy: Option<&Value>| {
        if let Some(policy) = policy {
            let call = rig.sqs(HUB).set_queue_attributes().queue_url(&queue);
            call.attributes("Policy".into(), policy.to_string()).send().await.unwrap();
        }
        told.take();
        rig.sns(HUB).publish().topic_arn(&topic).message("m").send().await.unwrap();
        told.take().into_iter().find(|told| told.caller == "sns.amazonaws.com").unwrap()
    };
    let without = publish(None).await;
    assert_eq!((without.verdict, &without.resource_policy), (Verdict::ImplicitlyDenied, &None));
    assert_eq!((without.owner.as_str(), without.resource.as_str()), (HUB, arn.as_str()));
    assert_eq!(without.conditions["aws:SourceArn"], std::slice::from_ref(&topic));
    assert!(without.identity_policies.is_empty());
    let (theirs, others) = (policy("sns.amazonaws.com"), policy("events.amazonaws.com"));
    let admitted = publish(Some(&theirs)).await;
    assert_eq!((admitted.verdict, admitted.resource_policy), (Verdict::Allowed, Some(theirs.to_string())));
    assert_eq!(publish(Some(&others)).await.verdict, Verdict::ImplicitlyDenied);
}

#[tokio::test]
async fn a_role_is_told_with_its_trust_and_the_callers_own_policies() {
    let trust =
        json!({ "Statement": [{ "Effect": "Allow", "Principal": { "AWS": MEMBER }, "Action": "sts:AssumeRole" }] });
    let (rig, told) = start(World { roles: vec![Role::new(HUB, "guest", trust.clone())], ..world() }).await;
    let role = format!("arn:aws:iam::{HUB}:role/guest");
    let session = rig.sts(MEMBER).assume_role().role_arn(&role).role_session_name("test");
    let session = session.policy(json!({ "Statement": [] }).to_string()).send().await.unwrap().credentials.unwrap();
    let asked = told.take().pop().unwrap();
    assert_eq!((asked.owner.as_str(), asked.resource_policy), (HUB, Some(trust.to_string())));
    assert_eq!((asked.identity_policies.len(), asked.verdict), (1, Verdict::Allowed));
    assert_eq!(asked.conditions["sts:RoleSessionName"], ["test"]);

    let narrowed = Credentials::new(session.access_key_id, "secret", None, None, "test");
    let narrowed = aws_sdk_sqs::Client::new(&rig.signed_with(narrowed));
    narrowed.create_queue().queue_name("q").send().await.unwrap_err();
    assert_eq!(told.take().pop().unwrap().session_policy, Some(json!({ "Statement": [] }).to_string()));
}
