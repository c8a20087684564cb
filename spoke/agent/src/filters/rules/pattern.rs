//! Patterns of experiences' names, with `*` and `?`.

use std::fmt;

use pmp_filter_names::key;

/// The longest pattern, in characters.
const MAX_LENGTH: usize = 256;

/// A pattern of an experience's name: `*` stands for any text, `?` for any character, and every
/// other character for itself. The comparison ignores letter case, white space, and the encoding of
/// characters, as people do when they read names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamePattern {
    written: String,
    key: Vec<char>,
}

/// The reason why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    #[error("it is empty")]
    Empty,
    #[error("it has more than {MAX_LENGTH} characters")]
    TooLong,
}

pmp_protocol::codes!(PatternError {
    Empty => "E5110",
    TooLong => "E5111",
});

pmp_protocol::without_hint!(PatternError);

impl NamePattern {
    pub(super) fn new(written: &str) -> Result<Self, PatternError> {
        if written.chars().count() > MAX_LENGTH {
            return Err(PatternError::TooLong);
        }
        let key: Vec<char> = key(written).chars().collect();
        if key.is_empty() { Err(PatternError::Empty) } else { Ok(Self { written: written.trim().to_owned(), key }) }
    }

    pub(super) fn as_written(&self) -> &str {
        &self.written
    }

    /// Whether it matches every name.
    pub(super) fn is_any(&self) -> bool {
        self.key.iter().all(|c| *c == '*')
    }

    /// Whether the two are known to match the same names. `false` may also mean that it is not
    /// known.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.key == other.key
    }

    /// Whether the whole of `name` matches. Takes at most the product of both lengths.
    pub(super) fn matches(&self, name: &str) -> bool {
        let (pattern, name): (&[char], Vec<char>) = (&self.key, key(name).chars().collect());
        let (mut p, mut n) = (0, 0);
        // The position after the last `*`, and the end of the part of the name that it stands for.
        let mut retry: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    retry = Some((p + 1, n));
                    p += 1;
                }
                Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
                _ => match retry {
                    Some((behind, until)) => {
                        retry = Some((behind, until + 1));
                        (p, n) = (behind, until + 1);
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        NamePattern::new(pattern).unwrap().matches(name)
    }

    #[test]
    fn a_star_is_any_text_and_a_question_mark_any_character() {
        for (pattern, name, expected) in [
            ("Sandbox", "sandbox", true),
            ("Sandbox", "Sandbox 1", false),
            ("Sandbox*", "Sandbox 1", true),
            ("Sandbox*", "SANDBOX", true),
            ("*box*", "A Sandbox here", true),
            ("Sandbox ?", "Sandbox 1", true),
            ("Sandbox ?", "Sandbox 12", false),
            ("*ab*ab", "abxab ab", true),
            ("*ab*ab", "abx", false),
            ("Straße*", "STRASSE\u{a0}Nord", true),
            ("*", "", true),
            ("?", "", false),
            ("[a-z]", "b", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert_eq!(NamePattern::new(" \u{a0}"), Err(PatternError::Empty));
        assert_eq!(NamePattern::new(&"x".repeat(257)), Err(PatternError::TooLong));
        // A pattern with the most stars possible, on a long name, still comes to an end.
        assert!(!matches(&"*a".repeat(128), &"ab".repeat(4_000)));
    }

    /// Matches by trying everything.
    fn by_definition(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, rest) => rest.is_none(),
            (Some(('*', behind)), rest) => {
                by_definition(behind, name) || rest.is_some_and(|(_, left)| by_definition(pattern, left))
            }
            (Some((c, behind)), Some((n, left))) => (*c == '?' || c == n) && by_definition(behind, left),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn it_matches_what_its_definition_says(pattern in "[ab*?]{1,8}", name in "[ab]{0,8}") {
            let expected = by_definition(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>());
            prop_assert_eq!(matches(&pattern, &name), expected);
        }
    }
}
