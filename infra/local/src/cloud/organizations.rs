//! Organizations, answered from the world. Written here because awsim's cannot be told which organizations exist.

use awsim_core::AwsError;
use serde_json::{Value, json};

use super::access::{Conditions, Question};
use super::{Call, Cloud};
use crate::world::Organization;

/// The service principal that delegated administrators of private marketplaces are registered for.
const PRIVATE_MARKETPLACE: &str = "private-marketplace.marketplace.amazonaws.com";

impl Cloud {
    pub(super) fn answer_organizations(&self, operation: &str, input: &Value, call: &Call) -> Result<Value, AwsError> {
        let account = call.caller.account();
        let question = Question {
            caller: &call.caller,
            action: &format!("organizations:{operation}"),
            resource: "*",
            owner: account,
            resource_policy: None,
            conditions: Conditions::new(),
        };
        self.access.decide(question).map_err(|denied| refused("AccessDeniedException", &denied.0))?;
        let organization = self.organization_with(account)?;
        match operation {
            "DescribeOrganization" => Ok(json!({ "Organization": organization.describe() })),
            "DescribeAccount" => describe_account(organization, account, input),
            "ListAccounts" => {
                organization.require_administrator(account)?;
                Ok(json!({ "Accounts": organization.accounts().map(|a| organization.account(a)).collect::<Vec<_>>() }))
            }
            "ListDelegatedAdministrators" => {
                organization.require_administrator(account)?;
                let asked = input["ServicePrincipal"].as_str();
                Ok(json!({ "DelegatedAdministrators": organization.delegates(asked) }))
            }
            other => Err(AwsError::unknown_operation(other)),
        }
    }

    fn organization_with(&self, account: &str) -> Result<&Organization, AwsError> {
        let not_in_use = || {
            let message = format!("Your account {account} is not a member of an organization.");
            refused("AWSOrganizationsNotInUseException", &message)
        };
        let id = self.access.organization_of(account).ok_or_else(not_in_use)?;
        self.world.organizations.iter().find(|organization| organization.id == id).ok_or_else(not_in_use)
    }
}

fn describe_account(organization: &Organization, caller: &str, input: &Value) -> Result<Value, AwsError> {
    let asked = input["AccountId"].as_str().unwrap_or_default();
    if asked != caller {
        organization.require_administrator(caller)?;
    }
    if organization.accounts().any(|account| account == asked) {
        return Ok(json!({ "Account": organization.account(asked) }));
    }
    Err(refused("AccountNotFoundException", &format!("Account {asked} is not in organization {}", organization.id)))
}

impl Organization {
    fn accounts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.management_account).chain(&self.member_accounts).map(String::as_str)
    }

    fn describe(&self) -> Value {
        let (id, master) = (&self.id, &self.management_account);
        json!({
            "Id": id,
            "Arn": format!("arn:aws:organizations::{master}:organization/{id}"),
            "FeatureSet": "ALL",
            "MasterAccountId": master,
            "MasterAccountArn": self.account_arn(master),
            "MasterAccountEmail": email(master),
            "AvailablePolicyTypes": [],
        })
    }

    fn account(&self, account: &str) -> Value {
        let name =
            if account == self.management_account { self.name.clone() } else { format!("{} {account}", self.name) };
        json!({
            "Id": account,
            "Arn": self.account_arn(account),
            "Email": email(account),
            "Name": name,
            "Status": "ACTIVE",
            "State": "ACTIVE",
            "JoinedMethod": "CREATED",
        })
    }

    fn account_arn(&self, account: &str) -> String {
        format!("arn:aws:organizations::{}:account/{}/{account}", self.management_account, self.id)
    }

    fn delegates(&self, service: Option<&str>) -> Vec<Value> {
        let known = service.is_none_or(|service| service == PRIVATE_MARKETPLACE);
        self.delegated_administrators.iter().filter(|_| known).map(|account| self.account(account)).collect()
    }

    /// What only the management account and delegated administrators may ask.
    fn require_administrator(&self, account: &str) -> Result<(), AwsError> {
        if account == self.management_account
            || self.delegated_administrators.iter().any(|delegate| delegate == account)
        {
            return Ok(());
        }
        let message = "You don't have permissions to access this resource.";
        Err(refused("AccessDeniedException", message))
    }
}

fn email(account: &str) -> String {
    format!("aws+{account}@example.com")
}

fn refused(code: &str, message: &str) -> AwsError {
    AwsError::bad_request(code, message)
}
