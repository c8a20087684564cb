//! What `ListEntities` and `ListChangeSets` have in common: filters, scope, order and pages.

use std::cmp::Ordering;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{CatalogError, Standing};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Filter {
    pub(super) name: String,
    pub(super) value_list: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sort {
    sort_by: Option<String>,
    sort_order: Option<SortOrder>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum SortOrder {
    Ascending,
    #[default]
    Descending,
}

impl SortOrder {
    /// Compares two keys in this order.
    pub(super) fn compare<K: Ord>(self, a: &K, b: &K) -> Ordering {
        match self {
            Self::Ascending => a.cmp(b),
            Self::Descending => b.cmp(a),
        }
    }
}

/// Limits of the service model: filters of a request, and values of a filter.
const MAX_FILTERS: usize = 8;
const MAX_VALUES: usize = 10;

impl Filter {
    pub(super) fn accepts(&self, value: &str) -> bool {
        self.value_list.iter().any(|wanted| wanted == value)
    }

    /// The single time that a filter by a range has as its value.
    pub(super) fn time(&self) -> Result<Timestamp, CatalogError> {
        let time = match self.value_list.as_slice() {
            [time] => time.parse().ok(),
            _ => None,
        };
        let name = &self.name;
        let message = || format!("Filter {name} takes one time in ISO 8601 format");
        time.ok_or_else(|| CatalogError::validation(message()).in_field("FilterList.ValueList"))
    }
}

/// The scope and the other filters of a request. Too many filters, and filters that are not among
/// `known`, are errors.
pub(super) fn scope_and_filters<'f>(
    filters: &'f [Filter],
    known: &[&str],
) -> Result<(Standing, Vec<&'f Filter>), CatalogError> {
    if filters.len() > MAX_FILTERS {
        return Err(
            CatalogError::validation(format!("FilterList must hold 1 to {MAX_FILTERS} filters")).in_field("FilterList")
        );
    }
    if let Some(filter) = filters.iter().find(|filter| !(1..=MAX_VALUES).contains(&filter.value_list.len())) {
        let message = format!("ValueList of filter {} must hold 1 to {MAX_VALUES} values", filter.name);
        return Err(CatalogError::validation(message).in_field("FilterList.ValueList"));
    }
    let (scopes, rest): (Vec<&Filter>, Vec<&Filter>) = filters.iter().partition(|filter| filter.name == "Scope");
    if let Some(filter) = rest.iter().find(|filter| !known.contains(&filter.name.as_str())) {
        let message = format!("Filter {} is not supported", filter.name);
        return Err(CatalogError::validation(message).in_field("FilterList.Name"));
    }
    let standing = match scopes.as_slice() {
        [] => Standing::Owner,
        [scope] if scope.value_list == ["SharedWithMe"] => Standing::DelegatedAdministrator,
        _ => {
            let message = "Filter Scope takes the single value SharedWithMe";
            return Err(CatalogError::validation(message).in_field("FilterList.ValueList"));
        }
    };
    Ok((standing, rest))
}

/// The attribute to sort by, and the order. The attribute must be among `known`; the first of these
/// is the default.
pub(super) fn order(sort: Option<&Sort>, known: &[&'static str]) -> Result<(&'static str, SortOrder), CatalogError> {
    let by = match sort.and_then(|sort| sort.sort_by.as_deref()) {
        None => known.first(),
        Some(asked) => known.iter().find(|known| **known == asked),
    };
    let message = || format!("SortBy must be one of {}", known.join(", "));
    let by = by.ok_or_else(|| CatalogError::validation(message()).in_field("Sort.SortBy"))?;
    Ok((by, sort.and_then(|sort| sort.sort_order).unwrap_or_default()))
}

/// The position of an item in a list: its sort key, then its id.
pub(super) type Place = (String, String);

/// A page of a list: the place after which it begins, and its largest length.
pub(super) struct Page {
    pub(super) after: Option<Place>,
    pub(super) length: usize,
}

/// Items per page if the request names no number.
const DEFAULT_PAGE: usize = 20;

impl Page {
    pub(super) fn of(max_results: Option<usize>, token: Option<&str>, limit: usize) -> Result<Self, CatalogError> {
        let length = max_results.unwrap_or(DEFAULT_PAGE);
        if !(1..=limit).contains(&length) {
            let message = format!("MaxResults must be between 1 and {limit}");
            return Err(CatalogError::validation(message).in_field("MaxResults"));
        }
        let after = token.map(read_token).transpose()?;
        Ok(Self { after, length })
    }

    /// Whether an item at that place comes after the place where the page begins.
    pub(super) fn admits(&self, place: &Place, compare: impl Fn(&Place, &Place) -> Ordering) -> bool {
        self.after.as_ref().is_none_or(|after| compare(place, after).is_gt())
    }

    /// The answer with the items of this page, and a token if there are more. The token holds a
    /// place and not a number, so items that are added or removed between two pages do not shift
    /// the rest.
    pub(super) fn answer<T>(
        &self,
        name: &str,
        mut items: Vec<(Place, T)>,
        compare: impl Fn(&Place, &Place) -> Ordering,
        show: impl Fn(&T) -> Value,
    ) -> Value {
        items.sort_by(|(a, _), (b, _)| compare(a, b));
        let more = items.len() > self.length;
        items.truncate(self.length);
        let shown: Vec<Value> = items.iter().map(|(_, item)| show(item)).collect();
        let mut answer = json!({ name: shown });
        if let (true, Some((place, _))) = (more, items.last()) {
            answer["NextToken"] = json!(write_token(place));
        }
        answer
    }
}

fn write_token(place: &Place) -> String {
    BASE64_STANDARD.encode(json!(place).to_string())
}

fn read_token(token: &str) -> Result<Place, CatalogError> {
    let place = BASE64_STANDARD.decode(token).ok().and_then(|text| serde_json::from_slice(&text).ok());
    place.ok_or_else(|| CatalogError::validation("NextToken is not valid").in_field("NextToken"))
}

/// A time as a sort key: its text sorts in the order of time.
pub(super) fn key_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_place_and_nothing_else_does() {
        let place = ("a name / with \"everything\"".to_owned(), "exp-1".to_owned());
        assert_eq!(read_token(&write_token(&place)), Ok(place));
        for foreign in ["", "after:exp-1", "eyJhIjoxfQ=="] {
            assert!(read_token(foreign).is_err(), "{foreign}");
        }
    }

    #[test]
    fn times_sort_as_text() {
        let keys = [0, 1, 999, 1000, 1001].map(|ms| key_of(Timestamp::from_millisecond(ms).unwrap()));
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
