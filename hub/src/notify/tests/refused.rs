//! Why operations could not be told.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use pmp_ledger::testing::MemoryLedger;
use pmp_ledger::{NewTold, Outbox as _};
use pmp_protocol::Coded;
use pmp_protocol::testing::{management, now};
use pmp_runtime::{Clock, SystemClock};

use crate::notify::begin;
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
