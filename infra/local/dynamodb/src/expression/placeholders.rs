//! What a request gives for the placeholders of its expressions.

use std::collections::{BTreeMap, BTreeSet};

use super::Kind;
use crate::error::Error;
use crate::value::{Attributes, Value};

/// The names and values of a request, and which of them its expressions have used.
#[derive(Debug, Default)]
pub(crate) struct Placeholders<'a> {
    names: Option<&'a BTreeMap<String, String>>,
    values: Option<&'a Attributes>,
    used_names: BTreeSet<&'a str>,
    used_values: BTreeSet<&'a str>,
}

impl<'a> Placeholders<'a> {
    /// `expressions` are those that the operation takes, by their names, with whether they are
    /// given: names and values need one that can use them.
    pub(crate) fn new(
        names: Option<&'a BTreeMap<String, String>>,
        values: Option<&'a Attributes>,
        expressions: &[(Kind, bool)],
    ) -> Result<Self, Error> {
        if names.is_some() && expressions.iter().all(|(_, given)| !given) {
            return Err(Error::validation("ExpressionAttributeNames can only be specified when using expressions"));
        }
        let with_values = || expressions.iter().filter(|(kind, _)| *kind != Kind::Projection);
        if values.is_some() && with_values().all(|(_, given)| !given) {
            let absent: Vec<_> = with_values().map(|(kind, _)| kind.name()).collect();
            let verb = if absent.len() > 1 { "are" } else { "is" };
            return Err(Error::validation(format!(
                "ExpressionAttributeValues can only be specified when using expressions: {} {verb} null",
                absent.join(" and ")
            )));
        }
        check("ExpressionAttributeNames", names.map(BTreeMap::keys), '#')?;
        check("ExpressionAttributeValues", values.map(BTreeMap::keys), ':')?;
        if let Some((name, _)) = values.into_iter().flatten().find(|(_, value)| value.is_too_deep()) {
            return Err(Error::validation(format!(
                "ExpressionAttributeValues contains invalid value: Nesting Levels have exceeded supported limits for key {name}"
            )));
        }
        Ok(Self { names, values, ..Self::default() })
    }

    pub(super) fn name(&mut self, kind: Kind, placeholder: &str) -> Result<&'a str, Error> {
        let (key, name) = self.names.and_then(|names| names.get_key_value(placeholder)).ok_or_else(|| {
            kind.error(format!(
                "An expression attribute name used in the document path is not defined; attribute name: {placeholder}"
            ))
        })?;
        self.used_names.insert(key);
        Ok(name)
    }

    pub(super) fn value(&mut self, kind: Kind, placeholder: &str) -> Result<&'a Value, Error> {
        let (key, value) = self.values.and_then(|values| values.get_key_value(placeholder)).ok_or_else(|| {
            kind.error(format!(
                "An expression attribute value used in expression is not defined; attribute value: {placeholder}"
            ))
        })?;
        self.used_values.insert(key);
        Ok(value)
    }

    /// Refuses placeholders that no expression has used. To be called after all are parsed.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let unused = |what: &str, unused: Vec<&str>| {
            if unused.is_empty() {
                return Ok(());
            }
            let keys = unused.join(", ");
            Err(Error::validation(format!("Value provided in {what} unused in expressions: keys: {{{keys}}}")))
        };
        let names = self.names.into_iter().flat_map(BTreeMap::keys).map(String::as_str);
        unused("ExpressionAttributeNames", names.filter(|name| !self.used_names.contains(name)).collect())?;
        let values = self.values.into_iter().flat_map(BTreeMap::keys).map(String::as_str);
        unused("ExpressionAttributeValues", values.filter(|value| !self.used_values.contains(value)).collect())
    }
}

fn check<'a>(what: &str, keys: Option<impl Iterator<Item = &'a String>>, mark: char) -> Result<(), Error> {
    let Some(keys) = keys else { return Ok(()) };
    let mut count = 0;
    for key in keys {
        count += 1;
        let is_one = key.strip_prefix(mark).is_some_and(|name| {
            !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        });
        if !is_one {
            return Err(Error::validation(format!("{what} contains invalid key: Syntax error; key: \"{key}\"")));
        }
    }
    if count == 0 { Err(Error::validation(format!("{what} must not be empty"))) } else { Ok(()) }
}
