//! The profile that is in force, as far as the SDK leaves something of it to us.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_config::profile::{self, Profile as SdkProfile, ProfileSet};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::property::PropertiesKey;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::ConfigError;
use crate::cause::root_cause;
use crate::environment::{is_endpoint, no_endpoint};
use crate::files::Files;

/// The profile that counts where none is named.
const DEFAULT: &str = "default";
/// The setting of another endpoint.
const ENDPOINT: &str = "endpoint_url";
/// The services that are called, as a section of `services` spells them.
const SERVICES: [&str; 12] = [
    "dynamodb",
    "sts",
    "sqs",
    "sns",
    "kms",
    "s3",
    "lambda",
    "marketplace-catalog",
    "marketplace_catalog",
    "marketplace-discovery",
    "marketplace_discovery",
    "organizations",
];

/// Bound on how many profiles name one another with `source_profile`: a longer chain is taken for a
/// circle.
const MAX_HOPS: usize = 10;

/// The profile in force, with the profiles that it rests on.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    set: ProfileSet,
    files: Files,
}

impl Default for Profile {
    fn default() -> Self {
        Self { set: ProfileSet::default(), files: Files::none() }
    }
}

impl Profile {
    /// Reads the SDK's files. A blank `AWS_PROFILE` counts as absent.
    ///
    /// # Errors
    /// Where a file cannot be read, or the profile that `AWS_PROFILE` names is not there: the SDK
    /// would go on to the role of the machine.
    pub(crate) async fn load(variable: &(dyn Fn(&str) -> Option<String> + Sync)) -> Result<Self, ConfigError> {
        let name = variable("AWS_PROFILE").filter(|name| !name.trim().is_empty());
        let files = Files::read(variable)?;
        let (fs, environment) = (Fs::real(), Env::real());
        let selected = name.clone().unwrap_or_else(|| DEFAULT.to_owned());
        let found = profile::load(&fs, &environment, files.paths(), Some(Cow::Owned(selected))).await;
        let set = found.map_err(|error| ConfigError::Profiles(root_cause(&error)))?;
        match name {
            Some(name) if name != DEFAULT && set.get_profile(&name).is_none() => {
                Err(ConfigError::NoProfile { name, known: known(&set) })
            }
            _ => Ok(Self { set, files }),
        }
    }

    /// The files that it was read from.
    pub(crate) fn files(&self) -> &EnvConfigFiles {
        self.files.paths()
    }

    /// Name of the profile, `default` where none is chosen.
    pub(crate) fn name(&self) -> &str {
        self.set.selected_profile()
    }

    /// One of its settings.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.set.get(key)
    }

    /// A setting of a service of its section of services, spelled one way.
    fn of_service(&self, service: &str, key: &str) -> Option<String> {
        let section = PropertiesKey::builder().section_key("services").section_name(self.get("services")?);
        let key = section.property_name(service).sub_property_name(key).build().ok()?;
        self.set.other_sections().get(&key).cloned()
    }

    /// Whether it gives credentials.
    ///
    /// # Errors
    /// Where it means to, and names what is not there. The SDK says so itself of some such slips;
    /// of these it takes the role of the machine, which may be another account's.
    pub(crate) fn gives_credentials(&self) -> Result<bool, ConfigError> {
        let mut from: Option<&str> = None;
        let mut name = self.name();
        for _ in 0..MAX_HOPS {
            let Some(profile) = self.set.get_profile(name) else {
                let Some(from) = from else { return Ok(false) };
                let problem = format!("names `{name}` as its `source_profile`, and there is no such profile");
                let known = known(&self.set).into_iter().collect::<Vec<_>>().join(", ");
                return Err(slip(from, problem, format!("the profiles are: {known}")));
            };
            let keys = ["aws_access_key_id", "aws_secret_access_key"];
            // In the profile that another one names as its source, keys count before a role. The
            // SDK has the same order.
            if from.is_some() && keys.iter().all(|key| profile.get(key).is_some()) {
                return Ok(true);
            }
            let takes_role = profile.get("role_arn").is_some() && profile.get("web_identity_token_file").is_none();
            match profile.get("source_profile") {
                Some(next) if takes_role && next != name => (from, name) = (Some(name), next),
                _ => return self.gives_by_itself(profile),
            }
        }
        // A circle, which the SDK refuses.
        Ok(true)
    }

    fn gives_by_itself(&self, profile: &SdkProfile) -> Result<bool, ConfigError> {
        let has = |key: &str| profile.get(key).is_some();
        if has("credential_source") || has("web_identity_token_file") {
            return Ok(true);
        }
        if ["sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name"].into_iter().any(has) {
            let session = profile.get("sso_session").and_then(|session| self.set.sso_session(session));
            let of_session = |key: &str| session.is_some_and(|session| session.get(key).is_some());
            // A session that is not there is refused by the SDK.
            let whole = has("sso_session") && session.is_none();
            let lacking = ["sso_start_url", "sso_region", "sso_account_id", "sso_role_name"];
            let lacking: Vec<_> = lacking.into_iter().filter(|key| !has(key) && !of_session(key)).collect();
            if whole || lacking.is_empty() {
                return Ok(true);
            }
            let problem = format!("signs in by IAM Identity Center, and lacks `{}`", lacking.join("`, `"));
            return Err(slip(
                profile.name(),
                problem,
                format!("complete it: `aws configure sso --profile {}`", profile.name()),
            ));
        }
        let own = ["login_session", "credential_process", "aws_access_key_id", "aws_secret_access_key"];
        if own.into_iter().chain(["aws_session_token", "role_arn"]).any(has) {
            return Ok(true);
        }
        match profile.get("source_profile") {
            Some(source) => Err(slip(
                profile.name(),
                format!("has a `source_profile`, `{source}`, and no `role_arn` for which to use it"),
                format!("give it `role_arn`, or set AWS_PROFILE to `{source}`"),
            )),
            None => Ok(false),
        }
    }

    /// That its endpoints are some: the SDK goes on to AWS's own where it cannot read one, or finds
    /// no section of that name.
    pub(crate) fn endpoints(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        if self.ignores_endpoints(variable) {
            return Ok(());
        }
        let section = self.get("services").filter(|section| !section.trim().is_empty());
        if let Some(section) = section.filter(|section| !self.files.has_services(section)) {
            let problem = format!("names `{section}` as its section of `services`, and there is no such section");
            return Err(slip(
                self.name(),
                problem,
                format!("add `[services {section}]` to the file, or correct the name"),
            ));
        }
        let of_services = SERVICES.into_iter().filter_map(|service| {
            Some((
                format!("`endpoint_url` of `{service}` in `[services {}]`", section?),
                self.of_service(service, ENDPOINT)?,
            ))
        });
        let of_all =
            self.get(ENDPOINT).map(|url| (format!("`endpoint_url` of the profile `{}`", self.name()), url.to_owned()));
        match of_services.chain(of_all).find(|(_, url)| !url.trim().is_empty() && !is_endpoint(url)) {
            Some((name, _)) => Err(no_endpoint(name)),
            None => Ok(()),
        }
    }

    /// Whether endpoints of environment and files do not count.
    fn ignores_endpoints(&self, variable: &dyn Fn(&str) -> Option<String>) -> bool {
        let variable = variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").filter(|value| !value.trim().is_empty());
        let setting = variable.as_deref().or_else(|| self.get("ignore_configured_endpoint_urls"));
        setting.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }

    /// The first profile of those that it rests on, itself included, that has one of these
    /// settings.
    fn first_with(&self, keys: &[&str]) -> Option<&str> {
        let mut name = self.name();
        for _ in 0..MAX_HOPS {
            let profile = self.set.get_profile(name)?;
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

    /// The profile whose credentials another program gives.
    pub(crate) fn credential_process(&self) -> Option<&str> {
        self.first_with(&["credential_process"])
    }

    /// The profile whose credentials come for the token in a file, and that file.
    pub(crate) fn token_file(&self) -> Option<(&str, &str)> {
        let key = "web_identity_token_file";
        let profile = self.set.get_profile(self.first_with(&[key])?)?;
        Some((profile.name(), profile.get(key)?))
    }

    /// The profile whose role takes a code of an MFA device.
    pub(crate) fn mfa(&self) -> Option<&str> {
        self.first_with(&["mfa_serial"])
    }

    /// Who gave `endpoint`, `https://HOST:PORT`: a variable or a setting of the profile. None where
    /// it is AWS's own.
    pub(crate) fn origin_of(&self, endpoint: &str, variables: &[(String, String)]) -> Option<String> {
        let is_it = |value: &str| {
            value.trim_end_matches('/') == endpoint
                || value.strip_prefix(endpoint).is_some_and(|rest| rest.starts_with('/'))
        };
        let mut named: Vec<_> = variables.iter().filter(|(_, value)| is_it(value)).map(|(name, _)| name).collect();
        // `AWS_ENDPOINT_URL_<SERVICE>` overrides `AWS_ENDPOINT_URL`, and is the longer name.
        named.sort_by_key(|name| std::cmp::Reverse(name.len()));
        if let Some(name) = named.first() {
            return Some((*name).clone());
        }
        let mut of_services = SERVICES.iter().filter_map(|service| self.of_service(service, ENDPOINT));
        let of_profile = of_services.any(|value| is_it(&value)) || self.get(ENDPOINT).is_some_and(is_it);
        of_profile.then(|| format!("`endpoint_url` of the profile `{}`", self.name()))
    }
}

/// The same configuration, in which a service whose name has a blank may be spelled with `_`, as
/// the AWS CLI and boto3 spell it. The SDK knows the spelling with `-` alone, and goes to AWS's own
/// endpoint where it finds the other, or a blank variable.
pub(crate) fn spelled_either_way(config: &SdkConfig, profile: &Profile) -> SdkConfig {
    let either = EitherSpelling { profile: profile.clone() };
    config.to_builder().service_config(either).build()
}

#[derive(Debug)]
struct EitherSpelling {
    profile: Profile,
}

impl LoadServiceConfig for EitherSpelling {
    /// In the SDK's order: the environment before the profile, what is a service's own before what
    /// is for all, and the SDK's spelling before the other. A blank one is how templates spell "not
    /// set": it hides nothing that comes after it.
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let variable = |name: &str| std::env::var(name).ok();
        if key.env() == "AWS_ENDPOINT_URL" && self.profile.ignores_endpoints(&variable) {
            return None;
        }
        let set = |value: &String| !value.trim().is_empty();
        let own = format!("{}_{}", key.env(), key.service_id().to_uppercase().replace(' ', "_"));
        let of_profile = |with: &str| {
            let service = key.service_id().to_lowercase().replace(' ', with);
            self.profile.of_service(&service, key.profile()).filter(set)
        };
        variable(&own)
            .filter(set)
            .or_else(|| variable(key.env()).filter(set))
            .or_else(|| of_profile("-"))
            .or_else(|| of_profile("_"))
            .or_else(|| self.profile.get(key.profile()).map(str::to_owned).filter(set))
    }
}

/// The names of the profiles.
fn known(set: &ProfileSet) -> BTreeSet<String> {
    set.profiles().map(str::to_owned).collect()
}

fn slip(profile: &str, problem: String, fix: String) -> ConfigError {
    ConfigError::Profile { name: profile.to_owned(), problem, fix }
}
