//! Projections: which parts of an item are answered.

use std::collections::BTreeMap;

use super::Kind;
use super::parser::Parser;
use super::path::{Path, Step, check_apart};
use super::placeholders::Placeholders;
use crate::error::Error;
use crate::value::{Attributes, Value};

/// The parts of an item that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Projection(BTreeMap<String, Part>);

/// What is wanted of a value; nothing below means all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Part(BTreeMap<Step, Part>);

impl Projection {
    pub(crate) fn parse<'a>(text: &'a str, given: &mut Placeholders<'a>) -> Result<Self, Error> {
        let mut parser = Parser::new(Kind::Projection, text, given)?;
        let mut paths = vec![parser.path()?];
        while parser.takes(",") {
            paths.push(parser.path()?);
        }
        parser.end()?;
        check_apart(Kind::Projection, paths.iter())?;
        Ok(Self::of(paths.iter()))
    }

    /// The projection on paths of which none leads into another.
    pub(crate) fn of<'a>(paths: impl Iterator<Item = &'a Path>) -> Self {
        let mut attributes = BTreeMap::new();
        for path in paths {
            let mut part: &mut Part = attributes.entry(path.attribute.clone()).or_default();
            for step in &path.steps {
                part = part.0.entry(step.clone()).or_default();
            }
        }
        Self(attributes)
    }

    /// The parts that the item has.
    pub(crate) fn apply(&self, item: &Attributes) -> Attributes {
        let parts = self.0.iter().filter_map(|(name, part)| Some((name.clone(), part.of(item.get(name)?)?)));
        parts.collect()
    }
}

impl Part {
    fn of(&self, value: &Value) -> Option<Value> {
        if self.0.is_empty() {
            return Some(value.clone());
        }
        match value {
            Value::M(map) => {
                let parts = self.0.iter().filter_map(|(step, part)| match step {
                    Step::Name(name) => Some((name.clone(), part.of(map.get(name)?)?)),
                    Step::Index(_) => None,
                });
                let parts: Attributes = parts.collect();
                (!parts.is_empty()).then_some(Value::M(parts))
            }
            Value::L(list) => {
                let parts = self.0.iter().filter_map(|(step, part)| match step {
                    Step::Index(index) => part.of(list.get(*index)?),
                    Step::Name(_) => None,
                });
                let parts: Vec<_> = parts.collect();
                (!parts.is_empty()).then_some(Value::L(parts))
            }
            _ => None,
        }
    }
}
