//! The example that a newcomer starts from: one small world, in both of the formats that people write.

use super::Format;

/// The example as text. JSON has no comments, so there is none in it.
pub fn example(format: Format) -> Option<&'static str> {
    match format {
        Format::Toml => Some(include_str!("../../data/world.toml")),
        Format::Yaml => Some(include_str!("../../data/world.yaml")),
        Format::Json => None,
    }
}
