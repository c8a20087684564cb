//! The command: checks by the guard, then the trials, then the restoration, which takes place in
//! any case.

use std::path::PathBuf;

use clap::Args;
use pmp_catalog::{RateLimits, SdkCatalog, SdkDirectory};
use pmp_protocol::{ExperienceId, ManagementId, MemberId, ProductId, one_line};
use pmp_runtime::Stop;
use pmp_terminal::progress::{self, Step};
use pmp_terminal::{Exit, Failure, Output, Table, stop_on_signal};

use super::assumption::Assumption;
use super::changes::try_changes;
use super::dead_letters::DeadLetters;
use super::error::VerifyError;
use super::guard;
use super::left::Left;
use super::reads::{Standing, try_reads};
use super::record::{Judgement, Record, Verdict};
use super::report::{self, Report};
use super::subject::Subject;
use crate::compose;
use crate::config::{ConfigArgs, EVENTS};
use crate::error::sdk;
use crate::triggers::event_queue::EventQueue;

/// The reason why the queue in the environment is not read.
const HUBS_QUEUE: &str = "PMP_EVENTS_QUEUE_URL is the queue of a hub, which takes the events away. Make another one for \
                          it, and name it with --events-queue-url, as docs/first-day.md says.";

const HELP: &str = "\
Without --change nothing is changed: experiences are listed and described, and some products looked up. With it, the
experience has to have a rejected product without a note. That one is approved and rejected again, and whether users may
request products is turned over and back. docs/first-day.md says what each trial does, and which permissions it needs.

Examples:
  pmp-hub verify-aws                     what reading alone shows
  pmp-hub verify-aws --report trial      the same, and files to show to others
  pmp-hub verify-aws --change exp-1234567890abc
                                         also change an experience, and put it back
  pmp-hub verify-aws --change exp-1234567890abc exp-1234567890abc
                                         the same, although it is in use
  pmp-hub verify-aws --dead-letters      with a topic and two queues, for the trial alone

Exit codes: 0 nothing is refuted, and everything is as it was; 4 an assumption is refuted; 3 refused by a guard, and nothing
was changed; 1 it ended early, or something is not as it was before: the last lines say what, and how to put it back.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct VerifyArgs {
    /// Change this experience, which is made for it, and put it back. One that is in use has to be
    /// named twice
    #[arg(long, value_name = "EXP", num_args = 1..=2)]
    change: Vec<ExperienceId>,
    /// With --change: try to approve this product, which does not exist. If AWS takes it, it stays
    /// rejected there for good
    #[arg(long, value_name = "ID", requires = "change")]
    unknown_product: Option<ProductId>,
    /// Make a topic and two queues, see what becomes of a message that cannot be delivered, and
    /// delete them
    #[arg(long)]
    dead_letters: bool,
    /// Write report.md and report.json into this folder, without ids: they can be shown to others
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

/// The reason why the trials ended early.
enum Early {
    Stopped(String),
    Failed(VerifyError),
}

/// Runs `verify-aws`: reads first, then changes where they are allowed, then the report.
pub(crate) async fn verify_aws(config: &ConfigArgs, args: &VerifyArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_verify(args.change.first());
    if let Some(folder) = &args.report {
        report::prepare(folder)?;
    }
    let stop = stop_on_signal()?;
    let sdk = sdk().await?;
    let member = match args.change.first() {
        Some(experience) => {
            // After a stop, the trials that would follow are skipped, before anything is
            // changed.
            let reasons = guard::reasons(&sdk, &config, experience);
            let reasons = stop.unless_stopped(reasons).await.unwrap_or_default();
            let management = config.experience.clone().map(ManagementId::new);
            Some(allow_change(&args.change, experience, management.as_ref(), reasons)?)
        }
        None => None,
    };

    let began = compose::clock().now();
    let catalog = SdkCatalog::new(&sdk, RateLimits::default());
    let mut record = Record::default();
    let events = match &config.events_queue_url {
        // The hub receives these events, so an event that is missing here would prove nothing.
        Some(url) if is_the_hubs(url.as_str()) && !args.change.is_empty() => {
            for assumption in [Assumption::EventsOfChanges, Assumption::ReadLagOfEvents] {
                record.say(assumption, Judgement::not_tried(HUBS_QUEUE));
            }
            None
        }
        url => url.clone().map(|url| EventQueue::new(&sdk, url)),
    };
    let mut left = Vec::new();
    let mut standing = None;
    let directory = SdkDirectory::new(&sdk);
    let reads = try_reads(&catalog, &directory, &mut record);
    let mut early = take(stop.unless_stopped(reads).await, &stop, &mut standing);

    if let (Some(member), None) = (&member, &early) {
        let mut subject = None;
        let made = Subject::new(&catalog, member, args.unknown_product.as_ref(), began, &mut record);
        early = take(stop.unless_stopped(made).await, &stop, &mut subject);
        if let Some(subject) = &subject {
            let trials = try_changes(subject, &mut record, events.as_ref(), args.unknown_product.as_ref());
            early = take(stop.unless_stopped(trials).await, &stop, &mut None);
            left.extend(put_back(subject).await);
        }
    }
    if args.dead_letters && early.is_none() {
        let letters = DeadLetters::new(&sdk, began);
        let mut judged = None;
        early = take(stop.unless_stopped(letters.try_it()).await, &stop, &mut judged);
        if let Some(judged) = judged {
            record.say(Assumption::DeadLetters, judged);
        }
        left.extend(letters.delete().await);
    }

    let failure = early.as_ref().map(|early| match early {
        Early::Stopped(why) => why.clone(),
        Early::Failed(error) => one_line(error),
    });
    let not_reached = failure.as_ref().map(|why| format!("It was not reached: {}.", why.trim_end_matches('.')));
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        began,
        ended: compose::clock().now(),
        standing: standing.flatten().map(Standing::as_str),
        experience: args.change.first().map(ToString::to_string),
        findings: record.findings(not_reached.as_deref()),
        change_sets: std::mem::take(&mut record.change_sets),
        failure,
        left,
    };
    tell(&report, output)?;
    if let Some(folder) = &args.report {
        report::write(folder, &report.masked(&mut record.masks))?;
        progress::note(&format!("The report without ids is in {}.", folder.join("report.md").display()));
    }
    end(&report, early)
}

/// Whether the queue is the one that the environment sets for the hub.
fn is_the_hubs(url: &str) -> bool {
    std::env::var(EVENTS.variable).is_ok_and(|hubs| hubs.trim() == url)
}

/// Returns the experience as one that may be changed. One that is in use is refused, unless it is
/// named twice. The management experience is refused however often it is named, because its changes
/// go to all members. If none is configured, as before there is a hub, `reasons` says that this is
/// not known.
fn allow_change(
    named: &[ExperienceId],
    experience: &ExperienceId,
    management: Option<&ManagementId>,
    reasons: Vec<String>,
) -> Result<MemberId, Failure> {
    let again = named.get(1);
    if again.is_some_and(|again| again != experience) {
        let error = format!("`{experience}` and `{}` are two experiences", named[1]);
        let hint = "name one, or the same one twice, where it is in use".to_owned();
        return Err(Failure::new("E4108", error).hint(hint).exit(Exit::Refused));
    }
    let member = match management {
        Some(management) => management.member(experience.clone()),
        None => Some(MemberId::before_there_is_a_hub(experience.clone())),
    };
    if let Some(member) = &member
        && (again.is_some() || reasons.is_empty())
    {
        return Ok(member.clone());
    }
    let error = format!("`{experience}` is not changed: it may be in use");
    let failure = reasons.into_iter().fold(Failure::new("E4109", error), Failure::detail);
    let hint = if member.is_none() {
        "name an experience that was made for this: docs/first-day.md, \"Change a test experience\", says how"
            .to_owned()
    } else {
        format!(
            "name an experience that was made for this, or this one twice: `pmp-hub verify-aws --change {experience} {experience}`"
        )
    };
    Err(failure.hint(hint).exit(Exit::Refused))
}

/// Handles the outcome of a part of the trials. The result goes to `value`; the return value says
/// why the trials end early.
fn take<T>(outcome: Option<Result<T, VerifyError>>, stop: &Stop, value: &mut Option<T>) -> Option<Early> {
    match outcome {
        Some(Ok(done)) => {
            *value = Some(done);
            None
        }
        Some(Err(error)) => Some(Early::Failed(error)),
        None => Some(Early::Stopped(stop.reason().map_or_else(|| "stopped".to_owned(), ToString::to_string))),
    }
}

/// Restores the experience if anything may differ, and returns what could not be restored. A first
/// stop does not end this; a second one does.
async fn put_back(subject: &Subject<'_>) -> Vec<String> {
    if !subject.is_dirty() {
        progress::step(Step::Done, &format!("{} is as it was before", subject.id));
        return Vec::new();
    }
    progress::step(Step::Doing, &format!("putting {} back; should this be ended, the same by hand is:", subject.id));
    progress::note(&subject.by_hand(None).to_string());
    let Left { mut sentences, seen } = subject.put_back().await;
    if sentences.is_empty() {
        progress::step(Step::Done, &format!("{} is as it was before", subject.id));
    } else {
        sentences.extend(subject.by_hand(seen.as_ref()).sentences());
    }
    sentences
}

fn tell(report: &Report, output: Output) -> Result<(), Failure> {
    if output.is_document() {
        return Ok(output.document(&report.json())?);
    }
    let mut table = Table::new(&["TRIAL", "ASSUMPTION", "VERDICT", "SEEN"]);
    for finding in &report.findings {
        let (name, verdict) = (finding.assumption.name(), finding.verdict.as_str());
        table.row([finding.trial.to_string(), name.to_owned(), verdict.to_owned(), finding.seen.clone()]);
    }
    Ok(output.list("findings", &report.findings, table, &report.summary())?)
}

/// The exit of the command.
fn end(report: &Report, early: Option<Early>) -> Result<Exit, Failure> {
    let failure = match early {
        Some(Early::Failed(error)) => {
            let exit = error.exit();
            Some(Failure::from(error).exit(exit))
        }
        Some(Early::Stopped(why)) => Some(Failure::new("E4110", format!("{why}, before all was tried"))),
        None if !report.left.is_empty() => Some(Failure::new("E4111", "not everything is as it was before")),
        None => None,
    };
    match failure {
        Some(failure) => Err(report.left.iter().cloned().fold(failure, Failure::detail)),
        None if report.number_of(Verdict::Refuted) > 0 => Ok(Exit::Unhealthy),
        None => Ok(Exit::Ok),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(refused: &Failure) -> (String, Exit) {
        (refused.code().to_string(), refused.exit_code())
    }

    #[test]
    fn the_management_experience_is_not_changed_however_often_it_is_named() {
        let id = |id: &str| ExperienceId::new(id).unwrap();
        let (management, trial) = (ManagementId::new(id("exp-management")), id("exp-trial"));
        let managing = id("exp-management");
        let in_use = || vec!["it is in use".to_owned()];
        for named in [vec![managing.clone()], vec![managing.clone(), managing.clone()]] {
            let refused = allow_change(&named, &managing, Some(&management), in_use()).unwrap_err();
            assert_eq!(codes(&refused), ("E4109".to_owned(), Exit::Refused));
            assert!(!refused.render().contains("twice"), "{}", refused.render());
        }
        let once = [trial.clone()];
        assert!(allow_change(&once, &trial, Some(&management), Vec::new()).is_ok());
        assert!(allow_change(&once, &trial, Some(&management), in_use()).is_err());
        let twice = [trial.clone(), trial.clone()];
        assert_eq!(*allow_change(&twice, &trial, Some(&management), in_use()).unwrap(), trial);
        let two = [trial.clone(), managing];
        let refused = allow_change(&two, &trial, Some(&management), Vec::new()).unwrap_err();
        assert_eq!(codes(&refused), ("E4108".to_owned(), Exit::Refused));
        // Before there is a hub, no experience is one that it reads.
        assert!(allow_change(&twice, &trial, None, in_use()).is_ok());
    }
}
