//! Decides what AWS's answers mean for the assumptions. It makes no calls.

use pmp_catalog::{CatalogError, ChangeSetId, ChangeSetState, ErrorClass, ProcurementPolicy, Revision};
use pmp_protocol::{ExperienceId, ProductId};
use serde_json::Value;

use super::record::Judgement;

/// The assumed `AdminStatus` of an archived experience.
const ARCHIVED: &str = "Restricted";
/// The assumed `AdminStatus` of an experience that can be changed.
const EDITABLE: &str = "Editable";

/// An entity and its details.
pub(super) type Described = (String, Value);

/// Judges how values that are not set appear in descriptions of experiences and of their policies.
pub(super) fn absent_values(experiences: &[Described], policies: &[Described]) -> Judgement {
    let mut nulls = Vec::new();
    for (id, details) in experiences.iter().chain(policies) {
        find_nulls(details, "", &mut |path| {
            // AWS documents this one: "no procurement policy (null)".
            if path != "ProcurementPolicies" {
                nulls.push(format!("`{path}` of `{id}`"));
            }
        });
    }
    if let Some(first) = nulls.first() {
        return Judgement::refuted(format!("{first} is null, one of {}.", nulls.len()));
    }
    let without: Vec<_> = experiences.iter().filter(|(_, details)| has_no_policy(details)).collect();
    match without.first() {
        None if experiences.is_empty() => Judgement::not_tried("There is no experience."),
        None => Judgement::not_tried(
            "Every experience has a procurement policy; one without shows how what is not set looks.",
        ),
        Some((id, details)) => match details.get("ProcurementPolicies") {
            None => Judgement::confirmed(format!("`{id}` has no policy, and `ProcurementPolicies` is not there.")),
            Some(Value::Null) => {
                Judgement::confirmed(format!("`{id}` has no policy, and `ProcurementPolicies` is null."))
            }
            Some(other) => Judgement::refuted(format!("`{id}` has no policy, and `ProcurementPolicies` is {other}.")),
        },
    }
}

fn find_nulls(value: &Value, path: &str, found: &mut dyn FnMut(&str)) {
    match value {
        Value::Null => found(path),
        Value::Array(list) => list.iter().for_each(|one| find_nulls(one, path, found)),
        Value::Object(fields) => fields.iter().for_each(|(name, one)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            find_nulls(one, &path, found);
        }),
        _ => {}
    }
}

fn has_no_policy(details: &Value) -> bool {
    match details.get("ProcurementPolicies") {
        Some(Value::Array(list)) => list.iter().all(|id| id.as_str().is_none_or(str::is_empty)),
        Some(Value::String(id)) => id.is_empty(),
        _ => true,
    }
}

/// Judges the `AdminStatus` of archived experiences.
pub(super) fn archived(experiences: &[Described]) -> Judgement {
    let mut seen = None;
    for (id, details) in experiences {
        let Some(value) = details.get("AdminStatus").and_then(Value::as_str) else { continue };
        if matches!(value, "" | EDITABLE) {
            continue;
        }
        let status = details.get("Status").and_then(Value::as_str).unwrap_or("not there");
        if status != "Disabled" {
            return Judgement::refuted(format!("AdminStatus of `{id}` is `{value}`, and its Status is `{status}`."));
        }
        if value != ARCHIVED {
            return Judgement::refuted(format!("AdminStatus of `{id}`, which is disabled, is `{value}`."));
        }
        seen.get_or_insert_with(|| format!("AdminStatus of `{id}`, which is disabled, is `{ARCHIVED}`."));
    }
    seen.map_or_else(|| Judgement::not_tried("No experience is archived."), Judgement::confirmed)
}

/// Judges a batch. `alone` holds the single description of each entity that the batch did not
/// describe. `shared` says whether the experiences belong to another account.
pub(super) fn batch(
    answer: &Result<Vec<Result<(), CatalogError>>, CatalogError>,
    ids: &[ExperienceId],
    alone: &[Result<(), CatalogError>],
    shared: bool,
) -> Judgement {
    let whose = if shared { "shared" } else { "own" };
    let asked = format!("{} {whose} experiences", ids.len());
    let outcomes = match answer {
        Err(error) if passing(error) => return Judgement::not_tried(format!("The batch failed: {error}.")),
        // If both are refused, the batch is not the reason.
        Err(error) if alone.iter().all(Result::is_err) => {
            return Judgement::not_tried(format!("Neither a batch nor DescribeEntity describes them: {error}."));
        }
        Err(error) => return Judgement::refuted(format!("A batch of {asked} was refused: {error}.")),
        Ok(outcomes) => outcomes,
    };
    type Answer = Result<(), CatalogError>;
    let missed = |((id, outcome), alone): ((&ExperienceId, &Answer), &Answer)| match (outcome, alone) {
        (Err(error), Ok(())) if !passing(error) => Some(format!("`{id}`: {error}")),
        _ => None,
    };
    let missed: Vec<_> = ids.iter().zip(outcomes).zip(alone).filter_map(missed).collect();
    if let Some(first) = missed.first() {
        return Judgement::refuted(format!(
            "DescribeEntity describes what a batch of {asked} does not, {} of them: {first}.",
            missed.len()
        ));
    }
    match outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
        Some(error) => Judgement::not_tried(format!("Neither a batch nor DescribeEntity describes them all: {error}.")),
        None => Judgement::confirmed(format!("A batch described {asked}.")),
    }
}

/// Judges a sorted list of shared experiences. If it was refused, the same list without an order is
/// compared.
pub(super) fn sorted(
    ordered: &Result<usize, CatalogError>,
    unordered: Option<&Result<usize, CatalogError>>,
) -> Judgement {
    match (ordered, unordered) {
        (Ok(0), _) => Judgement::not_tried(
            "The request was taken, and nothing is shared with this account: ask as a delegated administrator.",
        ),
        (Ok(count), _) => Judgement::confirmed(format!("A list of {count} shared experiences came by id.")),
        (Err(error), Some(Ok(count))) if error.class() == ErrorClass::Invalid => Judgement::refuted(format!(
            "Without an order {count} experiences came; with one the list was refused: {error}."
        )),
        (Err(error), _) => Judgement::not_tried(format!("The list was refused: {error}.")),
    }
}

/// Judges by how much a change set with several changes raised the revision.
pub(super) fn revision(before: Revision, after: Revision, changes: usize) -> Judgement {
    let text = format!("A change set of {changes} changes took revision {before} to {after}.");
    if after.0 == before.0 + 1 { Judgement::confirmed(text) } else { Judgement::refuted(text) }
}

/// The outcome of a repeated request.
pub(super) type Again = Result<ChangeSetId, CatalogError>;

/// Judges the same request, repeated while its change set ran and after its end.
pub(super) fn token(first: &ChangeSetId, running: &Again, ended: &Again) -> Judgement {
    let told = |when: &str, again: &Again| match again {
        Ok(id) if id == first => None,
        Ok(id) => Some(format!("{when} it started another change set, `{id}`")),
        Err(error) if error.class() == ErrorClass::StaleRevision => {
            Some(format!("{when} it was taken for a new request, which names a stale revision: {error}"))
        }
        Err(error) => Some(format!("{when} it was refused: {error}")),
    };
    // Refusals that are about the token, about the earlier request, or about the content.
    let of_the_token = |error: &&CatalogError| {
        use ErrorClass::{Invalid, KnownToken, Locked, StaleRevision};
        matches!(error.class(), Invalid | KnownToken | Locked | StaleRevision)
    };
    let errors = || [running, ended].into_iter().filter_map(|again| again.as_ref().err());
    if let Some(error) = errors().find(|error| !of_the_token(error)) {
        return Judgement::not_tried(format!("A repeated request failed for another reason: {error}."));
    }
    let told: Vec<_> = [told("While the first ran,", running), told("After the first had ended,", ended)]
        .into_iter()
        .flatten()
        .collect();
    if told.is_empty() {
        Judgement::confirmed("The same request came to the same change set, while that ran and after its end.")
    } else {
        Judgement::refuted(format!("{}.", told.join(". ")))
    }
}

/// Judges a request that names a stale revision.
pub(super) fn stale(again: &Again) -> Judgement {
    match again {
        Err(error) if error.class() == ErrorClass::StaleRevision => {
            Judgement::confirmed(format!("It was refused: {error}."))
        }
        Err(error) if error.class() == ErrorClass::Invalid => {
            Judgement::refuted(format!("It was refused in other words: {error}."))
        }
        Err(error) => Judgement::not_tried(format!("It failed for another reason: {error}.")),
        Ok(id) => Judgement::refuted(format!("It was not refused, and started `{id}`.")),
    }
}

/// Judges the lists after a denied product was allowed, or, if `denied`, after an allowed one was
/// denied again.
pub(super) fn listing(policy: &ProcurementPolicy, product: &ProductId, denied: bool) -> Judgement {
    let (approved, rejected) = (policy.approved.contains(product), policy.rejected.contains(product));
    let (done, other) = if denied { ("denied", "allowed") } else { ("allowed", "denied") };
    if policy.contradictory.contains(product) {
        Judgement::refuted(format!("`{product}` was {done}, and is on the list of {other} ones, too."))
    } else if (approved, rejected) == (!denied, denied) {
        Judgement::confirmed(format!("`{product}` was {done}, and is not on the list of {other} ones any more."))
    } else {
        Judgement::refuted(format!("`{product}` was {done}, and is not on that list."))
    }
}

/// Judges whether the first read after the end of a change set showed its effect. If it did not,
/// `seconds` passed until one did.
pub(super) fn lag(at_once: bool, seconds: f64) -> Judgement {
    if at_once {
        Judgement::confirmed("The first read after the end showed it.")
    } else {
        Judgement::refuted(format!(
            "The first read after the end showed what was before; it was seen {seconds:.1} s later."
        ))
    }
}

/// Judges the outcome of a change set with a product that does not exist.
pub(super) fn unknown(product: &ProductId, outcome: &Result<ChangeSetState, CatalogError>) -> Judgement {
    match outcome {
        Ok(ChangeSetState::Failed { server_fault: false, errors }) => {
            let codes: Vec<_> = errors.iter().map(ToString::to_string).collect();
            Judgement::confirmed(format!("The change set failed by CLIENT_ERROR: {}.", codes.join("; ")))
        }
        Ok(ChangeSetState::Failed { errors, .. }) => {
            let codes: Vec<_> = errors.iter().map(ToString::to_string).collect();
            Judgement::refuted(format!("The change set failed by SERVER_FAULT: {}.", codes.join("; ")))
        }
        Ok(ChangeSetState::Succeeded) => Judgement::refuted(format!("`{product}` was allowed like any other.")),
        Ok(ChangeSetState::Cancelled) => Judgement::not_tried("Somebody cancelled the change set."),
        Ok(ChangeSetState::Running) => Judgement::not_tried("The change set does not end."),
        Err(error) if error.class() == ErrorClass::Invalid => {
            Judgement::refuted(format!("The request itself was refused: {error}."))
        }
        Err(error) => Judgement::not_tried(format!("It failed for another reason: {error}.")),
    }
}

/// Whether a repeated call may have another outcome, so that this one proves nothing.
fn passing(error: &CatalogError) -> bool {
    matches!(error.class(), ErrorClass::Throttled | ErrorClass::Transient | ErrorClass::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use pmp_aws::{ApiError, Outcome};
    use serde_json::json;

    use super::super::record::Verdict::{Confirmed, NotTried, Refuted};
    use super::*;

    fn refused(code: &str, message: &str, status: u16) -> CatalogError {
        let outcome = Outcome::Refused { code: code.into(), message: message.into(), status, request_id: None };
        CatalogError::Api(ApiError::of("aws-marketplace:StartChangeSet", outcome))
    }

    fn invalid() -> CatalogError {
        refused("ValidationException", "not so", 422)
    }

    fn throttled() -> CatalogError {
        refused("ThrottlingException", "slow down", 429)
    }

    #[test]
    fn where_there_is_no_policy_is_null_or_nothing_and_else_nothing_is_null() {
        let judge = |details: Value| absent_values(&[("exp-1".to_owned(), details)], &[]).verdict;
        for details in [json!({"Status": "Enabled"}), json!({"ProcurementPolicies": null})] {
            assert_eq!(judge(details.clone()), Confirmed, "{details}");
        }
        for policies in [json!([]), json!(""), json!([""])] {
            assert_eq!(judge(json!({ "ProcurementPolicies": policies })), Refuted, "{policies}");
        }
        assert_eq!(judge(json!({"ProcurementPolicies": ["policy-1"], "Description": null})), Refuted);
        assert_eq!(judge(json!({"ProcurementPolicies": ["policy-1"]})), NotTried);
        let policy = [("policy-1".to_owned(), json!({"Statements": [{"Resources": [{"Notes": null}]}]}))];
        let judged = absent_values(&[("exp-1".to_owned(), json!({}))], &policy);
        assert_eq!(
            (judged.verdict, judged.seen.contains("`Statements.Resources.Notes` of `policy-1`")),
            (Refuted, true)
        );
        assert_eq!(absent_values(&[], &[]).verdict, NotTried);
    }

    #[test]
    fn an_archived_experience_is_disabled_and_restricted() {
        let judge = |status: &str, admin: Value| {
            archived(&[("exp-1".to_owned(), json!({"Status": status, "AdminStatus": admin}))]).verdict
        };
        assert_eq!(judge("Disabled", json!("Restricted")), Confirmed);
        assert_eq!(judge("Disabled", json!("Archived")), Refuted);
        assert_eq!(judge("Enabled", json!("Restricted")), Refuted);
        for admin in [json!("Editable"), json!(""), json!(null)] {
            assert_eq!(judge("Disabled", admin), NotTried);
        }
    }

    #[test]
    fn a_batch_is_held_against_each_of_its_entities_by_itself() {
        let ids = ["exp-1", "exp-2"].map(|id| ExperienceId::new(id).unwrap());
        let missing = || CatalogError::NotFound("exp-2".into());
        let judge = |answer: Result<[Result<(), CatalogError>; 2], CatalogError>, second: Result<(), CatalogError>| {
            batch(&answer.map(Vec::from), &ids, &[Ok(()), second], true).verdict
        };
        assert_eq!(judge(Ok([Ok(()), Ok(())]), Ok(())), Confirmed);
        assert_eq!(judge(Ok([Ok(()), Err(missing())]), Ok(())), Refuted);
        assert_eq!(judge(Ok([Ok(()), Err(missing())]), Err(missing())), NotTried);
        assert_eq!(judge(Ok([Ok(()), Err(throttled())]), Ok(())), NotTried);
        assert_eq!(judge(Err(refused("AccessDeniedException", "no", 403)), Ok(())), Refuted);
        assert_eq!(judge(Err(throttled()), Ok(())), NotTried);
        let denied = || refused("AccessDeniedException", "no", 403);
        let both = batch(&Err(denied()), &ids, &[Err(denied()), Err(missing())], true);
        assert_eq!((both.verdict, both.seen.contains("AccessDeniedException")), (NotTried, true));
    }

    #[test]
    fn an_order_is_refused_only_where_the_list_comes_without_one() {
        assert_eq!(sorted(&Ok(3), None).verdict, Confirmed);
        assert_eq!(sorted(&Ok(0), None).verdict, NotTried);
        assert_eq!(sorted(&Err(invalid()), Some(&Ok(3))).verdict, Refuted);
        assert_eq!(sorted(&Err(invalid()), Some(&Err(invalid()))).verdict, NotTried);
        assert_eq!(sorted(&Err(throttled()), Some(&Ok(3))).verdict, NotTried);
    }

    #[test]
    fn a_repeated_request_comes_to_the_same_change_set() {
        let (first, other) = (ChangeSetId::new("cs-1"), ChangeSetId::new("cs-2"));
        let same = || Ok(first.clone());
        let judge = |running: Again, ended: Again| token(&first, &running, &ended).verdict;
        assert_eq!(judge(same(), same()), Confirmed);
        assert_eq!(judge(same(), Ok(other.clone())), Refuted);
        assert_eq!(judge(same(), Err(invalid())), Refuted);
        assert_eq!(judge(Err(refused("ResourceInUseException", "locked", 423)), same()), Refuted);
        for other_reason in [throttled(), refused("AccessDeniedException", "no", 403)] {
            assert_eq!(judge(Err(other_reason), same()), NotTried);
        }
    }

    #[test]
    fn a_stale_revision_is_refused_in_words_that_say_so() {
        let said = refused("ValidationException", "the latest revision is exp-1@7", 422);
        assert_eq!(stale(&Err(said)).verdict, Confirmed);
        assert_eq!(stale(&Err(invalid())).verdict, Refuted);
        assert_eq!(stale(&Ok(ChangeSetId::new("cs-1"))).verdict, Refuted);
        assert_eq!(stale(&Err(refused("ResourceInUseException", "locked", 423))).verdict, NotTried);
    }

    #[test]
    fn a_product_is_on_the_one_list_and_not_on_the_other() {
        let product = ProductId::new("prod-1").unwrap();
        let on = |approved: bool, rejected: bool| {
            let mut policy = ProcurementPolicy::default();
            let lists = [(approved && !rejected, &mut policy.approved), (rejected, &mut policy.rejected)];
            for (_, list) in lists.into_iter().filter(|(is_on, _)| *is_on) {
                list.insert(product.clone());
            }
            if approved && rejected {
                policy.contradictory.insert(product.clone());
            }
            policy
        };
        for (approved, rejected, allowed, denied) in [
            (true, false, Confirmed, Refuted),
            (false, true, Refuted, Confirmed),
            (true, true, Refuted, Refuted),
            (false, false, Refuted, Refuted),
        ] {
            assert_eq!(listing(&on(approved, rejected), &product, false).verdict, allowed);
            assert_eq!(listing(&on(approved, rejected), &product, true).verdict, denied);
        }
    }

    #[test]
    fn the_rest_says_what_was_seen() {
        assert_eq!(revision(Revision(4), Revision(5), 3).verdict, Confirmed);
        assert_eq!(revision(Revision(4), Revision(7), 3).verdict, Refuted);
        assert_eq!((lag(true, 0.0).verdict, lag(false, 2.5).verdict), (Confirmed, Refuted));
        let product = ProductId::new("prod-1").unwrap();
        let failed = |server_fault| Ok(ChangeSetState::Failed { server_fault, errors: Vec::new() });
        assert_eq!(unknown(&product, &failed(false)).verdict, Confirmed);
        assert_eq!(unknown(&product, &failed(true)).verdict, Refuted);
        assert_eq!(unknown(&product, &Ok(ChangeSetState::Succeeded)).verdict, Refuted);
        assert_eq!(unknown(&product, &Err(invalid())).verdict, Refuted);
        assert_eq!(unknown(&product, &Err(throttled())).verdict, NotTried);
    }
}
