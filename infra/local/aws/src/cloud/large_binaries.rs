//! Large binary values of DynamoDB, which are kept outside of awsim.
//!
//! awsim measures items by their JSON text, in which a binary value is a third larger than its
//! bytes. So it refuses items of 310 KB that DynamoDB accepts. Therefore awsim gets a short
//! stand-in for each large value, made from the value's hash, and the limits on sizes (400 KB per
//! item, 4 MB per transaction, 1 MB per page) are enforced here. A value is kept until the server
//! ends, because other items may hold the same one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use awsim_core::AwsError;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Values that are shorter than this, in characters of base64, stay in awsim.
const LARGE: usize = 64 * 1024;
const MAX_ITEM: usize = 400 * 1024;
const MAX_TRANSACTION: usize = 4 * 1024 * 1024;
const MAX_PAGE: usize = 1024 * 1024;
/// The beginning of each stand-in. With the 64 digits that follow, it is valid base64, which awsim
/// checks.
pub(crate) const STAND_IN: &str = "cG1wLWxvY2FsLWxhcmdl";

/// The values, by their stand-ins.
#[derive(Default)]
pub(crate) struct LargeBinaries(Mutex<HashMap<String, String>>);

impl LargeBinaries {
    /// Replaces the large values of a request by stand-ins, after checking the sizes of the items
    /// that it writes.
    pub(super) fn take_out(&self, operation: &str, input: &mut Value) -> Result<(), AwsError> {
        let sizes: Vec<usize> = written_items(operation, input).into_iter().map(size_of_item).collect();
        if let Some(size) = sizes.iter().find(|size| **size > MAX_ITEM) {
            let message = format!("Item size has exceeded the maximum allowed size: {size} bytes of {MAX_ITEM}");
            return Err(AwsError::validation(message));
        }
        if operation == "TransactWriteItems" && sizes.iter().sum::<usize>() > MAX_TRANSACTION {
            let message = "Transaction request cannot have an aggregate item size of over 4MB";
            return Err(AwsError::validation(message));
        }
        self.replace(input, &|values, value| {
            (value.len() >= LARGE).then(|| {
                let digest = Sha256::digest(value.as_bytes());
                let stand_in = digest.iter().fold(STAND_IN.to_owned(), |text, byte| format!("{text}{byte:02x}"));
                values.insert(stand_in.clone(), value.to_owned());
                stand_in
            })
        });
        Ok(())
    }

    /// Replaces the stand-ins of an answer by their values.
    pub(super) fn put_back(&self, answer: &mut Value) {
        self.replace(answer, &|values, value| {
            if value.starts_with(STAND_IN) { values.get(value).cloned() } else { None }
        });
    }

    /// The values with their stand-ins, except those that are already known.
    pub(crate) fn unknown_to(&self, known: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.iter().filter(|(name, _)| !known(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Adds a value of a restored state under its stand-in.
    pub(crate) fn insert(&self, stand_in: String, value: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(stand_in, value);
    }

    fn replace(&self, value: &mut Value, with: &impl Fn(&mut HashMap<String, String>, &str) -> Option<String>) {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        replace_in(value, &mut values, with);
    }
}

fn replace_in(
    value: &mut Value,
    values: &mut HashMap<String, String>,
    with: &impl Fn(&mut HashMap<String, String>, &str) -> Option<String>,
) {
    match value {
        Value::Object(fields) => {
            if fields.len() == 1
                && let Some(Value::String(binary)) = fields.get_mut("B")
            {
                if let Some(other) = with(values, binary) {
                    *binary = other;
                }
                return;
            }
            fields.values_mut().for_each(|field| replace_in(field, values, with));
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| replace_in(element, values, with)),
        _ => {}
    }
}

/// The stand-ins in the text of items.
pub(crate) fn stand_ins(text: &str) -> impl Iterator<Item = &str> {
    let whole = STAND_IN.len() + 64;
    text.match_indices(STAND_IN).filter_map(move |(at, _)| text.get(at..at + whole))
}

/// The whole items that a request writes.
fn written_items<'a>(operation: &str, input: &'a Value) -> Vec<&'a Map<String, Value>> {
    let items: Vec<&Value> = match operation {
        "PutItem" => vec![&input["Item"]],
        "TransactWriteItems" => {
            input["TransactItems"].as_array().into_iter().flatten().map(|write| &write["Put"]["Item"]).collect()
        }
        "BatchWriteItem" => {
            let tables = input["RequestItems"].as_object().into_iter().flat_map(Map::values);
            tables.filter_map(Value::as_array).flatten().map(|write| &write["PutRequest"]["Item"]).collect()
        }
        _ => Vec::new(),
    };
    items.into_iter().filter_map(Value::as_object).collect()
}

/// The size of an item in bytes, by DynamoDB's documented rules.
fn size_of_item(item: &Map<String, Value>) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of(value)).sum()
}

fn size_of(value: &Value) -> usize {
    let Some((kind, content)) = value.as_object().and_then(|value| value.iter().next()) else { return 0 };
    match (kind.as_str(), content) {
        ("B", Value::String(base64)) => size_of_binary(base64),
        ("BS", Value::Array(set)) => set.iter().filter_map(Value::as_str).map(size_of_binary).sum(),
        ("S", Value::String(text)) => text.len(),
        ("N", Value::String(number)) => number.len() / 2 + 2,
        ("SS" | "NS", Value::Array(set)) => set.iter().filter_map(Value::as_str).map(str::len).sum(),
        ("L", Value::Array(list)) => 3 + list.iter().map(|value| 1 + size_of(value)).sum::<usize>(),
        ("M", Value::Object(map)) => 3 + map.len() + size_of_item(map),
        _ => 1,
    }
}

fn size_of_binary(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}

/// The size of a page of whole items in bytes, by DynamoDB's rules.
pub(super) fn size_of_page(answer: &Value) -> usize {
    let items = answer["Items"].as_array().into_iter().flatten();
    items.filter_map(Value::as_object).map(size_of_item).sum()
}

/// Whether a page has room for another item.
pub(super) fn has_room(size: usize) -> bool {
    size < MAX_PAGE
}

/// How many items of an answer fit into a page; `None` if all do.
pub(super) fn page_end(answer: &Value) -> Option<usize> {
    let items = answer["Items"].as_array()?;
    let mut size = 0;
    let fits = |item: &&Map<String, Value>| {
        let before = size;
        size += size_of_item(item);
        before < MAX_PAGE
    };
    let kept = items.iter().filter_map(Value::as_object).take_while(fits).count();
    (kept < items.len()).then_some(kept)
}

/// Cuts a page of `Query` or `Scan` where DynamoDB would have cut it, after the values were put
/// back. `key` names the attributes of the table's key, by which the next page begins.
pub(super) fn cut_page(answer: &mut Value, kept: usize, key: &[String]) {
    let Some(items) = answer["Items"].as_array_mut() else { return };
    let Some(last) = kept.checked_sub(1).and_then(|last| items.get(last)) else { return };
    // If a projection left the key out, the next page could not begin anywhere. Such a page is not
    // cut.
    let start = key.iter().map(|name| Some((name.clone(), last.get(name)?.clone()))).collect::<Option<Map<_, _>>>();
    let Some(start) = start else { return };
    let dropped = items.len() - kept;
    items.truncate(kept);
    for count in ["Count", "ScannedCount"] {
        if let Some(counted) = answer[count].as_u64() {
            answer[count] = counted.saturating_sub(dropped as u64).into();
        }
    }
    answer["LastEvaluatedKey"] = Value::Object(start);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn large_values_go_and_come_back_and_small_ones_stay() {
        let binaries = LargeBinaries::default();
        let large = "QUJD".repeat(100_000);
        let request =
            json!({ "Item": { "k": { "S": "1" }, "small": { "B": "QUJD" }, "m": { "M": { "b": { "B": large } } } } });
        let mut sent = request.clone();
        binaries.take_out("PutItem", &mut sent).unwrap();
        assert!(sent.to_string().len() < 300);
        assert_eq!(sent["Item"]["small"]["B"], "QUJD");
        let mut answer = sent;
        binaries.put_back(&mut answer);
        assert_eq!(answer, request);
    }

    #[test]
    fn an_item_has_400_kb_of_bytes_not_of_base64() {
        let put = |bytes: usize| {
            let mut input = json!({ "Item": { "b": { "B": "QUJD".repeat(bytes / 3) } } });
            LargeBinaries::default().take_out("PutItem", &mut input).map_err(|error| error.code)
        };
        assert_eq!(put(405 * 1000), Ok(()));
        assert_eq!(put(411 * 1000), Err("ValidationException".into()));
    }

    #[test]
    fn a_page_ends_at_a_megabyte_with_the_key_to_go_on() {
        let item = |n: usize| json!({ "k": { "N": n.to_string() }, "b": { "B": "QUJD".repeat(130_000) } });
        let mut answer = json!({ "Items": (0..10).map(item).collect::<Vec<_>>(), "Count": 10, "ScannedCount": 10 });
        assert_eq!(page_end(&answer), Some(3));
        cut_page(&mut answer, 3, &["k".into()]);
        assert_eq!(answer["Items"].as_array().map(Vec::len), Some(3));
        assert_eq!((&answer["Count"], &answer["LastEvaluatedKey"]), (&json!(3), &json!({ "k": { "N": "2" } })));
        assert_eq!(page_end(&answer), None);
    }
}
