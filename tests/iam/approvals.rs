//! The optional service control policy, rehearsed: in the embedded AWS, a user's request for a
//! product is approved by those alone whom `protect.yaml` names, and users may still ask and take
//! back what they asked for.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_marketplacecatalog::Client;
use aws_sdk_marketplacecatalog::error::ProvideErrorMetadata;
use aws_sdk_marketplacecatalog::types::{Change, ChangeStatus, Entity};
use aws_smithy_types::Document;
use pmp_local_aws::world::{AccessKey, ControlPolicy, Role};
use pmp_local_aws::{Options, Server};
use pmp_tests::{ALPHA, ALPHA_PROD, Aws, within, world};
use serde_json::{Value, json};

use crate::ask::everything;
use crate::stack::Stack;

/// An administrator of alpha's private marketplace, to whose account the policy is attached.
const ACCOUNT: &str = "222222222223";
const KIND: &str = "ProductProcurementRequest@1.0";
const ASK: &str = "CreateProductProcurementRequest";
const TAKE_BACK: &str = "CancelProductProcurementRequest";
const APPROVE: &str = "ApproveProductProcurementRequest";
const DECLINE: &str = "DeclineProductProcurementRequest";

/// Who acts in that account, by their keys. Their own policies allow everything.
const ROLES: [(&str, &str); 3] = [
    ("AKIADEVELOPER000", "Developer"),
    ("AKIAADMINISTRATO", "Administrator"),
    ("AKIAANNA00000000", "marketplace-admin-anna"),
];

/// The policy as it is deployed, with these of its statements.
fn protection(statements: &[&str]) -> ControlPolicy {
    let named = format!("arn:aws:iam::{ACCOUNT}:role/pmp-sync-spoke,arn:aws:iam::*:role/marketplace-admin-*");
    let given = [("TargetIds", ACCOUNT), ("PrincipalArns", named.as_str())];
    let stack = Stack::new("infra/cloudformation/protect.yaml", "222222222222", &given);
    let mut content = stack.properties("Policy")["Content"].clone();
    let kept = |statement: &Value| statements.is_empty() || statements.iter().any(|sid| statement["Sid"] == *sid);
    let all = content["Statement"].as_array_mut().unwrap();
    all.retain(kept);
    assert!(all.len() >= statements.len().max(1));
    ControlPolicy::new("pmp-sync-protect", content).on(ACCOUNT)
}

async fn marketplace(policy: Option<ControlPolicy>) -> Server {
    let mut world = world(&["prod-a"], &[]);
    let alpha = world.organizations.remove(1).with_delegated_administrator(ACCOUNT);
    world.organizations.push(alpha);
    world.organizations[1].service_control_policies.extend(policy);
    let experience = world.organizations[1].experiences.iter_mut().find(|experience| experience.id == ALPHA_PROD);
    experience.unwrap().audience.push(ALPHA.into());
    let trust = json!({"Version": "2012-10-17", "Statement": []});
    for (key, role) in ROLES {
        world.roles.push(Role::new(ACCOUNT, role, trust.clone()).with_permissions(everything()));
        world.access_keys.push(AccessKey::new(key, ACCOUNT).of_role(role));
    }
    Server::start(world, Options::default()).await.unwrap()
}

/// The catalog as a role of the account sees it.
fn as_role(server: &Server, role: &str) -> Client {
    let key = ROLES.iter().find(|(_, known)| *known == role).unwrap().0;
    Client::new(Aws::new(&server.endpoint(), key).config())
}

/// Runs a change of a request to its end: the request's id, or the refusal.
async fn change(client: &Client, change_type: &str, request: Option<&str>, product: &str) -> Result<String, String> {
    let details = match request {
        Some(_) => HashMap::new(),
        None => HashMap::from([("ProductId".to_owned(), Document::String(product.to_owned()))]),
    };
    let entity = Entity::builder().r#type(KIND).set_identifier(request.map(str::to_owned)).build().unwrap();
    let change = Change::builder().change_type(change_type).entity(entity).details_document(Document::Object(details));
    let call = client.start_change_set().catalog("AWSMarketplace").change_set(change.build().unwrap());
    let started = call.send().await.map_err(|error| error.message().unwrap_or_default().to_owned())?;
    let id = started.change_set_id.unwrap();
    let ended = within(Duration::from_secs(30), "the change set", async || {
        let call = client.describe_change_set().catalog("AWSMarketplace").change_set_id(&id);
        let answer = call.send().await.unwrap();
        match answer.status {
            Some(ChangeStatus::Succeeded) => Ok(answer),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let entity = ended.change_set()[0].entity().unwrap().identifier().unwrap_or_default();
    Ok(entity.split('@').next().unwrap_or_default().to_owned())
}

async fn asked(server: &Server, product: &str) -> String {
    change(&as_role(server, "Developer"), ASK, None, product).await.unwrap()
}

#[tokio::test]
async fn users_ask_and_take_back_and_named_administrators_alone_decide() {
    let server = marketplace(Some(protection(&[]))).await;
    let (prod_1, prod_2) = (asked(&server, "prod-1").await, asked(&server, "prod-2").await);
    let prod_3 = asked(&server, "prod-3").await;
    let administrator = as_role(&server, "Administrator");
    for change_type in [APPROVE, DECLINE] {
        let refused = change(&administrator, change_type, Some(&prod_1), "").await.unwrap_err();
        assert!(refused.ends_with("with an explicit deny in a service control policy"), "{refused}");
    }
    let account = Aws::new(&server.endpoint(), "222222222222");
    assert!(account.lists(ALPHA_PROD).await.approved.is_empty());
    change(&as_role(&server, "Developer"), TAKE_BACK, Some(&prod_2), "").await.unwrap();
    let anna = as_role(&server, "marketplace-admin-anna");
    change(&anna, APPROVE, Some(&prod_1), "").await.unwrap();
    change(&anna, DECLINE, Some(&prod_3), "").await.unwrap();
    assert_eq!(account.lists(ALPHA_PROD).await.approved.into_iter().collect::<Vec<_>>(), ["prod-1"]);
}

/// An approval is both a change set of the request and an action of the console: each of the two
/// statements keeps it.
#[tokio::test]
async fn each_door_to_an_approval_is_shut_by_itself() {
    for (statement, declines) in
        [("OnlyNamedAdministratorsApprove", true), ("OnlyNamedAdministratorsDecideOnRequests", false)]
    {
        let server = marketplace(Some(protection(&[statement]))).await;
        let request = asked(&server, "prod-1").await;
        let administrator = as_role(&server, "Administrator");
        let refused = change(&administrator, APPROVE, Some(&request), "").await.unwrap_err();
        assert!(refused.ends_with("with an explicit deny in a service control policy"), "{statement}: {refused}");
        // Who declines puts nothing on a list: that alone is no action of the console's.
        assert_eq!(change(&administrator, DECLINE, Some(&request), "").await.is_ok(), declines, "{statement}");
    }
}

#[tokio::test]
async fn without_the_policy_an_administrator_approves() {
    let server = marketplace(None).await;
    let request = asked(&server, "prod-1").await;
    change(&as_role(&server, "Administrator"), APPROVE, Some(&request), "").await.unwrap();
    let account = Aws::new(&server.endpoint(), "222222222222");
    assert!(account.lists(ALPHA_PROD).await.approved.contains("prod-1"));
}
