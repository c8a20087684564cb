//! The optional service control policy: who may still change experiences where it is attached.

use awsim_iam_policy::Decision;

use crate::ask::{Ask, everything};
use crate::stack::Stack;

const ACCOUNT: &str = "222222222223";
const EXPERIENCE: &str = "arn:aws:aws-marketplace:us-east-1:222222222222:AWSMarketplace/Experience/exp-alpha-prod";

/// What an administrator of the account may do under the policy, beside AWS's own that allows
/// everything.
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
    let conditions: Vec<_> = change_type.into_iter().map(|change_type| ("catalog:ChangeType", change_type)).collect();
    let ask = Ask {
        role: &format!("arn:aws:iam::{ACCOUNT}:role/{principal}"),
        action,
        resource,
        conditions: &conditions,
        policies: &[everything()],
        service_control_policies: &[content],
    };
    ask.decide()
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
    // AWS has no resource for these two.
    for action in ["AssociateProductsWithPrivateMarketplace", "DisassociateProductsFromPrivateMarketplace"] {
        let action = format!("aws-marketplace:{action}");
        assert_eq!(decides("Administrator", &action, "*"), Decision::ExplicitDeny, "{action}");
        assert_eq!(decides("marketplace-admin-anna", &action, "*"), Decision::Allow, "{action}");
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
