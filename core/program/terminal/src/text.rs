//! Lines that fit the columns of a terminal. They are broken and cut between words, and what stands
//! between backquotes, such as a command, stays in one line where it fits one.

use console::{measure_text_width, truncate_str};
use pmp_protocol::PlainText;

/// A line of at most `width` columns: what is too long ends with `…`. It is cut between two words,
/// but within one where otherwise less than half of the width would be left: an id or an ARN can be
/// as long as a line.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    let text = PlainText::new(text);
    let text = text.as_str();
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let kept = truncate_str(text, width.saturating_sub(1), "");
    let ends_a_word = text.get(kept.len()..).is_some_and(|rest| rest.starts_with(' '));
    let whole_words = kept.rfind(' ').filter(|_| !ends_a_word).and_then(|end| kept.get(..end));
    let kept = whole_words.filter(|words| measure_text_width(words) * 2 >= width).unwrap_or(&kept);
    truncate_str(&format!("{}…", kept.trim_end_matches([' ', ',', ';', ':'])), width, "").into_owned()
}

/// A text in lines of at most `width` columns. A word that is longer than a line is broken itself.
#[must_use]
pub fn fold(text: &str, width: usize) -> Vec<String> {
    // Several blanks are one: what is told may have had lines of its own, set in.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines = broken(&text, width, 0, 0, Long::Broken);
    lines.retain(|line| !line.is_empty());
    lines
}

/// The same, but a word that is longer than a line stands whole on a line of its own, so that it
/// can be copied: a digest, or an ARN.
#[must_use]
pub(crate) fn fold_whole(text: &str, width: usize) -> Vec<String> {
    broken(text, width, 0, 0, Long::Whole)
}

/// The lines of a text, none of them longer than `width`, where there is one, because of a word
/// that could stand on the next line, set in a little more. A word that is longer than a line is
/// left whole, so that it can be copied.
#[must_use]
pub fn narrow(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let narrow = |line: &str| {
        if measure_text_width(line) <= width {
            return line.to_owned();
        }
        let blanks = line.len() - line.trim_start_matches(' ').len();
        let half = width / 2;
        broken(line, width, blanks.min(half), (blanks + SET_IN).min(half), Long::Whole).join("\n")
    };
    text.split('\n').map(narrow).collect::<Vec<_>>().join("\n")
}

/// How much further than its beginning the rest of a line is set in.
const SET_IN: usize = 2;

/// What becomes of a word that is longer than a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Long {
    /// It is broken itself, so that no line is too long.
    Broken,
    /// It stands whole on a line that is too long.
    Whole,
}

/// A line in lines of `width` columns, of which the first is set in by `first`, and the others by
/// `margin`.
fn broken(line: &str, width: usize, first: usize, margin: usize, long: Long) -> Vec<String> {
    let mut lines = Vec::new();
    let mut last = " ".repeat(first);
    for word in kept_together(line.trim_start_matches(' '), width.saturating_sub(margin)) {
        let is_blank = last.trim().is_empty();
        if is_blank {
            last += &word;
        } else if measure_text_width(&last) + 1 + measure_text_width(&word) > width {
            let next = format!("{:margin$}{}", "", word.trim_start());
            lines.push(std::mem::replace(&mut last, next));
        } else {
            last = format!("{last} {word}");
        }
        while long == Long::Broken && measure_text_width(&last) > width {
            let rest = last.split_off(bytes_that_fit(&last, width));
            if rest.is_empty() {
                break;
            }
            lines.push(std::mem::replace(&mut last, rest));
        }
    }
    lines.push(last);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// How many bytes of a text fit `width` columns: at least one letter, however wide it is.
fn bytes_that_fit(text: &str, width: usize) -> usize {
    let mut used = 0;
    for (at, letter) in text.char_indices() {
        used += measure_text_width(letter.encode_utf8(&mut [0; 4]));
        if used > width && at > 0 {
            return at;
        }
    }
    text.len()
}

/// The words of a line; what stands between backquotes is one word where it fits `width`.
fn kept_together(line: &str, width: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut quoted = false;
    for word in line.split(' ') {
        match words.last_mut().filter(|_| quoted) {
            Some(last) => *last = format!("{last} {word}"),
            None => words.push(word.to_owned()),
        }
        quoted ^= word.matches('`').count() % 2 == 1;
    }
    let fits = |word: &String| measure_text_width(word) <= width;
    let apart = |word: String| if fits(&word) { vec![word] } else { word.split(' ').map(str::to_owned).collect() };
    words.into_iter().flat_map(apart).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        assert_eq!((cut("abcdef", 6), cut("abcdef", 5)), ("abcdef".to_owned(), "abcd…".to_owned()));
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!((cut("abc", 1), cut("abc", 0)), ("…".to_owned(), String::new()));
    }

    #[test]
    fn a_line_is_cut_between_words_where_one_is_near() {
        let held = "it would remove 212 of 300 approved products";
        assert_eq!(cut(held, 40), "it would remove 212 of 300 approved…");
        assert_eq!(cut(held, 36), "it would remove 212 of 300 approved…");
        assert_eq!(cut(held, 35), "it would remove 212 of 300…");
        assert_eq!(cut("4000 SYNCED, 12 HELD, 3 ERROR", 23), "4000 SYNCED, 12 HELD…");
        // Too little would be left beside an id that is as long as a line.
        assert_eq!(cut("see arn:aws:sns:us-east-1:111111111111:topic", 30), "see arn:aws:sns:us-east-1:111…");
        for width in 0..=held.len() {
            assert!(measure_text_width(&cut(held, width)) <= width, "{width}");
        }
    }

    #[test]
    fn a_word_that_is_longer_than_a_line_is_broken() {
        assert_eq!(fold("see arn:aws:sns:us-east-1:1", 10), ["see", "arn:aws:sn", "s:us-east-", "1:1"]);
        assert_eq!(fold("", 10), [""; 0]);
        assert_eq!(fold("no;   cause: no", 20), ["no; cause: no"]);
        assert_eq!(fold("日本語日本語", 5), ["日本", "語日", "本語"]);
        assert_eq!(fold("日 ab", 1), ["日", "a", "b"], "a letter that is wider than the line");
    }

    #[test]
    fn a_command_is_not_broken_where_it_fits_a_line() {
        assert_eq!(
            fold("if it is meant: `pmp-hub confirm o-alpha 1` does it", 30),
            ["if it is meant:", "`pmp-hub confirm o-alpha 1`", "does it"]
        );
        assert_eq!(fold("`a b c d e f`", 5), ["`a b", "c d e", "f`"]);
        assert_eq!(fold("`a b` or `a b c d e f`", 5), ["`a b`", "or `a", "b c d", "e f`"]);
    }

    #[test]
    fn a_narrow_line_goes_on_below_and_no_word_is_broken() {
        let narrow = |text: &str, width| narrow(text, Some(width));
        assert_eq!(narrow("a b c", 5), "a b c");
        assert_eq!(narrow("one two three four", 10), "one two\n  three\n  four");
        assert_eq!(narrow("  - one two three", 10), "  - one\n    two\n    three");
        assert_eq!(narrow("A     B   c d e f", 12), "A     B   c\n  d e f");
        let arn = "arn:aws:sns:us-east-1:111111111111:topic";
        assert_eq!(narrow(&format!("see {arn} there"), 20), format!("see\n  {arn}\n  there"));
        assert_eq!(narrow("if so: `pmp-hub confirm o-a 1` does", 24), "if so: `pmp-hub confirm\n  o-a 1` does");
        assert_eq!(narrow("if so: `pmp-hub confirm 1` does", 24), "if so:\n  `pmp-hub confirm 1`\n  does");
        assert_eq!(super::narrow("as it is, whatever its length", None), "as it is, whatever its length");
    }
}
