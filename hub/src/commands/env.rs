//! `env`: prints the settings of a deployed hub.

use pmp_deployed::Kind;

/// What tells a hub's function from a spoke's: only the spoke has a queue.
pub(crate) const HUB: Kind = Kind { program: "pmp-hub", role: "hub", never: "PMP_QUEUE_URL" };
