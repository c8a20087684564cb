//! Guard rails: the service control policies and resource control policies of organizations.
//!
//! A service control policy applies to every principal of a member account, wherever the resource
//! is. A resource control policy applies to every access to a resource of a member account,
//! including access by AWS's services, if the resource's service supports such policies. Neither
//! applies to a management account. AWS's full access is attached beside them, so what they allow
//! has no effect.

use awsim_iam_policy::PolicyDocument;

use super::policies::read;
use crate::World;
use crate::world::{ControlPolicy, Organization};

/// The services here that support resource control policies, by the prefix of their actions. SNS
/// and the Marketplace Catalog do not support them.
const GUARDED: [&str; 4] = ["dynamodb:", "kms:", "sqs:", "sts:"];

/// The control policies of all organizations.
pub(super) struct GuardRails {
    service: Vec<Rail>,
    resource: Vec<Rail>,
}

/// A control policy, and the accounts that it applies to.
pub(super) struct Rail {
    accounts: Vec<String>,
    pub(super) document: PolicyDocument,
    /// The policy as it was written.
    pub(super) text: String,
}

impl Rail {
    /// The policy with the member accounts of its organization that it applies to.
    fn new(organization: &Organization, policy: &ControlPolicy) -> Self {
        let bound = organization.member_accounts.iter().filter(|account| policy.binds(account));
        let text = policy.policy.as_str().to_owned();
        Self { accounts: bound.cloned().collect(), document: read(&text), text }
    }
}

impl GuardRails {
    pub(super) fn new(world: &World) -> Self {
        let rails = |policies: fn(&Organization) -> &[ControlPolicy]| {
            let of = |organization| policies(organization).iter().map(move |policy| Rail::new(organization, policy));
            world.organizations.iter().flat_map(of).collect()
        };
        Self {
            service: rails(|organization| &organization.service_control_policies),
            resource: rails(|organization| &organization.resource_control_policies),
        }
    }

    /// The service control policies that apply to the principals of an account.
    pub(super) fn on_principal(&self, account: &str) -> Vec<&Rail> {
        binding(&self.service, account)
    }

    /// The resource control policies that apply to an action on a resource of `owner`.
    pub(super) fn on_resource(&self, action: &str, owner: &str) -> Vec<&Rail> {
        let guarded = GUARDED.iter().any(|service| action.starts_with(service));
        if guarded { binding(&self.resource, owner) } else { Vec::new() }
    }
}

fn binding<'a>(rails: &'a [Rail], account: &str) -> Vec<&'a Rail> {
    rails.iter().filter(|rail| rail.accounts.iter().any(|bound| bound == account)).collect()
}

/// The policies as they were written.
pub(super) fn texts(rails: &[&Rail]) -> Vec<String> {
    rails.iter().map(|rail| rail.text.clone()).collect()
}
