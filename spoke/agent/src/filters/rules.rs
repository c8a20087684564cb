//! Chooses the filter of each member experience by rules. The first rule that names an experience
//! counts; all others have the default. Pure: the decision depends on the settings, and on the
//! experience's id and name.

mod drift;
mod pattern;
mod written;

use std::collections::BTreeSet;
use std::fmt;

use pmp_protocol::ExperienceId;

pub(crate) use drift::read_drift;
use pattern::NamePattern;
pub(crate) use written::{Shared, read};

/// The place in the configuration that decides for an experience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A rule, by its number. The first is number 1.
    Rule(usize),
    /// The settings for all experiences that no rule names.
    Default,
}

/// The rules, each with the value that it assigns to its experiences, and the value of all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterRules<F> {
    rules: Vec<FilterRule<F>>,
    default: F,
}

/// One rule: it names an experience by its id, or by a pattern of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FilterRule<F> {
    experiences: BTreeSet<ExperienceId>,
    names: Vec<NamePattern>,
    assigned: F,
}

/// The value assigned to an experience, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome<'a, F> {
    pub(crate) place: Place,
    pub(crate) because: Because<'a>,
    pub(crate) assigned: &'a F,
}

/// The reason why an experience has its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Because<'a> {
    /// The rule has its id.
    Id,
    /// Its name matches the pattern of the rule, which is given as the operator wrote it.
    Name(&'a str),
    /// No rule names it.
    NoRule,
}

/// A rule that decides nothing at present, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idle {
    /// The rule names none of the experiences.
    NamesNone(usize),
    /// Earlier rules name every experience that it names.
    ComesTooLate(usize),
}

impl<F> FilterRules<F> {
    /// Assigns `default` to all experiences.
    pub(crate) fn without_rules(default: F) -> Self {
        Self { rules: Vec::new(), default }
    }

    /// Whether there are no rules.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Chooses the value of the experience `id` with this name. If the name is unknown, only rules
    /// with its id can name it.
    pub(crate) fn choose(&self, id: &ExperienceId, name: Option<&str>) -> Outcome<'_, F> {
        let met = |(index, rule)| Self::meets(rule, id, name).map(|because| (Place::Rule(index + 1), because, rule));
        match self.rules.iter().enumerate().find_map(met) {
            Some((place, because, rule)) => Outcome { place, because, assigned: &rule.assigned },
            None => Outcome { place: Place::Default, because: Because::NoRule, assigned: &self.default },
        }
    }

    fn meets<'a>(rule: &'a FilterRule<F>, id: &ExperienceId, name: Option<&str>) -> Option<Because<'a>> {
        if rule.experiences.contains(id) {
            return Some(Because::Id);
        }
        let pattern = rule.names.iter().find(|pattern| name.is_some_and(|name| pattern.matches(name)))?;
        Some(Because::Name(pattern.as_written()))
    }

    /// The rules that decide nothing for `experiences`, each with its name if that is known. If one
    /// name is unknown, rules with patterns may match it, and are not reported.
    pub(crate) fn idle<'a>(&self, experiences: impl Iterator<Item = (&'a ExperienceId, Option<&'a str>)>) -> Vec<Idle> {
        let (mut named, mut chosen, mut all_named) = (BTreeSet::new(), BTreeSet::new(), true);
        for (id, name) in experiences {
            all_named &= name.is_some();
            chosen.insert(self.choose(id, name).place);
            let rules = self.rules.iter().enumerate();
            named.extend(rules.filter(|(_, rule)| Self::meets(rule, id, name).is_some()).map(|(index, _)| index + 1));
        }
        let numbers = self.rules.iter().enumerate().filter(|(_, rule)| all_named || rule.names.is_empty());
        let judge = |(index, _)| match index + 1 {
            number if chosen.contains(&Place::Rule(number)) => None,
            number if named.contains(&number) => Some(Idle::ComesTooLate(number)),
            number => Some(Idle::NamesNone(number)),
        };
        numbers.filter_map(judge).collect()
    }

    /// Returns the same rules with other values.
    pub(crate) fn map<G>(&self, mut assign: impl FnMut(Place, &F) -> G) -> FilterRules<G> {
        let rules = self.rules.iter().enumerate().map(|(index, rule)| FilterRule {
            experiences: rule.experiences.clone(),
            names: rule.names.clone(),
            assigned: assign(Place::Rule(index + 1), &rule.assigned),
        });
        FilterRules { rules: rules.collect(), default: assign(Place::Default, &self.default) }
    }

    /// The assigned values, in the order of the rules, with the default last.
    pub(crate) fn assigned(&self) -> impl Iterator<Item = (Place, &F)> {
        let rules = self.rules.iter().enumerate().map(|(index, rule)| (Place::Rule(index + 1), &rule.assigned));
        rules.chain([(Place::Default, &self.default)])
    }
}

/// The form in which messages about an unusable filter name the place.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(number) => write!(f, "rule {number} of PMP_FILTERS"),
            Self::Default => f.write_str("the default, PMP_FILTER"),
        }
    }
}

impl<F> fmt::Display for Outcome<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place;
        match self.because {
            Because::Id => write!(f, "{place}: its id is in `experiences`"),
            Because::Name(pattern) => write!(f, "{place}: its name matches `{pattern}`"),
            Because::NoRule => write!(f, "{place}: no rule names it"),
        }
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NamesNone(number) => write!(f, "{} names none of the experiences here", Place::Rule(*number)),
            Self::ComesTooLate(number) => {
                write!(f, "{} decides nothing: an earlier rule has all that it names", Place::Rule(*number))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(ids: &[&str], names: &[&str], assigned: usize) -> FilterRule<usize> {
        FilterRule {
            experiences: ids.iter().map(|id| ExperienceId::new(id).unwrap()).collect(),
            names: names.iter().map(|name| NamePattern::new(name).unwrap()).collect(),
            assigned,
        }
    }

    fn chosen(rules: &FilterRules<usize>, id: &str, name: Option<&str>) -> (usize, String) {
        let id = ExperienceId::new(id).unwrap();
        let outcome = rules.choose(&id, name);
        (*outcome.assigned, outcome.to_string())
    }

    #[test]
    fn the_first_rule_that_names_an_experience_counts_and_all_others_have_the_default() {
        let rules = vec![rule(&["exp-a"], &[], 1), rule(&["exp-b"], &["Sandbox*"], 2), rule(&[], &["*box 1"], 3)];
        let rules = FilterRules { rules, default: 0 };
        let told = |id, name| chosen(&rules, id, name);
        assert_eq!(told("exp-a", Some("Sandbox 1")), (1, "rule 1 of PMP_FILTERS: its id is in `experiences`".into()));
        let by_name = "rule 2 of PMP_FILTERS: its name matches `Sandbox*`";
        assert_eq!(told("exp-c", Some("SANDBOX\u{a0}1")), (2, by_name.into()));
        assert_eq!(told("exp-c", Some("Toybox 1")).0, 3);
        let rest = "the default, PMP_FILTER: no rule names it";
        assert_eq!(told("exp-c", Some("Production")), (0, rest.into()));
        assert_eq!(told("exp-c", None).0, 0);
    }

    #[test]
    fn a_rule_that_decides_nothing_is_told_with_the_reason() {
        let rules = vec![rule(&["exp-a"], &[], 1), rule(&["exp-a"], &["A*"], 2), rule(&[], &["Sandbox*"], 3)];
        let rules = FilterRules { rules, default: 0 };
        let a = ExperienceId::new("exp-a").unwrap();
        let idle = |name| rules.idle([(&a, name)].into_iter());
        assert_eq!(idle(Some("A")), [Idle::ComesTooLate(2), Idle::NamesNone(3)]);
        // An experience whose name is unknown may be a sandbox.
        assert_eq!(idle(None), []);
        let b = ExperienceId::new("exp-b").unwrap();
        assert_eq!(rules.idle([(&b, None)].into_iter()), [Idle::NamesNone(1)]);
    }

    fn ids() -> impl Strategy<Value = Vec<&'static str>> {
        proptest::sample::subsequence(vec!["exp-a", "exp-b", "exp-c", "exp-d"], 0..4)
    }

    proptest! {
        /// For any rules, each experience has exactly one outcome: that of the first rule that
        /// names it, or the default.
        #[test]
        fn every_experience_has_exactly_one_outcome(
            written in proptest::collection::vec((ids(), proptest::collection::vec("[ab*?]{1,3}", 0..3)), 0..6),
            id in proptest::sample::select(vec!["exp-a", "exp-b", "exp-c", "exp-d", "exp-e"]),
            name in proptest::option::of("[abAB ]{0,4}"),
        ) {
            let rules = written.iter().enumerate().map(|(index, (ids, names))| {
                rule(ids, &names.iter().map(String::as_str).collect::<Vec<_>>(), index + 1)
            });
            let rules = FilterRules { rules: rules.collect(), default: 0 };
            let id = ExperienceId::new(id).unwrap();
            let outcome = rules.choose(&id, name.as_deref());
            let names = |rule: &FilterRule<usize>| FilterRules::meets(rule, &id, name.as_deref()).is_some();
            let expected = rules.rules.iter().position(names).map_or(Place::Default, |index| Place::Rule(index + 1));
            prop_assert_eq!(outcome.place, expected);
            // The assigned value is the one at that place, and a change of another place's value
            // changes nothing.
            let at_place: Vec<_> = rules.assigned().filter(|(place, _)| *place == outcome.place).collect();
            prop_assert_eq!(at_place, vec![(outcome.place, outcome.assigned)]);
            let mapped = rules.map(|place, assigned| (place, *assigned));
            prop_assert_eq!(mapped.choose(&id, name.as_deref()).assigned, &(outcome.place, *outcome.assigned));
            // A rule that decides something is never reported as idle.
            let idle = rules.idle([(&id, name.as_deref())].into_iter());
            let told = |idle: &Idle| match idle { Idle::NamesNone(n) | Idle::ComesTooLate(n) => Place::Rule(*n) };
            prop_assert!(idle.iter().all(|idle| told(idle) != outcome.place));
        }
    }
}
