//! Lines that fit the columns of a terminal.

use console::truncate_str;
use pmp_protocol::PlainText;

/// A line of at most `width` columns: what is too long ends with `…`.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    truncate_str(PlainText::new(text).as_str(), width, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!((cut("abcdef", 6), cut("abcdef", 5)), ("abcdef".to_owned(), "abcd…".to_owned()));
        assert_eq!(cut("日本語", 5), "日本…");
    }
}
