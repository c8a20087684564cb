//! Decides which head this spoke believes if keys are configured (rule 9): only a head that the hub
//! signed for this experience, not older than the one that was trusted before, and not expired. The
//! spoke refuses every other head, and changes nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use pmp_ledger::{Head, LedgerError, ReceiptStore, Said};
use pmp_protocol::{Direction, ExperienceId, Needs, one_line};
use pmp_signature::{Expectation, Refusal, SignedDirection, Statement, TrustedKeys, open, open_direction, verify};

use crate::error::SpokeError;
use crate::identity::Identity;
use crate::not_obeyed::Whose;
use crate::pass::Spoke;
use crate::pass::standing::SignOfLife;
use crate::pass::steer;

/// The trust of one spoke. Without keys it believes the ledger.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    keys: Option<TrustedKeys>,
    /// The statement that was trusted last in this process. The spoke watches when it expires.
    newest: Mutex<Option<Newest>>,
    /// The directions that were trusted last in this process: the fleet's, and the organization's.
    directed: Mutex<[Option<DirectedLast>; 2]>,
}

/// A direction that was trusted.
#[derive(Debug, Clone)]
struct DirectedLast {
    signed: SignedDirection,
    /// Its envelope, where it is not written down yet.
    unwritten: Option<String>,
}

#[derive(Debug, Clone)]
struct Newest {
    statement: Statement,
    /// Its envelope, if it is not stored in the ledger yet.
    unwritten: Option<String>,
    /// Whether its expiry was reported.
    told: bool,
    /// Whether a head was refused since. Then this statement vouches for nothing that is in force.
    refused_since: bool,
}

impl Trust {
    /// With keys, the spoke believes only statements that they signed. Without keys, it believes
    /// the ledger.
    #[must_use]
    pub(crate) fn new(keys: Option<TrustedKeys>) -> Self {
        Self { keys, newest: Mutex::default(), directed: Mutex::default() }
    }

    /// Checks whether the spoke may act on `head` at `now`. It stores nothing; [`Self::keep`] does.
    ///
    /// # Errors
    /// If the spoke may not act on it, or if the ledger fails.
    pub(crate) async fn check(
        &self,
        receipts: &dyn ReceiptStore,
        identity: &Identity,
        management: &ExperienceId,
        head: &Head,
        now: Timestamp,
    ) -> Result<(), SpokeError> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let organization = &identity.organization;
        let before = receipts.trusted(organization, management).await?;
        let before = before.and_then(|envelope| trusted_before(&envelope, keys, management));
        // The statement that this process trusted counts as well, because the ledger may have lost
        // it.
        let known = self.newest().as_ref().map(|newest| newest.statement.clone());
        let newest = [before.as_ref(), known.as_ref()].into_iter().flatten().max_by_key(|it| it.version);
        let statement = match judge(head, keys, management, newest, now) {
            Ok(statement) => statement,
            Err(refusal) => {
                if let Some(newest) = self.newest().as_mut() {
                    newest.refused_since = true;
                }
                // Protocol K9.
                return Err(SpokeError::Untrusted { version: head.latest, refusal });
            }
        };
        // After a change of keys, the new key must vouch for the stored statement, too, before the
        // old key is removed. So it is stored again.
        let is_newer =
            before.is_none_or(|before| (before.version, &before.key_id) != (statement.version, &statement.key_id));
        let unwritten = head.statement.clone().filter(|_| is_newer);
        *self.newest() = Some(Newest { statement, unwritten, told: false, refused_since: false });
        Ok(())
    }

    /// What the hub's operators direct, for all organizations and for this one, where it may be
    /// obeyed. Writes nothing: [`Self::keep`] does.
    ///
    /// # Errors
    /// Where it may not, or where the ledger fails.
    pub(crate) async fn directions(
        &self,
        receipts: &dyn ReceiptStore,
        identity: &Identity,
        management: &ExperienceId,
        said: [&Said; 2],
    ) -> Result<[Option<Direction>; 2], SpokeError> {
        let places = [(Whose::Fleet, None), (Whose::Organization, Some(&identity.organization))];
        let (mut directions, mut trusted) = ([None, None], [None, None]);
        let before = match &self.keys {
            Some(_) => {
                let read = |of_the_fleet| receipts.trusted_direction(&identity.organization, management, of_the_fleet);
                let (fleet, own) = tokio::try_join!(read(true), read(false))?;
                [fleet, own]
            }
            None => [None, None],
        };
        let known = self.directed().clone();
        for (place, (whose, organization)) in places.into_iter().enumerate() {
            let keys = self.keys.as_ref();
            let written = before[place].as_deref().zip(keys).and_then(|(envelope, keys)| {
                let signed = open_direction(Some(envelope), keys).ok();
                // What someone here wrote counts only if the hub signed it, for this place.
                signed.filter(|signed| signed.direction.problem(management, organization).is_none())
            });
            // What this process trusted counts, too: the ledger may have lost it.
            let of_this = known[place].as_ref().map(|known| &known.signed);
            let newest = [written.as_ref(), of_this].into_iter().flatten().max_by_key(|it| it.direction.generation);
            directions[place] = steer::judge(said[place], keys, management, organization, newest)
                .map_err(|problem| SpokeError::NotObeyed { whose, problem })?;
            let (Said::Directed(directed), Some(keys)) = (said[place], keys) else { continue };
            let Ok(signed) = steer::verified(directed, keys, management, organization) else { continue };
            let is_new = written.is_none_or(|written| {
                (written.direction.generation, &written.key_id) != (signed.direction.generation, &signed.key_id)
            });
            trusted[place] = Some(DirectedLast { unwritten: directed.statement.clone().filter(|_| is_new), signed });
        }
        *self.directed() = trusted;
        Ok(directions)
    }

    /// Stores the envelope that was trusted last in this organization's partition, so that the
    /// spoke trusts nothing older later on. Nobody in the organization can forge the hub's
    /// signature on it.
    pub(crate) async fn keep(
        &self,
        receipts: &dyn ReceiptStore,
        identity: &Identity,
        management: &ExperienceId,
    ) -> Result<(), LedgerError> {
        let directed = self.directed().clone();
        for (place, last) in directed.into_iter().enumerate() {
            let Some(envelope) = last.and_then(|last| last.unwritten) else { continue };
            let of_the_fleet = place == 0;
            receipts.put_trusted_direction(&identity.organization, management, of_the_fleet, &envelope).await?;
            if let Some(last) =
                self.directed()[place].as_mut().filter(|last| last.unwritten.as_ref() == Some(&envelope))
            {
                last.unwritten = None;
            }
        }
        let unwritten = self.newest().as_ref().and_then(|newest| newest.unwritten.clone());
        let Some(envelope) = unwritten else { return Ok(()) };
        receipts.put_trusted(&identity.organization, management, &envelope).await?;
        if let Some(newest) = self.newest().as_mut().filter(|newest| newest.unwritten.as_ref() == Some(&envelope)) {
            newest.unwritten = None;
        }
        Ok(())
    }

    /// Returns the newest statement, once, when it has expired and no newer one came. From then on
    /// the spoke is frozen, even if nobody sends it a message.
    pub(crate) fn frozen(&self, now: Timestamp) -> Option<Statement> {
        let mut newest = self.newest();
        let newest = newest.as_mut().filter(|newest| !newest.told && newest.statement.expires_at <= now)?;
        newest.told = true;
        Some(newest.statement.clone())
    }

    /// Waits until the newest statement expires; `now` is the time of day as the wait begins. It
    /// waits for ever if there is none, or if its expiry was reported.
    pub(crate) async fn ends(&self, now: Timestamp) {
        let end = self.newest().as_ref().filter(|newest| !newest.told).map(|newest| newest.statement.expires_at);
        let Some(end) = end else { return std::future::pending().await };
        let left = Duration::try_from(end.duration_since(now)).unwrap_or_default();
        tokio::time::sleep(left).await;
    }

    /// The time until the newest statement expires, in seconds. It is zero while the head is
    /// refused, and `None` if nothing was trusted, or if no keys are configured.
    pub(crate) fn seconds_left(&self, now: Timestamp) -> Option<usize> {
        let newest = self.newest();
        let newest = newest.as_ref()?;
        let left = newest.statement.expires_at.duration_since(now).as_secs();
        Some(if newest.refused_since { 0 } else { usize::try_from(left).unwrap_or_default() })
    }

    fn directed(&self) -> MutexGuard<'_, [Option<DirectedLast>; 2]> {
        self.directed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self) -> MutexGuard<'_, Option<Newest>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spoke {
    /// Reports once that the newest statement has expired without a newer one.
    pub(crate) async fn tell_if_frozen(&self) {
        // The hub may have renewed the statement, and its message may still be under way.
        if self.standing().await.is_ok() {
            return;
        }
        let Some(statement) = self.trust.frozen(self.clock.now()) else { return };
        let Statement { version, expires_at, .. } = statement;
        let text = format!("the hub's newest statement has expired: snapshot {version} was signed until {expires_at}");
        tracing::error!("{text}; what is applied stays, and nothing is changed until the hub announces again");
        if let Err(error) = self.report_error(text, None).await {
            tracing::warn!(error = one_line(&error), "the hub could not be told");
        }
    }

    /// Writes an error into the sign of life, and leaves the rest of it as it is.
    pub(crate) async fn report_error(&self, text: String, needs: Option<Needs>) -> Result<(), LedgerError> {
        let before = self.receipts.organization(&self.identity.organization, &self.management).await?;
        let beside = self.beside(&before);
        let life = before.sign_of(&beside.me().id).cloned().map_or_else(SignOfLife::default, |seen| SignOfLife {
            experiences: seen.experiences,
            error: None,
            times: seen.change_set_times,
            needs: needs.clone().or(seen.needs),
            hold: seen.hold,
            disputed: seen.disputed,
        });
        let needs = needs.or_else(|| life.needs.clone());
        self.report_seen(SignOfLife { error: Some(text), needs, ..life }, &beside).await
    }
}

/// Opens the envelope that the ledger keeps as trusted before. It counts only if one of the keys
/// signed it for this experience; it may have expired since. Anything else was damaged, or forged
/// by someone in this organization, and is ignored.
pub(crate) fn trusted_before(envelope: &str, keys: &TrustedKeys, management: &ExperienceId) -> Option<Statement> {
    // Protocol K8.
    match open(envelope, keys) {
        Ok(statement) if statement.experience == *management => Some(statement),
        Ok(_) => {
            tracing::warn!("what was trusted before is about another experience; it counts for nothing");
            None
        }
        Err(refusal) => {
            tracing::warn!(
                problem = one_line(&refusal),
                "what was trusted before cannot be verified; it counts for nothing"
            );
            None
        }
    }
}

/// Decides whether the spoke may act on `head` (rule 9). Pure.
pub(crate) fn judge(
    head: &Head,
    keys: &TrustedKeys,
    management: &ExperienceId,
    before: Option<&Statement>,
    now: Timestamp,
) -> Result<Statement, Refusal> {
    let not_older_than = before.map(|statement| statement.version);
    let expected =
        Expectation { experience: management, version: head.latest, digest: head.digest, not_older_than, now };
    verify(head.statement.as_deref(), keys, &expected).map(|verified| verified.statement)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use pmp_protocol::{Digest, SnapshotVersion};
    use pmp_signature::LocalKey;

    use super::*;

    /// The private keys of RFC 8032's first two test vectors.
    const KEYS: [&str; 2] = [
        "-----BEGIN PRIVATE KEY-----MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7-----END PRIVATE KEY-----",
    ];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn management() -> ExperienceId {
        ExperienceId::new("exp-management").unwrap()
    }

    fn key(which: usize) -> LocalKey {
        LocalKey::from_pem(KEYS[which]).unwrap()
    }

    fn trusted(which: &[usize]) -> TrustedKeys {
        let pem: String = which.iter().map(|which| key(*which).public().to_pem()).collect();
        TrustedKeys::from_pem(&pem).unwrap()
    }

    fn envelope(which: usize, version: u64, issued: i64) -> String {
        let key = key(which);
        let (version, digest, id) =
            (SnapshotVersion::new(version).unwrap(), Digest::of(b"content"), key.public().id().clone());
        let statement = Statement::new(management(), version, digest, id, at(issued), SignedDuration::from_hours(24));
        let unsigned = statement.to_sign();
        unsigned.sealed(&key.sign(&unsigned.pae()))
    }

    fn head(version: u64, statement: Option<String>) -> Head {
        Head { digest: Digest::of(b"content"), statement, ..pmp_ledger::testing::head(version) }
    }

    #[test]
    fn a_head_is_trusted_once_and_nothing_older_after_it() {
        // Protocol K8.
        let keys = trusted(&[0]);
        let judged = |version, before: Option<&str>| {
            let before = before.and_then(|before| trusted_before(before, &keys, &management()));
            judge(&head(version, Some(envelope(0, version, 100))), &keys, &management(), before.as_ref(), at(200))
        };
        let newer = envelope(0, 8, 50);
        assert!(judged(7, None).is_ok() && judged(8, Some(&newer)).is_ok() && judged(9, Some(&newer)).is_ok());
        assert_eq!(judged(7, Some(&newer)), Err(Refusal::Older(SnapshotVersion::new(8).unwrap())));
        assert_eq!(judge(&head(7, None), &keys, &management(), None, at(200)), Err(Refusal::Unsigned));
    }

    #[test]
    fn what_someone_here_wrote_as_trusted_before_counts_only_if_the_hub_signed_it() {
        // Protocol K8.
        let keys = trusted(&[0]);
        let expired = envelope(0, 8, -1_000_000);
        assert!(trusted_before(&expired, &keys, &management()).is_some(), "an old signature is a signature");
        let other = ExperienceId::new("exp-other").unwrap();
        assert!(trusted_before(&expired, &keys, &other).is_none());
        assert!(trusted_before(&envelope(1, u64::MAX, 100), &keys, &management()).is_none());
        assert!(trusted_before("forged", &keys, &management()).is_none());
    }

    #[test]
    fn the_end_of_the_newest_statement_is_told_once() {
        let trust = Trust::new(Some(trusted(&[0, 1])));
        assert_eq!((trust.frozen(at(0)), trust.seconds_left(at(0))), (None, None));
        let statement =
            judge(&head(7, Some(envelope(1, 7, 0))), &trusted(&[0, 1]), &management(), None, at(0)).unwrap();
        *trust.newest() = Some(Newest { statement, unwritten: None, told: false, refused_since: false });
        let day = 24 * 60 * 60;
        assert_eq!((trust.frozen(at(day - 1)), trust.seconds_left(at(day - 1))), (None, Some(1)));
        assert!(trust.frozen(at(day)).is_some());
        assert_eq!((trust.frozen(at(day + 1)), trust.seconds_left(at(day + 1))), (None, Some(0)));
    }
}
