//! Explains why a product is approved or not in the member experiences: from the hub's lists, the
//! decision in the experience, and the state in force. Pure.
//!
//! The decision is the member's own report. It is compared with the ledger as receipts are (rule
//! 10), and shown as the member's view.

pub(crate) mod chain;

use std::collections::BTreeMap;

use jiff::Timestamp;
use pmp_ledger::{Journals, Report};
use pmp_protocol::{
    DecisionJournal, Decisions, ExperienceId, FilterIdentity, Ground, GroundKind, JournalEntry, ListedAs,
    OrganizationId, Paused, Pin, ProductId, Receipt, ReceiptStatus, SnapshotVersion, is_ahead, paused,
};
use serde::Serialize;

use crate::inspect::difference::Listed;
use crate::inspect::kept::Kept;
use crate::status::fleet::View;
use crate::status::judge::{pinned, waits as waits_for};

/// How a product stands in a member experience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Stance {
    /// The product is approved there.
    Approved,
    /// The filter took it away.
    Filtered,
    /// Somebody else put it on another list, and the spoke leaves it there, as it was told to.
    Drifted,
    /// The catalog refused it, or it could not be looked up: it is left as it is.
    #[serde(rename = "SET_ASIDE")]
    Deferred,
    /// A guard rail holds what would be decided of it.
    Held,
    /// What would be decided of it failed.
    Error,
    /// The snapshot that says so is not in force there yet.
    NotYet,
    /// The management experience rejects it.
    Rejected,
    /// It is on neither list of the management experience.
    NotListed,
    /// The experience is not managed.
    Skipped,
    /// The organization was admitted, and has never reported.
    Never,
    /// What is said of it does not match the ledger.
    Disputed,
    /// What was written there cannot be read.
    Unreadable,
    /// Nothing is kept that could tell.
    Unknown,
}

impl Stance {
    /// The word for tables.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::Filtered => "FILTERED",
            Self::Drifted => "DRIFTED",
            Self::Deferred => "SET ASIDE",
            Self::Held => "HELD",
            Self::Error => "ERROR",
            Self::NotYet => "NOT YET",
            Self::Rejected => "REJECTED",
            Self::NotListed => "NOT LISTED",
            Self::Skipped => "SKIPPED",
            Self::Never => "NEVER",
            Self::Disputed => "DISPUTED",
            Self::Unreadable => "UNREADABLE",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The words for a sentence: "filtered in 12".
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Approved => "approved in",
            Self::Filtered => "filtered in",
            Self::Drifted => "as others set it in",
            Self::Deferred => "set aside in",
            Self::Held => "held in",
            Self::Error => "in error in",
            Self::NotYet => "not applied yet in",
            Self::Rejected => "rejected in",
            Self::NotListed => "on neither list in",
            Self::Skipped => "skipped in",
            Self::Never => "never heard of from",
            Self::Disputed => "disputed in",
            Self::Unreadable => "unreadable in",
            Self::Unknown => "not known in",
        }
    }
}

/// The moment that the question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Now,
    Version(SnapshotVersion),
    Time(Timestamp),
}

impl Moment {
    /// The position of the entry that was in force at this moment, among those of a journal, newest
    /// first.
    fn of_then(self, entries: &[JournalEntry]) -> Option<usize> {
        let of_then = match self {
            Self::Now => 0,
            Self::Time(time) => entries.iter().position(|entry| entry.at <= time)?,
            // Versions do not only grow in a journal: a pin goes back. What was decided for an
            // older one after a newer one was decided is of another time.
            Self::Version(version) => {
                let of_it = entries.iter().position(|entry| entry.version == version);
                let after = || entries.iter().rposition(|entry| entry.version > version).map_or(0, |newer| newer + 1);
                of_it.unwrap_or_else(after)
            }
        };
        (of_then < entries.len()).then_some(of_then)
    }
}

/// How a product stands in one member experience, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Answer {
    /// Organization that the answer is about.
    pub(crate) organization: OrganizationId,
    /// The member experience. None where it is about the organization as a whole.
    pub(crate) member_experience: Option<ExperienceId>,
    /// How the product stands.
    pub(crate) stance: Stance,
    /// Whether it is approved there, as far as is known.
    pub(crate) approved: Option<bool>,
    /// Why, in words; blank where the stance says it.
    pub(crate) why: String,
    /// The snapshot that the answer rests on.
    pub(crate) version: Option<SnapshotVersion>,
    /// When that was decided, as the member says.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    pub(crate) decided_at: Option<Timestamp>,
    /// The filter that decided.
    pub(crate) filter: Option<FilterIdentity>,
}

/// The report and the journals of one organization.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) organization: OrganizationId,
    /// The report, or the reason why it could not be read.
    pub(crate) report: Result<Report, String>,
    pub(crate) journals: Journals,
}

/// The journal that a receipt tells by itself: one that is in step, without a filter, decided each
/// product as the snapshot lists it.
fn told_by(receipt: &Receipt) -> Option<DecisionJournal> {
    let applied = receipt.applied().filter(|it| (it.version, it.digest) == (receipt.version, receipt.digest))?;
    let as_listed = receipt.filter.is_none() && receipt.filtered == 0 && receipt.deferred.is_empty();
    if !as_listed || receipt.status != ReceiptStatus::InSync {
        return None;
    }
    let entry = JournalEntry::new(applied.version, applied.digest, applied.at, receipt.status, None);
    Some(DecisionJournal::new(entry, Decisions::default()))
}

/// The stance that follows from an entry, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) stance: Stance,
    pub(crate) why: String,
    /// Whether the product is approved by what is in force until the stance ends; none where that
    /// is not known, and where the stance says it itself.
    until_then: Option<bool>,
}

impl Said {
    fn new(stance: Stance, why: impl Into<String>) -> Self {
        Self { stance, why: why.into(), until_then: None }
    }

    /// The same, with what is in force meanwhile.
    fn until_then(self, in_force: Option<&Self>) -> Self {
        // Of one that was set aside, nobody knows how it stands.
        let tells = [Stance::Approved, Stance::Filtered, Stance::Rejected, Stance::NotListed];
        let known = in_force.filter(|said| tells.contains(&said.stance));
        Self { until_then: known.map(Self::approved), ..self }
    }

    pub(crate) fn approved(&self) -> bool {
        self.stance == Stance::Approved
    }

    /// The stance in a few words, for a sentence about something else.
    fn short(&self) -> String {
        let stance = self.stance.as_str().to_lowercase();
        if self.why.is_empty() { stance } else { format!("{stance} ({})", self.why) }
    }
}

/// The stance that follows from the hub's list and from the decision's grounds.
fn stance(listed: Option<Listed>, grounds: &[Ground], filter: Option<&FilterIdentity>) -> Said {
    let of = |kind: &[GroundKind]| grounds.iter().find(|ground| kind.contains(&ground.kind));
    let reason = |ground: &Ground| ground.reason.as_deref().unwrap_or("no reason given").to_owned();
    let filtered = of(&[GroundKind::Excluded, GroundKind::Rejected]);
    let by = filter.map(|filter| format!("`{}@{}`: ", filter.name, filter.digest.short())).unwrap_or_default();
    if let Some(aside) = of(&[GroundKind::Deferred]) {
        let wanted = match (filtered, listed) {
            (Some(filtered), _) => format!("; to be filtered by {by}{}", reason(filtered)),
            (None, Some(Listed::Approved) | None) => String::new(),
            (None, Some(Listed::Rejected)) => "; to be rejected".to_owned(),
        };
        return Said::new(Stance::Deferred, format!("{}{wanted}", reason(aside)));
    }
    match (listed, filtered) {
        (None, _) => Said::new(Stance::NotListed, ""),
        (Some(Listed::Rejected), _) => Said::new(Stance::Rejected, ""),
        (Some(Listed::Approved), Some(filtered)) => Said::new(Stance::Filtered, format!("{by}{}", reason(filtered))),
        (Some(Listed::Approved), None) => Said::new(Stance::Approved, ""),
    }
}

/// The stances of the first entries of a journal, newest first. From the first entry whose grounds
/// are not known, all are `None`.
pub(crate) fn said(journal: &DecisionJournal, first: usize, product: &ProductId, kept: &Kept) -> Vec<Option<Said>> {
    let grounds = journal.about(product, first, kept);
    let one = |(entry, grounds): (&JournalEntry, Option<Vec<Ground>>)| {
        let listed = kept.of(entry)?.listed;
        Some(stance(listed, &grounds?, entry.filter.as_deref()))
    };
    journal.entries().iter().zip(grounds).map(one).collect()
}

/// The number of entries of a journal, newest first, up to the one that was in force at the moment.
pub(crate) fn depth(journal: &DecisionJournal, moment: Moment) -> usize {
    let entries = journal.entries();
    let of_then = moment.of_then(entries).unwrap_or(entries.len());
    let applied = entries.iter().skip(of_then).position(JournalEntry::is_applied).unwrap_or(entries.len());
    (of_then + applied + 1).min(entries.len())
}

/// The stances of the product in all experiences of one organization.
pub(crate) fn answers(
    known: &Known,
    view: &View,
    kept: &Kept,
    product: &ProductId,
    moment: Moment,
    now: Timestamp,
) -> Vec<Answer> {
    let whole = |stance, why: String| Answer {
        organization: known.organization.clone(),
        member_experience: None,
        stance,
        approved: None,
        why,
        version: None,
        decided_at: None,
        filter: None,
    };
    let report = match &known.report {
        Ok(report) => report,
        Err(problem) => return vec![whole(Stance::Unreadable, problem.clone())],
    };
    let mut answers = Vec::new();
    let receipts: BTreeMap<_, _> =
        report.organization.receipts.iter().map(|receipt| (&receipt.member_experience, receipt)).collect();
    let ask = Asked { view, kept, product, moment, now };
    for (member, receipt) in &receipts {
        // An earlier release keeps no record, and the receipt of one in step tells as much.
        let told = told_by(receipt).filter(|_| moment == Moment::Now).map(Ok);
        let journal = known.journals.found.get(*member).or(told.as_ref());
        answers.push(Answer {
            member_experience: Some((*member).clone()),
            ..ask.about(&known.organization, Some(receipt), journal)
        });
    }
    // Experiences that exist no more count if the question is about an earlier time.
    let others = known.journals.found.iter().filter(|(member, _)| !receipts.contains_key(member));
    for (member, journal) in others.filter(|_| moment != Moment::Now) {
        answers.push(Answer {
            member_experience: Some(member.clone()),
            ..ask.about(&known.organization, None, Some(journal))
        });
    }
    for unreadable in report.organization.unreadable.iter().chain(&known.journals.unreadable) {
        answers.push(whole(Stance::Unreadable, format!("item `{}`: {}", unreadable.key, unreadable.problem)));
    }
    if report.more || known.journals.more {
        answers.push(whole(Stance::Unreadable, "it wrote more than is read of one organization".to_owned()));
    }
    if answers.is_empty() && !report.is_empty() {
        // It was heard of, and no experience of it: its passes ended before the first receipt.
        answers.push(match report.organization.last_error() {
            Some(error) => whole(Stance::Error, format!("its last pass failed: {error}")),
            None => whole(Stance::Unknown, "its spoke has told of no experience yet".to_owned()),
        });
    }
    if answers.is_empty() && view.roster.is_some() && view.is_admitted(&known.organization) {
        answers.push(whole(Stance::Never, "admitted, and never heard of".to_owned()));
    }
    answers
}

struct Asked<'a> {
    view: &'a View,
    kept: &'a Kept,
    product: &'a ProductId,
    moment: Moment,
    now: Timestamp,
}

impl Asked<'_> {
    fn about(
        &self,
        organization: &OrganizationId,
        receipt: Option<&Receipt>,
        journal: Option<&Result<DecisionJournal, String>>,
    ) -> Answer {
        let (said, entry) = self.said(organization, receipt, journal);
        let edited = receipt.filter(|_| self.moment == Moment::Now).and_then(|receipt| self.edited(receipt));
        let (said, set) = match edited {
            Some(now) if !matches!(said.stance, Stance::Disputed | Stance::Unreadable) => {
                let listed = match now {
                    ListedAs::Approved => "approved",
                    ListedAs::Rejected => "rejected",
                    ListedAs::Unlisted => "on neither list",
                };
                let why = format!("somebody else set it: {listed}; hub and filter say {}", said.short());
                (Said::new(Stance::Drifted, why), Some(now))
            }
            _ => (said, None),
        };
        let approved = match said.stance {
            Stance::Drifted => set.map(|now| now == ListedAs::Approved),
            Stance::Approved => Some(true),
            Stance::Filtered | Stance::Rejected | Stance::NotListed => Some(false),
            _ => said.until_then,
        };
        Answer {
            organization: organization.clone(),
            member_experience: None,
            stance: said.stance,
            approved,
            why: said.why,
            version: entry.map(|entry| entry.version).or_else(|| Some(receipt?.applied()?.version)),
            decided_at: entry.map(|entry| entry.at),
            filter: entry.and_then(|entry| entry.filter.as_deref().cloned()),
        }
    }

    /// Where somebody else put the product, if the spoke leaves it there and says so.
    fn edited(&self, receipt: &Receipt) -> Option<ListedAs> {
        let drift = receipt.drift.as_ref().filter(|drift| drift.is_left())?;
        drift.edited.iter().find(|edited| edited.product == *self.product).map(|edited| edited.now)
    }

    fn said<'j>(
        &self,
        organization: &OrganizationId,
        receipt: Option<&Receipt>,
        journal: Option<&'j Result<DecisionJournal, String>>,
    ) -> (Said, Option<&'j JournalEntry>) {
        if !self.view.is_admitted(organization) {
            return (Said::new(Stance::Disputed, crate::status::fleet::NOT_ADMITTED), None);
        }
        if let (Some(receipt), Moment::Now) = (receipt, self.moment) {
            if let Some(reason) = self.view.dispute(receipt, self.now) {
                return (Said::new(Stance::Disputed, reason), None);
            }
            // Of what a spoke only observed, its record says what would be decided.
            if receipt.status == ReceiptStatus::Skipped && (receipt.would_change.is_none() || journal.is_none()) {
                let why = receipt.error.clone().unwrap_or_else(|| "not managed".to_owned());
                return (Said::new(Stance::Skipped, why), None);
            }
        }
        if let (Some(receipt), None) = (receipt.filter(|it| it.status == ReceiptStatus::Skipped), journal) {
            let why = receipt.error.clone().unwrap_or_else(|| "not managed".to_owned());
            return (Said::new(Stance::Skipped, why), None);
        }
        let journal = match journal {
            None => return (self.without_record(receipt), None),
            Some(Err(problem)) => {
                return (Said::new(Stance::Unreadable, format!("its record cannot be read: {problem}")), None);
            }
            Some(Ok(journal)) => journal,
        };
        if let Some(entry) = journal.entries().iter().find(|entry| is_ahead(entry.at, self.now)) {
            let why = format!("its record is ahead of the hub's clock: {}", entry.at);
            return (Said::new(Stance::Disputed, why), None);
        }
        let entries = journal.entries();
        let Some(of_then) = self.moment.of_then(entries) else {
            return (Said::new(Stance::Unknown, "no decision is kept from then or before"), None);
        };
        let entry = &entries[of_then];
        if let Some(why) = self.dispute(entry) {
            return (Said::new(Stance::Disputed, why), Some(entry));
        }
        let all = said(journal, depth(journal, self.moment), self.product, self.kept);
        let not_kept = |entry: &JournalEntry| {
            Said::new(Stance::Unknown, format!("snapshot {} is not kept any more", entry.version))
        };
        let Some(decided) = all[of_then].clone() else { return (not_kept(entry), Some(entry)) };
        let in_force = (of_then..all.len()).find(|index| entries[*index].is_applied());
        let before = in_force.map(|index| all[index].clone().unwrap_or_else(|| not_kept(&entries[index])));
        let was = |before: Option<&Said>| before.map_or("nothing is in force".to_owned(), Said::short);
        if !entry.is_applied() && before.as_ref() != Some(&decided) {
            let of_it = receipt.filter(|receipt| self.moment == Moment::Now && receipt.version == entry.version);
            let paused = of_it.and_then(|receipt| receipt.paused.as_ref());
            let (stance, what) = match (entry.status, paused, of_it) {
                (ReceiptStatus::Skipped, ..) => (Stance::Skipped, "its spoke only observed".to_owned()),
                (ReceiptStatus::Held, Some(paused), _) => (Stance::NotYet, format!("{paused}: that keeps back")),
                (ReceiptStatus::Held, None, Some(_)) => (Stance::Held, "a guard rail holds".to_owned()),
                // The record does not say which.
                (ReceiptStatus::Held, None, None) => {
                    (Stance::Held, "a guard rail, a pause or change windows hold".to_owned())
                }
                _ => (Stance::Error, "it failed to apply".to_owned()),
            };
            let why = format!(
                "{what} snapshot {}, which would make it {}; until then {}",
                entry.version,
                decided.short(),
                was(before.as_ref())
            );
            return (Said::new(stance, why).until_then(before.as_ref()), Some(entry));
        }
        if self.moment == Moment::Now
            && let Some(said) = self.not_yet(organization, receipt, entry, &decided)
        {
            // Under a pin that was applied, the stance says by itself how the product stands.
            return (said.until_then(Some(&decided)), Some(entry));
        }
        (decided, Some(entry))
    }

    /// Returns a stance if the newest snapshot is not applied yet, and lists the product elsewhere
    /// than the snapshot in force does.
    fn not_yet(
        &self,
        organization: &OrganizationId,
        receipt: Option<&Receipt>,
        entry: &JournalEntry,
        decided: &Said,
    ) -> Option<Said> {
        let head = self.view.head.as_ref()?;
        let then = self.kept.of(entry)?;
        if let Some(pin) = self.view.expected(organization).and_then(|expected| expected.pin) {
            return self.under_pin(pin, entry, then.listed, decided);
        }
        let newest = self.kept.snapshots.get(&head.latest)?;
        if entry.is_about(head.latest, head.digest) || newest.listed == then.listed {
            return None;
        }
        let latest = head.latest;
        let tried = receipt.filter(|receipt| receipt.version == latest && !receipt.is_unfinished());
        let why = match tried {
            Some(Receipt { status: ReceiptStatus::Held, paused: Some(paused), .. }) => {
                let why = format!("{paused}: that keeps back snapshot {latest}; until then {}", decided.short());
                return Some(Said::new(Stance::NotYet, why));
            }
            Some(Receipt { status: ReceiptStatus::Held, error, .. }) => {
                return Some(Said::new(Stance::Held, held(error.as_deref(), latest, decided)));
            }
            Some(Receipt { status: ReceiptStatus::Failed, error, .. }) => {
                let error = error.as_deref().unwrap_or("no reason given");
                return Some(Said::new(
                    Stance::Error,
                    format!("snapshot {latest}: {error}; until then {}", decided.short()),
                ));
            }
            _ => {
                // Its turn comes first: a pause keeps nothing back that it may not take.
                let waits = waits_for(self.view, organization);
                let paused = || {
                    let paused = self.paused(organization, receipt)?;
                    Some(format!("{paused}: that keeps back snapshot {latest}"))
                };
                let waits = waits.or_else(paused);
                let waits = waits.unwrap_or_else(|| format!("snapshot {latest} is not applied yet"));
                format!("{waits}; until then {}", decided.short())
            }
        };
        Some(Said::new(Stance::NotYet, why))
    }

    /// The same where the organization is pinned: nothing newer is to come, or the pin is.
    fn under_pin(&self, pin: &Pin, entry: &JournalEntry, listed: Option<Listed>, decided: &Said) -> Option<Said> {
        let lists_otherwise = |version: SnapshotVersion| {
            self.kept.snapshots.get(&version).is_some_and(|snapshot| snapshot.listed != listed)
        };
        let told = pinned(pin);
        if !entry.is_about(pin.version, pin.digest) {
            let why = format!("{told}, and not applied yet; until then {}", decided.short());
            return lists_otherwise(pin.version).then(|| Said::new(Stance::NotYet, why));
        }
        // That is what operators want. It is worth a word where the newest says something else.
        let why = if decided.why.is_empty() { told } else { format!("{}; {told}", decided.why) };
        let latest = self.view.head.as_ref()?.latest;
        lists_otherwise(latest).then(|| Said::new(decided.stance, why))
    }

    /// Why nothing may be changed there now, as far as the hub knows: a pause, or the member's
    /// hold.
    fn paused(&self, organization: &OrganizationId, receipt: Option<&Receipt>) -> Option<Paused> {
        let report = self.view.report(organization);
        let hold =
            report.zip(receipt).and_then(|(report, receipt)| report.organization.sign_for(receipt)?.hold.as_ref());
        paused(self.view.fleet.direction(), self.view.direction(organization), hold, self.now)
    }

    /// The reason why the ledger does not know the snapshot of an entry.
    fn dispute(&self, entry: &JournalEntry) -> Option<String> {
        let version = entry.version;
        let head = self.view.head.as_ref()?;
        if version > head.latest {
            return Some(format!("the ledger has no snapshot {version}: the newest is {}", head.latest));
        }
        let digest = if version == head.latest { Some(&head.digest) } else { self.view.kept.get(&version) };
        let another = digest.is_some_and(|digest| !entry.is_about(version, *digest));
        another.then(|| format!("its record is about another snapshot {version} than the ledger has"))
    }

    /// The stance without a record. It is known only if no filter narrows, and is the hub's list
    /// then.
    fn without_record(&self, receipt: Option<&Receipt>) -> Said {
        let unknown = |why: &str| Said::new(Stance::Unknown, why.to_owned());
        let (Some(receipt), Moment::Now) = (receipt, self.moment) else {
            return unknown("no record is kept: its spoke is of an earlier release");
        };
        if let Some(aside) = receipt.deferred.iter().find(|it| it.product == *self.product) {
            return Said::new(Stance::Deferred, aside.error.clone());
        }
        let Some(applied) = receipt.applied() else {
            let error = receipt.error.as_deref().unwrap_or("no reason given");
            let why = format!("nothing is in force; {}: {error}", receipt.status);
            return Said::new(
                if receipt.status == ReceiptStatus::Failed { Stance::Error } else { Stance::NotYet },
                why,
            );
        };
        match self.kept.snapshots.get(&applied.version) {
            Some(kept) if receipt.filtered == 0 || kept.listed != Some(Listed::Approved) => {
                stance(kept.listed, &[], None)
            }
            Some(_) => unknown("its spoke, of an earlier release, keeps no record, and its filter takes products away"),
            None => unknown("no record is kept, and the snapshot in force there is not kept any more"),
        }
    }
}

fn held(error: Option<&str>, version: SnapshotVersion, decided: &Said) -> String {
    let held = error.map_or("", |error| error.split_once("; ").map_or(error, |(held, _)| held));
    format!("a guard rail holds snapshot {version}: {held}; until then {}", decided.short())
}

/// Answers with the same stance for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Group {
    /// How the product stands there.
    pub(crate) stance: Stance,
    /// Why, in words; blank where the stance says it.
    pub(crate) why: String,
    /// In how many member experiences.
    pub(crate) experiences: usize,
    /// In how many organizations.
    pub(crate) organizations: usize,
    /// One of the organizations.
    pub(crate) example: OrganizationId,
}

/// The groups, with the largest one first.
pub(crate) fn groups(answers: &[Answer]) -> Vec<Group> {
    let mut found = BTreeMap::<(Stance, &str), Vec<&Answer>>::new();
    for answer in answers {
        found.entry((answer.stance, &answer.why)).or_default().push(answer);
    }
    let group = |((stance, why), answers): ((Stance, &str), Vec<&Answer>)| {
        let mut organizations: Vec<_> = answers.iter().map(|answer| &answer.organization).collect();
        organizations.sort();
        organizations.dedup();
        Group {
            stance,
            why: why.to_owned(),
            experiences: answers.len(),
            organizations: organizations.len(),
            example: organizations[0].clone(),
        }
    };
    let mut groups: Vec<_> = found.into_iter().map(group).collect();
    groups.sort_by(|a, b| b.experiences.cmp(&a.experiences).then_with(|| (a.stance, &a.why).cmp(&(b.stance, &b.why))));
    groups
}

/// The line below the table, with the number of each stance.
pub(crate) fn summary(answers: &[Answer]) -> String {
    let mut counts = BTreeMap::<Stance, usize>::new();
    for answer in answers {
        *counts.entry(answer.stance).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let parts: Vec<_> = counts.iter().map(|(stance, count)| format!("{} {count}", stance.in_words())).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests;
