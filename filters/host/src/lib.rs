//! Runs an organization's filter: a WebAssembly component that can only narrow.
