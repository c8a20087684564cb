//! The roles of a template: what they may do, and what of it was done.

use awsim_iam_policy::Decision as Verdict;
use awsim_iam_policy::glob::matches;
use pmp_local_aws::world::Role;
use pmp_tests::{ALPHA, EXTERNAL_ID, MANAGEMENT};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ask::Ask;
use crate::stack::{Stack, text};

/// A role of a template, with its policies.
pub(crate) struct Declared {
    pub(crate) name: String,
    account: String,
    trust: Value,
    policies: Vec<Value>,
    tags: Vec<(String, String)>,
}

/// One thing that a role may do: an action on a resource, both possibly patterns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    pub(crate) action: String,
    pub(crate) resource: String,
}

/// A decision of the embedded AWS's IAM.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Decision {
    pub(crate) principal: String,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) allowed: bool,
    pub(crate) count: u64,
}

impl Declared {
    /// The roles that a stack declares in `account`. Policies that AWS manages would hide what a
    /// role may do, so a role with one is refused.
    pub(crate) fn all(stack: &Stack, account: &str) -> Vec<Self> {
        let role = |logical: &&str| {
            let properties = stack.properties(logical);
            assert!(properties.get("ManagedPolicyArns").is_none(), "{logical} has policies that this test can't see");
            let name = properties["RoleName"].as_str().unwrap_or_else(|| panic!("{logical} has no name")).to_owned();
            let inline = properties["Policies"].as_array().cloned().unwrap_or_default();
            let attached = stack.of_type("AWS::IAM::RolePolicy").into_iter().chain(stack.of_type("AWS::IAM::Policy"));
            let attached = attached.map(|policy| stack.properties(policy)).filter(|policy| {
                let roles = policy["Roles"].as_array().cloned().unwrap_or_else(|| vec![policy["RoleName"].clone()]);
                roles.contains(&json!(name))
            });
            let policies = inline.into_iter().chain(attached).map(|policy| policy["PolicyDocument"].clone()).collect();
            let tags = properties["Tags"].as_array().into_iter().flatten();
            let tags = tags.map(|tag| (text(&tag["Key"]), text(&tag["Value"]))).collect();
            let trust = properties["AssumeRolePolicyDocument"].clone();
            Self { name, account: account.to_owned(), trust, policies, tags }
        };
        stack.of_type("AWS::IAM::Role").iter().map(role).collect()
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role/{}", self.account, self.name)
    }

    /// The role as the embedded AWS takes it.
    pub(crate) fn role(&self) -> Role {
        let role = Role::new(&self.account, &self.name, self.trust.clone());
        let role = self.tags.iter().fold(role, |role, (key, value)| role.with_tag(key, value));
        self.policies.iter().fold(role, |role, policy| role.with_permissions(policy.clone()))
    }

    /// Gives it a tag, as `aws iam tag-role` does.
    pub(crate) fn tag(&mut self, key: &str, value: &str) {
        self.tags.push((key.to_owned(), value.to_owned()));
    }

    /// What it may change of an experience, by a change of this type, where it has one policy more.
    pub(crate) fn decides_with(&self, policy: &Value, change_type: &str) -> Verdict {
        let policies: Vec<_> = self.policies.iter().chain([policy]).cloned().collect();
        let ask = Ask {
            role: &self.arn(),
            action: "aws-marketplace:StartChangeSet",
            resource: "arn:aws:aws-marketplace:us-east-1:222222222222:AWSMarketplace/Experience/exp-any",
            conditions: &[("catalog:ChangeType", change_type)],
            policies: &policies,
            service_control_policies: &[],
        };
        ask.decide()
    }

    /// The statements that allow an action.
    pub(crate) fn statements(&self, action: &str) -> Vec<Value> {
        let statements = self.policies.iter().flat_map(|policy| policy["Statement"].as_array().into_iter().flatten());
        let allows = |it: &&Value| it["Effect"] == "Allow" && list(&it["Action"]).iter().any(|one| one == action);
        statements.filter(allows).cloned().collect()
    }

    /// Everything that it may do.
    pub(crate) fn grants(&self) -> Vec<Grant> {
        let statements = self.policies.iter().flat_map(|policy| policy["Statement"].as_array().into_iter().flatten());
        let allowed = statements.filter(|statement| statement["Effect"] == "Allow");
        let mut grants: Vec<Grant> = allowed
            .flat_map(|statement| {
                let (actions, resources) = (list(&statement["Action"]), list(&statement["Resource"]));
                let pair = move |action: String| {
                    let resources = resources.clone();
                    resources.into_iter().map(move |resource| Grant { action: action.clone(), resource })
                };
                actions.into_iter().flat_map(pair)
            })
            .collect();
        grants.sort();
        grants
    }
}

impl Grant {
    /// Whether a decision rests on it, as far as action and resource tell.
    pub(crate) fn covers(&self, decision: &Decision) -> bool {
        matches(&self.action.to_lowercase(), &decision.action.to_lowercase())
            && matches(&self.resource, &decision.resource)
    }
}

/// One or many, as IAM writes lists.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(one) => vec![one.clone()],
        other => panic!("{other} is neither a text nor a list"),
    }
}

#[test]
fn patterns_match_as_in_iam() {
    assert!(matches("sqs:*Message", "sqs:SendMessage") && matches("a?c*", "abcde") && matches("*", ""));
    assert!(!matches("sqs:*Message", "sqs:SendMessages") && !matches("a?c", "ac"));
}

/// The embedded AWS knows no paths of roles, so this is about what the templates say of each other.
#[test]
fn a_role_under_a_path_is_the_one_that_the_hub_lets_in() {
    let hub = [("ExperienceId", MANAGEMENT), ("CodeBucket", "code"), ("CodeKey", "k"), ("RolePath", "/marketplace/")];
    let hub = Stack::new("infra/cloudformation/hub.yaml", "111111111111", &hub);
    for (path, arn) in [
        ("", "arn:aws:iam::222222222222:role/pmp-sync-spoke"),
        ("/products/private/", "arn:aws:iam::222222222222:role/products/private/pmp-sync-spoke"),
    ] {
        let own = [("OrganizationId", ALPHA), ("SpokeAccountId", "222222222222"), ("HubExternalId", EXTERNAL_ID)];
        let own = [&own[..], &[("SpokeRolePath", path), ("RolePath", "/marketplace/members/")]].concat();
        let member = Stack::after("infra/cloudformation/hub-member.yaml", "111111111111", &hub, &own);
        let code = [("CodeBucket", "code"), ("CodeKey", "k")];
        let spoke = Stack::after("infra/cloudformation/spoke.yaml", "222222222222", &member, &code);
        assert_eq!(spoke.arn("FunctionRole"), arn);
        let trust = &member.properties("MemberRole")["AssumeRolePolicyDocument"]["Statement"][0];
        assert_eq!(trust["Condition"]["ArnEquals"]["aws:PrincipalArn"], arn);
        let assumed = "arn:aws:iam::111111111111:role/marketplace/members/pmp-sync-member-o-alpha00000";
        assert_eq!(member.outputs()["HubRoleArn"], assumed);
    }
}
