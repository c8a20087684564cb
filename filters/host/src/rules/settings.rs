//! Types that the settings of several rules share.

use std::collections::{BTreeMap, BTreeSet};

use pmp_filter_names::key;
use pmp_protocol::{ProductId, asked_back};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Rule, Taken};
use crate::contract::bindings::pmp_sync::filter::types;

/// Reads settings; an error begins with the path of the field.
pub(super) fn read<R: Rule + DeserializeOwned + 'static>(config: &str) -> Result<Box<dyn Rule>, String> {
    let mut json = serde_json::Deserializer::from_str(config);
    let rule: R = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let problem = asked_back(&error.inner().to_string());
        match error.path().to_string() {
            whole if whole == "." => problem,
            path => format!("{path}: {problem}"),
        }
    })?;
    Ok(Box::new(rule))
}

/// The verdict with which a rule removes a product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Taking {
    /// Not approved. The product is approved again when it is taken out of the settings.
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

/// The decision on a product if the fact that the rule needs is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unknown {
    /// The product is kept, so a vendor whose products cannot be looked up passes.
    Keep,
    /// The product is excluded, and never rejected, because nothing is known against it. This is
    /// the default, because a rule must not pass a product that it cannot judge. If no facts are
    /// known at all, the guard rails hold the plan.
    #[default]
    Exclude,
}

impl Unknown {
    /// The decision on a product whose `what` is not known.
    pub(super) fn judge(self, what: &str) -> Option<Taken> {
        let taken = || Taken { how: Taking::Exclude, why: format!("{what} not known") };
        (self == Self::Exclude).then(taken)
    }
}

/// A set of ids, which are compared exactly.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<ProductId>")]
pub(super) struct Ids(pub(super) BTreeSet<ProductId>);

/// Names, which are compared as a whole and as people read them. Maps the key of each to the form
/// in which it was written.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(super) struct Names(BTreeMap<String, String>);

// An empty list is a mistake in every rule: it would remove no product, or all (rule 12).
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
    /// The entry that matches this name, in the form in which it was written.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.get(&key(name)).map(String::as_str)
    }

    /// The entry that is exactly this id of AWS's. An id stays the same if a name changes.
    pub(super) fn find_id(&self, id: &str) -> Option<&str> {
        self.find(id).filter(|written| *written == id)
    }

    /// The entries, in the form in which they were written, that match none of `names` and none of
    /// `ids`.
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
