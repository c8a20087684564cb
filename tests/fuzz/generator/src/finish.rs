//! Puts the parts of a proper filter into a module of chance.

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, ConstExpr, DataSection, ExportSection, Function, MemArg, Module};
use wasmparser::{DataSectionReader, Export, ExternalKind, FunctionBody, Imports, Parser, Payload, TypeRef};

/// Where the allocator keeps the address of what is free.
const FREE: i32 = 1_008;
/// The answer of `evaluate`, for ten products: all of them are kept.
const ANSWER: i32 = 2_048;

/// What lies in memory: the description, a result without a value, and the answer.
const LAYOUT: [(i32, &[u8]); 8] = [
    (0, b"\x80\0\0\0\x05\0\0\0\x90\0\0\0\x05\0\0\0\xa0\0\0\0\x06\0\0\0\xb0\0\0\0\x02\0\0\0"),
    (128, b"guest"),
    (144, b"1.2.3"),
    (160, b"A test"),
    (176, b"{}"),
    (256, b"\0\0\0\0"),
    (FREE, b"\0\0\x01\0"),
    (ANSWER, b"\0\0\0\0\0\x10\0\0\x0a\0\0\0"),
];

/// The functions by their names' ends, and how many of them are by chance, in this order.
const FUNCTIONS: [&str; 4] = ["cabi_realloc", "#describe", "#validate", "#evaluate"];

/// The module with the parts that a seed of this kind keeps. `None` where the exported memory is
/// not the first one.
pub(crate) fn finished(module: &[u8], kind: u64) -> Option<Vec<u8>> {
    let kept = match kind {
        0 => 0,
        1 => 2,
        2 => 3,
        _ => 4,
    };
    let (mut imported, mut functions, mut chance) = (0, [None; FUNCTIONS.len()], None);
    for payload in Parser::new(0).parse_all(module) {
        match payload.ok()? {
            Payload::ImportSection(imports) => {
                for group in imports {
                    if let Imports::Single(_, import) = group.ok()?
                        && matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_))
                    {
                        imported += 1;
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let Export { name, kind, index } = export.ok()?;
                    if kind == ExternalKind::Memory && index != 0 {
                        return None;
                    }
                    if name == "chance" {
                        chance = Some(index);
                    }
                    if let Some(place) = FUNCTIONS.iter().position(|end| name.ends_with(end)) {
                        functions[place] = Some(index);
                    }
                }
            }
            _ => {}
        }
    }
    let bodies = bodies(chance?);
    let kept = functions.into_iter().zip(bodies).take(kept);
    let replaced = kept.map(|(index, body)| Some((index? - imported, body))).collect::<Option<Vec<_>>>()?;
    let mut finish = Finish { replaced, next: 0 };
    let mut finished = Module::new();
    finish.parse_core_module(&mut finished, Parser::new(0), module).ok()?;
    Some(finished.finish())
}

/// The proper bodies of [`FUNCTIONS`].
fn bodies(chance: u32) -> [Function; FUNCTIONS.len()] {
    let word = MemArg { offset: 0, align: 2, memory_index: 0 };
    let mut allocate = Function::new([(1, wasm_encoder::ValType::I32)]);
    // What is free, up to the next multiple of 16; behind it are as many bytes as were asked for.
    allocate
        .instructions()
        .i32_const(FREE)
        .i32_load(word)
        .i32_const(15)
        .i32_add()
        .i32_const(-16)
        .i32_and()
        .local_set(4);
    allocate.instructions().i32_const(FREE).local_get(4).local_get(3).i32_add().i32_store(word).local_get(4).end();
    let constant = |value| {
        let mut body = Function::new([]);
        body.instructions().i32_const(value).end();
        body
    };
    let mut evaluate = Function::new([]);
    evaluate.instructions().local_get(0).call(chance).drop().i32_const(ANSWER).end();
    [allocate, constant(0), constant(256), evaluate]
}

struct Finish {
    /// Bodies by the place of their function among those of the module.
    replaced: Vec<(u32, Function)>,
    next: u32,
}

impl Reencode for Finish {
    type Error = std::convert::Infallible;

    fn data_count(&mut self, count: u32) -> Result<u32, Error<Self::Error>> {
        Ok(count + LAYOUT.len() as u32)
    }

    fn parse_data_section(
        &mut self,
        data: &mut DataSection,
        section: DataSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        utils::parse_data_section(self, data, section)?;
        for (at, bytes) in LAYOUT {
            data.active(0, &ConstExpr::i32_const(at), bytes.iter().copied());
        }
        Ok(())
    }

    fn parse_export(&mut self, exports: &mut ExportSection, export: Export<'_>) -> Result<(), Error<Self::Error>> {
        // The contract knows no such function.
        if export.name == "chance" { Ok(()) } else { utils::parse_export(self, exports, export) }
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Self::Error>> {
        let place = self.next;
        self.next += 1;
        match self.replaced.iter().find(|(replaced, _)| *replaced == place) {
            Some((_, body)) => _ = code.function(body),
            None => utils::parse_function_body(self, code, body)?,
        }
        Ok(())
    }
}
