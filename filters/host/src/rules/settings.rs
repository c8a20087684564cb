//! What the settings of several rules have in common.

use std::collections::{BTreeMap, BTreeSet};

use pmp_filter_names::key;
use pmp_protocol::ProductId;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Rule, Taken};
use crate::contract::bindings::pmp_sync::filter::types;

/// Reads settings; an error begins with the path of the field.
pub(super) fn read<R: Rule + DeserializeOwned + 'static>(config: &str) -> Result<Box<dyn Rule>, String> {
    let mut json = serde_json::Deserializer::from_str(config);
    let rule: R = serde_path_to_error::deserialize(&mut json).map_err(|error| match error.path().to_string() {
        whole if whole == "." => error.inner().to_string(),
        path => format!("{path}: {}", error.inner()),
    })?;
    Ok(Box::new(rule))
}

/// How a rule takes a product away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Taking {
    /// Not approved; what is taken out of the settings comes back.
    #[default]
    Exclude,
    /// Not approved, and on the list of rejected products.
    Reject,
}

impl Taking {
    pub(super) fn verdict(self) -> types::Verdict {
        match self {
            Self::Exclude => types::Verdict::Exclude,
            Self::Reject => types::Verdict::Reject,
        }
    }
}

/// What becomes of a product of which the fact that matters is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unknown {
    /// It is kept: a vendor whose products cannot be looked up gets through.
    Keep,
    /// It is excluded, and never rejected, since nothing is held against it. The default: a rule
    /// that lets through what it cannot judge is none. Should nothing at all be known, the guard
    /// rails hold the plan.
    #[default]
    Exclude,
}

impl Unknown {
    /// The decision on a product of which `what` is not known.
    pub(super) fn judge(self, what: &str) -> Option<Taken> {
        let taken = || Taken { how: Taking::Exclude, why: format!("{what} not known") };
        (self == Self::Exclude).then(taken)
    }
}

/// A set of ids, which are compared exactly.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<ProductId>")]
pub(super) struct Ids(pub(super) BTreeSet<ProductId>);

/// Names, compared as a whole and as people read them: by the key of each, the form in which it was
/// written.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(super) struct Names(BTreeMap<String, String>);

// An empty list is a mistake in every rule: it takes nothing away, or everything.
const EMPTY: &str = "the list is empty";

impl TryFrom<Vec<ProductId>> for Ids {
    type Error = &'static str;

    fn try_from(ids: Vec<ProductId>) -> Result<Self, Self::Error> {
        if ids.is_empty() { Err(EMPTY) } else { Ok(Self(ids.into_iter().collect())) }
    }
}

impl TryFrom<Vec<String>> for Names {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, Self::Error> {
        if names.is_empty() {
            return Err(EMPTY.to_owned());
        }
        let name = |(index, name): (usize, String)| match key(&name) {
            key if key.is_empty() => Err(format!("entry {} is empty", index + 1)),
            key => Ok((key, name.trim().to_owned())),
        };
        names.into_iter().enumerate().map(name).collect::<Result<_, _>>().map(Self)
    }
}

impl Names {
    /// The entry that this name is, as it was written.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.get(&key(name)).map(String::as_str)
    }

    /// The entry that is exactly this id of AWS's, which stays where a name changes.
    pub(super) fn find_id(&self, id: &str) -> Option<&str> {
        self.find(id).filter(|written| *written == id)
    }

    /// The entries, as they were written, that are none of `names` and none of `ids`.
    pub(super) fn unmet<'a>(
        &'a self,
        names: impl Iterator<Item = &'a str>,
        ids: impl Iterator<Item = &'a str>,
    ) -> impl Iterator<Item = &'a str> {
        let names = names.filter_map(|name| self.find(name));
        let met: BTreeSet<_> = names.chain(ids.filter_map(|id| self.find_id(id))).collect();
        self.0.values().map(String::as_str).filter(move |name| !met.contains(name))
    }
}
