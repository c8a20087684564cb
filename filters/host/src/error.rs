//! The reasons why a file cannot be used as a filter.

use std::io;
use std::time::Duration;

use pmp_protocol::{Digest, Hint};

use crate::contract;
use crate::run::RunError;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The reason why a file cannot be used as a filter. The caller adds the name of the file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read.
    #[error("cannot read the file")]
    Read(#[source] io::Error),
    /// The file is larger than the limit.
    #[error("the file has more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The file is not WebAssembly.
    #[error("the file is not WebAssembly")]
    NotWebAssembly,
    /// The file ends in the middle, as after an interrupted copy or build.
    #[error("the file is cut off: it ends after {bytes} bytes, at least {missing} are missing")]
    Truncated {
        /// The size of the file in bytes.
        bytes: usize,
        /// The number of bytes that its last section lacks.
        missing: usize,
    },
    /// The file is a core module: the step that makes it a component was left out.
    #[error(
        "the file is a core WebAssembly module, not a component: link it with `wasm-component-ld`, or wrap it with \
         `wasm-tools component new`"
    )]
    CoreModule,
    /// The file is WebAssembly, but neither a component nor a module.
    #[error("the file is WebAssembly in an unknown binary format ({preamble:02x?})")]
    UnknownFormat {
        /// The four bytes after the magic number.
        preamble: [u8; 4],
    },
    /// The file has another digest than the pinned one.
    #[error("the file has the digest {found}, and {pinned} is pinned")]
    OtherDigest {
        /// The digest that the caller pinned.
        pinned: Digest,
        /// The digest of the file.
        found: Digest,
    },
    /// The file is machine code, and no digest is pinned for it.
    #[error(
        "the file is a compiled filter, which is native code. A manipulated one would escape the sandbox, so it is loaded \
         only with its digest pinned"
    )]
    Unpinned,
    /// The file is machine code of another version, for other settings or for another processor.
    #[error(
        "the file was compiled for another engine; compile the component again with `pmp-filter compile` of this version, \
         on this kind of machine"
    )]
    OtherEngine(#[source] BoxError),
    /// The component is more complex than any that a toolchain makes. Compiling it might take very
    /// long.
    #[error("the component has {found} {what}, more than the {limit} that are compiled")]
    TooComplex {
        /// The parts that were counted, in the plural.
        what: &'static str,
        /// The number of these parts. Counting stops when the limit is exceeded.
        found: u64,
        /// The limit that it exceeds.
        limit: u64,
    },
    /// The component instantiates an imported component, so its cost cannot be counted.
    #[error("the component imports, exports or borrows a component, which no filter needs")]
    ComponentFromElsewhere,
    /// The compiler exceeded its limit on time.
    #[error("compiling the component took more than {} s", limit.as_secs())]
    CompileTime {
        /// The limit that it exceeds.
        limit: Duration,
    },
    /// The compiler exceeded its limit on memory.
    #[error("compiling the component took more than {} MiB of memory", limit >> 20)]
    CompileMemory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The compiler's process failed.
    #[error("the compiler failed")]
    Compiler(#[source] io::Error),
    /// The component is not valid WebAssembly.
    #[error("the component is not valid")]
    Invalid(#[source] BoxError),
    /// The component needs WebAssembly features that are switched off.
    #[error("the filter needs {}, which no filter is given", needs.join(", "))]
    Withheld {
        /// The names of these features.
        needs: Vec<&'static str>,
        /// The compiler's own message.
        #[source]
        source: BoxError,
    },
    /// The component does not export the contract's interface.
    #[error("the component is not a filter: it does not export `{}/rules`", contract::PACKAGE)]
    NotAFilter,
    /// The filter was built for another version of the contract.
    #[error(
        "the filter is built for version `{found}` of the contract `{}`, and this host speaks {}",
        contract::PACKAGE,
        contract::CONTRACT_VERSION
    )]
    ContractVersion {
        /// The version in the component; empty if it has none.
        found: String,
    },
    /// The filter imports something other than the contract's interfaces: files, a network, a
    /// clock, randomness.
    #[error(
        "the filter imports {}, which no filter is given; build it without WASI (Rust: target wasm32-unknown-unknown; \
         componentize-qjs: `--stub-wasi`; componentize-py: `-s`; componentize-js: `disableFeatures` with all of them)",
        list(names)
    )]
    ForbiddenImports {
        /// The names of these imports.
        names: Vec<String>,
    },
    /// The filter's functions have the right names, but other types.
    #[error(
        "the filter's functions are not those of the contract `{}@{}`",
        contract::PACKAGE,
        contract::CONTRACT_VERSION
    )]
    Mismatch(#[source] BoxError),
    /// The filter failed when it was asked for its description.
    #[error("the filter failed while it described itself")]
    Describe(#[source] RunError),
    /// The filter's description is not in the form of the contract.
    #[error("the filter describes itself wrongly: `{field}` must be {expected}")]
    Description {
        /// The name of the field in the contract's `description`.
        field: &'static str,
        /// The contract's rule for that field.
        expected: &'static str,
    },
}

pmp_protocol::codes!(LoadError {
    Read => "E2010",
    TooLarge => "E2011",
    NotWebAssembly => "E2012",
    Truncated => "E2013",
    CoreModule => "E2014",
    UnknownFormat => "E2015",
    OtherDigest => "E2016",
    Unpinned => "E2017",
    OtherEngine => "E2018",
    TooComplex => "E2019",
    ComponentFromElsewhere => "E2020",
    CompileTime => "E2021",
    CompileMemory => "E2022",
    Compiler => "E2023",
    Invalid => "E2024",
    Withheld => "E2025",
    NotAFilter => "E2026",
    ContractVersion => "E2027",
    ForbiddenImports => "E2028",
    Mismatch => "E2029",
    Describe(source) => source,
    Description => "E2030",
});

impl Hint for LoadError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Describe(source) => source.hint(),
            // The text of each says how to make another component.
            _ => None,
        }
    }
}

/// Names for a message: the first three, and the number of the others.
fn list(names: &[String]) -> String {
    let mut text = names.iter().take(3).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > 3 {
        text += &format!(" and {} more", names.len() - 3);
    }
    text
}
