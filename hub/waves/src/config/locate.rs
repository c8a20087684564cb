//! Finds the line of a field, for mistakes that no single field has by itself.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::Format;

/// A part of the path of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A field by its name.
    Field(&'static str),
    /// An element of a list, from 0.
    Index(usize),
}

/// The path as a person reads it, such as `waves[1].share`.
pub(super) fn shown(path: &[Part]) -> String {
    let mut shown = String::new();
    for part in path {
        match part {
            Part::Index(index) => shown += &format!("[{index}]"),
            Part::Field(field) if shown.is_empty() => shown += field,
            Part::Field(field) => shown += &format!(".{field}"),
        }
    }
    shown
}

/// The line on which the value at `path` begins, from 1. Of a text that was read before; where the
/// value is not found all the same, it is the first.
pub(super) fn line(text: &str, format: Format, path: &[Part]) -> usize {
    let start = match format {
        Format::Toml => in_toml(text, path),
        Format::Json => in_json(text, path),
    };
    text.get(..start.unwrap_or(0)).unwrap_or_default().matches('\n').count() + 1
}

fn in_toml(text: &str, path: &[Part]) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let mut start = table.span().start;
    let mut value = DeValue::Table(table.into_inner());
    for part in path {
        let next = match (part, value) {
            (Part::Field(field), DeValue::Table(mut table)) => table.remove(*field)?,
            (Part::Index(index), DeValue::Array(array)) => array.into_iter().nth(*index)?,
            _ => return None,
        };
        start = next.span().start;
        value = next.into_inner();
    }
    Some(start)
}

fn in_json(text: &str, path: &[Part]) -> Option<usize> {
    let mut value = text;
    for part in path {
        let next: &RawValue = match part {
            Part::Field(field) => serde_json::from_str::<BTreeMap<String, &RawValue>>(value).ok()?.remove(*field)?,
            Part::Index(index) => serde_json::from_str::<Vec<&RawValue>>(value).ok()?.get(*index)?,
        };
        value = next.get();
    }
    // `value` is a part of `text`.
    (value.as_ptr() as usize).checked_sub(text.as_ptr() as usize)
}
