//! A session that AWS no longer takes, though its time is not up: revoked, or ended by a clock that
//! is not this machine's. The SDK keeps credentials until they expire by its own clock. So what AWS
//! answers is looked at; such a session is forgotten, and the call is made once more with a new
//! one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::identity::{
    IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::ErrorKind;
use tokio::time::Instant;

use crate::throttles::error_text;

/// Age below which a session is not forgotten: the refused call used a fresh one, and another would
/// be refused, too.
const NEW: Duration = Duration::from_secs(1);

/// The same configuration, whose clients forget a session that AWS no longer takes.
pub(crate) fn renewing(config: &SdkConfig) -> SdkConfig {
    let Some(http) = config.http_client() else { return config.clone() };
    let sessions = Sessions::default();
    let watched = SharedHttpClient::new(Watched { inner: http, sessions: sessions.clone() });
    config.to_builder().http_client(watched).identity_cache(SharedIdentityCache::new(sessions)).build()
}

/// The sessions of a configuration, cached by the SDK until they expire or are forgotten.
#[derive(Debug, Clone)]
struct Sessions(Arc<Mutex<Current>>);

#[derive(Debug)]
struct Current {
    cache: SharedIdentityCache,
    since: Instant,
}

impl Current {
    fn new() -> Self {
        Self { cache: IdentityCache::lazy().build(), since: Instant::now() }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Current::new())))
    }
}

impl Sessions {
    /// Forgets the sessions, unless they are younger than [`NEW`].
    fn forget(&self) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if current.since.elapsed() >= NEW {
            *current = Current::new();
            drop(current);
            tracing::info!("AWS no longer takes this session: a new one is asked for");
        }
    }
}

impl ResolveCachedIdentity for Sessions {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        runtime_components: &'a RuntimeComponents,
        config_bag: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner).cache.clone();
        IdentityFuture::new(
            async move { cache.resolve_cached_identity(resolver, runtime_components, config_bag).await },
        )
    }
}

#[derive(Debug)]
struct Watched<T> {
    inner: T,
    sessions: Sessions,
}

impl HttpClient for Watched<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Watched { inner, sessions: self.sessions.clone() })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.inner.validate_base_client_config(components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        self.inner.validate_final_config(components, config)
    }
}

impl HttpConnector for Watched<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (answer, sessions) = (self.inner.call(request), self.sessions.clone());
        HttpConnectorFuture::new(async move {
            let mut answer = answer.await?;
            if matches!(answer.status().as_u16(), 400 | 401 | 403)
                && error_text(&mut answer).await.is_some_and(|text| names_an_ended_session(&text))
            {
                sessions.forget();
            }
            Ok(answer)
        })
    }
}

/// Tells the SDK to make a call again that was refused for its session, which is forgotten by then.
#[derive(Debug, Clone, Copy)]
pub struct AskWithNewSession;

impl ClassifyRetry for AskWithNewSession {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let body = context.response().and_then(|response| response.body().bytes());
        let ended = body.and_then(|body| std::str::from_utf8(body).ok()).is_some_and(names_an_ended_session);
        if ended { RetryAction::retryable_error(ErrorKind::TransientError) } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "AskWithNewSession"
    }
}

/// `ExpiredToken`, and `ExpiredTokenException` at the services that speak JSON.
fn names_an_ended_session(text: &str) -> bool {
    text.contains("ExpiredToken")
}
