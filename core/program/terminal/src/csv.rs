//! CSV for spreadsheets, from the same records as JSON: nested fields become columns of their own
//! (`applied.version`), and lists stay JSON. A cell from outside is never a formula.

use std::collections::HashSet;
use std::io;

use pmp_protocol::PlainText;
use serde_json::{Map, Value};

/// The records, a line each, without a line break at the end. The columns are `known`, and then
/// those that any other record has, in the order in which they come first.
pub(crate) fn records(rows: &[Value], known: &[&str], header: bool) -> io::Result<String> {
    let rows: Vec<Map<String, Value>> = rows.iter().map(flat).collect();
    let columns = columns(&rows, known);
    if columns.is_empty() || rows.is_empty() && !header {
        return Ok(String::new());
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    if header {
        writer.write_record(&columns)?;
    }
    for row in &rows {
        writer.write_record(columns.iter().map(|name| row.get(*name).map(cell).unwrap_or_default()))?;
    }
    let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    Ok(text.trim_end_matches('\n').to_owned())
}

/// The names of the columns. A known one whose value is nested stands for the columns of what is in
/// it.
fn columns<'a>(rows: &'a [Map<String, Value>], known: &[&'a str]) -> Vec<&'a str> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for (name, value) in rows.iter().flatten() {
        if seen.insert(name.as_str()) {
            found.push((name.as_str(), value.is_null()));
        } else if !value.is_null() {
            found.iter_mut().filter(|(other, _)| other == name).for_each(|(_, blank)| *blank = false);
        }
    }
    let is_within = |name: &str, outer: &str| name.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    let mut columns: Vec<&str> = Vec::new();
    for outer in known {
        let within: Vec<_> = found.iter().map(|(name, _)| *name).filter(|name| is_within(name, outer)).collect();
        let says_something = found.iter().any(|(name, blank)| name == outer && !blank);
        if within.is_empty() || says_something {
            columns.push(outer);
        }
        columns.extend(within);
    }
    let stands_for = |name: &str| known.contains(&name) || columns.contains(&name);
    let others: Vec<_> = found.iter().map(|(name, _)| *name).filter(|name| !stands_for(name)).collect();
    columns.extend(others);
    columns
}

/// The records of a document: those of the one list of objects in it; where there is none, or
/// several, the document itself.
pub(crate) fn list_in(document: &Value) -> &[Value] {
    let fields = document.as_object().into_iter().flat_map(Map::values);
    let mut lists = fields.filter_map(Value::as_array).filter(|list| list.iter().all(Value::is_object));
    match (lists.next(), lists.next()) {
        (Some(list), None) => list,
        _ => std::slice::from_ref(document),
    }
}

/// A record without nested ones.
fn flat(value: &Value) -> Map<String, Value> {
    let mut fields = Map::new();
    match value {
        Value::Object(record) => add(record, "", &mut fields),
        other => drop(fields.insert("value".to_owned(), other.clone())),
    }
    fields
}

fn add(record: &Map<String, Value>, prefix: &str, fields: &mut Map<String, Value>) {
    for (name, value) in record {
        let name = format!("{prefix}{name}");
        match value {
            Value::Object(nested) => add(nested, &format!("{name}."), fields),
            value => drop(fields.insert(name, value.clone())),
        }
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => harmless(text),
        other => harmless_list(other),
    }
}

/// A list begins with a bracket, and what could act in it is made harmless as any text.
fn harmless_list(value: &Value) -> String {
    PlainText::bounded(&value.to_string(), usize::MAX).into()
}

/// A text that a spreadsheet shows, and does not calculate: with an apostrophe in front where it
/// would be a formula. In one line, and without what could act on a terminal, for which CSV has no
/// escape.
fn harmless(text: &str) -> String {
    let text = String::from(PlainText::bounded(text, usize::MAX));
    // Programs pass over blanks in front, and take the wide forms for the narrow ones.
    let formula = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    if text.trim_start().starts_with(formula) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_are_flat_and_their_columns_are_those_of_all_of_them() {
        let rows = [
            json!({"organization": "o-a", "applied": {"version": 41}, "lag": null, "sets": ["cs-1", "cs-2"]}),
            json!({"organization": "o,b", "applied": null, "lag": -1, "message": "he said \"no\"\nand left"}),
        ];
        let text = records(&rows, &[], true).unwrap();
        assert_eq!(
            text,
            "organization,applied.version,lag,sets,applied,message\n\
             o-a,41,,\"[\"\"cs-1\"\",\"\"cs-2\"\"]\",,\n\
             \"o,b\",,-1,,,\"he said \"\"no\"\" and left\""
        );
        assert!(records(&rows, &[], false).unwrap().starts_with("o-a,41"));
        assert_eq!(records(&[], &[], true).unwrap(), "");
    }

    #[test]
    fn known_columns_come_first_whether_or_not_there_is_a_record() {
        let known = ["organization", "applied", "lag", "why"];
        assert_eq!(records(&[], &known, true).unwrap(), "organization,applied,lag,why");
        assert_eq!(records(&[], &known, false).unwrap(), "");
        let rows = [
            json!({"extra": 1, "organization": "o-a", "applied": null, "lag": null}),
            json!({"organization": "o-b", "applied": {"version": 41, "at": "now"}, "lag": 2}),
        ];
        assert_eq!(
            records(&rows, &known, true).unwrap(),
            "organization,applied.version,applied.at,lag,why,extra\no-a,,,,,1\no-b,41,now,2,,"
        );
        assert_eq!(records(&rows[..1], &known, true).unwrap(), "organization,applied,lag,why,extra\no-a,,,,1");
    }

    #[test]
    fn no_cell_from_outside_is_a_formula_or_acts() {
        let cell_of = |text: &str| {
            let text = records(&[json!({"note": text, "end": 1})], &[], false).unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            record[0].to_owned()
        };
        for formula in
            ["=1+1", "+1", "-2+3", "@SUM(A1)", " =1", "\t=1", "＝1", "\r\n@x", "=HYPERLINK(\"http://x\",\"y\")"]
        {
            assert!(cell_of(formula).starts_with('\''), "{formula:?}: {:?}", cell_of(formula));
        }
        assert_eq!(cell_of("genai = no"), "genai = no");
        assert_eq!(cell_of("\u{1b}[2J\u{202e}x"), "�[2J�x");
    }

    #[test]
    fn the_one_list_of_a_document_is_its_records() {
        let one = json!({"last_seen": null, "receipts": [{"a": 1}, {"a": 2}], "version": 1});
        assert_eq!(list_in(&one).len(), 2);
        let none = json!({"published": true, "counts": {"approved": 1}});
        assert_eq!(records(list_in(&none), &[], true).unwrap(), "published,counts.approved\ntrue,1");
    }
}
