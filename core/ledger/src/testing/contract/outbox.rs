//! What was told, and what is to be sent.

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::ExperienceId;
use pmp_protocol::testing::{experience, now};

use crate::{NewTold, Outbox, OutboxEntry, SentEntry, ToldState};

fn entry(generation: u64, number: usize) -> OutboxEntry {
    let id = format!("id-{generation}-{number}");
    OutboxEntry {
        generation,
        number,
        summary: format!("the sentence of {id}"),
        body: format!("{{\"id\":\"{id}\"}}"),
        id,
        attempt: 1,
        claimed_until: now(),
    }
}

async fn tell(ledger: &dyn Outbox, of: &ExperienceId, before: u64, content: &str, outbox: &[OutboxEntry]) -> bool {
    ledger.tell(&NewTold { experience: of, before, content: content.as_bytes(), outbox }).await.unwrap()
}

/// A state is written once, with its notifications; one hub at a time sends each of them.
pub async fn outbox(ledger: &dyn Outbox) {
    let of = experience("exp-contract-outbox");
    let later = |seconds: i64| -> Timestamp { now() + SignedDuration::from_secs(seconds) };
    let state = |generation, content: &str| ToldState { generation, content: content.as_bytes().to_vec() };

    assert_eq!(ledger.told(&of).await.unwrap(), ToldState::default());
    assert!(!tell(ledger, &of, 1, "too far", &[entry(2, 1)]).await, "there is no generation 1");
    assert!(tell(ledger, &of, 0, "first", &[entry(1, 1), entry(1, 2)]).await);
    assert!(!tell(ledger, &of, 0, "again", &[entry(1, 3)]).await, "another hub was faster");
    assert_eq!(ledger.told(&of).await.unwrap(), state(1, "first"));
    assert_eq!(ledger.unsent(&of).await.unwrap(), [entry(1, 1), entry(1, 2)], "nothing of the loser's");
    assert!(tell(ledger, &of, 1, "", &[entry(2, 1)]).await);
    assert_eq!(ledger.told(&of).await.unwrap(), state(2, ""));

    // Its claim lasts until `now`: somebody who looks before that does not get it.
    let first = entry(1, 1);
    assert_eq!(ledger.claim(&of, &first, later(60), later(-1)).await.unwrap(), None);
    let claimed = ledger.claim(&of, &first, later(60), now()).await.unwrap().unwrap();
    assert_eq!(claimed, OutboxEntry { attempt: 2, claimed_until: later(60), ..first.clone() });
    assert_eq!(ledger.claim(&of, &first, later(60), later(90)).await.unwrap(), None, "it was read before");
    let sent = SentEntry { at: later(1), message_id: "m-1".into(), expires_at: later(600) };
    assert!(!ledger.mark_sent(&of, &first, &sent).await.unwrap(), "it is another hub's by now");
    ledger.release(&of, &first).await.unwrap();
    assert_eq!(ledger.claim(&of, &claimed, later(60), later(2)).await.unwrap(), None, "nor does that one release it");
    ledger.release(&of, &claimed).await.unwrap();
    let again = ledger.claim(&of, &claimed, later(60), later(2)).await.unwrap().unwrap();
    assert_eq!(again.attempt, 3);
    assert!(ledger.mark_sent(&of, &again, &sent).await.unwrap());
    assert!(!ledger.mark_sent(&of, &again, &sent).await.unwrap(), "it is sent once");
    assert_eq!(ledger.claim(&of, &again, later(90), later(90)).await.unwrap(), None, "what is sent stays so");
    assert_eq!(ledger.unsent(&of).await.unwrap(), [entry(1, 2), entry(2, 1)], "the oldest first");
    assert_eq!(ledger.unsent(&experience("exp-contract-outbox-2")).await.unwrap(), []);
}
