//! `doctor`: checks everything that the hub needs, and says how to fix it. It only reads: it
//! neither writes nor publishes.

mod directed;
mod meant;

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::Subscription;
use futures::StreamExt as _;
use jiff::SignedDuration;
use pmp_aws::{Admission, ApiError, Asker, PolicyError, QueueUrl, Request, ResourcePolicy, TopicArn};
use pmp_catalog::{CatalogError, RateLimits, SdkCatalog, SdkDirectory, tells_of_listings, tells_of_products};
use pmp_doctor::{Corrections, Place, Session, configuration, look_at_queue, told, unknown};
use pmp_ledger::schema::{self, Expiry, Table};
use pmp_ledger::{
    AnswerStore, DynamoAnswers, DynamoOutbox, DynamoReceipts, DynamoRollouts, DynamoSnapshots, EXPIRES_AT, Head,
    LedgerError, Outbox, ReceiptStore, SnapshotStore, TableName,
};
use pmp_protocol::{ExperienceId, Hint};
use pmp_signature::{Expectation, PublicKey, TrustedKeys, Verified, pae, verify};
use pmp_terminal::checkup::{Checkup, Finding, Stage, Verdict, watched};
use pmp_terminal::{Output, Source, age, count, export, unset, word};

use crate::commands::mistyped;
use crate::compose;
use crate::config::{
    ConfigArgs, DoctorConfig, EVENTS, EXPERIENCE, FILTER_PROGRAM, FILTERS_FOLDER, INTERVAL, KEEP, LIFETIME, MAX_HOLD,
    NOTIFY_FORMAT, NOTIFY_TOPIC, RunSettings, SIGNING_KEY, SNAPSHOTS, STALE, TIMESTAMPS, TOPIC, WAVES,
};
use crate::error::HubError;
use crate::filters::program::FilterProgram;
use crate::publish::read;
use crate::render::status as shown;
use crate::rollout::state::OnTheWay;
use crate::signing::SigningKey;
use crate::status;
use crate::status::fleet::{Fleet, Restored, View};

/// The filter policies that SNS permits for a topic, unless AWS raised the limit.
const FILTER_POLICIES: usize = 200;
/// The number of filter policies from which `doctor` warns.
const NEAR: usize = 160;
/// Subscriptions that are read at the same time.
const LOOKS: usize = 16;
/// The details of findings if nothing was published yet, and if no spoke has reported yet.
const NO_SNAPSHOT: &str = "no snapshot yet";
const NO_REPORT: &str = "none has reported yet";

/// The settings whose default is as safe as any value.
const DEFAULTS: &[(Source, &str)] =
    &[(STALE, "3h"), (INTERVAL, "1h"), (KEEP, "50"), (MAX_HOLD, "168h"), (LIFETIME, "168h")];
/// The settings that take one of these words.
const WORDS: &[(Source, &[&str])] = &[(NOTIFY_FORMAT, &["json", "chatbot"])];

/// The commands that run the hub once, and that tell operations what waits.
const PUBLISH: &str = "pmp-hub publish";
const NOTIFY: &str = "pmp-hub notify";
/// The command that makes what is missing, and adds what is there lacks.
const INIT: &str = "pmp-hub init";

/// The checks that are the same for all management experiences of a hub.
const SHARED: &[&str] = &["topic", "change-events", "filters"];

/// Makes all checks, and returns them in the order in which they are shown. Checks that do not
/// depend on each other run at the same time.
pub(crate) async fn examine(config: &ConfigArgs, run: &RunSettings, output: Output) -> Checkup {
    let (configs, complete) = config.for_doctor(run);
    let given = [config.given(), run.given()].concat();
    let corrections = Corrections { defaults: DEFAULTS, words: WORDS, given: &given };
    let configuration = watched(output, "configuration", async { configuration(&complete, &corrections) }).await;
    let (session, who) = Session::begin("pmp-hub", output, compose::clock().as_ref()).await;
    let several = configs.len() > 1;
    let mut found = Vec::new();
    for (position, config) in configs.iter().enumerate() {
        let of_it = of_one(&session, config, run).await;
        let told = of_it.into_iter().filter_map(|finding| match &config.experience {
            Some(experience) if several && !SHARED.contains(&finding.check()) => {
                Some(finding.about(experience.as_str()))
            }
            // What they share is told once.
            _ => Some(finding).filter(|_| position == 0),
        });
        found.extend(told);
    }
    let network = session.network().await;
    [configuration].into_iter().chain(who).chain(found).chain([network]).collect()
}

/// All checks of one management experience, and of what it needs.
async fn of_one(session: &Session, config: &DoctorConfig, run: &RunSettings) -> Vec<Finding> {
    let (experience, events) = (config.experience.as_ref(), config.events_queue_url.as_ref().map(QueueUrl::as_str));
    let (catalog, snapshots, (timestamps, admitted, view), topic, events, signing, products, notifications) = tokio::join!(
        async {
            let found = session.look("catalog", experience.ok_or(EXPERIENCE), |experience| {
                catalog(&session.sdk, experience, config.timestamps.as_ref())
            });
            let found = found.await;
            if experience.is_some() {
                found
            } else {
                found.command(Stage::Settings, meant::experience(session, config).await)
            }
        },
        async {
            let needed = both(experience, config.snapshots.as_ref(), SNAPSHOTS);
            let found = session.look("snapshots-table", needed, |(experience, table)| {
                snapshots(&session.sdk, experience, table, config.timestamps.as_ref())
            });
            meant::table(session, config, found.await, Table::Snapshots).await
        },
        spokes(session, config, run.silence()),
        look_at_topic(session, config),
        async {
            // Most hubs have no such queue, because EventBridge calls a function itself.
            let Some(url) = events else { return Finding::skipped("change-events", &format!("{EVENTS} is not set")) };
            let look = async |url| {
                let place = Place { check: "change-events", url, setting: EVENTS, init: None, region: None };
                look_at_queue(&session.sdk, &place).await.0
            };
            session.look("change-events", Ok(url), look).await
        },
        async {
            let head = head(&session.sdk, config).await;
            let Some(key) = &config.signing_key else {
                return unsigned(head.as_ref());
            };
            session.look("signing-key", Ok(key), |key| signing(&session.sdk, key, experience, head)).await
        },
        async {
            let wanted = config.looks_products_up.then(|| both(experience, config.snapshots.as_ref(), SNAPSHOTS))?;
            let look = |(experience, table)| products(&session.sdk, experience, table);
            Some(session.look("products", wanted, look).await)
        },
        notifications(session, config),
    );
    let filters = filters(config).await;
    let waves = waves(session, config, view.as_ref()).await;
    let listeners = listeners(session, config.topic.as_ref(), topic.is_failed(), admitted).await;
    let (mut snapshots, [timestamps, mut spokes]) = (snapshots, timestamps);
    // Nothing can have been published of an experience that does not exist, and nobody can follow
    // it. So advice about that would mislead.
    if catalog.is_failed() {
        for finding in [&mut snapshots, &mut spokes] {
            if finding.details().any(|detail| detail == NO_SNAPSHOT || detail == NO_REPORT) {
                *finding = Finding::skipped(finding.check(), "`catalog` failed");
            }
        }
    }
    let timestamps = [timestamps, spokes];
    let found =
        [catalog, snapshots].into_iter().chain(timestamps).chain([topic, listeners, events, signing]).chain(products);
    let found = found.chain(notifications).chain(filters).chain(waves);
    let directed = directed::examine(&session.sdk, config, view.as_ref(), compose::clock().now()).await;
    found.chain(directed).collect()
}

/// Checks that operations can be told, where a setting says that it is to be: the topic, and what
/// waits to be sent.
async fn notifications(session: &Session, config: &DoctorConfig) -> Option<Finding> {
    const CHECK: &str = "notifications";
    let topic = config.notify_topic.as_ref()?;
    let look = async |topic: &TopicArn| {
        let client = Client::new(&pmp_aws::in_region(&session.sdk, topic.region()));
        let fix = format!("check {NOTIFY_TOPIC}: region, account and name; the hub does not make this topic");
        let finding = publishing(&client, topic, session, Finding::of(CHECK), fix).await;
        if finding.verdict() == Verdict::Ok {
            return finding;
        }
        let meant = meant::topic(session, NOTIFY_TOPIC, Some(topic), config.topic.as_ref()).await;
        finding.command(Stage::Settings, meant)
    };
    let finding = session.look(CHECK, Ok(topic), look).await;
    let (Some(experience), Some(table)) = (&config.experience, &config.timestamps) else { return Some(finding) };
    if finding.is_failed() {
        return Some(finding);
    }
    Some(match DynamoOutbox::new(&session.sdk, table.clone()).unsent(experience).await {
        Ok(unsent) if unsent.is_empty() => finding.note("nothing waits to be sent"),
        Ok(unsent) => finding
            .warn(
                format!("{} not sent yet", count(unsent.len(), "notification")),
                "the next run sends what waits: `pmp-hub notify` does it now, and says what is in the way".to_owned(),
            )
            .command(Stage::Run, NOTIFY.to_owned()),
        Err(error) => ledger_failed(finding, &error, TIMESTAMPS),
    })
}

/// Checks the state of waves, where there are any: whether it can be read, and whether a version
/// was stopped. What `PMP_WAVES` says is checked with the configuration.
async fn waves(session: &Session, config: &DoctorConfig, view: Option<&View>) -> Option<Finding> {
    let (experience, table) = (config.experience.as_ref()?, config.timestamps.as_ref()?);
    session.caller.as_ref().ok()?;
    let finding = Finding::of("waves");
    let store = DynamoRollouts::new(&session.sdk, table.clone());
    let strangers = view.map(View::strangers_in_waves).unwrap_or_default();
    let finding = strangers.into_iter().fold(finding, |finding, (wave, organization)| {
        let fix = format!("correct {WAVES}, or admit it: `pmp-hub members admit {organization}`");
        finding.warn(format!("wave `{wave}` names {organization}, which is not on the roster"), fix)
    });
    Some(match OnTheWay::look(&store, experience).await {
        // What is wrong with the table itself is told of the table.
        Err(_) => return None,
        Ok(OnTheWay::NoWaves) if !config.has_waves => return None,
        Ok(OnTheWay::NoWaves) => finding.note(format!("{WAVES} is set: waves begin with the hub's next run")),
        Ok(OnTheWay::Unreadable(problem)) => {
            finding.fail(problem.clone(), HubError::RolloutUnreadable { problem }.hint())
        }
        Ok(OnTheWay::Kept(kept)) if config.ends_waves => {
            let finding = finding.note(kept.to_string());
            match kept.taken_back().filter(|_| kept.state.refused.is_some()) {
                Some(version) => finding.warn(
                    format!(
                        "PMP_WAVES is `none`: with the next run, snapshot {version}, which was taken back, is published again, where the \
                         management experience still says it"
                    ),
                    "mend the management experience first, and publish then".to_owned(),
                ),
                None if kept.state.rollout.stopped.is_some() => finding.warn(
                    "PMP_WAVES is `none`: with the next run, what was stopped is for everybody".to_owned(),
                    "`pmp-hub pin` an older snapshot first, or mend the management experience and publish that".to_owned(),
                ),
                None => finding.note("PMP_WAVES is `none`: waves end with the hub's next run"),
            }
        }
        Ok(OnTheWay::Kept(kept)) if kept.state.rollout.stopped.is_some() => {
            let fix = "`pmp-hub promote` goes on, where nothing failed with it; `pmp-hub pin` goes back; the next version begins anew"
                .to_owned();
            finding.warn(kept.to_string(), fix)
        }
        Ok(OnTheWay::Kept(kept)) => finding.note(kept.to_string()),
    })
}

/// Checks what `plan` needs to run members' filters, where a setting says that it is meant to.
async fn filters(config: &DoctorConfig) -> Option<Finding> {
    let (folder, program) = (config.folder.as_deref(), config.program.as_deref());
    folder.or(program)?;
    let mut finding = Finding::of("filters");
    if let Some(folder) = folder {
        finding = match std::fs::read_dir(folder) {
            Ok(_) => finding.note(format!("the folder `{folder}`")),
            Err(error) => finding.fail(
                format!("cannot read the folder of filters `{folder}`: {error}"),
                format!("check {FILTERS_FOLDER}: it names a folder that this user can read"),
            ),
        };
    }
    Some(match filter_program_ended(program).await {
        None => finding.note("`pmp-filter` answers"),
        Some(ended) => {
            // The one beside this program, or on the PATH, is taken where none is named.
            let usual = program.is_some() && filter_program_ended(None).await.is_none();
            let command = if usual { unset(FILTER_PROGRAM.variable) } else { None };
            let fix = format!("check {FILTER_PROGRAM}, or install `pmp-filter`");
            finding.fail(ended, fix).command(Stage::Settings, command)
        }
    })
}

/// Why the program that runs members' filters cannot be used. `None` if it answers.
async fn filter_program_ended(program: Option<&str>) -> Option<String> {
    let ended = match FilterProgram::find(program) {
        Ok(program) => program.ask(&[]).await.ended,
        Err(missing) => Some(missing),
    };
    ended.map(|ended| ended.to_string())
}

/// Returns both values, or the setting that is missing.
fn both<'a, T>(
    experience: Option<&'a ExperienceId>,
    other: Option<&'a T>,
    source: Source,
) -> Result<(&'a ExperienceId, &'a T), Source> {
    Ok((experience.ok_or(EXPERIENCE)?, other.ok_or(source)?))
}

/// The head in the ledger. `None` if it cannot be read, which other checks report.
async fn head(sdk: &SdkConfig, config: &DoctorConfig) -> Option<Head> {
    let (experience, table) = (config.experience.as_ref()?, config.snapshots.clone()?);
    DynamoSnapshots::new(sdk, table).head(experience).await.ok().flatten()
}

/// Checks whether a key was forgotten, if none is set.
fn unsigned(head: Option<&Head>) -> Finding {
    let finding = Finding::of("signing-key");
    if head.is_some_and(|head| head.statement.is_some()) {
        return told(finding, &HubError::Unsigned.into());
    }
    Finding::skipped(finding.check(), &format!("{SIGNING_KEY} is not set: snapshots are not signed"))
}

/// Checks whether this key signed the statement of the head, and whether the statement has expired.
fn judge(finding: Finding, public: &PublicKey, experience: &ExperienceId, head: &Head) -> Finding {
    let publish = || "publish once, which signs anew: `pmp-hub publish`".to_owned();
    let expected = Expectation {
        experience,
        version: head.latest,
        digest: head.digest,
        not_older_than: None,
        now: compose::clock().now(),
    };
    match verify(head.statement.as_deref(), &TrustedKeys::only(public.clone()), &expected) {
        Ok(Verified { statement }) => {
            finding.note(format!("snapshot {} is signed by it until {}", statement.version, statement.expires_at))
        }
        Err(refusal) => finding
            .warn(format!("snapshot {}: {refusal}", head.latest), publish())
            .command(Stage::Run, PUBLISH.to_owned()),
    }
}

/// Warns if others than its owner can read the file of the key.
fn readable_by_others(finding: Finding, key: &SigningKey) -> Finding {
    #[cfg(unix)]
    if let SigningKey::File(path) = key {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            let fix = format!("`chmod 600 {}`; who has read it can sign", path.display());
            let command = path.to_str().and_then(word).map(|path| format!("chmod 600 {path}"));
            return finding.warn(format!("others can read {}", path.display()), fix).command(Stage::Resources, command);
        }
    }
    finding
}

/// Checks that the key signs, and that its public part verifies the signature. It signs no
/// statement, so nobody can use the signature.
async fn signing(sdk: &SdkConfig, key: &SigningKey, experience: Option<&ExperienceId>, head: Option<Head>) -> Finding {
    let finding = Finding::of("signing-key");
    let signer = key.signer(sdk);
    let message = pae("text/plain", b"pmp-hub doctor");
    let signed = match signer.public_key().await {
        Ok(public) => signer.sign(&message).await.map(|signature| (public, signature)),
        Err(error) => Err(error),
    };
    match signed {
        Ok((public, signature)) if public.verifies(&message, &signature) => {
            let finding = finding.note(key.to_string());
            let finding = finding.note(format!("{} key {}, signs and verifies", public.kind(), public.id().short()));
            let finding = readable_by_others(finding, key);
            match (experience, head) {
                (Some(experience), Some(head)) => judge(finding, &public, experience, &head),
                _ => finding,
            }
        }
        Ok((public, _)) => {
            let fix = "use another key, and tell the owner of this key".to_owned();
            finding.fail(format!("the public key {} does not verify what the key signs", public.id().short()), fix)
        }
        Err(error) => told(finding, &HubError::Sign(error).into()),
    }
}

/// Checks that the management experience can be read, as `publish` reads it.
async fn catalog(sdk: &SdkConfig, experience: &ExperienceId, timestamps: Option<&TableName>) -> Finding {
    let finding = Finding::of("catalog");
    match read::management_experience(&SdkCatalog::new(sdk, RateLimits::default()), experience).await {
        Ok(content) => finding.note(format!("{experience}: {}", content.counts())),
        Err(error) => {
            let mistyped = mistyped::told(sdk, timestamps, error).await;
            let finding = told(finding, &mistyped);
            match mistyped::meant(sdk, timestamps, experience).await {
                // It is another one that cannot be read: the id is right.
                Some(meant) if meant != *experience => {
                    finding.command(Stage::Settings, export(EXPERIENCE.variable, meant.as_str()))
                }
                _ => finding,
            }
        }
    }
}

/// The finding for a ledger error, with the setting that names the table.
fn ledger_failed(finding: Finding, error: &LedgerError, source: Source) -> Finding {
    let fix = match error {
        LedgerError::NoTable(_) => {
            Some(format!("check {source}: name, account and region; a template makes the table, or `pmp-hub init`"))
        }
        error => error.hint().or_else(|| Some(format!("check that {source} names the right one of the two tables"))),
    };
    finding.fail(error.to_string(), fix).passing(error.api().is_some_and(ApiError::is_passing))
}

/// Checks the keys of a table, if the caller may describe it. Reading the table tests them as well.
async fn keys(sdk: &SdkConfig, table: Table, name: &TableName, finding: Finding, source: Source) -> Finding {
    match schema::check(sdk, table, name).await {
        Ok(()) => finding.note(name.as_str()),
        Err(LedgerError::Api { error, .. }) if error.is_access_denied() => finding.note(name.as_str()),
        Err(error) => ledger_failed(finding, &error, source),
    }
}

async fn snapshots(
    sdk: &SdkConfig,
    experience: &ExperienceId,
    table: &TableName,
    timestamps: Option<&TableName>,
) -> Finding {
    let finding = keys(sdk, Table::Snapshots, table, Finding::of("snapshots-table"), SNAPSHOTS).await;
    if finding.is_failed() {
        return finding;
    }
    let store = DynamoSnapshots::new(sdk, table.clone());
    // The mark is read before the head, so that a version that is stored in between does not look
    // like a loss. The check of its own table reports an error.
    let mark = match timestamps {
        Some(timestamps) => DynamoReceipts::new(sdk, timestamps.clone()).mark(experience).await.ok().flatten(),
        None => None,
    };
    let head = match store.head(experience).await {
        Ok(head) => head,
        Err(error) => return ledger_failed(finding, &error, SNAPSHOTS),
    };
    if let Some(restored) = Restored::find(mark.as_ref(), head.as_ref()) {
        return told(finding, &HubError::Restored(restored).into());
    }
    let Some(head) = head else {
        let finding = finding.warn(NO_SNAPSHOT, "publish one: `pmp-hub publish`".to_owned());
        return finding.command(Stage::Run, PUBLISH.to_owned());
    };
    let ago = age(head.taken_at, compose::clock().now());
    let finding = finding.note(format!("snapshot {} ({}), taken {ago} ago", head.latest, head.digest.short()));
    let finding = if head.published == Some(head.latest) {
        finding
    } else {
        finding
            .warn("stored, and not published yet", "publish it: `pmp-hub publish`".to_owned())
            .command(Stage::Run, PUBLISH.to_owned())
    };
    match store.fetch(experience, head.latest).await {
        Ok(_) => finding,
        Err(error) => ledger_failed(finding, &error, SNAPSHOTS),
    }
}

/// Checks that products can be looked up for the members' filters, and counts the facts that are
/// known.
async fn products(sdk: &SdkConfig, experience: &ExperienceId, table: &TableName) -> Finding {
    let finding = Finding::of("products");
    let directory = SdkDirectory::new(sdk);
    let (listed, product) = tokio::join!(tells_of_listings(&directory), tells_of_products(&directory));
    let failed = |finding: Finding, error: Option<CatalogError>| match error {
        Some(error) => finding.fail(error.to_string(), error.hint()),
        None => finding,
    };
    let finding = failed(failed(finding, listed.err()), product.err());
    match DynamoAnswers::new(sdk, table.clone()).latest(experience).await {
        Ok(Some(head)) => {
            let (products, ago) = (count(head.products, "product"), age(head.at, compose::clock().now()));
            finding.note(format!("{products} looked up, stored {ago} ago"))
        }
        Ok(None) => finding
            .warn("none were looked up yet", "publish once: `pmp-hub publish`".to_owned())
            .command(Stage::Run, PUBLISH.to_owned()),
        Err(error) => ledger_failed(finding, &error, SNAPSHOTS),
    }
}

/// Checks that DynamoDB deletes the members' expired records, if the caller may read that setting.
async fn expiry(sdk: &SdkConfig, table: &TableName, finding: Finding) -> Finding {
    let fix = || {
        format!(
            "`aws dynamodb update-time-to-live --table-name {} --time-to-live-specification \
             Enabled=true,AttributeName={EXPIRES_AT}`, or update the hub's stack",
            table.as_str()
        )
    };
    match schema::expiry(sdk, table).await {
        Ok(Expiry::Off) => finding
            .warn("records of decisions are not deleted when they are past their time", fix())
            .command(Stage::Resources, INIT.to_owned()),
        Ok(Expiry::Other(attribute)) => {
            finding.warn(format!("its TTL goes by `{attribute}`: records of decisions stay"), fix())
        }
        Ok(Expiry::On) | Err(_) => finding,
    }
}

/// Checks the table of receipts, the receipts in it, and the number of admitted organizations if
/// the roster can be read.
async fn spokes(
    session: &Session,
    config: &DoctorConfig,
    stale_after: SignedDuration,
) -> ([Finding; 2], Option<usize>, Option<View>) {
    const TABLE: &str = "timestamps-table";
    let Some(table) = &config.timestamps else {
        let finding = Finding::of(TABLE).warn(
            format!("{TIMESTAMPS} is not set"),
            "set it: `status`, `confirm` and the metrics about spokes need it".to_owned(),
        );
        let finding = meant::table(session, config, finding, Table::SyncTimestamps).await;
        return ([finding, Finding::skipped("spokes", &format!("{TIMESTAMPS} is not set"))], None, None);
    };
    let mut view = None;
    let mut unread = "`timestamps-table` was not read";
    let finding = session
        .look(TABLE, config.experience.as_ref().ok_or(EXPERIENCE), async |experience| {
            let finding = keys(&session.sdk, Table::SyncTimestamps, table, Finding::of(TABLE), TIMESTAMPS).await;
            if finding.is_failed() {
                return finding;
            }
            let finding = expiry(&session.sdk, table, finding).await;
            // Without the table of snapshots there is nothing to compare with. Its own check says
            // what is wrong.
            let snapshots = config.snapshots.as_ref().unwrap_or(table);
            let fleet = Fleet::new(&session.sdk, snapshots, table, config.members.clone());
            match fleet.look(experience).await {
                Ok(found) => {
                    let finding = finding.note(count(found.looked.len(), "organization"));
                    view = Some(found);
                    finding
                }
                // The head and the digests are in the other table, whose own check says what is
                // wrong.
                Err(error) if error.table().is_some_and(|failed| failed == snapshots && failed != table) => {
                    unread = "`snapshots-table` was not read";
                    finding
                }
                Err(error) => ledger_failed(finding, &error, TIMESTAMPS),
            }
        })
        .await;
    let finding = meant::table(session, config, finding, Table::SyncTimestamps).await;
    let Some(view) = view else {
        return ([finding, Finding::skipped("spokes", unread)], None, None);
    };
    let rows = status::judge::rows(&view, compose::clock().now(), stale_after);
    let spokes = Finding::of("spokes");
    let spokes = match &view.roster {
        Some(roster) => spokes.note(format!("{} admitted", count(roster.len(), "organization"))),
        None => spokes.note("nobody is admitted: the receipts of every organization count"),
    };
    let spokes = if rows.is_empty() {
        spokes.warn(NO_REPORT, "deploy a spoke, and look at it with `pmp-spoke doctor`".to_owned())
    } else if rows.iter().all(|row| row.state.is_healthy()) {
        spokes.note(shown::summary(&rows))
    } else {
        spokes.warn(shown::summary(&rows), "`pmp-hub status` says which, and why".to_owned())
    };
    let spokes = match &view.left_out {
        Some(left_out) => spokes.warn(left_out.clone(), None),
        None => spokes,
    };
    let admitted = view.roster.as_ref().map(|roster| roster.len());
    ([finding, session.judge(spokes).await], admitted, Some(view))
}

async fn look_at_topic(session: &Session, config: &DoctorConfig) -> Finding {
    let topic = config.topic.as_ref();
    let look = async |topic: &TopicArn| {
        let client = Client::new(&pmp_aws::in_region(&session.sdk, topic.region()));
        // Which accounts may subscribe to a new one is not for a member to say, so no report tells
        // it.
        let fix = format!(
            "check {TOPIC}; a template makes the topic, or `pmp-hub init --allow-account ACCOUNT`, with each member's account"
        );
        publishing(&client, topic, session, Finding::of("topic"), fix).await
    };
    let finding = session.look("topic", topic.ok_or(TOPIC), look).await;
    if finding.verdict() == Verdict::Ok || session.caller.is_err() {
        return finding;
    }
    let meant = meant::topic(session, TOPIC, topic, config.notify_topic.as_ref()).await;
    finding.command(Stage::Settings, meant)
}

/// Checks that each admitted organization has at least one queue subscribed to the topic.
async fn listeners(session: &Session, topic: Option<&TopicArn>, failed: bool, admitted: Option<usize>) -> Finding {
    if failed {
        return Finding::skipped("subscriptions", "`topic` failed");
    }
    let look = async |topic: &TopicArn| {
        let client = Client::new(&pmp_aws::in_region(&session.sdk, topic.region()));
        subscriptions(&client, topic, admitted.unwrap_or_default()).await
    };
    session.look("subscriptions", topic.ok_or(TOPIC), look).await
}

/// Checks that a topic exists, and that its policy lets this caller publish. It publishes nothing.
/// `fix` is what to do where it does not exist.
async fn publishing(client: &Client, topic: &TopicArn, session: &Session, finding: Finding, fix: String) -> Finding {
    match client.get_topic_attributes().topic_arn(topic.as_str()).send().await {
        Ok(answer) => permitted(topic, session, finding, &answer.attributes.unwrap_or_default()),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found_exception()) => {
            finding.fail(format!("topic `{topic}` does not exist"), fix)
        }
        Err(error) => unknown(finding, &ApiError::new("sns:GetTopicAttributes", &error)),
    }
}

/// Checks that the policy of a topic lets this caller publish.
fn permitted(topic: &TopicArn, session: &Session, finding: Finding, attributes: &HashMap<String, String>) -> Finding {
    let finding = finding.note(topic.as_str());
    let account = session.caller.as_ref().map(|caller| caller.account.as_str()).unwrap_or_default();
    let asker = Asker::Account(account);
    let request = Request { asker, action: "sns:Publish", resource: topic.as_str(), source: None };
    let policy = attributes.get("Policy").filter(|text| !text.is_empty());
    let admission = policy.map_or(Ok(Admission::No), |text| Ok(ResourcePolicy::parse(text)?.admits(&request)));
    let admission: Admission = match admission {
        Ok(admission) => admission,
        Err::<_, PolicyError>(problem) => return finding.fail(format!("its policy cannot be read: {problem}"), None),
    };
    match admission {
        Admission::Yes => finding.note("its policy lets this account publish"),
        // Within one account, the caller's own policies are enough.
        Admission::No if account == topic.account() => finding.note("`sns:Publish` rests on the caller's own policies"),
        Admission::No => finding.fail(
            format!("its policy does not let account {account} publish"),
            format!(
                "allow `sns:Publish` to account {account} in the topic's policy, or run the hub in {}",
                topic.account()
            ),
        ),
        Admission::Unclear(what) => {
            finding.warn(format!("whether it may publish hangs on `{what}`, which is not known here"), None)
        }
    }
}

async fn subscriptions(client: &Client, topic: &TopicArn, admitted: usize) -> Finding {
    let finding = Finding::of("subscriptions");
    let pages = client.list_subscriptions_by_topic().topic_arn(topic.as_str()).into_paginator().items().send();
    let found = match pages.collect::<Result<Vec<_>, _>>().await {
        Ok(found) => found,
        Err(error) => return unknown(finding, &ApiError::new("sns:ListSubscriptionsByTopic", &error)),
    };
    if found.is_empty() {
        return finding.warn(
            "nobody is subscribed",
            "let a member organization deploy its spoke, or run `pmp-spoke init`; where members have reported before, the topic was deleted \
             and took their subscriptions along: each subscribes its queue anew (docs/deploy.md, \"Deploy a hub again\")"
                .to_owned(),
        );
    }
    let pending = found.iter().filter(|one| one.subscription_arn() == Some("PendingConfirmation")).count();
    let finding = finding.note(count(found.len(), "subscription"));
    let finding = if found.len() < admitted {
        let missing = format!(
            "{} admitted, so {} cannot hear of snapshots",
            count(admitted, "organization"),
            admitted - found.len()
        );
        let fix = "`pmp-hub members` says who has never reported, or is silent: let them look with `pmp-spoke doctor`"
            .to_owned();
        finding.warn(missing, fix)
    } else {
        finding
    };
    let finding = if found.len() < NEAR { finding } else { filter_policies(client, finding, &found).await };
    if pending == 0 {
        return finding;
    }
    let fix = "let the account that owns the queue subscribe it: then there is nothing to confirm".to_owned();
    finding.warn(format!("{pending} not confirmed"), fix)
}

/// Counts the subscriptions with a filter policy, because SNS limits them per topic.
async fn filter_policies(client: &Client, finding: Finding, found: &[Subscription]) -> Finding {
    let confirmed = found.iter().filter_map(Subscription::subscription_arn).filter(|arn| arn.starts_with("arn:"));
    let filtered = confirmed.map(async |arn| {
        let answer = client.get_subscription_attributes().subscription_arn(arn).send().await?;
        let policy = answer.attributes.unwrap_or_default().remove("FilterPolicy").unwrap_or_default();
        Ok::<_, aws_sdk_sns::Error>(!matches!(policy.trim(), "" | "{}"))
    });
    // The bound avoids throttling. A thousand subscriptions still take only seconds.
    let filtered: Vec<_> = futures::stream::iter(filtered).buffer_unordered(LOOKS).collect().await;
    let count = filtered.iter().filter(|one| matches!(one, Ok(true))).count();
    let finding = match filtered.iter().filter(|one| one.is_err()).count() {
        0 => finding,
        unread => finding.note(format!("{unread} of them cannot be looked at")),
    };
    let finding = finding.note(format!("{count} of {FILTER_POLICIES} filter policies"));
    if count < NEAR {
        return finding;
    }
    let fix = "let the members take theirs away, which a topic of one management experience does without: `aws sns \
               set-subscription-attributes --subscription-arn ARN --attribute-name FilterPolicy --attribute-value '{}'`; or ask AWS for \
               more (Service Quotas, \"Filter Policies per Topic\")"
        .to_owned();
    finding.warn("the next members may not be able to subscribe with one", fix)
}
