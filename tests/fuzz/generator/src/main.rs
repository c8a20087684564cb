//! Makes filters of chance: `pmp-filter-generator guest|component FOLDER FIRST NUMBER` writes one
//! file for each seed from `FIRST` on. The same seed gives the same file.
//!
//! A `component` is any valid component, which is nobody's filter. A `guest` is a core module that
//! exports what the contract asks for; tests/fuzz wraps it as authors' tools do. Code of chance
//! hardly ever describes itself well, so most guests keep a part of what a filter should do:
//!
//! | seed modulo 5 | by chance | as it should be |
//! | --- | --- | --- |
//! | 0 | all of it, the allocator as well | |
//! | 1 | `validate`, `evaluate` | `describe` |
//! | 2 | `evaluate` | `describe`, `validate` |
//! | 3, 4 | what `evaluate` calls before it answers, and may write over the answer | the rest |
//!
//! One in ten uses every feature of WebAssembly that wasm-smith knows, withheld ones among them.

mod finish;

use std::path::Path;
use std::{env, fs, io};

use arbitrary::Unstructured;
use wasm_smith::{Component, Config, Module};

/// Bytes of chance for one filter: its size, roughly.
const CHANCE: usize = 2_048;

/// What every guest has. The bodies are made by chance.
const SHAPE: &str = r#"(module
  (memory (export "memory") 16)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "chance") (param i32) (result i32) unreachable)
  (func (export "pmp-sync:filter/rules@1.0.0#describe") (result i32) unreachable)
  (func (export "pmp-sync:filter/rules@1.0.0#validate") (param i32 i32) (result i32) unreachable)
  (func (export "pmp-sync:filter/rules@1.0.0#evaluate") (param i32) (result i32) unreachable))"#;
const IMPORTS: &str = r#"(module (import "pmp-sync:filter/logging@1.0.0" "log" (func (param i32 i32 i32))))"#;

fn config(seed: u64) -> Config {
    let all = seed % 10 == 9;
    Config {
        max_instructions: 60,
        max_funcs: 8,
        max_types: 12,
        max_memories: 0,
        min_data_segments: 1,
        max_data_segments: 3,
        max_element_segments: 3,
        max_elements: 8,
        max_globals: 6,
        exceptions_enabled: all,
        gc_enabled: all,
        // `externref` needs the types of a garbage collector.
        reference_types_enabled: all,
        memory64_enabled: all,
        threads_enabled: all,
        wide_arithmetic_enabled: all,
        relaxed_simd_enabled: all,
        ..Config::default()
    }
}

fn guest(seed: u64, chance: &[u8]) -> Option<Vec<u8>> {
    let parsed = |text| wat::parse_str(text).ok();
    let config = Config { exports: parsed(SHAPE), available_imports: parsed(IMPORTS), ..config(seed) };
    let module = Module::new(config, &mut Unstructured::new(chance)).ok()?;
    finish::finished(&module.to_bytes(), seed % 5)
}

fn component(seed: u64, chance: &[u8]) -> Option<Vec<u8>> {
    let config = Config { max_components: 3, max_modules: 3, max_instances: 3, max_nesting_depth: 3, ..config(seed) };
    Some(Component::new(config, &mut Unstructured::new(chance)).ok()?.to_bytes())
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (Some([kind, folder, first, number]), make) = (arguments.first_chunk(), guest as fn(u64, &[u8]) -> _) else {
        return Err(io::Error::other("pmp-filter-generator guest|component FOLDER FIRST NUMBER"));
    };
    let make = if kind == "component" { component } else { make };
    let seeds = |text: &str| text.parse::<u64>().map_err(io::Error::other);
    let (first, number) = (seeds(first)?, seeds(number)?);
    fs::create_dir_all(folder)?;
    let mut made = 0;
    for seed in first..first.saturating_add(number) {
        let mut chance = vec![0; CHANCE];
        fastrand::Rng::with_seed(seed).fill(&mut chance);
        if let Some(bytes) = make(seed, &chance) {
            fs::write(Path::new(folder).join(format!("seed-{seed:06}")), bytes)?;
            made += 1;
        }
    }
    println!("{made} of {number} seeds made a {kind}");
    Ok(())
}
