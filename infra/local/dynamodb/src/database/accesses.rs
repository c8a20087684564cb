//! What IAM has to permit for a request: actions on resources, with the partitions that they touch.

use super::Database;
use crate::expression::Kind;
use crate::expression::key_condition::Wanted;
use crate::expression::placeholders::Placeholders;
use crate::key::Key;
use crate::request::{Effect, Read, Request, TableName};
use crate::value::Attributes;

/// One decision that IAM has to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The action, such as `dynamodb:PutItem`.
    pub action: String,
    /// The ARN of the table or index, or `*`.
    pub resource: String,
    /// The value of the condition key `dynamodb:LeadingKeys`: the partition that is touched. `None`
    /// if the request names none; then the key is absent, as in AWS.
    pub leading_key: Option<String>,
}

impl Database {
    /// What IAM has to permit before [`Database::answer`] may be called. Each partition that the
    /// request touches is a decision of its own, so that none of them goes unasked. A request that
    /// is not well formed may need nothing; then it is refused.
    #[must_use]
    pub fn accesses(&self, request: &Request) -> Vec<Access> {
        let mut accesses: Vec<Access> = Vec::new();
        let mut ask = |action: &str, resource: String, leading_key: Option<String>| {
            let access = Access { action: format!("dynamodb:{action}"), resource, leading_key };
            if !accesses.contains(&access) {
                accesses.push(access);
            }
        };
        let mut ask_for_item = |action: &str, table: Option<&TableName>, item: Option<&Attributes>| {
            if let Some(table) = table {
                ask(action, self.arn(table.name()), self.leading_key(table, item));
            }
        };
        match request {
            Request::GetItem(read) => ask_for_item("GetItem", read.table_name.as_ref(), read.key.as_ref()),
            Request::PutItem(write) => {
                let item = write.item.as_ref().map(|item| item.attributes());
                ask_for_item("PutItem", write.table_name.as_ref(), item);
            }
            Request::UpdateItem(write) => ask_for_item("UpdateItem", write.table_name.as_ref(), write.key.as_ref()),
            Request::DeleteItem(write) => ask_for_item("DeleteItem", write.table_name.as_ref(), write.key.as_ref()),
            Request::Query(read) | Request::Scan(read) => {
                let Some(table) = &read.table_name else { return accesses };
                let table_arn = self.arn(table.name());
                let resource =
                    read.index_name.as_ref().map_or(table_arn.clone(), |index| format!("{table_arn}/index/{index}"));
                match request {
                    Request::Query(_) => ask("Query", resource, self.queried(table, read)),
                    // A scan touches no partition more than others.
                    _ => ask("Scan", resource, None),
                }
            }
            Request::BatchGetItem(batch) => {
                for (table, keys) in batch.request_items.iter().flatten() {
                    if keys.keys.is_empty() {
                        ask_for_item("BatchGetItem", Some(table), None);
                    }
                    for key in &keys.keys {
                        ask_for_item("BatchGetItem", Some(table), Some(key.attributes()));
                    }
                }
            }
            Request::BatchWriteItem(batch) => {
                for (table, writes) in batch.request_items.iter().flatten() {
                    if writes.is_empty() {
                        ask_for_item("BatchWriteItem", Some(table), None);
                    }
                    for write in writes {
                        ask_for_item("BatchWriteItem", Some(table), write.attributes());
                    }
                }
            }
            // Transactions need the permission for each of their items.
            Request::TransactGetItems(transaction) => {
                for get in transaction.transact_items.iter().flatten().filter_map(|item| item.get.as_ref()) {
                    ask_for_item("GetItem", get.table_name.as_ref(), get.key.as_ref());
                }
            }
            Request::TransactWriteItems(transaction) => {
                for item in transaction.transact_items.iter().flatten() {
                    for (effect, write) in item.named() {
                        let put = write.item.as_ref().map(|item| item.attributes());
                        let (action, attributes) = match effect {
                            Effect::Put => ("PutItem", put),
                            Effect::Update => ("UpdateItem", write.key.as_ref()),
                            Effect::Delete => ("DeleteItem", write.key.as_ref()),
                            Effect::Check => ("ConditionCheckItem", write.key.as_ref()),
                        };
                        ask_for_item(action, write.table_name.as_ref(), attributes);
                    }
                }
            }
            Request::OnTable(operation, request) => {
                // An operation takes one of the two, and leaves the other aside: whoever names both
                // must be permitted both.
                if let Some(arn) = &request.resource_arn {
                    ask(operation, arn.as_given().to_owned(), None);
                }
                if let Some(table) = &request.table_name {
                    ask(operation, self.arn(table.name()), None);
                }
            }
            Request::ListTables(_) => ask("ListTables", "*".to_owned(), None),
        }
        accesses
    }

    /// The partition of an item, or of the key of one.
    fn leading_key(&self, table: &TableName, attributes: Option<&Attributes>) -> Option<String> {
        let table = self.tables.get(table.name())?;
        let value = attributes?.get(&table.settings.key.partition.name)?;
        Key::of(value).map(|key| key.to_string())
    }

    /// The partition that a query reads.
    fn queried(&self, table: &TableName, read: &Read) -> Option<String> {
        let table = self.tables.get(table.name()).filter(|_| read.index_name.is_none())?;
        let (names, values) = (read.expression_attribute_names.as_ref(), read.expression_attribute_values.as_ref());
        let mut given = Placeholders::new(names, values, &[(Kind::KeyCondition, true)]).ok()?;
        let text = read.key_condition_expression.as_deref()?;
        let wanted = Wanted::parse(&table.settings.key, text, &mut given).ok()?;
        Some(wanted.partition.to_string())
    }
}
