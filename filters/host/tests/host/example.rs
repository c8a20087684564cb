//! The worked filter `exclude-products`, as it is checked in and as it is built from source.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use jiff::Timestamp;
use pmp_filter_host::*;
use pmp_protocol::{Decision, Digest, ExperienceId, OrganizationId, ProductId, SnapshotVersion, Verdict};

/// Set by CI: then a missing toolchain is a failure, and not a skipped test.
const REQUIRED: &str = "PMP_REQUIRE_WASM_TOOLCHAIN";
const CONFIG: &str = r#"{"exclude_ids":["prod-2"],"exclude_labels":["GenAI"]}"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/exclude-products")
}

fn prebuilt() -> PathBuf {
    folder().join("exclude-products.wasm")
}

/// The value of a line of the record beside the prebuilt component.
fn recorded(key: &str) -> String {
    let record = std::fs::read_to_string(folder().join("exclude-products.wasm.build")).unwrap();
    let value = record.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no `{key}` in the record")).to_owned()
}

/// What `build.sh` prints; none where there is no toolchain for it.
fn build_script(arguments: &[&str]) -> Option<String> {
    let run = Command::new("bash").arg(folder().join("build.sh")).args(arguments).output();
    let said = match &run {
        Ok(output) if output.status.success() => {
            return Some(String::from_utf8(output.stdout.clone()).unwrap().trim().to_owned());
        }
        Ok(output) if output.status.code() == Some(3) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Ok(output) => panic!("build.sh failed: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => format!("bash cannot be run: {error}"),
    };
    assert!(std::env::var_os(REQUIRED).is_none_or(|value| value != "1"), "{REQUIRED}=1, but {said}");
    // Not by `println!`, which the test harness hides when a test passes.
    let notice = "*** SKIPPED: the example is not built from source, only the prebuilt component is tested. ***";
    #[expect(clippy::disallowed_methods, reason = "a notice of the test's own, past the harness")]
    std::io::stderr().write_all(format!("\n{notice}\n{said}\n").as_bytes()).unwrap();
    None
}

struct World {
    organization: OrganizationId,
    experience: ExperienceId,
}

impl World {
    fn new() -> Self {
        Self {
            organization: OrganizationId::new("o-abcdefghij").unwrap(),
            experience: ExperienceId::new("exp-1").unwrap(),
        }
    }

    fn context(&self) -> Context<'_> {
        Context {
            snapshot_version: SnapshotVersion::new(42).unwrap(),
            organization: &self.organization,
            management_experience: &self.experience,
            experience: &self.experience,
            experience_name: "Example",
            labels: &[],
            evaluated_at: Timestamp::UNIX_EPOCH,
        }
    }
}

fn load(path: &Path) -> Filter {
    FilterHost::new(Limits::default()).unwrap().load(path).unwrap()
}

/// Everything that the filter's README says of it.
fn behaves(path: &Path) {
    let filter = load(path);
    assert_eq!(filter.description().name, "exclude-products");
    assert!(filter.description().settings_schema.contains("exclude_labels"));
    assert_eq!(*filter.digest(), Digest::of(&std::fs::read(path).unwrap()));

    let (genai, eu) = (["eu-only".to_owned(), "genai".to_owned()], ["eu-only".to_owned()]);
    let ids: Vec<_> = (0..6).map(|n| ProductId::new(&format!("prod-{n}")).unwrap()).collect();
    let product = |n: usize| Product::new(&ids[n], Status::Approved);
    let products = [
        product(0),
        Product { labels: &genai, ..product(1) },
        Product { labels: &eu, ..product(2) },
        Product { labels: &eu, ..product(3) },
        Product { status: Status::Rejected, labels: &genai, ..product(4) },
        Product { name: Some("Größe 🦀"), manufacturer: Some("prod-2"), categories: &genai, ..product(5) },
    ];
    let evaluation = filter.configure(CONFIG).unwrap().evaluate(&World::new().context(), &products).unwrap();

    let excluded = |reason: &str| Decision { verdict: Verdict::Exclude, reason: Some(reason.to_owned()) };
    let kept = Decision { verdict: Verdict::Keep, reason: None };
    let (by_id, by_label) = (excluded("the id is in exclude_ids"), excluded("the label `genai` is in exclude_labels"));
    let rejected = Decision { verdict: Verdict::Reject, reason: None };
    assert_eq!(
        evaluation.decisions,
        [kept.clone(), by_label.clone(), by_id.clone(), kept.clone(), rejected, kept.clone()]
    );
    let verdicts: Vec<_> = evaluation.verdicts.into_iter().collect();
    assert_eq!(verdicts, [(ids[1].clone(), by_label), (ids[2].clone(), by_id)]);
    assert_eq!(evaluation.usage.logs, []);

    refuses_bad_configurations(&filter);
    logs_ids_that_met_nothing(&filter, &products);
}

fn refuses_bad_configurations(filter: &Filter) {
    for (config, said) in [
        (r#"{"exclude_id":[]}"#, "unknown field `exclude_id`, expected `exclude_ids` or `exclude_labels`"),
        (r#"{"exclude_ids":"prod-2"}"#, "invalid type: string \"prod-2\", expected a sequence"),
        (r#"{"exclude_labels":["a",""]}"#, "exclude_labels[1] is empty"),
    ] {
        let error = filter.configure(config).unwrap_err();
        assert!(matches!(error, ConfigError::Refused { .. }), "{config}: {error:?}");
        let start = format!("the filter `exclude-products` refuses its configuration: {said}");
        assert!(error.to_string().starts_with(&start), "{config}: {error}");
    }
    assert!(matches!(filter.configure("[]"), Err(ConfigError::NotAnObject(_))));
}

fn logs_ids_that_met_nothing(filter: &Filter, products: &[Product<'_>]) {
    let configured = filter.configure(r#"{"exclude_ids":["prod-typo"]}"#).unwrap();
    let usage = configured.evaluate(&World::new().context(), products).unwrap().usage;
    let message = "`prod-typo` in exclude_ids is not in snapshot 42".to_owned();
    assert_eq!(usage.logs, [LogLine { level: LogLevel::Warn, message }]);
}

/// Runs over 10,000 products, every tenth of them labelled, and tells what that took.
fn ten_thousand(path: &Path) -> Evaluation {
    let started = Instant::now();
    let filter = load(path);
    let loaded = started.elapsed();
    let configured = filter.configure(CONFIG).unwrap();
    let ids: Vec<_> = (0..10_000).map(|n| ProductId::new(&format!("prod-{n:013}")).unwrap()).collect();
    let (many, few) = (["eu-only".to_owned(), "genai".to_owned()], ["eu-only".to_owned()]);
    let kinds = ["AmazonMachineImage".to_owned()];
    let product = |(n, id)| Product {
        name: Some("A product with a name of ordinary length"),
        manufacturer: Some("Example Corporation"),
        categories: &kinds,
        fulfillment_types: &kinds,
        labels: if n % 10 == 0 { &many } else { &few },
        ..Product::new(id, Status::Approved)
    };
    let products: Vec<_> = ids.iter().enumerate().map(product).collect();
    let evaluation = configured.evaluate(&World::new().context(), &products).unwrap();
    let usage = &evaluation.usage;
    println!(
        "loaded in {loaded:.1?}; 10,000 products in {:.1?}, {} fuel, {} KiB",
        usage.elapsed,
        usage.fuel_used,
        usage.peak_memory_bytes / 1024
    );
    evaluation
}

#[test]
fn the_prebuilt_component_is_the_recorded_one_and_behaves() {
    let digest = Digest::of(&std::fs::read(prebuilt()).unwrap());
    assert_eq!(digest.hex(), recorded("sha256"));
    behaves(&prebuilt());
}

#[test]
fn the_prebuilt_component_tells_nothing_of_the_machine_that_built_it() {
    let bytes = std::fs::read(prebuilt()).unwrap();
    // Where people and this machine keep things; what is built elsewhere is seen by the parts that
    // are common.
    let here = [Some(env!("CARGO_MANIFEST_DIR").to_owned()), std::env::var("HOME").ok()];
    let common = ["/home/", "/Users/", "/tmp/", "/usr/", ".cargo/", ".rustup/", "C:\\"].map(str::to_owned);
    for path in here.into_iter().flatten().filter(|path| path.len() > 1).chain(common) {
        assert!(!bytes.windows(path.len()).any(|window| window == path.as_bytes()), "{path}");
    }
}

#[test]
#[ignore = "two minutes of compiling, Rust's standard library included: .ci/steps/filters runs it beside the other filters"]
fn the_component_built_from_source_is_the_prebuilt_one() {
    let (Some(route), Some(built)) = (build_script(&["--route"]), build_script(&[])) else { return };
    let built = Path::new(&built);
    behaves(built);
    if recorded("built by") == route {
        assert!(
            std::fs::read(built).unwrap() == std::fs::read(prebuilt()).unwrap(),
            "the checked-in component is not what its source says: run filters/examples/exclude-products/build.sh --update"
        );
    } else {
        println!("other compiler than the recorded one ({route}): only the behaviour is compared");
        assert_eq!(ten_thousand(built).decisions, ten_thousand(&prebuilt()).decisions);
    }
}

#[test]
fn the_same_input_takes_the_same_fuel() {
    let (first, second) = (ten_thousand(&prebuilt()), ten_thousand(&prebuilt()));
    assert_eq!(first.verdicts.len(), 1000);
    assert_eq!(first.decisions, second.decisions);
    assert_eq!(first.usage.fuel_used, second.usage.fuel_used);
    assert_eq!(first.usage.peak_memory_bytes, second.usage.peak_memory_bytes);
}

#[test]
fn twenty_thousand_products_stay_far_within_the_default_limits() {
    let usage = ten_thousand(&prebuilt()).usage;
    let limits = Limits::default();
    assert!(2 * usage.fuel_used < limits.fuel / 10, "{usage:?}");
    assert!(2 * usage.peak_memory_bytes < limits.memory_bytes / 2, "{usage:?}");
}
