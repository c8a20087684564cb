//! The holder's side, against a lease store in memory, in paused time.

use pmp_ledger::testing::MemoryLedger;
use pmp_protocol::testing::alpha;
use pmp_runtime::{SystemChance, SystemClock};

use super::*;

/// The lease of the one organization, and the name of its holder.
fn lease(store: &MemoryLedger) -> Option<Lease> {
    store.lease(&alpha())
}

fn holder(store: &MemoryLedger) -> Option<String> {
    lease(store).filter(|lease| lease.expires_at_ms > 0).map(|lease| lease.holder)
}

fn leases(store: &Arc<MemoryLedger>, holder: &str) -> Leases {
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    Leases::new(store.clone(), alpha(), holder.into(), LeaseTerm::DEFAULT, clock, chance)
}

#[tokio::test(start_paused = true)]
async fn it_is_renewed_while_work_goes_on_and_given_back_after_it() {
    let store = Arc::new(MemoryLedger::default());
    let work = async |stop: &Stop| {
        assert_eq!(holder(&store), Some("a".into()));
        sleep(Duration::from_secs(600)).await;
        assert!(!stop.is_stopped());
        Ok(7)
    };
    assert_eq!(leases(&store, "a").hold(IfHeld::Leave, &Stop::new(), work).await.unwrap(), Some(7));
    assert_eq!(holder(&store), None);
    let renewals = store.calls().into_iter().filter(|call| *call == "renew").count();
    assert!((290..=301).contains(&renewals), "every 2 s, and no more often: that is what it costs");
}

#[tokio::test(start_paused = true)]
async fn it_is_given_back_when_work_fails() {
    let store = Arc::new(MemoryLedger::default());
    let fail =
        async |_: &Stop| Err::<(), _>(SpokeError::Leased { organization: alpha(), holder: "for the test".into() });
    assert!(leases(&store, "a").hold(IfHeld::Leave, &Stop::new(), fail).await.is_err());
    assert_eq!(holder(&store), None);
}

#[tokio::test(start_paused = true)]
async fn who_finds_it_taken_leaves_with_the_holders_name_or_waits() {
    let store = Arc::new(MemoryLedger::default());
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
    let store = Arc::new(MemoryLedger::default());
    let stop = Stop::new();
    let waiting = async |_: &Stop| {
        stop.before(Instant::now() + Duration::from_secs(10), Duration::ZERO);
        leases(&store, "b").hold(IfHeld::Wait, &stop, async |_| Ok(())).await
    };
    assert_eq!(leases(&store, "a").hold(IfHeld::Leave, &Stop::new(), waiting).await.unwrap(), Some(None));
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_renewed_stops_the_work_before_others_may_take_it() {
    // Protocol L18.
    for hang in [false, true] {
        let store = Arc::new(MemoryLedger::default());
        let (began, whole) = (Instant::now(), Stop::new());
        let work = async |stop: &Stop| {
            if hang {
                store.hang()
            } else {
                store.fail()
            }
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
    let store = Arc::new(MemoryLedger::default());
    let work = async |stop: &Stop| {
        let other = leases(&store, "b");
        let stolen = Lease::new(other.organization, "b".into(), "b".into(), Timestamp::now(), other.term);
        store.set_lease(stolen);
        stop.stopped().await;
        Ok(stop.reason().unwrap().to_string())
    };
    let reason = leases(&store, "a").hold(IfHeld::Leave, &Stop::new(), work).await.unwrap().unwrap();
    assert!(reason.starts_with("lease lost to b, since "), "{reason}");
    assert_eq!(holder(&store), Some("b".into()));
}

#[tokio::test(start_paused = true)]
async fn one_whose_holder_died_with_a_clock_far_ahead_is_taken_after_a_term_without_renewal() {
    let store = Arc::new(MemoryLedger::default());
    let dead = leases(&store, "dead");
    let tomorrow = Timestamp::now() + jiff::SignedDuration::from_hours(24);
    store.set_lease(Lease::new(dead.organization, "dead".into(), "dead".into(), tomorrow, dead.term));
    let began = Instant::now();
    let next = leases(&store, "next");
    next.hold(IfHeld::Wait, &Stop::new(), async |_| Ok(())).await.unwrap().unwrap();
    assert!((10..=12).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_only_looks_now_and_then_takes_it_after_a_term_without_a_renewal_and_never_before() {
    let store = Arc::new(MemoryLedger::default());
    let (holder, next) = (leases(&store, "a"), leases(&store, "next"));
    let look = async || next.hold(IfHeld::Leave, &Stop::new(), async |_| Ok(())).await.is_ok();
    // While it is renewed, whoever looks leaves, however often.
    let work = async |_: &Stop| {
        for _ in 0..60 {
            assert!(!look().await);
            sleep(Duration::from_secs(1)).await;
        }
        // It dies in the middle: the keeper goes with it.
        store.fail();
        Ok(lease(&store))
    };
    let last = holder.hold(IfHeld::Leave, &Stop::new(), work).await.unwrap().unwrap();
    store.set_lease(last.unwrap());
    store.recover();
    let died = Instant::now();
    while !look().await {
        sleep(Duration::from_secs(1)).await;
    }
    let took = died.elapsed();
    assert!((LeaseTerm::DEFAULT.held_for()..=Duration::from_secs(13)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_has_fallen_silent_is_told_once_and_one_that_renews_or_gives_back_never() {
    let store = Arc::new(MemoryLedger::default());
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
    let work = async |_: &Stop| Ok((told_within(60).await, lease(&store)));
    let (told, last) = holder.hold(IfHeld::Leave, &Stop::new(), work).await.unwrap().unwrap();
    assert_eq!((told, told_within(60).await), (0, 0));
    // As it was when it died.
    store.set_lease(last.unwrap());
    assert_eq!(told_within(60).await, 1);
}

#[tokio::test(start_paused = true)]
async fn two_that_share_it_take_turns_however_much_one_has_to_do() {
    let store = Arc::new(MemoryLedger::default());
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
