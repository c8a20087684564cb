//! `verify-aws`: tries on a real account what AWS documents nowhere and this system assumes, and
//! says of each assumption whether it is confirmed, refuted, or was not tried (rule 15 of the
//! design: undocumented behaviour is an assumption with a name). `docs/first-day.md`
//! is its page, `docs/aws-assumptions.md` lists the assumptions.
//!
//! [`reads`] and [`products`] only read. [`changes`] works on one experience, which [`subject`]
//! puts back whatever happens; [`left`] says what it could not. [`guard`] keeps it away from
//! experiences that are in use. [`dead_letters`] makes a topic and two queues and deletes them.
//! What is made of the answers is decided by [`judge`], which calls nobody; [`record`] collects it,
//! [`report`] writes it down, and [`mask`] takes the ids out.

mod assumption;
mod changes;
mod command;
mod dead_letters;
mod error;
mod guard;
mod judge;
mod left;
mod mask;
mod products;
mod reads;
mod record;
mod report;
mod seen;
mod subject;

pub(crate) use command::{VerifyArgs, verify_aws};
