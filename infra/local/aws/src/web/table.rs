//! Which products are shown: the matching products of a list, a page at a time. It is pure.

use std::collections::{BTreeMap, HashMap};

use super::query::Shown;
use crate::catalog::Listed;
use crate::world::Product;

/// How many products a page has.
pub(super) const PAGE: usize = 12;

/// The products of the world, sorted by name.
pub(super) struct Names {
    known: Vec<Known>,
    by_id: HashMap<String, usize>,
}

/// A product of the world, with what the search compares.
pub(super) struct Known {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) manufacturer: String,
    /// Id, name and manufacturer in lower case, for the search.
    searched: String,
}

/// A page of product ids.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) ids: Vec<String>,
    /// How many products all pages have together.
    pub(super) total: usize,
    /// The number of this page, from 1. If a later page was requested, this is the last one.
    pub(super) number: usize,
    pub(super) pages: usize,
}

impl Names {
    pub(super) fn new(products: &[Product]) -> Self {
        let known = |product: &Product| Known {
            id: product.id.clone(),
            name: product.name.clone(),
            manufacturer: product.manufacturer.clone(),
            searched: format!("{}\n{}\n{}", product.name, product.id, product.manufacturer).to_lowercase(),
        };
        let mut known: Vec<Known> = products.iter().map(known).collect();
        known.sort_by(|a, b| a.searched.cmp(&b.searched));
        let by_id = known.iter().enumerate().map(|(index, known)| (known.id.clone(), index)).collect();
        Self { known, by_id }
    }

    /// How many products of the world have a name.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Known> {
        self.known.get(*self.by_id.get(id)?)
    }

    /// The name of a product; its id if the world has no name for it.
    pub(super) fn name<'n>(&'n self, id: &'n str) -> &'n str {
        self.get(id).map(|known| known.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(id)
    }

    /// A page of the products that are `shown` and match `search`: first those with a name, in its
    /// order, then the others by id. `moving` are the products of running change sets.
    pub(super) fn page(
        &self,
        lists: &BTreeMap<String, Listed>,
        moving: &[&str],
        shown: Shown,
        search: &str,
        page: usize,
    ) -> Page {
        let search = search.trim().to_lowercase();
        let belongs = |id: &str| match shown {
            Shown::All => true,
            Shown::Approved => lists.get(id) == Some(&Listed::Approved),
            Shown::Rejected => lists.get(id) == Some(&Listed::Rejected),
            Shown::Unlisted => !lists.contains_key(id),
            Shown::Moving => moving.contains(&id),
        };
        let named = self.known.iter().filter(|known| known.searched.contains(&search)).map(|known| known.id.as_str());
        let mut strangers: Vec<&str> = lists.keys().map(String::as_str).chain(moving.iter().copied()).collect();
        strangers.retain(|id| !self.by_id.contains_key(*id) && id.to_lowercase().contains(&search));
        strangers.sort_unstable();
        strangers.dedup();
        let found: Vec<&str> = named.chain(strangers).filter(|id| belongs(id)).collect();
        let pages = found.len().div_ceil(PAGE).max(1);
        let number = page.clamp(1, pages);
        let ids = found.iter().skip((number - 1) * PAGE).take(PAGE).map(|id| (*id).to_owned()).collect();
        Page { ids, total: found.len(), number, pages }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(products: &[(&str, &str)]) -> Names {
        let product =
            |(id, name): &(&str, &str)| Product { id: (*id).into(), name: (*name).into(), ..Product::default() };
        Names::new(&products.iter().map(product).collect::<Vec<_>>())
    }

    fn lists(approved: &[&str], rejected: &[&str]) -> BTreeMap<String, Listed> {
        let list = |ids: &[&str], listed| ids.iter().map(|id| ((*id).to_owned(), listed)).collect::<Vec<_>>();
        list(approved, Listed::Approved).into_iter().chain(list(rejected, Listed::Rejected)).collect()
    }

    #[test]
    fn products_come_by_name_and_then_those_without_one() {
        let names = names(&[("prod-2", "Zebra"), ("prod-1", "apple"), ("prod-3", "Mango")]);
        let lists = lists(&["prod-2", "prod-9"], &["prod-1"]);
        let ids = |shown, search| names.page(&lists, &["prod-3"], shown, search, 1).ids;
        assert_eq!(ids(Shown::All, ""), ["prod-1", "prod-3", "prod-2", "prod-9"]);
        assert_eq!(ids(Shown::Approved, ""), ["prod-2", "prod-9"]);
        assert_eq!(ids(Shown::Rejected, ""), ["prod-1"]);
        assert_eq!(ids(Shown::Unlisted, ""), ["prod-3"]);
        assert_eq!(ids(Shown::Moving, ""), ["prod-3"]);
        assert_eq!(ids(Shown::All, " MANGO "), ["prod-3"]);
        assert_eq!(ids(Shown::All, "prod-9"), ["prod-9"]);
        assert_eq!(ids(Shown::All, "nothing"), [""; 0]);
        assert_eq!((names.name("prod-2"), names.name("prod-9")), ("Zebra", "prod-9"));
    }

    #[test]
    fn twenty_thousand_products_are_a_page_at_a_time() {
        let ids: Vec<String> = (0..20_000).map(|n| format!("prod-{n:05}")).collect();
        let lists = lists(&ids.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        let page = |number| names(&[]).page(&lists, &[], Shown::All, "", number);
        assert_eq!((page(1).ids.len(), page(1).total), (PAGE, 20_000));
        let last = page(usize::MAX);
        assert_eq!((last.number, last.pages), (20_000_usize.div_ceil(PAGE), 20_000_usize.div_ceil(PAGE)));
        assert_eq!(last.ids.last().map(String::as_str), Some("prod-19999"));
        assert_eq!(page(0).number, 1);
    }
}
