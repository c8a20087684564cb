//! Lines that fit the columns of a terminal.

use console::{measure_text_width, truncate_str};
use pmp_protocol::PlainText;

/// A line of at most `width` columns: what is too long ends with `…`.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    truncate_str(PlainText::new(text).as_str(), width, "…").into_owned()
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
        let margin = (blanks + SET_IN).min(width / 2);
        let mut lines = vec![" ".repeat(blanks.min(width / 2))];
        for word in kept_together(line.trim_start_matches(' '), width - margin) {
            let last = lines.len() - 1;
            let is_blank = lines[last].trim().is_empty();
            let needed = measure_text_width(&word) + usize::from(!is_blank);
            if !is_blank && measure_text_width(&lines[last]) + needed > width {
                lines.push(format!("{:margin$}{}", "", word.trim_start()));
            } else {
                let gap = if is_blank { "" } else { " " };
                lines[last] = format!("{}{gap}{word}", lines[last]);
            }
        }
        lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
    };
    text.split('\n').map(narrow).collect::<Vec<_>>().join("\n")
}

/// How much further than its beginning the rest of a line is set in.
const SET_IN: usize = 2;

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
