//! The name of a table, as operators give it: a name in the ledger's own account, or an ARN.

use std::fmt;
use std::str::FromStr;

/// A table's name or ARN. DynamoDB takes either wherever it takes a table name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName(String);

/// A text that names no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a table name (3 to 255 letters, digits, `_`, `-`, `.`) nor the ARN of a table")]
pub struct TableNameError(String);

impl TableName {
    /// The name or the ARN, as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region that the ARN names; none where this is a plain name.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.0.strip_prefix("arn:")?.split(':').nth(2)
    }

    /// The account that the ARN names; none where this is a plain name.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.0.strip_prefix("arn:")?.split(':').nth(3)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for TableName {
    type Err = TableNameError;

    fn from_str(text: &str) -> Result<Self, TableNameError> {
        let name = match text.split(':').collect::<Vec<_>>().as_slice() {
            [name] => Some(*name),
            ["arn", _partition, "dynamodb", region, account, resource]
                if pmp_aws::is_region(region) && account.len() == 12 =>
            {
                resource.strip_prefix("table/")
            }
            _ => None,
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        match name {
            Some(name) if (3..=255).contains(&name.len()) && name.bytes().all(allowed) => Ok(Self(text.to_owned())),
            _ => Err(TableNameError(text.chars().take(120).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
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
            assert!(bad.parse::<TableName>().is_err(), "{bad}");
        }
    }
}
