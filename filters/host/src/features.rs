//! The WebAssembly features that a component needs and that are switched off for filters.

use wasmparser::{Validator, WasmFeatures};

/// The features that are switched off, with their usual names.
const WITHHELD: &[(WasmFeatures, &str)] = &[
    (WasmFeatures::CM_ASYNC, "async functions (componentize-qjs: build with `--sync`)"),
    (WasmFeatures::CM_ASYNC_STACKFUL, "async functions"),
    (WasmFeatures::CM_MORE_ASYNC_BUILTINS, "async functions"),
    (WasmFeatures::CM_THREADING, "threads"),
    (WasmFeatures::THREADS, "threads"),
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "threads"),
    (WasmFeatures::GC, "garbage-collected types"),
    // `externref` and its like: without a collector, the compiler has no such values.
    (WasmFeatures::GC_TYPES, "garbage-collected types"),
    (WasmFeatures::CM_GC, "garbage-collected types"),
    (WasmFeatures::EXCEPTIONS, "exceptions"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "exceptions in their former encoding"),
    (WasmFeatures::MEMORY64, "memories of 64 bits"),
    (WasmFeatures::STACK_SWITCHING, "stack switching"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "pages of other sizes"),
    (WasmFeatures::CM_ERROR_CONTEXT, "error contexts"),
];

/// The names of the switched-off features that a refused component needs; empty if it is not valid
/// for another reason.
pub(crate) fn withheld(bytes: &[u8]) -> Vec<&'static str> {
    let valid = |features| Validator::new_with_features(features).validate_all(bytes).is_ok();
    if !valid(WasmFeatures::all()) {
        return Vec::new();
    }
    let mut names: Vec<_> = WITHHELD
        .iter()
        .filter(|(one, _)| !valid(WasmFeatures::all().difference(*one)))
        .map(|(_, name)| *name)
        .collect();
    names.dedup();
    names
}
