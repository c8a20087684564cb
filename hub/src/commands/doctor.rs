//! `doctor`: checks everything that the hub needs, and says how to fix it. It only reads: it
//! neither writes nor publishes.

mod directed;
mod ledger;
mod meant;
mod signing;
mod topic;

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use pmp_aws::{QueueUrl, TopicArn};
use pmp_catalog::{RateLimits, SdkCatalog};
use pmp_doctor::{Corrections, Place, Session, configuration, look_at_queue, told};
use pmp_ledger::schema::Table;
use pmp_ledger::{DynamoOutbox, DynamoRollouts, Outbox};
use pmp_protocol::{ExperienceId, Hint};
use pmp_terminal::checkup::{Checkup, Finding, Stage, Verdict, watched};
use pmp_terminal::{Output, Source, count, export, unset};

use self::ledger::{NO_REPORT, NO_SNAPSHOT, ledger_failed, products, snapshots, spokes};
use self::signing::{head, signing, unsigned};
use self::topic::{listeners, look_at_topic, publishing};
use crate::commands::mistyped;
use crate::compose;
use crate::config::{
    ConfigArgs, DoctorConfig, EVENTS, EXPERIENCE, FILTER_PROGRAM, FILTERS_FOLDER, INTERVAL, KEEP, LIFETIME, MAX_HOLD,
    NOTIFY_FORMAT, NOTIFY_TOPIC, RunSettings, SNAPSHOTS, STALE, TIMESTAMPS, WAVES,
};
use crate::error::HubError;
use crate::filters::program::FilterProgram;
use crate::publish::read;
use crate::rollout::state::OnTheWay;
use crate::status::fleet::View;

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
        // The subscriptions to the topic that they share are looked at once.
        let sharing = if position == 0 { configs.len() } else { 1 };
        let of_it = of_one(&session, config, run, sharing).await;
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

/// All checks of one management experience, and of what it needs. `sharing`: how many have the
/// topic in common, as far as this is told with these.
async fn of_one(session: &Session, config: &DoctorConfig, run: &RunSettings, sharing: usize) -> Vec<Finding> {
    let (experience, events) = (config.experience.as_ref(), config.events_queue_url.as_ref().map(QueueUrl::as_str));
    let (catalog, snapshots, (timestamps, admitted, view), topic, events, signing, products, notifications) = tokio::join!(
        async {
            let found = session
                .look("catalog", experience.ok_or(EXPERIENCE), |experience| catalog(&session.sdk, experience, config));
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
    let listeners = listeners(session, config.topic.as_ref(), topic.is_failed(), admitted, sharing).await;
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
                    "correct the management experience first, and publish then".to_owned(),
                ),
                None if kept.state.rollout.stopped.is_some() => finding.warn(
                    "PMP_WAVES is `none`: with the next run, what was stopped is for everybody".to_owned(),
                    "`pmp-hub pin` an older snapshot first, or correct the management experience and publish that".to_owned(),
                ),
                None => finding.note("PMP_WAVES is `none`: waves end with the hub's next run"),
            }
        }
        Ok(OnTheWay::Kept(kept)) if kept.state.rollout.stopped.is_some() => {
            let fix = "`pmp-hub promote` goes on, where nothing failed with it; `pmp-hub pin` goes back; the next version begins again"
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

/// Checks that the management experience can be read, as `publish` reads it.
async fn catalog(sdk: &SdkConfig, experience: &ExperienceId, config: &DoctorConfig) -> Finding {
    let (timestamps, named) = (config.timestamps.as_ref(), &config.named);
    let finding = Finding::of("catalog");
    match read::management_experience(&SdkCatalog::new(sdk, RateLimits::default()), experience).await {
        Ok(content) => finding.note(format!("{experience}: {}", content.counts())),
        Err(error) => {
            let mistyped = mistyped::told(sdk, timestamps, named, error).await;
            let finding = told(finding, &mistyped);
            match mistyped::meant_in_the_catalog(sdk, timestamps, named, experience).await {
                // It is another one that cannot be read: the id is right. And no command sets one
                // of several.
                Some(meant) if meant != *experience && named.source.variable == EXPERIENCE.variable => {
                    finding.command(Stage::Settings, export(EXPERIENCE.variable, meant.as_str()))
                }
                _ => finding,
            }
        }
    }
}
