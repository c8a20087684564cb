//! Finds the member experiences: those that are named, or all live ones.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use pmp_catalog::{Catalog, CatalogError, ErrorClass, Experience, NotLive, PolicyId, Scope};
use pmp_ledger::{LedgerError, SnapshotStore};
use pmp_protocol::{ExperienceId, Hint, ManagementId, MemberId, SpokeScope, alike};
use pmp_runtime::{Chance, Waited};
use tokio_util::sync::CancellationToken;

use crate::apply::live::Live;
use crate::error::SpokeError;
use crate::retry::backoff;
use crate::retry::reaction::Reaction;

/// Heads of the ledger that are read at once.
const HEADS: usize = 16;

/// Which experiences to keep in step (`MEMBER_EXPERIENCE_IDS`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Every live experience of the organization.
    All,
    /// The experiences with these ids. One that is not live is skipped all the same.
    Only(BTreeSet<ExperienceId>),
}

impl Selection {
    /// What tells this spoke from the others of its organization.
    pub(crate) fn scope(&self) -> SpokeScope {
        SpokeScope::of(match self {
            Self::All => None,
            Self::Only(ids) => Some(ids.clone()),
        })
    }
}

/// A member experience with its lists, or why it is not kept in step.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: ExperienceId,
    /// Its name, where it could be read.
    pub(crate) name: Option<String>,
    pub(crate) state: Result<Live, Absent>,
}

/// Why an experience is not kept in step now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Absent {
    /// It is not live, and may be so on purpose.
    #[error("{0}")]
    NotLive(NotLive),
    /// MEMBER_EXPERIENCE_IDS names it, and the catalog does not find it.
    #[error("MEMBER_EXPERIENCE_IDS names it, and it does not exist, or is not shared with this account")]
    Misnamed {
        /// The experience of this organization whose id looks like it.
        meant: Option<ExperienceId>,
    },
    /// It was listed, and the catalog does not find it any more.
    #[error("the experience does not exist, or is not shared with this account")]
    Missing,
    /// It was kept in step before, and now it is not named; or neither listed nor found.
    #[error("the experience is no longer one that this spoke keeps in step")]
    Gone,
    /// It is one that a hub reads.
    #[error(
        "it is a management experience itself: the ledger holds snapshots of it; it is kept in step only where \
         MEMBER_EXPERIENCE_IDS names it"
    )]
    Management,
    /// It could not be read.
    #[error("{0}")]
    Unreadable(CatalogError),
    /// The pass was told to stop before the experience was read (rule 7).
    #[error("told to stop before it was read")]
    NotRead,
}

pmp_protocol::codes!(Absent {
    NotLive(source) => source,
    Misnamed => "E5015",
    Missing => "E5016",
    Gone => "E5017",
    Management => "E5018",
    Unreadable(source) => source,
    NotRead => "E5019",
});

impl Hint for Absent {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotLive(source) => source.hint(),
            Self::Unreadable(source) => source.hint(),
            Self::Misnamed { meant } => meant.as_ref().map(|meant| format!("did you mean `{meant}`?")),
            Self::Missing | Self::Gone | Self::Management | Self::NotRead => None,
        }
    }
}

impl Absent {
    /// Whether a person must mend this. Otherwise the organization wants it so.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Misnamed { .. } | Self::Unreadable(_))
    }
}

/// A member experience whose lists are not read yet.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) id: MemberId,
    /// Its name, where it could be read.
    pub(crate) name: Option<String>,
    state: Result<(Experience, PolicyId), Absent>,
}

impl Candidate {
    /// Why it is none: MEMBER_EXPERIENCE_IDS names it, and there is no such experience.
    pub(crate) fn misnamed(&self) -> Option<&Absent> {
        self.state.as_ref().err().filter(|absent| matches!(absent, Absent::Misnamed { .. }))
    }

    /// The experience, without its lists: the pass was told to stop before they were read.
    pub(crate) fn not_read(&self) -> Member {
        let state = Err(self.state.as_ref().err().cloned().unwrap_or(Absent::NotRead));
        Member { id: ExperienceId::clone(&self.id), name: self.name.clone(), state }
    }
}

/// The member experiences of a pass.
#[derive(Debug)]
pub(crate) struct Discovered {
    pub(crate) candidates: Vec<Candidate>,
    /// Why one of the two listings failed. An experience that was not found may exist all the same
    /// then.
    pub(crate) half: Option<CatalogError>,
}

/// Finds the member experiences, and reads them in batches, but not yet their policies. The
/// management experience itself is never one.
///
/// A listing may lag, or omit an experience. So those that were `kept` in step before are read as
/// well. They are left out only where the catalog does not know them, or does not show them to this
/// account.
pub(crate) async fn discover(
    catalog: &dyn Catalog,
    management: &ManagementId,
    selection: &Selection,
    kept: &BTreeSet<ExperienceId>,
    chance: &Arc<dyn Chance>,
) -> Result<Discovered, SpokeError> {
    let (mut ids, half) = match selection {
        Selection::Only(ids) => (ids.clone(), None),
        Selection::All => list(catalog, chance).await?,
    };
    let not_listed: BTreeSet<_> = match selection {
        Selection::Only(_) => BTreeSet::new(),
        Selection::All => kept.difference(&ids).cloned().collect(),
    };
    ids.extend(not_listed.iter().cloned());
    let members: Vec<_> = ids.into_iter().filter_map(|id| management.member(id)).collect();
    let ids: Vec<_> = members.iter().map(|member| ExperienceId::clone(member)).collect();
    let mut described = catalog.describe_experiences(&ids).await;
    let mut pauses = backoff::for_a_read(chance);
    while let Some((again, places)) = failed(&ids, &described)
        && pauses.wait(&CancellationToken::new()).await == Waited::TryAgain
    {
        let answers = catalog.describe_experiences(&again).await;
        places.into_iter().zip(answers).for_each(|(place, answer)| described[place] = answer);
    }
    let gone = |id: &MemberId, outcome: &Result<Experience, CatalogError>| {
        let class = outcome.as_ref().err().map(CatalogError::class);
        not_listed.contains(&**id) && matches!(class, Some(ErrorClass::NotFound | ErrorClass::AccessDenied))
    };
    let found = members.into_iter().zip(described).filter(|(id, outcome)| !gone(id, outcome));
    let mut candidates: Vec<_> = found.map(|(id, outcome)| {
        if not_listed.contains(&*id) {
            tracing::warn!(experience = %id, "no listing names the experience, and the catalog describes it: kept in step");
        }
        let name = outcome.as_ref().ok().map(|found| found.name.clone());
        let absent = |error| match (absent(error), selection) {
            (Absent::Missing, Selection::Only(_)) => Absent::Misnamed { meant: None },
            (absent, _) => absent,
        };
        Candidate { id, name, state: outcome.map_err(absent).and_then(judge) }
    }).collect();
    suggest(catalog, &mut candidates).await;
    Ok(Discovered { candidates, half })
}

/// Says of each id that names nothing which one may have been meant: of those that are there, and
/// not named themselves. Where they cannot be listed, nothing is suggested.
async fn suggest(catalog: &dyn Catalog, candidates: &mut [Candidate]) {
    if !candidates.iter().any(|candidate| candidate.misnamed().is_some()) {
        return;
    }
    let (own, shared) =
        futures::join!(catalog.list_experiences(Scope::Own), catalog.list_experiences(Scope::SharedWithMe));
    let named: BTreeSet<_> = candidates.iter().map(|candidate| ExperienceId::clone(&candidate.id)).collect();
    let there: BTreeSet<_> = [own, shared].into_iter().flatten().flatten().filter(|id| !named.contains(id)).collect();
    for Candidate { id, state, .. } in candidates {
        if let Err(Absent::Misnamed { meant }) = state {
            *meant = alike(id.as_str(), &there).first().map(|meant| (*meant).clone());
        }
    }
}

/// Takes out the experiences that a hub reads, because a spoke that changed one would change what
/// other organizations follow. With a list of ids nothing is taken out: the operator named it on
/// purpose.
pub(crate) async fn leave_management_alone(
    snapshots: &dyn SnapshotStore,
    selection: &Selection,
    candidates: Vec<Candidate>,
) -> Result<Vec<Candidate>, LedgerError> {
    if *selection != Selection::All {
        return Ok(candidates);
    }
    let look = async |candidate: Candidate| {
        if candidate.state.is_err() || snapshots.head(&candidate.id).await?.is_none() {
            return Ok::<_, LedgerError>(candidate);
        }
        Ok(Candidate { state: Err(Absent::Management), ..candidate })
    };
    stream::iter(candidates).map(look).buffered(HEADS).try_collect().await
}

/// Reads the policies of some candidates, in as few calls as possible.
pub(crate) async fn read_policies(
    catalog: &dyn Catalog,
    candidates: Vec<Candidate>,
    chance: &Arc<dyn Chance>,
) -> Vec<Member> {
    let live = candidates.iter().filter_map(|candidate| candidate.state.as_ref().ok());
    let ids: Vec<_> = live.map(|(_, policy_id)| policy_id.clone()).collect();
    let mut policies = catalog.describe_policies(&ids).await;
    let mut pauses = backoff::for_a_read(chance);
    while let Some((again, places)) = failed(&ids, &policies)
        && pauses.wait(&CancellationToken::new()).await == Waited::TryAgain
    {
        let answers = catalog.describe_policies(&again).await;
        places.into_iter().zip(answers).for_each(|(place, answer)| policies[place] = answer);
    }
    let mut policies = policies.into_iter();
    let member = |Candidate { id, name, state }: Candidate| {
        let state = state.and_then(|(experience, policy_id)| {
            let answer = policies.next().unwrap_or_else(|| Err(CatalogError::NotFound(policy_id.to_string())));
            let member = id.clone();
            answer.map(|policy| Live { member, experience, policy_id, policy }).map_err(Absent::Unreadable)
        });
        Member { id: ExperienceId::clone(&id), name, state }
    };
    candidates.into_iter().map(member).collect()
}

/// The `ids` whose read failed and may succeed if it is repeated, with their places in the list.
/// `None` where there are none.
fn failed<K: Clone, V>(ids: &[K], answers: &[Result<V, CatalogError>]) -> Option<(Vec<K>, Vec<usize>)> {
    let again = |answer: &Result<V, CatalogError>| {
        answer.as_ref().is_err_and(|error| Reaction::to(error.class()) == Reaction::AskAgain)
    };
    let places: Vec<_> = (0..ids.len().min(answers.len())).filter(|place| again(&answers[*place])).collect();
    (!places.is_empty()).then(|| (places.iter().map(|place| ids[*place].clone()).collect(), places))
}

/// Finds the member experiences and reads them with their policies.
pub(crate) async fn find(
    catalog: &dyn Catalog,
    management: &ManagementId,
    selection: &Selection,
    chance: &Arc<dyn Chance>,
) -> Result<Vec<Member>, SpokeError> {
    let found = discover(catalog, management, selection, &BTreeSet::new(), chance).await?;
    Ok(read_policies(catalog, found.candidates, chance).await)
}

/// Lists with and without the scope `SharedWithMe`. The management account sees its own experiences
/// only without it, a delegated administrator only with it, so either list may be empty.
///
/// Where a listing fails for a reason that passes, the whole pass fails: otherwise its experiences
/// would look as if they were gone (rule 12). Where one listing is refused for good, the other one
/// counts, and the error is returned beside it.
pub(crate) async fn list(
    catalog: &dyn Catalog,
    chance: &Arc<dyn Chance>,
) -> Result<(BTreeSet<ExperienceId>, Option<CatalogError>), SpokeError> {
    let scoped = |scope| list_scope(catalog, scope, chance);
    let (own, shared) = futures::join!(scoped(Scope::Own), scoped(Scope::SharedWithMe));
    match (own, shared) {
        (Ok(own), Ok(shared)) => Ok((own.into_iter().chain(shared).collect(), None)),
        (Ok(ids), Err(error)) | (Err(error), Ok(ids)) if !ids.is_empty() && is_final(&error) => {
            tracing::warn!(%error, "one of the two listings is refused; going on with the other");
            Ok((ids.into_iter().collect(), Some(error)))
        }
        (Err(error), _) | (_, Err(error)) => Err(SpokeError::List(error)),
    }
}

/// Whether a listing is refused for good: for its request, or for the account that asks.
fn is_final(error: &CatalogError) -> bool {
    matches!(error.class(), ErrorClass::Invalid | ErrorClass::AccessDenied)
}

async fn list_scope(
    catalog: &dyn Catalog,
    scope: Scope,
    chance: &Arc<dyn Chance>,
) -> Result<Vec<ExperienceId>, CatalogError> {
    let mut pauses = backoff::for_a_read(chance);
    loop {
        match catalog.list_experiences(scope).await {
            Err(error)
                if Reaction::to(error.class()) == Reaction::AskAgain
                    && pauses.wait(&CancellationToken::new()).await == Waited::TryAgain => {}
            outcome => return outcome,
        }
    }
}

fn judge(experience: Experience) -> Result<(Experience, PolicyId), Absent> {
    let policy_id = experience.live_policy().map_err(Absent::NotLive)?.clone();
    Ok((experience, policy_id))
}

fn absent(error: CatalogError) -> Absent {
    match error.class() {
        ErrorClass::NotFound => Absent::Missing,
        _ => Absent::Unreadable(error),
    }
}

#[cfg(test)]
mod tests {
    use pmp_catalog::testing::{Call, FakeCatalog, Refusal};
    use pmp_ledger::testing::MemoryLedger;
    use pmp_protocol::Coded;
    use pmp_protocol::testing::{content_of, experience, management};
    use pmp_runtime::SystemChance;

    use super::*;

    /// The codes of the experiences that are not kept in step.
    fn codes(candidates: &[Candidate]) -> Vec<String> {
        candidates.iter().filter_map(|it| Some(it.state.as_ref().err()?.code().to_string())).collect()
    }

    #[tokio::test]
    async fn an_experience_that_is_left_alone_says_why() {
        let (management, chance) = (ManagementId::new(management()), Arc::new(SystemChance) as Arc<dyn Chance>);
        let (id, catalog) = (pmp_catalog::testing::experience(0), FakeCatalog::new(1, &BTreeSet::new()));
        let all = discover(&catalog, &management, &Selection::All, &BTreeSet::new(), &chance).await.unwrap().candidates;
        assert_eq!(all[0].not_read().state.unwrap_err().code().to_string(), "E5019");
        // A hub reads it.
        let ledger = MemoryLedger::default();
        let content = content_of(&id, &["prod-a"], &[]);
        ledger.keep(&pmp_protocol::testing::snapshot(1, &content));
        let left = leave_management_alone(&ledger, &Selection::All, all).await.unwrap();
        assert_eq!(codes(&left), ["E5018"]);
        // The catalog does not find it.
        for (selection, code) in [(Selection::All, "E5016"), (Selection::Only([id].into()), "E5015")] {
            let missing = Refusal { code: "ResourceNotFoundException", message: "", status: 404 };
            catalog.refuse(Call::DescribeExperience, [Some(missing)]);
            let found = discover(&catalog, &management, &selection, &BTreeSet::new(), &chance).await.unwrap();
            assert_eq!(codes(&found.candidates), [code]);
        }
    }

    #[test]
    fn an_experience_that_cannot_be_read_keeps_the_hint() {
        let error = CatalogError::NotFound("exp-1".to_owned());
        assert!(error.hint().is_some());
        assert_eq!(Absent::Unreadable(error.clone()).hint(), error.hint());
        assert_eq!(Absent::NotLive(NotLive::NoPolicy).hint(), NotLive::NoPolicy.hint());
    }

    /// A refusal of this class.
    fn refusal(class: ErrorClass) -> Refusal {
        let (code, status) = match class {
            ErrorClass::Throttled => ("ThrottlingException", 429),
            ErrorClass::Transient => ("InternalServiceException", 500),
            ErrorClass::Invalid => ("ValidationException", 422),
            ErrorClass::AccessDenied => ("AccessDeniedException", 403),
            _ => ("SomethingNew", 400),
        };
        Refusal { code, message: "", status }
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_failed_never_makes_experiences_vanish() {
        const SOME: Result<&[&str], ErrorClass> = Ok(&["exp-1"]);
        const NONE: Result<&[&str], ErrorClass> = Ok(&[]);
        for (one, other, found) in [
            (SOME, NONE, Some(1)),
            (NONE, NONE, Some(0)),
            // The other will never be permitted, and what there is is here.
            (SOME, Err(ErrorClass::AccessDenied), Some(1)),
            (SOME, Err(ErrorClass::Invalid), Some(1)),
            // It may be all on the other.
            (NONE, Err(ErrorClass::AccessDenied), None),
            (NONE, Err(ErrorClass::Invalid), None),
            (SOME, Err(ErrorClass::Throttled), None),
            (NONE, Err(ErrorClass::Throttled), None),
            (SOME, Err(ErrorClass::Transient), None),
            (NONE, Err(ErrorClass::Transient), None),
            (SOME, Err(ErrorClass::Unexpected), None),
            (Err(ErrorClass::AccessDenied), Err(ErrorClass::AccessDenied), None),
        ] {
            for (own, shared) in [(one, other), (other, one)] {
                let answer = |listed: Result<&[&str], ErrorClass>| {
                    listed.map(|ids| ids.iter().map(|id| experience(id)).collect::<Vec<_>>()).map_err(refusal)
                };
                let catalog = FakeCatalog::new(0, &BTreeSet::new());
                catalog.world().listings = [(Scope::Own, answer(own)), (Scope::SharedWithMe, answer(shared))].into();
                let chance: Arc<dyn Chance> = Arc::new(SystemChance);
                let listed = list(&catalog, &chance).await.map(|(ids, _)| ids.len()).ok();
                assert_eq!(listed, found, "own {own:?}, shared {shared:?}");
            }
        }
    }
}
