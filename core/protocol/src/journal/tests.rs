use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{Coded as _, Content, ExperienceId, MAX_GROUNDS, ResourceRequests};

/// What an entry was made from: the products of its snapshot, and what was decided about them.
#[derive(Debug, Clone)]
struct Truth {
    listing: Arc<Listing>,
    grounds: BTreeMap<ProductId, Vec<Ground>>,
}

fn product(number: u32) -> ProductId {
    ProductId::new(&format!("prod-{}", Digest::of(&number.to_le_bytes()).hex().split_at(13).0)).unwrap()
}

fn listing(products: impl IntoIterator<Item = u32>) -> Listing {
    let (approved, rejected): (Vec<_>, Vec<_>) = products.into_iter().partition(|number| number % 7 != 0);
    let set = |numbers: Vec<u32>| numbers.into_iter().map(product).collect::<BTreeSet<_>>();
    let experience = ExperienceId::new("exp-1").unwrap();
    let content = Content::new(experience, set(approved), set(rejected), BTreeMap::new(), ResourceRequests::Allow);
    Listing::of(&content.unwrap())
}

fn ground(number: u8) -> Ground {
    match number {
        0 => Ground::new(GroundKind::Excluded, Some("category \"generative-ai\"")),
        1 => Ground::new(GroundKind::Rejected, Some("the vendor is not known")),
        2 => Ground::new(GroundKind::Deferred, Some("ResourceNotFoundException: no such product")),
        _ => Ground::new(GroundKind::Excluded, None),
    }
}

fn entry(version: u64, second: i64) -> JournalEntry {
    let version = SnapshotVersion::new(version).unwrap();
    let digest = Digest::of(&version.get().to_le_bytes());
    let filter = FilterIdentity { name: "no-genai".to_owned(), version: "1.0.0".to_owned(), digest };
    let filter =
        (!version.get().is_multiple_of(3)).then_some(FilterIdentity { digest: Digest::of(b"filter"), ..filter });
    JournalEntry::new(version, digest, Timestamp::from_second(second).unwrap(), ReceiptStatus::InSync, filter)
}

/// Listings by version, some of which are not kept any more.
struct Kept(BTreeMap<SnapshotVersion, Arc<Listing>>);

impl Listings for Kept {
    fn listing(&self, entry: &JournalEntry) -> Option<Arc<Listing>> {
        let digest = Digest::of(&entry.version.get().to_le_bytes());
        self.0.get(&entry.version).filter(|_| entry.is_about(entry.version, digest)).cloned()
    }
}

/// A journal of these snapshots, oldest first, and what it must say.
fn journal(history: &[(BTreeSet<u32>, BTreeMap<u32, u8>)]) -> (DecisionJournal, Vec<Truth>, Kept) {
    let (mut journal, mut truths, mut kept) = (None::<DecisionJournal>, Vec::<Truth>::new(), BTreeMap::new());
    for (version, (products, decided)) in (1..).zip(history) {
        let listing = Arc::new(listing(products.iter().copied()));
        let decided = decided.iter().map(|(number, kind)| (product(*number), ground(*kind)));
        let decided: Vec<_> = decided.filter(|(id, _)| listing.place(id).is_some()).collect();
        let decisions = Decisions::of(&listing, decided.iter().map(|(id, ground)| (id, ground.clone())));
        let entry = entry(version, 1_700_000_000 + 3_600 * i64::try_from(version).unwrap());
        kept.insert(entry.version, listing.clone());
        journal = Some(match (journal, truths.last()) {
            (Some(journal), Some(before)) => journal.with(entry, decisions, &listing, &before.listing),
            _ => DecisionJournal::new(entry, decisions),
        });
        let mut grounds = BTreeMap::<_, Vec<_>>::new();
        decided.into_iter().for_each(|(id, ground)| grounds.entry(id).or_default().push(ground));
        truths.push(Truth { listing, grounds });
    }
    (journal.unwrap(), truths, Kept(kept))
}

fn history() -> impl Strategy<Value = Vec<(BTreeSet<u32>, BTreeMap<u32, u8>)>> {
    let products = proptest::collection::btree_set(0..60_u32, 0..40);
    let decided = proptest::collection::btree_map(0..60_u32, 0..4_u8, 0..30);
    proptest::collection::vec((products, decided), 1..8)
}

proptest! {
    /// Packed and unpacked, a journal says of every product at every version what was decided.
    #[test]
    fn every_decision_is_kept(history in history()) {
        let (journal, truths, kept) = journal(&history);
        let journal_again = DecisionJournal::decode(&journal.encode().unwrap()).unwrap();
        prop_assert_eq!(&journal_again, &journal);
        for number in 0..60 {
            let product = product(number);
            let said = journal_again.about(&product, usize::MAX, &kept);
            prop_assert_eq!(said.len(), truths.len());
            for (said, truth) in said.into_iter().zip(truths.iter().rev()) {
                prop_assert_eq!(said.unwrap(), truth.grounds.get(&product).cloned().unwrap_or_default());
            }
        }
    }

    /// What is let go takes nothing else along; and where a snapshot is not kept any more, what is
    /// newer is still told.
    #[test]
    fn what_is_left_stays_true(history in history(), keep in 1..5_usize, lost in 1..8_u64) {
        let (mut journal, truths, mut kept) = journal(&history);
        journal.limit(keep, Timestamp::UNIX_EPOCH);
        prop_assert_eq!(journal.entries().len(), truths.len().min(keep));
        kept.0.remove(&SnapshotVersion::new(lost).unwrap());
        let journal = DecisionJournal::decode(&journal.encode().unwrap()).unwrap();
        for number in 0..60 {
            let product = product(number);
            let said = journal.about(&product, usize::MAX, &kept);
            for ((said, entry), truth) in said.into_iter().zip(journal.entries()).zip(truths.iter().rev()) {
                let told = entry.version.get() > lost || lost > truths.len() as u64;
                let expected = told.then(|| truth.grounds.get(&product).cloned().unwrap_or_default());
                prop_assert_eq!(said, expected);
            }
        }
    }

    /// The digest is that of what is decided: equal sets have equal ones, whatever they were made
    /// from.
    #[test]
    fn the_digest_is_that_of_the_members(decided in proptest::collection::vec((0..60_u32, 0..4_u8), 0..30)) {
        let listing = listing(0..60);
        let made = |decided: &[(u32, u8)]| {
            let ids: Vec<_> = decided.iter().map(|(number, kind)| (product(*number), ground(*kind))).collect();
            Decisions::of(&listing, ids.iter().map(|(id, ground)| (id, ground.clone())))
        };
        let mut otherwise = decided.clone();
        otherwise.reverse();
        otherwise.extend(decided.clone());
        let (one, other) = (made(&decided), made(&otherwise));
        prop_assert_eq!(one.digest(), other.digest());
        prop_assert_eq!(one == Decisions::default(), one.digest() == Decisions::default().digest());
    }

    /// Whatever a member writes there: an error or a journal, in bounded memory, and never a panic.
    #[test]
    fn garbage_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let _any = DecisionJournal::decode(&bytes);
        let _any = DecisionJournal::decode(&pack(&bytes).unwrap());
        let (journal, _, kept) = journal(&[((0..40).collect(), (0..20).map(|it| (it, 1)).collect()), ((10..50).collect(), BTreeMap::new())]);
        let mut written = journal.write();
        for (place, byte) in flips {
            let place = usize::from(place) % written.len();
            written[place] = byte;
        }
        if let Ok(journal) = DecisionJournal::decode(&pack(&written).unwrap()) {
            let _any = journal.about(&product(5), usize::MAX, &kept);
        }
    }
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_memory() {
    let bomb = pack(&vec![0_u8; 64 * 1024 * 1024]).unwrap();
    assert!(bomb.len() < MAX_JOURNAL_BYTES);
    assert!(matches!(DecisionJournal::decode(&bomb), Err(JournalError::TooLarge)));
    let mut lists = Writer(vec![FORMAT, 0, 0]);
    lists.number(u64::MAX);
    assert!(matches!(DecisionJournal::decode(&pack(&lists.0).unwrap()), Err(JournalError::Malformed(_))));
}

#[test]
fn what_is_no_journal_or_a_later_one_is_told_apart() {
    for (bytes, code) in [
        (b"not packed".to_vec(), "E1010"),
        (vec![0; MAX_JOURNAL_BYTES + 1], "E1011"),
        (pack(&[FORMAT + 1]).unwrap(), "E1012"),
        (pack(&[FORMAT]).unwrap(), "E1013"),
    ] {
        assert_eq!(DecisionJournal::decode(&bytes).unwrap_err().code().to_string(), code);
    }
}

#[test]
fn too_many_reasons_are_kept_without_their_words_and_an_endless_history_is_cut() {
    let listing = listing(0..2_000);
    let ids: Vec<_> = (0..2_000).map(product).collect();
    let reason = |number: usize| Ground::new(GroundKind::Excluded, Some(&format!("{number} {}", "x".repeat(400))));
    let decisions = Decisions::of(&listing, ids.iter().enumerate().map(|(number, id)| (id, reason(number % 1_000))));
    assert_eq!((decisions.len(), decisions.0.len()), (2_000, MAX_GROUNDS - 2));
    assert!(decisions.0.keys().all(|it| it.reason.as_ref().is_none_or(|it| it.len() <= MAX_REASON)));

    // A filter that gives other reasons in each pass.
    let mut journal = DecisionJournal::new(entry(1, 1), decisions.clone());
    for second in 2..40 {
        let other = |number: usize| Ground::new(GroundKind::Excluded, Some(&format!("{second} {number}")));
        let decided = Decisions::of(&listing, ids.iter().enumerate().map(|(number, id)| (id, other(number % 250))));
        journal = journal.with(entry(1, second), decided, &listing, &listing);
    }
    let packed = journal.encode().unwrap();
    assert!(packed.len() <= MAX_JOURNAL_BYTES);
    let again = DecisionJournal::decode(&packed).unwrap();
    assert_eq!(again.newest(), journal.newest());
}

/// A generator with a fixed beginning: sizes must not change from run to run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(bound)) as u32
    }
}

/// Bytes of an item beside the journal itself: keys, names of attributes, numbers. Taken high.
const ITEM: usize = 200;
const EXPERIENCES: usize = 200 * 5;
const PRODUCTS: u32 = 20_000;

/// One experience in the size test: a third of the products is narrowed, for five reasons, as by
/// vendor or category.
fn one_of_the_fleet(seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut chance = Chance(seed);
    let reasons = [
        "the category `Security` is not in `categories`",
        "the vendor is not known",
        "not reviewed yet",
        "too dear",
        "EU only",
    ];
    let decide = |chance: &mut Chance, found: &mut BTreeMap<u32, Ground>, number: u32| {
        let kind = if chance.below(2) == 0 { GroundKind::Excluded } else { GroundKind::Rejected };
        let reason = reasons[usize::try_from(chance.below(5)).unwrap()];
        if chance.below(3) == 0 {
            found.insert(number, Ground::new(kind, Some(reason)));
        }
    };
    let mut products: BTreeSet<u32> = (0..PRODUCTS).collect();
    let mut decided = BTreeMap::new();
    products.iter().for_each(|number| decide(&mut chance, &mut decided, *number));
    let made = |products: &BTreeSet<u32>, decided: &BTreeMap<u32, Ground>| {
        let listing = listing(products.iter().copied());
        let ids: Vec<_> = decided.iter().map(|(number, ground)| (product(*number), ground.clone())).collect();
        let decisions = Decisions::of(&listing, ids.iter().map(|(id, ground)| (id, ground.clone())));
        (listing, decisions)
    };
    let (mut before, decisions) = made(&products, &decided);
    let mut journal = DecisionJournal::new(entry(1, 1_700_000_000), decisions);
    let mut sizes = vec![journal.encode().unwrap().len()];
    // Snapshots that move ten products: five come, five go; then one that changes nothing here.
    for version in 2..=8_u32 {
        for new in 0..5 {
            let (gone, new) = (chance.below(PRODUCTS), PRODUCTS + version * 5 + new);
            products.remove(&gone);
            decided.remove(&gone);
            products.insert(new);
            decide(&mut chance, &mut decided, new);
        }
        let (listing, decisions) = made(&products, &decided);
        let entry = entry(version.into(), 1_700_000_000 + i64::from(version) * 86_400);
        journal = journal.with(entry, decisions, &listing, &before);
        sizes.push(journal.encode().unwrap().len());
        before = listing;
    }
    let same = journal.newest().1.clone();
    journal = journal.with(entry(9, 1_700_900_000), same, &before, &before);
    let pointer = journal.encode().unwrap().len();
    assert_eq!(DecisionJournal::decode(&journal.encode().unwrap()).unwrap(), journal);
    let last = sizes[sizes.len() - 1];
    (sizes, vec![last, pointer])
}

/// 200 organizations with 5 experiences each and 20,000 products, each experience with decisions of
/// its own, in at most 20 MB; a version that moves 10 products adds at most 20 KB for all of them.
/// Measured on some, with the real encoding.
#[test]
fn a_fleet_fits_into_its_budget() {
    const SEEDS: usize = 3;
    let measured: Vec<_> = (0..SEEDS as u64).map(|seed| one_of_the_fleet(seed + 1)).collect();
    let whole: usize = measured.iter().map(|(sizes, _)| sizes[0] + ITEM).sum::<usize>() * EXPERIENCES / SEEDS;
    let versions = measured[0].0.len() - 1;
    let grown: usize = measured.iter().map(|(sizes, _)| sizes[versions] - sizes[0]).sum();
    let each = grown * EXPERIENCES / SEEDS / versions;
    let pointers: usize = measured.iter().map(|(_, sizes)| sizes[1].saturating_sub(sizes[0])).sum();
    let pointer = pointers * EXPERIENCES / SEEDS;
    println!(
        "a fleet of {EXPERIENCES} experiences: {whole} bytes; {each} more for a version, {pointer} for one that decides the same"
    );
    assert!(whole <= 20_000_000, "{whole}");
    assert!(each <= 20_000, "{each}");
    assert!(pointer <= 20_000, "{pointer}");
    // With all that is kept: 50 versions.
    assert!(whole + 49 * each <= 20_000_000, "{}", whole + 49 * each);
}
