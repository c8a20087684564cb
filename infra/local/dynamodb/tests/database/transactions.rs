//! Transactions: whole or not at all, once for each token.

use serde_json::{Value, json};

use crate::{call, call_at, get, item, number, put, receipts, refusal, text};

fn write(kind: &str, item: Value, more: Value) -> Value {
    let mut asked = json!({ "TableName": "receipts", (if kind == "Put" { "Item" } else { "Key" }): item });
    for (field, value) in more.as_object().unwrap() {
        asked[field] = value.clone();
    }
    json!({ kind: asked })
}

#[test]
fn all_is_written_or_nothing_with_a_reason_for_each() {
    let mut database = receipts("S");
    let old = item("o-1", "old", &[("count", number(1)), ("label", text("x"))]);
    put(&mut database, old.clone());
    let guard = |shows: &str| json!({ "ConditionExpression": "attribute_not_exists(organization)", "ReturnValuesOnConditionCheckFailure": shows });
    let add = |name: &str| json!({ "UpdateExpression": "ADD #n :one", "ExpressionAttributeNames": { "#n": name }, "ExpressionAttributeValues": { ":one": number(1) } });
    let fresh = || write("Put", item("o-1", "new", &[]), json!({}));
    for (refused, reason) in [
        (
            write("Put", item("o-1", "old", &[]), guard("NONE")),
            json!({ "Code": "ConditionalCheckFailed", "Message": "The conditional request failed" }),
        ),
        (
            write("Delete", item("o-1", "old", &[]), guard("ALL_OLD")),
            json!({ "Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": old }),
        ),
        (
            write("ConditionCheck", item("o-1", "old", &[]), guard("NONE")),
            json!({ "Code": "ConditionalCheckFailed", "Message": "The conditional request failed" }),
        ),
        (
            write("Update", item("o-1", "old", &[]), add("label")),
            json!({ "Code": "ValidationError", "Message": "An operand in the update expression has an incorrect data type" }),
        ),
    ] {
        let error =
            call(&mut database, "TransactWriteItems", &json!({ "TransactItems": [fresh(), refused] })).unwrap_err();
        assert_eq!(error.code, "TransactionCanceledException");
        let code = reason["Code"].as_str().unwrap();
        assert_eq!(
            error.message,
            format!("Transaction cancelled, please refer cancellation reasons for specific reasons [None, {code}]")
        );
        assert_eq!(serde_json::to_value(error.reasons).unwrap(), json!([{ "Code": "None" }, reason]));
        assert_eq!(get(&mut database, item("o-1", "new", &[])), Value::Null);
    }
    let all = [
        fresh(),
        write("Update", item("o-1", "old", &[]), add("count")),
        write("ConditionCheck", item("o-1", "none", &[]), guard("NONE")),
    ];
    let asked = json!({ "TransactItems": all, "ReturnConsumedCapacity": "TOTAL" });
    let units = json!({ "TableName": "receipts", "CapacityUnits": 6.0, "WriteCapacityUnits": 6.0 });
    assert_eq!(call(&mut database, "TransactWriteItems", &asked).unwrap(), json!({ "ConsumedCapacity": [units] }));
    assert_eq!(get(&mut database, item("o-1", "old", &[]))["count"], number(2));
    assert_eq!(get(&mut database, item("o-1", "none", &[])), Value::Null);
    let read = |name: &str| json!({ "Get": { "TableName": "receipts", "Key": item("o-1", name, &[]), "ProjectionExpression": "organization" } });
    let found =
        call(&mut database, "TransactGetItems", &json!({ "TransactItems": [read("new"), read("none")] })).unwrap();
    assert_eq!(found, json!({ "Responses": [{ "Item": { "organization": text("o-1") } }, {}] }));
}

#[test]
fn a_token_stands_for_one_transaction_for_ten_minutes() {
    let mut database = receipts("S");
    let add = |amount: i64| {
        let more =
            json!({ "UpdateExpression": "ADD amount :n", "ExpressionAttributeValues": { ":n": number(amount) } });
        json!({ "TransactItems": [write("Update", item("o-1", "i", &[]), more)], "ClientRequestToken": "token" })
    };
    let mut at =
        |amount, second| call_at(&mut database, "TransactWriteItems", &add(amount), second).map_err(|error| error.code);
    assert!(at(1, 0).is_ok() && at(1, 599).is_ok());
    assert_eq!(at(2, 599), Err("IdempotentParameterMismatchException"));
    assert!(at(2, 600).is_ok());
    assert_eq!(get(&mut database, item("o-1", "i", &[]))["amount"], number(3));
}

#[test]
fn a_transaction_has_bounds() {
    let mut database = receipts("S");
    let put = |n: usize| write("Put", item("o-1", &n.to_string(), &[]), json!({}));
    let large =
        |n: usize| write("Put", item("o-1", &n.to_string(), &[("data", text(&"x".repeat(390_000)))]), json!({}));
    let both = json!({ "Put": put(0)["Put"], "Delete": write("Delete", item("o-1", "a", &[]), json!({}))["Delete"] });
    for (items, problem) in [
        ((0..101).map(put).collect(), "less than or equal to 100"),
        (vec![], "greater than or equal to 1"),
        (vec![put(0), put(0)], "Transaction request cannot include multiple operations on one item"),
        (vec![both], "TransactItems can only contain one of Check, Put, Update or Delete"),
        ((0..11).map(large).collect(), "aggregate item size of over 4MB"),
        (vec![write("ConditionCheck", item("o-1", "a", &[]), json!({}))], "Value null at 'conditionExpression'"),
    ] {
        let items: Vec<Value> = items;
        let refused = refusal(&mut database, "TransactWriteItems", &json!({ "TransactItems": items }));
        assert!(refused.starts_with("ValidationException: ") && refused.contains(problem), "{problem}: {refused}");
    }
    assert_eq!(call(&mut database, "Scan", &json!({ "TableName": "receipts" })).unwrap()["Count"], 0);
}
