//! Service and resource control policies: what AWS Organizations forbids in an organization's
//! member accounts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PolicyText;

/// AWS's limit for the characters of a service control policy.
const LONGEST_SERVICE: usize = 10_240;
/// AWS's limit for the characters of a resource control policy.
const LONGEST_RESOURCE: usize = 5_120;

/// A control policy of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlPolicy {
    /// A name for people.
    pub name: String,
    /// The member accounts that it is attached to; all of them if none is named. No control policy
    /// binds a management account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// The policy document. Only what it denies has an effect, because AWS's full access is always
    /// attached beside it.
    pub policy: PolicyText,
}

impl ControlPolicy {
    /// A policy that binds every member account.
    #[must_use]
    pub fn new(name: &str, policy: impl Into<PolicyText>) -> Self {
        Self { name: name.into(), accounts: Vec::new(), policy: policy.into() }
    }

    /// Attaches the policy to this account. Once an account is named, the policy binds named
    /// accounts only.
    #[must_use]
    pub fn on(mut self, account: &str) -> Self {
        self.accounts.push(account.into());
        self
    }

    /// Whether it binds a member account.
    #[must_use]
    pub fn binds(&self, account: &str) -> bool {
        self.accounts.is_empty() || self.accounts.iter().any(|bound| bound == account)
    }

    /// What AWS would refuse in it as a service control policy.
    pub(super) fn problems_as_service(&self) -> Vec<String> {
        let mut problems = self.too_long(LONGEST_SERVICE);
        for element in ["Principal", "NotPrincipal"] {
            if self.statements().iter().any(|statement| statement.get(element).is_some()) {
                problems.push(format!("a service control policy has no `{element}`"));
            }
        }
        problems
    }

    /// What AWS would refuse in it as a resource control policy.
    pub(super) fn problems_as_resource(&self) -> Vec<String> {
        let mut problems = self.too_long(LONGEST_RESOURCE);
        let statements = self.statements();
        let mut refuse = |wrong: &dyn Fn(&Value) -> bool, problem: &str| {
            if statements.iter().any(wrong) {
                problems.push(problem.to_owned());
            }
        };
        refuse(&|statement| statement["Effect"] != "Deny", "a resource control policy of one's own only denies");
        refuse(&|statement| statement["Principal"] != "*", "the `Principal` of a resource control policy is `*`");
        for element in ["NotAction", "NotPrincipal"] {
            refuse(
                &|statement| statement.get(element).is_some(),
                &format!("a resource control policy has no `{element}`"),
            );
        }
        problems
    }

    fn too_long(&self, longest: usize) -> Vec<String> {
        let length = self.policy.as_str().chars().count();
        let long = (length > longest).then(|| format!("has {length} characters, and AWS takes {longest}"));
        long.into_iter().collect()
    }

    /// The statements of the policy. A text that is no policy has none; `check` refuses it.
    fn statements(&self) -> Vec<Value> {
        let document: Value = serde_json::from_str(self.policy.as_str()).unwrap_or_default();
        match &document["Statement"] {
            Value::Array(statements) => statements.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(statement: &Value) -> ControlPolicy {
        ControlPolicy::new("p", json!({"Version": "2012-10-17", "Statement": statement}))
    }

    #[test]
    fn what_aws_would_refuse_is_refused() {
        let deny = json!({"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"});
        let with = |field: &str, value: Value| {
            let mut statement = deny.clone();
            statement[field] = value;
            policy(&statement)
        };
        assert_eq!(policy(&deny).problems_as_service(), Vec::<String>::new());
        assert_eq!(
            with("Principal", json!("*")).problems_as_service(),
            ["a service control policy has no `Principal`"]
        );
        assert_eq!(with("Principal", json!("*")).problems_as_resource(), Vec::<String>::new());
        assert_eq!(policy(&deny).problems_as_resource(), ["the `Principal` of a resource control policy is `*`"]);
        let mut allow = deny.clone();
        allow["Effect"] = json!("Allow");
        allow["Principal"] = json!("*");
        assert_eq!(
            policy(&json!([allow])).problems_as_resource(),
            ["a resource control policy of one's own only denies"]
        );
        let long = with("Sid", json!("x".repeat(10_240)));
        assert!(long.problems_as_service()[0].ends_with("and AWS takes 10240"), "{:?}", long.problems_as_service());
    }

    #[test]
    fn it_binds_the_accounts_that_are_named_or_all() {
        let everywhere = policy(&json!([]));
        assert!(everywhere.binds("111111111111"));
        let one = everywhere.on("111111111111");
        assert!(one.binds("111111111111") && !one.binds("222222222222"));
    }
}
