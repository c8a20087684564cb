//! What the templates refuse, with words, before anything is made.

use pmp_tests::MANAGEMENT;

use crate::stack::Stack;

const HUB: &str = "111111111111";
const CODE: [(&str, &str); 2] = [("CodeBucket", "code"), ("CodeKey", "0.1.0/bootstrap.zip")];

/// What the hub's template has against parameters.
fn hub(given: &[(&str, &str)]) -> Vec<String> {
    let given = [&[("ExperienceId", MANAGEMENT)], &CODE[..], given].concat();
    Stack::asked_for("infra/cloudformation/hub.yaml", HUB, &given).refusals()
}

fn seconds(duration: &str) -> u32 {
    let (number, unit) = duration.split_at(duration.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        other => panic!("{other}"),
    };
    number.parse::<u32>().unwrap() * unit
}

#[test]
fn a_silence_that_is_not_longer_than_the_interval_is_refused_and_every_other_is_taken() {
    let minutes = [5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 720].map(|number| format!("{number}m"));
    let hours = (1..=48).map(|number| format!("{number}h"));
    let silences: Vec<String> =
        minutes.into_iter().chain(hours).chain((1..=7).map(|number| format!("{number}d"))).collect();
    for interval in ["15m", "30m", "1h", "2h", "3h", "6h", "12h"] {
        assert_eq!(hub(&[("Interval", interval)]), Vec::<String>::new(), "{interval}, by default");
        for silence in &silences {
            let refused = hub(&[("Interval", interval), ("StaleAfter", silence)]);
            assert_eq!(refused.is_empty(), seconds(silence) > seconds(interval), "{interval}, {silence}: {refused:?}");
            assert!(
                refused.iter().all(|one| one.contains("StaleAfter has to be longer than the Interval")),
                "{refused:?}"
            );
        }
    }
}
