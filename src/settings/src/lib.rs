//! The box's TOML file as written → settings that are valid by construction.
//!
//! | module | holds |
//! |---|---|
//! | [`model`] | the settings as the rest of the program reads them |
//! | [`brands`] | the table of card brands, a file of its own |
//! | [`device`] | the name of a port: a PCI address, or a virtual device with its arguments |
//! | [`problem`] | what is wrong with a file: line, key, what was expected, the remedy |
//! | [`recordings`] | where recordings are kept, and what seals and signs them |
//! | [`tenants`] | the client companies: one file each, in a directory beside the box's file |
//! | `document` | TOML with line numbers; typed reading of one table |
//! | `parse` | table by table; then what no table can know alone |
//! | `eal` | the arguments of DPDK's environment layer |
//! | `pool` | how many packet buffers there must be (DESIGN section 4, invariant 6) |
//!
//! Reading never stops at the first problem: an engineer sees everything that is wrong with a file at once.
#![forbid(unsafe_code)]

pub mod brands;
pub mod device;
pub mod model;
pub mod problem;
pub mod recordings;
pub mod tenants;

mod document;
mod eal;
mod parse;
mod pool;

pub use brands::BrandSettings;
pub use device::Device;
pub use model::{
    Admin, Agents, Calls, EalSettings, Idle, LcoreSettings, Management, MaskKey, Pool, Reference,
    Replacement, SecureMode, Settings, Sip, Store, Unmaskable, WhileKeying, Wire,
};
pub use pool::PoolNeed;
pub use problem::{LoadError, Problem, Problems};
pub use recordings::{MasterKey, Recordings, TimeStamps};
pub use tenants::{Recording, Tenant, Tenants};

#[cfg(test)]
mod tests;
