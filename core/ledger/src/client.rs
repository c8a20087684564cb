//! A table and the client that reaches it: what both adapters share.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use pmp_aws::ApiError;

use crate::{LedgerError, TableName};

/// A client bound to one table, so that every error names it.
#[derive(Debug)]
pub(crate) struct TableClient {
    pub(crate) dynamodb: Client,
    pub(crate) table: TableName,
}

impl TableClient {
    /// The table as `config`'s credentials see it. An ARN's region overrides the configured one.
    pub(crate) fn new(config: &SdkConfig, table: TableName) -> Self {
        let dynamodb = match table.region() {
            Some(region) => Client::new(&pmp_aws::in_region(config, region)),
            None => Client::new(config),
        };
        Self { dynamodb, table }
    }

    pub(crate) fn failed(&self, error: ApiError) -> LedgerError {
        if error.code() == Some("ResourceNotFoundException") {
            return LedgerError::NoTable(self.table.clone());
        }
        LedgerError::Api { table: self.table.clone(), error }
    }

    pub(crate) fn unreadable(&self, problem: impl ToString) -> LedgerError {
        LedgerError::Unreadable { table: self.table.clone(), problem: problem.to_string() }
    }
}
