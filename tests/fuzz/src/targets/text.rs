//! Text from outside, made harmless; and words for a shell.

use pmp_protocol::{PlainText, json_without_acting, plain_document};

use super::{shell, utf8};
use pmp_protocol::testing::acts;

/// The first byte is a bound, the rest the text.
pub(super) fn text(bytes: &[u8]) {
    let Some((bound, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    for most in [usize::from(*bound), PlainText::MAX_BYTES] {
        let shown = PlainText::bounded(&text, most);
        assert!(shown.as_str().len() <= most);
        assert!(!shown.as_str().chars().any(acts), "{shown:?}");
        assert_eq!(PlainText::bounded(shown.as_str(), most), shown, "what is harmless stays as it is");
    }
    let document = plain_document(&text);
    assert!(!document.chars().any(|c| acts(c) && c != '\n'), "{document:?}");
    let json = serde_json::to_string(&text).expect("a text");
    let escaped = json_without_acting(&json);
    assert!(!escaped.chars().any(acts), "{escaped:?}");
    assert_eq!(serde_json::from_str::<String>(&escaped).expect("the same text"), text);
    if let Some(text) = utf8(rest) {
        shell::words(text);
    }
}
