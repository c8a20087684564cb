//! The keys whose signatures count: one public key, or a list of allowed signers as `ssh-keygen -Y
//! verify` reads it.
//!
//! A line of such a list is `NAMES [options] TYPE KEY [comment]`. Of the options only `namespaces`
//! is supported. Any other one restricts a key, so a list with it is refused.

use std::path::{Path, PathBuf};

use ssh_key::PublicKey;
use ssh_key::public::KeyData;

/// The namespace of our signatures. A signature for another purpose does not count for filters.
pub(crate) const NAMESPACE: &str = "pmp-sync-filter";

/// The reason why the keys could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignersError {
    #[error("cannot read the keys `{}`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{}` holds no public key", .0.display())]
    Empty(PathBuf),
    #[error("line {line} of `{}` is neither a public key nor an allowed signer", path.display())]
    Line { path: PathBuf, line: usize, source: ssh_key::Error },
    #[error("line {line} of `{}` has the option `{option}`, which is not understood", path.display())]
    Option { path: PathBuf, line: usize, option: String },
}

pmp_protocol::codes!(SignersError {
    Read => "E2132",
    Empty => "E2133",
    Line => "E2134",
    Option => "E2135",
});

pmp_protocol::without_hint!(SignersError);

/// A key, and its owner's names.
#[derive(Debug)]
pub(crate) struct Signer {
    pub(crate) name: String,
    pub(crate) key: PublicKey,
}

/// The keys that count.
#[derive(Debug)]
pub(crate) struct Signers(Vec<Signer>);

impl Signers {
    pub(crate) fn read(path: &Path) -> Result<Self, SignersError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| SignersError::Read { path: path.to_owned(), source })?;
        let mut signers = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                signers.extend(signer(line).map_err(|problem| problem.at(path, index + 1))?);
            }
        }
        if signers.is_empty() { Err(SignersError::Empty(path.to_owned())) } else { Ok(Self(signers)) }
    }

    /// The signer with this key.
    pub(crate) fn named(&self, key: &KeyData) -> Option<&Signer> {
        self.0.iter().find(|signer| signer.key.key_data() == key)
    }
}

#[derive(Debug)]
enum Problem {
    Key(ssh_key::Error),
    Option(String),
}

impl Problem {
    fn at(self, path: &Path, line: usize) -> SignersError {
        let path = path.to_owned();
        match self {
            Self::Key(source) => SignersError::Line { path, line, source },
            Self::Option(option) => SignersError::Option { path, line, option },
        }
    }
}

/// Reads one line; `None` if its key is not for filters.
fn signer(line: &str) -> Result<Option<Signer>, Problem> {
    if let Ok(key) = PublicKey::from_openssh(line) {
        let name = if key.comment().is_empty() { "the given key".to_owned() } else { key.comment().to_owned() };
        return Ok(Some(Signer { name, key }));
    }
    let (names, rest) = word(line);
    let (first, after) = word(rest);
    // If no key type follows the names, options do.
    let typed = ["ssh-", "ecdsa-", "sk-"].iter().any(|start| first.starts_with(start));
    let (speaks, key) = if typed { (true, rest) } else { (speaks_for_filters(first)?, after) };
    let key = PublicKey::from_openssh(key).map_err(Problem::Key)?;
    Ok(speaks.then(|| Signer { name: names.trim_matches('"').to_owned(), key }))
}

/// Whether a key with these options is for filters.
fn speaks_for_filters(options: &str) -> Result<bool, Problem> {
    let list = options.strip_prefix("namespaces=\"").and_then(|list| list.strip_suffix('"'));
    match list {
        Some(list) if !list.contains('"') => Ok(list.split(',').any(|namespace| namespace == NAMESPACE)),
        _ => Err(Problem::Option(options.chars().take(60).collect())),
    }
}

/// The first word, which may have spaces within quotes, and the rest.
fn word(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        c.is_whitespace() && !quoted
    });
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    (word, rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4O3Wbcx4vUDKXHzuZMh6OT8BF+kPydNjFeYMcMhLUl";

    fn name(line: &str) -> Option<String> {
        signer(line).unwrap().map(|signer| signer.name)
    }

    #[test]
    fn a_public_key_and_an_allowed_signer_are_read() {
        assert_eq!(name(KEY).as_deref(), Some("the given key"));
        assert_eq!(name(&format!("{KEY} ada@example.com")).as_deref(), Some("ada@example.com"));
        assert_eq!(name(&format!("ada@example.com {KEY} laptop")).as_deref(), Some("ada@example.com"));
        assert_eq!(name(&format!("\"ada,bob\"  {KEY}")).as_deref(), Some("ada,bob"));
    }

    #[test]
    fn a_key_for_another_purpose_does_not_count() {
        assert_eq!(name(&format!("ada namespaces=\"git,pmp-sync-filter\" {KEY}")).as_deref(), Some("ada"));
        assert_eq!(name(&format!("ada namespaces=\"git,file\" {KEY}")), None);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for options in ["cert-authority", "valid-before=\"20300101\"", "namespaces=\"git\",cert-authority"] {
            let problem = signer(&format!("ada {options} {KEY}")).unwrap_err();
            assert!(matches!(&problem, Problem::Option(option) if option == options), "{problem:?}");
        }
        assert!(matches!(signer("ada ssh-ed25519 AAAA"), Err(Problem::Key(_))));
    }
}
