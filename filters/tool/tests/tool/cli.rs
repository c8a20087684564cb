//! The program `pmp-filter` on the worked filter `exclude-products`, as its author would use it.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use pmp_protocol::Digest;
use serde_json::Value;

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/exclude-products").join(file)
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(arguments: &[&str]) -> Ran {
    let mut command = Command::cargo_bin("pmp-filter").unwrap();
    let output = command.env_clear().args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

fn filter() -> String {
    example("exclude-products.wasm").display().to_string()
}

fn written(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

const PRODUCTS: &str = r#"{"products":[
    {"id":"prod-1","name":"Plain"},
    {"id":"prod-2","name":"Clever","labels":["genai"]},
    {"id":"prod-3","status":"rejected","labels":["genai"]}]}"#;

#[test]
fn inspect_says_what_a_filter_is() {
    let ran = run(&["inspect", &filter()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for part in
        ["exclude-products", "pmp-sync:filter@1.0.0", "pmp-sync:filter/logging@1.0.0", "exclude_labels", "array"]
    {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    let json: Value = serde_json::from_str(&run(&["inspect", &filter(), "-o", "json"]).out).unwrap();
    let bytes = std::fs::read(example("exclude-products.wasm")).unwrap();
    assert_eq!(json["digest"], Digest::of(&bytes).to_string());
    assert_eq!(json["settings_schema"]["type"], "object");
}

#[test]
fn a_built_in_filter_is_inspected_and_run_by_its_name() {
    let ran = run(&["inspect", "exclude-vendors"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for part in ["exclude-vendors", "1.2.0", "built into pmp-spoke", "unknown"] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    let json: Value = serde_json::from_str(&run(&["inspect", "exclude-ids", "-o", "json"]).out).unwrap();
    assert_eq!((&json["built_in"], &json["bytes"]), (&Value::Bool(true), &Value::Null));

    let folder = tempfile::tempdir().unwrap();
    let products = written(&folder, "products.json", PRODUCTS);
    let ran = run(&["run", "exclude-ids", "--products", &products, "--settings", r#"{"ids":["prod-2"]}"#]);
    assert!(ran.out.contains("1 kept, 1 excluded, 0 rejected by the filter"), "{}{}", ran.out, ran.err);
    let ran = run(&[
        "bench",
        "rules",
        "--count",
        "100",
        "--settings",
        r#"{"only-categories":{"categories":["Category 1"]}}"#,
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

#[test]
fn run_prints_decisions_like_a_plan_and_the_cost_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let products = written(&folder, "products.json", PRODUCTS);
    let settings = r#"{"exclude_labels":["genai"]}"#;
    let ran = run(&["run", &filter(), "--products", &products, "--settings", settings]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("o exclude  prod-2"), "{}", ran.out);
    assert!(ran.out.contains("the label `genai` is in exclude_labels"), "{}", ran.out);
    assert!(
        ran.out.ends_with("3 products: 1 kept, 1 excluded, 0 rejected by the filter; 1 rejected by the hub.\n"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("units of fuel"), "{}", ran.err);
}

#[test]
fn run_takes_the_content_of_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let content = r#"{"approved":["prod-a","prod-b"],"experience":"exp-1","notes":{"prod-b":"GenAI"},"policy_resource_requests":"Allow","rejected":[]}"#;
    let products = written(&folder, "snapshot.json", content);
    let settings = written(&folder, "settings.json", r#"{"exclude_labels":["genai"],"exclude_ids":["prod-x"]}"#);
    let ran = run(&["run", &filter(), "--products", &products, "--settings", &format!("@{settings}"), "-o", "json"]);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    let verdicts: Vec<_> =
        json["decisions"].as_array().unwrap().iter().map(|row| row["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["keep", "exclude"]);
    assert!(ran.err.contains("log: warn: `prod-x` in exclude_ids is not in snapshot 1"), "{}", ran.err);
}

const CASES: &str = r#"
[[cases]]
name = "generative AI is excluded"
settings = { exclude_labels = ["genai"] }
products = [{ id = "prod-1", labels = ["genai"], expect = "exclude" }, { id = "prod-2", expect = "keep" }]

[[cases]]
name = "a misspelt setting is refused"
settings = { exclude_label = ["genai"] }
refused = "unknown field `exclude_label`"
"#;

#[test]
fn test_passes_and_fails_with_the_difference() {
    let folder = tempfile::tempdir().unwrap();
    let good = written(&folder, "good.toml", CASES);
    let ran = run(&["test", &filter(), &good, &example("cases.toml").display().to_string()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.ends_with("7 cases: 7 passed, 0 failed\n"), "{}", ran.out);

    let bad = CASES.replace(r#"expect = "exclude""#, r#"expect = "keep""#).replace("exclude_label`", "exclude_x`");
    let bad = written(&folder, "bad.toml", &bad);
    let ran = run(&["test", &filter(), &good, &bad]);
    assert_eq!(ran.code, Some(1));
    for part in [
        "FAILED generative AI is excluded\n       - prod-1 keep\n       + prod-1 exclude: the label `genai` is in exclude_labels",
        "- refused: unknown field `exclude_x`",
        "4 cases: 2 passed, 2 failed",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
}

#[test]
fn update_writes_what_the_filter_decides_and_then_it_passes() {
    let folder = tempfile::tempdir().unwrap();
    let new = CASES.replace(r#", expect = "exclude""#, "").replace(r#"expect = "keep""#, r#"expect = "reject""#);
    let path = written(&folder, "cases.toml", &new);
    assert_eq!(run(&["test", &filter(), &path]).code, Some(1));
    assert_eq!(run(&["test", &filter(), &path, "--update"]).code, Some(0));
    assert_eq!(run(&["test", &filter(), &path]).code, Some(0));
    assert!(std::fs::read_to_string(&path).unwrap().contains("the label `genai` is in exclude_labels"));
}

#[test]
fn bench_prints_what_a_filter_costs() {
    let ran = run(&["bench", &filter(), "--count", "100", "--runs", "2", "-o", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["products"], 100);
    assert!(json["fuel"].as_u64().unwrap() > 0 && json["peak_memory_bytes"].as_u64().unwrap() > 0);
    assert!(run(&["bench", &filter(), "--count", "100", "--runs", "2"]).out.contains("products per second"));
}

#[test]
fn what_goes_wrong_is_said_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let not_wasm = written(&folder, "filter.wasm", "not WebAssembly");
    let ledger = ["run", "exclude-ids", "--settings", r#"{"ids":["p"]}"#, "--ledger", "exp-1"];
    for (arguments, code, part) in [
        (vec!["inspect", "no-such-filter.wasm"], "E1750", "cannot read the filter `no-such-filter.wasm`"),
        (vec!["inspect", &not_wasm], "E2012", "the file is not WebAssembly"),
        (vec!["inspect", "s3://filters/a.wasm"], "E2144", "`s3://filters/a.wasm` is in S3"),
        (vec!["compile", "exclude-ids", "--to", "x"], "E2143", "a built-in filter has no component"),
        (vec!["run", &filter(), "--products", "no-such.json"], "E1750", "cannot read the products `no-such.json`"),
        (vec!["run", &filter(), "--products", &not_wasm], "E2141", "cannot understand the products"),
        (
            vec!["run", &filter(), "--products", &not_wasm, "--settings", "{\"x\":1}"],
            "E2033",
            "refuses its configuration",
        ),
        (ledger.to_vec(), "E2112", "give --snapshots-table, or set PMP_SNAPSHOTS_TABLE"),
        (vec!["test", &filter(), &not_wasm], "E2108", "cannot understand the cases"),
    ] {
        let ran = run(&arguments);
        assert_eq!(ran.code, Some(1), "{arguments:?}");
        assert!(ran.err.contains(part) && ran.err.contains(&format!("code: {code}")), "{code} {part}\n{}", ran.err);
    }
}

#[test]
fn a_question_that_cannot_be_read_ends_the_answers() {
    for (question, code) in [(&b"\xff\n"[..], "code: E2146"), (b"what?\n", "code: E2147")] {
        let mut command = Command::cargo_bin("pmp-filter").unwrap();
        let output = command.env_clear().arg("decide").write_stdin(question).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(code), "{said}");
    }
}
