//! What IAM was asked in these tests, written down where `PMP_IAM_QUESTIONS` names a file: one
//! question with its answer and the policies that it rests on in a line of JSON each.
//! `second_opinion/run` asks another evaluator the same.

use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use pmp_local_aws::{Authorization, Witness};
use serde_json::json;

/// The file that the variable names, if it is set; a file from before is replaced.
static FILE: OnceLock<Option<Mutex<File>>> = OnceLock::new();

/// Writes down what a test asks.
#[derive(Debug)]
struct Recorder {
    test: String,
}

impl Witness for Recorder {
    fn note(&self, authorization: Authorization) {
        write(&self.test, &authorization);
    }
}

/// Who writes down what the test of this thread asks; nobody where no file is named.
pub(crate) fn witness() -> Option<Arc<dyn Witness>> {
    file().map(|_| Arc::new(Recorder { test: test() }) as Arc<dyn Witness>)
}

/// Writes down a question that was not the embedded AWS's.
pub(crate) fn record(authorization: &Authorization) {
    write(&test(), authorization);
}

fn write(test: &str, authorization: &Authorization) {
    let Some(file) = file() else { return };
    let mut line = serde_json::to_value(authorization).unwrap();
    line["test"] = json!(test);
    // In one piece: tests run side by side.
    file.lock().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn file() -> Option<&'static Mutex<File>> {
    let file = FILE.get_or_init(|| {
        let path = std::env::var_os("PMP_IAM_QUESTIONS")?;
        Some(Mutex::new(File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))))
    });
    file.as_ref()
}

/// The name of the test that runs here: libtest gives each a thread by its name.
fn test() -> String {
    std::thread::current().name().unwrap_or("unknown").to_owned()
}
