//! The published JSON Schemas of what commands print with `-o json` and `-o yaml`: checked in as
//! `docs/schema`. That the program prints just that is held end to end.

// They are described, and never made.
#![allow(dead_code)]

use pmp_protocol::Digest;
use pmp_terminal::SCHEMA_VERSION;
use pmp_test_schema::{Named, shared};
use schemars::JsonSchema;
use serde_json::Value;

/// The files of a new project.
#[derive(JsonSchema)]
struct New {
    /// The name of the filter.
    name: String,
    /// The language in which it is written.
    language: String,
    /// The folder of the project.
    folder: String,
    /// The files that were written, relative to the folder.
    files: Vec<String>,
}

/// The component that was built.
#[derive(JsonSchema)]
struct Build {
    /// The name of the filter.
    name: String,
    /// The language in which it is written.
    language: String,
    /// The file of the component.
    component: String,
    /// The size of the component in bytes.
    bytes: usize,
    /// The digest of the component.
    digest: Digest,
    /// How the component was tried, in words.
    tried: String,
    /// Whether another build of the same source has the same digest.
    reproducible: bool,
}

/// What a filter is.
#[derive(JsonSchema)]
struct Inspect {
    /// The digest of the component, or of the built-in filter.
    digest: Digest,
    /// Whether it is part of the program, and no file.
    built_in: bool,
    /// The size of the file in bytes; absent of a built-in filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    /// What is known of a signature, in words; absent of a built-in filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    /// What the component imports; absent of a built-in filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    imports: Option<Vec<String>>,
    /// What the component exports; absent of a built-in filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exports: Option<Vec<String>>,
    /// The filter's own name; absent where it cannot be loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The filter's own version; absent where it cannot be loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The filter's own words; absent where it cannot be loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The version of the contract; absent of a built-in filter, and where it cannot be loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contract: Option<String>,
    /// The JSON Schema of its settings, none where it gives none; absent where it cannot be loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings_schema: Option<Value>,
}

/// What a filter decides.
#[derive(JsonSchema)]
struct Run {
    /// Whether the filter has the experience managed at all.
    managed: bool,
    /// Why it has not; absent where it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The decision on each product, in the order of the products.
    decisions: Vec<Decision>,
}

/// The decision on a product.
#[derive(JsonSchema)]
struct Decision {
    /// The id of the product.
    product: String,
    /// What the filter decided.
    verdict: Verdict,
    /// The filter's reason; none where it gives none.
    reason: Option<String>,
}

/// What a filter can decide.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// The product stays on its list.
    Keep,
    /// The product is not approved.
    Exclude,
    /// The product is rejected.
    Reject,
}

/// How the cases ended.
#[derive(JsonSchema)]
struct Test {
    /// Each case, in the order of the files.
    cases: Vec<Case>,
}

/// How one case ended.
#[derive(JsonSchema)]
struct Case {
    /// The file that it stands in.
    file: String,
    /// The name of the case.
    case: String,
    /// Whether the filter decided as the case expects.
    passed: bool,
    /// What differs, a line each; absent where nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
}

/// What a filter costs.
#[derive(JsonSchema)]
struct Bench {
    /// How many products it decided on.
    products: usize,
    /// How often it ran.
    runs: u32,
    /// The size of the component in bytes; none of a built-in filter.
    file_bytes: Option<usize>,
    /// How long it took to load.
    load_seconds: f64,
    /// How long it took to decide whether the experience is managed; none of a filter that decides
    /// no such thing.
    scope_seconds: Option<f64>,
    /// How long a run took.
    run_seconds: Seconds,
    /// How many products it decided on in a second, by the median.
    products_per_second: f64,
    /// The fuel of the last run.
    fuel: u64,
    /// The memory that it took at most, in bytes.
    peak_memory_bytes: usize,
}

/// The durations of several runs.
#[derive(JsonSchema)]
struct Seconds {
    /// That of the shortest run.
    least: f64,
    /// The run in the middle.
    median: f64,
    /// That of the longest run.
    most: f64,
}

/// The machine code of a filter.
#[derive(JsonSchema)]
struct Compile {
    /// The file that was written.
    file: String,
    /// The digest of this file.
    digest: Digest,
    /// The size of this file in bytes.
    bytes: usize,
    /// The digest of the component that it was made of.
    component: Digest,
}

/// The signature of a filter, as it was made or verified.
#[derive(JsonSchema)]
struct Signature {
    /// The file of the component.
    component: String,
    /// The digest of the component.
    digest: Digest,
    /// The file of the signature.
    signature: String,
    /// The fingerprint of the key.
    key: String,
    /// Whose key it is; none where no list of signers says so.
    signer: Option<String>,
}

fn schema_of<T: JsonSchema>(command: &str) -> Named {
    pmp_test_schema::schema_of_document::<T, SCHEMA_VERSION>("filter", command)
}

fn all() -> Vec<Named> {
    vec![
        schema_of::<New>("new"),
        schema_of::<Build>("build"),
        schema_of::<Inspect>("inspect"),
        schema_of::<Run>("run"),
        schema_of::<Test>("test"),
        schema_of::<Bench>("bench"),
        schema_of::<Compile>("compile"),
        schema_of::<Signature>("sign"),
        schema_of::<Signature>("verify"),
        schema_of::<shared::Explain>("explain"),
        schema_of::<shared::Version>("version"),
    ]
}

#[test]
fn the_schemas_that_are_checked_in_are_the_types() {
    pmp_test_schema::hold("pmp-filter", &all());
}

#[test]
fn every_field_is_described() {
    pmp_test_schema::hold_described(&all());
}
