//! `why`: says why a product is approved or not, in all organizations or in one.

use std::collections::BTreeSet;
use std::str::FromStr;

use aws_config::SdkConfig;
use clap::Args;
use futures::StreamExt;
use jiff::Timestamp;
use pmp_ledger::{DynamoRecords, DynamoSnapshots, Extent, Journals, Outcomes, RecordStore, SnapshotStore};
use pmp_protocol::{
    DecisionJournal, ExperienceId, NamedProduct, OrganizationId, Pin, PlainText, ProductId, SnapshotVersion,
};
use pmp_terminal::{Exit, Failure, Frame, Output, OutputFormat, Table, age, count, progress};
use serde_json::json;

use super::history::Since;
use super::look::no_snapshot;
use super::not_kept;
use crate::compose;
use crate::config::{ConfigArgs, StatusConfig};
use crate::error::{HubError, sdk};
use crate::inspect::kept::{Kept, KeptSnapshot};
use crate::inspect::why::chain::{Chain, Step, chain};
use crate::inspect::why::{Answer, Group, Known, Moment, Stance, answers, depth, groups, summary};
use crate::render::status as shown;
use crate::status::fleet::{Fleet, Looked, View};
use crate::status::named::{Meant, Names};

/// The lines of the smallest screen.
const SCREEN: usize = Frame::HEIGHT;
const MAX_GROUPS: usize = 16;
/// The number of further experiences for which only the stance is shown.
const MAX_OTHERS: usize = 4;
/// Organizations whose records are read at the same time.
const AT_ONCE: usize = 32;

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The product: its id, or its name where the hub looked that up
    #[arg(value_name = "PRODUCT")]
    product: String,
    /// In this member organization alone, with the whole chain
    #[arg(long, value_name = "ORG")]
    org: Option<OrganizationId>,
    /// In this member experience alone
    #[arg(long, value_name = "ID", requires = "org")]
    experience: Option<ExperienceId>,
    /// As it was decided then: by a snapshot (42), or at a time: ago (36h, 7d), a day (2026-11-24)
    /// or a moment, in UTC
    #[arg(long, value_name = "VERSION|TIME")]
    at: Option<At>,
    /// Every experience, and whole texts
    #[arg(long)]
    all: bool,
}

/// A snapshot, or a time.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    Version(SnapshotVersion),
    Time(Since),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(version) = text.parse() {
            return Ok(Self::Version(version));
        }
        text.parse().map(Self::Time).map_err(|problem: String| format!("no snapshot (1, 2, 3 …), and {problem}"))
    }
}

/// The stores that the answer is read from.
pub(super) struct Place {
    pub(super) config: StatusConfig,
    pub(super) sdk: SdkConfig,
    pub(super) snapshots: DynamoSnapshots,
    pub(super) records: DynamoRecords,
}

/// Everything that the answer is made of.
struct Found {
    product: NamedProduct,
    moment: Moment,
    version: SnapshotVersion,
    kept: Kept,
    /// Whether anything is known of the product: a list that has it, a decision about it, or that
    /// somebody set it.
    is_known: bool,
    answers: Vec<Answer>,
    chains: Vec<Chain>,
}

fn ledger(error: pmp_ledger::LedgerError) -> Failure {
    HubError::Ledger(error).into()
}

pub(crate) async fn why(config: &ConfigArgs, args: &WhyArgs, output: Output) -> Result<Exit, Failure> {
    let place = Place::open(config).await?;
    let StatusConfig { experience, snapshots, timestamps, members } = &place.config;
    let fleet = Fleet::new(&place.sdk, snapshots, timestamps, members.clone());
    let look = async {
        match &args.org {
            Some(organization) => fleet.look_at_one(organization, experience).await,
            None => fleet.look(experience).await,
        }
    };
    let (view, names) = tokio::join!(look, Names::read(&place.sdk, snapshots, experience));
    let view = view.map_err(ledger)?;
    let Some(head) = &view.head else {
        return Err(no_snapshot(experience, fleet.meant(experience).await.map_err(ledger)?.as_ref()));
    };
    let now = compose::clock().now();
    let (moment, version) = place.moment(args.at, head.latest, now).await?;
    let (product, question) = place.product(&args.product, version, &names).await?;
    let found = place.find(args, &view, names.of(&product), moment, version, now).await?;
    if !found.is_known {
        let question = question.unwrap_or_else(|| "`pmp-hub show` lists the products by their ids".to_owned());
        progress::note(&format!("hint: no product `{product}` is known; {question}"));
    }
    if let Some(organization) = args.org.as_ref().filter(|_| found.answers.is_empty()) {
        if let (Some(experience), true) = (&args.experience, view.reports().any(|report| !report.is_empty())) {
            let error = format!("`{organization}` has no member experience `{experience}`");
            let hint = format!("`pmp-hub status --org {organization} --all` lists those that it has");
            return Err(Failure::new("E4070", error).hint(hint));
        }
        return Err(super::look::nobody(&view, organization));
    }
    found.print(args, &view, experience, output, now)?;
    if let Some(left_out) = &view.left_out {
        progress::note(&format!("hint: {left_out}"));
    }
    Ok(Exit::Ok)
}

impl Place {
    /// The stores, as the settings name them.
    pub(super) async fn open(config: &ConfigArgs) -> Result<Self, Failure> {
        let config = config.for_status()?;
        let sdk = sdk().await?;
        let snapshots = DynamoSnapshots::new(&sdk, config.snapshots.clone());
        let records = DynamoRecords::new(&sdk, config.timestamps.clone());
        Ok(Self { config, sdk, snapshots, records })
    }

    /// The moment that the question is about, and the snapshot in force then.
    pub(super) async fn moment(
        &self,
        at: Option<At>,
        latest: SnapshotVersion,
        now: Timestamp,
    ) -> Result<(Moment, SnapshotVersion), Failure> {
        match at {
            None => Ok((Moment::Now, latest)),
            Some(At::Version(version)) if version > latest => Err(not_kept::not_stored(version, latest)),
            Some(At::Version(version)) => Ok((Moment::Version(version), version)),
            Some(At::Time(time)) => {
                let time = time.at(now);
                let kept = self.snapshots.versions(&self.config.experience).await.map_err(ledger)?;
                let of_then = kept.iter().rev().find(|kept| kept.version <= latest && kept.taken_at <= time);
                let of_then = of_then.ok_or_else(|| not_kept::nothing_from(time))?;
                Ok((Moment::Time(time), of_then.version))
            }
        }
    }

    /// Finds the product that the text means. If it is not in this version, also which one may be
    /// meant, as a question: it may still be known from another version or from a member.
    async fn product(
        &self,
        text: &str,
        version: SnapshotVersion,
        names: &Names,
    ) -> Result<(ProductId, Option<String>), Failure> {
        let experience = &self.config.experience;
        let snapshot = match self.snapshots.fetch(experience, version).await {
            Ok(snapshot) => snapshot,
            Err(error) => return Err(not_kept::told(&self.snapshots, experience, version, error).await),
        };
        let content = snapshot.content();
        match names.meant(text, content.approved().iter().chain(content.rejected())) {
            Meant::Product(product) => Ok((product, None)),
            // The product may have been there at another time, and being on neither list is an
            // answer, too.
            Meant::Unknown(product, like) => {
                let question = names.question(&like);
                Ok((product, question))
            }
            Meant::None(like) => {
                let text = PlainText::bounded(text, 80);
                let error = format!("`{text}` is no product id, and no product is known by that name alone");
                let hint = names
                    .question(&like)
                    .unwrap_or_else(|| "`pmp-hub show` lists the products by their ids".to_owned());
                Err(Failure::new("E4073", error).hint(hint))
            }
        }
    }

    async fn find(
        &self,
        args: &WhyArgs,
        view: &View,
        product: NamedProduct,
        moment: Moment,
        version: SnapshotVersion,
        now: Timestamp,
    ) -> Result<Found, Failure> {
        let whole_chain = args.org.is_some();
        let known = self.known(view).await;
        let versions = versions(view, &known, moment, version, whole_chain);
        let experience = &self.config.experience;
        let kept = Kept::read(&self.snapshots, experience, versions, &product.id).await.map_err(ledger)?;
        let mut found: Vec<Answer> =
            known.iter().flat_map(|known| answers(known, view, &kept, &product.id, moment, now)).collect();
        let is_known = is_known(&kept, &known, &found, &product.id);
        if let Some(only) = &args.experience {
            found.retain(|answer| answer.member_experience.as_ref() == Some(only));
        }
        let mut chains = Vec::new();
        if let (Some(organization), Some(known)) = (&args.org, known.first()) {
            let outcomes =
                self.records.outcomes(organization, experience, args.experience.as_ref(), Extent::Large).await;
            let outcomes = outcomes.map_err(ledger)?;
            // Products that are not approved come first, because people ask about those.
            found.sort_by_key(|answer| (answer.approved == Some(true), answer.stance));
            chains =
                found.iter().map(|answer| one_chain(answer, known, view, &kept, &product.id, &outcomes, now)).collect();
        }
        Ok(Found { product, moment, version, kept, is_known, answers: found, chains })
    }

    /// Reads the records of one organization, of which the report is known.
    pub(super) async fn known_of(&self, view: &View, looked: &Looked) -> Known {
        let organization = looked.id.clone();
        let admitted = view.roster.as_ref().and_then(|roster| roster.get(&organization));
        let extent = admitted.map(|admitted| admitted.extent()).unwrap_or_default();
        let (report, journals) = match &looked.report {
            // Records of organizations that were not admitted are not read, because they would not
            // count.
            Ok(report) if view.is_admitted(&organization) => {
                let journals = self.records.journals(&organization, &self.config.experience, extent).await;
                match journals {
                    Ok(journals) => (Ok(report.clone()), journals),
                    Err(error) => (Err(error.to_string()), Journals::default()),
                }
            }
            report => (report.clone(), Journals::default()),
        };
        Known { organization, report, journals }
    }

    /// Reads the report and the records of each organization.
    async fn known(&self, view: &View) -> Vec<Known> {
        let read = view.looked.iter().map(|looked| self.known_of(view, looked));
        let mut known: Vec<_> = futures::stream::iter(read).buffer_unordered(AT_ONCE).collect().await;
        known.sort_by(|a, b| a.organization.cmp(&b.organization));
        known
    }
}

/// Whether the ledger or a member says anything of the product.
fn is_known(kept: &Kept, known: &[Known], answers: &[Answer], product: &ProductId) -> bool {
    let decided = |answer: &Answer| {
        use Stance::{Approved, Deferred, Drifted, Filtered, Rejected};
        matches!(answer.stance, Approved | Filtered | Drifted | Deferred | Rejected)
    };
    let receipts = known.iter().flat_map(|known| &known.report).flat_map(|report| &report.organization.receipts);
    let mut edited = receipts.flat_map(|receipt| &receipt.drift).flat_map(|drift| &drift.edited);
    kept.snapshots.values().any(|snapshot| snapshot.listed.is_some())
        || answers.iter().any(decided)
        || edited.any(|edited| edited.product == *product)
}

/// The versions whose snapshots the answer needs.
pub(super) fn versions(
    view: &View,
    known: &[Known],
    moment: Moment,
    version: SnapshotVersion,
    whole_chain: bool,
) -> BTreeSet<SnapshotVersion> {
    let mut versions = BTreeSet::from([version]);
    versions.extend(view.head.as_ref().map(|head| head.latest));
    // What it said is told beside what is in force again.
    versions.extend(view.waves.kept().and_then(|kept| kept.taken_back()));
    for known in known {
        let pin = view.direction(&known.organization).and_then(|direction| direction.pin.as_ref());
        versions.extend(pin.map(|pin| pin.version));
        for journal in known.journals.found.values().flatten() {
            let entries = if whole_chain { journal.entries().len() } else { depth(journal, moment) };
            versions.extend(journal.entries().iter().take(entries).map(|entry| entry.version));
        }
        let receipts = known.report.iter().flat_map(|report| &report.organization.receipts);
        let without = receipts.filter(|receipt| !known.journals.found.contains_key(&receipt.member_experience));
        versions.extend(without.filter_map(|receipt| Some(receipt.applied()?.version)));
    }
    // The ledger never had a version above its head, so such a number is not read.
    let latest = view.head.as_ref().map(|head| head.latest);
    versions.retain(|version| Some(*version) <= latest);
    versions
}

/// What every answer has, as the columns of a spreadsheet; the last of one organization alone.
const COLUMNS: [&str; 9] =
    ["organization", "member_experience", "stance", "approved", "why", "version", "decided_at", "filter", "chain"];

fn one_chain(
    answer: &Answer,
    known: &Known,
    view: &View,
    kept: &Kept,
    product: &ProductId,
    outcomes: &Outcomes,
    now: Timestamp,
) -> Chain {
    let Some(member) = &answer.member_experience else { return Chain::default() };
    let journal: Option<&DecisionJournal> = known.journals.found.get(member).and_then(|it| it.as_ref().ok());
    let receipt = known.report.as_ref().ok();
    let receipt = receipt.and_then(|it| it.organization.receipts.iter().find(|it| it.member_experience == *member));
    let outcomes: Vec<_> = outcomes.found.iter().filter(|it| it.member_experience == *member).collect();
    chain(answer, journal, receipt, &outcomes, view, kept, product, now)
}

impl Found {
    fn snapshot(&self) -> Option<&KeptSnapshot> {
        self.kept.snapshots.get(&self.version)
    }

    fn print(
        &self,
        args: &WhyArgs,
        view: &View,
        experience: &ExperienceId,
        output: Output,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if output.is_document() {
            return Ok(output.document(&self.document(args, experience))?);
        }
        if matches!(output.format, OutputFormat::Ndjson | OutputFormat::Csv) {
            let columns = if args.org.is_some() { &COLUMNS[..] } else { &COLUMNS[..COLUMNS.len() - 1] };
            return Ok(output.list_of("experiences", columns, &self.rows(args), Table::new(&[]), "")?);
        }
        let whole = args.all || output.format == OutputFormat::Wide;
        let headline = if output.header { self.headline(view, experience, whole, now) } else { Vec::new() };
        output.lines(headline.iter().map(|line| fit(line, Frame::room(), whole)))?;
        if args.org.is_some() {
            let room = if whole { usize::MAX } else { SCREEN.saturating_sub(headline.len()) };
            return self.print_chains(output, whole, room, now);
        }
        if whole {
            return Ok(output.list("experiences", &self.answers, self.table(), &summary(&self.answers))?);
        }
        let groups = groups(&self.answers);
        let lines = group_lines(&groups, output.header);
        let more = groups.len().saturating_sub(MAX_GROUPS);
        let more = (more > 0).then(|| format!("{} more: --all", count(more, "group")));
        let summary = match summary(&self.answers) {
            nothing if nothing.is_empty() => "No spoke has reported yet.".to_owned(),
            summary => fit(&summary, Frame::room(), false),
        };
        Ok(output.lines(lines.into_iter().chain(more).chain([summary]))?)
    }

    fn headline(&self, view: &View, experience: &ExperienceId, whole: bool, now: Timestamp) -> Vec<String> {
        let snapshot = self.snapshot();
        let taken = snapshot.map_or(now, |snapshot| snapshot.taken_at);
        let digest = snapshot.map(|snapshot| snapshot.digest.short()).unwrap_or_default();
        let which = match self.moment {
            Moment::Now => String::new(),
            Moment::Version(_) => ", as it was decided then".to_owned(),
            Moment::Time(time) => format!(", at {}", shown::moment(time)),
        };
        let listed = snapshot.and_then(|snapshot| snapshot.listed);
        let listed = listed.map_or("has it on neither list", |listed| listed.verb());
        let note = snapshot.and_then(|snapshot| snapshot.note.as_ref());
        let note = note.map(|note| format!(", with the note \"{}\"", note.as_str())).unwrap_or_default();
        let mut lines = vec![if whole { self.product.label() } else { self.product.label_within(Frame::room()) }];
        lines.extend(match self.kept.content_of.get(&self.version) {
            Some(pin) => self.content_of(view, pin, &format!("{listed}{note}")),
            None => vec![format!("{experience} {listed}{note}")],
        });
        lines.push(format!("by snapshot {} ({digest}), taken {} ago{which}", self.version, age(taken, now)));
        let pin = view.fleet.direction().and_then(|fleet| fleet.pin.as_ref());
        lines.extend(pin.map(|pin| {
            let (by, since) = (shown::person(&pin.by), age(pin.at, now));
            format!(
                "the fleet is pinned to the content of snapshot {}, by {by} {since} ago: {}",
                pin.version, pin.reason
            )
        }));
        lines.extend(view.restored().map(|restored| restored.to_string()));
        lines
    }

    /// The lines about a snapshot that has the content of an older one: the management experience
    /// says something else, or did.
    fn content_of(&self, view: &View, pin: &Pin, listed: &str) -> Vec<String> {
        let (version, of) = (self.version, pin.version);
        let told = format!("snapshot {version} {listed}: it is the content of {of}");
        let taken_back = view.waves.kept().filter(|kept| kept.state.rollout.version == version);
        if let Some(from) = taken_back.and_then(|kept| kept.taken_back()) {
            let listed = self.kept.snapshots.get(&from);
            let listed = listed.map(|snapshot| match snapshot.listed {
                Some(listed) => format!(", which {},", listed.past()),
                None => ", which had it on neither list,".to_owned(),
            });
            return vec![format!("{told};"), format!("snapshot {from}{} was taken back", listed.unwrap_or_default())];
        }
        let pinned = view.fleet.direction().and_then(|fleet| fleet.pin.as_ref());
        if pinned.is_some_and(|pinned| pinned.version == of) {
            // The pin is told below.
            return vec![told];
        }
        vec![format!("{told};"), format!("it was stored so by {}: {}", shown::person(&pin.by), pin.reason)]
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&["ORGANIZATION", "EXPERIENCE", "STATE", "VERSION", "DECIDED", "WHY"]);
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        for answer in &self.answers {
            table.row([
                answer.organization.to_string(),
                or_dash(answer.member_experience.as_ref().map(ToString::to_string)),
                answer.stance.as_str().to_owned(),
                or_dash(answer.version.map(|version| version.to_string())),
                or_dash(answer.decided_at.map(shown::moment)),
                answer.why.clone(),
            ]);
        }
        table
    }

    fn print_chains(&self, output: Output, whole: bool, room: usize, now: Timestamp) -> Result<(), Failure> {
        let mut lines = Vec::new();
        let lengths: Vec<_> = self.chains.iter().map(|chain| 1 + chain.steps.len()).collect();
        let chains = chains_that_fit(&lengths, self.answers.len(), room);
        for (answer, chain) in self.answers.iter().zip(&self.chains).take(chains) {
            lines.push(fit(&title(answer), Frame::room(), whole));
            lines.extend(chain.steps.iter().map(|step| fit(&line(step, now), Frame::room(), whole)));
        }
        let others = &self.answers[chains.min(self.answers.len())..];
        lines.extend(others.iter().take(MAX_OTHERS).map(|answer| fit(&title(answer), Frame::room(), whole)));
        if let Some(more @ 1..) = others.len().checked_sub(MAX_OTHERS) {
            lines.push(format!("{} more: --all, or --experience ID", count(more, "experience")));
        }
        Ok(output.lines(lines)?)
    }

    fn rows(&self, args: &WhyArgs) -> Vec<serde_json::Value> {
        let chain = |index: usize| self.chains.get(index).map(|chain| &chain.steps);
        let row = |(index, answer): (usize, &Answer)| {
            let mut row = json!(answer);
            if let (Some(steps), Some(fields), true) = (chain(index), row.as_object_mut(), args.org.is_some()) {
                fields.insert("chain".to_owned(), json!(steps));
            }
            row
        };
        self.answers.iter().enumerate().map(row).collect()
    }

    fn document(&self, args: &WhyArgs, experience: &ExperienceId) -> serde_json::Value {
        let snapshot = self.snapshot();
        let at = match self.moment {
            Moment::Now | Moment::Version(_) => None,
            Moment::Time(time) => Some(time),
        };
        json!({
            "experience": experience, "product": self.product, "at": at,
            "snapshot": snapshot.map(|it| json!({"version": self.version, "digest": it.digest, "taken_at": it.taken_at,
                "listed": it.listed, "note": it.note,
                "content_of": self.kept.content_of.get(&self.version).map(|pin| pin.version)})),
            "groups": groups(&self.answers), "experiences": self.rows(args),
        })
    }
}

/// The text, cut to `width` columns unless it is to be shown `whole`; the output makes that one
/// harmless as well (rule 14). A character takes no more columns than bytes.
fn fit(text: &str, width: usize, whole: bool) -> String {
    if whole { text.to_owned() } else { PlainText::bounded(text, width).into() }
}

/// How many of the chains, with these numbers of lines, fit into `room` lines together with the
/// titles of the other answers. One is shown in any case: it is what was asked for.
fn chains_that_fit(lengths: &[usize], answers: usize, room: usize) -> usize {
    let lines = |chains: usize| {
        let others = answers.saturating_sub(chains);
        let more = usize::from(others > MAX_OTHERS);
        lengths.iter().take(chains).sum::<usize>() + others.min(MAX_OTHERS) + more
    };
    (1..=lengths.len()).rev().find(|chains| lines(*chains) <= room).unwrap_or(1)
}

fn group_lines(groups: &[Group], header: bool) -> Vec<String> {
    let shown = &groups[..groups.len().min(MAX_GROUPS)];
    let numbers = shown.iter().map(|group| group.experiences.to_string().len()).max().unwrap_or_default().max(2);
    let states = shown.iter().map(|group| group.stance.as_str().len()).max().unwrap_or_default().max(5);
    let line = |number: &str, state: &str, why: &str| {
        fit(format!("{number:<numbers$}   {state:<states$}   {why}").trim_end(), Frame::room(), false)
    };
    let header = (header && !shown.is_empty()).then(|| line("IN", "STATE", "WHY"));
    let lines = shown.iter().map(|group| {
        let why = if group.organizations == 1 && !group.why.is_empty() {
            format!("{}: {}", group.example, group.why)
        } else {
            group.why.clone()
        };
        line(&group.experiences.to_string(), group.stance.as_str(), &why)
    });
    header.into_iter().chain(lines).collect()
}

fn title(answer: &Answer) -> String {
    let member = answer.member_experience.as_ref().map_or(answer.organization.as_str(), ExperienceId::as_str);
    let why = if answer.why.is_empty() { String::new() } else { format!("   {}", answer.why) };
    format!("{member}   {}{why}", answer.stance.as_str())
}

fn line(step: &Step, now: Timestamp) -> String {
    let at = step.at.map(|at| shown::short_moment(at, now)).unwrap_or_else(|| "-".to_owned());
    format!("  {at:<10}  {:<6}  {:<10}  {}", step.view, step.step, step.what)
}

#[cfg(test)]
mod tests {
    use super::chains_that_fit;

    #[test]
    fn as_many_chains_are_shown_as_fit_beside_the_titles_of_the_others() {
        // Two chains of seven lines and three titles are 17 lines; three and two are 23.
        assert_eq!(chains_that_fit(&[7; 5], 5, 21), 2);
        assert_eq!(chains_that_fit(&[7; 5], 5, 23), 3);
        assert_eq!(chains_that_fit(&[7; 3], 3, 21), 3);
        // Of many others, four titles and a line that counts the rest.
        assert_eq!(chains_that_fit(&[7; 200], 200, 21), 2);
        assert_eq!(chains_that_fit(&[7; 200], 200, usize::MAX), 200);
        // What was asked for is shown, however long it is.
        assert_eq!(chains_that_fit(&[30], 1, 21), 1);
        assert_eq!(chains_that_fit(&[], 0, 21), 1);
    }
}
