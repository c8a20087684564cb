//! The tables of an account in a region, and what a request does to them.

mod accesses;
mod batch;
mod items;
mod pages;
mod settings;
mod tables;
mod transactions;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::answer::Answer;
use crate::error::Error;
use crate::request::{Effect, Request, TableName};
use crate::table::Table;

pub use accesses::Access;
use transactions::Tokens;

/// The most bytes of an item.
const LARGEST_ITEM: usize = 400 * 1024;

/// The tables of one account in one region. A clone costs little: it shares the items, and stays as
/// it is when the original changes.
#[derive(Debug, Clone)]
pub struct Database {
    account: String,
    region: String,
    tables: BTreeMap<String, Arc<Table>>,
    tokens: Tokens,
    version: u64,
}

impl Database {
    /// A database without tables.
    #[must_use]
    pub fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            tables: BTreeMap::new(),
            tokens: Tokens::default(),
            version: 0,
        }
    }

    /// The account that owns the tables.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region that the tables are in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// A number that grows with every change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Answers a request at the time `now`, and changes the tables as it asks for. The caller is
    /// taken to be permitted to do so: see [`Database::accesses`]. Tables that are named by an ARN
    /// are taken to be of this account.
    ///
    /// # Errors
    /// What DynamoDB refuses. Then nothing has changed.
    pub fn answer(&mut self, request: &Request, now: Timestamp) -> Result<Answer, Error> {
        match request {
            Request::GetItem(read) => self.get_item(read).map(Answer::Got),
            Request::Query(read) => self.query(read).map(Answer::Page),
            Request::Scan(read) => self.scan(read).map(Answer::Page),
            Request::PutItem(write) => self.write_item(Effect::Put, write).map(Answer::Written),
            Request::UpdateItem(write) => self.write_item(Effect::Update, write).map(Answer::Written),
            Request::DeleteItem(write) => self.write_item(Effect::Delete, write).map(Answer::Written),
            Request::BatchGetItem(batch) => self.batch_get(batch).map(Answer::Batch),
            Request::BatchWriteItem(batch) => self.batch_write(batch).map(Answer::BatchWritten),
            Request::TransactGetItems(transaction) => self.transact_get(transaction).map(Answer::Transacted),
            Request::TransactWriteItems(transaction) => {
                self.transact_write(transaction, now).map(Answer::TransactWritten)
            }
            Request::OnTable(operation, request) => self.on_table(operation, request, now).map(Answer::OnTable),
            Request::ListTables(request) => self.list_tables(request).map(Answer::OnTable),
        }
    }

    /// The policy on the table of this ARN, or of the table of an index of this ARN.
    #[must_use]
    pub fn policy(&self, arn: &str) -> Option<&str> {
        let table = self.tables.get(TableName(arn.to_owned()).name())?;
        table.settings.policy.as_ref().map(|policy| policy.text.as_str())
    }

    /// The ARNs of the tables that have exactly these keys: partition and sort.
    #[must_use]
    pub fn keyed_by(&self, keys: [&str; 2]) -> Vec<String> {
        let tables = self.tables().filter(|table| table.settings.key.attributes().map(|it| &*it.name).eq(keys));
        tables.map(|table| self.arn(&table.settings.name)).collect()
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values().map(|table| &**table)
    }

    /// Adds a table that was saved.
    pub(crate) fn add(&mut self, table: Table) {
        self.tables.insert(table.settings.name.clone(), Arc::new(table));
        self.version += 1;
    }

    fn arn(&self, table: &str) -> String {
        let (region, account) = (&self.region, &self.account);
        let partition = match region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        format!("arn:{partition}:dynamodb:{region}:{account}:table/{table}")
    }

    /// The table of an operation on items.
    fn table<'a>(&self, given: Option<&'a TableName>) -> Result<(&'a TableName, &Table), Error> {
        let given = checked_name(given)?;
        let table = self.tables.get(given.name()).ok_or_else(Error::no_table)?;
        Ok((given, table))
    }

    /// A table that is there, to be changed.
    fn change(&mut self, name: &str) -> Result<&mut Table, Error> {
        let table = self.tables.get_mut(name).ok_or_else(Error::no_table)?;
        self.version += 1;
        Ok(Arc::make_mut(table))
    }
}

/// The name of a table in a request, if it can be one.
fn checked_name(given: Option<&TableName>) -> Result<&TableName, Error> {
    let given = given.ok_or_else(|| Error::missing("tableName"))?;
    let (name, value) = (given.name(), || format!("'{}'", given.as_given()));
    if name.is_empty() {
        return Err(Error::constraint(value(), "tableName", "Member must have length greater than or equal to 1"));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        let constraint = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
        return Err(Error::constraint(value(), "tableName", constraint));
    }
    // DynamoDB asks for three letters; here a test may have a table `t`.
    if name.len() > 255 {
        return Err(Error::constraint(value(), "tableName", "Member must have length less than or equal to 255"));
    }
    Ok(given)
}
