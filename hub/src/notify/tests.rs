//! The rule, the notifications, and a thousand seeds of hubs that crash.

mod refused;
mod rule;
mod seeded;
mod sent;
mod stage;
mod world;
