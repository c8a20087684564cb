//! Which receipt may take another one's place, and whether a head is what was stored last. Pure.
//! The conditional writes of the adapter (`receipts.rs`) say the first in DynamoDB's words.

use pmp_protocol::{HeadMark, Receipt};

use crate::{Found, Head};

/// Whether the table of snapshots was restored to an earlier moment, by the mark, which is read
/// before the head: the head is behind it, or its number was given to another content since, by a
/// hub that knows no mark.
#[must_use]
pub fn is_restored(mark: &HeadMark, head: Option<&Head>) -> bool {
    // Protocol L8.
    head.is_none_or(|head| head.latest < mark.version || (head.latest == mark.version && head.digest != mark.digest))
}

/// Whether `receipt` may take the place of the one that is `stored`. An older version never
/// overwrites a newer one, unless what is stored is exactly the item that was `found` to be
/// disputed: it proves nothing, and supersedes nothing (rule 9 of the design).
#[must_use]
pub fn may_replace(stored: Option<&Receipt>, receipt: &Receipt, found: Option<&Found>) -> bool {
    // Protocol R3 and R4.
    let Some(stored) = stored else { return true };
    let is_still = |found: &Found| {
        let Found { version, digest } = found;
        *version == stored.version.to_string() && digest.as_ref().is_none_or(|it| *it == stored.digest.to_string())
    };
    stored.order() <= receipt.order() || found.is_some_and(is_still)
}

/// The same for a receipt of a pass that lost its lease: of two receipts for one version, the one
/// that was taken up later stays.
#[must_use]
pub fn may_replace_late(stored: Option<&Receipt>, receipt: &Receipt) -> bool {
    // Protocol R5.
    let Some(stored) = stored else { return true };
    (stored.order(), stored.received_at) <= (receipt.order(), receipt.received_at)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pmp_protocol::SnapshotVersion;

    use super::*;

    fn receipt(version: u64, digest: char, received_at: i64) -> Receipt {
        let digest = format!("sha256:{}", digest.to_string().repeat(64));
        let receipt = serde_json::json!({
            "organization": "o-alpha00000", "experience": "exp-management", "member_experience": "exp-member",
            "version": SnapshotVersion::new(version).unwrap(), "digest": digest, "status": "in-sync",
            "received_at": Timestamp::from_second(received_at).unwrap(), "allowed": 0, "denied": 0, "pending": 0,
            "narrowed": 0, "spoke_version": "0.1.0"
        });
        serde_json::from_value(receipt).unwrap()
    }

    #[test]
    fn an_older_receipt_never_replaces_a_newer_one() {
        // Protocol R3.
        assert!(may_replace(None, &receipt(7, 'a', 0), None));
        for (stored, replaces) in [(6, true), (7, true), (8, false)] {
            assert_eq!(may_replace(Some(&receipt(stored, 'a', 9)), &receipt(7, 'a', 0), None), replaces, "{stored}");
        }
    }

    #[test]
    fn only_the_very_item_that_was_disputed_is_replaced_by_an_older_one() {
        // Protocol R4.
        let (disputed, older) = (receipt(9, 'b', 0), receipt(7, 'a', 0));
        let found = Found::of(&disputed);
        assert!(may_replace(Some(&disputed), &older, Some(&found)));
        assert!(!may_replace(Some(&receipt(9, 'a', 0)), &older, Some(&found)));
        assert!(!may_replace(Some(&receipt(8, 'b', 0)), &older, Some(&found)));
    }

    #[test]
    fn a_late_receipt_replaces_only_what_was_taken_up_before_it() {
        // Protocol R5.
        assert!(may_replace_late(None, &receipt(7, 'a', 0)));
        for (stored, replaces) in [((6, 9), true), ((7, 4), true), ((7, 5), true), ((7, 6), false), ((8, 0), false)] {
            let stored = receipt(stored.0, 'a', stored.1);
            assert_eq!(may_replace_late(Some(&stored), &receipt(7, 'a', 5)), replaces, "{stored:?}");
        }
    }
}
