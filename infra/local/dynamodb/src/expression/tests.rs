use std::collections::BTreeMap;

use super::Kind;
use super::condition::Condition;
use super::placeholders::Placeholders;
use super::projection::Projection;
use super::update::Update;
use crate::error::Error;
use crate::json::read;
use crate::value::Attributes;

const ITEM: &str = r#"{
    "id": {"S": "i-1"}, "version": {"N": "3"}, "label": {"S": "a#1"}, "gone": {"NULL": true},
    "tags": {"SS": ["x", "y"]}, "l1": {"L": [{"N": "1"}, {"S": "two"}, {"N": "3"}]},
    "m1": {"M": {"in": {"M": {"deep": {"N": "7"}}}, "flag": {"BOOL": true}}}, "b1": {"B": "AQID"}
}"#;

const VALUES: &str = r#"{
    ":three": {"N": "3.0"}, ":four": {"N": "4"}, ":a": {"S": "a"}, ":b": {"S": "b"}, ":x": {"S": "x"}, ":m": {"M": {}},
    ":type": {"S": "N"}, ":no": {"S": "NUMBER"}, ":list": {"L": [{"N": "9"}]}, ":set": {"SS": ["y", "z"]}, ":B": {"B": "AQI="}
}"#;

fn attributes(text: &str) -> Attributes {
    read(text.as_bytes()).unwrap()
}

/// Parses with the names `#v` and `#in`, and with those of the values that the text has.
fn with_given<T>(
    text: &str,
    parse: impl for<'a> FnOnce(&'a str, &mut Placeholders<'a>) -> Result<T, Error>,
) -> Result<T, Error> {
    let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || "#:_".contains(c))).collect();
    let names = [("#v", "version"), ("#in", "in"), ("#size", "size")];
    let names: BTreeMap<_, _> =
        names.into_iter().filter(|(name, _)| words.contains(name)).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let mut values = attributes(VALUES);
    values.retain(|name, _| words.contains(&name.as_str()));
    let names = Some(&names).filter(|names| !names.is_empty());
    let values = Some(&values).filter(|values| !values.is_empty());
    let mut given = Placeholders::new(names, values, &[(Kind::Condition, true)])?;
    let parsed = parse(text, &mut given)?;
    given.finish().map(|()| parsed)
}

fn condition(text: &str) -> Result<Condition, Error> {
    with_given(text, |text, given| Condition::parse(Kind::Condition, text, given))
}

#[test]
fn conditions_hold_or_do_not() {
    let item = attributes(ITEM);
    for (text, holds) in [
        ("attribute_exists(id)", true),
        ("attribute_not_exists(id) OR #v <= :three", true),
        ("attribute_exists(nothing)", false),
        ("#v = :three AND NOT #v = :four", true),
        ("not attribute_exists(id) or #v = :three and label = :a", false),
        ("(attribute_exists(nothing) OR #v = :three) AND label <> :a", true),
        ("#v < :four", true),
        ("#v < :a", false),
        ("nothing <> :a", true),
        ("nothing = :a", false),
        ("#v BETWEEN :three AND :four", true),
        ("label BETWEEN :a AND :b", true),
        ("#v IN (:four, :three)", true),
        ("#v IN (:four)", false),
        ("begins_with(label, :a)", true),
        ("begins_with(b1, :B)", true),
        ("begins_with(#v, :a)", false),
        ("contains(tags, :x)", true),
        ("contains(label, :a)", true),
        ("contains(l1, :three)", true),
        ("contains(#v, :a)", false),
        ("attribute_type(#v, :type)", true),
        ("attribute_type(label, :type)", false),
        ("size(tags) < :three", true),
        ("size(label) = :three", true),
        ("size(#v) = :three", false),
        ("l1[1] <> :a AND l1[2] = :three", true),
        ("l1[3] = :three", false),
        ("m1.#in.deep > :four", true),
        ("m1.#in.nothing > :four", false),
        ("attribute_exists(gone)", true),
    ] {
        assert_eq!(condition(text).unwrap().holds(&item), holds, "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_condition_is_said_in_dynamodbs_words() {
    for (text, problem) in [
        ("", "The expression can not be empty;"),
        ("#v <", "Syntax error; token: \"<EOF>\", near: \"<\""),
        ("#v < :three label", "Syntax error; token: \"label\", near: \":three label\""),
        ("a-b = :a", "Syntax error; token: \"-\", near: \"a - b\""),
        ("a = 'b'", "Syntax error; token: \"'\", near: \"'b'\""),
        ("#none = :a", "An expression attribute name used in the document path is not defined; attribute name: #none"),
        ("id = :none", "An expression attribute value used in expression is not defined; attribute value: :none"),
        ("size = :a", "Attribute name is a reserved keyword; reserved keyword: size"),
        ("Status = :a", "Attribute name is a reserved keyword; reserved keyword: Status"),
        ("exists(id)", "Invalid function name; function: exists"),
        (
            "attribute_exists(id, label)",
            "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2",
        ),
        (
            "attribute_exists(:a)",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "begins_with(id, :three)",
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        ("id < :m", "Incorrect operand type for operator or function; operator or function: <, operand type: M"),
        ("attribute_type(id, :no)", "Invalid attribute type name found; type: NUMBER"),
        (
            "id = id",
            "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [id]",
        ),
        (
            "#v BETWEEN :four AND :three",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound",
        ),
        ("#v BETWEEN :a AND :three", "The BETWEEN operator requires same data type"),
        ("((id = :a))", "The expression has redundant parentheses;"),
    ] {
        let error = condition(text).unwrap_err();
        assert!(
            error.message.starts_with("Invalid ConditionExpression: ") && error.message.contains(problem),
            "{text}: {error}"
        );
    }
    let deep = format!("{}id = :a", "NOT ".repeat(900));
    assert!(condition(&deep).unwrap_err().message.contains("nested too deep"));
    assert!(
        condition(&format!("id = :a OR {}", "x".repeat(5000))).unwrap_err().message.contains("maximum allowed size")
    );
    assert!(condition("((id = :a) OR (label = :a))").is_ok());
}

#[test]
fn placeholders_have_a_form_and_a_use() {
    let names = |text: &str| read::<BTreeMap<String, String>>(text.as_bytes()).unwrap();
    let values = attributes(r#"{":a": {"S": "x"}}"#);
    let new = |names: Option<&BTreeMap<String, String>>, values: Option<&Attributes>, given: bool| {
        Placeholders::new(names, values, &[(Kind::Update, false), (Kind::Condition, given)])
            .and_then(Placeholders::finish)
            .map_err(|error| error.message)
    };
    for (names, problem) in [
        (names(r##"{"#n": "a"}"##), "Value provided in ExpressionAttributeNames unused in expressions: keys: {#n}"),
        (names(r#"{"n": "a"}"#), "ExpressionAttributeNames contains invalid key: Syntax error; key: \"n\""),
        (names("{}"), "ExpressionAttributeNames must not be empty"),
    ] {
        assert_eq!(new(Some(&names), None, true), Err(problem.to_owned()));
    }
    assert_eq!(
        new(None, Some(&values), true),
        Err("Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}".to_owned())
    );
    assert_eq!(
        new(None, Some(&values), false),
        Err("ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null".to_owned())
    );
    let given = names(r##"{"#n": "a"}"##);
    assert_eq!(
        new(Some(&given), None, false),
        Err("ExpressionAttributeNames can only be specified when using expressions".to_owned())
    );
}

fn updated(text: &str) -> Result<Attributes, Error> {
    let update = with_given(text, Update::parse)?;
    let mut item = attributes(ITEM);
    update.apply(&mut item).map(|()| item)
}

#[test]
fn updates_change_what_they_name_and_no_more() {
    let before = attributes(ITEM);
    for (text, name, after) in [
        ("SET fresh = :a", "fresh", r#"{"S": "a"}"#),
        ("SET #v = #v + :four", "version", r#"{"N": "7"}"#),
        ("SET #v = :four - #v", "version", r#"{"N": "1"}"#),
        ("set #v = if_not_exists(nothing, :four) + :three", "version", r#"{"N": "7"}"#),
        ("SET #v = if_not_exists(#v, :four)", "version", r#"{"N": "3"}"#),
        ("SET l1 = list_append(l1, :list)", "l1", r#"{"L": [{"N": "1"}, {"S": "two"}, {"N": "3"}, {"N": "9"}]}"#),
        (
            "SET l1 = list_append(if_not_exists(nothing, :list), l1)",
            "l1",
            r#"{"L": [{"N": "9"}, {"N": "1"}, {"S": "two"}, {"N": "3"}]}"#,
        ),
        ("SET l1[1] = :a", "l1", r#"{"L": [{"N": "1"}, {"S": "a"}, {"N": "3"}]}"#),
        (
            "SET l1[9] = :b, l1[7] = :a",
            "l1",
            r#"{"L": [{"N": "1"}, {"S": "two"}, {"N": "3"}, {"S": "a"}, {"S": "b"}]}"#,
        ),
        ("REMOVE l1[0], l1[2]", "l1", r#"{"L": [{"S": "two"}]}"#),
        ("REMOVE l1[0] SET l1[1] = :a", "l1", r#"{"L": [{"S": "a"}, {"N": "3"}]}"#),
        ("SET m1.#in.deep = :a", "m1", r#"{"M": {"in": {"M": {"deep": {"S": "a"}}}, "flag": {"BOOL": true}}}"#),
        ("REMOVE m1.flag", "m1", r#"{"M": {"in": {"M": {"deep": {"N": "7"}}}}}"#),
        ("ADD #v :four", "version", r#"{"N": "7"}"#),
        ("ADD fresh :four", "fresh", r#"{"N": "4"}"#),
        ("ADD tags :set", "tags", r#"{"SS": ["x", "y", "z"]}"#),
        ("DELETE tags :set", "tags", r#"{"SS": ["x"]}"#),
        ("DELETE nothing :set", "version", r#"{"N": "3"}"#),
        // Values are those from before the update, whatever comes first.
        ("SET #v = label, label = #v", "version", r#"{"S": "a#1"}"#),
        ("SET #v = label, label = #v", "label", r#"{"N": "3"}"#),
    ] {
        let item = updated(text).unwrap();
        assert_eq!(item.get(name), Some(&read(after.as_bytes()).unwrap()), "{text}");
        let changed = |name: &String| item.get(name) != before.get(name);
        let count = item
            .keys()
            .chain(before.keys().filter(|name| !item.contains_key(*name)))
            .filter(|name| changed(name))
            .count();
        assert!(count <= 2, "{text}");
    }
    assert!(!updated("REMOVE tags").unwrap().contains_key("tags"));
    assert!(updated("DELETE tags :set REMOVE l1").unwrap().contains_key("tags"));
}

#[test]
fn what_is_wrong_with_an_update_is_said_in_dynamodbs_words() {
    for (text, problem) in [
        ("", "The expression can not be empty;"),
        ("PUT a = :a", "Syntax error; token: \"PUT\""),
        ("SET a = :a SET b = :b", "The \"SET\" section can only be used once in an update expression;"),
        (
            "SET a = :a, a = :b",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
        ),
        ("SET a.b = :a REMOVE a", "path one: [a, b], path two: [a]"),
        ("SET a.b = :a, c = :b REMOVE a[1]", "Two document paths conflict with each other"),
        ("ADD #v :a", "Incorrect operand type for operator or function; operator: ADD, operand type: S"),
        ("DELETE #v :three", "Incorrect operand type for operator or function; operator: DELETE, operand type: N"),
        (
            "SET a = #v + :a",
            "Incorrect operand type for operator or function; operator or function: +, operand type: S",
        ),
        ("SET a = list_append(l1, :a)", "operator or function: list_append, operand type: S"),
        ("SET a = size(l1)", "Invalid function name; function: size"),
        ("SET a = if_not_exists(:a, :b)", "Operator or function requires a document path"),
    ] {
        let error = updated(text).unwrap_err();
        assert!(
            error.message.starts_with("Invalid UpdateExpression: ") && error.message.contains(problem),
            "{text}: {error}"
        );
    }
    for (text, problem) in [
        ("SET a = nothing", "refers to an attribute that does not exist in the item"),
        ("SET a = label + :three", "An operand in the update expression has an incorrect data type"),
        ("ADD label :three", "An operand in the update expression has an incorrect data type"),
        ("DELETE l1 :set", "An operand in the update expression has an incorrect data type"),
        ("SET nothing.a = :a", "The document path provided in the update expression is invalid for update"),
        ("REMOVE label[0]", "The document path provided in the update expression is invalid for update"),
    ] {
        let error = updated(text).unwrap_err();
        assert!(error.message.contains(problem), "{text}: {error}");
    }
}

#[test]
fn projections_show_parts() {
    let item = attributes(ITEM);
    let shown = |text: &str| {
        let projection = with_given(text, Projection::parse).map_err(|error| error.message)?;
        Ok::<_, String>(serde_json::to_string(&projection.apply(&item)).unwrap())
    };
    assert_eq!(shown("id, #v, nothing").unwrap(), r#"{"id":{"S":"i-1"},"version":{"N":"3"}}"#);
    assert_eq!(
        shown("m1.#in.deep, l1[2], l1[0]").unwrap(),
        r#"{"l1":{"L":[{"N":"1"},{"N":"3"}]},"m1":{"M":{"in":{"M":{"deep":{"N":"7"}}}}}}"#
    );
    assert_eq!(shown("m1.nothing, l1[9], id.a").unwrap(), "{}");
    assert!(shown("m1, m1.flag").unwrap_err().contains("Two document paths overlap"));
    assert!(shown("id,").unwrap_err().contains("Syntax error; token: \"<EOF>\""));
}
