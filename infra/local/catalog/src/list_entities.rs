//! The operation `ListEntities`: filters, scope, order and pages.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entity::{Entity, text_of};
use super::error::check_catalog;
use super::list::{Filter, Page, Place, Sort, key_of, order, scope_and_filters};
use super::{Catalog, CatalogError, Standing};
use pmp_world::SortWithScope;

/// The request of `ListEntities`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListEntities {
    catalog: String,
    entity_type: String,
    #[serde(default)]
    filter_list: Vec<Filter>,
    sort: Option<Sort>,
    max_results: Option<usize>,
    next_token: Option<String>,
    ownership_type: Option<OwnershipType>,
    entity_type_filters: Option<Value>,
    entity_type_sort: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum OwnershipType {
    #[serde(rename = "SELF")]
    Own,
    Shared,
}

/// The entity types of private marketplace, and the type of agent tokens, which buyers create as
/// well.
const TYPES: [&str; 6] = [
    "Experience",
    "ProcurementPolicy",
    "BrandingSettings",
    "Audience",
    "ProductProcurementRequest",
    "AgentTokenContainer",
];
/// The other documented types. They exist in AWS; here their lists are empty.
const OTHER_TYPES: [&str; 11] = [
    "AmiProduct",
    "ContainerProduct",
    "DataProduct",
    "ExpressPrivateOfferConfiguration",
    "MachineLearningProduct",
    "Offer",
    "OfferSet",
    "ResaleAuthorization",
    "SaaSProduct",
    "Seller",
    "Solution",
];
/// The filters that AWS documents beside the scope. Earlier versions of its reference had more.
const FILTERS: [&str; 1] = ["EntityId"];
/// The attributes to sort by; the first is the default.
const SORTS: [&str; 2] = ["LastModifiedDate", "EntityId"];
const MAX_PAGE: usize = 50;

impl Catalog {
    /// Lists the entities of one type that the caller owns, or with the scope `SharedWithMe` those
    /// that are shared with it.
    pub(super) fn list_entities(&self, caller: &str, request: &ListEntities) -> Result<Value, CatalogError> {
        check_catalog(&request.catalog)?;
        let kind = request.entity_type.trim_end_matches("@1.0");
        if !TYPES.contains(&kind) && !OTHER_TYPES.contains(&kind) && kind != "SubsidiaryAuthorization" {
            let message = format!("EntityType {kind} is not supported");
            return Err(CatalogError::validation(message).in_field("EntityType"));
        }
        if TYPES.contains(&kind) && (request.entity_type_filters.is_some() || request.entity_type_sort.is_some()) {
            // The service model's unions of filters and sorts have no member for these types.
            let message = format!("EntityTypeFilters and EntityTypeSort do not apply to EntityType {kind}");
            let field = if request.entity_type_filters.is_some() { "EntityTypeFilters" } else { "EntityTypeSort" };
            return Err(CatalogError::validation(message).in_field(field));
        }
        let (mut wanted, filters) = scope_and_filters(&request.filter_list, &FILTERS)?;
        if request.ownership_type == Some(OwnershipType::Shared) {
            // AWS documents this value for entities that are shared through AWS RAM. Here it means
            // the same as the scope.
            wanted = Standing::DelegatedAdministrator;
        }
        if request.sort.is_some()
            && wanted == Standing::DelegatedAdministrator
            && self.settings.assumptions().sort_with_scope == SortWithScope::Refused
        {
            let message = "Sort is not supported with the filters of this request";
            return Err(CatalogError::validation(message).in_field("Sort"));
        }
        let (by, direction) = order(request.sort.as_ref(), &SORTS)?;
        let page = Page::of(request.max_results, request.next_token.as_deref(), MAX_PAGE)?;
        let matches = |entity: &&Entity| {
            entity.kind() == kind
                && self.standing_to(caller, entity) == wanted
                && filters.iter().all(|filter| filter.accepts(&entity.id))
        };
        // AWS documents no order of entities with the same key. Here they are in the order of their
        // ids, ascending and descending alike.
        let compare = |(a, a_id): &Place, (b, b_id): &Place| direction.compare(a, b).then_with(|| a_id.cmp(b_id));
        let found = self.entities.values().filter(matches).map(|entity| (place_of(entity, by), entity));
        let found = found.filter(|(place, _)| page.admits(place, compare)).collect();
        Ok(page.answer("EntitySummaryList", found, compare, |entity| self.entity_summary(entity)))
    }

    fn entity_summary(&self, entity: &Entity) -> Value {
        json!({
            "Name": entity.name,
            "EntityType": entity.kind(),
            "EntityId": entity.id,
            "EntityArn": entity.arn(self.region()),
            "LastModifiedDate": text_of(entity.modified),
            "Visibility": "Restricted",
        })
    }
}

fn place_of(entity: &Entity, by: &str) -> Place {
    let key = match by {
        "EntityId" => entity.id.clone(),
        _ => key_of(entity.modified),
    };
    (key, entity.id.clone())
}
