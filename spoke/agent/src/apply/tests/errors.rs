//! The executor when calls, change sets or products fail.

use std::time::Duration;

use pmp_catalog::{Part, Revision};
use pmp_protocol::ProductBatch;

use super::*;
use pmp_catalog::testing::{Call, Fate, KnownToken, Refusal};

const fn refusal(code: &'static str, message: &'static str, status: u16) -> Option<Refusal> {
    Some(Refusal { code, message, status })
}

/// Errors that pass by themselves: the next try succeeds.
const PASSING: [Option<Refusal>; 5] = [
    refusal("ThrottlingException", "slow down", 429),
    refusal("ServiceQuotaExceededException", "too many open", 402),
    refusal("InternalServiceException", "sorry", 500),
    refusal("ResourceInUseException", "locked", 423),
    refusal("ValidationException", "the latest revision is 7", 422),
];

/// Makes the next `times` starts fail with a throttle.
pub(super) fn throttle_starts(catalog: &FakeCatalog, times: usize) {
    catalog.refuse(Call::Start, vec![PASSING[0]; times]);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_survived_at_every_call() {
    let calls =
        [Call::Start, Call::DescribeChangeSet, Call::DescribeExperience, Call::DescribePolicy, Call::OpenChangeSets];
    for call in calls {
        for refusal in PASSING {
            for place in 0..4 {
                let catalog = FakeCatalog::new(3, &products(0..10));
                let mut refusals = vec![None; place];
                refusals.push(refusal);
                catalog.refuse(call, refusals);
                for applied in Pass::new(&catalog, products(0..130)).run().await {
                    let what = (applied.status, applied.error);
                    assert_eq!(what, (ReceiptStatus::InSync, None), "{call:?} {refusal:?} at {place}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_of_them_one_after_the_other_are_survived_too() {
    let catalog = FakeCatalog::new(1, &products(0..1));
    catalog.refuse(Call::Start, PASSING);
    catalog.world().fates = vec![Fate::Cancelled, Fate::ServerFault];
    let applied = applied(&catalog, products(0..3)).await;
    assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None));
    let tokens: BTreeSet<_> =
        catalog.world().started.iter().map(|(_, request)| request.client_request_token()).collect();
    assert_eq!(tokens.len(), 3, "after a cancellation and a failure the same token would bring them back");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_never_applies_anything_twice() {
    let catalog = FakeCatalog::new(2, &products(0..1));
    catalog.refuse(Call::Start, [refusal("lost", "", 0), None, refusal("lost", "", 0)]);
    for applied in Pass::new(&catalog, products(0..120)).run().await {
        assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None));
    }
    let world = catalog.world();
    let changed: usize = world.started.iter().flat_map(|(_, request)| request.parts()).count();
    assert_eq!(changed, 2 * 3, "each part once");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_change_set_is_waited_for_and_not_fought() {
    let catalog = FakeCatalog::new(1, &products(0..10));
    let foreign = Part {
        experience: member(0),
        revision: Revision(1),
        allow: ProductBatch::split(&products(10..20)).pop(),
        deny: None,
        settings: None,
        after: None,
        refused: 0,
    };
    catalog.world().duration = Duration::from_secs(40);
    catalog.world().start(&[foreign]);
    catalog.world().duration = Duration::from_secs(1);
    let began = Instant::now();
    let applied = applied(&catalog, products(0..30)).await;
    assert_eq!((applied.status, applied.progress.allowed), (ReceiptStatus::InSync, 10));
    assert_eq!(catalog.world().started.len(), 1);
    assert!(began.elapsed() <= Duration::from_secs(45), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_ends_it_with_the_catalogs_own_words() {
    let cases = [
        (
            refusal("AccessDeniedException", "not you", 403),
            "`aws-marketplace:StartChangeSet` was refused with AccessDeniedException: not you; grant \
             `aws-marketplace:StartChangeSet` to the calling role or user; if the resource is another account's, its \
             policy has to allow it, too",
        ),
        (
            refusal("ValidationException", "the experience is archived", 422),
            "`aws-marketplace:StartChangeSet` was refused with ValidationException: the experience is archived",
        ),
    ];
    for (refusal, text) in cases {
        let catalog = FakeCatalog::new(1, &products(0..1));
        catalog.refuse(Call::Start, vec![refusal; 2]);
        let applied = applied(&catalog, products(0..3)).await;
        assert_eq!((applied.status, applied.error.as_deref()), (ReceiptStatus::Failed, Some(text)));
        assert_eq!(applied.progress.pending, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn faults_and_successes_without_effect_are_bounded() {
    for fate in [Fate::ServerFault, Fate::WithoutEffect] {
        let catalog = FakeCatalog::new(1, &products(0..1));
        catalog.world().fates = vec![fate; 20];
        let applied = applied(&catalog, products(0..3)).await;
        assert_eq!(applied.status, ReceiptStatus::Failed);
        assert!(catalog.world().started.len() <= 3, "{} change sets", catalog.world().started.len());
    }
}

#[tokio::test(start_paused = true)]
async fn an_experience_that_stays_locked_is_given_up_in_the_end() {
    let locked = refusal("ResourceInUseException", "locked", 423);
    let catalog = FakeCatalog::new(1, &products(0..1));
    catalog.refuse(Call::Start, vec![locked; 1_000]);
    let applied = applied(&catalog, products(0..3)).await;
    assert_eq!(applied.status, ReceiptStatus::Failed);
    assert!(applied.error.unwrap().starts_with("gave up: "));
}

#[tokio::test(start_paused = true)]
async fn where_the_bound_of_ids_is_one_on_requests_fewer_are_asked_for() {
    let catalog = FakeCatalog::new(12, &products(0..100));
    catalog.world().ids_per_request = true;
    for applied in Pass::new(&catalog, products(45..150)).run().await {
        assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None));
    }
}

fn poisoned(n: u32) -> FakeCatalog {
    let catalog = FakeCatalog::new(3, &products(0..10));
    catalog.world().poison = (0..n).map(|n| ProductId::new(&format!("prod-{:05}", 60 + n)).unwrap()).collect();
    catalog
}

#[tokio::test(start_paused = true)]
async fn poison_is_deferred_and_all_others_are_applied() {
    // The counts are one, a few, and a whole batch.
    for count in [1, 3, 50] {
        let catalog = poisoned(count);
        for applied in Pass::new(&catalog, products(0..210)).run().await {
            let Applied { status, progress, error, .. } = applied;
            assert_eq!((status, progress.pending), (ReceiptStatus::Partial, 0), "{error:?}");
            let deferred: BTreeSet<_> = progress.deferred.iter().map(|found| found.product.clone()).collect();
            assert_eq!(deferred, catalog.world().poison);
            assert_eq!(progress.deferred[0].error, "ENTITY_NOT_FOUND: no such product");
        }
        let world = catalog.world();
        for lists in world.experiences.values() {
            assert_eq!(lists.approved, &products(0..210) - &world.poison);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deferred_product_is_left_until_its_pause_is_over() {
    let catalog = poisoned(1);
    let mut applied = Pass::new(&catalog, products(0..210)).run().await;
    let deferred = applied.remove(0).progress.deferred;
    let started = catalog.world().started.len();
    let again = |at: i64, deferred: &[Deferred]| Pass {
        at: Timestamp::from_second(at).unwrap(),
        deferred: deferred.to_vec(),
        ..Pass::new(&catalog, products(0..210))
    };

    let soon = again(60, &deferred).run().await.remove(0);
    assert_eq!((soon.status, soon.progress.pending), (ReceiptStatus::Partial, 0));
    assert_eq!(catalog.world().started.len(), started, "nothing is tried before its time");

    let later = again(3_601, &deferred).run().await.remove(0);
    assert_eq!((later.status, later.progress.deferred[0].tries), (ReceiptStatus::Partial, 2));
    assert!(catalog.world().started.len() > started);

    catalog.world().poison.clear();
    let healed = again(100_000, &later.progress.deferred).run().await.remove(0);
    assert_eq!((healed.status, healed.error), (ReceiptStatus::InSync, None));
}

#[tokio::test(start_paused = true)]
async fn in_a_shared_change_set_the_innocent_are_applied_although_one_is_at_fault() {
    let catalog = FakeCatalog::new(40, &products(0..10));
    let bad = ProductId::new("prod-00030").unwrap();
    // The products are approved already, in all experiences but one.
    for (id, lists) in &mut catalog.world().experiences {
        if *id != experience(7) {
            lists.approved.insert(bad.clone());
        }
    }
    catalog.world().poison = BTreeSet::from([bad.clone()]);
    let applied = Pass::new(&catalog, products(0..50)).run().await;
    let partial = applied.iter().filter(|applied| applied.status == ReceiptStatus::Partial).count();
    let in_sync = applied.iter().filter(|applied| applied.status == ReceiptStatus::InSync).count();
    assert_eq!((partial, in_sync), (1, 39));
    assert_eq!(applied[7].progress.deferred.len(), 1);
}

/// Refusals of a request whose token is known: one text says so, the other does not.
const KNOWN: [&str; 2] = ["ClientRequestToken was used by an earlier request", "this cannot be done"];

#[tokio::test(start_paused = true)]
async fn a_known_token_that_is_refused_in_whatever_words_is_found_out_about_and_not_used_again() {
    for words in KNOWN {
        // The answer is lost twice to a request that was accepted. Once its change set fails.
        let catalog = FakeCatalog::new(2, &products(0..1));
        catalog.world().known_token = KnownToken::Refused(words);
        catalog.world().fates = vec![Fate::ServerFault];
        catalog.refuse(Call::Start, [refusal("lost", "", 0), None, refusal("lost", "", 0)]);
        for applied in Pass::new(&catalog, products(0..120)).run().await {
            assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None), "{words}");
        }
        let world = catalog.world();
        assert!(world.experiences.values().all(|lists| lists.approved == products(0..120)));
        let parts = world.started.iter().flat_map(|(_, request)| request.parts()).count();
        assert!(parts <= 2 * 3 + 2, "{words}: {parts} parts, of which one failed whole");
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_token_that_is_refused_for_ever_is_given_up_in_the_end() {
    let known = refusal("ValidationException", KNOWN[0], 422);
    let catalog = FakeCatalog::new(1, &products(0..1));
    catalog.refuse(Call::Start, vec![known; 1_000]);
    let applied = applied(&catalog, products(0..3)).await;
    assert_eq!(applied.status, ReceiptStatus::Failed);
    assert!(applied.error.unwrap().starts_with("gave up: "));
}

#[tokio::test(start_paused = true)]
async fn a_stale_revision_is_found_out_about_whatever_the_words() {
    let catalog = FakeCatalog::new(1, &products(0..10));
    catalog.world().stale = Some("this cannot be done");
    let live = as_read(&catalog, 0);
    // Somebody changes the experience after it was read, more often than the spoke investigates a
    // refusal in unknown words.
    let foreign = |n: u32| Part {
        experience: member(0),
        revision: Revision(1),
        allow: ProductBatch::split(&products(20 + n..21 + n)).pop(),
        deny: None,
        settings: None,
        after: None,
        refused: 0,
    };
    for n in 0..5 {
        catalog.world().experiences.get_mut(&experience(0)).unwrap().apply(&foreign(n), false);
    }
    assert_ne!(as_read(&catalog, 0).experience.revision, live.experience.revision);
    let applied = applied_to(&catalog, live, products(0..15)).await;
    assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None));
    assert_eq!(catalog.world().experiences[&experience(0)].approved, products(0..15));
}

#[tokio::test(start_paused = true)]
async fn a_stale_revision_is_found_out_about_where_reads_lag_too() {
    let catalog = FakeCatalog::new(1, &products(0..10));
    catalog.world().stale = Some("this cannot be done");
    catalog.world().lag = (Duration::from_secs(6), Duration::from_secs(6));
    let foreign = Part {
        experience: member(0),
        revision: Revision(1),
        allow: ProductBatch::split(&products(20..22)).pop(),
        deny: None,
        settings: None,
        after: None,
        refused: 0,
    };
    catalog.world().start(&[foreign]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let live = as_read(&catalog, 0);
    assert_eq!(live.experience.revision, Revision(1), "it ended, and cannot be read yet");
    let applied = applied_to(&catalog, live, products(0..15)).await;
    assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None));
    assert_eq!(catalog.world().experiences[&experience(0)].approved, products(0..15));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_lags_behind_a_change_set_is_waited_for_and_not_taken_for_one_without_effect() {
    for lag in [1, 5, 12] {
        let catalog = FakeCatalog::new(3, &products(0..10));
        catalog.world().lag = (Duration::from_secs(lag), Duration::from_secs(lag));
        for applied in Pass::new(&catalog, products(0..130)).run().await {
            assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None), "{lag} s");
        }
        let started = catalog.world().started.len();
        assert!(started <= 9, "{lag} s: {started} change sets for three times three batches");
    }
}

#[tokio::test(start_paused = true)]
async fn a_product_that_stays_denied_although_allowed_is_deferred() {
    let catalog = FakeCatalog::new(1, &products(0..10));
    catalog.world().adds = true;
    catalog.world().experiences.get_mut(&experience(0)).unwrap().rejected = products(12..14);
    let first = applied(&catalog, products(0..130)).await;
    assert_eq!((first.status, first.progress.pending), (ReceiptStatus::Partial, 0), "{:?}", first.error);
    let aside: BTreeSet<_> = first.progress.deferred.iter().map(|found| found.product.clone()).collect();
    assert_eq!(aside, products(12..14));
    let error = &first.progress.deferred[0].error;
    assert!(error.starts_with("the catalog allows it now, and still denies it"), "{error}");
    assert_eq!(catalog.world().started.len(), 3, "nothing is asked for twice");
    assert_eq!(catalog.world().experiences[&experience(0)].approved, products(0..130));

    // The product is left until its pause is over, as any product that the catalog refuses.
    let again = Pass { deferred: first.progress.deferred, ..Pass::new(&catalog, products(0..130)) };
    assert_eq!(again.run().await[0].status, ReceiptStatus::Partial);
    assert_eq!(catalog.world().started.len(), 3);
}

/// The receipt of an experience whose starter failed must not say that somebody stopped the spoke.
#[tokio::test(start_paused = true)]
async fn a_starter_that_panicked_is_not_told_as_a_stop() {
    let catalog = FakeCatalog::new(1, &products(0..1));
    catalog.world().panics = true;
    let applied = applied(&catalog, products(0..3)).await;
    assert_eq!(applied.status, ReceiptStatus::Failed);
    let error = applied.error.unwrap();
    assert!(error.contains("the task that starts change sets has ended; this is a fault of pmp-spoke"), "{error}");
}
