//! What the templates refuse, with words, before anything is made.

use pmp_tests::{ALPHA, EXTERNAL_ID, MANAGEMENT};
use serde_json::Value;

use crate::stack::{Stack, text};

const HUB: &str = "111111111111";
const CODE: [(&str, &str); 2] = [("CodeBucket", "code"), ("CodeKey", "0.1.0/bootstrap.zip")];

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
    let given = [&[("ExperienceId", MANAGEMENT)], &CODE[..]].concat();
    let hub = Stack::new("infra/cloudformation/hub.yaml", HUB, &given);
    for interval in ["15m", "30m", "1h", "2h", "3h", "6h", "12h"] {
        let hub = hub.clone().with("Interval", interval);
        assert_eq!(hub.refusals(), Vec::<String>::new(), "{interval}, by default");
        for silence in &silences {
            let refused = hub.clone().with("StaleAfter", silence).refusals();
            assert_eq!(refused.is_empty(), seconds(silence) > seconds(interval), "{interval}, {silence}: {refused:?}");
            assert!(refused.iter().all(|one| one.contains("StaleAfter must be longer than Interval")), "{refused:?}");
        }
    }
}

/// A spoke's stack that is given everything that makes its role and its environment long, and
/// `count` experiences by their ids.
fn spoke(count: usize, filter_config: &str) -> Stack {
    let ids: Vec<_> = (0..count).map(|number| format!("exp-{number:013}")).collect();
    let given = [
        ("ExperienceId", "exp-1234567890abc"),
        ("SnapshotsTableArn", "arn:aws:dynamodb:us-east-1:111111111111:table/pmp-sync-marketplace-Snapshots"),
        ("TimestampsTableArn", "arn:aws:dynamodb:us-east-1:111111111111:table/pmp-sync-marketplace-SyncTimestamps"),
        ("TopicArn", "arn:aws:sns:us-east-1:111111111111:pmp-sync-marketplace-snapshots"),
        ("OrganizationId", ALPHA),
        ("HubRoleArn", "arn:aws:iam::111111111111:role/pmp-sync-marketplace-member-o-alpha00000"),
        ("HubExternalId", EXTERNAL_ID),
        ("Prefix", "pmp-sync-marketplace"),
        ("MemberExperienceIds", &ids.join(",")),
        ("CatalogAccountId", "222222222222"),
        ("SyncSettings", "true"),
        ("FilterBucket", "filters-of-the-marketplace-team-222222222223"),
        ("FilterKey", "filters/exclude-what-the-marketplace-team-excludes.wasm"),
        ("FilterDigest", &format!("sha256:{}", "0".repeat(64))),
        ("FilterConfig", filter_config),
        ("ProductAttributes", "true"),
    ];
    Stack::asked_for("infra/cloudformation/spoke.yaml", "222222222223", &[&CODE[..], &given].concat())
}

#[test]
fn more_experiences_than_a_role_and_a_function_hold_are_refused_with_the_way_out() {
    assert_eq!(spoke(85, "").refusals(), Vec::<String>::new());
    for count in [86, 100, 200] {
        let refusals = spoke(count, "").refusals();
        assert!(refusals.len() == 1 && refusals[0].contains("For more, leave it blank"), "{count}: {refusals:?}");
    }
}

#[test]
fn objects_without_rules_that_name_them_are_refused() {
    let object = "arn:aws:s3:::filters/sandbox.wasm";
    let without = spoke(1, "").with("FilterObjectArns", object);
    assert!(without.refusals()[0].contains("give Filters, too"), "{:?}", without.refusals());
    let with = without.with("Filters", r#"[{"names":["*"],"filter":"none"}]"#);
    assert_eq!(with.refusals(), Vec::<String>::new());
    let statements = with.properties("FunctionRole")["Policies"][0]["PolicyDocument"]["Statement"].clone();
    let statement = statements.as_array().unwrap().iter().find(|it| it["Sid"] == "LoadTheFiltersOfRules").cloned();
    assert_eq!(statement.unwrap()["Resource"], serde_json::json!([object]));
}

/// What AWS counts: a role's inline policies without white space, and names and values of an
/// environment.
#[test]
fn as_many_as_are_taken_fit_into_the_role_and_the_environment() {
    let stack = spoke(85, &"x".repeat(1_200));
    let policies = stack.properties("FunctionRole")["Policies"].as_array().unwrap().clone();
    let length: usize = policies.iter().map(|policy| policy["PolicyDocument"].to_string().len()).sum();
    assert!((9_000..=10_240).contains(&length), "{length} characters of a policy");
    // Two keys, while they change, leave less for the filter's settings.
    let key = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", "M".repeat(126));
    let trusting = spoke(85, &"x".repeat(800)).with("TrustedKeys", &key.repeat(2));
    assert_eq!(trusting.refusals(), Vec::<String>::new());
    for stack in [stack, trusting] {
        let size = environment(&stack);
        assert!((3_500..=4_096).contains(&size), "{size} bytes of an environment");
    }
}

/// All lists full: what AWS takes of a parameter is checked with them.
#[test]
fn full_lists_of_organizations_fit_into_the_topics_policy_and_the_first_into_the_environment() {
    let ids = |count: usize| (0..count).map(|number| format!("o-member{number:04}")).collect::<Vec<_>>().join(",");
    let (first, others) = (ids(250), ids(292));
    let given = [
        ("ExperienceId", "exp-1234567890abc"),
        ("Prefix", "pmp-sync-marketplace"),
        ("SigningKeyArn", "arn:aws:kms:us-east-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("MemberOrganizationIds", &first),
        ("SecondMemberOrganizationIds", &others),
        ("ThirdMemberOrganizationIds", &others),
        ("FourthMemberOrganizationIds", &others),
    ];
    let stack = Stack::new("infra/cloudformation/hub.yaml", HUB, &[&CODE[..], &given].concat());
    let policy = stack.properties("TopicPolicy")["PolicyDocument"].to_string();
    assert!((15_000..=30_720).contains(&policy.len()), "{} characters of a policy", policy.len());
    let size = environment(&stack);
    assert!((3_500..=4_096).contains(&size), "{size} bytes of an environment");
}

#[test]
fn settings_of_a_filter_that_are_too_long_are_refused_with_the_way_out_and_come_from_a_bucket() {
    assert_eq!(spoke(1, &"x".repeat(2_048)).refusals(), Vec::<String>::new());
    let refusals = spoke(1, &"x".repeat(2_049)).refusals();
    assert!(refusals.len() == 1 && refusals[0].contains("FilterConfigBucket"), "{refusals:?}");
    let from_bucket = |config| spoke(1, config).with("FilterConfigBucket", "settings");
    for (stack, problem) in [
        (from_bucket("{}").with("FilterConfigKey", "filter.json"), "not both"),
        (from_bucket(""), "FilterConfigBucket needs FilterConfigKey"),
    ] {
        let refusals = stack.refusals();
        assert!(refusals.len() == 1 && refusals[0].contains(problem), "{refusals:?}");
    }
    assert_eq!(from_bucket("").with("FilterConfigKey", "filter.json").refusals(), Vec::<String>::new());
}

/// The bytes of a function's environment, as AWS counts them.
fn environment(stack: &Stack) -> usize {
    let variables = stack.properties("Function")["Environment"]["Variables"].clone();
    let size = |(name, value): (&String, &Value)| name.len() + text(value).len();
    variables.as_object().unwrap().iter().map(size).sum()
}
