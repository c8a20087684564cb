//! Excludes products by id and by label.
//!
//! ```json
//! {"exclude_ids": ["prod-abcd1234efgh5"], "exclude_labels": ["genai"]}
//! ```
//!
//! What the hub rejected is left alone, and nothing is ever put on the list of rejected products: a product that is taken
//! out of the settings comes back with the next sync.

use std::collections::BTreeSet;

use pmp_filter_sdk::{Context, Decision, Description, Filter, Product, Status, export, log, names, settings};

struct ExcludeProducts {
    ids: BTreeSet<String>,
    labels: BTreeSet<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    exclude_ids: Vec<String>,
    #[serde(default)]
    exclude_labels: Vec<String>,
}

impl Filter for ExcludeProducts {
    const DESCRIPTION: Description =
        Description::new("exclude-products", env!("CARGO_PKG_VERSION"), "Excludes products by id and by label")
            .with_settings_schema(include_str!("../settings.schema.json"));

    fn configure(config: &str) -> Result<Self, String> {
        let settings: Settings = settings::parse(config)?;
        Ok(Self {
            ids: entries("exclude_ids", settings.exclude_ids, str::to_owned)?,
            labels: entries("exclude_labels", settings.exclude_labels, names::key)?,
        })
    }

    fn decide(&self, _: &Context, product: &Product) -> Decision {
        if product.status == Status::Rejected {
            return Decision::keep();
        }
        if self.ids.contains(&product.id) {
            return Decision::exclude("the id is in exclude_ids");
        }
        match product.labels.iter().find(|label| self.labels.contains(&names::key(label))) {
            Some(label) => Decision::exclude(format!("the label `{label}` is in exclude_labels")),
            None => Decision::keep(),
        }
    }

    fn evaluate(&self, context: &Context, products: &[Product]) -> Result<Vec<Decision>, String> {
        // A typing error in an id would let the product through: say which ids met nothing.
        for id in &self.ids {
            if !products.iter().any(|product| product.id == *id) {
                log::warn(&format!("`{id}` in exclude_ids is not in snapshot {}", context.snapshot_version));
            }
        }
        Ok(products.iter().map(|product| self.decide(context, product)).collect())
    }
}

export!(ExcludeProducts);

/// The entries of one setting; an empty one is a mistake.
fn entries(setting: &str, list: Vec<String>, normal: fn(&str) -> String) -> Result<BTreeSet<String>, String> {
    let normal = |(index, entry): (usize, String)| match normal(entry.trim()) {
        entry if entry.is_empty() => Err(format!("{setting}[{index}] is empty")),
        entry => Ok(entry),
    };
    list.into_iter().enumerate().map(normal).collect()
}

#[cfg(test)]
mod tests {
    use pmp_filter_sdk::testing::{evaluate, logs, validate};

    use super::*;

    const CONFIG: &str = r#"{"exclude_ids":["prod-2"," prod-9 "],"exclude_labels":["GenAI"]}"#;

    fn labelled(id: &str, labels: &[&str]) -> Product {
        Product { labels: labels.iter().map(|&label| label.to_owned()).collect(), ..Product::approved(id) }
    }

    #[test]
    fn products_are_excluded_by_id_and_by_label_with_the_reason() {
        let products = [labelled("prod-1", &["eu"]), labelled("prod-2", &[]), labelled("prod-3", &["eu", "genai"])];
        assert_eq!(
            evaluate::<ExcludeProducts>(CONFIG, &products).unwrap(),
            [
                Decision::keep(),
                Decision::exclude("the id is in exclude_ids"),
                Decision::exclude("the label `genai` is in exclude_labels"),
            ]
        );
    }

    #[test]
    fn a_label_is_met_as_people_read_it() {
        let config = r#"{"exclude_labels":["Straße EU"]}"#;
        let products = [labelled("prod-1", &["strasse  eu"]), labelled("prod-2", &["strasse-eu"])];
        let decisions = evaluate::<ExcludeProducts>(config, &products).unwrap();
        assert_eq!(decisions, [Decision::exclude("the label `strasse  eu` is in exclude_labels"), Decision::keep()]);
    }

    #[test]
    fn without_settings_everything_is_kept() {
        let decisions = evaluate::<ExcludeProducts>("{}", &[labelled("prod-1", &["genai"])]).unwrap();
        assert_eq!(decisions, [Decision::keep()]);
    }

    #[test]
    fn what_the_hub_rejected_is_left_alone() {
        let decisions = evaluate::<ExcludeProducts>(CONFIG, &[Product::rejected("prod-2")]).unwrap();
        assert_eq!(decisions, [Decision::keep()]);
    }

    #[test]
    fn an_id_that_met_nothing_is_logged() {
        evaluate::<ExcludeProducts>(CONFIG, &[Product::approved("prod-2")]).unwrap();
        assert_eq!(logs(), [(log::Level::Warn, "`prod-9` in exclude_ids is not in snapshot 1".to_owned())]);
    }

    #[test]
    fn a_wrong_configuration_is_refused_with_the_field() {
        for (config, said) in [
            (r#"{"exclude_id":["prod-1"]}"#, "unknown field `exclude_id`, expected `exclude_ids` or `exclude_labels`"),
            (r#"{"exclude_ids":"prod-1"}"#, "invalid type: string \"prod-1\", expected a sequence"),
            (r#"{"exclude_ids":["prod-1",7]}"#, "invalid type: integer `7`, expected a string"),
            (r#"{"exclude_labels":["eu"," "]}"#, "exclude_labels[1] is empty"),
            ("{\"exclude_labels\":[\"\u{200b}\"]}", "exclude_labels[0] is empty"),
        ] {
            let error = validate::<ExcludeProducts>(config).unwrap_err();
            assert!(error.starts_with(said), "{config}: {error}");
        }
    }

    #[test]
    fn the_schema_names_the_settings_that_are_read() {
        let schema: serde_json::Value =
            serde_json::from_str(ExcludeProducts::DESCRIPTION.settings_schema).expect("the schema is JSON");
        let named: Vec<_> = schema["properties"].as_object().expect("an object").keys().collect();
        assert_eq!(named, ["exclude_ids", "exclude_labels"]);
    }
}
