//! IAM: whether a caller may do something, by the policies of its role, of the resource, and of the
//! organization.
//!
//! awsim's evaluator decides on single policies. This module adds which policies must allow (within
//! an account, the caller's or the resource's; across accounts, both), session policies, the
//! control policies of organizations, service principals, and the condition keys that this system's
//! policies use. It never looks at a request's content: the services name the action and the
//! resource.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use awsim_iam_policy::{
    AuthzRequest, ContextValue, Decision, Effect, EvalContext, PolicyDocument, Principal, evaluate,
};
use serde_json::Value;

use super::decisions::{Decided, Decisions, Listed};
use super::guard_rails::{self, GuardRails, Rail};
use super::policies::{nothing, read, without_account};
use super::{Caller, account_in};
use crate::World;
use crate::authorization::{Authorization, Verdict, Witness};

/// Condition keys and their values.
pub(super) type Conditions = HashMap<String, ContextValue>;

/// A request to IAM for a decision.
pub(super) struct Question<'a> {
    pub(super) caller: &'a Caller,
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    /// The account that owns the resource.
    pub(super) owner: &'a str,
    /// The resource's own policy, if it has one.
    pub(super) resource_policy: Option<&'a str>,
    /// The condition keys that the request itself adds.
    pub(super) conditions: Conditions,
}

/// A denial, in AWS's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Denied(pub(super) String);

/// The policies that IAM decides by, from the world.
pub(super) struct Access {
    roles: HashMap<String, RolePolicies>,
    organizations: HashMap<String, String>,
    rails: GuardRails,
    everything: PolicyDocument,
    decisions: Decisions,
    witness: Option<Arc<dyn Witness>>,
}

struct RolePolicies {
    trust: String,
    permissions: Vec<PolicyDocument>,
    /// The same policies as they were written.
    texts: Vec<String>,
    tags: BTreeMap<String, String>,
}

/// Which kind of policy decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The policies of the caller, of the resource or of the session.
    Policies,
    ResourceControlPolicy,
    ServiceControlPolicy,
}

/// The policy of an account's administrator.
const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

impl Access {
    pub(super) fn new(world: &World, witness: Option<Arc<dyn Witness>>) -> Self {
        let roles = world.roles.iter().map(|role| {
            let texts: Vec<String> = role.permissions.iter().map(|policy| policy.as_str().to_owned()).collect();
            let permissions = texts.iter().map(|policy| read(policy)).collect();
            let (trust, tags) = (role.trust.as_str().to_owned(), role.tags.clone());
            (role.arn(), RolePolicies { trust, permissions, texts, tags })
        });
        let organizations = world.organizations.iter().flat_map(|organization| {
            std::iter::once(&organization.management_account)
                .chain(&organization.member_accounts)
                .map(|account| (account.clone(), organization.id.clone()))
        });
        Self {
            roles: roles.collect(),
            organizations: organizations.collect(),
            rails: GuardRails::new(world),
            everything: read(EVERYTHING),
            decisions: Decisions::default(),
            witness,
        }
    }

    /// The decisions on callers' requests so far.
    pub(super) fn decisions(&self) -> Listed {
        self.decisions.list()
    }

    /// Forgets the decisions, and returns how many different ones there were.
    pub(super) fn forget_decisions(&self) -> usize {
        self.decisions.clear()
    }

    /// The trust policy of a role.
    pub(super) fn trust_of(&self, role_arn: &str) -> Option<&str> {
        self.roles.get(role_arn).map(|role| role.trust.as_str())
    }

    /// The tags of a role.
    pub(super) fn tags_of(&self, role_arn: &str) -> impl Iterator<Item = (&String, &String)> {
        self.roles.get(role_arn).into_iter().flat_map(|role| &role.tags)
    }

    /// Decides whether the caller may do what it asks.
    pub(super) fn decide(&self, question: Question<'_>) -> Result<(), Denied> {
        let crosses = question.caller.account() != question.owner;
        let resource_policy = match (question.resource_policy, crosses) {
            // A subscription belongs to the account that made it, but its ARN names the account of
            // the topic.
            (Some(text), _) if !text.is_empty() && account_in(question.resource) == Some(question.caller.account()) => {
                Some(without_account(read(text), question.owner))
            }
            (Some(text), _) if !text.is_empty() => Some(read(text)),
            // A resource without a policy permits nobody from outside its account.
            (_, true) => Some(nothing()),
            (_, false) => None,
        };
        let identity_policies = self.identity_policies(question.caller);
        self.answer(&question, identity_policies, resource_policy.as_ref())
    }

    /// Decides on an action that only the resource's own policy can permit, even within one
    /// account: to assume a role (its trust policy), or to use a key (its key policy).
    pub(super) fn decide_by_resource(&self, question: Question<'_>) -> Result<(), Denied> {
        let policy = question.resource_policy.map_or_else(nothing, read);
        let identity_policies = self.identity_policies(question.caller);
        if question.caller.account() != question.owner {
            return self.answer(&question, identity_policies, Some(&policy));
        }
        // Within an account, awsim accepts a permission of either side. The caller's own policies
        // count only if the resource's policy delegates to the account.
        let context = EvalContext { resource_policy: Some(&policy), ..EvalContext::default() };
        let opens = evaluate_for(&question, &self.conditions(&question), &context) == Decision::Allow;
        let mut identity_policies = identity_policies.to_vec();
        if !opens {
            let denials = |policy: &mut PolicyDocument| policy.statements.retain(|s| s.effect == Effect::Deny);
            identity_policies.iter_mut().for_each(denials);
        }
        self.answer(&question, &identity_policies, Some(&without_account(policy, question.owner)))
    }

    /// Whether a resource's policy permits an AWS service. Services have no policies of their own.
    pub(super) fn admits_service(
        &self,
        service: &str,
        action: &str,
        resource: &str,
        policy: &str,
        mut conditions: Conditions,
    ) -> bool {
        let owner = account_in(resource).unwrap_or_default();
        self.add_resource_owner(&mut conditions, owner);
        // A text that is no policy, such as an empty one, permits nobody.
        let mut document = read(policy);
        // awsim cannot match service principals. So statements that name this service are changed
        // to match every caller, and all others are removed.
        document.statements.retain(|statement| names_service(statement.principal.as_ref(), service));
        for statement in &mut document.statements {
            statement.principal = Some(Principal::Wildcard);
        }
        let request = AuthzRequest {
            principal_arn: service,
            principal_account: "",
            action,
            resource_arn: resource,
            context: &conditions,
        };
        let identity_policies = std::slice::from_ref(&self.everything);
        let context = EvalContext { identity_policies, resource_policy: Some(&document), ..EvalContext::default() };
        let rails = self.rails.on_resource(action, owner);
        let forbidden = forbids(&request, &rails);
        let decision = if forbidden { Decision::ExplicitDeny } else { evaluate(&request, &context) };
        self.tell(decision, &conditions, |verdict, conditions| Authorization {
            caller: service.to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            owner: owner.to_owned(),
            conditions,
            identity_policies: Vec::new(),
            resource_policy: Some(policy.to_owned()).filter(|text| !text.is_empty()),
            session_policy: None,
            service_control_policies: Vec::new(),
            resource_control_policies: guard_rails::texts(&rails),
            verdict,
        });
        decision == Decision::Allow
    }

    fn identity_policies<'a>(&'a self, caller: &'a Caller) -> &'a [PolicyDocument] {
        match caller {
            Caller::Account(_) | Caller::User { .. } => std::slice::from_ref(&self.everything),
            Caller::Session(session) => {
                self.roles.get(&session.role_arn).map(|role| role.permissions.as_slice()).unwrap_or_default()
            }
        }
    }

    /// The caller's own policies as they were written.
    fn identity_texts(&self, caller: &Caller) -> Vec<String> {
        match caller {
            Caller::Account(_) | Caller::User { .. } => vec![EVERYTHING.to_owned()],
            Caller::Session(session) => {
                self.roles.get(&session.role_arn).map(|role| role.texts.clone()).unwrap_or_default()
            }
        }
    }

    /// Reports a decision to the witness, if there is one. `with` adds the request.
    fn tell(
        &self,
        decision: Decision,
        conditions: &Conditions,
        with: impl FnOnce(Verdict, BTreeMap<String, Vec<String>>) -> Authorization,
    ) {
        let Some(witness) = &self.witness else { return };
        let verdict = match decision {
            Decision::Allow => Verdict::Allowed,
            Decision::ExplicitDeny => Verdict::ExplicitlyDenied,
            Decision::ImplicitDeny => Verdict::ImplicitlyDenied,
        };
        let conditions = conditions.iter().map(|(key, value)| (key.clone(), texts(value))).collect();
        witness.note(with(verdict, conditions));
    }

    /// Returns the decision, and records it.
    fn answer(
        &self,
        question: &Question<'_>,
        identity_policies: &[PolicyDocument],
        resource_policy: Option<&PolicyDocument>,
    ) -> Result<(), Denied> {
        let conditions = self.conditions(question);
        let principal_arn = question.caller.principal_arn();
        let context = EvalContext { identity_policies, resource_policy, ..EvalContext::default() };
        let mut decision = evaluate_for(question, &conditions, &context);
        // awsim does not apply the session policy to what a resource's policy allows. In AWS that
        // holds only for a policy that names the session itself, and no policy here does.
        if let Some(session_policy) = session_policy(question.caller).map(read) {
            let context = EvalContext { identity_policies: &[session_policy], ..EvalContext::default() };
            decision = stricter(decision, evaluate_for(question, &conditions, &context));
        }
        let account = question.caller.account();
        let on_resource = self.rails.on_resource(question.action, question.owner);
        let on_principal = self.rails.on_principal(account);
        let request = AuthzRequest {
            principal_arn: &principal_arn,
            principal_account: account,
            action: question.action,
            resource_arn: question.resource,
            context: &conditions,
        };
        let by = match (forbids(&request, &on_resource), forbids(&request, &on_principal)) {
            (true, _) => By::ResourceControlPolicy,
            (_, true) => By::ServiceControlPolicy,
            _ => By::Policies,
        };
        if by != By::Policies {
            decision = Decision::ExplicitDeny;
        }
        self.decisions.note(Decided {
            principal: principal_arn.clone(),
            action: question.action.to_owned(),
            resource: question.resource.to_owned(),
            allowed: decision == Decision::Allow,
        });
        self.tell(decision, &conditions, |verdict, conditions| Authorization {
            caller: question.caller.arn(),
            action: question.action.to_owned(),
            resource: question.resource.to_owned(),
            owner: question.owner.to_owned(),
            conditions,
            identity_policies: self.identity_texts(question.caller),
            resource_policy: question.resource_policy.filter(|text| !text.is_empty()).map(str::to_owned),
            session_policy: session_policy(question.caller).map(str::to_owned),
            service_control_policies: guard_rails::texts(&on_principal),
            resource_control_policies: guard_rails::texts(&on_resource),
            verdict,
        });
        let reason = match (decision, by) {
            (Decision::Allow, _) => return Ok(()),
            (_, By::ResourceControlPolicy) => "with an explicit deny in a resource control policy",
            (_, By::ServiceControlPolicy) => "with an explicit deny in a service control policy",
            (Decision::ExplicitDeny, _) => "with an explicit deny in a policy",
            (Decision::ImplicitDeny, _) => "because no policy allows it",
        };
        let (arn, action, resource) = (question.caller.arn(), question.action, question.resource);
        Err(Denied(format!("User: {arn} is not authorized to perform: {action} on resource: {resource} {reason}")))
    }

    /// The condition keys of a request: its own, those of the caller, and those of the resource's
    /// owner.
    fn conditions(&self, question: &Question<'_>) -> Conditions {
        let (mut conditions, caller) = (question.conditions.clone(), question.caller);
        // If an action has no resource, the caller's account counts as its owner.
        self.add_resource_owner(&mut conditions, account_in(question.resource).unwrap_or(question.owner));
        let mut set = |key: &str, value: &str| conditions.insert(key.into(), ContextValue::String(value.into()));
        set("aws:PrincipalArn", &caller.principal_arn());
        set("aws:PrincipalAccount", caller.account());
        // Policies deny requests without TLS. This endpoint stands for one with TLS.
        set("aws:SecureTransport", "true");
        set("aws:PrincipalIsAWSService", "false");
        if let Some(organization) = self.organizations.get(caller.account()) {
            set("aws:PrincipalOrgID", organization);
        }
        for (key, value) in self.tags_of(&caller.principal_arn()) {
            set(&format!("aws:PrincipalTag/{key}"), value);
        }
        conditions
    }

    /// Adds the condition keys of the resource's owner.
    fn add_resource_owner(&self, conditions: &mut Conditions, account: &str) {
        let mut set = |key: &str, value: &str| conditions.insert(key.into(), ContextValue::String(value.into()));
        set("aws:ResourceAccount", account);
        if let Some(organization) = self.organizations.get(account) {
            set("aws:ResourceOrgID", organization);
        }
    }

    /// The id of an account's organization; `None` for an account without one.
    pub(super) fn organization_of(&self, account: &str) -> Option<&str> {
        self.organizations.get(account).map(String::as_str)
    }
}

/// The condition keys from a request's own parameters, given as pairs of key and parameter. A
/// parameter that the request does not have adds no key.
pub(super) fn request_conditions<const N: usize>(input: &Value, parameters: [(&str, &str); N]) -> Conditions {
    let condition = |(key, parameter): (&str, &str)| {
        input[parameter].as_str().map(|value| (key.to_owned(), ContextValue::String(value.to_owned())))
    };
    parameters.into_iter().filter_map(condition).collect()
}

/// The condition keys of a call that a service makes for a resource.
pub(super) fn source(arn: &str, organization: Option<&str>) -> Conditions {
    let mut conditions = Conditions::new();
    let mut set = |key: &str, value: &str| conditions.insert(key.into(), ContextValue::String(value.into()));
    set("aws:SourceArn", arn);
    set("aws:SourceAccount", account_in(arn).unwrap_or_default());
    set("aws:SecureTransport", "true");
    set("aws:PrincipalIsAWSService", "true");
    if let Some(organization) = organization {
        set("aws:SourceOrgID", organization);
    }
    conditions
}

/// The condition keys of a resource's tags.
pub(super) fn resource_tags<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Conditions {
    let key =
        |(key, value): (&String, &String)| (format!("aws:ResourceTag/{key}"), ContextValue::String(value.clone()));
    tags.into_iter().map(key).collect()
}

/// Whether a control policy denies a request. What these policies allow has no effect, because
/// AWS's full access is attached beside them.
fn forbids(request: &AuthzRequest<'_>, rails: &[&Rail]) -> bool {
    rails.iter().any(|rail| {
        let policies = std::slice::from_ref(&rail.document);
        evaluate(request, &EvalContext { identity_policies: policies, ..EvalContext::default() })
            == Decision::ExplicitDeny
    })
}

/// The session policy of a caller, if it has one.
fn session_policy(caller: &Caller) -> Option<&str> {
    match caller {
        Caller::Session(session) => session.inline_session_policy.as_deref(),
        Caller::Account(_) | Caller::User { .. } => None,
    }
}

/// The values of a condition key in the form in which policies write them.
fn texts(value: &ContextValue) -> Vec<String> {
    match value {
        ContextValue::String(text) | ContextValue::Ip(text) => vec![text.clone()],
        ContextValue::StringList(texts) => texts.clone(),
        ContextValue::Number(number) => vec![number.to_string()],
        ContextValue::Bool(bool) => vec![bool.to_string()],
        ContextValue::Date(date) => vec![date.to_rfc3339()],
    }
}

/// The decision of awsim's evaluator.
fn evaluate_for(question: &Question<'_>, conditions: &Conditions, context: &EvalContext<'_>) -> Decision {
    let request = AuthzRequest {
        principal_arn: &question.caller.principal_arn(),
        principal_account: question.caller.account(),
        action: question.action,
        resource_arn: question.resource,
        context: conditions,
    };
    evaluate(&request, context)
}

/// The decision if both sides must allow.
fn stricter(one: Decision, other: Decision) -> Decision {
    match (one, other) {
        (Decision::ExplicitDeny, _) | (_, Decision::ExplicitDeny) => Decision::ExplicitDeny,
        (Decision::ImplicitDeny, _) | (_, Decision::ImplicitDeny) => Decision::ImplicitDeny,
        (Decision::Allow, Decision::Allow) => Decision::Allow,
    }
}

fn names_service(principal: Option<&Principal>, service: &str) -> bool {
    let is = |names: &[String]| names.iter().any(|name| name == service || name == "*");
    let anyone = |names: &[String]| names.iter().any(|name| name == "*");
    match principal {
        Some(Principal::Wildcard) => true,
        Some(Principal::Service(names)) => is(names),
        Some(Principal::Aws(names)) => anyone(names),
        Some(Principal::Mixed { aws, service, .. }) => is(service) || anyone(aws),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
