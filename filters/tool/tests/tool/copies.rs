//! What the worked filters have of the SDK's is the SDK's, byte for byte: an organization starts
//! from a copy of their folder alone.

use std::path::Path;

#[test]
fn the_worked_filters_hold_the_sdks_own_files() {
    let filters = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (own, copy) in [
        ("names/names.js", "examples/vendor-policy/src/names.js"),
        ("sdk/javascript/guard.js", "examples/vendor-policy/src/guard.js"),
        ("sdk/python/guard.py", "examples/review-board/guard.py"),
    ] {
        let read = |file: &str| std::fs::read_to_string(filters.join(file)).unwrap();
        assert!(read(own) == read(copy), "{copy} is not {own}: copy it");
    }
}
