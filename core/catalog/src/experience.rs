//! Experiences: what the catalog says of one, and whether it is live.

use std::fmt;

use pmp_protocol::ExperienceId;

/// The number of an entity's revision: the `6` of `exp-…@6`. It grows with every change, so a
/// change that names the revision it was computed from cannot overwrite someone else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a procurement policy entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(String);

impl PolicyId {
    /// Takes an entity id as the catalog gave it: up to 255 of letters, digits, `_`, `-` and `@`
    /// (service model).
    #[must_use]
    pub fn new(id: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'@');
        (!id.is_empty() && id.len() <= 255 && id.bytes().all(allowed)).then(|| Self(id.to_owned()))
    }

    /// The id as the catalog spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An experience as the catalog describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experience {
    /// Its id, without the revision.
    pub id: ExperienceId,
    /// The revision that was read.
    pub revision: Revision,
    /// Its name, for people and filters.
    pub name: String,
    /// Whether users see it.
    pub status: ExperienceStatus,
    /// AWS documents no values; absent, empty and `Editable` mean that it can be changed. Anything
    /// else says why it is disabled.
    pub admin_status: Option<String>,
    /// Its procurement policy. AWS allows one.
    pub policies: Vec<PolicyId>,
}

/// `Status` of an experience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExperienceStatus {
    /// `Enabled`: the experience is in force.
    Enabled,
    /// `Disabled`: the experience is not in force.
    Disabled,
    /// A value that this version does not know.
    Other(String),
}

/// Why an experience is not kept in step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLive {
    /// The catalog shows it with the status `Disabled`.
    #[error("the experience is disabled")]
    Disabled,
    /// `Status` has an unknown value.
    #[error("the experience has the unknown status `{0}`")]
    UnknownStatus(String),
    /// `AdminStatus` says that it cannot be changed.
    #[error("the experience is archived (AdminStatus `{0}`)")]
    Archived(String),
    /// No policy: every product is allowed there, and nothing can be approved or denied.
    #[error("the experience has no procurement policy")]
    NoPolicy,
}

pmp_protocol::codes!(NotLive {
    Disabled => "E1105",
    UnknownStatus => "E1106",
    Archived => "E1107",
    NoPolicy => "E1108",
});

pmp_protocol::without_hint!(NotLive);

impl Experience {
    /// The policy to keep in step, where the experience is live: enabled, active, and with a
    /// policy.
    pub fn live_policy(&self) -> Result<&PolicyId, NotLive> {
        match &self.status {
            ExperienceStatus::Enabled => {}
            ExperienceStatus::Disabled => return Err(self.archived().unwrap_or(NotLive::Disabled)),
            ExperienceStatus::Other(value) => return Err(NotLive::UnknownStatus(value.clone())),
        }
        self.policies.first().ok_or(NotLive::NoPolicy)
    }

    /// Why a disabled experience is more than that. Only of a disabled one: AWS archives no other,
    /// and documents the values of `AdminStatus` nowhere, so that one which is in force is kept in
    /// step whatever stands there.
    fn archived(&self) -> Option<NotLive> {
        let active = |status: &&String| matches!(status.as_str(), "" | "Editable");
        let other = self.admin_status.as_ref().filter(|status| !active(status))?;
        Some(NotLive::Archived(other.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experience(status: ExperienceStatus, admin_status: Option<&str>, policies: &[&str]) -> Experience {
        Experience {
            id: ExperienceId::new("exp-1").unwrap(),
            revision: Revision(1),
            name: "One".into(),
            status,
            admin_status: admin_status.map(str::to_owned),
            policies: policies.iter().map(|id| PolicyId::new(id).unwrap()).collect(),
        }
    }

    #[test]
    fn enabled_active_and_with_a_policy_is_live() {
        for admin_status in [None, Some(""), Some("Editable"), Some("a value that AWS documents nowhere")] {
            let live = experience(ExperienceStatus::Enabled, admin_status, &["policy-1"]);
            assert_eq!(live.live_policy().unwrap().as_str(), "policy-1");
        }
    }

    #[test]
    fn anything_else_is_not_and_says_why() {
        let policies = ["policy-1"].as_slice();
        let cases = [
            (experience(ExperienceStatus::Disabled, None, policies), NotLive::Disabled),
            (experience(ExperienceStatus::Disabled, Some("Editable"), policies), NotLive::Disabled),
            (experience(ExperienceStatus::Other("New".into()), None, policies), NotLive::UnknownStatus("New".into())),
            (
                experience(ExperienceStatus::Disabled, Some("Restricted"), policies),
                NotLive::Archived("Restricted".into()),
            ),
            (experience(ExperienceStatus::Enabled, None, &[]), NotLive::NoPolicy),
        ];
        for (experience, why) in cases {
            assert_eq!(experience.live_policy(), Err(why));
        }
    }
}
