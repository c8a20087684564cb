//! Amazon Resource Names, parsed where they enter the process.
//!
//! An [`Arn`] is of any resource. [`TopicArn`], [`QueueArn`] and [`RoleArn`] are of one kind each,
//! and their errors are the one sentence that a person reads who set something else.

use std::fmt;
use std::str::FromStr;

use crate::is_region;

/// Longest part of a text from outside that an error repeats, in characters.
const SHOWN: usize = 120;

/// The name of a resource: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`. Region and account are
/// empty where the service has none (IAM has no regions, S3 neither); what stands in the resource
/// is the service's own affair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arn {
    text: String,
    /// Where each of the five parts after `arn` begins.
    starts: [usize; 5],
}

/// A text that is not an ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ARN (arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE)")]
pub struct ArnError(String);

pmp_protocol::codes!(ArnError => "E1301");

pmp_protocol::without_hint!(ArnError);

impl Arn {
    /// The ARN as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn part(&self, index: usize) -> &str {
        let end = self.starts.get(index + 1).map_or(self.text.len(), |next| next - 1);
        &self.text[self.starts[index]..end]
    }

    /// The service, such as `sns`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.part(1)
    }

    /// The region; empty where the service has none.
    #[must_use]
    pub fn region(&self) -> &str {
        self.part(2)
    }

    /// The account that owns the resource; empty where the ARN names none.
    #[must_use]
    pub fn account(&self) -> &str {
        self.part(3)
    }

    /// Everything after the account, colons included.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.part(4)
    }
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let wrong = || ArnError(text.chars().take(SHOWN).collect());
        let mut starts = [0; 5];
        let mut colons = text.match_indices(':').map(|(at, _)| at + 1);
        for start in &mut starts {
            *start = colons.next().ok_or_else(wrong)?;
        }
        let arn = Self { text: text.to_owned(), starts };
        let complete = text.starts_with("arn:") && [0, 1, 4].iter().all(|part| !arn.part(*part).is_empty());
        if complete { Ok(arn) } else { Err(wrong()) }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

macro_rules! arn_type {
    ($(#[$doc:meta])* $name:ident, $error:ident, $code:literal, $sentence:literal, $is:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(Arn);

        #[doc = concat!("A text that cannot be a [`", stringify!($name), "`].")]
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error($sentence)]
        pub struct $error(String);

        pmp_protocol::codes!($error => $code);
        pmp_protocol::without_hint!($error);

        impl $name {
            /// The ARN as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The account that owns it: twelve digits.
            #[must_use]
            pub fn account(&self) -> &str {
                self.0.account()
            }
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                let is: fn(&Arn) -> bool = $is;
                let arn = text.parse::<Arn>().ok().filter(|arn| is_account(arn.account()) && is(arn));
                arn.map(Self).ok_or_else(|| $error(text.chars().take(SHOWN).collect()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

arn_type!(
    /// An SNS topic: `arn:aws:sns:REGION:ACCOUNT:NAME`.
    TopicArn,
    TopicArnError,
    "E1313",
    "`{0}` is not the ARN of an SNS topic (arn:aws:sns:REGION:ACCOUNT:NAME)",
    |arn| arn.service() == "sns" && is_region(arn.region()) && is_name(arn.resource())
);

arn_type!(
    /// An SQS queue: `arn:aws:sqs:REGION:ACCOUNT:NAME`.
    QueueArn,
    QueueArnError,
    "E1314",
    "`{0}` is not the ARN of an SQS queue (arn:aws:sqs:REGION:ACCOUNT:NAME)",
    |arn| arn.service() == "sqs" && is_region(arn.region()) && is_name(arn.resource())
);

arn_type!(
    /// An IAM role: `arn:aws:iam::ACCOUNT:role/NAME`, with a path before the name where it has one.
    RoleArn,
    RoleArnError,
    "E1315",
    "`{0}` is not the ARN of a role (arn:aws:iam::ACCOUNT:role/NAME; an account has twelve digits)",
    |arn| arn.service() == "iam"
        && arn.region().is_empty()
        && arn.resource().strip_prefix("role/").is_some_and(|name| is_name(name) && !name.ends_with('/'))
);

impl TopicArn {
    /// The region of the topic, and of its subscriptions.
    #[must_use]
    pub fn region(&self) -> &str {
        self.0.region()
    }

    /// The topic's name, without the rest of the ARN.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.resource()
    }
}

impl QueueArn {
    /// The region of the queue.
    #[must_use]
    pub fn region(&self) -> &str {
        self.0.region()
    }

    /// The queue's name, which is the last part of its URL, too.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.resource()
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_graphic() && letter != b':')
}

#[cfg(test)]
mod tests {
    use pmp_protocol::Coded as _;

    use super::*;

    #[test]
    fn an_arn_is_taken_apart_and_put_together() {
        let text = "arn:aws-cn:dynamodb:cn-north-1:111111111111:table/T:index";
        let arn: Arn = text.parse().unwrap();
        assert_eq!((arn.service(), arn.region(), arn.account()), ("dynamodb", "cn-north-1", "111111111111"));
        assert_eq!((arn.resource(), arn.to_string().as_str()), ("table/T:index", text));
        let bucket: Arn = "arn:aws:s3:::bucket".parse().unwrap();
        assert_eq!((bucket.region(), bucket.account(), bucket.resource()), ("", "", "bucket"));
        for bad in [
            "",
            "arn",
            "arn:aws:sns:us-east-1:111111111111",
            "arn:aws:sns:us-east-1:1:",
            "arn::sns:r:1:n",
            "x:a:b:c:d:e",
        ] {
            assert_eq!(bad.parse::<Arn>().unwrap_err().code().to_string(), "E1301", "{bad}");
        }
    }

    #[test]
    fn a_topic_and_a_queue_have_a_region_an_account_and_a_name() {
        let topic: TopicArn = "arn:aws:sns:us-east-1:111111111111:pmp".parse().unwrap();
        assert_eq!((topic.region(), topic.account(), topic.name()), ("us-east-1", "111111111111", "pmp"));
        let queue: QueueArn = "arn:aws:sqs:eu-west-1:222222222222:q.fifo".parse().unwrap();
        assert_eq!((queue.region(), queue.account(), queue.name()), ("eu-west-1", "222222222222", "q.fifo"));
        for bad in [
            "pmp",
            "arn:aws:sqs:us-east-1:111111111111:pmp",
            "arn:aws:sns::111111111111:pmp",
            "arn:aws:sns:us-east-1:1:pmp",
            "arn:aws:sns:us-east-1:11111111111x:pmp",
            "arn:aws:sns:us-east-1:111111111111:",
            "arn:aws:sns:us-east-1:111111111111:pmp:1b2c",
            "arn:aws:sns:us-east-1:111111111111:two words",
        ] {
            assert_eq!(bad.parse::<TopicArn>().unwrap_err().code().to_string(), "E1313", "{bad}");
        }
        let no_queue = "pmp".parse::<QueueArn>().unwrap_err();
        assert_eq!(no_queue.to_string(), "`pmp` is not the ARN of an SQS queue (arn:aws:sqs:REGION:ACCOUNT:NAME)");
        assert_eq!(no_queue.code().to_string(), "E1314");
    }

    #[test]
    fn a_role_has_an_account_and_no_region() {
        for good in ["arn:aws:iam::111111111111:role/hub", "arn:aws-cn:iam::111111111111:role/path/to/hub"] {
            assert_eq!(good.parse::<RoleArn>().unwrap().account(), "111111111111", "{good}");
        }
        for bad in [
            "hub",
            "arn:aws:iam:us-east-1:111111111111:role/hub",
            "arn:aws:iam::1111:role/hub",
            "arn:aws:iam::111111111111:user/hub",
            "arn:aws:iam::111111111111:role/",
            "arn:aws:iam::111111111111:role/path/",
        ] {
            assert_eq!(bad.parse::<RoleArn>().unwrap_err().code().to_string(), "E1315", "{bad}");
        }
    }
}
