//! The identity of this spoke: its organization, account and region.

use aws_config::SdkConfig;
#[cfg(feature = "organizations")]
use pmp_aws::ApiError;
use pmp_aws::DEFAULT_REGION;
use pmp_protocol::{AccountId, OrganizationId};

use crate::error::SpokeError;

/// The member organization that this spoke acts for, and where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The organization that this account belongs to.
    pub organization: OrganizationId,
    /// The account in which the spoke runs.
    pub account: AccountId,
    /// The region in which it runs.
    pub region: String,
    /// The ARN of the caller, as STS names it.
    pub caller: String,
}

impl Identity {
    /// Asks STS for the account, and Organizations for the organization if it is not given.
    pub(crate) async fn find(sdk: &SdkConfig, organization: Option<OrganizationId>) -> Result<Self, SpokeError> {
        let (account, caller) = caller(sdk).await?;
        let organization = match organization {
            Some(organization) => organization,
            None => ask_organizations(sdk).await?,
        };
        let region = sdk.region().map_or(DEFAULT_REGION, |region| region.as_ref()).to_owned();
        Ok(Self { organization, account, region, caller })
    }
}

async fn caller(sdk: &SdkConfig) -> Result<(AccountId, String), SpokeError> {
    let (caller, _) = pmp_aws::caller(sdk).await;
    let caller = caller.map_err(|source| SpokeError::Identity { what: "account", source })?;
    let account = AccountId::new(&caller.account)
        .map_err(|e| SpokeError::UnexpectedIdentity { what: "account", problem: e.to_string() })?;
    Ok((account, caller.arn))
}

/// Always fails, because this build has no client for Organizations.
#[cfg(any(test, not(feature = "organizations")))]
pub(crate) async fn ask_without_client(_: &SdkConfig) -> Result<OrganizationId, SpokeError> {
    Err(SpokeError::NoOrganizations)
}

#[cfg(not(feature = "organizations"))]
pub(crate) use ask_without_client as ask_organizations;

/// Asks Organizations for the organization that this account belongs to.
#[cfg(feature = "organizations")]
pub(crate) async fn ask_organizations(sdk: &SdkConfig) -> Result<OrganizationId, SpokeError> {
    let answer = aws_sdk_organizations::Client::new(sdk).describe_organization().send().await;
    let answer = answer.map_err(|e| SpokeError::Identity {
        what: "organization",
        source: ApiError::new("organizations:DescribeOrganization", &e),
    })?;
    let id = answer.organization().and_then(|organization| organization.id()).unwrap_or_default();
    OrganizationId::new(id).map_err(|e| SpokeError::UnexpectedIdentity { what: "organization", problem: e.to_string() })
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{Coded as _, Hint as _};

    use super::*;

    #[tokio::test]
    async fn a_build_that_cannot_ask_organizations_says_what_to_set() {
        let error = ask_without_client(&SdkConfig::builder().build()).await.unwrap_err();
        assert_eq!(error.code().to_string(), "E5005");
        assert!(error.hint().unwrap().contains("PMP_ORG_ID"));
    }
}
