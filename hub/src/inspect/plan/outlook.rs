//! What would happen in one member experience.

use serde::Serialize;

/// What would happen in one experience.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "outlook", rename_all = "kebab-case")]
pub enum Outlook {
    /// A guard rail would hold it, with the limits that are assumed.
    Held {
        /// Products that would be approved.
        allow: usize,
        /// Products that would be denied.
        deny: usize,
        /// What the guard rail says.
        reason: String,
    },
    /// So many products would change.
    Change {
        /// Products that would be approved.
        allow: usize,
        /// Products that would be denied.
        deny: usize,
    },
    /// Nothing would change there: the spoke only observes. So many products would change
    /// otherwise.
    Observed {
        /// Products that would be approved.
        allow: usize,
        /// Products that would be denied.
        deny: usize,
    },
    /// The hub cannot know.
    NotKnown {
        /// Why it is not known.
        reason: String,
    },
    /// The lists there are those that would be published, as far as the filter lets them through;
    /// or the experience is not managed.
    Unchanged {
        /// Why nothing changes, where the lists alone do not tell.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl Outlook {
    pub(super) fn not_known(reason: impl Into<String>) -> Self {
        Self::NotKnown { reason: reason.into() }
    }

    pub(super) fn changes(&self) -> bool {
        matches!(self, Self::Held { .. } | Self::Change { .. } | Self::Observed { .. })
    }

    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Change { .. } => "change",
            Self::Observed { .. } => "observed",
            Self::NotKnown { .. } => "not-known",
            Self::Unchanged { .. } => "unchanged",
        }
    }

    pub(crate) fn counts(&self) -> Option<(usize, usize)> {
        match self {
            Self::Held { allow, deny, .. } | Self::Change { allow, deny } | Self::Observed { allow, deny } => {
                Some((*allow, *deny))
            }
            Self::NotKnown { .. } | Self::Unchanged { .. } => None,
        }
    }

    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Held { reason, .. } | Self::NotKnown { reason } => reason,
            Self::Observed { .. } => "its spoke only observes",
            Self::Unchanged { reason } => reason.as_deref().unwrap_or_default(),
            Self::Change { .. } => "",
        }
    }
}
