//! The published JSON Schemas of what commands print with `-o json` and `-o yaml`: made from the
//! types, and checked in as `docs/schema`. That the programs print just that is held end to end.

// They are described, and never made.
#![allow(dead_code)]

use pmp_protocol::schema::DateTime;
use pmp_protocol::{AccountId, Digest, ExperienceId, HeadMark, OrganizationId, ResourceRequests, SnapshotVersion};
use pmp_terminal::SCHEMA_VERSION;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::commands::history::Row;
use crate::inspect::difference::{ChangedProduct, ListedProduct};
use crate::inspect::exceptions::{ExceptionCause, ExceptionRow};
use crate::inspect::members::MemberRow;
use crate::inspect::versions::VersionRow;
use crate::status::{SpokeState, SpokeStatus};

/// What every document has besides: which version of these schemas it follows.
#[derive(JsonSchema)]
struct Versioned<T> {
    /// It changes when a field changes its meaning or goes; new fields may come at any time.
    #[schemars(schema_with = "this_version")]
    schema_version: u32,
    #[serde(flatten)]
    document: T,
}

fn this_version(_: &mut schemars::SchemaGenerator) -> Schema {
    schemars::json_schema!({"const": SCHEMA_VERSION})
}

/// How the member experiences stand.
#[derive(JsonSchema)]
struct Status {
    /// The management experience.
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
}

/// The newest snapshot.
#[derive(JsonSchema)]
struct Newest {
    /// Its number.
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
    /// Its organization.
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
}

/// Rows with the same state for the same reason.
#[derive(JsonSchema)]
struct StatusCause {
    /// Their state.
    state: SpokeState,
    /// What their messages have in common.
    cause: String,
    /// How many organizations it concerns.
    organizations: usize,
    /// How many member experiences.
    experiences: usize,
    /// How many rows.
    rows: usize,
}

/// Which snapshots the member experiences are on.
#[derive(JsonSchema)]
struct Versions {
    /// The management experience.
    experience: ExperienceId,
    /// The newest snapshot; none before the first.
    newest: Option<SnapshotVersion>,
    /// The newest first; those on none last.
    versions: Vec<VersionRow>,
}

/// The snapshots that the ledger keeps.
#[derive(JsonSchema)]
struct History {
    /// The management experience.
    experience: ExperienceId,
    /// The newest first.
    versions: Vec<Row>,
}

/// The products of a snapshot.
#[derive(JsonSchema)]
struct Show {
    /// The management experience.
    experience: ExperienceId,
    /// The snapshot's number.
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
}

/// What differs between two snapshots, or a snapshot and now.
#[derive(JsonSchema)]
struct Diff {
    /// The management experience.
    experience: ExperienceId,
    /// The snapshot that was compared.
    before: String,
    /// With which: its number, or `now`.
    after: String,
    /// Whether users may request products, where that differs.
    policy_resource_requests: Option<Requests>,
    /// The products that differ, in the order of their ids.
    products: Vec<ChangedProduct>,
}

/// Whether users may request products.
#[derive(JsonSchema)]
struct Requests {
    /// As it was.
    before: ResourceRequests,
    /// As it is.
    after: ResourceRequests,
}

/// Whom the hub admitted, and who wrote without.
#[derive(JsonSchema)]
struct Members {
    /// The management experience.
    experience: ExperienceId,
    /// By the organization's id.
    members: Vec<MemberRow>,
}

/// What is held, set aside, left out or not managed.
#[derive(JsonSchema)]
struct Exceptions {
    /// The management experience.
    experience: ExperienceId,
    /// The newest snapshot; none before the first.
    version: Option<SnapshotVersion>,
    /// What has one cause, the most urgent first.
    causes: Vec<ExceptionCause>,
    /// Each by itself.
    exceptions: Vec<ExceptionRow>,
}

fn schema_of<T: JsonSchema>(command: &str) -> (String, Schema) {
    // As it is written, and not as it would be read: what is always there is required.
    let mut schema =
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Versioned<T>>();
    schema.insert("title".into(), format!("pmp-hub {command} -o json").into());
    (format!("hub-{command}.schema.json"), schema)
}

fn all() -> Vec<(String, Schema)> {
    vec![
        schema_of::<Status>("status"),
        schema_of::<Versions>("versions"),
        schema_of::<History>("history"),
        schema_of::<Show>("show"),
        schema_of::<Diff>("diff"),
        schema_of::<Members>("members"),
        schema_of::<Exceptions>("exceptions"),
    ]
}

#[test]
fn the_schemas_that_are_checked_in_are_the_types() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema");
    let renew = std::env::var_os("RENEW_SCHEMAS").is_some();
    for (name, schema) in all() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if renew {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(&name), &text).unwrap();
        }
        let checked_in = std::fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(checked_in == text, "{name}: renew it: RENEW_SCHEMAS=1 cargo test -p pmp-hub schema");
    }
}

#[test]
fn every_field_is_described() {
    let undescribed = |(name, schema): (String, Schema)| pmp_test_schema::undescribed(&name, schema.as_value());
    let found: Vec<_> = all().into_iter().flat_map(undescribed).collect();
    assert!(found.is_empty(), "{found:#?}");
}
