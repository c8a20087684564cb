//! Loads a file and makes it a filter that can be configured.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use pmp_protocol::Digest;
use serde_json::{Map, Value};
use wasmtime::component::{Component, Linker};

use crate::cache::{self, Cache};
use crate::compiler::{self, Compiled};
use crate::description::Description;
use crate::engine::{self, Runtime};
use crate::filter::Filter;
use crate::guest::{self, Guest};
use crate::machine_code::{self, Vouched};
use crate::run::{Prepared, RunError};
use crate::text::tame;
use crate::{HostError, Limits, LoadError, features, format, imports, interpreter, look};

const NAME_BYTES: usize = 64;
const DESCRIPTION_BYTES: usize = 1024;
const SCHEMA_BYTES: usize = 64 * 1024;

/// The imports and exports of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The names of its imports.
    pub imports: Vec<String>,
    /// The names of its exports.
    pub exports: Vec<String>,
}

/// Loads filters. One per process is enough: loaded filters stay usable after it is dropped.
///
/// Loading compiles. That takes from a tenth of a second for a small filter to seconds for one that
/// holds a language runtime. It blocks, so an async caller uses `spawn_blocking`.
pub struct FilterHost {
    runtime: Arc<Runtime>,
    linker: Linker<Guest>,
    cache: Option<Cache>,
}

impl FilterHost {
    /// A host that applies these limits to every filter.
    pub fn new(limits: Limits) -> Result<Self, HostError> {
        let runtime = Arc::new(Runtime::new(limits)?);
        let linker = guest::linker(&runtime.engine).map_err(|error| HostError::Engine(error.into()))?;
        Ok(Self { runtime, linker, cache: None })
    }

    /// Uses a directory as a cache of compiled filters, which lasts until the next start. A
    /// directory that other users may write to is not used: the log says why, and every filter is
    /// compiled.
    #[must_use]
    pub fn with_cache(mut self, dir: &Path) -> Self {
        match Cache::open(dir) {
            Ok(cache) => self.cache = Some(cache),
            Err(error) => cache::warn("the filter cache is not used", &error),
        }
        self
    }

    /// Loads a component file.
    pub fn load(&self, path: &Path) -> Result<Filter, LoadError> {
        self.load_bytes(&self.read(path)?)
    }

    /// Reads a file, if it is within the limit on its size.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        let limit = self.runtime.limits.file_bytes;
        let file = File::open(path).map_err(LoadError::Read)?;
        let mut bytes = Vec::new();
        // One byte more than the limit is enough to know that a file is too large.
        file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(LoadError::Read)?;
        if bytes.len() > limit { Err(LoadError::TooLarge { limit }) } else { Ok(bytes) }
    }

    /// The imports and exports of a component, whether or not it is a filter. It is for tools that
    /// explain why a component is refused.
    ///
    /// # Errors
    /// If the bytes are no component, or not a valid one.
    pub fn interface(&self, bytes: &[u8]) -> Result<Interface, LoadError> {
        let component = self.compile(bytes, &Digest::of(bytes))?;
        let ty = component.component_type();
        let names = |names: &mut dyn Iterator<Item = &str>| names.map(|name| tame(name, NAME_BYTES * 2)).collect();
        let engine = &self.runtime.engine;
        Ok(Interface {
            imports: names(&mut ty.imports(engine).map(|(name, _)| name)),
            exports: names(&mut ty.exports(engine).map(|(name, _)| name)),
        })
    }

    /// Compiles a component to machine code for [`FilterHost::load_pinned`]. The code runs under
    /// Linux, on any processor of this machine's architecture. It is checked first that the
    /// component is a filter.
    pub fn precompile(&self, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
        self.load_bytes(bytes)?;
        if let Compiled::Code(code) = compiler::compile(bytes, true, &self.runtime.limits)? {
            return Ok(code);
        }
        let compiler = engine::for_any_processor().map_err(|error| LoadError::Invalid(error.into()))?;
        compiler.precompile_component(bytes).map_err(|error| LoadError::Invalid(error.into()))
    }

    /// Loads a component from its bytes.
    pub fn load_bytes(&self, bytes: &[u8]) -> Result<Filter, LoadError> {
        self.load_component(bytes, Digest::of(bytes))
    }

    /// Loads a component, or a compiled one, with this digest. Machine code is loaded in no other
    /// way, because the person who pins its digest vouches for its source.
    pub fn load_pinned(&self, bytes: &[u8], pinned: &Digest) -> Result<Filter, LoadError> {
        let found = Digest::of(bytes);
        if found != *pinned {
            return Err(LoadError::OtherDigest { pinned: *pinned, found });
        }
        if !machine_code::is_machine_code(bytes) {
            return self.load_component(bytes, found);
        }
        self.check_size(bytes)?;
        let component = machine_code::load(&self.runtime.engine, bytes, Vouched::PinnedDigest)
            .map_err(|error| LoadError::OtherEngine(error.into()))?;
        self.ready(&component, found, interpreter::usual_trap(bytes))
    }

    fn load_component(&self, bytes: &[u8], digest: Digest) -> Result<Filter, LoadError> {
        self.ready(&self.compile(bytes, &digest)?, digest, interpreter::usual_trap(bytes))
    }

    fn check_size(&self, bytes: &[u8]) -> Result<(), LoadError> {
        let limit = self.runtime.limits.file_bytes;
        if bytes.len() > limit { Err(LoadError::TooLarge { limit }) } else { Ok(()) }
    }

    /// Compiles the bytes, or reads their machine code from the cache. `digest` is their digest,
    /// which is the key in the cache.
    fn compile(&self, bytes: &[u8], digest: &Digest) -> Result<Component, LoadError> {
        self.check_size(bytes)?;
        if machine_code::is_machine_code(bytes) {
            return Err(LoadError::Unpinned);
        }
        format::check(bytes)?;
        let engine = &self.runtime.engine;
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.get(engine, digest)) {
            return Ok(component);
        }
        look::check(bytes)?;
        let component = self.compile_anew(bytes).map_err(|error| match error {
            LoadError::Invalid(source) => match features::withheld(bytes) {
                needs if needs.is_empty() => LoadError::Invalid(source),
                needs => LoadError::Withheld { needs, source },
            },
            error => error,
        })?;
        if let Some(cache) = &self.cache {
            cache.put(engine, digest, &component);
        }
        Ok(component)
    }

    fn compile_anew(&self, bytes: &[u8]) -> Result<Component, LoadError> {
        let engine = &self.runtime.engine;
        match compiler::compile(bytes, false, &self.runtime.limits)? {
            Compiled::Code(code) => machine_code::load(engine, &code, Vouched::OwnCompiler)
                .map_err(|error| LoadError::OtherEngine(error.into())),
            // The component must be in the binary format; the text format is not tried.
            Compiled::NotHere => {
                Component::from_binary(engine, bytes).map_err(|error| LoadError::Invalid(error.into()))
            }
        }
    }

    /// Checks the imports and exports of a component, and asks it for its description.
    fn ready(&self, component: &Component, digest: Digest, usual: Option<&'static str>) -> Result<Filter, LoadError> {
        let offers = imports::check(&component.component_type(), &self.runtime.engine)?;
        let prepared = self
            .linker
            .instantiate_pre(component)
            .and_then(|linked| Prepared::new(linked, offers, usual))
            .map_err(|error| LoadError::Mismatch(error.into()))?;
        let description = describe(&prepared, &self.runtime)?;
        // The types of the optional interface are checked when an instance is created with it.
        match prepared.run_scope(&self.runtime, |_, _| Ok(())) {
            None | Some((Ok(()), _)) => {}
            Some((Err(RunError::Start(other)), _)) => return Err(LoadError::Mismatch(other)),
            Some((Err(error), _)) => return Err(LoadError::Describe(error)),
        }
        Ok(Filter::new(Arc::clone(&self.runtime), prepared, description, digest))
    }
}

fn describe(prepared: &Prepared, runtime: &Runtime) -> Result<Description, LoadError> {
    let (described, _usage) =
        prepared.run(runtime, |exports, store| exports.pmp_sync_filter_rules().call_describe(store));
    let own = described.map_err(LoadError::Describe)?;

    let wrong = |field, expected| Err(LoadError::Description { field, expected });
    let in_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if own.name.is_empty() || own.name.len() > NAME_BYTES || !own.name.bytes().all(in_name) {
        return wrong("name", "1 to 64 lower-case letters, digits or hyphens");
    }
    if own.version.is_empty() || own.version.len() > NAME_BYTES || !own.version.bytes().all(|b| b.is_ascii_graphic()) {
        return wrong("version", "1 to 64 visible ASCII characters");
    }
    let schema = &own.settings_schema;
    if schema.len() > SCHEMA_BYTES || serde_json::from_str::<Map<String, Value>>(schema).is_err() {
        return wrong("settings-schema", "one JSON object of at most 64 KiB");
    }
    Ok(Description {
        name: own.name,
        version: own.version,
        description: tame(&own.description, DESCRIPTION_BYTES),
        settings_schema: own.settings_schema,
    })
}
