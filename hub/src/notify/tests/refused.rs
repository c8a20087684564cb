//! Why operations could not be told.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pmp_aws::ApiError;
use pmp_ledger::testing::MemoryLedger;
use pmp_ledger::{NewTold, Outbox as _, OutboxEntry};
use pmp_protocol::testing::{management, now};
use pmp_protocol::{Coded, ExperienceId};
use pmp_runtime::{Clock, SystemClock};

use super::stage::StageClock;
use super::world::{Really, prepare, report, subjects};
use crate::notify::channel::Channel;
use crate::notify::{Notifier, begin};
use crate::status::fleet::Fleet;

/// A clock on which six minutes pass between any two looks.
#[derive(Debug)]
struct Slow(Mutex<Timestamp>);

impl Clock for Slow {
    fn now(&self) -> Timestamp {
        let mut at = self.0.lock().unwrap();
        *at += SignedDuration::from_mins(6);
        *at
    }
}

#[tokio::test]
async fn a_look_that_takes_too_long_and_a_state_of_another_form_are_none() {
    let ledger = Arc::new(MemoryLedger::default());
    let fleet = Fleet::in_memory(&ledger);
    let code = async |clock: &dyn Clock| {
        let begun = begin(ledger.as_ref(), &fleet, &management(), clock).await;
        begun.err().unwrap().code().to_string()
    };
    assert_eq!(code(&Slow(Mutex::new(now()))).await, "E4030");
    let told = NewTold { experience: &management(), before: 0, content: b"true", outbox: &[] };
    assert!(ledger.tell(&told).await.unwrap());
    assert_eq!(code(&SystemClock).await, "E4029");
}

/// A topic that takes everything.
#[derive(Debug, Default)]
struct Accepting(Mutex<Vec<String>>);

#[async_trait]
impl Channel for Accepting {
    async fn send(&self, _: &ExperienceId, entry: &OutboxEntry) -> Result<String, ApiError> {
        self.0.lock().unwrap().push(entry.id.clone());
        Ok("accepted".to_owned())
    }
}

#[tokio::test]
async fn what_waits_is_sent_though_nothing_new_can_be_written_down() {
    let ledger = Arc::new(MemoryLedger::default());
    prepare(&ledger);
    report(&ledger, &subjects()[0], Really::Failed, now()).await;
    let waits = OutboxEntry {
        generation: 1,
        number: 1,
        id: "sha256:waits".to_owned(),
        summary: "It waits.".to_owned(),
        body: "{}".to_owned(),
        attempt: 1,
        claimed_until: Timestamp::UNIX_EPOCH,
    };
    let told = NewTold { experience: &management(), before: 0, content: b"", outbox: &[waits] };
    assert!(ledger.tell(&told).await.unwrap());
    let topic = Arc::new(Accepting::default());
    let notifier = Notifier {
        fleet: Fleet::in_memory(&ledger),
        outbox: ledger.clone(),
        channel: topic.clone(),
        experience: management(),
        stale_after: SignedDuration::from_hours(3),
        clock: Arc::new(StageClock(Mutex::new(now() + SignedDuration::from_hours(10)))),
    };
    ledger.fail_at("tell");
    let finished = notifier.finish(notifier.begin().await.unwrap()).await;
    assert!(finished.is_err(), "{finished:?}");
    assert_eq!(*topic.0.lock().unwrap(), ["sha256:waits"]);
    assert!(ledger.unsent(&management()).await.unwrap().is_empty());
}
