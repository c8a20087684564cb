//! The optional service control policy: who may still change experiences where it is attached.

use std::collections::{BTreeMap, HashMap};

use awsim_iam_policy::{AuthzRequest, ContextValue, Decision, EvalContext, PolicyDocument, evaluate, parse};
use pmp_local::{Authorization, Verdict};
use serde_json::json;

use crate::record::record;
use crate::stack::Stack;

const ACCOUNT: &str = "222222222223";
const EXPERIENCE: &str = "arn:aws:aws-marketplace:us-east-1:222222222222:AWSMarketplace/Experience/exp-alpha-prod";

/// What an administrator of the account may do under the policy, beside AWS's own that allows everything.
fn decides(principal: &str, action: &str, resource: &str) -> Decision {
    decides_on(principal, action, resource, None)
}

/// The same for a change of a type.
fn decides_on(principal: &str, action: &str, resource: &str, change_type: Option<&str>) -> Decision {
    let named = format!("arn:aws:iam::{ACCOUNT}:role/pmp-sync-spoke,arn:aws:iam::*:role/marketplace-admin-*");
    let given = [("TargetIds", ACCOUNT), ("PrincipalArns", named.as_str())];
    let stack = Stack::new("infra/cloudformation/protect.yaml", "222222222222", &given);
    let content = stack.properties("Policy")["Content"].clone();
    assert!(content.to_string().len() <= 10_240, "AWS takes no longer service control policy");
    let everything = json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let read = |policy: &serde_json::Value| parse(&policy.to_string()).unwrap();
    // Attached beside each other, policies add up.
    let mut both: PolicyDocument = read(&everything);
    both.statements.extend(read(&content).statements);
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/{principal}");
    let mut context = HashMap::from([("aws:PrincipalArn".to_owned(), ContextValue::String(arn.clone()))]);
    if let Some(change_type) = change_type {
        context.insert("catalog:ChangeType".to_owned(), ContextValue::String(change_type.to_owned()));
    }
    let request = AuthzRequest {
        principal_arn: &arn,
        principal_account: ACCOUNT,
        action,
        resource_arn: resource,
        context: &context,
    };
    let policies = EvalContext { identity_policies: &[read(&everything)], scps: &[both], ..EvalContext::default() };
    let decision = evaluate(&request, &policies);
    let asked = Authorization {
        caller: arn.clone(),
        action: action.to_owned(),
        resource: resource.to_owned(),
        // The catalog, not IAM, knows what of the management account a delegated administrator may see.
        owner: ACCOUNT.to_owned(),
        conditions: BTreeMap::from([("aws:PrincipalArn".to_owned(), vec![arn.clone()])]),
        identity_policies: vec![everything.to_string()],
        resource_policy: None,
        session_policy: None,
        verdict: match decision {
            Decision::Allow => Verdict::Allowed,
            Decision::ExplicitDeny => Verdict::ExplicitlyDenied,
            Decision::ImplicitDeny => Verdict::ImplicitlyDenied,
        },
    };
    record(&asked, &[everything, content]);
    decision
}

#[test]
fn only_the_spoke_and_named_administrators_change_experiences() {
    let start = "aws-marketplace:StartChangeSet";
    assert_eq!(decides("Administrator", start, EXPERIENCE), Decision::ExplicitDeny);
    assert_eq!(decides("pmp-sync-spoke", start, EXPERIENCE), Decision::Allow);
    assert_eq!(decides("marketplace-admin-anna", start, EXPERIENCE), Decision::Allow);
}

#[test]
fn reading_and_other_products_of_marketplace_are_left_alone() {
    assert_eq!(decides("Administrator", "aws-marketplace:DescribeEntity", EXPERIENCE), Decision::Allow);
    let own = "arn:aws:aws-marketplace:us-east-1:222222222223:AWSMarketplace/SaaSProduct/prod-mine";
    assert_eq!(decides("Administrator", "aws-marketplace:StartChangeSet", own), Decision::Allow);
}

#[test]
fn only_named_administrators_approve_requests_and_users_may_still_ask() {
    let private_marketplace = "arn:aws:aws-marketplace:us-east-1:222222222222:AWSMarketplace/PrivateMarketplace/pm-1";
    for action in ["AssociateProductsWithPrivateMarketplace", "DisassociateProductsFromPrivateMarketplace"] {
        let action = format!("aws-marketplace:{action}");
        assert_eq!(decides("Administrator", &action, private_marketplace), Decision::ExplicitDeny, "{action}");
        assert_eq!(decides("marketplace-admin-anna", &action, private_marketplace), Decision::Allow, "{action}");
    }
    let request = "arn:aws:aws-marketplace:us-east-1:222222222222:AWSMarketplace/ProductProcurementRequest/ppr-1";
    let start = "aws-marketplace:StartChangeSet";
    // AWS names the types of users' changes alone; any other is an administrator's.
    for (principal, change_type, expected) in [
        ("Administrator", "ApproveProductProcurementRequest", Decision::ExplicitDeny),
        ("Administrator", "DeclineProductProcurementRequest", Decision::ExplicitDeny),
        ("marketplace-admin-anna", "ApproveProductProcurementRequest", Decision::Allow),
        ("Developer", "CreateProductProcurementRequest", Decision::Allow),
        ("Developer", "CancelProductProcurementRequest", Decision::Allow),
    ] {
        assert_eq!(decides_on(principal, start, request, Some(change_type)), expected, "{principal}: {change_type}");
    }
    for asking in
        ["CreatePrivateMarketplaceRequests", "DescribePrivateMarketplaceRequests", "ListPrivateMarketplaceRequests"]
    {
        assert_eq!(decides("Developer", &format!("aws-marketplace:{asking}"), "*"), Decision::Allow, "{asking}");
    }
}
