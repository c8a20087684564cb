//! Says whether change windows are open: the member's own by its setting, and the fleet's by what
//! the hub's operators direct.

use aws_config::SdkConfig;
use jiff::Timestamp;
use pmp_doctor::Session;
use pmp_ledger::{DynamoReceipts, LedgerError, ReceiptStore, Said};
use pmp_terminal::checkup::Finding;
use pmp_windows::TZDB;

use super::ledger;
use crate::compose;
use crate::config::{CHANGE_WINDOWS, DoctorConfig, TIMESTAMPS};
use crate::pass::windows::{WindowsInForce, of_the_fleet};

const CHECK: &str = "change-windows";

/// The finding, where there are windows. `hub`: who this is in the hub's account. `is_read`:
/// whether the table of receipts was read.
pub(super) async fn examine(
    session: &Session,
    config: &DoctorConfig,
    hub: Option<&SdkConfig>,
    is_read: bool,
) -> Option<Finding> {
    let now = compose::clock().now();
    let own = WindowsInForce { own: config.windows.clone(), ..WindowsInForce::default() };
    let finding = match directed(config, hub).await {
        None => judge(&own, now).map(|finding| finding.note("the fleet's are not known: the ledger was not read")),
        // The check of the table has said what is wrong with it.
        Some(Err(_)) if !is_read => Some(Finding::skipped(CHECK, "`timestamps-table` failed")),
        Some(Err(error)) => Some(ledger::failed(Finding::of(CHECK), &error, TIMESTAMPS)),
        Some(Ok(Err(problem))) => Some(Finding::of(CHECK).fail(problem, "update this spoke".to_owned())),
        Some(Ok(Ok(fleet))) => judge(&WindowsInForce { fleet, ..own }, now),
    };
    match finding {
        Some(finding) => Some(session.judge(finding).await),
        None => None,
    }
}

/// The fleet's windows, or why they cannot be read. `None` where the ledger cannot be asked.
async fn directed(
    config: &DoctorConfig,
    hub: Option<&SdkConfig>,
) -> Option<Result<Result<Option<pmp_windows::Windows>, String>, LedgerError>> {
    let (hub, table, experience) = (hub?, config.timestamps.clone()?, config.experience.as_ref()?);
    Some(match DynamoReceipts::new(hub, table).direction(experience, None).await {
        Ok(Said::Directed(directed)) => Ok(of_the_fleet(Some(&directed.direction))),
        Ok(Said::Unreadable(problem)) => Ok(Err(format!("what is directed for the fleet cannot be read: {problem}"))),
        // A role of an earlier template reads none, and its check says so.
        Ok(Said::Nothing | Said::NotPermitted) => Ok(Ok(None)),
        Err(error) => Err(error),
    })
}

fn judge(windows: &WindowsInForce, now: Timestamp) -> Option<Finding> {
    let said = windows.said(now)?;
    let finding = Finding::of(CHECK).note(said.told(now)).note(format!("time zone database {TZDB}"));
    Some(if said.never_open() {
        let fix = format!("change {CHANGE_WINDOWS}, or ask the hub's operators to change the fleet's");
        finding.fail("nothing is ever changed: the two are never open at the same time", fix)
    } else {
        finding
    })
}
