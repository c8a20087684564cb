//! Paths to attributes, and to what lies within maps and lists.

use std::fmt;

use super::Kind;
use crate::error::Error;
use crate::value::{Attributes, Value};

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Index(usize),
    Name(String),
}

/// A path into an item: the name of an attribute, and steps from there on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path {
    pub(crate) attribute: String,
    pub(crate) steps: Vec<Step>,
}

impl Path {
    /// What lies at the path.
    pub(crate) fn find<'a>(&self, item: &'a Attributes) -> Option<&'a Value> {
        self.steps.iter().try_fold(item.get(&self.attribute)?, |value, step| match (value, step) {
            (Value::M(map), Step::Name(name)) => map.get(name),
            (Value::L(list), Step::Index(index)) => list.get(*index),
            _ => None,
        })
    }

    /// The value around the last step, with that step; `None` if there is no such value.
    pub(crate) fn parent_of<'a, 'p>(&'p self, item: &'a mut Attributes) -> Option<(&'a mut Value, &'p Step)> {
        let (last, before) = self.steps.split_last()?;
        let around = before.iter().try_fold(item.get_mut(&self.attribute)?, |value, step| match (value, step) {
            (Value::M(map), Step::Name(name)) => map.get_mut(name),
            (Value::L(list), Step::Index(index)) => list.get_mut(*index),
            _ => None,
        })?;
        Some((around, last))
    }
}

impl fmt::Display for Path {
    /// The path as DynamoDB's errors write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.attribute)?;
        for step in &self.steps {
            match step {
                Step::Name(name) => write!(f, ", {name}")?,
                Step::Index(index) => write!(f, ", [{index}]")?,
            }
        }
        f.write_str("]")
    }
}

/// Refuses two paths of which one leads to or into the other, or that cannot be in one item.
pub(super) fn check_apart<'a>(kind: Kind, paths: impl Iterator<Item = &'a Path>) -> Result<(), Error> {
    let mut sorted: Vec<(usize, &Path)> = paths.enumerate().collect();
    // Of paths in this order, those that are in each other's way are neighbours.
    sorted.sort_by_key(|(_, path)| *path);
    for pair in sorted.windows(2) {
        let [(place, one), (other_place, two)] = pair else { continue };
        if one.attribute != two.attribute {
            continue;
        }
        let shared = one.steps.iter().zip(&two.steps).take_while(|(one, two)| one == two).count();
        let problem = match (one.steps.get(shared), two.steps.get(shared)) {
            (None, _) | (_, None) => "overlap",
            (Some(Step::Name(_)), Some(Step::Index(_))) | (Some(Step::Index(_)), Some(Step::Name(_))) => "conflict",
            _ => continue,
        };
        let (first, second) = if place < other_place { (one, two) } else { (two, one) };
        return Err(kind.error(format!(
            "Two document paths {problem} with each other; must remove or rewrite one of these paths; path one: {first}, path two: {second}"
        )));
    }
    Ok(())
}
