//! Runs filters by number, remembers what they said, and says the same only once.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use pmp_filter_host::{
    ConfiguredFilter, Context, EvaluateError, Evaluation, Filter, FilterHost, Limits, Managed, Product, Status,
};
use pmp_protocol::deciding::{
    Answered, Ask, AskedFilter, AskedProduct, AskedProducts, AskedRun, FoundFilter, RunOutcome, Said, VerdictTable,
};
use pmp_protocol::{Digest, OrganizationId, VerdictMark, one_line};

/// After as many runs that used up their limits, a filter is not run for its organization any more,
/// as in a pass of a spoke.
const MAX_EXHAUSTED: usize = 2;
/// How long the runs of one organization may take together. A filter that takes longer keeps the
/// organizations behind it waiting, so the rest of its runs are left out.
const TIME_OF_ONE: Duration = Duration::from_secs(60);
/// The bytes of reasons that are told of one organization. A filter may give each product a reason
/// of its own, and each experience other ones; beyond this, its verdicts come without.
const REASONS_OF_ONE: usize = 2 << 20;

/// Runs filters, from any number of threads.
pub(super) struct Decider {
    host: FilterHost,
    limits: Limits,
    products: Mutex<HashMap<usize, Arc<AskedProducts>>>,
    filters: Mutex<HashMap<usize, Arc<Slot>>>,
    told: Mutex<Told>,
    used: Mutex<HashMap<OrganizationId, Used>>,
}

/// A filter, made ready when it is run for the first time.
struct Slot {
    asked: AskedFilter,
    ready: OnceLock<Result<ConfiguredFilter, Said>>,
}

/// The verdicts that were told.
#[derive(Default)]
struct Told {
    tables: HashMap<Digest, usize>,
    /// The number of a table, by the filter, the products, and the mark of its verdicts.
    marks: HashMap<(usize, usize, VerdictMark), usize>,
}

/// What the runs of one organization have used.
#[derive(Default)]
struct Used {
    time: Duration,
    reasons: usize,
    /// How often each filter used up its limits.
    exhausted: BTreeMap<usize, usize>,
}

impl Decider {
    pub(super) fn new(host: FilterHost, limits: Limits) -> Self {
        let (products, filters, told, used) = Default::default();
        Self { host, limits, products, filters, told, used }
    }

    /// Remembers products and filters; a run is handed back, to be answered.
    pub(super) fn learn(&self, ask: Ask) -> Option<AskedRun> {
        match ask {
            Ask::Products(asked) => _ = locked(&self.products).insert(asked.number, Arc::new(asked)),
            Ask::Filter(asked) => {
                let number = asked.number;
                let slot = Slot { asked, ready: OnceLock::new() };
                locked(&self.filters).insert(number, Arc::new(slot));
            }
            Ask::Run(run) => return Some(run),
        }
        None
    }

    /// Answers a run: tells its verdicts where they were not told before, and then the outcome.
    pub(super) fn answer(&self, run: &AskedRun, tell: &dyn Fn(&Answered)) {
        let said = self.say(run, tell).unwrap_or_else(|said| said);
        tell(&Answered::Run(RunOutcome { number: run.number, said }));
    }

    /// # Errors
    /// What is said where there are no verdicts.
    fn say(&self, run: &AskedRun, tell: &dyn Fn(&Answered)) -> Result<Said, Said> {
        let found = |what: &str| Said::Failed(format!("there are no {what}"));
        let products = locked(&self.products).get(&run.products).cloned();
        let products = products.ok_or_else(|| found(&format!("products number {}", run.products)))?;
        let slot = locked(&self.filters).get(&run.filter).cloned();
        let slot = slot.ok_or_else(|| found(&format!("filters number {}", run.filter)))?;
        if let Some(mark) = &run.once
            && let Some(table) = locked(&self.told).marks.get(&(run.filter, run.products, mark.clone()))
        {
            return Ok(Said::Verdicts(*table));
        }
        let filter = slot.ready.get_or_init(|| self.make_ready(&slot.asked)).as_ref().map_err(Clone::clone)?;
        self.may_run(run)?;
        match self.run(filter, run, &products)? {
            Ok(evaluation) => Ok(Said::Verdicts(self.table(run, &products, &evaluation, tell))),
            Err(reason) => Ok(Said::NotManaged(reason)),
        }
    }

    /// Finds a filter, loads it, and lets it check its settings.
    fn make_ready(&self, asked: &AskedFilter) -> Result<ConfiguredFilter, Said> {
        let failed = |error: &dyn std::error::Error| Said::Failed(one_line(error));
        let filter = match &asked.found {
            FoundFilter::File(path) => {
                let bytes = self.host.read(Path::new(path)).map_err(|error| failed(&error))?;
                let found = Digest::of(&bytes);
                if found != asked.digest {
                    return Err(Said::Failed(format!("`{path}` has changed: its digest is {found} now")));
                }
                // Not `load_pinned`: it would load machine code, and the digest is a member's word.
                self.host.load_bytes(&bytes).map_err(|error| failed(&error))?
            }
            FoundFilter::BuiltIn(name) => {
                let filter = Filter::built_in(name, self.limits.clone()).ok_or(Said::NoSuchFilter)?;
                if *filter.digest() != asked.digest {
                    let version = &filter.description().version;
                    return Err(Said::Failed(format!(
                        "the filter of this name that is built in here is another one, {version}"
                    )));
                }
                filter
            }
        };
        filter.configure(&asked.settings).map_err(|error| failed(&error))
    }

    /// Whether the organization's runs have used less than they may.
    fn may_run(&self, run: &AskedRun) -> Result<(), Said> {
        let used = locked(&self.used);
        let Some(used) = used.get(&run.organization) else { return Ok(()) };
        if used.exhausted.get(&run.filter).is_some_and(|times| *times >= MAX_EXHAUSTED) {
            let problem = "not run: it used up its limits for other experiences of the organization";
            return Err(Said::Failed(problem.to_owned()));
        }
        if used.time >= TIME_OF_ONE {
            let problem = format!("not run: the filters of the organization have taken {} s", TIME_OF_ONE.as_secs());
            return Err(Said::Failed(problem));
        }
        Ok(())
    }

    /// Runs the filter as a spoke does: it is asked first whether it manages the experience. The
    /// inner error is its reason why not.
    fn run(
        &self,
        filter: &ConfiguredFilter,
        run: &AskedRun,
        products: &AskedProducts,
    ) -> Result<Result<Evaluation, Option<String>>, Said> {
        let context = Context {
            snapshot_version: products.version,
            organization: &run.organization,
            management_experience: &products.experience,
            experience: &run.experience,
            experience_name: &run.experience_name,
            labels: &[],
            evaluated_at: run.evaluated_at,
        };
        let failed = |error: EvaluateError| {
            self.note(run, error.usage.elapsed, error.failure.used_up_limits());
            Said::Failed(one_line(&error))
        };
        let (managed, usage) = filter.manages(&context).map_err(failed)?;
        self.note(run, usage.elapsed, false);
        if let Managed::No { reason } = managed {
            return Ok(Err(reason));
        }
        let rows: Vec<_> = products.products.iter().map(row).collect();
        let evaluation = filter.evaluate(&context, &rows).map_err(failed)?;
        self.note(run, evaluation.usage.elapsed, false);
        Ok(Ok(evaluation))
    }

    fn note(&self, run: &AskedRun, time: Duration, exhausted: bool) {
        let mut used = locked(&self.used);
        let used = used.entry(run.organization.clone()).or_default();
        used.time += time;
        if exhausted {
            *used.exhausted.entry(run.filter).or_default() += 1;
        }
    }

    /// The number of the table of these verdicts. It is told where it is new.
    fn table(
        &self,
        run: &AskedRun,
        products: &AskedProducts,
        evaluation: &Evaluation,
        tell: &dyn Fn(&Answered),
    ) -> usize {
        let table = self.within_reasons(run, VerdictTable::of(0, products, &evaluation.decisions));
        let digest = Digest::of(&serde_json::to_vec(&table).unwrap_or_default());
        // Held while a new table is told: whoever finds it there names it only after that.
        let mut told = locked(&self.told);
        let next = told.tables.len();
        let number = *told.tables.entry(digest).or_insert(next);
        if number == next {
            tell(&Answered::Verdicts(VerdictTable { number, ..table }));
        }
        let mark = VerdictMark::of(&evaluation.verdicts);
        told.marks.insert((run.filter, run.products, mark), number);
        number
    }

    fn within_reasons(&self, run: &AskedRun, table: VerdictTable) -> VerdictTable {
        let mut used = locked(&self.used);
        let used = used.entry(run.organization.clone()).or_default();
        let reasons = used.reasons.saturating_add(table.reason_bytes());
        if reasons > REASONS_OF_ONE {
            return table.without_reasons();
        }
        used.reasons = reasons;
        table
    }
}

/// A product in the form of the filter host.
fn row(product: &AskedProduct) -> Product<'_> {
    let status = if product.rejected { Status::Rejected } else { Status::Approved };
    let row = Product { labels: &product.labels, ..Product::new(&product.id, status) };
    let Some(facts) = &product.facts else { return row };
    Product {
        name: facts.name.as_deref(),
        manufacturer: facts.manufacturer.as_deref(),
        manufacturer_id: facts.manufacturer_id.as_deref(),
        categories: &facts.categories,
        category_ids: &facts.category_ids,
        fulfillment_types: &facts.fulfillment_types,
        ..row
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it is whole at any moment, whoever panicked.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use pmp_protocol::{Content, ExperienceId, ProductId, ResourceRequests, SnapshotVersion, Verdict};

    use super::*;

    const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/exclude-products/exclude-products.wasm");

    fn products(number: usize, approved: &[&str]) -> AskedProducts {
        let approved = approved.iter().map(|id| ProductId::new(id).unwrap()).collect();
        let rejected = [ProductId::new("prod-z").unwrap()].into();
        let experience = ExperienceId::new("exp-management").unwrap();
        let content = Content::new(experience, approved, rejected, BTreeMap::new(), ResourceRequests::Allow).unwrap();
        AskedProducts::of(number, SnapshotVersion::FIRST, &content, &|_| None)
    }

    fn run(number: usize, experience: &str, once: Option<VerdictMark>) -> AskedRun {
        AskedRun {
            number,
            filter: 0,
            products: 0,
            organization: OrganizationId::new("o-alpha00000").unwrap(),
            experience: ExperienceId::new(experience).unwrap(),
            experience_name: "Production".into(),
            evaluated_at: Timestamp::UNIX_EPOCH,
            once,
        }
    }

    fn decider(asked: AskedFilter) -> Decider {
        let limits = Limits::default();
        let decider = Decider::new(FilterHost::new(limits.clone()).unwrap(), limits);
        assert_eq!(decider.learn(Ask::Products(products(0, &["prod-a", "prod-b"]))), None);
        assert_eq!(decider.learn(Ask::Filter(asked)), None);
        decider
    }

    fn answers(decider: &Decider, run: &AskedRun) -> Vec<Answered> {
        let told = Mutex::new(Vec::new());
        decider.answer(run, &|answer| told.lock().unwrap().push(answer.clone()));
        told.into_inner().unwrap()
    }

    fn said(decider: &Decider, run: &AskedRun) -> Said {
        match answers(decider, run).pop().unwrap() {
            Answered::Run(outcome) => outcome.said,
            Answered::Verdicts(_) => panic!("the outcome comes last"),
        }
    }

    fn built_in(name: &str, settings: &str) -> AskedFilter {
        let digest = Filter::built_in(name, Limits::default()).map(|filter| *filter.digest());
        let digest = digest.unwrap_or_else(|| Digest::of(b"none"));
        AskedFilter { number: 0, found: FoundFilter::BuiltIn(name.to_owned()), digest, settings: settings.to_owned() }
    }

    fn component(digest: Digest, settings: &str) -> AskedFilter {
        AskedFilter { number: 0, found: FoundFilter::File(EXAMPLE.to_owned()), digest, settings: settings.to_owned() }
    }

    #[test]
    fn what_a_component_decides_is_told_once_and_then_named() {
        let digest = Digest::of(&std::fs::read(EXAMPLE).unwrap());
        let decider = decider(component(digest, r#"{"exclude_ids":["prod-b"]}"#));
        let first = answers(&decider, &run(1, "exp-a", None));
        let [Answered::Verdicts(table), Answered::Run(outcome)] = &first[..] else { panic!("{first:?}") };
        let verdicts = products(0, &["prod-a", "prod-b"]).verdicts(table).unwrap();
        assert_eq!(verdicts.keys().map(ProductId::as_str).collect::<Vec<_>>(), ["prod-b"]);
        assert_eq!(verdicts.values().next().unwrap().verdict, Verdict::Exclude);
        assert_eq!((outcome.number, &outcome.said), (1, &Said::Verdicts(table.number)));
        assert_eq!(answers(&decider, &run(2, "exp-b", None)).len(), 1, "the same verdicts are not told again");
        // Whose verdicts are known by their mark is not run at all.
        let before = locked(&decider.used).values().next().unwrap().time;
        let known = said(&decider, &run(3, "exp-c", Some(VerdictMark::of(&verdicts))));
        assert_eq!(known, Said::Verdicts(table.number));
        assert_eq!(locked(&decider.used).values().next().unwrap().time, before);
        assert_eq!(said(&decider, &run(4, "exp-d", Some(VerdictMark::of(&BTreeMap::new())))), known);
    }

    #[test]
    fn what_cannot_be_run_is_said_in_words() {
        let decided = |asked: AskedFilter| match said(&decider(asked), &run(1, "exp-a", None)) {
            Said::Failed(problem) => problem,
            other => panic!("{other:?}"),
        };
        let other = decided(component(Digest::of(b"another"), "{}"));
        assert!(other.contains("has changed: its digest is sha256:"), "{other}");
        let refused = decided(built_in("exclude-ids", r#"{"idz":[]}"#));
        assert!(refused.contains("refuses its configuration: idz: unknown field `idz`"), "{refused}");
        let version = decided(AskedFilter { digest: Digest::of(b"older"), ..built_in("exclude-ids", "{}") });
        assert!(version.contains("that is built in here is another one"), "{version}");
        assert_eq!(said(&decider(built_in("no-such", "{}")), &run(1, "exp-a", None)), Said::NoSuchFilter);
        let unknown = AskedRun { products: 9, ..run(1, "exp-a", None) };
        let decider = decider(built_in("exclude-ids", r#"{"ids":["prod-a"]}"#));
        assert_eq!(said(&decider, &unknown), Said::Failed("there are no products number 9".to_owned()));
    }

    #[test]
    fn machine_code_is_not_loaded_whoever_names_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("filter.cwasm");
        let host = FilterHost::new(Limits::default()).unwrap();
        let code = host.precompile(&std::fs::read(EXAMPLE).unwrap()).unwrap();
        std::fs::write(&file, &code).unwrap();
        let found = FoundFilter::File(file.display().to_string());
        let asked = AskedFilter { found, ..component(Digest::of(&code), "{}") };
        let Said::Failed(problem) = said(&decider(asked), &run(1, "exp-a", None)) else { panic!() };
        assert!(problem.contains("the file is a compiled filter"), "{problem}");
    }

    #[test]
    fn an_organization_whose_runs_took_too_much_waits_alone() {
        let decider = decider(built_in("exclude-ids", r#"{"ids":["prod-a"]}"#));
        let (mine, theirs) = (run(1, "exp-a", None), run(2, "exp-b", None));
        let theirs = AskedRun { organization: OrganizationId::new("o-beta000000").unwrap(), ..theirs };
        (0..MAX_EXHAUSTED).for_each(|_| decider.note(&mine, Duration::from_secs(1), true));
        assert!(matches!(said(&decider, &mine), Said::Failed(problem) if problem.contains("used up its limits")));
        assert!(matches!(said(&decider, &theirs), Said::Verdicts(_)));
        decider.note(&theirs, TIME_OF_ONE, false);
        assert!(matches!(said(&decider, &theirs), Said::Failed(problem) if problem.contains("have taken 60 s")));
    }
}
