//! Reads the ledger at the beginning of a pass: the snapshot in force, and the receipts. The ledger
//! is the truth, a message is a hint (rule 9): a spoke acts on the version and digest that the head
//! names, and on nothing else.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pmp_aws::ApiError;
use pmp_ledger::{Found, Head, LedgerError, Organization, Said, Unreadable, is_restored};
use pmp_protocol::{
    ChangeSetTimes, Digest, DisputedReceipt, ExperienceId, HeadMark, Hold, Needs, OrganizationSeen, Paused, Receipt,
    ReceiptStatus, Snapshot, SnapshotMessage, SnapshotVersion, SpokeScope, WindowsSaid, is_ahead, one_line,
};
use tokio::time::Instant;

use crate::error::SpokeError;
use crate::mode::Mode;
use crate::not_obeyed::{NotObeyed, Whose};
use crate::pass::beside::Beside;
use crate::pass::steer::{self, Steering};
use crate::pass::windows::{self, WindowsInForce};
use crate::pass::{Spoke, snapshot};

/// How long the sign of life names a receipt that was disputed.
const TELL_FOR: SignedDuration = SignedDuration::from_hours(24);
/// The most disputed receipts that a sign of life names.
const MAX_TOLD: usize = 20;
/// After so long a fetch the ledger's word is read again: as long as a poll, by which spokes obey.
const WORD_COUNTS_FOR: Duration = Duration::from_secs(5);

/// The ledger as it was at the beginning of a pass. While the lease is held, only the hub changes
/// it, and the hub's versions only grow.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// The newest snapshot of the ledger. It is the one in force, unless a pin or waves direct the
    /// organization to another one ([`Self::target`]).
    pub(crate) head: Head,
    /// What operators direct, and the member's own hold.
    pub(crate) steering: Steering,
    /// Why nothing is changed now; none where changes may be made.
    pub(crate) paused: Option<Paused>,
    /// What change windows say now; none where there are none.
    pub(crate) windows: Option<WindowsSaid>,
    /// The items of this organization. Receipts that do not match the ledger are left out: they
    /// prove nothing about what was done here, and supersede nothing.
    pub(crate) before: Organization,
    /// The two items that hold signs of life of this spoke.
    pub(crate) signs: Signs,
    /// The experiences whose receipts have to be replaced, each with the item that is there now.
    pub(crate) disputed: BTreeMap<ExperienceId, Option<Found>>,
    /// What the sign of life says about these receipts.
    pub(crate) told: Vec<DisputedReceipt>,
    /// What this spoke lacks to follow the hub, if a message showed it.
    pub(crate) needs: Option<Needs>,
    /// The other spokes of this organization.
    pub(crate) beside: Beside,
}

/// The two items with signs of life, as they were at the beginning of a pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signs {
    /// That of this spoke itself.
    pub(crate) own: Option<OrganizationSeen>,
    /// That of the organization, by whichever of its spokes wrote it last.
    pub(crate) organization: Option<OrganizationSeen>,
}

/// One of the two items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Own,
    Organization,
}

impl Signs {
    /// The item that a pass without anything to do writes: the older one, so that none of the two
    /// is ever older than two such passes. Where the organization's is another spoke's, or what
    /// this spoke says of itself is new, it is its own.
    pub(crate) fn to_renew(&self, introduction: &SpokeScope) -> Sign {
        // Protocol R13.
        let (Some(own), Some(organization)) = (&self.own, &self.organization) else { return Sign::Own };
        let says_the_same = own.spoke.as_ref() == Some(introduction) && organization.spoke == own.spoke;
        if says_the_same && organization.last_seen < own.last_seen { Sign::Organization } else { Sign::Own }
    }
}

/// What is done about the organization's own hold, where it cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnHold {
    /// Nothing may be changed then.
    Obeyed,
    /// It is about to be written anew.
    Replaced,
}

impl Spoke {
    /// Reads the ledger for a pass. If the ledger was restored to an earlier moment, or is not
    /// trusted, it reports to the hub that this spoke waits.
    ///
    /// # Errors
    /// Where there is no snapshot, where the ledger was restored or is not trusted, where what
    /// operators direct is not obeyed, and where it cannot be read. Nothing may be changed then.
    pub(crate) async fn begin(&self, needs: Option<Needs>) -> Result<Standing, SpokeError> {
        let standing = self.standing().await;
        if let Err(
            error @ (SpokeError::Restored { .. } | SpokeError::Untrusted { .. } | SpokeError::NotObeyed { .. }),
        ) = &standing
        {
            self.report_error(one_line(error), needs.clone()).await?;
        }
        let standing = standing?;
        standing.warn();
        self.wakes_after(standing.paused.as_ref());
        self.trust.keep(self.receipts.as_ref(), &self.identity, &self.management).await?;
        Ok(Standing { needs, ..standing })
    }

    /// Reads the ledger, and reports nothing to the hub.
    pub(crate) async fn standing(&self) -> Result<Standing, SpokeError> {
        self.standing_by(OwnHold::Obeyed).await
    }

    /// The same for whoever is about to write the organization's own hold anew: one that cannot be
    /// read is none, and keeps nobody from that.
    pub(crate) async fn standing_to_hold(&self) -> Result<Standing, SpokeError> {
        self.standing_by(OwnHold::Replaced).await
    }

    async fn standing_by(&self, own_hold: OwnHold) -> Result<Standing, SpokeError> {
        // Receipts are read before the head. A spoke acknowledges only what the hub has stored, so
        // a receipt above a head that was read later cannot be genuine.
        let before = self.receipts.organization(&self.identity.organization, &self.management).await?;
        // What operators direct is read before the head: a pin names a version that was stored by
        // then.
        let fleet = self.receipts.direction(&self.management, None).await?;
        // The mark is read before the head. The hub stores first and raises the mark after that. In
        // the other order, a publish between the two reads would look like a ledger that was
        // restored.
        let mark = self.mark().await?;
        let head = self.snapshots.head(&self.management).await?;
        if let Some(mark) = mark.filter(|mark| is_restored(mark, head.as_ref())) {
            return Err(SpokeError::Restored { head: head.map(|head| head.latest), stored: mark.version });
        }
        let head = head.ok_or_else(|| SpokeError::NoSnapshot(ExperienceId::clone(&self.management)))?;
        let (receipts, now) = (self.receipts.as_ref(), self.clock.now());
        self.trust.check(receipts, &self.identity, &self.management, &head, now).await?;
        let steering = self.steering(&before, fleet, &head, own_hold).await?;
        // Digests are read only where a receipt is older than the head, and not about what is
        // directed. Most passes find none.
        let directed = steering.directed();
        let is_directed = |it: &Receipt| {
            directed == Some((it.version, it.digest))
                && it.applied.is_none_or(|applied| directed == Some((applied.version, applied.digest)))
        };
        let older = before.receipts.iter().any(|it| lowest(it) < head.latest && !is_directed(it));
        let digests = if older { self.snapshots.digests(&self.management).await? } else { BTreeMap::new() };
        let beside = self.beside(&before);
        self.lease.share_with(beside.neighbours().count());
        Ok(sift(&self.management, head, steering, &digests, before, beside, self.clock.now()))
    }

    /// What operators direct, where it may be obeyed, and the member's own hold.
    async fn steering(
        &self,
        before: &Organization,
        fleet: Said,
        head: &Head,
        own_hold: OwnHold,
    ) -> Result<Steering, SpokeError> {
        let not_obeyed = |whose| move |problem: NotObeyed| SpokeError::NotObeyed { whose, problem };
        let reads = before.direction != Said::NotPermitted && fleet != Said::NotPermitted;
        self.reads_directions.store(reads, Ordering::Relaxed);
        let hold = match (steer::own_hold(before, &self.management), own_hold) {
            (Err(_), OwnHold::Replaced) => None,
            (hold, _) => hold.map_err(not_obeyed(Whose::Member))?,
        };
        let [fleet, own] = {
            let said = [&fleet, &before.direction];
            self.trust.directions(self.receipts.as_ref(), &self.identity, &self.management, said).await?
        };
        if let Some(pin) = own.as_ref().and_then(|own| own.pin.as_ref())
            && pin.version > head.latest
        {
            let problem = NotObeyed::PinnedAhead { pinned: pin.version, newest: head.latest };
            return Err(not_obeyed(Whose::Organization)(problem));
        }
        let of_the_fleet = windows::of_the_fleet(fleet.as_ref());
        let of_the_fleet = of_the_fleet.map_err(|problem| not_obeyed(Whose::Fleet)(NotObeyed::Unreadable(problem)))?;
        let (own_windows, outside) = (self.windows.clone(), self.outside.clone());
        let windows = WindowsInForce { fleet: of_the_fleet, own: own_windows, outside };
        let steering = Steering { fleet, own, hold, windows, halted: None, reads };
        if let Some(turn) = steering.turn().filter(|turn| turn.version > head.latest) {
            let problem = NotObeyed::TurnAhead { turn: turn.version, newest: head.latest };
            return Err(not_obeyed(Whose::Fleet)(problem));
        }
        Ok(steering)
    }

    /// Notes when an agent looks at the ledger by itself, because this pause is over then.
    pub(crate) fn wakes_after(&self, paused: Option<&Paused>) {
        *self.pause_ends.lock().unwrap_or_else(PoisonError::into_inner) = paused.map(|paused| paused.until);
    }

    /// Waits until the pause ends that was found last; for ever, where nothing is paused. Each is
    /// told once.
    pub(crate) async fn pause_is_over(&self) {
        let pause_ends = || self.pause_ends.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = *pause_ends() else { return std::future::pending().await };
        let left = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        tokio::time::sleep(left).await;
        *pause_ends() = None;
    }

    /// The other spokes of this organization, by their signs of life.
    pub(crate) fn beside(&self, organization: &Organization) -> Beside {
        Beside::of(self.selection.scope(), organization)
    }

    /// Writes what this spoke lacks into its sign of life, and leaves the rest of it as it is.
    pub(crate) async fn report_needs(&self, needs: &Needs) -> Result<(), LedgerError> {
        let before = self.receipts.organization(&self.identity.organization, &self.management).await?;
        let beside = self.beside(&before);
        let life = before.sign_of(&beside.me().id).cloned().map_or_else(SignOfLife::default, |seen| SignOfLife {
            experiences: seen.experiences,
            error: seen.error,
            times: seen.change_set_times,
            needs: None,
            hold: seen.hold,
            disputed: seen.disputed,
        });
        self.report_seen(SignOfLife { needs: Some(needs.clone()), ..life }, &beside).await
    }

    /// Fetches the snapshot that a pass is for. A large one takes minutes, and operators may have
    /// halted, pinned or paused meanwhile: then the ledger's word is read again, and counts.
    pub(crate) async fn taken_up(
        &self,
        mut standing: Standing,
        messages: &[SnapshotMessage],
    ) -> Result<(Standing, Snapshot), SpokeError> {
        loop {
            let began = Instant::now();
            let snapshot = self.in_force(&standing, messages).await?;
            if began.elapsed() < WORD_COUNTS_FOR {
                return Ok((standing, snapshot));
            }
            // Protocol D11 and D15.
            let again = self.begin(standing.needs.clone()).await?;
            let is_the_same = again.target() == standing.target();
            standing = again;
            if is_the_same {
                return Ok((standing, snapshot));
            }
        }
    }

    /// The snapshot that a pass is for: the one that is directed, by a pin or by waves, or the
    /// newest, whose content is taken from one of `messages` where one has it.
    pub(crate) async fn in_force(
        &self,
        standing: &Standing,
        messages: &[SnapshotMessage],
    ) -> Result<Snapshot, SpokeError> {
        let store = self.snapshots.as_ref();
        match standing.steering.directed() {
            Some(directed) if directed != (standing.head.latest, standing.head.digest) => {
                snapshot::directed(store, &self.management, directed).await
            }
            _ => snapshot::in_force(store, &self.management, &standing.head, messages).await,
        }
    }

    /// The high-water mark. `None` where the role may not read it, because an earlier release's
    /// template made it.
    async fn mark(&self) -> Result<Option<HeadMark>, LedgerError> {
        match self.receipts.mark(&self.management).await {
            Err(error) if error.api().is_some_and(ApiError::is_access_denied) => {
                tracing::warn!(%error, "a ledger that was restored cannot be told: the hub's template is an older one");
                Ok(None)
            }
            outcome => outcome,
        }
    }
}

impl Standing {
    /// The disputed item in the place of the receipt for `member`, which may be overwritten.
    pub(crate) fn found(&self, member: &ExperienceId) -> Option<&Found> {
        self.disputed.get(member).and_then(Option::as_ref)
    }

    /// Whether a receipt of the experience is in the ledger, even a disputed one.
    pub(crate) fn knows(&self, member: &ExperienceId) -> bool {
        let told = self.before.receipts.iter().any(|receipt| receipt.member_experience == *member);
        told || self.disputed.contains_key(member)
    }

    /// Which snapshot a pass is for.
    pub(crate) fn target(&self) -> (SnapshotVersion, Digest) {
        self.steering.target(&self.head)
    }

    /// Whether there is something to do without a message: an earlier run was stopped or failed,
    /// receipts are not about the snapshot in force, a pause has begun or ended, or this is the
    /// first run (rule 2). What was only observed
    /// is left for a spoke that applies.
    pub(crate) fn leaves_something(&self, mode: Mode) -> bool {
        let Organization { seen, receipts, .. } = &self.before;
        let behind = |receipt: &Receipt| {
            let observed = receipt.would_change.is_some_and(|it| !it.is_nothing()) && !mode.observes();
            let elsewhere = (receipt.version, receipt.digest) != self.target();
            let waited = receipt.paused.is_some() && self.paused.is_none();
            // While nothing may be changed, what is unfinished stays so.
            let unfinished = receipt.is_unfinished() && self.paused.is_none();
            unfinished || waited || elsewhere || observed
        };
        let failed = seen.as_ref().is_some_and(|seen| seen.error.is_some());
        failed || receipts.iter().any(behind) || (seen.is_none() && receipts.is_empty())
    }

    /// Whether only the live state can make work for a pass: every experience was left in step with
    /// the head, or out of this spoke's hands, and nothing in the ledger is to be put right.
    pub(crate) fn is_settled(&self, mode: Mode) -> bool {
        let receipts = &self.before.receipts;
        let steady = |receipt: &Receipt| matches!(receipt.status, ReceiptStatus::InSync | ReceiptStatus::Skipped);
        !receipts.is_empty()
            && receipts.iter().all(steady)
            && self.needs.is_none()
            && self.disputed.is_empty()
            && self.beside.superseded().is_empty()
            && !self.leaves_something(mode)
    }

    fn warn(&self) {
        for (experience, found) in &self.disputed {
            let version = found.as_ref().map_or("none", |found| &found.version);
            let digest = found.as_ref().and_then(|found| found.digest.as_deref()).unwrap_or("none");
            let head = self.head.latest;
            tracing::error!(
                %experience, version, digest, %head,
                "a receipt that does not match the ledger: forged or damaged; it supersedes nothing and is replaced"
            );
        }
        for Unreadable { key, problem, .. } in &self.before.unreadable {
            tracing::error!(key, problem, "an item of this organization in the ledger cannot be read");
        }
    }
}

/// The content of a sign of life, without its writer and its time.
#[derive(Debug, Clone, Default)]
pub(crate) struct SignOfLife {
    /// How many member experiences are kept in step.
    pub(crate) experiences: usize,
    /// Why the pass as a whole failed.
    pub(crate) error: Option<String>,
    /// How long change sets take.
    pub(crate) times: Option<ChangeSetTimes>,
    /// What this spoke lacks.
    pub(crate) needs: Option<Needs>,
    /// The member's own hold, as it is told.
    pub(crate) hold: Option<Hold>,
    /// Receipts that were disputed.
    pub(crate) disputed: Vec<DisputedReceipt>,
}

/// The oldest version that a receipt names.
fn lowest(receipt: &Receipt) -> SnapshotVersion {
    receipt.applied.map_or(receipt.version, |applied| applied.version.min(receipt.version))
}

/// Separates the receipts that match the ledger from the others (rule 9). Pure.
fn sift(
    management: &ExperienceId,
    head: Head,
    steering: Steering,
    digests: &BTreeMap<SnapshotVersion, Digest>,
    mut before: Organization,
    beside: Beside,
    now: Timestamp,
) -> Standing {
    let own = before.spokes.iter().find(|seen| seen.spoke.as_ref().is_some_and(|spoke| spoke.id == beside.me().id));
    let signs = Signs { own: own.cloned(), organization: before.seen.clone() };
    before.seen = before.sign_of(&beside.me().id).cloned();
    let directed = steering.directed();
    // Protocol R7.
    let borne_out = |version: SnapshotVersion, digest: Digest| match version.cmp(&head.latest) {
        _ if directed == Some((version, digest)) => true,
        std::cmp::Ordering::Greater => false,
        std::cmp::Ordering::Equal => digest == head.digest,
        // Versions that an older hub stored, or that are pruned, cannot be compared; they supersede
        // nothing either.
        std::cmp::Ordering::Less => digests.get(&version).is_none_or(|known| *known == digest),
    };
    // The hub believes no such time either, and a pass keeps what it finds of an earlier one.
    let times = |receipt: &Receipt| [Some(receipt.received_at), receipt.applied_at, receipt.applied.map(|it| it.at)];
    let (receipts, forged): (Vec<_>, Vec<_>) = before.receipts.into_iter().partition(|receipt| {
        // Only the hub's operators begin a line.
        let known = receipt.line <= steering.line();
        known
            && borne_out(receipt.version, receipt.digest)
            && !times(receipt).into_iter().flatten().any(|time| is_ahead(time, now))
    });
    // What another spoke wrote is its own to mend; what nobody else can be told to have written,
    // this one replaces.
    let mut forged = forged;
    forged.retain(|receipt| !(beside.is_anothers(receipt) && beside.is_for_another(&receipt.member_experience)));
    before.receipts = receipts;
    // Protocol R12.
    before.receipts.retain(|receipt| !beside.is_anothers(receipt));
    for receipt in &mut before.receipts {
        receipt.applied = receipt.applied.filter(|applied| borne_out(applied.version, applied.digest));
    }
    let mut told = still_told(before.seen.as_ref(), now);
    told.extend(forged.iter().map(|receipt| DisputedReceipt {
        member_experience: receipt.member_experience.clone(),
        version: receipt.version,
        digest: receipt.digest,
        found_at: now,
    }));
    told.drain(..told.len().saturating_sub(MAX_TOLD));
    let mut disputed: BTreeMap<_, _> =
        forged.iter().map(|receipt| (receipt.member_experience.clone(), Some(Found::of(receipt)))).collect();
    let unreadable = before.unreadable.iter();
    let unreadable = unreadable.filter_map(|item| Some((member_of(item, management)?, item.found.clone())));
    disputed.extend(unreadable.filter(|(member, _)| !beside.is_for_another(member)));
    let steering = steering.with(&before.receipts);
    let (paused, windows) = (steering.paused(now), steering.windows.said(now));
    Standing { head, steering, paused, windows, before, signs, disputed, told, needs: None, beside }
}

/// The member experience in the place of whose receipt an item lies that cannot be read; none where
/// it lies elsewhere.
fn member_of(item: &Unreadable, management: &ExperienceId) -> Option<ExperienceId> {
    let member = item.key.strip_prefix(management.as_str())?.strip_prefix('#')?;
    ExperienceId::new(member).ok()
}

/// What an earlier pass told and is still to be told.
fn still_told(seen: Option<&OrganizationSeen>, now: Timestamp) -> Vec<DisputedReceipt> {
    // Protocol R7.
    let told = seen.into_iter().flat_map(|seen| &seen.disputed);
    let recent = |age: SignedDuration| !age.is_negative() && age < TELL_FOR;
    told.filter(|disputed| recent(now.duration_since(disputed.found_at))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use pmp_ledger::testing::head;
    use pmp_protocol::testing::{self, alpha, experience, management, seen, version};
    use pmp_protocol::{Applied, Coded};

    use super::*;
    use crate::pass::gone;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn receipt(member: &str, number: u64, content: &str, applied: Option<(u64, &str)>) -> Receipt {
        let of = |content: &str| Digest::of(content.as_bytes());
        Receipt {
            member_experience: experience(member),
            digest: of(content),
            received_at: at(0),
            applied: applied.map(|(number, content)| Applied {
                version: version(number),
                digest: of(content),
                at: at(0),
            }),
            ..testing::receipt(number, ReceiptStatus::Failed, None)
        }
    }

    /// The head is version 7 of content `seven`; the ledger knows version 6 as `six`, and not
    /// version 5.
    fn sifted(receipts: Vec<Receipt>, unreadable: Vec<Unreadable>) -> Standing {
        let head = Head { digest: Digest::of(b"seven"), ..head(7) };
        let digests = BTreeMap::from([(version(6), Digest::of(b"six")), (version(7), Digest::of(b"seven"))]);
        let organization = Organization::unknown(alpha());
        let organization = Organization { receipts, unreadable, ..organization };
        let beside = Beside::of(SpokeScope::of(None), &organization);
        sift(&management(), head, Steering::default(), &digests, organization, beside, at(100))
    }

    #[test]
    fn a_receipt_counts_only_where_the_ledger_bears_it_out() {
        // Protocol R7.
        let standing = sifted(
            vec![
                receipt("exp-at-head", 7, "seven", Some((6, "six"))),
                receipt("exp-behind", 6, "six", None),
                receipt("exp-pruned", 5, "whatever", None),
                receipt("exp-ahead", 8, "eight", None),
                receipt("exp-far-ahead", u64::MAX, "seven", None),
                receipt("exp-other-content", 7, "other", None),
                receipt("exp-other-past", 6, "other", None),
            ],
            Vec::new(),
        );
        let kept: Vec<_> = standing.before.receipts.iter().map(|it| it.member_experience.as_str()).collect();
        assert_eq!(kept, ["exp-at-head", "exp-behind", "exp-pruned"]);
        let disputed: Vec<_> = standing.disputed.keys().map(ExperienceId::as_str).collect();
        assert_eq!(disputed, ["exp-ahead", "exp-far-ahead", "exp-other-content", "exp-other-past"]);
        let far = ExperienceId::new("exp-far-ahead").unwrap();
        assert_eq!(standing.found(&far).unwrap().version, "18446744073709551615");
        assert_eq!(standing.told.len(), 4);
    }

    #[test]
    fn what_was_kept_in_step_and_is_not_found_any_more_is_told() {
        let standing = sifted(vec![receipt("exp-a", 7, "seven", None)], Vec::new());
        let gone = gone(&standing, &[]);
        assert_eq!((gone.len(), gone[0].id.as_str()), (1, "exp-a"));
        assert_eq!(gone[0].state.as_ref().unwrap_err().code().to_string(), "E5017");
    }

    #[test]
    fn a_receipt_whose_time_cannot_be_yet_counts_for_nothing() {
        // Protocol R7. Five minutes after the spoke's time, and a second more.
        let taken = |second| Receipt { received_at: at(second), ..receipt("exp-a", 7, "seven", None) };
        assert_eq!(sifted(vec![taken(400)], Vec::new()).before.receipts.len(), 1);
        assert_eq!(sifted(vec![taken(401)], Vec::new()).before.receipts.len(), 0);
    }

    #[test]
    fn what_a_true_receipt_claims_to_be_in_force_is_compared_as_well() {
        // Protocol R7.
        let applied =
            |claimed| sifted(vec![receipt("exp-a", 7, "seven", Some(claimed))], Vec::new()).before.receipts[0].applied;
        assert_eq!(applied((6, "six")).unwrap().version, version(6));
        for claimed in [(8, "eight"), (u64::MAX, "seven"), (7, "other"), (6, "other")] {
            assert_eq!(applied(claimed), None, "{claimed:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_replaced_where_a_receipt_belongs() {
        let item = |key: &str| Unreadable {
            organization: alpha(),
            key: key.to_owned(),
            problem: "no field".to_owned(),
            found: Some(Found { version: "1e30".to_owned(), digest: None }),
        };
        let keys =
            ["exp-management#exp-a", "exp-management#", "exp-management#not an id", "confirm#exp-management#exp-b"];
        let standing = sifted(Vec::new(), keys.map(item).into());
        let disputed: Vec<_> = standing.disputed.keys().map(ExperienceId::as_str).collect();
        assert_eq!(disputed, ["exp-a"]);
    }

    #[test]
    fn what_was_disputed_is_told_for_a_day() {
        // Protocol R7.
        let told = |member: &str, second| DisputedReceipt {
            member_experience: ExperienceId::new(member).unwrap(),
            version: version(9),
            digest: Digest::of(b"nine"),
            found_at: at(second),
        };
        let disputed = vec![told("exp-old", 0), told("exp-recent", 50_000), told("exp-of-the-future", 200_000)];
        let seen = OrganizationSeen { disputed, ..seen() };
        let still = still_told(Some(&seen), at(100_000));
        assert_eq!(still, [told("exp-recent", 50_000)]);
    }
}
