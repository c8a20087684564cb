//! The targets, one file for each part of the system that reads what others wrote.

#[cfg(feature = "aws")]
mod access;
mod audit;
#[cfg(feature = "aws")]
mod catalog;
mod content;
#[cfg(feature = "filters")]
mod filters;
#[cfg(feature = "aws")]
mod item;
#[cfg(feature = "aws")]
mod ledger;
mod message;
mod records;
mod settings;
mod shell;
mod signed;
mod text;
mod windows;
mod world;

use crate::Target;

const fn target(name: &'static str, run: fn(&[u8]), tries: usize) -> Target {
    Target { name, run, tries }
}

/// All targets, in the order of their names.
pub const TARGETS: &[Target] = &[
    #[cfg(feature = "aws")]
    target("access", access::access, 2_000),
    target("answers", content::answers, 2_000),
    target("audit", audit::audit, 2_000),
    #[cfg(feature = "filters")]
    target("component", filters::component, 1_000),
    target("configuration", settings::configuration, 2_000),
    target("content", content::content, 2_000),
    target("directed", signed::directed, 1_000),
    target("envelope", signed::envelope, 2_000),
    #[cfg(feature = "aws")]
    target("experience", catalog::experience, 2_000),
    #[cfg(feature = "hub")]
    target("experiences", settings::experiences, 2_000),
    #[cfg(feature = "filters")]
    target("guest", filters::guest, 100),
    target("journal", records::journal, 2_000),
    target("keys", signed::keys, 2_000),
    #[cfg(feature = "aws")]
    target("ledger", ledger::ledger, 500),
    target("message", message::message, 2_000),
    target("packed", content::packed, 500),
    #[cfg(feature = "aws")]
    target("policy", catalog::policy, 2_000),
    target("rollout", settings::rollout, 2_000),
    #[cfg(feature = "filters")]
    target("rules", filters::rules, 1_000),
    target("settings", settings::settings, 2_000),
    target("statement", signed::statement, 1_000),
    target("text", text::text, 2_000),
    target("waves", settings::waves, 2_000),
    target("windows", windows::windows, 400),
    target("world", world::world, 1_000),
];

/// The text of an input; none where it is no UTF-8.
fn utf8(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
