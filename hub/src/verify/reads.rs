//! The trials that only read.

use pmp_catalog::{ErrorClass, Experience, Probe, Scope, SdkDirectory};
use pmp_protocol::ExperienceId;
use pmp_terminal::count;
use pmp_terminal::progress::{self, Step};
use serde_json::Value;

use super::assumption::Assumption;
use super::error::VerifyError;
use super::judge::{self, Described};
use super::mask::Kind;
use super::products::try_products;
use super::record::{Judgement, Record};

/// The most experiences that are read: with 20 calls a second, this takes some ten seconds.
const EXPERIENCES: usize = 200;
/// The most policies that are read. Each may be megabytes.
const POLICIES: usize = 5;
/// The number of experiences in a batch.
const BATCH: usize = 20;

/// The role of the caller's account in the private marketplace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Experiences are shared with it.
    DelegatedAdministrator,
    /// It has experiences of its own.
    ManagementAccount,
    /// The account sees no experience at all.
    Neither,
}

impl Standing {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DelegatedAdministrator => "delegated-administrator",
            Self::ManagementAccount => "management-account",
            Self::Neither => "neither",
        }
    }
}

/// Makes the trials. Returns the role of the account if it could be seen: a list that was refused
/// is not an empty one (rule 12).
pub(super) async fn try_reads(
    catalog: &dyn Probe,
    directory: &SdkDirectory,
    record: &mut Record,
) -> Result<Option<Standing>, VerifyError> {
    progress::step(Step::Doing, "listing experiences");
    let own = catalog.list_once(Scope::Own, false).await;
    let own = own.map_err(VerifyError::catalog("cannot list this account's experiences"))?;
    own.iter().for_each(|id| record.masks.know(Kind::Experience, id.as_str()));
    let ordered = catalog.list_once(Scope::SharedWithMe, true).await;
    let unordered = match &ordered {
        Err(error) if error.class() == ErrorClass::Invalid => Some(catalog.list_once(Scope::SharedWithMe, false).await),
        _ => None,
    };
    let size = |listed: &Result<Vec<ExperienceId>, _>| listed.as_ref().map(Vec::len).map_err(Clone::clone);
    let judged = judge::sorted(&size(&ordered), unordered.as_ref().map(size).as_ref());
    let shared = unordered.filter(Result::is_ok).unwrap_or(ordered);
    record.say(Assumption::SortWithScope, judged);
    let shared = match shared {
        Ok(shared) => Some(shared),
        // A refusal of the request itself would not change. Any other error may pass.
        Err(error) if error.class() == ErrorClass::Invalid => None,
        Err(error) => {
            let what = "cannot list the experiences that are shared with this account";
            return Err(VerifyError::catalog(what)(error));
        }
    };
    let known = shared.as_deref().unwrap_or_default();
    known.iter().for_each(|id| record.masks.know(Kind::Experience, id.as_str()));
    let standing = shared.as_ref().map(|shared| match (own.is_empty(), shared.is_empty()) {
        (_, false) => Standing::DelegatedAdministrator,
        (false, true) => Standing::ManagementAccount,
        (true, true) => Standing::Neither,
    });

    let described_shared = standing == Some(Standing::DelegatedAdministrator);
    let ids = if described_shared { known } else { &own };
    if ids.len() < 2 {
        // Experiences that could not be listed are not counted as none (rule 12).
        let of = if shared.is_none() { " of its own; those that are shared with it could not be listed" } else { "" };
        let seen = count(ids.len(), "experience");
        let why = format!("A batch has two experiences at least, and this account sees {seen}{of}.");
        record.say(Assumption::Batches, Judgement::not_tried(why));
    } else {
        try_batch(catalog, record, ids, described_shared).await;
    }
    let policies = try_descriptions(catalog, record, own.iter().chain(known)).await?;
    try_products(directory, &policies, record).await;
    Ok(standing)
}

async fn try_batch(catalog: &dyn Probe, record: &mut Record, ids: &[ExperienceId], shared: bool) {
    let ids = &ids[..ids.len().min(BATCH)];
    progress::step(Step::Doing, &format!("describing {} in a batch", count(ids.len(), "experience")));
    let dropped = |outcome: Result<Experience, _>| outcome.map(drop);
    let answer = catalog.describe_in_batch(ids).await;
    let answer = answer.map(|outcomes| outcomes.into_iter().map(dropped).collect::<Vec<_>>());
    let mut alone = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        // An experience that the batch described is not read again.
        let described = answer.as_ref().is_ok_and(|outcomes| outcomes.get(index).is_some_and(Result::is_ok));
        alone.push(if described { Ok(()) } else { catalog.details(id.as_str()).await.map(drop) });
    }
    record.say(Assumption::Batches, judge::batch(&answer, ids, &alone, shared));
}

/// Makes the trials about descriptions, and returns the policies that were described.
async fn try_descriptions(
    catalog: &dyn Probe,
    record: &mut Record,
    ids: impl Iterator<Item = &ExperienceId>,
) -> Result<Vec<Described>, VerifyError> {
    let ids: Vec<_> = ids.take(EXPERIENCES).collect();
    progress::step(Step::Doing, &format!("looking at how {} described", were(ids.len())));
    let mut experiences: Vec<Described> = Vec::new();
    for id in ids {
        let details = catalog.details(id.as_str()).await;
        let details = details.map_err(VerifyError::catalog(format!("cannot describe the experience `{id}`")))?;
        experiences.push((id.to_string(), details));
    }
    let policy_of = |(_, details): &Described| {
        let policies = &details["ProcurementPolicies"];
        let first = policies.get(0).unwrap_or(policies);
        first.as_str().filter(|id| !id.is_empty()).map(str::to_owned)
    };
    let mut policies: Vec<Described> = Vec::new();
    for id in experiences.iter().filter_map(policy_of).take(POLICIES) {
        record.masks.know(Kind::Policy, &id);
        let details: Result<Value, _> = catalog.details(&id).await;
        let details =
            details.map_err(VerifyError::catalog(format!("cannot describe the procurement policy `{id}`")))?;
        policies.push((id, details));
    }
    record.say(Assumption::AbsentValues, judge::absent_values(&experiences, &policies));
    record.say(Assumption::ArchivedAdminStatus, judge::archived(&experiences));
    Ok(policies)
}

/// `1 experience is`, `2 experiences are`.
fn were(number: usize) -> String {
    format!("{} {}", count(number, "experience"), if number == 1 { "is" } else { "are" })
}
