//! Databases on the disk: a line of JSON for each table, and one for each of its items.
//!
//! Large binary values are not in the lines: a line has their digests, and who writes the lines
//! keeps the bytes under these names.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::database::Database;
use crate::table::{Settings, Table};
use crate::value::{Attributes, Binary, Item, Value};

/// Binary values of so many bytes are kept by themselves.
const LARGE: usize = 48 * 1024;
/// The name of the type that stands for a large binary value in a line.
const ELSEWHERE: &str = "B-SHA256";

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Table {
        account: String,
        region: String,
        settings: Box<Settings>,
    },
    Item(Map<String, Json>),
    /// The last line: how many items there are, so that a file that was cut off is known.
    End {
        items: usize,
    },
}

/// Why lines could not be read.
#[derive(Debug)]
pub struct Unreadable(pub String);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

/// Writes databases. `keep` is called with each large binary value.
///
/// # Errors
/// `out` or `keep` fails.
pub fn write(
    databases: &[Database],
    out: &mut impl Write,
    mut keep: impl FnMut(&Binary) -> io::Result<()>,
) -> io::Result<()> {
    let mut items = 0;
    for database in databases {
        for table in database.tables() {
            let (account, region) = (database.account().to_owned(), database.region().to_owned());
            line(out, &Line::Table { account, region, settings: Box::new(table.settings.clone()) })?;
            for item in table.items() {
                line(out, &Line::Item(saved_attributes(item.attributes(), &mut keep)?))?;
                items += 1;
            }
        }
    }
    line(out, &Line::End { items })
}

fn line(out: &mut impl Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn saved_attributes(
    attributes: &Attributes,
    keep: &mut impl FnMut(&Binary) -> io::Result<()>,
) -> io::Result<Map<String, Json>> {
    attributes.iter().map(|(name, value)| Ok((name.clone(), saved(value, keep)?))).collect()
}

fn saved(value: &Value, keep: &mut impl FnMut(&Binary) -> io::Result<()>) -> io::Result<Json> {
    Ok(match value {
        Value::B(binary) if binary.bytes().len() >= LARGE => {
            keep(binary)?;
            json!({ ELSEWHERE: binary.digest() })
        }
        Value::L(list) => {
            let list = list.iter().map(|value| saved(value, keep)).collect::<io::Result<Vec<_>>>()?;
            json!({ "L": list })
        }
        Value::M(map) => json!({ "M": saved_attributes(map, keep)? }),
        other => serde_json::to_value(other)?,
    })
}

/// Reads databases. `find` returns the large binary value of a digest.
///
/// # Errors
/// The lines are not those of [`write()`], or `find` does not have a value.
pub fn read(
    lines: impl BufRead,
    mut find: impl FnMut(&str) -> Result<Vec<u8>, Unreadable>,
) -> Result<Vec<Database>, Unreadable> {
    let mut databases: BTreeMap<(String, String), Database> = BTreeMap::new();
    let (mut items, mut ended) = (0, None);
    let mut tables: Vec<((String, String), Table)> = Vec::new();
    let mut known: BTreeMap<String, Binary> = BTreeMap::new();
    for (number, text) in lines.lines().enumerate() {
        let wrong = |problem: &dyn std::fmt::Display| Unreadable(format!("line {}: {problem}", number + 1));
        let text = text.map_err(|error| wrong(&error))?;
        if ended.is_some() {
            return Err(wrong(&"is behind the last line"));
        }
        match serde_json::from_str(&text).map_err(|error| wrong(&error))? {
            Line::Table { account, region, settings } => tables.push(((account, region), Table::new(*settings))),
            Line::Item(attributes) => {
                let Some((_, table)) = tables.last_mut() else { return Err(wrong(&"an item of no table")) };
                let item = Item::from(restored_attributes(attributes, &mut known, &mut find)?);
                let key = table.settings.key.of_item(item.attributes()).map_err(|error| wrong(&error.message))?;
                table.put(key, item);
                items += 1;
            }
            Line::End { items } => ended = Some(items),
        }
    }
    if ended != Some(items) {
        return Err(Unreadable("the last lines are missing".to_owned()));
    }
    for ((account, region), table) in tables {
        let database = Database::new(&account, &region);
        databases.entry((account, region)).or_insert(database).add(table);
    }
    Ok(databases.into_values().collect())
}

fn restored_attributes(
    attributes: Map<String, Json>,
    known: &mut BTreeMap<String, Binary>,
    find: &mut impl FnMut(&str) -> Result<Vec<u8>, Unreadable>,
) -> Result<Attributes, Unreadable> {
    attributes.into_iter().map(|(name, value)| Ok((name, restored(value, known, find)?))).collect()
}

fn restored(
    value: Json,
    known: &mut BTreeMap<String, Binary>,
    find: &mut impl FnMut(&str) -> Result<Vec<u8>, Unreadable>,
) -> Result<Value, Unreadable> {
    let Json::Object(mut fields) = value else { return Err(Unreadable("a value without a type".to_owned())) };
    if let Some(digest) = fields.get(ELSEWHERE).and_then(Json::as_str) {
        if let Some(binary) = known.get(digest) {
            return Ok(Value::B(binary.clone()));
        }
        let binary = Binary::from(find(digest)?);
        if binary.digest() != digest {
            return Err(Unreadable(format!("the value {digest} is another one")));
        }
        known.insert(digest.to_owned(), binary.clone());
        return Ok(Value::B(binary));
    }
    if let Some(Json::Object(map)) = fields.get_mut("M") {
        return restored_attributes(std::mem::take(map), known, find).map(Value::M);
    }
    if let Some(Json::Array(list)) = fields.get_mut("L") {
        let list = std::mem::take(list).into_iter().map(|value| restored(value, known, find));
        return list.collect::<Result<_, _>>().map(Value::L);
    }
    serde_json::from_value(Json::Object(fields)).map_err(|error| Unreadable(error.to_string()))
}
