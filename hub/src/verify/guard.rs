//! Protects experiences that are in use from the trials.

use aws_config::SdkConfig;
use pmp_ledger::{DynamoReports, DynamoSnapshots, LedgerError, Reports, SnapshotStore};
use pmp_protocol::ExperienceId;

use crate::config::{DoctorConfig, EXPERIENCE, SNAPSHOTS, TIMESTAMPS};

/// The reasons against changing an experience, as sentences. Empty if neither the settings nor the
/// ledger name it. A check that could not be made is a reason, too: a read that failed never means
/// nothing (rule 12).
pub(super) async fn reasons(sdk: &SdkConfig, config: &DoctorConfig, experience: &ExperienceId) -> Vec<String> {
    let mut reasons = Vec::new();
    match &config.experience {
        Some(management) if management == experience => {
            reasons.push(format!("it is the management experience ({EXPERIENCE})"));
        }
        Some(_) => {}
        None => reasons.push(format!("whether it is the management experience is not known: {EXPERIENCE} is not set")),
    }
    match &config.snapshots {
        Some(table) => match DynamoSnapshots::new(sdk, table.clone()).head(experience).await {
            Ok(None) => {}
            Ok(Some(head)) => reasons.push(format!("the ledger holds snapshots of it, up to {}", head.latest)),
            Err(error) => reasons.push(format!("whether the ledger holds snapshots of it could not be read: {error}")),
        },
        None => reasons.push(format!("whether the ledger holds snapshots of it is not known: {SNAPSHOTS} is not set")),
    }
    match &config.timestamps {
        Some(table) => {
            let reports = DynamoReports::new(sdk, table.clone());
            match named_in_reports(&reports, config.experience.as_ref(), experience).await {
                Ok(named) => reasons.extend(named),
                Err(error) => reasons.push(format!("whether a spoke keeps it in step could not be read: {error}")),
            }
        }
        None => reasons.push(format!("whether a spoke keeps it in step is not known: {TIMESTAMPS} is not set")),
    }
    reasons
}

/// The organizations whose receipts name the experience, for any management experience of the
/// table.
async fn named_in_reports(
    reports: &dyn Reports,
    configured: Option<&ExperienceId>,
    experience: &ExperienceId,
) -> Result<Vec<String>, LedgerError> {
    let mut managements = reports.management_experiences().await?;
    let mut reasons = Vec::new();
    if managements.contains(experience) && configured != Some(experience) {
        reasons.push("the ledger has it as a management experience".to_owned());
    }
    managements.extend(configured.cloned());
    for management in managements {
        for report in reports.all(&management).await? {
            let organization = report.organization;
            if organization.receipts.iter().any(|receipt| receipt.member_experience == *experience) {
                reasons.push(format!("{} keeps it in step with {management}", organization.id));
            } else if report.more || !organization.unreadable.is_empty() {
                reasons.push(format!("not all that {} says could be read", organization.id));
            }
        }
    }
    Ok(reasons)
}
