//! Guests written as text, so that each does exactly one wrong thing.
#![allow(dead_code, reason = "each test file uses a part")]

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A guest that keeps everything. Replace a body, and it does something else.
///
/// The bodies return the address of the result in the canonical ABI's layout: a string is an
/// address and a length, a result or an option is a tag byte and then the value, a decision has 16
/// bytes.
#[derive(Clone)]
pub(crate) struct Guest<'a> {
    /// The contract, as text.
    pub(crate) wit: String,
    /// The memory's limits: pages at the start, and at most.
    pub(crate) pages: &'a str,
    /// `start` code of the module.
    pub(crate) start: &'a str,
    /// Further functions and data.
    pub(crate) extra: &'a str,
    /// `() -> address of description`.
    pub(crate) describe: &'a str,
    /// `(config address, config length) -> address of result<_, string>`.
    pub(crate) validate: &'a str,
    /// `(address of context and products) -> address of result<list<decision>, string>`. Local `$n`
    /// is the number of products.
    pub(crate) evaluate: &'a str,
    /// `(context) -> address of result<answer, string>`; none: the interface `scope` is not
    /// exported.
    pub(crate) manages: Option<&'a str>,
}

/// Everything up to 1024 is laid out here; the heap begins at 65536.
const MODULE: &str = r#"(module
  (import "pmp-sync:filter/logging@VERSION" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") PAGES)
  (global $heap (mut i32) (i32.const 65536))

  ;; describe: name, version, description, schema
  (data (i32.const 0) "\80\00\00\00\05\00\00\00" "\90\00\00\00\05\00\00\00" "\a0\00\00\00\06\00\00\00" "\b0\00\00\00\02\00\00\00")
  (data (i32.const 128) "guest")
  (data (i32.const 144) "1.2.3")
  (data (i32.const 160) "A test")
  (data (i32.const 176) "{}")
  ;; 256: ok without a value; 272: err("it's not my day", 15 bytes)
  (data (i32.const 272) "\01\00\00\00" "\00\02\00\00" "\0f\00\00\00")
  ;; 288: ok(not managed, some("it's not my day"))
  (data (i32.const 288) "\00\00\00\00" "\00\00\00\00" "\01\00\00\00" "\00\02\00\00" "\0f\00\00\00")
  (data (i32.const 512) "it's not my day")
  EXTRA

  (func $start START)
  (start $start)

  (func $alloc (param $bytes i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (global.set $heap (i32.add (local.get $at) (local.get $bytes)))
    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
      (then (if (i32.eq (i32.const -1)
                  (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $bytes) (i32.const 65536)))))
        (then unreachable))))
    (local.get $at))

  (func (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
    (call $alloc (local.get $new)))

  ;; ok(n decisions), all zero: keep, without a reason
  (func $keep (param $n i32) (result i32) (local $at i32)
    (local.set $at (call $alloc (i32.const 16)))
    (i32.store8 (local.get $at) (i32.const 0))
    (i32.store offset=4 (local.get $at) (call $alloc (i32.mul (local.get $n) (i32.const 16))))
    (i32.store offset=8 (local.get $at) (local.get $n))
    (local.get $at))

  (func (export "pmp-sync:filter/rules@VERSION#describe") (result i32) DESCRIBE)
  (func (export "pmp-sync:filter/rules@VERSION#validate") (param $config i32) (param $length i32) (result i32) VALIDATE)
  (func (export "pmp-sync:filter/rules@VERSION#evaluate") (param $in i32) (result i32) (local $n i32)
    (local.set $n (i32.load offset=68 (local.get $in)))
    EVALUATE)
  MANAGES
)"#;

/// The optional export: the context comes flat, as 15 numbers.
const MANAGES: &str = r#"(func (export "pmp-sync:filter/scope@VERSION#manages")
  (param i64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) BODY)"#;

pub(crate) const OWN_ERROR: &str = "(i32.const 272)";
pub(crate) const NOT_MANAGED: &str = "(i32.const 288)";

impl Default for Guest<'_> {
    fn default() -> Self {
        Self {
            wit: include_str!("../../../../wit/filter-1.0.0/filter.wit").to_owned(),
            pages: "2",
            start: "",
            extra: "",
            describe: "(i32.const 0)",
            validate: "(i32.const 256)",
            evaluate: "(call $keep (local.get $n))",
            manages: None,
        }
    }
}

impl Guest<'_> {
    /// The contract under another version.
    pub(crate) fn version(mut self, version: &str) -> Self {
        self.wit = self.wit.replace("filter@1.0.0", &format!("filter@{version}"));
        self
    }

    pub(crate) fn core_module(&self) -> Vec<u8> {
        let version = self.wit.lines().find_map(|line| line.strip_prefix("package pmp-sync:filter@"));
        let manages = self.manages.map(|body| MANAGES.replace("BODY", body)).unwrap_or_default();
        let text = MODULE
            .replace("MANAGES", &manages)
            .replace("VERSION", version.unwrap().trim_end_matches(';'))
            .replace("PAGES", self.pages)
            .replace("EXTRA", self.extra)
            .replace("START", self.start)
            .replace("DESCRIBE", self.describe)
            .replace("VALIDATE", self.validate)
            .replace("EVALUATE", self.evaluate);
        wat::parse_str(text).unwrap()
    }

    pub(crate) fn component(&self) -> Vec<u8> {
        let world = if self.manages.is_some() { "scoped-filter" } else { "filter" };
        encode(self.core_module(), &self.wit, world)
    }
}

/// Wraps a core module as a component of this world.
pub(crate) fn encode(mut module: Vec<u8>, wit: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}
