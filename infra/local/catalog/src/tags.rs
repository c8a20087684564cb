//! Tags of entities and change sets: `TagResource`, `UntagResource`, `ListTagsForResource`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Catalog, CatalogError};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagResource {
    resource_arn: String,
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagResource {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTags {
    resource_arn: String,
}

/// AWS's limit for the tags of a request (by the API reference) and of a resource (as everywhere in
/// AWS).
const MAX_TAGS: usize = 50;

impl Catalog {
    pub(super) fn tag(&mut self, caller: &str, request: TagResource) -> Result<Value, CatalogError> {
        check_count("Tags", request.tags.len())?;
        let new = check_tags(&request.tags)?;
        let tags = self.tags_of(caller, &request.resource_arn)?;
        let total = tags.len() + new.keys().filter(|key| !tags.contains_key(*key)).count();
        if total > MAX_TAGS {
            return Err(CatalogError::validation(format!("A resource can have at most {MAX_TAGS} tags")));
        }
        tags.extend(new);
        Ok(json!({}))
    }

    pub(super) fn untag(&mut self, caller: &str, request: &UntagResource) -> Result<Value, CatalogError> {
        check_count("TagKeys", request.tag_keys.len())?;
        let tags = self.tags_of(caller, &request.resource_arn)?;
        for key in &request.tag_keys {
            tags.remove(key);
        }
        Ok(json!({}))
    }

    pub(super) fn list_tags(&mut self, caller: &str, request: &ListTags) -> Result<Value, CatalogError> {
        let tags = self.tags_of(caller, &request.resource_arn)?;
        let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        Ok(json!({ "ResourceArn": request.resource_arn, "Tags": tags }))
    }

    /// The tags of the entity or change set that an ARN names, if the caller may see it.
    fn tags_of(&mut self, caller: &str, arn: &str) -> Result<&mut BTreeMap<String, String>, CatalogError> {
        let missing = || CatalogError::not_found(format!("Resource {arn} not found"));
        if !(1..=255).contains(&arn.len()) || !arn.starts_with("arn:") || !arn.contains(":aws-marketplace:") {
            return Err(CatalogError::validation("ResourceArn must be the ARN of an entity or a change set"));
        }
        let resource = arn.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(4));
        let [_, kind, id] = resource.ok_or_else(missing)?.split('/').collect::<Vec<_>>()[..] else {
            return Err(missing());
        };
        // The whole ARN must match, so that an ARN of another account or region is not taken for
        // this resource.
        if kind == "ChangeSet" {
            let change_set = self.visible_change_set(caller, id)?;
            if change_set.arn(self.region()) != arn {
                return Err(missing());
            }
            return self.change_sets.get_mut(id).map(|change_set| &mut change_set.tags).ok_or_else(missing);
        }
        let entity = self.visible(caller, id)?;
        if entity.arn(self.region()) != arn {
            return Err(missing());
        }
        self.entities.get_mut(id).map(|entity| &mut entity.tags).ok_or_else(missing)
    }
}

fn check_count(what: &str, count: usize) -> Result<(), CatalogError> {
    if (1..=MAX_TAGS).contains(&count) {
        return Ok(());
    }
    Err(CatalogError::validation(format!("{what} must hold 1 to {MAX_TAGS} entries")))
}

/// Checks tags by the service model's lengths and AWS's common rule on prefixes. The error texts
/// are this simulator's own.
pub(super) fn check_tags(tags: &[Tag]) -> Result<BTreeMap<String, String>, CatalogError> {
    let refuse = |message: String| Err(CatalogError::validation(message));
    if tags.len() > MAX_TAGS {
        return refuse(format!("A resource can have at most {MAX_TAGS} tags"));
    }
    let mut read = BTreeMap::new();
    for Tag { key, value } in tags {
        if !(1..=128).contains(&key.chars().count()) {
            return refuse("Length of a tag's Key must be between 1 and 128".into());
        }
        if value.chars().count() > 256 {
            return refuse("Length of a tag's Value must be between 0 and 256".into());
        }
        // The service model's pattern: letters, digits and spaces of any language, and these.
        let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
        if !key.chars().chain(value.chars()).all(allowed) {
            return refuse(format!("Tag {key} holds a character other than letters, digits, spaces and _.:/=+-@"));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return refuse(format!("Key {key} begins with aws:, which is reserved"));
        }
        if read.insert(key.clone(), value.clone()).is_some() {
            return refuse(format!("Key {key} appears twice"));
        }
    }
    Ok(read)
}
