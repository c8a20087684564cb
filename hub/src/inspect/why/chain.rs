//! The steps from the management experience to the state in force in one member experience. Each
//! step has its time, and says whose view it is. Pure.

use jiff::Timestamp;
use pmp_protocol::{DecisionJournal, JournalEntry, Outcome, ProductId, Receipt};
use serde::Serialize;

use super::{Answer, Said, said};
use crate::inspect::difference::Listed;
use crate::inspect::kept::Kept;
use crate::status::fleet::View;

/// The most change sets that are named.
const MAX_CHANGE_SETS: usize = 2;

/// One step on the way of a decision, from the hub to the member's catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Step {
    /// When; none where that is not known.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    pub(crate) at: Option<Timestamp>,
    /// Whose view it is: `hub`, of what it read and stored; or `member`, of what its spoke says.
    pub(crate) view: &'static str,
    /// The name of the step, as programs know it.
    pub(crate) step: &'static str,
    /// What happened there, in a sentence.
    pub(crate) what: String,
}

/// The steps, in the order in which they happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) steps: Vec<Step>,
}

impl Chain {
    fn push(&mut self, at: Option<Timestamp>, view: &'static str, step: &'static str, what: impl Into<String>) {
        self.steps.push(Step { at, view, step, what: what.into() });
    }
}

/// The chain for one answer. `outcomes` are those of this experience, newest first.
#[expect(clippy::too_many_arguments, reason = "each is another source, and says so by its type")]
pub(crate) fn chain(
    answer: &Answer,
    journal: Option<&DecisionJournal>,
    receipt: Option<&Receipt>,
    outcomes: &[&Outcome],
    view: &View,
    kept: &Kept,
    product: &ProductId,
    now: Timestamp,
) -> Chain {
    let mut chain = Chain::default();
    let entry = answer.version.zip(answer.decided_at).and_then(|(version, at)| {
        let entries = journal?.entries();
        let index = entries.iter().position(|entry| entry.version == version && entry.at == at)?;
        Some((index, &entries[index]))
    });
    let version = answer.version;
    let snapshot = version.and_then(|version| kept.snapshots.get(&version));
    if let (Some(version), Some(snapshot)) = (version, snapshot) {
        let listed = snapshot.listed.map_or("on neither list", Listed::as_str);
        // Nothing is said for the management experience that it did not say then.
        match kept.content_of.get(&version) {
            None => chain.push(Some(snapshot.taken_at), "hub", "management", listed),
            Some(pin) => {
                let what = format!("{listed}, as in snapshot {}: {}", pin.version, pin.reason);
                chain.push(Some(snapshot.taken_at), "hub", "content", what);
            }
        }
        let newest = view.head.as_ref().map(|head| head.latest);
        let newest = newest.filter(|newest| *newest != version);
        let newest = newest.map(|newest| format!("; the newest is {newest}")).unwrap_or_default();
        chain.push(
            Some(snapshot.taken_at),
            "hub",
            "snapshot",
            format!("{version} ({}){newest}", snapshot.digest.short()),
        );
    }
    if let (Some(journal), Some((index, entry))) = (journal, entry) {
        let all = said(journal, journal.entries().len(), product, kept);
        if let Some(Some(now_said)) = all.get(index) {
            chain.push(Some(entry.at), "member", "filter", filter(entry, now_said));
            let since = since(&all, index);
            let first = &journal.entries()[since];
            chain.push(Some(first.at), "member", "plan", plan(journal, &all, index, since));
            // What was decided otherwise before has to have been in force: else it may always have
            // been as it is.
            let before = journal.entries().get(since + 1).filter(|_| all[since + 1].is_some());
            let begins = before.is_some_and(JournalEntry::is_applied);
            let carried = carried(first, now_said, begins, outcomes, kept);
            let ended = carried.as_ref().map(|carried| carried.at);
            let started = || outcomes.iter().any(|it| it.change_sets > 0 && first.is_about(it.version, it.digest));
            let without = || match now_said.stance {
                super::Stance::Deferred => "none: the product is set aside".to_owned(),
                // A pass that failed may have come some way.
                _ if !first.is_applied() && !started() => "none: nothing was started".to_owned(),
                _ => not_known(outcomes),
            };
            chain.push(ended, "member", "change set", carried.map_or_else(without, |it| it.in_words()));
        }
    }
    match (outcome_of(entry.map(|(_, entry)| entry), outcomes), receipt) {
        (_, Some(receipt)) if version.is_none() || Some(receipt.version) == version => {
            let at = receipt.applied_at.unwrap_or(receipt.received_at);
            let checked = match view.dispute(receipt, now) {
                Some(reason) => format!("disputed: {reason}"),
                None => "the ledger confirms it".to_owned(),
            };
            chain.push(Some(at), "member", "receipt", format!("{} at {}; {checked}", receipt.status, receipt.version));
        }
        (Some(outcome), _) => {
            let what = format!("{} at {}, as it was written then", outcome.status, outcome.version);
            chain.push(Some(outcome.at), "member", "receipt", what);
        }
        (None, Some(receipt)) => {
            let what = format!("{} at {}", receipt.status, receipt.version);
            chain.push(Some(receipt.received_at), "member", "receipt", what);
        }
        (None, None) => {}
    }
    chain
}

fn filter(entry: &JournalEntry, said: &Said) -> String {
    let Some(filter) = entry.filter.as_deref() else { return "no filter".to_owned() };
    let by = format!("`{}@{}`", filter.name, filter.digest.short());
    match said.stance {
        super::Stance::Filtered => format!("filtered by {}", said.why),
        super::Stance::Approved => format!("kept by {by}"),
        super::Stance::Deferred => format!("set aside: {}", said.why),
        _ => format!("{by} is asked of approved products alone"),
    }
}

/// The index of the oldest entry, without a break, with the same answer to whether the product is
/// approved.
fn since(all: &[Option<Said>], index: usize) -> usize {
    let approved = |said: &Option<Said>| said.as_ref().map(Said::approved);
    let same = all[index..].iter().take_while(|said| approved(said) == approved(&all[index])).count();
    index + same.saturating_sub(1)
}

fn plan(journal: &DecisionJournal, all: &[Option<Said>], index: usize, since: usize) -> String {
    let entries = journal.entries();
    let said = all[index].as_ref();
    let approved = said.is_some_and(Said::approved);
    let aside = said.is_some_and(|said| said.stance == super::Stance::Deferred);
    let first = entries[since].version;
    let oldest = since + 1 == entries.len() || all[since + 1].is_none();
    match (aside, since == index, oldest, approved) {
        (true, ..) => "left as it is: set aside".to_owned(),
        (_, _, true, true) => format!("approved since snapshot {first}, or before"),
        (_, _, true, false) => format!("not approved since snapshot {first}, or before"),
        (_, true, false, true) => "allow".to_owned(),
        (_, true, false, false) => "deny".to_owned(),
        (_, false, false, true) => format!("approved since snapshot {first}: nothing to do"),
        (_, false, false, false) => format!("not approved since snapshot {first}: nothing to do"),
    }
}

/// The change sets that carried a plan out.
struct Carried<'a> {
    at: Timestamp,
    /// The last ones of them, the newest first.
    ids: Vec<&'a str>,
    number: usize,
    allowed: usize,
    denied: usize,
}

impl Carried<'_> {
    fn in_words(&self) -> String {
        let named = &self.ids[..self.ids.len().min(MAX_CHANGE_SETS)];
        let more = self.number.saturating_sub(named.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        // Which of several it was is not kept.
        let one_of = if self.number > 1 { "one of " } else { "" };
        format!("{one_of}{}{more}, {} allowed, {} denied", named.join(", "), self.allowed, self.denied)
    }
}

/// The change sets that carried out the plan of `entry`, as far as the outcomes tell for certain.
/// `begins`: whether the product was decided otherwise before. Without that, it may have been as it
/// is before the plan, and then no change set named it.
fn carried<'a>(
    entry: &JournalEntry,
    said: &Said,
    begins: bool,
    outcomes: &[&'a Outcome],
    kept: &Kept,
) -> Option<Carried<'a>> {
    if said.stance == super::Stance::Deferred {
        return None;
    }
    let about: Vec<_> = outcomes.iter().filter(|it| entry.is_about(it.version, it.digest)).copied().collect();
    // An entry's time is in whole seconds: of two outcomes in that second nobody knows which it
    // was.
    if about.iter().filter(|it| it.change_sets > 0 && it.at.as_second() == entry.at.as_second()).count() > 1 {
        return None;
    }
    // The oldest one that is not older than the plan, because that is when it was applied there. An
    // outcome counts all passes for its snapshot: what older ones name is taken off.
    let later = about.iter().rev().find(|it| it.at >= entry.at && it.change_sets > 0)?;
    let older = about.iter().find(|it| it.at < entry.at);
    let before = |id: &&str| older.is_some_and(|older| older.change_set_ids.iter().any(|it| it == id));
    let ids: Vec<_> = later.change_set_ids.iter().rev().map(String::as_str).filter(|id| !before(id)).collect();
    let of_older = |number: fn(&Outcome) -> usize| older.map_or(0, |older| number(older).min(number(later)));
    let carried = Carried {
        at: later.at,
        number: later.change_sets - of_older(|it| it.change_sets),
        allowed: later.allowed - of_older(|it| it.allowed),
        denied: later.denied - of_older(|it| it.denied),
        ids,
    };
    let approved = said.approved();
    let all_were_named = || {
        // Each approved product was newly approved, so this one was.
        let snapshot = kept.of(entry);
        approved && later.deferred == 0 && snapshot.is_some_and(|it| it.approved == carried.allowed + later.filtered)
    };
    let counts = if approved { carried.allowed } else { carried.denied };
    let named = counts > 0 && carried.number > 0 && !carried.ids.is_empty();
    (named && (begins || all_were_named())).then_some(carried)
}

fn not_known(outcomes: &[&Outcome]) -> String {
    let any = outcomes.iter().any(|outcome| outcome.change_sets > 0);
    if any { "not known which one".to_owned() } else { "none is kept".to_owned() }
}

fn outcome_of<'a>(entry: Option<&JournalEntry>, outcomes: &[&'a Outcome]) -> Option<&'a Outcome> {
    let entry = entry?;
    outcomes.iter().find(|outcome| entry.is_about(outcome.version, outcome.digest)).copied()
}
