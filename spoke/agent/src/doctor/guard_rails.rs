//! Guard rails of organizations: service and resource control policies, which no permission of a role, a queue or a table overrules.
//!
//! AWS's text of a refusal names the [type of policy] that refused, where both sides are in one account or organization. Then the
//! usual advice, to grant the action, leads nowhere.
//!
//! [type of policy]: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html

use pmp_terminal::checkup::Finding;

/// The words of AWS's text, and whose policy they mean.
const POLICIES: [(&str, &str); 2] = [
    ("resource control policy", "the organization that owns the resource"),
    ("service control policy", "this account's organization"),
];

/// The finding, with what to do where AWS says that such a policy refused.
pub(super) fn named(finding: Finding) -> Finding {
    let said = |words: &str| finding.details().any(|detail| detail.to_lowercase().contains(words));
    let found = POLICIES.into_iter().find(|(words, _)| said(words));
    match found {
        Some((policy, whose)) => finding.fix(format!(
            "a {policy} of {whose} refused this, and nothing that is granted helps: ask whoever administers that organization for an \
             exception (docs/deploy.md, \"Data perimeters\")"
        )),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixes(detail: &str) -> Vec<String> {
        let finding = named(Finding::of("queue").fail(detail, None));
        let json = serde_json::to_value(&finding).unwrap();
        serde_json::from_value(json["fixes"].clone()).unwrap()
    }

    #[test]
    fn the_policy_that_aws_names_is_named_with_whose_it_is() {
        let refused = |why: &str| {
            fixes(&format!("User: x is not authorized to perform: sqs:ReceiveMessage on resource: y {why}"))
        };
        for why in [
            "with an explicit deny in a resource control policy",
            "because no resource control policy allows the action",
        ] {
            assert!(
                refused(why)[0].starts_with("a resource control policy of the organization that owns the resource"),
                "{why}"
            );
        }
        let service = refused("with an explicit deny in a service control policy");
        assert!(service[0].starts_with("a service control policy of this account's organization"), "{service:?}");
        for why in [
            "with an explicit deny in an identity-based policy",
            "because no resource-based policy allows the action",
            "",
        ] {
            assert!(refused(why).is_empty(), "{why}");
        }
    }
}
