//! The operations of the catalog that have a rate of their own, and one value for each.

use std::fmt;
use std::ops::{Index, IndexMut};

/// An operation that AWS limits by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `ListEntities`, by which experiences are listed.
    ListEntities,
    /// `DescribeEntity` and `BatchDescribeEntities` together: the latter's quota is not documented.
    DescribeEntity,
    /// `StartChangeSet`, by which changes begin.
    StartChangeSet,
    /// `DescribeChangeSet`, by which change sets are polled.
    DescribeChangeSet,
    /// `ListChangeSets`, for what others changed.
    ListChangeSets,
}

impl Operation {
    /// All of them, each at the place of its number.
    pub const ALL: [Self; 5] =
        [Self::ListEntities, Self::DescribeEntity, Self::StartChangeSet, Self::DescribeChangeSet, Self::ListChangeSets];

    /// As operators spell it in `--catalog-rates`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ListEntities => "list-entities",
            Self::DescribeEntity => "describe-entity",
            Self::StartChangeSet => "start-change-set",
            Self::DescribeChangeSet => "describe-change-set",
            Self::ListChangeSets => "list-change-sets",
        }
    }

    /// The operation that is spelled so; none for every other text.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == name)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One value for each operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PerOperation<T>([T; Operation::ALL.len()]);

impl<T> PerOperation<T> {
    /// What `make` returns for each operation.
    pub fn new(make: impl FnMut(Operation) -> T) -> Self {
        Self(Operation::ALL.map(make))
    }
}

impl<T> Index<Operation> for PerOperation<T> {
    type Output = T;

    fn index(&self, operation: Operation) -> &T {
        &self.0[operation as usize]
    }
}

impl<T> IndexMut<Operation> for PerOperation<T> {
    fn index_mut(&mut self, operation: Operation) -> &mut T {
        &mut self.0[operation as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_a_name_and_a_place_of_its_own() {
        let names = PerOperation::new(Operation::as_str);
        for operation in Operation::ALL {
            assert_eq!(Operation::from_name(operation.as_str()), Some(operation));
            assert_eq!(names[operation], operation.as_str());
        }
        assert_eq!(Operation::from_name("start"), None);
    }
}
