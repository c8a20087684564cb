//! What reads settings and events, for tests of other crates that give it any text. In no program:
//! only the feature `testing` compiles it.

use pmp_protocol::ExperienceId;
use serde_json::Value;

use crate::config::experiences::Experiences;
use crate::triggers::event::classify;

/// The management experiences that the setting `PMP_EXPERIENCES` names.
///
/// # Errors
/// A sentence for a person, where the text names none.
pub fn experiences(text: &str) -> Result<Vec<ExperienceId>, String> {
    let experiences: Experiences = text.parse()?;
    Ok(experiences.all().into_iter().map(|own| own.experience).collect())
}

/// What an event asks of the hub, for people.
#[must_use]
pub fn event(event: &Value) -> String {
    format!("{:?}", classify(event))
}
