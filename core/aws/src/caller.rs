//! Who this is, as STS sees it; and, from the same answer, the time by AWS's clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_sts::Client;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

use crate::ApiError;

/// The identity that the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account: twelve digits.
    pub account: String,
    /// The ARN of the user, role or session.
    pub arn: String,
}

/// Asks STS who this is, which takes no permission. Returns the caller, and the `Date` of the
/// answer. The date is returned for error answers, too: AWS refuses what was signed by a clock that
/// is off by five minutes, and the date is how `doctor` finds that out. It is none where no answer
/// came.
///
/// # Errors
/// Where STS refuses, or does not answer.
pub async fn caller(config: &SdkConfig) -> (Result<Caller, ApiError>, Option<SystemTime>) {
    let date = Arc::<Mutex<Option<SystemTime>>>::default();
    let call = Client::new(config).get_caller_identity().customize().interceptor(ReadDate(date.clone()));
    let answer = call.send().await.map_err(|error| ApiError::new("sts:GetCallerIdentity", &error));
    let caller = answer
        .map(|answer| Caller { account: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() });
    let date = *date.lock().unwrap_or_else(PoisonError::into_inner);
    (caller, date)
}

/// Takes the date of an answer.
#[derive(Debug)]
struct ReadDate(Arc<Mutex<Option<SystemTime>>>);

#[dyn_dispatch_hint]
impl Intercept for ReadDate {
    fn name(&self) -> &'static str {
        "ReadDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(date) = date.and_then(|date| SystemTime::try_from(date).ok()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(date);
        }
        Ok(())
    }
}
