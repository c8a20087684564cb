//! What filters cost: 10,000 products through the worked Rust filter, beside the crossing alone and
//! the same rule in native Rust; how soon a filter is ready; and the other worked filters, where
//! `filters/examples/check` has built them.
//!
//! ```sh
//! cargo bench --workspace --bench filters
//! ```
//!
//! Exits with 1 where a figure is over its limit.

// A benchmark is a program for a person; what it cannot do ends it, with the reason.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

#[path = "../tests/guests/guests.rs"]
mod guests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use guests::Guest;
use jiff::Timestamp;
use pmp_filter_host::{ConfiguredFilter, Context, Filter, FilterHost, Limits, Product, Status, Usage};
use pmp_protocol::{Decision, Digest, ExperienceId, OrganizationId, ProductId, SnapshotVersion, Verdict};

const PRODUCTS: usize = 10_000;
const RUNS: usize = 25;
/// What a run over all products, and what making a compiled filter ready may take.
const RUN_LIMIT: Duration = Duration::from_millis(15);
const READY_LIMIT: Duration = Duration::from_millis(5);

const EXAMPLE: &str = "exclude-products (Rust)";
const SETTINGS: &str = r#"{"exclude_ids":["prod-0000000000007"],"exclude_labels":["genai"]}"#;
/// The other worked filters, as far as they are built, with settings that make them look at every
/// product.
const OTHERS: [(&str, &str, &str); 3] = [
    ("experience-scope (Rust)", "experience-scope/build/experience-scope.wasm", r#"{"ids":["exp-1"]}"#),
    ("vendor-policy (JavaScript)", "vendor-policy/build/vendor-policy.wasm", r#"{"blocked":["Vaporware Inc"]}"#),
    ("review-board (Python)", "review-board/build/review-board.wasm", r#"{"listed":[{"id":"prod-0000000000007"}]}"#),
];

fn main() -> ExitCode {
    let example = std::fs::read(examples().join("exclude-products/exclude-products.wasm")).unwrap();
    let others = OTHERS.map(|(name, file, settings)| (name, std::fs::read(examples().join(file)).ok(), settings));
    let others: Vec<_> = others.into_iter().filter_map(|(name, file, of)| Some((name, file?, of))).collect();
    let runs_well = runs(&example, &others);
    let starts_well = starts(&example, &others);
    if runs_well && starts_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// Prints how long a run takes; says whether the worked filter is within its limit.
fn runs(example: &[u8], others: &[(&str, Vec<u8>, &str)]) -> bool {
    let world = World::new();
    let products = world.products();
    let host = FilterHost::new(limits()).unwrap();
    let run = |bytes: &[u8], settings: &str| {
        world.run(&host.load_bytes(bytes).unwrap().configure(settings).unwrap(), &products)
    };
    println!("{PRODUCTS} products, median of {RUNS} runs");
    row("the same rule in native Rust", median(|| native_rule(&products)), "");
    let built_in = Filter::built_in("exclude-ids", limits()).unwrap();
    let (took, _) = world.run(&built_in.configure(r#"{"ids":["prod-0000000000007"]}"#).unwrap(), &products);
    row("built-in filter `exclude-ids`", took, "");
    let (crossing, _) = run(&Guest::default().component(), "{}");
    row("the crossing alone: a guest that keeps everything", crossing, "");
    let (took, usage) = run(example, SETTINGS);
    let well = limited(EXAMPLE, took, RUN_LIMIT, &memory(&usage));
    let crossing = (crossing.as_secs_f64() / took.as_secs_f64()).min(1.0) * 100.0;
    println!("    of that {crossing:.0} % crossing, {:.0} % guest", 100.0 - crossing);
    for (name, bytes, settings) in others {
        let (took, usage) = run(bytes, settings);
        row(name, took, &memory(&usage));
    }
    well
}

/// Prints how soon filters are ready; says whether the worked filter, compiled before, is within
/// its limit.
fn starts(example: &[u8], others: &[(&str, Vec<u8>, &str)]) -> bool {
    println!("\nready: loaded, checked, and asked what it is");
    let well = start(EXAMPLE, example) <= READY_LIMIT;
    println!("    compiled before: {} {} ms", verdict(well), READY_LIMIT.as_millis());
    for (name, bytes, _) in others {
        start(name, bytes);
    }
    well
}

/// Prints all three ways of a component to be ready, and gives the last: compiled now, from the
/// cache, and compiled before.
fn start(name: &str, component: &[u8]) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let host = FilterHost::new(limits()).unwrap();
    let started = Instant::now();
    host.load_bytes(component).unwrap();
    row(&format!("{name}: compiled now"), started.elapsed(), "");
    let cached = FilterHost::new(limits()).unwrap().with_cache(&folder.path().join("cache"));
    cached.load_bytes(component).unwrap();
    row(&format!("{name}: from the cache"), median(|| cached.load_bytes(component).unwrap()), "");
    let code = host.precompile(component).unwrap();
    let digest = Digest::of(&code);
    let took = median(|| host.load_pinned(&code, &digest).unwrap());
    row(&format!("{name}: compiled before"), took, "");
    took
}

/// The limits of a spoke, but for the file: components that hold a language, and machine code, are
/// large.
fn limits() -> Limits {
    Limits { file_bytes: 512 << 20, ..Limits::default() }
}

fn row(name: &str, took: Duration, remark: &str) {
    println!("  {name:<52}{:>10.2} ms{remark}", took.as_secs_f64() * 1e3);
}

fn limited(name: &str, took: Duration, limit: Duration, remark: &str) -> bool {
    let well = took <= limit;
    row(name, took, &format!("{remark}  {} {} ms", verdict(well), limit.as_millis()));
    well
}

fn verdict(well: bool) -> &'static str {
    if well { "within" } else { "OVER" }
}

fn memory(usage: &Usage) -> String {
    format!("  {:5.1} MiB", usage.peak_memory_bytes as f64 / 1_048_576.0)
}

fn median<T>(mut run: impl FnMut() -> T) -> Duration {
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            std::hint::black_box(run());
            started.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}

/// What `exclude-products` does, on the same products, with the same decisions as its answer.
fn native_rule(products: &[Product<'_>]) -> Vec<Decision> {
    let settings: serde_json::Value = serde_json::from_str(SETTINGS).unwrap();
    let set = |field: &str| settings[field].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let (ids, labels): (BTreeSet<&str>, BTreeSet<&str>) = (set("exclude_ids"), set("exclude_labels"));
    let decide = |product: &Product<'_>| {
        let exclude = |reason: String| Decision { verdict: Verdict::Exclude, reason: Some(reason) };
        if product.status == Status::Rejected {
            return Decision { verdict: Verdict::Keep, reason: None };
        }
        if ids.contains(product.id.as_str()) {
            return exclude("the id is in exclude_ids".to_owned());
        }
        match product.labels.iter().find(|label| labels.contains(label.as_str())) {
            Some(label) => exclude(format!("the label `{label}` is in exclude_labels")),
            None => Decision { verdict: Verdict::Keep, reason: None },
        }
    };
    products.iter().map(decide).collect()
}

struct World {
    organization: OrganizationId,
    experience: ExperienceId,
    ids: Vec<ProductId>,
    kinds: [String; 1],
    many: [String; 2],
    few: [String; 1],
}

impl World {
    fn new() -> Self {
        Self {
            organization: OrganizationId::new("o-abcdefghij").unwrap(),
            experience: ExperienceId::new("exp-1").unwrap(),
            ids: (0..PRODUCTS).map(|n| ProductId::new(&format!("prod-{n:013}")).unwrap()).collect(),
            kinds: ["AmazonMachineImage".to_owned()],
            many: ["eu-only".to_owned(), "genai".to_owned()],
            few: ["eu-only".to_owned()],
        }
    }

    /// Every fact that there can be, and every tenth product labelled.
    fn products(&self) -> Vec<Product<'_>> {
        let product = |(n, id)| Product {
            name: Some("A product with a name of ordinary length"),
            manufacturer: Some("Example Corporation"),
            categories: &self.kinds,
            fulfillment_types: &self.kinds,
            labels: if n % 10 == 0 { &self.many } else { &self.few },
            ..Product::new(id, Status::Approved)
        };
        self.ids.iter().enumerate().map(product).collect()
    }

    fn context(&self) -> Context<'_> {
        Context {
            snapshot_version: SnapshotVersion::FIRST,
            organization: &self.organization,
            management_experience: &self.experience,
            experience: &self.experience,
            experience_name: "Example",
            labels: &[],
            evaluated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn run(&self, filter: &ConfiguredFilter, products: &[Product<'_>]) -> (Duration, Usage) {
        let evaluate = || filter.evaluate(&self.context(), products).unwrap();
        (median(evaluate), evaluate().usage)
    }
}
