//! The two tables, and their names as operators give them: a name in the ledger's own account, or
//! an ARN.

use std::fmt;
use std::str::FromStr;

use pmp_aws::Arn;

/// The two tables of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Versions of management experiences.
    Snapshots,
    /// Receipts and signs of life.
    SyncTimestamps,
}

impl Table {
    /// The names of the partition key and of the sort key, both text.
    #[must_use]
    pub fn keys(self) -> (&'static str, &'static str) {
        // Protocol L1.
        match self {
            Self::Snapshots => ("experience", "item"),
            Self::SyncTimestamps => ("organization", "item"),
        }
    }

    /// Whether one of the two tables has the keys in this text.
    pub(crate) fn any_has_keys(spelled: &str) -> bool {
        [Self::Snapshots, Self::SyncTimestamps].iter().any(|table| table.spelled_keys() == spelled)
    }

    /// The names of its keys, for a person.
    pub(crate) fn spelled_keys(self) -> String {
        spell(self.keys())
    }
}

/// The names of two keys, for a person.
pub(crate) fn spell((partition, sort): (&str, &str)) -> String {
    format!("`{partition}` and `{sort}`")
}

/// A table's name or ARN. DynamoDB accepts either as a table name. It is small, because every error
/// of the ledger holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    text: Box<str>,
    /// The parsed ARN. `None` for a plain name.
    arn: Option<Box<Arn>>,
}

/// A text that names no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a table name (3 to 255 letters, digits, `_`, `-`, `.`) nor the ARN of a table")]
pub struct TableNameError(String);

pmp_protocol::codes!(TableNameError => "E1214");

pmp_protocol::without_hint!(TableNameError);

impl TableName {
    /// The name or the ARN, as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The region of the ARN. `None` for a plain name.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.arn.as_deref().map(Arn::region)
    }

    /// The account of the ARN. `None` for a plain name.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.arn.as_deref().map(Arn::account)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for TableName {
    type Err = TableNameError;

    fn from_str(text: &str) -> Result<Self, TableNameError> {
        let arn = text.parse::<Arn>().ok();
        let name = match &arn {
            None => Some(text),
            Some(arn) if is_of_a_table(arn) => arn.resource().strip_prefix("table/"),
            Some(_) => None,
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        match name {
            Some(name) if (3..=255).contains(&name.len()) && name.bytes().all(allowed) => {
                Ok(Self { text: text.into(), arn: arn.map(Box::new) })
            }
            _ => Err(TableNameError(text.chars().take(120).collect())),
        }
    }
}

fn is_of_a_table(arn: &Arn) -> bool {
    arn.service() == "dynamodb" && pmp_aws::is_region(arn.region()) && arn.account().len() == 12
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded as _;

    use super::*;

    #[test]
    fn names_and_arns_are_taken_and_the_region_is_read() {
        let arn: TableName = "arn:aws:dynamodb:eu-west-1:111111111111:table/Snapshots".parse().unwrap();
        assert_eq!((arn.region(), arn.account()), (Some("eu-west-1"), Some("111111111111")));
        let name: TableName = "pmp-Snapshots.1".parse().unwrap();
        assert_eq!((name.region(), name.account()), (None, None));
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "",
            "ab",
            "two words",
            "arn:aws:s3:::bucket",
            "arn:aws:dynamodb:us-east-1:1:table/Snapshots",
            "arn:aws:dynamodb:us-east-1\u{200b}:111111111111:table/Snapshots",
            "arn:aws:dynamodb:us east:111111111111:table/Snapshots",
        ] {
            assert_eq!(bad.parse::<TableName>().unwrap_err().code().to_string(), "E1214", "{bad}");
        }
    }
}
