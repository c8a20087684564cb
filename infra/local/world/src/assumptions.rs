//! Where AWS's documentation is silent: how the catalog behaves there, a switch for each. The default is the reading that is
//! likelier, and every other value one that the documentation permits as well.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration;

/// What AWS documents nowhere, one switch for each. The first value of each is the default; a client is right where it works
/// with every value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Assumptions {
    /// How a description shows what is not set, such as the procurement policy of an experience that has none.
    pub absent_values: AbsentValues,
    /// Whether `BatchDescribeEntities` serves the entities of private marketplace.
    pub batches: Batches,
    /// Whether `ListEntities` takes an order together with the filter `Scope`.
    pub sort_with_scope: SortWithScope,
    /// By how much a change set raises the revision of an entity that it changes.
    pub revisions: Revisions,
    /// What a `ClientRequestToken` leads to that an earlier request had.
    pub known_tokens: KnownTokens,
    /// In what words a change is refused that names a revision which is not the newest.
    pub stale_revisions: StaleRevisions,
    /// `AdminStatus` of an experience that is archived while pmp-local runs: any text but `Editable`.
    pub archived_admin_status: String,
    /// Whether `AllowProductProcurement` takes a product off the list of denied ones, and the other way round.
    pub listing: Listing,
    /// The code with which a change fails that names a product which does not exist (`poison_products`): capital letters and `_`.
    pub unknown_products: String,
    /// Which account gets the event of a change set.
    pub events_of_changes: EventsOfChanges,
    /// What Discovery's listings tell of a product.
    pub listings: Listings,
    /// Whether Discovery's listings can be searched by the ids of products.
    pub product_searches: ProductSearches,
    /// Whether a queue that SQS encrypts with its own key takes what a subscription could not deliver.
    pub dead_letters: DeadLetters,
    /// How long a description still shows what was before a change set that has ended, and whose event was sent.
    #[serde(with = "duration")]
    #[schemars(with = "duration::DurationText")]
    pub read_lag: Duration,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            absent_values: AbsentValues::default(),
            batches: Batches::default(),
            sort_with_scope: SortWithScope::default(),
            revisions: Revisions::default(),
            known_tokens: KnownTokens::default(),
            stale_revisions: StaleRevisions::default(),
            archived_admin_status: "Restricted".into(),
            listing: Listing::default(),
            unknown_products: "ENTITY_NOT_FOUND".into(),
            events_of_changes: EventsOfChanges::default(),
            listings: Listings::default(),
            product_searches: ProductSearches::default(),
            dead_letters: DeadLetters::default(),
            read_lag: Duration::ZERO,
        }
    }
}

/// How a description shows what is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AbsentValues {
    /// As AWS's documents show it: the procurement policies of an experience without one are `null`, as is the failure code of a
    /// change set that did not fail; another list is empty, and anything else is not there.
    #[default]
    LeftOut,
    /// As `null`, whatever it is.
    Null,
    /// A list is empty, a text is empty, and anything else is not there.
    Empty,
}

/// Whether `BatchDescribeEntities` serves the entities of private marketplace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Batches {
    /// It describes what `DescribeEntity` describes.
    #[default]
    Describe,
    /// Each of them is in `Errors`, as `ENTITY_NOT_FOUND`.
    NotFound,
}

/// Whether `ListEntities` takes an order together with the filter `Scope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SortWithScope {
    /// It does.
    #[default]
    Accepted,
    /// It is refused with `ValidationException`.
    Refused,
}

/// By how much a change set raises the revision of an entity that it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Revisions {
    /// By one, however many of its changes name the entity.
    #[default]
    PerChangeSet,
    /// By the number of its changes that name the entity.
    PerChange,
}

/// What a `ClientRequestToken` leads to that an earlier request had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KnownTokens {
    /// The same request is answered with the change set that it started, for ever and however that ended; another one is
    /// refused.
    #[default]
    Answered,
    /// It is refused with `ValidationException`.
    Refused,
    /// The same request is answered while its change set runs, and refused after its end.
    RefusedAfterTheEnd,
    /// The same request is answered while its change set runs, and starts another one after its end.
    ForgottenAfterTheEnd,
}

/// In what words a change is refused that names a revision which is not the newest: AWS documents that the message includes the
/// newest revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StaleRevisions {
    /// They speak of a revision, and name the newest.
    #[default]
    Named,
    /// They tell neither.
    Unnamed,
}

/// Whether `AllowProductProcurement` takes a product off the list of denied ones, and the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Listing {
    /// It does: a product is on one list at most.
    #[default]
    Moves,
    /// It does not: a product that was denied and is allowed is on both lists.
    Adds,
}

/// Which account gets the event of a change set: AWS documents that administrators "can receive an event".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventsOfChanges {
    /// The one that started it.
    #[default]
    Starter,
    /// The management account to whose private marketplace it belongs, whoever started it.
    Owner,
}

/// What a listing of one product tells of it, beside its name and its vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Listings {
    /// The categories and the ways of delivery that `GetProduct` tells.
    #[default]
    Complete,
    /// Neither.
    Bare,
}

/// Whether `SearchListings` finds products by the filter `PRODUCT_ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProductSearches {
    /// It finds every product that there is.
    #[default]
    Found,
    /// It finds none.
    NotFound,
    /// The filter is refused with `ValidationException`.
    Refused,
}

/// What becomes of a message that a subscription could not deliver, where its dead-letter queue has encryption by SQS itself, as
/// every new queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeadLetters {
    /// The queue takes it.
    #[default]
    Taken,
    /// It is lost.
    Lost,
}
