//! Two hubs that store at the same time, their calls interleaved by a seed.

use pmp_ledger::{SnapshotStore, Stored};

use crate::table::FakeTable;
use crate::{LARGE, OTHER, SMALL, management, new, version};

#[tokio::test(start_paused = true)]
async fn of_two_hubs_one_stores_the_version_and_nothing_of_the_other_is_in_it() {
    // Protocol L3 and L23.
    for seed in 0..3 {
        let table = FakeTable::default();
        table.store().store(&new(&management(), None, 1, &SMALL)).await.unwrap();
        let contents = [
            &*LARGE,
            if seed % 3 == 0 {
                &*LARGE
            } else if seed % 3 == 1 {
                &*OTHER
            } else {
                &*SMALL
            },
        ];
        let of = management();
        let run = async |index: usize| {
            let hub = table.slow_store(seed * 2 + index as u64);
            hub.store(&new(&of, Some(1), 2, contents[index])).await.unwrap()
        };
        let reader = async {
            let store = table.slow_store(seed + 1000);
            for _ in 0..20 {
                let head = store.head(&management()).await.unwrap().unwrap();
                let found = store.fetch(&management(), head.latest).await.unwrap();
                assert_eq!(found.digest(), head.digest, "seed {seed}");
                if head.latest == version(2) {
                    break;
                }
            }
        };
        let (one, other, ()) = tokio::join!(run(0), run(1), reader);
        let won = |stored: Stored| matches!(stored, Stored::Won { .. });
        assert!(won(one) != won(other), "seed {seed}: {one:?} and {other:?}");
        let winner = contents[usize::from(won(other))];
        let found = table.store().fetch(&management(), version(2)).await.unwrap();
        assert_eq!(found.digest(), winner.digest(), "seed {seed}");
    }
}
