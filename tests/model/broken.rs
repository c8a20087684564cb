//! For each rule a model that breaks it, and that has to fail: with a decision that is wrong, or a
//! port that does not do what it is relied on for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::LazyLock;

use pmp_hub::Decision;
use pmp_plan::{Desired, Observed};
use pmp_protocol::{Content, ExperienceId, ProductId, ResourceRequests, SnapshotMessage, Verdicts};
use pmp_spoke::{Backlog, Worth};
use pmp_waves::{Format, Rollout, Waves};
use stateright::{Checker, HasDiscoveries, Model};

use crate::decisions::Decisions;
use crate::halts::Halts;
use crate::rollout::{self, CONFIGURATIONS, Rollouts};
use crate::sync::{self, Sync};

/// Whether the model comes to break `rule`.
fn breaks<M>(model: M, rule: &'static str) -> bool
where
    M: Model + Send + std::marker::Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + std::marker::Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let found = HasDiscoveries::AnyOf([rule].into());
    model.checker().finish_when(found).spawn_bfs().join().discovery(rule).is_some()
}

/// Enough for every rule to be broken.
const BUDGET: sync::Budget =
    sync::Budget { changes: 2, runs: 3, hub_crashes: 0, losses: 0, hangs: 1, edits: 0, forgeries: 1, confirmations: 0 };

fn wrong(change: impl FnOnce(&mut Decisions)) -> Sync<1> {
    let mut model = Sync::new(BUDGET);
    change(&mut model.decisions);
    model
}

/// The model of a catalog or a ledger that does not compare what it should.
fn without(change: impl FnOnce(&mut Sync<1>)) -> Sync<1> {
    let mut model = Sync::new(BUDGET);
    change(&mut model);
    model
}

fn product(id: &str) -> ProductId {
    ProductId::new(id).unwrap()
}

/// What somebody else approved.
static ANOTHERS: LazyLock<Content> = LazyLock::new(|| {
    let approved = ["prod-a", "prod-d"].map(product).into();
    let experience = ExperienceId::new("exp-theirs").unwrap();
    Content::new(experience, approved, BTreeSet::new(), BTreeMap::new(), ResourceRequests::Allow).unwrap()
});

#[test]
fn each_rule_of_syncing_is_broken_by_a_model_without_it() {
    let cases = [
        (
            "nothing is approved that the hub or the filter takes away",
            wrong(|it| {
                it.plan = |_, observed, version, guard, confirmed| {
                    let none = Verdicts::new();
                    pmp_plan::plan(&Desired::new(&ANOTHERS, &none), observed, version, guard, confirmed)
                };
            }),
        ),
        (
            "the guard rails hold",
            wrong(|it| {
                it.plan = |desired, observed, version, guard, _| {
                    pmp_plan::plan(desired, observed, version, guard, Some(version))
                };
            }),
        ),
        (
            "quiet means in step",
            wrong(|it| {
                it.plan = |desired, _, version, guard, confirmed| {
                    let (approved, rejected) = (desired.approved(), desired.rejected());
                    pmp_plan::plan(desired, Observed { approved, rejected }, version, guard, confirmed)
                };
            }),
        ),
        ("a receipt never goes backwards", wrong(|it| it.may_replace = |_, _, _| true)),
        ("an outcome is told before its message is deleted", wrong(|it| it.may_replace = |_, _, _| false)),
        ("one spoke of an organization acts", wrong(|it| it.may_take = |_, _, _, _| true)),
        ("a lease ends", wrong(|it| it.may_take = |found, _, _, _| found.is_none())),
        (
            "two lines of versions never mix",
            wrong(|it| {
                it.sort = |received, _| {
                    let parse = |body: &str| SnapshotMessage::parse(body).unwrap().0;
                    let messages = received.iter().map(|received| parse(&received.body)).collect();
                    Backlog { messages, ours: received, ..Backlog::default() }
                };
            }),
        ),
        (
            "only what the ledger bears out is answered",
            wrong(|it| it.weigh = |messages, _| (vec![Worth::Answered; messages.len()], messages.last())),
        ),
        (
            "an announcement of the head leads to a pass",
            wrong(|it| it.weigh = |messages, _| (vec![Worth::Answered; messages.len()], None)),
        ),
        (
            "what was stored is published by the next run",
            wrong(|it| {
                it.decide = |head, digest, trigger| match pmp_hub::decide(head, digest, trigger) {
                    Decision::Announce { version, .. } => Decision::Nothing { version },
                    other => other,
                };
            }),
        ),
        ("a version has one content", without(|it| it.store_compares = false)),
        ("an experience never goes backwards", without(|it| it.catalog_compares = false)),
    ];
    for (rule, model) in cases {
        assert!(breaks(model, rule), "no way was found to break: {rule}");
    }
}

const ROLLOUT_BUDGET: rollout::Budget =
    rollout::Budget { newer: 1, failures: 2, silences: 0, late: 1, promotions: 0, halts: 0 };

/// The waves of the models, without what makes them careful.
static CARELESS: LazyLock<Waves> = LazyLock::new(|| {
    let text = "max_failures = 9\nwaves = [{ name = \"one\", organizations = [\"o-a000000000\"], deadline = \"2160h\" },\
                { name = \"two\", organizations = [\"o-b000000000\"], deadline = \"2160h\" },\
                { name = \"all\", share = 100, deadline = \"2160h\" }]";
    Waves::parse(text, Format::Toml).unwrap()
});

fn wrong_waves(configuration: usize, change: impl FnOnce(&mut Rollouts)) -> Rollouts {
    let mut model = Rollouts::new(CONFIGURATIONS[configuration], ROLLOUT_BUDGET);
    change(&mut model);
    model
}

fn careless(model: &mut Rollouts) {
    model.decisions.next = |_, rollout, fleet, now| pmp_waves::next(&CARELESS, rollout, fleet, now);
}

#[test]
#[ignore = "takes minutes: .ci/soak model"]
fn each_rule_of_waves_is_broken_by_a_model_without_it() {
    let cases = [
        ("max_failures holds", wrong_waves(0, careless)),
        ("max_failures holds", wrong_waves(0, |it| it.reads_state_first = false)),
        (
            "max_failures holds",
            wrong_waves(0, |it| {
                // A failure counts only as long as it lasts.
                it.decisions.next = |waves, rollout, fleet, now| {
                    let forgetful = Rollout { failed: BTreeSet::new(), ..rollout.clone() };
                    pmp_waves::next(waves, &forgetful, fleet, now)
                };
            }),
        ),
        ("no more fail than are permitted and at work", wrong_waves(2, careless)),
        ("a wave is entered in its turn", wrong_waves(0, careless)),
        ("nobody is waited for for ever", wrong_waves(0, careless)),
        ("a failure is remembered", wrong_waves(0, |it| it.write_compares = false)),
        ("nobody is directed backwards", wrong_waves(0, |it| it.write_compares = false)),
        ("a receipt never goes backwards", wrong_waves(0, |it| it.decisions.may_replace = |_, _, _| true)),
        (
            "a version has one content",
            wrong_waves(1, |it| it.decisions.decide = |_, _, _| Decision::Store { previous: None }),
        ),
        (
            // A hub that publishes nothing, and takes the failed version for what it restores.
            "going back is to the last good content",
            wrong_waves(2, |it| {
                it.decisions.decide = |head, _, _| Decision::Nothing { version: head.unwrap().latest };
            }),
        ),
    ];
    for (rule, model) in cases {
        assert!(breaks(model, rule), "no way was found to break: {rule}");
    }
}

/// Protocol D15: with a wrong decision each of the rules is broken.
#[test]
fn each_rule_of_halts_is_broken_by_a_model_without_it() {
    let wrong = |change: fn(&mut Halts)| {
        let mut model = Halts::new(3, 2);
        change(&mut model);
        model
    };
    let cases = [
        ("what is halted, and told, is begun nowhere", wrong(|it| it.halted = |_, _| None)),
        // Whoever waits is taken for one that has begun.
        ("what is halted, and told, is begun nowhere", wrong(|it| it.has_begun = |_, _| true)),
        ("who has begun goes on", wrong(|it| it.has_begun = |_, _| false)),
        // A halt that counts for every version.
        (
            "what nobody was told of keeps nobody",
            wrong(|it| it.halted = |fleet, _| fleet.and_then(|fleet| fleet.halted.first())),
        ),
    ];
    for (rule, model) in cases {
        assert!(breaks(model, rule), "no way was found to break: {rule}");
    }
}
