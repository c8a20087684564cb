//! What IAM is asked, told as it is answered: each question with all that its answer rests on, so that somebody else can be
//! asked the same. Nothing here decides anything; without a witness nothing is kept.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// A question to IAM, and the answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Authorization {
    /// Who asks: the ARN that `GetCallerIdentity` answers, or the name of a service, such as `sns.amazonaws.com`.
    pub caller: String,
    /// Such as `sqs:SendMessage`.
    pub action: String,
    /// The resource's ARN; `*` where the action has none.
    pub resource: String,
    /// The account that owns the resource.
    pub owner: String,
    /// The condition keys that the request has, with their values. A key with one value and a list of one look alike.
    pub conditions: BTreeMap<String, Vec<String>>,
    /// The caller's own policies, as they were written. The administrator of an account may do everything; a service has none.
    pub identity_policies: Vec<String>,
    /// The policy of the resource, a role's trust among them, as it was written.
    pub resource_policy: Option<String>,
    /// The policy that the caller's session was narrowed by, as it was written.
    pub session_policy: Option<String>,
    /// The service control policies that bind the caller, as they were written. AWS's full access is attached beside them.
    pub service_control_policies: Vec<String>,
    /// The resource control policies that guard the resource, as they were written. AWS's full access is attached beside them.
    pub resource_control_policies: Vec<String>,
    /// What IAM said.
    pub verdict: Verdict,
}

/// What IAM says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// No: a policy denies it.
    ExplicitlyDenied,
    /// No: no policy allows it.
    ImplicitlyDenied,
}

/// Is told every question that IAM answers.
pub trait Witness: fmt::Debug + Send + Sync {
    /// Takes one. The call that asked goes on only when this returns.
    fn note(&self, authorization: Authorization);
}
