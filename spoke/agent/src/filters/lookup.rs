//! Facts of AWS Marketplace about the snapshot's products, for the filter. Either the hub looked
//! them up for all members, or this spoke looks them up itself.
//!
//! A missing answer must never look like an answer: a filter that excludes unknown products would
//! deny every product whose look-up failed. So a product without an answer stays as it is in the
//! experience. If no facts are known at all, the filter is not run.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use pmp_catalog::{ErrorClass, LookUp, ProductAttributes, ProductDirectory, SdkDirectory, Told};
use pmp_ledger::{AnswerStore, DynamoAnswers, LedgerError, TableName};
use pmp_protocol::{Answers, Digest, ExperienceId, FactsFrom, Hint, ProductId, not_one_of, one_line};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::progress::{ProgressEvent, ShowProgress};

/// An answer is used for this long before the product is looked up again, because vendors and
/// categories change.
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// After this time without new answers, the spoke assumes that the hub does not look products up
/// any more. A hub that does renews all answers every day.
const OLD: SignedDuration = SignedDuration::from_hours(3 * 24);
/// After this many failed calls in a row, the spoke considers the service unavailable for this
/// pass.
const MAX_FAILURES: usize = 10;
/// Answers between two events of progress.
const PROGRESS: usize = 500;
/// The most answers that are kept in memory beyond the products of the snapshot.
const MAX_REMEMBERED: usize = 100_000;

/// The source of the filters' facts about products (`PMP_PRODUCT_ATTRIBUTES`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum AttributeSource {
    /// Filters get no facts: `false`.
    #[default]
    Nowhere,
    /// From the hub only: `hub`.
    Hub,
    /// From the hub. If the hub has no answers, for instance because it runs an earlier release,
    /// this spoke looks products up: `true`.
    HubOrOwn,
    /// This spoke looks products up: `own`.
    Own,
}

impl AttributeSource {
    /// Whether filters get no facts.
    pub(crate) fn is_nowhere(self) -> bool {
        self == Self::Nowhere
    }

    /// Whether this spoke may ask Marketplace Discovery.
    pub(crate) fn may_ask(self) -> bool {
        matches!(self, Self::HubOrOwn | Self::Own)
    }

    /// Whether the hub's answers are used.
    pub(crate) fn takes_the_hubs(self) -> bool {
        matches!(self, Self::Hub | Self::HubOrOwn)
    }

    /// Makes the look-up for this setting. `sdk` has the credentials for Marketplace Discovery,
    /// `hub` those for the hub's table of `snapshots`. Returns `None` if filters get no facts.
    pub(crate) fn attributes(
        self,
        sdk: &SdkConfig,
        hub: &SdkConfig,
        snapshots: &TableName,
        management: &ExperienceId,
    ) -> Option<Arc<Attributes>> {
        let answers = || Arc::new(DynamoAnswers::new(hub, snapshots.clone()));
        let hub = self.takes_the_hubs().then(|| HubAnswers::new(answers(), management.clone()));
        let directory = self.may_ask().then(|| Arc::new(SdkDirectory::new(sdk)) as _);
        (!self.is_nowhere()).then(|| Arc::new(Attributes::new(hub, directory)))
    }
}

impl FromStr for AttributeSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "false" => Ok(Self::Nowhere),
            "hub" => Ok(Self::Hub),
            "true" => Ok(Self::HubOrOwn),
            "own" => Ok(Self::Own),
            _ => Err(not_one_of(text, &["true", "hub", "own", "false"])),
        }
    }
}

/// The facts about the products of a snapshot, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Known {
    from: FactsFrom,
    attributes: HashMap<ProductId, Arc<ProductAttributes>>,
    not_looked_up: BTreeMap<ProductId, String>,
}

impl Known {
    /// Who looked them up.
    pub(crate) fn from(&self) -> FactsFrom {
        self.from
    }

    /// The facts about this product. `None` if the service knows no such product.
    pub(crate) fn attributes(&self, id: &ProductId) -> Option<&ProductAttributes> {
        self.attributes.get(id).map(Arc::as_ref)
    }

    /// Products that could not be looked up, now or before, each with the reason. The filter must
    /// not judge them.
    pub(crate) fn not_looked_up(&self) -> &BTreeMap<ProductId, String> {
        &self.not_looked_up
    }
}

/// The reason why the filters cannot run in this pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LookUpError {
    #[error("told to stop while products were looked up for the filter")]
    Stopped,
    #[error("the filter was not run, since products cannot be looked up for it: {0}")]
    Failed(String),
}

pmp_protocol::codes!(LookUpError {
    Stopped => "E5107",
    Failed => "E5108",
});

pmp_protocol::without_hint!(LookUpError);

/// Looks products up, and remembers the answers for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Attributes {
    hub: Option<HubAnswers>,
    directory: Option<Arc<dyn ProductDirectory>>,
    remembered: Mutex<HashMap<ProductId, Remembered>>,
}

#[derive(Debug, Clone)]
struct Remembered {
    /// `None` if AWS Marketplace shows no such product.
    attributes: Option<Arc<ProductAttributes>>,
    at: Instant,
}

impl Attributes {
    /// Looks up in `hub`, in `directory`, or in both. With both, the directory is asked only if the
    /// hub has no answers, or old ones.
    pub(crate) fn new(hub: Option<HubAnswers>, directory: Option<Arc<dyn ProductDirectory>>) -> Self {
        Self { hub, directory, remembered: Mutex::default() }
    }

    /// Returns the facts about these products. If this spoke looks them up, it asks for those
    /// without a fresh answer. If that fails, the last answer counts.
    ///
    /// # Errors
    /// If the spoke has to stop, or if no product can be looked up. Answers that came are
    /// remembered.
    pub(crate) async fn look_up(
        &self,
        ids: impl Iterator<Item = &ProductId>,
        progress: &dyn ShowProgress,
        now: Timestamp,
        stop: &CancellationToken,
    ) -> Result<Known, LookUpError> {
        let ids: Vec<_> = ids.collect();
        if let Some(hub) = &self.hub {
            let answers = stop.run_until_cancelled(hub.newest()).await.ok_or(LookUpError::Stopped)?;
            let answers = answers.map_err(|error| LookUpError::Failed(told(&error)))?;
            match (answers, &self.directory) {
                (Some(answers), Some(_)) if answers.is_old(now) => {
                    tracing::warn!(of = %answers.at, "the hub looks no products up any more: they are looked up here");
                }
                (Some(answers), _) => return Ok(answers.known(&ids)),
                (None, Some(_)) => {
                    tracing::info!("the hub has not looked up any products: they are looked up here");
                }
                (None, None) => {
                    return Err(LookUpError::Failed(
                        "the hub has not looked up any products (PMP_PRODUCT_ATTRIBUTES there)".into(),
                    ));
                }
            }
        }
        let Some(directory) = &self.directory else { return Ok(Known::default()) };
        let wanted: Vec<_> = {
            let remembered = self.remembered();
            let fresh = |id: &ProductId| remembered.get(id).is_some_and(|known| known.at.elapsed() < FRESH);
            ids.iter().filter(|id| !fresh(id)).map(|id| (*id).clone()).collect()
        };
        let mut not_looked_up = if wanted.is_empty() {
            BTreeMap::new()
        } else {
            self.ask(directory.as_ref(), wanted, progress, stop).await?
        };
        let mut remembered = self.remembered();
        // An old answer is better than none, so a product with one counts as looked up.
        not_looked_up.retain(|id, _| !remembered.contains_key(id));
        let of = |id: &&ProductId| Some(((*id).clone(), remembered.get(*id)?.attributes.clone()?));
        let attributes: HashMap<_, _> = ids.iter().filter_map(of).collect();
        let known = Known { from: FactsFrom::Own, attributes, not_looked_up };
        known.tell(ids.len());
        if remembered.len() > ids.len() + MAX_REMEMBERED {
            remembered.retain(|id, _| known.attributes.contains_key(id));
        }
        Ok(known)
    }

    /// Asks for each product, and remembers the answers. Returns the products without an answer,
    /// each with the reason.
    async fn ask(
        &self,
        directory: &dyn ProductDirectory,
        wanted: Vec<ProductId>,
        progress: &dyn ShowProgress,
        stop: &CancellationToken,
    ) -> Result<BTreeMap<ProductId, String>, LookUpError> {
        let count = wanted.len();
        tracing::info!(products = count, "looking up products");
        progress.show(ProgressEvent::LookingUp { products: count });
        let mut look_up = LookUp::new(directory, wanted);
        let (mut failed, mut in_a_row, mut answered, mut shown) = (BTreeMap::new(), 0, 0, 0);
        loop {
            if answered >= shown + PROGRESS {
                shown = answered;
                progress.show(ProgressEvent::LookedUp { answered, products: count });
            }
            let next = tokio::select! {
                biased;
                // Cancel-safe: answers that came are remembered, and the next pass asks for the
                // rest.
                () = stop.cancelled() => return Err(LookUpError::Stopped),
                next = look_up.next() => next,
            };
            match next {
                None => return Ok(failed),
                Some(Told::Answers(answers)) => {
                    in_a_row = 0;
                    answered += answers.len();
                    let at = Instant::now();
                    let answers = answers.into_iter().map(|(id, attributes)| {
                        let attributes = attributes.map(Arc::new);
                        (id, Remembered { attributes, at })
                    });
                    self.remembered().extend(answers);
                }
                Some(Told::Failed(ids, error)) => {
                    in_a_row += 1;
                    if error.class() == ErrorClass::AccessDenied || in_a_row >= MAX_FAILURES {
                        return Err(LookUpError::Failed(told(&error)));
                    }
                    failed.extend(ids.into_iter().map(|id| (id, told(&error))));
                }
            }
        }
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<ProductId, Remembered>> {
        // Entries are written whole, so a holder that panicked left none half done.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Logs how many products are unknown, and how many could not be looked up.
    fn tell(&self, products: usize) {
        let failed = self.not_looked_up.len();
        let unknown = products - self.attributes.len() - failed;
        if unknown > 0 {
            tracing::warn!(unknown, products, "nothing is known of some products; the filter decides without");
        }
        if failed > 0 {
            tracing::warn!(failed, products, "some products could not be looked up, and are left as they are");
        }
    }
}

/// The hub's answers in the ledger, at a key that no member can write to.
#[derive(Debug)]
pub(crate) struct HubAnswers {
    store: Arc<dyn AnswerStore>,
    management: ExperienceId,
    /// The newest answers that were read.
    read: Mutex<Option<Arc<Found>>>,
}

/// One set of the hub's answers.
#[derive(Debug)]
struct Found {
    digest: Digest,
    /// The time at which the hub wrote the answers.
    at: Timestamp,
    /// `None` for an id that AWS Marketplace shows no product for.
    products: HashMap<ProductId, Option<Arc<ProductAttributes>>>,
}

impl HubAnswers {
    pub(crate) fn new(store: Arc<dyn AnswerStore>, management: ExperienceId) -> Self {
        Self { store, management, read: Mutex::default() }
    }

    /// The newest answers that the ledger names, verified by their digest. `None` if the hub never
    /// wrote any.
    async fn newest(&self) -> Result<Option<Arc<Found>>, LedgerError> {
        let Some(head) = self.store.latest(&self.management).await? else { return Ok(None) };
        if let Some(found) = self.read().as_ref().filter(|found| found.digest == head.digest) {
            return Ok(Some(found.clone()));
        }
        let (head, Answers { products, .. }) = self.store.fetch_or_newer(&self.management, head).await?;
        let products = products.into_iter().map(|(id, answer)| (id, answer.attributes.map(Arc::new))).collect();
        let found = Arc::new(Found { digest: head.digest, at: head.at, products });
        *self.read() = Some(found.clone());
        Ok(Some(found))
    }

    fn read(&self) -> MutexGuard<'_, Option<Arc<Found>>> {
        // The value is replaced as a whole, so a holder that panicked left nothing half done.
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    /// Whether the answers are so old that the hub must have stopped looking products up.
    fn is_old(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) > OLD
    }

    /// The facts about these products. A product without an answer has not been looked up yet.
    fn known(&self, ids: &[&ProductId]) -> Known {
        let mut known = Known { from: FactsFrom::Hub, ..Known::default() };
        for id in ids {
            match self.products.get(*id) {
                Some(Some(attributes)) => {
                    known.attributes.insert((*id).clone(), attributes.clone());
                }
                Some(None) => {}
                None => {
                    let reason = format!("the hub has not looked it up yet (what it knows is of {})", self.at);
                    known.not_looked_up.insert((*id).clone(), reason);
                }
            }
        }
        let unknown = known.not_looked_up.len();
        tracing::debug!(of = %self.at, products = ids.len(), unknown, "products as the hub looked them up");
        known.tell(ids.len());
        known
    }
}

/// The error with its hint, as a receipt says it.
fn told(error: &dyn Hint) -> String {
    let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}{hint}", one_line(error))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use pmp_catalog::CatalogError;
    use pmp_ledger::testing::MemoryLedger;
    use pmp_protocol::{Answer, Coded};

    use super::*;
    use crate::progress::Silent;

    /// The number of calls that run at the same time.
    const SIDE_BY_SIDE: usize = 8;

    /// Knows every product but `prod-none`. Look-ups of ids that begin with `prod-bad` fail while
    /// it is not `well`.
    #[derive(Debug, Default)]
    struct Fake {
        calls: AtomicUsize,
        unwell: Mutex<bool>,
        all_fail_with: Option<&'static str>,
    }

    #[async_trait]
    impl ProductDirectory for Fake {
        async fn product(&self, id: &ProductId) -> Result<Option<ProductAttributes>, CatalogError> {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let bad = *self.unwell.lock().unwrap() && id.as_str().starts_with("prod-bad");
            if let Some(code) = self.all_fail_with.or(bad.then_some("InternalServiceException")) {
                let (entity, code) = (id.to_string(), code.to_owned());
                return Err(CatalogError::Entity { entity, code, message: String::new() });
            }
            let name = Some(format!("The product {id}"));
            Ok((id.as_str() != "prod-none").then(|| ProductAttributes { name, ..ProductAttributes::default() }))
        }

        async fn listed(&self, _: &[ProductId]) -> Result<BTreeMap<ProductId, ProductAttributes>, CatalogError> {
            Ok(BTreeMap::new())
        }
    }

    fn own(directory: &Arc<Fake>) -> Attributes {
        Attributes::new(None, Some(directory.clone()))
    }

    /// The hub writes these answers into its ledger, so many hours ago.
    async fn write(ledger: &MemoryLedger, answers: &Answers, hours: i64) {
        let at = Timestamp::now() - SignedDuration::from_hours(hours);
        AnswerStore::store(ledger, answers, at).await.unwrap();
    }

    /// How often answers were fetched from the ledger.
    fn fetched(ledger: &MemoryLedger) -> usize {
        ledger.calls().into_iter().filter(|call| *call == "fetch_answers").count()
    }

    fn answers(products: &[(&str, bool)]) -> Answers {
        let at = "2026-11-24T12:00:00Z".parse().unwrap();
        let answer = |(id, known): &(&str, bool)| {
            let attributes = known.then(ProductAttributes::default);
            (ProductId::new(id).unwrap(), Answer { at, attributes })
        };
        let experience = ExperienceId::new("exp-1").unwrap();
        Answers { products: products.iter().map(answer).collect(), ..Answers::none(experience) }
    }

    fn of_hub(ledger: &Arc<MemoryLedger>, fallback: Option<Arc<Fake>>) -> Attributes {
        let hub = HubAnswers::new(ledger.clone(), ExperienceId::new("exp-1").unwrap());
        Attributes::new(Some(hub), fallback.map(|fake| fake as _))
    }

    #[tokio::test]
    async fn what_the_hub_found_out_is_taken_and_nothing_is_asked_for() {
        let (ledger, fake) = (Arc::new(MemoryLedger::default()), Arc::new(Fake::default()));
        write(&ledger, &answers(&[("prod-a", true), ("prod-none", false)]), 0).await;
        let attributes = of_hub(&ledger, Some(fake.clone()));
        let (ids, stop) = (ids(&["prod-a", "prod-none", "prod-new"]), CancellationToken::new());
        for _ in 0..2 {
            let known = attributes.look_up(ids.iter(), &Silent, Timestamp::now(), &stop).await.unwrap();
            assert_eq!(names(known.attributes.keys()), ["prod-a"]);
            assert_eq!(names(known.not_looked_up().keys()), ["prod-new"], "no answer is not taken for one");
            assert!(known.not_looked_up().values().all(|why| why.contains("the hub has not looked it up yet")));
        }
        assert_eq!((fake.calls.load(Ordering::Relaxed), fetched(&ledger)), (0, 1));
        write(&ledger, &answers(&[("prod-a", true), ("prod-new", true)]), 0).await;
        let known = attributes.look_up(ids.iter(), &Silent, Timestamp::now(), &stop).await.unwrap();
        assert_eq!(names(known.not_looked_up().keys()), ["prod-none"]);
    }

    #[tokio::test]
    async fn where_the_hub_found_nothing_out_products_are_looked_up_here_or_the_filter_is_not_run() {
        let (ledger, fake) = (Arc::new(MemoryLedger::default()), Arc::new(Fake::default()));
        let (ids, stop) = (ids(&["prod-a"]), CancellationToken::new());
        let known =
            of_hub(&ledger, Some(fake.clone())).look_up(ids.iter(), &Silent, Timestamp::now(), &stop).await.unwrap();
        assert_eq!((names(known.attributes.keys()), fake.calls.load(Ordering::Relaxed)), (vec!["prod-a"], 1));
        let refused = of_hub(&ledger, None).look_up(ids.iter(), &Silent, Timestamp::now(), &stop).await.unwrap_err();
        assert!(refused.to_string().contains("the hub has not looked up any products"), "{refused}");
        assert_eq!(refused.code().to_string(), "E5108");
    }

    #[tokio::test]
    async fn where_the_hub_looks_no_products_up_any_more_they_are_looked_up_here_if_that_is_permitted() {
        let stop = CancellationToken::new();
        for (hours, calls, not_looked_up) in [(71, 0, vec!["prod-new"]), (73, 2, vec![])] {
            let (ledger, fake) = (Arc::new(MemoryLedger::default()), Arc::new(Fake::default()));
            write(&ledger, &answers(&[("prod-a", true)]), hours).await;
            let ids = ids(&["prod-a", "prod-new"]);
            let known = of_hub(&ledger, Some(fake.clone()))
                .look_up(ids.iter(), &Silent, Timestamp::now(), &stop)
                .await
                .unwrap();
            assert_eq!(
                (names(known.not_looked_up().keys()), fake.calls.load(Ordering::Relaxed)),
                (not_looked_up, calls)
            );
            let known = of_hub(&ledger, None).look_up(ids.iter(), &Silent, Timestamp::now(), &stop).await.unwrap();
            assert_eq!(names(known.not_looked_up().keys()), ["prod-new"]);
        }
    }

    #[test]
    fn the_setting_has_four_values_and_true_is_what_it_was_where_the_hub_knows_nothing() {
        let of = |text: &str| text.parse::<AttributeSource>();
        assert_eq!(of("false"), Ok(AttributeSource::Nowhere));
        assert_eq!(of("hub").map(|it| (it.takes_the_hubs(), it.may_ask())), Ok((true, false)));
        assert_eq!(of("true").map(|it| (it.takes_the_hubs(), it.may_ask())), Ok((true, true)));
        assert_eq!(of("own").map(|it| (it.takes_the_hubs(), it.may_ask())), Ok((false, true)));
        assert!(of("yes").is_err());
    }

    fn ids(ids: &[&str]) -> Vec<ProductId> {
        ids.iter().map(|id| ProductId::new(id).unwrap()).collect()
    }

    fn names<'a>(ids: impl Iterator<Item = &'a ProductId>) -> Vec<&'a str> {
        let mut names: Vec<_> = ids.map(ProductId::as_str).collect();
        names.sort_unstable();
        names
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_is_asked_for_again_after_a_day_and_what_failed_with_the_next_pass() {
        let fake = Arc::new(Fake { unwell: Mutex::new(true), ..Fake::default() });
        let attributes = own(&fake);
        let (ids, stop) = (ids(&["prod-a", "prod-none", "prod-bad"]), CancellationToken::new());
        for (calls, wait) in [(3, 0), (4, 3600), (5, 24 * 3600), (8, 0)] {
            let known = attributes.look_up(ids.iter(), &Silent, Timestamp::now(), &stop).await.unwrap();
            assert_eq!(names(known.attributes.keys()), ["prod-a"]);
            assert_eq!(names(known.not_looked_up().keys()), ["prod-bad"]);
            assert_eq!(fake.calls.load(Ordering::Relaxed), calls);
            tokio::time::advance(Duration::from_secs(wait)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_asking_again_fails_the_last_answer_counts() {
        let fake = Arc::new(Fake::default());
        let attributes = own(&fake);
        let (ids, stop) = (ids(&["prod-bad"]), CancellationToken::new());
        attributes.look_up(ids.iter(), &Silent, Timestamp::now(), &stop).await.unwrap();
        *fake.unwell.lock().unwrap() = true;
        tokio::time::advance(FRESH).await;
        let known = attributes.look_up(ids.iter(), &Silent, Timestamp::now(), &stop).await.unwrap();
        assert_eq!(fake.calls.load(Ordering::Relaxed), 2);
        assert!(known.not_looked_up().is_empty() && known.attributes(&ids[0]).is_some(), "{known:?}");
    }

    #[tokio::test]
    async fn where_it_is_denied_or_fails_and_fails_nothing_is_known() {
        let many: Vec<_> = (0..1000).map(|n| ProductId::new(&format!("prod-{n}")).unwrap()).collect();
        for (code, most) in
            [("AccessDeniedException", SIDE_BY_SIDE), ("InternalServiceException", MAX_FAILURES + SIDE_BY_SIDE)]
        {
            let fake = Arc::new(Fake { all_fail_with: Some(code), ..Fake::default() });
            let error = own(&fake)
                .look_up(many.iter(), &Silent, Timestamp::now(), &CancellationToken::new())
                .await
                .unwrap_err();
            assert!(
                error.to_string().contains(code) && fake.calls.load(Ordering::Relaxed) <= most,
                "{error}: {fake:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_stop_ends_it() {
        let (fake, stop) = (Arc::new(Fake::default()), CancellationToken::new());
        stop.cancel();
        let known = own(&fake).look_up(ids(&["prod-a"]).iter(), &Silent, Timestamp::now(), &stop).await;
        assert_eq!((known.unwrap_err(), fake.calls.load(Ordering::Relaxed)), (LookUpError::Stopped, 0));
    }
}
