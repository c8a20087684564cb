//! One value of each type that travels, with every field filled and with as few as it may have.
//!
//! Struct literals on purpose: a new field does not compile here until it stands in a golden file.

#![allow(dead_code, reason = "the test binaries of several crates take their part of it")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pmp_protocol::{
    AccountId, Answer, Answers, Applied, ChangeSetTimes, ChangeWindows, Confirmed, Content, DIRECTION_SCHEMA, Decision,
    DecisionJournal, Decisions, DeferralReason, Deferred, Digest, Direction, DisputedReceipt, Drift, DriftHandling,
    EditedProduct, ExperienceId, FactsFrom, FilterIdentity, FilterInput, FilteredFor, ForeignChangeSet, Ground,
    GroundKind, Halted, HeadMark, Hold, JournalEntry, LEDGER_LAYOUT, Left, ListedAs, Listing, Moment, Needs, Note,
    OperatorConfirmation, OrganizationId, OrganizationSeen, Outcome, Outside, Pause, Paused, PausedBy, Pin,
    ProductAttributes, ProductId, Receipt, ReceiptStatus, Recorded, Removal, ResourceRequests, SnapshotVersion,
    SpokeScope, Turn, Verdict, VerdictMark, WindowsOf, WindowsSaid, WouldChange,
};

pub(crate) fn management() -> ExperienceId {
    ExperienceId::new("exp-management").unwrap()
}

pub(crate) fn member() -> ExperienceId {
    ExperienceId::new("exp-member").unwrap()
}

pub(crate) fn organization() -> OrganizationId {
    OrganizationId::new("o-alpha00000").unwrap()
}

pub(crate) fn product(name: &str) -> ProductId {
    ProductId::new(&format!("prod-{name}")).unwrap()
}

pub(crate) fn version(number: u64) -> SnapshotVersion {
    SnapshotVersion::new(number).unwrap()
}

/// A time of one day in 2026, in seconds after noon.
pub(crate) fn at(second: i64) -> Timestamp {
    let noon: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    Timestamp::from_second(noon.as_second() + second).unwrap()
}

pub(crate) fn digest(of: &str) -> Digest {
    Digest::of(of.as_bytes())
}

pub(crate) fn full_content() -> Content {
    let approved = ["a", "b", "c"].map(product).into();
    let rejected = ["x", "y"].map(product).into();
    let note = |(name, text): (&str, &str)| (product(name), Note::new(text).unwrap());
    let notes = [("a", "genai, two \"words\" of München"), ("x", "too dear")].map(note).into();
    Content::new(management(), approved, rejected, notes, ResourceRequests::Deny).unwrap()
}

pub(crate) fn minimal_content() -> Content {
    Content::new(management(), BTreeSet::new(), BTreeSet::new(), BTreeMap::new(), ResourceRequests::Allow).unwrap()
}

/// The same ids on every machine, spread like real ones, so that they do not pack away to nothing.
pub(crate) fn large_content() -> Content {
    let id = |n: usize| product(&Digest::of(&n.to_le_bytes()).hex()[..32]);
    Content::new(management(), (0..40_000).map(id).collect(), BTreeSet::new(), BTreeMap::new(), ResourceRequests::Allow)
        .unwrap()
}

pub(crate) fn answers() -> Answers {
    let attributes = ProductAttributes {
        name: Some("Title".into()),
        manufacturer: Some("Vendor".into()),
        manufacturer_id: Some("seller-1".into()),
        categories: vec!["Security".into(), "Observability".into()],
        category_ids: vec!["category-1".into()],
        fulfillment_types: vec!["SaaS".into(), "Container".into()],
    };
    let products = [("a", Some(attributes)), ("b", Some(ProductAttributes::default())), ("none", None)];
    let products = products.map(|(name, attributes)| (product(name), Answer { at: at(0), attributes })).into();
    Answers { experience: management(), products }
}

pub(crate) fn filter() -> FilterIdentity {
    FilterIdentity { name: "exclude-products".into(), version: "1.2.3".into(), digest: digest("filter") }
}

pub(crate) fn confirmed() -> Confirmed {
    Confirmed { by: "arn:aws:sts::111111111111:assumed-role/Operator/kim".into(), at: at(60) }
}

pub(crate) fn full_drift() -> Drift {
    let edited = [("a", ListedAs::Approved), ("x", ListedAs::Rejected), ("y", ListedAs::Unlisted)];
    let edited = edited.map(|(name, now)| EditedProduct { product: product(name), now });
    let full = ForeignChangeSet {
        id: "cs-foreign-2".into(),
        account: Some(AccountId::new("333333333333").unwrap()),
        name: Some("by hand".into()),
        at: Some(at(30)),
    };
    let minimal = ForeignChangeSet { id: "cs-foreign-1".into(), account: None, name: None, at: None };
    Drift {
        noticed_at: at(40),
        times: 2,
        products: 3,
        edited: edited.into(),
        handling: DriftHandling::Report,
        by: vec![full, minimal],
        rest_applied: true,
    }
}

pub(crate) fn minimal_drift() -> Drift {
    Drift {
        noticed_at: at(40),
        times: 1,
        products: 1,
        edited: Vec::new(),
        handling: DriftHandling::Heal,
        by: Vec::new(),
        rest_applied: false,
    }
}

pub(crate) fn full_receipt() -> Receipt {
    let refused = Deferred {
        product: product("c"),
        reason: DeferralReason::Refused,
        error: "ValidationException: no such product".into(),
        first_seen: Some(at(10)),
        tries: 3,
        next_try: Some(at(3_600)),
    };
    let never_tried = Deferred {
        product: product("d"),
        reason: DeferralReason::NotLookedUp,
        error: "not looked up".into(),
        first_seen: None,
        tries: 0,
        next_try: None,
    };
    let filtered = |verdict, reason: Option<&str>| FilteredFor {
        verdict,
        reason: reason.map(Into::into),
        products: 2,
        example: product("a"),
    };
    Receipt {
        organization: organization(),
        experience: management(),
        member_experience: member(),
        version: version(42),
        digest: digest("content 42"),
        line: 3,
        status: ReceiptStatus::Held,
        paused: Some(paused()),
        windows: Some(WindowsSaid { open: true, ..closed() }),
        received_at: at(1),
        applied_at: Some(at(2)),
        applied: Some(Applied { version: version(41), digest: digest("content 41"), at: at(3) }),
        allowed: 4,
        denied: 5,
        pending: 6,
        would_change: Some(WouldChange { allow: 7, deny: 8, settings: true }),
        left: Some(Left::of(&digest("lists"))),
        drift: Some(full_drift()),
        filtered: 9,
        filtered_for: vec![
            filtered(Verdict::Exclude, Some("not for us")),
            filtered(Verdict::Reject, None),
            filtered(Verdict::Keep, Some("kept")),
        ],
        filter_warnings: vec!["no product is of the vendor `Acme`".into()],
        deferred: vec![refused, never_tried],
        change_sets: vec!["cs-1".into(), "cs-2".into()],
        running: Some("cs-2".into()),
        filter: Some(filter()),
        filter_input: Some(filter_input()),
        confirmed: Some(confirmed()),
        removals: vec![Removal { at: at(5), removed: 10, approved: 11 }],
        owner: Some("only-0a1b2c3d".into()),
        recorded: Some(Recorded { outcomes: 12, decisions: Some(digest("decisions")), written_at: Some(at(6)) }),
        spoke_version: "0.1.0".into(),
        error: Some("the plan would remove 212 of 300 products".into()),
    }
}

fn filter_input() -> FilterInput {
    let decision = Decision { verdict: Verdict::Exclude, reason: None };
    FilterInput {
        settings: digest("settings"),
        experience_name: "Production".into(),
        facts: FactsFrom::Hub,
        in_force: Some(VerdictMark::of(&[(product("a"), decision)].into())),
    }
}

pub(crate) fn minimal_receipt(status: ReceiptStatus) -> Receipt {
    Receipt {
        organization: organization(),
        experience: management(),
        member_experience: member(),
        version: version(1),
        digest: digest("content 1"),
        line: 0,
        status,
        paused: None,
        windows: None,
        received_at: at(0),
        applied_at: None,
        applied: None,
        allowed: 0,
        denied: 0,
        pending: 0,
        would_change: None,
        left: None,
        drift: None,
        filtered: 0,
        filtered_for: Vec::new(),
        filter_warnings: Vec::new(),
        deferred: Vec::new(),
        change_sets: Vec::new(),
        running: None,
        filter: None,
        filter_input: None,
        confirmed: None,
        removals: Vec::new(),
        owner: None,
        recorded: None,
        spoke_version: "0.1.0".into(),
        error: None,
    }
}

/// As few fields as a receipt has whose nested records are there, and have as few as they may.
pub(crate) fn sparse_receipt() -> Receipt {
    Receipt {
        would_change: Some(WouldChange { allow: 1, deny: 0, settings: false }),
        drift: Some(minimal_drift()),
        filter_input: Some(FilterInput {
            settings: digest("{}"),
            experience_name: "Sandbox".into(),
            facts: FactsFrom::Nowhere,
            in_force: None,
        }),
        recorded: Some(Recorded { outcomes: 0, decisions: None, written_at: None }),
        ..minimal_receipt(ReceiptStatus::Skipped)
    }
}

pub(crate) const STATUSES: [ReceiptStatus; 6] = [
    ReceiptStatus::InSync,
    ReceiptStatus::Applying,
    ReceiptStatus::Partial,
    ReceiptStatus::Held,
    ReceiptStatus::Failed,
    ReceiptStatus::Skipped,
];

pub(crate) fn full_scope() -> SpokeScope {
    SpokeScope {
        id: "only-0a1b2c3d".into(),
        selected: Some([member()].into()),
        superseded_by: Some("all".into()),
        contested_by: Some("only-ffffffff".into()),
        rivals: vec!["all".into()],
    }
}

pub(crate) fn full_seen() -> OrganizationSeen {
    let disputed = DisputedReceipt {
        member_experience: member(),
        version: version(99),
        digest: digest("forged"),
        found_at: at(7),
    };
    OrganizationSeen {
        organization: organization(),
        experience: management(),
        last_seen: at(8),
        account: AccountId::new("222222222222").unwrap(),
        region: "us-east-1".into(),
        experiences: 2,
        spoke: Some(full_scope()),
        spoke_version: "0.1.0".into(),
        error: Some("the filter trapped".into()),
        change_set_times: Some(ChangeSetTimes { quickest_ms: 900, typical_ms: 1_100 }),
        needs: Some(Needs { schema: "pmp-sync.snapshot/2".into() }),
        ledger: Some(LEDGER_LAYOUT),
        hold: Some(hold()),
        disputed: vec![disputed],
        filter_settings: vec![r#"{"exclude_labels":["genai"]}"#.into()],
    }
}

pub(crate) fn minimal_seen() -> OrganizationSeen {
    OrganizationSeen {
        organization: organization(),
        experience: management(),
        last_seen: at(8),
        account: AccountId::new("222222222222").unwrap(),
        region: "us-east-1".into(),
        experiences: 0,
        spoke: None,
        spoke_version: "0.1.0".into(),
        error: None,
        change_set_times: None,
        needs: None,
        ledger: None,
        hold: None,
        disputed: Vec::new(),
        filter_settings: Vec::new(),
    }
}

fn paused() -> Paused {
    Paused {
        whose: PausedBy::Organization,
        until: at(90),
        by: "arn:aws:iam::111111111111:user/kim".into(),
        since: at(30),
        reason: "an audit".into(),
        windows: Some(closed()),
        halted: Some(version(41)),
    }
}

/// What change windows said, where they are closed; with all fields.
fn closed() -> WindowsSaid {
    WindowsSaid {
        open: false,
        until: Some(Moment {
            at: at(90),
            civil: jiff::civil::date(2026, 11, 24).at(13, 1, 30, 0),
            zone: "Europe/Berlin".into(),
        }),
        whose: WindowsOf::Fleet,
        fleet: Some("Mon-Fri 22:00-04:00 Europe/Berlin".into()),
        member: Some("daily 22:00-06:00 UTC".into()),
        tzdb: "2026f".into(),
        outside: Some(Outside {
            by: "arn:aws:iam::222222222222:user/mim".into(),
            at: at(29),
            reason: "an incident".into(),
        }),
    }
}

pub(crate) fn hold() -> Hold {
    Hold {
        experience: management(),
        until: at(90),
        by: "arn:aws:iam::222222222222:user/mim".into(),
        at: at(30),
        reason: "an audit".into(),
        released_at: Some(at(60)),
    }
}

pub(crate) fn direction(organization: Option<OrganizationId>) -> Direction {
    let by = "arn:aws:iam::111111111111:user/kim";
    Direction {
        schema: DIRECTION_SCHEMA.into(),
        experience: management(),
        organization,
        generation: 7,
        line: 3,
        by: by.into(),
        at: at(31),
        reason: "an audit".into(),
        pin: Some(Pin {
            version: version(40),
            digest: digest("content 40"),
            by: by.into(),
            at: at(30),
            reason: "bad".into(),
        }),
        pause: Some(Pause { until: at(90), by: by.into(), at: at(31), reason: "an audit".into() }),
        max_hold_seconds: Some(86_400),
        turn: Some(Turn { version: version(41), digest: digest("content 41"), at: at(31) }),
        change_windows: Some(ChangeWindows {
            text: "Mon-Fri 22:00-04:00 Europe/Berlin".into(),
            tzdb: "2026f".into(),
            at: at(28),
        }),
        halted: vec![Halted {
            version: version(42),
            digest: digest("content 42"),
            by: by.into(),
            at: at(32),
            reason: "a bad approval".into(),
            and_older: true,
        }],
    }
}

pub(crate) fn minimal_direction() -> Direction {
    Direction {
        pin: None,
        pause: None,
        max_hold_seconds: None,
        turn: None,
        change_windows: None,
        halted: Vec::new(),
        ..direction(None)
    }
}

pub(crate) fn sparse_scope() -> SpokeScope {
    SpokeScope { id: "all".into(), selected: None, superseded_by: None, contested_by: None, rivals: Vec::new() }
}

pub(crate) fn confirmation(member_experience: Option<ExperienceId>) -> OperatorConfirmation {
    OperatorConfirmation {
        organization: organization(),
        experience: management(),
        member_experience,
        version: version(42),
        digest: digest("content 42"),
        confirmed: confirmed(),
    }
}

pub(crate) fn mark() -> HeadMark {
    HeadMark { version: version(42), digest: digest("content 42"), at: at(9) }
}

pub(crate) fn full_outcome() -> Outcome {
    Outcome {
        organization: organization(),
        experience: management(),
        member_experience: member(),
        at: at(20),
        received_at: at(1),
        version: version(42),
        digest: digest("content 42"),
        status: ReceiptStatus::Partial,
        allowed: 1,
        denied: 2,
        pending: 3,
        filtered: 4,
        deferred: 5,
        change_sets: 6,
        change_set_ids: vec!["cs-5".into(), "cs-6".into()],
        filter: Some(filter()),
        confirmed: Some(confirmed()),
        outside: closed().outside,
        owner: Some("all".into()),
        spoke_version: "0.1.0".into(),
        error: Some("stopped before the end".into()),
    }
}

pub(crate) fn minimal_outcome() -> Outcome {
    Outcome {
        organization: organization(),
        experience: management(),
        member_experience: member(),
        at: at(20),
        received_at: at(1),
        version: version(1),
        digest: digest("content 1"),
        status: ReceiptStatus::InSync,
        allowed: 0,
        denied: 0,
        pending: 0,
        filtered: 0,
        deferred: 0,
        change_sets: 0,
        change_set_ids: Vec::new(),
        filter: None,
        confirmed: None,
        outside: None,
        owner: None,
        spoke_version: "0.1.0".into(),
        error: None,
    }
}

/// Two versions, decided by a filter and without one, with every kind of ground.
pub(crate) fn journal() -> DecisionJournal {
    let listing = Listing::of(&full_content());
    let decide = |grounds: &[(&str, GroundKind, Option<&str>)]| {
        let products: Vec<_> = grounds.iter().map(|(name, ..)| product(name)).collect();
        let grounds = grounds.iter().map(|(_, kind, reason)| Ground::new(*kind, *reason));
        Decisions::of(&listing, products.iter().zip(grounds))
    };
    let entry = |number: u64, status, filter| {
        JournalEntry::new(version(number), digest("content"), at(number.cast_signed()), status, filter)
    };
    let first = decide(&[("a", GroundKind::Excluded, Some("not for us")), ("b", GroundKind::Deferred, None)]);
    let second = decide(&[("a", GroundKind::Rejected, Some("not for us")), ("c", GroundKind::Excluded, None)]);
    DecisionJournal::new(entry(1, ReceiptStatus::Partial, None), first).with(
        entry(2, ReceiptStatus::InSync, Some(filter())),
        second,
        &listing,
        &listing,
    )
}
