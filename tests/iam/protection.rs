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
    let context = HashMap::from([("aws:PrincipalArn".to_owned(), ContextValue::String(arn.clone()))]);
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
