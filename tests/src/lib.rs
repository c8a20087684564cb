//! End-to-end tests: the real binaries against an embedded AWS.
