//! Tables: how they are made, described, changed and deleted.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Database, checked_name};
use crate::error::Error;
use crate::key::{KeyAttribute, KeySchema, KeyType};
use crate::request::{Definition, KeyElement, ListTables, OnTable, TableName};
use crate::table::{Settings, Table};

/// The most tables of a page.
const PAGE: usize = 100;

impl Database {
    pub(super) fn on_table(&mut self, operation: &str, request: &OnTable, now: Timestamp) -> Result<Value, Error> {
        match operation {
            "CreateTable" => self.create_table(request, now),
            "DescribeTable" => {
                let (_, table) = self.known(request)?;
                Ok(json!({ "Table": self.described(table, "ACTIVE") }))
            }
            "UpdateTable" => self.update_table(request),
            "DeleteTable" => self.delete_table(request),
            _ => self.on_settings(operation, request),
        }
    }

    fn create_table(&mut self, request: &OnTable, now: Timestamp) -> Result<Value, Error> {
        let name = checked_name(request.table_name.as_ref())?.name();
        refuse_what_is_not_built(request)?;
        let definitions = request.attribute_definitions.as_deref().ok_or_else(|| {
            Error::invalid("Some AttributeDefinitions are not valid: AttributeDefinitions is missing")
        })?;
        let schema = request.key_schema.as_deref().ok_or_else(|| Error::missing("keySchema"))?;
        let key = key_schema(schema, definitions)?;
        let throughput = match (request.billing_mode.as_deref(), request.provisioned_throughput) {
            (Some("PAY_PER_REQUEST"), None) => None,
            (Some("PAY_PER_REQUEST"), Some(_)) => {
                return Err(Error::invalid(
                    "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
                ));
            }
            (None | Some("PROVISIONED"), Some(throughput)) => Some(throughput),
            (None | Some("PROVISIONED"), None) => {
                return Err(Error::invalid(
                    "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
                ));
            }
            (Some(other), _) => return Err(billing_mode(other)),
        };
        if self.tables.contains_key(name) {
            return Err(Error::new("ResourceInUseException", format!("Table already exists: {name}")));
        }
        let mut settings = Settings {
            name: name.to_owned(),
            id: self.table_id(name, now),
            created: now,
            key,
            throughput,
            protected: request.deletion_protection_enabled.unwrap_or_default(),
            encryption_key: encryption_key(request),
            class: request.table_class.clone(),
            tags: Vec::new(),
            time_to_live: None,
            recovery: false,
            policy: None,
        };
        super::settings::add_tags(&mut settings.tags, request.tags.as_deref().unwrap_or_default());
        if let Some(text) = &request.resource_policy {
            super::settings::set_policy(&mut settings, text);
        }
        let table = Table::new(settings);
        let described = self.described(&table, "CREATING");
        self.tables.insert(name.to_owned(), Arc::new(table));
        self.version += 1;
        Ok(json!({ "TableDescription": described }))
    }

    /// An id in the form of a UUID, made of what tells the table from others.
    fn table_id(&self, name: &str, now: Timestamp) -> String {
        use sha2::{Digest, Sha256};
        let whole = format!("{}/{}", self.arn(name), now.as_nanosecond());
        let digits: String =
            Sha256::digest(whole.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }

    fn update_table(&mut self, request: &OnTable) -> Result<Value, Error> {
        refuse_what_is_not_built(request)?;
        let name = self.known(request)?.0.to_owned();
        let settings = &mut self.change(&name)?.settings;
        match request.billing_mode.as_deref() {
            Some("PAY_PER_REQUEST") => settings.throughput = None,
            None | Some("PROVISIONED") => settings.throughput = request.provisioned_throughput.or(settings.throughput),
            Some(other) => return Err(billing_mode(other)),
        }
        settings.protected = request.deletion_protection_enabled.unwrap_or(settings.protected);
        if request.encryption.is_some() {
            settings.encryption_key = encryption_key(request);
        }
        if request.table_class.is_some() {
            settings.class.clone_from(&request.table_class);
        }
        let (_, table) = self.known(request)?;
        Ok(json!({ "TableDescription": self.described(table, "UPDATING") }))
    }

    fn delete_table(&mut self, request: &OnTable) -> Result<Value, Error> {
        let (name, table) = self.known(request)?;
        if table.settings.protected {
            let arn = self.arn(name);
            return Err(Error::validation(format!(
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first. Resource: {arn}"
            )));
        }
        let described = self.described(table, "DELETING");
        let name = name.to_owned();
        self.tables.remove(&name);
        self.version += 1;
        Ok(json!({ "TableDescription": described }))
    }

    pub(super) fn list_tables(&self, request: &ListTables) -> Result<Value, Error> {
        let limit = match request.limit {
            None => PAGE,
            Some(limit @ 1..=PAGE) => limit,
            Some(other) => {
                let bound = if other == 0 { "greater than or equal to 1" } else { "less than or equal to 100" };
                let constraint = format!("Member must have value {bound}");
                return Err(Error::constraint(format!("'{other}'"), "limit", &constraint));
            }
        };
        let start = request.exclusive_start_table_name.as_deref();
        let mut names: Vec<&String> =
            self.tables.keys().filter(|name| start.is_none_or(|start| name.as_str() > start)).take(limit + 1).collect();
        let more = names.len() > limit;
        names.truncate(limit);
        let mut answer = json!({ "TableNames": names });
        if more {
            answer["LastEvaluatedTableName"] = json!(names.last());
        }
        Ok(answer)
    }

    /// The table that a request about a table names.
    pub(super) fn known(&self, request: &OnTable) -> Result<(&str, &Table), Error> {
        let given = checked_name(request.table_name.as_ref())?;
        self.named(given)
    }

    pub(super) fn named(&self, given: &TableName) -> Result<(&str, &Table), Error> {
        let name = given.name();
        let (name, table) = self.tables.get_key_value(name).ok_or_else(|| {
            let message = format!("Requested resource not found: Table: {name} not found");
            Error::new("ResourceNotFoundException", message)
        })?;
        Ok((name, table))
    }

    /// The table as `DescribeTable` tells it.
    fn described(&self, table: &Table, status: &str) -> Value {
        let settings = &table.settings;
        let kinds = std::iter::once("HASH").chain(std::iter::once("RANGE"));
        let schema = settings.key.attributes().zip(kinds);
        let definitions = settings.key.attributes();
        let throughput = settings.throughput.unwrap_or_default();
        // DynamoDB gives dates as seconds with a fraction.
        let created = settings.created.as_second();
        let mut described = json!({
            "TableName": settings.name,
            "TableArn": self.arn(&settings.name),
            "TableId": settings.id,
            "TableStatus": status,
            "CreationDateTime": created,
            "KeySchema": schema.map(|(key, kind)| json!({ "AttributeName": key.name, "KeyType": kind })).collect::<Vec<_>>(),
            "AttributeDefinitions": definitions
                .map(|key| json!({ "AttributeName": key.name, "AttributeType": key.kind.name() }))
                .collect::<Vec<_>>(),
            "BillingModeSummary": {
                "BillingMode": if settings.throughput.is_some() { "PROVISIONED" } else { "PAY_PER_REQUEST" },
            },
            "ProvisionedThroughput": {
                "NumberOfDecreasesToday": 0,
                "ReadCapacityUnits": throughput.read_capacity_units,
                "WriteCapacityUnits": throughput.write_capacity_units,
            },
            "ItemCount": table.count(),
            "TableSizeBytes": table.bytes(),
            "DeletionProtectionEnabled": settings.protected,
        });
        if let Some(key) = &settings.encryption_key {
            described["SSEDescription"] = json!({ "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key });
        }
        if let Some(class) = &settings.class {
            described["TableClassSummary"] = json!({ "TableClass": class });
        }
        described
    }
}

fn billing_mode(other: &str) -> Error {
    let constraint = "Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]";
    Error::constraint(format!("'{other}'"), "billingMode", constraint)
}

fn encryption_key(request: &OnTable) -> Option<String> {
    let encryption = request.encryption.as_ref().filter(|encryption| encryption.enabled)?;
    Some(encryption.key.clone().unwrap_or_else(|| "alias/aws/dynamodb".to_owned()))
}

/// Indexes, streams and replicas: nothing here uses them.
fn refuse_what_is_not_built(request: &OnTable) -> Result<(), Error> {
    let has = |list: &Option<Vec<serde::de::IgnoredAny>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let streams = request.stream_specification.as_ref().is_some_and(|stream| stream.stream_enabled);
    let what = if has(&request.local_secondary_indexes)
        || has(&request.global_secondary_indexes)
        || has(&request.global_secondary_index_updates)
    {
        "secondary indexes"
    } else if streams {
        "streams"
    } else if has(&request.replica_updates) {
        "replicas"
    } else {
        return Ok(());
    };
    Err(Error::validation(format!("pmp-local's DynamoDB has no {what}")))
}

fn key_schema(schema: &[KeyElement], definitions: &[Definition]) -> Result<KeySchema, Error> {
    let attribute = |element: &KeyElement| {
        let name = &element.attribute_name;
        let definition = definitions.iter().find(|definition| definition.attribute_name == *name).ok_or_else(|| {
            Error::invalid(format!("Some index key attributes are not defined in AttributeDefinitions. Keys: [{name}]"))
        })?;
        let kind = match definition.attribute_type.as_str() {
            "S" => KeyType::S,
            "N" => KeyType::N,
            "B" => KeyType::B,
            other => {
                let constraint = "Member must satisfy enum value set: [B, N, S]";
                let field = "attributeDefinitions.member.attributeType";
                return Err(Error::constraint(format!("'{other}'"), field, constraint));
            }
        };
        if name.is_empty() || name.len() > 255 {
            let constraint = "Member must have length between 1 and 255";
            return Err(Error::constraint(format!("'{name}'"), "keySchema.member.attributeName", constraint));
        }
        Ok(KeyAttribute { name: name.clone(), kind })
    };
    let (partition, sort) = match schema {
        [partition] if partition.key_type == "HASH" => (attribute(partition)?, None),
        [partition, sort] if partition.key_type == "HASH" && sort.key_type == "RANGE" => {
            (attribute(partition)?, Some(attribute(sort)?))
        }
        _ => {
            return Err(Error::invalid(
                "Invalid KeySchema: The first KeySchemaElement is not a HASH key type, or the second one is not a RANGE key type",
            ));
        }
    };
    if sort.as_ref().is_some_and(|sort| sort.name == partition.name) {
        return Err(Error::invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name"));
    }
    if definitions.len() != schema.len() {
        return Err(Error::invalid(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
        ));
    }
    Ok(KeySchema { partition, sort })
}
