//! A filter's project, from `new` to `test`, as its author goes. The toolchains themselves run in
//! `filters/newcomer/run`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the program in a folder, where no tool of the machine is to be found.
fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::cargo_bin("pmp-filter").unwrap();
    command.env_clear().env("PATH", "/nowhere").current_dir(folder).args(arguments);
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/exclude-products").join(file)
}

/// A project with the component of a worked filter, as if `build` had made it.
fn built(within: &Path) -> PathBuf {
    assert_eq!(run(within, &["new", "rust", "no-genai"]).code, Some(0));
    let project = within.join("no-genai");
    std::fs::create_dir(project.join("build")).unwrap();
    std::fs::copy(example("exclude-products.wasm"), project.join("build/no-genai.wasm")).unwrap();
    project
}

#[test]
fn new_makes_a_project_in_every_language_and_says_what_is_next() {
    let folder = tempfile::tempdir().unwrap();
    for (language, own) in [("rust", "src/lib.rs"), ("javascript", "src/policy.js"), ("python", "policy.py")] {
        let name = format!("no-{language}");
        let ran = run(folder.path(), &["new", language, &name]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.contains(&format!("cd {name}\n  pmp-filter build\n  pmp-filter test\n")), "{}", ran.out);
        for file in [own, "filter.toml", "cases.toml", "products.json", "README.md", ".gitignore"] {
            assert!(folder.path().join(&name).join(file).is_file(), "{language}: {file}");
        }
    }
    let ran = run(folder.path(), &["new", "js", "short", "-o", "json"]);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&json["language"], &json["folder"]), (&"javascript".into(), &"short".into()));
}

#[test]
fn new_touches_nothing_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    let ran = run(folder.path(), &["new", "python", "mine"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("`mine` is there already") && ran.err.contains("code: E2114"), "{}", ran.err);
    assert_eq!(folder.path().join("mine").read_dir().unwrap().count(), 0);
    for name in ["../mine", "Mine", "a--b"] {
        let ran = run(folder.path(), &["new", "python", name]);
        assert_eq!(ran.code, Some(1), "{name}");
        assert!(ran.err.contains("a filter's name is"), "{}", ran.err);
    }
    std::fs::write(folder.path().join("file"), "").unwrap();
    let ran = run(folder.path(), &["new", "python", "yours", "--within", "file"]);
    assert!(ran.err.contains("cannot write `file/yours/") && ran.err.contains("code: E2115"), "{}", ran.err);
}

#[test]
fn build_names_what_is_missing_and_what_brings_it() {
    let folder = tempfile::tempdir().unwrap();
    for (language, missing, brings) in [
        ("rust", "error: Rust with cargo, 1.90 or newer, is not there", "hint: install it from https://rustup.rs"),
        (
            "javascript",
            "error: `npm`, which comes with Node.js 18 or newer, is not there",
            "apt-get install nodejs npm",
        ),
        ("python", "error: `python3`, 3.10 or newer, with the module venv, is not there", "python3-venv"),
    ] {
        run(folder.path(), &["new", language, language]);
        let ran = run(folder.path(), &["build", language]);
        assert_eq!(ran.code, Some(1), "{language}");
        assert!(ran.err.contains(missing) && ran.err.contains(brings), "{}", ran.err);
        assert!(ran.err.contains("code: E2101"), "{}", ran.err);
    }
}

#[test]
fn a_build_that_fails_says_at_which_step() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["new", "javascript", "mine"]);
    let project = folder.path().join("mine");
    // Its packages are there: only `node` is called, with the path of the component at the end.
    std::fs::create_dir_all(project.join("node_modules/componentize-qjs")).unwrap();
    std::fs::write(project.join("node_modules/.package-lock.json"), "{}").unwrap();
    let tools = folder.path().join("tools");
    std::fs::create_dir(&tools).unwrap();
    let node = tools.join("node");
    std::fs::write(&node, "#!/bin/sh\n. ./node.sh\n").unwrap();
    let mode = |mode| std::fs::set_permissions(&node, std::fs::Permissions::from_mode(mode)).unwrap();
    let build = |script: &str| {
        std::fs::write(folder.path().join("node.sh"), script).unwrap();
        let mut command = Command::cargo_bin("pmp-filter").unwrap();
        command.env_clear().env("PATH", &tools).current_dir(folder.path()).args(["build", "mine"]);
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    let told = |script: &str, code: &str, part: &str| {
        let said = build(script);
        assert!(said.contains(part) && said.contains(&format!("code: {code}")), "{code} {part}\n{said}");
    };
    mode(0o644);
    told("", "E2102", "cannot run `node ");
    mode(0o755);
    told("exit 7", "E2103", "failed (exit status: 7)");
    told("", "E2107", "the build ended without a component at `mine/build/mine.wasm`");
    let copy = format!("for to; do :; done; /bin/cp '{}' \"$to\"", example("exclude-products.wasm").display());
    let case = "[[cases]]\nname = \"it keeps\"\nsettings = { exclude = [] }\nproducts = [{ id = \"prod-1\" }]";
    std::fs::write(project.join("cases.toml"), case).unwrap();
    told(&copy, "E2106", "the component was built, and fails in the case \"it keeps\"");
    std::fs::remove_dir_all(project.join("build")).unwrap();
    std::fs::write(project.join("build"), "a file").unwrap();
    told(&copy, "E2105", "cannot make a place for `mine/build/mine.wasm`");
}

#[test]
fn a_folder_that_is_no_project_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["build"][..], &["test"], &["inspect"], &["bench", "."]] {
        let ran = run(folder.path(), arguments);
        assert_eq!(ran.code, Some(1), "{arguments:?}");
        assert!(ran.err.contains("is no filter's project: it has no `filter.toml`"), "{}", ran.err);
        assert!(ran.err.contains("code: E2116"), "{}", ran.err);
    }
    std::fs::create_dir(folder.path().join("filter.toml")).unwrap();
    let ran = run(folder.path(), &["build"]);
    assert!(ran.err.contains("cannot read `./filter.toml`") && ran.err.contains("code: E2117"), "{}", ran.err);
    std::fs::remove_dir(folder.path().join("filter.toml")).unwrap();
    std::fs::write(folder.path().join("filter.toml"), "name = \"a\"\nlanguage = \"cobol\"\n").unwrap();
    let ran = run(folder.path(), &["build"]);
    assert!(ran.err.contains("unknown variant `cobol`, expected one of `rust`, `javascript`, `python`"), "{}", ran.err);
    assert!(ran.err.contains("code: E2118"), "{}", ran.err);
}

#[test]
fn a_project_that_is_not_built_says_how_to_build_it() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["new", "rust", "no-genai"]);
    let ran = run(folder.path(), &["test", "./no-genai"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("the filter `no-genai` is not built yet"), "{}", ran.err);
    assert!(ran.err.contains("hint: build it with `pmp-filter build`"), "{}", ran.err);
    assert!(ran.err.contains("code: E2119"), "{}", ran.err);
}

#[test]
fn within_a_project_nothing_needs_to_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let project = built(folder.path());
    let ran = run(&project, &["test"]);
    assert!(ran.out.ends_with("4 cases: 4 passed, 0 failed\n"), "{}{}", ran.out, ran.err);
    let ran = run(&project, &["run", "--products", "products.json", "--settings", r#"{"exclude_labels":["genai"]}"#]);
    assert!(ran.out.contains("o exclude  prod-assistant"), "{}{}", ran.out, ran.err);
    assert!(run(&project, &["inspect"]).out.contains("pmp-sync:filter@1.0.0"));
    // The same from elsewhere, by the folder's name.
    assert_eq!(run(folder.path(), &["test", "./no-genai"]).code, Some(0));
}

#[test]
fn a_component_without_a_project_needs_its_cases_named() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["test", &example("exclude-products.wasm").display().to_string()]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("there are no test cases to hold the filter to"), "{}", ran.err);
    assert!(ran.err.contains("code: E2136"), "{}", ran.err);
}

#[test]
fn run_takes_the_products_of_a_world() {
    let folder = tempfile::tempdir().unwrap();
    let filter = example("exclude-products.wasm").display().to_string();
    let world = |extension: &str| {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/local/data");
        data.join(format!("world.{extension}")).display().to_string()
    };
    let settings = ["--settings", r#"{"exclude_labels":["generative-ai"]}"#];
    let mut told = Vec::new();
    for extension in ["toml", "yaml"] {
        let world = world(extension);
        let ran = run(folder.path(), &[&["run", &filter, "--world", &world, "-o", "wide"], &settings[..]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.contains("o exclude  prod-assistant"), "{}", ran.out);
        assert!(ran.out.ends_with("1 excluded, 0 rejected by the filter; 1 rejected by the hub.\n"), "{}", ran.out);
        told.push(ran.out);
    }
    assert_eq!(told[0], told[1]);

    let other = run(folder.path(), &["run", &filter, "--world", &world("toml"), "--management-experience", "exp-none"]);
    assert!(other.err.contains("the world has no experience `exp-none`, but `exp-management`"), "{}", other.err);
    assert!(other.err.contains("code: E2138"), "{}", other.err);
    let missing = run(folder.path(), &["run", &filter, "--world", "none.toml"]);
    assert!(missing.err.contains("cannot read the world") && missing.err.contains("code: E2137"), "{}", missing.err);
    let both = run(folder.path(), &["run", &filter, "--world", &world("toml"), "--products", "x.json"]);
    assert!(both.err.contains("cannot be used with"), "{}", both.err);
    let neither = run(folder.path(), &["run", &filter]);
    assert!(neither.err.contains("--products") && neither.err.contains("--ledger"), "{}", neither.err);
}

#[test]
fn a_worlds_member_experience_is_met_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let world = r#"{
        "organizations": [
            {"id": "o-hub0000001", "name": "Hub", "management_account": "111111111111", "experiences": [
                {"id": "exp-management", "name": "Management", "policy": {"id": "policy-1", "approved": ["prod-a"]}}]},
            {"id": "o-member0001", "name": "Member", "management_account": "222222222222", "experiences": [
                {"id": "exp-member", "name": "Member production"}]}],
        "products": [{"id": "prod-a", "manufacturer": "Example Security", "fulfillment": "SaaS"}]
    }"#;
    std::fs::write(folder.path().join("world.json"), world).unwrap();
    let settings = r#"{"vendors":["example security"]}"#;
    let vendors =
        ["run", "exclude-vendors", "--world", "world.json", "--settings", settings, "--experience", "exp-member"];
    let ran = run(folder.path(), &vendors);
    assert!(ran.out.contains("o exclude  prod-a"), "{}{}", ran.out, ran.err);
    let ran = run(
        folder.path(),
        &[
            "run",
            "exclude-ids",
            "--world",
            "world.json",
            "--settings",
            r#"{"ids":["p"]}"#,
            "--management-experience",
            "exp-member",
        ],
    );
    assert!(ran.err.contains("the experience `exp-member` of the world has no policy"), "{}", ran.err);
    assert!(ran.err.contains("code: E2139"), "{}", ran.err);
}
