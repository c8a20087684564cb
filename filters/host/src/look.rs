//! A cheap check of a component before it is compiled: its parts are counted while it is read once.
//! A component beyond the limits, which no toolchain makes, is refused with a message.
//!
//! The file's size bounds neither the time nor the memory of a compiler: components can instantiate
//! others that instantiate others, twice each, and a function's locals are written as a number. The
//! limits are well above what the largest known filters have: those that hold CPython or a
//! JavaScript engine.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, Encoding,
    FunctionBody, Instance, Operator, Parser, Payload,
};

use crate::LoadError;

/// A limit, and the name of the parts that it counts. The comment at each gives the larger count of
/// two filters, which componentize-py 0.25.1 and componentize-qjs 0.4.5 made.
struct Bound {
    what: &'static str,
    most: u64,
}

const DEPTH: Bound = Bound { what: "components within components", most: 8 }; // 4
const INSTANCES: Bound = Bound { what: "instances of components and modules", most: 1_000 }; // 110
const MODULES: Bound = Bound { what: "modules and components", most: 1_000 }; // 41
const TYPES: Bound = Bound { what: "types", most: 100_000 }; // 1,443
const FUNCTIONS: Bound = Bound { what: "functions", most: 200_000 }; // 13,484
const ITEMS: Bound = Bound { what: "imports, exports and aliases", most: 100_000 }; // 8,342
const TABLE: Bound = Bound { what: "elements in its tables at the start", most: 1_000_000 }; // 5,788
const LOCALS: Bound = Bound { what: "locals in one function", most: 10_000 }; // 271
const BODY: Bound = Bound { what: "bytes of code in one function", most: 1 << 20 }; // 426,843
const NESTING: Bound = Bound { what: "blocks within blocks in one function", most: 5_000 };
const JOINS: Bound = Bound { what: "locals times blocks in one function", most: 20_000_000 };

/// Bodies that are shorter than this in bytes can be compiled quickly, apart from their locals.
const LONG_BODY: usize = 4096;

impl Bound {
    fn check(&self, found: u64) -> Result<(), LoadError> {
        if found <= self.most {
            Ok(())
        } else {
            Err(LoadError::TooComplex { what: self.what, found, limit: self.most })
        }
    }
}

/// Counts, over the whole file.
#[derive(Default)]
struct Counts {
    modules: u64,
    types: u64,
    functions: u64,
    items: u64,
    table: u64,
}

/// A component that is being read.
#[derive(Default)]
struct Level {
    /// Whether it is a component, rather than a module.
    component: bool,
    /// The cost of instantiating each inner component, in instances, by the component's index.
    inner: Vec<u64>,
    /// The cost of instantiating this component, in instances.
    instances: u64,
}

/// Accepts a component that may be compiled. A file that is not valid is left to the compiler.
pub(crate) fn check(bytes: &[u8]) -> Result<(), LoadError> {
    let (mut counts, mut levels) = (Counts::default(), Vec::<Level>::new());
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else { return Ok(()) };
        match payload {
            Payload::Version { encoding, .. } => {
                counts.modules += 1;
                MODULES.check(counts.modules)?;
                levels.push(Level { component: encoding == Encoding::Component, instances: 1, ..Level::default() });
                DEPTH.check(levels.len() as u64)?;
            }
            Payload::End(_) => {
                let (Some(ended), outer) = (levels.pop(), levels.last_mut()) else { return Ok(()) };
                if let Some(outer) = outer.filter(|_| ended.component) {
                    outer.inner.push(ended.instances);
                }
            }
            other => {
                let Some(level) = levels.last_mut() else { return Ok(()) };
                // A section that cannot be read is not valid.
                if section(other, level, &mut counts)?.is_none() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Checks one section; `None` if it cannot be read.
fn section(payload: Payload<'_>, level: &mut Level, counts: &mut Counts) -> Result<Option<()>, LoadError> {
    let mut items = |count: u32| {
        counts.items += u64::from(count);
        ITEMS.check(counts.items)
    };
    match payload {
        Payload::TypeSection(types) => {
            counts.types += u64::from(types.count());
            TYPES.check(counts.types)?;
        }
        Payload::ComponentTypeSection(types) => {
            counts.types += u64::from(types.count());
            TYPES.check(counts.types)?;
        }
        Payload::CoreTypeSection(types) => {
            counts.types += u64::from(types.count());
            TYPES.check(counts.types)?;
        }
        Payload::FunctionSection(functions) => {
            counts.functions += u64::from(functions.count());
            FUNCTIONS.check(counts.functions)?;
        }
        Payload::ImportSection(section) => items(section.count())?,
        Payload::ExportSection(section) => items(section.count())?,
        Payload::TableSection(tables) => {
            for table in tables {
                let Ok(table) = table else { return Ok(None) };
                counts.table = counts.table.saturating_add(table.ty.initial);
                TABLE.check(counts.table)?;
            }
        }
        Payload::CodeSectionEntry(body) => return function(&body),
        Payload::InstanceSection(instances) => {
            for instance in instances {
                let Ok(instance) = instance else { return Ok(None) };
                if let Instance::Instantiate { .. } = instance {
                    level.instances = level.instances.saturating_add(1);
                }
                INSTANCES.check(level.instances)?;
            }
        }
        Payload::ComponentInstanceSection(instances) => {
            for instance in instances {
                let Ok(instance) = instance else { return Ok(None) };
                if let ComponentInstance::Instantiate { component_index, .. } = instance {
                    // The index is not valid, because no component comes from elsewhere: see below.
                    let Some(cost) = level.inner.get(component_index as usize) else { return Ok(None) };
                    level.instances = level.instances.saturating_add(*cost);
                }
                INSTANCES.check(level.instances)?;
            }
        }
        Payload::ComponentAliasSection(aliases) => {
            items(aliases.count())?;
            for alias in aliases {
                let Ok(alias) = alias else { return Ok(None) };
                let outer = ComponentOuterAliasKind::Component;
                match alias {
                    ComponentAlias::Outer { kind, .. } if kind == outer => {
                        return Err(LoadError::ComponentFromElsewhere);
                    }
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                        return Err(LoadError::ComponentFromElsewhere);
                    }
                    _ => {}
                }
            }
        }
        Payload::ComponentImportSection(imports) => {
            items(imports.count())?;
            for import in imports {
                let Ok(import) = import else { return Ok(None) };
                if let ComponentTypeRef::Component(_) = import.ty {
                    return Err(LoadError::ComponentFromElsewhere);
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            items(exports.count())?;
            for export in exports {
                let Ok(export) = export else { return Ok(None) };
                if export.kind == ComponentExternalKind::Component {
                    return Err(LoadError::ComponentFromElsewhere);
                }
            }
        }
        _ => {}
    }
    Ok(Some(()))
}

/// Checks one function body; `None` if it cannot be read.
fn function(body: &FunctionBody<'_>) -> Result<Option<()>, LoadError> {
    let length = body.range().len();
    BODY.check(length as u64)?;
    let Ok(groups) = body.get_locals_reader() else { return Ok(None) };
    let mut locals = 0_u64;
    for group in groups {
        let Ok((count, _)) = group else { return Ok(None) };
        locals = locals.saturating_add(u64::from(count));
        LOCALS.check(locals)?;
    }
    if length < LONG_BODY {
        return Ok(Some(()));
    }
    let Ok(mut operators) = body.get_operators_reader() else { return Ok(None) };
    let (mut depth, mut blocks) = (0_u64, 0_u64);
    while !operators.eof() {
        let Ok(operator) = operators.read() else { return Ok(None) };
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                (depth, blocks) = (depth + 1, blocks + 1);
                NESTING.check(depth)?;
                JOINS.check(blocks.saturating_mul(locals))?;
            }
            Operator::End => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(Some(()))
}
