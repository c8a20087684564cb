//! The end of an environment. Lambda sends SIGTERM only where an extension is registered, and then
//! waits half a second before it kills the process; so one is registered that asks for no events.

use lambda_extension::Extension;
use pmp_runtime::{Stop, StopReason};
use tokio::signal::unix::{SignalKind, signal};
use tracing::Instrument;

/// Name of the extension. It must be unique among the function's extensions.
const NAME: &str = "pmp-sync";

/// Registers the extension, and cancels `stop` at SIGTERM. Must come before the first invocation is
/// asked for. Where either is not possible the function works all the same: it is then killed
/// without notice, which is safe, too.
pub(crate) async fn stop_at_the_end(stop: Stop) {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            let told = async move {
                terminate.recv().await;
                tracing::info!("told to stop by SIGTERM");
                stop.stop(StopReason::Signal("SIGTERM"));
            };
            tokio::spawn(told.in_current_span());
        }
        Err(error) => tracing::warn!(%error, "no notice of the end of the environment"),
    }
    match Extension::new().with_events(&[]).with_extension_name(NAME).register().await {
        // Asks for its next event, of which there is none: that tells Lambda that it is ready.
        Ok(extension) => _ = tokio::spawn(async move { extension.run().await.map_err(|error| error.to_string()) }),
        Err(error) => tracing::warn!(error, "Lambda will give no notice of the end of the environment"),
    }
}
