//! The scene as a world for the embedded AWS: experiences, the hub's roles, and where change events
//! go.

use std::time::Duration;

use pmp_terminal::Failure;
use pmp_world::{
    CatalogLimits, ChangeEventTarget, ChangeSetTiming, Experience, ListedProduct, Organization, ProcurementPolicy,
    Role, World,
};
use serde_json::json;

use super::lists::Lists;
use super::products::{Product, Selection};
use super::scene::{HUB_ACCOUNT, HUB_ORGANIZATION, MANAGEMENT, MANAGEMENT_POLICY, Member, Scene, State};

/// The queue to which the management account's change events are delivered.
pub(super) const EVENTS_QUEUE: &str = "catalog-events";
/// The names that `pmp-hub init` gives its tables.
const SNAPSHOTS_TABLE: &str = "pmp-sync-Snapshots";
const TIMESTAMPS_TABLE: &str = "pmp-sync-SyncTimestamps";
/// What the management experience of the built-in world lists; most of the products there are.
const BUILT_IN_PRODUCTS: usize = 480;

/// The world as the scene has it at its beginning. Change sets take `latency`, a quarter more or
/// less.
pub(super) fn world(scene: &Scene, seed: u64, latency: Duration) -> World {
    let region = World::default().region;
    let management = ProcurementPolicy::new(MANAGEMENT_POLICY)
        .approving(scene.products.approved.iter().map(listed))
        .rejecting(scene.products.rejected.iter().map(listed));
    let hub = Organization::new(HUB_ORGANIZATION, "Management", HUB_ACCOUNT)
        .with_experience(Experience::new(MANAGEMENT, "Management").with_policy(management));
    World {
        seed,
        change_sets: ChangeSetTiming::between(latency * 3 / 4, latency * 5 / 4),
        // The demo looks into the catalogs as the accounts that hub and spokes run in, and must not
        // slow them down.
        catalog: CatalogLimits::without_throttling(),
        organizations: std::iter::once(hub).chain(scene.members.iter().map(organization)).collect(),
        roles: scene.members.iter().map(|member| role(member, &region)).collect(),
        products: scene.products.all().map(Into::into).collect(),
        change_event_targets: vec![ChangeEventTarget::to_queue(HUB_ACCOUNT, EVENTS_QUEUE)],
        region,
        ..World::default()
    }
}

/// The world that is served where none is asked for: the demo's, before anything runs in it.
pub(crate) fn built_in() -> Result<World, Failure> {
    let scene = Scene::new(Selection::new(1, BUILT_IN_PRODUCTS)?)?;
    Ok(world(&scene, 1, Duration::from_secs(1)))
}

fn listed(product: &Product) -> ListedProduct {
    ListedProduct { id: product.id.to_string(), notes: Some(product.note()) }
}

fn organization(member: &Member) -> Organization {
    let mut organization = Organization::new(member.organization, member.name, member.management_account);
    if member.spoke_account != member.management_account {
        organization = organization.with_delegated_administrator(member.spoke_account);
    }
    for experience in &member.experiences {
        let Lists { approved, rejected } = &experience.expected;
        let policy = ProcurementPolicy::new(&experience.policy)
            .approving(approved.iter().map(ToString::to_string))
            .rejecting(rejected.iter().map(ToString::to_string));
        let made = Experience::new(experience.id.as_str(), &experience.name).with_policy(policy);
        organization = organization.with_experience(match experience.state {
            State::Live => made,
            State::Disabled => made.disabled(),
            State::Archived => made.archived(),
        });
    }
    organization
}

/// A member's role in the hub's account: it may read snapshots, write its own partition of the
/// receipts, and read it and what the hub says about it.
fn role(member: &Member, region: &str) -> Role {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:aws:iam::{}:root", member.spoke_account) },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": {
            "sts:ExternalId": member.external_id,
            "aws:PrincipalOrgID": member.organization,
        } },
    }] });
    // Without `Null`, a request that names no key at all would pass.
    let leading = |keys: &[&str]| {
        json!({
            "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": keys },
            "Null": { "dynamodb:LeadingKeys": "false" },
        })
    };
    let table = |name: &str| format!("arn:aws:dynamodb:{region}:{HUB_ACCOUNT}:table/{name}");
    let permissions = json!({ "Version": "2012-10-17", "Statement": [
        {
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:Query"],
            "Resource": table(SNAPSHOTS_TABLE),
        },
        {
            "Effect": "Allow",
            "Action": "dynamodb:PutItem",
            "Resource": table(TIMESTAMPS_TABLE),
            "Condition": leading(&[member.organization]),
        },
        {
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:Query"],
            "Resource": table(TIMESTAMPS_TABLE),
            "Condition": leading(&[member.organization, &format!("hub#{}", member.organization), "hub#heads"]),
        },
    ] });
    Role::new(HUB_ACCOUNT, &member.role(), trust).with_permissions(permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_possible_and_no_guard_rail_holds_it_up() {
        for (seed, count) in (0..20).flat_map(|seed| [(seed, 40), (seed, 300), (seed, 500)]) {
            let mut scene = Scene::new(Selection::new(seed, count).unwrap()).unwrap();
            world(&scene, seed, Duration::from_secs(1)).validate().unwrap();
            let before: Vec<_> = scene.members.iter().flat_map(Member::live).map(|e| e.expected.clone()).collect();
            scene.follow();
            for (before, after) in before.iter().zip(scene.members.iter().flat_map(Member::live)) {
                let removed = before.approved.difference(&after.expected.approved).count();
                assert!(2 * removed <= before.approved.len(), "{} with seed {seed}, {count} products", after.id);
            }
        }
    }

    #[test]
    fn the_change_reaches_everyone_but_for_the_label() {
        let mut scene = Scene::new(Selection::new(1, 60).unwrap()).unwrap();
        scene.follow();
        scene.change_management();
        scene.follow();
        let [plain, labelled] = scene.products.newcomers.each_ref().map(|product| &product.id);
        for member in &scene.members {
            for experience in member.live() {
                assert!(experience.expected.approved.contains(plain));
                assert_eq!(experience.expected.approved.contains(labelled), member.filter.is_none());
                assert!(experience.expected.rejected.contains(&scene.products.retiree.id));
            }
        }
    }
}
