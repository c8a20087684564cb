//! Whether a condition holds for an item.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::condition::{Comparator, Condition, Operand};
use crate::number::Number;
use crate::value::{Attributes, Value};

impl Condition {
    /// Whether the condition holds. An item that does not exist has no attributes.
    pub(crate) fn holds(&self, item: &Attributes) -> bool {
        match self {
            Self::And(one, two) => one.holds(item) && two.holds(item),
            Self::Or(one, two) => one.holds(item) || two.holds(item),
            Self::Not(inner) => !inner.holds(item),
            Self::Compare(one, comparator, two) => {
                let (one, two) = (one.value(item), two.value(item));
                one.zip(two).map_or(*comparator == Comparator::Unequal, |(one, two)| comparator.holds(&one, &two))
            }
            Self::Between(value, low, high) => {
                let Some(value) = value.value(item) else { return false };
                let is = |bound: &Operand, wanted: fn(Ordering) -> bool| {
                    bound.value(item).and_then(|bound| value.compare(&bound)).is_some_and(wanted)
                };
                is(low, Ordering::is_ge) && is(high, Ordering::is_le)
            }
            Self::In(value, list) => {
                let Some(value) = value.value(item) else { return false };
                list.iter().any(|other| other.value(item).is_some_and(|other| other == value))
            }
            Self::Exists(path) => path.find(item).is_some(),
            Self::IsAbsent(path) => path.find(item).is_none(),
            Self::IsOfType(path, kind) => path.find(item).is_some_and(|value| value.kind() == kind),
            Self::BeginsWith(value, prefix) => match (value.value(item).as_deref(), prefix.value(item).as_deref()) {
                (Some(Value::S(text)), Some(Value::S(prefix))) => text.starts_with(&**prefix),
                (Some(Value::B(bytes)), Some(Value::B(prefix))) => bytes.bytes().starts_with(prefix.bytes()),
                _ => false,
            },
            Self::Contains(value, part) => {
                value.value(item).zip(part.value(item)).is_some_and(|(value, part)| contains(&value, &part))
            }
        }
    }
}

impl Comparator {
    fn holds(self, one: &Value, two: &Value) -> bool {
        let is = |wanted: fn(Ordering) -> bool| one.compare(two).is_some_and(wanted);
        match self {
            Self::Equal => one == two,
            Self::Unequal => one != two,
            Self::Less => is(Ordering::is_lt),
            Self::AtMost => is(Ordering::is_le),
            Self::Greater => is(Ordering::is_gt),
            Self::AtLeast => is(Ordering::is_ge),
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, item: &'a Attributes) -> Option<Cow<'a, Value>> {
        match self {
            Self::Path(path) => path.find(item).map(Cow::Borrowed),
            Self::Value(value) => Some(Cow::Borrowed(value)),
            Self::Size(path) => {
                let size = size(path.find(item)?)?;
                Number::parse(&size.to_string()).ok().map(|number| Cow::Owned(Value::N(number)))
            }
        }
    }
}

/// What the function `size` tells of a value; `None` of one that has no size.
fn size(value: &Value) -> Option<usize> {
    Some(match value {
        Value::S(text) => text.encode_utf16().count(),
        Value::B(binary) => binary.bytes().len(),
        Value::L(list) => list.len(),
        Value::M(map) => map.len(),
        Value::Ss(set) => set.len(),
        Value::Ns(set) => set.len(),
        Value::Bs(set) => set.len(),
        Value::N(_) | Value::Bool(_) | Value::Null => return None,
    })
}

fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::S(text), Value::S(part)) => text.contains(&**part),
        (Value::B(bytes), Value::B(part)) => {
            let (bytes, part) = (bytes.bytes(), part.bytes());
            part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
        }
        (Value::Ss(set), Value::S(text)) => set.contains(text),
        (Value::Ns(set), Value::N(number)) => set.contains(number),
        (Value::Bs(set), Value::B(binary)) => set.contains(binary),
        (Value::L(list), part) => list.contains(part),
        _ => false,
    }
}
