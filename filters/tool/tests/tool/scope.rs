//! A filter that says which experiences it manages is asked so by every command, as by a spoke.

use assert_cmd::Command;
use serde_json::Value;

use crate::guests::{Guest, NOT_MANAGED, OWN_ERROR};

/// Answers `ok(managed, none)`: nothing but a one stands where the answer is.
const MANAGED: &str = "(i32.store8 offset=4 (i32.const 320) (i32.const 1)) (i32.const 320)";

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// A filter whose `manages` has this body, asked by a command.
fn run(manages: &str, arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f.wasm"), Guest { manages: Some(manages), ..Guest::default() }.component())
        .unwrap();
    std::fs::write(folder.path().join("products.json"), r#"{"products":[{"id":"prod-1"},{"id":"prod-2"}]}"#).unwrap();
    std::fs::write(folder.path().join("cases.toml"), CASES).unwrap();
    let mut command = Command::cargo_bin("pmp-filter").unwrap();
    let output = command.env_clear().current_dir(folder.path()).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

const CASES: &str = r#"
[[cases]]
name = "it keeps"
products = [{ id = "prod-1", expect = "keep" }]

[[cases]]
name = "it is not managed"
not_managed = "not my day"
"#;
const RUN: [&str; 4] = ["run", "f.wasm", "--products", "products.json"];
const BENCH: [&str; 6] = ["bench", "f.wasm", "--count", "10", "--runs", "1"];

#[test]
fn run_says_that_an_experience_is_not_managed() {
    let ran = run(NOT_MANAGED, &RUN);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(0), "`exp-example` is not managed: it's not my day. Nothing would be changed there.\n")
    );
    let json: Value = serde_json::from_str(&run(NOT_MANAGED, &[&RUN[..], &["-o", "json"]].concat()).out).unwrap();
    assert_eq!((&json["managed"], &json["reason"]), (&Value::Bool(false), &"it's not my day".into()));
    assert_eq!(json["decisions"].as_array().unwrap().len(), 0);
    let ran = run(NOT_MANAGED, &[&RUN[..], &["-o", "ndjson"]].concat());
    assert!(ran.out.is_empty() && ran.err.contains("is not managed: it's not my day"), "{}", ran.err);
}

#[test]
fn run_says_that_it_is_managed_and_decides() {
    let ran = run(MANAGED, &RUN);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("the filter manages `exp-example`"), "{}", ran.err);
    assert!(ran.out.starts_with("2 products: 2 kept"), "{}", ran.out);
    let json: Value = serde_json::from_str(&run(MANAGED, &[&RUN[..], &["-o", "json"]].concat()).out).unwrap();
    assert_eq!((&json["managed"], json["decisions"].as_array().unwrap().len()), (&Value::Bool(true), 2));
}

#[test]
fn what_goes_wrong_when_it_is_asked_fails_every_command() {
    for (manages, said) in
        [("unreachable", "the filter trapped"), (OWN_ERROR, "the filter returned an error: it's not my day")]
    {
        for command in [&RUN[..], &BENCH[..]] {
            let ran = run(manages, command);
            assert_eq!(ran.code, Some(1), "{command:?} {}", ran.out);
            assert!(ran.err.contains(said), "{said}: {}", ran.err);
        }
        let ran = run(manages, &["test", "f.wasm", "cases.toml"]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.out.contains(&format!("+ refused: {said}")) || ran.out.contains(said), "{said}: {}", ran.out);
    }
}

#[test]
fn one_that_is_asked_in_vain_used_up_its_limits() {
    // Each round costs ten thousand units of fuel, and next to no time: what has no effect is
    // counted, and not compiled.
    let costly = "(drop (i32.const 0))".repeat(10_000);
    let ran = run(&format!("(loop $l {costly} (br $l)) (i32.const 0)"), &RUN);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.err.contains("used up its 5000000000 units of fuel"), "{}", ran.err);
}

#[test]
fn cases_can_expect_that_an_experience_is_not_managed() {
    let ran = run(NOT_MANAGED, &["test", "f.wasm", "cases.toml"]);
    assert_eq!(ran.code, Some(1));
    for part in [
        "FAILED it keeps\n       + not managed: it's not my day\n         a case expects this with `not_managed = \"…\"`",
        "ok     it is not managed",
        "2 cases: 1 passed, 1 failed",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    let ran = run(MANAGED, &["test", "f.wasm", "cases.toml"]);
    for part in ["ok     it keeps", "FAILED it is not managed\n       - not managed: not my day\n       + it decided"] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
}

#[test]
fn bench_measures_nothing_where_the_experience_is_not_managed() {
    let ran = run(NOT_MANAGED, &BENCH);
    assert_eq!(ran.code, Some(1), "{}", ran.out);
    assert!(ran.err.contains("the filter does not manage `exp-example`: it's not my day"), "{}", ran.err);
    assert!(ran.err.contains("code: E2140"), "{}", ran.err);
    let ran = run(MANAGED, &BENCH);
    assert!(ran.out.contains("Scope       ") && ran.out.contains("ms: managed"), "{}{}", ran.out, ran.err);
}
