//! What came back when a call to AWS failed, in the words of the service.

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::ErrorKind;
use aws_types::request_id::RequestId;
use pmp_protocol::{Code, Coded, Hint};

use crate::cause::Cause;
use crate::network::{LOOK_IN_BETWEEN, answered_in_between};
use crate::{Permission, Refuser};

/// A call that failed after the SDK's retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The operation that was called, with the prefix of its service: `sqs:DeleteMessageBatch`.
    pub operation: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// How a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The service answered with an error.
    Refused {
        /// The error's name, such as `ThrottlingException`; `Unknown` where the answer names none.
        code: String,
        /// The service's own text.
        message: String,
        /// The HTTP status of the answer.
        status: u16,
        /// The id by which AWS support finds the call; none where the answer names none.
        request_id: Option<String>,
    },
    /// No answer in time, or none at all. Whether the call had an effect is not known.
    NoAnswer(Cause),
    /// The call could not be made: no credentials, or an input that the SDK refuses.
    NotSent(Cause),
    /// An answer that the SDK cannot read.
    Unreadable(Cause),
}

impl ApiError {
    /// Takes apart what the SDK returned for `operation`.
    pub fn new<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let outcome = match error {
            SdkError::ServiceError(context) => match in_between(context.err(), context.raw()) {
                Some(cause) => Outcome::NoAnswer(cause),
                None => Outcome::Refused {
                    code: context.err().code().unwrap_or(UNKNOWN).to_owned(),
                    message: message(context.err(), context.raw()),
                    status: context.raw().status().as_u16(),
                    request_id: error.request_id().map(str::to_owned),
                },
            },
            SdkError::TimeoutError(_) => Outcome::NoAnswer("timed out".into()),
            SdkError::DispatchFailure(failure) => {
                let cause = failure.as_connector_error().map_or_else(|| Cause::of(error), |cause| Cause::of(cause));
                if may_have_arrived(failure) { Outcome::NoAnswer(cause) } else { Outcome::NotSent(cause) }
            }
            SdkError::ConstructionFailure(_) => Outcome::NotSent(Cause::of(error)),
            _ => Outcome::Unreadable(Cause::of(error)),
        };
        Self::of(operation, outcome)
    }

    /// What came of `operation`, where it is known already.
    #[must_use]
    pub fn of(operation: &'static str, outcome: Outcome) -> Self {
        Self { operation, outcome }
    }

    /// What IAM must allow for the call: `sqs:DeleteMessage`. Not a field, since errors are to stay
    /// small.
    #[must_use]
    pub fn permission(&self) -> Permission {
        Permission::of(self.operation)
    }

    /// The error's name, where the service answered with one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The service's own text, or the cause of the failure.
    #[must_use]
    pub fn message(&self) -> &str {
        match &self.outcome {
            Outcome::Refused { message, .. } => message,
            Outcome::NoAnswer(cause) | Outcome::NotSent(cause) | Outcome::Unreadable(cause) => cause.text(),
        }
    }

    /// Whether the caller lacks a permission.
    #[must_use]
    pub fn is_access_denied(&self) -> bool {
        // `AuthorizationError` is SNS's name for it; SQS and STS say `AccessDenied`, the rest
        // `AccessDeniedException`.
        matches!(
            self.code(),
            Some("AccessDenied" | "AccessDeniedException" | "AuthorizationError" | "AuthorizationErrorException")
        )
    }

    /// Whether it passes by itself: AWS takes no more requests for the moment, or has a fault. Then
    /// it tells nothing of what was asked for.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match &self.outcome {
            Outcome::Refused { code, status, .. } => is_throttled(code) || *status >= 500,
            _ => false,
        }
    }

    /// Whose policy refused, where AWS says it: then nothing that is granted helps.
    #[must_use]
    pub fn refuser(&self) -> Option<Refuser> {
        match &self.outcome {
            Outcome::Refused { message, .. } if self.is_access_denied() => Refuser::in_text(message),
            // The role that is to be assumed was refused.
            Outcome::NotSent(cause) => Refuser::in_text(cause.text()),
            _ => None,
        }
    }
}

/// A code for each thing that a person does about it, and not one for each name that AWS has.
impl Coded for ApiError {
    fn code(&self) -> Code {
        let code = match &self.outcome {
            Outcome::NoAnswer(_) => "E1316",
            _ if self.refuser().is_some() => "E1317",
            Outcome::Refused { .. } if self.is_access_denied() => "E1318",
            Outcome::Refused { code, .. } if is_of_credentials(code) => "E1319",
            Outcome::Refused { code, .. } if is_throttled(code) => "E1320",
            Outcome::Refused { status: 500.., .. } => "E1321",
            Outcome::Refused { .. } => "E1309",
            Outcome::NotSent(_) => "E1322",
            Outcome::Unreadable(_) => "E1323",
        };
        code.into()
    }
}

impl Hint for ApiError {
    fn hint(&self) -> Option<String> {
        if let Some(refuser) = self.refuser() {
            return Some(refuser.hint());
        }
        match &self.outcome {
            Outcome::Refused { .. } if self.is_access_denied() => Some(format!(
                "grant {} to the calling role or user; if the resource is another account's, its policy has to allow it, too",
                self.permission()
            )),
            Outcome::Refused { code, .. } if is_of_credentials(code) => Some(
                "sign in again: the credentials have expired or are unknown. `aws login` or `aws sso login`, or new values of \
                 AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
                    .to_owned(),
            ),
            // Whether it was AWS cannot be told: where it could, there is a cause.
            Outcome::Refused { code, request_id: None, .. } if code == UNKNOWN => Some(LOOK_IN_BETWEEN.to_owned()),
            Outcome::NoAnswer(cause) | Outcome::NotSent(cause) | Outcome::Unreadable(cause) if cause.fix().is_some() => {
                cause.fix().map(str::to_owned)
            }
            Outcome::NoAnswer(_) => {
                Some("check the network, the region and AWS_ENDPOINT_URL; then run the command again".to_owned())
            }
            Outcome::NotSent(_) => {
                Some("check the credentials: AWS_PROFILE, AWS_ACCESS_KEY_ID, or the role of the machine".to_owned())
            }
            Outcome::Refused { code, .. } if is_throttled(code) => Some(
                "AWS takes no more requests of this kind for the moment: run the command again in a minute; if it comes back, \
                 look what else asks so often, or raise the limit"
                    .to_owned(),
            ),
            Outcome::Refused { status: 500.., .. } => Some(
                "the fault is on AWS's side: run the command again in a minute; if it comes back, see the AWS Health \
                 Dashboard"
                    .to_owned(),
            ),
            Outcome::Refused { .. } | Outcome::Unreadable(_) => None,
        }
    }
}

/// Whether a service says that it does not know the credentials, or no longer.
fn is_of_credentials(code: &str) -> bool {
    code.contains("ExpiredToken") || code == "InvalidClientTokenId"
}

/// Whether a service says that it was asked too often, by the name that it has for that.
fn is_throttled(code: &str) -> bool {
    let names = ["Throttl", "ThroughputExceeded", "RequestLimitExceeded", "TooManyRequests", "SlowDown"];
    names.iter().any(|name| code.contains(name))
}

/// Whether the request left, or may have. The SDK reports missing or refused credentials as a
/// failure to dispatch, too; a connection that was closed before the answer is an unclassified
/// error to it, of a kind that may pass.
fn may_have_arrived(failure: &DispatchFailure) -> bool {
    failure.is_io() || failure.is_timeout() || failure.as_other() == Some(ErrorKind::TransientError)
}

/// The name of an error whose answer gives none.
const UNKNOWN: &str = "Unknown";

/// What answered in AWS's place, where the answer names no error and is none of AWS's.
fn in_between(error: &impl ProvideErrorMetadata, answer: &HttpResponse) -> Option<Cause> {
    error.code().is_none().then(|| answered_in_between(answer)).flatten()
}

/// What the service says; where it says nothing, what there is.
fn message(error: &impl ProvideErrorMetadata, answer: &HttpResponse) -> String {
    match (error.message(), error.code()) {
        (Some(message), _) => message.to_owned(),
        (None, Some(_)) => "no message".to_owned(),
        (None, None) => format!("no message (HTTP {})", answer.status().as_u16()),
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Refused { code, message, request_id, .. } => {
                write!(f, "`{}` was refused with {code}: {message}", self.operation)?;
                request_id.as_ref().map_or(Ok(()), |id| write!(f, " (request {id})"))
            }
            Outcome::NoAnswer(cause) => write!(f, "`{}` had no answer: {cause}", self.operation),
            Outcome::NotSent(cause) => write!(f, "`{}` could not be called: {cause}", self.operation),
            Outcome::Unreadable(cause) => write!(f, "`{}` had an answer that cannot be read: {cause}", self.operation),
        }
    }
}

impl Error for ApiError {}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::error::CredentialsError;
    use aws_sdk_sts::operation::assume_role::AssumeRoleError;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::metadata::ErrorMetadata;

    use crate::sign_in::role_refused;

    use super::*;

    #[test]
    fn a_connection_that_was_closed_before_the_answer_may_have_brought_the_request() {
        let arrived = |error: ConnectorError| {
            let error = SdkError::<aws_smithy_types::error::ErrorMetadata, HttpResponse>::dispatch_failure(error);
            let SdkError::DispatchFailure(failure) = &error else { panic!("{error:?}") };
            may_have_arrived(failure)
        };
        assert!(arrived(ConnectorError::other("connection closed".into(), Some(ErrorKind::TransientError))));
        assert!(arrived(ConnectorError::io("connection reset".into())));
        assert!(arrived(ConnectorError::timeout("timed out".into())));
        assert!(!arrived(ConnectorError::other("no credentials".into(), None)));
    }

    #[test]
    fn a_role_that_refuses_is_told_in_words_with_the_settings_to_check() {
        let refused =
            ErrorMetadata::builder().code("AccessDenied").message("not authorized to perform: sts:AssumeRole");
        let refused = CredentialsError::provider_error(AssumeRoleError::generic(refused.build()));
        let refused = role_refused(refused, "arn:aws:iam::111111111111:role/member", "check PMP_HUB_ROLE_ARN");
        let refused = ConnectorError::other(Box::new(refused), None);
        let error = SdkError::<ErrorMetadata, HttpResponse>::dispatch_failure(refused);
        let error = ApiError::new("dynamodb:Query", &error);
        assert_eq!(
            error.to_string(),
            "`dynamodb:Query` could not be called: the role `arn:aws:iam::111111111111:role/member` could not be assumed: \
             AccessDenied: not authorized to perform: sts:AssumeRole"
        );
        assert_eq!(error.hint().as_deref(), Some("check PMP_HUB_ROLE_ARN"));
    }

    #[test]
    fn what_has_no_name_and_no_id_may_be_something_in_between_and_says_so_in_the_same_words() {
        let failed = |header: &'static str, value: &'static str| {
            let mut answer = HttpResponse::new(403u16.try_into().unwrap(), SdkBody::from("{}"));
            answer.headers_mut().insert(header, value);
            let error = SdkError::service_error(ErrorMetadata::builder().build(), answer);
            ApiError::new("sqs:ReceiveMessage", &error)
        };
        let page = failed("content-type", "text/html");
        assert!(matches!(page.outcome, Outcome::NoAnswer(_)), "{page:?}");
        let unnamed = failed("content-type", "application/json");
        assert!(matches!(&unnamed.outcome, Outcome::Refused { code, .. } if code == UNKNOWN), "{unnamed:?}");
        assert_eq!((page.hint().as_deref(), unnamed.hint().as_deref()), (Some(LOOK_IN_BETWEEN), Some(LOOK_IN_BETWEEN)));
        assert_eq!(failed("x-amzn-requestid", "r-1").hint(), None);
    }

    #[test]
    fn each_thing_that_a_person_can_do_has_a_code() {
        type Failed = SdkError<ErrorMetadata, HttpResponse>;
        let code = |error: &Failed| Coded::code(&ApiError::new("dynamodb:Query", error)).to_string();
        let answer = |status: u16| HttpResponse::new(status.try_into().unwrap(), SdkBody::from("{}"));
        for (name, message, status, expected) in [
            ("ValidationException", "no", 400, "E1309"),
            ("AccessDeniedException", "with an explicit deny in a service control policy", 400, "E1317"),
            ("AuthorizationError", "no", 403, "E1318"),
            ("ExpiredTokenException", "no", 400, "E1319"),
            ("InvalidClientTokenId", "no", 403, "E1319"),
            ("ProvisionedThroughputExceededException", "no", 400, "E1320"),
            ("InternalServerError", "no", 500, "E1321"),
        ] {
            let refused = ErrorMetadata::builder().code(name).message(message).build();
            assert_eq!(code(&SdkError::service_error(refused, answer(status))), expected, "{name}");
        }
        let no_credentials = ConnectorError::other("no credentials".into(), None);
        for (error, expected) in [
            (SdkError::timeout_error("it took too long"), "E1316"),
            (SdkError::dispatch_failure(ConnectorError::io("connection reset".into())), "E1316"),
            (SdkError::dispatch_failure(no_credentials), "E1322"),
            (SdkError::construction_failure("an input that is refused"), "E1322"),
            (SdkError::response_error("no JSON", answer(200)), "E1323"),
        ] {
            assert_eq!(code(&error), expected, "{error:?}");
        }
    }

    #[test]
    fn what_passes_by_itself_is_said_to() {
        let hint = |code: &str, status| {
            let (code, message) = (code.to_owned(), "no".to_owned());
            ApiError::of("dynamodb:Query", Outcome::Refused { code, message, status, request_id: None }).hint()
        };
        for throttled in ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"] {
            assert!(hint(throttled, 400).unwrap().contains("again in a minute"), "{throttled}");
        }
        assert!(hint("InternalServerError", 500).unwrap().starts_with("the fault is on AWS's side"));
        assert_eq!(hint("ValidationException", 400), None);
    }

    #[test]
    fn a_refusal_says_what_was_tried_what_came_back_and_what_to_do() {
        let refused = |operation| {
            let outcome = Outcome::Refused {
                code: "AuthorizationError".into(),
                message: "not authorized".into(),
                status: 403,
                request_id: Some("r-1".into()),
            };
            ApiError::of(operation, outcome)
        };
        let error = refused("sns:Publish");
        assert_eq!(
            error.to_string(),
            "`sns:Publish` was refused with AuthorizationError: not authorized (request r-1)"
        );
        assert!(error.hint().unwrap().contains("grant `sns:Publish` to"));
        let mut guarded = refused("sns:Publish");
        let Outcome::Refused { message, .. } = &mut guarded.outcome else { panic!() };
        message.push_str(" with an explicit deny in a service control policy");
        assert!(guarded.hint().unwrap().starts_with("a service control policy of this account's organization"));
        // Where the operation is no action of IAM's, the hint names the one that is.
        for (operation, actions) in [
            ("sqs:DeleteMessageBatch", "`sqs:DeleteMessage`"),
            ("sqs:ChangeMessageVisibilityBatch", "`sqs:ChangeMessageVisibility`"),
            ("aws-marketplace:BatchDescribeEntities", "`aws-marketplace:DescribeEntity`"),
            ("dynamodb:TransactWriteItems", "`dynamodb:PutItem` and `dynamodb:UpdateItem`"),
        ] {
            let error = refused(operation);
            assert!(error.to_string().starts_with(&format!("`{operation}` was refused")), "{error}");
            assert!(error.hint().unwrap().starts_with(&format!("grant {actions} to ")), "{:?}", error.hint());
        }
    }
}
