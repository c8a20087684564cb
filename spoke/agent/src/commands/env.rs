//! `env`: prints the settings of a deployed spoke.

use pmp_deployed::Kind;

/// What tells a spoke's function from a hub's: only the hub keeps versions.
pub(crate) const SPOKE: Kind = Kind { program: "pmp-spoke", role: "spoke", never: "PMP_KEEP_VERSIONS" };
