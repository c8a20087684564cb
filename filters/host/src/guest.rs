//! The host's side of one instance: the functions that a filter can import, and the state of its
//! limits.

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Engine, Result};

use crate::contract::bindings::{
    self,
    pmp_sync::filter::{logging, types},
};
use crate::log::{Log, LogLevel};
use crate::memory::Memory;

/// The host's state of one instance: its log lines, and its use of memory.
pub(crate) struct Guest {
    pub(crate) log: Log,
    pub(crate) memory: Memory,
}

impl types::Host for Guest {}

impl logging::Host for Guest {
    fn log(&mut self, level: logging::Level, message: String) {
        let level = match level {
            logging::Level::Debug => LogLevel::Debug,
            logging::Level::Info => LogLevel::Info,
            logging::Level::Warn => LogLevel::Warn,
            logging::Level::Error => LogLevel::Error,
        };
        self.log.add(level, &message);
    }
}

/// The functions that a filter can import: logging, and nothing else.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    bindings::Filter::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    Ok(linker)
}
