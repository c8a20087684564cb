//! What AWS Marketplace tells of the snapshot's products, for the filter: looked up once, and kept in memory.
//!
//! An answer that is missing must never look like an answer: a filter that excludes what it does not know would deny every
//! product that could not be looked up. So a product whose answer failed is left as it is in the experience, and where
//! nothing can be looked up, the filter is not run.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt, stream};
use pmp_catalog::{CatalogError, ErrorClass, ProductAttributes, ProductDirectory};
use pmp_protocol::ProductId;
use pmp_terminal::progress::{Step, step};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::one_line;

/// Calls on their way at once. The directory sets the pace; this hides how long an answer takes.
const SIDE_BY_SIDE: usize = 8;
/// What is known is asked for again after this time, since vendors and categories change, and products come.
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// Failures in a row after which the service is not to be had now.
const MAX_FAILURES: usize = 10;
/// Answers between two lines of progress.
const PROGRESS: usize = 500;
/// The most products that are remembered beyond those of the snapshot.
const MAX_REMEMBERED: usize = 100_000;

/// What is known of the products of a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Known {
    attributes: HashMap<ProductId, Arc<ProductAttributes>>,
    undecided: BTreeMap<ProductId, String>,
}

impl Known {
    /// What is known of this product; none where there is no such product to be seen.
    pub(crate) fn attributes(&self, id: &ProductId) -> Option<&ProductAttributes> {
        self.attributes.get(id).map(Arc::as_ref)
    }

    /// Products that could not be looked up, now or before, and why: nothing is to be decided of them.
    pub(crate) fn undecided(&self) -> &BTreeMap<ProductId, String> {
        &self.undecided
    }
}

/// Why the filter can't be told of products now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LookUpError {
    #[error("told to stop while products were looked up for the filter")]
    Stopped,
    #[error("the filter was not run, since products cannot be looked up for it: {0}")]
    Failed(String),
}

/// Looks products up, and remembers them as long as the process lives.
#[derive(Debug)]
pub(crate) struct Attributes {
    directory: Arc<dyn ProductDirectory>,
    remembered: Mutex<HashMap<ProductId, Remembered>>,
}

#[derive(Debug, Clone)]
struct Remembered {
    /// None where there is no such product to be seen.
    attributes: Option<Arc<ProductAttributes>>,
    at: Instant,
}

impl Attributes {
    pub(crate) fn new(directory: Arc<dyn ProductDirectory>) -> Self {
        Self { directory, remembered: Mutex::default() }
    }

    /// What is known of these products, after those that are not, or not lately, were asked for. Where asking again fails,
    /// the last answer counts.
    ///
    /// # Errors
    /// Where it was told to stop, or the service is not to be had. What was answered is remembered.
    pub(crate) async fn look_up(
        &self,
        ids: impl Iterator<Item = &ProductId>,
        show_progress: bool,
        stop: &CancellationToken,
    ) -> Result<Known, LookUpError> {
        let ids: Vec<_> = ids.collect();
        let wanted: Vec<_> = {
            let remembered = self.remembered();
            let fresh = |id: &ProductId| remembered.get(id).is_some_and(|known| known.at.elapsed() < FRESH);
            ids.iter().filter(|id| !fresh(id)).map(|id| (*id).clone()).collect()
        };
        let mut undecided =
            if wanted.is_empty() { BTreeMap::new() } else { self.ask(wanted, show_progress, stop).await? };
        let mut remembered = self.remembered();
        undecided.retain(|id, _| !remembered.contains_key(id));
        let of = |id: &&ProductId| Some(((*id).clone(), remembered.get(*id)?.attributes.clone()?));
        let attributes: HashMap<_, _> = ids.iter().filter_map(of).collect();
        let (products, failed) = (ids.len(), undecided.len());
        let unknown = products - attributes.len() - failed;
        if unknown > 0 {
            tracing::warn!(unknown, products, "nothing is known of some products; the filter decides without");
        }
        if failed > 0 {
            tracing::warn!(failed, products, "some products could not be looked up, and are left as they are");
        }
        if remembered.len() > products + MAX_REMEMBERED {
            remembered.retain(|id, _| attributes.contains_key(id));
        }
        Ok(Known { attributes, undecided })
    }

    /// Asks for each of them, and remembers the answers. The products without one, and why.
    async fn ask(
        &self,
        wanted: Vec<ProductId>,
        show_progress: bool,
        stop: &CancellationToken,
    ) -> Result<BTreeMap<ProductId, String>, LookUpError> {
        let count = wanted.len();
        tracing::info!(products = count, "looking up products");
        if show_progress {
            step(Step::Doing, &format!("looking up {count} products for the filter"));
        }
        let ask = async |id: ProductId| {
            let answer = self.directory.product(&id).await;
            (id, answer)
        };
        let mut answers = stream::iter(wanted).map(ask).buffer_unordered(SIDE_BY_SIDE);
        let (mut failed, mut in_a_row, mut answered) = (BTreeMap::new(), 0, 0);
        loop {
            if show_progress && answered > 0 && answered % PROGRESS == 0 {
                step(Step::Waiting, &format!("{answered} of {count} products looked up"));
            }
            let next = tokio::select! {
                biased;
                // Cancel-safe: what was answered is remembered, the rest is asked for with the next pass.
                () = stop.cancelled() => return Err(LookUpError::Stopped),
                next = answers.next() => next,
            };
            let Some((id, answer)) = next else { return Ok(failed) };
            answered += 1;
            let attributes = match answer {
                Ok(attributes) => attributes,
                // An answer: no product has such an id.
                Err(error) if error.class() == ErrorClass::Invalid => None,
                Err(error) => {
                    in_a_row += 1;
                    if error.class() == ErrorClass::AccessDenied || in_a_row >= MAX_FAILURES {
                        return Err(LookUpError::Failed(told(&error)));
                    }
                    failed.insert(id, told(&error));
                    continue;
                }
            };
            in_a_row = 0;
            let attributes = attributes.map(Arc::new);
            self.remembered().insert(id, Remembered { attributes, at: Instant::now() });
        }
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<ProductId, Remembered>> {
        // Whole entries: nothing is half done if a holder panicked.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The failure and what helps, for a receipt.
fn told(error: &CatalogError) -> String {
    let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}{hint}", one_line(error))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;

    /// Knows every product but `prod-none`; those that begin with `prod-bad` it knows while it is well.
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
        let attributes = Attributes::new(fake.clone());
        let (ids, stop) = (ids(&["prod-a", "prod-none", "prod-bad"]), CancellationToken::new());
        for (calls, wait) in [(3, 0), (4, 3600), (5, 24 * 3600), (8, 0)] {
            let known = attributes.look_up(ids.iter(), false, &stop).await.unwrap();
            assert_eq!(names(known.attributes.keys()), ["prod-a"]);
            assert_eq!(names(known.undecided().keys()), ["prod-bad"]);
            assert_eq!(fake.calls.load(Ordering::Relaxed), calls);
            tokio::time::advance(Duration::from_secs(wait)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_asking_again_fails_the_last_answer_counts() {
        let fake = Arc::new(Fake::default());
        let attributes = Attributes::new(fake.clone());
        let (ids, stop) = (ids(&["prod-bad"]), CancellationToken::new());
        attributes.look_up(ids.iter(), false, &stop).await.unwrap();
        *fake.unwell.lock().unwrap() = true;
        tokio::time::advance(FRESH).await;
        let known = attributes.look_up(ids.iter(), false, &stop).await.unwrap();
        assert_eq!(fake.calls.load(Ordering::Relaxed), 2);
        assert!(known.undecided().is_empty() && known.attributes(&ids[0]).is_some(), "{known:?}");
    }

    #[tokio::test]
    async fn where_it_is_denied_or_fails_and_fails_nothing_is_known() {
        let many: Vec<_> = (0..1000).map(|n| ProductId::new(&format!("prod-{n}")).unwrap()).collect();
        for (code, most) in
            [("AccessDeniedException", SIDE_BY_SIDE), ("InternalServiceException", MAX_FAILURES + SIDE_BY_SIDE)]
        {
            let fake = Arc::new(Fake { all_fail_with: Some(code), ..Fake::default() });
            let error =
                Attributes::new(fake.clone()).look_up(many.iter(), false, &CancellationToken::new()).await.unwrap_err();
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
        let known = Attributes::new(fake.clone()).look_up(ids(&["prod-a"]).iter(), false, &stop).await;
        assert_eq!((known.unwrap_err(), fake.calls.load(Ordering::Relaxed)), (LookUpError::Stopped, 0));
    }
}
