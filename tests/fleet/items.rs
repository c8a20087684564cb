//! The ledger's items as they lie there, read by the protocol alone.

use jiff::Timestamp;
use pmp_protocol::{Digest, ExperienceId, OrganizationId, ReceiptStatus, SnapshotVersion};
use pmp_test_reference::{Direction, Pause, ReceiptSaid, Target};
use serde::Deserialize as _;
use serde_json::Value;

use crate::cloud::tables::Key;
use crate::fleet::management;

/// Whether a query reads what is directed for the fleet (true), or for the organization.
pub(crate) fn asks_direction(body: &Value, organization: &OrganizationId) -> Option<bool> {
    let text = |name: &str| body["ExpressionAttributeValues"][name]["S"].as_str();
    let direction = format!("direction#{}", management());
    let (partition, from) = (text(":partition")?, text(":item")?);
    // One item, or a range of them.
    let reads = text(":to").map_or(from == direction, |to| (from..=to).contains(&direction.as_str()));
    match partition {
        _ if !reads => None,
        "hub#heads" => Some(true),
        partition => (partition.strip_prefix("hub#") == Some(organization.as_str())).then_some(false),
    }
}

pub(crate) fn version_of(item: &Value, name: &str) -> Option<SnapshotVersion> {
    SnapshotVersion::new(item[name]["N"].as_str()?.parse().ok()?).ok()
}

pub(crate) fn target_of(item: &Value, version: &str) -> Option<Target> {
    let digest: Digest = item["digest"]["S"].as_str()?.parse().ok()?;
    Some(Target { version: version_of(item, version)?, digest })
}

fn number(item: &Value, name: &str) -> u64 {
    item[name]["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// A direction as it lies in the ledger.
pub(crate) fn direction_of(item: &Value) -> Direction {
    let time = |value: &Value| value["S"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let pause = &item["pause"]["M"];
    Direction {
        generation: number(item, "generation"),
        line: number(item, "line"),
        pin: target_of(&item["pin"]["M"], "version"),
        turn: target_of(&item["turn"]["M"], "version"),
        pause: time(&pause["at"]).zip(time(&pause["until"])).map(|(at, until)| Pause { at, until }),
    }
}

/// A receipt as it lies in the ledger.
pub(crate) fn receipt_of(item: &Value) -> Option<ReceiptSaid> {
    Some(ReceiptSaid {
        experience: ExperienceId::new(item["member_experience"]["S"].as_str()?).ok()?,
        line: number(item, "line"),
        tried: target_of(item, "version")?,
        status: ReceiptStatus::deserialize(&item["status"]["S"]).ok()?,
        applied: target_of(&item["applied"]["M"], "version"),
        quarantined: item["quarantined"]["L"].as_array().is_some_and(|products| !products.is_empty()),
    })
}

/// Where the head lies, and what it says: the version, and `published`.
pub(crate) fn head_key() -> Key {
    Key { snapshots: true, partition: management().to_string(), item: "head".to_owned() }
}

pub(crate) fn head_of(item: &Value) -> (Option<Target>, Option<SnapshotVersion>) {
    (target_of(item, "latest"), version_of(item, "published"))
}
