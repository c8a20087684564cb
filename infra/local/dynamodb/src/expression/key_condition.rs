//! Conditions on keys, by which a query finds its items.

use std::ops::Bound;

use super::Kind;
use super::condition::{Comparator, Condition, Operand};
use super::path::Path;
use super::placeholders::Placeholders;
use crate::error::Error;
use crate::key::{Key, KeyAttribute, KeySchema};
use crate::value::Value;

const KIND: Kind = Kind::KeyCondition;
const UNSUPPORTED: &str = "Query key condition not supported";

/// The items that a query wants: a partition, and a part of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) partition: Key,
    pub(crate) sort: Sort,
}

/// The sort keys that a query wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    All,
    Within(Bound<Key>, Bound<Key>),
    BeginningWith(Key),
}

impl Sort {
    pub(crate) fn includes(&self, key: &Key) -> bool {
        match self {
            Self::All => true,
            Self::Within(from, to) => std::ops::RangeBounds::contains(&(from.as_ref(), to.as_ref()), key),
            Self::BeginningWith(prefix) => key.begins_with(prefix),
        }
    }
}

/// One comparison of an attribute with values.
struct Part<'a> {
    attribute: &'a str,
    test: Test<'a>,
}

enum Test<'a> {
    Compare(Comparator, &'a Value),
    Between(&'a Value, &'a Value),
    BeginsWith(&'a Value),
}

impl Wanted {
    pub(crate) fn parse<'a>(schema: &KeySchema, text: &'a str, given: &mut Placeholders<'a>) -> Result<Self, Error> {
        let condition = Condition::parse(KIND, text, given)?;
        let mut parts = Vec::new();
        collect(&condition, &mut parts)?;
        if parts.len() > 2 {
            return Err(Error::validation("Conditions can be of length 1 or 2 only"));
        }
        let named = |attribute: &KeyAttribute| parts.iter().filter(|part| part.attribute == attribute.name).count();
        if parts.len() == 2 && schema.attributes().any(|attribute| named(attribute) == 2) {
            return Err(Error::validation("KeyConditionExpressions must only contain one condition per key"));
        }
        let test = |attribute: &KeyAttribute| parts.iter().find(|part| part.attribute == attribute.name);
        let missed = |attribute: &KeyAttribute| {
            Error::validation(format!("Query condition missed key schema element: {}", attribute.name))
        };
        let partition = match test(&schema.partition).ok_or_else(|| missed(&schema.partition))?.test {
            Test::Compare(Comparator::Equal, value) => KeySchema::of_condition(&schema.partition, value)?,
            _ => return Err(Error::validation(UNSUPPORTED)),
        };
        let sort = match (&schema.sort, parts.len()) {
            (_, 1) => Sort::All,
            (None, _) => return Err(Error::validation(UNSUPPORTED)),
            (Some(attribute), _) => sort(attribute, &test(attribute).ok_or_else(|| missed(attribute))?.test)?,
        };
        Ok(Self { partition, sort })
    }
}

fn sort(attribute: &KeyAttribute, test: &Test<'_>) -> Result<Sort, Error> {
    let key = |value| KeySchema::of_condition(attribute, value);
    Ok(match test {
        Test::Compare(comparator, value) => {
            let key = key(value)?;
            match comparator {
                Comparator::Equal => Sort::Within(Bound::Included(key.clone()), Bound::Included(key)),
                Comparator::Less => Sort::Within(Bound::Unbounded, Bound::Excluded(key)),
                Comparator::AtMost => Sort::Within(Bound::Unbounded, Bound::Included(key)),
                Comparator::Greater => Sort::Within(Bound::Excluded(key), Bound::Unbounded),
                Comparator::AtLeast => Sort::Within(Bound::Included(key), Bound::Unbounded),
                Comparator::Unequal => return Err(unsupported("<>")),
            }
        }
        Test::Between(from, to) => Sort::Within(Bound::Included(key(from)?), Bound::Included(key(to)?)),
        Test::BeginsWith(prefix) => Sort::BeginningWith(key(prefix)?),
    })
}

fn unsupported(operator: &str) -> Error {
    KIND.error(format!("Invalid operator used in KeyConditionExpression: {operator}"))
}

fn collect<'a>(condition: &'a Condition, parts: &mut Vec<Part<'a>>) -> Result<(), Error> {
    match condition {
        Condition::And(one, two) => {
            collect(one, parts)?;
            collect(two, parts)
        }
        Condition::Compare(Operand::Path(path), comparator, Operand::Value(value)) => {
            let test = Test::Compare(*comparator, value);
            add(path, test, parts)
        }
        Condition::Compare(Operand::Value(value), comparator, Operand::Path(path)) => {
            let turned = match comparator {
                Comparator::Less => Comparator::Greater,
                Comparator::AtMost => Comparator::AtLeast,
                Comparator::Greater => Comparator::Less,
                Comparator::AtLeast => Comparator::AtMost,
                same => *same,
            };
            add(path, Test::Compare(turned, value), parts)
        }
        Condition::Between(Operand::Path(path), Operand::Value(from), Operand::Value(to)) => {
            add(path, Test::Between(from, to), parts)
        }
        Condition::BeginsWith(Operand::Path(path), Operand::Value(prefix)) => {
            add(path, Test::BeginsWith(prefix), parts)
        }
        Condition::Or(..) => Err(unsupported("OR")),
        Condition::Not(_) => Err(unsupported("NOT")),
        Condition::In(..) => Err(unsupported("IN")),
        Condition::Exists(_) => Err(unsupported("attribute_exists")),
        Condition::IsAbsent(_) => Err(unsupported("attribute_not_exists")),
        Condition::IsOfType(..) => Err(unsupported("attribute_type")),
        Condition::Contains(..) => Err(unsupported("contains")),
        Condition::Compare(..) | Condition::Between(..) | Condition::BeginsWith(..) => {
            Err(Error::validation(UNSUPPORTED))
        }
    }
}

fn add<'a>(path: &'a Path, test: Test<'a>, parts: &mut Vec<Part<'a>>) -> Result<(), Error> {
    if !path.steps.is_empty() {
        return Err(KIND.error("KeyConditionExpressions cannot have conditions on nested attributes"));
    }
    if let Test::Compare(Comparator::Unequal, _) = test {
        return Err(unsupported("<>"));
    }
    parts.push(Part { attribute: &path.attribute, test });
    Ok(())
}
