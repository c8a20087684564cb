//! Lists the differences from the snapshot, whether or not they are intended: experiences that a
//! guard rail holds, products that the catalog refused, products that a filter removes, and
//! experiences that are not managed. Pure: it takes the rows of `status`.

use std::borrow::Cow;
use std::str::FromStr;

use jiff::Timestamp;
use pmp_ledger::Head;
use pmp_protocol::{
    Digest, ExperienceId, OrganizationId, Paused, ProductId, Receipt, SnapshotVersion, Verdict, count, not_one_of,
    total,
};
use serde::Serialize;

use crate::status::group::{Caused, Group, group};
use crate::status::judge::what_is_held;
use crate::status::{SpokeState, SpokeStatus};

/// What sort of exception it is, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExceptionKind {
    /// A guard rail stopped it, and nobody let it through yet.
    Held,
    /// Let through by an operator of the hub; the spoke has not taken it up yet.
    Confirmed,
    /// Nothing is changed there until a time: operators of the hub paused it, or the member holds.
    Paused,
    /// On an older snapshot, to which operators of the hub pinned its organization.
    Pinned,
    /// The catalog refused a product, or it could not be looked up: it is left as it is, and tried
    /// again.
    #[serde(rename = "set-aside")]
    Deferred,
    /// The organization's filter leaves products out, or has them rejected.
    Excluded,
    /// The experience is not managed: disabled, archived, without a policy, or no spoke's.
    Skipped,
}

impl ExceptionKind {
    pub(crate) const ALL: [Self; 7] =
        [Self::Held, Self::Confirmed, Self::Paused, Self::Pinned, Self::Deferred, Self::Excluded, Self::Skipped];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Paused => "paused",
            Self::Pinned => "pinned",
            Self::Deferred => "set aside",
            Self::Excluded => "filtered",
            Self::Skipped => "skipped",
        }
    }

    /// How `--kind` spells it.
    fn flag(self) -> String {
        self.as_str().replace(' ', "-")
    }

    /// Whether it is about products. Otherwise it is about an experience as a whole.
    pub(crate) fn counts_products(self) -> bool {
        matches!(self, Self::Deferred | Self::Excluded)
    }
}

impl FromStr for ExceptionKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written = text.to_ascii_lowercase().replace(['_', ' '], "-");
        // As JSON spells it, too.
        let written = if written == "excluded" { "filtered".to_owned() } else { written };
        Self::ALL.into_iter().find(|kind| kind.flag() == written).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::flag).collect();
            not_one_of(text, &names.iter().map(String::as_str).collect::<Vec<_>>())
        })
    }
}

/// One exception in one member experience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ExceptionRow {
    /// What sort of exception it is.
    pub(crate) kind: ExceptionKind,
    /// Organization in which it is so.
    pub(crate) organization: OrganizationId,
    /// The member experience; none where the organization as a whole is meant.
    pub(crate) member_experience: Option<ExperienceId>,
    /// Why, in a sentence.
    pub(crate) reason: String,
    /// How many products it is about; none where it is about the experience.
    pub(crate) products: Option<usize>,
    /// Which, where it is one; otherwise one of them.
    pub(crate) product: Option<ProductId>,
    /// The snapshot that the spoke last said something of.
    pub(crate) version: Option<SnapshotVersion>,
    /// Since when, where that is known.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    pub(crate) since: Option<Timestamp>,
    /// When it is tried again, where that is known.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    pub(crate) next_try: Option<Timestamp>,
}

impl Caused for ExceptionRow {
    type Class = ExceptionKind;

    fn class(&self) -> ExceptionKind {
        self.kind
    }

    fn organization(&self) -> Option<&OrganizationId> {
        Some(&self.organization)
    }

    fn cause(&self) -> Cow<'_, str> {
        self.reason.as_str().into()
    }
}

/// Those with one cause, as programs are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ExceptionCause {
    /// What sort of exceptions they are.
    pub(crate) kind: ExceptionKind,
    /// What the reasons have in common.
    pub(crate) cause: String,
    /// How many organizations it concerns.
    pub(crate) organizations: usize,
    /// How many member experiences.
    pub(crate) experiences: usize,
    /// How many products, each counted once for each experience; none where it is about
    /// experiences.
    pub(crate) products: Option<usize>,
    /// What `confirm --cause` takes, of what is held: it stands for exactly these.
    pub(crate) confirm: Option<String>,
}

/// The exceptions, in the order of `rows`. Receipts that are disputed have none (rule 10).
pub(crate) fn list(rows: &[SpokeStatus], head: Option<&Head>) -> Vec<ExceptionRow> {
    rows.iter().flat_map(|row| exceptions_of(row, head)).collect()
}

fn exceptions_of(row: &SpokeStatus, head: Option<&Head>) -> Vec<ExceptionRow> {
    let of_it = |kind, reason: String| ExceptionRow {
        kind,
        organization: row.organization.clone(),
        member_experience: row.member_experience.clone(),
        reason,
        products: None,
        product: None,
        version: row.version,
        since: None,
        next_try: None,
    };
    let mut found = Vec::new();
    match (row.state, &row.receipt) {
        (SpokeState::Disputed | SpokeState::Unreadable, _) => return found,
        (SpokeState::Held, Some(receipt)) => {
            let kind = if row.confirmation.is_some() { ExceptionKind::Confirmed } else { ExceptionKind::Held };
            // The receipt says that an older snapshot is held. The spoke has not seen the newest
            // one yet.
            let behind = head.is_none_or(|head| head.latest != receipt.version);
            let behind = if behind { format!(" (snapshot {})", receipt.version) } else { String::new() };
            let since = Some(receipt.received_at);
            found.push(ExceptionRow { since, ..of_it(kind, format!("{}{behind}", what_is_held(receipt))) });
        }
        (SpokeState::Paused, Some(receipt)) => {
            let since = receipt.paused.as_ref().map(|paused| paused.since);
            found.push(ExceptionRow { since, ..of_it(ExceptionKind::Paused, row.message.clone()) });
        }
        // Nothing opens by itself where the fleet's windows and the member's never meet.
        (SpokeState::Error, Some(Receipt { paused: Some(Paused { windows: Some(said), since, .. }), .. }))
            if said.never_open() =>
        {
            found.push(ExceptionRow { since: Some(*since), ..of_it(ExceptionKind::Paused, row.message.clone()) });
        }
        (SpokeState::Pinned, _) => {
            let since = row.pinned.as_ref().map(|pin| pin.at);
            found.push(ExceptionRow { since, ..of_it(ExceptionKind::Pinned, row.message.clone()) });
        }
        (SpokeState::Skipped, _) => found.push(of_it(ExceptionKind::Skipped, row.message.clone())),
        _ => {}
    }
    let Some(receipt) = &row.receipt else { return found };
    found.extend(receipt.deferred.iter().map(|product| ExceptionRow {
        products: Some(1),
        product: Some(product.product.clone()),
        since: product.first_seen,
        next_try: product.next_try,
        ..of_it(ExceptionKind::Deferred, product.error.clone())
    }));
    found.extend(filtered(receipt).into_iter().map(|(reason, products, product)| ExceptionRow {
        products: Some(products),
        product,
        ..of_it(ExceptionKind::Excluded, reason)
    }));
    found
}

/// The products that the filter removed, by its reason.
fn filtered(receipt: &Receipt) -> Vec<(String, usize, Option<ProductId>)> {
    if receipt.filtered == 0 {
        return Vec::new();
    }
    let filter = receipt
        .filter
        .as_ref()
        .map_or_else(|| "a filter".to_owned(), |filter| format!("filter `{}@{}`", filter.name, filter.digest.short()));
    let mut told: Vec<_> = receipt
        .filtered_for
        .iter()
        .map(|filtered| {
            let verb = if filtered.verdict == Verdict::Reject { "rejected" } else { "excluded" };
            let why = filtered.reason.as_deref().unwrap_or("it gave no reason");
            (format!("{verb} by {filter}: {why}"), filtered.products, Some(filtered.example.clone()))
        })
        .collect();
    let rest = receipt.filtered.saturating_sub(total(told.iter().map(|(_, products, _)| *products)));
    if rest > 0 {
        told.push((format!("{filter}, for reasons that its spoke does not list"), rest, None));
    }
    told
}

/// Experiences that are held for one cause at the newest snapshot, and that nobody has confirmed
/// yet: `confirm` can let them through.
#[derive(Debug, Clone)]
pub(crate) struct HeldGroup<'a> {
    pub(crate) group: Group<'a, SpokeStatus>,
    /// A digest of these rows, their reasons and the snapshot. If any of them changes, so does the
    /// id, and nothing is confirmed unseen.
    pub(crate) id: String,
}

/// The experiences that can be confirmed, by cause.
pub(crate) fn held<'a>(rows: &'a [SpokeStatus], head: Option<&Head>) -> Vec<HeldGroup<'a>> {
    let Some(head) = head else { return Vec::new() };
    let is_held = |row: &&SpokeStatus| {
        let receipt = row.receipt.as_ref().filter(|_| row.state == SpokeState::Held && row.confirmation.is_none());
        receipt.is_some_and(|receipt| (receipt.version, receipt.digest) == (head.latest, head.digest))
    };
    let groups = group(rows.iter().filter(is_held));
    groups.into_iter().map(|group| HeldGroup { id: id_of(&group, head), group }).collect()
}

fn id_of(group: &Group<'_, SpokeStatus>, head: &Head) -> String {
    let mut lines: Vec<String> = group
        .members
        .iter()
        .filter_map(|row| {
            let receipt = row.receipt.as_ref()?;
            Some(format!("{}\u{0}{}\u{0}{}", row.organization, receipt.member_experience, what_is_held(receipt)))
        })
        .collect();
    lines.sort();
    Digest::of(format!("{}\u{0}{}\u{0}{}", head.latest, head.digest, lines.join("\u{1}")).as_bytes()).short()
}

/// The causes, with the most urgent one first.
pub(crate) fn causes(exceptions: &[ExceptionRow], held: &[HeldGroup<'_>]) -> Vec<ExceptionCause> {
    let cause = |group: &Group<'_, ExceptionRow>| ExceptionCause {
        kind: group.class,
        cause: cause_of(group),
        organizations: group.organizations().len(),
        experiences: experiences(group),
        products: group.class.counts_products().then(|| products(group)),
        confirm: confirmable(group, held).map(|held| held.id.clone()),
    };
    group(exceptions).iter().map(cause).collect()
}

/// The id in `held` of the group with the same experiences.
pub(crate) fn confirmable<'a, 'b>(
    group: &Group<'_, ExceptionRow>,
    held: &'a [HeldGroup<'b>],
) -> Option<&'a HeldGroup<'b>> {
    let first = group.members.first().filter(|first| first.kind == ExceptionKind::Held)?;
    let is_it = |held: &&HeldGroup<'_>| {
        let rows = &held.group.members;
        let same = |row: &&SpokeStatus| {
            row.organization == first.organization && row.member_experience == first.member_experience
        };
        rows.len() == group.members.len() && rows.iter().any(same)
    };
    held.iter().find(is_it)
}

pub(crate) fn cause_of(group: &Group<'_, ExceptionRow>) -> String {
    match group.other_causes {
        0 => group.cause.clone(),
        others => format!("{}; and {}", group.cause, count(others, "other cause")),
    }
}

pub(crate) fn experiences(group: &Group<'_, ExceptionRow>) -> usize {
    let mut named: Vec<_> = group.members.iter().map(|row| (&row.organization, &row.member_experience)).collect();
    named.sort();
    named.dedup();
    named.iter().filter(|(_, experience)| experience.is_some()).count()
}

pub(crate) fn products(group: &Group<'_, ExceptionRow>) -> usize {
    total(group.members.iter().filter_map(|row| row.products))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use pmp_ledger::Organization;
    use pmp_ledger::testing::head;
    use pmp_protocol::testing::{receipt, seen};
    use pmp_protocol::{DeferralReason, Deferred, FilterIdentity, FilteredFor, ReceiptStatus};

    use super::*;
    use crate::status::tests::view;

    fn organization(name: &str, receipts: Vec<Receipt>) -> Organization {
        let id = OrganizationId::new(name).unwrap();
        let seen = pmp_protocol::OrganizationSeen { organization: id.clone(), ..seen() };
        let receipts = receipts.into_iter().map(|receipt| Receipt { organization: id.clone(), ..receipt }).collect();
        Organization { seen: Some(seen), receipts, ..Organization::unknown(id) }
    }

    fn rows_of(organizations: impl IntoIterator<Item = Organization>) -> Vec<SpokeStatus> {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        crate::status::judge::rows(&view(organizations, Some(&head(42))), now, SignedDuration::from_hours(1))
    }

    fn held_at(version: u64, removed: usize) -> Receipt {
        receipt(
            version,
            ReceiptStatus::Held,
            Some(&format!("it would remove {removed} of 300 approved products; see there")),
        )
    }

    #[test]
    fn what_is_held_set_aside_excluded_and_skipped_is_told_by_cause() {
        let product = |id: &str| ProductId::new(id).unwrap();
        let filtered = Receipt {
            filtered: 12,
            filtered_for: vec![FilteredFor {
                verdict: Verdict::Exclude,
                reason: Some("the label `genai` is excluded".into()),
                products: 9,
                example: product("prod-1"),
            }],
            filter: Some(FilterIdentity { name: "no-genai".into(), version: "1".into(), digest: Digest::of(b"f") }),
            deferred: vec![Deferred {
                product: product("prod-2"),
                reason: DeferralReason::Refused,
                error: "ResourceNotFoundException".into(),
                first_seen: None,
                tries: 3,
                next_try: None,
            }],
            ..receipt(42, ReceiptStatus::InSync, None)
        };
        let rows = rows_of([
            organization("o-alpha00000", vec![held_at(42, 200)]),
            organization("o-beta000000", vec![held_at(42, 180)]),
            organization("o-gamma00000", vec![filtered]),
            organization("o-delta00000", vec![receipt(42, ReceiptStatus::Skipped, Some("the experience is disabled"))]),
            organization(
                "o-zeta000000",
                vec![receipt(43, ReceiptStatus::Held, Some("a snapshot that is not believed"))],
            ),
        ]);
        let head = head(42);
        let exceptions = list(&rows, Some(&head));
        let held = held(&rows, Some(&head));
        let causes = causes(&exceptions, &held);
        let told: Vec<_> = causes.iter().map(|it| (it.kind, it.experiences, it.products, it.cause.as_str())).collect();
        let filter = format!("filter `no-genai@{}`", Digest::of(b"f").short());
        assert_eq!(
            told,
            [
                (ExceptionKind::Held, 2, None, "it would remove 180–200 of 300 approved products"),
                (ExceptionKind::Deferred, 1, Some(1), "ResourceNotFoundException"),
                (ExceptionKind::Excluded, 1, Some(9), &*format!("excluded by {filter}: the label `genai` is excluded")),
                (ExceptionKind::Excluded, 1, Some(3), &*format!("{filter}, for reasons that its spoke does not list")),
                (ExceptionKind::Skipped, 1, None, "the experience is disabled"),
            ]
        );
        assert_eq!(causes[0].confirm, Some(held[0].id.clone()));
        assert_eq!(
            crate::render::exceptions::summary(&exceptions),
            "2 experiences held, 1 product set aside, 12 products filtered, 1 experience skipped"
        );
    }

    #[test]
    fn an_id_stands_for_what_was_shown_and_nothing_else() {
        let id = |receipts: Vec<Receipt>, latest: u64| {
            let rows = rows_of([organization("o-alpha00000", receipts)]);
            let head = head(latest);
            held(&rows, Some(&head)).first().map(|held| held.id.clone())
        };
        let shown = id(vec![held_at(42, 200)], 42);
        assert!(shown.is_some());
        assert_eq!(shown, id(vec![held_at(42, 200)], 42));
        assert_ne!(shown, id(vec![held_at(42, 201)], 42), "it would remove more");
        let other = Receipt { member_experience: ExperienceId::new("exp-other").unwrap(), ..held_at(42, 200) };
        assert_ne!(shown, id(vec![held_at(42, 200), other], 42), "one more experience");
        assert_eq!(id(vec![held_at(41, 200)], 42), None, "spokes act on the newest alone");
    }
}
