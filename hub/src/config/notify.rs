//! How operations is told what changed in the fleet.

use std::str::FromStr;

use pmp_protocol::not_one_of;

/// The form in which notifications are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Format {
    /// The project's own JSON (`docs/schema/notification.schema.json`).
    #[default]
    Json,
    /// A custom notification of AWS Chatbot.
    Chatbot,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "chatbot" => Ok(Self::Chatbot),
            _ => Err(not_one_of(text, &["json", "chatbot"])),
        }
    }
}
