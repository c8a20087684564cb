//! Manages listed experiences only, by id or by name; all others are left alone, or emptied where that is asked for.
//!
//! ```json
//! {"ids": ["exp-production"], "names": ["Team *"]}
//! ```
//!
//! In a listed experience everything is kept as the hub has it.

use pmp_filter_sdk::{Context, Decision, Description, Filter, Managed, Product, Status, export, names, settings};

struct ExperienceScope(Settings);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    ids: Vec<String>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    approve_nothing_elsewhere: bool,
}

const ELSEWHERE: &str = "the experience is not listed";

impl ExperienceScope {
    fn lists(&self, context: &Context) -> bool {
        self.0.ids.contains(&context.experience_id)
            || self.0.names.iter().any(|name| matches(name, &names::key(&context.experience_name)))
    }
}

/// Whether the name of this key is the pattern, or begins with what stands before the `*` at its end.
fn matches(pattern: &str, key: &str) -> bool {
    match pattern.strip_suffix('*') {
        // With a letter behind it, a space at its end counts.
        Some(start) => names::key(&format!("{start}x")).strip_suffix('x').is_some_and(|start| key.starts_with(start)),
        None => key == names::key(pattern),
    }
}

impl Filter for ExperienceScope {
    const DESCRIPTION: Description = Description::new(
        "experience-scope",
        env!("CARGO_PKG_VERSION"),
        "Manages listed experiences only, by id or name",
    )
    .with_settings_schema(include_str!("../settings.schema.json"));

    fn configure(config: &str) -> Result<Self, String> {
        let settings: Settings = settings::parse(config)?;
        // With nothing listed, nothing would be managed: surely somebody forgot something.
        if settings.ids.is_empty() && settings.names.is_empty() {
            return Err("list at least one experience in ids or names".to_owned());
        }
        for (setting, list) in [("ids", &settings.ids), ("names", &settings.names)] {
            if let Some(index) = list.iter().position(|entry| names::key(entry).is_empty()) {
                return Err(format!("{setting}[{index}] is empty"));
            }
        }
        Ok(Self(settings))
    }

    fn manages(&self, context: &Context) -> Managed {
        if self.0.approve_nothing_elsewhere || self.lists(context) { Managed::yes() } else { Managed::no(ELSEWHERE) }
    }

    fn decide(&self, context: &Context, product: &Product) -> Decision {
        if product.status == Status::Rejected || self.lists(context) {
            Decision::keep()
        } else {
            Decision::exclude(ELSEWHERE)
        }
    }

    fn evaluate(&self, context: &Context, products: &[Product]) -> Result<Vec<Decision>, String> {
        if let Managed { managed: false, .. } = self.manages(context) {
            // Only a host that doesn't ask `manages` comes here. An error changes nothing, as is wanted.
            return Err(format!("{ELSEWHERE}: it is left as it is"));
        }
        Ok(products.iter().map(|product| self.decide(context, product)).collect())
    }
}

export!(ExperienceScope);

#[cfg(test)]
mod tests {
    use pmp_filter_sdk::testing::{context, evaluate_in, manages_in, validate};

    use super::*;

    fn at(id: &str, name: &str, config: &str) -> Context {
        Context { experience_id: id.to_owned(), experience_name: name.to_owned(), ..context(config) }
    }

    #[test]
    fn listed_experiences_are_managed_and_keep_everything() {
        let config = r#"{"ids":["exp-1"],"names":["Team *","Sandbox"]}"#;
        let product = [Product::approved("prod-1")];
        for listed in [at("exp-1", "Any", config), at("exp-2", "Team Blue", config), at("exp-3", "Sandbox", config)] {
            assert_eq!(manages_in::<ExperienceScope>(&listed), Ok(Managed::yes()));
            assert_eq!(evaluate_in::<ExperienceScope>(&listed, &product), Ok(vec![Decision::keep()]));
        }
    }

    #[test]
    fn a_name_is_met_as_people_read_it() {
        let config = r#"{"names":["Straße","Team *"]}"#;
        for name in ["STRASSE", "team\u{a0}blue", "TEAM  Red", "Ｔｅａｍ　１"] {
            assert_eq!(manages_in::<ExperienceScope>(&at("exp-1", name, config)), Ok(Managed::yes()), "{name}");
        }
        for other in ["Teamwork", "Team", "Strase", "My Team 1"] {
            let answer = manages_in::<ExperienceScope>(&at("exp-1", other, config)).unwrap();
            assert!(!answer.managed, "{other}");
        }
        assert!(manages_in::<ExperienceScope>(&at("exp-1", "Any", r#"{"names":["*"]}"#)).unwrap().managed);
    }

    #[test]
    fn others_are_left_alone() {
        let config = r#"{"ids":["exp-1"],"names":["Sandbox"]}"#;
        for other in [at("exp-10", "exp-1", config), at("exp-2", "Sandbox 2", config), at("exp-2", "Sand box", config)]
        {
            assert_eq!(manages_in::<ExperienceScope>(&other), Ok(Managed::no("the experience is not listed")));
            let said = evaluate_in::<ExperienceScope>(&other, &[]).unwrap_err();
            assert_eq!(said, "the experience is not listed: it is left as it is");
        }
    }

    #[test]
    fn others_are_emptied_where_that_is_asked_for() {
        let other = at("exp-2", "Other", r#"{"ids":["exp-1"],"approve_nothing_elsewhere":true}"#);
        assert_eq!(manages_in::<ExperienceScope>(&other), Ok(Managed::yes()));
        let products = [Product::approved("prod-1"), Product::rejected("prod-2")];
        let decisions = evaluate_in::<ExperienceScope>(&other, &products).unwrap();
        assert_eq!(decisions, [Decision::exclude("the experience is not listed"), Decision::keep()]);
    }

    #[test]
    fn settings_that_list_nothing_are_refused() {
        for (config, said) in [
            ("{}", "list at least one experience in ids or names"),
            (r#"{"ids":["exp-1"],"names":[" "]}"#, "names[0] is empty"),
            (r#"{"id":["exp-1"]}"#, "unknown field `id`, expected one of `ids`, `names`, `approve_nothing_elsewhere`"),
        ] {
            let error = validate::<ExperienceScope>(config).unwrap_err();
            assert!(error.starts_with(said), "{config}: {error}");
        }
    }

    #[test]
    fn the_schema_names_the_settings_that_are_read() {
        let schema: serde_json::Value =
            serde_json::from_str(ExperienceScope::DESCRIPTION.settings_schema).expect("the schema is JSON");
        let named: Vec<_> = schema["properties"].as_object().expect("an object").keys().collect();
        assert_eq!(named, ["approve_nothing_elsewhere", "ids", "names"]);
    }
}
