//! Reads the rules that operators write as a JSON list. An error names the number of the rule, and
//! the field.

use std::collections::BTreeSet;

use pmp_filter_host::{Filter, FilterSource};
use pmp_protocol::{Digest, ExperienceId, asked_back};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::pattern::NamePattern;
use super::{FilterRule, FilterRules};
use crate::filters::config::{FilterConfig, FilterSettings};

/// The most rules that a setting may hold.
const MAX_RULES: usize = 100;
/// The word that replaces a filter in a rule whose experiences have none.
const NONE: &str = "none";

/// Settings that all filters of a spoke share. Rules do not contain them.
pub(crate) trait Shared {
    /// A filter from `source` with these settings; its file must have `digest`.
    fn filter(&self, source: FilterSource, settings: FilterSettings, digest: Option<Digest>) -> FilterConfig;
}

/// A rule in the form in which operators write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    experiences: Option<Vec<String>>,
    names: Option<Vec<String>>,
    filter: String,
    digest: Option<String>,
    settings: Option<Box<RawValue>>,
}

/// Reads the rules in `text`. Experiences that no rule names have `default`.
///
/// # Errors
/// All mistakes in the rules at once. If the text is no list of rules, the first mistake only.
pub(crate) fn read(
    text: &str,
    default: Option<FilterConfig>,
    shared: &dyn Shared,
    management: Option<&ExperienceId>,
) -> Result<FilterRules<Option<FilterConfig>>, Vec<String>> {
    let written: Vec<Written> = parse(text).map_err(|problem| vec![problem])?;
    check_number(written.len(), "one filter for all experiences").map_err(|problem| vec![problem])?;
    let (mut rules, mut problems) = (Vec::<FilterRule<Option<FilterConfig>>>::new(), Vec::new());
    for (index, rule) in written.into_iter().enumerate() {
        let mut reading = Reading { number: index + 1, problems: &mut problems };
        let (experiences, names) =
            reading.named(rule.experiences.as_deref(), rule.names.as_deref(), management, &rules);
        let assigned = reading.filter(&rule, shared);
        rules.push(FilterRule { experiences, names, assigned });
    }
    if problems.is_empty() { Ok(FilterRules { rules, default }) } else { Err(problems) }
}

/// Checks the number of rules. For an empty list, the error says that a blank setting means
/// `instead`.
pub(super) fn check_number(rules: usize, instead: &str) -> Result<(), String> {
    match rules {
        0 => Err(format!("holds no rule; leave it blank to have {instead}")),
        1..=MAX_RULES => Ok(()),
        more => Err(format!("holds {more} rules, more than {MAX_RULES}")),
    }
}

/// Parses the list itself. If the mistake is inside a rule, the error begins with its number and
/// the field.
pub(super) fn parse<R: DeserializeOwned>(text: &str) -> Result<Vec<R>, String> {
    use serde_path_to_error::Segment;

    let mut json = serde_json::Deserializer::from_str(text);
    let rules: Vec<R> = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let mut path = error.path().iter();
        let rule = match path.next() {
            Some(Segment::Seq { index }) => format!("rule {}", index + 1),
            _ => return format!("is not a JSON list of rules: {}", error.inner()),
        };
        match path.map(ToString::to_string).collect::<Vec<_>>() {
            fields if fields.is_empty() => format!("{rule}: {}", asked_back(&error.inner().to_string())),
            fields => format!("{rule}, `{}`: {}", fields.join("."), asked_back(&error.inner().to_string())),
        }
    })?;
    json.end().map_err(|error| format!("is not a JSON list of rules alone: {error}"))?;
    Ok(rules)
}

/// One rule, and the mistakes in all rules so far.
pub(super) struct Reading<'a> {
    pub(super) number: usize,
    pub(super) problems: &'a mut Vec<String>,
}

impl Reading<'_> {
    /// Reads the ids and the patterns of names of a rule. Also reports a rule that is never reached
    /// because of an `earlier` one.
    pub(super) fn named<F>(
        &mut self,
        experiences: Option<&[String]>,
        names: Option<&[String]>,
        management: Option<&ExperienceId>,
        earlier: &[FilterRule<F>],
    ) -> (BTreeSet<ExperienceId>, Vec<NamePattern>) {
        if let Some(place) = earlier.iter().position(|rule| rule.names.iter().any(NamePattern::is_any)) {
            self.rule(format!("is never reached: rule {} has every experience", place + 1));
        }
        let named = (self.experiences(experiences, management, earlier), self.names(names, earlier));
        if experiences.is_none() && names.is_none() {
            self.rule("names no experience: it takes `experiences`, `names`, or both");
        }
        named
    }

    fn rule(&mut self, problem: impl std::fmt::Display) {
        self.problems.push(format!("rule {}: {problem}", self.number));
    }

    fn field(&mut self, field: &str, problem: impl std::fmt::Display) {
        self.problems.push(format!("rule {}, `{field}`: {problem}", self.number));
    }

    fn experiences<F>(
        &mut self,
        written: Option<&[String]>,
        management: Option<&ExperienceId>,
        earlier: &[FilterRule<F>],
    ) -> BTreeSet<ExperienceId> {
        const FIELD: &str = "experiences";
        let mut ids = BTreeSet::new();
        // A list that came out empty never means everything (rule 12).
        if written.is_some_and(<[_]>::is_empty) {
            self.field(FIELD, "the list is empty");
        }
        for text in written.unwrap_or_default() {
            let id = match ExperienceId::new(text) {
                Ok(id) => id,
                Err(error) => {
                    self.field(FIELD, error);
                    continue;
                }
            };
            if management == Some(&id) {
                self.field(FIELD, format!("`{id}` is the management experience, which has no filter"));
            }
            if let Some(place) = earlier.iter().position(|rule| rule.experiences.contains(&id)) {
                self.field(FIELD, format!("rule {} has `{id}` already, and comes first", place + 1));
            }
            if !ids.insert(id) {
                self.field(FIELD, format!("`{text}` stands there twice"));
            }
        }
        ids
    }

    fn names<F>(&mut self, written: Option<&[String]>, earlier: &[FilterRule<F>]) -> Vec<NamePattern> {
        const FIELD: &str = "names";
        let mut patterns = Vec::<NamePattern>::new();
        if written.is_some_and(<[_]>::is_empty) {
            self.field(FIELD, "the list is empty");
        }
        for (index, text) in written.unwrap_or_default().iter().enumerate() {
            let pattern = match NamePattern::new(text) {
                Ok(pattern) => pattern,
                Err(error) => {
                    self.field(FIELD, format!("entry {}: {error}", index + 1));
                    continue;
                }
            };
            let likewise = |rule: &FilterRule<F>| rule.names.iter().any(|other| other.is_like(&pattern));
            if let Some(place) = earlier.iter().position(likewise) {
                self.field(FIELD, format!("rule {} has `{pattern}` already, and comes first", place + 1));
            }
            patterns.push(pattern);
        }
        patterns
    }

    fn filter(&mut self, rule: &Written, shared: &dyn Shared) -> Option<FilterConfig> {
        let Written { filter, digest, settings, .. } = rule;
        if filter.trim() == NONE {
            for (field, given) in [("digest", digest.is_some()), ("settings", settings.is_some())] {
                if given {
                    self.field(field, "is set, but the rule has no filter");
                }
            }
            return None;
        }
        let source = filter.trim().parse::<FilterSource>().map_err(|error| self.field("filter", error)).ok();
        let pinned = digest.as_deref().map(|text| text.trim().parse::<Digest>());
        let pinned = match pinned {
            Some(Err(error)) => {
                self.field("digest", error);
                return None;
            }
            Some(Ok(digest)) => Some(digest),
            None => None,
        };
        let source = source?;
        if matches!(source, FilterSource::S3(_)) && pinned.is_none() {
            self.field("digest", "is missing: what comes from S3 is used only if it has this digest");
        }
        if matches!(source, FilterSource::BuiltIn(_)) && pinned.is_some() {
            self.field("digest", "is set, but the filter is built in: there is no file to compare");
        }
        let settings = settings.as_ref().map_or("{}", |settings| settings.get()).to_owned();
        if !settings.starts_with('{') {
            self.field("settings", "is not one JSON object");
            return None;
        }
        let filter = shared.filter(source, FilterSettings::Json(settings.clone()), pinned);
        self.built_in(&filter, &settings);
        Some(filter)
    }

    /// A built-in filter checks its settings at once.
    fn built_in(&mut self, filter: &FilterConfig, settings: &str) {
        let FilterSource::BuiltIn(name) = filter.source else { return };
        let Some(built_in) = Filter::built_in(name, filter.limits.clone()) else { return };
        match built_in.configure(settings) {
            Err(error) => self.field("settings", error),
            Ok(ready) if ready.needs_attributes() && filter.product_attributes.is_nowhere() => self.field(
                "filter",
                format!(
                    "`{name}` decides by facts that this spoke does not look up; `--product-attributes` \
                     (PMP_PRODUCT_ATTRIBUTES=true) looks them up"
                ),
            ),
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use pmp_filter_host::Limits;

    use super::*;
    use crate::filters::lookup::AttributeSource;
    use crate::filters::rules::Place;

    struct Plain;

    impl Shared for Plain {
        fn filter(&self, source: FilterSource, settings: FilterSettings, digest: Option<Digest>) -> FilterConfig {
            let limits = Limits::default();
            FilterConfig {
                source,
                settings,
                digest,
                cache: None,
                limits,
                product_attributes: AttributeSource::default(),
            }
        }
    }

    fn rules(text: &str) -> Result<FilterRules<Option<FilterConfig>>, Vec<String>> {
        let management = ExperienceId::new("exp-management").unwrap();
        read(text, None, &Plain, Some(&management))
    }

    #[test]
    fn a_list_of_rules_is_read_with_settings_as_they_are_written() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let text = format!(
            r#"[{{"experiences": ["exp-a"], "filter": "exclude-ids", "settings": {{"ids": ["prod-b"]}}}},
                {{"names": ["Sandbox*"], "filter": "s3://filters/a.wasm", "digest": "{digest}",
                  "settings": {{"z": 1.10, "a": 123456789012345678901}}}},
                {{"names": ["Open*"], "filter": "none"}}]"#
        );
        let rules = rules(&text).unwrap();
        let found: Vec<_> = rules.assigned().map(|(place, filter)| (place, filter.clone())).collect();
        assert_eq!(found.iter().map(|(place, _)| *place).collect::<Vec<_>>()[3], Place::Default);
        let settings = |index: usize| found[index].1.as_ref().map(|filter| filter.settings.clone());
        let written = |json: &str| Some(FilterSettings::Json(json.to_owned()));
        assert_eq!(settings(0), written(r#"{"ids": ["prod-b"]}"#));
        assert_eq!(settings(1), written(r#"{"z": 1.10, "a": 123456789012345678901}"#));
        assert_eq!((settings(2), settings(3)), (None, None));
        assert_eq!(found[1].1.as_ref().unwrap().digest, digest.parse().ok());
    }

    #[test]
    fn what_is_wrong_is_told_with_the_rules_number_and_the_field() {
        for (text, expected) in [
            ("{}", "is not a JSON list of rules: invalid type: map"),
            ("", "is not a JSON list of rules: EOF"),
            ("[]", "holds no rule; leave it blank"),
            (r#"[{"names": ["a"], "filter": "none"}] more"#, "is not a JSON list of rules alone: trailing"),
            (r#"[{"names": ["a"]}]"#, "rule 1: missing field `filter`"),
            (r#"[{"filter": "none"}]"#, "rule 1: names no experience: it takes `experiences`, `names`, or both"),
            (r#"[{"names": [], "filter": "none"}]"#, "rule 1, `names`: the list is empty"),
            (r#"[{"experiences": [], "names": ["a"], "filter": "none"}]"#, "rule 1, `experiences`: the list is empty"),
            (r#"[{"names": ["a", " "], "filter": "none"}]"#, "rule 1, `names`: entry 2: it is empty"),
            (r#"[{"names": "a", "filter": "none"}]"#, "rule 1, `names`: invalid type: string"),
            (r#"[{"names": ["a"], "filter": "none", "filter": "rules"}]"#, "rule 1: duplicate field `filter`"),
            (
                r#"[{"names": ["a"], "filter": "none"}, {"names": ["b"], "filter": "none", "setings": {}}]"#,
                "rule 2, `setings`: unknown field `setings`",
            ),
            (r#"[{"experiences": ["b"], "filter": "none"}]"#, "rule 1, `experiences`: `b` is not an experience id"),
            (
                r#"[{"experiences": ["exp-management"], "filter": "none"}]"#,
                "rule 1, `experiences`: `exp-management` is the management experience",
            ),
            (
                r#"[{"experiences": ["exp-a"], "filter": "none"}, {"experiences": ["exp-a"], "filter": "none"}]"#,
                "rule 2, `experiences`: rule 1 has `exp-a` already, and comes first",
            ),
            (
                r#"[{"names": ["Sandbox *"], "filter": "none"}, {"names": ["SANDBOX *"], "filter": "none"}]"#,
                "rule 2, `names`: rule 1 has `SANDBOX *` already, and comes first",
            ),
            (
                r#"[{"names": ["*"], "filter": "none"}, {"experiences": ["exp-a"], "filter": "none"}]"#,
                "rule 2: is never reached: rule 1 has every experience",
            ),
            (r#"[{"names": ["a"], "filter": "exclude"}]"#, "rule 1, `filter`: unknown filter `exclude`"),
            (
                r#"[{"names": ["a"], "filter": "exclude-ids", "settings": {"idz": []}}]"#,
                "rule 1, `settings`: the filter `exclude-ids` refuses its configuration: idz: unknown field `idz`",
            ),
            (
                r#"[{"names": ["a"], "filter": "exclude-vendors", "settings": {"vendors": ["A"]}}]"#,
                "rule 1, `filter`: `exclude-vendors` decides by facts that this spoke does not look up",
            ),
            (
                r#"[{"names": ["a"], "filter": "s3://filters/a.wasm"}]"#,
                "rule 1, `digest`: is missing: what comes from S3",
            ),
            (r#"[{"names": ["a"], "filter": "./a.wasm", "digest": "md5:0"}]"#, "rule 1, `digest`: "),
            (
                r#"[{"names": ["a"], "filter": "./x.wasm", "settings": [1]}]"#,
                "rule 1, `settings`: is not one JSON object",
            ),
            (
                r#"[{"names": ["a"], "filter": "none", "settings": {}}]"#,
                "rule 1, `settings`: is set, but the rule has no",
            ),
        ] {
            let problems = rules(text).unwrap_err();
            assert!(problems[0].starts_with(expected), "{text}: {problems:?}");
        }
        let all = r#"[{"names": ["a"], "filter": "exclude"}, {"experiences": ["b"], "filter": "./x.wasm"}]"#;
        assert_eq!(rules(all).unwrap_err().len(), 2, "all at once");
        let many = format!("[{}]", vec![r#"{"names": ["a"], "filter": "none"}"#; 101].join(","));
        assert_eq!(rules(&many).unwrap_err(), ["holds 101 rules, more than 100"]);
    }
}
