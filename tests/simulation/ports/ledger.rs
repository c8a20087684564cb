//! The ledger's ports: snapshots, receipts, the lease.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use pmp_ledger::{
    Directed, Directions, Found, Head, Lease, LeaseStore, LedgerError, NewSnapshot, Organization, ReceiptStore, Said,
    SignedWith, SnapshotStore, Stored, TableName, Taken, Watched, may_replace, may_replace_late, may_take,
};
use pmp_protocol::{
    Digest, ExperienceId, HeadMark, Hold, OperatorConfirmation, OrganizationId, OrganizationSeen, Receipt, Sealed,
    Snapshot, SnapshotVersion,
};

use super::{Failure, Ports};
use crate::faults::{Fault, Operation};
use crate::world::{World, management};

fn in_ledger(Failure::Api(error): Failure) -> LedgerError {
    LedgerError::Api { table: "simulated".parse::<TableName>().unwrap(), error }
}

#[async_trait]
impl SnapshotStore for Ports {
    async fn head(&self, experience: &ExperienceId) -> Result<Option<Head>, LedgerError> {
        if *experience != management() {
            // No hub reads a member experience here.
            return self.call(Operation::ReadSnapshot, experience.as_str(), |_, _| None).await.map_err(in_ledger);
        }
        let head = |world: &mut World, fault| {
            world.read_head();
            let newest = world.in_force().cloned().filter(|_| fault != Some(Fault::Empty))?;
            let version = newest.version();
            let (digest, taken_at) = (newest.digest(), newest.taken_at());
            Some(Head { latest: version, digest, taken_at, chunks: 1, published: Some(version), statement: None })
        };
        let head = self.call(Operation::ReadSnapshot, "head", head).await.map_err(in_ledger)?;
        // Only what was heard can be acted on, and nothing once the ledger is heard to have gone
        // back.
        let mut world = self.world();
        world.acted_on = head.as_ref().map(|head| head.latest).filter(|_| !world.is_restored());
        Ok(head)
    }

    async fn store(&self, new: &NewSnapshot<'_>) -> Result<Stored, LedgerError> {
        panic!("a spoke stores snapshot {}", new.version)
    }

    async fn put_statement(
        &self,
        _: &ExperienceId,
        version: SnapshotVersion,
        _: Digest,
        _: &str,
    ) -> Result<bool, LedgerError> {
        panic!("a spoke signs snapshot {version}")
    }

    async fn mend(&self, _: &ExperienceId, head: &Head, _: &Sealed) -> Result<bool, LedgerError> {
        panic!("a spoke stores snapshot {} again", head.latest)
    }

    async fn mark_published(
        &self,
        _: &ExperienceId,
        version: SnapshotVersion,
        _: Timestamp,
    ) -> Result<(), LedgerError> {
        panic!("a spoke publishes snapshot {version}")
    }

    async fn fetch(&self, experience: &ExperienceId, version: SnapshotVersion) -> Result<Snapshot, LedgerError> {
        let fetch = |world: &mut World, fault| {
            if world.is_swapped() {
                world.read_other_content();
            }
            let found = world.stored(version).cloned().filter(|_| !matches!(fault, Some(Fault::Empty | Fault::Half)));
            found.ok_or_else(|| LedgerError::NoSnapshot { experience: experience.clone(), version })
        };
        self.call(Operation::ReadSnapshot, &version.to_string(), fetch).await.map_err(in_ledger)?
    }

    async fn digests(&self, experience: &ExperienceId) -> Result<BTreeMap<SnapshotVersion, Digest>, LedgerError> {
        let digests = |world: &mut World, fault| {
            let kept = world.history.iter().filter(|snapshot| !world.is_lost(snapshot.version()));
            Fault::cut(fault, kept).into_iter().map(|snapshot| (snapshot.version(), snapshot.digest())).collect()
        };
        self.call(Operation::ReadSnapshot, &format!("digests of {experience}"), digests).await.map_err(in_ledger)
    }

    async fn prune(
        &self,
        _: &ExperienceId,
        latest: SnapshotVersion,
        _: u64,
        _: &BTreeSet<SnapshotVersion>,
    ) -> Result<usize, LedgerError> {
        panic!("a spoke prunes below snapshot {latest}")
    }
}

/// What the ledger knows of the organization.
fn organization_of(id: &OrganizationId, world: &World, fault: Option<Fault>) -> Organization {
    Organization {
        id: id.clone(),
        seen: world.seen.clone().filter(|_| fault != Some(Fault::Empty)),
        spokes: Fault::cut(fault, world.spokes.clone()),
        receipts: Fault::cut(fault, world.receipts.values().cloned()),
        confirmations: Vec::new(),
        direction: world.directed.clone().map_or(Said::Nothing, |it| Said::Directed(Box::new(it))),
        hold: None,
        unreadable: Vec::new(),
    }
}

#[async_trait]
impl ReceiptStore for Ports {
    async fn put(&self, receipt: &Receipt, found: Option<&Found>) -> Result<bool, LedgerError> {
        let put = |world: &mut World, _| {
            world.check_receipt(receipt);
            let member = receipt.member_experience.clone();
            let stored = world.receipts.get(&member);
            let over_forged = stored.is_some_and(|stored| !world.bears_out(stored));
            let replaces = may_replace(stored, receipt, found);
            if replaces {
                world.receipts.insert(member, receipt.clone());
            }
            world.wrote(receipt, replaces, over_forged);
            replaces
        };
        let what = format!("{} {} {}", receipt.member_experience, receipt.status, receipt.version);
        self.call(Operation::PutReceipt, &what, put).await.map_err(in_ledger)
    }

    async fn put_late(&self, receipt: &Receipt) -> Result<bool, LedgerError> {
        let put = |world: &mut World, _| {
            world.record("a late receipt:", receipt);
            let stored = world.receipts.get(&receipt.member_experience);
            if !may_replace_late(stored, receipt) {
                return false;
            }
            world.receipts.insert(receipt.member_experience.clone(), receipt.clone());
            true
        };
        self.call(Operation::PutReceipt, "late", put).await.map_err(in_ledger)
    }

    async fn put_seen(&self, seen: &OrganizationSeen) -> Result<(), LedgerError> {
        let put = |world: &mut World, _| {
            world.record("the sign of life:", seen);
            world.seen = Some(seen.clone());
        };
        self.call(Operation::PutSeen, "", put).await.map_err(in_ledger)
    }

    async fn put_spoke(&self, seen: &OrganizationSeen) -> Result<(), LedgerError> {
        let put = |world: &mut World, _| {
            world.record("the spoke's sign of life:", seen);
            world.spokes = vec![seen.clone()];
        };
        self.call(Operation::PutSeen, "of the spoke", put).await.map_err(in_ledger)
    }

    async fn organization(&self, id: &OrganizationId, _: &ExperienceId) -> Result<Organization, LedgerError> {
        let read = |world: &mut World, fault| {
            world.heard = world.directed.as_ref().map(|directed| directed.direction.clone());
            world.read_direction();
            organization_of(id, world, fault)
        };
        self.call(Operation::ReadReceipts, "", read).await.map_err(in_ledger)
    }

    async fn put_confirmation(&self, _: &OperatorConfirmation) -> Result<(), LedgerError> {
        panic!("a spoke confirms for the hub")
    }

    async fn delete_confirmation(&self, _: &OperatorConfirmation) -> Result<bool, LedgerError> {
        panic!("a spoke takes a confirmation back")
    }

    async fn trusted(&self, _: &OrganizationId, _: &ExperienceId) -> Result<Option<String>, LedgerError> {
        panic!("a spoke without keys asks what it trusted before")
    }

    async fn put_trusted(&self, _: &OrganizationId, _: &ExperienceId, envelope: &str) -> Result<(), LedgerError> {
        panic!("a spoke without keys trusts {envelope}")
    }

    async fn direction(&self, _: &ExperienceId, organization: Option<&OrganizationId>) -> Result<Said, LedgerError> {
        assert!(organization.is_none(), "the organization's own comes with its receipts");
        self.call(Operation::ReadReceipts, "direction", |_, _| Said::Nothing).await.map_err(in_ledger)
    }

    async fn directions(&self, experience: &ExperienceId) -> Result<Directions, LedgerError> {
        panic!("a spoke reads all directions of {experience}")
    }

    async fn put_direction(&self, directed: &Directed, _: u64) -> Result<bool, LedgerError> {
        panic!("a spoke directs {directed:?}")
    }

    async fn put_hold(&self, _: &OrganizationId, hold: &Hold) -> Result<(), LedgerError> {
        panic!("an agent holds until {}", hold.until)
    }

    async fn signed_with(&self, _: &ExperienceId) -> Result<SignedWith, LedgerError> {
        panic!("a spoke asks for the hub's keys")
    }

    async fn put_signed_with(&self, _: &ExperienceId, keys: &[String], _: u64) -> Result<bool, LedgerError> {
        panic!("a spoke writes the hub's keys: {keys:?}")
    }

    async fn trusted_direction(
        &self,
        _: &OrganizationId,
        _: &ExperienceId,
        _: bool,
    ) -> Result<Option<String>, LedgerError> {
        panic!("a spoke without keys asks what it trusted before")
    }

    async fn put_trusted_direction(
        &self,
        _: &OrganizationId,
        _: &ExperienceId,
        _: bool,
        envelope: &str,
    ) -> Result<(), LedgerError> {
        panic!("a spoke without keys trusts {envelope}")
    }

    async fn mark(&self, _: &ExperienceId) -> Result<Option<HeadMark>, LedgerError> {
        let mark = |world: &mut World, fault| {
            let newest = world.newest().filter(|_| fault != Some(Fault::Empty))?;
            Some(HeadMark { version: newest.version(), digest: newest.digest(), at: newest.taken_at() })
        };
        self.call(Operation::ReadReceipts, "mark", mark).await.map_err(in_ledger)
    }

    async fn raise(&self, experience: &ExperienceId, mark: HeadMark) -> Result<(), LedgerError> {
        panic!("a spoke raises the mark of {experience} to {}", mark.version)
    }
}

#[async_trait]
impl LeaseStore for Ports {
    async fn take(&self, wanted: &Lease, now: Timestamp, watched: Option<&Watched>) -> Result<Taken, LedgerError> {
        let take = |world: &mut World, _| {
            world.record("wanted:", &(wanted, watched));
            let found = world.lease().cloned();
            let of_another = found.as_ref().is_some_and(|it| it.expires_at_ms > 0 && it.holder_id != wanted.holder_id);
            let taken = if may_take(found.as_ref(), &wanted.holder_id, now, watched) {
                world.set_lease(wanted.clone());
                Taken::Yes
            } else {
                Taken::HeldBy(found.map(Box::new))
            };
            world.answered_take(&taken, of_another);
            taken
        };
        let taken = self.call(Operation::Lease, "take", take).await.map_err(in_ledger)?;
        if taken == Taken::Yes {
            self.world().begins_a_pass();
        }
        Ok(taken)
    }

    async fn held(&self, _: &OrganizationId) -> Result<Option<Lease>, LedgerError> {
        // As with a queue that is empty: a look at a lease that nobody holds is no call that could
        // fail.
        if self.world().lease().is_none_or(|lease| lease.expires_at_ms == 0) {
            self.alive().await;
            return Ok(None);
        }
        let look = |world: &mut World, fault| world.lease().cloned().filter(|_| fault != Some(Fault::Empty));
        self.call(Operation::Lease, "look", look).await.map_err(in_ledger)
    }

    async fn renew(&self, lease: &Lease) -> Result<Taken, LedgerError> {
        let renew = |world: &mut World, _| {
            world.record("renewed:", lease);
            match world.lease() {
                Some(found) if found.holder_id == lease.holder_id => {
                    world.set_lease(lease.clone());
                    Taken::Yes
                }
                other => Taken::HeldBy(other.cloned().map(Box::new)),
            }
        };
        let renewed = self.call(Operation::Lease, "renew", renew).await.map_err(in_ledger)?;
        if renewed != Taken::Yes {
            let mut world = self.world();
            world.lease_heard_lost = true;
            world.lost_its_lease();
        }
        Ok(renewed)
    }
}
