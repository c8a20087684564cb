//! The contract between host and filter.

/// The package that a filter is built against.
pub(crate) const PACKAGE: &str = "pmp-sync:filter";
/// The version of the contract that this host supports.
pub const CONTRACT_VERSION: &str = "1.0.0";

/// Generated from `wit/filter-1.0.0`, where everything is documented.
#[allow(missing_docs, unreachable_pub, reason = "generated")]
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/filter-1.0.0",
        world: "filter",
        ownership: Borrowing { duplicate_if_necessary: false },
    });
}

/// Generated for the world with the optional interface `scope`. Only that interface is used.
#[allow(missing_docs, unreachable_pub, dead_code, reason = "generated")]
pub(crate) mod scoped {
    wasmtime::component::bindgen!({
        path: "../../wit/filter-1.0.0",
        world: "scoped-filter",
        ownership: Borrowing { duplicate_if_necessary: false },
        with: {
            "pmp-sync:filter/types": super::bindings::pmp_sync::filter::types,
            "pmp-sync:filter/logging": super::bindings::pmp_sync::filter::logging,
        },
    });
}

/// The optional exports of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offers {
    /// Whether it exports `scope`, which decides whether an experience is managed.
    pub(crate) scope: bool,
}
