//! What holds for every page of the documentation.

use std::path::{Path, PathBuf};

/// Every page of the repository.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let is_ours = !name.starts_with('.') && !matches!(&*name, "target" | "node_modules");
        if entry.file_type().unwrap().is_dir() && is_ours {
            pages(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

fn is_row(line: &str) -> bool {
    line.trim_start().starts_with('|')
}

/// Where a table of `page` begins without the two lines that make it one, as after an empty line in
/// its middle.
fn broken_tables(page: &str) -> Vec<usize> {
    let (mut is_code, mut before, mut broken) = (false, "", Vec::new());
    let mut lines = page.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        is_code ^= line.trim_start().starts_with("```");
        let begins = !is_code && is_row(line) && !is_row(before);
        let next = lines.peek().map(|(_, next)| *next).unwrap_or_default();
        if begins && !(is_row(next) && next.contains("---") && next.chars().all(|c| "|-: ".contains(c))) {
            broken.push(number + 1);
        }
        before = line;
    }
    broken
}

#[test]
fn every_table_is_one() {
    assert_eq!(broken_tables("| a |\n| --- |\n| b |\n\n| c |\n"), [5]);
    let mut found = Vec::new();
    pages(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap(), &mut found);
    assert!(found.iter().any(|page| page.ends_with("docs/deploy.md")), "{found:?}");
    let broken = found.iter().flat_map(|page| {
        let lines = broken_tables(&std::fs::read_to_string(page).unwrap());
        lines.into_iter().map(move |line| format!("{}:{line}", page.display()))
    });
    assert_eq!(broken.collect::<Vec<_>>(), [""; 0]);
}
