//! Takes a large answer in one piece of memory.
//!
//! The SDK keeps all pieces of an answer until the last one has come, and copies them into one
//! then. So twice the answer is in memory for a moment, which is what a pass over large policies
//! takes most of. Here each piece is copied as it comes, within the same attempt: what ends in the
//! middle is a connection that broke, and is tried again as such.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::ConfigBag;

/// An answer of fewer bytes is left to the SDK.
const LARGE: usize = 64 * 1024;
/// The most memory that is set aside because an answer says that it is so long. What is longer
/// takes more as it comes.
const SET_ASIDE: usize = 64 * 1024 * 1024;

/// The same client, whose large answers come in one piece.
pub(crate) fn in_one_piece(client: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(InOnePiece(client))
}

#[derive(Debug)]
struct InOnePiece<T>(T);

impl HttpClient for InOnePiece<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(InOnePiece(self.0.http_connector(settings, components)))
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.validate_base_client_config(components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        self.0.validate_final_config(components, config)
    }
}

impl HttpConnector for InOnePiece<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move { whole(answer.await?).await })
    }
}

async fn whole(mut answer: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    let length = answer.headers().get("content-length").and_then(|length| length.parse::<usize>().ok());
    let Some(length) = length.filter(|length| *length >= LARGE && answer.body().bytes().is_none()) else {
        return Ok(answer);
    };
    let mut bytes = Vec::with_capacity(length.min(SET_ASIDE));
    let mut pieces = ByteStream::new(answer.take_body());
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| ConnectorError::io(error.into()))?);
    }
    *answer.body_mut() = SdkBody::from(bytes);
    Ok(answer)
}
