//! An HTTP client that sends each request the way that it has to go, and tells in words where that
//! way is barred.

use std::sync::Arc;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use http::Uri;
use http::uri::Scheme;

use super::proxy::{Proxies, Proxy, Route};
use super::roots::Roots;
use super::{reached, trouble};
use crate::cause::Trouble;

/// A client for these proxies, which trusts these roots.
pub(super) fn client(proxies: Arc<Proxies>, roots: Arc<Roots>) -> SharedHttpClient {
    let through = |proxy: &Option<Proxy>| proxy.as_ref().map(|proxy| through(proxy, roots.context()));
    let (http, https) = (through(&proxies.http), through(&proxies.https));
    let direct = Builder::new().tls_provider(provider()).tls_context(roots.context()).build_https();
    SharedHttpClient::new(Routed { ways: Ways { direct, http, https }, proxies, roots })
}

fn provider() -> tls::Provider {
    tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)
}

/// A client all of whose requests go through `proxy`.
fn through(proxy: &Proxy, context: TlsContext) -> SharedHttpClient {
    // Which requests go this way is decided here, so that what is told of it is what is done.
    let config = ProxyConfig::all(proxy.uri());
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().tls_provider(provider()).tls_context(context.clone());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.set_proxy_config(config.as_ref().ok().cloned());
        builder.build()
    })
}

/// The ways that there are.
#[derive(Debug)]
struct Ways<T> {
    direct: T,
    http: Option<T>,
    https: Option<T>,
}

impl<T> Ways<T> {
    /// The one for a request by `route` to `uri`.
    fn way(&self, route: &Route, uri: &Uri) -> &T {
        let proxy = if uri.scheme() == Some(&Scheme::HTTP) { &self.http } else { &self.https };
        match (route, proxy) {
            (Route::Through(_), Some(proxy)) => proxy,
            _ => &self.direct,
        }
    }
}

#[derive(Debug)]
struct Routed<T> {
    ways: Ways<T>,
    proxies: Arc<Proxies>,
    roots: Arc<Roots>,
}

impl HttpClient for Routed<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = |client: &SharedHttpClient| client.http_connector(settings, components);
        let ways = Ways {
            direct: connector(&self.ways.direct),
            http: self.ways.http.as_ref().map(connector),
            https: self.ways.https.as_ref().map(connector),
        };
        SharedHttpConnector::new(Routed { ways, proxies: self.proxies.clone(), roots: self.roots.clone() })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.ways.direct.validate_base_client_config(components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        self.ways.direct.validate_final_config(components, config)
    }
}

impl HttpConnector for Routed<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Ok(uri) = request.uri().parse::<Uri>() else { return self.ways.direct.call(request) };
        let route = self.proxies.route(&uri);
        reached::note(&request, &uri, &route);
        let (answer, roots) = (self.ways.way(&route, &uri).call(request), self.roots.clone());
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(|error| trouble::barred(error, &uri, &route, &roots))?;
            // What gives credentials may answer in any form.
            if route == Route::Metadata {
                return Ok(answer);
            }
            let Some(cause) = trouble::in_between(&answer, &route) else { return Ok(answer) };
            // Some servers that speak as AWS call whatever they say a page.
            let (answer, is_one) = trouble::whether_a_page(answer).await?;
            if is_one || answer.status().as_u16() == 407 {
                return Err(ConnectorError::other(Trouble::boxed(cause), None));
            }
            Ok(answer)
        })
    }
}
