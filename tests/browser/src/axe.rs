//! axe-core, which looks for what keeps people from using a page: from npm, as
//! `axe/package-lock.json` pins it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::driver::Browser;

/// The rules: WCAG 2.2 at level AA, and what its makers recommend besides.
const RULES: &str = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";

/// The source of axe-core, as npm has it.
#[derive(Debug)]
pub struct Axe(String);

/// What it found on a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// How many rules passed.
    pub passed: usize,
    /// A line for each rule that is violated, with the elements.
    pub violations: Vec<String>,
    /// The elements of which it could not tell whether their contrast is enough.
    pub unsure: Vec<String>,
}

impl Axe {
    /// Fetches it; nothing where there is no npm to do it with. Where `PMP_REQUIRE_BROWSER` is set
    /// it must be there.
    #[must_use]
    pub fn fetch() -> Option<Self> {
        // Beside the tests' own programs, and so below the target folder.
        let test = std::env::current_exe().unwrap();
        let folder = test.parent().and_then(Path::parent).unwrap().join("axe");
        let installed = install(&folder);
        let required = std::env::var_os("PMP_REQUIRE_BROWSER").is_some();
        assert!(installed.is_ok() || !required, "axe-core is required: {}", installed.unwrap_err());
        installed.ok().map(|file| Self(std::fs::read_to_string(file).unwrap()))
    }

    /// Looks at the page that is open.
    #[must_use]
    pub fn look(&self, browser: &Browser) -> Found {
        browser.evaluate(&self.0);
        // Of what passed only the number is needed: on a large page the rest is megabytes.
        let found = browser.evaluate_async(&format!(
            "const done = arguments[arguments.length - 1];
             const told = (rules) => rules.map((rule) => ({{ id: rule.id,
               nodes: rule.nodes.slice(0, 50).map((node) => `${{node.target}} ${{node.failureSummary}}`) }}));
             axe.run({{ runOnly: {RULES}, resultTypes: ['violations', 'incomplete'] }}).then(
               (found) => done({{ passed: found.passes.length, violations: told(found.violations), incomplete: told(found.incomplete) }}),
               (error) => done({{ error: String(error) }}))"
        ));
        assert!(found["error"].is_null(), "{found}");
        let nodes = |rule: &Value| -> Vec<String> {
            rule["nodes"].as_array().unwrap().iter().map(|node| node.as_str().unwrap().to_owned()).collect()
        };
        let line = |rule: &Value| format!("{}: {}", rule["id"].as_str().unwrap(), nodes(rule).join("; "));
        let unsure = found["incomplete"].as_array().unwrap().iter().filter(|rule| rule["id"] == "color-contrast");
        Found {
            passed: found["passed"].as_u64().unwrap().try_into().unwrap(),
            violations: found["violations"].as_array().unwrap().iter().map(line).collect(),
            unsure: unsure.flat_map(nodes).collect(),
        }
    }
}

fn install(folder: &Path) -> Result<PathBuf, String> {
    let file = folder.join("node_modules/axe-core/axe.min.js");
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("axe");
    let read = |path: PathBuf| std::fs::read(path).unwrap_or_default();
    // The copy of the lock file is made last of all: what is there without it is not whole.
    let lock = "package-lock.json";
    if file.is_file() && read(folder.join("installed.json")) == read(pinned.join(lock)) {
        return Ok(file);
    }
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    for name in ["package.json", lock] {
        std::fs::copy(pinned.join(name), folder.join(name)).map_err(|error| error.to_string())?;
    }
    let npm =
        Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder).output();
    let npm = npm.map_err(|error| format!("npm: {error} (apt-get install nodejs npm)"))?;
    if !npm.status.success() {
        return Err(String::from_utf8_lossy(&npm.stderr).into_owned());
    }
    std::fs::copy(pinned.join(lock), folder.join("installed.json")).map_err(|error| error.to_string())?;
    Ok(file)
}

/// That there was something to look at: a page that is not there violates nothing.
pub const LEAST_RULES: usize = 30;

/// The elements that can be clicked and are seen, and are smaller than `least` CSS pixels, with
/// their sizes.
pub fn small_targets(browser: &Browser, least: u32) -> Vec<Value> {
    let found = browser.evaluate(&format!(
        "return [...document.querySelectorAll('a, button, input:not([type=hidden]), select')]
           .map((element) => [element, element.getBoundingClientRect()])
           .filter(([, box]) => box.width > 0 && (box.width < {least} || box.height < {least}))
           .map(([element, box]) => `${{element.outerHTML.slice(0, 80)}} ${{box.width}}×${{box.height}}`)"
    ));
    found.as_array().unwrap().clone()
}
