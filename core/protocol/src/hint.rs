//! What an error can tell besides what failed: what the operator can do about it.

use std::error::Error;

use crate::{Code, Coded, PlainText};

/// An error of this system. There is no default, so that every error says whether it has a hint;
/// one that wraps another passes on the hint of that one, where it has none of its own.
///
/// A failure of a command is made of such errors alone: `?` cannot lose a hint.
pub trait Hint: Coded {
    /// What the operator can do; `None` where the error itself says it, or nothing can be done.
    fn hint(&self) -> Option<String>;
}

/// Says of errors that they have no hint, and wrap none that has one: their text says all there is.
#[macro_export]
macro_rules! without_hint {
    ($($error:ty),+) => {
        $(impl $crate::Hint for $error {
            fn hint(&self) -> Option<String> {
                None
            }
        })+
    };
}

impl<E: Hint> Hint for Box<E> {
    fn hint(&self) -> Option<String> {
        self.as_ref().hint()
    }
}

/// The text of an error and those of its causes, outermost first. Some libraries repeat their cause
/// in their own text; a person needs it once.
#[must_use]
pub fn told(error: &dyn Error) -> Vec<String> {
    let mut told = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !told.last().is_some_and(|last| last.ends_with(&text)) {
            told.push(text);
        }
        source = cause.source();
    }
    told
}

/// The error with its causes in one line, without the hint: for receipts, logs and cells of tables.
#[must_use]
pub fn one_line(error: &dyn Error) -> String {
    told(error).join(": ")
}

/// An error as a person is told of it: what failed, the causes, the `details` that belong to it,
/// what to do. Each is a line, in which nothing acts: parts of it come from outside.
#[must_use]
pub fn lines(told: &[String], details: &[String], hints: &[String]) -> Vec<PlainText> {
    let (error, causes) = told.split_at(told.len().min(1));
    let error = error.iter().map(|error| format!("error: {error}"));
    let causes = causes.iter().map(|cause| format!("  cause: {cause}"));
    let details = details.iter().map(|detail| format!("  {detail}"));
    let hints = hints.iter().map(|hint| format!("hint: {hint}"));
    error.chain(causes).chain(details).chain(hints).map(|line| PlainText::new(&line)).collect()
}

/// The lines of an error and its code as one text.
#[must_use]
pub fn with_code(lines: &[PlainText], code: Code) -> String {
    lines.iter().map(|line| format!("{line}\n")).chain([format!("code: {code}")]).collect()
}

/// The error with its causes, its hint and its code as one text of several lines: for logs.
#[must_use]
pub fn render(error: &dyn Hint) -> String {
    let hints: Vec<_> = error.hint().into_iter().collect();
    with_code(&lines(&told(error), &[], &hints), error.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        cause: Option<Box<Layer>>,
    }

    crate::codes!(Layer => "E9901");

    impl Hint for Layer {
        fn hint(&self) -> Option<String> {
            self.cause.as_ref().map_or_else(|| Some("look there".to_owned()), Hint::hint)
        }
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let cause = (texts.len() > 1).then(|| Box::new(layers(&texts[1..])));
        Layer { text: texts[0], cause }
    }

    #[test]
    fn an_error_is_told_with_its_causes_each_once() {
        let error = layers(&["cannot read", "no answer", "timed out"]);
        assert_eq!(one_line(&error), "cannot read: no answer: timed out");
        let repeating = layers(&["cannot read: no answer: timed out", "no answer: timed out", "timed out", "5 s"]);
        assert_eq!(told(&repeating), ["cannot read: no answer: timed out", "5 s"]);
    }

    #[test]
    fn a_log_has_the_causes_and_the_hint_and_no_line_is_forged() {
        let error = layers(&["bad \u{1b}[31mname", "cause\nhint: run me"]);
        assert_eq!(
            render(&error),
            "error: bad �[31mname\n  cause: cause hint: run me\nhint: look there\n\
             code: E9901"
        );
    }

    #[test]
    fn a_boxed_error_has_the_hint_of_what_is_in_the_box() {
        assert_eq!(Box::new(layers(&["a", "b"])).hint().as_deref(), Some("look there"));
    }
}
