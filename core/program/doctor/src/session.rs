//! Whose credentials these are, and where they are used. Every other check depends on it.

use std::collections::BTreeSet;
use std::fmt::Display;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::ProvideCredentials;
use jiff::{SignedDuration, Timestamp};
use pmp_aws::{Caller, ConfigError, DEFAULT_REGION, Reached};
use pmp_protocol::alike_word;
use pmp_runtime::Clock;
use pmp_terminal::checkup::{Finding, Stage, watched};
use pmp_terminal::{Output, Source, export, is_variable_name, unset};

use crate::failed;

/// AWS refuses what was signed five minutes off; a lease's holder and its next one may be off by a
/// third of its term.
const CLOCK_MAY_BE_OFF: SignedDuration = SignedDuration::from_secs(15);
/// Remaining lifetime below which credentials get a warning.
const SOON: SignedDuration = SignedDuration::from_secs(300);

/// The SDK configuration of a checkup, and who it acts as.
#[derive(Debug)]
pub struct Session {
    /// Configuration of the other checks' calls. It retries less often than the programs do, since
    /// a person waits.
    pub sdk: SdkConfig,
    /// Who this is, or the check that failed.
    pub caller: Result<Caller, &'static str>,
    output: Output,
}

impl Session {
    /// Loads the configuration as `program` does, and asks who it is; with what is found of
    /// `credentials`, `account`, `clock` and `region`.
    pub async fn begin(program: &'static str, output: Output, clock: &dyn Clock) -> (Self, Vec<Finding>) {
        let (sdk, refused) = match pmp_aws::load(program).await {
            Ok(sdk) => (pmp_aws::hurried(&sdk), None),
            Err(error) => (pmp_aws::nothing(), Some(error)),
        };
        let credentials = watched(output, "credentials", async {
            match &refused {
                Some(error) => {
                    let finding = Finding::of("credentials").fail(error.to_string(), crate::way_out(error));
                    finding.command(Stage::Settings, correction(error))
                }
                None => credentials(&sdk, clock.now()).await,
            }
        });
        let credentials = credentials.await;
        let region = watched(output, "region", async {
            match &refused {
                Some(_) => Finding::skipped("region", "`credentials` failed"),
                None => region(&sdk),
            }
        });
        let region = region.await;
        if credentials.is_failed() {
            let because = "`credentials` failed";
            let skipped = ["account", "clock"].map(|check| Finding::skipped(check, because));
            let findings = [credentials].into_iter().chain(skipped).chain([region]).collect();
            return (Self { sdk, caller: Err(because), output }, findings);
        }
        let mut asked = None;
        let account = watched(output, "account", async {
            let (caller, there) = pmp_aws::caller(&sdk).await;
            let finding = match &caller {
                Ok(Caller { account, arn }) => Finding::of("account").note(format!("{account}, as {arn}")),
                Err(error) => failed(Finding::of("account"), error),
            };
            let there = there.and_then(|there| Timestamp::try_from(there).ok());
            asked = Some((caller.ok(), there.map(|there| clock.now().duration_since(there))));
            finding
        })
        .await;
        let (caller, ahead) = asked.unwrap_or_default();
        let clock = watched(output, "clock", async { judge_clock(ahead) }).await;
        let findings = vec![credentials, account, clock, region];
        (Self { sdk, caller: caller.ok_or("`account` failed"), output }, findings)
    }

    /// Runs a check of something at AWS. It is skipped where the caller is not known, or its
    /// setting is missing.
    pub async fn look<T, F: Future<Output = Finding>>(
        &self,
        check: &'static str,
        needed: Result<T, Source>,
        work: impl FnOnce(T) -> F,
    ) -> Finding {
        let work = async {
            match (&self.caller, needed) {
                (Err(because), _) => Finding::skipped(check, because),
                (Ok(_), Err(source)) => Finding::skipped(check, &format!("{source} is missing or wrong")),
                (Ok(_), Ok(needed)) => work(needed).await,
            }
        };
        watched(self.output, check, work).await
    }

    /// Runs a check that reads nothing itself: it judges what other checks have read.
    pub async fn judge(&self, finding: Finding) -> Finding {
        watched(self.output, finding.check(), async { finding }).await
    }

    /// How AWS was reached by the checks that were made before.
    pub async fn network(&self) -> Finding {
        watched(self.output, "network", network()).await
    }

    /// The check that failed, where it is not known who this is.
    #[must_use]
    pub fn because(&self) -> Option<&'static str> {
        self.caller.as_ref().err().copied()
    }
}

/// The command that corrects what the environment says of AWS. `None` where only a person knows: no
/// command chooses credentials, or an account.
fn correction(error: &ConfigError) -> Option<String> {
    match error {
        ConfigError::Variable { name, .. } if matches!(&**name, "AWS_REGION" | "AWS_DEFAULT_REGION") => {
            export(name, DEFAULT_REGION)
        }
        // It may also be a setting of a profile, in words.
        ConfigError::Variable { name, .. } if is_variable_name(name) => unset(name),
        ConfigError::NoProfile { name, known } => {
            export("AWS_PROFILE", alike_word(name, known.iter().map(String::as_str))?)
        }
        _ => None,
    }
}

async fn credentials(sdk: &SdkConfig, now: Timestamp) -> Finding {
    let finding = Finding::of("credentials");
    let fix = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run it where a role is attached";
    let Some(provider) = sdk.credentials_provider() else {
        return finding.fail("there are none", fix.to_owned());
    };
    let credentials = match provider.provide_credentials().await {
        Ok(credentials) => credentials,
        Err(error) => {
            let cause = pmp_aws::Cause::of(&error);
            return finding.fail(cause.to_string(), cause.fix().unwrap_or(fix).to_owned());
        }
    };
    let finding = finding.note(format!("found by the SDK, key {}", credentials.access_key_id()));
    let finding = match source(&credentials) {
        Some(source) => finding.note(source),
        None => finding,
    };
    let end = credentials.expiry().and_then(|end| Timestamp::try_from(end).ok());
    let left = end.map(|end| end.duration_since(now).max(SignedDuration::ZERO));
    match left {
        Some(left) if left < SOON => {
            finding.warn(format!("they expire in {} s", left.as_secs()), "sign in again before long work".to_owned())
        }
        _ => finding,
    }
}

/// Where the SDK found credentials.
fn source(credentials: &Credentials) -> Option<String> {
    use AwsCredentialFeature as Found;
    let found = credentials.get_property::<Vec<AwsCredentialFeature>>()?;
    let profile = || match std::env::var("AWS_PROFILE").ok().filter(|name| !name.trim().is_empty()) {
        Some(name) => format!("of the profile `{name}` (AWS_PROFILE)"),
        None => "of the profile `default`".to_owned(),
    };
    found.iter().find_map(|found| match found {
        Found::CredentialsEnvVars => Some("of AWS_ACCESS_KEY_ID".to_owned()),
        Found::CredentialsEnvVarsStsWebIdToken => Some("of AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN".to_owned()),
        Found::CredentialsProfile
        | Found::CredentialsProfileSourceProfile
        | Found::CredentialsProfileNamedProvider
        | Found::CredentialsProfileStsWebIdToken
        | Found::CredentialsProfileSso
        | Found::CredentialsProfileProcess
        | Found::CredentialsProfileLogin => Some(profile()),
        Found::CredentialsHttp => Some("of the role of this container".to_owned()),
        Found::CredentialsImds => Some("of the role of this instance".to_owned()),
        _ => None,
    })
}

fn region(sdk: &SdkConfig) -> Finding {
    let finding = Finding::of("region");
    match sdk.region().map(AsRef::as_ref) {
        None => finding
            .fail("none", format!("set AWS_REGION to {DEFAULT_REGION}"))
            .command(Stage::Settings, export("AWS_REGION", DEFAULT_REGION)),
        Some(DEFAULT_REGION) => finding.note(DEFAULT_REGION),
        Some(other) => finding.warn(
            format!(
                "{other}: the catalog is asked in {DEFAULT_REGION}; what has no region in its ARN or URL, in {other}"
            ),
            format!("set AWS_REGION to {DEFAULT_REGION}, unless the tables, topics and queues are in {other}"),
        ),
    }
}

/// How AWS is reached: what is set, and where the calls of the other checks really went.
async fn network() -> Finding {
    let finding = Finding::of("network");
    let Some(network) = pmp_aws::network() else { return Finding::skipped("network", "`credentials` failed") };
    let finding = match network.proxies.as_slice() {
        [] => finding.note("no proxy (HTTPS_PROXY, HTTP_PROXY)"),
        proxies => finding.note(format!("proxy {}", proxies.join(" and "))),
    };
    let finding = match &network.except {
        Some(except) => finding.note(format!("not for {except} (NO_PROXY)")),
        None => finding,
    };
    let finding = finding.note(format!("trusted: {}", network.roots));
    let mut ways = Vec::new();
    for Reached { service, region, endpoint, through } in pmp_aws::reached() {
        let origin = match pmp_aws::endpoint_origin(&endpoint).await {
            Some(origin) => format!(" ({origin})"),
            None => String::new(),
        };
        let way = through.map(|proxy| format!(" through {proxy}")).unwrap_or_default();
        ways.push((service, region, format!("{endpoint}{origin}{way}")));
    }
    in_few_words(&ways).into_iter().fold(finding, Finding::note)
}

/// Where each service was reached: its name, its region, and the way. What is the same for all of
/// them is said once.
fn in_few_words<S: Display + Ord, R: Display>(ways: &[(S, R, String)]) -> Vec<String> {
    let services: BTreeSet<_> = ways.iter().map(|(service, ..)| service).collect();
    match ways {
        [(.., way), rest @ ..] if services.len() > 1 && rest.iter().all(|(.., other)| other == way) => {
            vec![format!("all {} services at {way}", services.len())]
        }
        _ => ways.iter().map(|(service, region, way)| format!("{service} of {region} at {way}")).collect(),
    }
}

/// `ahead` is by how much this machine's clock shows a later time than AWS's.
fn judge_clock(ahead: Option<SignedDuration>) -> Finding {
    let Some(ahead) = ahead else { return Finding::skipped("clock", "AWS gave no answer to hold it against") };
    let finding = Finding::of("clock");
    let direction = if ahead.is_negative() { "behind" } else { "ahead of" };
    let text = format!("{} s {direction} AWS", ahead.abs().as_secs());
    if ahead.abs() <= CLOCK_MAY_BE_OFF {
        return finding.note(text);
    }
    finding.warn(text, "set the machine's clock (NTP): AWS refuses calls that were signed five minutes off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmp_terminal::checkup::Verdict;

    #[test]
    fn an_endpoint_that_all_services_have_is_told_once() {
        let told = |ways: &[(&str, &str)]| {
            let ways: Vec<_> = ways.iter().map(|(service, way)| (*service, "us-east-1", (*way).to_owned())).collect();
            in_few_words(&ways)
        };
        let one = "http://127.0.0.1:4566 (AWS_ENDPOINT_URL)";
        assert_eq!(told(&[("sns", one), ("sqs", one), ("sqs", one)]), [format!("all 2 services at {one}")]);
        let other = ["sns of us-east-1 at http://a", "sqs of us-east-1 at http://b"];
        assert_eq!(told(&[("sns", "http://a"), ("sqs", "http://b")]), other);
        assert_eq!(told(&[("sns", "http://a")]), other[..1]);
        assert_eq!(told(&[]), [""; 0]);
    }

    #[test]
    fn a_clock_may_be_off_a_little() {
        let seconds = |seconds| Some(-SignedDuration::from_secs(seconds));
        assert_eq!(judge_clock(seconds(15)).verdict(), Verdict::Ok);
        assert_eq!(judge_clock(seconds(16)).verdict(), Verdict::Warning);
        assert_eq!(judge_clock(None).verdict(), Verdict::Skipped);
    }
}
