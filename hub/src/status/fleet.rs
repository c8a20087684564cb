//! The member organizations as the hub sees them: whom it admitted, what each of them reported, and
//! what the ledger itself says, to hold the reports against. The hub compares; it does not believe
//! (rule 10 of the design).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use aws_config::SdkConfig;
use futures::StreamExt;
use jiff::Timestamp;
use pmp_ledger::{
    Directions, DynamoReceipts, DynamoReports, DynamoRollouts, DynamoRoster, DynamoSnapshots, Extent, Head,
    LedgerError, Member, Organization, ReceiptStore, Report, Reports, RolloutStore, Roster, Said, SnapshotStore,
    TableName, is_restored,
};
use pmp_protocol::{
    Digest, Direction, ExperienceId, HeadMark, OrganizationId, Pin, Receipt, SnapshotVersion, is_ahead, most_alike,
    turn,
};
use pmp_waves::Members;

use crate::directed::as_spokes_read;
use crate::rollout::state::OnTheWay;
use crate::rollout::told::{InWave, in_wave};

/// What is said of an organization that reports and was never admitted.
pub(crate) const NOT_ADMITTED: &str =
    "the organization is not on the roster: `pmp-hub members admit ORG` admits it, if it is one of yours";
/// How many organizations are read at once.
const AT_ONCE: usize = 16;

/// Where the hub looks.
#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    pub(crate) snapshots: Arc<dyn SnapshotStore>,
    pub(crate) marks: Arc<dyn ReceiptStore>,
    pub(crate) reports: Arc<dyn Reports>,
    pub(crate) roster: Arc<dyn Roster>,
    pub(crate) rollouts: Arc<dyn RolloutStore>,
    /// Whom the settings admit.
    pub(crate) named: BTreeSet<OrganizationId>,
}

/// What the hub saw of the ledger and of the members at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) head: Option<Head>,
    pub(crate) mark: Option<HeadMark>,
    /// The digests of the versions that are kept; read only where a report is about one that is not
    /// the newest.
    pub(crate) kept: BTreeMap<SnapshotVersion, Digest>,
    /// What operators direct for the whole fleet.
    pub(crate) fleet: Said,
    /// What they direct for single organizations.
    pub(crate) directions: Directions,
    /// How far the newest version has come in the waves.
    pub(crate) waves: OnTheWay,
    /// Whom the hub admitted; none where it admitted nobody, and therefore listens to everyone.
    pub(crate) roster: Option<BTreeMap<OrganizationId, Admitted>>,
    /// What was found of each organization, by id.
    pub(crate) looked: Vec<Looked>,
    /// What was not looked at, in words; none where everything was.
    pub(crate) left_out: Option<String>,
    /// Which experience may be meant, in words, where the ledger knows nothing of this one; none
    /// where it does, and where nobody looked for that.
    pub(crate) meant: Option<String>,
    /// Found when it is asked for first. Nothing of the view may change after that.
    pub(crate) index: OnceLock<Index>,
}

/// What a view is asked for each receipt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// Where each organization stands among those that were looked at.
    places: BTreeMap<OrganizationId, usize>,
    /// The versions to which operators or waves direct the fleet, or an organization.
    directed: BTreeSet<SnapshotVersion>,
    /// Whether any pin was ever changed.
    was_pinned: bool,
}

/// How an organization came to the roster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// By the settings: `PMP_MEMBER_ORGANIZATIONS`.
    pub(crate) named: bool,
    /// By a record of `members admit`, or `init --admit`.
    pub(crate) record: Option<Member>,
}

impl Admitted {
    /// How much of it is read: what the hub's operators said of its size counts, and nothing that
    /// it says itself.
    pub(crate) fn extent(&self) -> Extent {
        if self.record.as_ref().is_some_and(|record| record.large) { Extent::Large } else { Extent::Usual }
    }
}

/// An organization, and what it reported; in words why that could not be read.
#[derive(Debug, Clone)]
pub(crate) struct Looked {
    pub(crate) id: OrganizationId,
    pub(crate) report: Result<Report, String>,
}

impl Fleet {
    /// A fleet whose items all lie in one memory, and of whom the settings name nobody.
    #[cfg(test)]
    pub(crate) fn in_memory(ledger: &Arc<pmp_ledger::testing::MemoryLedger>) -> Self {
        Self {
            snapshots: ledger.clone(),
            marks: ledger.clone(),
            reports: ledger.clone(),
            roster: ledger.clone(),
            rollouts: ledger.clone(),
            named: BTreeSet::new(),
        }
    }

    /// The tables as `sdk`'s credentials see them, and the organizations that the settings admit.
    pub(crate) fn new(
        sdk: &SdkConfig,
        snapshots: &TableName,
        timestamps: &TableName,
        named: BTreeSet<OrganizationId>,
    ) -> Self {
        Self {
            snapshots: Arc::new(DynamoSnapshots::new(sdk, snapshots.clone())),
            marks: Arc::new(DynamoReceipts::new(sdk, timestamps.clone())),
            reports: Arc::new(DynamoReports::new(sdk, timestamps.clone())),
            roster: Arc::new(DynamoRoster::new(sdk, timestamps.clone())),
            rollouts: Arc::new(DynamoRollouts::new(sdk, timestamps.clone())),
            named,
        }
    }

    /// The same, with what the organizations wrote as it is now: for whoever decides by it, and
    /// writes.
    pub(crate) fn consistent(
        sdk: &SdkConfig,
        snapshots: &TableName,
        timestamps: &TableName,
        named: BTreeSet<OrganizationId>,
    ) -> Self {
        let reports = Arc::new(DynamoReports::new(sdk, timestamps.clone()).consistent());
        Self { reports, ..Self::new(sdk, snapshots, timestamps, named) }
    }

    /// Looks at everyone. One organization that cannot be read is told as such; only where none can
    /// be, this fails.
    pub(crate) async fn look(&self, experience: &ExperienceId) -> Result<View, LedgerError> {
        let roster = self.roster(experience).await?;
        let (looked, left_out) = match &roster {
            Some(roster) => self.look_at(roster, experience).await?,
            None => {
                let all = self.reports.all(experience).await?.into_iter();
                (all.map(|report| Looked { id: report.organization.id.clone(), report: Ok(report) }).collect(), None)
            }
        };
        let waves = OnTheWay::look(self.rollouts.as_ref(), experience).await?;
        let (fleet, directions) = self.directed(experience).await?;
        // In this order, and head and mark as they are now: the head is not older than the mark,
        // nor than any report. A report may be a moment old.
        let mark = self.marks.mark(experience).await?;
        let head = self.snapshots.head(experience).await?;
        let view = View { head, mark, fleet, directions, waves, roster, looked, left_out, ..View::default() };
        self.with_history(view, experience).await
    }

    /// The view, with the digests of older versions, where a report is about one.
    async fn with_history(&self, mut view: View, experience: &ExperienceId) -> Result<View, LedgerError> {
        if view.needs_history() {
            view.kept = self.snapshots.digests(experience).await?;
        }
        self.with_places(view, experience).await
    }

    /// The view, with the direction of an organization as its spoke reads it, where a receipt says
    /// more of its pin than the copy does: somebody may have taken the copy away.
    async fn with_places(&self, mut view: View, experience: &ExperienceId) -> Result<View, LedgerError> {
        let listed = |id: &OrganizationId| view.direction(id).map_or(0, |direction| direction.line);
        let says_more = |organization: &Organization| {
            let listed = listed(&organization.id);
            organization.receipts.iter().any(|receipt| receipt.line > listed)
        };
        let organizations = view.reports().map(|report| &report.organization).filter(|it| says_more(it));
        let organizations: Vec<_> = organizations.map(|organization| organization.id.clone()).collect();
        let mut read = as_spokes_read(self.marks.as_ref(), experience, &organizations).await?;
        for report in view.looked.iter_mut().filter_map(|looked| looked.report.as_mut().ok()) {
            if let Some(said) = read.remove(&report.organization.id) {
                report.organization.direction = said;
            }
        }
        Ok(view)
    }

    /// Looks at one organization alone.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub(crate) async fn look_at_one(
        &self,
        organization: &OrganizationId,
        experience: &ExperienceId,
    ) -> Result<View, LedgerError> {
        let roster = self.roster(experience).await?;
        let report = self.reports.report(organization, experience, Extent::Large).await?;
        let (fleet, directions) = self.directed(experience).await?;
        let mark = self.marks.mark(experience).await?;
        let head = self.snapshots.head(experience).await?;
        let looked = vec![Looked { id: organization.clone(), report: Ok(report) }];
        let kept = self.snapshots.digests(experience).await?;
        let waves = OnTheWay::look(self.rollouts.as_ref(), experience).await?;
        let view = View { head, mark, kept, fleet, directions, waves, roster, looked, ..View::default() };
        self.with_places(view, experience).await
    }

    /// Those who follow `experience`: whom the hub admitted, and where that is nobody, everyone who
    /// reports.
    pub(crate) async fn followers(
        &self,
        experience: &ExperienceId,
    ) -> Result<BTreeMap<OrganizationId, Admitted>, LedgerError> {
        if let Some(roster) = self.roster(experience).await? {
            return Ok(roster);
        }
        let all = self.reports.all(experience).await?;
        Ok(all.into_iter().map(|report| (report.organization.id, Admitted::default())).collect())
    }

    /// Looks at some of the `roster` alone. One organization that cannot be read is told as such;
    /// only where none can be, this fails.
    pub(crate) async fn look_at_these(
        &self,
        roster: Option<BTreeMap<OrganizationId, Admitted>>,
        these: Vec<(OrganizationId, Extent)>,
        experience: &ExperienceId,
    ) -> Result<View, LedgerError> {
        let read = self.read(these.into_iter(), experience).await;
        let failed = !read.is_empty() && read.iter().all(|(_, report)| report.is_err());
        let mut looked = Vec::new();
        for (id, report) in read {
            match report {
                Err(error) if failed => return Err(error),
                report => looked.push(Looked { id, report: report.map_err(|error| error.to_string()) }),
            }
        }
        let (fleet, directions) = self.directed(experience).await?;
        let mark = self.marks.mark(experience).await?;
        let head = self.snapshots.head(experience).await?;
        let view = View { head, mark, fleet, directions, roster, looked, ..View::default() };
        self.with_history(view, experience).await
    }

    /// What operators direct, for the fleet and for organizations.
    async fn directed(&self, experience: &ExperienceId) -> Result<(Said, Directions), LedgerError> {
        tokio::try_join!(self.marks.direction(experience, None), self.marks.directions(experience))
    }

    /// The management experience that is meant where the ledger knows nothing of `experience`: the
    /// one whose id is most like it.
    pub(crate) async fn meant(&self, experience: &ExperienceId) -> Result<Option<ExperienceId>, LedgerError> {
        most_like(&*self.reports, experience, &BTreeSet::new()).await
    }

    /// Whom the hub admitted; none where that is nobody.
    pub(crate) async fn roster(
        &self,
        experience: &ExperienceId,
    ) -> Result<Option<BTreeMap<OrganizationId, Admitted>>, LedgerError> {
        let named = self.named.iter().map(|id| (id.clone(), Admitted { named: true, record: None }));
        let mut roster: BTreeMap<_, _> = named.collect();
        for member in self.roster.members(experience).await? {
            let admitted = roster.entry(member.organization.clone()).or_default();
            admitted.record = Some(member);
        }
        Ok((!roster.is_empty()).then_some(roster))
    }

    async fn look_at(
        &self,
        roster: &BTreeMap<OrganizationId, Admitted>,
        experience: &ExperienceId,
    ) -> Result<(Vec<Looked>, Option<String>), LedgerError> {
        let admitted = roster.iter().map(|(id, admitted)| (id.clone(), admitted.extent()));
        let (admitted, partitions) = tokio::join!(self.read(admitted, experience), self.reports.partitions());
        let (strangers, left_out) = match partitions {
            Ok(found) => {
                let left_out = found.more.then(|| "the table holds more organizations than are read".to_owned());
                (found.organizations.into_iter().filter(|id| !roster.contains_key(id)).collect(), left_out)
            }
            Err(error) => (
                Vec::<OrganizationId>::new(),
                Some(format!("whether others write into the table could not be read: {error}")),
            ),
        };
        let strangers = self.read(strangers.into_iter().map(|id| (id, Extent::Usual)), experience).await;
        let failed = admitted.iter().all(|(_, report)| report.is_err());
        let mut looked = Vec::new();
        for (id, report) in admitted {
            match report {
                // Not one could be read, so the fault is not a member's. A read that failed never
                // means that nobody reported (rule 12).
                Err(error) if failed => return Err(error),
                report => looked.push(Looked { id, report: report.map_err(|error| error.to_string()) }),
            }
        }
        // Organizations that follow another management experience are no strangers to it.
        looked.extend(strangers.into_iter().filter_map(|(id, report)| match report {
            Ok(report) if report.is_empty() => None,
            report => Some(Looked { id, report: report.map_err(|error| error.to_string()) }),
        }));
        looked.sort_by(|a, b| a.id.cmp(&b.id));
        Ok((looked, left_out))
    }

    /// What these organizations reported, side by side.
    async fn read(
        &self,
        organizations: impl Iterator<Item = (OrganizationId, Extent)>,
        experience: &ExperienceId,
    ) -> Vec<(OrganizationId, Result<Report, LedgerError>)> {
        let read = async |(id, extent): (OrganizationId, Extent)| {
            let report = self.reports.report(&id, experience, extent).await;
            (id, report)
        };
        futures::stream::iter(organizations.map(read)).buffer_unordered(AT_ONCE).collect().await
    }
}

/// The management experience of the ledger whose id is most like `experience`, but for `others`,
/// which are not meant.
pub(crate) async fn most_like(
    reports: &dyn Reports,
    experience: &ExperienceId,
    others: &BTreeSet<ExperienceId>,
) -> Result<Option<ExperienceId>, LedgerError> {
    let known = reports.management_experiences().await?;
    // There are few, and a person who named none of them meant one of them.
    Ok(most_alike(
        experience.as_str(),
        known.into_iter().filter(|known| known != experience && !others.contains(known)),
    ))
}

impl View {
    /// Where the ledger stands, as far as spokes and hub may act on it.
    pub(crate) fn restored(&self) -> Option<Restored> {
        Restored::find(self.mark.as_ref(), self.head.as_ref())
    }

    /// Whether the hub ever stored a snapshot of the experience that was looked at.
    pub(crate) fn knows_experience(&self) -> bool {
        self.head.is_some() || self.mark.is_some()
    }

    /// Whether any organization was ever heard of.
    pub(crate) fn heard_of_any(&self) -> bool {
        self.looked.iter().any(|looked| looked.report.as_ref().map_or(true, |report| !report.is_empty()))
    }

    /// What operators direct for one organization.
    pub(crate) fn direction(&self, organization: &OrganizationId) -> Option<&Direction> {
        self.directions.found.get(organization).map(|directed| &directed.direction)
    }

    /// Which snapshot an organization is to be on; none before the first.
    pub(crate) fn expected(&self, organization: &OrganizationId) -> Option<Expected<'_>> {
        let head = self.head.as_ref()?;
        let pin = self.direction(organization).and_then(|direction| direction.pin.as_ref());
        let turn = turn(self.fleet.direction(), self.direction(organization));
        Some(match (pin, turn) {
            (Some(pin), _) => Expected { version: pin.version, digest: pin.digest, since: pin.at, pin: Some(pin) },
            (None, Some(turn)) => Expected { version: turn.version, digest: turn.digest, since: turn.at, pin: None },
            (None, None) => Expected { version: head.latest, digest: head.digest, since: head.taken_at, pin: None },
        })
    }

    /// The wave that an organization belongs to; none where there are no waves.
    pub(crate) fn wave(&self, organization: &OrganizationId) -> Option<InWave> {
        let kept = self.waves.kept()?;
        in_wave(&kept.waves, &kept.state.rollout, organization)
    }

    /// The organizations that waves name and that are not on the roster, each with its wave: an id
    /// may be mistyped. None where nobody was admitted by name.
    pub(crate) fn strangers_in_waves(&self) -> Vec<(String, OrganizationId)> {
        let (Some(kept), Some(roster)) = (self.waves.kept(), &self.roster) else { return Vec::new() };
        let named = kept.waves.waves().iter().flat_map(|wave| match &wave.members {
            Members::Organizations(named) => named.iter().map(|id| (wave.name.to_string(), id.clone())).collect(),
            Members::Share(_) => Vec::new(),
        });
        named.filter(|(_, id)| !roster.contains_key(id)).collect()
    }

    /// How many versions `version` is behind what the organization is to be on; for one that is
    /// pinned, how far it is from the pin.
    pub(crate) fn lag(&self, organization: &OrganizationId, version: SnapshotVersion) -> Option<u64> {
        let expected = self.expected(organization)?;
        Some(match expected.pin {
            Some(pin) => pin.version.get().abs_diff(version.get()),
            None => expected.version.get().saturating_sub(version.get()),
        })
    }

    /// Whether an organization was admitted, or nobody asks for that.
    pub(crate) fn is_admitted(&self, organization: &OrganizationId) -> bool {
        self.roster.as_ref().is_none_or(|roster| roster.contains_key(organization))
    }

    /// The reports that could be read.
    pub(crate) fn reports(&self) -> impl Iterator<Item = &Report> {
        self.looked.iter().filter_map(|looked| looked.report.as_ref().ok())
    }

    /// What was found of one organization; none where it was not looked at.
    pub(crate) fn looked_at(&self, organization: &OrganizationId) -> Option<&Looked> {
        self.looked.get(*self.index().places.get(organization)?)
    }

    /// The report of one organization; none where it was not looked at, or could not be read.
    pub(crate) fn report(&self, organization: &OrganizationId) -> Option<&Report> {
        self.looked_at(organization)?.report.as_ref().ok()
    }

    /// Whether a report is about a version that is neither the newest nor one that cannot be.
    fn needs_history(&self) -> bool {
        let Some(head) = &self.head else { return false };
        let receipts = self.reports().flat_map(|report| &report.organization.receipts);
        receipts.flat_map(claims).any(|(version, _)| version < head.latest)
    }

    /// Why a receipt is not believed; none where the ledger confirms it (rule 10). Admission comes
    /// first: what a stranger wrote is not looked at any further.
    pub(crate) fn dispute(&self, receipt: &Receipt, now: Timestamp) -> Option<String> {
        // Protocol R6.
        if !self.is_admitted(&receipt.organization) {
            return Some(NOT_ADMITTED.to_owned());
        }
        let times = [Some(receipt.received_at), receipt.applied_at, receipt.applied().map(|applied| applied.at)];
        if let Some(time) = times.into_iter().flatten().find(|time| is_ahead(*time, now)) {
            return Some(format!("its time is ahead of the hub's clock: {time}"));
        }
        // Of most organizations no pin was ever changed.
        let line = if receipt.line > 0 { self.line_of(&receipt.organization) } else { 0 };
        if receipt.line > line {
            return Some(format!(
                "it says that its pin was changed {} times, and it was {line} times, unless somebody put an older direction back",
                receipt.line
            ));
        }
        claims(receipt).find_map(|(version, digest)| self.unknown(version, digest))
    }

    /// How often the pin of an organization was changed. Only operators of the hub begin a line,
    /// and they write it in two places at once: where its spoke reads it, and where the hub lists
    /// it. So where somebody took one of them away, the other one tells.
    fn line_of(&self, organization: &OrganizationId) -> u64 {
        let listed = self.direction(organization).map_or(0, |direction| direction.line);
        let as_read = self.report(organization).and_then(|report| report.organization.direction.direction());
        listed.max(as_read.map_or(0, |direction| direction.line))
    }

    /// Why something else that a member wrote about a snapshot is not believed; none where the
    /// ledger bears it out.
    pub(crate) fn doubt(
        &self,
        organization: &OrganizationId,
        version: SnapshotVersion,
        digest: Digest,
        at: Timestamp,
        now: Timestamp,
    ) -> Option<String> {
        if !self.is_admitted(organization) {
            return Some(NOT_ADMITTED.to_owned());
        }
        if is_ahead(at, now) {
            return Some(format!("its time is ahead of the hub's clock: {at}"));
        }
        self.unknown(version, digest)
    }

    /// Why the ledger does not know a version with this digest; none where it does.
    fn unknown(&self, version: SnapshotVersion, digest: Digest) -> Option<String> {
        let Some(head) = &self.head else {
            return Some(format!("there is no snapshot {version}: none was stored yet"));
        };
        let lost = |mark: &HeadMark| version > head.latest && version <= mark.version;
        if self.mark.as_ref().is_some_and(lost) {
            return Some(format!("snapshot {version} is not in the ledger any more: the Snapshots table was restored"));
        }
        if version > head.latest {
            return Some(format!("the ledger has no snapshot {version}: the newest is {}", head.latest));
        }
        let known = if version == head.latest { Some(&head.digest) } else { self.kept.get(&version) };
        match known {
            Some(known) if *known == digest => None,
            Some(known) => Some(format!(
                "it names snapshot {version} with digest {}, which has {} in the ledger",
                digest.short(),
                known.short()
            )),
            // Pruned: nothing is left to hold it against, and it is behind in any case.
            None if self.is_pruned(version) => None,
            None => Some(format!("the ledger has no snapshot {version}: it was never stored, or is lost")),
        }
    }
}

impl View {
    /// Whether a version that is not kept is older than all that are kept for their age. Those that
    /// are directed stay, however old they are, and so does one whose pin was taken back, until the
    /// hub prunes next: it stands alone by then. What is missing among the others was never pruned.
    fn is_pruned(&self, version: SnapshotVersion) -> bool {
        let stands_alone = |kept: SnapshotVersion| {
            let before = SnapshotVersion::new(kept.get() - 1).is_ok_and(|before| self.kept.contains_key(&before));
            !before && !self.kept.contains_key(&kept.next())
        };
        let Index { directed, was_pinned, .. } = self.index();
        let mut older = self.kept.range(..version).map(|(older, _)| *older);
        older.all(|older| directed.contains(&older) || (*was_pinned && stands_alone(older)))
    }

    /// What is looked up for each receipt, found once: a fleet of thousands has thousands of
    /// directions.
    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let mut index = Index::default();
            for direction in self.all_directions() {
                let pin = direction.pin.as_ref().map(|pin| pin.version);
                let turn = direction.turn.as_ref().map(|turn| turn.version);
                index.directed.extend(pin.into_iter().chain(turn));
                index.was_pinned |= direction.line > 0;
            }
            index.places = self.looked.iter().zip(0..).map(|(looked, place)| (looked.id.clone(), place)).collect();
            index
        })
    }

    /// What is directed for the fleet, and for organizations.
    fn all_directions(&self) -> impl Iterator<Item = &Direction> {
        let own = self.directions.found.values().map(|directed| &directed.direction);
        self.fleet.direction().into_iter().chain(own)
    }
}

/// Which snapshot an organization is to be on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) version: SnapshotVersion,
    pub(crate) digest: Digest,
    /// Since when: since it was taken or pinned, or since the turn of the organization came.
    pub(crate) since: Timestamp,
    /// The pin of the organization, where there is one.
    pub(crate) pin: Option<&'a Pin>,
}

/// What a receipt says of the ledger: the versions that were tried and applied, with their digests.
fn claims(receipt: &Receipt) -> impl Iterator<Item = (SnapshotVersion, Digest)> {
    let applied = receipt.applied().map(|applied| (applied.version, applied.digest));
    std::iter::once((receipt.version, receipt.digest)).chain(applied)
}

/// A head may be ahead of the mark by as many versions: a hub stopped between the two, or one of an
/// earlier release, which raises no mark, was at work.
const UNMARKED: u64 = 50;

/// The `Snapshots` table was restored to an earlier moment: versions that were stored and announced
/// are gone. Or its head was written by someone else: it names a version that no hub ever came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The highest version that was ever stored.
    pub mark: HeadMark,
    /// The newest that the ledger has now; none where it has none.
    pub latest: Option<SnapshotVersion>,
}

impl Restored {
    /// Whether it was, by the high-water mark, which is read before the head.
    pub(crate) fn find(mark: Option<&HeadMark>, head: Option<&Head>) -> Option<Self> {
        let mark = mark?;
        (is_restored(mark, head) || is_far_ahead(mark, head))
            .then(|| Self { mark: *mark, latest: head.map(|head| head.latest) })
    }

    /// The version with which a recovery goes on.
    pub(crate) fn next(&self) -> SnapshotVersion {
        self.mark.version.next()
    }

    /// Whether nothing is lost, and the head names what no hub stored.
    pub(crate) fn is_ahead(&self) -> bool {
        self.latest.is_some_and(|latest| latest > self.mark.version)
    }

    /// Which versions are lost, in words.
    pub(crate) fn lost(&self) -> String {
        if self.is_ahead() {
            return "nothing".to_owned();
        }
        let (first, last) = (self.latest.map_or(SnapshotVersion::FIRST, SnapshotVersion::next), self.mark.version);
        match first.cmp(&last) {
            std::cmp::Ordering::Less => format!("snapshots {first} to {last}"),
            std::cmp::Ordering::Equal => format!("snapshot {last}"),
            std::cmp::Ordering::Greater => format!("snapshot {last} as it was"),
        }
    }
}

fn is_far_ahead(mark: &HeadMark, head: Option<&Head>) -> bool {
    head.is_some_and(|head| head.latest.get().saturating_sub(mark.version.get()) > UNMARKED)
}

impl std::fmt::Display for Restored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.latest {
            Some(latest) if self.is_ahead() => {
                let highest = self.mark.version;
                write!(
                    f,
                    "the Snapshots table names snapshot {latest} as the newest, and no hub came further than {highest}: someone else wrote that"
                )
            }
            Some(latest) => {
                write!(f, "the Snapshots table was restored to snapshot {latest}: it lacks {}", self.lost())
            }
            None => write!(f, "the Snapshots table holds no snapshot any more: it lacks {}", self.lost()),
        }
    }
}
