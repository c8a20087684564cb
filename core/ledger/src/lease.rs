//! The lease of a member organization: the right to act there. This module has the record, and the
//! decision who may take it. Pure.
//!
//! A lease ends in one of two ways. A spoke that watched it for a whole term, on its own steady
//! clock, without seeing a renewal, takes it; no clocks are compared. A spoke that did not watch
//! uses the time that the lease names, which is [`LeaseTerm::CLOCKS`] later, because clocks differ.
//! The holder gives up before either, by its own steady clock ([`LeaseTerm::held_for`]). So two
//! spokes never hold it at once, unless their clocks differ by more than that. If they do, the
//! catalog still refuses a change that was planned from an older revision.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::OrganizationId;
use serde::{Deserialize, Serialize};

/// The longest silence of the holder. A spoke that has watched the lease for this long without a
/// renewal takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerm(Duration);

impl LeaseTerm {
    /// Longer than the usual pauses of a healthy process and of its ledger, and short enough to
    /// wait for after a crash.
    pub const DEFAULT: Self = Self(Duration::from_secs(10));
    /// The term of earlier releases, whose holders renew every 12 s. It applies to a lease that
    /// cannot be read.
    pub const UNKNOWN: Self = Self(Duration::from_secs(60));
    /// The extra time after which a lease ends for spokes that use the time of day. Two clocks may
    /// differ by this, plus a third of the term.
    pub const CLOCKS: Duration = Duration::from_secs(50);
    /// The shortest term. A shorter one would end while a renewal is still being written.
    pub const SHORTEST: Duration = Duration::from_secs(1);

    /// The longest term. A holder that dies locks the organization for this long.
    pub const LONGEST: Duration = Duration::from_secs(3600);

    /// A term of this length. `None` if it is below [`Self::SHORTEST`] or above [`Self::LONGEST`].
    #[must_use]
    pub fn new(term: Duration) -> Option<Self> {
        (Self::SHORTEST..=Self::LONGEST).contains(&term).then_some(Self(term))
    }

    /// The whole term. A spoke that watches may take the lease this long after the last renewal.
    #[must_use]
    pub fn whole(self) -> Duration {
        self.0
    }

    /// The time after the last renewal when a spoke that did not watch may take the lease.
    #[must_use]
    pub fn by_the_clocks(self) -> Duration {
        self.0 + Self::CLOCKS
    }

    /// How long the holder may act after a renewal: two thirds of the term, counted on its own
    /// steady clock from before it requested the renewal.
    #[must_use]
    pub fn held_for(self) -> Duration {
        // Protocol L18.
        self.0 * 2 / 3
    }

    /// The interval of renewals. Several attempts fit into [`Self::held_for`].
    #[must_use]
    pub fn renew_every(self) -> Duration {
        self.0 / 5
    }
}

/// The item that the ledger holds for an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The member organization of the lease.
    pub organization: OrganizationId,
    /// Id of this tenure. No other tenure has the same id, even in the same process.
    pub holder_id: String,
    /// The holder, for a person: host and process.
    pub holder: String,
    /// When it was taken, by the holder's clock.
    pub taken_at: Timestamp,
    /// The number of renewals. A waiting spoke sees from it that the holder lives.
    pub renewals: u64,
    /// The term, in milliseconds.
    pub term_ms: u64,
    /// The end for all others, in milliseconds since 1970. 0 once the lease is given back.
    pub expires_at_ms: i64,
}

impl Lease {
    /// A lease that `holder` takes at `now`.
    #[must_use]
    pub fn new(
        organization: OrganizationId,
        holder_id: String,
        holder: String,
        now: Timestamp,
        term: LeaseTerm,
    ) -> Self {
        let term_ms = u64::try_from(term.0.as_millis()).unwrap_or(u64::MAX);
        let lease = Self { organization, holder_id, holder, taken_at: now, renewals: 0, term_ms, expires_at_ms: 0 };
        Self { expires_at_ms: lease.end_from(now), ..lease }
    }

    /// The lease after a renewal at `now`.
    #[must_use]
    pub fn renewed(&self, now: Timestamp) -> Self {
        Self { renewals: self.renewals + 1, expires_at_ms: self.end_from(now), ..self.clone() }
    }

    /// The lease after it was given back.
    #[must_use]
    pub fn given_back(&self) -> Self {
        Self { expires_at_ms: 0, ..self.clone() }
    }

    fn end_from(&self, now: Timestamp) -> i64 {
        let lasts = u128::from(self.term_ms) + LeaseTerm::CLOCKS.as_millis();
        now.as_millisecond().saturating_add(i64::try_from(lasts).unwrap_or(i64::MAX))
    }

    /// The end unless it is renewed. `None` once it is given back.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        (self.expires_at_ms > 0).then(|| Timestamp::from_millisecond(self.expires_at_ms).ok()).flatten()
    }

    /// Whether it has expired or was given back.
    #[must_use]
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.expires_at_ms <= now.as_millisecond()
    }

    /// The holder, the time when it took the lease, and the end.
    #[must_use]
    pub fn describe(&self, now: Timestamp) -> String {
        if self.taken_at == Timestamp::UNIX_EPOCH {
            return self.holder.clone();
        }
        let since = shown(self.taken_at, now);
        let ago = now.duration_since(self.taken_at).max(SignedDuration::ZERO).as_secs();
        let until = match self.expires_at() {
            _ if self.expires_at_ms <= 0 => "and has given it back".to_owned(),
            Some(end) => format!("until {} unless it is renewed", shown(end, now)),
            None => "until a time that no calendar has".to_owned(),
        };
        // A lease with such an end is watched, and taken if it is not renewed.
        let odd = if self.is_odd(now) { "; that is longer than any lease: wait for it with `--wait`" } else { "" };
        format!("{}, since {since} ({ago} s ago), {until}{odd}", self.holder)
    }

    /// Whether it claims to last longer than the longest term: the holder's clock is wrong, or
    /// somebody other than a spoke wrote it.
    #[must_use]
    pub fn is_odd(&self, now: Timestamp) -> bool {
        let longest = LeaseTerm(LeaseTerm::LONGEST).by_the_clocks();
        let longest = i64::try_from(longest.as_millis()).unwrap_or(i64::MAX);
        self.expires_at_ms > now.as_millisecond().saturating_add(longest)
    }
}

/// A time of day, with its date if that is not today.
fn shown(at: Timestamp, now: Timestamp) -> String {
    let date = |at: Timestamp| at.strftime("%F").to_string();
    let format = if date(at) == date(now) { "%H:%M:%SZ" } else { "%F %H:%M:%SZ" };
    at.strftime(format).to_string()
}

/// Somebody else's lease, and the time without a renewal, on a steady clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The lease when it was first seen.
    pub lease: Lease,
    /// The time without a change: from the answer that showed this lease first, to the request that
    /// is being made now.
    pub unchanged_for: Duration,
}

impl Watched {
    /// Whether the holder is dead, whatever the clocks say. A living holder would have renewed the
    /// lease.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        // Protocol L19.
        self.unchanged_for >= Duration::from_millis(self.lease.term_ms).min(LeaseTerm::LONGEST)
    }

    /// Whether `lease` is this one, without a renewal since.
    #[must_use]
    pub fn is_still(&self, lease: &Lease) -> bool {
        (&self.lease.holder_id, self.lease.renewals) == (&lease.holder_id, lease.renewals)
    }
}

/// Whether `me` may take or renew the lease that the ledger holds. The adapter's conditional write
/// expresses the same in DynamoDB's language.
#[must_use]
pub fn may_take(found: Option<&Lease>, me: &str, now: Timestamp, watched: Option<&Watched>) -> bool {
    // Protocol L17 and L19.
    let Some(found) = found else { return true };
    found.is_free(now)
        || found.holder_id == me
        || watched.is_some_and(|watched| watched.is_abandoned() && watched.is_still(found))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_764_072_000_000 + milliseconds).unwrap()
    }

    fn lease(holder: &str, now: Timestamp) -> Lease {
        let organization = OrganizationId::new("o-alpha00000").unwrap();
        Lease::new(organization, holder.into(), format!("pmp-spoke {holder}"), now, LeaseTerm::DEFAULT)
    }

    #[test]
    fn it_is_taken_when_free_expired_given_back_or_ones_own() {
        // Protocol L17.
        let held = lease("b", at(0));
        assert!(may_take(None, "a", at(0), None));
        assert!(!may_take(Some(&held), "a", at(59_999), None));
        assert!(may_take(Some(&held), "a", at(60_000), None));
        assert!(may_take(Some(&held.given_back()), "a", at(0), None));
        assert!(may_take(Some(&held), "b", at(0), None));
        assert!(!may_take(Some(&held.renewed(at(30_000))), "a", at(60_000), None));
    }

    #[test]
    fn one_that_was_watched_without_a_renewal_for_a_whole_term_is_abandoned_whatever_the_clocks_say() {
        // Protocol L19.
        // The holder's clock is a day ahead, and the holder has died. A holder of an earlier
        // release keeps its longer term.
        for (term, seconds) in [(LeaseTerm::DEFAULT, 10), (LeaseTerm::UNKNOWN, 60)] {
            let organization = OrganizationId::new("o-alpha00000").unwrap();
            let held = Lease::new(organization, "b".into(), "b".into(), at(86_400_000), term);
            let watched = |seconds| Watched { lease: held.clone(), unchanged_for: Duration::from_secs(seconds) };
            assert!(!may_take(Some(&held), "a", at(0), Some(&watched(seconds - 1))));
            assert!(may_take(Some(&held), "a", at(0), Some(&watched(seconds))));
            assert!(!may_take(Some(&held.renewed(at(1))), "a", at(0), Some(&watched(seconds))));
        }
    }

    #[test]
    fn the_loser_reads_who_holds_it_since_when_and_until_when() {
        assert_eq!(
            lease("b", at(0)).describe(at(12_000)),
            "pmp-spoke b, since 12:00:00Z (12 s ago), until 12:01:00Z unless it is renewed"
        );
    }

    #[test]
    fn a_term_has_bounds_and_so_has_what_a_lease_claims() {
        // Protocol L19.
        assert_eq!(LeaseTerm::new(Duration::from_millis(999)), None);
        assert_eq!(LeaseTerm::new(LeaseTerm::LONGEST + Duration::from_millis(1)), None);
        assert_eq!(LeaseTerm::new(LeaseTerm::LONGEST).unwrap().whole().as_secs(), 3_600);
        let forever = Lease { term_ms: u64::MAX, expires_at_ms: i64::MAX, ..lease("b", at(0)) };
        let watched = |seconds| Watched { lease: forever.clone(), unchanged_for: Duration::from_secs(seconds) };
        assert!(!may_take(Some(&forever), "a", at(0), Some(&watched(3_599))));
        assert!(may_take(Some(&forever), "a", at(0), Some(&watched(3_600))));
    }

    #[test]
    fn odd_times_are_told_as_they_are() {
        let held = lease("b", at(0));
        let told = |expires_at_ms, now| Lease { expires_at_ms, ..held.clone() }.describe(now);
        assert!(
            told(at(86_400_000).as_millisecond(), at(0))
                .contains("until 2025-11-26 12:00:00Z unless it is renewed; that is")
        );
        assert!(told(i64::MAX, at(0)).contains("until a time that no calendar has; that is longer than any lease"));
        assert!(told(0, at(0)).ends_with("and has given it back"));
        assert!(
            told(0, at(86_400_000)).contains("since 2025-11-25 12:00:00Z (86400 s ago)"),
            "{}",
            told(0, at(86_400_000))
        );
    }

    proptest! {
        /// The clocks of two processes differ by less than a third of the term. Whenever one may
        /// take the lease, the other has stopped acting on it, by its own steady clock.
        #[test]
        fn two_never_act_at_once_while_clocks_differ_by_less_than_a_third(
            term_s in 1_u64..600, skew in -0.33_f64..0.33, renewed_at in 0_i64..100_000, after in 0.0_f64..3.0,
        ) {
            let term = LeaseTerm::new(Duration::from_secs(term_s)).unwrap();
            let organization = OrganizationId::new("o-alpha00000").unwrap();
            let held = Lease::new(organization, "b".into(), "b".into(), at(0), term).renewed(at(renewed_at));
            let term_ms = term.whole().as_millis() as f64;
            let passed = after * term_ms;
            // The taker's clock shows the true time plus its skew against the holder's.
            let taker = at(renewed_at + (passed + skew * term_ms) as i64);
            let holder_acts = passed < term.held_for().as_millis() as f64;
            prop_assert!(!(holder_acts && may_take(Some(&held), "a", taker, None)));
        }

        /// A spoke that watched takes the lease only after the holder has stopped acting. This
        /// holds whatever the clocks say, if steady clocks run unevenly, and if requests take time:
        /// the holder counts from before it requested the renewal, and the watcher from after it
        /// saw it.
        #[test]
        fn one_who_watched_never_acts_beside_the_holder(
            term_ms in 1_000_u64..600_000, skew_s in -100_000_i64..100_000, asking in 0.0_f64..10.0, seeing in 0.0_f64..10.0,
            silence in 0.0_f64..3.0, holders in 0.9_f64..1.1, watchers in 0.9_f64..1.1,
        ) {
            // Protocol L18 and L19.
            let term = LeaseTerm::new(Duration::from_millis(term_ms)).unwrap();
            let organization = OrganizationId::new("o-alpha00000").unwrap();
            let held = Lease::new(organization, "b".into(), "b".into(), at(skew_s * 1_000), term);
            // Times are true seconds after the renewal was written. It was requested `asking`
            // before, and seen `seeing` after.
            let taken_at = seeing + silence * term.whole().as_secs_f64();
            let holder_acts = (taken_at + asking) * holders < term.held_for().as_secs_f64();
            let unchanged_for = Duration::from_secs_f64((taken_at - seeing) * watchers);
            let watched = Watched { lease: held.clone(), unchanged_for };
            let before_its_end = at(skew_s * 1_000);
            prop_assert!(!(holder_acts && may_take(Some(&held), "a", before_its_end, Some(&watched))));
        }

        /// With any term, the clocks may differ by at least 20 s, as with the term of a minute of
        /// earlier releases.
        #[test]
        fn clocks_may_differ_by_twenty_seconds_whatever_the_term(
            term_ms in 1_000_u64..3_600_000, skew_ms in -20_000_i64..20_000, passed in 0.0_f64..2.0,
        ) {
            let term = LeaseTerm::new(Duration::from_millis(term_ms)).unwrap();
            let organization = OrganizationId::new("o-alpha00000").unwrap();
            let held = Lease::new(organization, "b".into(), "b".into(), at(0), term);
            let passed_ms = passed * term_ms as f64;
            let holder_acts = passed_ms < term.held_for().as_millis() as f64;
            prop_assert!(!(holder_acts && may_take(Some(&held), "a", at(passed_ms as i64 + skew_ms), None)));
        }

        /// Renewals reach the ledger often enough that the holder never has to give up between two.
        #[test]
        fn a_renewal_in_time_leaves_room_for_two_more_tries(term_s in 1_u64..600) {
            let term = LeaseTerm::new(Duration::from_secs(term_s)).unwrap();
            prop_assert!(term.renew_every() * 3 <= term.held_for());
            prop_assert!(term.held_for() < term.whole());
        }
    }
}
