//! `pmp-local` as people call it: `serve`, and the commands that steer a server or look after its state.

// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

// The rig of the embedded AWS's own tests; it has more than is needed here.
#[allow(dead_code)]
#[path = "../../aws/tests/embedded_aws/rig.rs"]
mod rig;
mod serve;
mod state;
mod steering;
