//! How the spoke reaches the hub's tables, and whose signatures it trusts.

use pmp_aws::AssumedRole;
use pmp_protocol::OrganizationId;
use pmp_signature::TrustedKeys;
use pmp_terminal::Settings;

use super::SpokeConfig;
use super::declared::{ConfigArgs, EXTERNAL_ID, TRUSTED};

impl ConfigArgs {
    pub(super) fn hub_role(&self, settings: &mut Settings) -> Option<AssumedRole> {
        let arn = self.hub_role_arn().optional(settings);
        let external_id = self.hub_external_id().optional(settings);
        if !self.hub_role_arn().is_set() && external_id.is_some() {
            settings.problem(EXTERNAL_ID, "is set, but no role to use it with (--hub-role-arn, PMP_HUB_ROLE_ARN)");
        }
        // The organization is added once it is known; see `SpokeConfig::hub_role_for`.
        let advice = "check --hub-role-arn (PMP_HUB_ROLE_ARN) and --hub-external-id (PMP_HUB_EXTERNAL_ID) with the hub's operators; \
                      `pmp-spoke doctor` says more";
        arn.map(|arn| AssumedRole { arn: arn.to_string(), external_id, session_name: String::new(), advice })
    }

    /// A text with keys in it, or the path of a file. What is set and cannot be read never means
    /// "no keys".
    pub(super) fn trusted(&self, settings: &mut Settings) -> Option<TrustedKeys> {
        let given = self.trusted_keys().optional(settings)?;
        let text = if given.contains("-----BEGIN") {
            given
        } else {
            match std::fs::read_to_string(&given) {
                Ok(text) => text,
                Err(error) => {
                    // Not what was given: it may be a private key that lost its first line.
                    settings.problem(
                        TRUSTED,
                        format!("the value is not PEM, and no file of that name can be read: {error}"),
                    );
                    return None;
                }
            }
        };
        TrustedKeys::from_pem(&text).map_err(|error| settings.problem(TRUSTED, error)).ok()
    }
}

impl SpokeConfig {
    /// The role for the hub's tables, with a session name that says in the hub's CloudTrail who
    /// acts.
    pub(crate) fn hub_role_for(&self, organization: &OrganizationId) -> Option<AssumedRole> {
        self.hub_role.clone().map(|role| acting_for(role, organization))
    }
}

/// The role with the name of a session of this spoke.
pub(crate) fn acting_for(role: AssumedRole, organization: &OrganizationId) -> AssumedRole {
    AssumedRole { session_name: format!("pmp-spoke@{}={organization}", env!("CARGO_PKG_VERSION")), ..role }
}
