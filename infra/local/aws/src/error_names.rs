//! Corrects the names of errors where awsim uses another name than the service's protocol. The
//! errors' texts stay as they are.

use awsim_core::AwsError;

/// The error with the service's own name, and for SQS its older name, which goes into a header.
pub(crate) fn as_written_by(service: &str, mut error: AwsError) -> (AwsError, Option<String>) {
    match (service, error.code.as_str()) {
        ("sts" | "sns", "UnknownOperationException") => error.code = "InvalidAction".into(),
        ("sts", "ValidationException") => error.code = "ValidationError".into(),
        ("sns", "InvalidParameterValue") => error.code = "InvalidParameter".into(),
        ("sqs", _) => return of_sqs(error),
        _ => {}
    }
    (error, None)
}

/// SQS's JSON protocol names the shape of the error. Clients still compare with the name that the
/// error has in the query protocol; that one goes into the header `x-amzn-query-error`.
fn of_sqs(mut error: AwsError) -> (AwsError, Option<String>) {
    const PREFIX: &str = "AWS.SimpleQueueService.";
    let bare = error.code.strip_prefix(PREFIX).unwrap_or(&error.code);
    let (shape, legacy) = match bare {
        "NonExistentQueue" => ("QueueDoesNotExist", format!("{PREFIX}NonExistentQueue")),
        "QueueAlreadyExists" => ("QueueNameExists", "QueueAlreadyExists".into()),
        "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "EmptyBatchRequest"
        | "InvalidBatchEntryId"
        | "PurgeQueueInProgress"
        | "QueueDeletedRecently"
        | "TooManyEntriesInBatchRequest"
        | "UnsupportedOperation" => (bare, format!("{PREFIX}{bare}")),
        other => (other, other.to_owned()),
    };
    let fault = if error.status.is_server_error() { "Receiver" } else { "Sender" };
    let legacy = format!("{legacy};{fault}");
    error.code = shape.to_owned();
    (error, Some(legacy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(service: &str, code: &str) -> (String, Option<String>) {
        let (error, legacy) = as_written_by(service, AwsError::bad_request(code, "why"));
        (error.code, legacy)
    }

    #[test]
    fn sqs_gives_both_names() {
        let both = |shape: &str, legacy: &str| (shape.to_owned(), Some(legacy.to_owned()));
        let prefix = "AWS.SimpleQueueService";
        let missing = format!("{prefix}.NonExistentQueue");
        assert_eq!(written("sqs", &missing), both("QueueDoesNotExist", &format!("{missing};Sender")));
        let empty = format!("{prefix}.EmptyBatchRequest;Sender");
        assert_eq!(written("sqs", "EmptyBatchRequest"), both("EmptyBatchRequest", &empty));
        assert_eq!(written("sqs", "QueueAlreadyExists"), both("QueueNameExists", "QueueAlreadyExists;Sender"));
        assert_eq!(written("sqs", "AccessDenied"), both("AccessDenied", "AccessDenied;Sender"));
    }

    #[test]
    fn the_query_protocol_has_names_of_its_own() {
        assert_eq!(written("sts", "ValidationException"), ("ValidationError".into(), None));
        assert_eq!(written("sns", "UnknownOperationException"), ("InvalidAction".into(), None));
        assert_eq!(written("dynamodb", "ValidationException"), ("ValidationException".into(), None));
    }
}
