//! What the environment says of AWS, checked before the SDK sees it: where that meets something
//! that it cannot read, it goes on without, with another account's role or at AWS's own endpoint,
//! or it ends the process.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use pmp_protocol::Hint;

/// A setting of AWS's or ours that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// A variable that cannot be meant.
    Variable {
        /// Name of the variable.
        name: String,
        /// What is wrong with it. Without the value, where that may be a secret.
        problem: String,
    },
    /// A profile that is in none of the SDK's files.
    NoProfile {
        /// As it is named.
        name: String,
        /// Those that there are.
        known: BTreeSet<String>,
    },
    /// The SDK's files cannot be read.
    Profiles(String),
    /// A file of profiles that is there, and cannot be used.
    File {
        /// The variable that names it; none where it is the usual one.
        source: Option<&'static str>,
        /// Path of the file, as the environment names it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A profile with a slip in it.
    Profile {
        /// Name of the profile.
        name: String,
        /// What is wrong with it.
        problem: String,
        /// What the operator can do.
        fix: String,
    },
    /// Variables that mean something together, of which one is set and another is not.
    Half {
        /// The one that is set.
        set: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// A file of roots that is not one.
    Bundle {
        /// Who names it: a variable, or a setting of the profile.
        source: String,
        /// Path of the file, as the environment names it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

pmp_protocol::codes!(ConfigError {
    Variable => "E1302",
    NoProfile => "E1303",
    Profiles => "E1304",
    File => "E1305",
    Profile => "E1306",
    Half => "E1307",
    Bundle => "E1308",
});

impl Hint for ConfigError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Variable { name, .. } => Some(format!("set {name} to another value, or unset it")),
            Self::NoProfile { known, .. } if known.is_empty() => Some(
                "unset AWS_PROFILE to act as the role of the machine, or make the profile: `aws configure --profile NAME`"
                    .to_owned(),
            ),
            Self::NoProfile { known, .. } => Some(format!(
                "the profiles are: {}; unset AWS_PROFILE to act as the role of the machine",
                known.iter().cloned().collect::<Vec<_>>().join(", ")
            )),
            Self::Profiles(_) => Some("fix the file, or name another one: AWS_CONFIG_FILE".to_owned()),
            Self::File { source, .. } => {
                let source = source.unwrap_or("AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE");
                Some(format!("fix the file, or name another one: {source}"))
            }
            Self::Profile { fix, .. } => Some(fix.clone()),
            Self::Half { set, missing } => Some(format!(
                "set {missing}, too; or unset {set}, so that a profile or the role of the machine is used"
            )),
            Self::Bundle { path, problem, .. } if problem.contains("DER") => {
                let path = path.display();
                Some(format!("make it PEM: `openssl x509 -inform der -in {path} -out {path}.pem`, and name that file"))
            }
            Self::Bundle { source, .. } => {
                Some(format!("name a file with the roots to trust, in PEM: {source}; without it, those of this machine are trusted"))
            }
        }
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable { name, problem } => write!(f, "{name} {problem}"),
            Self::NoProfile { name, .. } => write!(f, "AWS_PROFILE names `{name}`, and there is no such profile"),
            Self::Profiles(problem) => write!(f, "the profiles of the AWS SDK cannot be read: {problem}"),
            Self::File { source, path, problem } => {
                let source = source.map_or_else(String::new, |source| format!(" ({source})"));
                write!(f, "the file `{}` of profiles{source} {problem}", path.display())
            }
            Self::Profile { name, problem, .. } => write!(f, "the profile `{name}` {problem}"),
            Self::Half { set, missing } => {
                write!(f, "{set} is set, and {missing} is not: there are no credentials in one alone")
            }
            Self::Bundle { source, path, problem } => {
                write!(f, "{source} names the file `{}` of roots, which {problem}", path.display())
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// How long a call may take before it is given up, for every client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// Until there is a connection.
    pub(crate) connect: Duration,
    /// Each attempt of a call, its answer included.
    pub(crate) attempt: Duration,
    /// The call with all its attempts, and the pauses between them.
    pub(crate) operation: Duration,
}

impl Timeouts {
    /// An attempt is longer than the 20 seconds of an SQS long poll, and short enough to notice a
    /// dead connection.
    const DEFAULT: Self =
        Self { connect: Duration::from_secs(5), attempt: Duration::from_secs(40), operation: Duration::from_secs(90) };
    /// A queue is asked for 20 seconds at a time, and the answer has to travel.
    const SHORTEST_ATTEMPT: Duration = Duration::from_secs(22);
    const CONNECT: &str = "PMP_CONNECT_TIMEOUT";
    const ATTEMPT: &str = "PMP_ATTEMPT_TIMEOUT";
    const OPERATION: &str = "PMP_OPERATION_TIMEOUT";

    /// As the environment has them.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let read = |name: &str, default| duration(name, variable(name)).map(|given| given.unwrap_or(default));
        let connect = read(Self::CONNECT, Self::DEFAULT.connect)?;
        let attempt = read(Self::ATTEMPT, Self::DEFAULT.attempt)?;
        // One that is not set grows with what is.
        let operation = read(Self::OPERATION, Self::DEFAULT.operation.max(attempt))?;
        if attempt < Self::SHORTEST_ATTEMPT {
            let seconds = Self::SHORTEST_ATTEMPT.as_secs();
            let problem = format!("is shorter than {seconds} s: a queue is asked for 20 seconds at a time");
            return Err(ConfigError::Variable { name: Self::ATTEMPT.to_owned(), problem });
        }
        if operation < attempt {
            let problem = format!("is shorter than one attempt ({}: {} s)", Self::ATTEMPT, attempt.as_secs());
            return Err(ConfigError::Variable { name: Self::OPERATION.to_owned(), problem });
        }
        Ok(Self { connect, attempt, operation })
    }
}

fn duration(name: &str, value: Option<String>) -> Result<Option<Duration>, ConfigError> {
    let Some(text) = value.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let parsed = text.trim().parse::<SignedDuration>().ok().and_then(|given| Duration::try_from(given).ok());
    let wrong = || {
        let problem = format!("is not a duration such as 5s or 2m: `{text}`");
        ConfigError::Variable { name: name.to_owned(), problem }
    };
    parsed.filter(|given| !given.is_zero()).map(Some).ok_or_else(wrong)
}

/// The region that the environment names; none where that is left to profile and machine.
pub(crate) fn region(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, ConfigError> {
    // In the SDK's order. A blank one is how templates spell "not set".
    let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter();
    let mut named =
        named.filter_map(|name| Some((name, variable(name)?))).map(|(name, text)| (name, text.trim().to_owned()));
    let Some((name, region)) = named.find(|(_, region)| !region.is_empty()) else { return Ok(None) };
    has_form_of_region(name, &region).map(|()| Some(region))
}

/// Whether a text has the form of a region. One that has not ends up in a host's name and in a
/// header, where it reads as anything.
#[must_use]
pub fn is_region(text: &str) -> bool {
    let fits = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    !text.is_empty() && text.bytes().all(fits)
}

/// The same as an error of the setting `name`.
pub(crate) fn has_form_of_region(name: &str, region: &str) -> Result<(), ConfigError> {
    let problem = || format!("is not a region such as us-east-1: {region:?}");
    is_region(region).then_some(()).ok_or_else(|| ConfigError::Variable { name: name.to_owned(), problem: problem() })
}

/// That every endpoint of the environment is the URL of one: the SDK goes on to AWS's own where it
/// cannot read one.
pub(crate) fn endpoints(variables: impl Iterator<Item = (String, String)>) -> Result<(), ConfigError> {
    let named = |name: &str| name == "AWS_ENDPOINT_URL" || name.starts_with("AWS_ENDPOINT_URL_");
    let mut set = variables.filter(|(name, value)| named(name) && !value.trim().is_empty());
    set.find(|(_, value)| !is_endpoint(value)).map_or(Ok(()), |(name, _)| Err(no_endpoint(name)))
}

/// Whether a text is the URL of an endpoint.
pub(crate) fn is_endpoint(value: &str) -> bool {
    let rest = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let odd = |letter: char| letter.is_whitespace() || letter.is_control();
    let fits = |host: &str| !host.is_empty() && !host.starts_with(':') && port_is_one(host);
    host.is_some_and(fits) && !value.contains(odd)
}

/// That the setting `name` is none. Without its value, which may hold a password.
pub(crate) fn no_endpoint(name: String) -> ConfigError {
    let problem = "is not the URL of an endpoint (https://HOST or http://HOST:PORT)".to_owned();
    ConfigError::Variable { name, problem }
}

/// Whether the port of an authority is one, where there is any. What reads URLs goes on with the
/// usual port where it is not.
pub(crate) fn port_is_one(authority: &str) -> bool {
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.rsplit_once(':') {
        Some((_, port)) if !host.ends_with(']') => port.parse::<u16>().is_ok_and(|port| port > 0),
        _ => true,
    }
}

/// Whether the environment holds keys.
///
/// # Errors
/// Where it holds a part of them: the SDK would go on to the role of the machine, which may be
/// another account's.
pub(crate) fn keys(variable: &dyn Fn(&str) -> Option<String>) -> Result<bool, ConfigError> {
    let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    let set = |name: &str| variable(name).is_some_and(|value| !value.trim().is_empty());
    // The SDK takes the second name, too.
    let has_secret = set(secret) || set("SECRET_ACCESS_KEY");
    match (set(id), has_secret) {
        (true, false) => Err(ConfigError::Half { set: id, missing: secret }),
        // The other name may be another program's.
        (false, true) if set(secret) => Err(ConfigError::Half { set: secret, missing: id }),
        (true, true) => Ok(true),
        // A token may be left of keys that a profile took the place of.
        (false, _) if set("AWS_SESSION_TOKEN") && !set("AWS_PROFILE") => {
            Err(ConfigError::Half { set: "AWS_SESSION_TOKEN", missing: id })
        }
        (false, _) => Ok(false),
    }
}

/// That a web identity is named whole, or not at all.
pub(crate) fn web_identity(variable: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
    let (file, role) = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN");
    let set = |name: &str| variable(name).is_some_and(|value| !value.trim().is_empty());
    match (set(file), set(role)) {
        (true, false) => Err(ConfigError::Half { set: file, missing: role }),
        (false, true) => Err(ConfigError::Half { set: role, missing: file }),
        _ => Ok(()),
    }
}

/// That what chooses among AWS's own endpoints is one of its values: the SDK goes on without a word
/// where it is not one, and with endpoints that were not meant.
pub(crate) fn choices(
    variable: &dyn Fn(&str) -> Option<String>,
    profile: &dyn Fn(&str) -> Option<String>,
) -> Result<(), ConfigError> {
    const YES_OR_NO: &[&str] = &["true", "false"];
    const KNOWN: [(&str, &str, &[&str]); 4] = [
        ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", YES_OR_NO),
        ("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint", YES_OR_NO),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls", YES_OR_NO),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "account_id_endpoint_mode", &["preferred", "disabled", "required"]),
    ];
    for (name, setting, values) in KNOWN {
        let given = [(name.to_owned(), variable(name)), (format!("`{setting}` of the profile"), profile(setting))];
        for (name, value) in given {
            let Some(value) = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()) else {
                continue;
            };
            if !values.iter().any(|known| known.eq_ignore_ascii_case(&value)) {
                return Err(ConfigError::Variable {
                    name,
                    problem: format!("is not {}: {value:?}", values.join(" or ")),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeouts(set: &[(&str, &str)]) -> Result<Timeouts, String> {
        let variable = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Timeouts::read(&variable).map_err(|error| error.to_string())
    }

    #[test]
    fn every_call_has_a_bound_and_each_can_be_set() {
        assert_eq!(timeouts(&[]), Ok(Timeouts::DEFAULT));
        assert_eq!(timeouts(&[("PMP_CONNECT_TIMEOUT", " ")]), Ok(Timeouts::DEFAULT));
        let seconds = Duration::from_secs;
        let set = [("PMP_CONNECT_TIMEOUT", "2s"), ("PMP_ATTEMPT_TIMEOUT", "30s"), ("PMP_OPERATION_TIMEOUT", "1m")];
        assert_eq!(timeouts(&set), Ok(Timeouts { connect: seconds(2), attempt: seconds(30), operation: seconds(60) }));
        assert_eq!(timeouts(&[("PMP_ATTEMPT_TIMEOUT", "5m")]).unwrap().operation, seconds(300));
        for (set, problem) in [
            (&[("PMP_CONNECT_TIMEOUT", "5")][..], "PMP_CONNECT_TIMEOUT is not a duration such as 5s or 2m: `5`"),
            (&[("PMP_CONNECT_TIMEOUT", "0s")], "PMP_CONNECT_TIMEOUT is not a duration such as 5s or 2m: `0s`"),
            (&[("PMP_ATTEMPT_TIMEOUT", "20s")], "PMP_ATTEMPT_TIMEOUT is shorter than 22 s"),
            (&[("PMP_OPERATION_TIMEOUT", "39s")], "PMP_OPERATION_TIMEOUT is shorter than one attempt"),
        ] {
            assert!(timeouts(set).unwrap_err().starts_with(problem), "{set:?}");
        }
    }

    #[test]
    fn a_region_has_the_form_of_one_and_a_blank_one_is_none() {
        let read = |first: &str, second: &str| {
            let (first, second) = (first.to_owned(), second.to_owned());
            region(&move |name: &str| Some(if name == "AWS_REGION" { first.clone() } else { second.clone() }))
        };
        assert_eq!(read("", " "), Ok(None));
        assert_eq!(read("", "eu-west-1"), Ok(Some("eu-west-1".into())));
        assert_eq!(read("us-east-1\n", "eu-west-1"), Ok(Some("us-east-1".into())));
        for wrong in ["us east 1", "US-EAST-1", "us-east-1\u{200b}", "https://us-east-1"] {
            assert!(read(wrong, "").unwrap_err().to_string().starts_with("AWS_REGION is not a region"), "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_that_the_sdk_would_pass_over_is_refused() {
        let check = |name: &str, value: &str| endpoints([(name.to_owned(), value.to_owned())].into_iter());
        for good in
            ["http://127.0.0.1:4566", "https://vpce-1.sts.us-east-1.vpce.amazonaws.com/", "http://[::1]:80", " "]
        {
            assert_eq!(check("AWS_ENDPOINT_URL_SQS", good), Ok(()), "{good}");
        }
        for bad in [
            "http://127.0.0.1:99999",
            "http:/a",
            "http://a:",
            "localhost:4566",
            "htp://localhost",
            "http://",
            "http://:80",
            "http://a b",
            "http://a\n",
            "none",
        ] {
            let problem = check("AWS_ENDPOINT_URL", bad).unwrap_err().to_string();
            assert!(problem.starts_with("AWS_ENDPOINT_URL is not the URL of an endpoint"), "{bad}");
        }
        assert_eq!(check("AWS_ENDPOINT", "not one of the SDK's"), Ok(()));
    }

    #[test]
    fn a_part_of_credentials_is_none() {
        let check = |set: &[&str]| {
            let variable = |name: &str| Some(if set.contains(&name) { "x" } else { " " }.to_owned());
            let keys = keys(&variable).map_err(|error| error.to_string());
            keys.and_then(|found| web_identity(&variable).map(|()| found).map_err(|error| error.to_string()))
        };
        let (id, secret, token) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN");
        let (file, role) = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN");
        for (set, found) in [
            (&[] as &[&str], false),
            (&[id, secret], true),
            (&[id, "SECRET_ACCESS_KEY"], true),
            (&["SECRET_ACCESS_KEY"], false),
            (&[id, secret, token], true),
            (&[token, "AWS_PROFILE"], false),
            (&[file, role], false),
        ] {
            assert_eq!(check(set), Ok(found), "{set:?}");
        }
        for (set, told) in [
            (&[id][..], "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not"),
            (&[secret], "AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not"),
            (&[token], "AWS_SESSION_TOKEN is set, and AWS_ACCESS_KEY_ID is not"),
            (&[file], "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not"),
            (&[role], "AWS_ROLE_ARN is set, and AWS_WEB_IDENTITY_TOKEN_FILE is not"),
        ] {
            assert!(check(set).unwrap_err().starts_with(told), "{set:?}");
        }
    }

    #[test]
    fn what_chooses_an_endpoint_is_one_of_its_values() {
        let check = |name: &'static str, value: &'static str| {
            let set = move |asked: &str| (asked == name).then(|| value.to_owned());
            choices(&set, &set).map_err(|error| error.to_string())
        };
        for (name, value) in [
            ("AWS_USE_FIPS_ENDPOINT", "true"),
            ("AWS_USE_FIPS_ENDPOINT", "False"),
            ("AWS_USE_DUALSTACK_ENDPOINT", " "),
            ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"),
        ] {
            assert_eq!(check(name, value), Ok(()), "{name}={value}");
        }
        let wrong = |name, value| check(name, value).unwrap_err();
        assert_eq!(wrong("AWS_USE_FIPS_ENDPOINT", "yes"), "AWS_USE_FIPS_ENDPOINT is not true or false: \"yes\"");
        assert_eq!(
            wrong("use_dualstack_endpoint", "1"),
            "`use_dualstack_endpoint` of the profile is not true or false: \"1\""
        );
        assert_eq!(
            wrong("AWS_ACCOUNT_ID_ENDPOINT_MODE", "bogus"),
            "AWS_ACCOUNT_ID_ENDPOINT_MODE is not preferred or disabled or required: \"bogus\""
        );
    }
}
