//! The words that no expression may use as a name of its own.

use std::collections::HashSet;
use std::sync::LazyLock;

/// DynamoDB's documented list, a word a line.
static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("reserved_words.txt").lines().collect());

/// Whether a name has to be replaced by a placeholder, however it is written.
pub(super) fn is_reserved(name: &str) -> bool {
    WORDS.contains(name.to_ascii_uppercase().as_str())
}
