//! Change sets: what is asked of the catalog, and what came of it.

use std::fmt;

use jiff::Timestamp;
use pmp_protocol::{Digest, MemberId, ProductBatch, ProductId, ResourceRequests};

use crate::Revision;

/// What one change set does to one experience: up to 50 products to allow, up to 50 to deny, and
/// the policy's settings.
///
/// Optional batches, not a list of changes: AWS allows each change type once per entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The experience that is changed: never the management experience.
    pub experience: MemberId,
    /// The revision that the change was computed from; a stale one is refused.
    pub revision: Revision,
    /// Products to approve (`AllowProductProcurement`).
    pub allow: Option<ProductBatch>,
    /// Products to reject (`DenyProductProcurement`).
    pub deny: Option<ProductBatch>,
    /// Whether users may request products: a setting of its policy (`UpdateProcurementPolicy`).
    pub settings: Option<ResourceRequests>,
    /// The change set that answered exactly this before, and ended without effect. It is an
    /// assumption that the catalog answers a repeated token with the first outcome, failures and
    /// cancellations included: so a deliberate second try must say that it is one.
    pub after: Option<ChangeSetId>,
    /// How often exactly this was refused in a way that may be the token's fault. The other
    /// assumption is that a known token is refused: then what is asked again needs another one.
    pub refused: u32,
}

impl Part {
    /// How many changes of a change set it takes.
    #[must_use]
    pub fn changes(&self) -> usize {
        usize::from(self.allow.is_some()) + usize::from(self.deny.is_some()) + usize::from(self.settings.is_some())
    }

    /// The text from which the idempotency token is made: equal for equal requests, and different
    /// for all others.
    fn canonical(&self) -> String {
        let batch = |batch: &Option<ProductBatch>| {
            let ids = batch.iter().flat_map(ProductBatch::products).map(ProductId::as_str);
            ids.collect::<Vec<_>>().join(",")
        };
        let settings = self.settings.map_or("", ResourceRequests::as_str);
        let after = self.after.as_ref().map_or("", ChangeSetId::as_str);
        let refused = if self.refused == 0 { String::new() } else { format!("\nrefused {}", self.refused) };
        let (allow, deny) = (batch(&self.allow), batch(&self.deny));
        [self.experience.as_str(), &self.revision.to_string(), &allow, &deny, settings, after].join("\n") + &refused
    }
}

/// One change set: parts for one or several experiences, at most 20 changes, each experience once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSetRequest {
    parts: Vec<Part>,
    name: String,
}

impl ChangeSetRequest {
    /// The most changes in a change set (service model).
    pub const MAX_CHANGES: usize = 20;

    /// A change set for one experience. `name` is shown in the console and in `ListChangeSets`: 1
    /// to 100 of letters, digits, spaces and `_+=.:@-`.
    #[must_use]
    pub fn new(part: Part, name: impl Into<String>) -> Self {
        Self { parts: vec![part], name: name.into() }
    }

    /// Adds a part, or gives it back where the change set has no room for it or holds its
    /// experience already.
    ///
    /// # Errors
    /// The part.
    pub fn add(&mut self, part: Part) -> Result<(), Box<Part>> {
        let changes: usize = self.parts.iter().map(Part::changes).sum();
        let there = self.parts.iter().any(|other| other.experience == part.experience);
        if there || changes + part.changes() > Self::MAX_CHANGES {
            return Err(Box::new(part));
        }
        self.parts.push(part);
        Ok(())
    }

    /// The parts: at least one.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Name of the change set, as the console shows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The idempotency token, derived from all that is asked and nothing else: a request repeated
    /// after a lost answer, even by another process after a crash, starts nothing a second time.
    #[must_use]
    pub fn client_request_token(&self) -> String {
        let parts: Vec<_> = self.parts.iter().map(Part::canonical).collect();
        Digest::of(parts.join("\n\n").as_bytes()).hex()
    }
}

/// The id of a change set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeSetId(String);

impl ChangeSetId {
    /// Takes an id as the catalog gave it.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// The id as the catalog gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChangeSetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A change set as the catalog describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSetStatus {
    /// How far it is.
    pub state: ChangeSetState,
    /// When it was started, by the catalog's clock, where it says so.
    pub started: Option<Timestamp>,
    /// When it ended, by the catalog's clock, where it says so.
    pub ended: Option<Timestamp>,
}

impl From<ChangeSetState> for ChangeSetStatus {
    fn from(state: ChangeSetState) -> Self {
        Self { state, started: None, ended: None }
    }
}

/// How far a change set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeSetState {
    /// `PREPARING` or `APPLYING`: its entities are locked.
    Running,
    /// All of it is applied.
    Succeeded,
    /// Someone cancelled it; nothing is applied.
    Cancelled,
    /// `FAILED`: nothing of the change set is applied.
    Failed {
        /// `SERVER_FAULT`: the same request may succeed later. Otherwise `CLIENT_ERROR`: it will
        /// not.
        server_fault: bool,
        /// What the catalog says, per change.
        errors: Vec<ChangeError>,
    },
}

/// The kinds of change that this system makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// Puts products on the approved list: `AllowProductProcurement`.
    Allow,
    /// Puts products on the rejected list: `DenyProductProcurement`.
    Deny,
    /// Changes whether users may request products: `UpdateProcurementPolicy`.
    Settings,
}

impl ChangeKind {
    /// As AWS spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "AllowProductProcurement",
            Self::Deny => "DenyProductProcurement",
            Self::Settings => "UpdateProcurementPolicy",
        }
    }

    /// The kind that AWS spells so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Allow, Self::Deny, Self::Settings].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One entry of a change's `ErrorDetailList`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeError {
    /// The entity that the change was for, without its revision, where the catalog tells.
    pub entity: Option<String>,
    /// The change's kind, where the catalog tells and it is one of ours.
    pub kind: Option<ChangeKind>,
    /// The catalog's own code for it, such as `ENTITY_NOT_FOUND`.
    pub code: String,
    /// The catalog's own text.
    pub message: String,
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pmp_protocol::{ExperienceId, ManagementId};

    use super::*;

    fn member(id: &str) -> MemberId {
        let management = ManagementId::new(ExperienceId::new("exp-management").unwrap());
        management.member(ExperienceId::new(id).unwrap()).unwrap()
    }

    fn part(experience: &str, product: &str, revision: u64) -> Part {
        let products = BTreeSet::from([ProductId::new(product).unwrap()]);
        Part {
            experience: member(experience),
            revision: Revision(revision),
            allow: ProductBatch::split(&products).pop(),
            deny: None,
            settings: None,
            after: None,
            refused: 0,
        }
    }

    fn token(part: Part) -> String {
        ChangeSetRequest::new(part, "test").client_request_token()
    }

    #[test]
    fn the_token_changes_with_what_is_asked_and_only_then() {
        let one = || part("exp-1", "a", 1);
        assert_eq!(token(one()).len(), 64);
        assert_eq!(token(one()), token(one()));
        let denied = Part { allow: None, deny: one().allow, ..one() };
        let again = Part { after: Some(ChangeSetId::new("cs-1")), ..one() };
        let refused = Part { refused: 1, ..one() };
        assert_ne!(token(Part { refused: 2, ..one() }), token(refused.clone()));
        let mut shared = ChangeSetRequest::new(one(), "test");
        shared.add(part("exp-2", "a", 1)).unwrap();
        for other in [part("exp-1", "b", 1), part("exp-1", "a", 2), part("exp-2", "a", 1), denied, again, refused] {
            assert_ne!(token(one()), token(other));
        }
        assert_ne!(token(one()), shared.client_request_token());
    }

    #[test]
    fn a_change_set_holds_each_experience_once_and_at_most_20_changes() {
        let mut request = ChangeSetRequest::new(part("exp-0", "a", 1), "test");
        assert!(request.add(part("exp-0", "b", 1)).is_err());
        for n in 1..10 {
            let one = part(&format!("exp-{n}"), "a", 1);
            request.add(Part { deny: one.allow.clone(), ..one }).unwrap();
        }
        // 1 + 9 × 2 changes: room for one more, not for two.
        let last = part("exp-10", "a", 1);
        assert!(request.add(Part { deny: last.allow.clone(), ..last.clone() }).is_err());
        request.add(last).unwrap();
        assert_eq!(request.parts().iter().map(Part::changes).sum::<usize>(), ChangeSetRequest::MAX_CHANGES);
    }
}
