//! A table: its settings, and its items in the order of queries and scans.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::expression::key_condition::Sort;
use crate::key::{ItemKey, Key, KeySchema};
use crate::request::{Tag, Throughput, TimeToLive};
use crate::value::Item;

/// The items of a partition, by their sort keys. Without a sort key there is one item.
type Partition = BTreeMap<Option<Key>, Item>;

/// Where a scan comes by a partition. Without a key it is before all partitions of this number.
type Place = (u64, Option<Key>);

fn place_of(partition: &Key) -> Place {
    (partition.place(), Some(partition.clone()))
}

/// Everything about a table but its items.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) key: KeySchema,
    /// `None` if reads and writes are paid for one by one.
    pub(crate) throughput: Option<Throughput>,
    pub(crate) protected: bool,
    /// The key that encrypts the table, if it is not DynamoDB's own.
    pub(crate) encryption_key: Option<String>,
    pub(crate) class: Option<String>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) time_to_live: Option<TimeToLive>,
    pub(crate) recovery: bool,
    pub(crate) policy: Option<Policy>,
}

/// A policy on a table, with the number of its revision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) text: String,
    pub(crate) revision: String,
}

/// A table. A copy shares all items with it, until one of the two changes.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) settings: Settings,
    partitions: BTreeMap<Place, Arc<Partition>>,
    count: usize,
    bytes: usize,
}

/// The part of a table that a scan reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) number: u32,
    pub(crate) of: u32,
}

impl Segment {
    pub(crate) const WHOLE: Self = Self { number: 0, of: 1 };

    /// The first place of the segment.
    fn begin(self, number: u32) -> u64 {
        // The places are as many as 64 bits have values.
        u64::try_from((u128::from(number) << 64) / u128::from(self.of)).unwrap_or(u64::MAX)
    }

    /// The last place of the segment.
    fn end(self) -> u64 {
        if self.number + 1 == self.of { u64::MAX } else { self.begin(self.number + 1) - 1 }
    }

    pub(crate) fn includes(self, place: u64) -> bool {
        (self.begin(self.number)..=self.end()).contains(&place)
    }
}

impl Table {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, partitions: BTreeMap::new(), count: 0, bytes: 0 }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, key: &ItemKey) -> Option<&Item> {
        self.partition(&key.partition)?.get(&key.sort)
    }

    fn partition(&self, key: &Key) -> Option<&Partition> {
        self.partitions.get(&place_of(key)).map(|partition| &**partition)
    }

    pub(crate) fn put(&mut self, key: ItemKey, item: Item) {
        self.bytes += item.size();
        self.count += 1;
        let before = Arc::make_mut(self.partitions.entry(place_of(&key.partition)).or_default()).insert(key.sort, item);
        self.forget(before.as_ref());
    }

    pub(crate) fn remove(&mut self, key: &ItemKey) {
        let place = place_of(&key.partition);
        let Some(partition) = self.partitions.get_mut(&place) else { return };
        let before = if partition.contains_key(&key.sort) { Arc::make_mut(partition).remove(&key.sort) } else { None };
        if partition.is_empty() {
            self.partitions.remove(&place);
        }
        self.forget(before.as_ref());
    }

    fn forget(&mut self, item: Option<&Item>) {
        if let Some(item) = item {
            self.bytes -= item.size();
            self.count -= 1;
        }
    }

    /// The items of a partition that a query wants, from behind `start` on.
    pub(crate) fn query<'a>(
        &'a self,
        partition: &Key,
        sort: &'a Sort,
        forward: bool,
        start: Option<&Key>,
    ) -> Box<dyn Iterator<Item = &'a Item> + 'a> {
        let Some(items) = self.partition(partition) else { return Box::new(std::iter::empty()) };
        let (mut from, mut to) = match sort {
            Sort::All => (Bound::Unbounded, Bound::Unbounded),
            Sort::Within(from, to) => (from.clone(), to.clone()),
            Sort::BeginningWith(prefix) => (Bound::Included(prefix.clone()), Bound::Unbounded),
        };
        if let Some(start) = start {
            *(if forward { &mut from } else { &mut to }) = Bound::Excluded(start.clone());
        }
        if is_empty(&from, &to) {
            return Box::new(std::iter::empty());
        }
        let found = items.range((from.map(Some), to.map(Some)));
        // What begins with something is one stretch, whose end no key says.
        let wanted = move |(key, _): &(&Option<Key>, &Item)| key.as_ref().is_none_or(|key| sort.includes(key));
        if forward {
            Box::new(found.take_while(wanted).map(|(_, item)| item))
        } else {
            Box::new(found.rev().skip_while(move |entry| !wanted(entry)).map(|(_, item)| item))
        }
    }

    /// The items of a segment, from behind `start` on.
    pub(crate) fn scan<'a>(
        &'a self,
        segment: Segment,
        start: Option<&'a ItemKey>,
    ) -> impl Iterator<Item = &'a Item> + 'a {
        // The rest of the partition in which the last page has ended, and all partitions behind it.
        let rest = start.and_then(|key| Some((key, self.partition(&key.partition)?)));
        let rest =
            rest.into_iter().flat_map(|(key, items)| items.range((Bound::Excluded(&key.sort), Bound::Unbounded)));
        let from = match start {
            Some(key) => Bound::Excluded(place_of(&key.partition)),
            None => Bound::Included((segment.begin(segment.number), None)),
        };
        let end = segment.end();
        let behind = self.partitions.range((from, Bound::Unbounded)).take_while(move |((place, _), _)| *place <= end);
        rest.map(|(_, item)| item).chain(behind.flat_map(|(_, items)| items.values()))
    }

    /// All items, in the order of a scan.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.partitions.values().flat_map(|partition| partition.values())
    }
}

/// Whether nothing can lie between two bounds; a tree refuses to be asked for that.
fn is_empty(from: &Bound<Key>, to: &Bound<Key>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
        _ => false,
    }
}
