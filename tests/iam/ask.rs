//! Questions that no call of the embedded AWS asks, put to the same evaluator, and recorded like
//! its own.

use std::collections::{BTreeMap, HashMap};

use awsim_iam_policy::{AuthzRequest, ContextValue, Decision, EvalContext, PolicyDocument, evaluate, parse};
use pmp_local_aws::{Authorization, Verdict};
use serde_json::{Value, json};

use crate::record::record;

/// Whether a role may do something.
pub(crate) struct Ask<'a> {
    /// The ARN of the role that asks.
    pub(crate) role: &'a str,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    /// What the request is beside `aws:PrincipalArn`.
    pub(crate) conditions: &'a [(&'a str, &'a str)],
    pub(crate) policies: &'a [Value],
    /// Attached beside the full access that AWS attaches.
    pub(crate) service_control_policies: &'a [Value],
}

/// A policy that allows every action on every resource.
pub(crate) fn everything() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
}

impl Ask<'_> {
    pub(crate) fn decide(&self) -> Decision {
        let read = |policy: &Value| parse(&policy.to_string()).unwrap();
        let account = self.role.split(':').nth(4).unwrap();
        let own = [("aws:PrincipalArn", self.role)];
        let conditions = || own.iter().chain(self.conditions);
        let context: HashMap<_, _> =
            conditions().map(|(key, value)| ((*key).to_owned(), ContextValue::String((*value).to_owned()))).collect();
        let request = AuthzRequest {
            principal_arn: self.role,
            principal_account: account,
            action: self.action,
            resource_arn: self.resource,
            context: &context,
        };
        let policies: Vec<_> = self.policies.iter().map(read).collect();
        // Attached beside each other, policies add up.
        let mut rails: PolicyDocument = read(&everything());
        rails.statements.extend(self.service_control_policies.iter().flat_map(|policy| read(policy).statements));
        let rails = [rails];
        let decision =
            evaluate(&request, &EvalContext { identity_policies: &policies, scps: &rails, ..EvalContext::default() });
        let texts = |policies: &[Value]| policies.iter().map(Value::to_string).collect();
        record(&Authorization {
            caller: self.role.to_owned(),
            action: self.action.to_owned(),
            resource: self.resource.to_owned(),
            // The catalog, not IAM, knows what of the management account a delegated administrator
            // may see.
            owner: account.to_owned(),
            conditions: conditions()
                .map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()]))
                .collect::<BTreeMap<_, _>>(),
            identity_policies: texts(self.policies),
            resource_policy: None,
            session_policy: None,
            service_control_policies: texts(self.service_control_policies),
            resource_control_policies: Vec::new(),
            verdict: match decision {
                Decision::Allow => Verdict::Allowed,
                Decision::ExplicitDeny => Verdict::ExplicitlyDenied,
                Decision::ImplicitDeny => Verdict::ImplicitlyDenied,
            },
        });
        decision
    }
}
