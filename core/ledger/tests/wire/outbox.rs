//! What the hub writes of what it told operations, and of what it has to send.

use jiff::SignedDuration;
use pmp_ledger::{DynamoOutbox, NewTold, Outbox, OutboxEntry, SentEntry, ToldState};

use crate::server::Server;
use crate::values::{at, management};
use crate::{found, hold, items, table};

fn outbox(server: &Server) -> DynamoOutbox {
    DynamoOutbox::new(&server.config, table("SyncTimestamps"))
}

fn entry() -> OutboxEntry {
    OutboxEntry {
        generation: 8,
        number: 1,
        id: "sha256:id".to_owned(),
        summary: "Member experience exp-a of o-alpha00000 failed.".to_owned(),
        body: "{\"kind\":\"failed\"}".to_owned(),
        attempt: 1,
        claimed_until: at(0),
    }
}

#[tokio::test]
async fn what_was_told_and_what_is_to_be_sent_is_written_and_read_as_it_was() {
    let (of, entries) = (management(), [entry()]);
    let new = |before| NewTold { experience: &of, before, content: b"{\"subjects\":[]}", outbox: &entries };
    for (name, before) in [("told-first.json", 0), ("told-next.json", 7)] {
        let server = Server::answering([]).await;
        assert!(outbox(&server).tell(&new(before)).await.unwrap());
        hold(name, &server);
    }
    let written = items("told-next.json");
    let [state, notification] = written.as_slice() else { panic!("{written:?}") };
    let server = Server::answering([found(vec![state.clone()]), found(vec![notification.clone()])]).await;
    let read = outbox(&server);
    let told = ToldState { generation: 8, content: b"{\"subjects\":[]}".to_vec() };
    assert_eq!(read.told(&of).await.unwrap(), told);
    assert_eq!(read.unsent(&of).await.unwrap(), [entry()]);
    hold("told-read.json", &server);
}

#[tokio::test]
async fn a_notification_is_claimed_given_up_and_marked_as_it_was() {
    let server = Server::answering([]).await;
    let (of, ledger) = (management(), outbox(&server));
    let until = at(0) + SignedDuration::from_mins(5);
    let claimed = ledger.claim(&of, &entry(), until, at(0)).await.unwrap().unwrap();
    ledger.release(&of, &claimed).await.unwrap();
    let sent = SentEntry { at: at(0), message_id: "m-1".to_owned(), expires_at: until };
    assert!(ledger.mark_sent(&of, &claimed, &sent).await.unwrap());
    hold("outbox-sent.json", &server);
}
