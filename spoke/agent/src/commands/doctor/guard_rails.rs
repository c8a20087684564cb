//! Recognizes policies of organizations: no permission of a role, a queue or a table overrides
//! service and resource control policies.

use pmp_aws::Refuser;
use pmp_terminal::checkup::Finding;

/// The finding. If AWS says that such a policy refused the call, it says what to do.
pub(super) fn named(finding: Finding) -> Finding {
    let guard_rail = |detail| Refuser::in_text(detail).filter(|refuser| *refuser != Refuser::ExplicitDeny);
    let found = finding.details().find_map(guard_rail);
    match found {
        Some(refuser) => finding.fix(refuser.hint()),
        None => finding,
    }
}
