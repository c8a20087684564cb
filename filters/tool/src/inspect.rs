//! `pmp-filter inspect`: describes a file, and says why a spoke would refuse it.

use std::path::Path;

use clap::Args;
use pmp_filter_host::{CONTRACT_VERSION, Filter, Interface};
use pmp_protocol::Digest;
use pmp_terminal::{Exit, Failure, Output, PrintError};
use serde_json::{Value, json};

use crate::component::{Component, Found};
use crate::sign::{self, SignatureError, Signed};

/// The options of `pmp-filter inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    component: Component,
}

impl Inspect {
    /// Prints the description of the file. A file that no spoke would load is an error, which comes
    /// after everything that is known about it.
    pub(crate) fn execute(self, output: Output) -> Result<Exit, Failure> {
        let bytes = match self.component.find()? {
            Found::BuiltIn(filter) => {
                Facts { file: None, digest: *filter.digest(), filter: Some(&filter) }.show(output)?;
                return Ok(Exit::Ok);
            }
            Found::File(bytes) => bytes,
        };
        let host = self.component.host()?;
        let interface = host.interface(&bytes)?;
        let loaded = self.component.compile(&host, &bytes, output);
        let signature = self.component.file()?.map(|file| state(&sign::beside(&file), &bytes));
        let file = Some(File { bytes: bytes.len(), interface, signature: signature.unwrap_or_default() });
        Facts { file, digest: Digest::of(&bytes), filter: loaded.as_ref().ok() }.show(output)?;
        Ok(loaded.map(|_| Exit::Ok)?)
    }
}

/// Facts about a file that are known without running it.
struct File {
    bytes: usize,
    interface: Interface,
    signature: String,
}

/// The state of the signature beside the component. `pmp-filter verify` names the signer.
fn state(path: &Path, bytes: &[u8]) -> String {
    match Signed::read(path) {
        Ok(signed) if signed.fits(bytes) => format!("by {}, not verified to be anyone's", signed.fingerprint()),
        Ok(_) => "BROKEN: it does not fit the component".to_owned(),
        Err(SignatureError::NoSignature(_)) => "none".to_owned(),
        Err(error) => format!("BROKEN: {error}"),
    }
}

struct Facts<'a> {
    /// `None` for a built-in filter, which has no file.
    file: Option<File>,
    digest: Digest,
    filter: Option<&'a Filter>,
}

impl Facts<'_> {
    fn show(&self, output: Output) -> Result<(), PrintError> {
        if output.is_table() { self.print(output) } else { output.document(&self.document()) }
    }

    fn print(&self, output: Output) -> Result<(), PrintError> {
        let line = |label: &str, value: &str| output.line(&format!("{label:<14}{value}"));
        if let Some(filter) = self.filter {
            let description = filter.description();
            line("Name", &description.name)?;
            line("Version", &description.version)?;
            line("Description", &description.description)?;
            if !filter.is_built_in() {
                line("Contract", &format!("pmp-sync:filter@{CONTRACT_VERSION}"))?;
            }
        }
        line("Digest", &self.digest.to_string())?;
        match &self.file {
            Some(File { bytes, interface, signature }) => {
                line("Size", &format!("{bytes} bytes"))?;
                line("Signature", signature)?;
                line("Imports", &names(&interface.imports))?;
                line("Exports", &names(&interface.exports))?;
            }
            None => line("Component", "none: it is built into pmp-spoke and pmp-filter")?,
        }
        let Some(schema) = self.schema() else { return Ok(()) };
        let settings = schema["properties"].as_object().cloned().unwrap_or_default();
        line("Settings", if settings.is_empty() { "none that it tells of" } else { "" })?;
        for (name, setting) in settings {
            let kind = setting["type"].as_str().unwrap_or("any");
            let text = setting["description"].as_str().unwrap_or_default();
            output.line(&format!("  {name:<24}{kind:<9}{text}"))?;
        }
        Ok(())
    }

    fn document(&self) -> Value {
        let mut document = json!({ "digest": self.digest, "built_in": self.file.is_none() });
        if let Some(File { bytes, interface, signature }) = &self.file {
            document["bytes"] = json!(bytes);
            document["signature"] = json!(signature);
            document["imports"] = json!(interface.imports);
            document["exports"] = json!(interface.exports);
        }
        if let Some(filter) = self.filter {
            let description = filter.description();
            document["name"] = json!(description.name);
            document["version"] = json!(description.version);
            document["description"] = json!(description.description);
            if !filter.is_built_in() {
                document["contract"] = json!(CONTRACT_VERSION);
            }
            document["settings_schema"] = json!(self.schema());
        }
        document
    }

    fn schema(&self) -> Option<Value> {
        serde_json::from_str(&self.filter?.description().settings_schema).ok()
    }
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
