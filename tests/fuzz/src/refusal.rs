//! What every refusal must have: a code, a sentence, and nothing in it that acts.

use std::cell::RefCell;
use std::collections::BTreeMap;

use pmp_protocol::{Hint, PlainText, render};

thread_local! {
    static OUTCOMES: RefCell<BTreeMap<String, usize>> = const { RefCell::new(BTreeMap::new()) };
}

/// Counts an outcome: the code of a refusal, or a word.
pub(crate) fn note(outcome: &str) {
    OUTCOMES.with_borrow_mut(|outcomes| match outcomes.get_mut(outcome) {
        Some(times) => *times += 1,
        None => _ = outcomes.insert(outcome.to_owned(), 1),
    });
}

/// How often each outcome came about in this thread.
pub(crate) fn outcomes() -> BTreeMap<String, usize> {
    OUTCOMES.with_borrow(Clone::clone)
}

/// Characters that act on a terminal, or that nobody sees: written down by their meaning, and not
/// taken from the code that keeps them away.
pub(crate) fn acts(c: char) -> bool {
    let number = u32::from(c);
    c.is_control()
        || [0x061c, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x00ad, 0x034f, 0x3164, 0xfeff].contains(&number)
        || (0x202a..=0x202e).contains(&number)
        || (0x2060..=0x206f).contains(&number)
        || (0xe0000..=0xe00ff).contains(&number)
        || (0xe01f0..=0xe0fff).contains(&number)
}

/// Takes a refusal as a person is told of it.
///
/// # Panics
/// Where it has no sentence, no code, or something that acts (rule 14).
pub(crate) fn is_told(error: &dyn Hint) {
    note(&error.code().to_string());
    let text = render(error);
    let mut lines = text.lines();
    let sentence = lines.next().and_then(|line| line.strip_prefix("error: ")).unwrap_or_default();
    assert!(sentence.trim().len() > 3, "there is no sentence: {text:?}");
    let code = lines.next_back().and_then(|line| line.strip_prefix("code: E")).unwrap_or_default();
    assert!(code.len() == 4 && code.bytes().all(|digit| digit.is_ascii_digit()), "there is no code: {text:?}");
    assert!(!text.chars().any(|c| acts(c) && c != '\n'), "something acts: {text:?}");
}

/// The same of a refusal that is a sentence alone, which its caller gives a code.
pub(crate) fn is_sentence(text: &str) {
    let shown = PlainText::new(text);
    assert!(shown.as_str().trim().len() > 3, "there is no sentence: {text:?}");
    assert!(!shown.as_str().chars().any(acts), "something acts: {text:?}");
}
