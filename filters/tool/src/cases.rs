//! Test cases of a filter, in a file that people read and write.
//!
//! ```toml
//! [[cases]]
//! name = "generative AI is excluded"
//! settings = { exclude_labels = ["genai"] }
//!
//! [[cases.products]]
//! id = "prod-1"
//! labels = ["genai"]
//! expect = "exclude"
//! reason = "the label `genai` is in exclude_labels"
//!
//! [[cases]]
//! name = "a misspelt setting is refused"
//! settings = { exclude_label = ["genai"] }
//! refused = "unknown field `exclude_label`"
//! ```
//!
//! A case expects a verdict for each product, or that the filter does not manage the experience,
//! for a reason that contains `not_managed`; or that the filter refuses (its settings, or to
//! decide) with a text that contains `refused`. A reason is compared only where the case gives one.

use std::path::Path;

use jiff::Timestamp;
use pmp_protocol::{Decision, ExperienceId, Verdict};
use pmp_terminal::Failure;
use serde::Deserialize;

use crate::catalog::OwnedProduct;

/// A file of cases, as text and parsed.
pub(crate) struct CaseFile {
    pub(crate) cases: Vec<Case>,
    text: toml_edit::DocumentMut,
}

/// Why a text is no file of cases.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CasesError {
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    #[error(transparent)]
    Text(#[from] toml_edit::TomlError),
    #[error("there is no `[[cases]]` in it")]
    None,
    #[error("the case \"{0}\" expects both `refused` and `not_managed`: it can be one of them")]
    Both(String),
}

pmp_protocol::codes!(CasesError {
    Toml => "E2108",
    Text => "E2108",
    None => "E2110",
    Both => "E2111",
});

pmp_protocol::without_hint!(CasesError);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    cases: Vec<Case>,
}

/// A test case in the form of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// The statement that the case proves, as a sentence.
    pub(crate) name: String,
    /// The settings that the filter runs with.
    #[serde(default)]
    pub(crate) settings: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    pub(crate) context: CaseContext,
    #[serde(default)]
    pub(crate) products: Vec<Expected>,
    /// A part of the text with which the filter must refuse.
    pub(crate) refused: Option<String>,
    /// A part of the reason with which the filter must decline to manage the experience.
    pub(crate) not_managed: Option<String>,
}

/// The parts of the context that a case sets. The others are those of `pmp-filter run`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseContext {
    pub(crate) experience: Option<ExperienceId>,
    pub(crate) experience_name: Option<String>,
    #[serde(default)]
    pub(crate) labels: Vec<String>,
    pub(crate) evaluated_at: Option<Timestamp>,
}

/// A product, and the expected decision on it.
#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    #[serde(flatten)]
    pub(crate) product: OwnedProduct,
    /// The expected verdict. Absent in a new case, until `--update` writes it.
    pub(crate) expect: Option<Verdict>,
    pub(crate) reason: Option<String>,
}

impl Case {
    /// Whether it expects a verdict for each product.
    pub(crate) fn expects_decisions(&self) -> bool {
        self.refused.is_none() && self.not_managed.is_none()
    }
}

impl CaseFile {
    /// Reads a file of cases.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let cannot = |what: &str| format!("cannot {what} the cases `{}`", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| Failure::tried("E1750", cannot("read"), error))?;
        Self::parse(&text).map_err(|error| Failure::from(error).within(cannot("understand")))
    }

    fn parse(text: &str) -> Result<Self, CasesError> {
        let Document { cases } = toml::from_str(text)?;
        if cases.is_empty() {
            return Err(CasesError::None);
        }
        if let Some(case) = cases.iter().find(|case| case.refused.is_some() && case.not_managed.is_some()) {
            return Err(CasesError::Both(case.name.clone()));
        }
        Ok(Self { cases, text: text.parse()? })
    }

    /// Writes decisions into a case. Everything else in the file, including comments, stays as it
    /// is.
    pub(crate) fn update(&mut self, case: usize, decisions: &[Decision]) {
        let Some(table) = self.text["cases"].as_array_of_tables_mut().and_then(|cases| cases.get_mut(case)) else {
            // For `cases = [{…}]` on one line, the products are inline, too.
            let cases = self.text["cases"].as_array_mut();
            if let Some(toml_edit::Value::InlineTable(table)) = cases.and_then(|cases| cases.get_mut(case)) {
                write_products(table.get_mut("products").and_then(toml_edit::Value::as_array_mut), decisions);
            }
            return;
        };
        match table.get_mut("products") {
            Some(toml_edit::Item::ArrayOfTables(products)) => {
                for (product, decision) in products.iter_mut().zip(decisions) {
                    write_decision(product, decision);
                }
            }
            Some(toml_edit::Item::Value(toml_edit::Value::Array(products))) => {
                write_products(Some(products), decisions);
            }
            _ => {}
        }
    }

    /// The text of the file, with all updates.
    pub(crate) fn text(&self) -> String {
        self.text.to_string()
    }
}

fn write_products(products: Option<&mut toml_edit::Array>, decisions: &[Decision]) {
    for (product, decision) in products.into_iter().flat_map(toml_edit::Array::iter_mut).zip(decisions) {
        if let toml_edit::Value::InlineTable(product) = product {
            write_decision(product, decision);
        }
    }
}

fn write_decision(product: &mut dyn toml_edit::TableLike, decision: &Decision) {
    product.insert("expect", toml_edit::value(decision.verdict.as_str()));
    match &decision.reason {
        Some(reason) => _ = product.insert("reason", toml_edit::value(reason)),
        None => _ = product.remove("reason"),
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded;

    use super::*;

    const TEXT: &str = r#"# Why these cases.
[[cases]]
name = "one"
[[cases.products]]
id = "prod-1" # the first
expect = "keep"
reason = "old"

[[cases]]
name = "two"
products = [{ id = "prod-2" }]
"#;

    #[test]
    fn an_update_changes_the_verdicts_and_nothing_else() {
        let mut file = CaseFile::parse(TEXT).unwrap();
        let exclude = Decision { verdict: Verdict::Exclude, reason: Some("new".to_owned()) };
        file.update(0, std::slice::from_ref(&exclude));
        file.update(1, &[Decision { verdict: Verdict::Keep, reason: None }]);
        let expected = TEXT
            .replace("expect = \"keep\"\nreason = \"old\"", "expect = \"exclude\"\nreason = \"new\"")
            .replace(r#"{ id = "prod-2" }"#, r#"{ id = "prod-2" , expect = "keep" }"#);
        assert_eq!(file.text(), expected);
        let again = CaseFile::parse(&file.text()).unwrap();
        assert_eq!(again.cases[0].products[0].expect, Some(Verdict::Exclude));
        assert_eq!(again.cases[1].products[0].expect, Some(Verdict::Keep));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let both = "[[cases]]\nname = \"a\"\nrefused = \"x\"\nnot_managed = \"y\"";
        let verdict = "[[cases]]\nname = \"a\"\nproducts = [{ id = \"p\", expect = \"approve\" }]";
        for (text, code, part) in [
            ("", "E2108", "missing field `cases`"),
            ("cases = []", "E2110", "no `[[cases]]`"),
            ("[[cases]]\nname = \"a\"\nproduct = []", "E2108", "unknown field `product`"),
            (both, "E2111", "both `refused` and `not_managed`"),
            (verdict, "E2108", "unknown variant `approve`"),
        ] {
            let error = CaseFile::parse(text).err().unwrap();
            assert!(error.to_string().contains(part), "{text}: {error}");
            assert_eq!(error.code().to_string(), code, "{text}");
        }
    }
}
