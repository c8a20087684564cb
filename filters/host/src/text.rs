//! Makes texts from a filter safe for terminals, tables and receipts (rule 14).

use pmp_protocol::PlainText;

/// The text in one line of at most `max_bytes`, trimmed, and without characters that a terminal
/// would act on.
pub(crate) fn tame(text: &str, max_bytes: usize) -> String {
    PlainText::bounded(text.trim(), max_bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_replaced() {
        assert_eq!(tame(" one\ntwo\t\u{1b}[31mred\u{202e}drow ", 100), "one two \u{fffd}[31mred\u{fffd}drow");
        assert_eq!(tame("größer als 👩‍💻", 100), "größer als 👩‍💻");
        assert_eq!(tame(" abcdefg ", 6), "abc…");
    }
}
