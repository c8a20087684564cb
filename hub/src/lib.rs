//! The hub: reads the management experience, stores it as a snapshot, publishes it.
