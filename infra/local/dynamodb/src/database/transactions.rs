//! Transactions: all of several reads or writes, at one moment, or none.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};

use super::Database;
use super::batch::has_twice;
use super::items::{project, projection};
use crate::answer::{Capacity, Got, TransactWritten, Transacted};
use crate::capacity::{Told, read_units, write_units};
use crate::error::{Error, Reason};
use crate::expression::Kind;
use crate::expression::placeholders::Placeholders;
use crate::request::{Effect, TableName, TransactGet, TransactWrite, Write};
use crate::value::Item;

/// The most requests of a transaction.
const MOST: usize = 100;
/// The most bytes of its items.
const LARGEST: usize = 4 * 1024 * 1024;
/// How long a token stands for its transaction.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

const TOO_LARGE: &str = "Transaction request cannot have an aggregate item size of over 4MB";
const SAME_ITEM: &str = "Transaction request cannot include multiple operations on one item";

/// The transactions of the last minutes, by their tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens {
    done: HashMap<String, u64>,
    by_age: VecDeque<(Timestamp, String)>,
}

impl Tokens {
    fn forget_old(&mut self, now: Timestamp) {
        while let Some((done, token)) = self.by_age.front() {
            if now.duration_since(*done) < REMEMBERED {
                return;
            }
            self.done.remove(token);
            self.by_age.pop_front();
        }
    }

    fn add(&mut self, token: &str, fingerprint: u64, now: Timestamp) {
        self.done.insert(token.to_owned(), fingerprint);
        self.by_age.push_back((now, token.to_owned()));
    }
}

impl Database {
    pub(super) fn transact_get(&self, transaction: &TransactGet) -> Result<Transacted, Error> {
        let told = Told::of(transaction.return_consumed_capacity.as_deref())?;
        let items = counted(transaction.transact_items.as_deref())?;
        let (mut responses, mut keys, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut units: BTreeMap<&TableName, f64> = BTreeMap::new();
        for item in items {
            let get = item.get.as_ref().ok_or_else(|| Error::missing("transactItems.member.get"))?;
            let shows = get.projection_expression.is_some();
            let names = get.expression_attribute_names.as_ref();
            let mut given = Placeholders::new(names, None, &[(Kind::Projection, shows)])?;
            let projection = projection(get.projection_expression.as_deref(), &mut given)?;
            given.finish()?;
            let (name, table) = self.table(get.table_name.as_ref())?;
            let key = get.key.as_ref().ok_or_else(|| Error::missing("transactItems.member.get.key"))?;
            let key = table.settings.key.of_key(key)?;
            let found = table.get(&key);
            let size = found.map_or(0, Item::size);
            bytes += size;
            *units.entry(name).or_default() += 2.0 * read_units(size, true);
            keys.push((name.name(), key));
            let item = found.map(|item| project(item, projection.as_ref()));
            responses.push(Got { item, consumed_capacity: None });
        }
        if has_twice(keys.iter()) {
            return Err(Error::validation(SAME_ITEM));
        }
        if bytes > LARGEST {
            return Err(Error::validation(TOO_LARGE));
        }
        let reads = |capacity: Capacity, units| Capacity { read_capacity_units: Some(units), ..capacity };
        Ok(Transacted { responses, consumed_capacity: capacities(told, units, reads) })
    }

    pub(super) fn transact_write(
        &mut self,
        transaction: &TransactWrite,
        now: Timestamp,
    ) -> Result<TransactWritten, Error> {
        let told = Told::of(transaction.return_consumed_capacity.as_deref())?;
        let items = counted(transaction.transact_items.as_deref())?;
        let writes = items.iter().map(|item| {
            item.write()
                .ok_or_else(|| Error::validation("TransactItems can only contain one of Check, Put, Update or Delete"))
        });
        let writes = writes.collect::<Result<Vec<_>, _>>()?;
        let prepared =
            writes.iter().map(|(effect, write)| self.prepare(*effect, write)).collect::<Result<Vec<_>, _>>()?;
        if has_twice(prepared.iter().map(|write| (write.table.name(), &write.key))) {
            return Err(Error::validation(SAME_ITEM));
        }
        let fingerprint = fingerprint(&writes);
        self.tokens.forget_old(now);
        let token = transaction.client_request_token.as_deref();
        if let Some(token) = token {
            if !(1..=36).contains(&token.len()) {
                let constraint = "Member must have length less than or equal to 36";
                return Err(Error::constraint(format!("'{token}'"), "clientRequestToken", constraint));
            }
            if let Some(done) = self.tokens.done.get(token) {
                if *done != fingerprint {
                    return Err(Error::new(
                        "IdempotentParameterMismatchException",
                        "The request uses the same client token as a previous, but non-identical request",
                    ));
                }
                return Ok(TransactWritten { consumed_capacity: Vec::new() });
            }
        }
        let decided: Vec<_> = prepared.iter().map(|write| self.decide(write)).collect();
        if decided.iter().any(Result::is_err) {
            return Err(cancelled(decided.into_iter().map(Result::err)));
        }
        let outcomes: Vec<_> = decided.into_iter().flatten().collect();
        let written = outcomes.iter().zip(&writes).filter(|(_, (effect, _))| *effect != Effect::Check);
        if written.map(|(outcome, _)| outcome.after.as_ref().map_or(0, Item::size)).sum::<usize>() > LARGEST {
            return Err(Error::validation(TOO_LARGE));
        }
        let mut units: BTreeMap<&TableName, f64> = BTreeMap::new();
        for (write, outcome) in prepared.iter().zip(outcomes) {
            *units.entry(write.table).or_default() += 2.0 * write_units(outcome.size());
            self.perform(write, outcome)?;
        }
        if let Some(token) = token {
            self.tokens.add(token, fingerprint, now);
        }
        let writes = |capacity: Capacity, units| Capacity { write_capacity_units: Some(units), ..capacity };
        Ok(TransactWritten { consumed_capacity: capacities(told, units, writes) })
    }
}

fn capacities(told: Told, units: BTreeMap<&TableName, f64>, add: impl Fn(Capacity, f64) -> Capacity) -> Vec<Capacity> {
    let told = units.into_iter().filter_map(|(name, units)| Some(add(told.units(name, units)?, units)));
    told.collect()
}

/// The requests of a transaction, if their number is permitted.
fn counted<T>(items: Option<&[T]>) -> Result<&[T], Error> {
    let items = items.ok_or_else(|| Error::missing("transactItems"))?;
    match items.len() {
        1..=MOST => Ok(items),
        count => {
            let bound = if count == 0 { "greater than or equal to 1" } else { "less than or equal to 100" };
            let constraint = format!("Member must have length {bound}");
            Err(Error::constraint(format!("'[{count} requests]'"), "transactItems", &constraint))
        }
    }
}

fn cancelled(refusals: impl Iterator<Item = Option<Error>>) -> Error {
    let reasons: Vec<Reason> = refusals
        .map(|refusal| match refusal {
            None => Reason { code: "None", message: None, item: None },
            Some(error) if error.code == "ConditionalCheckFailedException" => {
                Reason { code: "ConditionalCheckFailed", message: Some(error.message), item: error.item }
            }
            Some(error) => Reason { code: "ValidationError", message: Some(error.message), item: None },
        })
        .collect();
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code).collect();
    let codes = codes.join(", ");
    let message = format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]");
    Error { reasons: Some(reasons), ..Error::new("TransactionCanceledException", message) }
}

/// Tells two transactions apart.
fn fingerprint(writes: &[(Effect, &Write)]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (effect, write) in writes {
        effect.hash(&mut hasher);
        (&write.table_name, &write.item, &write.key).hash(&mut hasher);
        (&write.update_expression, &write.condition_expression).hash(&mut hasher);
        (&write.expression_attribute_names, &write.expression_attribute_values).hash(&mut hasher);
    }
    hasher.finish()
}
