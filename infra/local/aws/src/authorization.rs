//! What IAM decides, reported at the moment of the decision. An [`Authorization`] holds everything
//! that the decision rests on, so that another evaluator can be asked the same question. Nothing
//! here decides anything. Without a [`Witness`], nothing is recorded.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// A request to IAM, and its decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Authorization {
    /// The caller: the ARN that `GetCallerIdentity` answers, or a service's name such as
    /// `sns.amazonaws.com`.
    pub caller: String,
    /// The action, such as `sqs:SendMessage`.
    pub action: String,
    /// The resource's ARN; `*` if the action has no resource.
    pub resource: String,
    /// The account that owns the resource.
    pub owner: String,
    /// The condition keys of the request, with their values. A single value is a list of one.
    pub conditions: BTreeMap<String, Vec<String>>,
    /// The caller's own policies, as they were written. An account's administrator has one that
    /// allows everything; a service has none.
    pub identity_policies: Vec<String>,
    /// The policy of the resource, as it was written. A role's is its trust policy.
    pub resource_policy: Option<String>,
    /// The session policy of the caller, as it was written.
    pub session_policy: Option<String>,
    /// The service control policies that apply to the caller, as they were written. AWS's full
    /// access is attached beside them.
    pub service_control_policies: Vec<String>,
    /// The resource control policies that apply to the resource, as they were written. AWS's full
    /// access is attached beside them.
    pub resource_control_policies: Vec<String>,
    /// What IAM decided on this request.
    pub verdict: Verdict,
}

/// A decision of IAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A policy allows the request, and none denies it.
    Allowed,
    /// A policy denies the request.
    ExplicitlyDenied,
    /// No policy allows the request.
    ImplicitlyDenied,
}

/// Receives every decision of IAM.
pub trait Witness: fmt::Debug + Send + Sync {
    /// Receives one decision. The call that is being decided waits until this returns.
    fn note(&self, authorization: Authorization);
}
