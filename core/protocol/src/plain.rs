//! Makes text from outside harmless before it is shown (rule 14): AWS, filters, members and people
//! may write any characters.
//!
//! Such a text may hold characters that act instead of standing for something: escape sequences
//! move the cursor and rename the window, direction controls show a name backwards, line breaks
//! forge lines of a log, and invisible characters make two names look like one. A [`PlainText`] has
//! none of them, is one line, and is bounded.
//!
//! What is kept, replaced, and why:
//! - Everything that a person sees is kept, in every script. Arabic and Hebrew run from right to
//!   left by their own letters and need no control for it.
//! - White space that breaks lines or jumps (tab, line feed, U+0085, U+2028 …) becomes a space;
//!   what breaks a line in two characters becomes one.
//! - A control character, a direction control, a tag character, and whatever else Unicode calls
//!   *default ignorable* becomes U+FFFD `�`, several of them in a row one: that there was something
//!   is seen, and the rest stays readable. They are never simply left out, because two names that
//!   differ would then look the same.
//! - Joiners are kept where scripts and emoji need them: a zero-width joiner between two emoji
//!   (👩‍💻), and a joiner or non-joiner between two letters of a script that shapes its letters, as
//!   Persian and Hindi do. Anywhere else they hide.
//! - A variation selector is kept once, right after an emoji, a keycap's digit or an ideograph:
//!   that is how ❤️ and 葛󠄀 are spelled. The flags of England, Scotland and Wales are spelled with
//!   tag characters; they lose their pattern.
//!
//! Documents for programs are not for this: JSON keeps what it is given, and
//! [`json_without_acting`] spells what could act on a terminal as escapes, which every reader
//! undoes.

use std::fmt::{self, Write};

use serde::Serialize;

/// The replacement for characters that act.
const MARK: char = '\u{fffd}';
/// The end of a text that was cut.
const CUT: char = '…';
/// Before an emoji's presentation is chosen by it, this makes a keycap of a digit.
const KEYCAP: char = '\u{20e3}';

/// A text in one line, of bounded length, in which nothing can act: it can be shown anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PlainText(String);

impl PlainText {
    /// The longest text, where nothing else is asked for: more than anyone reads in one line.
    pub const MAX_BYTES: usize = 4096;

    /// The text, of at most [`Self::MAX_BYTES`].
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::bounded(text, Self::MAX_BYTES)
    }

    /// The text, of at most `max_bytes`. One that was cut ends in `…`, where that fits.
    #[must_use]
    pub fn bounded(text: &str, max_bytes: usize) -> Self {
        Self(harmless(text, max_bytes, Lines::Joined))
    }

    /// The text, which is one line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlainText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for PlainText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<PlainText> for String {
    fn from(text: PlainText) -> Self {
        text.0
    }
}

/// A document of lines that this program laid out, such as a page: whatever came into it from
/// outside cannot act in it. Its own line breaks stay, so what stands in one line must have been a
/// [`PlainText`] before, or be in a form, such as HTML, in which a line break says nothing.
#[must_use]
pub fn plain_document(text: &str) -> String {
    harmless(text, usize::MAX, Lines::Kept)
}

/// JSON that can be shown on a terminal: what could act there is spelled as an escape (`\u202e`),
/// so that every reader finds what was written. `json` is a document, or several, as `serde_json`
/// writes them.
#[must_use]
pub fn json_without_acting(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside its strings a document has none of these but line breaks, and inside them an
        // escape means the character.
        if c == '\n' || Kind::of(c) == Kind::Visible {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _infallible = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

/// What becomes of a line feed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    Joined,
    Kept,
}

/// What a character may do to those who look at it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is seen, or is a space.
    Visible,
    /// It ends a line, or jumps.
    Break,
    /// U+200C and U+200D, which shape what stands around them.
    Joiner,
    /// A variation selector, which chooses the form of the character before it.
    Selector,
    /// It acts, or hides.
    Acting,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            ' '..='~' => Self::Visible,
            '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Self::Break,
            '\u{200c}' | '\u{200d}' => Self::Joiner,
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Self::Selector,
            c if c.is_control() => Self::Acting,
            // Default_Ignorable_Code_Point of Unicode 17, which has the direction controls and the
            // tags in it.
            '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}' => Self::Acting,
            // Annotations within a line, the layout of hieroglyphs, and what is no character (XML
            // and SQS refuse it).
            '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{fdd0}'..='\u{fdef}' => Self::Acting,
            c if u32::from(c) & 0xfffe == 0xfffe => Self::Acting,
            _ => Self::Visible,
        }
    }
}

fn harmless(text: &str, max_bytes: usize, lines: Lines) -> String {
    let mut plain = String::with_capacity(text.len().min(max_bytes));
    // Where the text ends if it must be cut, so that the mark fits too.
    let mut end = 0;
    let (mut before, mut marked) = (None, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        let shown = match Kind::of(c) {
            Kind::Visible => c,
            Kind::Break if (c, next) == ('\r', Some('\n')) => continue,
            Kind::Break if c == '\n' && lines == Lines::Kept => c,
            Kind::Break => ' ',
            Kind::Joiner if joins(before, c, next) => c,
            Kind::Selector if selects(before, c, next) => c,
            _ if marked => continue,
            _ => {
                marked = true;
                MARK
            }
        };
        if plain.len() + shown.len_utf8() > max_bytes {
            plain.truncate(end);
            if max_bytes >= CUT.len_utf8() {
                plain.push(CUT);
            }
            return plain;
        }
        plain.push(shown);
        // Not after a joiner or a selector: what they are there for may not have found room.
        if Kind::of(shown) == Kind::Visible && plain.len() + CUT.len_utf8() <= max_bytes {
            end = plain.len();
        }
        marked &= shown == MARK && Kind::of(c) != Kind::Visible;
        before = Some(shown);
    }
    plain
}

/// Whether a joiner does what it is there for.
fn joins(before: Option<char>, joiner: char, next: Option<char>) -> bool {
    let (Some(before), Some(next)) = (before, next) else { return false };
    let emoji = joiner == '\u{200d}' && (is_emoji(before) || before == '\u{fe0f}') && is_emoji(next);
    emoji || is_shaped(before) && is_shaped(next)
}

/// Whether a variation selector does what it is there for.
fn selects(before: Option<char>, selector: char, next: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match selector {
        '\u{fe0e}' | '\u{fe0f}' => is_emoji(before) || matches!(before, '0'..='9' | '#' | '*') && next == Some(KEYCAP),
        _ => is_ideograph(before),
    }
}

/// Emoji, and symbols in the blocks where emoji are.
fn is_emoji(c: char) -> bool {
    matches!(c,
        '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{2460}'..='\u{24ff}'
        | '\u{25a0}'..='\u{27bf}' | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}' | '〰' | '〽' | '㊗' | '㊙'
        | '\u{1f000}'..='\u{1faff}')
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
        && Kind::of(c) == Kind::Visible
}

/// Letters of scripts in which joiners change what is read: Arabic and its neighbours, those of
/// India, Tibet and Burma, Khmer and Mongolian.
fn is_shaped(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{109f}' | '\u{1780}'..='\u{18af}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
        && Kind::of(c) == Kind::Visible
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::acts;

    fn plain(text: &str) -> String {
        PlainText::new(text).into()
    }

    #[test]
    fn what_acts_is_marked_and_the_rest_stays_readable() {
        for (text, expected) in [
            ("\u{1b}[31mred\u{1b}[0m", "�[31mred�[0m"),
            ("\u{1b}]0;title\u{7}", "�]0;title�"),
            ("\u{9b}2J", "�2J"),
            ("invoice\u{202e}fdp.exe", "invoice�fdp.exe"),
            ("\u{2067}\u{2066}\u{2069}a", "�a"),
            ("one\r\ntwo\nthree\u{2028}four\u{85}five\tsix", "one two three four five six"),
            ("prod\u{200b}-a\u{feff}", "prod�-a�"),
            ("a\u{e0041}\u{e0042}\u{e007f}b", "a�b"),
            ("\u{fffd}\u{200b}\u{200b}", "��"),
            ("a\0b\u{7f}", "a�b�"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_people_write_is_kept_as_it_is() {
        for text in [
            "größer als “alles” — naïve, Ünïcödé",
            "製品の承認、 제품 승인, 产品审批",
            "موافقة على المنتج 42 (exp-1)",
            "אישור מוצר 42 (exp-1)",
            "می‌خواهم",
            "क्‍ष और क्‌ष",
            "👩‍💻 👨‍👩‍👧‍👦 🏳️‍🌈 ❤️‍🔥 👍🏽 🇪🇺 1️⃣ ☎️",
            "葛󠄀城市",
            "  two  spaces\u{a0}and\u{3000}wide ones  ",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn joiners_and_selectors_are_kept_nowhere_else() {
        for (text, expected) in [
            ("pay\u{200d}pal", "pay�pal"),
            ("\u{200c}می", "�می"),
            ("می\u{200c}", "می�"),
            ("👩\u{200d}x", "👩�x"),
            ("👩\u{200c}💻", "👩�💻"),
            ("a\u{fe0f}b", "a�b"),
            ("❤\u{fe0f}\u{fe0f}\u{fe0f}", "❤\u{fe0f}�"),
            ("1\u{fe0f}2", "1�2"),
            ("葛\u{e0100}\u{e0101}", "葛\u{e0100}�"),
            ("م\u{200d}\u{61c}م", "م�م"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters_with_a_mark() {
        for (text, max, expected) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abc…"),
            ("äöüäöü", 8, "äö…"),
            ("abc", 2, ""),
            // Not after a joiner, nor after a selector.
            ("👩‍💻", 10, "👩…"),
            ("ab1️⃣", 8, "ab1…"),
        ] {
            assert_eq!(PlainText::bounded(text, max).as_str(), expected, "{text} in {max}");
        }
        assert_eq!(plain(&"x".repeat(100_000)).len(), PlainText::MAX_BYTES);
    }

    #[test]
    fn a_document_keeps_its_own_lines() {
        assert_eq!(plain_document("<p>\n\u{202e}a\u{2028}</p>\r\n"), "<p>\n�a </p>\n");
    }

    #[test]
    fn json_means_the_same_and_cannot_act() {
        let value = serde_json::json!({"name": "\u{1b}[31m\u{9b}\u{7f}\u{202e}\u{2028}\n\u{e0041}👩‍💻 ä", "list": [1, "\u{fffe}"]});
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let escaped = json_without_acting(&text);
            assert!(!escaped.chars().any(|c| c != '\n' && acts(c)), "{escaped:?}");
            assert!(
                escaped.contains(r"\u202e") && escaped.contains(r"\udb40\udc41") && escaped.contains('ä'),
                "{escaped}"
            );
            assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        }
    }

    /// Characters from everywhere, those that act more often than chance would have them.
    fn texts() -> impl Strategy<Value = String> {
        let acting = prop::sample::select(
            "\u{1b}\u{9b}\u{7}\n\r\t\u{85}\u{2028}\u{202e}\u{2066}\u{61c}\u{200b}\u{200c}\u{200d}\u{fe0f}\u{e0100}\u{e0041}\u{feff}\
             👩💻❤مم葛1\u{20e3}�…"
                .chars()
                .collect::<Vec<_>>(),
        );
        prop::collection::vec(prop_oneof![any::<char>(), acting, prop::char::range(' ', '~')], 0..60)
            .prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn nothing_that_acts_and_nothing_too_long_gets_through(text in texts(), max in 0_usize..300) {
            let once = PlainText::bounded(&text, max);
            prop_assert!(once.as_str().len() <= max);
            prop_assert!(!once.as_str().chars().any(acts), "{once:?}");
            // Joiners only between what they join, selectors only after what they select.
            let chars: Vec<_> = once.as_str().chars().collect();
            for (index, c) in chars.iter().enumerate() {
                let before = index.checked_sub(1).map(|before| chars[before]);
                match Kind::of(*c) {
                    Kind::Joiner => prop_assert!(joins(before, *c, chars.get(index + 1).copied())),
                    Kind::Selector => prop_assert!(selects(before, *c, chars.get(index + 1).copied())),
                    kind => prop_assert!(kind == Kind::Visible, "{c:?}"),
                }
            }
            prop_assert_eq!(PlainText::bounded(once.as_str(), max), once);
        }

        #[test]
        fn what_is_visible_is_untouched(text in "[ -~äöüß一-龥あ-んァ-ン가-힣ء-يא-תа-яα-ω😀-🙏]{0,80}") {
            prop_assert_eq!(plain(&text), text);
        }

        #[test]
        fn json_of_any_text_is_the_same_text(text in texts()) {
            let escaped = json_without_acting(&serde_json::to_string(&text).unwrap());
            prop_assert!(!escaped.chars().any(acts));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }
}
