//! What came of several management experiences in one hub: one that fails keeps none of the others
//! from being published, and is named at the end.

use pmp_protocol::ExperienceId;
use pmp_terminal::{Failure, count};

/// One failure that names each management experience that failed, among `all`, and what to do.
pub(crate) fn failed(failures: Vec<(&ExperienceId, Failure)>, all: usize) -> Failure {
    let what = format!("{} of {} could not be published", failures.len(), count(all, "management experience"));
    let mut hints: Vec<String> = Vec::new();
    for hint in failures.iter().flat_map(|(_, failure)| failure.hints()) {
        if !hints.contains(hint) {
            hints.push(hint.clone());
        }
    }
    let told = |told: Failure, (experience, failure): (&ExperienceId, Failure)| {
        told.detail(format!("`{experience}`: {}", failure.one_line()))
    };
    let failure = failures.into_iter().fold(Failure::new("E4074", what), told);
    hints.into_iter().fold(failure, Failure::hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_that_failed_is_named_and_each_hint_told_once() {
        let ids = ["exp-a", "exp-b"].map(|id| ExperienceId::new(id).unwrap());
        let failure = || Failure::new("E9902", "access denied").within("cannot read it").hint("grant it".to_owned());
        let failures = ids.iter().map(|id| (id, failure())).collect();
        assert_eq!(
            failed(failures, 3).render(),
            "error: 2 of 3 management experiences could not be published\n  \
             `exp-a`: cannot read it: access denied\n  `exp-b`: cannot read it: access denied\nhint: grant it\n\
             code: E4074"
        );
    }
}
