//! JavaScript on QuickJS, by componentize-qjs from npm.

use std::path::Path;
use std::process::Command;

use super::tool::Tool;
use super::{BuildError, place, result};
use crate::project::{Project, WORLD};

const NPM: Tool = Tool {
    what: "`npm`, which comes with Node.js 18 or newer,",
    install: "install Node.js with npm: on Debian `apt-get install nodejs npm`, on a Mac `brew install node`",
};
const COMPILER: Tool = Tool {
    what: "the compiler `componentize-qjs`",
    install: "`npm install --save-dev componentize-qjs@0.4.5` puts it into package.json and the lock file",
};

pub(super) fn build(project: &Project) -> Result<Vec<u8>, BuildError> {
    let root = project.root();
    if !is_installed(root) {
        // This installs exactly the packages of the lock file, by digest. No script of a package is
        // run.
        let command = if root.join("package-lock.json").is_file() { "ci" } else { "install" };
        let quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        NPM.run(Command::new("npm").arg(command).args(quiet).current_dir(root))?;
    }
    let component = place(project)?;
    // Node.js starts the compiler directly, so that no shell interprets the arguments.
    let mut compiler = Command::new("node");
    compiler.arg(root.join("node_modules/componentize-qjs/cli.mjs"));
    compiler.arg("--wit").arg(project.wit()).args(["--world", WORLD]);
    compiler.arg("--js").arg(root.join("src/filter.js"));
    // A filter gets no WASI, and the contract's functions are synchronous.
    compiler.args(["--stub-wasi", "--sync"]).arg("--output").arg(&component);
    if !root.join("node_modules/componentize-qjs").is_dir() {
        return Err(COMPILER.missing());
    }
    NPM.run(&mut compiler)?;
    result(&component)
}

/// Whether the installed packages are at least as new as the lock file. npm leaves a copy of that
/// file.
fn is_installed(root: &Path) -> bool {
    let changed = |file: &str| root.join(file).metadata().and_then(|metadata| metadata.modified()).ok();
    match (changed("node_modules/.package-lock.json"), changed("package-lock.json")) {
        (Some(installed), Some(pinned)) => installed >= pinned,
        (installed, _) => installed.is_some(),
    }
}
