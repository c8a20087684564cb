//! `doctor`: checks everything that a spoke needs, and says how to fix it. It only reads: it
//! neither writes, nor takes the lease, nor receives a message.

mod guard_rails;
pub(crate) mod ledger;
mod meant;
mod queue;
mod windows;

pub(crate) use self::queue::lets_through;

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use pmp_catalog::{SdkCatalog, SdkDirectory, tells_of_products};
use pmp_doctor::{Corrections, Session, configuration, told};
use pmp_filter_host::{Filter, FilterSource};
use pmp_protocol::{ExperienceId, Hint, ManagementId, OrganizationId, PlainText, alike, one_line};
use pmp_terminal::checkup::{Checkup, Finding, Stage, watched};
use pmp_terminal::{Failure, Output, Source, age, count, export};
use tokio::time::Instant;

use crate::compose;
use crate::config::{
    ATTRIBUTES, ConfigArgs, DoctorConfig, EXPERIENCE, FILTER, FILTER_SIZE, FILTERS, ID_LIMIT, LEASE_TERM, MEMBERS,
    MODE, OPEN, ORG, RATES, SNAPSHOTS, STOP_AFTER,
};
use crate::error::SpokeError;
use crate::filters::Filters;
use crate::filters::config::FilterConfig;
use crate::filters::lookup::AttributeSource;
use crate::filters::rules::FilterRules;
use crate::identity::ask_organizations;
use crate::mode::Mode;
use crate::pass::discover::{Absent, Member, Selection, find, list};

/// The settings whose default is as safe as any value. Guard rails, change windows and what is told
/// of filters are not among them: a member may have chosen something stricter.
const DEFAULTS: &[(Source, &str)] =
    &[(RATES, ""), (OPEN, "200"), (FILTER_SIZE, "4"), (LEASE_TERM, "10s"), (STOP_AFTER, "")];

/// Makes all checks, and returns them in the order in which they are shown. Checks that do not
/// depend on each other run at the same time.
pub(crate) async fn examine(config: &ConfigArgs, output: Output) -> Checkup {
    let given = config.given();
    let (config, complete) = config.for_doctor();
    let clock = compose::clock();
    let built_in: Vec<_> = Filter::built_in_names().collect();
    let words = [(MODE, &["apply", "observe"][..]), (ID_LIMIT, &["change", "request"]), (FILTER, &built_in)];
    let corrections = Corrections { defaults: DEFAULTS, words: &words, given: &given };
    let configuration = watched(output, "configuration", async { configuration(&complete, &corrections) });
    let (configuration, (session, who)) =
        tokio::join!(configuration, Session::begin("pmp-spoke", output, clock.as_ref()));
    let experience = config.experience.as_ref();
    let (filter, (organization, id), catalog, (inbox, unfiltered)) = tokio::join!(
        // A filter may come from S3, but does not depend on the other checks.
        watched(output, "filter", filter(&session.sdk, config.filters.as_ref())),
        organization(&session, &config, is_wrong(&complete, ORG)),
        async {
            let mut found = None;
            let finding = session.look("catalog", experience.ok_or(EXPERIENCE), async |experience| {
                let (finding, members) = members(&session.sdk, experience, &config.selection).await;
                found = members;
                finding
            });
            (finding.await, found)
        },
        queue::examine(&session, &config),
    );
    let (ledger, hub) = ledger::examine(&session, &config, id.as_ref()).await;
    let is_read = !ledger.iter().any(|finding| finding.check() == "timestamps-table" && finding.is_failed());
    let inbox = match experience {
        Some(experience) => {
            queue::shared(inbox, unfiltered, experience, &ledger::others_published(hub.as_ref(), &config).await)
        }
        None => inbox,
    };
    let windows = windows::examine(&session, &config, hub.as_ref(), is_read).await;
    let products = products(&session, &config, hub.as_ref()).await;
    let network = session.network().await;
    let (catalog, members) = catalog;
    let rules = config.filters.as_ref().filter(|rules| !rules.is_empty());
    let rules = rules.map(|rules| by_rule(rules, members.as_deref()));
    let found = [organization].into_iter().chain(ledger).chain([catalog]).chain(rules).chain(products).chain(inbox);
    let found = found.chain(mode(config.mode)).chain(windows).chain([network]);
    [configuration, filter].into_iter().chain(who).chain(found).map(guard_rails::named).collect()
}

/// Checks that each filter can be compiled, and accepts its settings, as before a pass.
async fn filter(sdk: &SdkConfig, rules: Option<&FilterRules<Option<FilterConfig>>>) -> Finding {
    let finding = Finding::of("filter");
    let Some(rules) = rules else { return Finding::skipped("filter", "`configuration` failed") };
    let filters = Filters::new(sdk, rules);
    let (mut began, mut finding) = (Instant::now(), finding);
    for (place, outcome) in filters.each().await {
        let which = if filters.has_rules() { format!("{place}: ") } else { String::new() };
        finding = match outcome {
            Ok(filter) => {
                let (description, digest) = (filter.filter().description(), filter.filter().digest());
                let took = began.elapsed().as_millis();
                let (name, version) = (&description.name, &description.version);
                finding.note(format!("{which}`{name}` {version} ({}), loaded in {took} ms", digest.short()))
            }
            Err(error) => {
                let fix = error.hint();
                let source = rules.assigned().find_map(|(it, config)| (it == place).then_some(config.as_ref()?));
                let source = source.map_or_else(|| "FILE".to_owned(), |config| config.source.to_string());
                let look = format!(
                    "look into it with `pmp-filter inspect {source}`, and try its settings with `pmp-filter run`"
                );
                let command = if error.needs_facts() {
                    export(ATTRIBUTES.variable, "true")
                } else {
                    let file = rules.assigned().find_map(|(it, config)| (it == place).then_some(config.as_ref()?));
                    file.filter(|_| !filters.has_rules()).and_then(|config| file_meant(&config.source))
                };
                let told = PlainText::new(&one_line(&error)).to_string();
                finding.fail(told, fix.unwrap_or(look)).command(Stage::Settings, command)
            }
        };
        began = Instant::now();
    }
    match rules.assigned().last() {
        Some((_, None)) if filters.has_rules() => finding.note("the rest: none, all that the hub approves is applied"),
        _ if filters.has_any() => finding,
        _ => finding.note("none: all that the hub approves is applied"),
    }
}

/// The command that names the filter's file, if there is none by this name, but one beside it whose
/// name looks like it.
fn file_meant(source: &FilterSource) -> Option<String> {
    let FilterSource::File(path) = source else { return None };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let there = std::fs::read_dir(folder.unwrap_or(std::path::Path::new("."))).ok()?;
    let names: Vec<_> = there.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let filters = names.iter().map(String::as_str).filter(|name| name.ends_with(".wasm"));
    let wanted = path.file_name()?.to_str().filter(|_| !path.exists())?;
    let meant = alike(wanted, filters).into_iter().next()?;
    export(FILTER.variable, folder.map_or_else(|| format!("./{meant}").into(), |folder| folder.join(meant)).to_str()?)
}

/// Says that this spoke changes nothing, if it only observes.
fn mode(mode: Mode) -> Option<Finding> {
    let told = "observe: it tells what would change, and changes nothing; without PMP_MODE, it applies";
    mode.observes().then(|| Finding::of("mode").note(told))
}

/// Shows the experiences of each rule, if there are rules. A rule without any is a warning.
fn by_rule(rules: &FilterRules<Option<FilterConfig>>, members: Option<&[Member]>) -> Finding {
    const CHECK: &str = "filter-rules";
    let Some(members) = members else { return Finding::skipped(CHECK, "`catalog` did not find the experiences") };
    let named = || members.iter().map(|member| (&member.id, member.name.as_deref()));
    let chosen: Vec<_> = named().map(|(id, name)| (rules.choose(id, name).place, id.as_str())).collect();
    let has = |place| chosen.iter().filter(|(at, _)| *at == place).map(|(_, id)| *id).collect::<Vec<_>>();
    let finding = rules.assigned().fold(Finding::of(CHECK), |finding, (place, _)| match &has(place)[..] {
        [] => finding,
        ids => finding.note(format!("{place}: {}", listed(ids))),
    });
    rules.idle(named()).into_iter().fold(finding, |finding, idle| {
        finding.warn(idle.to_string(), format!("check its `experiences` and `names` in {FILTERS}, and {MEMBERS}"))
    })
}

/// The first of many ids, and the number of the others.
fn listed(ids: &[&str]) -> String {
    const SHOWN: usize = 10;
    let shown = ids[..SHOWN.min(ids.len())].join(", ");
    if ids.len() > SHOWN { format!("{shown} and {} more", ids.len() - SHOWN) } else { shown }
}

/// Whether a setting has a mistake, so that the configuration does without it.
fn is_wrong(complete: &Result<(), Failure>, setting: Source) -> bool {
    complete.as_ref().is_err_and(|failure| failure.wrong_settings().contains(&setting))
}

/// Checks the organization of this account. `is_wrong`: the one that is set is no organization's
/// id.
async fn organization(session: &Session, config: &DoctorConfig, is_wrong: bool) -> (Finding, Option<OrganizationId>) {
    const CHECK: &str = "organization";
    if let Some(id) = &config.organization {
        let mut finding = Finding::of(CHECK).note(format!("{id}, from {ORG}"));
        if session.because().is_none() {
            finding = compared(finding, id, ask_organizations(&session.sdk).await);
        }
        return (session.judge(finding).await, Some(id.clone()));
    }
    let mut found = None;
    let finding = session
        .look(CHECK, Ok(()), async |()| match ask_organizations(&session.sdk).await {
            Ok(id) => {
                let command = is_wrong.then(|| export(ORG.variable, id.as_str())).flatten();
                let finding = Finding::of(CHECK).note(id.to_string()).command(Stage::Settings, command);
                found = Some(id);
                finding
            }
            Err(error) => told(Finding::of(CHECK), &error.into()),
        })
        .await;
    (finding, found)
}

/// Compares the organization in the settings with AWS Organizations' answer. A spoke needs no
/// permission to ask, so there may be no answer.
fn compared(finding: Finding, id: &OrganizationId, told: Result<OrganizationId, SpokeError>) -> Finding {
    match told {
        Ok(found) if found == *id => finding.note("as AWS Organizations says"),
        Ok(found) => finding
            .fail(
                format!("this account belongs to {found}, as AWS Organizations says"),
                format!("set {ORG} to {found}, or unset it; or use credentials of {id}"),
            )
            .command(Stage::Settings, export(ORG.variable, found.as_str())),
        Err(error) => finding.note(format!("not checked: {}", one_line(&error))),
    }
}

/// Finds the member experiences, as a pass does.
async fn members(sdk: &SdkConfig, management: &ExperienceId, selection: &Selection) -> (Finding, Option<Vec<Member>>) {
    let finding = Finding::of("catalog");
    let catalog = SdkCatalog::without_retries(sdk, pmp_catalog::RateLimits::default());
    let chance = compose::chance();
    match find(&catalog, &ManagementId::new(management.clone()), selection, &chance).await {
        Ok(members) => {
            let missing =
                members.iter().any(|member| matches!(member.state, Err(Absent::Misnamed { .. } | Absent::Missing)));
            // The existing ids serve to suggest the one that was meant. If they cannot be listed,
            // there is no suggestion.
            let known = if missing {
                list(&catalog, &chance).await.map(|(known, _)| known).unwrap_or_default()
            } else {
                BTreeSet::new()
            };
            (judge(finding, &members, selection, &known), Some(members))
        }
        Err(error) => (told(finding, &error.into()), None),
    }
}

/// Checks the source of the filter's facts about products, if there is one: either the hub's
/// answers, or Marketplace Discovery. To test the latter, it asks for a product that does not
/// exist, and any answer will do.
async fn products(session: &Session, config: &DoctorConfig, hub: Option<&SdkConfig>) -> Option<Finding> {
    const CHECK: &str = "products";
    let mut sources =
        config.filters.as_ref()?.assigned().filter_map(|(_, filter)| Some(filter.as_ref()?.product_attributes));
    let source = sources.find(|source| !source.is_nowhere())?;
    let mut finding = Finding::of(CHECK);
    if source.takes_the_hubs() {
        let Some(hub) = hub else { return Some(Finding::skipped(CHECK, "`hub-role` failed")) };
        match ledger::answers(hub, config).await {
            Ok(head) => {
                let (products, ago) = (count(head.products, "product"), age(head.at, compose::clock().now()));
                let note = format!("{products} looked up by the hub, stored {ago} ago");
                return Some(session.judge(finding.note(note)).await);
            }
            Err(Some(error)) => return Some(session.judge(ledger::failed(finding, &error, SNAPSHOTS)).await),
            Err(None) if source == AttributeSource::Hub => {
                let fix =
                    format!("ask the hub's operators to set PMP_PRODUCT_ATTRIBUTES there, or set {ATTRIBUTES} to own");
                let finding = finding.fail("the hub has not looked up any products", fix);
                return Some(session.judge(finding.command(Stage::Settings, export(ATTRIBUTES.variable, "own"))).await);
            }
            Err(None) => finding = finding.note("the hub has looked none up"),
        }
    }
    let look = async |()| match tells_of_products(&SdkDirectory::new(&session.sdk)).await {
        Ok(()) => finding.note("can be looked up for the filter"),
        Err(error) => finding.fail(one_line(&error), error.hint()),
    };
    Some(session.look(CHECK, Ok(()), look).await)
}

/// Judges the experiences that were found. One that is selected by id and cannot be kept in step is
/// a warning. If all experiences are selected, that is usual.
fn judge(finding: Finding, members: &[Member], selection: &Selection, known: &BTreeSet<ExperienceId>) -> Finding {
    let named = *selection != Selection::All;
    let live: Vec<_> = members.iter().filter(|member| member.state.is_ok()).map(|member| member.id.as_str()).collect();
    // Where an id is mistyped, that is what is told: below, with what was meant.
    let is_mistyped = |member: &Member| matches!(member.state, Err(Absent::Misnamed { .. } | Absent::Missing));
    let finding = match live.len() {
        0 if members.iter().any(is_mistyped) => finding,
        0 => finding.warn(
            "no live member experience",
            format!("enable one and give it a procurement policy, or name others in {MEMBERS}"),
        ),
        some => finding.note(format!("{}: {}", count(some, "live member experience"), live.join(", "))),
    };
    let finding = finding.command(Stage::Settings, if named { selection_meant(members, known) } else { None });
    let absent = members.iter().filter_map(|member| Some((&member.id, member.state.as_ref().err()?)));
    absent.fold(finding, |finding, (id, absent)| {
        let text = format!("{id}: {absent}");
        match absent {
            Absent::Misnamed { .. } | Absent::Missing => {
                let others = known.iter().filter(|other| members.iter().all(|member| member.id != **other));
                let meant = alike(id.as_str(), others);
                let meant = meant.first().map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
                finding.fail(text, format!("check {MEMBERS}{meant}"))
            }
            Absent::Unreadable(error) => finding.fail(text, pmp_doctor::way_out(error)),
            Absent::NotRead => finding.warn(text, "run it again".to_owned()),
            Absent::NotLive(_) | Absent::Gone if named => {
                finding.warn(text, format!("fix the experience, or remove it from {MEMBERS}"))
            }
            Absent::NotLive(_) | Absent::Gone | Absent::Management => finding.note(text),
        }
    })
}

/// The command that selects what was meant: an id that names no experience becomes the one that
/// looks like it, and one that is not live is left out. `None` if nothing is wrong, if it is not
/// known what was meant, and if nothing would be left, because an empty selection means everything
/// (rule 12).
fn selection_meant(members: &[Member], known: &BTreeSet<ExperienceId>) -> Option<String> {
    let mut meant = BTreeSet::new();
    for member in members {
        match &member.state {
            Ok(_) => drop(meant.insert(member.id.as_str())),
            Err(Absent::NotLive(_) | Absent::Gone) => {}
            Err(Absent::Misnamed { .. } | Absent::Missing) => {
                let others = known.iter().filter(|other| members.iter().all(|member| member.id != **other));
                meant.insert(alike(member.id.as_str(), others).first()?.as_str());
            }
            Err(_) => return None,
        }
    }
    let is_wrong = members.iter().any(|member| member.state.is_err());
    let meant: Vec<_> = meant.into_iter().collect();
    if is_wrong && !meant.is_empty() { export(MEMBERS.variable, &meant.join(",")) } else { None }
}
