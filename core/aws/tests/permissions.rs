//! Every IAM action that the programs can name is one that IAM knows: it takes a policy that allows
//! anything else without a word, and an operator who followed the hint would be as far as before.

// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pmp_aws::Permission;

/// Where the programs are: everything that ends up in one of them.
const PROGRAMS: [&str; 4] = ["core", "hub", "spoke", "filters"];

/// Words of the same form that are no actions: condition keys of policies.
const CONDITION_KEYS: [&str; 3] = ["dynamodb:LeadingKeys", "sns:Endpoint", "sns:Protocol"];

/// By service, the actions that IAM knows.
fn known() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut known = BTreeMap::<_, BTreeSet<_>>::new();
    for line in include_str!("iam-actions.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (service, actions) = line.split_once(':').unwrap();
        known.entry(service).or_default().extend(actions.split_whitespace());
    }
    known
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !matches!(name, "tests" | "target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What stands in quotes or backticks in `text` and reads as `service:Word`, of one of the
/// services.
fn named<'t>(text: &'t str, services: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<&'t str> {
    let quoted = text.split(['"', '`']);
    let of_a_service = |word: &&str| {
        word.split_once(':').is_some_and(|(service, action)| {
            services.contains_key(service)
                && action.starts_with(|c: char| c.is_ascii_uppercase())
                && action.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    };
    quoted.filter(of_a_service).collect()
}

#[test]
fn every_permission_that_the_programs_can_name_is_one_that_iam_knows() {
    let known = known();
    let is_known = |action: &str| {
        action.split_once(':').is_some_and(|(service, name)| known.get(service).is_some_and(|all| all.contains(name)))
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for program in PROGRAMS {
        sources(&root.join(program), &mut files);
    }
    let mut operations = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        operations.extend(named(&text, &known).into_iter().map(str::to_owned));
    }
    for key in CONDITION_KEYS {
        operations.remove(key);
    }
    // Those that are called in every pass and every run: where the search finds them no more, it
    // finds nothing.
    for called in ["aws-marketplace:StartChangeSet", "dynamodb:Query", "sns:Publish", "sqs:ReceiveMessage"] {
        assert!(operations.contains(called), "{called} is not found any more: {operations:?}");
    }
    let mut unknown = Vec::new();
    for operation in &operations {
        let permission = Permission::of(String::leak(operation.clone()));
        unknown.extend(permission.actions().filter(|action| !is_known(action)).map(str::to_owned));
    }
    assert!(unknown.is_empty(), "IAM has no such actions, or iam-actions.txt lacks them: {unknown:?}");
}

#[test]
fn an_operation_that_is_no_action_of_iams_is_noticed() {
    let known = known();
    let text = r#"ApiError::new("sqs:DeleteMessageBatch", &e); grant `sns:Publish`; "sns:Protocol", "aws:SourceArn""#;
    assert_eq!(named(text, &known), ["sqs:DeleteMessageBatch", "sns:Publish", "sns:Protocol"]);
    assert!(!known["sqs"].contains("DeleteMessageBatch") && known["sqs"].contains("DeleteMessage"));
}
