//! The published JSON Schemas of what commands print with `-o json` and `-o yaml`: checked in as
//! `docs/schema`. That the programs print just that is held end to end.

// They are described, and never made.
#![allow(dead_code)]

use pmp_protocol::schema::DateTime;
use pmp_protocol::{
    Digest, ExperienceId, Hold, NamedProduct, OrganizationId, Paused, Pin, ProductId, Receipt, ResourceRequests,
    SnapshotVersion, Turn, Verdict, WindowsSaid,
};
use pmp_terminal::SCHEMA_VERSION;
use pmp_test_schema::{Named, shared};
use schemars::JsonSchema;

/// What a pass would change.
#[derive(JsonSchema)]
struct Plan {
    /// The snapshot that was planned for.
    version: SnapshotVersion,
    /// The digest of its content.
    digest: Digest,
    /// What would happen in each member experience.
    experiences: Vec<Planned>,
    /// What the products are called that the plans name, as far as the hub looked them up.
    names: Vec<NamedProduct>,
    /// Rules of filters that decide nothing; absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// Why `sync` changes nothing of this for now; absent where nothing keeps it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paused: Option<Paused>,
}

/// What would happen in one member experience.
#[derive(JsonSchema)]
struct Planned {
    /// Id of the member experience.
    experience: ExperienceId,
    /// Its name; none where it could not be read.
    name: Option<String>,
    /// Its filter; absent where there are no filters, and where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<PlannedFilter>,
    /// What is odd about the decisions of the filter; absent where nothing is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    filter_warnings: Vec<String>,
    /// Products that stay as somebody else set them; absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_alone: Vec<ProductId>,
    /// What came of planning.
    outcome: Outcome,
    /// Why there is no plan that would be carried out; absent where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What the plan says of the products; absent where there is no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report: Option<Report>,
    /// How many products the filter takes away; absent where there is no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    narrowed: Option<usize>,
    /// The policy's settings after the change; absent where they would not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_resource_requests: Option<ResourceRequests>,
    /// How many change sets it takes; absent where there is no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change_sets: Option<usize>,
}

/// The filter of an experience, and why it is that one.
#[derive(JsonSchema)]
struct PlannedFilter {
    /// As the filter names itself; absent where the experience has no filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// As the filter numbers itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The digest of the component file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    /// Which rule chose it; absent where all experiences have the same filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

/// What came of planning for an experience.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// There is a plan, perhaps an empty one.
    Plan,
    /// A guard rail would hold it.
    Held,
    /// The experience is not managed now.
    Skipped,
    /// It could not be planned.
    Failed,
}

/// What a plan says of the products.
#[derive(JsonSchema)]
struct Report {
    /// Each product that changes, or that stays for a reason.
    entries: Vec<Entry>,
    /// How many products are as they should be.
    unchanged: usize,
}

/// What a plan says of one product.
#[derive(JsonSchema)]
struct Entry {
    /// The id of the product.
    product: ProductId,
    /// What happens to it.
    step: Step,
    /// Why it happens so.
    why: Why,
    /// What the filter decided; absent where it is not about the filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    /// The filter's reason; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The catalog's own error; absent where it refused nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What happens to a product.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Step {
    /// It is put on the approved list.
    Allow,
    /// It is put on the rejected list.
    Deny,
    /// It is left as it is.
    Leave,
}

/// Why a plan does so with a product.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Why {
    /// The hub approves it, and it is on neither list here.
    ApprovedByHub,
    /// The hub approves it, and it is rejected here.
    ApprovedByHubRejectedHere,
    /// It is approved here, and the hub does not approve it.
    NotApprovedByHub,
    /// The hub rejects it.
    RejectedByHub,
    /// The hub approves it, and the filter takes it away.
    NarrowedByFilter,
    /// The catalog refused it, or it could not be looked up; a later pass tries it again.
    Quarantined,
    /// It is rejected here alone, and stays so.
    RejectedOnlyHere,
}

/// What a pass came to.
#[derive(JsonSchema)]
struct Sync {
    /// What came of each member experience.
    receipts: Vec<Receipt>,
}

/// How this organization stands, as the ledger has it.
#[derive(JsonSchema)]
struct Status {
    /// Id of the member organization.
    organization: OrganizationId,
    /// Which of its spokes is asked.
    spoke: String,
    /// What `sync` would do with these settings: `apply` or `observe`.
    mode: String,
    /// The newest snapshot of all.
    snapshot: Newest,
    /// When one of its spokes last finished a pass; none before the first.
    last_seen: Option<DateTime>,
    /// Who holds the organization's lease; none where nobody does.
    at_work: Option<String>,
    /// How each member experience stands.
    experiences: Vec<Standpoint>,
    /// The receipts, as the spokes wrote them.
    receipts: Vec<Receipt>,
    /// What the organization is pinned to; none where it follows the newest snapshot.
    pinned: Option<Pin>,
    /// The snapshot that waves let it take; none where there are no waves.
    turn: Option<Turn>,
    /// Why nothing is changed for now; none where nothing keeps it back.
    paused: Option<Paused>,
    /// The organization's own hold; none where there never was one.
    hold: Option<Hold>,
    /// What change windows say now; none where there are none.
    windows: Option<WindowsSaid>,
}

/// The newest snapshot of all.
#[derive(JsonSchema)]
struct Newest {
    /// Version of the snapshot.
    version: SnapshotVersion,
    /// The digest of its content.
    digest: Digest,
    /// When the hub read it.
    taken_at: DateTime,
}

/// How one member experience stands.
#[derive(JsonSchema)]
struct Standpoint {
    /// Id of the member experience.
    experience: ExperienceId,
    /// As its receipt says it, or `would-change` where the spoke only observes.
    status: String,
    /// The snapshot in force; none before the first.
    applied: Option<SnapshotVersion>,
    /// The snapshot that was tried last.
    tried: SnapshotVersion,
    /// When that was applied, or else when it was tried.
    since: DateTime,
    /// How many products are still to be changed.
    pending: usize,
    /// How many products the filter takes away.
    narrowed: usize,
    /// What it waits for, and why; blank where it waits for nothing.
    message: String,
}

/// The organization's own hold.
#[derive(JsonSchema)]
struct Held {
    /// Id of the member organization.
    organization: OrganizationId,
    /// Until when nothing is changed, by whom and why.
    hold: Hold,
}

/// The end of the organization's own hold.
#[derive(JsonSchema)]
struct Released {
    /// Id of the member organization.
    organization: OrganizationId,
    /// The hold that was ended; none where there was none.
    released: Option<Hold>,
}

/// The queues and the subscription.
#[derive(JsonSchema)]
struct Init {
    /// The queue that the topic delivers to.
    queue_url: String,
    /// The ARN of that queue.
    queue_arn: String,
    /// The queue for what nobody could take.
    dead_letter_queue_url: String,
    /// The subscription of the queue to the topic.
    subscription_arn: String,
}

fn schema_of<T: JsonSchema>(command: &str) -> Named {
    pmp_test_schema::schema_of_document::<T, SCHEMA_VERSION>("spoke", command)
}

fn all() -> Vec<Named> {
    let own = vec![
        schema_of::<Plan>("plan"),
        schema_of::<Sync>("sync"),
        schema_of::<Status>("status"),
        schema_of::<Held>("hold"),
        schema_of::<Released>("unhold"),
        schema_of::<Init>("init"),
    ];
    [own, shared::of_hub_and_spoke::<SCHEMA_VERSION>("spoke")].concat()
}

#[test]
fn the_schemas_that_are_checked_in_are_the_types() {
    pmp_test_schema::hold("pmp-spoke", &all());
}

#[test]
fn every_field_is_described() {
    pmp_test_schema::hold_described(&all());
}
