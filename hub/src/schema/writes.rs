//! What commands print that publish, direct, make or try something.

use pmp_protocol::schema::DateTime;
use pmp_protocol::{
    Confirmed, Digest, Direction, ExperienceId, Halted, OrganizationId, Pause, Receipt, SnapshotVersion,
};
use schemars::JsonSchema;

use crate::rollout::told::Shown;

/// What came of a run of the hub.
#[derive(JsonSchema)]
pub(super) struct Publish {
    /// Whether nothing was done.
    dry_run: bool,
    /// What was published; absent where the hub serves several management experiences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published: Option<Published>,
    /// What came of looking products up, none where that was interrupted; absent where the hub
    /// looks none up, in a dry run, and where the hub serves several management experiences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    products: Option<LookedUp>,
    /// The same for each management experience; absent where the hub serves one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    experiences: Option<Vec<PublishedOf>>,
}

/// What came of a run for one of several management experiences.
#[derive(JsonSchema)]
struct PublishedOf {
    /// Id of the management experience.
    experience: ExperienceId,
    /// What was published; absent where that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published: Option<Published>,
    /// What came of looking products up; absent where the hub looks none up, or publishing failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    products: Option<LookedUp>,
    /// Why it failed; absent where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What to do; absent where it did not fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hints: Option<Vec<String>>,
}

/// A snapshot that was published, or would be.
#[derive(JsonSchema)]
struct Published {
    /// Management experience that was published.
    experience: ExperienceId,
    /// The version of the newest snapshot, or of the one that a dry run would store.
    version: SnapshotVersion,
    /// The digest of its content.
    digest: Digest,
    /// How many products it holds.
    counts: Counts,
    /// What was done, or would be done in a dry run.
    outcome: Outcome,
    /// The version whose content this is, because the fleet is pinned to it or a newer one was
    /// taken back; absent where it is what the management experience says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pinned: Option<SnapshotVersion>,
    /// The version that was taken back, and whose content this is, since waves are switched off;
    /// absent in all other cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taken_back: Option<SnapshotVersion>,
    /// Whether the content travels in the message; none where no message was sent.
    inline: Option<bool>,
    /// The size of the message, in bytes; none where none was sent.
    message_bytes: Option<usize>,
    /// The id that SNS gave the message; none where none was sent.
    message_id: Option<String>,
}

/// How many products a snapshot holds.
#[derive(JsonSchema)]
struct Counts {
    /// How many products are approved.
    approved: usize,
    /// How many products are rejected.
    rejected: usize,
}

/// What a run did, or a dry run would do.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// The content changed: stored as a new version and published.
    Stored,
    /// An earlier run stored it and stopped before it published; it is published now.
    Recovered,
    /// The content is unchanged, and was announced again.
    Announced,
    /// The content is unchanged, and nothing was announced.
    Unchanged,
}

/// What came of looking products up.
#[derive(JsonSchema)]
struct LookedUp {
    /// Approved products of which something is known now.
    known: usize,
    /// Approved products that were not answered yet.
    unknown: usize,
    /// How many products were answered in this run.
    answered: usize,
    /// Those of them that are the first for their product.
    new: usize,
    /// Calls to Marketplace Discovery.
    calls: usize,
    /// Hours since the oldest answer; none where there is none.
    oldest_hours: Option<i64>,
    /// Why it ended before all were asked for; none where it did not.
    ended: Option<String>,
}

/// What was let through, or is no longer.
#[derive(JsonSchema)]
pub(super) struct Confirm {
    /// What was confirmed; absent where several were, or one was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmation: Option<Confirmation>,
    /// The receipts of what is held and goes on now; absent where several were confirmed, or one
    /// was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lets_through: Option<Vec<Receipt>>,
    /// What was confirmed, by cause, wave, organizations or all; absent where one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmations: Option<Vec<Confirmation>>,
    /// The snapshot that was announced again, none where none was; absent where one was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<Published>,
    /// The halt that keeps it from beginning, none where there is none; absent where one was
    /// undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    halted: Option<Halted>,
    /// The first confirmation that was taken back; absent where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undone: Option<Confirmation>,
    /// All that were taken back; absent where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taken_back: Option<Vec<Confirmation>>,
    /// What stays in force of that organization; absent where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_force: Option<Vec<Confirmation>>,
}

/// A confirmation that lies in the ledger for one member organization.
#[derive(JsonSchema)]
struct Confirmation {
    /// Member organization for which it counts.
    organization: OrganizationId,
    /// Management experience whose snapshot is let through.
    experience: ExperienceId,
    /// The member experience; absent where it counts for all of the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member_experience: Option<ExperienceId>,
    /// The version that is let through.
    version: SnapshotVersion,
    /// The digest of its content.
    digest: Digest,
    /// Who let it through, and when.
    confirmed: Confirmed,
}

/// What operators direct now.
#[derive(JsonSchema)]
pub(super) struct Direct {
    /// The fleet's direction, or that of each organization.
    directions: Vec<Direction>,
    /// Whether any of them differs from before.
    changed: bool,
    /// Pauses in whose place another one was put.
    replaced: Vec<Replaced>,
    /// What the change published, none where it was left to the hub's next run; absent where a
    /// change is only announced, and where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published: Option<Published>,
    /// The snapshot that was announced again, none where none was; absent where the change was
    /// published, and where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<Published>,
}

/// A pause in whose place another one was put.
#[derive(JsonSchema)]
struct Replaced {
    /// The organization; none for the whole fleet.
    member: Option<OrganizationId>,
    /// The pause that held before.
    pause: Pause,
}

/// How far the snapshot has come in the waves, after a person's word.
#[derive(JsonSchema)]
pub(super) struct Steer {
    /// Whether it stood otherwise before.
    changed: bool,
    /// How far it has come.
    waves: Shown,
}

/// What was lost with the table of snapshots, and what was published after that.
#[derive(JsonSchema)]
pub(super) struct Recover {
    /// What was lost, in words; none where nothing was.
    lost: Option<String>,
    /// What was published; none where nothing had to be done.
    published: Option<Published>,
}

/// The tables and the topic.
#[derive(JsonSchema)]
pub(super) struct Init {
    /// The ARN of the table of snapshots.
    snapshots_table: String,
    /// The ARN of the table of receipts.
    timestamps_table: String,
    /// The ARN of the topic.
    topic_arn: String,
    /// What was made or changed, a sentence each.
    changes: Vec<String>,
}

/// Whom the hub admitted.
#[derive(JsonSchema)]
pub(super) struct Admit {
    /// Management experience of the roster.
    experience: ExperienceId,
    /// What was changed, a sentence each.
    changes: Vec<String>,
}

/// An organization that the ledger knows nothing of any more.
#[derive(JsonSchema)]
pub(super) struct Forget {
    /// Id of the organization.
    forgotten: OrganizationId,
    /// How many items were deleted.
    items: usize,
}

/// What AWS does where its documentation is silent.
#[derive(JsonSchema)]
pub(super) struct VerifyAws {
    /// The version of the program.
    version: String,
    /// When the trials began.
    began: DateTime,
    /// When the last trial ended.
    ended: DateTime,
    /// The role of the account in the private marketplace; none where it was not seen.
    standing: Option<String>,
    /// The experience that was changed; none where none was.
    experience: Option<String>,
    /// What is known of each assumption.
    findings: Vec<Finding>,
    /// The change sets of the trials.
    change_sets: Vec<Timed>,
    /// Why the trials ended early; none where they did not.
    failure: Option<String>,
    /// What is not as it was before, a sentence each.
    left: Vec<String>,
}

/// What is known of one assumption.
#[derive(JsonSchema)]
struct Finding {
    /// The number of the trial.
    trial: u32,
    /// The name of the assumption.
    name: String,
    /// What is assumed of AWS.
    assumed: String,
    /// Whether AWS does so.
    verdict: Verdict,
    /// What was seen, in words.
    seen: String,
}

/// Whether AWS does as is assumed.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// AWS does what is assumed.
    Confirmed,
    /// AWS does not behave as assumed.
    Refuted,
    /// Nothing was seen that confirms or refutes it.
    NotTried,
}

/// A change set of the trials, and its duration.
#[derive(JsonSchema)]
struct Timed {
    /// The id of the change set.
    id: String,
    /// How many changes it held.
    changes: usize,
    /// How many products they named.
    products: usize,
    /// `SUCCEEDED`, `FAILED` or `CANCELLED`.
    status: String,
    /// How long it ran, by this machine's clock.
    seconds: f64,
    /// When it started by the catalog's clock; none where it does not tell.
    started: Option<DateTime>,
    /// When it ended by the catalog's clock; none where it does not tell.
    ended: Option<DateTime>,
}
