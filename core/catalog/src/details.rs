//! Reads the JSON in which the catalog describes its entities. Strict: what is not understood is an
//! error, because a product that is overlooked here would be denied in every member organization
//! (rule 0). Only what is not set may come in several forms: AWS shows it as `null`, as something
//! empty, or not at all, and documents which of them nowhere.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::ops::Range;

use pmp_protocol::{ExperienceId, Note, ProductId, ResourceRequests};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::intern::Interner;
use crate::note;
use crate::{CatalogError, Experience, ExperienceStatus, PolicyId, ProcurementPolicy, Revision};

/// A text that borrows from the answer wherever it holds no escapes.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// A text that holds JSON, as it stands in the answer, escapes and all: most answers hold the same
/// as a document as well, and then nobody reads it.
struct JsonText<'a>(&'a RawValue);

impl<'de: 'a, 'a> Deserialize<'de> for JsonText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('"') { Ok(Self(raw)) } else { Err(D::Error::custom("details that are no text")) }
    }
}

/// Reads `null` as if the field were absent: AWS's documents spell it either way.
fn null_as_absent<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The answer of `BatchDescribeEntities`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Batch<'a> {
    #[serde(borrow)]
    entity_details: Option<HashMap<String, Option<Entity<'a>>>>,
    errors: Option<HashMap<String, Option<EntityError>>>,
}

/// The answer of `DescribeEntity`, and one of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Entity<'a> {
    entity_identifier: Option<String>,
    #[serde(borrow)]
    details: Option<JsonText<'a>>,
    #[serde(borrow)]
    details_document: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntityError {
    error_code: Option<String>,
    error_message: Option<String>,
}

impl Batch<'_> {
    /// What it says of one of the entities that were asked for.
    pub(crate) fn entity(&self, id: &str) -> Result<&Entity<'_>, CatalogError> {
        if let Some(entity) = self.entity_details.as_ref().and_then(|found| found.get(id)?.as_ref()) {
            return entity.about(id);
        }
        let Some(error) = self.errors.as_ref().and_then(|errors| errors.get(id)?.as_ref()) else {
            let problem = "the batch holds neither details nor an error for it".to_owned();
            return Err(CatalogError::Unexpected { entity: id.to_owned(), problem });
        };
        let code = error.error_code.clone().unwrap_or_else(|| "Unknown".to_owned());
        let message = error.error_message.clone().unwrap_or_else(|| "no message".to_owned());
        Err(CatalogError::Entity { entity: id.to_owned(), code, message })
    }
}

impl Entity<'_> {
    /// The same, where it is about the entity that was asked for: what is said of another one may
    /// look like an empty policy.
    pub(crate) fn about(&self, asked: &str) -> Result<&Self, CatalogError> {
        let without_revision = |id: &str| id.split('@').next().unwrap_or_default().to_owned();
        match &self.entity_identifier {
            Some(found) if without_revision(found) != without_revision(asked) => Err(CatalogError::Unexpected {
                entity: asked.to_owned(),
                problem: format!("the answer is about `{found}`"),
            }),
            _ => Ok(self),
        }
    }

    /// Its identifier with the revision, or what was asked for where the answer holds none.
    pub(crate) fn identifier<'s>(&'s self, asked: &'s str) -> &'s str {
        self.entity_identifier.as_deref().unwrap_or(asked)
    }

    /// Its details, which come as a document, as a string of JSON, or as both.
    pub(crate) fn json(&self, asked: &str) -> Result<Cow<'_, str>, CatalogError> {
        let unexpected = |problem: String| CatalogError::Unexpected { entity: asked.to_owned(), problem };
        if let Some(document) = self.details_document {
            return Ok(Cow::Borrowed(document.get()));
        }
        let text = self.details.as_ref().map(|JsonText(raw)| serde_json::from_str::<Text<'_>>(raw.get()));
        let text = text.transpose().map_err(|e| unexpected(e.to_string()))?;
        let text = text.map(|text| text.0).filter(|text| !text.is_empty());
        text.ok_or_else(|| unexpected("it has no details".to_owned()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ExperienceDetails {
    #[serde(default, deserialize_with = "null_as_absent")]
    name: String,
    status: String,
    admin_status: Option<String>,
    procurement_policies: Option<Ids>,
}

/// A list of ids, or one without a list around it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    One(String),
    Many(Vec<Option<String>>),
}

impl Ids {
    /// Those that are one: an empty string has been seen in place of "no policy".
    fn set(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::One(id) => (Some(id), None),
            Self::Many(ids) => (None, Some(ids.iter().flatten())),
        };
        one.into_iter().chain(many.into_iter().flatten()).map(String::as_str).filter(|id| !id.is_empty())
    }
}

/// Reads an experience. `identifier` is the `EntityIdentifier`, which carries the revision:
/// `exp-…@6`.
pub(crate) fn experience(identifier: &str, details: &str) -> Result<Experience, CatalogError> {
    let unexpected = |problem: String| CatalogError::Unexpected { entity: identifier.to_owned(), problem };
    let (id, revision) =
        identifier.split_once('@').ok_or_else(|| unexpected("its identifier carries no revision".to_owned()))?;
    let id = ExperienceId::new(id).map_err(|e| unexpected(e.to_string()))?;
    let revision = revision.parse().map(Revision).map_err(|_| unexpected(format!("revision `{revision}`")))?;
    let details: ExperienceDetails = serde_json::from_str(details).map_err(|e| unexpected(e.to_string()))?;
    let status = match details.status.as_str() {
        "Enabled" => ExperienceStatus::Enabled,
        "Disabled" => ExperienceStatus::Disabled,
        _ => ExperienceStatus::Other(details.status),
    };
    let policies = details.procurement_policies.iter().flat_map(Ids::set);
    let policies = policies.map(|id| PolicyId::new(id).ok_or_else(|| unexpected(format!("policy id `{id}`"))));
    let policies = policies.collect::<Result<_, _>>()?;
    Ok(Experience { id, revision, name: details.name, status, admin_status: details.admin_status, policies })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDetails<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    statements: Option<Vec<Statement<'a>>>,
    configuration: Option<Configuration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement<'a> {
    effect: Effect,
    #[serde(borrow, default, deserialize_with = "null_as_absent")]
    resources: Resources<'a>,
}

#[derive(Deserialize)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(borrow)]
    ids: Vec<Text<'a>>,
    #[serde(borrow)]
    notes: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    #[serde(default, deserialize_with = "null_as_absent")]
    policy_resource_requests: ResourceRequests,
}

/// The products of a statement, from all of its resources. A policy may have a resource for each
/// product, and then as many lists of one id would take several times the answer.
#[derive(Default)]
struct Resources<'a> {
    ids: Vec<Text<'a>>,
    /// Each note, and the places of the ids that it is about.
    notes: Vec<(Range<usize>, Text<'a>)>,
    /// The type of the first resource that is no product.
    other: Option<String>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Resources<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Listed;
        impl<'de> Visitor<'de> for Listed {
            type Value = Resources<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut resources: A) -> Result<Resources<'de>, A::Error> {
                let mut all = Resources::default();
                while let Some(Resource { r#type, ids, notes }) = resources.next_element()? {
                    if r#type.0 != "Product" {
                        all.other.get_or_insert_with(|| r#type.0.into_owned());
                    }
                    let from = all.ids.len();
                    all.ids.extend(ids);
                    all.notes.extend(notes.map(|note| (from..all.ids.len(), note)));
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(Listed)
    }
}

/// What a procurement policy lists, as it lists it: in any order, and perhaps more than once.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    approved: Vec<ProductId>,
    rejected: Vec<ProductId>,
    notes: BTreeMap<ProductId, Note>,
    policy_resource_requests: ResourceRequests,
}

/// Reads a procurement policy: all statements, all resources, all ids, in whatever order they come.
pub(crate) fn policy(id: &PolicyId, details: &str, interner: &Interner) -> Result<Listed, CatalogError> {
    let unexpected = |problem: String| CatalogError::Unexpected { entity: id.to_string(), problem };
    let details: PolicyDetails<'_> = serde_json::from_str(details).map_err(|e| unexpected(e.to_string()))?;
    if details.name.is_none() && details.statements.is_none() && details.configuration.is_none() {
        // Rule 0: read as an empty policy, this would deny every product in every member
        // organization.
        return Err(unexpected("it says nothing that a policy says".to_owned()));
    }
    let mut listed = Listed {
        policy_resource_requests: details.configuration.unwrap_or_default().policy_resource_requests,
        ..Listed::default()
    };
    for Statement { effect, resources } in details.statements.unwrap_or_default() {
        if let Some(other) = resources.other {
            return Err(unexpected(format!("a resource of type `{other}`")));
        }
        let ids = interner.intern(&resources.ids).map_err(|e| unexpected(e.to_string()))?;
        for (places, text) in resources.notes {
            if let Some(note) = note::read(&text.0) {
                ids[places].iter().for_each(|id| note::put(&mut listed.notes, id, &note));
            }
        }
        let list = match effect {
            Effect::Allow => &mut listed.approved,
            Effect::Deny => &mut listed.rejected,
        };
        // Most policies have one statement for each effect, whose list is taken as it is.
        if list.is_empty() { *list = ids } else { list.extend(ids) }
    }
    Ok(listed)
}

impl From<Listed> for ProcurementPolicy {
    fn from(listed: Listed) -> Self {
        // Collected from a sorted list, a set is built full, and takes half the memory of one grown
        // by insertion.
        let set = |mut list: Vec<ProductId>| {
            list.sort_unstable();
            list.into_iter().collect::<BTreeSet<_>>()
        };
        let (mut approved, rejected) = (set(listed.approved), set(listed.rejected));
        let contradictory: BTreeSet<_> = approved.intersection(&rejected).cloned().collect();
        if !contradictory.is_empty() {
            approved.retain(|id| !contradictory.contains(id));
        }
        let (notes, policy_resource_requests) = (listed.notes, listed.policy_resource_requests);
        Self { approved, rejected, contradictory, notes, policy_resource_requests }
    }
}

#[cfg(test)]
mod rewritings;

#[cfg(test)]
mod tests {
    use pmp_protocol::ProductId;
    use serde_json::{Value, json};

    use super::*;
    use crate::NotLive;

    fn policy_id() -> PolicyId {
        PolicyId::new("policy-1").unwrap()
    }

    fn read_experience(identifier: &str, details: Value) -> Result<Experience, CatalogError> {
        experience(identifier, &details.to_string())
    }

    fn read_policy(details: Value) -> Result<ProcurementPolicy, CatalogError> {
        policy(&policy_id(), &details.to_string(), &Interner::new()).map(ProcurementPolicy::from)
    }

    fn names(set: &std::collections::BTreeSet<ProductId>) -> Vec<&str> {
        set.iter().map(ProductId::as_str).collect()
    }

    #[test]
    fn an_experience_is_read_with_its_revision() {
        let details = json!({"Name": "Prod", "Status": "Enabled", "ProcurementPolicies": ["policy-1"],
                             "BrandingSettings": ["brand-1"], "AdminStatus": "Editable"});
        let experience = read_experience("exp-1@6", details).unwrap();
        assert_eq!((experience.id.as_str(), experience.revision), ("exp-1", Revision(6)));
        assert_eq!(experience.live_policy(), Ok(&policy_id()));
    }

    #[test]
    fn an_experience_out_of_form_is_refused() {
        for (identifier, details) in [
            ("exp-1", json!({"Status": "Enabled"})),
            ("exp-1@x", json!({"Status": "Enabled"})),
            ("exp-1@2", json!({"Name": "no status"})),
        ] {
            assert!(matches!(read_experience(identifier, details), Err(CatalogError::Unexpected { .. })));
        }
    }

    #[test]
    fn an_experience_without_a_policy_is_one_however_it_says_so() {
        for policies in [json!(null), json!([]), json!(""), json!([""]), json!([null])] {
            let details = json!({"Name": null, "Description": null, "Status": "Enabled", "AdminStatus": null,
                                 "ProcurementPolicies": policies, "BrandingSettings": null});
            let experience = read_experience("exp-1@2", details).unwrap();
            assert_eq!(experience.live_policy(), Err(NotLive::NoPolicy), "{policies}");
            assert_eq!(experience.name, "");
        }
        let one = json!({"Status": "Enabled", "ProcurementPolicies": "policy-1"});
        assert_eq!(read_experience("exp-1@2", one).unwrap().live_policy(), Ok(&policy_id()));
    }

    #[test]
    fn what_is_null_in_a_policy_is_not_set() {
        for details in [
            json!({"Name": "P", "Statements": null, "Configuration": null}),
            json!({"Name": null, "Statements": [], "Configuration": null}),
            json!({"Statements": [{"Effect": "Allow", "Resources": null}, {"Effect": "Deny", "Resources": []}],
                   "Configuration": {"PolicyResourceRequests": null}}),
        ] {
            assert_eq!(read_policy(details).unwrap(), ProcurementPolicy::default());
        }
        let resource = json!({"Type": "Product", "Ids": ["a"], "Notes": null});
        let noted = read_policy(json!({"Statements": [{"Effect": "Allow", "Resources": [resource]}]})).unwrap();
        assert_eq!((names(&noted.approved), noted.notes.len()), (vec!["a"], 0));
    }

    #[test]
    fn all_statements_resources_and_ids_are_flattened() {
        let details = json!({"Name": "P", "Statements": [
            {"Effect": "Deny", "Resources": [{"Type": "Product", "Ids": ["d1"]}]},
            {"Effect": "Allow", "Resources": [
                {"Type": "Product", "Ids": ["a2", "a1"], "Notes": "genai, eu"},
                {"Type": "Product", "Ids": ["a3"]}]},
            {"Effect": "Allow", "Resources": [{"Type": "Product", "Ids": ["a4"]}]},
            {"Effect": "Deny", "Resources": [{"Type": "Product", "Ids": ["d2"]}]}],
            "Configuration": {"PolicyResourceRequests": "Deny"}});
        let policy = read_policy(details).unwrap();
        assert_eq!(names(&policy.approved), ["a1", "a2", "a3", "a4"]);
        assert_eq!(names(&policy.rejected), ["d1", "d2"]);
        assert_eq!(policy.notes.len(), 2);
        assert_eq!(policy.policy_resource_requests, ResourceRequests::Deny);
    }

    #[test]
    fn a_product_on_both_lists_is_rejected_and_reported() {
        let details = json!({"Statements": [
            {"Effect": "Allow", "Resources": [{"Type": "Product", "Ids": ["x", "a"]}]},
            {"Effect": "Deny", "Resources": [{"Type": "Product", "Ids": ["x"]}]}]});
        let policy = read_policy(details).unwrap();
        assert_eq!(names(&policy.approved), ["a"]);
        assert_eq!(names(&policy.rejected), ["x"]);
        assert_eq!(names(&policy.contradictory), ["x"]);
    }

    #[test]
    fn a_policy_without_statements_approves_nothing() {
        assert_eq!(read_policy(json!({"Name": "empty"})).unwrap(), ProcurementPolicy::default());
        assert_eq!(read_policy(json!({"Statements": []})).unwrap(), ProcurementPolicy::default());
    }

    #[test]
    fn a_document_that_says_nothing_is_no_empty_policy() {
        let nulls = json!({"Name": null, "Statements": null, "Configuration": null});
        for nothing in
            [json!({}), json!({"statements": []}), json!({"Statement": []}), json!({"Message": "sorry"}), nulls]
        {
            let refused = read_policy(nothing.clone());
            assert!(matches!(refused, Err(CatalogError::Unexpected { .. })), "{nothing}: {refused:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_whole() {
        for statements in [
            json!([{"Effect": "Maybe", "Resources": []}]),
            json!([{"Effect": "Allow", "Resources": [{"Type": "Seller", "Ids": ["s"]}]}]),
            json!([{"Effect": "Allow", "Resources": [{"Type": "Product", "Ids": ["two words"]}]}]),
            json!([{"Effect": "Allow", "Resources": [{"Type": "Product"}]}]),
            json!([{"Effect": null, "Resources": []}]),
            json!([{"Effect": "Allow", "Resources": [{"Type": null, "Ids": ["p"]}]}]),
            json!([{"Effect": "Allow", "Resources": [{"Type": "Product", "Ids": null}]}]),
            json!([{"Effect": "Allow", "Resources": [{"Type": "Product", "Ids": [null]}]}]),
            json!([null]),
            json!("none"),
        ] {
            let refused = read_policy(json!({"Statements": statements}));
            assert!(matches!(refused, Err(CatalogError::Unexpected { .. })), "{refused:?}");
        }
    }
}
