//! The URL of a queue, parsed where it enters the process.

use std::fmt;
use std::str::FromStr;

/// `https://HOST/ACCOUNT/NAME`: SQS takes it in every call. Behind a custom endpoint it may be
/// `http`, and have more parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueUrl(String);

/// A text that is not the URL of a queue. It is not repeated: a password may stand in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the URL of a queue (https://sqs.REGION.amazonaws.com/ACCOUNT/NAME)")]
pub struct QueueUrlError;

pmp_protocol::codes!(QueueUrlError => "E1312");

pmp_protocol::without_hint!(QueueUrlError);

impl QueueUrl {
    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region that the host names: `https://sqs.REGION.amazonaws.com/…`, or one of AWS's FIPS
    /// and dual-stack endpoints. None behind a custom endpoint, which says nothing of a region.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let host = self.0.strip_prefix("https://sqs")?.split('/').next()?;
        let (region, domain) = host.strip_prefix("-fips").unwrap_or(host).strip_prefix('.')?.split_once('.')?;
        let of_aws = domain.starts_with("amazonaws.com")
            || domain.starts_with("api.aws")
            || domain.starts_with("api.amazonwebservices");
        of_aws.then_some(region)
    }

    /// The URL of the queue `name` in the same account and region: SQS demands that of a
    /// dead-letter queue, so it need not be looked up. None where that is no name.
    #[must_use]
    pub fn sibling(&self, name: &str) -> Option<Self> {
        let (place, _) = self.0.rsplit_once('/')?;
        // A name with a `/` would lead into another account.
        if name.contains('/') { None } else { format!("{place}/{name}").parse().ok() }
    }
}

impl FromStr for QueueUrl {
    type Err = QueueUrlError;

    fn from_str(url: &str) -> Result<Self, QueueUrlError> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or(QueueUrlError)?;
        // A password has no place in it, nor have a query and a fragment.
        let fits = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '@' | '?' | '#');
        let mut parts = rest.split('/');
        let host = parts.next().unwrap_or_default();
        let path: Vec<_> = parts.collect();
        let is_one = rest.chars().all(fits)
            && !host.is_empty()
            && !host.starts_with(':')
            && path.len() >= 2
            && path.iter().all(|part| !part.is_empty());
        if is_one { Ok(Self(url.to_owned())) } else { Err(QueueUrlError) }
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> QueueUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_queue_url_has_a_host_an_account_and_a_name() {
        for good in [
            "https://sqs.eu-west-1.amazonaws.com/111111111111/q",
            "http://127.0.0.1:4566/111111111111/q.fifo",
            "http://localhost:4566/queue/us-east-1/111111111111/q",
        ] {
            assert!(good.parse::<QueueUrl>().is_ok(), "{good}");
        }
        for bad in [
            "http://",
            "http:///1/q",
            "https://host",
            "https://host/q",
            "https://host/1/",
            "sqs.us-east-1/1/q",
            "https://user:secret@host/1/q",
            "https://host/1/q ",
            "arn:aws:sqs:us-east-1:111111111111:q",
            "https://:80/1/q",
        ] {
            assert_eq!(bad.parse::<QueueUrl>(), Err(QueueUrlError), "{bad}");
        }
    }

    #[test]
    fn a_queue_url_names_its_region_unless_the_endpoint_is_custom() {
        assert_eq!(url("https://sqs.eu-west-1.amazonaws.com/111111111111/q").region(), Some("eu-west-1"));
        assert_eq!(url("https://sqs.cn-north-1.amazonaws.com.cn/111111111111/q").region(), Some("cn-north-1"));
        assert_eq!(url("https://sqs.eu-west-1.api.aws/111111111111/q").region(), Some("eu-west-1"));
        assert_eq!(url("https://sqs-fips.us-east-1.amazonaws.com/111111111111/q").region(), Some("us-east-1"));
        assert_eq!(url("http://127.0.0.1:4566/111111111111/q").region(), None);
        assert_eq!(url("https://sqs.example.com/111111111111/q").region(), None);
    }

    #[test]
    fn a_sibling_is_in_the_same_account_and_region() {
        let queue = url("https://sqs.eu-west-1.amazonaws.com/111111111111/q");
        let dead = queue.sibling("q-dead").unwrap();
        assert_eq!(dead.as_str(), "https://sqs.eu-west-1.amazonaws.com/111111111111/q-dead");
        for bad in ["", "222222222222/q", "two words"] {
            assert_eq!(queue.sibling(bad), None, "{bad}");
        }
    }
}
