//! What is written into the table `SyncTimestamps`, and read from it.

use std::time::Duration;

use pmp_ledger::{
    AuditHead, AuditStore, Directed, DynamoAudit, DynamoLeases, DynamoReceipts, DynamoRecords, DynamoReports,
    DynamoRoster, Extent, Found, Lease, LeaseStore, LeaseTerm, Member, NewAuditEntry, NewJournal, Organization,
    ReceiptStore, RecordStore, Reports, Roster, Said, StoredEntry, Watched,
};
use pmp_protocol::{Digest, OrganizationSeen, Receipt, ReceiptStatus, SnapshotVersion};
use serde_json::json;

use crate::server::Server;
use crate::values::{
    at, confirmation, direction, full_outcome, full_receipt, full_scope, full_seen, hold as own_hold, journal,
    management, mark, member, minimal_direction, minimal_outcome, minimal_receipt, minimal_seen, organization,
    sparse_receipt, sparse_scope,
};
use crate::{found, hold, items, one, table};

fn receipts(server: &Server) -> DynamoReceipts {
    DynamoReceipts::new(&server.config, table("SyncTimestamps"))
}

/// What the items of these golden files say of the organization, as its own spoke reads it.
async fn read_back(names: &[&str]) -> Organization {
    let items = names.iter().flat_map(|name| items(name)).collect();
    let server = Server::answering([found(items), found(Vec::new()), found(Vec::new())]).await;
    let read = receipts(&server).organization(&organization(), &management()).await.unwrap();
    assert_eq!(read.unreadable, []);
    hold("read-organization.json", &server);
    read
}

#[tokio::test]
async fn a_receipt_is_written_and_read_as_it_was() {
    // Protocol L1, R1, R3, R4 and R5.
    let in_sync = minimal_receipt(ReceiptStatus::InSync);
    for (name, receipt) in [
        ("receipt-full.json", full_receipt()),
        ("receipt-sparse.json", sparse_receipt()),
        ("receipt-minimal.json", in_sync.clone()),
    ] {
        let server = Server::answering([]).await;
        assert!(receipts(&server).put(&receipt, None).await.unwrap());
        hold(name, &server);
        assert_eq!(read_back(&[name]).await.receipts, [receipt]);
    }
    let server = Server::answering([]).await;
    let disputed = Found::of(&full_receipt());
    receipts(&server).put(&in_sync, Some(&disputed)).await.unwrap();
    receipts(&server).put(&in_sync, Some(&Found { digest: None, ..disputed })).await.unwrap();
    receipts(&server).put_late(&in_sync).await.unwrap();
    hold("receipt-conditions.json", &server);
}

#[tokio::test]
async fn each_status_is_spelled_as_it_was() {
    // Protocol R1.
    let server = Server::answering([]).await;
    for status in crate::values::STATUSES {
        receipts(&server).put(&minimal_receipt(status), None).await.unwrap();
    }
    hold("receipt-statuses.json", &server);
    let read = read_back(&["receipt-statuses.json"]).await;
    let mut read: Vec<_> = read.receipts.iter().map(|receipt| receipt.status.as_str()).collect();
    read.sort_unstable();
    assert_eq!(read, ["applying", "failed", "held", "in-sync", "partial", "skipped"]);
}

#[tokio::test]
async fn a_sign_of_life_is_written_and_read_as_it_was() {
    for (name, seen) in [("seen-full.json", full_seen()), ("seen-minimal.json", minimal_seen())] {
        let server = Server::answering([]).await;
        receipts(&server).put_seen(&seen).await.unwrap();
        hold(name, &server);
        assert_eq!(read_back(&[name]).await.seen, Some(seen));
    }
    for (name, scope) in [("spoke-full.json", full_scope()), ("spoke-minimal.json", sparse_scope())] {
        let seen = OrganizationSeen { spoke: Some(scope), ..minimal_seen() };
        let server = Server::answering([]).await;
        receipts(&server).put_spoke(&seen).await.unwrap();
        hold(name, &server);
        assert_eq!(read_back(&[name]).await.spokes, [seen]);
    }
}

/// The hub asks for the attributes that it knows by their names.
#[tokio::test]
async fn the_hub_asks_and_reads_as_it_did() {
    let (receipt, seen): (Receipt, OrganizationSeen) = (full_receipt(), full_seen());
    let reported = ["receipt-full.json", "seen-full.json"].iter().flat_map(|name| items(name)).collect();
    let confirmed = items("confirmation-all.json");
    let server = Server::answering([found(reported), found(confirmed)]).await;
    let reports = DynamoReports::new(&server.config, table("SyncTimestamps"));
    let report = reports.report(&organization(), &management(), Extent::Usual).await.unwrap();
    hold("read-report.json", &server);
    assert_eq!((report.organization.unreadable, report.more), (Vec::new(), false));
    assert_eq!((report.organization.receipts, report.organization.seen), (vec![receipt], Some(seen)));
    assert_eq!(report.organization.confirmations, [confirmation(None)]);
}

#[tokio::test]
async fn a_confirmation_is_written_and_read_as_it_was() {
    // Protocol D14.
    for (name, confirmation) in
        [("confirmation-all.json", confirmation(None)), ("confirmation-one.json", confirmation(Some(member())))]
    {
        let server = Server::answering([]).await;
        receipts(&server).put_confirmation(&confirmation).await.unwrap();
        hold(name, &server);
        assert_eq!(read_back(&[name]).await.confirmations, [confirmation]);
    }
    let server = Server::answering([]).await;
    receipts(&server).delete_confirmation(&confirmation(Some(member()))).await.unwrap();
    hold("confirmation-taken-back.json", &server);
}

#[tokio::test]
async fn a_direction_is_written_and_read_as_it_was() {
    // Protocol D1, D2 and D3.
    let directed = |direction, statement: Option<&str>| Directed { direction, statement: statement.map(Into::into) };
    let own = directed(direction(Some(organization())), Some("an envelope"));
    let fleet = directed(minimal_direction(), None);
    for (name, directed, before) in [("direction-own.json", &own, 6), ("direction-fleet.json", &fleet, 0)] {
        let server = Server::answering([]).await;
        assert!(receipts(&server).put_direction(directed, before).await.unwrap());
        hold(name, &server);
    }
    // The spoke finds its own with what else is said about it; the hub finds the copies.
    let [in_place, copy] = &items("direction-own.json")[..] else { panic!() };
    let server = Server::answering([found(Vec::new()), found(Vec::new()), found(vec![in_place.clone()])]).await;
    let read = receipts(&server).organization(&organization(), &management()).await.unwrap();
    assert_eq!(read.direction, Said::Directed(Box::new(own.clone())));
    let server = Server::answering([found(vec![copy.clone()])]).await;
    let all = receipts(&server).directions(&management()).await.unwrap();
    assert_eq!((all.found.get(&organization()), all.unreadable.len()), (Some(&own), 0));
    hold("directions-read.json", &server);
    let server = Server::answering([found(items("direction-fleet.json"))]).await;
    let read = receipts(&server).direction(&management(), None).await.unwrap();
    assert_eq!(read, Said::Directed(Box::new(fleet)));
    hold("direction-read.json", &server);
    // One that says something else than its place is none.
    let server = Server::answering([found(items("direction-fleet.json"))]).await;
    let read = receipts(&server).direction(&management(), Some(&organization())).await.unwrap();
    assert_eq!(read, Said::Unreadable("it is for the fleet".into()));
}

#[tokio::test]
async fn a_trusted_direction_is_written_and_read_as_it_was() {
    for (name, of_the_fleet) in [("trusted-direction-fleet.json", true), ("trusted-direction-own.json", false)] {
        let server = Server::answering([]).await;
        let put = receipts(&server);
        put.put_trusted_direction(&organization(), &management(), of_the_fleet, "an envelope").await.unwrap();
        hold(name, &server);
        let server = Server::answering([found(items(name))]).await;
        let read = receipts(&server).trusted_direction(&organization(), &management(), of_the_fleet).await.unwrap();
        assert_eq!(read.as_deref(), Some("an envelope"));
        hold(&name.replace(".json", "-read.json"), &server);
    }
}

#[tokio::test]
async fn the_keys_of_a_hub_are_written_and_read_as_they_were() {
    // Protocol D16.
    let keys = ["a key".to_owned(), "the next".to_owned()];
    for (name, before) in [("keys-first.json", 0), ("keys-next.json", 1)] {
        let server = Server::answering([]).await;
        assert!(receipts(&server).put_signed_with(&management(), &keys, before).await.unwrap());
        hold(name, &server);
        let server = Server::answering([found(items(name))]).await;
        let read = receipts(&server).signed_with(&management()).await.unwrap();
        assert_eq!((read.generation, read.keys), (before + 1, keys.to_vec()));
        hold("keys-read.json", &server);
    }
    let server = Server::answering([found(items("mark.json"))]).await;
    assert!(receipts(&server).signed_with(&management()).await.is_err(), "what cannot be read never means none");
}

#[tokio::test]
async fn a_hold_is_written_and_read_as_it_was() {
    // Protocol D10.
    let server = Server::answering([]).await;
    receipts(&server).put_hold(&organization(), &own_hold()).await.unwrap();
    hold("hold.json", &server);
    assert_eq!(read_back(&["hold.json"]).await.hold, Some(own_hold()));
}

#[tokio::test]
async fn the_mark_is_written_and_read_as_it_was() {
    // Protocol L7.
    let server = Server::answering([]).await;
    receipts(&server).raise(&management(), mark()).await.unwrap();
    hold("mark.json", &server);
    let server = Server::answering([one(&items("mark.json")[0])]).await;
    assert_eq!(receipts(&server).mark(&management()).await.unwrap(), Some(mark()));
    hold("mark-read.json", &server);
}

#[tokio::test]
async fn the_trusted_statement_is_written_and_read_as_it_was() {
    let server = Server::answering([]).await;
    receipts(&server).put_trusted(&organization(), &management(), "an envelope").await.unwrap();
    hold("trusted.json", &server);
    let server = Server::answering([found(items("trusted.json"))]).await;
    let read = receipts(&server).trusted(&organization(), &management()).await.unwrap();
    assert_eq!(read.as_deref(), Some("an envelope"));
    hold("trusted-read.json", &server);
}

#[tokio::test]
async fn a_lease_is_written_and_read_as_it_was() {
    // Protocol L17.
    let taken = Lease::new(organization(), "holder-1".into(), "host, process 7".into(), at(0), LeaseTerm::DEFAULT);
    let abandoned = Lease { holder_id: "holder-0".into(), renewals: 3, ..taken.clone() };
    let watched = Watched { lease: abandoned, unchanged_for: Duration::from_secs(10) };
    let server = Server::answering([]).await;
    let leases = DynamoLeases::new(&server.config, table("SyncTimestamps"));
    leases.take(&taken, at(0), Some(&watched)).await.unwrap();
    hold("lease-taken.json", &server);
    let server = Server::answering([]).await;
    let leases = DynamoLeases::new(&server.config, table("SyncTimestamps"));
    leases.renew(&taken.renewed(at(2)).given_back()).await.unwrap();
    hold("lease-given-back.json", &server);
    for (name, lease) in
        [("lease-taken.json", taken.clone()), ("lease-given-back.json", taken.renewed(at(2)).given_back())]
    {
        let server = Server::answering([found(items(name))]).await;
        let leases = DynamoLeases::new(&server.config, table("SyncTimestamps"));
        assert_eq!(leases.held(&organization()).await.unwrap(), Some(lease));
        hold("lease-read.json", &server);
    }
}

#[tokio::test]
async fn the_roster_is_written_and_read_as_it_was() {
    // Protocol L22.
    let admitted = |large| Member {
        organization: organization(),
        experience: management(),
        admitted_by: "arn:aws:iam::111111111111:user/kim".into(),
        admitted_at: at(11),
        large,
    };
    for (name, member) in [("admitted.json", admitted(false)), ("admitted-large.json", admitted(true))] {
        let server = Server::answering([]).await;
        DynamoRoster::new(&server.config, table("SyncTimestamps")).admit(&member).await.unwrap();
        hold(name, &server);
        let server = Server::answering([found(items(name))]).await;
        let roster = DynamoRoster::new(&server.config, table("SyncTimestamps"));
        assert_eq!(roster.members(&management()).await.unwrap(), [member]);
        hold("admitted-read.json", &server);
    }
    // What is deleted with an organization lies under these keys.
    let server = Server::answering([]).await;
    DynamoRoster::new(&server.config, table("SyncTimestamps")).forget(&organization(), &management()).await.unwrap();
    hold("forget.json", &server);
}

#[tokio::test]
async fn an_entry_of_the_audit_is_written_and_read_as_it_was() {
    // Protocol A4.
    let head = |number, told| AuditHead { number, digest: Digest::of(b"an entry"), told, noted: None };
    let first = head(1, None);
    let next = AuditHead { noted: Some("{}".to_owned()), ..head(2, Some(SnapshotVersion::FIRST)) };
    for (name, before, head, seen) in
        [("audit-first.json", None, &first, None), ("audit-next.json", Some(&first), &next, Some(b"prints".as_slice()))]
    {
        let server = Server::answering([]).await;
        let new = NewAuditEntry { experience: &management(), before, text: "{\"an\":\"entry\"}", head, seen };
        assert!(DynamoAudit::new(&server.config, table("SyncTimestamps")).append(&new).await.unwrap());
        hold(name, &server);
    }
    let [entry, newest, seen] = &items("audit-next.json")[..] else { panic!() };
    let server = Server::answering([one(newest), one(seen), found(vec![entry.clone()])]).await;
    let audit = DynamoAudit::new(&server.config, table("SyncTimestamps"));
    assert_eq!(audit.head(&management()).await.unwrap().as_ref(), Some(&next));
    assert_eq!(audit.seen(&management()).await.unwrap(), b"prints");
    let (text, digest) = ("{\"an\":\"entry\"}".to_owned(), next.digest.to_string());
    assert_eq!(audit.page(&management(), 2, 9).await.unwrap(), [StoredEntry { number: 2, text, digest }]);
    hold("audit-read.json", &server);
}

#[tokio::test]
async fn the_journal_is_written_and_read_as_it_was() {
    let journal = journal();
    for (name, revision) in [("journal-first.json", None), ("journal-next.json", Some(7))] {
        let server = Server::answering([]).await;
        let new = NewJournal {
            organization: &organization(),
            experience: &management(),
            member: &member(),
            journal: &journal,
            found: revision,
            expires_at: at(1_000),
        };
        assert!(DynamoRecords::new(&server.config, table("SyncTimestamps")).put_journal(&new).await.unwrap());
        hold(name, &server);
        let server = Server::answering([found(items(name))]).await;
        let records = DynamoRecords::new(&server.config, table("SyncTimestamps"));
        let read = records.journal(&organization(), &management(), &member()).await.unwrap();
        assert_eq!((read.journal.as_ref(), read.revision), (Some(&journal), Some(revision.unwrap_or(0) + 1)));
        hold("journal-read.json", &server);
    }
    let server = Server::answering([found(items("journal-next.json"))]).await;
    let records = DynamoRecords::new(&server.config, table("SyncTimestamps"));
    let read = records.journals(&organization(), &management(), Extent::Usual).await.unwrap();
    assert_eq!(read.found[&member()], Ok(journal));
    hold("journals-read.json", &server);
}

#[tokio::test]
async fn an_outcome_is_written_and_read_as_it_was() {
    // Protocol L21.
    for (name, outcome, number) in
        [("outcome-full.json", full_outcome(), 107), ("outcome-minimal.json", minimal_outcome(), 0)]
    {
        let server = Server::answering([]).await;
        let records = DynamoRecords::new(&server.config, table("SyncTimestamps"));
        records.put_outcome(&outcome, number, at(1_000)).await.unwrap();
        hold(name, &server);
        let server = Server::answering([found(items(name))]).await;
        let records = DynamoRecords::new(&server.config, table("SyncTimestamps"));
        let read = records.outcomes(&organization(), &management(), Some(&member()), Extent::Usual).await.unwrap();
        assert_eq!((read.found, read.unreadable), (vec![outcome], Vec::new()));
        hold("outcomes-read.json", &server);
    }
    // Whatever DynamoDB finds beside it: without a member experience all outcomes are asked for.
    let server = Server::answering([json!({})]).await;
    let records = DynamoRecords::new(&server.config, table("SyncTimestamps"));
    records.outcomes(&organization(), &management(), None, Extent::Usual).await.unwrap();
    hold("outcomes-read-all.json", &server);
}
