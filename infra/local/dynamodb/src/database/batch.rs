//! Batches: many items in one request, each by itself.

use std::collections::BTreeMap;

use super::items::{checked_item, project, projection};
use super::{Database, checked_name};
use crate::answer::{Batch, BatchWritten};
use crate::capacity::{Told, read_units, write_units};
use crate::error::Error;
use crate::expression::Kind;
use crate::expression::placeholders::Placeholders;
use crate::key::ItemKey;
use crate::request::{BatchGet, BatchWrite, BatchedWrite, Keys, TableName};
use crate::value::Item;

const MOST_READ: usize = 100;
const MOST_WRITTEN: usize = 25;
/// The most bytes of a batch.
const LARGEST: usize = 16 * 1024 * 1024;

const DUPLICATES: &str = "Provided list of item keys contains duplicates";

impl Database {
    pub(super) fn batch_get(&self, batch: &BatchGet) -> Result<Batch, Error> {
        let told = Told::of(batch.return_consumed_capacity.as_deref())?;
        let asked = given(batch.request_items.as_ref())?;
        if asked.values().map(|keys| keys.keys.len()).sum::<usize>() > MOST_READ {
            return Err(Error::validation("Too many items requested for the BatchGetItem call"));
        }
        let mut answer =
            Batch { responses: BTreeMap::new(), unprocessed_keys: BTreeMap::new(), consumed_capacity: Vec::new() };
        let mut bytes = 0;
        for (name, keys) in asked {
            let wanted = self.keys_of(name, keys)?;
            let mut given = read_placeholders(keys)?;
            let projection = projection(keys.projection_expression.as_deref(), &mut given)?;
            given.finish()?;
            let (_, table) = self.table(Some(name))?;
            let (mut found, mut units) = (Vec::new(), 0.0);
            for (asked, key) in keys.keys.iter().zip(&wanted) {
                if bytes >= LARGEST {
                    let rest = answer.unprocessed_keys.entry(name.clone());
                    rest.or_insert_with(|| Keys { keys: Vec::new(), ..keys.clone() }).keys.push(asked.clone());
                    continue;
                }
                let item = table.get(key);
                let size = item.map_or(0, Item::size);
                bytes += size;
                units += read_units(size, keys.consistent_read == Some(true));
                found.extend(item.map(|item| project(item, projection.as_ref())));
            }
            answer.responses.insert(name.clone(), found);
            answer.consumed_capacity.extend(told.units(name, units));
        }
        Ok(answer)
    }

    /// The keys that are read from a table, each once.
    fn keys_of(&self, name: &TableName, keys: &Keys) -> Result<Vec<ItemKey>, Error> {
        let (_, table) = self.table(Some(name))?;
        if keys.keys.is_empty() {
            return Err(Error::constraint(
                "'[]'",
                "requestItems.member.keys",
                "Member must have length greater than or equal to 1",
            ));
        }
        let wanted = keys.keys.iter().map(|key| table.settings.key.of_key(key.attributes()));
        let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
        if has_twice(wanted.iter()) { Err(Error::validation(DUPLICATES)) } else { Ok(wanted) }
    }

    pub(super) fn batch_write(&mut self, batch: &BatchWrite) -> Result<BatchWritten, Error> {
        let told = Told::of(batch.return_consumed_capacity.as_deref())?;
        let asked = given(batch.request_items.as_ref())?;
        if asked.values().map(Vec::len).sum::<usize>() > MOST_WRITTEN {
            return Err(Error::validation("Too many items requested for the BatchWriteItem call"));
        }
        let (mut writes, mut bytes) = (Vec::new(), 0);
        for (name, requests) in asked {
            if requests.is_empty() {
                return Err(Error::validation("The batch write request list for a table cannot be null or empty"));
            }
            let begin = writes.len();
            for request in requests {
                let write = self.batched(name, request)?;
                bytes += write.2.as_ref().map_or(0, Item::size);
                writes.push(write);
            }
            if has_twice(writes[begin..].iter().map(|(_, key, _)| key)) {
                return Err(Error::validation(DUPLICATES));
            }
        }
        if bytes > LARGEST {
            return Err(Error::validation("A batch cannot have an aggregate item size of over 16MB"));
        }
        let mut units: BTreeMap<&TableName, f64> = BTreeMap::new();
        for (name, key, item) in writes {
            let before = self.table(Some(name))?.1.get(&key).map_or(0, Item::size);
            *units.entry(name).or_default() += write_units(before.max(item.as_ref().map_or(0, Item::size)));
            let table = self.change(name.name())?;
            match item {
                Some(item) => table.put(key, item),
                None => table.remove(&key),
            }
        }
        let consumed_capacity = units.into_iter().filter_map(|(name, units)| told.units(name, units)).collect();
        Ok(BatchWritten { unprocessed_items: BTreeMap::new(), consumed_capacity })
    }

    /// One write of a batch: the key, and the item if there is to be one.
    fn batched<'a>(
        &self,
        name: &'a TableName,
        request: &BatchedWrite,
    ) -> Result<(&'a TableName, ItemKey, Option<Item>), Error> {
        let (_, table) = self.table(Some(name))?;
        let schema = &table.settings.key;
        match (&request.put_request, &request.delete_request) {
            (Some(put), None) => Ok((name, checked_item(schema, &put.item)?, Some(put.item.clone()))),
            (None, Some(delete)) => Ok((name, schema.of_key(&delete.key)?, None)),
            _ => Err(Error::validation(
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
            )),
        }
    }
}

fn given<T>(asked: Option<&BTreeMap<TableName, T>>) -> Result<&BTreeMap<TableName, T>, Error> {
    let asked = asked.ok_or_else(|| Error::missing("requestItems"))?;
    if asked.is_empty() {
        let constraint = "Member must have length greater than or equal to 1";
        return Err(Error::constraint("'{}'", "requestItems", constraint));
    }
    asked.keys().try_for_each(|name| checked_name(Some(name)).map(drop))?;
    Ok(asked)
}

fn read_placeholders(keys: &Keys) -> Result<Placeholders<'_>, Error> {
    let given = keys.projection_expression.is_some();
    Placeholders::new(keys.expression_attribute_names.as_ref(), None, &[(Kind::Projection, given)])
}

/// Whether a key is there twice.
pub(super) fn has_twice<T: Ord>(keys: impl Iterator<Item = T>) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    !{ keys }.all(|key| seen.insert(key))
}
