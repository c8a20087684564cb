//! What a spoke decides, without doing it: what an experience should say ([`Desired`]), what it
//! says ([`Observed`]), and so which products to allow and to deny ([`Plan`]), or why not
//! ([`Refusal`]).
//!
//! [`plan`] is the one way from the first two to the third, and it always passes the guard rails;
//! [`explain`] says why. The executor gets the change sets cut to AWS's limits and makes no choice
//! of its own. Pure: no I/O, no async, no clock.

mod change_set;
mod desired;
mod guard;
mod plan;
mod report;

pub use change_set::{ChangeSet, IdLimit};
pub use desired::Desired;
pub use guard::{GuardRails, Lately, Limit, Refusal};
pub use plan::{Observed, Plan, explain, plan, plan_after};
pub use report::{Entry, Report, Step, Why};
