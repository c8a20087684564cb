//! When each request has its effect, and when its answer comes back: the same in each run of a
//! seed.
//!
//! A filter runs on a thread of its own, so within one instant of the simulated time a process may
//! go on sooner or later. Time itself waits for such a thread. So requests are only noted at their
//! instant, and one instant later all of them are weighed together, in the order of what they say:
//! then chance strikes, and then each gets a millisecond for its effect and one for its answer that
//! no other request has. Nothing depends on which of them was first within an instant.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pmp_test_reference::Life;
use tokio::time::Instant;

use crate::faults::{Fault, Faults};

/// Names a request: who sends it, what it says, and which of several that say the same.
pub(crate) type Key = (Life, String, u32);

/// How long requests are noted before they are weighed.
pub(crate) const INSTANT: Duration = Duration::from_millis(1);

/// What comes of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) fault: Option<Fault>,
    /// When it has its effect.
    pub(crate) effect: Instant,
    /// How long after that its answer arrives.
    pub(crate) back: Duration,
}

/// Requests that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    noted: BTreeMap<Key, (Instant, u32)>,
    planned: BTreeMap<Key, Plan>,
    /// How often each process said the same.
    said: BTreeMap<(Life, String), u32>,
    /// Milliseconds that a request has for itself.
    taken: BTreeSet<Instant>,
}

impl Arrivals {
    /// Notes a request, whose faults have this weight; 0 where none strikes.
    pub(crate) fn note(&mut self, life: Life, what: String, weight: u32) -> Key {
        let times = self.said.entry((life, what.clone())).or_default();
        *times += 1;
        let key = (life, what, *times);
        self.noted.insert(key.clone(), (Instant::now(), weight));
        key
    }

    /// What comes of a request that was noted an instant ago.
    pub(crate) fn plan(&mut self, key: &Key, faults: &mut Faults) -> Plan {
        let now = Instant::now();
        let due: Vec<_> = self.noted.extract_if(.., |_, (at, _)| *at + INSTANT <= now).collect();
        self.taken = self.taken.split_off(&now);
        for (key, (_, weight)) in due {
            let fault = faults.at(weight);
            let effect = self.free(now + faults.latency());
            let back = match fault {
                Some(Fault::Slow(seconds)) => Duration::from_secs(seconds),
                _ => faults.latency(),
            };
            self.planned.insert(key, Plan { fault, effect, back });
        }
        self.planned.remove(key).unwrap()
    }

    /// The first millisecond from then on that nothing else has.
    pub(crate) fn free(&mut self, mut at: Instant) -> Instant {
        while !self.taken.insert(at) {
            at += INSTANT;
        }
        at
    }
}
