//! Tells that a snapshot takes spokes of a release that reads such large ones.

use pmp_ledger::is_stored_in_parts;
use pmp_protocol::{LAYOUT_OF_PARTS, SnapshotVersion};

/// Warns where spokes of earlier releases refuse a version, and stay on the one before.
pub(super) fn tell(version: SnapshotVersion, chunks: usize) {
    // Protocol L26.
    if is_stored_in_parts(chunks) {
        tracing::warn!(
            %version,
            chunks,
            takes_layout = LAYOUT_OF_PARTS,
            "the snapshot is too large for spokes of earlier releases: they refuse it, and `pmp-hub status` names them"
        );
    }
}
