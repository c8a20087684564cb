//! Judges each member experience by its receipt, its spoke's sign of life and the ledger. Pure.
//!
//! The order of the questions is the order of trust. First, does the ledger bear the receipt out
//! (rule 10 of the design: the hub compares, it does not believe)? Then, does it need a person:
//! drift that is left, a failure, a plan that is held? Then, is anyone there: silence? Only then,
//! how far is it?

use jiff::{SignedDuration, Timestamp};
use pmp_ledger::{Organization, Report, Unreadable};
use pmp_protocol::{
    Confirmed, Direction, LAYOUT_OF_DIRECTIONS, LAYOUT_OF_HALTS, LAYOUT_OF_PARTS, LAYOUT_OF_WAVES, LAYOUT_OF_WINDOWS,
    OperatorConfirmation, OrganizationId, OrganizationSeen, Paused, PausedBy, Pin, Receipt, ReceiptStatus,
    SnapshotVersion, age, count, halted, is_ahead, longest_hold, turn,
};

use crate::rollout::told::TurnOf;
use crate::status::fleet::{Looked, NOT_ADMITTED, View};
use crate::status::{SpokeState, SpokeStatus, windows};

/// The most items of one organization that are told one by one as unreadable.
pub(super) const MAX_UNREADABLE: usize = 10;

/// Rows for all organizations, worst first. `stale_after`: how long a spoke may be silent, or
/// behind.
#[must_use]
pub(crate) fn rows(view: &View, now: Timestamp, stale_after: SignedDuration) -> Vec<SpokeStatus> {
    let mut rows: Vec<_> = view.looked.iter().flat_map(|looked| rows_of(view, looked, now, stale_after)).collect();
    rows.extend(view.directions.unreadable.iter().map(|(organization, problem)| {
        let message = format!("what operators direct for it cannot be read: {problem}");
        SpokeStatus::whole(organization, SpokeState::Unreadable, message)
    }));
    for row in &mut rows {
        row.wave = view.wave(&row.organization);
    }
    rows.sort_by(|a, b| {
        let place = |row: &SpokeStatus| (row.state, row.organization.clone(), row.member_experience.clone());
        place(a).cmp(&place(b)).then_with(|| a.key.cmp(&b.key))
    });
    rows
}

fn rows_of(view: &View, looked: &Looked, now: Timestamp, stale_after: SignedDuration) -> Vec<SpokeStatus> {
    let report = match &looked.report {
        Ok(report) => report,
        Err(problem) => return vec![SpokeStatus::whole(&looked.id, SpokeState::Unreadable, problem.clone())],
    };
    let mut rows = whole_organization(view, report, now, stale_after);
    rows.extend(unreadable(report));
    let receipts = &report.organization.receipts;
    rows.extend(receipts.iter().map(|receipt| row(view, &report.organization, receipt, now, stale_after)));
    rows
}

/// Rows for the organization itself, where something concerns it as a whole: for each of its
/// spokes.
fn whole_organization(view: &View, report: &Report, now: Timestamp, stale_after: SignedDuration) -> Vec<SpokeStatus> {
    let Organization { id, receipts, .. } = &report.organization;
    let row = |state, message: String| SpokeStatus::whole(id, state, message);
    let signs = report.organization.signs();
    if signs.is_empty() {
        return match (view.roster.is_some() && view.is_admitted(id), report.is_empty()) {
            (true, true) => vec![row(SpokeState::Never, "admitted, and never reported".to_owned())],
            (false, true) => vec![row(SpokeState::Skipped, "keeps no experience in step".to_owned())],
            _ => Vec::new(),
        };
    }
    let mut rows = Vec::new();
    if !view.is_admitted(id) && receipts.is_empty() {
        rows.push(row(SpokeState::Disputed, NOT_ADMITTED.to_owned()));
    }
    for seen in &signs {
        let spoke = seen.spoke.as_ref().map(|spoke| spoke.id.clone());
        // Where there is one, it goes without saying which.
        let which = spoke.iter().filter(|_| signs.len() > 1).map(|id| format!("spoke `{id}`: ")).collect::<String>();
        rows.extend(of_one_spoke(seen, longest_hold(view.fleet.direction()), now).into_iter().map(
            |(state, message)| SpokeStatus {
                last_seen: Some(seen.last_seen),
                spoke: spoke.clone(),
                ..row(state, format!("{which}{message}"))
            },
        ));
    }
    let latest = signs.iter().map(|seen| seen.last_seen).max();
    for row in &mut rows {
        row.last_seen = row.last_seen.or(latest);
    }
    let keeps_none = !receipts.iter().any(Receipt::is_kept);
    if let (true, true, Some(latest)) = (keeps_none, rows.is_empty(), latest) {
        let message = "keeps no experience in step";
        let row = if now.duration_since(latest) > stale_after {
            Some(row(SpokeState::Stale, format!("silent for {}; {message}", age(latest, now))))
        } else {
            // Receipts of what is skipped say it already.
            receipts.is_empty().then(|| row(SpokeState::Skipped, message.to_owned()))
        };
        rows.extend(row.map(|row| SpokeStatus { last_seen: Some(latest), ..row }));
    }
    rows
}

/// What concerns one spoke as a whole.
fn of_one_spoke(seen: &OrganizationSeen, bound: SignedDuration, now: Timestamp) -> Vec<(SpokeState, String)> {
    let mut found = Vec::new();
    if let Some(hold) = &seen.hold {
        let ends = hold.ends(bound);
        let (by, reason) = (&hold.by, &hold.reason);
        if hold.holds(bound, now) {
            // In the words of its receipts, so that the two are one cause.
            let paused = Paused {
                whose: PausedBy::Member,
                until: ends,
                by: by.clone(),
                since: hold.at,
                reason: reason.clone(),
                windows: None,
                halted: None,
            };
            found.push((SpokeState::Paused, paused.to_string()));
        } else if hold.is_cut(bound, now) {
            let message =
                format!("its hold until {} by {by} was ended by the hub's bound at {ends}: {reason}", hold.until);
            found.push((SpokeState::Paused, message));
        }
    }
    if is_ahead(seen.last_seen, now) {
        let message = format!("its sign of life is ahead of the hub's clock: {}", seen.last_seen);
        found.push((SpokeState::Disputed, message));
    }
    if let Some(last) = seen.disputed.last() {
        let receipts = count(seen.disputed.len(), "receipt");
        let message = format!(
            "its spoke found, and replaced, {receipts} that do not match the ledger, the last one for snapshot {} of {}",
            last.version, last.member_experience
        );
        found.push((SpokeState::Disputed, message));
    }
    if let Some(needs) = &seen.needs {
        let message = format!("needs a newer spoke: this one does not read `{}`", needs.schema);
        found.push((SpokeState::Error, message));
    }
    if let Some(spoke) = seen.spoke.as_ref().filter(|spoke| !spoke.rivals.is_empty()) {
        let rivals = spoke.rivals.iter().map(|rival| format!("`{rival}`")).collect::<Vec<_>>().join(", ");
        let message = format!(
            "`{}` and {rivals} keep some of the same experiences in step, turn by turn: give each spoke its own \
             MEMBER_EXPERIENCE_IDS",
            spoke.id
        );
        found.push((SpokeState::Error, message));
    }
    if let Some(error) = &seen.error {
        found.push((SpokeState::Error, error.clone()));
    }
    found
}

/// Rows for what cannot be read: each by itself, up to a bound; and for what was not read.
fn unreadable(report: &Report) -> Vec<SpokeStatus> {
    let Organization { id, unreadable, .. } = &report.organization;
    let row = |message: String| SpokeStatus::whole(id, SpokeState::Unreadable, message);
    let one = |Unreadable { key, problem, .. }: &Unreadable| SpokeStatus {
        key: Some(key.clone()),
        ..row(format!("item `{key}` cannot be read: {problem}"))
    };
    let mut rows: Vec<_> = unreadable.iter().take(MAX_UNREADABLE).map(one).collect();
    if let Some(others @ 1..) = unreadable.len().checked_sub(MAX_UNREADABLE) {
        rows.push(row(format!("{} more cannot be read", count(others, "item"))));
    }
    if report.more {
        rows.push(row(format!(
            "it wrote more than is read of one organization: the rest is left out; where it keeps that many experiences: \
             `pmp-hub members admit {id} --large`"
        )));
    }
    rows
}

fn row(
    view: &View,
    organization: &Organization,
    receipt: &Receipt,
    now: Timestamp,
    stale_after: SignedDuration,
) -> SpokeStatus {
    let (state, message) = match view.dispute(receipt, now) {
        Some(reason) => (SpokeState::Disputed, reason),
        None => judge(view, organization, receipt, now, stale_after),
    };
    let lag = |version: SnapshotVersion| view.lag(&organization.id, version);
    let believed = state != SpokeState::Disputed;
    SpokeStatus {
        member_experience: Some(receipt.member_experience.clone()),
        version: Some(receipt.version),
        tried: Some(receipt.tried()),
        applied: receipt.applied(),
        lag: lag(in_force(receipt)).filter(|_| believed && receipt.is_kept() && !is_nowhere(organization, receipt)),
        last_seen: organization.sign_for(receipt).map(|seen| seen.last_seen),
        spoke: receipt.owner.clone(),
        confirmation: confirmation(organization, receipt).filter(|_| state == SpokeState::Held).cloned(),
        pinned: view.direction(&organization.id).and_then(|direction| direction.pin.clone()),
        receipt: Some(receipt.clone()),
        ..SpokeStatus::whole(&organization.id, state, message)
    }
}

/// The version that is applied; where the spoke does not say so, what it tried, which is not older.
pub(crate) fn in_force(receipt: &Receipt) -> SnapshotVersion {
    receipt.applied().map_or(receipt.version, |applied| applied.version)
}

/// Whether nothing of any snapshot is in force: a spoke that tells what is has told of none.
fn is_nowhere(organization: &Organization, receipt: &Receipt) -> bool {
    let tells = organization.sign_for(receipt).is_some_and(|seen| seen.ledger.is_some());
    tells && receipt.applied().is_none() && receipt.is_kept()
}

/// When the spoke was alive. What it says of a time to come counts for nothing.
fn alive_at(seen: Option<&OrganizationSeen>, receipt: &Receipt, now: Timestamp) -> Timestamp {
    seen.map(|seen| seen.last_seen).filter(|at| !is_ahead(*at, now)).unwrap_or(receipt.received_at)
}

fn judge(
    view: &View,
    organization: &Organization,
    receipt: &Receipt,
    now: Timestamp,
    stale_after: SignedDuration,
) -> (SpokeState, String) {
    let error = || receipt.error.clone().unwrap_or_else(|| "no reason given".to_owned());
    // Whoever wrote it: that another spoke lives says nothing of this one.
    let alive_at = alive_at(organization.sign_for(receipt), receipt, now);
    let silent = (now.duration_since(alive_at) > stale_after).then(|| format!("silent for {}", age(alive_at, now)));
    // Silence does not hide what needs a person: it is told besides.
    let and_silent = |message: String| silent.iter().fold(message, |message, silent| format!("{message}; {silent}"));
    if let Some(left) = left_as_set(receipt) {
        return (SpokeState::Drifted, and_silent(left));
    }
    if let Some(disobeyed) = disobeyed(view, organization, receipt, now) {
        return (SpokeState::Error, and_silent(disobeyed));
    }
    if let Some(unread) = cannot_read(view, organization, receipt) {
        return (SpokeState::Error, and_silent(unread));
    }
    if let Some(paused) = receipt.paused.as_ref().filter(|_| receipt.status == ReceiptStatus::Held) {
        let (state, message) = judge_pause(view, organization, paused, now, stale_after);
        return (state, and_silent(message));
    }
    match receipt.status {
        ReceiptStatus::Failed => return (SpokeState::Error, and_silent(error())),
        ReceiptStatus::Held => return (SpokeState::Held, and_silent(held_message(organization, receipt))),
        ReceiptStatus::Partial if !receipt.is_unfinished() => {
            let drift = receipt.drift.as_ref().filter(|drift| drift.is_left());
            let drift = drift.map(|drift| format!("; {drift}")).unwrap_or_default();
            return (SpokeState::Error, and_silent(error() + &drift));
        }
        _ => {}
    }
    // Nobody keeps it in step, so nobody tells of it again. That the spoke lives is told for the
    // organization.
    if !receipt.is_kept() {
        return (SpokeState::Skipped, error());
    }
    if let Some(silent) = silent {
        return (SpokeState::Stale, silent);
    }
    match receipt.status {
        // Only observed: what would change is its message.
        ReceiptStatus::Skipped => return (SpokeState::WouldChange, error()),
        ReceiptStatus::Applying | ReceiptStatus::Partial => {
            return (SpokeState::Applying, format!("{} still to apply", count(receipt.pending, "product")));
        }
        ReceiptStatus::InSync | ReceiptStatus::Failed | ReceiptStatus::Held => {}
    }
    let Some(expected) = view.expected(&organization.id) else { return (SpokeState::Synced, synced_message(receipt)) };
    let behind = |message: String| {
        let late = now.duration_since(expected.since) > stale_after;
        (if late { SpokeState::Stale } else { SpokeState::Applying }, message)
    };
    let waiting = age(expected.since, now);
    match expected.pin {
        Some(pin) if (receipt.version, receipt.digest) != (expected.version, expected.digest) => {
            behind(format!("has not applied the pin to snapshot {} yet (set {waiting} ago)", pin.version))
        }
        Some(pin) => {
            let others = Some(synced_message(receipt)).filter(|others| !others.is_empty());
            let others = others.map(|others| format!("; {others}")).unwrap_or_default();
            let message = format!("pinned to {} by {} {waiting} ago: {}{others}", pin.version, pin.by, pin.reason);
            (SpokeState::Pinned, message)
        }
        None if receipt.version < expected.version => {
            // It does not begin, whether or not its spoke has said so yet.
            let halted = halted(view.fleet.direction(), view.direction(&organization.id));
            if let Some(halted) = halted {
                return (SpokeState::Paused, Paused::by_halt(halted, now).to_string());
            }
            // Under waves, it is waited for since its turn came.
            let by_turn = turn(view.fleet.direction(), view.direction(&organization.id)).is_some();
            let since = if by_turn { "its turn came" } else { "taken" };
            behind(format!("has not applied snapshot {} yet ({since} {waiting} ago)", expected.version))
        }
        None => {
            let told = waits(view, &organization.id)
                .into_iter()
                .chain(Some(synced_message(receipt)).filter(|it| !it.is_empty()));
            (SpokeState::Synced, told.collect::<Vec<_>>().join("; "))
        }
    }
}

/// That an organization is pinned, by whom and why.
pub(crate) fn pinned(pin: &Pin) -> String {
    format!("pinned to {} by {}: {}", pin.version, pin.by, pin.reason)
}

/// That the turn of an organization has not come; none where it has.
pub(crate) fn waits(view: &View, organization: &OrganizationId) -> Option<String> {
    let (wave, kept) = (view.wave(organization)?, view.waves.kept()?);
    let (name, version) = (&wave.name, kept.state.rollout.version);
    match wave.turn {
        TurnOf::Come => None,
        TurnOf::Waiting => Some(format!("wave `{name}`: its turn for snapshot {version} has not come")),
        TurnOf::Stopped => Some(format!("wave `{name}`: snapshot {version} was stopped before its turn")),
    }
}

/// Why what operators direct has no effect there: its spoke is too old to obey. None where it is
/// obeyed, and where nothing is directed.
fn disobeyed(view: &View, organization: &Organization, receipt: &Receipt, now: Timestamp) -> Option<String> {
    let layout = organization.sign_for(receipt).and_then(|seen| seen.ledger).unwrap_or(1);
    if layout >= LAYOUT_OF_HALTS || !receipt.is_kept() {
        return None;
    }
    let own = view.direction(&organization.id);
    let older = |than: &str, takes: u32| {
        format!(
            "its spoke, or its role's template, is older than {than} (it reads the ledger's layout {layout}, and they take \
             {takes}): update it"
        )
    };
    // Where its turn has come, it does the right thing for another reason.
    let is_held_back = || Some(view.head.as_ref()?.latest > turn(view.fleet.direction(), own)?.version);
    let waves = || {
        // Protocol D13.
        let waves = format!("does not obey waves: {}", older("waves", LAYOUT_OF_WAVES));
        is_held_back().filter(|held_back| *held_back).map(|_| waves)
    };
    let windows = || {
        let windows = &view.fleet.direction()?.change_windows.as_ref()?.text;
        let older = older("change windows", LAYOUT_OF_WINDOWS);
        Some(format!("does not obey the fleet's change windows ({windows}): {older}"))
    };
    let halt = || {
        let halted = halted(view.fleet.direction(), own).filter(|halted| !receipt.has_begun(halted))?;
        let older = older("halts", LAYOUT_OF_HALTS);
        Some(format!("does not obey the halt of snapshot {}: {older}", halted.version))
    };
    if layout >= LAYOUT_OF_WINDOWS {
        return halt();
    }
    if layout >= LAYOUT_OF_WAVES {
        return windows().or_else(halt);
    }
    if layout >= LAYOUT_OF_DIRECTIONS {
        return waves().or_else(windows).or_else(halt);
    }
    let pin = own.and_then(|own| own.pin.as_ref()).map(|pin| format!("the pin to snapshot {}", pin.version));
    let pause = [view.fleet.direction(), own].into_iter().flatten().find_map(|it| it.paused(now));
    let pause = || pause.map(|pause| format!("the pause until {}", pause.until));
    let what = pin.or_else(pause);
    let what = what.map(|what| format!("does not obey {what}: {}", older("pins and pauses", LAYOUT_OF_DIRECTIONS)));
    what.or_else(waves).or_else(windows).or_else(halt)
}

/// Why the newest snapshot is not applied there: it is too large for what its spoke reads. None
/// where it was applied, and where the organization follows an older one.
fn cannot_read(view: &View, organization: &Organization, receipt: &Receipt) -> Option<String> {
    let head = view.head.as_ref().filter(|head| head.is_large())?;
    let expected = view.expected(&organization.id).filter(|expected| expected.version == head.latest)?;
    let layout = organization.sign_for(receipt).and_then(|seen| seen.ledger).unwrap_or(1);
    // Protocol L26.
    let is_told = layout < LAYOUT_OF_PARTS && receipt.version < expected.version && receipt.is_kept();
    is_told.then(|| {
        format!(
            "cannot read snapshot {}: its spoke, or its role's template, is older than snapshots in parts (it reads the \
             ledger's layout {layout}, and they take {LAYOUT_OF_PARTS}): update it",
            head.latest
        )
    })
}

/// How an experience stands whose spoke says that it is paused. The hub compares: what it did not
/// pause itself, the member holds, and that has a bound.
fn judge_pause(
    view: &View,
    organization: &Organization,
    paused: &Paused,
    now: Timestamp,
    stale_after: SignedDuration,
) -> (SpokeState, String) {
    if let Some(said) = &paused.windows {
        return windows::judge(view.fleet.direction(), paused, said, now, stale_after);
    }
    let is_it = |direction: Option<&Direction>| {
        direction.and_then(|direction| direction.paused(now)).is_some_and(|pause| pause.ends() == paused.until)
    };
    let fleet = view.fleet.direction();
    let own = view.direction(&organization.id);
    let holds = match paused.whose {
        _ if paused.halted.is_some() => halted(fleet, own).map(|halted| halted.version) == paused.halted,
        PausedBy::Fleet => is_it(fleet),
        PausedBy::Organization => is_it(own),
        PausedBy::Member => {
            let most = paused.since.checked_add(longest_hold(fleet)).unwrap_or(Timestamp::MAX);
            now < paused.until && paused.until <= most
        }
    };
    if holds {
        return (SpokeState::Paused, paused.to_string());
    }
    // It ended, or was resumed, and the spoke has not gone on yet.
    let changed = [fleet, own].into_iter().flatten().map(|direction| direction.at).max();
    let since = paused.until.min(now).min(changed.filter(|_| now < paused.until).unwrap_or(now));
    let state = if now.duration_since(since) > stale_after { SpokeState::Stale } else { SpokeState::Applying };
    (state, format!("it was {paused}; that is over, and its spoke has not gone on yet"))
}

/// That all is applied but what somebody else set; none where that is not so.
fn left_as_set(receipt: &Receipt) -> Option<String> {
    let drift = receipt.drift.as_ref().filter(|drift| drift.is_left() && drift.rest_applied)?;
    (receipt.status == ReceiptStatus::Partial).then(|| drift.to_string())
}

/// What is held, and how it goes on from here.
fn held_message(organization: &Organization, receipt: &Receipt) -> String {
    let version = receipt.version;
    let held = what_is_held(receipt);
    match confirmation(organization, receipt) {
        Some(confirmed) => format!("{held}; confirmed by {}, the spoke takes it up next", confirmed.by),
        None => format!("{held}; if it is meant: `pmp-hub confirm {} {version}`", organization.id),
    }
}

/// Who let through what a receipt is about, as the hub's operators said.
fn confirmation<'a>(organization: &'a Organization, receipt: &Receipt) -> Option<&'a Confirmed> {
    let mut confirmations = organization.confirmations.iter();
    let covers = |it: &&OperatorConfirmation| it.covers(receipt.version, receipt.digest, &receipt.member_experience);
    confirmations.find(covers).map(|confirmation| &confirmation.confirmed)
}

/// What a guard rail stopped, with its numbers: the first part of a held receipt's text, before
/// what the spoke's own operators can do.
pub(crate) fn what_is_held(receipt: &Receipt) -> &str {
    let text = receipt.error.as_deref().unwrap_or("no reason given");
    text.split_once("; ").map_or(text, |(held, _)| held)
}

fn synced_message(receipt: &Receipt) -> String {
    let mut parts = Vec::new();
    if let (Some(filter), true) = (&receipt.filter, receipt.filtered > 0) {
        let why = receipt.filtered_for.first().and_then(|most| Some((most.products, most.reason.as_deref()?)));
        let why = why.map(|(products, reason)| format!(", {products} of them: {reason}")).unwrap_or_default();
        let (name, digest) = (&filter.name, filter.digest.short());
        parts.push(format!("{} filtered by `{name}@{digest}`{why}", receipt.filtered));
    }
    if !receipt.deferred.is_empty() {
        parts.push(format!("{} set aside", receipt.deferred.len()));
    }
    if receipt.would_change.is_some() {
        parts.push("its spoke only observes".to_owned());
    }
    parts.join("; ")
}
