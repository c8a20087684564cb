//! Looks many products up: by listings, which answer for thirty at once, and one by one where those
//! tell nothing.
//!
//! Both go on side by side, each operation at its own pace. What the answers are worth is for
//! whoever asks.

use std::collections::{BTreeMap, VecDeque};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use pmp_protocol::{ProductAttributes, ProductId};

use super::{MAX_SEARCHED, ProductDirectory};
use crate::{CatalogError, ErrorClass};

/// Bounds on searches, and on look-ups of single products, that run at once. The directory's
/// limiter sets the rate; these bounds hide the latency of the answers. They are below the quota of
/// a second, so that requests that pile up on the network and arrive together are not throttled.
const SEARCHES: usize = 8;
const SINGLES: usize = 4;

type Listed = Result<BTreeMap<ProductId, ProductAttributes>, CatalogError>;
type Single = Result<Option<ProductAttributes>, CatalogError>;

/// What came of one call.
#[derive(Debug)]
pub enum Told {
    /// Answers; none where there is no such product to be seen.
    Answers(Vec<(ProductId, Option<ProductAttributes>)>),
    /// The call failed: nothing is known of these products, not even that they do not exist.
    Failed(Vec<ProductId>, CatalogError),
}

/// A look-up that is in progress.
pub struct LookUp<'a> {
    directory: &'a dyn ProductDirectory,
    /// Not asked for yet.
    wanted: VecDeque<ProductId>,
    /// What listings say nothing of.
    unlisted: VecDeque<ProductId>,
    searches: FuturesUnordered<BoxFuture<'a, (Vec<ProductId>, Listed)>>,
    singles: FuturesUnordered<BoxFuture<'a, (ProductId, Single)>>,
    /// Whether listings may be searched at all.
    may_search: bool,
    calls: usize,
}

impl std::fmt::Debug for LookUp<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { wanted, unlisted, searches, singles, calls, .. } = self;
        let (wanted, unlisted) = (wanted.len(), unlisted.len());
        let (searches, singles) = (searches.len(), singles.len());
        write!(f, "LookUp({wanted} wanted, {unlisted} unlisted, {searches} searches, {singles} singles, {calls} calls)")
    }
}

impl<'a> LookUp<'a> {
    /// Will ask for each of these, in this order.
    #[must_use]
    pub fn new(directory: &'a dyn ProductDirectory, wanted: Vec<ProductId>) -> Self {
        let (searches, singles) = (FuturesUnordered::new(), FuturesUnordered::new());
        let unlisted = VecDeque::new();
        Self { directory, wanted: wanted.into(), unlisted, searches, singles, may_search: true, calls: 0 }
    }

    /// How many calls were made so far; those that a client repeats by itself are counted once.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// What the next call says; none when all were asked for. Cancel-safe: what is on its way goes
    /// on with the next call of this.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            self.begin();
            if self.searches.is_empty() && self.singles.is_empty() {
                return None;
            }
            tokio::select! {
                biased;
                Some((ids, listed)) = self.searches.next() => {
                    if let Some(told) = self.searched(ids, listed) {
                        return Some(told);
                    }
                }
                Some((id, single)) = self.singles.next() => return Some(asked(id, single)),
            }
        }
    }

    /// Begins as many calls as there is room for.
    fn begin(&mut self) {
        if !self.may_search {
            self.unlisted.append(&mut self.wanted);
        }
        while self.searches.len() < SEARCHES && !self.wanted.is_empty() {
            let (ids, odd): (Vec<_>, Vec<_>) =
                self.wanted.drain(..self.wanted.len().min(MAX_SEARCHED)).partition(is_searchable);
            self.unlisted.extend(odd);
            if !ids.is_empty() {
                let directory = self.directory;
                self.calls += 1;
                self.searches.push(Box::pin(async move {
                    let listed = directory.listed(&ids).await;
                    (ids, listed)
                }));
            }
        }
        while self.singles.len() < SINGLES
            && let Some(id) = self.unlisted.pop_front()
        {
            let directory = self.directory;
            self.calls += 1;
            self.singles.push(Box::pin(async move {
                let single = directory.product(&id).await;
                (id, single)
            }));
        }
    }

    /// Takes what a search says. Where it says nothing of a product, that is asked for by itself;
    /// where listings may not, or cannot be searched for products, all are.
    fn searched(&mut self, ids: Vec<ProductId>, listed: Listed) -> Option<Told> {
        let mut listed = match listed {
            Ok(listed) => listed,
            Err(error) if is_passing(&error) => return Some(Told::Failed(ids, error)),
            Err(error) => {
                if self.may_search {
                    tracing::warn!(%error, "listings cannot be searched for products: each is looked up by itself");
                    self.may_search = false;
                }
                self.unlisted.extend(ids);
                return None;
            }
        };
        let mut answers = Vec::new();
        for id in ids {
            match listed.remove(&id) {
                Some(attributes) => answers.push((id, Some(attributes))),
                None => self.unlisted.push_back(id),
            }
        }
        (!answers.is_empty()).then_some(Told::Answers(answers))
    }
}

fn asked(id: ProductId, single: Single) -> Told {
    match single {
        Ok(attributes) => Told::Answers(vec![(id, attributes)]),
        // An answer: no product has such an id.
        Err(error) if error.class() == ErrorClass::Invalid => Told::Answers(vec![(id, None)]),
        Err(error) => Told::Failed(vec![id], error),
    }
}

/// Whether the same may be answered later.
fn is_passing(error: &CatalogError) -> bool {
    matches!(error.class(), ErrorClass::Transient | ErrorClass::Throttled | ErrorClass::QuotaExceeded)
}

/// Whether a filter takes it as a value (service model: word characters, `-` and `.`).
fn is_searchable(id: &ProductId) -> bool {
    id.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;

    /// Knows every product but those that begin with `none`; those that begin with `private` are in
    /// no listing.
    #[derive(Debug, Default)]
    struct Fake {
        searched: Mutex<Vec<usize>>,
        singles: Mutex<Vec<String>>,
        search_fails: Option<&'static str>,
    }

    fn attributes(id: &ProductId) -> ProductAttributes {
        ProductAttributes { name: Some(format!("The product {id}")), ..ProductAttributes::default() }
    }

    #[async_trait]
    impl ProductDirectory for Fake {
        async fn product(&self, id: &ProductId) -> Single {
            self.singles.lock().unwrap().push(id.to_string());
            Ok((!id.as_str().starts_with("none")).then(|| attributes(id)))
        }

        async fn listed(&self, ids: &[ProductId]) -> Listed {
            self.searched.lock().unwrap().push(ids.len());
            if let Some(code) = self.search_fails {
                let (entity, code) = ("listings".to_owned(), code.to_owned());
                return Err(CatalogError::Entity { entity, code, message: String::new() });
            }
            let listed = ids.iter().filter(|id| id.as_str().starts_with("prod"));
            Ok(listed.map(|id| (id.clone(), attributes(id))).collect())
        }
    }

    fn ids(ids: impl IntoIterator<Item = String>) -> Vec<ProductId> {
        ids.into_iter().map(|id| ProductId::new(&id).unwrap()).collect()
    }

    /// The answers, the products without one, and the calls.
    async fn all(fake: &Fake, wanted: Vec<ProductId>) -> (BTreeMap<ProductId, bool>, BTreeSet<ProductId>, usize) {
        let mut look_up = LookUp::new(fake, wanted);
        let (mut answered, mut failed) = (BTreeMap::new(), BTreeSet::new());
        while let Some(told) = look_up.next().await {
            match told {
                Told::Answers(answers) => answered.extend(answers.into_iter().map(|(id, known)| (id, known.is_some()))),
                Told::Failed(ids, _) => failed.extend(ids),
            }
        }
        (answered, failed, look_up.calls())
    }

    #[tokio::test]
    async fn thirty_at_once_are_searched_for_and_what_no_listing_tells_of_is_asked_for_by_itself() {
        let fake = Fake::default();
        let wanted =
            ids((0..100).map(|n| format!("prod-{n}")).chain(["private-1", "none-1", "od/d"].map(String::from)));
        let (answered, failed, calls) = all(&fake, wanted).await;
        assert_eq!((answered.len(), failed.len(), calls), (103, 0, 4 + 3));
        assert_eq!(answered.iter().filter(|(_, known)| !**known).count(), 1);
        assert!(!answered[&ProductId::new("none-1").unwrap()]);
        let mut singles = fake.singles.lock().unwrap().clone();
        singles.sort();
        assert_eq!(singles, ["none-1", "od/d", "private-1"]);
        assert!(fake.searched.lock().unwrap().iter().all(|searched| *searched <= MAX_SEARCHED));
    }

    #[tokio::test]
    async fn where_listings_must_not_be_searched_each_is_asked_for_by_itself() {
        for code in ["AccessDeniedException", "ValidationException", "UnknownOperationException"] {
            let fake = Fake { search_fails: Some(code), ..Fake::default() };
            let (answered, failed, _) = all(&fake, ids((0..1000).map(|n| format!("prod-{n}")))).await;
            assert_eq!((answered.len(), failed.len()), (1000, 0), "{code}");
            assert!(fake.searched.lock().unwrap().len() <= SEARCHES, "{code}: {fake:?}");
        }
    }

    #[tokio::test]
    async fn a_search_that_fails_for_a_passing_reason_is_no_answer_and_no_reason_to_ask_one_by_one() {
        let fake = Fake { search_fails: Some("ThrottlingException"), ..Fake::default() };
        let (answered, failed, calls) = all(&fake, ids((0..60).map(|n| format!("prod-{n}")))).await;
        assert_eq!((answered.len(), failed.len(), calls), (0, 60, 2));
        assert!(fake.singles.lock().unwrap().is_empty());
    }
}
