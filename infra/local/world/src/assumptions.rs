//! How the embedded AWS behaves where AWS's documentation says nothing: one switch for each
//! question. The default is the more likely reading. Each other value is a reading that the
//! documentation permits as well.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration;

/// What AWS does not document, with one switch for each question. The first value of a switch is
/// its default. A client is correct if it works with every value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Assumptions {
    /// How a description shows what is not set, such as the procurement policy of an experience
    /// that has none.
    pub absent_values: AbsentValues,
    /// Whether `BatchDescribeEntities` serves the entities of private marketplace.
    pub batches: Batches,
    /// Whether `ListEntities` takes an order together with the filter `Scope`.
    pub sort_with_scope: SortWithScope,
    /// By how much a change set raises the revision of an entity that it changes.
    pub revisions: Revisions,
    /// What happens when a request repeats the `ClientRequestToken` of an earlier request.
    pub known_tokens: KnownTokens,
    /// How the refusal of a change is worded that names an old revision.
    pub stale_revisions: StaleRevisions,
    /// `AdminStatus` of an experience that is archived while pmp-local runs: any text except
    /// `Editable`.
    pub archived_admin_status: String,
    /// Whether `AllowProductProcurement` removes a product from the list of denied products, and
    /// `DenyProductProcurement` from the list of allowed ones.
    pub listing: Listing,
    /// The error code of a change that names a product which does not exist (`poison_products`):
    /// capital letters and `_`.
    pub unknown_products: String,
    /// Which account receives the event of a change set.
    pub events_of_changes: EventsOfChanges,
    /// Which attributes of a product the listings of Marketplace Discovery hold.
    pub listings: Listings,
    /// Whether the listings of Marketplace Discovery can be searched by product id.
    pub product_searches: ProductSearches,
    /// Whether a dead-letter queue that is encrypted by SQS itself receives the messages that a
    /// subscription could not deliver.
    pub dead_letters: DeadLetters,
    /// How long after the end of a change set, and after its event, a description still shows the
    /// old state.
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

/// How a description shows a value that is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AbsentValues {
    /// As AWS's documents show it: `null` for the procurement policies of an experience without a
    /// policy, and for the failure code of a change set that did not fail. Other lists are empty,
    /// and other values are left out.
    #[default]
    LeftOut,
    /// Every absent value is `null`.
    Null,
    /// An absent list is empty, an absent text is empty, and other values are left out.
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
    /// An order and the filter `Scope` can be combined.
    #[default]
    Accepted,
    /// A request with both is refused with `ValidationException`.
    Refused,
}

/// By how much a change set raises the revision of an entity that it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Revisions {
    /// By one, even if several changes of the change set name the entity.
    #[default]
    PerChangeSet,
    /// By the number of changes of the change set that name the entity.
    PerChange,
}

/// What happens when a request repeats the `ClientRequestToken` of an earlier request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KnownTokens {
    /// The same request is answered with the change set that it started, at any time and however
    /// that ended. A different request is refused.
    #[default]
    Answered,
    /// A request with both is refused with `ValidationException`.
    Refused,
    /// The same request is answered while its change set runs, and refused after its end.
    RefusedAfterTheEnd,
    /// The same request is answered while its change set runs, and starts another one after its
    /// end.
    ForgottenAfterTheEnd,
}

/// How the refusal of a change is worded that names an old revision. AWS documents that the message
/// includes the newest revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StaleRevisions {
    /// The message speaks of a revision, and names the newest one.
    #[default]
    Named,
    /// The message does not mention revisions at all.
    Unnamed,
}

/// Whether `AllowProductProcurement` removes a product from the list of denied products, and
/// `DenyProductProcurement` from the list of allowed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Listing {
    /// Yes: a product is on at most one list.
    #[default]
    Moves,
    /// No: a product that was denied and then allowed is on both lists.
    Adds,
}

/// Which account receives the event of a change set. AWS documents that administrators "can receive
/// an event".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventsOfChanges {
    /// The account that started the change set.
    #[default]
    Starter,
    /// The management account that owns the private marketplace, whichever account started the
    /// change set.
    Owner,
}

/// Which attributes of a product a listing holds beside its name and its vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Listings {
    /// The same categories and fulfillment options as `GetProduct`.
    #[default]
    Complete,
    /// Neither categories nor fulfillment options.
    Bare,
}

/// Whether `SearchListings` finds products by the filter `PRODUCT_ID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProductSearches {
    /// The filter finds every product of the world.
    #[default]
    Found,
    /// The filter finds no product.
    NotFound,
    /// The filter is refused with `ValidationException`.
    Refused,
}

/// What happens to a message that a subscription could not deliver, if its dead-letter queue is
/// encrypted by SQS itself. Every new queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeadLetters {
    /// The dead-letter queue receives the message.
    #[default]
    Taken,
    /// The message is lost.
    Lost,
}
