//! The items of the `SyncTimestamps` table: their partitions and sort keys, and how they are read
//! into organizations. Pure.
//!
//! The spokes of an organization write the partition `<organization>`:
//!
//! - `<management>#<member>`: a receipt;
//! - `<management>#`: the sign of life of the spoke that finished a pass last;
//! - `spoke#<management>#<spoke>`: the sign of life of each spoke;
//! - `trusted#<management>`: the signed statement that was trusted last;
//! - `directed#<management>#fleet` and `…#own`: the signed directions that were trusted last;
//! - `hold#<management>`: the member's own hold;
//! - `decided#<management>#<member>` and `done#<management>#<member>#<slot>`: see `records.rs`;
//! - `lease`: see `leases.rs`.
//!
//! The hub and its operators write these:
//!
//! | partition | written by | sort keys |
//! | --- | --- | --- |
//! | `hub#<organization>` | operators | `confirmed#<management>#<member>`; without member for all |
//! | the same | operators | `direction#<management>`: what they direct there |
//! | `hub#heads` | the hub | `<management>`: the high-water mark |
//! | the same | operators | `direction#<management>`: what they direct for all |
//! | the same | the hub, operators | `keys#<management>`: the keys that signed directions |
//! | `hub#roster` | operators | `admitted#<management>#<organization>` |
//! | `hub#audit` | the hub, operators | see `audit.rs` |
//! | `hub#directed` | operators | `directed#<management>#<organization>`: copies of directions |
//! | the same | the hub | `rollout#<management>`: the state of waves, see `rollouts.rs` |
//! | `hub#told` | the hub | `told#…` and `outbox#…`: see `outbox.rs` |
//!
//! IAM confines each organization to its own two partitions, and lets it write only the first
//! (rule 11, protocol L12). Ids of organizations begin with `o-`, so none collides with `hub#`.
//! Items under `confirm#` in an organization's own partition come from a hub of an earlier release,
//! or from anyone there, and are ignored.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_protocol::{Direction, ExperienceId, Hold, OperatorConfirmation, OrganizationId, OrganizationSeen, Receipt};
use serde::de::DeserializeOwned;

use crate::item::{Item, parse, text};
use crate::{Directed, Found, Organization, Said, Unreadable};

/// The partition of the high-water marks, and of what the hub's operators direct for the fleet.
pub(crate) const HEADS: &str = "hub#heads";
/// The partition of the roster. The attribute `organization`, which is the table's partition key,
/// therefore is not the organization that an item is about; that one is `member`.
pub(crate) const ROSTER: &str = "hub#roster";
/// The partition of the copies of all organizations' directions. Not the roster's: who may direct
/// need not be one who admits.
pub(crate) const DIRECTED: &str = "hub#directed";
/// The partition of what the hub told operations, and of what it still has to send.
pub(crate) const TOLD: &str = "hub#told";
/// Prefix of the partitions that no member can write.
const HUB: &str = "hub#";
/// The attribute that holds what vouches for a direction.
pub(crate) const STATEMENT: &str = "statement";
/// The most characters of a text from outside that are kept.
const MAX_TEXT: usize = 200;

/// The partition of the operators' items about `organization`.
pub(crate) fn hub_partition(organization: &OrganizationId) -> String {
    format!("{HUB}{organization}")
}

/// The sort key of a confirmation. It does not begin with `confirm#`, because a hub of an earlier
/// release scans all partitions for that, and fails if it finds one in a partition that is not an
/// organization's.
pub(crate) fn confirm_key(experience: &ExperienceId, member: Option<&ExperienceId>) -> String {
    format!("confirmed#{experience}#{}", member.map_or("", ExperienceId::as_str))
}

/// The prefix of an earlier release's confirmations, in the organization's own partition.
pub(crate) fn earlier_confirm_key(experience: &ExperienceId) -> String {
    format!("confirm#{experience}#")
}

/// The sort key of a direction, in the partition of the organization or of the fleet.
pub(crate) fn direction_key(experience: &ExperienceId) -> String {
    format!("direction#{experience}")
}

/// The sort key of the public keys that the hub signed directions with.
pub(crate) fn signed_with_key(experience: &ExperienceId) -> String {
    format!("keys#{experience}")
}

/// The sort key of the copy of a direction.
pub(crate) fn directed_key(experience: &ExperienceId, organization: Option<&OrganizationId>) -> String {
    format!("directed#{experience}#{}", organization.map_or("", OrganizationId::as_str))
}

/// The sort key of the state of waves. It lies beside the copies of directions, because it names
/// organizations, and no member may read that partition.
pub(crate) fn rollout_key(experience: &ExperienceId) -> String {
    format!("rollout#{experience}")
}

/// The sort key of a member's own hold.
pub(crate) fn hold_key(experience: &ExperienceId) -> String {
    format!("hold#{experience}")
}

/// The sort key of the signed direction that an organization's spoke trusted last: the fleet's, or
/// its own.
pub(crate) fn trusted_direction_key(experience: &ExperienceId, of_the_fleet: bool) -> String {
    format!("directed#{experience}#{}", if of_the_fleet { "fleet" } else { "own" })
}

/// The sort key of an organization in the roster. It does not begin with the experience, because a
/// hub of an earlier release would take it for a receipt.
pub(crate) fn admitted_key(experience: &ExperienceId, organization: Option<&OrganizationId>) -> String {
    format!("admitted#{experience}#{}", organization.map_or("", OrganizationId::as_str))
}

/// The sort key of a receipt.
pub(crate) fn receipt_key(experience: &ExperienceId, member: &ExperienceId) -> String {
    // Protocol R1.
    format!("{experience}#{member}")
}

/// The sort key of the sign of life.
pub(crate) fn seen_key(experience: &ExperienceId) -> String {
    format!("{experience}#")
}

/// Prefix of the sort keys of the signs of life of single spokes. It does not begin with the
/// experience, because a hub of an earlier release would take them for receipts that it cannot
/// read.
pub(crate) fn spokes_prefix(experience: &ExperienceId) -> String {
    format!("spoke#{experience}#")
}

/// The sort key of the sign of life of one spoke.
pub(crate) fn spoke_key(experience: &ExperienceId, spoke: &str) -> String {
    format!("spoke#{experience}#{spoke}")
}

/// The sort key of the signed statement that an organization's spoke trusted last.
pub(crate) fn trusted_key(experience: &ExperienceId) -> String {
    format!("trusted#{experience}")
}

/// The prefix of the sort keys of the state that was told last.
pub(crate) fn told_prefix(experience: &ExperienceId) -> String {
    format!("told#{experience}#")
}

/// The sort key of a part of the state that was told last.
pub(crate) fn told_key(experience: &ExperienceId, chunk: usize) -> String {
    format!("told#{experience}#{chunk:04}")
}

/// The prefix of the sort keys of notifications.
pub(crate) fn outbox_prefix(experience: &ExperienceId) -> String {
    format!("outbox#{experience}#")
}

/// The sort key of a notification. The numbers have leading zeros, so that the oldest comes first.
pub(crate) fn outbox_key(experience: &ExperienceId, generation: u64, number: usize) -> String {
    format!("outbox#{experience}#{generation:020}#{number:03}")
}

/// Groups items by organization. Items of other management experiences are left out, and so are
/// items in partitions that belong to no organization.
pub(crate) fn sort(items: Vec<Item>, experience: &ExperienceId) -> BTreeMap<OrganizationId, Organization> {
    let mut organizations = BTreeMap::new();
    for item in items {
        let Ok(partition) = parse::<String>(&item, "organization") else { continue };
        let (of_the_hub, id) = match partition.strip_prefix(HUB) {
            Some(id) => (true, id),
            None => (false, partition.as_str()),
        };
        let Ok(id) = OrganizationId::new(id) else { continue };
        let (Ok(key), reads) = (parse::<String>(&item, "item"), if of_the_hub { said } else { reported }) else {
            continue;
        };
        if !concerns(&key, of_the_hub, experience) {
            continue;
        }
        let organization = organizations.entry(id.clone()).or_insert_with(|| Organization::unknown(id.clone()));
        let found = found(&item);
        if let Err(problem) = reads(organization, item, &key, experience) {
            let (key, problem) = (bounded(&key), bounded(&problem));
            organization.unreadable.push(Unreadable { organization: id, key, problem, found });
        }
    }
    organizations
        .into_iter()
        .map(|(id, organization): (_, Organization)| (id, organization.seen_by_either_item()))
        .collect()
}

fn concerns(key: &str, of_the_hub: bool, experience: &ExperienceId) -> bool {
    // Protocol L13.
    if of_the_hub {
        return key.starts_with(&confirm_key(experience, None)) || key == direction_key(experience);
    }
    key.starts_with(&seen_key(experience)) || key.starts_with(&spokes_prefix(experience)) || key == hold_key(experience)
}

/// Adds an item that a spoke wrote.
fn reported(organization: &mut Organization, item: Item, key: &str, experience: &ExperienceId) -> Result<(), String> {
    if key == seen_key(experience) {
        let seen: OrganizationSeen = read(item)?;
        agree(key, &seen_key(&seen.experience))?;
        organization.seen = Some(seen);
        return Ok(());
    }
    if key.starts_with(&spokes_prefix(experience)) {
        let seen: OrganizationSeen = read(item)?;
        let spoke = seen.spoke.as_ref().ok_or("it does not say which spoke it is of")?;
        agree(key, &spoke_key(&seen.experience, &spoke.id))?;
        organization.spokes.push(seen);
        return Ok(());
    }
    if key == hold_key(experience) {
        let hold: Hold = read(item)?;
        agree(key, &hold_key(&hold.experience))?;
        organization.hold = Some(hold);
        return Ok(());
    }
    let receipt: Receipt = read(item)?;
    agree(key, &receipt_key(&receipt.experience, &receipt.member_experience))?;
    organization.receipts.push(receipt);
    Ok(())
}

/// Adds an item that the hub's operators wrote.
fn said(organization: &mut Organization, mut item: Item, key: &str, experience: &ExperienceId) -> Result<(), String> {
    if key == direction_key(experience) {
        organization.direction = directed(item, experience, Some(&organization.id));
        return Ok(());
    }
    item.insert("organization".to_owned(), text(&organization.id));
    let confirmation: OperatorConfirmation = read(item)?;
    agree(key, &confirm_key(&confirmation.experience, confirmation.member_experience.as_ref()))?;
    organization.confirmations.push(confirmation);
    Ok(())
}

/// The direction in an item, for `organization` or for the fleet. What cannot be understood is no
/// direction, and never means that there is none (rule 12 of the design).
pub(crate) fn directed(mut item: Item, experience: &ExperienceId, organization: Option<&OrganizationId>) -> Said {
    // A statement that is no text verifies with no key.
    let statement = item.remove(STATEMENT).map(|statement| statement.as_s().cloned().unwrap_or_default());
    match read::<Direction>(item) {
        Ok(direction) => match direction.problem(experience, organization) {
            None => Said::Directed(Box::new(Directed { direction, statement })),
            Some(problem) => Said::Unreadable(problem),
        },
        Err(problem) => Said::Unreadable(bounded(&problem)),
    }
}

fn read<T: DeserializeOwned>(item: Item) -> Result<T, String> {
    // Protocol L16.
    serde_dynamo::from_item(item).map_err(|error: serde_dynamo::Error| in_words(&error.to_string()))
}

/// Turns serde_dynamo's message into a sentence for the person who looks at the item. The library
/// does not name the faulty attribute, unless one is missing.
pub(crate) fn in_words(problem: &str) -> String {
    let kind = match problem.strip_prefix("Expected ") {
        Some("num") => "a number",
        Some("string" | "char") => "text",
        Some("bool") => "true or false",
        Some("seq") => "a list",
        Some("map") => "a map",
        Some("binary data") => "binary data",
        _ => {
            if let Some(field) = problem.strip_prefix("missing field ") {
                return format!("its attribute {field} is missing");
            }
            if let Some((value, known)) =
                problem.strip_prefix("unknown variant ").and_then(|it| it.split_once(", expected "))
            {
                return format!("{value} is a value that this release does not know: it knows {known}");
            }
            return problem.to_owned();
        }
    };
    format!("one of its attributes is not {kind}, and must be")
}

/// Checks that the attributes name the same things as the sort key. Otherwise one item could pass
/// for another.
fn agree(key: &str, told: &str) -> Result<(), String> {
    // Protocol L14.
    if key == told { Ok(()) } else { Err(format!("it speaks of `{told}`")) }
}

/// The version and digest that an item claims.
fn found(item: &Item) -> Option<Found> {
    let Some(AttributeValue::N(version)) = item.get("version") else { return None };
    let digest = match item.get("digest") {
        Some(AttributeValue::S(digest)) => Some(digest.clone()),
        _ => None,
    };
    Some(Found { version: version.clone(), digest })
}

fn bounded(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use pmp_protocol::SnapshotVersion;
    use serde_json::{Value, json};

    use super::*;

    fn management() -> ExperienceId {
        ExperienceId::new("exp-management").unwrap()
    }

    fn item(value: &Value) -> Item {
        serde_dynamo::to_item(value).unwrap()
    }

    fn digest() -> String {
        format!("sha256:{}", "0".repeat(64))
    }

    /// A receipt as a spoke of an earlier release wrote it.
    fn receipt(organization: &str, member: &str) -> Value {
        json!({"organization": organization, "item": format!("exp-management#{member}"), "experience": "exp-management",
            "member_experience": member, "version": 41, "digest": digest(), "status": "in-sync",
            "received_at": "2026-11-24T12:00:00Z", "applied_at": "2026-11-24T12:00:07Z", "allowed": 3, "denied": 1,
            "pending": 0, "narrowed": 0, "spoke_version": "0.1.0"})
    }

    fn confirmation(partition: &str, by: &str) -> Value {
        json!({"organization": partition, "item": "confirmed#exp-management#", "experience": "exp-management", "version": 41,
            "digest": digest(), "confirmed": {"by": by, "at": "2026-11-24T12:00:00Z"}})
    }

    fn sorted(values: &[Value]) -> BTreeMap<OrganizationId, Organization> {
        sort(values.iter().map(item).collect(), &management())
    }

    fn alpha(values: &[Value]) -> Organization {
        sorted(values).remove(&OrganizationId::new("o-alpha00000").unwrap()).unwrap()
    }

    #[test]
    fn old_items_are_read() {
        // Protocol L16.
        let seen = json!({"organization": "o-alpha00000", "item": "exp-management#", "experience": "exp-management",
            "last_seen": "2026-11-24T12:00:08Z", "account": "222222222222", "region": "us-east-1", "experiences": 1,
            "spoke_version": "0.1.0"});
        let alpha = alpha(&[seen, receipt("o-alpha00000", "exp-a")]);
        assert_eq!(alpha.unreadable, []);
        assert!(alpha.seen.unwrap().needs.is_none());
        assert_eq!(alpha.receipts[0].applied().unwrap().version, SnapshotVersion::new(41).unwrap());
    }

    #[test]
    fn each_spoke_has_a_sign_of_life_of_its_own_beside_the_organizations() {
        // Protocol L14.
        let seen = |item: &str, spoke: Value| {
            json!({"organization": "o-alpha00000", "item": item, "experience": "exp-management",
                "last_seen": "2026-11-24T12:00:08Z", "account": "222222222222", "region": "us-east-1", "experiences": 1,
                "spoke_version": "0.1.0", "spoke": spoke})
        };
        let (all, one) = (json!({"id": "all"}), json!({"id": "only-1", "selected": ["exp-a"], "superseded_by": "all"}));
        let mut receipt = receipt("o-alpha00000", "exp-a");
        receipt["owner"] = "all".into();
        let alpha = alpha(&[
            seen("exp-management#", one.clone()),
            seen("spoke#exp-management#all", all.clone()),
            seen("spoke#exp-management#only-1", one),
            // One item would pass for another spoke's, and one is of another management experience.
            seen("spoke#exp-management#only-2", all.clone()),
            seen("spoke#exp-other#all", all),
            receipt,
        ]);
        assert_eq!(
            (alpha.spokes.len(), alpha.unreadable.len(), alpha.unreadable[0].key.as_str()),
            (2, 1, "spoke#exp-management#only-2")
        );
        // The one that was superseded does not stand, though it wrote for the organization last.
        let standing: Vec<_> = alpha.signs().iter().map(|seen| seen.spoke.as_ref().unwrap().id.as_str()).collect();
        assert_eq!(standing, ["all"]);
        assert_eq!(alpha.sign_for(&alpha.receipts[0]).unwrap().spoke.as_ref().unwrap().id, "all");
    }

    #[test]
    fn a_spoke_was_seen_last_by_whichever_of_its_two_items_is_newer() {
        // Protocol R14.
        let seen = |item: &str, spoke: &str, at: &str| {
            json!({"organization": "o-alpha00000", "item": item, "experience": "exp-management", "last_seen": at,
                "account": "222222222222", "region": "us-east-1", "experiences": 1, "spoke_version": "0.1.0",
                "spoke": {"id": spoke}})
        };
        let last = |of_organization: &str, at: &str| {
            let alpha = alpha(&[
                seen("exp-management#", of_organization, at),
                seen("spoke#exp-management#all", "all", "2026-11-24T12:00:08Z"),
            ]);
            alpha.sign_of("all").unwrap().last_seen.to_string()
        };
        assert_eq!(last("all", "2026-11-24T13:00:00Z"), "2026-11-24T13:00:00Z");
        assert_eq!(last("all", "2026-11-24T11:00:00Z"), "2026-11-24T12:00:08Z");
        assert_eq!(last("only-1", "2026-11-24T13:00:00Z"), "2026-11-24T12:00:08Z", "that one is another's");
    }

    #[test]
    fn a_confirmation_counts_only_where_no_member_can_write_it() {
        // Protocol L13.
        let (own, hub) = (confirmation("o-alpha00000", "forged"), confirmation("hub#o-alpha00000", "arn:operator"));
        let alpha = alpha(&[own, hub]);
        assert_eq!(alpha.unreadable, [], "what is left of an earlier release is no fault");
        let [confirmation] = &alpha.confirmations[..] else { panic!("{:?}", alpha.confirmations) };
        assert_eq!((confirmation.organization.as_str(), &*confirmation.confirmed.by), ("o-alpha00000", "arn:operator"));
    }

    #[test]
    fn one_item_that_cannot_be_read_harms_nothing_beside_it() {
        // Protocol L14.
        let broken = |member: &str, field: &str, value: Value| {
            let mut broken = receipt("o-alpha00000", member);
            broken[field] = value;
            broken
        };
        let mut no_fields = json!({"organization": "o-alpha00000", "item": "exp-management#x"});
        no_fields["long"] = "x".repeat(10_000).into();
        let organizations = sorted(&[
            receipt("o-alpha00000", "exp-a"),
            no_fields,
            broken("exp-b", "status", "of-a-later-release".into()),
            broken("exp-c", "version", "7".into()),
            broken("exp-d", "version", 0.into()),
            // The item would pass for another experience's.
            broken("exp-e", "member_experience", "exp-a".into()),
            json!({"organization": "o-alpha00000", "item": format!("exp-management#{}", "y".repeat(1_000))}),
            receipt("o-beta000000", "exp-z"),
            json!({"organization": "no organization", "item": "exp-management#x"}),
            json!({"organization": "hub#heads", "item": "exp-management", "version": 41}),
        ]);
        let [alpha, beta] = &organizations.into_values().collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((alpha.receipts.len(), alpha.unreadable.len()), (1, 6));
        let keys: Vec<_> = alpha.unreadable.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(keys[..2], ["exp-management#x", "exp-management#exp-b"]);
        assert!(alpha.unreadable.iter().all(|it| it.key.len() <= 200 && it.problem.len() <= 200));
        let problems: Vec<_> = alpha.unreadable.iter().map(|it| it.problem.as_str()).collect();
        assert!(problems[0].starts_with("its attribute `") && problems[0].ends_with("` is missing"), "{problems:?}");
        assert!(
            problems[1].starts_with("`of-a-later-release` is a value that this release does not know"),
            "{problems:?}"
        );
        assert_eq!(problems[2], "one of its attributes is not a number, and must be");
        assert_eq!(alpha.unreadable[1].found, Some(Found { version: "41".into(), digest: Some(digest()) }));
        assert_eq!(alpha.unreadable[2].found, None, "a text is no version");
        assert_eq!((beta.receipts.len(), beta.unreadable.len()), (1, 0));
    }

    #[test]
    fn other_management_experiences_are_left_out() {
        let mut other = receipt("o-alpha00000", "exp-a");
        other["item"] = "exp-other#exp-a".into();
        assert!(sorted(&[other, json!({"organization": "o-alpha00000", "item": "lease"})]).is_empty());
    }
}
