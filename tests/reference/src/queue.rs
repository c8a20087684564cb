//! Messages: HW, "The spoke", 1 and 8; protocol M9, M17, R13.

use std::collections::BTreeMap;

use pmp_protocol::OrganizationId;

use crate::{Life, Reference};

/// The messages of one organization's queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// By life and message: what was in force when it was received first, and how many signs of
    /// life that life had written by then.
    received: BTreeMap<(Life, String), (usize, u64)>,
    /// The bodies that were moved to the dead letters.
    buried: Vec<String>,
}

impl Reference {
    /// A spoke received a message.
    pub fn received(&mut self, organization: &OrganizationId, life: Life, message: &str) {
        let Some(member) = self.members.get_mut(organization) else { return };
        let now = (member.position(), member.signs_of(life));
        member.queue.received.entry((life, message.to_owned())).or_insert(now);
    }

    /// A spoke sent a message to the dead letters of its queue.
    pub fn buried(&mut self, organization: &OrganizationId, body: &str) {
        let Some(member) = self.members.get_mut(organization) else { return };
        member.queue.buried.push(body.to_owned());
    }

    /// A spoke deleted a message from its queue.
    pub fn deleted(&mut self, organization: &OrganizationId, life: Life, message: &str, body: &str) {
        let Some(member) = self.members.get_mut(organization) else { return };
        // M9: moved whole, with the reason.
        if let Some(place) = member.queue.buried.iter().position(|buried| buried == body) {
            member.queue.buried.swap_remove(place);
            return;
        }
        let known = member.queue.received.get(&(life, message.to_owned())).copied();
        let problem = match known {
            None => Some("deleted by a process that never received it".to_owned()),
            // R13: there is a sign of life with each pass.
            Some((_, signs)) if member.signs_of(life) == signs => Some("no sign of life was written since".to_owned()),
            Some((since, _)) => member.without_outcome(since),
        };
        self.check(problem.is_none(), "M17", || {
            format!("{organization}: message {message} was deleted: {}", problem.unwrap_or_default())
        });
    }
}
