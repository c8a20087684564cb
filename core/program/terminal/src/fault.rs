//! A panic is a fault of the program, whatever a person typed: it is told as one, with what to
//! send, and ends the process with the exit code of errors.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::future::Future;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};

use crate::{Failure, log, progress};

/// Runs `work` on a runtime of its own. None where it panicked; the panic has been reported by
/// then. Tasks that still run when `work` ends are left behind: one of them may hang, and nobody
/// waits for it.
///
/// # Errors
/// Those of `work`; where the system refuses a runtime.
pub fn run<T>(
    program: &str,
    version: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Option<Result<T, Failure>> {
    let name = format!("{program} {version}");
    set_hook(Box::new(move |panic| tell(&name, panic)));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Some(Err(Failure::tried("E1728", "cannot start the runtime", error))),
    };
    // On the heap, because the future holds the whole program. It is dropped after a panic without
    // another look at it.
    let work = Box::pin(work);
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
    // Dropping the runtime would wait for every blocking thread, such as a DNS query or a filter
    // that computes.
    runtime.shutdown_background();
    outcome.ok()
}

/// Reports a panic of any thread. A panic in a task ends that task alone, and whoever awaits it
/// gets an error.
fn tell(name: &str, panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it says nothing");
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let mut failure = failure(name, text, &place);
    // Only where RUST_BACKTRACE asks for it.
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        failure = trace.to_string().lines().fold(failure, |failure, line| failure.detail(line.trim_end().to_owned()));
    }
    if log::is_json() {
        tracing::error!(error = failure.render(), "a fault of the program");
    } else {
        progress::failure(&failure, name);
    }
}

fn failure(name: &str, text: &str, place: &str) -> Failure {
    Failure::new("E1729", format!("this is a fault of {name}, and not one of yours: {text}"))
        .detail(format!("at {place}"))
        .hint(
            "report it: send this text, the command or event, and what was special about the settings, without secrets"
                .to_owned(),
        )
        .hint("RUST_BACKTRACE=1 adds where it came from".to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    use super::*;
    use crate::{Exit, program};

    /// Set where this test runs itself as a program that panics.
    const CHILD: &str = "PMP_TEST_PANICS";

    #[derive(Debug, clap::Parser)]
    #[command(name = "pmp-test", version = "1.2.3")]
    struct Cli {}

    /// What a program does that panics on the main task, or on another.
    async fn panics(on_a_task: bool) -> Result<Exit, Failure> {
        if on_a_task {
            let task = tokio::spawn(async { panic!("on a task: \u{1b}[31mred") });
            assert!(task.await.is_err());
            return Ok(Exit::Refused);
        }
        panic!("nobody thought of {}", 1)
    }

    /// Not a test of its own: the program that the others start.
    #[test]
    fn child() {
        let Ok(what) = std::env::var(CHILD) else { return };
        let exit = program(["pmp-test".into()], |_: Cli| panics(what == "task"));
        std::process::exit(if format!("{exit:?}") == format!("{:?}", std::process::ExitCode::from(1)) { 1 } else { 3 });
    }

    fn run_child(what: &str) -> Output {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "fault::tests::child", "--nocapture"]).env(CHILD, what).env_remove("RUST_BACKTRACE");
        command.output().unwrap()
    }

    #[test]
    fn a_panic_is_told_as_a_fault_of_the_program_and_ends_it_with_1() {
        let Output { status, stderr, .. } = run_child("main");
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{stderr}");
        let told: Vec<_> = stderr.lines().collect();
        assert_eq!(
            told[0], "error: this is a fault of pmp-test 1.2.3, and not one of yours: nobody thought of 1",
            "{stderr}"
        );
        assert!(told[1].starts_with("  at ") && told[1].contains("fault.rs:"), "{stderr}");
        assert!(told[2].starts_with("hint: report it: send this text"), "{stderr}");
        assert!(stderr.contains("code: E1729"), "{stderr}");
        assert!(!stderr.contains("thread '"), "Rust's own text is not for people: {stderr}");
    }

    #[test]
    fn a_panic_of_a_task_is_told_and_ends_that_task_alone() {
        let Output { status, stderr, .. } = run_child("task");
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(3), "{stderr}");
        assert!(
            stderr.starts_with("error: this is a fault of pmp-test 1.2.3, and not one of yours: on a task: "),
            "{stderr}"
        );
        assert!(!stderr.contains('\u{1b}'), "{stderr}");
    }

    #[test]
    fn what_hangs_on_a_thread_that_blocks_does_not_keep_the_process() {
        let began = std::time::Instant::now();
        let outcome = run("pmp-test", "1.2.3", async {
            tokio::task::spawn_blocking(|| {
                let (_sender, receiver) = std::sync::mpsc::channel::<()>();
                let _timeout = receiver.recv_timeout(std::time::Duration::from_secs(30));
            });
            tokio::task::yield_now().await;
            Ok::<_, Failure>(7)
        });
        assert_eq!(outcome.unwrap().unwrap(), 7);
        assert!(began.elapsed().as_secs() < 10);
        let _standard = std::panic::take_hook();
    }
}
