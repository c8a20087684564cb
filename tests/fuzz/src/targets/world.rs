//! The world file of the embedded AWS, in its three formats.

use pmp_world::{Format, World};

use super::utf8;
use crate::memory::within;
use crate::refusal::{is_sentence, is_told};

pub(super) fn world(bytes: &[u8]) {
    let Some(text) = utf8(bytes) else { return };
    for format in [Format::Toml, Format::Yaml, Format::Json] {
        // A tree of the text, and the world beside it.
        let world = match within(1024 * 1024 + 512 * bytes.len(), || World::parse(text, format)) {
            Ok(world) => world,
            Err((field, error)) => {
                is_told(&error);
                assert!(!field.is_empty() || !error.to_string().is_empty());
                continue;
            }
        };
        // Its JSON is another text of the same world.
        let written = serde_json::to_string(&world).expect("a world is JSON");
        let again = World::parse(&written, Format::Json);
        let again = again.unwrap_or_else(|(field, error)| panic!("{field}: {error}: {written}"));
        assert_eq!(serde_json::to_string(&again).expect("as before"), written);
        match (world.validate(), again.validate()) {
            (Ok(()), Ok(())) => {}
            (Err(one), Err(other)) => {
                is_told(&one);
                is_sentence(&other.to_string());
                assert_eq!(one.to_string(), other.to_string());
            }
            (one, other) => panic!("{one:?}, and {other:?} of the same world"),
        }
    }
}
