//! The use case: read, store, publish.
//!
//! [`Hub::publish`] reads the management experience whole (rule 0 of the design), lets [`decide`]
//! say what its digest asks for, and does that. Storing and publishing are two steps. A run that
//! stops between them leaves a head whose newest version is not marked as published, and the next
//! run publishes it: an outbox.
//!
//! An example. Snapshot 41 is published, and a product is approved. The schedule makes the hub
//! look: the digest differs, so the content is stored as version 42. The version is taken by a
//! conditional write, so of two hubs only one stores it. Then the high-water mark is raised to 42,
//! and the message goes out. An hour later nothing has changed, and 42 is announced again: by that
//! the spokes find and heal local drift.
//!
//! While operators pin the fleet to a version, its content is published in place of what the
//! management experience says. Pinned to 40, the hub stores that content as version 43: going back
//! is publishing old content under a new number.
//!
//! Where there are waves, a version is stored first, then its next steps are taken (`waves`), and
//! then it is announced: so a spoke that hears of it finds whether its turn has come.

mod bounds;
pub(crate) mod content;
mod decision;
mod large;
pub(crate) mod products;
pub(crate) mod read;
mod recover;
pub(crate) mod topic;
pub(crate) mod waves;

use std::sync::Arc;

use jiff::Timestamp;
use pmp_catalog::Catalog;
use pmp_ledger::{Head, LedgerError, NewSnapshot, ReceiptStore, SnapshotStore, Stored};
use pmp_protocol::{Body, Digest, ExperienceId, HeadMark, Pin, Reason, Sealed, SnapshotMessage, SnapshotVersion};
use pmp_runtime::Clock;
use pmp_windows::Windows;

pub use self::decision::{Decision, Outcome, Trigger, decide};
pub(crate) use self::recover::Recovery;
use crate::config::waves::WavesSetting;
use crate::error::HubError;
use crate::known_keys;
use crate::publish::content::Chosen;
use crate::publish::topic::Topic;
use crate::publish::waves::Rollouts;
use crate::publish::waves::steps::Went;
pub(crate) use crate::published::WentOn;
pub use crate::published::{Published, Sent};
use crate::rollout::state::{Kept, Newest};
use crate::signing::Signing;
use crate::status::fleet::Restored;

/// How often a hub tries again after another hub took the next version.
const ATTEMPTS: u32 = 5;

/// The hub of one management experience.
#[derive(Debug, Clone)]
pub struct Hub {
    /// Where the management experience is read.
    pub catalog: Arc<dyn Catalog>,
    /// Where its snapshots are kept.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// Where the highest version that was ever stored is noted; none where the table for it is not
    /// configured, and then a table of snapshots that was restored to an earlier moment is not
    /// noticed.
    pub marks: Option<Arc<dyn ReceiptStore>>,
    /// Where they are announced.
    pub topic: Arc<dyn Topic>,
    /// Management experience that the hub reads.
    pub experience: ExperienceId,
    /// How many versions the ledger keeps.
    pub keep_versions: u64,
    /// The longest that a member may hold, in seconds: written into what is directed for the fleet;
    /// none for the usual.
    pub max_hold: Option<u64>,
    /// Where waves are kept; none where the table of receipts is not configured.
    pub rollouts: Option<Rollouts>,
    /// The fleet's change windows: written into what is directed for the fleet; none where what was
    /// set last stays.
    pub windows: Option<Windows>,
    /// How they are signed; none where they are not.
    pub signing: Option<Signing>,
    /// Whether they are to be unsigned, though earlier ones were signed: `PMP_SIGNING_KEY=none`.
    pub unsigned: bool,
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
}

/// What came of one attempt to publish.
enum Attempt {
    Published(Published),
    /// Another hub stored a version first.
    Outrun,
    /// A version is taken back: the content of the last good one has to be published.
    GoesBack,
}

/// A run that published, as far as it came: a failure of the steps is told after that.
fn finished(published: Published, went: Went) -> Result<Attempt, HubError> {
    let published = Published { stepped: went.stepped, ..published };
    match went.failure() {
        None => Ok(Attempt::Published(published)),
        Some(error) => Err(HubError::unfinished(published, error)),
    }
}

/// Refuses to publish over a table that was restored: it would give numbers a second time, to
/// other content, and spokes that have seen them would take that for old (rule 9 of the design).
fn not_restored(mark: Option<&HeadMark>, head: Option<&Head>) -> Result<(), HubError> {
    Restored::find(mark, head).map_or(Ok(()), |restored| Err(HubError::Restored(restored)))
}

impl Hub {
    /// Reads the management experience; stores it as a new version if its content changed;
    /// publishes what is to be published. Safe to stop at any point, and to run in several places
    /// at once.
    ///
    /// # Errors
    /// Where a step fails, with what was published before it ([`HubError::Unfinished`]); and where
    /// the table of snapshots was restored to an earlier moment: then nothing is done.
    pub async fn publish(&self, trigger: Trigger) -> Result<Published, HubError> {
        if trigger != Trigger::ChangeEvent {
            self.keep_key().await?;
            self.tell_bounds(self.clock.now()).await?;
        }
        for _ in 0..ATTEMPTS {
            match self.publish_once(trigger).await? {
                Attempt::Published(published) => return Ok(published),
                Attempt::Outrun => {}
                // The next attempt publishes what the version before said.
                Attempt::GoesBack => tracing::warn!("a version is taken back: the last good content is published"),
            }
        }
        Err(HubError::Outrun { experience: self.experience.clone(), attempts: ATTEMPTS })
    }

    /// Sees to it that the ledger keeps the key of now: it may have signed directions before hubs
    /// wrote that down.
    async fn keep_key(&self) -> Result<(), HubError> {
        match (&self.signing, &self.marks) {
            (Some(signing), Some(marks)) => known_keys::keep(signing, marks.as_ref(), &self.experience).await,
            (None, _) | (_, None) => Ok(()),
        }
    }

    async fn publish_once(&self, trigger: Trigger) -> Result<Attempt, HubError> {
        let taken_at = self.clock.now();
        // In this order: whoever pins publishes after that. So a pin that is written after it was
        // looked for here, and what it publishes, come after this head, and a version that is taken
        // from it by then makes this one lose. And where waves begin, everybody is held at this
        // head before anything newer is stored.
        let (mark, head) = self.stand_to_publish().await?;
        let kept = self.kept(head.as_ref()).await?;
        let chosen = self.content(kept.as_ref()).await?;
        let (sealed, pin) = (&chosen.sealed, chosen.pin.as_ref());
        match decide(head.as_ref(), sealed.digest(), trigger) {
            Decision::Store { previous } => {
                let version = previous.map_or(SnapshotVersion::FIRST, SnapshotVersion::next);
                // Protocol S10.
                let new = self.new_snapshot(previous, version, taken_at, sealed, pin);
                // Protocol M2.
                let Some(chunks) = self.store(&new).await? else { return Ok(Attempt::Outrun) };
                let went = self.stepped(chosen.newest(version)).await;
                if went.goes_back {
                    return Ok(Attempt::GoesBack);
                }
                let message = self.message(version, taken_at, Reason::Changed, sealed, chunks);
                let published = self.announce(message, Outcome::Stored, true).await?;
                self.prune(version).await;
                let pinned = pin.map(|pin| pin.version);
                let published = Published { pinned, ..published };
                let taken_back = match self.let_go(&chosen).await {
                    Ok(taken_back) => taken_back,
                    Err(error) => return Err(HubError::unfinished(published, error)),
                };
                if let Some(version) = taken_back {
                    tracing::warn!("what was taken back as snapshot {version} is for everybody: PMP_WAVES is `none`");
                }
                finished(Published { taken_back, ..published }, went)
            }
            Decision::Announce { version, taken_at, chunks, reason, outcome } => {
                // A hub that stopped in between, or knew of no mark, left it behind.
                if mark.is_none_or(|mark| mark.version < version) {
                    self.raise(version, sealed.digest()).await?;
                }
                // Protocol K12.
                if !self.renew_statement(version, sealed.digest()).await? {
                    // Another hub stored a newer version meanwhile.
                    return Ok(Attempt::Outrun);
                }
                if let Some(head) = &head {
                    self.keep_whole(head, sealed).await?;
                }
                let went = self.stepped(chosen.newest(version)).await;
                if went.goes_back {
                    return Ok(Attempt::GoesBack);
                }
                let message = self.message(version, taken_at, reason, sealed, chunks);
                let published = self.announce(message, outcome, true).await?;
                finished(Published { pinned: pin.map(|pin| pin.version), ..published }, went)
            }
            Decision::Nothing { version } => {
                let went = self.stepped(chosen.newest(version)).await;
                if went.goes_back {
                    return Ok(Attempt::GoesBack);
                }
                if let (true, Some(head)) = (went.directed, &head) {
                    self.announce_again(head, Reason::Scheduled).await?;
                }
                finished(self.silent(version, sealed, Outcome::Unchanged, pin), went)
            }
        }
    }

    /// Takes the next steps of the newest snapshot through the waves. That this fails keeps nothing
    /// from being announced: those who may take no newer version heal their drift all the same. So
    /// the failure is told after that.
    async fn stepped(&self, newest: Newest) -> Went {
        match &self.rollouts {
            Some(rollouts) => self.take_steps(rollouts, newest).await,
            None => Went::default(),
        }
    }

    /// Looks how the version stands that is on its way through the waves, without reading the
    /// management experience, and lets it go on. Publishes where another version has to come first.
    /// Where nothing is on its way, it costs one read.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn go_on(&self) -> Result<WentOn, HubError> {
        let nothing = WentOn::default();
        let Some(rollouts) = &self.rollouts else { return Ok(nothing) };
        let Some(kept) = rollouts.kept(&self.experience).await?.filter(Kept::is_on_its_way) else { return Ok(nothing) };
        let (_, head) = self.stand_to_publish().await?;
        let Some(head) = head else { return Ok(nothing) };
        let newest = kept.newest();
        if head.latest != newest.version || kept.goes_back() {
            return self.publish(Trigger::ChangeEvent).await.map(WentOn::from);
        }
        self.vouch_for(Some(&head), &kept).await?;
        let went = self.take_steps(rollouts, newest).await;
        if went.goes_back {
            return self.publish(Trigger::ChangeEvent).await.map(WentOn::from);
        }
        let published = if went.directed { Some(self.announce_again(&head, Reason::Scheduled).await?) } else { None };
        let stepped = went.stepped;
        match (went.failure(), published) {
            (None, published) => Ok(WentOn { published, stepped }),
            (Some(error), Some(published)) => Err(HubError::unfinished(Published { stepped, ..published }, error)),
            (Some(error), None) => Err(error),
        }
    }

    /// The snapshot after `previous`, as this version, not signed yet.
    fn new_snapshot<'a>(
        &'a self,
        previous: Option<SnapshotVersion>,
        version: SnapshotVersion,
        taken_at: Timestamp,
        sealed: &'a Sealed,
        pinned: Option<&'a Pin>,
    ) -> NewSnapshot<'a> {
        NewSnapshot { experience: &self.experience, previous, version, taken_at, sealed, statement: None, pinned }
    }

    /// Signs a snapshot and stores it; into how many items. None where another hub took the version
    /// first: it may have read other content, so whoever asks looks again from the start.
    async fn store(&self, new: &NewSnapshot<'_>) -> Result<Option<usize>, HubError> {
        let (version, sealed) = (new.version, new.sealed);
        let statement = self.statement(version, sealed.digest()).await?;
        let signed = NewSnapshot { statement: statement.as_deref(), ..*new };
        let Stored::Won { chunks } = self.snapshots.store(&signed).await? else {
            tracing::info!(%version, "another hub took the version first");
            return Ok(None);
        };
        tracing::info!(%version, digest = %sealed.digest(), chunks, "snapshot stored");
        large::tell(version, chunks);
        // The mark is raised before the message goes out. From the announcement on, a table that is
        // restored lacks something that spokes know of, and the mark is how the hub notices it.
        // Protocol L7.
        self.raise(version, sealed.digest()).await?;
        Ok(Some(chunks))
    }

    /// Sees to it that what is announced can be read: where an item of the newest version is lost
    /// or damaged, it is stored again under its own number. `sealed` has the head's digest.
    async fn keep_whole(&self, head: &Head, sealed: &Sealed) -> Result<(), HubError> {
        let problem = match self.snapshots.fetch(&self.experience, head.latest).await {
            Ok(stored) if stored.digest() == head.digest => return Ok(()),
            Ok(stored) => format!("its digest is {}, and the head names {}", stored.digest(), head.digest),
            Err(error @ (LedgerError::NoSnapshot { .. } | LedgerError::Damaged { .. })) => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        let version = head.latest;
        tracing::warn!(%version, problem, "the ledger lost what it held: stored again");
        if self.snapshots.mend(&self.experience, head, sealed).await? {
            // What is in its way still, such as an item too many, is told rather than announced.
            self.snapshots.fetch(&self.experience, version).await?;
        }
        Ok(())
    }

    /// The high-water mark, and then the head: in this order, a version that another hub stores
    /// meanwhile is no loss.
    async fn stand(&self) -> Result<(Option<HeadMark>, Option<Head>), HubError> {
        let mark = match &self.marks {
            Some(marks) => marks.mark(&self.experience).await?,
            None => None,
        };
        Ok((mark, self.snapshots.head(&self.experience).await?))
    }

    /// The same, where a hub may publish over it.
    async fn stand_to_publish(&self) -> Result<(Option<HeadMark>, Option<Head>), HubError> {
        let (mark, head) = self.stand().await?;
        not_restored(mark.as_ref(), head.as_ref())?;
        self.would_not_unsign(head.as_ref())?;
        Ok((mark, head))
    }

    async fn raise(&self, version: SnapshotVersion, digest: Digest) -> Result<(), HubError> {
        let Some(marks) = &self.marks else { return Ok(()) };
        Ok(marks.raise(&self.experience, HeadMark { version, digest, at: self.clock.now() }).await?)
    }

    /// Announces the newest snapshot again, as it is stored, without looking at the catalog:
    /// nothing about it changes.
    pub async fn announce_again(&self, head: &Head, reason: Reason) -> Result<Published, HubError> {
        let (mark, current) = self.stand().await?;
        not_restored(mark.as_ref(), current.as_ref())?;
        let snapshot = self.snapshots.fetch(&self.experience, head.latest).await?;
        let sealed = snapshot.seal();
        let sealed = sealed.map_err(|source| HubError::Seal { experience: self.experience.clone(), source })?;
        let message = match sealed {
            Some(sealed) => self.message(head.latest, head.taken_at, reason, &sealed, head.chunks),
            // A newer release wrote what this one does not know: the spokes read it where it is.
            None => SnapshotMessage::refer(&snapshot, reason, head.chunks),
        };
        // What is marked already need not be marked again: whoever only steers may not write there.
        let marks = current.is_none_or(|current| current.published != Some(head.latest));
        self.announce(message, Outcome::Announced, marks).await
    }

    /// What [`Self::publish`] would do, without doing it.
    pub async fn dry_run(&self, trigger: Trigger) -> Result<Published, HubError> {
        let (_, head) = self.stand_to_publish().await?;
        let kept = match &self.rollouts {
            // This run would end them first.
            Some(rollouts) if rollouts.setting == WavesSetting::Off => None,
            Some(rollouts) => rollouts.kept(&self.experience).await?.filter(|kept| !kept.state.ended),
            None => None,
        };
        let chosen = self.content(kept.as_ref()).await?;
        let Chosen { sealed, pin, .. } = &chosen;
        let pin = pin.as_ref();
        Ok(match decide(head.as_ref(), sealed.digest(), trigger) {
            Decision::Store { previous } => {
                let version = previous.map_or(SnapshotVersion::FIRST, SnapshotVersion::next);
                let taken_back = self.let_go(&chosen).await?;
                Published { taken_back, ..self.silent(version, sealed, Outcome::Stored, pin) }
            }
            Decision::Announce { version, outcome, .. } => self.silent(version, sealed, outcome, pin),
            Decision::Nothing { version } => self.silent(version, sealed, Outcome::Unchanged, pin),
        })
    }

    /// Refuses to publish without a signature what was signed before, unless that is meant: every
    /// spoke that trusts keys would refuse it (rule 9 of the design).
    fn would_not_unsign(&self, head: Option<&Head>) -> Result<(), HubError> {
        // Protocol K13.
        let is_signed = head.is_some_and(|head| head.statement.is_some());
        if is_signed && self.signing.is_none() && !self.unsigned { Err(HubError::Unsigned) } else { Ok(()) }
    }

    /// What vouches for a version, where this hub signs.
    async fn statement(&self, version: SnapshotVersion, digest: Digest) -> Result<Option<String>, HubError> {
        let Some(signing) = &self.signing else { return Ok(None) };
        Ok(Some(signing.statement(&self.experience, version, digest, self.clock.now()).await?))
    }

    /// Lets the head's statement hold from now on, where this hub signs. Returns whether the head
    /// is still that version.
    async fn renew_statement(&self, version: SnapshotVersion, digest: Digest) -> Result<bool, HubError> {
        match self.statement(version, digest).await? {
            Some(statement) => Ok(self.snapshots.put_statement(&self.experience, version, digest, &statement).await?),
            None => Ok(true),
        }
    }

    fn message(
        &self,
        version: SnapshotVersion,
        taken_at: Timestamp,
        reason: Reason,
        sealed: &Sealed,
        chunks: usize,
    ) -> SnapshotMessage {
        SnapshotMessage::announce(self.experience.clone(), version, taken_at, reason, sealed, chunks)
    }

    async fn announce(&self, message: SnapshotMessage, outcome: Outcome, marks: bool) -> Result<Published, HubError> {
        let message_id = self.topic.publish(&message).await.map_err(HubError::Topic)?;
        if marks {
            self.snapshots.mark_published(&self.experience, message.version, self.clock.now()).await?;
        }
        let inline = matches!(message.body, Body::Inline(_));
        tracing::info!(version = %message.version, reason = message.reason.as_str(), inline, message_id, "snapshot published");
        Ok(Published {
            experience: self.experience.clone(),
            version: message.version,
            digest: message.digest,
            counts: message.counts,
            outcome,
            pinned: None,
            taken_back: None,
            sent: Some(Sent { inline, message_bytes: message.to_json().len(), message_id }),
            stepped: false,
        })
    }

    fn silent(&self, version: SnapshotVersion, sealed: &Sealed, outcome: Outcome, pin: Option<&Pin>) -> Published {
        Published {
            experience: self.experience.clone(),
            version,
            digest: sealed.digest(),
            counts: sealed.counts(),
            outcome,
            pinned: pin.map(|pin| pin.version),
            taken_back: None,
            sent: None,
            stepped: false,
        }
    }

    /// Old versions cost little: what cannot be deleted now goes another time, and publishing never
    /// fails for it.
    async fn prune(&self, latest: SnapshotVersion) {
        if latest.get() <= self.keep_versions {
            return;
        }
        let pinned = match self.directed_versions().await {
            Ok(pinned) => pinned,
            Err(error) => {
                tracing::warn!(%error, "old snapshots stay for now: it is not known which are pinned");
                return;
            }
        };
        match self.snapshots.prune(&self.experience, latest, self.keep_versions, &pinned).await {
            Ok(0) => {}
            Ok(items) => tracing::info!(items, keep = self.keep_versions, "old snapshots deleted"),
            Err(error) => tracing::warn!(%error, "old snapshots stay for now"),
        }
    }
}

#[cfg(test)]
mod tests;
