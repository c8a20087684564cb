//! Organizations: awsim's service, filled from the world, with one state per organization.
//!
//! awsim keeps an organization in the account that created it, and has one per account. So each
//! call is made in the management account of the caller's organization. This module corrects the
//! permissions (members may only describe the organization), the order and the pages of lists, and
//! status codes. It answers for delegated administrators itself, because awsim has none.
//! Organizations come from the world and never change. An operation that would change one is
//! refused, because `aws:PrincipalOrgID` and the catalog's owners would not follow.

use awsim_core::{AwsError, RequestContext, ServiceHandler};
use awsim_organizations::OrganizationsService;
use awsim_organizations::state::{Account, Organization as Described, Root};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::access::{Conditions, Question};
use super::{Call, Cloud};
use crate::World;
use crate::world::Organization;

/// The service principal that delegated administrators of private marketplaces are registered for.
const PRIVATE_MARKETPLACE: &str = "private-marketplace.marketplace.amazonaws.com";
/// AWS's maximum of results per page, which is also the default.
const PAGE: usize = 20;

/// awsim's service with the organizations of the world, created at `now`.
pub(super) fn organizations_of(world: &World, now: Timestamp) -> OrganizationsService {
    let service = OrganizationsService::new();
    let joined = u64::try_from(now.as_second()).unwrap_or_default();
    for organization in &world.organizations {
        let state = service.store().get(&organization.management_account, "global");
        if let Ok(mut described) = state.organization.write() {
            *described = Some(organization.described());
        }
        let root = organization.root();
        for account in organization.accounts() {
            state.accounts.insert(account.to_owned(), organization.account(account, joined));
            state.parents.insert(account.to_owned(), root.id.clone());
        }
        state.roots.insert(root.id.clone(), root);
    }
    service
}

impl Cloud {
    pub(super) async fn answer_organizations(
        &self,
        operation: &str,
        input: Value,
        call: &Call,
    ) -> Result<Value, AwsError> {
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
        if operation != "DescribeOrganization" {
            organization.require_administrator(account)?;
        }
        let context = call.context("organizations", &organization.management_account);
        match operation {
            "DescribeOrganization"
            | "DescribeAccount"
            | "ListRoots"
            | "ListChildren"
            | "ListOrganizationalUnitsForParent"
            | "ListPolicies" => self.ask(operation, input, &context).await,
            "ListAccounts" | "ListAccountsForParent" => {
                let answer = self.ask(operation, input.clone(), &context).await?;
                page("Accounts", sorted(answer, "Accounts"), &input)
            }
            "ListDelegatedAdministrators" => {
                let listed = self.ask("ListAccounts", json!({}), &context).await?;
                let delegates = organization.delegates(sorted(listed, "Accounts"), input["ServicePrincipal"].as_str());
                page("DelegatedAdministrators", delegates, &input)
            }
            "ListDelegatedServicesForAccount" => {
                let services = organization.services_of(input["AccountId"].as_str().unwrap_or_default())?;
                page("DelegatedServices", services, &input)
            }
            "ListAWSServiceAccessForOrganization" => {
                let enabled = json!({ "ServicePrincipal": PRIVATE_MARKETPLACE, "DateEnabled": self.since() });
                page("EnabledServicePrincipals", vec![enabled], &input)
            }
            other => Err(AwsError {
                message: format!("{other} is not answered here: organizations come from the world file"),
                ..AwsError::unknown_operation(other)
            }),
        }
    }

    async fn ask(&self, operation: &str, input: Value, context: &RequestContext) -> Result<Value, AwsError> {
        let answer = self.organizations.handle(operation, input, context).await;
        // The service has the same HTTP status for every error of a caller.
        let mut answer = answer.map_err(|error| AwsError { status: StatusCode::BAD_REQUEST, ..error })?;
        if let Some(account) = answer.get_mut("Account") {
            add_state(account);
        }
        for account in answer.get_mut("Accounts").and_then(Value::as_array_mut).into_iter().flatten() {
            add_state(account);
        }
        Ok(answer)
    }

    fn organization_with(&self, account: &str) -> Result<&Organization, AwsError> {
        let not_in_use =
            || refused("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.");
        let id = self.access.organization_of(account).ok_or_else(not_in_use)?;
        self.world.organizations.iter().find(|organization| organization.id == id).ok_or_else(not_in_use)
    }

    /// When the organizations were created, in seconds of Unix time.
    fn since(&self) -> i64 {
        self.begun.as_second()
    }
}

/// The view of AWS Organizations on an organization of the world.
trait InOrganizations {
    fn accounts(&self) -> impl Iterator<Item = &str>;
    fn described(&self) -> Described;
    fn root(&self) -> Root;
    fn account(&self, account: &str, joined: u64) -> Account;
    fn account_arn(&self, account: &str) -> String;
    /// Those of the accounts that are delegated administrators, for one service if it is given.
    fn delegates(&self, accounts: Vec<Value>, service: Option<&str>) -> Vec<Value>;
    /// The services for which an account is a delegated administrator.
    fn services_of(&self, account: &str) -> Result<Vec<Value>, AwsError>;
    /// Refuses callers other than the management account and the delegated administrators.
    fn require_administrator(&self, account: &str) -> Result<(), AwsError>;
}

impl InOrganizations for Organization {
    fn accounts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.management_account).chain(&self.member_accounts).map(String::as_str)
    }

    fn described(&self) -> Described {
        let (id, master) = (&self.id, &self.management_account);
        Described {
            id: id.clone(),
            arn: format!("arn:aws:organizations::{master}:organization/{id}"),
            feature_set: "ALL".into(),
            master_account_id: master.clone(),
            master_account_arn: self.account_arn(master),
            master_account_email: email(master),
        }
    }

    fn root(&self) -> Root {
        let (master, organization) = (&self.management_account, &self.id);
        // AWS's root ids have 4 to 32 lower-case letters or digits, and an organization's id has 10
        // to 32, so it fits.
        let id = format!("r-{}", organization.trim_start_matches("o-"));
        let arn = format!("arn:aws:organizations::{master}:root/{organization}/{id}");
        Root { id, arn, name: "Root".into(), policy_types: Vec::new() }
    }

    fn account(&self, account: &str, joined: u64) -> Account {
        let name =
            if account == self.management_account { self.name.clone() } else { format!("{} {account}", self.name) };
        Account {
            id: account.to_owned(),
            arn: self.account_arn(account),
            email: email(account),
            name,
            status: "ACTIVE".into(),
            joined_method: "CREATED".into(),
            joined_timestamp: joined,
        }
    }

    fn account_arn(&self, account: &str) -> String {
        format!("arn:aws:organizations::{}:account/{}/{account}", self.management_account, self.id)
    }

    fn delegates(&self, accounts: Vec<Value>, service: Option<&str>) -> Vec<Value> {
        let known = service.is_none_or(|service| service == PRIVATE_MARKETPLACE);
        let delegate = |mut account: Value| {
            let id = account["Id"].as_str()?;
            let delegated = known && self.delegated_administrators.iter().any(|delegate| delegate == id);
            account["DelegationEnabledDate"] = account["JoinedTimestamp"].clone();
            delegated.then_some(account)
        };
        accounts.into_iter().filter_map(delegate).collect()
    }

    fn services_of(&self, account: &str) -> Result<Vec<Value>, AwsError> {
        if !self.accounts().any(|known| known == account) {
            let message = "You specified an account that doesn't exist in this organization.";
            return Err(refused("AccountNotFoundException", message));
        }
        if !self.delegated_administrators.iter().any(|delegate| delegate == account) {
            let message = "The account is not a delegated administrator of any service.";
            return Err(refused("AccountNotRegisteredException", message));
        }
        Ok(vec![json!({ "ServicePrincipal": PRIVATE_MARKETPLACE })])
    }

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

/// Adds the field `State`, which AWS has beside the older `Status`.
fn add_state(account: &mut Value) {
    account["State"] = account["Status"].clone();
}

/// A list of an answer in a stable order. awsim's maps have no order, and pages need one.
fn sorted(mut answer: Value, list: &str) -> Vec<Value> {
    let mut items = match answer[list].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    items.sort_by(|a, b| a["Id"].as_str().cmp(&b["Id"].as_str()));
    items
}

/// One page of a list. The token is the number of items before the page.
fn page(list: &str, items: Vec<Value>, input: &Value) -> Result<Value, AwsError> {
    let invalid = |message: &str| refused("InvalidInputException", message);
    let size = match &input["MaxResults"] {
        Value::Null => PAGE,
        size => size
            .as_u64()
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| (1..=PAGE).contains(size))
            .ok_or_else(|| invalid("MaxResults must be between 1 and 20."))?,
    };
    let from = match &input["NextToken"] {
        Value::Null => 0,
        token => token
            .as_str()
            .and_then(|token| token.parse().ok())
            .filter(|from| *from < items.len())
            .ok_or_else(|| invalid("The NextToken is not one that was given out."))?,
    };
    let next = from + size;
    let mut answer = json!({ list: items.iter().skip(from).take(size).collect::<Vec<_>>() });
    if next < items.len() {
        answer["NextToken"] = json!(next.to_string());
    }
    Ok(answer)
}

fn email(account: &str) -> String {
    format!("aws+{account}@example.com")
}

fn refused(code: &str, message: &str) -> AwsError {
    AwsError::bad_request(code, message)
}
