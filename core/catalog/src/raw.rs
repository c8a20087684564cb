//! Takes the body of an answer as it came, before the SDK builds its `Document` tree of it.
//!
//! Twenty policies of 20,000 products are some 25 MB of JSON, and hundreds of MB as a tree of
//! strings and hash maps. The body is read straight into compact lists instead; see
//! [`crate::details`].

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, Error, Output,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;

/// Takes the body of one call's answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawBody(Arc<Mutex<Option<SdkBody>>>);

impl RawBody {
    /// The body, once the call succeeded.
    pub(crate) fn take(&self) -> Option<SdkBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Added to a call: puts the body of its answer into `body`, and answers with `empty` in place of
/// what the SDK would have read. An answer that is an error is left to the SDK.
#[derive(Debug)]
pub(crate) struct TakeBody<O> {
    pub(crate) body: RawBody,
    pub(crate) empty: fn() -> O,
}

#[dyn_dispatch_hint]
impl<O: Send + Sync + std::fmt::Debug + 'static> Intercept for TakeBody<O> {
    fn name(&self) -> &'static str {
        "TakeBody"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().status().is_success() {
            let deserializer = KeepBody { body: self.body.clone(), empty: self.empty };
            cfg.interceptor_state().store_put(SharedResponseDeserializer::new(deserializer));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct KeepBody<O> {
    body: RawBody,
    empty: fn() -> O,
}

impl<O: Send + Sync + std::fmt::Debug + 'static> DeserializeResponse for KeepBody<O> {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        // The same bytes, not a copy: what is in memory is shared.
        *self.body.0.lock().unwrap_or_else(PoisonError::into_inner) = response.body().try_clone();
        Ok(Output::erase((self.empty)()))
    }
}
