//! Excludes products by label. Change [`MyFilter::decide`] to what your organization wants.

use pmp_filter_sdk::{Context, Decision, Description, Filter, Product, export, names, settings};

struct MyFilter {
    exclude_labels: Vec<String>,
}

// A misspelt setting is refused: ignored, it would let products through.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    exclude_labels: Vec<String>,
}

impl Filter for MyFilter {
    const DESCRIPTION: Description =
        Description::new("my-filter", env!("CARGO_PKG_VERSION"), "Excludes products by label")
            .with_settings_schema(include_str!("../settings.schema.json"));

    fn configure(config: &str) -> Result<Self, String> {
        let settings: Settings = settings::parse(config)?;
        Ok(Self { exclude_labels: settings.exclude_labels.iter().map(|label| names::key(label)).collect() })
    }

    fn decide(&self, _: &Context, product: &Product) -> Decision {
        match product.labels.iter().find(|label| self.exclude_labels.contains(&names::key(label))) {
            Some(label) => Decision::exclude(format!("the label `{label}` is in exclude_labels")),
            None => Decision::keep(),
        }
    }
}

export!(MyFilter);

#[cfg(test)]
mod tests {
    use pmp_filter_sdk::testing::evaluate;

    use super::*;

    #[test]
    fn a_product_goes_by_its_label() {
        let product = |label: &str| Product { labels: vec![label.to_owned()], ..Product::approved("prod-1") };
        let decisions = evaluate::<MyFilter>(r#"{"exclude_labels":["GenAI"]}"#, &[product("genai"), product("eu")]);
        let excluded = Decision::exclude("the label `genai` is in exclude_labels");
        assert_eq!(decisions, Ok(vec![excluded, Decision::keep()]));
    }
}
