//! The error of each service for each fault: name, HTTP status and text, as AWS documents them.
//!
//! They come from the services' models in botocore, from "Common Errors" in their API references,
//! and for the catalog from the sources that `pmp-local-catalog` names. If a service has no such
//! error, there is none here.

use super::call::CallFacts;
use crate::world::Fault;

/// An error answer that a fault causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The answer's HTTP status.
    pub(crate) status: u16,
    /// The error's name in the service's protocol.
    pub(crate) code: &'static str,
    /// The text for people.
    pub(crate) message: String,
}

/// DynamoDB operations that read or write items, and so use up throughput. The others have a limit
/// on requests instead.
const MOVE_ITEMS: [&str; 10] = [
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
];

/// The error that `fault` causes; `None` if the service has no such error.
pub(super) fn refusal(fault: &Fault, call: &CallFacts<'_>) -> Option<Refusal> {
    let (message, (status, code, text)) = match fault {
        Fault::Throttling { message } => (message, throttling(call)?),
        Fault::ServerError { message } => (message, server_error(call.service)?),
        Fault::Unavailable { message } => (message, unavailable(call.service)?),
        Fault::AccessDenied { message } => (message, access_denied(call.service)?),
        Fault::ResourceInUse { message } => (message, resource_in_use(call.service)?),
        Fault::QuotaExceeded { message } => (message, quota_exceeded(call.service)?),
        Fault::Validation { message } => (message, validation(call.service)?),
        _ => return None,
    };
    let message = match message {
        Some(message) => message.clone(),
        None if matches!(fault, Fault::AccessDenied { .. }) => {
            format!("User: {} is not authorized to perform: {}:{}", call.caller, call.service, call.operation)
        }
        None => text.to_owned(),
    };
    Some(Refusal { status, code, message })
}

/// The answer if the emulator itself failed.
pub(crate) fn panic_refusal(service: &str) -> Refusal {
    let (status, code, text) = server_error(service).unwrap_or((500, "InternalFailure", ""));
    Refusal { status, code, message: format!("{text} (a fault of the emulator, not an injected one: see its log)") }
}

type Row = (u16, &'static str, &'static str);

fn throttling(call: &CallFacts<'_>) -> Option<Row> {
    Some(match call.service {
        "aws-marketplace" => (429, "ThrottlingException", "Too many requests"),
        "dynamodb" if MOVE_ITEMS.contains(&call.operation) => (
            400,
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.",
        ),
        "dynamodb" => (400, "ThrottlingException", "Rate of requests exceeds the allowed throughput."),
        "organizations" => {
            (400, "TooManyRequestsException", "You have sent too many requests in too short a period of time.")
        }
        "kms" => (
            400,
            "ThrottlingException",
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
        ),
        "sns" | "sts" => (400, "Throttling", "Rate exceeded"),
        "sqs" => (403, "RequestThrottled", "The request was denied due to request throttling."),
        _ => return None,
    })
}

fn server_error(service: &str) -> Option<Row> {
    Some(match service {
        "aws-marketplace" => (500, "InternalServiceException", "There was an internal service exception."),
        "kms" => (500, "KMSInternalException", "An internal error occurred. Try again later."),
        "dynamodb" => (500, "InternalServerError", "An error occurred on the server side."),
        "organizations" => (
            500,
            "ServiceException",
            "Organizations cannot complete your request because of an internal service error. Try again later.",
        ),
        "sns" => (500, "InternalError", "Indicates an internal service error."),
        "sqs" | "sts" => (
            500,
            "InternalFailure",
            "The request processing has failed because of an unknown error, exception or failure.",
        ),
        _ => return None,
    })
}

fn unavailable(service: &str) -> Option<Row> {
    let text = "The request has failed due to a temporary failure of the server.";
    let code =
        if matches!(service, "sns" | "sqs" | "sts") { "ServiceUnavailable" } else { "ServiceUnavailableException" };
    server_error(service).map(|_| (503, code, text))
}

fn access_denied(service: &str) -> Option<Row> {
    Some(match service {
        "aws-marketplace" => (403, "AccessDeniedException", ""),
        "dynamodb" | "kms" | "organizations" => (400, "AccessDeniedException", ""),
        "sns" => (403, "AuthorizationError", ""),
        "sqs" | "sts" => (403, "AccessDenied", ""),
        _ => return None,
    })
}

fn resource_in_use(service: &str) -> Option<Row> {
    Some(match service {
        "aws-marketplace" => {
            (423, "ResourceInUseException", "Requested change set has entities locked by change sets.")
        }
        "dynamodb" => (400, "ResourceInUseException", "The resource which you are attempting to change is in use."),
        _ => return None,
    })
}

fn quota_exceeded(service: &str) -> Option<Row> {
    Some(match service {
        "aws-marketplace" => {
            (402, "ServiceQuotaExceededException", "The maximum number of open requests per account has been exceeded.")
        }
        "dynamodb" => (400, "LimitExceededException", "Too many operations for a given subscriber."),
        "sqs" => (403, "OverLimit", "The specified action violates a limit."),
        _ => return None,
    })
}

fn validation(service: &str) -> Option<Row> {
    Some(match service {
        "aws-marketplace" => (422, "ValidationException", "An error occurred during validation."),
        "dynamodb" | "kms" => (400, "ValidationException", "One or more parameter values were invalid."),
        "organizations" => {
            (400, "InvalidInputException", "You provided invalid values for one or more of the request parameters.")
        }
        "sns" => (400, "InvalidParameter", "Invalid parameter"),
        "sqs" => (400, "InvalidParameterValue", "One or more parameters are invalid."),
        "sts" => (400, "ValidationError", "The input fails to satisfy the constraints of the service."),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::SERVICES;

    fn of(fault: &Fault, service: &str, operation: &str) -> Option<Refusal> {
        refusal(fault, &CallFacts { service, operation, account: "111111111111", caller: "arn:me" })
    }

    #[test]
    fn every_service_can_throttle_fail_and_refuse_in_its_own_words() {
        let message = || None;
        for service in SERVICES {
            for fault in [
                Fault::Throttling { message: message() },
                Fault::ServerError { message: message() },
                Fault::Unavailable { message: message() },
                Fault::AccessDenied { message: message() },
                Fault::Validation { message: message() },
            ] {
                let refusal = of(&fault, service, "PutItem").unwrap();
                assert!((400..600).contains(&refusal.status) && !refusal.message.is_empty(), "{service}: {refusal:?}");
            }
            assert_eq!(panic_refusal(service).status, 500);
        }
        let in_use = Fault::ResourceInUse { message: None };
        assert_eq!(of(&in_use, "sns", "Publish"), None);
        let data = of(&Fault::Throttling { message: None }, "dynamodb", "PutItem").unwrap();
        assert_eq!(data.code, "ProvisionedThroughputExceededException");
        let control = of(&Fault::Throttling { message: None }, "dynamodb", "DescribeTable").unwrap();
        assert_eq!(control.code, "ThrottlingException");
    }

    #[test]
    fn a_rule_can_bring_its_own_text() {
        let own = of(&Fault::Validation { message: Some("why".into()) }, "aws-marketplace", "StartChangeSet").unwrap();
        assert_eq!((own.status, own.message.as_str()), (422, "why"));
    }
}
