//! Guests that do one wrong thing each: every one is contained, and its error says what it did.
//! With `--nocapture`, each also tells what it took until it was stopped:
//!
//! ```sh
//! cargo test --workspace --test host hostile -- --nocapture --test-threads 1
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pmp_filter_host::*;
use pmp_protocol::{Coded, Decision, ExperienceId, OrganizationId, ProductId, SnapshotVersion, Verdict};

use crate::guests::{Guest, NOT_MANAGED, OWN_ERROR, encode};

fn host(limits: Limits) -> FilterHost {
    FilterHost::new(limits).unwrap()
}

fn load(guest: &Guest<'_>) -> Filter {
    host(Limits::default()).load_bytes(&guest.component()).unwrap()
}

/// Refused before it runs, in words that begin so.
fn refused(bytes: &[u8], said: &str) -> LoadError {
    refused_within(Limits::default(), bytes, said)
}

fn refused_within(limits: Limits, bytes: &[u8], said: &str) -> LoadError {
    let host = host(limits);
    let started = Instant::now();
    let error = host.load_bytes(bytes).unwrap_err();
    tell(started.elapsed(), None, &error);
    assert!(chain(&error).starts_with(said), "{}", chain(&error));
    error
}

fn ids(count: usize) -> Vec<ProductId> {
    (0..count).map(|n| ProductId::new(&format!("prod-{n}")).unwrap()).collect()
}

fn asked(guest: &Guest<'_>) -> Result<Managed, EvaluateError> {
    let experience = ExperienceId::new("exp-1").unwrap();
    let organization = OrganizationId::new("o-abcdefghij").unwrap();
    let host = host(Limits { fuel: 10_000_000, ..Limits::default() });
    let filter = host.load_bytes(&guest.component()).unwrap().configure("{}").unwrap();
    assert_eq!(filter.has_scope(), guest.manages.is_some());
    filter.manages(&context(&organization, &experience)).map(|(managed, _usage)| managed)
}

fn context<'a>(organization: &'a OrganizationId, experience: &'a ExperienceId) -> Context<'a> {
    Context {
        snapshot_version: SnapshotVersion::FIRST,
        organization,
        management_experience: experience,
        experience,
        experience_name: "Example",
        labels: &[],
        evaluated_at: Timestamp::UNIX_EPOCH,
    }
}

/// Runs over `count` products; the first is one that the hub rejected.
fn evaluate(filter: &Filter, count: usize) -> Result<Evaluation, EvaluateError> {
    let experience = ExperienceId::new("exp-1").unwrap();
    let organization = OrganizationId::new("o-abcdefghij").unwrap();
    let context = context(&organization, &experience);
    let ids = ids(count);
    let status = |n| if n == 0 { Status::Rejected } else { Status::Approved };
    let products: Vec<_> = ids.iter().enumerate().map(|(n, id)| Product::new(id, status(n))).collect();
    filter.configure("{}").unwrap().evaluate(&context, &products)
}

/// Fails over ten products, in words that begin so.
fn fails(limits: Limits, guest: &Guest<'_>, said: &str) -> EvaluateError {
    let most = limits.memory_bytes;
    let filter = host(limits).load_bytes(&guest.component()).unwrap();
    let started = Instant::now();
    let error = evaluate(&filter, 10).unwrap_err();
    tell(started.elapsed(), Some(&error.usage), &error);
    assert!(chain(&error).starts_with(said), "{}", chain(&error));
    assert!(error.usage.peak_memory_bytes <= most, "{} of {most} bytes", error.usage.peak_memory_bytes);
    error
}

/// What it took, and what was said of it.
fn tell(took: Duration, usage: Option<&Usage>, error: &dyn Error) {
    let used = usage.map_or("refused when loaded".to_owned(), |usage| {
        format!("{:>6} KiB {:>9} fuel", usage.peak_memory_bytes / 1024, usage.fuel_used)
    });
    println!("{:>6.1} ms  {used:<25}  {}", took.as_secs_f64() * 1e3, chain(error));
}

/// The error with all its causes, as a caller prints it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text += &format!(": {cause}");
        next = cause.source();
    }
    text
}

#[test]
fn a_guest_that_does_nothing_wrong_keeps_everything_but_what_the_hub_rejected() {
    let filter = load(&Guest::default());
    assert_eq!(filter.description().name, "guest");
    assert_eq!(filter.identity().version, "1.2.3");
    let evaluation = evaluate(&filter, 3).unwrap();
    let verdicts: Vec<_> = evaluation.decisions.iter().map(|decision| decision.verdict).collect();
    assert_eq!(verdicts, [Verdict::Reject, Verdict::Keep, Verdict::Keep]);
    assert!(evaluation.verdicts.is_empty());
    assert!(evaluation.usage.fuel_used > 0);
    assert_eq!(evaluation.usage.peak_memory_bytes / 65536, 2);
    assert_eq!(evaluate(&filter, 0).unwrap().decisions, []);
}

#[test]
fn what_the_hub_rejected_is_not_brought_back_by_any_verdict() {
    for (tag, verdict) in [("0", Verdict::Keep), ("1", Verdict::Exclude), ("2", Verdict::Reject)] {
        // Every decision gets the tag of the verdict.
        let all = format!(
            "(local $at i32) (local $decision i32)
             (local.set $at (call $keep (local.get $n)))
             (local.set $decision (i32.load offset=4 (local.get $at)))
             (loop $next
               (if (local.get $n) (then
                 (i32.store8 (local.get $decision) (i32.const {tag}))
                 (local.set $decision (i32.add (local.get $decision) (i32.const 16)))
                 (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                 (br $next))))
             (local.get $at)"
        );
        let guest = Guest { evaluate: "(call $all (local.get $n))", ..Guest::default() };
        let guest = Guest { extra: &format!("(func $all (param $n i32) (result i32) {all})"), ..guest };
        let evaluation = evaluate(&load(&guest), 3).unwrap();
        assert_eq!(evaluation.decisions[0], Decision { verdict: Verdict::Reject, reason: None });
        assert_eq!(evaluation.decisions[1].verdict, verdict);
        let narrowed: Vec<_> = evaluation.verdicts.keys().map(ProductId::as_str).collect();
        assert_eq!(narrowed, if tag == "0" { vec![] } else { vec!["prod-1", "prod-2"] });
    }
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let guest = Guest { evaluate: "(loop $again (br $again)) (i32.const 0)", ..Guest::default() };
    let limits = Limits { fuel: 10_000_000, ..Limits::default() };
    let error = fails(limits, &guest, "the filter used up its 10000000 units of fuel: it loops, or needs too much");
    assert!(matches!(error.failure, Failure::Run(RunError::OutOfFuel { budget: 10_000_000 })));
    assert_eq!(error.usage.fuel_used, 10_000_000);
    assert_eq!(error.code().to_string(), "E2037", "the evaluation has the code of what failed in it");
}

#[test]
fn the_wall_clock_is_the_backstop_behind_the_fuel() {
    let guest = Guest { evaluate: "(loop $again (br $again)) (i32.const 0)", ..Guest::default() };
    let limits = Limits { fuel: u64::MAX / 2, wall_clock: Duration::from_millis(100), ..Limits::default() };
    let error = fails(limits, &guest, "the filter was stopped after 0.1 s");
    assert!(matches!(error.failure, Failure::Run(RunError::WallClock { .. })));
}

#[test]
fn a_loop_at_the_start_is_bounded_too() {
    let guest = Guest { start: "(loop $again (br $again))", ..Guest::default() };
    let limits = Limits { fuel: 1_000_000, ..Limits::default() };
    let said = "the filter failed while it described itself: the filter used up its 1000000 units of fuel";
    let error = refused_within(limits, &guest.component(), said);
    assert!(matches!(error, LoadError::Describe(RunError::OutOfFuel { .. })), "{error:?}");
}

#[test]
fn a_recursion_runs_out_of_stack() {
    // The sum keeps the call from being a jump.
    let guest = Guest {
        extra: "(func $deeper (param $n i32) (result i32)
                  (i32.add (i32.const 1) (call $deeper (i32.add (local.get $n) (i32.const 1)))))",
        evaluate: "(call $deeper (i32.const 0))",
        ..Guest::default()
    };
    let error = fails(Limits::default(), &guest, "the filter ran out of stack: it calls itself too deeply");
    assert!(matches!(error.failure, Failure::Run(RunError::Stack)));
}

#[test]
fn a_memory_bomb_meets_its_limit() {
    let guest = Guest {
        evaluate: "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable",
        ..Guest::default()
    };
    let limits = Limits { memory_bytes: 8 << 20, ..Limits::default() };
    let error = fails(limits, &guest, "the filter asked for 85");
    match error.failure {
        Failure::Run(RunError::Memory { limit, asked }) => {
            assert_eq!(limit, 8 << 20);
            assert!(asked > limit && asked <= limit + (1 << 20), "{asked}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_memory_that_starts_too_large_is_not_given() {
    let guest = Guest { pages: "2000", ..Guest::default() };
    let error = refused(&guest.component(), "the filter failed while it described itself: the filter asked for 1310");
    let LoadError::Describe(RunError::Memory { limit, asked }) = error else { panic!("{error:?}") };
    assert!(limit == 64 << 20 && asked >= 2000 * 65536, "{asked}");
}

#[test]
fn a_trap_is_told_with_what_was_logged_before() {
    let said = "the filter trapped: wasm trap: wasm `unreachable` instruction executed";
    fails(Limits::default(), &Guest { evaluate: "unreachable", ..Guest::default() }, said);

    let guest =
        Guest { evaluate: "(call $log (i32.const 3) (i32.const 512) (i32.const 15)) unreachable", ..Guest::default() };
    let error = fails(Limits::default(), &guest, "the filter trapped after it logged: it's not my day");
    assert_eq!(error.usage.logs, [LogLine { level: LogLevel::Error, message: "it's not my day".to_owned() }]);
}

#[test]
fn a_wrong_number_of_decisions_is_refused() {
    for (n, found) in [("(i32.const 0)", 0), ("(i32.const 9)", 9), ("(i32.const 11)", 11)] {
        let guest = Guest { evaluate: &format!("(call $keep {n})"), ..Guest::default() };
        let error = fails(Limits::default(), &guest, &format!("the filter returned {found} decisions for 10 products"));
        assert!(matches!(error.failure, Failure::WrongCount { expected: 10, .. }));
    }
}

#[test]
fn a_giant_answer_is_not_copied() {
    // More decisions than there is memory, and as many as there is memory but too much to hand
    // over.
    for n in ["0x0fffffff", "3000000"] {
        let guest = Guest { evaluate: &format!("(call $keep (i32.const {n}))"), ..Guest::default() };
        let said = "what the filter handed over cannot be read (at most 16777216 bytes in one call)";
        let error = fails(Limits::default(), &guest, said);
        assert!(matches!(error.failure, Failure::Run(RunError::Output { .. })), "{error:?}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let text = |address: &str, length: &str| {
        // err(string) with this address and length
        format!(
            "(i32.store8 (i32.const 1040) (i32.const 1))
             (i32.store (i32.const 1044) (i32.const {address}))
             (i32.store (i32.const 1048) (i32.const {length})) (i32.const 1040)"
        )
    };
    // Not UTF-8; out of bounds; a verdict that there is none of; a result that is neither.
    let not_utf8 =
        Guest { extra: r#"(data (i32.const 600) "\ff\fe")"#, evaluate: &text("600", "2"), ..Guest::default() };
    let outside = Guest { evaluate: &text("0x7fffffff", "10"), ..Guest::default() };
    let no_tag = Guest { evaluate: "(i32.store8 (i32.const 1040) (i32.const 7)) (i32.const 1040)", ..Guest::default() };
    for guest in [not_utf8, outside, no_tag] {
        let said = "what the filter handed over cannot be read (at most 16777216 bytes in one call): ";
        let error = fails(Limits::default(), &guest, said);
        assert!(matches!(error.failure, Failure::Run(RunError::Output { .. })), "{error:?}");
        assert!(error.source().is_some());
    }
}

#[test]
fn the_filters_own_error_is_told_in_its_words() {
    let guest = Guest { evaluate: OWN_ERROR, ..Guest::default() };
    let error = fails(Limits::default(), &guest, "the filter returned an error: it's not my day");
    assert!(matches!(error.failure, Failure::Filter { .. }));
    assert!(error.source().is_none());
}

#[test]
fn a_flood_of_log_lines_is_cut() {
    let guest = Guest {
        evaluate: "(local.set $n (i32.const 100000))
                   (loop $again
                     (call $log (i32.const 1) (i32.const 512) (i32.const 15))
                     (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                   (call $keep (i32.const 10))",
        ..Guest::default()
    };
    let usage = evaluate(&load(&guest), 10).unwrap().usage;
    assert_eq!((usage.logs.len(), usage.logs_dropped), (100, 99_900));
}

#[test]
fn a_configuration_is_refused_before_it_is_used() {
    let filter = load(&Guest::default());
    for wrong in ["", "[]", "nonsense", "{} {}"] {
        assert!(matches!(filter.configure(wrong), Err(ConfigError::NotAnObject(_))), "{wrong}");
    }
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(256 * 1024));
    assert!(matches!(filter.configure(&large), Err(ConfigError::TooLarge { .. })));

    let error = load(&Guest { validate: OWN_ERROR, ..Guest::default() }).configure("{}").unwrap_err();
    assert_eq!(error.to_string(), "the filter `guest` refuses its configuration: it's not my day");

    let error = load(&Guest { validate: "unreachable", ..Guest::default() }).configure("{}").unwrap_err();
    assert_eq!(
        chain(&error),
        "the filter `guest` failed while it checked its configuration: the filter trapped: wasm trap: wasm \
         `unreachable` instruction executed"
    );
}

#[test]
fn what_is_no_component_is_named() {
    let guest = Guest::default();
    assert!(matches!(refused(b"hello, world", "the file is not WebAssembly"), LoadError::NotWebAssembly));
    let said = "the file is a core WebAssembly module, not a component: link it with `wasm-component-ld`";
    assert!(matches!(refused(&guest.core_module(), said), LoadError::CoreModule));

    let whole = guest.component();
    for bytes in [0, 7, 8 + 1, whole.len() / 2, whole.len() - 1] {
        let error = refused(&whole[..bytes], &format!("the file is cut off: it ends after {bytes} bytes, at least"));
        assert!(matches!(error, LoadError::Truncated { .. }), "{bytes}: {error:?}");
    }
    let mut broken = whole.clone();
    broken.truncate(8);
    broken.extend([99, 0]);
    assert!(matches!(refused(&broken, "the component is not valid: "), LoadError::Invalid(_)));

    let limits = Limits { file_bytes: whole.len() - 1, ..Limits::default() };
    let error = refused_within(limits, &whole, &format!("the file has more than {} bytes", whole.len() - 1));
    assert!(matches!(error, LoadError::TooLarge { .. }));
    let missing = host(Limits::default()).load("no/such/file.wasm".as_ref()).unwrap_err();
    assert!(matches!(missing, LoadError::Read(_)));
}

#[test]
fn a_file_that_is_too_large_is_not_read_whole() {
    let limits = Limits { file_bytes: 1000, ..Limits::default() };
    let error = host(limits).load("/dev/zero".as_ref()).unwrap_err();
    assert_eq!(error.to_string(), "the file has more than 1000 bytes");
}

#[test]
fn other_contracts_are_named_with_their_version() {
    for version in ["2.0.0", "1.1.0", "0.9.0"] {
        let said = format!(
            "the filter is built for version `{version}` of the contract `pmp-sync:filter`, and this host speaks 1.0.0"
        );
        refused(&Guest::default().version(version).component(), &said);
    }
    // A patch version changes comments only.
    let patched = host(Limits::default()).load_bytes(&Guest::default().version("1.0.9").component());
    assert!(patched.is_ok(), "{patched:?}");

    let module = wat::parse_str(r#"(module (func (export "run")))"#).unwrap();
    let other = encode(module, "package my:other@1.0.0; world w { export run: func(); }", "w");
    refused(&other, "the component is not a filter: it does not export `pmp-sync:filter/rules`");
}

#[test]
fn the_right_names_with_other_types_are_refused() {
    let module =
        wat::parse_str(r#"(module (func (export "pmp-sync:filter/rules@1.0.0#describe") (result i32) (i32.const 0)))"#)
            .unwrap();
    let wit = "package pmp-sync:filter@1.0.0; interface rules { describe: func() -> u32; } world w { export rules; }";
    let said = "the filter's functions are not those of the contract `pmp-sync:filter@1.0.0`";
    let error = refused(&encode(module, wit, "w"), said);
    assert!(matches!(error, LoadError::Mismatch(_)), "{error:?}");
}

#[test]
fn an_import_of_anything_else_is_refused_by_name() {
    // The text of a component: only its imports and exports matter here.
    let wanted = [
        "wasi:clocks/wall-clock@0.2.3",
        "wasi:filesystem/preopens@0.2.3",
        "wasi:random/random@0.2.3",
        "wasi:sockets/tcp@0.2.3",
    ];
    let imports: String = wanted.iter().map(|name| format!(r#"(import "{name}" (instance))"#)).collect();
    let rules = r#"(instance $rules) (export "pmp-sync:filter/rules@1.0.0" (instance $rules))"#;
    let component = wat::parse_str(format!("(component {imports} {rules})")).unwrap();
    let said = "the filter imports `wasi:clocks/wall-clock@0.2.3`, `wasi:filesystem/preopens@0.2.3`, \
         `wasi:random/random@0.2.3` and 1 more, which no filter is given; build it without WASI";
    let error = refused(&component, said);
    assert!(matches!(&error, LoadError::ForbiddenImports { names } if names == &wanted), "{error:?}");
    assert!(error.to_string().contains("--stub-wasi"), "{error}");
}

#[test]
fn a_description_that_cannot_be_shown_is_refused() {
    for (data, field) in [
        (r#"(data (i32.const 128) "Guest")"#, "name"),
        (r#"(data (i32.const 128) "a\1b[1m")"#, "name"),
        (r#"(data (i32.const 4) "\00")"#, "name"),
        (r#"(data (i32.const 144) "1 2 3")"#, "version"),
        (r#"(data (i32.const 176) "{]")"#, "settings-schema"),
    ] {
        let component = Guest { extra: data, ..Guest::default() }.component();
        let error = refused(&component, &format!("the filter describes itself wrongly: `{field}` must be "));
        assert!(matches!(error, LoadError::Description { field: found, .. } if found == field), "{data}: {error:?}");
    }
}

#[test]
fn a_filter_may_say_that_an_experience_is_not_managed() {
    let managed = |manages| manages_with(manages).unwrap();
    assert_eq!(managed(None), Managed::Yes);
    let reason = Some("it's not my day".to_owned());
    assert_eq!(managed(Some(NOT_MANAGED)), Managed::No { reason });
    let without_reason = "(i32.store8 (i32.const 296) (i32.const 0)) (i32.const 288)";
    assert_eq!(managed(Some(without_reason)), Managed::No { reason: None });
    // Managed, whatever the reason.
    assert_eq!(managed(Some("(i32.store8 (i32.const 292) (i32.const 1)) (i32.const 288)")), Managed::Yes);

    let error = |manages| manages_with(Some(manages)).unwrap_err();
    assert_eq!(error(OWN_ERROR).to_string(), "the filter returned an error: it's not my day");
    assert!(matches!(error("unreachable").failure, Failure::Run(RunError::Trap { .. })));
    assert!(matches!(error("(loop $again (br $again)) unreachable").failure, Failure::Run(RunError::OutOfFuel { .. })));
    assert!(matches!(error("(i32.const 0x7fffffff)").failure, Failure::Run(RunError::Output { .. })));
}

fn manages_with(manages: Option<&str>) -> Result<Managed, EvaluateError> {
    asked(&Guest { manages, ..Guest::default() })
}

#[test]
fn a_scope_of_other_types_is_refused() {
    let wit = Guest::default().wit.replace("result<answer, string>", "bool");
    let guest = Guest { manages: Some("(i32.const 1)"), wit, ..Guest::default() };
    let said = "the filter's functions are not those of the contract `pmp-sync:filter@1.0.0`";
    let error = refused(&guest.component(), said);
    assert!(matches!(error, LoadError::Mismatch(_)), "{error:?}");
}

#[test]
fn nothing_is_remembered_from_one_run_to_the_next() {
    // The second call of an instance that counts its calls would trap.
    let guest = Guest {
        extra: "(global $calls (mut i32) (i32.const 0))",
        evaluate: "(if (global.get $calls) (then unreachable))
                   (global.set $calls (i32.const 1))
                   (call $keep (local.get $n))",
        ..Guest::default()
    };
    let filter = load(&guest);
    let first = evaluate(&filter, 10).unwrap();
    let second = evaluate(&filter, 10).unwrap();
    assert_eq!(first.decisions, second.decisions);
    assert_eq!(first.usage.fuel_used, second.usage.fuel_used);
}

#[test]
fn a_filter_is_shared_between_threads_and_outlives_its_host() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let host = host(Limits::default());
    let filter = host.load_bytes(&Guest::default().component()).unwrap();
    shared(&filter);
    shared(&filter.configure("{}").unwrap());
    drop(host);
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let filter = filter.clone();
            std::thread::spawn(move || evaluate(&filter, 100).unwrap().usage.fuel_used)
        })
        .collect();
    let fuel: Vec<_> = runs.into_iter().map(|run| run.join().unwrap()).collect();
    assert!(fuel.iter().all(|used| *used == fuel[0]), "{fuel:?}");
}
