//! The page as a whole, from what a hub sees.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use pmp_ledger::{Head, KeptVersion, Organization};
use pmp_protocol::testing::{now, product, receipt, seen, version};
use pmp_protocol::{
    Applied, Coded, Counts, DeferralReason, Deferred, Digest, ExperienceId, FilterIdentity, FilteredFor, HeadMark,
    NamedProduct, OrganizationId, Receipt, ReceiptStatus, Verdict,
};

use crate::inspect::difference::{ChangedProduct, Difference, Listed};
use crate::status::fleet::View;
use crate::status::{judge, tests};
use crate::web::page::{Live, Shown, render};
use crate::web::read::{Change, Seen};
use crate::web::server::Server;

const HOSTILE: &str = "<b>\"x\"</b><script>alert(1)</script>\u{202e}";

fn organization(name: &str, receipts: Vec<Receipt>) -> Organization {
    let id = OrganizationId::new(name).unwrap();
    let seen = pmp_protocol::OrganizationSeen { organization: id.clone(), ..seen() };
    let receipts = receipts.into_iter().map(|receipt| Receipt { organization: id.clone(), ..receipt }).collect();
    Organization { seen: Some(seen), receipts, ..Organization::unknown(id) }
}

fn seen_of(view: View) -> Seen {
    let rows = judge::rows(&view, now(), SignedDuration::from_hours(3));
    let experience = ExperienceId::new("exp-management").unwrap();
    Seen { experience, view, rows, kept: Vec::new(), changes: Vec::new(), at: now() }
}

fn kept(number: u64, approved: usize) -> KeptVersion {
    KeptVersion {
        version: version(number),
        digest: Digest::of(b"now"),
        taken_at: now() - SignedDuration::from_hours(100 - i64::try_from(number).unwrap()),
        counts: Some(Counts { approved, rejected: 7 }),
        pinned: None,
    }
}

/// A fleet in which something of everything is so.
fn everything() -> Seen {
    let member =
        |member: &str, receipt: Receipt| Receipt { member_experience: ExperienceId::new(member).unwrap(), ..receipt };
    let filtered = Receipt {
        filter: Some(FilterIdentity { name: HOSTILE.into(), version: "1".into(), digest: Digest::of(b"filter") }),
        filtered: 3,
        filtered_for: vec![FilteredFor {
            verdict: Verdict::Exclude,
            reason: Some(HOSTILE.into()),
            products: 3,
            example: product("prod-filtered"),
        }],
        deferred: vec![Deferred {
            product: product("prod-aside"),
            reason: DeferralReason::Refused,
            error: "ResourceNotFoundException".into(),
            first_seen: None,
            tries: 1,
            next_try: Some(now()),
        }],
        applied: Some(Applied { version: version(42), digest: Digest::of(b"now"), at: now() }),
        ..receipt(42, ReceiptStatus::InSync, None)
    };
    let held = |at: usize| {
        let error = format!("it would remove {at} of 300 approved products");
        organization(
            &format!("o-held{at:06}"),
            vec![member("exp-held", receipt(42, ReceiptStatus::Held, Some(&error)))],
        )
    };
    let others = [
        organization("o-error00000", vec![member("exp-error", receipt(42, ReceiptStatus::Failed, Some(HOSTILE)))]),
        organization("o-filtered00", vec![member("exp-filtered", filtered)]),
        organization("o-disputed00", vec![member("exp-disputed", receipt(99, ReceiptStatus::InSync, None))]),
        organization("o-skipped000", vec![member("exp-off", receipt(42, ReceiptStatus::Skipped, Some("disabled")))]),
    ];
    let head: Head = pmp_ledger::testing::head(42);
    let view = tests::view((200..320).map(held).chain(others), Some(&head));
    let mut seen = seen_of(view);
    seen.kept = (40..=42).map(|number| kept(number, 300 + usize::try_from(number).unwrap())).collect();
    let changed = ChangedProduct {
        product: product("prod-new"),
        before: None,
        after: Some(Listed::Approved),
        note_before: None,
        note_after: pmp_protocol::Note::new(HOSTILE),
    };
    let named =
        NamedProduct { id: product("prod-new"), name: Some(HOSTILE.into()), vendor: Some("Example Inc".into()) };
    seen.changes = vec![
        Change {
            before: version(41),
            after: version(42),
            difference: Some(Difference { products: vec![changed], policy_resource_requests: None }),
            names: [(named.id.clone(), named)].into(),
        },
        Change { before: version(40), after: version(41), difference: None, names: Default::default() },
    ];
    seen
}

/// The values of an attribute, in the order of the page.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    html.split(&format!(" {attribute}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_link_leads_somewhere_and_every_id_is_the_only_one() {
    let html = render(&everything(), Shown::File);
    let ids = values(&html, "id");
    let unique: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "{ids:?}");
    let links: Vec<_> = values(&html, "href").into_iter().filter_map(|href| href.strip_prefix('#')).collect();
    assert!(links.len() > 250, "{} links", links.len());
    let lost: Vec<_> = links.iter().filter(|link| !unique.contains(**link)).collect();
    assert_eq!(lost, Vec::<&&str>::new());
}

#[test]
fn it_says_who_needs_a_person_why_and_what_to_do() {
    let seen = everything();
    let html = render(&seen, Shown::File);
    for part in [
        "122 experiences of 122 organizations need a person",
        "120 experiences of 120 organizations</strong>: it would remove 200–319 of 300 approved products",
        "All of these: <code>pmp-hub confirm --cause ",
        "and 20 more organizations: <code>pmp-hub status --all --state held</code>",
        "Snapshot 42, compared with 41: 1 approved",
        "one of the two is not kept any more",
        "Example Inc",
        "Set aside: prod-aside: ResourceNotFoundException",
        "the ledger has no snapshot 99: the newest is 42",
        "Approved products: 340 on ",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    assert_eq!(html, render(&seen, Shown::File), "the same moment gives the same page");
}

#[test]
fn nothing_of_others_is_markup_and_nothing_is_asked_of_anybody() {
    let html = render(&everything(), Shown::File);
    assert!(html.contains("&lt;b&gt;&quot;x&quot;&lt;/b&gt;&lt;script&gt;alert(1)"), "{html}");
    assert_eq!((html.matches("<script").count(), html.matches('\u{202e}').count()), (1, 0));
    for part in ["<b>\"x\"", "http://", "https://", " src=", "url(", "@import", " style=", " onclick="] {
        assert!(!html.contains(part), "{part}");
    }
}

#[test]
fn one_organization_takes_no_room_from_the_others() {
    let long = "y".repeat(10_000);
    let member = |at: usize| Receipt {
        member_experience: ExperienceId::new(&format!("exp-{at}")).unwrap(),
        ..receipt(42, ReceiptStatus::Failed, Some(&long))
    };
    let view = tests::view(
        [organization("o-mallory000", (0..500).map(member).collect())],
        Some(&pmp_ledger::testing::head(42)),
    );
    let html = render(&seen_of(view), Shown::File);
    assert!(html.len() < 100_000, "{} bytes", html.len());
    assert!(html.contains("and 440 more rows: <code>pmp-hub status --all --org o-mallory000</code>"), "{html}");
}

#[test]
fn what_is_not_known_is_never_told_as_well() {
    let verdict = |view: View| {
        let html = render(&seen_of(view), Shown::File);
        html.split("class=\"verdict").nth(1).unwrap().split("</p>").next().unwrap().to_owned()
    };
    let head = pmp_ledger::testing::head(42);
    let told = verdict(View::default());
    assert!(told.contains("bad") && told.contains("holds no snapshot yet"), "{told}");
    let told = verdict(tests::view([], Some(&head)));
    assert!(told.contains("bad") && told.contains("No spoke has reported yet"), "{told}");
    let mark = Some(HeadMark { version: version(50), digest: Digest::of(b"lost"), at: now() });
    let told = verdict(View { mark, ..tests::view([], Some(&head)) });
    assert!(told.contains("bad") && told.contains("was restored to snapshot 42"), "{told}");
    let well = organization("o-alpha00000", vec![receipt(42, ReceiptStatus::InSync, None)]);
    let told = verdict(tests::view([well], Some(&head)));
    assert!(told.contains("good") && told.contains("Nothing needs a person."), "{told}");
}

#[test]
fn a_served_page_says_how_old_it_is_and_may_be_told_not_to_reload() {
    let seen = everything();
    let live = Live {
        every: Duration::from_secs(30),
        now: now() + SignedDuration::from_mins(4),
        trouble: None,
        reloads: true,
        tag: "7",
    };
    let html = render(&seen, Shown::Live(live));
    assert!(
        html.contains("data-tag=\"7\" data-every=\"30\"") && html.contains("http-equiv=\"refresh\" content=\"30\""),
        "{html}"
    );
    assert!(!html.contains("Content-Security-Policy"), "that is a header");
    let failed = Live { trouble: Some((HOSTILE, now())), reloads: false, ..live };
    let html = render(&seen, Shown::Live(failed));
    assert!(html.contains("The ledger could not be read at ") && html.contains("<strong>4m old</strong>"), "{html}");
    assert!(!html.contains("http-equiv=\"refresh\"") && html.contains("Reload by itself"), "{html}");
}

#[tokio::test]
async fn a_port_that_another_program_has_is_told() {
    let first = Server::listen(0).await.unwrap();
    let port = first.address().trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let taken = Server::listen(port).await.unwrap_err();
    assert_eq!(taken.code().to_string(), "E4038");
}
