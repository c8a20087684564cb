//! SDK configurations: the process's own, and that of an assumed role.

use std::time::Duration;

use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::Client;
use aws_types::endpoint_config::AccountIdEndpointMode;
use aws_types::service_config::ServiceConfigKey;

use crate::credentials::{Checked, OfRole};
use crate::environment::{self, ConfigError, Timeouts};
use crate::one_piece::in_one_piece;
use crate::profile::{Profile, spelled_either_way};
use crate::renewal::renewing;
use crate::throttles::counted;
use crate::{ApiError, Arn, Outcome, QueueUrl, RoleArn, network};

/// The region where nothing else is configured: the Marketplace Catalog API has its endpoint there.
pub const DEFAULT_REGION: &str = "us-east-1";

/// Attempts of one call, the first included. With the SDK's exponential backoff and jitter they
/// cover faults and throttling of some ten seconds. The caller decides whether to wait longer.
const ATTEMPTS: u32 = 5;
const MAX_BACKOFF: Duration = Duration::from_secs(20);

/// Loads the configuration in the SDK's own way: environment, profile, container or instance role;
/// `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>` are honoured. `program` is named in the user
/// agent, for CloudTrail. Every call is bounded in time: `PMP_CONNECT_TIMEOUT`,
/// `PMP_ATTEMPT_TIMEOUT`, `PMP_OPERATION_TIMEOUT`.
///
/// # Errors
/// Where the environment names what there is not: a profile, above all, in whose place the SDK
/// would take the machine's role.
pub async fn load(program: &'static str) -> Result<SdkConfig, ConfigError> {
    let variable = |name: &str| std::env::var(name).ok();
    let timeouts = Timeouts::read(&variable)?;
    let named_region = environment::region(&variable)?.map(Region::new);
    environment::endpoints(variables())?;
    let profile = Profile::load(&variable).await?;
    profile.endpoints(&variable)?;
    // The SDK looks in this order: the environment, the profile, the machine.
    if !environment::keys(&variable)? && !profile.gives_credentials()? {
        environment::web_identity(&variable)?;
    }
    environment::choices(&variable, &|setting| profile.get(setting).map(str::to_owned))?;
    let http = counted(network::client(&variable, &profile)?);
    // The SDK's own chain, spelled out: its last part asks the instance metadata, and would look
    // for an HTTP client of its own, which this build does not have.
    let instance = ProviderConfig::default().with_http_client(http.clone());
    let of_profile = ProfileFileRegionProvider::builder().profile_name(profile.name());
    let of_profile = of_profile.profile_files(profile.files().clone());
    let region = RegionProviderChain::first_try(named_region)
        .or_else(of_profile.build())
        .or_else(ImdsRegionProvider::builder().configure(&instance).build())
        .or_else(DEFAULT_REGION);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        // By name, because the SDK takes a blank AWS_PROFILE for the name of one.
        .profile_name(profile.name())
        .profile_files(profile.files().clone())
        .region(region)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(MAX_BACKOFF))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(timeouts.connect)
                .operation_attempt_timeout(timeouts.attempt)
                .operation_timeout(timeouts.operation)
                .build(),
        );
    // The SDK drops the profile's setting where the variable is there and blank, so it is set here.
    let of_profile = |name: &str, setting: &str| {
        let blank = variable(name).is_some_and(|value| value.trim().is_empty());
        profile.get(setting).filter(|_| blank).map(|value| value.trim().to_ascii_lowercase())
    };
    if of_profile("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint").as_deref() == Some("true") {
        loader = loader.use_fips(true);
    }
    if of_profile("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint").as_deref() == Some("true") {
        loader = loader.use_dual_stack(true);
    }
    let mode = of_profile("AWS_ACCOUNT_ID_ENDPOINT_MODE", "account_id_endpoint_mode");
    if let Some(mode) = mode.and_then(|mode| mode.parse::<AccountIdEndpointMode>().ok()) {
        loader = loader.account_id_endpoint_mode(mode);
    }
    if let Ok(name) = AppName::new(program) {
        loader = loader.app_name(name);
    }
    let config = loader.load().await;
    // What the environment does not name comes from the profile, or from the machine.
    if let Some(region) = config.region() {
        environment::has_form_of_region("the region of the profile", region.as_ref())?;
    }
    let config = spelled_either_way(&config, &profile);
    let Some(inner) = config.credentials_provider() else { return Ok(config) };
    let checked = Checked { inner, profile };
    Ok(config.to_builder().credentials_provider(SharedCredentialsProvider::new(checked)).build())
}

fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
}

/// Who gave `endpoint`, `https://HOST:PORT`: a variable, or a setting of the profile. None where it
/// is AWS's own.
pub async fn endpoint_origin(endpoint: &str) -> Option<String> {
    let profile = Profile::load(&|name| std::env::var(name).ok()).await.ok()?;
    let variables: Vec<_> = variables().filter(|(name, _)| name.starts_with("AWS_ENDPOINT_URL")).collect();
    profile.origin_of(endpoint, &variables)
}

/// Whether a service is called at another endpoint than AWS's own: of a variable, or a setting of
/// the profile. `service` is its name in the SDK, such as `S3`.
#[must_use]
pub fn has_own_endpoint(config: &SdkConfig, service: &str) -> bool {
    let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let set = |key| config.service_config()?.load_config(key);
    config.endpoint_url().is_some() || key.ok().and_then(set).is_some()
}

/// A configuration without credentials and endpoints. `doctor` goes on with it where the real one
/// cannot be loaded, to report what else is wrong.
#[must_use]
pub fn nothing() -> SdkConfig {
    SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build()
}

/// The same configuration for a command that a person waits for: a failed call is repeated once,
/// and not four times.
#[must_use]
pub fn hurried(config: &SdkConfig) -> SdkConfig {
    config.to_builder().retry_config(RetryConfig::standard().with_max_attempts(2)).build()
}

/// The same configuration for another region, as named in the ARN of a resource.
#[must_use]
pub fn in_region(config: &SdkConfig, region: &str) -> SdkConfig {
    config.to_builder().region(Region::new(region.to_owned())).build()
}

/// The same configuration for the region that an ARN names. Unchanged where the text is no ARN,
/// such as the plain name of a resource, or names no region.
#[must_use]
pub fn in_region_of(config: &SdkConfig, arn: &str) -> SdkConfig {
    match arn.parse::<Arn>() {
        Ok(arn) if !arn.region().is_empty() => in_region(config, arn.region()),
        _ => config.clone(),
    }
}

/// The same configuration for the Marketplace Catalog, which is in one region of AWS's public
/// partition, whatever region the machine is in. Other partitions are left as they are. Large
/// answers, such as policies, come in one piece of memory.
#[must_use]
pub fn for_catalog(config: &SdkConfig) -> SdkConfig {
    let elsewhere = ["cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-"];
    let config = match config.region() {
        Some(region) if elsewhere.iter().any(|prefix| region.as_ref().starts_with(prefix)) => config.clone(),
        _ => in_region(config, DEFAULT_REGION),
    };
    match config.http_client() {
        Some(client) => config.to_builder().http_client(in_one_piece(client)).build(),
        None => config,
    }
}

/// The same configuration for the region of a queue. SQS clients send to their own region's
/// endpoint, whatever the URL says; a URL that names no region (a custom endpoint) leaves the
/// configured one.
#[must_use]
pub fn for_queue(config: &SdkConfig, queue_url: &str) -> SdkConfig {
    let queue = queue_url.parse::<QueueUrl>().ok();
    match queue.as_ref().and_then(QueueUrl::region) {
        Some(region) => in_region(config, region),
        None => config.clone(),
    }
}

/// A role in another account, as its trust policy asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedRole {
    /// ARN of the role.
    pub arn: String,
    /// The external id that its trust policy wants, where it wants one.
    pub external_id: Option<String>,
    /// Names who acts, in the other account's CloudTrail: 2 to 64 characters of `[\w+=,.@-]`.
    pub session_name: String,
    /// What to check where the role is refused: the settings that name it.
    pub advice: &'static str,
}

/// A configuration whose clients act as `role`. The credentials are fetched at the first call, and
/// refreshed before they expire, or once AWS no longer takes them.
pub async fn assume_role(config: &SdkConfig, role: AssumedRole) -> SdkConfig {
    let mut provider = AssumeRoleProvider::builder(&role.arn).configure(config).session_name(role.session_name);
    if let Some(external_id) = role.external_id {
        provider = provider.external_id(external_id);
    }
    // The process's own credentials sign the AssumeRole call; without any, the call itself says so.
    let provider = match config.credentials_provider() {
        Some(own) => provider.build_from_provider(own).await,
        None => provider.build().await,
    };
    let provider = OfRole { inner: provider, arn: role.arn, advice: role.advice };
    renewing(&config.to_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build())
}

/// As [`assume_role`], but asks at once, so that a refusal is told by the call itself. The
/// credentials are not refreshed.
///
/// # Errors
/// Where STS refuses, or does not answer.
pub async fn assume_role_now(config: &SdkConfig, role: &AssumedRole) -> Result<SdkConfig, ApiError> {
    let call = Client::new(config).assume_role().role_arn(&role.arn).role_session_name(&role.session_name);
    let answer = call.set_external_id(role.external_id.clone()).send().await;
    let answer = answer.map_err(|error| ApiError::new("sts:AssumeRole", &error))?;
    let empty = || ApiError::of("sts:AssumeRole", Outcome::Unreadable("it holds no credentials".into()));
    let given = answer.credentials.ok_or_else(empty)?;
    let mut credentials = Credentials::builder()
        .access_key_id(given.access_key_id)
        .secret_access_key(given.secret_access_key)
        .session_token(given.session_token)
        .provider_name("AssumeRole");
    credentials.set_expiry(given.expiration.try_into().ok());
    // The SDK's own provider sets the account, too. DynamoDB's host name depends on it.
    if let Ok(arn) = role.arn.parse::<RoleArn>() {
        credentials = credentials.account_id(arn.account());
    }
    let credentials = credentials.build();
    Ok(config.to_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build())
}
