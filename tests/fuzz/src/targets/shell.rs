//! Values that a person pastes into a shell: what `doctor` prints must mean the value, and nothing
//! else.

use pmp_terminal::{export, is_variable_name, word};

use pmp_protocol::testing::acts;

/// What a POSIX shell makes of one word; none where it would be more than one, or would expand.
fn read(word: &str) -> Option<String> {
    let (mut value, mut rest) = (String::new(), word);
    while let Some(c) = rest.chars().next() {
        match c {
            '\'' => {
                let (inside, after) = rest[1..].split_once('\'')?;
                value.push_str(inside);
                rest = after;
            }
            '\\' => {
                let escaped = rest[1..].chars().next().filter(|c| *c != '\n')?;
                value.push(escaped);
                rest = &rest[1 + escaped.len_utf8()..];
            }
            plain if plain.is_ascii_alphanumeric() || "-_./:,@+=%".contains(plain) => {
                value.push(plain);
                rest = &rest[1..];
            }
            _ => return None,
        }
    }
    (!word.is_empty()).then_some(value)
}

pub(super) fn words(value: &str) {
    match word(value) {
        Some(word) => {
            assert_eq!(read(&word).as_deref(), Some(value), "{word:?}");
            assert!(!word.chars().any(acts), "{word:?}");
            assert_eq!(export("NAME", value), Some(format!("export NAME={word}")));
        }
        None => assert!(export("NAME", value).is_none()),
    }
    if is_variable_name(value) {
        assert_eq!(word(value).as_deref(), Some(value), "a name needs no quotes");
        assert!(!value.starts_with(|c: char| c.is_ascii_digit()));
    }
}
