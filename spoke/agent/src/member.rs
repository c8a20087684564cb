//! Finds the member experiences: those that are named, or all live ones.

use std::collections::BTreeSet;

use pmp_catalog::{Catalog, CatalogError, Experience, NotLive, PolicyId, ProcurementPolicy, Scope};
use pmp_protocol::ExperienceId;

use crate::SpokeError;

/// Which experiences to keep in step (`MEMBER_EXPERIENCE_IDS`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All live ones.
    All,
    /// These.
    Only(BTreeSet<ExperienceId>),
}

/// A member experience, and what is known of it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: ExperienceId,
    /// Its name, where it could be read.
    pub(crate) name: Option<String>,
    pub(crate) state: Result<Live, Absent>,
}

/// An experience that can be kept in step, with its lists as they are now.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) experience: Experience,
    pub(crate) policy_id: PolicyId,
    pub(crate) policy: ProcurementPolicy,
}

/// Why an experience is not kept in step now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Absent {
    /// It is not live, and may be so on purpose.
    #[error("{0}")]
    NotLive(NotLive),
    /// It is named, and the catalog does not find it.
    #[error("the experience does not exist, or is not shared with this account")]
    Missing,
    /// It was kept in step before, and is neither named nor listed now.
    #[error("the experience is no longer one that this spoke keeps in step")]
    Gone,
    /// It could not be read.
    #[error("{0}")]
    Unreadable(CatalogError),
}

/// Finds the member experiences and reads them, in batches. The management experience itself is never one.
pub(crate) async fn find(
    catalog: &dyn Catalog,
    management: &ExperienceId,
    selection: &Selection,
) -> Result<Vec<Member>, SpokeError> {
    let mut ids = match selection {
        Selection::Only(ids) => ids.clone(),
        Selection::All => list(catalog).await?,
    };
    ids.remove(management);
    let ids: Vec<_> = ids.into_iter().collect();
    let described = catalog.describe_experiences(&ids).await;
    let names = described.iter().map(|outcome| outcome.as_ref().ok().map(|found| found.name.clone()));
    let names: Vec<_> = names.collect();
    let live: Vec<_> = described.into_iter().map(|outcome| judge(outcome.map_err(absent)?)).collect();
    let policy_ids: Vec<_> = live.iter().flatten().map(|(_, policy_id)| policy_id.clone()).collect();
    let mut policies = catalog.describe_policies(&policy_ids).await.into_iter();
    let mut members = Vec::new();
    for ((id, name), live) in ids.into_iter().zip(names).zip(live) {
        let state = live.and_then(|(experience, policy_id)| {
            let answer = policies.next().unwrap_or_else(|| Err(CatalogError::NotFound(policy_id.to_string())));
            answer.map(|policy| Live { experience, policy_id, policy }).map_err(Absent::Unreadable)
        });
        members.push(Member { id, name, state });
    }
    Ok(members)
}

/// Lists with and without the scope `SharedWithMe`: the management account sees its own experiences only without it, a
/// delegated administrator only with it. One of the two must answer.
async fn list(catalog: &dyn Catalog) -> Result<BTreeSet<ExperienceId>, SpokeError> {
    let (own, shared) =
        futures::join!(catalog.list_experiences(Scope::Own), catalog.list_experiences(Scope::SharedWithMe));
    match (own, shared) {
        (Ok(own), Ok(shared)) => Ok(own.into_iter().chain(shared).collect()),
        (Ok(ids), Err(error)) | (Err(error), Ok(ids)) => {
            tracing::warn!(%error, "one of the two listings failed; going on with the other");
            Ok(ids.into_iter().collect())
        }
        (Err(error), Err(_)) => Err(SpokeError::List(error)),
    }
}

fn judge(experience: Experience) -> Result<(Experience, PolicyId), Absent> {
    let policy_id = experience.live_policy().map_err(Absent::NotLive)?.clone();
    Ok((experience, policy_id))
}

fn absent(error: CatalogError) -> Absent {
    match error.class() {
        pmp_catalog::ErrorClass::NotFound => Absent::Missing,
        _ => Absent::Unreadable(error),
    }
}
