//! For authors of filters: one trait, one macro, and tests that need no WebAssembly.
//!
//! A filter narrows what the hub approved for one member experience. Implement [`Filter`], [`export!`] it, and build
//! the crate as a component; `docs/filters.md` says how. This is a whole one:
//!
//! ```
//! use pmp_filter_sdk::{Context, Decision, Description, Filter, Product, export};
//!
//! struct NoImages;
//!
//! impl Filter for NoImages {
//!     const DESCRIPTION: Description = Description::new("no-images", "1.0.0", "Excludes machine images");
//!     fn configure(_: &str) -> Result<Self, String> { Ok(Self) }
//!     fn decide(&self, _: &Context, product: &Product) -> Decision {
//!         let image = product.fulfillment_types.iter().any(|kind| kind == "AmazonMachineImage");
//!         if image { Decision::exclude("no machine images here") } else { Decision::keep() }
//!     }
//! }
//! export!(NoImages);
//!
//! // A native test, run by `cargo test`:
//! use pmp_filter_sdk::testing;
//!
//! let image = Product { fulfillment_types: vec!["AmazonMachineImage".into()], ..Product::approved("prod-1") };
//! let decisions = testing::evaluate::<NoImages>("{}", &[image, Product::approved("prod-2")])?;
//! assert_eq!(decisions, [Decision::exclude("no machine images here"), Decision::keep()]);
//! # Ok::<(), String>(())
//! ```
//!
//! What a filter must never do: rely on anything but its arguments. There is no clock, no randomness, no file and no
//! network to be had, and every call starts from nothing. A panic is a trap that fails the whole run: return an error
//! where something cannot be decided.

// The generated code names this crate from outside, because `export!` expands it in another crate.
extern crate self as pmp_filter_sdk;

#[doc(hidden)]
pub mod bindings;
mod filter;
#[doc(hidden)]
pub mod guest;
pub mod log;
pub mod settings;
pub mod testing;
mod values;

pub use bindings::exports::pmp_sync::filter::scope::Answer as Managed;
pub use bindings::pmp_sync::filter::types::{Context, Decision, Product, Status, Verdict};
pub use filter::{Description, Filter};
/// Names, compared as people read them: `names::key`.
pub use pmp_filter_names as names;
// The code that `export!` expands to needs it, and a filter's own Cargo.toml should not have to name it.
#[doc(hidden)]
pub use wit_bindgen;

/// Makes a type that implements [`Filter`] the filter of this component. Once per crate, which is a `cdylib`.
///
/// In a native build it only checks the type, so that the same crate runs under `cargo test`.
#[macro_export]
macro_rules! export {
    ($filter:ty) => {
        const _: () = {
            const fn is_a_filter<F: $crate::Filter>() {}
            is_a_filter::<$filter>();
        };
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Component = $crate::guest::Exported<$filter>;
    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
}
