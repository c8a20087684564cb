//! Change windows: when changes may be made, in plain words and IANA time zones.
//!
//! ```text
//! Mon-Fri 22:00-04:00 Europe/Berlin; Sat 00:00 - Mon 05:00 Europe/Berlin
//! ```
//!
//! Start at [`Windows`], which is parsed from such words, and [`Windows::answer`], which says
//! whether they are open at a moment, and until when. [`together`] answers for several of them,
//! which have to be open all at once.
//!
//! **The days are those on which a window begins.** `Fri 22:00-04:00` ends on Saturday.
//!
//! **Where clocks jump**, a beginning or an end is taken as calendars take it (RFC 5545):
//!
//! - A time that clocks skip is as long after the jump as it would have been without it. In Berlin
//!   on 2026-03-29 clocks jump from 02:00 to 03:00, so 02:30 is 03:30.
//! - A time that clocks show twice is the first of the two. In Berlin on 2026-10-25 clocks go back
//!   from 03:00 to 02:00, so 02:30 is the one before that.
//! - A window whose end would come before its beginning by that does not open on that day.
//!
//! **The zones are those of one database**, which is compiled in ([`TZDB`]). The host's is never
//! asked: two machines would answer differently.
//!
//! This crate decides and never does: no I/O, no async, no clock, no randomness.

mod answer;
mod parse;
mod span;
mod zone;

use std::fmt;

pub use answer::{Answer, together};
pub use parse::WindowsError;
use span::Window;
pub use zone::{TZDB, zones};

/// The longest text of windows, in bytes.
pub const MAX_TEXT: usize = 1_000;
/// The most windows in one text.
pub const MAX_WINDOWS: usize = 20;

/// When changes may be made: always, or in any of some windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// None of them means always.
    windows: Vec<Window>,
}

impl Windows {
    /// Windows that are open at any time.
    pub const ALWAYS: Self = Self { windows: Vec::new() };

    /// Whether changes may be made at any time.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.windows.is_empty()
    }
}

impl fmt::Display for Windows {
    /// The words from which the same windows are parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_always() {
            return f.write_str("always");
        }
        for (place, window) in self.windows.iter().enumerate() {
            let between = if place == 0 { "" } else { "; " };
            write!(f, "{between}{window}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
