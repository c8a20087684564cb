//! Filters: components of anybody's making, modules that are made components here, and the
//! settings of the built-in rules.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use pmp_filter_host::{
    Context, EvaluateError, Evaluation, Filter, FilterHost, Limits, LogLine, Product, Status, Usage,
};
use pmp_protocol::testing::acts;
use pmp_protocol::{ExperienceId, OrganizationId, ProductId, SnapshotVersion, Verdict};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::utf8;
use crate::refusal::{is_told, note};

/// What a filter may use here: enough to come to an answer, and little enough for many of them.
fn limits() -> Limits {
    Limits { fuel: 500_000, memory_bytes: 8 << 20, wall_clock: Duration::from_secs(10), ..Limits::default() }
}

fn host() -> &'static FilterHost {
    static HOST: OnceLock<FilterHost> = OnceLock::new();
    HOST.get_or_init(|| FilterHost::new(limits()).expect("a host"))
}

/// A component as a file.
pub(super) fn component(bytes: &[u8]) {
    match host().load_bytes(bytes) {
        Ok(filter) => run(&filter),
        Err(error) => is_told(&error),
    }
}

/// A core module that exports what the contract asks for. It is wrapped as authors' tools wrap it;
/// what these do not take is no filter.
pub(super) fn guest(module: &[u8]) {
    if let Some(wrapped) = wrapped(module.to_vec()) {
        component(&wrapped);
    }
}

fn wrapped(mut module: Vec<u8>) -> Option<Vec<u8>> {
    let mut resolve = Resolve::default();
    let contract = include_str!("../../../../wit/filter-1.0.0/filter.wit");
    let package = resolve.push_str("filter.wit", contract).expect("the contract");
    let world = resolve.select_world(&[package], Some("filter")).expect("the contract's world");
    // The tool's own checks, which may panic on a module that is none.
    std::panic::catch_unwind(move || {
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).ok()?;
        ComponentEncoder::default().module(&module).ok()?.validate(true).encode().ok()
    })
    .ok()
    .flatten()
}

/// The settings of a built-in rule: the first line is its name.
pub(super) fn rules(bytes: &[u8]) {
    let Some((name, settings)) = utf8(bytes).and_then(|text| text.split_once('\n')) else { return };
    let Some(filter) = Filter::built_in(name, limits()) else { return };
    match filter.configure(settings) {
        Ok(configured) => {
            assert_eq!(configured.settings(), settings);
            run_with(&filter, settings);
        }
        Err(error) => is_told(&error),
    }
}

fn run(filter: &Filter) {
    let description = filter.description();
    let plain = |text: &str| !text.chars().any(acts);
    assert!(plain(&description.name) && plain(&description.version) && plain(&description.description));
    run_with(filter, "{}");
}

fn run_with(filter: &Filter, settings: &str) {
    let configured = match filter.configure(settings) {
        Ok(configured) => configured,
        Err(error) => return is_told(&error),
    };
    let experience = ExperienceId::new("exp-1").expect("an id");
    let organization = OrganizationId::new("o-alpha00000").expect("an id");
    let context = Context {
        snapshot_version: SnapshotVersion::FIRST,
        organization: &organization,
        management_experience: &experience,
        experience: &experience,
        experience_name: "Example",
        labels: &[],
        evaluated_at: Timestamp::UNIX_EPOCH,
    };
    let ids: Vec<_> = (0..10).map(|n| ProductId::new(&format!("prod-{n}")).expect("an id")).collect();
    let words = ["genai".to_owned(), "eu".to_owned()];
    let products: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| Product {
            name: (n % 3 == 0).then_some("Name"),
            manufacturer: (n % 2 == 0).then_some("Vendor"),
            manufacturer_id: (n % 4 == 0).then_some("vendor-1"),
            categories: if n % 5 == 0 { &words } else { &[] },
            labels: &words[..n % 3],
            ..Product::new(id, if n == 0 { Status::Rejected } else { Status::Approved })
        })
        .collect();
    let first = configured.evaluate(&context, &products);
    narrows(&products, &first);
    // Nothing is remembered from one run to the next, and chance is given to no filter.
    match (first, configured.evaluate(&context, &products)) {
        (Ok(one), Ok(other)) => {
            assert_eq!((one.decisions, one.verdicts), (other.decisions, other.verdicts));
            assert_eq!(one.usage.fuel_used, other.usage.fuel_used);
        }
        (Err(one), Err(other)) => {
            assert_eq!((one.to_string(), one.usage.fuel_used), (other.to_string(), other.usage.fuel_used));
        }
        (one, other) => panic!("{one:?}, and then {other:?}"),
    }
}

/// Rule 1: whatever a filter says, it only narrows. And it stays within its limits.
fn narrows(products: &[Product<'_>], answer: &Result<Evaluation, EvaluateError>) {
    let evaluation = match answer {
        Ok(evaluation) => evaluation,
        Err(error) => {
            is_told(error);
            return is_within(&error.usage);
        }
    };
    note("answer");
    is_within(&evaluation.usage);
    assert_eq!(evaluation.decisions.len(), products.len());
    for (product, decision) in products.iter().zip(&evaluation.decisions) {
        if product.status == Status::Rejected {
            assert_eq!(decision.verdict, Verdict::Reject, "what the hub rejected stays rejected");
        }
        let reason = decision.reason.as_deref().unwrap_or("-");
        assert!(!reason.is_empty() && reason.len() <= limits().reason_bytes && !reason.chars().any(acts), "{reason:?}");
    }
    for (id, decision) in &evaluation.verdicts {
        let product = products.iter().find(|product| product.id == id).expect("no other product is named");
        assert!(product.status == Status::Approved && decision.verdict != Verdict::Keep);
    }
}

fn is_within(usage: &Usage) {
    let Limits { fuel, memory_bytes, wall_clock, log_lines, log_bytes, .. } = limits();
    assert!(usage.fuel_used <= fuel, "{} of {fuel} fuel", usage.fuel_used);
    assert!(usage.peak_memory_bytes <= memory_bytes, "{} of {memory_bytes} bytes", usage.peak_memory_bytes);
    assert!(usage.elapsed <= wall_clock + Duration::from_secs(1), "{:?}", usage.elapsed);
    let bytes: usize = usage.logs.iter().map(|LogLine { message, .. }| message.len()).sum();
    assert!(usage.logs.len() <= log_lines && bytes <= log_bytes, "{} lines of {bytes} bytes", usage.logs.len());
    assert!(!usage.logs.iter().any(|line| line.message.chars().any(acts)));
}
