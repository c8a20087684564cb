//! The published JSON Schemas of what commands print with `-o json` and `-o yaml`: made from the
//! types, and checked in as `docs/schema`. That the programs print just that is held end to end.

// They are described, and never made.
#![allow(dead_code)]

mod writes;

use std::collections::BTreeMap;

use pmp_audit::Entry;
use pmp_protocol::schema::DateTime;
use pmp_protocol::{
    AccountId, Digest, Direction, ExperienceId, FilterIdentity, HeadMark, Hold, NamedProduct, Note, OrganizationId,
    ResourceRequests, SnapshotVersion,
};
use pmp_terminal::SCHEMA_VERSION;
use pmp_test_schema::{Named, shared};
use schemars::JsonSchema;

use crate::commands::audit::{ReplayedAudit, VerifiedAudit};
use crate::commands::directions;
use crate::commands::history::Row;
use crate::commands::log;
use crate::inspect::difference::{ChangedProduct, Listed, ListedProduct};
use crate::inspect::drift::DriftRow;
use crate::inspect::exceptions::{ExceptionCause, ExceptionRow};
use crate::inspect::members::MemberRow;
use crate::inspect::plan::{FilteredCase, ProductsFrom};
use crate::inspect::report::ReportRow;
use crate::inspect::versions::VersionRow;
use crate::inspect::why::chain::Step;
use crate::inspect::why::{Answer, Group};
use crate::notify::Notification;
use crate::rollout::told::Shown;
use crate::status::{SpokeState, SpokeStatus};

/// How the member experiences stand.
#[derive(JsonSchema)]
struct Status {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// The newest snapshot; none before the first.
    snapshot: Option<Newest>,
    /// The rows that were asked for, the worst first.
    spokes: Vec<SpokeStatus>,
    /// Whom the hub admitted; none where that is nobody, and it listens to everyone.
    roster: Option<Vec<OrganizationId>>,
    /// The highest version that the hub ever stored.
    highest_stored: Option<HeadMark>,
    /// Whether the Snapshots table was restored to an earlier moment.
    restored: bool,
    /// What was not looked at, in words; none where everything was.
    left_out: Option<String>,
    /// When each spoke was seen, and how much it keeps in step.
    signs_of_life: Vec<SignOfLife>,
    /// What is wrong, by cause: those first that need a person most.
    causes: Vec<StatusCause>,
    /// What operators direct: pins and pauses.
    directions: StatusDirections,
    /// How far the newest version has come in the waves; none where there are no waves.
    waves: Option<Shown>,
}

/// What operators of the hub direct.
#[derive(JsonSchema)]
struct StatusDirections {
    /// For the whole fleet; none where nothing ever was.
    fleet: Option<Direction>,
    /// Directions for single organizations.
    organizations: Vec<Direction>,
}

/// What is pinned and paused.
#[derive(JsonSchema)]
struct Directions {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// The fleet's first, and then those of organizations.
    directions: Vec<directions::Row>,
    /// What cannot be read, by organization, and why.
    unreadable: BTreeMap<OrganizationId, String>,
}

/// The newest snapshot in the ledger.
#[derive(JsonSchema)]
struct Newest {
    /// Number of the snapshot.
    version: SnapshotVersion,
    /// The digest of its content.
    digest: Digest,
    /// When the hub read it.
    #[schemars(with = "DateTime")]
    taken_at: String,
    /// The newest version that was announced.
    published: Option<SnapshotVersion>,
}

/// A spoke as it told of itself last.
#[derive(JsonSchema)]
struct SignOfLife {
    /// Organization of these experiences.
    organization: OrganizationId,
    /// Which of the organization's spokes it is; none of older ones.
    spoke: Option<String>,
    /// When it last finished a pass.
    #[schemars(with = "DateTime")]
    last_seen: String,
    /// How many member experiences it keeps in step.
    experiences: usize,
    /// Those that it was told to keep in step; none where that is all.
    selected: Option<Vec<ExperienceId>>,
    /// The account in which it runs.
    account: AccountId,
    /// The region in which it runs.
    region: String,
    /// The version of its program.
    spoke_version: String,
    /// The member's own hold; none where there is none.
    hold: Option<Hold>,
}

/// Rows with the same state for the same reason.
#[derive(JsonSchema)]
struct StatusCause {
    /// State that these rows share.
    state: SpokeState,
    /// What their messages have in common.
    cause: String,
    /// How many organizations it concerns.
    organizations: usize,
    /// How many member experiences.
    experiences: usize,
    /// Number of rows in this state.
    rows: usize,
}

/// Which snapshots the member experiences are on.
#[derive(JsonSchema)]
struct Versions {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// The newest snapshot; none before the first.
    newest: Option<SnapshotVersion>,
    /// The newest first; those on none last.
    versions: Vec<VersionRow>,
}

/// The snapshots that the ledger keeps.
#[derive(JsonSchema)]
struct History {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// Kept snapshots, the newest first.
    versions: Vec<Row>,
}

/// The products of a snapshot.
#[derive(JsonSchema)]
struct Show {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// Number of the snapshot.
    version: SnapshotVersion,
    /// The digest of its content.
    digest: Digest,
    /// When the hub read it.
    #[schemars(with = "DateTime")]
    taken_at: String,
    /// Whether users may request products.
    policy_resource_requests: ResourceRequests,
    /// In the order of their ids.
    products: Vec<ListedProduct>,
    /// What is known of those products.
    names: Vec<NamedProduct>,
}

/// What differs between two snapshots, or a snapshot and now.
#[derive(JsonSchema)]
struct Diff {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// The snapshot that was compared.
    before: String,
    /// With which: its number, or `now`.
    after: String,
    /// Whether users may request products, where that differs.
    policy_resource_requests: Option<Requests>,
    /// The products that differ, in the order of their ids.
    products: Vec<ChangedProduct>,
    /// What is known of those products.
    names: Vec<NamedProduct>,
    /// Why the next run publishes nothing of it: a pin of the fleet, that it was taken back, or
    /// that it is halted; none where the next run publishes it, where a snapshot was compared, and
    /// where the table that knows of pins and waves is not configured.
    not_published: Option<String>,
}

/// Whether users may request products.
#[derive(JsonSchema)]
struct Requests {
    /// The setting as it was before.
    before: ResourceRequests,
    /// The setting as it is now.
    after: ResourceRequests,
}

/// Whom the hub admitted, and who wrote without.
#[derive(JsonSchema)]
struct Members {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// By the organization's id.
    members: Vec<MemberRow>,
}

/// What is held, set aside, left out or not managed.
#[derive(JsonSchema)]
struct Exceptions {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// The newest snapshot; none before the first.
    version: Option<SnapshotVersion>,
    /// What has one cause, the most urgent first.
    causes: Vec<ExceptionCause>,
    /// Every exception by itself.
    exceptions: Vec<ExceptionRow>,
}

/// Why a product is approved, or not.
#[derive(JsonSchema)]
struct Why {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// The product that is asked for.
    product: NamedProduct,
    /// The moment that is asked for; none where that is now, or a snapshot.
    #[schemars(with = "Option<DateTime>")]
    at: Option<String>,
    /// The snapshot that the hub had in force then; none where it is not kept.
    snapshot: Option<WhySnapshot>,
    /// Answers with the same stance for the same reason, the largest group first.
    groups: Vec<Group>,
    /// How it stands in each member experience.
    experiences: Vec<WhyAnswer>,
}

/// What a snapshot says of the product.
#[derive(JsonSchema)]
struct WhySnapshot {
    /// Number of the snapshot.
    version: SnapshotVersion,
    /// The digest of its content.
    digest: Digest,
    /// When the hub read it.
    #[schemars(with = "DateTime")]
    taken_at: String,
    /// On which list the product is; none where it is on neither.
    listed: Option<Listed>,
    /// The administrator's note on it.
    note: Option<Note>,
    /// The older snapshot whose content it is, because of a pin or since a newer one was taken
    /// back; none where it is what the management experience said.
    content_of: Option<SnapshotVersion>,
}

/// How the product stands in a member experience; asked of one organization, with how it came to
/// stand so.
#[derive(JsonSchema)]
struct WhyAnswer {
    #[serde(flatten)]
    answer: Answer,
    /// Each step from the management experience to what is in force; there with `--org` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain: Option<Vec<Step>>,
}

/// What came of the syncs of one organization.
#[derive(JsonSchema)]
struct Log {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// Member organization that was asked about.
    organization: OrganizationId,
    /// Outcomes, the newest first.
    outcomes: Vec<log::Row>,
    /// Items that cannot be read.
    unreadable: Vec<UnreadableItem>,
    /// Whether more is kept than is read at once.
    more: bool,
}

/// An item that cannot be read.
#[derive(JsonSchema)]
struct UnreadableItem {
    /// Sort key of the item.
    item: String,
    /// Why it cannot be read.
    problem: String,
}

/// The newest entries of the audit.
#[derive(JsonSchema)]
struct Audit {
    /// Management experience of the hub.
    experience: ExperienceId,
    /// The newest entry; none before the first.
    head: Option<AuditHead>,
    /// The newest entries, the newest first.
    entries: Vec<AuditEntry>,
}

/// The newest entry, which stands for all of them.
#[derive(JsonSchema)]
struct AuditHead {
    /// Number of the newest entry.
    number: u64,
    /// The digest of the newest entry.
    digest: Digest,
}

/// An entry with its digest: as a line of an exported file.
#[derive(JsonSchema)]
struct AuditEntry {
    #[serde(flatten)]
    entry: Entry,
    /// The digest of the entry, as it is written without this field.
    digest: Digest,
}

/// What others changed in the members' experiences.
#[derive(JsonSchema)]
struct DriftOfAll {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// What is left as others set it first, then the latest first.
    drift: Vec<DriftRow>,
}

/// What a publish would bring to the members.
#[derive(JsonSchema)]
struct Plan {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// The newest snapshot; none before the first.
    newest: Option<SnapshotVersion>,
    /// Each member experience, what would be held first.
    experiences: Vec<PlanRow>,
    /// What would change, product by product, for each snapshot that is applied somewhere without
    /// a filter.
    products: Vec<ProductsFrom>,
    /// The same where a filter narrows, with what the filter says.
    filtered: Vec<FilteredCase>,
    /// Whether `filtered` leaves some out: filters that decide differently for very many products
    /// are told by their numbers alone.
    filtered_shortened: bool,
    /// What is known of those products.
    names: Vec<NamedProduct>,
    /// Why nothing of this is published by the next run: a pin of the fleet, that it was taken
    /// back, or that it is halted; none where the next run publishes it.
    not_published: Option<String>,
}

/// What would happen in one member experience, or in an organization as a whole.
#[derive(JsonSchema)]
struct PlanRow {
    /// Organization that the row is about.
    organization: OrganizationId,
    /// The member experience; none where it is about the organization as a whole.
    member_experience: Option<ExperienceId>,
    /// The snapshot that is applied there.
    applied: Option<SnapshotVersion>,
    /// What a publish would do there.
    outlook: PlanOutlook,
    /// How many products would be approved; absent where that is none, or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allow: Option<usize>,
    /// How many products would be denied; absent where that is none, or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deny: Option<usize>,
    /// Why it would be held, is not known, or is not managed; absent where it is none of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The filter that narrows it; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<FilterIdentity>,
    /// How many of the products that would be published the filter takes away; absent where that is
    /// not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filtered: Option<usize>,
    /// The number of the element of `filtered` that tells its products; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filtered_case: Option<usize>,
    /// Why a change would come later: a pause, a hold, closed change windows, or waves; absent
    /// where nothing keeps it back, as far as the hub knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waits: Option<String>,
    /// What its spoke has to apply now: the turn for the version that is on its way through the
    /// waves has come; absent where a change comes with the next publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<String>,
}

/// As [`crate::inspect::plan::Outlook`] spells it.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum PlanOutlook {
    /// A guard rail would hold it, with the limits that are assumed.
    Held,
    /// Some products would be allowed or denied.
    Change,
    /// Nothing would change: the spoke only observes.
    Observed,
    /// The hub cannot know.
    NotKnown,
    /// No product would be allowed or denied.
    Unchanged,
}

/// What operations is told, or would be told.
#[derive(JsonSchema)]
struct Notify {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// Whether nothing was sent or written.
    dry_run: bool,
    /// What changed since operations was told last, the most urgent first.
    notifications: Vec<Notification>,
    /// How many notifications the topic accepted, of this run and of earlier ones.
    sent: usize,
    /// How many it did not accept.
    failed: usize,
    /// How many are left for a later run, or are another hub's.
    waiting: usize,
}

/// Whether a snapshot is everywhere.
#[derive(JsonSchema)]
struct Wait {
    /// Management experience that the hub reads.
    experience: ExperienceId,
    /// The snapshot that was waited for.
    version: SnapshotVersion,
    /// Whether it is applied everywhere.
    everywhere: bool,
    /// How long the command waited, in whole seconds.
    waited_seconds: u64,
    /// What is still without it, as `status` shows it.
    missing: Vec<SpokeStatus>,
    /// What is without it as well, and does not come to it by itself: it is pinned to an older one,
    /// or paused.
    not_waited_for: Vec<SpokeStatus>,
}

/// The key that verifies what this hub signs.
#[derive(JsonSchema)]
struct PublicKey {
    /// The id of the key, as signed statements name it.
    key_id: String,
    /// The kind of the key: `P-256` or `Ed25519`.
    kind: String,
    /// The key as PEM.
    pem: String,
}

fn schema_of<T: JsonSchema>(command: &str) -> Named {
    pmp_test_schema::schema_of_document::<T, SCHEMA_VERSION>("hub", command)
}

fn all() -> Vec<Named> {
    let own = vec![
        schema_of::<Status>("status"),
        schema_of::<Versions>("versions"),
        schema_of::<History>("history"),
        schema_of::<Show>("show"),
        schema_of::<Diff>("diff"),
        schema_of::<Members>("members"),
        schema_of::<Exceptions>("exceptions"),
        schema_of::<Why>("why"),
        schema_of::<Log>("log"),
        schema_of::<Audit>("audit"),
        pmp_test_schema::schema_of::<ReportRow>("hub-report", "pmp-hub report -o ndjson, each line"),
        schema_of::<VerifiedAudit>("audit verify"),
        schema_of::<ReplayedAudit>("audit replay"),
        schema_of::<DriftOfAll>("drift"),
        schema_of::<Plan>("plan"),
        schema_of::<Directions>("directions"),
        schema_of::<Notify>("notify"),
        schema_of::<Wait>("wait"),
        schema_of::<writes::Publish>("publish"),
        schema_of::<writes::Confirm>("confirm"),
        schema_of::<writes::Direct>("pin"),
        schema_of::<writes::Direct>("unpin"),
        schema_of::<writes::Direct>("pause"),
        schema_of::<writes::Direct>("resume"),
        schema_of::<writes::Steer>("promote"),
        schema_of::<writes::Steer>("halt"),
        schema_of::<writes::Recover>("recover"),
        schema_of::<writes::Init>("init"),
        schema_of::<writes::Admit>("members admit"),
        schema_of::<writes::Forget>("members forget"),
        schema_of::<writes::VerifyAws>("verify-aws"),
        schema_of::<PublicKey>("public-key"),
        pmp_test_schema::schema_of::<Notification>("notification", "a notification of pmp-hub"),
    ];
    [own, shared::of_hub_and_spoke::<SCHEMA_VERSION>("hub")].concat()
}

#[test]
fn the_schemas_that_are_checked_in_are_the_types() {
    pmp_test_schema::hold("pmp-hub", &all());
}

#[test]
fn every_field_is_described() {
    pmp_test_schema::hold_described(&all());
}
