//! Builds Rust for `wasm32-unknown-unknown`, which has no WASI. rustc's own linker
//! `wasm-component-ld` makes it a component.
//!
//! There are two ways, and the first one that is available is used: the target from rustup, or
//! Debian's compiler, which builds the standard library from its source.
//! `filters/examples/exclude-products/build.sh` does the same with the same flags.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::tool::Tool;
use super::{BuildError, place, result};
use crate::project::Project;

const CARGO: Tool = Tool {
    what: "Rust with cargo, 1.90 or newer,",
    install: "install it from https://rustup.rs, and open a new shell",
};
const TARGET: Tool = Tool {
    what: "a compiler for wasm32-unknown-unknown",
    install: "`rustup target add wasm32-unknown-unknown`; on Debian, `apt-get install --no-install-recommends rustc-web \
              rust-web-src` does as well",
};
const LINKER: Tool = Tool {
    what: "`wasm-component-ld`, which comes with Rust from rustup,",
    install: "install Rust from https://rustup.rs",
};
const TRIPLE: &str = "wasm32-unknown-unknown";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

struct Route {
    rustc: PathBuf,
    /// Whether the standard library is built from its source.
    build_std: bool,
    /// The path that must not appear in the component, and its replacement.
    source: PathBuf,
}

pub(super) fn build(project: &Project) -> Result<Vec<u8>, BuildError> {
    let sysroot = sysroot(Path::new("rustc"), &CARGO)?;
    let route = route(&sysroot)?;
    let version = CARGO.ask(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| BuildError::Answer { tool: "rustc -vV".to_owned() })?;
    let tools = sysroot.join("lib/rustlib").join(host).join("bin");
    let linker = tools.join("wasm-component-ld");
    if !linker.is_file() {
        return Err(LINKER.missing());
    }
    let manifest = project.root().join("Cargo.toml");
    CARGO.run(Command::new("cargo").args(["fetch", "--quiet", "--manifest-path"]).arg(&manifest))?;

    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--target", TRIPLE, "--message-format", "json-render-diagnostics"]);
    cargo.arg("--manifest-path").arg(&manifest);
    if route.build_std {
        // Building the standard library is not a stable feature of cargo yet.
        cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
    }
    cargo.env("RUSTC", &route.rustc).env("CARGO_ENCODED_RUSTFLAGS", flags(&tools, &route).join("\x1f"));
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    for variable in ["RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(variable);
    }
    let built = artifact(&CARGO.ask(&mut cargo)?).ok_or_else(|| BuildError::NoComponent {
        path: project.component(),
        source: std::io::Error::new(std::io::ErrorKind::NotFound, "the package has no library of the type `cdylib`"),
    })?;
    let component = place(project)?;
    std::fs::copy(built, &component).map_err(|source| BuildError::Place { path: component.clone(), source })?;
    result(&component)
}

fn sysroot(rustc: &Path, tool: &Tool) -> Result<PathBuf, BuildError> {
    Ok(tool.ask(Command::new(rustc).args(["--print", "sysroot"]))?.trim().into())
}

fn route(sysroot: &Path) -> Result<Route, BuildError> {
    if sysroot.join("lib/rustlib").join(TRIPLE).join("lib").is_dir() {
        return Ok(Route { rustc: sysroot.join("bin/rustc"), build_std: false, source: source(sysroot) });
    }
    let debian = Path::new(DEBIAN_RUSTC);
    let Some(sysroot) = debian.is_file().then(|| self::sysroot(debian, &TARGET)).transpose()? else {
        return Err(TARGET.missing());
    };
    let source = source(&sysroot);
    if source.join("library").is_dir() {
        Ok(Route { rustc: debian.to_owned(), build_std: true, source })
    } else {
        Err(TARGET.missing())
    }
}

fn source(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib/src/rust")
}

/// No path of this machine may be in the component: it would reveal the builder, and change the
/// digest. The project's own files are already named relative to its root.
fn flags(tools: &Path, route: &Route) -> Vec<String> {
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags = vec![
        format!("-Clink-arg=--wasm-ld-path={}", tools.join("gcc-ld/wasm-ld").display()),
        remap(&route.source, "/rust"),
    ];
    flags.extend(std::fs::canonicalize(&route.source).ok().map(|source| remap(&source, "/rust")));
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    // The folder of the crates has a name that depends on the registry in use.
    let crates = home.and_then(|home| home.join("registry/src").read_dir().ok());
    let mut crates: Vec<_> = crates.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    crates.sort();
    flags.extend(crates.iter().map(|crates| remap(crates, "/crates")));
    flags
}

/// The parts of cargo's messages that matter here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The component in cargo's output: the last WebAssembly file that it names.
fn artifact(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let mut files =
        messages.filter(|message| message.reason == "compiler-artifact").flat_map(|message| message.filenames);
    files.rfind(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_the_last_wasm_file_that_cargo_names() {
        let messages = r#"{"reason":"compiler-artifact","filenames":["/t/libsdk.rlib"]}
{"reason":"compiler-artifact","filenames":["/t/my_filter.wasm"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(artifact(messages), Some("/t/my_filter.wasm".into()));
        assert_eq!(artifact(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
