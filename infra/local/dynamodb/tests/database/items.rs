//! Single items: conditions, updates, and what is answered about them.

use serde_json::{Value, json};

use crate::{call, get, item, number, put, receipts, refusal, text};

#[test]
fn a_condition_guards_a_write_and_the_failure_shows_the_item_if_asked() {
    let mut database = receipts("S");
    let old = item("o-1", "i", &[("version", number(2))]);
    put(&mut database, old.clone());
    let mut write = json!({
        "TableName": "receipts", "Item": item("o-1", "i", &[("version", number(1))]),
        "ConditionExpression": "attribute_not_exists(version) OR version <= :v",
        "ExpressionAttributeValues": { ":v": number(1) },
    });
    let failed = "ConditionalCheckFailedException: The conditional request failed";
    assert_eq!(refusal(&mut database, "PutItem", &write), failed);
    write["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD".into();
    let error = call(&mut database, "PutItem", &write).unwrap_err();
    assert_eq!(serde_json::to_value(error.item).unwrap(), old);
    assert_eq!(get(&mut database, item("o-1", "i", &[])), old);
    write["ExpressionAttributeValues"][":v"] = number(2);
    write["ReturnValues"] = "ALL_OLD".into();
    assert_eq!(call(&mut database, "PutItem", &write).unwrap(), json!({ "Attributes": old }));
    let mut delete = json!({
        "TableName": "receipts", "Key": item("o-1", "i", &[]), "ConditionExpression": "version = :v",
        "ExpressionAttributeValues": { ":v": number(9) },
    });
    assert_eq!(refusal(&mut database, "DeleteItem", &delete), failed);
    delete["ExpressionAttributeValues"][":v"] = number(1);
    assert_eq!(call(&mut database, "DeleteItem", &delete).unwrap(), json!({}));
    assert_eq!(get(&mut database, item("o-1", "i", &[])), Value::Null);
}

#[test]
fn an_update_makes_or_changes_an_item_and_tells_what_was_asked_for() {
    let mut database = receipts("S");
    let mut update = |expression: &str, values: &str, answer: &str| {
        let mut asked = json!({ "TableName": "receipts", "Key": item("o-1", "i", &[]), "ReturnValues": answer });
        if !expression.is_empty() {
            asked["UpdateExpression"] = expression.into();
        }
        if !values.is_empty() {
            asked["ExpressionAttributeValues"] = serde_json::from_str(values).unwrap();
        }
        call(&mut database, "UpdateItem", &asked).unwrap()["Attributes"].clone()
    };
    let key = item("o-1", "i", &[]);
    assert_eq!(update("", "", "ALL_NEW"), key);
    let first = r#"{ ":n": { "N": "1" }, ":m": { "M": { "a": { "S": "x" }, "b": { "S": "y" } } } }"#;
    assert_eq!(update("SET amount = :n, m1 = :m", first, "ALL_OLD"), key);
    let one = r#"{ ":n": { "N": "1" } }"#;
    assert_eq!(update("SET amount = amount + :n", one, "UPDATED_NEW"), json!({ "amount": number(2) }));
    assert_eq!(update("ADD amount :n", one, "UPDATED_OLD"), json!({ "amount": number(2) }));
    let part = r#"{ ":s": { "S": "z" } }"#;
    assert_eq!(update("SET m1.a = :s", part, "UPDATED_NEW"), json!({ "m1": { "M": { "a": text("z") } } }));
    assert_eq!(update("REMOVE m1.b", "", "UPDATED_NEW"), Value::Null);
    assert_eq!(update("REMOVE nothing", "", "NONE"), Value::Null);
    let whole = item("o-1", "i", &[("amount", number(3)), ("m1", json!({ "M": { "a": text("z") } }))]);
    assert_eq!(get(&mut database, key), whole);
}

#[test]
fn a_projection_shows_what_it_names() {
    let mut database = receipts("S");
    put(&mut database, item("o-1", "i", &[("amount", number(3)), ("secret", text("x"))]));
    let mut asked =
        json!({ "TableName": "receipts", "Key": item("o-1", "i", &[]), "ProjectionExpression": "#i, amount, nothing" });
    asked["ExpressionAttributeNames"] = json!({ "#i": "item" });
    let found = call(&mut database, "GetItem", &asked).unwrap();
    assert_eq!(found, json!({ "Item": { "item": text("i"), "amount": number(3) } }));
    asked["Key"] = item("o-1", "none", &[]);
    assert_eq!(call(&mut database, "GetItem", &asked).unwrap(), json!({}));
}
