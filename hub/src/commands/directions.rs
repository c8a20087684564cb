//! `directions`: what is pinned and paused, for whom, by whom, since when and why.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use jiff::Timestamp;
use pmp_audit::Event;
use pmp_ledger::{Directed, DynamoReceipts, ReceiptStore, Said};
use pmp_protocol::{Direction, OrganizationId, Turn};
use pmp_terminal::{Exit, Failure, Output, OutputFormat, Table, age, ask, count, progress};
use serde::Serialize;
use serde_json::json;

use crate::compose;
use crate::config::{CHANGE_WINDOWS, ConfigArgs};
use crate::directed::{as_spokes_read, not_ours};
use crate::error::HubError;
use crate::error::sdk;
use crate::render::status::person;
use crate::signing::Signing;
use crate::status::fleet::Fleet;
use crate::steer::{self, Helm, PutBack, Trusted, whose};

#[derive(Debug, Args)]
pub(crate) struct DirectionsArgs {
    /// Sign all of them, as they are shown, with the key of PMP_SIGNING_KEY. Use it after a change
    /// of keys, or to restore what spokes trusted after somebody put an older one back
    #[arg(long)]
    sign: bool,
    /// With --sign: restore also what a former key of this hub signed. Make sure first that the key
    /// was this hub's, and that nobody else had it
    #[arg(long, requires = "sign")]
    former: bool,
    /// With --sign: do not ask
    #[arg(long, requires = "sign")]
    yes: bool,
    /// All of them, with their author and signature, and whole texts
    #[arg(long)]
    all: bool,
}

/// What is directed in one place.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Row {
    /// What is directed in this place.
    #[serde(flatten)]
    pub(crate) direction: Direction,
    /// Whether it carries a signed statement.
    pub(crate) signed: bool,
    /// Why the key of PMP_SIGNING_KEY does not vouch for it; none where it does, and where there is
    /// no key at hand.
    pub(crate) not_ours: Option<String>,
    /// The generation of the older direction that lies in its place, 0 where there is none: this is
    /// what a spoke trusted, and somebody put the older one back. None where that is not so, and
    /// where there is no key at hand.
    pub(crate) instead_of: Option<u64>,
    /// Whether what a spoke trusted was signed by a former key of this hub, and not by that of now.
    pub(crate) former: bool,
}

/// What is directed, and what cannot be read of it.
struct Found {
    directed: Vec<Directed>,
    unreadable: BTreeMap<OrganizationId, String>,
}

pub(crate) async fn directions(config: &ConfigArgs, args: &DirectionsArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_steer(false)?;
    let sdk = sdk().await?;
    let receipts = DynamoReceipts::new(&sdk, config.timestamps.clone());
    let signing = config.signing.as_ref();
    let signing = signing.map(|signing| Signing::new(signing.key.signer(&sdk), signing.lifetime));
    let ledger = HubError::Ledger;
    let fleet = receipts.direction(&config.experience, None).await.map_err(ledger)?;
    let fleet = steer::said(fleet, None)?;
    let all = receipts.directions(&config.experience).await.map_err(ledger)?;
    let found = Found {
        directed: fleet.into_iter().chain(all.found.into_values()).collect(),
        unreadable: all.unreadable.into_iter().collect(),
    };
    let members = Fleet::new(&sdk, &config.snapshots, &config.timestamps, config.members.clone());
    let (signing, experience) = (signing.as_ref(), &config.experience);
    let helm = Helm { receipts: &receipts, signing, experience, fleet: Some(&members) };
    let keys = match signing {
        Some(signing) => Some(signing.keys().await.map_err(HubError::Sign)?),
        None => None,
    };
    let mut places: BTreeSet<OrganizationId> =
        found.directed.iter().filter_map(|directed| directed.direction.organization.clone()).collect();
    places.extend(members.roster(experience).await.map_err(ledger)?.unwrap_or_default().into_keys());
    // Without a key there is nothing to hold them against.
    let read = as_spokes_read(&receipts, experience, places.iter().filter(|_| keys.is_some())).await.map_err(ledger)?;
    let mut rows = Vec::new();
    for directed in &found.directed {
        let read = directed.direction.organization.as_ref().and_then(|id| read.get(id));
        let not_ours = keys.as_ref().and_then(|keys| not_ours(keys, Some(directed), read));
        let (direction, signed) = (directed.direction.clone(), directed.statement.is_some());
        rows.push(Row { direction, signed, not_ours, instead_of: None, former: false });
    }
    put_back(&mut rows, &found, &read, &helm).await?;
    print(&rows, &found, config.experience.as_ref(), args, output)?;
    if !args.sign {
        return Ok(Exit::Ok);
    }
    if signing.is_none() {
        let error = "there is no key to sign with";
        return Err(Failure::new("E4051", error).hint("set PMP_SIGNING_KEY".to_owned()));
    }
    let is_to_be_signed = |row: &&Row| row.not_ours.is_some() || row.instead_of.is_some();
    let (others, left): (Vec<_>, Vec<_>) =
        rows.iter().filter(is_to_be_signed).partition(|row| args.former || !row.former);
    if !left.is_empty() {
        // The record of former keys is not signed: who writes the table could have added one.
        let error = format!("{} signed by a former key of this hub: nothing is signed", count(left.len(), "direction"));
        return Err(Failure::new("E4052", error)
            .hint(
                "where that key was this hub's, and nobody else had it: `pmp-hub directions --sign --former`"
                    .to_owned(),
            )
            .exit(Exit::Refused));
    }
    if others.is_empty() {
        progress::note("All of them are signed with this key.");
        return Ok(Exit::Ok);
    }
    let question = format!("Sign {} as shown above?", count(others.len(), "direction"));
    if !args.yes && ask(&question).map_err(|error| Failure::tried("E1753", "cannot ask", error))? != Some(true) {
        let error = "nothing is signed: nobody agreed";
        return Err(Failure::new("E4052", error)
            .hint("for what is listed above: `--sign --yes`".to_owned())
            .exit(Exit::Refused));
    }
    let whose = || others.iter().map(|row| row.direction.organization.as_ref());
    let event = Event::Sign {
        organizations: whose().flatten().cloned().collect(),
        fleet: whose().any(|organization| organization.is_none()),
    };
    let auditor = compose::auditor(&sdk, &config.timestamps, &config.experience);
    let asked = auditor.asked(event).await?;
    let (mut not_done, mut failure) = (Vec::new(), None);
    for row in &others {
        let now = compose::clock().now();
        let signed = match row.instead_of {
            Some(found) => helm.restore(&row.direction, found, now).await,
            None => helm.sign_again(&row.direction, now).await,
        };
        let Err(error) = signed else { continue };
        match &row.direction.organization {
            // The fleet's comes first: without it, none of the others is signed.
            None => return Err(asked.failed(error.into(), Vec::new()).await),
            Some(organization) => not_done.push(organization.clone()),
        }
        failure.get_or_insert(error);
    }
    let signed = others.len() - not_done.len();
    if signed > 0 {
        progress::note(&format!("Signed {}.", count(signed, "direction")));
    }
    let Some(error) = failure else { return asked.done(Ok::<Exit, HubError>(Exit::Ok)).await };
    let hint = format!("{} not signed; the same again signs what is left", count(not_done.len(), "direction"));
    let not_done = if signed > 0 { not_done } else { Vec::new() };
    Err(asked.failed(Failure::from(error).hint(hint), not_done).await)
}

/// Shows what spokes trusted, where that is newer than what lies in the table. `read`: what lies
/// where the organizations' spokes read it; empty without a key, and then nothing is compared.
async fn put_back(
    rows: &mut Vec<Row>,
    found: &Found,
    read: &BTreeMap<OrganizationId, Said>,
    helm: &Helm<'_>,
) -> Result<(), HubError> {
    let fleet = found.directed.iter().find(|directed| directed.direction.organization.is_none());
    let fleet = (None, fleet.map_or(0, |directed| directed.direction.generation));
    // What cannot be read is told as such.
    let own = read
        .iter()
        .filter(|(id, said)| !found.unreadable.contains_key(*id) && matches!(said, Said::Nothing | Said::Directed(_)));
    let own = own.map(|(id, said)| (Some(id), said.direction().map_or(0, |direction| direction.generation)));
    for older in helm.put_back([fleet].into_iter().chain(own)).await? {
        let PutBack { trusted: Trusted { direction, former, .. }, found } = older?;
        let row = rows.iter_mut().find(|row| row.direction.organization == direction.organization);
        let newest = Row { direction, signed: true, not_ours: None, instead_of: Some(found), former };
        match row {
            Some(row) => *row = newest,
            None => rows.push(newest),
        }
    }
    rows.sort_by(|a, b| a.direction.organization.cmp(&b.direction.organization));
    Ok(())
}

/// What every direction has, as the columns of a spreadsheet; none in `member` is the whole fleet.
const COLUMNS: &[&str] = &[
    "schema",
    "experience",
    "member",
    "generation",
    "line",
    "by",
    "at",
    "reason",
    "signed",
    "not_ours",
    "instead_of",
    "former",
];

fn print(rows: &[Row], found: &Found, experience: &str, args: &DirectionsArgs, output: Output) -> Result<(), Failure> {
    let now = compose::clock().now();
    if output.is_document() {
        output.document(&json!({"experience": experience, "directions": rows, "unreadable": found.unreadable}))?;
        return Ok(());
    }
    if rows.is_empty() && found.unreadable.is_empty() && output.is_table() {
        output.line("Nothing is pinned or paused, and never was.")?;
        return Ok(());
    }
    let fleet = rows.iter().map(|row| &row.direction).find(|direction| direction.organization.is_none());
    // What is to be signed is shown whole before a person is asked.
    let whole = args.all || args.sign || output.format == OutputFormat::Wide;
    let mut table = match whole {
        true => Table::new(&["FOR", "WHAT", "SINCE", "BY", "SIGNED", "REASON"]),
        false => Table::new(&["FOR", "WHAT", "SINCE", "WHY"]),
    };
    let mut row = |[whom, what, since, by, signed, reason]: [String; 6]| match whole {
        true => table.row([whom, what, since, by, signed, reason]),
        false => table.row([whom, what, since, in_short(&by, &reason)]),
    };
    let (mut shown, mut as_the_fleet) = (0, 0);
    for Row { direction, signed, not_ours, instead_of, former } in rows {
        let whom = whose(direction.organization.as_ref()).replace('`', "");
        let signed = match (not_ours, signed, instead_of) {
            (.., Some(_)) if *former => "by a former key; an older one is in the table",
            (.., Some(_)) => "an older one is in the table",
            (Some(_), true, _) => "by another key",
            (_, true, _) => "yes",
            (_, false, _) => "no",
        };
        let mut says = told(direction, fleet, now);
        if says.is_empty() && instead_of.is_some() {
            says.push(("nothing else than the fleet".to_owned(), direction.at, direction.by.clone(), String::new()));
        }
        let is_as_it_should_be = not_ours.is_none() && instead_of.is_none();
        as_the_fleet += usize::from(says.is_empty() && direction.organization.is_some());
        // What ended is told in the whole table alone.
        says.retain(|(what, ..)| whole || !is_as_it_should_be || what != NOTHING);
        shown += says.len();
        for (what, at, by, reason) in says {
            // The whole table has a column for it.
            let what = if instead_of.is_some() && !whole { format!("{what} (older in the table)") } else { what };
            row([whom.clone(), what, age(at, now), by, signed.to_owned(), reason]);
        }
    }
    for (organization, problem) in &found.unreadable {
        let dash = || "-".to_owned();
        row([organization.to_string(), "cannot be read".to_owned(), dash(), dash(), dash(), problem.clone()]);
    }
    shown += found.unreadable.len();
    if shown == 0 && output.is_table() {
        output.lines(nothing_in_force(rows, found, as_the_fleet))?;
        return Ok(());
    }
    let summary = summary(rows, found, shown, as_the_fleet);
    output.list_on_a_screen("directions", COLUMNS, rows, table, &summary, whole)?;
    Ok(())
}

/// Stands for a direction that directs nothing any more.
const NOTHING: &str = "nothing";

/// The lines where no direction has anything to say.
fn nothing_in_force(rows: &[Row], found: &Found, as_the_fleet: usize) -> Vec<String> {
    let others = others(rows, found, as_the_fleet);
    let others = others.strip_prefix("; ").map(|others| format!(" {others}.")).unwrap_or_default();
    vec![format!("Nothing is pinned or paused now.{others}")]
}

/// How many rows there are, and what is not told in one.
fn summary(rows: &[Row], found: &Found, shown: usize, as_the_fleet: usize) -> String {
    format!("{shown} shown{}", others(rows, found, as_the_fleet))
}

/// What is not told in a row of its own, and what is not as it should be; each after a semicolon.
fn others(rows: &[Row], found: &Found, as_the_fleet: usize) -> String {
    let others = rows.iter().filter(|row| row.not_ours.is_some()).count();
    let older = rows.iter().filter(|row| row.instead_of.is_some()).count();
    let problems = [
        (older, "of which an older one was put back"),
        (others, "not signed with this key"),
        (found.unreadable.len(), "cannot be read"),
    ];
    let problems = problems.into_iter().filter(|(number, _)| *number > 0);
    let problems: String = problems.map(|(number, what)| format!("; {number} {what}")).collect();
    let follow =
        (as_the_fleet > 0).then(|| format!("; {} may take what the fleet may", count(as_the_fleet, "organization")));
    format!("{}{problems}", follow.unwrap_or_default())
}

/// Who and why, in the last column of a screen.
fn in_short(by: &str, reason: &str) -> String {
    match (by, reason) {
        ("-", reason) => reason.to_owned(),
        (by, "") => person(by),
        (by, reason) => format!("{}: {reason}", person(by)),
    }
}

/// What a direction says at `now`: each with its beginning, its author and its reason. A turn for
/// what everybody may take goes without saying.
fn told(direction: &Direction, fleet: Option<&Direction>, now: Timestamp) -> Vec<(String, Timestamp, String, String)> {
    let pin = direction.pin.as_ref();
    let pin = pin.map(|pin| (format!("pinned to {}", pin.version), pin.at, pin.by.clone(), pin.reason.clone()));
    let pause = direction.paused(now);
    let pause =
        pause.map(|pause| (format!("paused until {}", pause.ends()), pause.at, pause.by.clone(), pause.reason.clone()));
    let of_the_fleet = fleet.and_then(|fleet| fleet.turn.as_ref());
    let counts = |turn: &&Turn| match of_the_fleet {
        Some(fleet) => direction.organization.is_none() || turn.version > fleet.version,
        None => false,
    };
    let turn = direction.turn.as_ref().filter(counts);
    let turn = turn.map(|turn| (format!("may take {}", turn.version), turn.at, "waves".to_owned(), String::new()));
    let windows = direction.change_windows.as_ref();
    let windows = windows.map(|windows| {
        (format!("change windows: {}", windows.text), windows.at, "the hub".to_owned(), CHANGE_WINDOWS.to_string())
    });
    let halted = direction
        .halted
        .iter()
        .map(|halted| (format!("halted: {}", halted.version), halted.at, halted.by.clone(), halted.reason.clone()));
    let all: Vec<_> = pin.into_iter().chain(pause).chain(turn).chain(halted).chain(windows).collect();
    if all.is_empty() && direction.turn.is_some() {
        return all;
    }
    if all.is_empty() {
        return vec![(NOTHING.to_owned(), direction.at, direction.by.clone(), direction.reason.clone())];
    }
    all
}
