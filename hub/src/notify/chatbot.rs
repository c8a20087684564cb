//! A notification as AWS Chatbot (now Amazon Q Developer in chat applications) takes it: its
//! [custom notifications]. Pure.
//!
//! [custom notifications]:
//! https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html

use serde::Deserialize;
use serde_json::{Value, json};

/// What is read of a notification. A newer release may have written it, so whatever is not needed
/// is not asked for.
#[derive(Debug, Deserialize)]
struct Told {
    id: String,
    experience: String,
    kind: String,
    summary: String,
    next: String,
    #[serde(default)]
    transitions: Vec<ToldTransition>,
    #[serde(default)]
    left_out: usize,
}

#[derive(Debug, Deserialize)]
struct ToldTransition {
    organization: String,
    member_experience: Option<String>,
}

/// The most subjects that a message in a channel lists.
const LISTED: usize = 10;

/// The custom notification for the notification `body`.
///
/// # Errors
/// Where the body is no notification.
pub(crate) fn custom_notification(body: &str) -> Result<String, serde_json::Error> {
    let Told { id, experience, kind, summary, next, transitions, left_out } = serde_json::from_str(body)?;
    let mut description = inert(&summary);
    for transition in transitions.iter().take(LISTED) {
        let member = transition.member_experience.as_deref().unwrap_or("as a whole");
        description += &format!("\n• {} {}", inert(&transition.organization), inert(member));
    }
    let more = transitions.len().saturating_sub(LISTED) + left_out;
    if more > 0 {
        description += &format!("\n• and {more} more");
    }
    let message = json!({
        "version": "1.0",
        "source": "custom",
        "id": id,
        "content": {
            "textType": "client-markdown",
            "title": format!("pmp-sync: {}", inert(&kind)),
            "description": description,
            "nextSteps": [format!("Run `{}`", next.replace('`', "'"))],
            "keywords": ["pmp-sync", kind.clone()],
        },
        "metadata": {
            // Notifications of one kind are one thread, where the channel's preferences permit it.
            "threadId": format!("pmp-sync {experience} {kind}"),
            "summary": inert(&summary),
            "eventType": format!("pmp-sync.{kind}"),
            "additionalContext": {"experience": experience, "id": id},
        },
    });
    Ok(Value::to_string(&message))
}

/// A text that a chat shows as it is: a member's words mention nobody, and hide no address behind
/// another text (rule 14 of the design). What would format is replaced by what looks like it, since
/// not every chat knows an escape for it.
fn inert(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            // A joiner of no width takes `@channel` apart.
            '@' => shown.push_str("@\u{2060}"),
            '*' => shown.push('\u{2217}'),
            '~' => shown.push('\u{223c}'),
            '`' => shown.push('\''),
            '[' => shown.push('('),
            ']' => shown.push(')'),
            c => shown.push(c),
        }
    }
    shown
}
