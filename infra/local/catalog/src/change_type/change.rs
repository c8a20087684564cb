//! One change of a change set: its request, the action that it stands for, and its errors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::error_detail::ErrorDetail;
use super::Action;

/// One change of a change set, after its request was checked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) change_type: String,
    pub(crate) name: Option<String>,
    pub(crate) entity_type: String,
    /// The entity's identifier as it was requested, possibly with a revision. `None` if the change
    /// creates its entity.
    pub(crate) identifier: Option<String>,
    /// The entity's id without the revision. For a new entity, the id that it will have.
    pub(crate) entity: String,
    pub(crate) entity_tags: BTreeMap<String, String>,
    pub(crate) details: Value,
    pub(crate) action: Action,
    pub(crate) errors: Vec<ErrorDetail>,
}

impl Change {
    /// An entry of `ChangeSet` in the answer of `DescribeChangeSet`.
    pub(crate) fn describe(&self) -> Value {
        let error = |error: &ErrorDetail| json!({ "ErrorCode": error.code, "ErrorMessage": error.message });
        let mut description = json!({
            "ChangeType": self.change_type,
            "Entity": { "Type": self.entity_type },
            "Details": self.details.to_string(),
            "DetailsDocument": self.details,
            "ErrorDetailList": self.errors.iter().map(error).collect::<Vec<_>>(),
        });
        if let Some(identifier) = &self.identifier {
            description["Entity"]["Identifier"] = json!(identifier);
        }
        if let Some(name) = &self.name {
            description["ChangeName"] = json!(name);
        }
        description
    }
}
