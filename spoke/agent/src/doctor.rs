//! `doctor`: checks everything that a spoke needs, and says how to mend what is wrong. Changes nothing: it reads, and neither
//! writes, nor takes the lease, nor receives a message.

mod guard_rails;
mod ledger;
mod queue;

use std::time::Instant;

use aws_config::SdkConfig;
use jiff::Timestamp;
use pmp_catalog::{ProductDirectory, SdkCatalog, SdkDirectory};
use pmp_doctor::{Session, configuration, told};
use pmp_protocol::{ExperienceId, OrganizationId, ProductId};
use pmp_terminal::checkup::{Checkup, Finding, watched};
use pmp_terminal::{Output, age, count};

use crate::attributes::AttributeSource;
use crate::config::{ATTRIBUTES, ConfigArgs, DoctorConfig, EXPERIENCE, FilterConfig, MEMBERS, ORG, SNAPSHOTS};
use crate::error::{failure, one_line};
use crate::identity::ask_organizations;
use crate::load::load_filter;
use crate::member::{Absent, Member, Selection, find};

/// An id of the right form that AWS gave to no product.
const NO_PRODUCT: &str = "prod-0000000000000";

/// Looks at everything, in the order in which it is told. What does not rest on one another is looked at side by side.
pub(crate) async fn examine(config: &ConfigArgs, output: Output) -> Checkup {
    let (config, complete) = config.for_doctor();
    let configuration = watched(output, "configuration", async { configuration(&complete) });
    let (configuration, (session, who)) = tokio::join!(configuration, Session::begin("pmp-spoke", output));
    let experience = config.experience.as_ref();
    let (filter, (organization, id), catalog, inbox) = tokio::join!(
        // It may come from S3, but doesn't rest on the rest.
        watched(output, "filter", filter(&session.sdk, config.filter.clone())),
        organization(&session, &config),
        session.look("catalog", experience.ok_or(EXPERIENCE), |experience| {
            members(&session.sdk, experience, &config.selection)
        }),
        queue::examine(&session, &config),
    );
    let (ledger, hub) = ledger::examine(&session, &config, id.as_ref()).await;
    let products = products(&session, &config, hub.as_ref()).await;
    let found = [organization].into_iter().chain(ledger).chain([catalog]).chain(products).chain(inbox);
    [configuration, filter].into_iter().chain(who).chain(found).map(guard_rails::named).collect()
}

/// That the filter is compiled, and accepts its settings, as before a pass.
async fn filter(sdk: &SdkConfig, filter: Option<FilterConfig>) -> Finding {
    let finding = Finding::of("filter");
    let Some(filter) = filter else { return finding.note("none: all that the hub approves is applied") };
    let began = Instant::now();
    match load_filter(sdk, filter).await {
        Ok(filter) => {
            let (description, digest) = (filter.filter().description(), filter.filter().digest());
            let took = began.elapsed().as_millis();
            let (name, version) = (&description.name, &description.version);
            finding.note(format!("`{name}` {version} ({}), loaded in {took} ms", digest.short()))
        }
        Err(failure) => {
            let fix = failure.hints().first().cloned();
            let look =
                "look into it with `pmp-filter inspect FILE`, and try its settings with `pmp-filter run`".to_owned();
            finding.fail(failure.one_line(), fix.unwrap_or(look))
        }
    }
}

/// Which organization this is.
async fn organization(session: &Session, config: &DoctorConfig) -> (Finding, Option<OrganizationId>) {
    const CHECK: &str = "organization";
    if let Some(id) = &config.organization {
        let finding = Finding::of(CHECK).note(format!("{id}, from {ORG}"));
        return (session.judge(finding).await, Some(id.clone()));
    }
    let mut found = None;
    let finding = session
        .look(CHECK, Ok(()), async |()| match ask_organizations(&session.sdk).await {
            Ok(id) => {
                let finding = Finding::of(CHECK).note(id.to_string());
                found = Some(id);
                finding
            }
            Err(error) => told(Finding::of(CHECK), &failure(error)),
        })
        .await;
    (finding, found)
}

/// The member experiences, found as a pass finds them.
async fn members(sdk: &SdkConfig, management: &ExperienceId, selection: &Selection) -> Finding {
    let finding = Finding::of("catalog");
    let catalog = SdkCatalog::without_retries(sdk, pmp_catalog::RateLimits::default());
    match find(&catalog, management, selection).await {
        Ok(members) => judge(finding, &members, selection),
        Err(error) => told(finding, &failure(error)),
    }
}

/// Whence the filter is told of products, where it is to be told: what the hub found out, or that they can be looked up here. For
/// that it asks for one that does not exist, which is answer enough.
async fn products(session: &Session, config: &DoctorConfig, hub: Option<&SdkConfig>) -> Option<Finding> {
    const CHECK: &str = "products";
    let source = config.filter.as_ref()?.product_attributes;
    if source.is_nowhere() {
        return None;
    }
    let mut finding = Finding::of(CHECK);
    if source.takes_the_hubs() {
        let Some(hub) = hub else { return Some(Finding::skipped(CHECK, "`hub-role` failed")) };
        match ledger::answers(hub, config).await {
            Ok(head) => {
                let (products, ago) = (count(head.products, "product"), age(head.at, Timestamp::now()));
                let note = format!("{products} looked up by the hub, written down {ago} ago");
                return Some(session.judge(finding.note(note)).await);
            }
            Err(Some(error)) => return Some(session.judge(ledger::failed(finding, &error, SNAPSHOTS)).await),
            Err(None) if source == AttributeSource::Hub => {
                let fix =
                    format!("ask the hub's operators to set PMP_PRODUCT_ATTRIBUTES there, or set {ATTRIBUTES} to own");
                return Some(session.judge(finding.fail("the hub has looked no products up", fix)).await);
            }
            Err(None) => finding = finding.note("the hub has looked none up"),
        }
    }
    let id = ProductId::new(NO_PRODUCT).ok()?;
    let look = async |()| match SdkDirectory::new(&session.sdk).product(&id).await {
        Ok(_) => finding.note("can be looked up for the filter"),
        Err(error) => finding.fail(one_line(&error), error.hint()),
    };
    Some(session.look(CHECK, Ok(()), look).await)
}

/// What there is to keep in step. An experience that is named and cannot be is worth a warning; among all of them it is usual.
fn judge(finding: Finding, members: &[Member], selection: &Selection) -> Finding {
    let named = *selection != Selection::All;
    let live: Vec<_> = members.iter().filter(|member| member.state.is_ok()).map(|member| member.id.as_str()).collect();
    let finding = match live.len() {
        0 => finding.warn(
            "no live member experience",
            format!("enable one and give it a procurement policy, or name others in {MEMBERS}"),
        ),
        some => finding.note(format!("{}: {}", count(some, "live member experience"), live.join(", "))),
    };
    let absent = members.iter().filter_map(|member| Some((&member.id, member.state.as_ref().err()?)));
    absent.fold(finding, |finding, (id, absent)| {
        let text = format!("{id}: {absent}");
        match absent {
            Absent::Missing => finding.fail(text, format!("check {MEMBERS}")),
            Absent::Unreadable(error) => finding.fail(text, error.hint()),
            Absent::NotRead => finding.warn(text, "run it again".to_owned()),
            Absent::NotLive(_) | Absent::Gone if named => {
                finding.warn(text, format!("mend the experience, or take it out of {MEMBERS}"))
            }
            Absent::NotLive(_) | Absent::Gone | Absent::Management => finding.note(text),
        }
    })
}
