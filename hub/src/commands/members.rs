//! `members`: shows the admitted organizations; admits more, or ends one.

use clap::{Args, Subcommand};
use pmp_audit::Event;
use pmp_ledger::{DynamoRoster, Roster};
use pmp_protocol::OrganizationId;
use pmp_terminal::{Exit, Failure, Frame, Output, OutputFormat, count, progress};
use serde_json::json;

use super::caller;
use super::look::{Seen, hints, look, meant};
use crate::commands::init::resources as init;
use crate::compose;
use crate::config::{ConfigArgs, MEMBERS, StaleAfter};
use crate::error::{HubError, sdk};
use crate::inspect::members;
use crate::inspect::members::MemberRow;
use crate::render::members as render;
use crate::status::SpokeState;

#[derive(Debug, Args)]
pub(crate) struct MembersArgs {
    #[command(subcommand)]
    command: Option<MembersCommand>,
    #[command(flatten)]
    stale: StaleAfter,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only these member organizations: o-…, separated by commas
    #[arg(long = "org", value_name = "ORG,…", value_delimiter = ',')]
    organizations: Vec<OrganizationId>,
    /// Only those whose worst state is one of these, separated by commas: never, stale …
    #[arg(long, value_name = "STATE,…", value_delimiter = ',')]
    state: Vec<SpokeState>,
    /// Every organization, and not only one screen
    #[arg(long)]
    all: bool,
}

impl ListArgs {
    fn takes(&self, member: &MemberRow) -> bool {
        (self.organizations.is_empty() || self.organizations.contains(&member.organization))
            && (self.state.is_empty() || member.state.is_some_and(|state| self.state.contains(&state)))
    }
}

#[derive(Debug, Subcommand)]
enum MembersCommand {
    /// Admit member organizations to the roster: `status` reports those that are silent, and
    /// believes no others
    #[command(after_help = "Example:\n  pmp-hub members admit o-member0000")]
    Admit(AdmitArgs),
    /// End a member organization: its receipts, its sign of life, its confirmations and its record
    /// are deleted
    #[command(after_help = "Example:\n  pmp-hub members forget o-member0000 o-member0000")]
    Forget(ForgetArgs),
}

#[derive(Debug, Args)]
struct AdmitArgs {
    /// The member organizations: o-…
    #[arg(value_name = "ORG", required = true)]
    organizations: Vec<OrganizationId>,
    /// They keep more than 200 experiences each, so that more of what they report is read
    #[arg(long)]
    large: bool,
}

#[derive(Debug, Args)]
struct ForgetArgs {
    /// The member organization: o-…
    #[arg(value_name = "ORG")]
    organization: OrganizationId,
    /// The same again, as a confirmation
    #[arg(value_name = "ORG")]
    again: Option<OrganizationId>,
    /// Do it without the confirmation
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn members(config: &ConfigArgs, args: &MembersArgs, output: Output) -> Result<Exit, Failure> {
    match &args.command {
        Some(MembersCommand::Admit(args)) => return admit(config, args, output).await,
        Some(MembersCommand::Forget(args)) => return forget(config, args, output).await,
        None => {}
    }
    let Seen { experience, view, rows, .. } = look(config, args.stale.stale_after).await?;
    let known = |id: &&OrganizationId| view.looked.iter().any(|looked| looked.id == **id);
    if let Some(unknown) = args.list.organizations.iter().find(|id| !known(id)) {
        return Err(super::look::nobody(&view, unknown));
    }
    let mut members = members::list(&view, &rows);
    members.retain(|member| args.list.takes(member));
    if output.is_document() {
        output.document(&json!({"experience": experience, "members": members}))?;
    } else if members.is_empty() && output.is_table() {
        let none = view.looked.is_empty();
        output.line(if none { "Nobody is admitted, and no spoke has reported." } else { "Nothing to show." })?;
    } else if output.format == OutputFormat::Table && !args.list.all {
        render::page(&members, view.roster.is_some(), compose::clock().now()).frame(Frame::HEIGHT).print(output)?;
    } else {
        output.list_of(
            "members",
            &["organization", "state", "source", "admitted_by", "admitted_at", "last_seen"],
            &members,
            render::table(&members, compose::clock().now()),
            &render::summary(&members),
        )?;
    }
    hints(&view);
    Ok(Exit::Ok)
}

async fn admit(config: &ConfigArgs, args: &AdmitArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_status()?;
    let sdk = sdk().await?;
    let by = caller(&sdk).await?;
    let auditor = compose::auditor(&sdk, &config.timestamps, &config.experience);
    let roster = DynamoRoster::new(&sdk, config.timestamps);
    let event = Event::Admit { organizations: args.organizations.clone(), large: args.large };
    let asked = auditor.asked(event).await?;
    let now = compose::clock().now();
    let admitted = init::admit(&roster, &config.experience, &args.organizations, args.large, &by, now).await;
    let admitted = asked.done(admitted).await?;
    if !output.is_table() {
        output.document(&json!({"experience": config.experience, "changes": admitted}))?;
    } else if admitted.is_empty() {
        output.line("No changes: they are on the roster already.")?;
    } else {
        output.lines(&admitted)?;
    }
    Ok(Exit::Ok)
}

async fn forget(config: &ConfigArgs, args: &ForgetArgs, output: Output) -> Result<Exit, Failure> {
    let organization = &args.organization;
    if !args.yes && args.again.as_ref() != Some(organization) {
        let error =
            format!("this deletes for good all that the ledger knows of `{organization}`, so it asks for its id twice");
        let differs = args.again.as_ref().filter(|again| *again != organization);
        let differs = differs.map_or_else(String::new, |again| format!("`{again}` is another one; "));
        let hint = format!(
            "{differs}if you mean it, repeat the id: `pmp-hub members forget {organization} {organization}`, or add `--yes`"
        );
        return Err(Failure::new("E4055", error).hint(hint).exit(Exit::Refused));
    }
    let config = config.for_status()?;
    let sdk = sdk().await?;
    let auditor = compose::auditor(&sdk, &config.timestamps, &config.experience);
    let roster = DynamoRoster::new(&sdk, config.timestamps);
    let asked = auditor.asked(Event::Forget { organization: organization.clone() }).await?;
    let gone = roster.forget(organization, &config.experience).await.map_err(HubError::Ledger);
    let gone = asked.done(gone).await?;
    if output.is_table() && gone == 0 {
        output.line(&format!("Nothing was deleted: the ledger knows nothing of {organization}."))?;
        // What is only a hint is left out where the roster cannot be read.
        let kept = roster.members(&config.experience).await.unwrap_or_default();
        let known = kept.iter().map(|member| &member.organization).chain(&config.members);
        if let Some(meant) = meant(organization.as_str(), known.map(OrganizationId::as_str)) {
            progress::note(&format!("hint: {meant}"));
        }
        progress::note("hint: `pmp-hub members` lists those that it knows");
    } else if output.is_table() {
        output.line(&format!("Forgot {organization}: {} deleted.", count(gone, "item")))?;
    } else {
        output.document(&json!({"forgotten": organization, "items": gone}))?;
    }
    if config.members.is_empty() && gone > 0 {
        let left = roster.members(&config.experience).await.map_err(HubError::Ledger)?;
        if left.is_empty() {
            progress::note(
                "hint: nobody is admitted any more, so the receipts of every organization count; admit yours: \
                 `pmp-hub members admit ORG`",
            );
        }
    }
    if config.members.contains(organization) {
        progress::note(&format!("hint: {MEMBERS} still names it: take it out there, or it is missed as `NEVER`"));
    }
    progress::note(
        "hint: its spoke may write as long as it has its role: delete the stack or the role that admits it, too",
    );
    Ok(Exit::Ok)
}
