//! YAML of the documents that are JSON otherwise. What could act on a terminal is spelled as an
//! escape, as it is in JSON.

use std::fmt::Write;
use std::io;

use pmp_protocol::PlainText;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::DoubleQuoted;

/// The document, without a line break at its end.
pub(crate) fn document(value: &Value) -> io::Result<String> {
    // A text is one line whatever its length: `grep` finds it.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let text = serde_saphyr::to_string_with_options(&Shown(value), options)
        .map_err(|error| io::Error::other(error.to_string()))?;
    let mut escaped = String::with_capacity(text.len());
    for c in text.trim_end_matches('\n').chars() {
        // What acts stands between double quotes, where an escape means the character.
        let _infallible = match u32::from(c) {
            _ if c == '\n' || !acts(c) => escaped.write_char(c),
            code @ ..=0xffff => write!(escaped, "\\u{code:04x}"),
            code => write!(escaped, "\\U{code:08x}"),
        };
    }
    Ok(escaped)
}

/// Whether a character does something where it is shown.
fn acts(c: char) -> bool {
    // Nearly all of them are these.
    if matches!(c, ' '..='~') {
        return false;
    }
    let alone = c.to_string();
    PlainText::bounded(&alone, usize::MAX).as_str() != alone
}

/// A value whose texts are between double quotes where they hold what acts.
struct Shown<'a>(&'a Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) if text.chars().any(acts) => DoubleQuoted(text).serialize(serializer),
            Value::Array(list) => {
                let mut sequence = serializer.serialize_seq(Some(list.len()))?;
                for value in list {
                    sequence.serialize_element(&Shown(value))?;
                }
                sequence.end()
            }
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, &Shown(value))?;
                }
                map.end()
            }
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_reads_back_as_what_it_was_and_nothing_in_it_acts() {
        let long = "word ".repeat(60);
        let texts = [
            "yes",
            "null",
            "1",
            "2026-11-24",
            "- x",
            "a: b",
            "# no",
            "",
            " ",
            "line\nbreak",
            "\u{1b}[2J",
            "\u{202e}gnp",
            "\u{e0041}",
            "\u{2028}x",
            "a\u{200d}b",
            "it's \"so\"",
            "\\u202e",
            "東京",
            "exp-1#",
            "@x",
            "%y",
            "!tag",
            "&a",
            "*b",
            "{",
            "[",
            long.as_str(),
        ];
        let value = json!({"texts": texts, "none": null, "number": -1, "nested": {"list": [], "map": {}, "yes": true}});
        let text = document(&value).unwrap();
        assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), value, "{text}");
        assert!(text.chars().all(|c| c == '\n' || !acts(c)), "{text:?}");
    }
}
