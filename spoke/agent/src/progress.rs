//! How a pass shows a person how far it is: the port. What happens is named here; whether and how
//! it is shown is up to the command that waits for the pass.

use std::fmt;
use std::time::Duration;

use pmp_catalog::ChangeSetId;
use pmp_protocol::{ExperienceId, ReceiptStatus};

use crate::draft::Progress;

/// Something that happened in a pass, and that a person who waits for it may want to see.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ProgressEvent<'a> {
    /// The spoke begins to look up this many products for the filter.
    LookingUp { products: usize },
    /// So many of these products are looked up by now.
    LookedUp { answered: usize, products: usize },
    /// A change set of the member experience started or ended.
    Changing { member: &'a ExperienceId, progress: &'a Progress },
    /// Change sets were looked at, and run on. This is the one that is watched for the longest
    /// time, and how often it was looked at.
    Running { first: &'a ChangeSetId, watched: Duration, looks: u32, others: usize },
    /// The member experience is done in this pass, with this status.
    Ended { member: &'a ExperienceId, status: ReceiptStatus },
}

/// Shows progress. Must not block: the pass calls it inline.
pub(crate) trait ShowProgress: fmt::Debug + Send + Sync {
    fn show(&self, event: ProgressEvent<'_>);
}

/// Shows nothing: for agents, which log instead, and for commands whose output another program
/// reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Silent;

impl ShowProgress for Silent {
    fn show(&self, _: ProgressEvent<'_>) {}
}
