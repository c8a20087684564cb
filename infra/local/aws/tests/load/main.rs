//! Many clients at once, and not one wrong answer. Bounded in time, on the loopback; prints what it
//! measured.
//!
//! A binary of its own: it keeps the machine busy, and other tests measure time.

// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

mod change_sets;
mod large_policy;
mod latency;
mod rig;
