//! What filters cost: 10,000 products through the worked Rust filter, beside the crossing alone and the same rule in native
//! Rust; how soon a filter is ready; and the memory of the process with a filter that takes all it may.
//!
//! ```sh
//! cargo bench --workspace --bench filters                                  # the worked Rust filter
//! cargo bench --workspace --bench filters -- FILTER.wasm SETTINGS.json …   # others beside it, with their settings
//! ```
//!
//! Exits with 1 where a figure is over its limit.

// A benchmark is a program for a person; what it cannot do ends it, with the reason.
#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

#[path = "../tests/guests/mod.rs"]
mod guests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use guests::Guest;
use jiff::Timestamp;
use pmp_filter_host::{ConfiguredFilter, Context, FilterHost, Limits, Product, Status};
use pmp_protocol::{Decision, Digest, ExperienceId, OrganizationId, ProductId, SnapshotVersion, Verdict};

const PRODUCTS: usize = 10_000;
const RUNS: usize = 25;
/// What a run over all products, and what making a compiled filter ready may take.
const RUN_LIMIT: Duration = Duration::from_millis(15);
const READY_LIMIT: Duration = Duration::from_millis(5);
const SETTINGS: &str = r#"{"exclude_ids":["prod-0000000000007"],"exclude_labels":["genai"]}"#;

fn main() -> ExitCode {
    let files: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let world = World::new();
    let products = world.products();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/exclude-products/exclude-products.wasm");
    let example = std::fs::read(example).unwrap();
    // The other figures are high-water marks, too: this one comes first.
    let (before, after) = world.all_memory(&products);
    let mut well = true;

    println!("{PRODUCTS} products, median of {RUNS} runs");
    let host = FilterHost::new(big()).unwrap();
    let configured = |bytes: &[u8], settings: &str| host.load_bytes(bytes).unwrap().configure(settings).unwrap();
    let native = median(|| native_rule(&products));
    let crossing = world.run(&configured(&Guest::default().component(), "{}"), &products);
    let rust = world.run(&configured(&example, SETTINGS), &products);
    let built_in = pmp_filter_host::Filter::built_in("exclude-ids", big()).unwrap();
    let built_in = world.run(&built_in.configure(r#"{"ids":["prod-0000000000007"]}"#).unwrap(), &products);
    row("the same rule in native Rust", native, "");
    row("built-in rule `exclude-ids`", built_in, "");
    row("the crossing alone: a guest that keeps everything", crossing, "");
    well &= limited("exclude-products (Rust)", rust, RUN_LIMIT);
    let guest = rust.saturating_sub(crossing);
    let percent = |part: Duration| part.as_secs_f64() / rust.as_secs_f64() * 100.0;
    println!("  of that {:.0}% crossing, {:.0}% guest", percent(crossing).min(100.0), percent(guest));
    let others: Vec<_> = files.chunks(2).map(|pair| (&pair[0], pair.get(1))).collect();
    for (file, settings) in &others {
        let settings = settings.map_or_else(|| "{}".to_owned(), |file| std::fs::read_to_string(file).unwrap());
        row(file, world.run(&configured(&std::fs::read(file).unwrap(), &settings), &products), "");
    }

    println!("\nready: loaded, checked, and asked what it is");
    let folder = tempfile::tempdir().unwrap();
    well &= ready("exclude-products (Rust)", &example, folder.path());
    for (file, _) in &others {
        let path = PathBuf::from(file);
        ready(&path.file_name().unwrap().to_string_lossy(), &std::fs::read(&path).unwrap(), folder.path());
    }

    println!("\npeak resident set of this process");
    let mib = |bytes: usize| format!("{:.1} MiB", bytes as f64 / 1_048_576.0);
    println!("  {:<52}{:>10}", "with an engine and a small filter", mib(before));
    println!("  {:<52}{:>10}", "after one that took its 64 MiB, to the last page", mib(after));
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The limits of a spoke, but for the file: components that hold a language are large.
fn big() -> Limits {
    Limits { file_bytes: 256 << 20, ..Limits::default() }
}

/// Compiled, out of the cache, and compiled before; says whether the last is within its limit.
fn ready(name: &str, component: &[u8], folder: &Path) -> bool {
    let host = FilterHost::new(big()).unwrap();
    let started = Instant::now();
    host.load_bytes(component).unwrap();
    row(&format!("{name}: compiled"), started.elapsed(), "");
    let cached = FilterHost::new(big()).unwrap().with_cache(&folder.join("cache"));
    cached.load_bytes(component).unwrap();
    row(&format!("{name}: from the cache"), median(|| cached.load_bytes(component).unwrap()), "");
    let code = host.precompile(component).unwrap();
    let digest = Digest::of(&code);
    limited(&format!("{name}: compiled before"), median(|| host.load_pinned(&code, &digest).unwrap()), READY_LIMIT)
}

fn row(name: &str, took: Duration, remark: &str) {
    println!("  {name:<52}{:>10.2} ms{remark}", took.as_secs_f64() * 1e3);
}

fn limited(name: &str, took: Duration, limit: Duration) -> bool {
    let well = took <= limit;
    row(name, took, &format!("  {} {} ms", if well { "within" } else { "OVER" }, limit.as_millis()));
    well
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

    fn run(&self, filter: &ConfiguredFilter, products: &[Product<'_>]) -> Duration {
        median(|| filter.evaluate(&self.context(), products).unwrap())
    }

    /// The peak of the resident set before and after a filter wrote to every page that its limit permits.
    fn all_memory(&self, products: &[Product<'_>]) -> (usize, usize) {
        let host = FilterHost::new(Limits::default()).unwrap();
        let filter = |guest: &Guest<'_>| host.load_bytes(&guest.component()).unwrap().configure("{}").unwrap();
        filter(&Guest::default()).evaluate(&self.context(), products).unwrap();
        let before = peak();
        let evaluate = "(loop $more
              (local.set $n (memory.grow (i32.const 1)))
              (if (i32.ne (local.get $n) (i32.const -1)) (then
                (i64.store (i32.mul (local.get $n) (i32.const 65536)) (i64.const 1))
                (memory.fill (i32.mul (local.get $n) (i32.const 65536)) (i32.const 1) (i32.const 65536))
                (br $more))))
            unreachable";
        let error = filter(&Guest { evaluate, ..Guest::default() }).evaluate(&self.context(), &products[..1]).unwrap_err();
        assert!(error.to_string().contains("more than its limit of 67108864"), "{error}");
        (before, peak())
    }
}

/// `VmHWM` of this process, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
