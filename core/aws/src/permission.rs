//! What IAM must allow for a call. It is mostly the action of the operation's own name; where it is
//! not, a hint that named the operation would be followed in vain: IAM takes actions that do not
//! exist without a word.

use std::fmt;

/// The IAM actions that a call needs, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    operation: &'static str,
}

impl Permission {
    /// What `operation`, written as `service:Operation`, needs.
    #[must_use]
    pub fn of(operation: &'static str) -> Self {
        Self { operation }
    }

    /// The IAM actions that allow the call, such as `sns:Publish`.
    pub fn actions(self) -> impl Iterator<Item = &'static str> {
        let (action, also) = self.one_or_two();
        std::iter::once(action).chain(also)
    }

    fn one_or_two(self) -> (&'static str, Option<&'static str>) {
        match self.operation {
            "aws-marketplace:BatchDescribeEntities" => ("aws-marketplace:DescribeEntity", None),
            // What is in the transaction is what must be allowed: puts and updates.
            "dynamodb:TransactWriteItems" => ("dynamodb:PutItem", Some("dynamodb:UpdateItem")),
            "sqs:ChangeMessageVisibilityBatch" => ("sqs:ChangeMessageVisibility", None),
            "sqs:DeleteMessageBatch" => ("sqs:DeleteMessage", None),
            own_name => (own_name, None),
        }
    }
}

/// Each in backticks, as a hint names them.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (action, also) = self.one_or_two();
        write!(f, "`{action}`")?;
        also.map_or(Ok(()), |also| write!(f, " and `{also}`"))
    }
}
