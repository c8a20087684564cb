//! Names, compared as people read them.
//!
//! [`key`] of two names is one text where they differ only in letter case, in the form in which their characters are encoded, in
//! white space, or in what cannot be seen: `STRASSE GmbH` is `Straße  GmbH`. What it goes by is `NFKC_Casefold` (The Unicode
//! Standard, 3.13, definition D147).
//!
//! Filters in JavaScript and Python have the same in `names.js` and `names.py` beside this crate. All three are held to
//! `table.json`, a thousand hard names with their keys, which `generate` writes from the Unicode Character Database alone.
//! Where the engines behind them know different versions of Unicode, they can differ in names with characters that the older
//! one does not know; `docs/filters.md` says which versions those are.

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization as _;

/// What is compared of a name.
///
/// ```
/// use pmp_filter_names::key;
///
/// assert_eq!(key("STRASSE GmbH"), key(" straße\u{a0}GmbH"));
/// assert_ne!(key("Example Corp"), key("ExampleCorp"));
/// ```
#[must_use]
pub fn key(name: &str) -> String {
    if name.is_ascii() {
        return collapsed(&name.to_ascii_lowercase());
    }
    let mut text: String = name.nfd().collect();
    // Twice: what is taken apart may have to be folded, and what is folded, to be put together.
    for _ in 0..2 {
        text.retain(|c| !is_invisible(c));
        text = UniCase::unicode(text).to_folded_case().nfkc().collect();
    }
    text.retain(|c| !is_invisible(c));
    collapsed(&text)
}

/// The text with one space for each stretch of white space, and none around it.
fn collapsed(text: &str) -> String {
    let mut words = text.split(is_space).filter(|word| !word.is_empty());
    let mut whole = words.next().unwrap_or_default().to_owned();
    for word in words {
        whole.push(' ');
        whole.push_str(word);
    }
    whole
}

/// White space as Rust, JavaScript and Python have it together; NFKC makes a space of all other kinds.
fn is_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | '\u{1c}'..=' ' | '\u{85}' | '\u{1680}' | '\u{2028}' | '\u{2029}')
}

/// `Default_Ignorable_Code_Point`, written out, so that it is the same in all three languages.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}
