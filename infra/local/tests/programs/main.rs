//! `pmp-local` as people call it: `serve`, and the commands that steer a server or look after its
//! state.

// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

mod rig;
mod serve;
mod state;
mod steering;
