//! A headless Chromium by its WebDriver, and axe-core, for the tests of both pages: that of
//! pmp-local, and that of the fleet.
//!
//! Needs Chromium and its driver, and npm for axe-core. Where they are missing, the tests say that
//! they were skipped, or fail where `PMP_REQUIRE_BROWSER` is set.

// The driver's processes are a group, and what they leave is seen as on Linux.
#![cfg(target_os = "linux")]
// What it cannot do ends the test, with the reason.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

mod axe;
mod driver;

pub use axe::{Axe, Found, LEAST_RULES, small_targets};
pub use driver::{Browser, until};
