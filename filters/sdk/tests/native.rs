//! A filter under `cargo test`, as its author runs it: no WebAssembly.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use pmp_filter_sdk::{Context, Decision, Description, Filter, Managed, Product, export, log, settings, testing};

/// Keeps what is on the board's list until the day that it names.
struct Board(Settings);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    listed: Vec<String>,
    until: String,
}

impl Filter for Board {
    const DESCRIPTION: Description =
        Description::new("board", "0.1.0", "Keeps what the board listed").with_settings_schema(r#"{"type":"object"}"#);

    fn configure(config: &str) -> Result<Self, String> {
        settings::parse(config).map(Self)
    }

    fn manages(&self, context: &Context) -> Managed {
        if context.experience_name.starts_with("Sandbox") { Managed::no("sandboxes are free") } else { Managed::yes() }
    }

    fn decide(&self, context: &Context, product: &Product) -> Decision {
        if context.evaluated_at >= self.0.until {
            Decision::exclude("the list has expired")
        } else if self.0.listed.contains(&product.id) {
            Decision::keep()
        } else {
            log::debug(&product.id);
            Decision::reject("not listed")
        }
    }
}

export!(Board);

const CONFIG: &str = r#"{"listed":["prod-1"],"until":"2027-01-01T00:00:00Z"}"#;

#[test]
fn each_product_gets_one_decision_in_order() {
    let products = [Product::approved("prod-1"), Product::approved("prod-2"), Product::rejected("prod-1")];
    let decisions = testing::evaluate::<Board>(CONFIG, &products).unwrap();
    assert_eq!(decisions, [Decision::keep(), Decision::reject("not listed"), Decision::keep()]);
    assert_eq!(testing::logs(), [(log::Level::Debug, "prod-2".to_owned())]);
    assert_eq!(testing::logs(), []);
}

#[test]
fn the_context_is_the_tests_own() {
    let late = Context { evaluated_at: "2027-01-01T00:00:00Z".to_owned(), ..testing::context(CONFIG) };
    let decisions = testing::evaluate_in::<Board>(&late, &[Product::approved("prod-1")]).unwrap();
    assert_eq!(decisions, [Decision::exclude("the list has expired")]);
}

#[test]
fn an_experience_is_managed_unless_the_filter_says_otherwise() {
    let context = testing::context(CONFIG);
    assert_eq!(testing::manages_in::<Board>(&context), Ok(Managed::yes()));
    let sandbox = Context { experience_name: "Sandbox 1".to_owned(), ..context };
    assert_eq!(testing::manages_in::<Board>(&sandbox), Ok(Managed::no("sandboxes are free")));
    let broken = Context { config: "{}".to_owned(), ..sandbox };
    assert!(testing::manages_in::<Board>(&broken).unwrap_err().starts_with("missing field"));
}

#[test]
fn a_bad_configuration_is_an_error_in_both_places() {
    let config = r#"{"listed":[],"untill":""}"#;
    let expected = "unknown field `untill`, expected `listed` or `until` at line 1 column 21";
    assert_eq!(testing::validate::<Board>(config).unwrap_err(), expected);
    assert_eq!(testing::evaluate::<Board>(config, &[]).unwrap_err(), expected);
    assert_eq!(testing::validate::<Board>(CONFIG), Ok(()));
}

#[test]
fn labels_are_looked_up_exactly() {
    let product = Product { labels: vec!["genai".to_owned()], ..Product::approved("prod-1") };
    assert!(product.has_label("genai") && !product.has_label("gen"));
}
