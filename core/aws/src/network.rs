//! The way from this machine to AWS: through which proxy, trusting which roots. And what a person
//! is told where it is barred.

mod proxy;
mod reached;
mod roots;
mod routed;
mod trouble;

use std::sync::{Arc, OnceLock};

use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::ConfigError;
use crate::profile::Profile;

pub use reached::{Reached, reached};
pub(crate) use trouble::{LOOK_IN_BETWEEN, answered_in_between};

/// The network of this process, once a configuration was loaded.
static NETWORK: OnceLock<Network> = OnceLock::new();

/// How this process reaches AWS, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The proxies, each with the variable that names it; without passwords.
    pub proxies: Vec<String>,
    /// What `NO_PROXY` holds, where there is a proxy.
    pub except: Option<String>,
    /// Which roots are trusted, and where that is said.
    pub roots: String,
}

/// How this process reaches AWS; none before a configuration was loaded.
#[must_use]
pub fn network() -> Option<&'static Network> {
    NETWORK.get()
}

/// The HTTP client of every AWS client, as the environment and the profile ask for it.
pub(crate) fn client(
    variable: &dyn Fn(&str) -> Option<String>,
    profile: &Profile,
) -> Result<SharedHttpClient, ConfigError> {
    let proxies = proxy::Proxies::read(variable, profile)?;
    let roots = roots::Roots::read(variable, profile)?;
    let told = Network { proxies: proxies.told(), except: proxies.except(), roots: roots.to_string() };
    // The first configuration counts: a process has one environment.
    let _already_told = NETWORK.set(told);
    Ok(routed::client(Arc::new(proxies), Arc::new(roots)))
}
