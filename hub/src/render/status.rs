//! What `status` prints: one screen for people, or the table of all rows, the line above it and the
//! one below.

use std::collections::BTreeSet;

use jiff::Timestamp;
use pmp_ledger::{Organization, Said};
use pmp_protocol::{
    ExperienceId, OrganizationId, OrganizationSeen, PlainText, Receipt, ReceiptStatus, SnapshotVersion, age, count,
};
use pmp_terminal::{Frame, Table, cut, fold};

use crate::render::color;
use crate::render::page::{Block, Page, at_most, named, who};
use crate::rollout::state::OnTheWay;
use crate::rollout::told::{self, InWave};
use crate::status::fleet::View;
use crate::status::group::{Group, group};
use crate::status::{SpokeState, SpokeStatus, windows};

/// The lines above the table: whose view it is, and of what; below it, that the table was restored,
/// where it was.
#[must_use]
pub(crate) fn headline(experience: &ExperienceId, view: &View, rows: &[SpokeStatus], now: Timestamp) -> Vec<String> {
    whose(experience, view, rows, now).into_iter().chain(directed(view, now)).collect()
}

/// Whose view it is, of what, and of how many; and that the table was restored, where it was.
fn whose(experience: &ExperienceId, view: &View, rows: &[SpokeStatus], now: Timestamp) -> Vec<String> {
    let current = match &view.head {
        None => "no snapshot yet".to_owned(),
        Some(head) => format!(
            "snapshot {} ({}), taken {} ago, {}",
            head.latest,
            head.digest.short(),
            age(head.taken_at, now),
            if head.published == Some(head.latest) { "published" } else { "not published yet" }
        ),
    };
    let organizations = rows.iter().map(|row| &row.organization).collect::<BTreeSet<_>>().len();
    let experiences = rows.iter().filter(|row| row.member_experience.is_some()).count();
    let seen = format!(
        "hub view at {}: {}, {}",
        now.strftime("%H:%M:%SZ"),
        count(organizations, "organization"),
        count(experiences, "member experience")
    );
    let restored = view.restored().map(|restored| format!("{restored}. Nothing is published until `pmp-hub recover`"));
    [format!("{experience}: {current}"), seen].into_iter().chain(restored).collect()
}

/// One screen: what needs a person, grouped by cause, and how many are well.
#[must_use]
pub(crate) fn page(experience: &ExperienceId, view: &View, rows: &[SpokeStatus], now: Timestamp, header: bool) -> Page {
    let top = if header { top(experience, view, rows, now) } else { Vec::new() };
    let groups = group(rows.iter().filter(|row| !row.state.is_healthy()));
    // What is pinned, paused or only observed is well, and is told with its reason all the same.
    let told = [SpokeState::Paused, SpokeState::Pinned, SpokeState::WouldChange];
    let directed = |row: &&SpokeStatus| told.contains(&row.state);
    let directed = group(rows.iter().filter(directed));
    let latest = view.head.as_ref().map(|head| head.latest);
    let blocks = groups.iter().chain(&directed).map(|group| block(group, latest, now)).collect();
    let well = [SpokeState::Applying, SpokeState::Synced, SpokeState::Skipped];
    let well = well.into_iter().flat_map(|state| {
        let (waiting, there): (Vec<&SpokeStatus>, Vec<_>) =
            rows.iter().filter(|row| row.state == state).partition(|row| row.waits_for_its_wave());
        let there = (!there.is_empty()).then(|| Block { head: head(&there, now), ..empty_block(state) });
        there.into_iter().chain(waiting_block(view, &waiting))
    });
    Page { top, blocks, well: well.collect(), foot: summary(view, rows) }
}

/// Those whose turn has not come: how many they are, and what they wait for.
fn waiting_block(view: &View, waiting: &[&SpokeStatus]) -> Option<Block> {
    let rollout = &view.waves.kept()?.state.rollout;
    let positions: BTreeSet<_> = waiting.iter().filter_map(|row| Some(row.wave.as_ref()?.position)).collect();
    let first = positions.first()?;
    let one = waiting.len() == 1;
    let whose = if one { "its" } else { "their" };
    let current = rollout.current();
    let name = current.and_then(|current| rollout.waves.get(current)).map(|wave| &wave.name);
    let why = match (&rollout.stopped, name) {
        (Some(_), _) => format!("snapshot {} was stopped before {whose} turn", rollout.version),
        // Positions are told from 1.
        (None, Some(name)) if current.is_some_and(|current| *first > current + 1) => {
            format!("{whose} wave comes after {name}")
        }
        (None, _) => format!("{whose} turn has not come"),
    };
    let experiences = count(waiting.len(), "experience");
    let organizations = count(organizations_of(waiting).len(), "organization");
    let head = format!("{experiences} of {organizations}: {why}");
    Some(Block { word: "WAITING".to_owned(), head, ..empty_block(SpokeState::Applying) })
}

/// One screen of those that a snapshot has not come to yet, the worst first.
pub(crate) fn missing(rows: &[SpokeStatus], latest: Option<SnapshotVersion>, now: Timestamp, foot: String) -> Page {
    let blocks = group(rows).iter().map(|group| block(group, latest, now)).collect();
    Page { blocks, foot, ..Page::default() }
}

/// The lines above a screen.
fn top(experience: &ExperienceId, view: &View, rows: &[SpokeStatus], now: Timestamp) -> Vec<String> {
    const MAX_SPOKES: usize = 2;
    /// The most lines for what is directed: half a screen.
    const MAX_DIRECTED: usize = Frame::HEIGHT / 2;
    let mut spokes = spokes(view, now);
    if spokes.len() > MAX_SPOKES {
        spokes = vec![format!("{} have several spokes: --all", count(spokes.len(), "organization"))];
    }
    let spokes = spokes.into_iter().map(|line| cut(&line, Frame::room()));
    let directed = directed(view, now);
    let most = MAX_DIRECTED / directed.len().max(1);
    // A reason is told in whole: it is what the line is for.
    let directed = directed.into_iter().flat_map(|line| at_most(fold(&line, Frame::columns()), most, Frame::columns()));
    whose(experience, view, rows, now).into_iter().chain(directed).chain(spokes).collect()
}

/// How far a version has come in the waves, and what operators direct for the whole fleet.
pub(crate) fn directed(view: &View, now: Timestamp) -> Vec<String> {
    let waves = match &view.waves {
        OnTheWay::NoWaves => None,
        OnTheWay::Kept(kept) => Some(told::headline(&kept.state.rollout, now)),
        OnTheWay::Unreadable(problem) => Some(format!("the state of waves cannot be read: {problem}")),
    };
    waves.into_iter().chain(directed_for_all(view, now)).map(|line| with_a_name(&line)).collect()
}

/// A line in which the first ARN of a person or a role is shortened to its name: what follows it,
/// which is the reason, matters more.
fn with_a_name(line: &str) -> String {
    let is_person = |word: &&str| word.starts_with("arn:") && (word.contains(":iam::") || word.contains(":sts::"));
    // What a sentence goes on with is none of it: `by arn:aws:iam::111111111111:root: a reason`.
    let words = line.split(' ').map(|word| word.trim_end_matches([':', ',', ';', '.', ')']));
    match words.into_iter().find(is_person) {
        Some(arn) => line.replacen(arn, &person(arn), 1),
        None => line.to_owned(),
    }
}

/// What operators direct for the whole fleet, a line each: who, since when and why.
fn directed_for_all(view: &View, now: Timestamp) -> Vec<String> {
    let direction = match &view.fleet {
        Said::Directed(directed) => &directed.direction,
        Said::Unreadable(problem) => return vec![format!("what is directed for the fleet cannot be read: {problem}")],
        Said::Nothing | Said::NotPermitted => return Vec::new(),
    };
    let pin = direction.pin.as_ref().map(|pin| {
        // A hub of an earlier release knows of no pin.
        let obeyed = view.head.as_ref().is_some_and(|head| head.digest == pin.digest);
        let obeyed = if obeyed {
            ""
        } else {
            "; the newest snapshot is another content: publish again, by a hub that knows pins"
        };
        format!("pinned to {} by {} {} ago: {}{obeyed}", pin.version, pin.by, age(pin.at, now), pin.reason)
    });
    let pause = direction.paused(now).map(|pause| {
        format!("paused until {} by {} {} ago: {}", moment(pause.ends()), pause.by, age(pause.at, now), pause.reason)
    });
    let windows = windows::of_the_fleet(Some(direction), now);
    let windows = windows.map(|said| said.map_or_else(|problem| problem, |said| said.told(now)));
    pin.into_iter().chain(pause).chain(windows).collect()
}

/// One cause, and whom it concerns.
fn block(group: &Group<'_, SpokeStatus>, latest: Option<SnapshotVersion>, now: Timestamp) -> Block {
    let first = group.members[0];
    let same = group.members.iter().all(|row| row.message == first.message);
    let is_directed = matches!(group.class, SpokeState::Pinned | SpokeState::Paused);
    let text = match (group.class, group.other_causes) {
        _ if same => first.message.clone(),
        (SpokeState::Held, 0) => {
            let way_out = way_out(group, latest).map_or_else(String::new, |way_out| format!("; {way_out}"));
            format!("{}{way_out}", group.cause)
        }
        // What differs from one to the other is the reason, or who gave it.
        (SpokeState::Pinned | SpokeState::Paused, 0) => {
            format!("{} (`--all` says who and why of each)", group.cause)
        }
        (_, 0) => group.cause.clone(),
        (_, others) => format!("{}; and {}", group.cause, count(others, "other cause")),
    };
    let text = if is_directed { with_a_name(&text) } else { text };
    Block { head: head(&group.members, now), text, ..empty_block(group.class) }
}

/// How what is held is let through; none where it is confirmed already. Only the newest snapshot
/// can be confirmed.
fn way_out(group: &Group<'_, SpokeStatus>, latest: Option<SnapshotVersion>) -> Option<String> {
    let first = group.members[0];
    if group.members.iter().all(|row| row.confirmation.is_some()) {
        return None;
    }
    Some(match (&first.confirmation, first.version) {
        (None, Some(version)) if group.organizations().len() == 1 && Some(version) == latest => {
            format!("if it is meant: `pmp-hub confirm {} {version}`", first.organization)
        }
        _ => "how to let it through: `pmp-hub exceptions`".to_owned(),
    })
}

fn empty_block(state: SpokeState) -> Block {
    Block { word: state.as_str().to_owned(), color: color::of_state(state), head: String::new(), text: String::new() }
}

/// Who: one row by itself, or how many of how many.
fn head(rows: &[&SpokeStatus], now: Timestamp) -> String {
    if let [row] = rows {
        let experience = row.member_experience.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
        let version = row.tried.as_ref().map(|_| format!(", snapshot {}", version(row))).unwrap_or_default();
        let seen = row.last_seen.map(|seen| format!(", seen {} ago", age(seen, now))).unwrap_or_default();
        return format!("{}{experience}{version}{seen}", row.organization);
    }
    let (experiences, whole): (Vec<&SpokeStatus>, Vec<&SpokeStatus>) =
        rows.iter().copied().partition(|row| row.member_experience.is_some());
    let all = rows.iter().map(|row| &row.organization);
    if experiences.is_empty() {
        return who("", all);
    }
    let number = count(experiences.len(), "experience");
    if whole.is_empty() {
        return who(&format!("{number} of "), all);
    }
    // What concerns an organization as a whole is none of its experiences.
    let what = format!("{number}, {} as a whole", count(organizations_of(&whole).len(), "organization"));
    named(&what, organizations_of(rows).into_iter().map(ToString::to_string))
}

/// A line for each organization with several spokes: what each of them keeps in step, and when it
/// was seen.
#[must_use]
pub(crate) fn spokes(view: &View, now: Timestamp) -> Vec<String> {
    const MAX_LINES: usize = 20;
    const MAX_SPOKES: usize = 10;
    let line = |organization: &Organization| {
        let signs = organization.signs();
        let one = |seen: &&OrganizationSeen| {
            let which = seen.spoke.as_ref().map_or("one of an earlier release".to_owned(), |it| format!("`{}`", it.id));
            format!("{which} {}, seen {} ago", count(seen.experiences, "experience"), age(seen.last_seen, now))
        };
        let mut told: Vec<_> = signs.iter().take(MAX_SPOKES).map(one).collect();
        if let Some(more @ 1..) = signs.len().checked_sub(MAX_SPOKES) {
            told.push(format!("and {more} more"));
        }
        (signs.len() > 1).then(|| format!("{} has {} spokes: {}", organization.id, signs.len(), told.join("; ")))
    };
    view.reports().filter_map(|report| line(&report.organization)).take(MAX_LINES).collect()
}

/// A moment, to the second.
#[must_use]
pub(crate) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Who it was, in at most 16 bytes: the name at the end of an ARN.
pub(crate) fn person(arn: &str) -> String {
    let name = arn.rsplit(['/', ':']).next().unwrap_or(arn);
    PlainText::bounded(name, 16).into()
}

/// A moment in ten characters: the time of today, the day of all else.
#[must_use]
pub(crate) fn short_moment(at: Timestamp, now: Timestamp) -> String {
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    if day(at) == day(now) { at.strftime("%H:%M:%SZ").to_string() } else { day(at) }
}

/// The line below the rows: how many experiences are in sync, how many are in each other state, and
/// of how many organizations something is told as a whole.
#[must_use]
pub(crate) fn summary(view: &View, rows: &[SpokeStatus]) -> String {
    let (experiences, organizations): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.member_experience.is_some());
    let synced = experiences.iter().filter(|row| row.state == SpokeState::Synced).count();
    let kept = experiences.iter().filter(|row| row.state != SpokeState::Skipped).count();
    let others = |rows: &[&SpokeStatus], of_one: fn(&[&SpokeStatus]) -> usize| {
        let of = |state: &SpokeState| {
            let rows: Vec<_> = rows.iter().filter(|row| row.state == *state).copied().collect();
            (!rows.is_empty()).then(|| format!("{} {}", of_one(&rows), state.word()))
        };
        SpokeState::OTHERS.iter().filter_map(of).collect::<Vec<_>>().join(", ")
    };
    let told = [
        (String::new(), others(&experiences, |rows| rows.len())),
        ("organizations: ".to_owned(), others(&organizations, |rows| organizations_of(rows).len())),
    ];
    let told = told.into_iter().filter(|(_, others)| !others.is_empty());
    let told: String = told.map(|(of, others)| format!("; {of}{others}")).collect();
    let waiting = experiences.iter().filter(|row| row.waits_for_its_wave()).count();
    match view.waves.kept().filter(|_| waiting > 0) {
        Some(waves) => {
            let (there, version) = (synced - waiting, waves.state.rollout.version);
            let waits = waiting_in_words(waiting, waves.state.rollout.stopped.is_some());
            format!("{there} of {kept} member experiences on snapshot {version}, {waits}{told}")
        }
        None => format!("{synced} of {kept} member experiences in sync{told}"),
    }
}

/// `6 wait for their wave`; or, of a snapshot that was stopped in the waves, that they do not get
/// it.
pub(crate) fn waiting_in_words(waiting: usize, stopped: bool) -> String {
    match (waiting, stopped) {
        (1, false) => "1 waits for its wave".to_owned(),
        (several, false) => format!("{several} wait for their wave"),
        (1, true) => "1 stays on the one before".to_owned(),
        (several, true) => format!("{several} stay on the one before"),
    }
}

/// The organizations of some rows, each once.
fn organizations_of<'a>(rows: &[&'a SpokeStatus]) -> BTreeSet<&'a OrganizationId> {
    rows.iter().map(|row| &row.organization).collect()
}

/// The table. `wide` adds what a receipt says besides.
#[must_use]
pub(crate) fn table(rows: &[SpokeStatus], now: Timestamp, wide: bool) -> Table {
    // A column only where there is something in it.
    let in_waves = rows.iter().any(|row| row.wave.is_some());
    let mut header = vec!["ORGANIZATION", "EXPERIENCE", "SYNC", "VERSION", "LAG", "LAST-SEEN"];
    if wide {
        header.extend(["ALLOWED", "DENIED", "PENDING", "APPLIED", "SPOKE"]);
        header.extend(in_waves.then_some("WAVE"));
    }
    header.push("MESSAGE");
    let mut table = Table::new(&header);
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let wave = |wave: &InWave| format!("{} ({})", wave.name, wave.turn.as_str());
    for row in rows {
        let mut cells = vec![
            row.organization.to_string(),
            or_dash(row.member_experience.as_ref().map(ToString::to_string)),
            row.state.as_str().to_owned(),
            version(row),
            or_dash(row.lag.map(|lag| lag.to_string())),
            or_dash(row.last_seen.map(|seen| age(seen, now))),
        ];
        if wide {
            let of = |read: fn(&Receipt) -> String| or_dash(row.receipt.as_ref().map(read));
            cells.extend([
                of(|receipt| receipt.allowed.to_string()),
                of(|receipt| receipt.denied.to_string()),
                of(|receipt| receipt.pending.to_string()),
                or_dash(applied_at(row).map(|at| age(at, now))),
                of(|receipt| receipt.spoke_version.clone()),
            ]);
            cells.extend(in_waves.then(|| or_dash(row.wave.as_ref().map(wave))));
        }
        cells.push(row.message.clone());
        table.row(cells);
        table.color(2, color::of_state(row.state));
    }
    table
}

/// What is in force, and what was tried since where that is another one: `41 → 42 refused`.
pub(crate) fn version(row: &SpokeStatus) -> String {
    let Some(tried) = &row.tried else { return "-".to_owned() };
    let outcome = match tried.outcome {
        _ if row.state == SpokeState::WouldChange => "observed",
        ReceiptStatus::InSync | ReceiptStatus::Skipped => return tried.version.to_string(),
        ReceiptStatus::Failed => "refused",
        other => other.as_str(),
    };
    match row.applied {
        Some(applied) if applied.version == tried.version => tried.version.to_string(),
        Some(applied) => format!("{} → {} {outcome}", applied.version, tried.version),
        None => format!("{} {outcome}", tried.version),
    }
}

fn applied_at(row: &SpokeStatus) -> Option<Timestamp> {
    row.applied.map(|applied| applied.at).or_else(|| row.receipt.as_ref()?.applied_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_an_arn() {
        assert_eq!(person("arn:aws:iam::111111111111:user/people/ada"), "ada");
        assert_eq!(person("arn:aws:sts::111111111111:assumed-role/pmp-sync-hub/pmp-sync-hub"), "pmp-sync-hub");
        assert_eq!(person("arn:aws:iam::111111111111:root"), "root");
        let paused = "paused by arn:aws:iam::111111111111:user/kim: because the catalog is moved";
        assert_eq!(with_a_name(paused), "paused by kim: because the catalog is moved");
        let halted = "snapshot 7 is halted by arn:aws:sts::111111111111:assumed-role/ops/ada: no";
        assert_eq!(with_a_name(halted), "snapshot 7 is halted by ada: no");
        assert_eq!(person("arn:aws:iam::111111111111:user/a-very-long-name-of-somebody").len(), 16);
    }
}
