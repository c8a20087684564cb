//! What a job takes at least, by which the benchmarks judge what they measure.

use std::time::Duration;

use pmp_tests::Job;

#[test]
fn the_floor_is_the_longer_of_the_chain_and_the_starts() {
    let cases = [
        ((1, 500, 0), (10, 10)),
        ((10, 500, 500), (21, 10)),
        ((100, 50, 50), (21, 3)),
        ((10, 100, 100), (5, 2)),
        ((100, 0, 0), (0, 0)),
    ];
    for ((experiences, allow, deny), (alone, shared)) in cases {
        let job = Job { experiences, allow, deny };
        let floor = |shared| job.floor(Duration::from_secs(1), shared).as_secs();
        assert_eq!((floor(false), floor(true)), (alone, shared), "{job:?}");
    }
}
