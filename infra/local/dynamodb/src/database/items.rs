//! Single items: how they are read, and how a write is checked, decided and done.

use super::{Database, LARGEST_ITEM};
use crate::answer::{Got, Written};
use crate::capacity::{Told, read_units, write_units};
use crate::error::Error;
use crate::expression::Kind;
use crate::expression::condition::Condition;
use crate::expression::placeholders::Placeholders;
use crate::expression::projection::Projection;
use crate::expression::update::Update;
use crate::key::{ItemKey, KeySchema};
use crate::request::{Effect, Read, TableName, Write};
use crate::value::{Attributes, Item};

/// A write that has been checked, but not decided.
pub(super) struct Prepared<'a> {
    pub(super) table: &'a TableName,
    pub(super) key: ItemKey,
    condition: Option<Condition>,
    change: Change,
    tells_item: bool,
}

enum Change {
    Put(Item),
    /// The attributes of the key are those of an item that is made by the update.
    Update(Update, Attributes),
    Delete,
    Nothing,
}

/// What a write does: the item before and after.
pub(super) struct Outcome {
    pub(super) before: Option<Item>,
    pub(super) after: Option<Item>,
}

impl Outcome {
    /// The bytes that the write is charged for.
    pub(super) fn size(&self) -> usize {
        let size = |item: &Option<Item>| item.as_ref().map_or(0, Item::size);
        size(&self.before).max(size(&self.after))
    }
}

impl Database {
    pub(super) fn get_item(&self, read: &Read) -> Result<Got, Error> {
        read.check_age()?;
        let told = Told::of(read.return_consumed_capacity.as_deref())?;
        let mut given = placeholders(read)?;
        let projection = projection(read.projection_expression.as_deref(), &mut given)?;
        given.finish()?;
        let (name, table) = self.table(read.table_name.as_ref())?;
        let key = read.key.as_ref().ok_or_else(|| Error::missing("key"))?;
        let found = table.get(&table.settings.key.of_key(key)?);
        let units = read_units(found.map_or(0, Item::size), read.consistent_read == Some(true));
        Ok(Got {
            item: found.map(|item| project(item, projection.as_ref())),
            consumed_capacity: told.units(name, units),
        })
    }

    pub(super) fn write_item(&mut self, effect: Effect, write: &Write) -> Result<Written, Error> {
        let told = Told::of(write.return_consumed_capacity.as_deref())?;
        let values = Values::of(effect, write.return_values.as_deref())?;
        let prepared = self.prepare(effect, write)?;
        let outcome = self.decide(&prepared)?;
        let attributes = values.told(&prepared, &outcome);
        let consumed_capacity = told.units(prepared.table, write_units(outcome.size()));
        self.perform(&prepared, outcome)?;
        Ok(Written { attributes, consumed_capacity })
    }

    /// Checks a write by itself, without its item.
    pub(super) fn prepare<'a>(&self, effect: Effect, write: &'a Write) -> Result<Prepared<'a>, Error> {
        write.check_age()?;
        let tells_item = match write.return_values_on_condition_check_failure.as_deref() {
            None | Some("NONE") => false,
            Some("ALL_OLD") => true,
            Some(other) => return Err(outside(other, "returnValuesOnConditionCheckFailure", "[ALL_OLD, NONE]")),
        };
        let (names, values) = (write.expression_attribute_names.as_ref(), write.expression_attribute_values.as_ref());
        let (update, condition) = (write.update_expression.as_deref(), write.condition_expression.as_deref());
        let expressions = [(Kind::Update, update.is_some()), (Kind::Condition, condition.is_some())];
        let expressions = if effect == Effect::Update { &expressions[..] } else { &expressions[1..] };
        let mut given = Placeholders::new(names, values, expressions)?;
        let update =
            update.filter(|_| effect == Effect::Update).map(|text| Update::parse(text, &mut given)).transpose()?;
        let condition = condition.map(|text| Condition::parse(Kind::Condition, text, &mut given)).transpose()?;
        given.finish()?;
        if effect == Effect::Check && condition.is_none() {
            return Err(Error::missing("conditionExpression"));
        }
        let (table, found) = self.table(write.table_name.as_ref())?;
        let schema = &found.settings.key;
        let (key, change) = match effect {
            Effect::Put => {
                let item = write.item.as_ref().ok_or_else(|| Error::missing("item"))?;
                (checked_item(schema, item)?, Change::Put(item.clone()))
            }
            Effect::Update | Effect::Delete | Effect::Check => {
                let attributes = write.key.as_ref().ok_or_else(|| Error::missing("key"))?;
                let key = schema.of_key(attributes)?;
                let change = match effect {
                    Effect::Update => Change::Update(checked_update(schema, update)?, attributes.clone()),
                    Effect::Delete => Change::Delete,
                    Effect::Put | Effect::Check => Change::Nothing,
                };
                (key, change)
            }
        };
        Ok(Prepared { table, key, condition, change, tells_item })
    }

    /// What a write would do. Nothing changes yet.
    pub(super) fn decide(&self, write: &Prepared<'_>) -> Result<Outcome, Error> {
        let (_, table) = self.table(Some(write.table))?;
        let before = table.get(&write.key).cloned();
        let nothing = Attributes::new();
        let attributes = before.as_ref().map_or(&nothing, Item::attributes);
        if write.condition.as_ref().is_some_and(|condition| !condition.holds(attributes)) {
            return Err(Error::failed_condition(before.filter(|_| write.tells_item)));
        }
        let after = match &write.change {
            Change::Put(item) => Some(item.clone()),
            Change::Delete => None,
            Change::Nothing => before.clone(),
            Change::Update(update, key) => {
                let mut attributes = before.as_ref().map_or_else(|| key.clone(), |item| item.attributes().clone());
                update.apply(&mut attributes)?;
                let item = Item::from(attributes);
                if item.size() > LARGEST_ITEM {
                    return Err(Error::validation("Item size to update has exceeded the maximum allowed size"));
                }
                check_depth(&item)?;
                Some(item)
            }
        };
        Ok(Outcome { before, after })
    }

    pub(super) fn perform(&mut self, write: &Prepared<'_>, outcome: Outcome) -> Result<(), Error> {
        match (outcome.after, &write.change) {
            (_, Change::Nothing) => {}
            (Some(item), _) => self.change(write.table.name())?.put(write.key.clone(), item),
            (None, _) if outcome.before.is_some() => self.change(write.table.name())?.remove(&write.key),
            (None, _) => {}
        }
        Ok(())
    }
}

/// Checks an item that is written as a whole, and finds its key.
pub(super) fn checked_item(schema: &KeySchema, item: &Item) -> Result<ItemKey, Error> {
    let key = schema.of_item(item.attributes())?;
    if item.size() > LARGEST_ITEM {
        return Err(Error::validation("Item size has exceeded the maximum allowed size"));
    }
    if item.attributes().keys().any(String::is_empty) {
        return Err(Error::invalid("Attribute names must not be empty"));
    }
    check_depth(item).map(|()| key)
}

fn check_depth(item: &Item) -> Result<(), Error> {
    if item.attributes().values().any(crate::value::Value::is_too_deep) {
        return Err(Error::validation(
            "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit",
        ));
    }
    Ok(())
}

/// An update that leaves the key as it is.
fn checked_update(schema: &KeySchema, update: Option<Update>) -> Result<Update, Error> {
    let update = update.unwrap_or_default();
    if let Some(path) = update.paths().find(|path| schema.has(&path.attribute)) {
        let name = &path.attribute;
        return Err(Error::invalid(format!("Cannot update attribute {name}. This attribute is part of the key")));
    }
    Ok(update)
}

/// The placeholders of a read by its key.
fn placeholders(read: &Read) -> Result<Placeholders<'_>, Error> {
    let given = read.projection_expression.is_some();
    Placeholders::new(read.expression_attribute_names.as_ref(), None, &[(Kind::Projection, given)])
}

pub(super) fn projection<'a>(text: Option<&'a str>, given: &mut Placeholders<'a>) -> Result<Option<Projection>, Error> {
    text.map(|text| Projection::parse(text, given)).transpose()
}

pub(super) fn project(item: &Item, projection: Option<&Projection>) -> Item {
    projection.map_or_else(|| item.clone(), |projection| projection.apply(item.attributes()).into())
}

/// A value that is none of those that a field can have.
pub(super) fn outside(value: &str, field: &str, known: &str) -> Error {
    Error::constraint(format!("'{value}'"), field, &format!("Member must satisfy enum value set: {known}"))
}

/// Which attributes a write answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    None,
    AllOld,
    AllNew,
    UpdatedOld,
    UpdatedNew,
}

impl Values {
    fn of(effect: Effect, asked: Option<&str>) -> Result<Self, Error> {
        let values = match asked.unwrap_or("NONE") {
            "NONE" => Self::None,
            "ALL_OLD" => Self::AllOld,
            "ALL_NEW" => Self::AllNew,
            "UPDATED_OLD" => Self::UpdatedOld,
            "UPDATED_NEW" => Self::UpdatedNew,
            other => {
                return Err(outside(other, "returnValues", "[ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"));
            }
        };
        if effect != Effect::Update && !matches!(values, Self::None | Self::AllOld) {
            return Err(Error::validation("ReturnValues can only be ALL_OLD or NONE"));
        }
        Ok(values)
    }

    fn told(self, write: &Prepared<'_>, outcome: &Outcome) -> Option<Item> {
        let updated = |item: Option<&Item>| {
            let Change::Update(update, _) = &write.change else { return None };
            let parts = Projection::of(update.paths()).apply(item?.attributes());
            (!parts.is_empty()).then(|| parts.into())
        };
        match self {
            Self::None => None,
            Self::AllOld => outcome.before.clone(),
            Self::AllNew => outcome.after.clone(),
            Self::UpdatedOld => updated(outcome.before.as_ref()),
            Self::UpdatedNew => updated(outcome.after.as_ref()),
        }
    }
}
