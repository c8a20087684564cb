//! axe-core, which looks for what keeps people from using a page: from npm, as
//! `axe/package-lock.json` pins it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::driver::Browser;

/// The rules: WCAG 2.2 at level AA, and what its makers recommend besides.
const RULES: &str = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']";

/// Its source; nothing where there is no npm to fetch it with. Where `PMP_REQUIRE_BROWSER` is set
/// it must be there.
pub(crate) fn source() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    let installed = install(&folder);
    let required = std::env::var_os("PMP_REQUIRE_BROWSER").is_some();
    assert!(installed.is_ok() || !required, "axe-core is required: {}", installed.unwrap_err());
    installed.ok().map(|file| std::fs::read_to_string(file).unwrap())
}

fn install(folder: &Path) -> Result<PathBuf, String> {
    let file = folder.join("node_modules/axe-core/axe.min.js");
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/axe");
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

/// What it finds on the page that is open: a line for each rule that is violated, with the
/// elements. How many rules passed.
pub(crate) fn look(browser: &Browser, source: &str) -> (usize, Vec<String>) {
    browser.evaluate(source);
    let found = browser.evaluate_async(&format!(
        "const done = arguments[arguments.length - 1];
         axe.run({{ runOnly: {RULES} }}).then(done, (error) => done({{ error: String(error) }}))"
    ));
    assert!(found["error"].is_null(), "{found}");
    let rules = found["violations"].as_array().unwrap().iter().map(|rule| {
        let nodes = rule["nodes"].as_array().unwrap().iter();
        let nodes: Vec<_> = nodes.map(|node| format!("{} {}", node["target"], node["failureSummary"])).collect();
        format!("{}: {}", rule["id"].as_str().unwrap(), nodes.join("; "))
    });
    (found["passes"].as_array().map_or(0, Vec::len), rules.collect::<Vec<String>>())
}

/// That there was something to look at: a page that is not there violates nothing.
pub(crate) const LEAST_RULES: usize = 30;

/// The elements that can be clicked and are seen, and are smaller than `least` CSS pixels, with
/// their sizes.
pub(crate) fn small_targets(browser: &Browser, least: u32) -> Vec<Value> {
    let found = browser.evaluate(&format!(
        "return [...document.querySelectorAll('a, button, input:not([type=hidden]), select')]
           .map((element) => [element, element.getBoundingClientRect()])
           .filter(([, box]) => box.width > 0 && (box.width < {least} || box.height < {least}))
           .map(([element, box]) => `${{element.outerHTML.slice(0, 80)}} ${{box.width}}×${{box.height}}`)"
    ));
    found.as_array().unwrap().clone()
}
