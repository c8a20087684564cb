//! Whether the hub's own key signed what is directed, wherever it lies. The direction of an
//! organization lies in two places: where its spoke reads it, and beside those of all others, where
//! the hub lists them. The hub writes both at once; somebody else may have written into one.

use std::collections::BTreeMap;

use futures::StreamExt;
use pmp_ledger::{Directed, LedgerError, ReceiptStore, Said};
use pmp_protocol::{ExperienceId, OrganizationId};
use pmp_signature::TrustedKeys;

use crate::signing::is_signed_with;

/// How many directions are read at once.
const AT_ONCE: usize = 16;

/// What is directed for these organizations, as their spokes read it.
///
/// # Errors
/// If the ledger cannot be read.
pub(crate) async fn as_spokes_read(
    receipts: &dyn ReceiptStore,
    experience: &ExperienceId,
    organizations: impl IntoIterator<Item = &OrganizationId>,
) -> Result<BTreeMap<OrganizationId, Said>, LedgerError> {
    let read = async |organization: OrganizationId| {
        let said = receipts.direction(experience, Some(&organization)).await?;
        Ok((organization, said))
    };
    let organizations: Vec<_> = organizations.into_iter().cloned().collect();
    let mut read = futures::stream::iter(organizations.into_iter().map(read)).buffer_unordered(AT_ONCE);
    let mut found = BTreeMap::new();
    while let Some(one) = read.next().await {
        let (organization, said) = one?;
        found.insert(organization, said);
    }
    Ok(found)
}

/// Why a direction is not the hub's own word, in words; none where it is. `listed`: as the hub
/// lists it. `read`: as the spoke reads it, where that is another place, and is known.
pub(crate) fn not_ours(keys: &TrustedKeys, listed: Option<&Directed>, read: Option<&Said>) -> Option<String> {
    let refused = |directed: &Directed| is_signed_with(keys, directed).err().map(|refusal| refusal.to_string());
    let as_read = || {
        let problem = match read? {
            Said::Directed(directed) => refused(directed),
            Said::Unreadable(problem) => Some(format!("it cannot be read: {problem}")),
            Said::Nothing => listed.map(|_| "it is gone".to_owned()),
            Said::NotPermitted => None,
        };
        problem.map(|problem| format!("where its spoke reads it, {problem}"))
    };
    listed.and_then(refused).or_else(as_read)
}
