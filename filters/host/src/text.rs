//! Texts from a filter, made safe for terminals, tables and receipts.

/// The text with at most `max_bytes` bytes and without characters that act: white space becomes a space, a control or
/// text-direction character becomes `U+FFFD`. A text that was cut ends in `…`.
pub(crate) fn tame(text: &str, max_bytes: usize) -> String {
    const CUT: char = '…';
    let text = text.trim();
    let mut tamed = String::with_capacity(text.len().min(max_bytes));
    // Where the text ends if it must be cut, so that the mark fits too.
    let mut end = 0;
    for c in text.chars().map(harmless) {
        if tamed.len() + c.len_utf8() > max_bytes {
            tamed.truncate(end);
            if max_bytes >= CUT.len_utf8() {
                tamed.push(CUT);
            }
            return tamed;
        }
        tamed.push(c);
        if tamed.len() + CUT.len_utf8() <= max_bytes {
            end = tamed.len();
        }
    }
    tamed
}

fn harmless(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        // The characters that reorder text on a screen (Unicode's Bidi_Control) or hide in it.
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {
            '\u{fffd}'
        }
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_replaced() {
        assert_eq!(tame(" one\ntwo\t\u{1b}[31mred\u{202e}drow ", 100), "one two \u{fffd}[31mred\u{fffd}drow");
        assert_eq!(tame("größer", 100), "größer");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_with_a_mark() {
        assert_eq!(tame("abcdef", 6), "abcdef");
        assert_eq!(tame("abcdefg", 6), "abc…");
        assert_eq!(tame("äöüäöü", 8), "äö…");
        assert_eq!(tame("abc", 2), "");
    }

    proptest! {
        #[test]
        fn nothing_that_acts_and_nothing_too_long_gets_through(text in any::<String>(), max in 0_usize..64) {
            let tamed = tame(&text, max);
            prop_assert!(tamed.len() <= max);
            prop_assert!(tamed.chars().all(|c| !c.is_control()));
        }
    }
}
