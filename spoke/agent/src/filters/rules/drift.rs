//! Decides by experience how edits of others are handled (`PMP_DRIFT`): one word for all, or rules
//! in the form of the filters' rules.

use pmp_protocol::{DriftHandling, ExperienceId, not_one_of};
use serde::Deserialize;

use super::written::{Reading, check_number, parse};
use super::{FilterRule, FilterRules};

/// A rule in the form in which operators write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    experiences: Option<Vec<String>>,
    names: Option<Vec<String>>,
    drift: DriftHandling,
}

/// Reads `heal`, `report`, or a JSON list of rules. Experiences that no rule names are healed.
///
/// # Errors
/// All mistakes in the text at once.
pub(crate) fn read_drift(
    text: &str,
    management: Option<&ExperienceId>,
) -> Result<FilterRules<DriftHandling>, Vec<String>> {
    match text.trim() {
        "heal" => return Ok(FilterRules::without_rules(DriftHandling::Heal)),
        "report" => return Ok(FilterRules::without_rules(DriftHandling::Report)),
        other if !other.starts_with('[') => {
            return Err(vec![format!("it is no JSON list of rules, and {}", not_one_of(other, &["heal", "report"]))]);
        }
        _ => {}
    }
    let written: Vec<Written> = parse(text).map_err(|problem| vec![problem])?;
    check_number(written.len(), "what becomes of all experiences").map_err(|problem| vec![problem])?;
    let (mut rules, mut problems) = (Vec::<FilterRule<DriftHandling>>::new(), Vec::new());
    for (index, rule) in written.into_iter().enumerate() {
        let mut reading = Reading { number: index + 1, problems: &mut problems };
        let (experiences, names) =
            reading.named(rule.experiences.as_deref(), rule.names.as_deref(), management, &rules);
        rules.push(FilterRule { experiences, names, assigned: rule.drift });
    }
    if problems.is_empty() { Ok(FilterRules { rules, default: DriftHandling::Heal }) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str, id: &str, name: &str) -> DriftHandling {
        *read_drift(text, None).unwrap().choose(&ExperienceId::new(id).unwrap(), Some(name)).assigned
    }

    #[test]
    fn one_word_is_for_all_and_rules_are_by_id_and_name() {
        assert_eq!(chosen(" report ", "exp-a", "A"), DriftHandling::Report);
        assert_eq!(chosen("heal", "exp-a", "A"), DriftHandling::Heal);
        let rules = r#"[{"experiences":["exp-a"],"drift":"heal"},{"names":["Sandbox*"],"drift":"report"}]"#;
        assert_eq!(chosen(rules, "exp-a", "Sandbox 1"), DriftHandling::Heal);
        assert_eq!(chosen(rules, "exp-b", "sandbox 2"), DriftHandling::Report);
        assert_eq!(chosen(rules, "exp-c", "Production"), DriftHandling::Heal);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_rule() {
        let problems = |text: &str| read_drift(text, None).unwrap_err().join("; ");
        assert!(problems("leave").contains("no JSON list of rules, and `leave` is neither `heal` nor `report`"));
        assert!(problems("repotr").ends_with("did you mean `report`?"));
        assert!(problems("[]").contains("holds no rule"));
        assert!(problems(r#"[{"drift":"report"}]"#).contains("rule 1: names no experience"));
        assert!(problems(r#"[{"names":["*"],"drift":"leave"}]"#).contains("rule 1, `drift`"));
        let late = r#"[{"names":["*"],"drift":"report"},{"names":["A"],"drift":"heal"}]"#;
        assert!(problems(late).contains("rule 2: is never reached"));
    }
}
