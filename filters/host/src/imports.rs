//! The check of a component's imports and exports.

use std::ops::RangeInclusive;

use wasmtime::Engine;
use wasmtime::component::types::Component as ComponentType;

use crate::LoadError;
use crate::contract::{Offers, PACKAGE};

/// The versions of the contract that this host supports: this major version, with these minor ones.
const MAJOR: u64 = 1;
const MINORS: RangeInclusive<u64> = 0..=0;

/// Checks the names that a component imports and exports. Their types are checked when it is
/// linked.
pub(crate) fn check(component: &ComponentType, engine: &Engine) -> Result<Offers, LoadError> {
    // The exports are checked first: if the component is no filter at all, its imports do not
    // matter.
    match component.exports(engine).find_map(|(name, _)| version_of(name, "rules")) {
        Some(version) => check_version(version)?,
        None => return Err(LoadError::NotAFilter),
    }
    let scope = component.exports(engine).find_map(|(name, _)| version_of(name, "scope"));
    scope.map(check_version).transpose()?;
    let mut forbidden = Vec::new();
    for (name, _) in component.imports(engine) {
        match version_of(name, "types").or_else(|| version_of(name, "logging")) {
            Some(version) => check_version(version)?,
            None => forbidden.push(crate::text::tame(name, 100)),
        }
    }
    if !forbidden.is_empty() {
        return Err(LoadError::ForbiddenImports { names: forbidden });
    }
    Ok(Offers { scope: scope.is_some() })
}

/// The version in a name: `1.0.0` of `pmp-sync:filter/rules@1.0.0`. It is empty if the name has no
/// version; `None` if the name is not of this interface.
fn version_of<'a>(name: &'a str, interface: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(PACKAGE)?.strip_prefix('/')?.strip_prefix(interface)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('@') }
}

/// Checks a version by the promise of `wit/README.md`: a host of 1.y runs filters of 1.x with x ≤
/// y.
fn check_version(version: &str) -> Result<(), LoadError> {
    let mut parts = version.split('.').map(str::parse::<u64>);
    match (parts.next(), parts.next()) {
        (Some(Ok(MAJOR)), Some(Ok(minor))) if MINORS.contains(&minor) => Ok(()),
        _ => Err(LoadError::ContractVersion { found: crate::text::tame(version, 40) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::CONTRACT_VERSION;

    #[test]
    fn a_name_is_the_contracts_only_as_a_whole() {
        assert_eq!(version_of("pmp-sync:filter/rules@1.0.0", "rules"), Some("1.0.0"));
        assert_eq!(version_of("pmp-sync:filter/rules", "rules"), Some(""));
        for other in
            ["pmp-sync:filter/rules-x@1.0.0", "pmp-sync:filters/rules@1.0.0", "rules@1.0.0", "my:filter/rules@1"]
        {
            assert_eq!(version_of(other, "rules"), None, "{other}");
        }
    }

    #[test]
    fn only_older_versions_of_the_same_major_are_spoken() {
        assert!(check_version(CONTRACT_VERSION).is_ok());
        assert!(check_version("1.0.7").is_ok());
        for other in ["", "1", "0.9.0", "1.1.0", "2.0.0", "x.0.0"] {
            assert!(check_version(other).is_err(), "{other}");
        }
    }
}
