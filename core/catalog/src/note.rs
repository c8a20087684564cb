//! Notes as they are taken over from a policy: blanks in them say nothing, and neither does the
//! order in which a policy lists its products. So none of both makes a new snapshot.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use pmp_protocol::{Note, ProductId};

/// The note that `text` is, with one blank between its words and behind its commas; none where
/// nothing stands there.
pub(crate) fn read(text: &str) -> Option<Note> {
    joined(parts(text))
}

/// Puts a note on a product. One that has another already gets the words of both, whichever was
/// first.
pub(crate) fn put(notes: &mut BTreeMap<ProductId, Note>, product: &ProductId, note: &Note) {
    match notes.entry(product.clone()) {
        Entry::Vacant(free) => _ = free.insert(note.clone()),
        Entry::Occupied(mut taken) if taken.get() != note => {
            let both: BTreeSet<_> = parts(taken.get().as_str()).chain(parts(note.as_str())).collect();
            if let Some(both) = joined(both.into_iter()) {
                taken.insert(both);
            }
        }
        Entry::Occupied(_) => {}
    }
}

/// What stands between the commas, where that is something.
fn parts(text: &str) -> impl Iterator<Item = String> {
    let words = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split(',').map(words).filter(|part| !part.is_empty())
}

fn joined(parts: impl Iterator<Item = String>) -> Option<Note> {
    Note::new(&parts.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_say_nothing() {
        for text in ["genai, eu only", " genai,eu  only ", "genai\t,\u{a0}eu only,", ",genai , eu\nonly"] {
            assert_eq!(read(text).unwrap().as_str(), "genai, eu only", "{text:?}");
        }
        assert_eq!((read(" "), read(" , ,")), (None, None));
    }

    #[test]
    fn two_notes_on_one_product_are_one_whichever_was_first() {
        let product = ProductId::new("prod-a").unwrap();
        let both = |first: &str, second: &str| {
            let mut notes = BTreeMap::new();
            for text in [first, second, first] {
                put(&mut notes, &product, &read(text).unwrap());
            }
            notes[&product].as_str().to_owned()
        };
        assert_eq!(both("b, a", "c"), "a, b, c");
        assert_eq!(both("c", "b, a"), "a, b, c");
        // As it was written, where there is one.
        assert_eq!(both("b, a", "b,a"), "b, a");
    }
}
