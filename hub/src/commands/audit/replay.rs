//! `audit replay`: whether what the entries of an exported file tell goes together. It needs no AWS
//! and no settings.

use pmp_audit::{Replay, Replayed, Verified};
use pmp_protocol::{Digest, ExperienceId, SnapshotVersion};
use pmp_terminal::{Exit, Failure, Output, progress};
use serde::Serialize;
use serde_json::json;

use super::verify::{VerifyFileArgs, verified};

/// What was replayed, for programs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReplayedAudit {
    /// Management experience of the hub.
    experience: ExperienceId,
    /// Number of the first entry in the file.
    first: u64,
    /// Number of the last entry in the file.
    last: u64,
    /// The digest of the last entry.
    head: Digest,
    /// The lowest snapshot that an entry tells of; none where no entry does.
    lowest_snapshot: Option<SnapshotVersion>,
    /// The highest snapshot that an entry tells of; none where no entry does.
    highest_snapshot: Option<SnapshotVersion>,
    /// Entries about what persons asked for.
    asked: usize,
    /// Outcomes of members' receipts in all entries.
    outcomes: usize,
    /// Entries of a later release, which were not judged.
    not_understood: usize,
}

pub(crate) fn replay_file(args: &VerifyFileArgs, output: Output) -> Result<Exit, Failure> {
    let mut replay = Replay::default();
    let verified = verified(args, output, |line| replay.line(line))?;
    let replayed = replay.finish().map_err(|contradiction| {
        let path = args.file.display();
        Failure::from(contradiction).within(format!("what `{path}` tells does not go together")).exit(Exit::Unhealthy)
    })?;
    let Verified { experience, first, last, head, .. } = verified;
    let Replayed { lowest, highest, outcomes, asked, not_understood } = replayed;
    if !output.is_table() {
        let (lowest_snapshot, highest_snapshot) = (lowest, highest);
        output.document(&json!(ReplayedAudit {
            experience,
            first,
            last,
            head,
            lowest_snapshot,
            highest_snapshot,
            asked,
            outcomes,
            not_understood,
        }))?;
        return Ok(Exit::Ok);
    }
    output.line(&format!("Entries {first} to {last} of {experience} go together: none contradicts another."))?;
    let snapshots = match (lowest, highest) {
        (Some(lowest), Some(highest)) if lowest < highest => format!("snapshots {lowest} to {highest}"),
        (Some(one), _) => format!("snapshot {one}"),
        (None, _) => "no snapshot".to_owned(),
    };
    output.line(&format!("They tell of {snapshots}, {} and {}.", requests(asked), seen(outcomes)))?;
    if not_understood > 0 {
        progress::note(&format!(
            "warning: {}: replay the file with the release that wrote it",
            match not_understood {
                1 => "1 entry is of a later release, and was not judged".to_owned(),
                many => format!("{many} entries are of a later release, and were not judged"),
            }
        ));
    }
    progress::note(
        "hint: entries that were cut off at the end are missed by no other entry: `pmp-hub audit verify --anchor DIGEST` compares the \
         file with a head that was noted elsewhere",
    );
    Ok(Exit::Ok)
}

fn requests(number: usize) -> String {
    if number == 1 { "1 request of a person".to_owned() } else { format!("{number} requests of persons") }
}

fn seen(number: usize) -> String {
    if number == 1 { "1 outcome of a member".to_owned() } else { format!("{number} outcomes of members") }
}
