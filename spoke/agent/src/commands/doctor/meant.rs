//! The commands that set what was meant, where a setting names what the hub's account refuses or
//! does not have: the role, and the tables.
//!
//! A member may list nothing there. So what may have been meant is derived from the other settings,
//! and tried: a candidate that answers is named, and no other.

use aws_config::SdkConfig;
use pmp_aws::{Arn, AssumedRole, DEFAULT_REGION, assume_role_now};
use pmp_ledger::{DynamoReceipts, DynamoReports, DynamoSnapshots, ReceiptStore, Reports, SnapshotStore, TableName};
use pmp_protocol::{ExperienceId, OrganizationId};
use pmp_terminal::export;

use crate::config::{DoctorConfig, EXPERIENCE, HUB_ROLE};

/// The ends of the tables' names, as the templates and `pmp-hub init` make them.
const SNAPSHOTS_NAME: &str = "Snapshots";
const TIMESTAMPS_NAME: &str = "SyncTimestamps";

/// The command that names the hub's role, if another one than `role` lets this spoke in: the same
/// in the account of the tables, or that of this organization.
pub(super) async fn role(
    sdk: &SdkConfig,
    config: &DoctorConfig,
    role: &AssumedRole,
    organization: &OrganizationId,
) -> Option<String> {
    for arn in roles(&role.arn, hub_account(config), organization) {
        let tried = AssumedRole { arn: arn.clone(), ..role.clone() };
        if assume_role_now(sdk, &tried).await.is_ok() {
            return export(HUB_ROLE.variable, &arn);
        }
    }
    None
}

/// The roles that may have been meant. Pure.
fn roles(arn: &str, account: Option<&str>, organization: &OrganizationId) -> Vec<String> {
    let Ok(parsed) = arn.parse::<Arn>() else { return Vec::new() };
    let here = account.unwrap_or(parsed.account());
    let resource = parsed.resource();
    // The templates end a member's role with its organization.
    let own = resource.rfind("o-").map(|at| format!("{}{organization}", &resource[..at]));
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    let resources = [Some(resource.to_owned()), own].into_iter().flatten();
    let arns = resources.map(|resource| format!("arn:{partition}:iam::{here}:{resource}"));
    arns.filter(|one| one != arn).collect()
}

/// The account of the hub, by the settings that name it.
fn hub_account(config: &DoctorConfig) -> Option<&str> {
    let tables = [&config.snapshots, &config.timestamps].into_iter().flatten().filter_map(TableName::account);
    tables.chain(config.topic_arn.as_ref().map(|topic| topic.account())).next()
}

/// The table of snapshots that answers in place of the one that is set.
pub(super) async fn snapshots(hub: &SdkConfig, config: &DoctorConfig) -> Option<TableName> {
    let experience = config.experience.as_ref()?;
    let wanted = tables(config, config.snapshots.as_ref(), config.timestamps.as_ref(), SNAPSHOTS_NAME, TIMESTAMPS_NAME);
    for table in wanted {
        if DynamoSnapshots::new(hub, table.clone()).head(experience).await.is_ok() {
            return Some(table);
        }
    }
    None
}

/// The table of receipts that answers, if the one that is set does not.
pub(super) async fn timestamps(
    hub: &SdkConfig,
    config: &DoctorConfig,
    organization: &OrganizationId,
) -> Option<TableName> {
    let answers = async |table: &TableName| match &config.experience {
        Some(experience) => {
            DynamoReceipts::new(hub, table.clone()).organization(organization, experience).await.is_ok()
        }
        None => DynamoReports::new(hub, table.clone()).management_experiences().await.is_ok(),
    };
    if let Some(set) = &config.timestamps
        && answers(set).await
    {
        return None;
    }
    let wanted = tables(config, config.timestamps.as_ref(), config.snapshots.as_ref(), TIMESTAMPS_NAME, SNAPSHOTS_NAME);
    for table in wanted {
        if answers(&table).await {
            return Some(table);
        }
    }
    None
}

/// The command that names the only management experience that the ledger knows.
pub(super) async fn experience(hub: &SdkConfig, config: &DoctorConfig) -> Option<String> {
    let known = DynamoReports::new(hub, config.timestamps.clone()?).management_experiences().await.ok()?;
    let mut known = known.iter();
    let only: &ExperienceId = known.next().filter(|_| known.next().is_none())?;
    export(EXPERIENCE.variable, only.as_str())
}

/// The tables that may have been meant by `wrong`: `name` is how such a table's name ends, `other`
/// the setting of the other table, whose name ends with `other_name`. Pure.
fn tables(
    config: &DoctorConfig,
    wrong: Option<&TableName>,
    other: Option<&TableName>,
    name: &str,
    other_name: &str,
) -> Vec<TableName> {
    let role = config.hub_role.as_ref().and_then(|role| role.arn.parse::<Arn>().ok());
    let account = role.as_ref().map(Arn::account).or_else(|| hub_account(config));
    let region = config.topic_arn.as_ref().map(|topic| topic.region());
    let region = region.or_else(|| other.and_then(TableName::region)).unwrap_or(DEFAULT_REGION);
    let (wrong_name, other_table) = (wrong.map(plain), other.map(plain));
    let sibling = other_table.and_then(|other| Some(format!("{}{name}", other.strip_suffix(other_name)?)));
    // Each other's name, where the two are swapped; the right name in another place; the one that
    // belongs to the other table; the one that belongs to no prefix.
    let names = [wrong_name, other_table, sibling.as_deref(), Some(name)];
    let mut found = Vec::new();
    for one in names.into_iter().flatten() {
        let text = match account {
            Some(account) => format!("arn:aws:dynamodb:{region}:{account}:table/{one}"),
            None => one.to_owned(),
        };
        if let Ok(table) = text.parse::<TableName>()
            && Some(&table) != wrong
            && !found.contains(&table)
        {
            found.push(table);
        }
    }
    found
}

/// The name of a table without its place.
fn plain(table: &TableName) -> &str {
    table.as_str().rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_looked_for_in_the_hubs_account_and_for_this_organization() {
        let organization = OrganizationId::new("o-member0001").unwrap();
        let role = |account: &str, name: &str| format!("arn:aws:iam::{account}:role/{name}");
        let (hub, other) = ("111111111111", "111111111112");
        assert_eq!(
            roles(&role(other, "pmp-member-o-member0002"), Some(hub), &organization),
            [role(hub, "pmp-member-o-member0002"), role(hub, "pmp-member-o-member0001")]
        );
        assert_eq!(roles(&role(hub, "pmp-member-o-member0001"), Some(hub), &organization), [""; 0]);
        assert_eq!(roles(&role(other, "mine"), Some(hub), &organization), [role(hub, "mine")]);
    }
}
