//! Selects the rows that a command shows, and sorts them.

use clap::{Args, ValueEnum};
use pmp_protocol::{ExperienceId, OrganizationId};
use pmp_terminal::Failure;
use pmp_waves::WaveName;

use super::look::{meant, meant_organization};
use crate::error::HubError;
use crate::status::SpokeStatus;
use crate::status::fleet::View;

/// Which member organizations and experiences.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SelectArgs {
    /// Only these member organizations: o-…, separated by commas
    #[arg(long = "org", value_name = "ORG,…", value_delimiter = ',')]
    pub(crate) organizations: Vec<OrganizationId>,
    /// Only these member experiences: exp-…, separated by commas
    #[arg(long = "experience", value_name = "ID,…", value_delimiter = ',')]
    pub(crate) experiences: Vec<ExperienceId>,
}

impl SelectArgs {
    /// The selected rows. An id that the hub does not know is an error and no empty list, because a
    /// check of an empty list would always pass (rule 12).
    pub(crate) fn select(&self, view: &View, rows: Vec<SpokeStatus>) -> Result<Vec<SpokeStatus>, Failure> {
        for id in &self.organizations {
            if !view.looked.iter().any(|looked| looked.id == *id) {
                let meant = meant_organization(view, id);
                return Err(unknown(&format!("the hub knows nothing of the organization `{id}`"), meant));
            }
        }
        for id in &self.experiences {
            if !rows.iter().any(|row| row.member_experience.as_ref() == Some(id)) {
                let known = rows.iter().filter_map(|row| Some(row.member_experience.as_ref()?.as_str()));
                let meant = meant(id.as_str(), known);
                return Err(unknown(&format!("no spoke has reported about the experience `{id}`"), meant));
            }
        }
        Ok(rows.into_iter().filter(|row| self.takes(row)).collect())
    }

    fn takes(&self, row: &SpokeStatus) -> bool {
        self.takes_one(&row.organization, row.member_experience.as_ref())
    }

    /// Whether what concerns this organization, or this experience of it, is selected.
    pub(crate) fn takes_one(&self, organization: &OrganizationId, experience: Option<&ExperienceId>) -> bool {
        let of_it = |id: &ExperienceId| self.experiences.contains(id);
        (self.organizations.is_empty() || self.organizations.contains(organization))
            && (self.experiences.is_empty() || experience.is_some_and(of_it))
    }

    /// The flags that make the same selection.
    pub(crate) fn flags(&self) -> String {
        let list = |flag: &str, ids: Vec<&str>| {
            if ids.is_empty() { String::new() } else { format!(" --{flag} {}", ids.join(",")) }
        };
        let organizations = self.organizations.iter().map(OrganizationId::as_str).collect();
        let experiences = self.experiences.iter().map(ExperienceId::as_str).collect();
        list("org", organizations) + &list("experience", experiences)
    }
}

/// Leaves the rows of the organizations that are in `wave`. A name that no wave has is an error,
/// and so is a wave with none of them.
pub(crate) fn in_wave(view: &View, wave: &WaveName, rows: &mut Vec<SpokeStatus>) -> Result<(), Failure> {
    view.waves.place_of(wave).map_err(HubError::from)?;
    rows.retain(|row| row.wave.as_ref().is_some_and(|of| of.name == wave.as_str()));
    if rows.is_empty() {
        // A check of an empty list would always pass.
        return Err(unknown(&format!("no organization of those is in wave `{wave}`"), None));
    }
    Ok(())
}

fn unknown(problem: &str, meant: Option<String>) -> Failure {
    Failure::new("E4061", problem)
        .hint(meant)
        .hint("`pmp-hub status --all` lists the organizations and their experiences".to_owned())
}

/// By what rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SortKey {
    /// By state, the worst first.
    #[default]
    State,
    /// By the organization's id.
    Organization,
    /// By the member experience's id.
    Experience,
    /// The oldest version that is applied first.
    Version,
    /// The longest silent first; those that were never seen before all.
    #[value(alias = "last_seen")]
    LastSeen,
}

impl SortKey {
    /// Sorts rows. They must be sorted by state before, which decides between equal ones.
    pub(crate) fn sort(self, rows: &mut [SpokeStatus]) {
        match self {
            Self::State => {}
            Self::Organization => rows.sort_by(|a, b| a.organization.cmp(&b.organization)),
            Self::Experience => rows.sort_by(|a, b| a.member_experience.cmp(&b.member_experience)),
            Self::Version => rows.sort_by_key(SpokeStatus::in_force),
            Self::LastSeen => rows.sort_by_key(|row| row.last_seen),
        }
    }
}
