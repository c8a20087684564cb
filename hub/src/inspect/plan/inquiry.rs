//! What members' filters would decide: which runs tell it, and what the answers mean.
//!
//! A filter is run twice for an experience. Run on the snapshot that is applied there, it tells the
//! lists that the experience has; the receipt holds the mark of what was decided then, and only
//! verdicts with that mark count. Run on what would be published, it tells the lists that the
//! experience would have. The first run is shared by all experiences with the same mark; the second
//! one is not, since a filter may decide by the experience.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use pmp_ledger::Organization;
use pmp_protocol::deciding::{
    Answered, Ask, AskedFilter, AskedProducts, AskedRun, FoundFilter, RunOutcome, Said, VerdictTable,
};
use pmp_protocol::{
    Answers, Content, Digest, ExperienceId, FactsFrom, FilterIdentity, OrganizationId, ProductId, Receipt,
    ReceiptStatus, SnapshotVersion, VerdictMark, Verdicts,
};

use crate::status::fleet::View;

/// The settings of a filter that was given none.
const NO_SETTINGS: &str = "{}";
/// Older answers about products say nothing of what a spoke would use: it looks products up by
/// itself then, where it may.
const OLD: SignedDuration = SignedDuration::from_hours(3 * 24);

/// What the hub has, to run members' filters again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Supply {
    /// Why no filter can be run; none where they can.
    pub(crate) no_program: Option<String>,
    /// The folder of filters, as it was named; none where none was.
    pub(crate) folder: Option<String>,
    /// The files in it that were looked for, by their digest: components, and settings.
    pub(crate) files: BTreeMap<Digest, String>,
    /// Settings in that folder, by their digest.
    pub(crate) settings: BTreeMap<Digest, String>,
    /// What the hub looked up of products, and when that was written down.
    pub(crate) answers: Option<(Answers, Timestamp)>,
}

/// An experience, by its organization and its id.
pub(super) type Seat = (OrganizationId, ExperienceId);

/// The questions about all experiences with a filter.
#[derive(Debug, Default)]
pub(crate) struct Inquiry {
    asks: Vec<Ask>,
    products: Vec<AskedProducts>,
    seats: BTreeMap<Seat, Result<Runs, String>>,
    /// Products of which the hub has an answer: only of these a filter that is given facts decides.
    looked_up: BTreeSet<ProductId>,
}

/// The two runs for one experience.
#[derive(Debug, Clone)]
struct Runs {
    filter: FilterIdentity,
    /// How the filter is looked for, where it turns out not to be built in.
    missing: String,
    with_facts: bool,
    applied: SnapshotVersion,
    in_force: VerdictMark,
    run_applied: usize,
    run_next: usize,
}

/// What the filter of one experience would decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Foreseen {
    /// The lists there, and those that would be.
    Decided(Decided),
    /// The experience would not be managed, and why.
    NotManaged(Option<String>),
}

/// Which tables of verdicts hold for one experience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Decided {
    pub(super) applied: usize,
    pub(super) next: usize,
    /// Whether the filter is given facts: then it does not decide about products without an answer.
    pub(super) with_facts: bool,
}

/// What all filters would decide.
#[derive(Debug, Default)]
pub(crate) struct Outlooks {
    pub(super) seats: BTreeMap<Seat, Result<Foreseen, String>>,
    /// By the number of their table, and by whether facts were given.
    verdicts: HashMap<(usize, bool), Verdicts>,
    looked_up: BTreeSet<ProductId>,
}

impl Outlooks {
    /// The verdicts of a table.
    pub(super) fn verdicts(&self, table: usize, with_facts: bool) -> Option<&Verdicts> {
        self.verdicts.get(&(table, with_facts))
    }

    /// The approved products that a filter which is given facts does not decide about yet.
    pub(super) fn undecided(&self, content: &Content) -> BTreeSet<ProductId> {
        content.approved().difference(&self.looked_up).cloned().collect()
    }
}

/// The digests of components and of settings that are worth looking for.
pub(crate) fn worth_finding(view: &View, now: Timestamp) -> BTreeSet<Digest> {
    let inputs =
        believed(view, now).filter_map(|receipt| Some((receipt.filter.as_ref()?, receipt.filter_input.as_ref()?)));
    inputs.flat_map(|(filter, input)| [filter.digest, input.settings]).collect()
}

fn believed(view: &View, now: Timestamp) -> impl Iterator<Item = &Receipt> {
    let receipts = view.reports().flat_map(|report| &report.organization.receipts);
    receipts.filter(move |receipt| receipt.is_kept() && view.dispute(receipt, now).is_none())
}

impl Inquiry {
    /// The questions, for `content` as if it were published next.
    pub(crate) fn new(
        view: &View,
        content: &Content,
        kept: &BTreeMap<SnapshotVersion, Content>,
        supply: &Supply,
        now: Timestamp,
    ) -> Self {
        let next = view.head.as_ref().map_or(SnapshotVersion::FIRST, |head| head.latest.next());
        let fresh =
            supply.answers.as_ref().filter(|(_, at)| now.duration_since(*at) <= OLD).map(|(answers, _)| answers);
        let looked_up = fresh.map(|answers| answers.products.keys().cloned().collect()).unwrap_or_default();
        let mut desk = Desk { content, kept, next, fresh, ..Desk::default_of(content, kept) };
        let mut seats = BTreeMap::new();
        for report in view.reports() {
            let mut texts = BTreeMap::from([(Digest::of(NO_SETTINGS.as_bytes()), NO_SETTINGS)]);
            let Organization { seen, spokes, .. } = &report.organization;
            let told = spokes.iter().chain(seen).flat_map(|sign| &sign.filter_settings);
            texts.extend(told.map(|text| (Digest::of(text.as_bytes()), text.as_str())));
            texts.extend(supply.settings.iter().map(|(digest, text)| (*digest, text.as_str())));
            for receipt in &report.organization.receipts {
                let Some(filter) = &receipt.filter else { continue };
                if !receipt.is_kept() || view.dispute(receipt, now).is_some() {
                    continue;
                }
                let runs = desk.runs(receipt, filter, &texts, supply, now);
                seats.insert((receipt.organization.clone(), receipt.member_experience.clone()), runs);
            }
        }
        let Desk { products, filters, runs, .. } = desk;
        let asks = products.iter().cloned().map(Ask::Products);
        let asks = asks.chain(filters.into_iter().map(Ask::Filter)).chain(runs.into_iter().map(Ask::Run)).collect();
        Self { asks, products, seats, looked_up }
    }

    /// What is to be asked; nothing where no filter can be run.
    pub(crate) fn asks(&self) -> &[Ask] {
        if self.seats.values().any(Result::is_ok) { &self.asks } else { &[] }
    }

    /// What the answers mean. `ended`: why not all of them came; none where they did.
    pub(crate) fn foresee(self, answers: impl IntoIterator<Item = Answered>, ended: Option<&str>) -> Outlooks {
        let (mut tables, mut said) = (HashMap::<usize, VerdictTable>::new(), HashMap::<usize, Said>::new());
        for answer in answers {
            match answer {
                Answered::Verdicts(table) => _ = tables.insert(table.number, table),
                Answered::Run(RunOutcome { number, said: it }) => _ = said.insert(number, it),
            }
        }
        let mut reading = Reading {
            products: &self.products,
            looked_up: &self.looked_up,
            tables,
            said,
            verdicts: HashMap::new(),
            marks: HashMap::new(),
        };
        let ended = ended.unwrap_or("it was not answered");
        let seats = self.seats.into_iter().map(|(seat, runs)| {
            let foreseen =
                runs.and_then(|runs| reading.foresee(&runs, ended).map_err(|why| of_its_own(&runs.filter, &why)));
            (seat, foreseen)
        });
        let seats = seats.collect();
        let verdicts = reading.verdicts;
        Outlooks { seats, verdicts, looked_up: self.looked_up }
    }
}

/// The questions as they are put together.
struct Desk<'a> {
    content: &'a Content,
    kept: &'a BTreeMap<SnapshotVersion, Content>,
    next: SnapshotVersion,
    fresh: Option<&'a Answers>,
    products: Vec<AskedProducts>,
    filters: Vec<AskedFilter>,
    runs: Vec<AskedRun>,
    /// The numbers of products that were asked for: by version, none for what would be published.
    products_by: BTreeMap<(Option<SnapshotVersion>, bool), usize>,
    filters_by: BTreeMap<(Digest, Digest), usize>,
}

impl<'a> Desk<'a> {
    fn default_of(content: &'a Content, kept: &'a BTreeMap<SnapshotVersion, Content>) -> Self {
        Self {
            content,
            kept,
            next: SnapshotVersion::FIRST,
            fresh: None,
            products: Vec::new(),
            filters: Vec::new(),
            runs: Vec::new(),
            products_by: BTreeMap::new(),
            filters_by: BTreeMap::new(),
        }
    }

    /// The runs for one experience; in words why there are none.
    fn runs(
        &mut self,
        receipt: &Receipt,
        filter: &FilterIdentity,
        texts: &BTreeMap<Digest, &str>,
        supply: &Supply,
        now: Timestamp,
    ) -> Result<Runs, String> {
        let not_known = |why: &str| of_its_own(filter, why);
        let Some(input) = &receipt.filter_input else {
            return Err(not_known(
                "its spoke does not share what it is given (PMP_FILTER_SHARE), or is of an earlier release",
            ));
        };
        // Without these, the plan says so by itself.
        let Some(applied) = receipt.applied().filter(|applied| self.kept.contains_key(&applied.version)) else {
            return Err(not_known("the snapshot that is applied there is not known"));
        };
        let Some(in_force) = input.in_force.clone() else {
            let why = format!("what it decided on snapshot {}, which is applied there, is not told", applied.version);
            return Err(not_known(&why));
        };
        let with_facts = match input.facts {
            FactsFrom::Nowhere => false,
            FactsFrom::Hub if self.fresh.is_some() => true,
            FactsFrom::Hub => {
                return Err(not_known(
                    "it is given what the hub looked up of the products, and that is missing or old",
                ));
            }
            FactsFrom::Own => {
                return Err(not_known("its spoke looks products up by itself, so what it is given is not known here"));
            }
        };
        let folder = supply.folder.as_deref();
        let Some(settings) = texts.get(&input.settings) else {
            let place = folder.unwrap_or("the folder of filters (PMP_FILTERS_FOLDER)");
            return Err(not_known(&format!(
                "its settings are not shared (PMP_FILTER_SHARE=settings at its spoke, where they are short), and no file in \
                 {place} has their digest, {}",
                input.settings
            )));
        };
        if let Some(no_program) = &supply.no_program {
            return Err(not_known(no_program));
        }
        let missing = match folder {
            Some(folder) => format!("{} is not in {folder}", filter.digest),
            None => {
                format!("{} is not built in, and no folder of filters is named (PMP_FILTERS_FOLDER)", filter.digest)
            }
        };
        let number = self.filter(filter, input.settings, settings, supply);
        // The moment that the filter was told then, as near as it is known.
        let then = if receipt.status == ReceiptStatus::InSync { receipt.received_at } else { applied.at };
        let before = self.products(Some(applied.version), with_facts);
        let after = self.products(None, with_facts);
        let mut ask = |products, evaluated_at, once| {
            let number_of_run = self.runs.len();
            self.runs.push(AskedRun {
                number: number_of_run,
                filter: number,
                products,
                organization: receipt.organization.clone(),
                experience: receipt.member_experience.clone(),
                experience_name: input.experience_name.clone(),
                evaluated_at,
                once,
            });
            number_of_run
        };
        let run_applied = ask(before, then, Some(in_force.clone()));
        let run_next = ask(after, now, None);
        let (filter, applied) = (filter.clone(), applied.version);
        Ok(Runs { filter, missing, with_facts, applied, in_force, run_applied, run_next })
    }

    /// The number of a filter with its settings.
    fn filter(&mut self, filter: &FilterIdentity, settings: Digest, text: &str, supply: &Supply) -> usize {
        let number = self.filters.len();
        let known = *self.filters_by.entry((filter.digest, settings)).or_insert(number);
        if known == number {
            let found = match supply.files.get(&filter.digest) {
                Some(file) => FoundFilter::File(file.clone()),
                None => FoundFilter::BuiltIn(filter.name.clone()),
            };
            self.filters.push(AskedFilter { number, found, digest: filter.digest, settings: text.to_owned() });
        }
        known
    }

    /// The number of the products of a snapshot, or of what would be published.
    fn products(&mut self, version: Option<SnapshotVersion>, with_facts: bool) -> usize {
        let number = self.products.len();
        let known = *self.products_by.entry((version, with_facts)).or_insert(number);
        if known == number {
            let content = version.and_then(|version| self.kept.get(&version)).unwrap_or(self.content);
            let answers = self.fresh.filter(|_| with_facts);
            let facts = |id: &ProductId| answers?.products.get(id)?.attributes.clone();
            let version = version.unwrap_or(self.next);
            self.products.push(AskedProducts::of(number, version, content, &facts));
        }
        known
    }
}

/// What was answered, as far as it is read.
struct Reading<'a> {
    products: &'a [AskedProducts],
    looked_up: &'a BTreeSet<ProductId>,
    tables: HashMap<usize, VerdictTable>,
    said: HashMap<usize, Said>,
    verdicts: HashMap<(usize, bool), Verdicts>,
    marks: HashMap<(usize, bool), VerdictMark>,
}

impl Reading<'_> {
    /// What the filter of one experience would decide; in words why that is not known.
    fn foresee(&mut self, runs: &Runs, ended: &str) -> Result<Foreseen, String> {
        let otherwise = || format!("run here on snapshot {}, it decides otherwise than it did there", runs.applied);
        let applied = match self.said(runs, runs.run_applied, ended)? {
            Said::Verdicts(table) => table,
            _ => return Err(otherwise()),
        };
        if self.mark(applied, runs.with_facts)? != runs.in_force {
            return Err(otherwise());
        }
        match self.said(runs, runs.run_next, ended)? {
            Said::Verdicts(next) => {
                self.mark(next, runs.with_facts)?;
                Ok(Foreseen::Decided(Decided { applied, next, with_facts: runs.with_facts }))
            }
            Said::NotManaged(reason) => Ok(Foreseen::NotManaged(reason)),
            Said::Failed(_) | Said::NoSuchFilter => Err(ended.to_owned()),
        }
    }

    /// What came of a run, where it did not fail.
    fn said(&self, runs: &Runs, run: usize, ended: &str) -> Result<Said, String> {
        match self.said.get(&run) {
            None => Err(ended.to_owned()),
            Some(Said::NoSuchFilter) => Err(runs.missing.clone()),
            Some(Said::Failed(problem)) => Err(problem.clone()),
            Some(said) => Ok(said.clone()),
        }
    }

    /// The mark of the verdicts of a table, which are read where that was not done yet.
    fn mark(&mut self, number: usize, with_facts: bool) -> Result<VerdictMark, String> {
        if let Some(mark) = self.marks.get(&(number, with_facts)) {
            return Ok(mark.clone());
        }
        let table = self.tables.get(&number);
        let products = table.and_then(|table| self.products.get(table.products));
        let verdicts = table.and_then(|table| products?.verdicts(table));
        let Some(mut verdicts) = verdicts else { return Err("what `pmp-filter` answered cannot be read".to_owned()) };
        if with_facts {
            // As in a spoke: what a filter says of a product that it knows too little of is not
            // taken.
            verdicts.retain(|id, _| self.looked_up.contains(id));
        }
        let mark = VerdictMark::of(&verdicts);
        self.verdicts.insert((number, with_facts), verdicts);
        self.marks.insert((number, with_facts), mark.clone());
        Ok(mark)
    }
}

/// What is said of an experience whose filter cannot be foreseen.
fn of_its_own(filter: &FilterIdentity, why: &str) -> String {
    format!("it has a filter of its own: `{}` {}; {why}", filter.name, filter.version)
}
