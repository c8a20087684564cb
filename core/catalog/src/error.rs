//! What can go wrong at the catalog, sorted by what a caller does about it. The one place that
//! looks at codes and texts.

use pmp_aws::{ApiError, Outcome, Refuser};
use pmp_protocol::Hint;

/// A call to the catalog that failed, after the SDK's retries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The catalog, or the way to it, refused or failed.
    #[error("{0}")]
    Api(ApiError),
    /// A request that was refused because an experience changed since it was read, as the answer
    /// shows together with what was asked.
    #[error("{0}")]
    Stale(ApiError),
    /// An entity that the catalog does not find.
    #[error("the catalog does not find `{0}`")]
    NotFound(String),
    /// An entity of a batch that failed by itself.
    #[error("the catalog could not describe `{entity}`: {code}: {message}")]
    Entity {
        /// The id that was asked for: of an experience or of a policy.
        entity: String,
        /// The catalog's code for it.
        code: String,
        /// The catalog's own text for a person.
        message: String,
    },
    /// An answer that is not in the documented form. Nothing may be concluded from it (rule 0).
    #[error("the catalog described `{entity}` in an unexpected form: {problem}")]
    Unexpected {
        /// The id that was asked for, or the operation where the answer is about none.
        entity: String,
        /// What is wrong with the description.
        problem: String,
    },
    /// A feature that this build was made without.
    #[error("this build is without what {0}; build with the default features")]
    NotInThisBuild(&'static str),
}

/// The kinds of failure that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// 423: a running change set holds the entity. Wait for it, then look again.
    Locked,
    /// 429: too many calls a second. Wait, then ask again more slowly.
    Throttled,
    /// 402: too many open change sets. Wait for own ones to end.
    QuotaExceeded,
    /// 422: the experience changed since it was read. Read again, plan again.
    StaleRevision,
    /// 422: the idempotency token is known, and the catalog does not tell what became of it. Look,
    /// and ask with another one.
    KnownToken,
    /// 422: too many product ids in one request. Ask for fewer.
    TooManyIds,
    /// 422 for another reason: the request is wrong and will stay wrong; or it is one of those
    /// above, in words that are not known here.
    Invalid,
    /// 403: a permission is missing.
    AccessDenied,
    /// 404: there is no such entity, or it is not shared with this account.
    NotFound,
    /// The service or the network failed; the same call may succeed later.
    Transient,
    /// Anything else: an answer out of form, an unknown code.
    Unexpected,
}

impl CatalogError {
    /// What kind of failure this is.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Api(error) => class_of(error),
            Self::Stale(_) => ErrorClass::StaleRevision,
            Self::NotFound(_) => ErrorClass::NotFound,
            Self::Entity { code, message, .. } => class_of_entity(code, message),
            Self::Unexpected { .. } | Self::NotInThisBuild(_) => ErrorClass::Unexpected,
        }
    }
}

pmp_protocol::codes!(CatalogError {
    Api(source) => source,
    Stale(source) => source,
    NotFound => "E1101",
    Entity => "E1102",
    Unexpected => "E1103",
    NotInThisBuild => "E1104",
});

impl Hint for CatalogError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) | Self::Stale(error) => error.hint(),
            Self::NotFound(entity) => Some(format!("check that `{entity}` exists and is shared with this account")),
            Self::Entity { message, .. } => Refuser::in_text(message).map(Refuser::hint),
            Self::Unexpected { .. } | Self::NotInThisBuild(_) => None,
        }
    }
}

fn class_of(error: &ApiError) -> ErrorClass {
    match &error.outcome {
        Outcome::Refused { code, message, status, .. } => match class_of_code(code, message) {
            ErrorClass::Unexpected if *status >= 500 => ErrorClass::Transient,
            class => class,
        },
        Outcome::NoAnswer(_) => ErrorClass::Transient,
        Outcome::NotSent(_) | Outcome::Unreadable(_) => ErrorClass::Unexpected,
    }
}

fn class_of_code(code: &str, message: &str) -> ErrorClass {
    match code {
        "ResourceInUseException" => ErrorClass::Locked,
        "ThrottlingException" => ErrorClass::Throttled,
        "ServiceQuotaExceededException" => ErrorClass::QuotaExceeded,
        "ValidationException" => class_of_validation(message),
        "AccessDeniedException" => ErrorClass::AccessDenied,
        "ResourceNotFoundException" | "ResourceNotSupportedException" => ErrorClass::NotFound,
        "InternalServiceException" => ErrorClass::Transient,
        _ => ErrorClass::Unexpected,
    }
}

/// The codes of a batch's entities are documented by their form alone: letters and `_`. They may be
/// the names of the exceptions, or written as the codes of a change set are.
fn class_of_entity(code: &str, message: &str) -> ErrorClass {
    let class = class_of_code(code, message);
    if class != ErrorClass::Unexpected {
        return class;
    }
    let letters: String = code.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
    let has = |words: &[&str]| words.iter().any(|word| letters.contains(word));
    if has(&["throttl"]) {
        ErrorClass::Throttled
    } else if has(&["notfound", "notsupported"]) {
        ErrorClass::NotFound
    } else if has(&["access", "authorized"]) {
        ErrorClass::AccessDenied
    } else if has(&["internal", "fault", "unavailable", "timeout"]) {
        ErrorClass::Transient
    } else {
        ErrorClass::Unexpected
    }
}

/// AWS gives these conditions no code of their own, only a text under `ValidationException`; of the
/// three it documents one, that of too many ids. A text that is not recognized makes the spoke look
/// at the experience, so that nothing rests on it.
fn class_of_validation(message: &str) -> ErrorClass {
    let message = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&["requesttoken", "request token", "idempoten"]) {
        ErrorClass::KnownToken
    } else if has(&["revision"]) {
        ErrorClass::StaleRevision
    } else if has(&["less than or equal to 50"]) {
        ErrorClass::TooManyIds
    } else {
        ErrorClass::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, message: &str, status: u16) -> CatalogError {
        let outcome = Outcome::Refused { code: code.into(), message: message.into(), status, request_id: None };
        CatalogError::Api(ApiError::of("aws-marketplace:StartChangeSet", outcome))
    }

    #[test]
    fn a_failed_call_keeps_its_hint() {
        let api = || ApiError::of("aws-marketplace:StartChangeSet", Outcome::NoAnswer("timed out".into()));
        let hint = api().hint();
        assert!(hint.is_some());
        assert_eq!((CatalogError::Api(api()).hint(), CatalogError::Stale(api()).hint()), (hint.clone(), hint));
    }

    #[test]
    fn every_documented_error_has_its_class() {
        let cases = [
            ("ResourceInUseException", "", 423, ErrorClass::Locked),
            ("ThrottlingException", "", 429, ErrorClass::Throttled),
            ("ServiceQuotaExceededException", "", 402, ErrorClass::QuotaExceeded),
            ("ValidationException", "The entity's latest revision is exp-1@7", 422, ErrorClass::StaleRevision),
            (
                "ValidationException",
                "Cumulative number of values in Ids array must be less than or equal to 50",
                422,
                ErrorClass::TooManyIds,
            ),
            ("ValidationException", "Ids must be unique", 422, ErrorClass::Invalid),
            ("ValidationException", "ClientRequestToken was used for another request", 422, ErrorClass::KnownToken),
            ("AccessDeniedException", "", 403, ErrorClass::AccessDenied),
            ("ResourceNotFoundException", "", 404, ErrorClass::NotFound),
            ("InternalServiceException", "", 500, ErrorClass::Transient),
            ("Unknown", "bad gateway", 502, ErrorClass::Transient),
            ("SomethingNew", "", 400, ErrorClass::Unexpected),
        ];
        for (code, message, status, class) in cases {
            assert_eq!(refused(code, message, status).class(), class, "{code} {message}");
        }
    }
    #[test]
    fn the_code_of_a_batchs_entity_has_its_class_in_either_spelling() {
        for (code, class) in [
            ("ResourceNotFoundException", ErrorClass::NotFound),
            ("ENTITY_NOT_FOUND", ErrorClass::NotFound),
            ("AccessDeniedException", ErrorClass::AccessDenied),
            ("CALLER_NOT_AUTHORIZED", ErrorClass::AccessDenied),
            ("ThrottlingException", ErrorClass::Throttled),
            ("THROTTLED", ErrorClass::Throttled),
            ("InternalServiceException", ErrorClass::Transient),
            ("INTERNAL_ERROR", ErrorClass::Transient),
            ("SERVER_FAULT", ErrorClass::Transient),
            ("SOMETHING_NEW", ErrorClass::Unexpected),
        ] {
            let error = CatalogError::Entity { entity: "exp-1".into(), code: code.into(), message: String::new() };
            assert_eq!(error.class(), class, "{code}");
        }
    }
}
