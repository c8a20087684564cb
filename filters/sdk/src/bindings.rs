//! The contract in Rust, generated from `wit/filter-1.0.0`.
//!
//! Public only because the code that [`export!`](crate::export) expands to names it. Use the types at the crate's root.

wit_bindgen::generate!({
    path: "../../wit/filter-1.0.0",
    world: "scoped-filter",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "pmp_filter_sdk::bindings",
    runtime_path: "::pmp_filter_sdk::wit_bindgen::rt",
    additional_derives: [PartialEq, Eq],
});
