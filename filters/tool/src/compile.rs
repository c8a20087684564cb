//! `pmp-filter compile`: compiles a filter to machine code, which is ready in milliseconds.

use std::path::PathBuf;

use clap::Args;
use pmp_protocol::Digest;
use pmp_terminal::progress::computing;
use pmp_terminal::{Exit, Failure, Output};
use serde_json::json;

use crate::component::{Component, Found};

/// The options of `pmp-filter compile`.
#[derive(Debug, Args)]
pub(crate) struct Compile {
    #[command(flatten)]
    component: Component,
    /// Where the compiled filter goes
    // `-o` is the format of the output, everywhere.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

impl Compile {
    /// Compiles the filter, and prints the digest to pin in the spoke's configuration.
    pub(crate) fn execute(self, output: Output) -> Result<Exit, Failure> {
        let Found::File(bytes) = self.component.find()? else {
            return Err(Failure::new("E2143", "a built-in filter has no component, and is ready at once"));
        };
        let host = self.component.host()?;
        let code = computing(output, &self.component.to_be_compiled(), || host.precompile(&bytes))?;
        std::fs::write(&self.to, &code).map_err(|error| {
            Failure::tried("E1751", format!("cannot write the compiled filter `{}`", self.to.display()), error)
        })?;
        let digest = Digest::of(&code);
        if output.is_table() {
            output.pasted(&format!("export PMP_FILTER={}", self.to.display()))?;
            output.pasted(&format!("export PMP_FILTER_DIGEST={digest}"))?;
        } else {
            let (file, component) = (self.to.display().to_string(), Digest::of(&bytes));
            output.document(&json!({ "file": file, "digest": digest, "bytes": code.len(), "component": component }))?;
        }
        Ok(Exit::Ok)
    }
}
