//! Who refused, where AWS says it: a [guard rail] of an organization, which no permission of a
//! role, a queue or a table overrules, or an explicit deny of another policy.
//!
//! AWS's text names the type of the policy where both sides are in one account or organization.
//! Then the usual advice, to grant the action, leads nowhere.
//!
//! [guard rail]: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html

/// Whose policy refused, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refuser {
    /// A service control policy: one of the caller's organization.
    ServiceControlPolicy,
    /// A resource control policy: one of the organization that owns the resource.
    ResourceControlPolicy,
    /// A statement of another policy that denies it.
    ExplicitDeny,
}

impl Refuser {
    /// The one that AWS's text names, where it names one.
    #[must_use]
    pub fn in_text(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        let words = [
            ("resource control policy", Self::ResourceControlPolicy),
            ("service control policy", Self::ServiceControlPolicy),
            ("with an explicit deny in", Self::ExplicitDeny),
        ];
        words.into_iter().find(|(words, _)| text.contains(words)).map(|(_, refuser)| refuser)
    }

    /// What can be done.
    #[must_use]
    pub fn hint(self) -> String {
        let (policy, whose) = match self {
            Self::ServiceControlPolicy => ("service control policy", "this account's organization"),
            Self::ResourceControlPolicy => ("resource control policy", "the organization that owns the resource"),
            Self::ExplicitDeny => {
                return "a statement that denies it refused this, and nothing that is granted helps: change the policy that AWS names"
                    .to_owned();
            }
        };
        format!(
            "a {policy} of {whose} refused this, and nothing that is granted helps: ask the administrators of that organization for an \
             exception (docs/deploy.md, \"Data perimeters\")"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_that_aws_names_is_named_with_whose_it_is() {
        use Refuser::{ExplicitDeny, ResourceControlPolicy, ServiceControlPolicy};
        for (why, refuser) in [
            ("with an explicit deny in a resource control policy", Some(ResourceControlPolicy)),
            ("because no resource control policy allows the action", Some(ResourceControlPolicy)),
            ("with an explicit deny in a service control policy", Some(ServiceControlPolicy)),
            ("with an explicit deny in an identity-based policy", Some(ExplicitDeny)),
            ("because no resource-based policy allows the action", None),
            ("", None),
        ] {
            let text = format!("User: x is not authorized to perform: sqs:ReceiveMessage on resource: y {why}");
            assert_eq!(Refuser::in_text(&text), refuser, "{why}");
        }
        let hint = ResourceControlPolicy.hint();
        assert!(hint.starts_with("a resource control policy of the organization that owns the resource"), "{hint}");
        assert!(ServiceControlPolicy.hint().starts_with("a service control policy of this account's organization"));
    }
}
