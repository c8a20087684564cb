//! Components that a compiler would not come to an end with: refused with what was counted, before
//! one byte of them is compiled.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use pmp_filter_host::*;
use pmp_protocol::Coded;

use crate::guests::Guest;

/// Refused with these words, and at once.
fn refused(bytes: &[u8], said: &str) {
    let host = FilterHost::new(Limits::default()).unwrap();
    let started = Instant::now();
    let error = host.load_bytes(bytes).unwrap_err();
    assert_eq!(error.to_string(), said);
    let counted = said.contains("more than the");
    assert_eq!(error.code().to_string(), if counted { "E2019" } else { "E2020" });
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn instances_that_double_with_each_level() {
    let mut text = r#"(component (core module $m (func (export "f"))) (core instance (instantiate $m)))"#.to_owned();
    for _ in 0..7 {
        let inner = text.replacen("(component", "(component $c", 1);
        text = format!("(component {inner} (instance (instantiate $c)) (instance (instantiate $c)))");
    }
    // 8 deep: as many levels as are looked into, and few instances.
    let bytes = component(&text);
    refused(&bytes, "the component has 9 components within components, more than the 8 that are compiled");
    assert!(bytes.len() < 500);

    // Not deep, but many: each beside the one that it holds sixty times.
    let many = "(instance (instantiate $c))".repeat(60);
    let inner = r#"(component $c (core module $m (func (export "f"))) (core instance (instantiate $m)))"#;
    let text = format!("(component (component $c {inner} {many}) {many})");
    refused(
        &component(&text),
        "the component has 1090 instances of components and modules, more than the 1000 that are compiled",
    );
}

#[test]
fn components_that_come_from_elsewhere() {
    let said = "the component imports, exports or borrows a component, which no filter needs";
    // By aliases, instances double without any nesting.
    let mut text = "(component $c0)".to_owned();
    for n in 1..30 {
        let outer = format!("(alias outer $root $c{} (component $x))", n - 1);
        write!(text, "(component $c{n} {outer} (instance (instantiate $x)) (instance (instantiate $x)))").unwrap();
    }
    refused(&component(&format!("(component $root {text} (instance (instantiate $c29)))")), said);
    refused(&component(r#"(component (import "c" (component)))"#), said);
    refused(&component(r#"(component (component $c) (export "c" (component $c)))"#), said);
}

#[test]
fn a_function_with_too_many_locals_or_blocks() {
    let guest = |extra: &str| Guest { extra, ..Guest::default() }.component();
    let locals = |count: usize| "(local i64)".repeat(count);
    let said = "the component has 20000 locals in one function, more than the 10000 that are compiled";
    refused(&guest(&format!("(func {})", locals(20_000))), said);
    let nested = format!("(func {} {})", "block ".repeat(6000), "end ".repeat(6000));
    refused(
        &guest(&nested),
        "the component has 5001 blocks within blocks in one function, more than the 5000 that are compiled",
    );
    let beside = format!("(func {} {})", locals(9000), "block end ".repeat(6000));
    let said =
        "the component has 20007000 locals times blocks in one function, more than the 20000000 that are compiled";
    refused(&guest(&beside), said);
    let long = format!("(func {})", "i32.const 1000000 drop ".repeat(250_000));
    let said = "the component has 1250002 bytes of code in one function, more than the 1048576 that are compiled";
    refused(&guest(&long), said);
}

#[test]
fn tables_and_functions_without_end() {
    let guest = |extra: &str| Guest { extra, ..Guest::default() }.component();
    let said = "the component has 1000001 elements in its tables at the start, more than the 1000000 that are compiled";
    refused(&guest("(table 1000001 funcref)"), said);
    let said = "the component has 210007 functions, more than the 200000 that are compiled";
    refused(&guest(&"(func)".repeat(210_000)), said);
}

#[test]
fn what_toolchains_make_passes() {
    let host = FilterHost::new(Limits::default()).unwrap();
    assert!(host.load_bytes(&Guest::default().component()).is_ok());
    // Just below each limit of one function.
    let locals = "(local i64)".repeat(1000);
    let extra = format!("(func {locals} {} {})", "block ".repeat(300), "end ".repeat(300));
    assert!(host.load_bytes(&Guest { extra: &extra, ..Guest::default() }.component()).is_ok());
}

#[test]
fn what_a_filter_is_not_given_is_named() {
    for (text, said) in [
        (
            "(component (core module (type (struct (field i32)))))",
            "the filter needs garbage-collected types, which no filter is given",
        ),
        (
            "(component (core module (func (param externref))))",
            "the filter needs garbage-collected types, which no filter is given",
        ),
        ("(component (core module (tag)))", "the filter needs exceptions, which no filter is given"),
        ("(component (core module (memory 1 1 shared)))", "the filter needs threads, which no filter is given"),
        ("(component (core module (memory i64 1)))", "the filter needs memories of 64 bits, which no filter is given"),
        (
            "(component (core func (canon task.cancel)))",
            "the filter needs async functions (componentize-qjs: build with `--sync`), which no filter is given",
        ),
    ] {
        let error = FilterHost::new(Limits::default()).unwrap().load_bytes(&component(text)).unwrap_err();
        assert_eq!(error.to_string(), said, "{text}: {error:?}");
        assert_eq!(error.code().to_string(), "E2025");
        assert!(std::error::Error::source(&error).is_some());
    }
    let invalid = "(component (core module (func (result i32))))";
    let error = FilterHost::new(Limits::default()).unwrap().load_bytes(&component(invalid)).unwrap_err();
    assert_eq!(error.to_string(), "the component is not valid");
}
