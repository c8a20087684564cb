//! The profile that is in force, as far as the SDK leaves something of it to us.

use std::borrow::Cow;

use aws_config::SdkConfig;
use aws_config::profile::{self, ProfileSet};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::property::PropertiesKey;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::ConfigError;
use crate::cause::root_cause;

/// Profiles may name one another; more than this is a circle.
const MAX_HOPS: usize = 10;

/// The profile in force, with the profiles that it rests on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profile(ProfileSet);

impl Profile {
    /// Reads the SDK's files.
    ///
    /// # Errors
    /// Where `AWS_PROFILE`, which is `named`, is not there: the SDK would go on to the role of the machine.
    pub(crate) async fn load(named: Option<String>) -> Result<Self, ConfigError> {
        let (files, environment) = (Fs::real(), Env::real());
        let named = named.filter(|name| !name.trim().is_empty() && name != "default");
        let found = profile::load(&files, &environment, &EnvConfigFiles::default(), None).await;
        let Some(name) = named else {
            // Nobody asked for them: whether something in them is needed shows where it is.
            return Ok(Self(found.unwrap_or_default()));
        };
        let found = found.map_err(|error| ConfigError::Profiles(root_cause(&error)))?;
        if found.get_profile(&name).is_some() {
            return Ok(Self(found));
        }
        Err(ConfigError::NoProfile { name, known: found.profiles().map(str::to_owned).collect() })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.0.selected_profile()
    }

    /// One of its settings.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)
    }

    /// A setting of a service of its section of services, spelled one way.
    fn of_service(&self, service: &str, key: &str) -> Option<String> {
        let section = PropertiesKey::builder().section_key("services").section_name(self.get("services")?);
        let key = section.property_name(service).sub_property_name(key).build().ok()?;
        self.0.other_sections().get(&key).cloned()
    }

    /// The first profile of those that it rests on, itself included, that has one of these settings.
    fn first_with(&self, keys: &[&str]) -> Option<&str> {
        let mut name = self.name();
        for _ in 0..MAX_HOPS {
            let profile = self.0.get_profile(name)?;
            if keys.iter().any(|key| profile.get(key).is_some()) {
                return Some(profile.name());
            }
            name = profile.get("source_profile").filter(|next| *next != name)?;
        }
        None
    }

    /// The profile that signs in by `aws login`.
    pub(crate) fn login(&self) -> Option<&str> {
        self.first_with(&["login_session"])
    }

    /// The profile that signs in by IAM Identity Center.
    pub(crate) fn identity_center(&self) -> Option<&str> {
        self.first_with(&["sso_session", "sso_start_url"])
    }

    /// The profile whose role takes a code of an MFA device.
    pub(crate) fn mfa(&self) -> Option<&str> {
        self.first_with(&["mfa_serial"])
    }

    /// Who gave `endpoint`, `https://HOST:PORT`: a variable or a setting of the profile. None where it is AWS's own.
    pub(crate) fn origin_of(&self, endpoint: &str, variables: &[(String, String)]) -> Option<String> {
        let is_it = |value: &str| {
            value.trim_end_matches('/') == endpoint
                || value.strip_prefix(endpoint).is_some_and(|rest| rest.starts_with('/'))
        };
        let mut named: Vec<_> = variables.iter().filter(|(_, value)| is_it(value)).map(|(name, _)| name).collect();
        // That of a service is longer, and goes before that of all.
        named.sort_by_key(|name| std::cmp::Reverse(name.len()));
        if let Some(name) = named.first() {
            return Some((*name).clone());
        }
        const SERVICES: [&str; 9] = [
            "dynamodb",
            "sts",
            "sqs",
            "sns",
            "kms",
            "s3",
            "marketplace-catalog",
            "marketplace_catalog",
            "organizations",
        ];
        let mut of_services = SERVICES.iter().filter_map(|service| self.of_service(service, "endpoint_url"));
        let of_profile = of_services.any(|value| is_it(&value)) || self.get("endpoint_url").is_some_and(is_it);
        of_profile.then(|| format!("`endpoint_url` of the profile `{}`", self.name()))
    }
}

/// The same configuration, in which a service whose name has a blank may be spelled with `_`, as the AWS CLI and boto3 spell
/// it. The
/// SDK knows the spelling with `-` alone, and goes to AWS's own endpoint where it finds the other.
pub(crate) fn spelled_either_way(config: &SdkConfig, profile: &Profile) -> SdkConfig {
    let either = EitherSpelling { inner: config.clone(), profile: profile.clone() };
    config.to_builder().service_config(either).build()
}

#[derive(Debug)]
struct EitherSpelling {
    inner: SdkConfig,
    profile: Profile,
}

impl LoadServiceConfig for EitherSpelling {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let name = key.service_id().to_uppercase().replace(' ', "_");
        let names = [format!("{}_{name}", key.env()), key.env().to_owned()];
        let spelled = |with: &str| key.service_id().to_lowercase().replace(' ', with);
        let other = || {
            let of = |with| self.profile.of_service(&spelled(with), key.profile());
            // The environment goes before the profile, and the SDK's spelling before the other.
            let set = names.iter().any(|name| std::env::var_os(name).is_some()) || of("-").is_some() || self.ignored();
            if set { None } else { of("_") }
        };
        if key.service_id().contains(' ')
            && let Some(found) = other()
        {
            return Some(found);
        }
        // A blank one is how templates spell "not set".
        self.inner.service_config()?.load_config(key).filter(|value| !value.trim().is_empty())
    }
}

impl EitherSpelling {
    /// Whether endpoints of the files do not count.
    fn ignored(&self) -> bool {
        let variable = std::env::var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").ok().map(Cow::Owned);
        let setting = variable.or_else(|| self.profile.get("ignore_configured_endpoint_urls").map(Cow::Borrowed));
        setting.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }
}
