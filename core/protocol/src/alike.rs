//! Which known name was meant by one that was mistyped.

/// From this likeness on, two names are taken for alike: Jaro-Winkler, 0 to 1. Ids of one kind
/// share their first characters (`exp-`, `prod-`), which the measure weighs most, so the bound is
/// high.
const ALIKE: f64 = 0.88;

/// From this likeness on, a word is taken for one of a few known ones. They have no beginning in
/// common, so the bound is lower than for ids.
const ALIKE_WORD: f64 = 0.8;

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

/// Tells that `text` is not one of a few words, and asks which of them was meant where one looks
/// like it: `` `helt` is not one of `held` and `error`; did you mean `held`? ``
#[must_use]
pub fn not_one_of(text: &str, words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    let wrong = match quoted.as_slice() {
        [one, other] => format!("`{text}` is neither {one} nor {other}"),
        [few @ .., last] => format!("`{text}` is not one of {} and {last}", few.join(", ")),
        [] => format!("`{text}` is not known"),
    };
    let meant =
        alike_word(text, words.iter().copied()).map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
    wrong + &meant
}

/// What serde says of a field or a word that it does not know, with a question where one of those
/// that it expects looks like it. Any other text stays as it is.
#[must_use]
pub fn asked_back(problem: &str) -> String {
    let meant = || {
        let (_, rest) = problem.split_once("unknown field `").or_else(|| problem.split_once("unknown variant `"))?;
        let (typed, rest) = rest.split_once('`')?;
        let (_, expected) = rest.split_once("expected ")?;
        // serde_json says the place behind it.
        let expected = expected.split(" at line ").next()?;
        let words = expected.split([',', ' ']).map(|word| word.trim_matches('`'));
        let words: Vec<_> = words.filter(|word| !matches!(*word, "" | "one" | "of" | "or")).collect();
        alike_word(typed, words)
    };
    meant().map_or_else(|| problem.to_owned(), |meant| format!("{problem}; did you mean `{meant}`?"))
}

/// The word or the name of a few that `text` looks like, whatever its case. One slip of the finger
/// is enough: a letter that is missing, wrong or one too many, or two letters swapped. For ids, see
/// [`alike`].
#[must_use]
pub fn alike_word<'a>(text: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.trim().to_lowercase();
    let lower: Vec<_> = words.into_iter().map(|word| (word.to_lowercase(), word)).collect();
    let slip = |word: &str| word.len() > 2 && strsim::osa_distance(&text, word) <= 1;
    let (_, meant) = by_likeness(&text, lower.iter().map(|(lower, _)| lower))
        .into_iter()
        .find(|(likeness, word)| *likeness >= ALIKE_WORD || slip(word))?;
    lower.iter().find(|(lower, _)| lower == meant).map(|(_, word)| *word)
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
    fn a_word_that_is_not_known_is_told_with_the_one_that_was_meant() {
        let states = ["held", "error", "stale"];
        assert_eq!(
            not_one_of("helt", &states),
            "`helt` is not one of `held`, `error` and `stale`; did you mean `held`?"
        );
        assert_eq!(not_one_of("green", &states), "`green` is not one of `held`, `error` and `stale`");
        assert_eq!(
            not_one_of("treu", &["true", "false"]),
            "`treu` is neither `true` nor `false`; did you mean `true`?"
        );
        for (typed, meant) in [("hbu", Some("hub")), ("OWN ", Some("own")), ("heel", Some("heal")), ("x", None)] {
            assert_eq!(alike_word(typed, ["hub", "own", "heal", "report"]), meant, "{typed}");
        }
        assert_eq!(alike_word("alfa", ["Hub", "Alpha"]), Some("Alpha"));
    }

    #[test]
    fn a_field_that_is_not_known_is_asked_back() {
        for (problem, meant) in [
            ("unknown field `sede`, expected one of `region`, `seed` at line 2 column 6", Some("seed")),
            ("a: unknown field `idz`, expected `ids` or `verdict`", Some("ids")),
            ("unknown field `note`, expected one of id, notes at line 12, column 44", Some("notes")),
            ("unknown variant `repotr`, expected `heal` or `report`", Some("report")),
            ("unknown field `keep`, expected `members`", None),
            ("missing field `seed`", None),
        ] {
            let told = meant.map_or_else(|| problem.to_owned(), |meant| format!("{problem}; did you mean `{meant}`?"));
            assert_eq!(asked_back(problem), told);
        }
    }

    #[test]
    fn of_few_the_nearest_is_named_however_far_it_is() {
        assert_eq!(most_alike("xyz", ["exp-a", "exp-b"]), Some("exp-a"));
        assert_eq!(most_alike("exp-b", ["exp-a", "exp-b"]), Some("exp-b"));
        assert_eq!(most_alike("exp-b", [""; 0]), None);
    }
}
