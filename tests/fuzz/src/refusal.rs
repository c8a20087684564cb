//! What every refusal must have: a code, a sentence, and nothing in it that acts.

use std::cell::RefCell;
use std::collections::BTreeMap;

use pmp_protocol::testing::acts;
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
