//! Messages, receipts and stored contents that no hub had a part in, among true ones, and a ledger
//! that does not answer or goes back (rule 9): whatever the order, nothing is applied whose digest
//! the ledger's head did not name (`World::check_start`), nothing else is acknowledged
//! (`World::check_receipt`), and once it is over the end is reached as if none of it had been.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pmp_protocol::testing::receipt;
use pmp_protocol::{
    Applied, Body, Content, Digest, ExperienceId, OrganizationId, ProductId, Reason, Receipt, ReceiptStatus,
    ResourceRequests, Sealed, Snapshot, SnapshotMessage, SnapshotVersion,
};
use tokio::time::sleep;

use crate::chance::{each_seed, random_products, store_random};
use crate::rare::HOSTILE;
use crate::run::Shared;
use crate::world::{World, management, member};

#[test]
fn nothing_is_applied_that_the_ledgers_head_did_not_name() {
    // Protocol M12.
    println!("{}", each_seed("nothing_is_applied", hostile_history, HOSTILE));
}

/// Some hours in which the hub stores snapshots, and somebody with all rights of a member does what
/// they can.
pub(crate) async fn hostile_history(shared: &Shared) {
    let count = shared.lock().unwrap().faults.rng.u32(10..40);
    for _ in 0..count {
        let pause = shared.lock().unwrap().faults.rng.u64(0..400);
        sleep(Duration::from_secs(pause)).await;
        something(&mut shared.lock().unwrap());
    }
    // Time for what was sent to be looked at, and set aside.
    sleep(Duration::from_secs(1_800)).await;
}

fn something(world: &mut World) {
    match world.faults.rng.u32(0..17) {
        0..=2 => store_random(world),
        3 => {
            let versions: Vec<_> = world.history.iter().map(|snapshot| snapshot.version()).collect();
            let version = versions[world.faults.rng.usize(0..versions.len())];
            if !world.is_lost(version) {
                world.announce(version, Duration::ZERO, true);
            }
        }
        4..=8 => {
            let body = forged_message(world);
            world.note("somebody sends a forged message");
            world.send(body, Duration::ZERO);
        }
        9..=11 => forge_receipt(world),
        12 | 13 => {
            let seconds = world.faults.rng.u64(1..300);
            world.take_down(Duration::from_secs(seconds));
        }
        14 => {
            let version = world.in_force().unwrap().version();
            let sealed = evil_content(&mut world.faults.rng, &management());
            let content = Snapshot::open(&management(), version, jiff::Timestamp::UNIX_EPOCH, &sealed).unwrap();
            let seconds = world.faults.rng.u64(1..600);
            world.swap(content, Duration::from_secs(seconds));
        }
        15 => {
            let newest = world.newest().unwrap().version().get();
            let back = world.faults.rng.u64(1..4);
            let version = SnapshotVersion::new(newest.saturating_sub(back).max(1)).unwrap();
            if !world.is_lost(version) {
                world.restore(version);
            }
        }
        _ => {
            let others =
                ["no JSON", r#"{"schema":"pmp-sync.snapshot/2"}"#, r#"{"schema":"pmp-sync.snapshot/1"}"#, "{}"];
            let other = others[world.faults.rng.usize(0..others.len())];
            world.send(other.to_owned(), Duration::ZERO);
        }
    }
}

/// A content of the sender's own.
fn evil_content(rng: &mut fastrand::Rng, experience: &ExperienceId) -> Sealed {
    let mut approved: BTreeSet<_> =
        (0..rng.usize(0..60)).map(|n| ProductId::new(&format!("prod-evil-{n}")).unwrap()).collect();
    approved.extend(random_products(rng, 20));
    let rejected = random_products(rng, 100).difference(&approved).cloned().collect();
    let content =
        Content::new(experience.clone(), approved, rejected, BTreeMap::new(), ResourceRequests::Deny).unwrap();
    Sealed::new(&content).unwrap()
}

/// A version that is in force, that is ahead in some way, or that was in force before.
fn any_version(world: &mut World) -> SnapshotVersion {
    let head = world.in_force().unwrap().version().get();
    let number = match world.faults.rng.u32(0..6) {
        0 | 1 => head,
        2 => head + 1,
        3 => head + world.faults.rng.u64(1..1_000),
        4 => u64::MAX,
        _ => world.faults.rng.u64(1..=head),
    };
    SnapshotVersion::new(number).unwrap()
}

fn forged_message(world: &mut World) -> String {
    let version = any_version(world);
    let elsewhere = ExperienceId::new("exp-elsewhere").unwrap();
    let experience = if world.faults.rng.u8(0..6) == 0 { elsewhere } else { management() };
    let sealed = evil_content(&mut world.faults.rng, &experience);
    let at = jiff::Timestamp::UNIX_EPOCH;
    let mut message = SnapshotMessage::announce(experience, version, at, Reason::Changed, &sealed, 1);
    let kind = world.faults.rng.u32(0..4);
    world.forged(version, kind == 1);
    match kind {
        // Its own digest, by reference.
        0 => message.body = Body::Stored { chunks: 1 },
        // The digest of what is in force, with bytes of its own.
        1 => message.digest = world.in_force().unwrap().digest(),
        _ => {}
    }
    message.to_json()
}

/// A receipt in the member's own partition.
fn forge_receipt(world: &mut World) {
    let version = any_version(world);
    let others = [member(0), member(1), ExperienceId::new("exp-that-never-was").unwrap()];
    let rng = &mut world.faults.rng;
    let member_experience = others[rng.usize(0..others.len())].clone();
    let digest = Digest::of(&rng.u64(..).to_le_bytes());
    let at = jiff::Timestamp::UNIX_EPOCH;
    let status = [ReceiptStatus::InSync, ReceiptStatus::Skipped, ReceiptStatus::Applying][rng.usize(0..3)];
    let receipt = Receipt {
        organization: OrganizationId::new("o-simulated0").unwrap(),
        experience: management(),
        member_experience: member_experience.clone(),
        digest,
        received_at: at,
        applied_at: Some(at),
        applied: rng.bool().then_some(Applied { version, digest, at }),
        allowed: 0,
        denied: 0,
        pending: 0,
        change_sets: vec!["cs-forged".to_owned()],
        spoke_version: "forged".to_owned(),
        owner: [None, Some("all"), Some("only-01234567")][rng.usize(0..3)].map(str::to_owned),
        ..receipt(version.get(), status, None)
    };
    world.note(format!("somebody forges a receipt of {member_experience} for {version}"));
    world.receipts.insert(member_experience, receipt);
}
