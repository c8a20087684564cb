//! The use case: read, store, publish.
//!
//! [`Hub::publish`] reads the management experience whole (rule 0 of the design), lets `decide` say
//! what its digest asks for, and does that. Storing and publishing are two steps. A run that stops
//! between them leaves a head whose newest version is not marked as published, and the next run
//! publishes it: an outbox.
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

pub(crate) mod content;
pub(crate) mod products;
pub(crate) mod read;
pub(crate) mod topic;
pub(crate) mod waves;

use std::sync::Arc;

use jiff::Timestamp;
use pmp_catalog::Catalog;
use pmp_ledger::{Head, LedgerError, NewSnapshot, ReceiptStore, SnapshotStore, Stored};
use pmp_protocol::{
    Because, Body, ChangeWindows, Counts, Digest, DirectionChange, ExperienceId, HeadMark, Pin, Reason, Sealed,
    SnapshotMessage, SnapshotVersion, render,
};
use pmp_runtime::Clock;
use pmp_windows::{TZDB, Windows};
use serde::{Serialize, Serializer};

use crate::error::HubError;
use crate::publish::content::Chosen;
use crate::publish::topic::Topic;
use crate::publish::waves::Rollouts;
use crate::publish::waves::steps::Went;
use crate::rollout::state::{Kept, Newest};
use crate::signing::Signing;
use crate::status::fleet::Restored;
use crate::steer::Helm;

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

/// What made the hub look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The schedule: an unchanged snapshot is announced again, so that spokes find and heal local
    /// drift.
    Schedule,
    /// A change set of the catalog succeeded, perhaps on the management experience.
    ChangeEvent,
    /// An operator asked: an unchanged snapshot is announced again.
    Operator,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Management experience that was published.
    pub experience: ExperienceId,
    /// The version of the newest snapshot, or of the one that a dry run would store.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// How many products it holds.
    pub counts: Counts,
    /// What was done, or would be done in a dry run.
    pub outcome: Outcome,
    /// The version whose content this is, because the fleet is pinned to it or a newer one was
    /// taken back; none where it is what the management experience says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<SnapshotVersion>,
    /// The message that was sent; none where none was. In JSON its three fields stand among the
    /// others, and are `null` then.
    #[serde(flatten, serialize_with = "fields_or_nulls")]
    pub sent: Option<Sent>,
    /// Whether a version came further through the waves by it, or was stopped there.
    #[serde(skip)]
    pub stepped: bool,
}

/// What came of a look at the version that is on its way through the waves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WentOn {
    /// What was announced; none where nothing was.
    pub published: Option<Published>,
    /// Whether the version came further, or was stopped.
    pub stepped: bool,
}

impl From<Published> for WentOn {
    fn from(published: Published) -> Self {
        Self { stepped: published.stepped, published: Some(published) }
    }
}

/// A message that SNS accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Whether the content travels in the message; otherwise spokes fetch it from the ledger.
    pub inline: bool,
    /// The size of the message, in bytes.
    pub message_bytes: usize,
    /// The id that SNS gave the message.
    pub message_id: String,
}

/// Writes the three fields of a message in any case, so that programs find the same keys whether or
/// not one was sent.
fn fields_or_nulls<S: Serializer>(sent: &Option<Sent>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Fields<'a> {
        inline: Option<bool>,
        message_bytes: Option<usize>,
        message_id: Option<&'a str>,
    }
    let sent = sent.as_ref();
    let fields = Fields {
        inline: sent.map(|sent| sent.inline),
        message_bytes: sent.map(|sent| sent.message_bytes),
        message_id: sent.map(|sent| sent.message_id.as_str()),
    };
    fields.serialize(serializer)
}

/// What a hub did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The content changed: stored as a new version and published.
    Stored,
    /// An earlier run stored it and stopped before it published; it is published now.
    Recovered,
    /// The content is unchanged, and was announced again.
    Announced,
    /// The content is unchanged, and nothing was announced.
    Unchanged,
}

/// What to do about a content, given where history stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The content is another one: store it as the version after `previous`.
    Store {
        /// The version that has to be the newest still when it is stored; none before the first.
        previous: Option<SnapshotVersion>,
    },
    /// The content is unchanged: announce it.
    Announce {
        /// The newest version, as the ledger's head has it.
        version: SnapshotVersion,
        /// When it was read, as the ledger's head has it.
        taken_at: Timestamp,
        /// How many items it takes in the ledger.
        chunks: usize,
        /// What the message gives as its reason.
        reason: Reason,
        /// What the run is told to have done.
        outcome: Outcome,
    },
    /// The content is unchanged, and nobody asked for it.
    Nothing {
        /// The newest version, as the ledger's head has it.
        version: SnapshotVersion,
    },
}

/// What came of a recovery after the table was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// What was lost; none where nothing was, or an earlier recovery came as far as storing.
    pub(crate) restored: Option<Restored>,
    pub(crate) published: Published,
}

/// What came of one attempt to publish.
enum Attempt {
    Published(Published),
    /// Another hub stored a version first.
    Outrun,
    /// A version is taken back: the content of the last good one has to be published.
    GoesBack,
}

fn goes_back(stepped: &Result<Went, HubError>) -> bool {
    matches!(stepped, Ok(Went { goes_back: true, .. }))
}

/// What to do about the content with this digest, where the ledger's head is `head`. Pure: the
/// decision of this module. It is public for the model that checks it together with what the spokes
/// decide (`tests/model`).
#[must_use]
pub fn decide(head: Option<&Head>, digest: Digest, trigger: Trigger) -> Decision {
    let Some(head) = head else { return Decision::Store { previous: None } };
    // The digest alone decides: a version is taken only where the content is another one.
    if head.digest != digest {
        return Decision::Store { previous: Some(head.latest) };
    }
    let announce = |reason, outcome| Decision::Announce {
        version: head.latest,
        taken_at: head.taken_at,
        chunks: head.chunks,
        reason,
        outcome,
    };
    // An earlier run stored it and stopped: whatever made this run look, it is published first.
    if head.published != Some(head.latest) {
        return announce(Reason::Changed, Outcome::Recovered);
    }
    match trigger {
        Trigger::Schedule => announce(Reason::Scheduled, Outcome::Announced),
        Trigger::Operator => announce(Reason::Operator, Outcome::Announced),
        // Change events name no entity: most are about something else.
        Trigger::ChangeEvent => Decision::Nothing { version: head.latest },
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
    /// Where a step fails; and where the table of snapshots was restored to an earlier moment: then
    /// nothing is done.
    pub async fn publish(&self, trigger: Trigger) -> Result<Published, HubError> {
        if trigger != Trigger::ChangeEvent {
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
                let new = self.new_snapshot(previous, version, taken_at, sealed, pin);
                let Some(chunks) = self.store(&new).await? else { return Ok(Attempt::Outrun) };
                let stepped = self.stepped(chosen.newest(version)).await;
                if goes_back(&stepped) {
                    return Ok(Attempt::GoesBack);
                }
                let message = self.message(version, taken_at, Reason::Changed, sealed, chunks);
                let published = self.announce(message, Outcome::Stored, true).await?;
                self.prune(version).await;
                let Went { stepped, .. } = stepped?;
                Ok(Attempt::Published(Published { pinned: pin.map(|pin| pin.version), stepped, ..published }))
            }
            Decision::Announce { version, taken_at, chunks, reason, outcome } => {
                // A hub that stopped in between, or knew of no mark, left it behind.
                if mark.is_none_or(|mark| mark.version < version) {
                    self.raise(version, sealed.digest()).await?;
                }
                if !self.renew_statement(version, sealed.digest()).await? {
                    // Another hub stored a newer version meanwhile.
                    return Ok(Attempt::Outrun);
                }
                if let Some(head) = &head {
                    self.keep_whole(head, sealed).await?;
                }
                let stepped = self.stepped(chosen.newest(version)).await;
                if goes_back(&stepped) {
                    return Ok(Attempt::GoesBack);
                }
                let message = self.message(version, taken_at, reason, sealed, chunks);
                let published = self.announce(message, outcome, true).await?;
                let Went { stepped, .. } = stepped?;
                Ok(Attempt::Published(Published { pinned: pin.map(|pin| pin.version), stepped, ..published }))
            }
            Decision::Nothing { version } => {
                let stepped = self.stepped(chosen.newest(version)).await?;
                if stepped.goes_back {
                    return Ok(Attempt::GoesBack);
                }
                if let (true, Some(head)) = (stepped.directed, &head) {
                    self.announce_again(head, Reason::Scheduled).await?;
                }
                let published = self.silent(version, sealed, Outcome::Unchanged, pin);
                Ok(Attempt::Published(Published { stepped: stepped.stepped, ..published }))
            }
        }
    }

    /// Takes the next steps of the newest snapshot through the waves. That this fails keeps nothing
    /// from being announced: those who may take no newer version heal their drift all the same. So
    /// the failure is told after that.
    async fn stepped(&self, newest: Newest) -> Result<Went, HubError> {
        match &self.rollouts {
            Some(rollouts) => self.take_steps(rollouts, newest).await,
            None => Ok(Went::default()),
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
        let went = self.take_steps(rollouts, newest).await?;
        if went.goes_back {
            return self.publish(Trigger::ChangeEvent).await.map(WentOn::from);
        }
        let published = if went.directed { Some(self.announce_again(&head, Reason::Scheduled).await?) } else { None };
        Ok(WentOn { published, stepped: went.stepped })
    }

    /// Sees to it that the members are told how long they may hold, and when they may change
    /// something.
    ///
    /// # Errors
    /// Where the change windows cannot be written: nothing is published that would then be applied
    /// outside of them. That the bound of holds cannot be written keeps nothing from being
    /// published.
    async fn tell_bounds(&self, now: Timestamp) -> Result<(), HubError> {
        let hold = self.max_hold.map(|seconds| {
            (DirectionChange::MaxHold(seconds), format!("PMP_MAX_HOLD is {seconds} seconds"), "how long they may hold")
        });
        let windows = self.windows.as_ref().map(|windows| {
            let told = ChangeWindows { text: windows.to_string(), tzdb: TZDB.to_owned(), at: now };
            let told = Some(told).filter(|_| !windows.is_always());
            (
                DirectionChange::Windows(told),
                format!("PMP_CHANGE_WINDOWS is {windows}"),
                "in which windows to change something",
            )
        });
        let Some(receipts) = &self.marks else { return Ok(()) };
        let helm = Helm { receipts: receipts.as_ref(), signing: self.signing.as_ref(), experience: &self.experience };
        for (change, reason, what) in [hold, windows].into_iter().flatten() {
            let because = Because { by: "the hub".to_owned(), at: now, reason };
            match (helm.change(None, &change, &because).await, &change) {
                (Ok(_), _) => {}
                (Err(error), DirectionChange::Windows(_)) => return Err(HubError::Windows { source: Box::new(error) }),
                (Err(error), _) => tracing::warn!(error = render(&error), "the members are not told {what}"),
            }
        }
        Ok(())
    }

    /// Goes on after the table of snapshots was restored to an earlier moment: stores what the
    /// management experience says now as the version after the highest that was ever stored, and
    /// publishes it. Where nothing was lost, or an earlier recovery has stored already, it
    /// publishes as an operator would. Safe to stop at any point, and to run in several places at
    /// once.
    pub(crate) async fn recover(&self) -> Result<Recovery, HubError> {
        for _ in 0..ATTEMPTS {
            let taken_at = self.clock.now();
            let (mark, head) = self.stand().await?;
            let Some(restored) = Restored::find(mark.as_ref(), head.as_ref()) else {
                let published = self.publish(Trigger::Operator).await?;
                return Ok(Recovery { restored: None, published });
            };
            self.would_not_unsign(head.as_ref())?;
            let kept = self.kept(head.as_ref()).await?;
            let chosen = self.content(kept.as_ref()).await?;
            let version = restored.next();
            let pin = chosen.pin.as_ref();
            let new = self.new_snapshot(restored.latest, version, taken_at, &chosen.sealed, pin);
            if let Some(chunks) = self.store(&new).await? {
                let stepped = self.stepped(chosen.newest(version)).await;
                let message = self.message(version, taken_at, Reason::Changed, &chosen.sealed, chunks);
                let published = self.announce(message, Outcome::Stored, true).await?;
                self.prune(version).await;
                let Went { stepped, .. } = stepped?;
                let published = Published { pinned: pin.map(|pin| pin.version), stepped, ..published };
                return Ok(Recovery { restored: Some(restored), published });
            }
        }
        Err(HubError::Outrun { experience: self.experience.clone(), attempts: ATTEMPTS })
    }

    /// Whether the table of snapshots was restored to an earlier moment.
    pub(crate) async fn restored(&self) -> Result<Option<Restored>, HubError> {
        let (mark, head) = self.stand().await?;
        Ok(Restored::find(mark.as_ref(), head.as_ref()))
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
        // The mark is raised before the message goes out. From the announcement on, a table that is
        // restored lacks something that spokes know of, and the mark is how the hub notices it.
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
        let sealed = Sealed::new(snapshot.content())
            .map_err(|source| HubError::Seal { experience: self.experience.clone(), source })?;
        let message = self.message(head.latest, head.taken_at, reason, &sealed, head.chunks);
        // What is marked already need not be marked again: whoever only steers may not write there.
        let marks = current.is_none_or(|current| current.published != Some(head.latest));
        self.announce(message, Outcome::Announced, marks).await
    }

    /// What [`Self::publish`] would do, without doing it.
    pub async fn dry_run(&self, trigger: Trigger) -> Result<Published, HubError> {
        let (_, head) = self.stand_to_publish().await?;
        let kept = match &self.rollouts {
            Some(rollouts) => rollouts.kept(&self.experience).await?.filter(|kept| !kept.state.ended),
            None => None,
        };
        let Chosen { sealed, pin, .. } = self.content(kept.as_ref()).await?;
        let pin = pin.as_ref();
        Ok(match decide(head.as_ref(), sealed.digest(), trigger) {
            Decision::Store { previous } => {
                let version = previous.map_or(SnapshotVersion::FIRST, SnapshotVersion::next);
                self.silent(version, &sealed, Outcome::Stored, pin)
            }
            Decision::Announce { version, outcome, .. } => self.silent(version, &sealed, outcome, pin),
            Decision::Nothing { version } => self.silent(version, &sealed, Outcome::Unchanged, pin),
        })
    }

    /// Refuses to publish without a signature what was signed before, unless that is meant: every
    /// spoke that trusts keys would refuse it (rule 9 of the design).
    fn would_not_unsign(&self, head: Option<&Head>) -> Result<(), HubError> {
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
mod tests {
    use pmp_protocol::testing::version;

    use super::*;

    fn head(content: &[u8], latest: u64, published: Option<u64>) -> Head {
        Head { digest: Digest::of(content), published: published.map(version), ..pmp_ledger::testing::head(latest) }
    }

    fn outcome(decision: Decision) -> (Option<Outcome>, Option<Reason>) {
        match decision {
            Decision::Store { .. } => (Some(Outcome::Stored), Some(Reason::Changed)),
            Decision::Announce { reason, outcome, .. } => (Some(outcome), Some(reason)),
            Decision::Nothing { .. } => (None, None),
        }
    }

    #[test]
    fn programs_find_the_same_keys_whether_or_not_a_message_was_sent() {
        let published = |sent| Published {
            experience: ExperienceId::new("exp-1").unwrap(),
            version: SnapshotVersion::FIRST,
            digest: Digest::of(b"now"),
            counts: Counts { approved: 2, rejected: 1 },
            outcome: Outcome::Stored,
            pinned: None,
            sent,
            stepped: true,
        };
        let message = Sent { inline: true, message_bytes: 321, message_id: "m-1".to_owned() };
        let (sent, silent) = (published(Some(message)), published(None));
        let digest = Digest::of(b"now");
        let start = format!(
            r#"{{"experience":"exp-1","version":1,"digest":"{digest}","counts":{{"approved":2,"rejected":1}},"outcome":"stored","#
        );
        assert_eq!(
            serde_json::to_string(&sent).unwrap(),
            format!(r#"{start}"inline":true,"message_bytes":321,"message_id":"m-1"}}"#)
        );
        assert_eq!(
            serde_json::to_string(&silent).unwrap(),
            format!(r#"{start}"inline":null,"message_bytes":null,"message_id":null}}"#)
        );
    }

    #[test]
    fn the_digest_decides_whether_there_is_a_new_version() {
        let now = Digest::of(b"now");
        assert_eq!(decide(None, now, Trigger::Schedule), Decision::Store { previous: None });
        for trigger in [Trigger::Schedule, Trigger::ChangeEvent, Trigger::Operator] {
            let before = head(b"before", 7, Some(7));
            let previous = Some(before.latest);
            assert_eq!(decide(Some(&before), now, trigger), Decision::Store { previous });
        }
    }

    #[test]
    fn an_unchanged_snapshot_is_announced_by_schedule_and_operator_alone() {
        let same = head(b"now", 7, Some(7));
        let decided = |trigger| outcome(decide(Some(&same), Digest::of(b"now"), trigger));
        assert_eq!(decided(Trigger::Schedule), (Some(Outcome::Announced), Some(Reason::Scheduled)));
        assert_eq!(decided(Trigger::Operator), (Some(Outcome::Announced), Some(Reason::Operator)));
        assert_eq!(decided(Trigger::ChangeEvent), (None, None));
    }

    #[test]
    fn what_was_stored_but_not_published_is_published_whatever_the_trigger() {
        for published in [None, Some(6)] {
            let unpublished = head(b"now", 7, published);
            for trigger in [Trigger::Schedule, Trigger::ChangeEvent, Trigger::Operator] {
                let decided = outcome(decide(Some(&unpublished), Digest::of(b"now"), trigger));
                assert_eq!(decided, (Some(Outcome::Recovered), Some(Reason::Changed)));
            }
        }
    }
}
