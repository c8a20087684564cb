//! `pmp-filter new`: creates a complete project, with tests, that builds at once.
//!
//! The files are those in `templates/`, which CI builds and tests in every language. The project
//! also gets the contract and the SDK, so that it needs nothing from this repository.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use pmp_protocol::Hint;
use pmp_terminal::{Exit, Failure, Output};
use serde_json::json;

use crate::project::{FilterName, Language, WIT};

/// A file of a template: its path in the project, and its text.
type TemplateFile = (&'static str, &'static str);

const COMMON: &[TemplateFile] = &[
    ("cases.toml", include_str!("../templates/common/cases.toml")),
    ("products.json", include_str!("../templates/common/products.json")),
];

const RUST: &[TemplateFile] = &[
    (".gitignore", include_str!("../templates/rust/gitignore")),
    ("Cargo.lock", include_str!("../templates/rust/Cargo.lock")),
    ("Cargo.toml", include_str!("../templates/rust/Cargo.toml")),
    ("README.md", include_str!("../templates/rust/README.md")),
    ("filter.toml", include_str!("../templates/rust/filter.toml")),
    ("settings.schema.json", include_str!("../templates/rust/settings.schema.json")),
    ("src/lib.rs", include_str!("../templates/rust/src/lib.rs")),
    ("vendor/pmp-filter-names/Cargo.toml", include_str!("../templates/rust/names.toml")),
    ("vendor/pmp-filter-names/src/lib.rs", include_str!("../../names/src/lib.rs")),
    ("vendor/pmp-filter-sdk/Cargo.toml", include_str!("../templates/rust/sdk.toml")),
    ("vendor/pmp-filter-sdk/src/bindings.rs", include_str!("../../sdk/src/bindings.rs")),
    ("vendor/pmp-filter-sdk/src/filter.rs", include_str!("../../sdk/src/filter.rs")),
    ("vendor/pmp-filter-sdk/src/guest.rs", include_str!("../../sdk/src/guest.rs")),
    ("vendor/pmp-filter-sdk/src/lib.rs", include_str!("../../sdk/src/lib.rs")),
    ("vendor/pmp-filter-sdk/src/log.rs", include_str!("../../sdk/src/log.rs")),
    ("vendor/pmp-filter-sdk/src/settings.rs", include_str!("../../sdk/src/settings.rs")),
    ("vendor/pmp-filter-sdk/src/testing.rs", include_str!("../../sdk/src/testing.rs")),
    ("vendor/pmp-filter-sdk/src/values.rs", include_str!("../../sdk/src/values.rs")),
];

const JAVASCRIPT: &[TemplateFile] = &[
    (".gitignore", include_str!("../templates/javascript/gitignore")),
    ("README.md", include_str!("../templates/javascript/README.md")),
    ("filter.toml", include_str!("../templates/javascript/filter.toml")),
    ("package-lock.json", include_str!("../templates/javascript/package-lock.json")),
    ("package.json", include_str!("../templates/javascript/package.json")),
    ("src/filter.js", include_str!("../templates/javascript/src/filter.js")),
    ("src/guard.js", include_str!("../../sdk/javascript/guard.js")),
    ("src/names.js", include_str!("../../names/names.js")),
    ("src/policy.js", include_str!("../templates/javascript/src/policy.js")),
    ("test/policy.test.js", include_str!("../templates/javascript/test/policy.test.js")),
];

const PYTHON: &[TemplateFile] = &[
    (".gitignore", include_str!("../templates/python/gitignore")),
    ("README.md", include_str!("../templates/python/README.md")),
    ("app.py", include_str!("../templates/python/app.py")),
    ("filter.toml", include_str!("../templates/python/filter.toml")),
    ("guard.py", include_str!("../../sdk/python/guard.py")),
    ("names.py", include_str!("../../names/names.py")),
    ("policy.py", include_str!("../templates/python/policy.py")),
    ("requirements.txt", include_str!("../templates/python/requirements.txt")),
    ("test_policy.py", include_str!("../templates/python/test_policy.py")),
];

const CONTRACT: &str = include_str!("../../../wit/filter-1.0.0/filter.wit");

/// The options of `pmp-filter new`.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The language to write the filter in
    #[arg(value_name = "LANG")]
    language: Language,
    /// The filter's name; also that of the new folder
    #[arg(value_name = "NAME")]
    name: FilterName,
    /// The folder in which the project's folder is made
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    within: PathBuf,
}

/// The reason why no project was created.
#[derive(Debug, thiserror::Error)]
enum NewError {
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
}

pmp_protocol::codes!(NewError {
    Exists => "E2114",
    Write => "E2115",
});

impl Hint for NewError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists(_) => Some("choose another name, or remove it".to_owned()),
            Self::Write { .. } => None,
        }
    }
}

impl New {
    /// Writes the project. Existing files are not touched.
    pub(crate) fn execute(self, output: Output) -> Result<Exit, Failure> {
        let root = self.within.join(self.name.as_str());
        // The path as a person would write it.
        let root = root.strip_prefix(".").map(Path::to_owned).unwrap_or(root);
        if root.exists() {
            return Err(NewError::Exists(root).into());
        }
        let files = self.files();
        for (place, text) in &files {
            write(&root.join(place), text)?;
        }
        if !output.is_table() {
            let places: Vec<_> = files.iter().map(|(place, _)| place).collect();
            output.document(&json!({ "name": self.name.as_str(), "language": self.language.to_string(), "folder": root, "files": places }))?;
            return Ok(Exit::Ok);
        }
        output.line(&format!("A {} filter in `{}`. Next:", self.language, root.display()))?;
        for step in [&format!("cd {}", root.display()), "pmp-filter build", "pmp-filter test", RUN] {
            output.pasted(&format!("  {step}"))?;
        }
        Ok(Exit::Ok)
    }

    fn files(&self) -> Vec<(String, String)> {
        let own = match self.language {
            Language::Rust => RUST,
            Language::JavaScript => JAVASCRIPT,
            Language::Python => PYTHON,
        };
        let contract = (format!("{WIT}/filter.wit"), CONTRACT.to_owned());
        let named = own.iter().chain(COMMON).map(|(place, text)| ((*place).to_owned(), self.named(place, text)));
        named.chain([contract]).collect()
    }

    /// The text with the filter's name in place of the template's. The SDK's own files contain no
    /// name.
    fn named(&self, place: &str, text: &str) -> String {
        if place.starts_with("vendor/") {
            return text.to_owned();
        }
        text.replace("my-filter", self.name.as_str()).replace("MyFilter", &pascal(self.name.as_str()))
    }
}

const RUN: &str = r#"pmp-filter run --products products.json --settings '{"exclude_labels":["genai"]}'"#;

/// The name of the filter's type: `NoMachineImages` for `no-machine-images`.
fn pascal(name: &str) -> String {
    let word = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    name.split('-').map(word).collect()
}

fn write(path: &Path, text: &str) -> Result<(), NewError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, text));
    written.map_err(|source| NewError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    fn new(language: Language, within: &Path) -> New {
        New { language, name: "no-machine-images".parse().unwrap(), within: within.to_owned() }
    }

    #[test]
    fn every_file_bears_the_filters_name_instead_of_the_templates() {
        for language in [Language::Rust, Language::JavaScript, Language::Python] {
            let files = new(language, Path::new(".")).files();
            for (place, text) in &files {
                assert!(!text.contains("my-filter") && !text.contains("MyFilter"), "{language}: {place}");
            }
            assert!(files.iter().any(|(_, text)| text.contains("no-machine-images")));
        }
    }

    #[test]
    fn a_project_reads_as_one() {
        let folder = tempfile::tempdir().unwrap();
        for (place, text) in new(Language::Python, folder.path()).files() {
            write(&folder.path().join(place), &text).unwrap();
        }
        let project = Project::read(folder.path()).unwrap();
        assert_eq!((project.name().as_str(), project.language()), ("no-machine-images", Language::Python));
        assert!(project.wit().join("filter.wit").is_file());
        assert!(project.cases().is_file());
    }

    #[test]
    fn the_sdk_comes_along_whole() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/src");
        let mut there: Vec<_> =
            folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        there.sort();
        let start = "vendor/pmp-filter-sdk/src/";
        let taken: Vec<_> = RUST.iter().filter_map(|(place, _)| place.strip_prefix(start)).collect();
        assert_eq!(taken, there);
    }

    #[test]
    fn a_type_is_named_as_the_filter() {
        assert_eq!(pascal("no-machine-images"), "NoMachineImages");
        assert_eq!(pascal("top-10"), "Top10");
    }
}
