//! The assumptions, by name. An assumption that is a switch of `pmp-local` has the same name there.

use serde::{Serialize, Serializer};

/// A behaviour of AWS that no documentation states (rule 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Assumption {
    /// `BatchDescribeEntities` serves private marketplace.
    Batches,
    /// A list may be sorted and restricted to a scope in one request.
    SortWithScope,
    /// Values that are not set are left out of descriptions.
    AbsentValues,
    /// The value of `AdminStatus` for an archived experience.
    ArchivedAdminStatus,
    /// Listings can be searched by the ids of products.
    ProductSearches,
    /// Listings give the same facts about a product as `GetProduct`.
    Listings,
    /// A change set counts as one revision.
    Revisions,
    /// A stale revision is refused with a text that says so.
    StaleRevisions,
    /// A product is on one list at most.
    Listing,
    /// The effect of a change set can be read as soon as it has ended.
    ReadLag,
    /// A repeated token is answered with the first change set.
    KnownTokens,
    /// An event is sent to the account that made the change.
    EventsOfChanges,
    /// The effect that an event announces can be read when the event comes.
    ReadLagOfEvents,
    /// An approved request makes a change set, or sends an event.
    EventsOfApprovals,
    /// A queue that SQS encrypts accepts the messages that SNS could not deliver.
    DeadLetters,
    /// The failure for a product that does not exist.
    UnknownProducts,
}

impl Assumption {
    /// All assumptions, in the order of their trials.
    pub(crate) const ALL: [Self; 16] = [
        Self::Batches,
        Self::SortWithScope,
        Self::AbsentValues,
        Self::ArchivedAdminStatus,
        Self::Revisions,
        Self::StaleRevisions,
        Self::Listing,
        Self::ReadLag,
        Self::KnownTokens,
        Self::EventsOfChanges,
        Self::ReadLagOfEvents,
        Self::EventsOfApprovals,
        Self::DeadLetters,
        Self::UnknownProducts,
        Self::ProductSearches,
        Self::Listings,
    ];

    /// The number of its trial in `docs/first-day.md`. The ninth trial measures how long change
    /// sets take, and tests no assumption.
    pub(crate) fn trial(self) -> u8 {
        match self {
            Self::Batches => 1,
            Self::SortWithScope => 2,
            Self::AbsentValues | Self::ArchivedAdminStatus => 3,
            Self::Revisions | Self::StaleRevisions | Self::Listing | Self::ReadLag => 4,
            Self::KnownTokens => 5,
            Self::EventsOfChanges | Self::ReadLagOfEvents | Self::EventsOfApprovals => 6,
            Self::DeadLetters => 7,
            Self::UnknownProducts => 8,
            Self::ProductSearches | Self::Listings => 10,
        }
    }

    /// Its name in documents and switches.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Batches => "batches",
            Self::SortWithScope => "sort_with_scope",
            Self::AbsentValues => "absent_values",
            Self::ArchivedAdminStatus => "archived_admin_status",
            Self::Revisions => "revisions",
            Self::StaleRevisions => "stale_revisions",
            Self::Listing => "listing",
            Self::ReadLag => "read_lag",
            Self::KnownTokens => "known_tokens",
            Self::EventsOfChanges => "events_of_changes",
            Self::ReadLagOfEvents => "read_lag_of_events",
            Self::EventsOfApprovals => "events_of_approvals",
            Self::DeadLetters => "dead_letters",
            Self::UnknownProducts => "unknown_products",
            Self::ProductSearches => "product_searches",
            Self::Listings => "listings",
        }
    }

    /// The assumption as a sentence.
    pub(crate) fn assumed(self) -> &'static str {
        match self {
            Self::Batches => "BatchDescribeEntities describes what DescribeEntity describes.",
            Self::SortWithScope => "ListEntities takes an order together with the filter Scope.",
            Self::AbsentValues => {
                "What is not set is left out of a description, or is an empty list; where there is no policy is null."
            }
            Self::ArchivedAdminStatus => "An archived experience is disabled, and its AdminStatus is `Restricted`.",
            Self::Revisions => "A change set raises the revision of an experience by one.",
            Self::StaleRevisions => "A refusal for a stale revision speaks of a revision, or names the newest.",
            Self::Listing => {
                "To allow a product takes it off the list of denied ones, and to deny it off that of allowed ones."
            }
            Self::ReadLag => "What a change set did can be read when it has ended.",
            Self::KnownTokens => {
                "A repeated ClientRequestToken is answered with the first change set, while that runs and afterwards."
            }
            Self::EventsOfChanges => "The account that starts a change set gets its event.",
            Self::ReadLagOfEvents => "What a change set did can be read when its event comes.",
            Self::EventsOfApprovals => "The account of the hub gets an event when a user's request is approved.",
            Self::DeadLetters => "A queue with encryption by SQS takes what SNS could not deliver.",
            Self::UnknownProducts => "A change set with a product that does not exist fails by CLIENT_ERROR.",
            Self::ProductSearches => "SearchListings finds by their ids the products of which GetProduct tells.",
            Self::Listings => {
                "A listing of one product tells of its categories and its delivery what GetProduct tells."
            }
        }
    }

    /// The default reason why it was not tried.
    pub(crate) fn not_tried_by_default(self) -> &'static str {
        match self {
            Self::EventsOfApprovals => {
                "A person has to request a product, and another to approve it: docs/first-day.md, \"By hand\", says how to look."
            }
            Self::DeadLetters => "It makes a topic and two queues: only with --dead-letters.",
            Self::UnknownProducts => {
                "Such a product may stay on a list for good: only with --change and --unknown-product."
            }
            Self::EventsOfChanges | Self::ReadLagOfEvents => {
                "It needs --change, and a queue to which the events go: --events-queue-url."
            }
            Self::Batches
            | Self::SortWithScope
            | Self::AbsentValues
            | Self::ArchivedAdminStatus
            | Self::ProductSearches
            | Self::Listings => "It was not reached.",
            Self::Revisions | Self::StaleRevisions | Self::Listing | Self::ReadLag | Self::KnownTokens => {
                "It changes an experience: only with --change."
            }
        }
    }
}

impl Serialize for Assumption {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
