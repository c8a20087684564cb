//! Which known name was meant by one that was mistyped.

/// From this likeness on, two names are taken for alike: Jaro-Winkler, 0 to 1. Ids of one kind
/// share their first characters (`exp-`, `prod-`), which the measure weighs most, so the bound is
/// high.
const ALIKE: f64 = 0.88;

/// Those of `known` that look like `text`, the most alike first. Empty where none does.
#[must_use]
pub fn alike<T: AsRef<str>>(text: &str, known: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut alike = by_likeness(text, known);
    alike.retain(|(likeness, _)| *likeness >= ALIKE);
    alike.into_iter().map(|(_, known)| known).collect()
}

/// The one of `known` that is most like `text`, however little that is. For a list of few, each of
/// which may be meant; none where the list is empty.
#[must_use]
pub fn most_alike<T: AsRef<str>>(text: &str, known: impl IntoIterator<Item = T>) -> Option<T> {
    by_likeness(text, known).into_iter().next().map(|(_, known)| known)
}

/// All of `known`, the most alike first; of equal ones, in the order of the alphabet.
fn by_likeness<T: AsRef<str>>(text: &str, known: impl IntoIterator<Item = T>) -> Vec<(f64, T)> {
    let likeness = |known: T| (strsim::jaro_winkler(known.as_ref(), text), known);
    let mut scored: Vec<_> = known.into_iter().map(likeness).collect();
    scored.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.as_ref().cmp(other.as_ref())));
    scored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_name_is_not() {
        let known = ["exp-management", "exp-member1", "exp-member2"];
        assert_eq!(alike("exp-managment", known), ["exp-management"]);
        assert_eq!(alike("exp-member", known), ["exp-member1", "exp-member2"]);
        assert_eq!(alike("something else", known), [""; 0]);
        // Real ids have nothing in common but their beginning.
        assert_eq!(alike("exp-abcdefghijklm", ["exp-nopqrstuvwxyz"]), [""; 0]);
    }

    #[test]
    fn of_few_the_nearest_is_named_however_far_it_is() {
        assert_eq!(most_alike("xyz", ["exp-a", "exp-b"]), Some("exp-a"));
        assert_eq!(most_alike("exp-b", ["exp-a", "exp-b"]), Some("exp-b"));
        assert_eq!(most_alike("exp-b", [""; 0]), None);
    }
}
