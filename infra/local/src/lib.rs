//! An embedded AWS with a Private Marketplace, for the demo, rehearsals and the tests.
