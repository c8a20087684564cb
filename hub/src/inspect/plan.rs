//! Computes the effects of a publish on the members before anything is published. Pure: it takes
//! the hub's view and the present management experience.
//!
//! What is applied in an experience is what the hub said in the snapshot that its receipt names,
//! narrowed by its filter; so the plan follows. What somebody else changed there since is not known
//! here. What filters decide tells [`inquiry`], where the hub has all that it takes; otherwise
//! nothing follows.

pub(crate) mod inquiry;
mod moves;
mod outlook;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use pmp_ledger::{Head, Organization, Report};
use pmp_plan::{GuardRails, Lately};
use pmp_protocol::deciding::{Answered, Ask};
use pmp_protocol::{
    Content, Digest, ExperienceId, FilterIdentity, NamedProduct, OrganizationId, ProductId, Receipt, ReceiptStatus,
    Sealed, SnapshotVersion, Verdict, paused,
};
use serde::Serialize;

pub use self::outlook::Outlook;

use self::inquiry::{Foreseen, Inquiry, Outlooks, Supply};
use self::moves::{Case, Moves, MovesOfAll};
use crate::config::waves::WavesSetting;
use crate::confirm::waits_for_a_halt;
use crate::rollout::told::TurnOf;
use crate::status::fleet::{Looked, View};
use crate::status::judge::pinned;
use crate::status::named::Names;

/// The time for which spokes count removals by default, for their guard rails.
const GUARD_WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// The most products that are named of the experiences of one organization with filters. A filter
/// may decide differently for each experience; beyond this only the numbers are told.
const MAX_NAMED: usize = 200_000;

/// The effect on one experience, or on an organization as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedRow {
    /// The organization that it is about.
    pub organization: OrganizationId,
    /// The member experience; none where it is about the organization as a whole.
    pub member_experience: Option<ExperienceId>,
    /// The snapshot that is applied there.
    pub applied: Option<SnapshotVersion>,
    /// What would happen there.
    #[serde(flatten)]
    pub outlook: Outlook,
    /// Why a change would come later: a pause, a hold, closed change windows, or waves. Absent
    /// where nothing keeps it back, as far as the hub knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// What its spoke has to apply now, where nothing new is published: the turn for the version
    /// that is on its way has come. Absent where a change comes with the next publish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// The filter that narrows it, as its receipt names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterIdentity>,
    /// How many of the products that would be published the filter takes away; none where that is
    /// not known, and where there is no filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filtered: Option<usize>,
    /// Which of [`FleetPlan::filtered`] tells its products; none where the filter is not known, and
    /// where no product is worth a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filtered_case: Option<usize>,
}

/// What changes, product by product, where a snapshot is applied without a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProductsFrom {
    /// The snapshot that is applied there.
    pub from: SnapshotVersion,
    /// The products that would be approved.
    pub allow: BTreeSet<ProductId>,
    /// The products that would be denied.
    pub deny: BTreeSet<ProductId>,
}

/// What changes, product by product, where a filter narrows what is applied and what would be
/// published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FilteredCase {
    /// By this number experiences name it.
    pub number: usize,
    /// The snapshot that is applied there.
    pub from: SnapshotVersion,
    /// The filter, as receipts name it.
    pub filter: FilterIdentity,
    /// Products that would change, and products that are newly left out. Products that the filter
    /// takes away as before are not among them.
    pub products: Vec<PlannedProduct>,
}

/// What would happen to a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlannedProduct {
    /// Id of the product.
    pub product: ProductId,
    /// What would happen to it.
    pub step: PlannedStep,
    /// What the filter decides about it; absent where the filter keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why, in the filter's words; or why the filter cannot decide yet. Absent where nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What would happen to a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PlannedStep {
    /// It would be put on the list of approved products.
    Allow,
    /// It would be put on the list of rejected products.
    Deny,
    /// It would be left as it is, though the hub approves it.
    Leave,
}

/// The plan for the whole fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FleetPlan {
    /// What would happen in each experience.
    pub rows: Vec<PlannedRow>,
    /// Product by product, where there is no filter.
    pub products: Vec<ProductsFrom>,
    /// Product by product, where a filter narrows.
    pub filtered: Vec<FilteredCase>,
    /// Whether products are left out of `filtered`, since an organization's filters decide
    /// differently for very many.
    pub shortened: bool,
}

/// What a publish would bring to all members, as far as the hub can know.
#[derive(Debug, Clone, Default)]
pub struct Foresight {
    pub(crate) view: View,
    /// The snapshots that are applied somewhere, of those that the ledger keeps.
    pub(crate) kept: BTreeMap<SnapshotVersion, Content>,
    pub(crate) supply: Supply,
}

impl Foresight {
    /// From what organizations report, the ledger's head, and snapshots that it keeps. Whoever
    /// reports is listened to, and filters that are not built in are not known.
    #[must_use]
    pub fn new(
        head: Option<Head>,
        organizations: impl IntoIterator<Item = Organization>,
        kept: impl IntoIterator<Item = (SnapshotVersion, Digest, Content)>,
    ) -> Self {
        let looked = |organization: Organization| Looked {
            id: organization.id.clone(),
            report: Ok(Report { organization, more: false }),
        };
        let looked = organizations.into_iter().map(looked).collect();
        let (mut digests, mut contents) = (BTreeMap::new(), BTreeMap::new());
        for (version, digest, content) in kept {
            digests.insert(version, digest);
            contents.insert(version, content);
        }
        let view = View { head, looked, kept: digests, ..View::default() };
        Self { view, kept: contents, supply: Supply::default() }
    }

    /// What `pmp-filter decide` is to be asked about the members' filters, for `content` as if it
    /// were published next.
    #[must_use]
    pub fn asks(&self, content: &Content, now: Timestamp) -> Vec<Ask> {
        self.inquire(content, now).asks().to_vec()
    }

    /// The plan for `content`, as if it were published next. `answers`: what came of
    /// [`Self::asks`], at the same moment.
    #[must_use]
    pub fn plan(
        &self,
        content: &Content,
        guard: GuardRails,
        now: Timestamp,
        answers: impl IntoIterator<Item = Answered>,
    ) -> FleetPlan {
        let outlooks = self.inquire(content, now).foresee(answers, None);
        plan(&self.view, content, &self.kept, &outlooks, guard, &WavesSetting::Unset, now)
    }

    pub(crate) fn inquire(&self, content: &Content, now: Timestamp) -> Inquiry {
        Inquiry::new(&self.view, content, &self.kept, &self.supply, now)
    }
}

/// The snapshots that have to be read for a plan: those that are applied somewhere.
pub(crate) fn needed(view: &View, now: Timestamp) -> BTreeSet<SnapshotVersion> {
    let receipts = view.reports().flat_map(|report| &report.organization.receipts);
    let believed = receipts.filter(|receipt| receipt.is_kept() && view.dispute(receipt, now).is_none());
    believed.filter_map(lists_of).collect()
}

/// The version whose content an experience has; `None` where nothing is applied. Where all is
/// applied but products that the catalog refused, that is the version that was tried.
fn lists_of(receipt: &Receipt) -> Option<SnapshotVersion> {
    let is_done = receipt.status == ReceiptStatus::Partial && !receipt.is_unfinished();
    if is_done { Some(receipt.version) } else { receipt.applied().map(|applied| applied.version) }
}

/// When a change comes to an experience.
#[derive(Debug, Default)]
struct Coming {
    /// Why it comes later.
    waits: Option<String>,
    /// What is to be applied now.
    due: Option<String>,
}

/// The version that goes through the waves, or went through them last, where `content` is what it
/// says: then nothing new is published, and the plan is about what is still to be applied of it.
fn in_the_waves(view: &View, content: &Content) -> Option<SnapshotVersion> {
    let (kept, head) = (view.waves.kept()?, view.head.as_ref()?);
    let is_it = kept.state.rollout.version == head.latest && kept.taken_back().is_none() && !kept.goes_back();
    let says_it = || Sealed::new(content).is_ok_and(|sealed| sealed.digest() == head.digest);
    (is_it && says_it()).then_some(head.latest)
}

/// The wave in which an organization gets the next version: its position from 1, and its name. None
/// where it gets it at once.
fn next_wave(view: &View, waves: &WavesSetting, organization: &OrganizationId) -> Option<(usize, String)> {
    match waves {
        // Those that the ledger knows go on.
        WavesSetting::Unset => view.wave(organization).map(|wave| (wave.position, wave.name)),
        WavesSetting::Off => None,
        WavesSetting::Given(given) => {
            let position = given.waves.wave_of(organization)?;
            Some((position + 1, given.waves.waves().get(position)?.name.to_string()))
        }
    }
}

/// When what the plan shows comes to an experience. `in_waves`: see [`in_the_waves`].
fn coming(
    view: &View,
    organization: &Organization,
    receipt: &Receipt,
    waves: &WavesSetting,
    in_waves: Option<SnapshotVersion>,
    now: Timestamp,
) -> Coming {
    let own = view.direction(&organization.id);
    let hold = organization.sign_for(receipt).and_then(|seen| seen.hold.as_ref());
    let directed = paused(view.fleet.direction(), own, hold, now);
    // What a spoke says of windows holds until they open. The fleet's are told for all.
    let windows = receipt.paused.as_ref().filter(|paused| paused.windows.is_some() && paused.until > now);
    let paused = directed.as_ref().or(windows).map(ToString::to_string);
    let waits = |why: String| Coming { waits: Some(why), due: None };
    if let Some(paused) = paused {
        return waits(paused);
    }
    let (Some(version), false) = (in_waves, *waves == WavesSetting::Off) else {
        // The next publish is a version of its own, and begins with the first wave.
        return match next_wave(view, waves, &organization.id) {
            Some((2.., name)) => waits(format!("wave `{name}`: it comes after the waves before")),
            Some(_) | None => Coming::default(),
        };
    };
    let Some(wave) = view.wave(&organization.id) else { return Coming::default() };
    if let Some(halted) = waits_for_a_halt(view.fleet.direction(), own, &organization.receipts) {
        return waits(format!("snapshot {} is halted by {}: {}", halted.version, halted.by, halted.reason));
    }
    match wave.turn {
        TurnOf::Come => Coming {
            due: Some(format!("its turn for snapshot {version} has come: its spoke has not applied it yet")),
            waits: None,
        },
        TurnOf::Waiting => waits(format!("wave `{}`: its turn for snapshot {version} has not come", wave.name)),
        TurnOf::Stopped => waits(format!("wave `{}`: snapshot {version} was stopped before its turn", wave.name)),
    }
}

/// Plans for `content` as if it were published next. `kept` holds the needed snapshots that the
/// ledger still keeps.
pub(crate) fn plan(
    view: &View,
    content: &Content,
    kept: &BTreeMap<SnapshotVersion, Content>,
    outlooks: &Outlooks,
    guard: GuardRails,
    waves: &WavesSetting,
    now: Timestamp,
) -> FleetPlan {
    let next = view.head.as_ref().map_or(SnapshotVersion::FIRST, |head| head.latest.next());
    let in_waves = in_the_waves(view, content);
    let mut moves = MovesOfAll::new(content, kept, outlooks, guard, next);
    let mut planned = Vec::new();
    for report in view.reports() {
        let organization = &report.organization;
        let pin = view.direction(&organization.id).and_then(|direction| direction.pin.as_ref());
        for receipt in organization.receipts.iter().filter(|receipt| receipt.is_kept()) {
            let (outlook, case) = match case_of(view, receipt, kept, outlooks, now) {
                // What is published is for the others: it stays on older content.
                _ if pin.is_some() => (Outlook::Unchanged { reason: pin.map(pinned) }, None),
                Err(outlook) => (outlook, None),
                Ok(case) => {
                    let moved = moves.of(case);
                    let outlook = moved.map_or_else(
                        || Outlook::not_known("it cannot be planned"),
                        |moved| outlook(moved, receipt, guard, next, now),
                    );
                    (outlook, Some(case))
                }
            };
            let filtered = case.filter(|case| case.decided.is_some()).and_then(|case| Some(moves.of(case)?.filtered));
            let coming = match outlook.changes() {
                true => coming(view, organization, receipt, waves, in_waves, now),
                false => Coming::default(),
            };
            let row = PlannedRow {
                organization: organization.id.clone(),
                member_experience: Some(receipt.member_experience.clone()),
                applied: lists_of(receipt),
                waits: coming.waits,
                due: coming.due,
                outlook,
                filter: receipt.filter.clone(),
                filtered,
                filtered_case: None,
            };
            planned.push((row, case));
        }
        if report.is_empty() && view.roster.is_some() && view.is_admitted(&organization.id) {
            let row = PlannedRow {
                organization: organization.id.clone(),
                member_experience: None,
                applied: None,
                waits: None,
                due: None,
                outlook: Outlook::not_known("admitted, and never reported"),
                filter: None,
                filtered: None,
                filtered_case: None,
            };
            planned.push((row, None));
        }
    }
    planned.sort_by(|(a, _), (b, _)| {
        let place = |row: &PlannedRow| (row.outlook.clone(), row.organization.clone(), row.member_experience.clone());
        place(a).cmp(&place(b))
    });
    let changing = planned.iter().filter(|(row, _)| row.outlook.changes()).filter_map(|(_, case)| *case);
    let unfiltered: BTreeSet<Case> = changing.filter(|case| case.decided.is_none()).collect();
    let products = unfiltered.into_iter().filter_map(|case| {
        let Moves { allow, deny, .. } = moves.of(case)?;
        Some(ProductsFrom { from: case.from, allow: allow.clone(), deny: deny.clone() })
    });
    let products = products.collect();
    let (filtered, shortened) = number_cases(&mut planned, &mut moves);
    FleetPlan { rows: planned.into_iter().map(|(row, _)| row).collect(), products, filtered, shortened }
}

/// What an experience has, and would have; or what is to be told of it without a plan.
fn case_of(
    view: &View,
    receipt: &Receipt,
    kept: &BTreeMap<SnapshotVersion, Content>,
    outlooks: &Outlooks,
    now: Timestamp,
) -> Result<Case, Outlook> {
    if let Some(reason) = view.dispute(receipt, now) {
        return Err(Outlook::not_known(format!("its receipt is disputed: {reason}")));
    }
    let Some(from) = lists_of(receipt) else {
        return Err(Outlook::not_known("nothing is applied there yet, so its lists are not known"));
    };
    if !kept.contains_key(&from) {
        return Err(Outlook::not_known(format!("the ledger no longer keeps snapshot {from}, which is applied there")));
    }
    let Some(filter) = &receipt.filter else { return Ok(Case { from, decided: None }) };
    let seat = (receipt.organization.clone(), receipt.member_experience.clone());
    match outlooks.seats.get(&seat) {
        Some(Ok(Foreseen::Decided(decided))) => Ok(Case { from, decided: Some(*decided) }),
        Some(Ok(Foreseen::NotManaged(reason))) => {
            let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let reason = Some(format!("not managed, says the filter `{}`{reason}", filter.name));
            Err(Outlook::Unchanged { reason })
        }
        Some(Err(reason)) => Err(Outlook::not_known(reason.clone())),
        None => Err(Outlook::not_known(format!("it has a filter of its own: `{}` {}", filter.name, filter.version))),
    }
}

/// What would happen in an experience with these changes.
fn outlook(moves: &mut Moves, receipt: &Receipt, guard: GuardRails, next: SnapshotVersion, now: Timestamp) -> Outlook {
    let set_aside: BTreeSet<_> = receipt.deferred.iter().map(|found| &found.product).collect();
    let without = |products: &BTreeSet<ProductId>| {
        products.len() - set_aside.iter().filter(|product| products.contains(**product)).count()
    };
    let (allow, deny) = (without(&moves.allow), without(&moves.deny));
    if receipt.would_change.is_some() {
        return Outlook::Observed { allow, deny };
    }
    match moves.held(lately(receipt, now), guard, next) {
        Some(reason) => Outlook::Held { allow, deny, reason },
        None if allow + deny == 0 => Outlook::Unchanged { reason: None },
        None => Outlook::Change { allow, deny },
    }
}

/// Numbers the cases with filters, in the order of the rows, and tells their products.
fn number_cases(planned: &mut [(PlannedRow, Option<Case>)], moves: &mut MovesOfAll<'_>) -> (Vec<FilteredCase>, bool) {
    let (mut numbers, mut cases) = (BTreeMap::<(Case, Digest), usize>::new(), Vec::new());
    let (mut named, mut shortened) = (BTreeMap::<OrganizationId, usize>::new(), false);
    for (row, case) in planned {
        let (Some(case), Some(filter)) = (case.filter(|case| case.decided.is_some()), &row.filter) else { continue };
        let known = numbers.get(&(case, filter.digest)).copied();
        let number = known.or_else(|| {
            let products = moves.named(case);
            let named = named.entry(row.organization.clone()).or_default();
            let room = MAX_NAMED.saturating_sub(*named);
            if products.is_empty() || products.len() > room {
                shortened |= !products.is_empty();
                return None;
            }
            *named += products.len();
            let number = cases.len();
            cases.push(FilteredCase { number, from: case.from, filter: filter.clone(), products });
            numbers.insert((case, filter.digest), number);
            Some(number)
        });
        row.filtered_case = number;
    }
    (cases, shortened)
}

/// The recent removals in this experience, from its receipt.
fn lately(receipt: &Receipt, now: Timestamp) -> Lately {
    let recent = receipt.removals.iter().filter(|removal| now.duration_since(removal.at) < GUARD_WINDOW);
    recent.fold(Lately::default(), |sum, removal| Lately {
        removed: sum.removed.saturating_add(removal.removed),
        approved: sum.approved.max(removal.approved),
    })
}

impl FleetPlan {
    /// Whether any change is known to the hub.
    pub(crate) fn changes(&self) -> bool {
        self.rows.iter().any(|row| matches!(row.outlook, Outlook::Held { .. } | Outlook::Change { .. }))
    }

    /// Whether a guard rail would hold something.
    pub(crate) fn holds(&self) -> bool {
        self.rows.iter().any(|row| matches!(row.outlook, Outlook::Held { .. }))
    }

    /// What is known of the products that are named.
    pub(crate) fn names(&self, names: &Names) -> Vec<NamedProduct> {
        let unfiltered = self.products.iter().flat_map(|from| from.allow.iter().chain(&from.deny));
        let filtered = self.filtered.iter().flat_map(|case| &case.products).map(|planned| &planned.product);
        names.of_known(unfiltered.chain(filtered))
    }
}

#[cfg(test)]
mod tests {
    use pmp_ledger::testing::head;
    use pmp_protocol::testing::{content, now, receipt};
    use pmp_protocol::{Applied, FilterIdentity, ReceiptStatus, Removal, WouldChange};

    use super::*;
    use crate::render::plan::{lines, summary, that_fit};
    use crate::status::tests::view;

    fn on(member: &str, version: u64) -> Receipt {
        let base = receipt(version, ReceiptStatus::InSync, None);
        let applied = Applied { version: base.version, digest: base.digest, at: now() };
        Receipt { member_experience: ExperienceId::new(member).unwrap(), applied: Some(applied), ..base }
    }

    #[test]
    fn each_experience_has_the_outlook_that_its_receipt_tells() {
        let filter = FilterIdentity {
            name: "no-genai".into(),
            version: "1.0.0".into(),
            digest: pmp_protocol::Digest::of(b"filter"),
        };
        let lately = Removal { at: now(), removed: 2, approved: 4 };
        let receipts = vec![
            on("exp-change", 42),
            Receipt { filter: Some(filter), ..on("exp-filtered", 42) },
            Receipt { removals: vec![lately], ..on("exp-held", 42) },
            Receipt { applied: None, ..receipt(42, ReceiptStatus::Held, Some("no")) },
            Receipt { would_change: Some(WouldChange::default()), ..on("exp-observed", 42) },
            receipt(42, ReceiptStatus::Skipped, Some("disabled")),
        ];
        let id = receipts[0].organization.clone();
        let organization = pmp_ledger::Organization { receipts, ..pmp_ledger::Organization::unknown(id) };
        let view = view([organization], Some(&head(42)));
        let kept = BTreeMap::from([(SnapshotVersion::new(42).unwrap(), content(&["a", "b", "c"], &["x"]))]);
        assert_eq!(needed(&view, now()), kept.keys().copied().collect());
        let none = Outlooks::default();
        let plan = plan(
            &view,
            &content(&["a", "b", "d"], &["x", "y"]),
            &kept,
            &none,
            GuardRails::default(),
            &WavesSetting::Unset,
            now(),
        );
        let outlooks: Vec<_> = plan
            .rows
            .iter()
            .map(|row| (row.member_experience.as_ref().unwrap().as_str(), row.outlook.as_str()))
            .collect();
        assert_eq!(
            outlooks,
            [
                ("exp-held", "held"),
                ("exp-change", "change"),
                ("exp-observed", "observed"),
                ("exp-filtered", "not-known"),
                ("exp-member", "not-known")
            ]
        );
        assert_eq!(plan.rows[1].outlook, Outlook::Change { allow: 1, deny: 2 });
        assert!(plan.rows[3].outlook.reason().starts_with("it has a filter of its own: `no-genai`"));
        let names = Names::none(ExperienceId::new("exp-management").unwrap());
        let shown = lines(&plan, false, &names, 80);
        let products = ["From snapshot 42:", "  - deny   c", "  - deny   y", "  + allow  d"];
        assert_eq!(shown[shown.len() - 4..], products);
        assert!(shown[0].starts_with("  held from 42: it would remove "), "{shown:?}");
        assert!(shown.iter().all(|line| line.chars().count() <= 80), "{shown:?}");
        // Where there is no room for all of it, what is left out is counted.
        let fitting = that_fit(shown.clone(), 19, false);
        assert_eq!((fitting.len(), fitting.last().unwrap().starts_with("… and ")), (4, true), "{fitting:?}");
        assert_eq!(that_fit(shown.clone(), 19, true), shown);
        assert_eq!(summary(&plan, false), ["5 experiences: 1 would change, 1 would be held, 2 not known."]);
        // The same again is no change, whoever is asked.
        let same = kept.values().next().unwrap();
        let same = super::plan(&view, same, &kept, &none, GuardRails::default(), &WavesSetting::Unset, now());
        assert!(!same.changes() && same.products.iter().all(|it| it.allow.is_empty() && it.deny.is_empty()));
    }

    /// What `pmp-filter decide` answers of a filter that excludes these products.
    fn answers(asks: &[Ask], excluded: &[&str]) -> Vec<Answered> {
        use pmp_protocol::Decision;
        use pmp_protocol::deciding::{RunOutcome, Said, VerdictTable};
        let answer = |ask: &Ask| match ask {
            Ask::Products(products) => {
                let verdict =
                    |id: &ProductId| if excluded.contains(&id.as_str()) { Verdict::Exclude } else { Verdict::Keep };
                let decision =
                    |id: &ProductId| Decision { verdict: verdict(id), reason: Some("not for us".to_owned()) };
                let decisions: Vec<_> = products.products.iter().map(|product| decision(&product.id)).collect();
                Some(Answered::Verdicts(VerdictTable::of(products.number, products, &decisions)))
            }
            Ask::Filter(_) => None,
            Ask::Run(run) => Some(Answered::Run(RunOutcome { number: run.number, said: Said::Verdicts(run.products) })),
        };
        asks.iter().filter_map(answer).collect()
    }

    /// A receipt of an experience whose filter excluded these products, with settings that hash so.
    fn filtered(member: &str, excluded: &[&str], settings: &str) -> Receipt {
        use pmp_protocol::{Decision, FactsFrom, FilterInput, VerdictMark};
        let decision = Decision { verdict: Verdict::Exclude, reason: None };
        let verdicts = excluded.iter().map(|id| (ProductId::new(id).unwrap(), decision.clone())).collect();
        let filter = FilterIdentity { name: "no-genai".into(), version: "1.0.0".into(), digest: Digest::of(b"filter") };
        let input = FilterInput {
            settings: Digest::of(settings.as_bytes()),
            experience_name: member.to_owned(),
            facts: FactsFrom::Nowhere,
            in_force: Some(VerdictMark::of(&verdicts)),
        };
        Receipt { filter: Some(filter), filter_input: Some(input), ..on(member, 42) }
    }

    fn foresight(receipts: Vec<Receipt>, kept: Content) -> Foresight {
        let id = receipts[0].organization.clone();
        let organization = pmp_ledger::Organization { receipts, ..pmp_ledger::Organization::unknown(id) };
        let head = head(42);
        let kept = [(head.latest, head.digest, kept)];
        Foresight::new(Some(head), [organization], kept)
    }

    #[test]
    fn an_experience_whose_filter_can_be_run_is_planned_with_it() {
        let receipts = vec![filtered("exp-one", &["a"], "{}"), filtered("exp-two", &["a"], "{}"), on("exp-plain", 42)];
        let foresight = foresight(receipts, content(&["a", "b", "c"], &["x"]));
        let next = content(&["a", "c", "d", "e"], &["x"]);
        let asks = foresight.asks(&next, now());
        let runs = asks.iter().filter(|ask| matches!(ask, Ask::Run(_))).count();
        let filters = asks.iter().filter(|ask| matches!(ask, Ask::Filter(_))).count();
        assert_eq!((runs, filters, asks.len()), (4, 1, 7), "two runs for each, one filter, two lists of products");
        let plan = foresight.plan(&next, GuardRails::default(), now(), answers(&asks, &["a", "d"]));
        let row =
            |member: &str| plan.rows.iter().find(|row| row.member_experience.as_ref().unwrap().as_str() == member);
        // Held by a guard rail where there is a filter: one of the two that are approved there.
        assert_eq!(row("exp-one").unwrap().outlook, Outlook::Change { allow: 1, deny: 1 });
        assert_eq!(row("exp-plain").unwrap().outlook, Outlook::Change { allow: 2, deny: 1 });
        assert_eq!((row("exp-two").unwrap().filtered, row("exp-two").unwrap().filtered_case), (Some(2), Some(0)));
        let said: Vec<_> =
            plan.filtered[0].products.iter().map(|it| (it.product.as_str(), it.step, it.reason.as_deref())).collect();
        let left = ("d", PlannedStep::Leave, Some("not for us"));
        assert_eq!(said, [("e", PlannedStep::Allow, None), ("b", PlannedStep::Deny, None), left]);
        let names = Names::none(ExperienceId::new("exp-management").unwrap());
        assert_eq!(
            lines(&plan, false, &names, 80)[4..],
            [
                "From snapshot 42, with the filter `no-genai` 1.0.0 (2 experiences):",
                "  - deny   b",
                "  + allow  e",
                "  o leave  d  not for us",
            ]
        );
        // A guard rail judges what is approved there, and not what the hub approves.
        let fewer = content(&["a", "c"], &["x"]);
        let plan = foresight.plan(
            &fewer,
            GuardRails { max_removed_percent: 40, ..GuardRails::default() },
            now(),
            answers(&foresight.asks(&fewer, now()), &["a"]),
        );
        assert_eq!(plan.rows[0].outlook.reason(), "it would remove 1 of 2 approved products (50%, limit 40%)");
        assert_eq!(plan.rows.last().unwrap().outlook.as_str(), "change");
    }

    #[test]
    fn of_a_filter_that_cannot_be_run_it_says_what_is_missing() {
        use pmp_protocol::FactsFrom;
        let with = |member: &str, change: fn(&mut pmp_protocol::FilterInput)| {
            let mut receipt = filtered(member, &["a"], "{}");
            change(receipt.filter_input.as_mut().unwrap());
            receipt
        };
        let receipts = vec![
            filtered("exp-known", &["a"], "{}"),
            filtered("exp-secret", &["a"], r#"{"ids":["a"]}"#),
            filtered("exp-otherwise", &["b"], "{}"),
            with("exp-own", |input| input.facts = FactsFrom::Own),
            with("exp-facts", |input| input.facts = FactsFrom::Hub),
            with("exp-unmarked", |input| input.in_force = None),
            Receipt { filter_input: None, ..filtered("exp-older", &["a"], "{}") },
        ];
        let foresight = foresight(receipts, content(&["a", "b"], &[]));
        let next = content(&["a", "b", "c"], &[]);
        let planned = |answers: Vec<Answered>| {
            let plan = foresight.plan(&next, GuardRails::default(), now(), answers);
            move |member: &str| {
                let row = plan.rows.iter().find(|row| row.member_experience.as_ref().unwrap().as_str() == member);
                row.unwrap().outlook.clone()
            }
        };
        let answered = planned(answers(&foresight.asks(&next, now()), &["a"]));
        assert_eq!(answered("exp-known"), Outlook::Change { allow: 1, deny: 0 });
        for (member, part) in [
            ("exp-secret", "its settings are not shared (PMP_FILTER_SHARE=settings at its spoke"),
            ("exp-otherwise", "run here on snapshot 42, it decides otherwise than it did there"),
            ("exp-own", "its spoke looks products up by itself"),
            ("exp-facts", "it is given what the hub looked up of the products, and that is missing or old"),
            ("exp-unmarked", "what it decided on snapshot 42, which is applied there, is not told"),
            ("exp-older", "its spoke does not share what it is given (PMP_FILTER_SHARE)"),
        ] {
            let outlook = answered(member);
            assert!(outlook.reason().starts_with("it has a filter of its own: `no-genai` 1.0.0; "), "{outlook:?}");
            assert!(outlook.reason().contains(part), "{member}: {outlook:?}");
        }
        // Without answers the plan says so, and no more.
        let unanswered = planned(Vec::new());
        assert!(unanswered("exp-known").reason().ends_with("; it was not answered"));
    }
}
