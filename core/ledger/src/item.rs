//! Reading attributes out of DynamoDB items.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The text or number `name`, parsed; what is wrong with it otherwise.
pub(crate) fn parse<T: FromStr>(item: &Item, name: &str) -> Result<T, String> {
    let text = match item.get(name) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text,
        Some(_) => return Err(format!("attribute `{name}` is neither text nor number")),
        None => return Err(format!("attribute `{name}` is missing")),
    };
    text.parse().map_err(|_| format!("attribute `{name}` is `{}`", text.chars().take(80).collect::<String>()))
}

/// As [`parse`], where the attribute may be absent.
pub(crate) fn parse_optional<T: FromStr>(item: &Item, name: &str) -> Result<Option<T>, String> {
    item.contains_key(name).then(|| parse(item, name)).transpose()
}

pub(crate) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
