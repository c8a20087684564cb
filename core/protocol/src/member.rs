//! Which experience may be changed. The type says it, so that no slip can make the management
//! experience, the source of truth, the target of a change.

use std::fmt;
use std::ops::Deref;

use crate::ExperienceId;

/// The management experience that a program follows. It is read, and never changed.
#[derive(Clone, PartialEq, Eq)]
pub struct ManagementId(ExperienceId);

/// An experience that may be changed: it is not the management experience.
///
/// An id by itself is none. Only [`ManagementId::member`] makes one of it, which knows the one
/// experience that must not be changed:
///
/// ```compile_fail
/// use pmp_protocol::{ExperienceId, MemberId};
///
/// fn change(_: MemberId) {}
///
/// change(ExperienceId::new("exp-1").unwrap());
/// ```
///
/// ```
/// use pmp_protocol::{ExperienceId, ManagementId, MemberId};
///
/// fn change(_: MemberId) {}
///
/// let management = ManagementId::new(ExperienceId::new("exp-management").unwrap());
/// change(management.member(ExperienceId::new("exp-1").unwrap()).unwrap());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(ExperienceId);

impl ManagementId {
    /// The management experience, as the settings name it.
    #[must_use]
    pub fn new(id: ExperienceId) -> Self {
        Self(id)
    }

    /// Another experience, as one that may be changed. `None` where it is this very one.
    #[must_use]
    pub fn member(&self, id: ExperienceId) -> Option<MemberId> {
        (id != self.0).then_some(MemberId(id))
    }
}

impl MemberId {
    /// An experience that a person tries things on before there is a hub: no experience is a
    /// management experience then. Whoever has a [`ManagementId`] asks that one.
    #[must_use]
    pub fn before_there_is_a_hub(id: ExperienceId) -> Self {
        Self(id)
    }
}

/// Both are read as any other experience.
macro_rules! reads_as_an_experience {
    ($($name:ident),+) => {
        $(
            impl Deref for $name {
                type Target = ExperienceId;

                fn deref(&self) -> &ExperienceId {
                    &self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }
        )+
    };
}

reads_as_an_experience!(ManagementId, MemberId);

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ExperienceId {
        ExperienceId::new(text).unwrap()
    }

    #[test]
    fn the_management_experience_is_no_member_and_all_others_are() {
        let management = ManagementId::new(id("exp-management"));
        assert_eq!(management.member(id("exp-management")), None);
        let member = management.member(id("exp-1")).unwrap();
        assert_eq!((member.as_str(), member.to_string().as_str()), ("exp-1", "exp-1"));
        assert_eq!(*member, id("exp-1"));
    }

    #[test]
    fn both_are_shown_as_the_id_is() {
        let management = ManagementId::new(id("exp-management"));
        assert_eq!(format!("{management} {management:?}"), "exp-management \"exp-management\"");
    }
}
