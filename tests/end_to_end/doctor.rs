//! `doctor` of both programs: a line for everything that is well, and for each kind of fault the
//! line that says so and how to mend it. And that it changes nothing.

mod hub;
mod spoke;

use pmp_tests::{Program, Tap};
use serde_json::Value;

/// What a checkup found.
pub(crate) struct Checkup {
    code: i32,
    checks: Vec<Value>,
}

impl Checkup {
    pub(crate) async fn of(program: &Program) -> Self {
        let finished = program.run(&["doctor", "-o", "json"]).await;
        let document: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|e| panic!("{e}: {finished:?}"));
        assert_eq!(document["schema_version"], 1);
        // Whatever does not work: nobody is left alone with it.
        for check in document["checks"].as_array().unwrap().iter().filter(|check| check["result"] == "failed") {
            assert!(!check["fixes"].as_array().unwrap().is_empty(), "no fix: {check:#}");
        }
        Self { code: finished.code, checks: document["checks"].as_array().unwrap().clone() }
    }

    pub(crate) fn check(&self, name: &str) -> &Value {
        let found = self.checks.iter().find(|check| check["check"] == name);
        found.unwrap_or_else(|| panic!("no check `{name}` in {:#?}", self.checks))
    }

    pub(crate) fn checks(&self) -> &[Value] {
        &self.checks
    }

    /// The commands of all fixes.
    pub(crate) fn commands(&self) -> Vec<&str> {
        let all = self.checks.iter().flat_map(|check| check["commands"].as_array().unwrap());
        all.map(|command| command.as_str().unwrap()).collect()
    }

    /// The checks that came to `result`, in order.
    pub(crate) fn that_are(&self, result: &str) -> Vec<&str> {
        let of = self.checks.iter().filter(|check| check["result"] == result);
        of.map(|check| check["check"].as_str().unwrap()).collect()
    }

    /// The check `name` is well, and says this.
    #[track_caller]
    pub(crate) fn expect_ok(&self, name: &str, detail: &str) {
        let check = self.check(name);
        assert_eq!(check["result"], "ok", "{check:#}");
        assert!(check["detail"].as_str().unwrap().contains(detail), "`{detail}`: {check:#}");
    }

    /// The check `name` came to `result`, says `detail`, and one of its fixes says `fix`.
    #[track_caller]
    pub(crate) fn expect(&self, name: &str, result: &str, detail: &str, fix: &str) {
        let check = self.check(name);
        assert_eq!(check["result"], result, "{check:#}");
        assert!(check["detail"].as_str().unwrap().contains(detail), "{check:#}");
        assert!(check["fixes"].as_array().unwrap().iter().any(|one| one.as_str().unwrap().contains(fix)), "{check:#}");
        assert_eq!(self.code, if self.that_are("failed").is_empty() { 0 } else { 4 });
    }
}

/// Everything that `program` asks AWS during a checkup, each operation once.
async fn operations(program: &Program, endpoint: &str) -> Vec<String> {
    let tap = Tap::open(endpoint).await;
    let finished = program.with(&[("AWS_ENDPOINT_URL", tap.endpoint())]).run(&["doctor"]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let mut operations = tap.calls();
    operations.sort();
    operations.dedup();
    operations
}
