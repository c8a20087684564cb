//! The holder's side, against a lease store in memory, in paused time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use pmp_aws::{ApiError, Outcome};
use pmp_ledger::{LedgerError, may_take};
use pmp_runtime::{SystemChance, SystemClock};

use super::*;

/// One item. It can be told to fail, or to hang.
#[derive(Debug, Default)]
struct Memory {
    lease: Mutex<Option<Lease>>,
    failing: AtomicBool,
    hanging: AtomicBool,
    renewals: AtomicUsize,
}

impl Memory {
    async fn answer(&self) -> Result<(), LedgerError> {
        if self.hanging.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.failing.load(SeqCst) {
            let outcome = Outcome::NoAnswer("connection refused".into());
            let error = ApiError::of("dynamodb:PutItem", outcome);
            return Err(LedgerError::Api { table: "SyncTimestamps".parse().unwrap(), error });
        }
        Ok(())
    }

    fn holder(&self) -> Option<String> {
        self.lease.lock().unwrap().clone().filter(|lease| lease.expires_at_ms > 0).map(|lease| lease.holder)
    }
}

#[async_trait]
impl LeaseStore for Memory {
    async fn take(&self, wanted: &Lease, now: Timestamp, watched: Option<&Watched>) -> Result<Taken, LedgerError> {
        self.answer().await?;
        let mut lease = self.lease.lock().unwrap();
        if may_take(lease.as_ref(), &wanted.holder_id, now, watched) {
            *lease = Some(wanted.clone());
            return Ok(Taken::Yes);
        }
        Ok(Taken::HeldBy(lease.clone().map(Box::new)))
    }

    async fn held(&self, _: &OrganizationId) -> Result<Option<Lease>, LedgerError> {
        self.answer().await?;
        Ok(self.lease.lock().unwrap().clone())
    }

    async fn renew(&self, renewed: &Lease) -> Result<Taken, LedgerError> {
        self.answer().await?;
        let mut lease = self.lease.lock().unwrap();
        if lease.as_ref().is_some_and(|lease| lease.holder_id == renewed.holder_id) {
            self.renewals.fetch_add(1, SeqCst);
            *lease = Some(renewed.clone());
            return Ok(Taken::Yes);
        }
        Ok(Taken::HeldBy(lease.clone().map(Box::new)))
    }
}

fn leases(store: &Arc<Memory>, holder: &str) -> Leases {
    let organization = OrganizationId::new("o-alpha00000").unwrap();
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    Leases::new(store.clone(), organization, holder.into(), LeaseTerm::DEFAULT, clock, chance)
}

#[tokio::test(start_paused = true)]
async fn it_is_renewed_while_work_goes_on_and_given_back_after_it() {
    let store = Arc::new(Memory::default());
    let work = async |stop: &Stop| {
        assert_eq!(store.holder(), Some("a".into()));
        sleep(Duration::from_secs(600)).await;
        assert!(!stop.is_stopped());
        Ok(7)
    };
    assert_eq!(leases(&store, "a").hold(IfHeld::Leave, &Stop::new(), work).await.unwrap(), Some(7));
    assert_eq!(store.holder(), None);
    assert!((290..=301).contains(&store.renewals.load(SeqCst)), "every 2 s, and no more often: that is what it costs");
}

#[tokio::test(start_paused = true)]
async fn it_is_given_back_when_work_fails() {
    let store = Arc::new(Memory::default());
    let organization = OrganizationId::new("o-alpha00000").unwrap();
    let fail = async |_: &Stop| {
        Err::<(), _>(SpokeError::Leased { organization: organization.clone(), holder: "for the test".into() })
    };
    assert!(leases(&store, "a").hold(IfHeld::Leave, &Stop::new(), fail).await.is_err());
    assert_eq!(store.holder(), None);
}

#[tokio::test(start_paused = true)]
async fn who_finds_it_taken_leaves_with_the_holders_name_or_waits() {
    let store = Arc::new(Memory::default());
    let (first, second) = (leases(&store, "a"), leases(&store, "b"));
    let began = Instant::now();
    let work = async |_: &Stop| {
        let error = second.hold(IfHeld::Leave, &Stop::new(), async |_| Ok(())).await.unwrap_err();
        assert!(error.to_string().contains("is at work: a, since"), "{error}");
        sleep(Duration::from_secs(30)).await;
        Ok(())
    };
    let waiting = async {
        sleep(Duration::from_secs(1)).await;
        second.hold(IfHeld::Wait, &Stop::new(), async |_| Ok(Instant::now())).await.unwrap().unwrap()
    };
    let stop = Stop::new();
    let (_, began_second) = tokio::join!(first.hold(IfHeld::Leave, &stop, work), waiting);
    let waited = began_second.duration_since(began).as_secs();
    assert!((30..=32).contains(&waited), "{waited} s");
}

#[tokio::test(start_paused = true)]
async fn who_waits_leaves_when_told_to_stop() {
    let store = Arc::new(Memory::default());
    let stop = Stop::new();
    let waiting = async |_: &Stop| {
        stop.before(Instant::now() + Duration::from_secs(10), Duration::ZERO);
        leases(&store, "b").hold(IfHeld::Wait, &stop, async |_| Ok(())).await
    };
    assert_eq!(leases(&store, "a").hold(IfHeld::Leave, &Stop::new(), waiting).await.unwrap(), Some(None));
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_renewed_stops_the_work_before_others_may_take_it() {
    for hang in [false, true] {
        let store = Arc::new(Memory::default());
        let (began, whole) = (Instant::now(), Stop::new());
        let work = async |stop: &Stop| {
            (if hang { &store.hanging } else { &store.failing }).store(true, SeqCst);
            stop.stopped().await;
            Ok(stop.reason().unwrap().to_string())
        };
        let reason = leases(&store, "a").hold(IfHeld::Leave, &whole, work).await.unwrap().unwrap();
        assert!(reason.starts_with("lease lost because it could not be renewed in time"), "{reason}");
        assert!(hang || reason.ends_with("connection refused"), "{reason}");
        // But for the millisecond to which timers are rounded.
        assert_eq!(began.elapsed().as_secs(), LeaseTerm::DEFAULT.held_for().as_secs(), "two thirds of the term");
        assert!(began.elapsed() < LeaseTerm::DEFAULT.whole());
        assert!(!whole.is_stopped(), "an agent goes on and takes it again");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_someone_else_has_stops_the_work_and_is_not_given_back() {
    let store = Arc::new(Memory::default());
    let work = async |stop: &Stop| {
        let other = leases(&store, "b");
        let stolen = Lease::new(other.organization, "b".into(), "b".into(), Timestamp::now(), other.term);
        *store.lease.lock().unwrap() = Some(stolen);
        stop.stopped().await;
        Ok(stop.reason().unwrap().to_string())
    };
    let reason = leases(&store, "a").hold(IfHeld::Leave, &Stop::new(), work).await.unwrap().unwrap();
    assert!(reason.starts_with("lease lost to b, since "), "{reason}");
    assert_eq!(store.holder(), Some("b".into()));
}

#[tokio::test(start_paused = true)]
async fn one_whose_holder_died_with_a_clock_far_ahead_is_taken_after_a_term_without_renewal() {
    let store = Arc::new(Memory::default());
    let dead = leases(&store, "dead");
    let tomorrow = Timestamp::now() + jiff::SignedDuration::from_hours(24);
    *store.lease.lock().unwrap() =
        Some(Lease::new(dead.organization, "dead".into(), "dead".into(), tomorrow, dead.term));
    let began = Instant::now();
    let next = leases(&store, "next");
    next.hold(IfHeld::Wait, &Stop::new(), async |_| Ok(())).await.unwrap().unwrap();
    assert!((10..=12).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_only_looks_now_and_then_takes_it_after_a_term_without_a_renewal_and_never_before() {
    let store = Arc::new(Memory::default());
    let (holder, next) = (leases(&store, "a"), leases(&store, "next"));
    let look = async || next.hold(IfHeld::Leave, &Stop::new(), async |_| Ok(())).await.is_ok();
    // While it is renewed, whoever looks leaves, however often.
    let work = async |_: &Stop| {
        for _ in 0..60 {
            assert!(!look().await);
            sleep(Duration::from_secs(1)).await;
        }
        // It dies in the middle: the keeper goes with it.
        store.failing.store(true, SeqCst);
        Ok(store.lease.lock().unwrap().clone())
    };
    let last = holder.hold(IfHeld::Leave, &Stop::new(), work).await.unwrap().unwrap();
    *store.lease.lock().unwrap() = last;
    store.failing.store(false, SeqCst);
    let died = Instant::now();
    while !look().await {
        sleep(Duration::from_secs(1)).await;
    }
    let took = died.elapsed();
    assert!((LeaseTerm::DEFAULT.held_for()..=Duration::from_secs(13)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_has_fallen_silent_is_told_once_and_one_that_renews_or_gives_back_never() {
    let store = Arc::new(Memory::default());
    let (holder, idle) = (leases(&store, "a"), leases(&store, "idle"));
    let told_within = async |seconds: u64| {
        let mut told = 0;
        for _ in 0..seconds {
            told += usize::from(idle.has_fallen_silent().await.unwrap());
            sleep(Duration::from_secs(1)).await;
        }
        told
    };
    assert_eq!(told_within(20).await, 0, "nobody ever held it");
    let work = async |_: &Stop| Ok((told_within(60).await, store.lease.lock().unwrap().clone()));
    let (told, last) = holder.hold(IfHeld::Leave, &Stop::new(), work).await.unwrap().unwrap();
    assert_eq!((told, told_within(60).await), (0, 0));
    // As it was when it died.
    *store.lease.lock().unwrap() = last;
    assert_eq!(told_within(60).await, 1);
}

#[tokio::test(start_paused = true)]
async fn two_that_share_it_take_turns_however_much_one_has_to_do() {
    let store = Arc::new(Memory::default());
    let (busy, other) = (leases(&store, "busy"), leases(&store, "other"));
    busy.share_with(1);
    let pass = async |_: &Stop| {
        sleep(Duration::from_secs(30)).await;
        Ok(())
    };
    let began = Instant::now();
    let one_pass_after_the_other = async {
        loop {
            busy.hold(IfHeld::Wait, &Stop::new(), pass).await.unwrap();
        }
    };
    let waiting = async {
        sleep(Duration::from_secs(1)).await;
        other.hold(IfHeld::Wait, &Stop::new(), async |_| Ok(())).await.unwrap().unwrap();
    };
    tokio::select! {
        () = one_pass_after_the_other => {}
        () = waiting => {}
    }
    assert!((30..=34).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}
