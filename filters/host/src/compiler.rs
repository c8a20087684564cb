//! Compiles components in a process of its own, so that the operating system can limit its
//! resources, and so that its failure does not end the program.
//!
//! A program supports this by calling [`compile_if_called`] at the beginning of its `main`. It then
//! starts itself with [`ARGUMENT`]; the child gets the component on standard input, and writes
//! machine code to standard output. The child has limits on processor time and address space, and
//! none of the parent's environment. Only the parent holds the other end of the pipe.
//!
//! A thread would not do: a compiling thread cannot be stopped, and a failed allocation ends the
//! whole process. The child is the same program rather than another one, because it exists wherever
//! this program runs and has the same version. If no process can be started (a platform without
//! processes, a container that forbids it), and in programs that do not support it, the component
//! is compiled in the program itself, after [`look`](crate::look) has checked it.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use crate::{Limits, LoadError, engine};

/// The argument with which a program calls itself.
const ARGUMENT: &str = "compile-filter";
/// Compile for this machine's own processor, to run the component now.
const NATIVE: &str = "native";
/// Compile for any processor of this architecture, for a file that is copied to another machine.
const ANY: &str = "any";
/// The exit code of a refused component. Standard error has the compiler's message.
const REFUSED: u8 = 3;
/// How many threads the compiler has. Each of them takes address space, which is limited.
const THREADS: usize = 4;
/// The limit by the clock is this many times the limit on processor time, because the machine may
/// be busy.
const PATIENCE: u32 = 5;
/// Limit of the machine code in bytes. It is usually about ten times the size of the component.
const MOST_CODE: u64 = 1 << 30;
/// Limit in bytes of the compiler's message that is passed on.
const MOST_WORDS: u64 = 4096;

static OFFERED: OnceLock<()> = OnceLock::new();

/// Call this at the beginning of `main`. If the program was started to compile a filter, this
/// compiles it and returns the exit code. If not, it returns `None`, and filters that this process
/// loads are compiled in a process of their own from now on.
#[must_use]
pub fn compile_if_called(args: &[OsString]) -> Option<ExitCode> {
    let [_, argument, target, cpu, memory] = args else {
        _ = OFFERED.set(());
        return None;
    };
    if argument != ARGUMENT {
        _ = OFFERED.set(());
        return None;
    }
    let number = |text: &OsString| text.to_str().and_then(|text| text.parse().ok());
    let (Some(cpu), Some(memory)) = (number(cpu), number(memory)) else { return Some(ExitCode::FAILURE) };
    Some(match serve(target == ANY, cpu, memory) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader reports memory that it cannot get as an error, where other allocations abort.
        // The process ends in the same way for both, so that its caller recognizes the limit.
        Err(error) if is_out_of_memory(&error) => std::process::abort(),
        Err(error) => {
            #[expect(
                clippy::disallowed_methods,
                reason = "to the process that called this one, which makes it harmless"
            )]
            let _nobody_listens = write!(io::stderr(), "{error:#}");
            ExitCode::from(REFUSED)
        }
    })
}

fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory)
}

fn serve(any: bool, cpu: u64, memory: u64) -> wasmtime::Result<()> {
    let limit = |resource, soft: u64, hard: u64| {
        // The parent's limit may already be lower.
        let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        setrlimit(resource, Rlimit { current: Some(soft.min(most)), maximum: Some(hard.min(most)) })
    };
    limit(Resource::Core, 0, 0)?;
    // The soft limit is reached first, and sends a signal of its own.
    limit(Resource::Cpu, cpu, cpu + 5)?;
    limit(Resource::As, memory, memory)?;
    let engine = if any { engine::for_any_processor()? } else { engine::native()? };
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component)?;
    let code = engine.precompile_component(&component)?;
    #[expect(clippy::disallowed_methods, reason = "machine code for the process that called this one, and no words")]
    let mut out = io::stdout().lock();
    out.write_all(&code)?;
    Ok(out.flush()?)
}

/// The result of compiling in another process.
pub(crate) enum Compiled {
    /// Machine code, which this same program has compiled.
    Code(Vec<u8>),
    /// No other process could be started: this process has to compile.
    NotHere,
}

/// Compiles a component for the engine that this process has, or for any processor.
pub(crate) fn compile(component: &[u8], any: bool, limits: &Limits) -> Result<Compiled, LoadError> {
    if OFFERED.get().is_none() {
        return Ok(Compiled::NotHere);
    }
    let child = match start(any, limits) {
        Ok(child) => child,
        Err(error) => {
            tracing::warn!("no process can be started to compile the filter, so it is compiled in this one: {error}");
            return Ok(Compiled::NotHere);
        }
    };
    let (status, code, words) = talk(child, component, limits).map_err(LoadError::Compiler)?;
    let Some(status) = status else { return Err(LoadError::CompileTime { limit: limits.compile_cpu * PATIENCE }) };
    match ended(status) {
        Ended::Well => Ok(Compiled::Code(code)),
        Ended::Refused => Err(LoadError::Invalid(words.into())),
        Ended::OutOfTime => Err(LoadError::CompileTime { limit: limits.compile_cpu }),
        Ended::OutOfMemory => Err(LoadError::CompileMemory { limit: limits.compile_memory }),
        Ended::Otherwise => {
            let error = io::Error::other(format!("{status}{}", after(&words)));
            Err(LoadError::Compiler(error))
        }
    }
}

fn after(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

enum Ended {
    Well,
    Refused,
    OutOfTime,
    OutOfMemory,
    Otherwise,
}

fn ended(status: ExitStatus) -> Ended {
    let by = |signal: Signal| status.signal() == Some(signal.as_raw());
    match status.code() {
        Some(0) => Ended::Well,
        Some(code) if code == i32::from(REFUSED) => Ended::Refused,
        _ if by(Signal::XCPU) => Ended::OutOfTime,
        // A failed allocation or an exhausted stack aborts a Rust program. If the machine has no
        // memory left, the system kills it.
        _ if by(Signal::ABORT) || by(Signal::KILL) => Ended::OutOfMemory,
        _ => Ended::Otherwise,
    }
}

fn start(any: bool, limits: &Limits) -> io::Result<Child> {
    // Linux's own link to the program works even after the file was replaced by an upgrade.
    let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
    let mut command = Command::new(program);
    command.arg(ARGUMENT).arg(if any { ANY } else { NATIVE });
    command.arg(limits.compile_cpu.as_secs().max(1).to_string()).arg(limits.compile_memory.to_string());
    command.env_clear().env("RAYON_NUM_THREADS", THREADS.to_string()).env("MALLOC_ARENA_MAX", "2");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Sends the component and receives the result. There is no exit status if the process was ended
/// because it took too long.
fn talk(mut child: Child, component: &[u8], limits: &Limits) -> io::Result<(Option<ExitStatus>, Vec<u8>, String)> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut input), Some(output), Some(words)) = pipes else { return Err(io::ErrorKind::BrokenPipe.into()) };
    thread::scope(|scope| {
        // The process may end without reading everything; its exit status says why.
        scope.spawn(move || _ = input.write_all(component));
        let read = |pipe: Box<dyn Read + Send>, most| {
            let (told, all) = mpsc::channel();
            scope.spawn(move || {
                let mut bytes = Vec::new();
                let read = pipe.take(most).read_to_end(&mut bytes);
                _ = told.send(read.map(|_| bytes));
            });
            all
        };
        let words = read(Box::new(words), MOST_WORDS);
        let code = read(Box::new(output), MOST_CODE);
        // The output ends when the process does.
        let code = code.recv_timeout(limits.compile_cpu * PATIENCE);
        if code.is_err() {
            child.kill()?;
        }
        let status = child.wait()?;
        let words = words.recv().map_err(io::Error::other)??;
        let words = String::from_utf8_lossy(&words).into_owned();
        match code {
            Ok(code) => Ok((Some(status), code?, words)),
            Err(_) => Ok((None, Vec::new(), words)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_the_compiler_ended_is_told_from_its_status() {
        for (raw, expected) in [
            (0, "well"),
            (i32::from(REFUSED) << 8, "refused"),
            (Signal::XCPU.as_raw(), "out of time"),
            (Signal::ABORT.as_raw(), "out of memory"),
            (Signal::KILL.as_raw(), "out of memory"),
            (101 << 8, "otherwise"),
            (Signal::TERM.as_raw(), "otherwise"),
        ] {
            let found = match ended(ExitStatus::from_raw(raw)) {
                Ended::Well => "well",
                Ended::Refused => "refused",
                Ended::OutOfTime => "out of time",
                Ended::OutOfMemory => "out of memory",
                Ended::Otherwise => "otherwise",
            };
            assert_eq!(found, expected, "{raw}");
        }
    }

    #[test]
    fn other_arguments_are_the_programs_own() {
        let args = |args: &[&str]| args.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(compile_if_called(&args(&["pmp-filter", "compile", "a.wasm", "--to", "b"])).is_none());
        assert!(compile_if_called(&args(&["pmp-filter", ARGUMENT])).is_none());
        assert!(compile_if_called(&args(&["pmp-filter"])).is_none());
    }
}
