//! Python on CPython, by componentize-py from PyPI, in a virtual environment within the project.

use std::path::Path;
use std::process::Command;

use super::tool::Tool;
use super::{BuildError, place, result};
use crate::project::{Project, WORLD};

const PYTHON: Tool = Tool {
    what: "`python3`, 3.10 or newer, with the module venv,",
    install: "on Debian `apt-get install python3 python3-venv`, on a Mac `brew install python`",
};
const COMPILER: Tool =
    Tool { what: "the compiler `componentize-py`", install: "name it in requirements.txt: `componentize-py==0.25.1`" };
/// The requirements that were installed last, kept in the environment. A difference shows that they
/// have changed.
const INSTALLED: &str = ".venv/installed-requirements.txt";

pub(super) fn build(project: &Project) -> Result<Vec<u8>, BuildError> {
    let root = project.root();
    let python = root.join(".venv/bin/python");
    if !python.exists() {
        let usable = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";
        PYTHON.ask(Command::new("python3").args(["-c", usable])).map_err(|_| PYTHON.missing())?;
        PYTHON.run(Command::new("python3").args(["-m", "venv"]).arg(root.join(".venv")))?;
    }
    if !is_installed(root) {
        let requirements = root.join("requirements.txt");
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        PYTHON.run(Command::new(&python).args(pip).arg(&requirements))?;
        // Without this copy, the requirements are only installed again the next time.
        let _lost = std::fs::copy(requirements, root.join(INSTALLED));
    }
    let component = place(project)?;
    let mut compiler = Command::new(root.join(".venv/bin/componentize-py"));
    compiler.arg("--quiet").arg("--wit-path").arg(project.wit()).args(["--world", WORLD, "componentize"]);
    // A filter gets no WASI. Modules are looked for only in the project, not in an active
    // environment.
    compiler.arg("--stub-wasi").arg("--python-path").arg(root).arg("--output").arg(&component).arg("app");
    COMPILER.run(compiler.env("VIRTUAL_ENV", "").env("PYTHONDONTWRITEBYTECODE", "1"))?;
    result(&component)
}

fn is_installed(root: &Path) -> bool {
    let (Ok(wanted), Ok(installed)) =
        (std::fs::read(root.join("requirements.txt")), std::fs::read(root.join(INSTALLED)))
    else {
        return false;
    };
    wanted == installed
}
