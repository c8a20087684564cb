//! Changes of a change set, and what a procurement policy says.

use aws_sdk_marketplacecatalog::types::{Change, Entity};
use aws_smithy_types::Document;
use serde_json::{Value, json};

use crate::document;

/// A change of `change_type` on an experience, `exp-…` or `exp-…@REVISION`, that names these
/// products.
pub fn change(change_type: &str, experience: &str, ids: &[impl AsRef<str>]) -> Change {
    change_with(change_type, experience, products(ids, None))
}

/// A change on an experience, with any details.
pub fn change_with(change_type: &str, experience: &str, details: Document) -> Change {
    let entity = Entity::builder().r#type("Experience@1.0").identifier(experience).build().unwrap();
    Change::builder().change_type(change_type).entity(entity).details_document(details).build().unwrap()
}

/// The details of `AllowProductProcurement` and `DenyProductProcurement`.
pub fn products(ids: &[impl AsRef<str>], notes: Option<&str>) -> Document {
    let ids: Vec<_> = ids.iter().map(AsRef::as_ref).collect();
    let mut group = json!({ "Ids": ids });
    if let Some(notes) = notes {
        group["Notes"] = notes.into();
    }
    document(&json!({ "Products": [group] }))
}

/// The approved and the rejected products of a policy, in the order of its statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// The ids in the statements whose effect is `Allow`.
    pub approved: Vec<String>,
    /// The ids in the statements whose effect is `Deny`.
    pub rejected: Vec<String>,
}

/// Reads the details of a procurement policy, as `DescribeEntity` answers them. A policy without
/// statements may say `null`.
pub fn lists(details: &Value) -> Lists {
    let mut lists = Lists::default();
    for statement in details["Statements"].as_array().into_iter().flatten() {
        let list = if statement["Effect"] == "Allow" { &mut lists.approved } else { &mut lists.rejected };
        for resource in statement["Resources"].as_array().unwrap() {
            list.extend(resource["Ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()));
        }
    }
    lists
}
