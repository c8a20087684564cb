//! The process in which a component is compiled: the program, called by itself.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;

use crate::guests::Guest;

/// What `pmp-filter` makes of a component, called as it calls itself, with limits in seconds and
/// MiB.
fn compile(component: &[u8], seconds: u64, mib: u64) -> Output {
    let mut command = Command::new(cargo_bin("pmp-filter"));
    command.arg("compile-filter").arg("native").arg(seconds.to_string()).arg((mib << 20).to_string());
    command.env_clear().env("RAYON_NUM_THREADS", "2").env("MALLOC_ARENA_MAX", "2");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end before it has read all.
    _ = child.stdin.take().unwrap().write_all(component);
    child.wait_with_output().unwrap()
}

/// A component that a compiler has much to do with: thousands of functions with many blocks and
/// locals each.
fn laborious() -> Vec<u8> {
    with_functions(3_000)
}

fn with_functions(number: usize) -> Vec<u8> {
    let body = "(local.set 0 (i64.add (local.get 1) (local.get 2))) (if (i64.eqz (local.get 0)) (then (local.set 1 (local.get 3))))";
    let function = format!("(func {} {})", "(local i64)".repeat(200), body.repeat(60));
    Guest { extra: &function.repeat(number), ..Guest::default() }.component()
}

#[test]
fn a_component_becomes_machine_code_on_standard_output() {
    let output = compile(&Guest::default().component(), 60, 2048);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.starts_with(b"\x7fELF"));
}

/// Whoever waits for the compiler is told so, in a pipe as well; a program that reads the answer is
/// not.
#[test]
fn a_filter_that_takes_long_to_compile_is_waited_for_aloud() {
    let folder = tempfile::tempdir().unwrap();
    let (file, cases) = (folder.path().join("slow.wasm"), folder.path().join("cases.toml"));
    std::fs::write(&file, with_functions(1_500)).unwrap();
    std::fs::write(&cases, "[[cases]]\nname = \"it keeps\"\nproducts = [{ id = \"p\", expect = \"keep\" }]\n").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(cargo_bin("pmp-filter"));
        command.env_clear().env("XDG_CACHE_HOME", folder.path()).current_dir(folder.path()).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let waits = ". waiting for the filter `./slow.wasm` to be compiled\n";
    assert_eq!(run(&["inspect", "./slow.wasm"]), waits);
    assert_eq!(run(&["compile", "./slow.wasm", "--to", "slow.cwasm"]), waits);
    assert_eq!(run(&["test", "./slow.wasm", "cases.toml"]), waits);
    assert_eq!(run(&["inspect", "./slow.wasm", "-o", "json"]), "");
    let started = Instant::now();
    assert_eq!(run(&["test", "./slow.wasm", "cases.toml"]), "", "it is in the cache, after {:?}", started.elapsed());
}

#[test]
fn what_is_no_component_is_refused_in_the_compilers_words() {
    let output = compile(b"\0asm\x0d\0\x01\0\xff\x01\0", 60, 2048);
    assert_eq!(output.status.code(), Some(3));
    assert!(!output.stderr.is_empty() && output.stdout.is_empty());
}

#[test]
fn the_operating_system_ends_what_takes_too_long_or_too_much() {
    let component = laborious();
    let status = compile(&component, 1, 2048).status;
    assert_eq!(status.signal(), Some(24), "SIGXCPU: {status:?}");
    let status = compile(&component, 120, 64).status;
    // Memory that is refused to an allocation aborts; to a thread or a mapping, it is a panic.
    assert!(status.signal() == Some(6) || status.code() == Some(101), "{status:?}");
}

#[test]
fn a_lower_limit_that_is_there_already_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f.wasm");
    std::fs::write(&file, Guest::default().component()).unwrap();
    let program = cargo_bin("pmp-filter");
    let script = format!(
        "ulimit -v 1500000; exec '{}' compile-filter native 60 2147483648 <'{}' >/dev/null",
        program.display(),
        file.display()
    );
    let output = Command::new("sh").args(["-c", &script]).env("MALLOC_ARENA_MAX", "2").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The process that a program has called to compile a filter, as soon as it is there.
fn compiler_of(program: u32) -> String {
    let began = Instant::now();
    loop {
        for entry in std::fs::read_dir("/proc").unwrap() {
            let process = entry.unwrap().path();
            let read = |file: &str| std::fs::read_to_string(process.join(file)).unwrap_or_default();
            // Behind the name, which is in parentheses, come the state and the parent.
            let stat = read("stat");
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            if parent == Some(&*program.to_string()) && read("cmdline").contains("compile-filter") {
                return process.file_name().unwrap().to_str().unwrap().to_owned();
            }
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no filter is compiled");
    }
}

#[test]
fn a_compiler_that_is_ended_is_told_by_what_ended_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f.wasm");
    std::fs::write(&file, laborious()).unwrap();
    // As the system does for processor time and for memory, and as a person does.
    for (signal, code, said) in [
        ("XCPU", "E2021", "compiling the component took more than 120 s"),
        ("KILL", "E2022", "compiling the component took more than 2048 MiB of memory"),
        ("TERM", "E2023", "the compiler failed"),
    ] {
        let mut command = Command::new(cargo_bin("pmp-filter"));
        let command = command.env_clear().arg("inspect").arg(&file).stdout(Stdio::null()).stderr(Stdio::piped());
        let program = command.spawn().unwrap();
        let compiler = compiler_of(program.id());
        assert!(Command::new("kill").args(["-s", signal, &compiler]).status().unwrap().success());
        let told = String::from_utf8(program.wait_with_output().unwrap().stderr).unwrap();
        assert!(told.contains(said) && told.contains(&format!("code: {code}")), "{signal}: {told}");
    }
}

/// What `pmp-filter inspect` says where it may have so many KiB of addresses.
fn inspected_within(kib: u64, file: &Path) -> String {
    let script = format!("ulimit -v {kib}; exec '{}' inspect '{}'", cargo_bin("pmp-filter").display(), file.display());
    let output = Command::new("sh").args(["-c", &script]).env("MALLOC_ARENA_MAX", "2").output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_instance_without_room_for_its_memory_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f.wasm");
    std::fs::write(&file, Guest::default().component()).unwrap();
    let told = inspected_within(3_000_000, &file);
    assert!(told.contains("the filter could not be started") && told.contains("code: E2043"), "{told}");
}
