//! Which member organizations get a version, and when: in waves, each of which has to be in step
//! before the next one is entered.
//!
//! [`Waves`] is the configuration, [`Rollout`] the state of one version on its way, which lies in
//! the ledger, and [`Observed`] what the hub sees of one organization. [`next()`] decides from
//! these and the time what comes next: a [`Step`]. [`Rollout::after`] is the state that the step
//! leads to. Pure: no I/O, no async, no clock. Any instance of the hub may take the next step; the
//! conditional write of the state decides whose step counts.
//!
//! The hub's `publish/waves` carries the steps out, and the model in `tests/model` visits every
//! state that two hubs come to with them.
//!
//! # A worked example of three waves
//!
//! A fleet of eight organizations. Two of them are the canary, a quarter follows, then all:
//!
//! ```toml
//! max_failures = 1
//! on_failure = "roll-back"
//! silent_after = "2h"
//!
//! [[waves]]
//! name = "canary"
//! organizations = ["o-canary0001", "o-canary0002"]
//! soak = "1h"
//!
//! [[waves]]
//! name = "quarter"
//! share = 25
//! soak = "4h"
//! in_step = 90
//!
//! [[waves]]
//! name = "all"
//! share = 100
//! ```
//!
//! Version 7 is in force everywhere, and at 12:00 the hub stores version 8.
//!
//! | at | what is seen | the step |
//! | --- | --- | --- |
//! | 12:00 | nothing of version 8 | [`Step::Enter`] `canary` |
//! | 12:00 | the same | [`Step::Admit`] its two organizations |
//! | 12:01 | one is in step, one works | [`Step::Wait`], at most until tomorrow at 12:00 |
//! | 12:05 | both are in step | [`Step::InStep`]: the soak begins |
//! | 12:05 | the same | [`Step::Wait`] until 13:05 |
//! | 13:05 | both still are | [`Step::Enter`] `quarter`; then [`Step::Admit`] |
//! | 13:07 | one of `quarter` failed | [`Step::Remember`] it: one may fail |
//! | 13:09 | `o-canary0001` fails after all | [`Step::Remember`] it: two are one too many |
//! | 13:09 | the same | [`Step::RollBack`] to version 7 |
//!
//! The hub publishes the content of version 7 as version 9, and [`Rollout::restored`] directs every
//! organization that had version 8 to it. A number never becomes lower. The others stay at version
//! 7, which says the same. When the approval has been mended, the hub stores version 10, which
//! begins with the canary.
//!
//! The test `the_worked_example_of_three_waves` goes through this table.
//!
//! # What always holds
//!
//! - **Who is directed to a version stays directed to it or to a newer one.** [`Rollout::directed`]
//!   of an organization never becomes lower.
//! - **`max_failures` holds.** No wave is entered, and no organization is admitted, while more
//!   organizations are remembered as failed. An organization counts from the first failure with
//!   this version on that a hub saw, whenever that is and in whichever wave it is. It counts until
//!   a person promotes the version after the organization recovered. A promotion goes past a soak,
//!   a share, a deadline or a halt, and never past `max_failures`.
//! - **How many can fail before the hub notices is bounded.** All of a wave take a version at the
//!   same time, so a bad version can fail in the whole wave. With `at_once`, no more organizations
//!   work at the version at one time. So of those that were never in step with it no more than
//!   `max_failures + at_once` fail, apart from those that fell silent meanwhile and came back, and
//!   where no person promoted it. Those that were in step and fail later count as well, and can be
//!   more.
//! - **Nobody blocks, and nobody is forgotten.** A silent or paused organization is not counted
//!   among those that have to be in step. A wave of which nobody is heard passes at its deadline.
//!   The last wave is for all, and organizations that join a wave later are admitted when they are
//!   seen.
//! - **An empty fleet is no fleet in step**: where nobody is seen at all, nothing is entered.
//!
//! # When a newer version comes
//!
//! A newer version supersedes the one that is on its way ([`Rollout::superseded`]). It begins with
//! the first wave. What was entered stays: organizations that were directed to the older version
//! keep it until the newer one admits them, and nobody else gets the older one any more. Failures
//! with the older version do not count for the newer one.
//!
//! # For whoever calls it
//!
//! Read the [`Rollout`] first, and what is observed after that. In the other order, a step could
//! rest on receipts from before the wave that was entered last. Write the next state only where the
//! ledger still holds the state that was read. Then ask again, until the step is a [`Step::Wait`]
//! or [`Step::Done`].

mod config;
mod members;
mod next;
mod observed;
mod rollout;
mod step;

pub use config::{Format, OnFailure, Wave, WaveName, Waves, WavesError};
pub use members::{Members, Share};
pub use next::next;
pub use observed::{Fleet, Observed, Standing};
pub use rollout::{NotPromoted, Progress, Promotion, Rollout, Stopped, WaveState};
pub use step::{Reason, Step, Tally, Waiting};
