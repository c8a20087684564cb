//! The policy's settings: they go with the products or alone, and never keep products from being
//! applied.

use super::*;
use pmp_catalog::testing::{Call, Named, Refusal};

const WANTED: Option<ResourceRequests> = Some(ResourceRequests::Deny);

#[tokio::test(start_paused = true)]
async fn settings_travel_with_the_first_products_and_alone_where_there_are_none() {
    for (approved, change_sets) in [(products(0..120), 3), (BTreeSet::new(), 1)] {
        let catalog = FakeCatalog::new(1, &BTreeSet::new());
        let applied = Pass { wanted: WANTED, ..Pass::new(&catalog, approved.clone()) }.run().await.remove(0);
        assert_eq!((applied.status, applied.error), (ReceiptStatus::InSync, None));
        let world = catalog.world();
        assert_eq!(
            (world.started.len(), world.experiences[&experience(0)].requests),
            (change_sets, ResourceRequests::Deny)
        );
        assert_eq!(world.started[0].1.parts()[0].settings, WANTED);
        assert!(world.started[1..].iter().all(|(_, request)| request.parts()[0].settings.is_none()));
        assert_eq!(world.experiences[&experience(0)].approved, approved);
    }
}

#[tokio::test(start_paused = true)]
async fn settings_stay_where_they_are_not_asked_for_or_as_they_should_be() {
    for wanted in [None, Some(ResourceRequests::Allow)] {
        let catalog = FakeCatalog::new(1, &BTreeSet::new());
        let applied = Pass { wanted, ..Pass::new(&catalog, BTreeSet::new()) }.run().await.remove(0);
        assert_eq!(applied.status, ReceiptStatus::InSync);
        assert_eq!(catalog.world().started.len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_the_catalog_refuses_hold_up_no_product() {
    for named in [Named::Yes, Named::No] {
        let catalog = FakeCatalog::new(1, &BTreeSet::new());
        catalog.world().poison_settings = Some(named);
        let approved = products(0..70);
        let applied = Pass { wanted: WANTED, ..Pass::new(&catalog, approved.clone()) }.run().await.remove(0);
        assert_eq!(applied.status, ReceiptStatus::Failed, "{applied:?}");
        let error = applied.error.unwrap();
        assert!(error.starts_with("the products are in step, but the catalog refused the settings: "), "{error}");
        assert!(error.contains("no settings for you"), "{error}");
        assert_eq!(catalog.world().experiences[&experience(0)].approved, approved);
        assert!(applied.progress.deferred.is_empty(), "{named:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_spoke_that_may_not_change_settings_still_changes_the_products() {
    let catalog = FakeCatalog::new(1, &BTreeSet::new());
    let denied = Refusal { code: "AccessDeniedException", message: "not UpdateProcurementPolicy", status: 403 };
    // The first request carries both, the second one the products, and the third one the settings
    // alone.
    catalog.refuse(Call::Start, [Some(denied), None, Some(denied)]);
    let approved = products(0..10);
    let applied = Pass { wanted: WANTED, ..Pass::new(&catalog, approved.clone()) }.run().await.remove(0);
    assert_eq!(applied.status, ReceiptStatus::Failed);
    assert!(applied.error.unwrap().contains("not UpdateProcurementPolicy"));
    assert_eq!(catalog.world().experiences[&experience(0)].approved, approved);
}
