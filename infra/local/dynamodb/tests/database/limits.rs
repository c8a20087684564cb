//! Limits: sizes of items, pages, batches and keys, and what they cost.

use serde_json::{Value, json};

use crate::{call, get, item, put, receipts, refusal, text};

/// An item of so many bytes, as DynamoDB counts.
fn of_size(name: &str, bytes: usize) -> Value {
    let rest = "organization".len() + "o-1".len() + "item".len() + name.len() + "data".len();
    item("o-1", name, &[("data", text(&"x".repeat(bytes - rest)))])
}

#[test]
fn an_item_has_400_kib_of_names_and_values() {
    let mut database = receipts("S");
    put(&mut database, of_size("a", 400 * 1024));
    let larger = json!({ "TableName": "receipts", "Item": of_size("b", 400 * 1024 + 1) });
    let message = "ValidationException: Item size has exceeded the maximum allowed size";
    assert_eq!(refusal(&mut database, "PutItem", &larger), message);
    let grow = json!({
        "TableName": "receipts", "Key": item("o-1", "a", &[]), "UpdateExpression": "SET more = :x",
        "ExpressionAttributeValues": { ":x": text("") },
    });
    let message = "ValidationException: Item size to update has exceeded the maximum allowed size";
    assert_eq!(refusal(&mut database, "UpdateItem", &grow), message);
    assert!(get(&mut database, item("o-1", "a", &[])).get("more").is_none());
}

#[test]
fn a_page_ends_with_the_item_that_fills_a_mebibyte() {
    let mut database = receipts("S");
    for n in 0..12 {
        put(&mut database, of_size(&format!("{n:02}"), 256 * 1024));
    }
    let scan = json!({ "TableName": "receipts", "ConsistentRead": true, "ReturnConsumedCapacity": "INDEXES" });
    let page = call(&mut database, "Scan", &scan).unwrap();
    assert_eq!(page["Count"], 4);
    assert_eq!(page["LastEvaluatedKey"], item("o-1", "03", &[]));
    let units = json!({ "TableName": "receipts", "CapacityUnits": 256.0, "Table": { "CapacityUnits": 256.0 } });
    assert_eq!(page["ConsumedCapacity"], units);
    // What a filter or a projection leaves out is read all the same.
    let filtered = json!({
        "TableName": "receipts", "KeyConditionExpression": "organization = :o", "FilterExpression": "attribute_exists(nothing)",
        "ProjectionExpression": "organization", "ExpressionAttributeValues": { ":o": text("o-1") }, "ReturnConsumedCapacity": "TOTAL",
    });
    let page = call(&mut database, "Query", &filtered).unwrap();
    assert_eq!((&page["Count"], &page["ScannedCount"]), (&json!(0), &json!(4)));
    assert_eq!(page["LastEvaluatedKey"], item("o-1", "03", &[]));
    assert_eq!(page["ConsumedCapacity"]["CapacityUnits"], 128.0);
}

#[test]
fn keys_have_lengths_types_and_no_empty_values() {
    let mut database = receipts("S");
    let long = |bytes: usize| "k".repeat(bytes);
    put(&mut database, item(&long(2048), &long(1024), &[]));
    for (item, problem) in [
        (
            item(&long(2049), "i", &[]),
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
        (
            item("o", &long(1025), &[]),
            "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
        ),
        (
            item("", "i", &[]),
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: organization",
        ),
        (
            json!({ "organization": text("o") }),
            "One or more parameter values were invalid: Missing the key item in the item",
        ),
        (
            json!({ "organization": text("o"), "item": { "N": "1" } }),
            "One or more parameter values were invalid: Type mismatch for key item expected: S actual: N",
        ),
    ] {
        let put = json!({ "TableName": "receipts", "Item": item });
        assert_eq!(refusal(&mut database, "PutItem", &put), format!("ValidationException: {problem}"));
    }
    for key in [
        json!({ "organization": text("o") }),
        item("o", "i", &[("more", text("x"))]),
        json!({ "organization": text("o"), "item": { "N": "1" } }),
    ] {
        let get = json!({ "TableName": "receipts", "Key": key });
        assert_eq!(
            refusal(&mut database, "GetItem", &get),
            "ValidationException: The provided key element does not match the schema"
        );
    }
}

#[test]
fn values_may_be_nested_32_deep() {
    let mut database = receipts("S");
    let nested = |levels: usize| (0..levels).fold(text("x"), |value, _| json!({ "L": [value] }));
    put(&mut database, item("o", "i", &[("deep", nested(32))]));
    let put = json!({ "TableName": "receipts", "Item": item("o", "i", &[("deep", nested(33))]) });
    assert!(refusal(&mut database, "PutItem", &put).contains("Nesting Levels have exceeded supported limits"));
}

#[test]
fn batches_have_bounds_and_say_what_they_left() {
    let mut database = receipts("S");
    let write = |item: Value| json!({ "PutRequest": { "Item": item } });
    let all: Vec<_> = (0..50).map(|n| of_size(&format!("{n:02}"), 390 * 1024)).collect();
    for part in all.chunks(25) {
        let writes: Vec<_> = part.iter().cloned().map(write).collect();
        let answer = call(&mut database, "BatchWriteItem", &json!({ "RequestItems": { "receipts": writes } })).unwrap();
        assert_eq!(answer, json!({ "UnprocessedItems": {} }));
    }
    let keys = |from: usize, to: usize| (from..to).map(|n| item("o-1", &format!("{n:02}"), &[])).collect::<Vec<_>>();
    let mut left = keys(0, 50);
    let mut rounds = Vec::new();
    while !left.is_empty() {
        let asked = json!({ "RequestItems": { "receipts": { "Keys": left, "ProjectionExpression": "#i", "ExpressionAttributeNames": { "#i": "item" } } } });
        let answer = call(&mut database, "BatchGetItem", &asked).unwrap();
        rounds.push(answer["Responses"]["receipts"].as_array().unwrap().len());
        let rest = &answer["UnprocessedKeys"]["receipts"];
        assert!(rest.is_null() || rest["ProjectionExpression"] == "#i");
        left = rest["Keys"].as_array().cloned().unwrap_or_default();
    }
    // 16 MiB, and the item that fills them.
    assert_eq!(rounds, [43, 7]);
    let many: Vec<_> = (0..26).map(|n| write(item("o", &n.to_string(), &[]))).collect();
    let twice = vec![write(item("o", "i", &[])), json!({ "DeleteRequest": { "Key": item("o", "i", &[]) } })];
    for (writes, problem) in [
        (many, "Too many items requested for the BatchWriteItem call"),
        (twice, "Provided list of item keys contains duplicates"),
        (vec![], "The batch write request list for a table cannot be null or empty"),
    ] {
        let asked = json!({ "RequestItems": { "receipts": writes } });
        assert_eq!(refusal(&mut database, "BatchWriteItem", &asked), format!("ValidationException: {problem}"));
    }
    let asked = json!({ "RequestItems": { "receipts": { "Keys": keys(0, 101) } } });
    assert!(
        refusal(&mut database, "BatchGetItem", &asked).contains("Too many items requested for the BatchGetItem call")
    );
    let asked = json!({ "RequestItems": { "receipts": { "Keys": [keys(0, 1)[0], keys(0, 1)[0]] } } });
    assert!(refusal(&mut database, "BatchGetItem", &asked).contains("contains duplicates"));
}

#[test]
fn reads_and_writes_cost_what_they_cost_in_aws() {
    let mut database = receipts("S");
    let mut units = |operation: &str, mut asked: Value| {
        asked["TableName"] = "receipts".into();
        asked["ReturnConsumedCapacity"] = "TOTAL".into();
        call(&mut database, operation, &asked).unwrap()["ConsumedCapacity"]["CapacityUnits"].as_f64().unwrap()
    };
    let key = || item("o-1", "i", &[]);
    assert_eq!(units("GetItem", json!({ "Key": key() })), 0.5);
    assert_eq!(units("PutItem", json!({ "Item": of_size("i", 1025) })), 2.0);
    assert_eq!(units("GetItem", json!({ "Key": key() })), 0.5);
    assert_eq!(units("PutItem", json!({ "Item": of_size("i", 5000) })), 5.0);
    assert_eq!(units("GetItem", json!({ "Key": key() })), 1.0);
    assert_eq!(units("GetItem", json!({ "Key": key(), "ConsistentRead": true })), 2.0);
    assert_eq!(units("PutItem", json!({ "Item": key() })), 5.0);
    assert_eq!(units("DeleteItem", json!({ "Key": key() })), 1.0);
    assert_eq!(units("DeleteItem", json!({ "Key": key() })), 1.0);
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let mut database = receipts("S");
    let query = |more: Value| {
        let mut asked = json!({
            "TableName": "receipts", "KeyConditionExpression": "organization = :o",
            "ExpressionAttributeValues": { ":o": text("o-1") },
        });
        for (field, value) in more.as_object().unwrap() {
            asked[field] = value.clone();
        }
        asked
    };
    let values = |more: Value| json!({ ":o": text("o-1"), ":x": more });
    for (operation, asked, problem) in [
        ("Query", query(json!({ "Limit": 0 })), "Member must have value greater than or equal to 1"),
        ("Query", query(json!({ "IndexName": "by-x" })), "The table does not have the specified index: by-x"),
        (
            "Query",
            query(json!({ "KeyConditionExpression": "item = :o", "ProjectionExpression": "organization" })),
            "reserved keyword: item",
        ),
        (
            "Query",
            query(json!({ "KeyConditionExpression": "another = :o" })),
            "Query condition missed key schema element: organization",
        ),
        ("Query", query(json!({ "KeyConditionExpression": "organization > :o" })), "Query key condition not supported"),
        (
            "Query",
            query(json!({ "KeyConditionExpression": "organization = :o OR organization = :o" })),
            "Invalid operator used in KeyConditionExpression: OR",
        ),
        (
            "Query",
            query(json!({ "ExpressionAttributeValues": { ":o": { "N": "1" } } })),
            "Condition parameter type does not match schema type",
        ),
        (
            "Query",
            query(json!({ "ExpressionAttributeValues": values(text("x")) })),
            "unused in expressions: keys: {:x}",
        ),
        (
            "Query",
            query(json!({ "FilterExpression": "organization = :x", "ExpressionAttributeValues": values(text("x")) })),
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: organization",
        ),
        ("Query", query(json!({ "ExclusiveStartKey": item("o-2", "i", &[]) })), "outside query boundaries"),
        (
            "Query",
            query(json!({ "ExclusiveStartKey": { "organization": text("o-1") } })),
            "The provided starting key is invalid",
        ),
        ("Query", query(json!({ "Select": "SPECIFIC_ATTRIBUTES" })), "SPECIFIC_ATTRIBUTES"),
        ("Query", query(json!({ "ReturnConsumedCapacity": "ALL" })), "returnConsumedCapacity"),
        ("Query", query(json!({ "QueryFilter": {} })), "legacy parameter QueryFilter"),
        ("Scan", json!({ "TableName": "receipts", "Segment": 1 }), "TotalSegments parameter is required"),
        (
            "Scan",
            json!({ "TableName": "receipts", "Segment": 2, "TotalSegments": 2 }),
            "Segment: 2 is not less than TotalSegments: 2",
        ),
        ("GetItem", json!({ "TableName": "receipts" }), "Value null at 'key'"),
        ("GetItem", json!({ "Key": {} }), "Value null at 'tableName'"),
        ("GetItem", json!({ "TableName": "a b", "Key": {} }), "must satisfy regular expression pattern"),
        (
            "PutItem",
            json!({ "TableName": "receipts", "Item": item("o", "i", &[]), "ReturnValues": "ALL_NEW" }),
            "ReturnValues can only be ALL_OLD or NONE",
        ),
        (
            "UpdateItem",
            json!({ "TableName": "receipts", "Key": item("o", "i", &[]), "UpdateExpression": "REMOVE organization" }),
            "Cannot update attribute organization. This attribute is part of the key",
        ),
        (
            "UpdateItem",
            json!({ "TableName": "receipts", "Key": item("o", "i", &[]), "AttributeUpdates": {} }),
            "legacy parameter AttributeUpdates",
        ),
    ] {
        let refused = refusal(&mut database, operation, &asked);
        assert!(refused.starts_with("ValidationException: ") && refused.contains(problem), "{problem}: {refused}");
    }
    let get = json!({ "TableName": "other", "Key": item("o", "i", &[]) });
    assert_eq!(refusal(&mut database, "GetItem", &get), "ResourceNotFoundException: Requested resource not found");
    let describe = json!({ "TableName": "other" });
    let message = "ResourceNotFoundException: Requested resource not found: Table: other not found";
    assert_eq!(refusal(&mut database, "DescribeTable", &describe), message);
    assert!(refusal(&mut database, "ExecuteStatement", &json!({})).starts_with("UnknownOperationException: "));
}
