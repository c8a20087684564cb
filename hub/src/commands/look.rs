//! Reads the fleet for all commands that show members, and prints the hints that they share.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use pmp_protocol::{ExperienceId, OrganizationId, alike};
use pmp_terminal::{Failure, Source, progress};

use crate::compose;
use crate::config::{ConfigArgs, EXPERIENCE, MEMBERS, WAVES};
use crate::error::{HubError, sdk};
use crate::status;
use crate::status::SpokeStatus;
use crate::status::fleet::{Fleet, View};

/// The most organizations of waves that are told, where they are not on the roster.
const MOST_STRANGERS: usize = 3;

/// The fleet as the hub sees it, and the rows of `status`.
pub(crate) struct Seen {
    pub(crate) experience: ExperienceId,
    pub(crate) view: View,
    pub(crate) rows: Vec<SpokeStatus>,
    /// A similar experience that may have been meant, if the ledger knows nothing of this one.
    pub(crate) meant: Option<ExperienceId>,
}

pub(crate) async fn look(config: &ConfigArgs, stale_after: Duration) -> Result<Seen, Failure> {
    let source = config.named().source;
    let config = config.for_status()?;
    let sdk = sdk().await?;
    let fleet = Fleet::new(&sdk, &config.snapshots, &config.timestamps, config.members);
    let mut view = fleet.look(&config.experience).await.map_err(HubError::Ledger)?;
    let stale_after = SignedDuration::try_from(stale_after).unwrap_or(SignedDuration::MAX);
    let rows = status::judge::rows(&view, compose::clock().now(), stale_after);
    let meant =
        if view.knows_experience() { None } else { fleet.meant(&config.experience).await.map_err(HubError::Ledger)? };
    view.meant = meant.as_ref().map(|meant| not_known(Some(meant), source));
    Ok(Seen { experience: config.experience, view, rows, meant })
}

/// Prints hints that accompany every view, on standard error.
pub(crate) fn hints(view: &View) {
    // First, and alone: whom the hub admits means nothing for an experience that is mistyped.
    if let Some(meant) = &view.meant {
        progress::note(&format!("hint: {meant}"));
    } else if view.roster.is_none() {
        progress::note(&format!(
            "hint: nobody is admitted, so the receipts of every organization count, and one that never reports is not missed: \
             `pmp-hub members admit ORG`, or {MEMBERS}"
        ));
    }
    if let Some(left_out) = &view.left_out {
        progress::note(&format!("hint: {left_out}"));
    }
    for (wave, organization) in view.strangers_in_waves().into_iter().take(MOST_STRANGERS) {
        progress::note(&format!(
            "hint: wave `{wave}` names {organization}, which is not on the roster: correct {WAVES}"
        ));
    }
}

/// The failure for an organization of which nothing is known.
pub(crate) fn nobody(view: &View, organization: &OrganizationId) -> Failure {
    let error = format!("nothing is known of `{organization}`: it is not admitted, and has never reported");
    Failure::new("E4053", error)
        .hint(meant_organization(view, organization))
        .hint("`pmp-hub members` lists the organizations".to_owned())
}

/// Which organization was meant, as a question, where one that is known looks like it.
pub(crate) fn meant_organization(view: &View, organization: &OrganizationId) -> Option<String> {
    let admitted = view.roster.iter().flat_map(BTreeMap::keys);
    let known: BTreeSet<_> = admitted.chain(view.looked.iter().map(|looked| &looked.id)).collect();
    meant(organization.as_str(), known.into_iter().filter(|id| *id != organization).map(OrganizationId::as_str))
}

/// Which of `known` was meant, as a question, where one looks like it.
pub(crate) fn meant<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    alike(text, known).first().map(|meant| format!("did you mean `{meant}`?"))
}

/// The failure for an experience that the ledger does not know.
pub(crate) fn no_snapshot(experience: &ExperienceId, meant: Option<&ExperienceId>) -> Failure {
    let error = format!("the ledger knows of no snapshot of `{experience}`");
    Failure::new("E4054", error).hint(not_known(meant, EXPERIENCE))
}

/// The hint for an experience that is not known, which `source` names.
pub(crate) fn not_known(meant: Option<&ExperienceId>, source: Source) -> String {
    match meant {
        Some(meant) => format!("did you mean `{meant}`? See {source}"),
        None => format!("check {source}, or let the hub publish once: `pmp-hub publish`"),
    }
}
