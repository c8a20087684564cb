//! `verify-aws`: tests assumptions about AWS on a real account, and says of each whether it is
//! confirmed, refuted, or was not tried. No documentation of AWS states these behaviours (rule 15:
//! undocumented behaviour is an assumption with a name). `docs/first-day.md` is the page for this
//! command, and `docs/aws-assumptions.md` lists the assumptions.
//!
//! [`reads`] and [`products`] only read. [`changes`] works on one experience. [`subject`] puts that
//! experience back in any case, and [`left`] says what could not be put back. [`guard`] protects
//! experiences that are in use. [`dead_letters`] makes a topic and two queues, and deletes them.
//! [`judge`] decides what an answer means for an assumption, without any call. [`record`] collects
//! the judgements, [`report`] writes them down, and [`mask`] removes the ids.

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
