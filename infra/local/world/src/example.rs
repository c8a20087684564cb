//! The example that a newcomer starts from: one small world, in the two formats that people write
//! by hand.

use super::Format;

/// The example as text. There is none in JSON, because JSON has no comments to explain it.
pub fn example(format: Format) -> Option<&'static str> {
    match format {
        Format::Toml => Some(include_str!("../../data/world.toml")),
        Format::Yaml => Some(include_str!("../../data/world.yaml")),
        Format::Json => None,
    }
}
