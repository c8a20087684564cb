//! The decisions in one member experience, version by version, in few bytes.
//!
//! The newest decisions are kept whole; each older entry says only what differs from the one after
//! it. So a question about now needs one snapshot, an old entry goes without touching the others,
//! and a version that moves few products adds few bytes: of the products that both snapshots have,
//! only those that were decided otherwise are named, and of those that only the older one has, the
//! places among them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::decisions::{Ground, GroundKind, MAX_REASON, Places};
use crate::seal::{pack, unpack};
use crate::{Decisions, Digest, FilterIdentity, Listing, ProductId, ReceiptStatus, SnapshotVersion};

/// The most packed bytes of a journal: it is one item of DynamoDB's, which holds 400 KB.
pub const MAX_JOURNAL_BYTES: usize = 350_000;
/// The most that a journal may unpack to. A larger one is refused before it fills the memory.
const MAX_UNPACKED: usize = 1024 * 1024;
/// The most entries, whatever is asked for: a filter that decides otherwise in each pass adds one
/// each time.
const MAX_ENTRIES: usize = 400;
/// The most different grounds, and the most filters, of all entries together.
const MAX_TABLE: usize = 4_096;
/// More products than a snapshot can hold.
const MAX_PLACE: u32 = 1 << 22;
const FORMAT: u8 = 1;

/// What one pass decided, but for the products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Version of the snapshot that was decided about.
    pub version: SnapshotVersion,
    /// Of its digest as much as tells two snapshots of one number apart.
    pub check: u16,
    /// When, in whole seconds.
    pub at: Timestamp,
    /// What came of it.
    pub status: ReceiptStatus,
    /// The filter that decided, where there is one.
    pub filter: Option<Arc<FilterIdentity>>,
}

impl JournalEntry {
    /// An entry for a pass that ended at `at`.
    #[must_use]
    pub fn new(
        version: SnapshotVersion,
        digest: Digest,
        at: Timestamp,
        status: ReceiptStatus,
        filter: Option<FilterIdentity>,
    ) -> Self {
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        Self { version, check: check_of(digest), at, status, filter: filter.map(Arc::new) }
    }

    /// Whether it is about the snapshot with this version and digest, as far as it says.
    #[must_use]
    pub fn is_about(&self, version: SnapshotVersion, digest: Digest) -> bool {
        (self.version, self.check) == (version, check_of(digest))
    }

    /// Whether what was decided was brought into force, as the spoke says.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        matches!(self.status, ReceiptStatus::InSync | ReceiptStatus::Partial)
    }
}

/// The first two bytes.
fn check_of(digest: Digest) -> u16 {
    u16::from_str_radix(&digest.hex()[..4], 16).unwrap_or_default()
}

/// What leads from an entry to the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Back {
    /// About products that only the older snapshot has: places among these.
    gone: BTreeMap<Ground, Places>,
    /// About products that both have, and that are decided otherwise in the two: places in the
    /// older listing.
    toggled: BTreeMap<Ground, Places>,
}

/// The decisions of one member experience over the versions, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionJournal {
    /// The entries, the newest first. Never empty.
    entries: Vec<JournalEntry>,
    newest: Decisions,
    /// One for each entry but the newest.
    back: Vec<Back>,
}

/// Bytes that are no journal. Who wrote them harms itself alone.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// zstd could not pack or unpack.
    #[error("it cannot be packed or unpacked")]
    Compression(#[source] std::io::Error),
    /// Larger than a journal can be.
    #[error("it is larger than a record of decisions can be")]
    TooLarge,
    /// The bytes are of a format that this release does not read.
    #[error("its format is {0}, and this release reads {FORMAT}")]
    Format(u8),
    /// Not as a spoke writes it.
    #[error("it is not what a spoke writes: {0}")]
    Malformed(&'static str),
}

crate::codes!(JournalError {
    Compression => "E1010",
    TooLarge => "E1011",
    Format => "E1012",
    Malformed => "E1013",
});

crate::without_hint!(JournalError);

/// Where the listing of a version comes from; none where that snapshot is not kept, or not the one
/// that an entry is about.
pub trait Listings {
    /// The listing that an entry's places refer to.
    fn listing(&self, entry: &JournalEntry) -> Option<Arc<Listing>>;

    /// The places in the listing of `older` of what that of `newer` does not have.
    fn gone(&self, older: &JournalEntry, newer: &JournalEntry) -> Option<Arc<Vec<u32>>> {
        Some(Arc::new(self.listing(older)?.gone(self.listing(newer)?.as_ref())))
    }
}

impl DecisionJournal {
    /// A journal with one entry.
    #[must_use]
    pub fn new(entry: JournalEntry, decisions: Decisions) -> Self {
        Self { entries: vec![entry], newest: decisions, back: Vec::new() }
    }

    /// The entries, newest first.
    #[must_use]
    pub fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    /// The newest entry, and what was decided then.
    #[must_use]
    pub fn newest(&self) -> (&JournalEntry, &Decisions) {
        (&self.entries[0], &self.newest)
    }

    /// The same with one more entry. `listing` is what its places refer to, `before` the listing of
    /// what was the newest.
    #[must_use]
    pub fn with(mut self, entry: JournalEntry, decisions: Decisions, listing: &Listing, before: &Listing) -> Self {
        let there = before.against(listing);
        let mut gone_places = vec![None; before.len()];
        let gone = there.iter().enumerate().filter(|(_, there)| there.is_none());
        for ((place, _), number) in gone.zip(0_u32..) {
            gone_places[place] = Some(number);
        }
        let back_again = listing.against(before);
        let carried =
            |places: &Places| -> Places { places.iter().filter_map(|at| at_place(&back_again, *at)).collect() };
        let mut back = Back::default();
        for (ground, places) in &self.newest.0 {
            let gone: Places = places.iter().filter_map(|at| at_place(&gone_places, *at)).collect();
            if !gone.is_empty() {
                back.gone.insert(ground.clone(), gone);
            }
        }
        let grounds = self.newest.0.keys().chain(decisions.0.keys().filter(|it| !self.newest.0.contains_key(*it)));
        for ground in grounds {
            let older = self.newest.0.get(ground).map(Vec::as_slice).unwrap_or_default();
            let older: Places = older.iter().copied().filter(|at| at_place(&there, *at).is_some()).collect();
            let toggled = differing(&older, &decisions.0.get(ground).map(carried).unwrap_or_default());
            if !toggled.is_empty() {
                back.toggled.insert(ground.clone(), toggled);
            }
        }
        self.entries.insert(0, entry);
        self.back.insert(0, back);
        self.newest = decisions;
        self
    }

    /// The same where the decisions of the newest entry stand, and what came of them is another by
    /// now.
    #[must_use]
    pub fn with_outcome(mut self, at: Timestamp, status: ReceiptStatus) -> Self {
        self.entries[0].at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        self.entries[0].status = status;
        self
    }

    /// Without what is older than the newest `versions` versions, or than `since`. The newest entry
    /// stays.
    pub fn limit(&mut self, versions: usize, since: Timestamp) {
        let mut seen = Vec::new();
        let keep = |entry: &JournalEntry, seen: &mut Vec<SnapshotVersion>| {
            if !seen.contains(&entry.version) {
                seen.push(entry.version);
            }
            seen.len() <= versions.max(1) && entry.at >= since
        };
        let kept = self.entries.iter().take(MAX_ENTRIES).take_while(|entry| keep(entry, &mut seen)).count();
        self.cut(kept);
    }

    fn cut(&mut self, entries: usize) {
        self.entries.truncate(entries.max(1));
        self.back.truncate(self.entries.len() - 1);
    }

    /// What each of the `first` entries, newest first, says of one product: none from where on a
    /// snapshot is missing that it takes to tell. A product that a snapshot has on neither list has
    /// no ground there.
    #[must_use]
    pub fn about(&self, product: &ProductId, first: usize, listings: &dyn Listings) -> Vec<Option<Vec<Ground>>> {
        let first = first.min(self.entries.len());
        let mut said = Vec::with_capacity(first);
        let mut newer: Option<(&JournalEntry, Option<u32>, Vec<Ground>)> = None;
        for (index, entry) in self.entries.iter().enumerate().take(first) {
            let Some(listing) = listings.listing(entry) else { break };
            let place = listing.place(product);
            let grounds = match (&newer, place) {
                (_, None) => Vec::new(),
                (None, Some(place)) => self.newest.at(place).cloned().collect(),
                (Some((after, after_place, grounds)), Some(place)) => {
                    let back = &self.back[index - 1];
                    if after_place.is_some() {
                        let differs = |ground: &Ground| {
                            back.toggled.get(ground).is_some_and(|places| places.binary_search(&place).is_ok())
                        };
                        let mut kept: Vec<_> = grounds.iter().filter(|ground| !differs(ground)).cloned().collect();
                        kept.extend(back.toggled.keys().filter(|it| differs(it) && !grounds.contains(it)).cloned());
                        kept.sort();
                        kept
                    } else {
                        let Some(gone) = listings.gone(entry, after) else { break };
                        let number = gone.binary_search(&place).ok().and_then(|number| u32::try_from(number).ok());
                        let has = |places: &Places| number.is_some_and(|number| places.binary_search(&number).is_ok());
                        back.gone.iter().filter(|(_, places)| has(places)).map(|(ground, _)| ground.clone()).collect()
                    }
                }
            };
            said.push(Some(grounds.clone()));
            newer = Some((entry, place, grounds));
        }
        said.resize(first, None);
        said
    }

    /// Packs it; the oldest entries go where it would be too large for an item.
    ///
    /// # Errors
    /// Where the newest entry alone is too large, or zstd fails.
    pub fn encode(&self) -> Result<Vec<u8>, JournalError> {
        let mut journal = self.clone();
        journal.cut(MAX_ENTRIES);
        loop {
            let written = journal.write();
            // What would be refused when it is read is not written.
            if written.len() <= MAX_UNPACKED && journal.grounds().len() <= MAX_TABLE {
                let packed = pack(&written).map_err(JournalError::Compression)?;
                if packed.len() <= MAX_JOURNAL_BYTES {
                    return Ok(packed);
                }
            }
            if journal.entries.len() == 1 {
                return Err(JournalError::TooLarge);
            }
            journal.cut(journal.entries.len() / 2);
        }
    }

    /// Unpacks it. Nothing of it is believed: every number is held to a bound.
    ///
    /// # Errors
    /// Where it is not what [`Self::encode`] makes.
    pub fn decode(packed: &[u8]) -> Result<Self, JournalError> {
        if packed.len() > MAX_JOURNAL_BYTES {
            return Err(JournalError::TooLarge);
        }
        let written = unpack(packed, MAX_UNPACKED).map_err(JournalError::Compression)?;
        let written = written.ok_or(JournalError::TooLarge)?;
        let mut reader = Reader(&written);
        let journal = read(&mut reader)?;
        if reader.0.is_empty() { Ok(journal) } else { Err(JournalError::Malformed("something follows its end")) }
    }

    /// The grounds of all entries, each once, in order.
    fn grounds(&self) -> Vec<&Ground> {
        let mut grounds: Vec<&Ground> = self.newest.0.keys().collect();
        for back in &self.back {
            grounds.extend(back.gone.keys().chain(back.toggled.keys()));
        }
        grounds.sort();
        grounds.dedup();
        grounds
    }

    fn write(&self) -> Vec<u8> {
        let mut filters = Vec::<&FilterIdentity>::new();
        for filter in self.entries.iter().filter_map(|entry| entry.filter.as_deref()) {
            if !filters.contains(&filter) {
                filters.push(filter);
            }
        }
        let grounds = self.grounds();
        let number_of = |ground: &Ground| grounds.binary_search(&ground).unwrap_or_default() as u64;
        let mut writer = Writer(vec![FORMAT]);
        writer.number(filters.len() as u64);
        for FilterIdentity { name, version, digest } in &filters {
            writer.text(name);
            writer.text(version);
            writer.text(&digest.hex());
        }
        writer.number(grounds.len() as u64);
        for ground in &grounds {
            writer.0.push(kind_code(ground.kind) << 1 | u8::from(ground.reason.is_some()));
            if let Some(reason) = &ground.reason {
                writer.text(reason);
            }
        }
        writer.number(self.entries.len() as u64);
        let mut after: Option<&JournalEntry> = None;
        for entry in &self.entries {
            let (version, at) = (entry.version.get(), entry.at.as_second());
            match after {
                None => {
                    writer.number(version);
                    writer.number(zigzag(at));
                }
                Some(after) => {
                    writer.number(zigzag(after.version.get().cast_signed().wrapping_sub(version.cast_signed())));
                    writer.number(zigzag(after.at.as_second() - at));
                }
            }
            writer.0.extend(entry.check.to_le_bytes());
            let filter = entry.filter.as_deref().and_then(|it| filters.iter().position(|known| *known == it));
            writer.number(filter.map_or(0, |filter| filter as u64 + 1) << 3 | u64::from(status_code(entry.status)));
            after = Some(entry);
        }
        let sets = |writer: &mut Writer, sets: &BTreeMap<Ground, Places>| {
            writer.number(sets.len() as u64);
            for (ground, places) in sets {
                writer.number(number_of(ground));
                writer.places(places);
            }
        };
        sets(&mut writer, &self.newest.0);
        for Back { gone, toggled } in &self.back {
            if gone.is_empty() && toggled.is_empty() {
                writer.0.push(0);
                continue;
            }
            writer.0.push(1);
            sets(&mut writer, gone);
            sets(&mut writer, toggled);
        }
        writer.0
    }
}

fn read(reader: &mut Reader<'_>) -> Result<DecisionJournal, JournalError> {
    let format = reader.byte()?;
    if format != FORMAT {
        return Err(JournalError::Format(format));
    }
    let filters = reader.length(MAX_TABLE, "too many filters")?;
    let filters = (0..filters).map(|_| {
        let (name, version) = (reader.text()?.to_owned(), reader.text()?.to_owned());
        let digest = format!("sha256:{}", reader.text()?).parse::<Digest>();
        let digest = digest.map_err(|_| JournalError::Malformed("a filter's digest is none"))?;
        Ok(Arc::new(FilterIdentity { name, version, digest }))
    });
    let filters = filters.collect::<Result<Vec<_>, JournalError>>()?;
    let grounds = reader.length(MAX_TABLE, "too many grounds")?;
    let grounds = (0..grounds).map(|_| {
        let code = reader.byte()?;
        let kind = kind_of(code >> 1)?;
        let reason = if code & 1 == 1 { Some(reader.text()?.into()) } else { None };
        Ok(Ground { kind, reason })
    });
    let grounds = grounds.collect::<Result<Vec<_>, JournalError>>()?;
    let count = reader.length(MAX_ENTRIES, "too many entries")?;
    let mut entries = Vec::<JournalEntry>::with_capacity(count);
    for _ in 0..count {
        let (version, at) = (reader.number()?, reader.number()?);
        let (version, at) = match entries.last() {
            None => (Some(version), Some(unzigzag(at))),
            Some(after) => (
                after.version.get().checked_add_signed(unzigzag(version).wrapping_neg()),
                after.at.as_second().checked_sub(unzigzag(at)),
            ),
        };
        let version = version.and_then(|version| SnapshotVersion::new(version).ok());
        let version = version.ok_or(JournalError::Malformed("a version is none"))?;
        let at = at.and_then(|at| Timestamp::from_second(at).ok()).ok_or(JournalError::Malformed("a time is none"))?;
        let check = u16::from_le_bytes([reader.byte()?, reader.byte()?]);
        let code = reader.number()?;
        let status = status_of((code & 7) as u8)?;
        let filter = match usize::try_from(code >> 3).unwrap_or(usize::MAX) {
            0 => None,
            number => Some(filters.get(number - 1).cloned().ok_or(JournalError::Malformed("a filter is not listed"))?),
        };
        entries.push(JournalEntry { version, check, at, status, filter });
    }
    if entries.is_empty() {
        return Err(JournalError::Malformed("it has no entry"));
    }
    let sets = |reader: &mut Reader<'_>| {
        let count = reader.length(grounds.len(), "more sets than grounds")?;
        let mut sets = BTreeMap::new();
        for _ in 0..count {
            let ground = usize::try_from(reader.number()?).ok().and_then(|number| grounds.get(number));
            let ground = ground.ok_or(JournalError::Malformed("a ground is not listed"))?;
            sets.insert(ground.clone(), reader.places()?);
        }
        if sets.len() == count { Ok(sets) } else { Err(JournalError::Malformed("a ground comes twice")) }
    };
    let newest = Decisions(sets(reader)?);
    let mut back = Vec::with_capacity(entries.len() - 1);
    for _ in 1..entries.len() {
        back.push(match reader.byte()? {
            0 => Back::default(),
            _ => Back { gone: sets(reader)?, toggled: sets(reader)? },
        });
    }
    Ok(DecisionJournal { entries, newest, back })
}

fn at_place<T: Copy>(places: &[Option<T>], at: u32) -> Option<T> {
    *places.get(usize::try_from(at).ok()?)?
}

/// What is in one of two ascending lists and not in the other.
fn differing(one: &[u32], other: &[u32]) -> Places {
    let (mut one, mut other) = (one.iter().copied().peekable(), other.iter().copied().peekable());
    let mut differing = Vec::new();
    loop {
        match (one.peek(), other.peek()) {
            (None, None) => return differing,
            (Some(a), Some(b)) if a == b => {
                one.next();
                other.next();
            }
            (Some(a), b) if b.is_none_or(|b| a < b) => differing.extend(one.next()),
            _ => differing.extend(other.next()),
        }
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn kind_code(kind: GroundKind) -> u8 {
    match kind {
        GroundKind::Excluded => 0,
        GroundKind::Rejected => 1,
        GroundKind::Deferred => 2,
    }
}

fn kind_of(code: u8) -> Result<GroundKind, JournalError> {
    match code {
        0 => Ok(GroundKind::Excluded),
        1 => Ok(GroundKind::Rejected),
        2 => Ok(GroundKind::Deferred),
        _ => Err(JournalError::Malformed("a ground is of no known kind")),
    }
}

fn status_code(status: ReceiptStatus) -> u8 {
    match status {
        ReceiptStatus::InSync => 0,
        ReceiptStatus::Applying => 1,
        ReceiptStatus::Partial => 2,
        ReceiptStatus::Held => 3,
        ReceiptStatus::Failed => 4,
        ReceiptStatus::Skipped => 5,
    }
}

fn status_of(code: u8) -> Result<ReceiptStatus, JournalError> {
    match code {
        0 => Ok(ReceiptStatus::InSync),
        1 => Ok(ReceiptStatus::Applying),
        2 => Ok(ReceiptStatus::Partial),
        3 => Ok(ReceiptStatus::Held),
        4 => Ok(ReceiptStatus::Failed),
        5 => Ok(ReceiptStatus::Skipped),
        _ => Err(JournalError::Malformed("an outcome is not known")),
    }
}

/// Numbers in groups of seven bits, the lowest first (LEB128); texts and lists with their length
/// before them.
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    /// Each as its distance from the one before.
    fn places(&mut self, places: &[u32]) {
        self.number(places.len() as u64);
        let mut next = 0;
        for place in places {
            self.number(u64::from(place - next));
            next = place + 1;
        }
    }
}

struct Reader<'a>(&'a [u8]);

const ENDS: JournalError = JournalError::Malformed("it ends too early");

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, JournalError> {
        let (first, rest) = self.0.split_first().ok_or(ENDS)?;
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u64, JournalError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(JournalError::Malformed("a number is too long"))
    }

    fn length(&mut self, most: usize, problem: &'static str) -> Result<usize, JournalError> {
        let length = usize::try_from(self.number()?).ok().filter(|length| *length <= most);
        length.ok_or(JournalError::Malformed(problem))
    }

    fn text(&mut self) -> Result<&'a str, JournalError> {
        // Names of filters may be longer than reasons; nothing is as long as this.
        let length = self.length(4 * MAX_REASON, "a text is too long")?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(ENDS)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| JournalError::Malformed("a text is none"))
    }

    fn places(&mut self) -> Result<Places, JournalError> {
        // Each takes a byte at least.
        let count = self.length(self.0.len(), "more places than bytes")?;
        let mut places = Vec::with_capacity(count);
        let mut next = 0_u64;
        for _ in 0..count {
            let place = next.checked_add(self.number()?).filter(|place| *place < u64::from(MAX_PLACE));
            let place = place.ok_or(JournalError::Malformed("a place is beyond every snapshot"))?;
            places.push(place as u32);
            next = place + 1;
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests;
