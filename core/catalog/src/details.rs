//! Reads the JSON in which the catalog describes its entities. Strict: what is not understood is an error, because a
//! product that is overlooked here would be denied in every member organization (rule 0).

use pmp_protocol::{ExperienceId, Note, ProductId, ResourceRequests};
use serde::Deserialize;
use serde_json::Value;

use crate::{CatalogError, Experience, ExperienceStatus, PolicyId, ProcurementPolicy, Revision};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ExperienceDetails {
    #[serde(default)]
    name: String,
    status: String,
    admin_status: Option<String>,
    #[serde(default)]
    procurement_policies: Vec<String>,
}

/// Reads an experience. `identifier` is the `EntityIdentifier`, which carries the revision: `exp-…@6`.
pub(crate) fn experience(identifier: &str, details: Value) -> Result<Experience, CatalogError> {
    let unexpected = |problem: String| CatalogError::Unexpected { entity: identifier.to_owned(), problem };
    let (id, revision) =
        identifier.split_once('@').ok_or_else(|| unexpected("its identifier carries no revision".to_owned()))?;
    let id = ExperienceId::new(id).map_err(|e| unexpected(e.to_string()))?;
    let revision = revision.parse().map(Revision).map_err(|_| unexpected(format!("revision `{revision}`")))?;
    let details: ExperienceDetails = serde_json::from_value(details).map_err(|e| unexpected(e.to_string()))?;
    let status = match details.status.as_str() {
        "Enabled" => ExperienceStatus::Enabled,
        "Disabled" => ExperienceStatus::Disabled,
        _ => ExperienceStatus::Other(details.status),
    };
    let policies = details
        .procurement_policies
        .iter()
        // An empty string has been seen in place of "no policy".
        .filter(|id| !id.is_empty())
        .map(|id| PolicyId::new(id).ok_or_else(|| unexpected(format!("policy id `{id}`"))))
        .collect::<Result<_, _>>()?;
    Ok(Experience { id, revision, name: details.name, status, admin_status: details.admin_status, policies })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDetails {
    #[serde(default)]
    statements: Vec<Statement>,
    #[serde(default)]
    configuration: Configuration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: Effect,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    r#type: String,
    ids: Vec<ProductId>,
    notes: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    #[serde(default)]
    policy_resource_requests: ResourceRequests,
}

/// Reads a procurement policy: all statements, all resources, all ids, in whatever order they come.
pub(crate) fn policy(id: &PolicyId, details: Value) -> Result<ProcurementPolicy, CatalogError> {
    let unexpected = |problem: String| CatalogError::Unexpected { entity: id.to_string(), problem };
    let details: PolicyDetails = serde_json::from_value(details).map_err(|e| unexpected(e.to_string()))?;
    let mut policy = ProcurementPolicy {
        policy_resource_requests: details.configuration.policy_resource_requests,
        ..ProcurementPolicy::default()
    };
    for Statement { effect, resources } in details.statements {
        let list = match effect {
            Effect::Allow => &mut policy.approved,
            Effect::Deny => &mut policy.rejected,
        };
        for Resource { r#type, ids, notes } in resources {
            if r#type != "Product" {
                return Err(unexpected(format!("a resource of type `{type}`", type = r#type)));
            }
            if let Some(note) = notes.as_deref().and_then(Note::new) {
                policy.notes.extend(ids.iter().map(|id| (id.clone(), note.clone())));
            }
            list.extend(ids);
        }
    }
    policy.contradictory = policy.approved.intersection(&policy.rejected).cloned().collect();
    policy.approved.retain(|id| !policy.contradictory.contains(id));
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy_id() -> PolicyId {
        PolicyId::new("policy-1").unwrap()
    }

    fn names(set: &std::collections::BTreeSet<ProductId>) -> Vec<&str> {
        set.iter().map(ProductId::as_str).collect()
    }

    #[test]
    fn an_experience_is_read_with_its_revision() {
        let details = json!({"Name": "Prod", "Status": "Enabled", "ProcurementPolicies": ["policy-1"],
                             "BrandingSettings": ["brand-1"], "AdminStatus": "Editable"});
        let experience = experience("exp-1@6", details).unwrap();
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
            assert!(matches!(experience(identifier, details), Err(CatalogError::Unexpected { .. })));
        }
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
        let policy = policy(&policy_id(), details).unwrap();
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
        let policy = policy(&policy_id(), details).unwrap();
        assert_eq!(names(&policy.approved), ["a"]);
        assert_eq!(names(&policy.rejected), ["x"]);
        assert_eq!(names(&policy.contradictory), ["x"]);
    }

    #[test]
    fn a_policy_without_statements_approves_nothing() {
        assert_eq!(policy(&policy_id(), json!({"Name": "empty"})).unwrap(), ProcurementPolicy::default());
    }

    #[test]
    fn what_is_not_understood_is_refused_whole() {
        for statements in [
            json!([{"Effect": "Maybe", "Resources": []}]),
            json!([{"Effect": "Allow", "Resources": [{"Type": "Seller", "Ids": ["s"]}]}]),
            json!([{"Effect": "Allow", "Resources": [{"Type": "Product", "Ids": ["two words"]}]}]),
            json!([{"Effect": "Allow", "Resources": [{"Type": "Product"}]}]),
            json!("none"),
        ] {
            let refused = policy(&policy_id(), json!({"Statements": statements}));
            assert!(matches!(refused, Err(CatalogError::Unexpected { .. })), "{refused:?}");
        }
    }
}
