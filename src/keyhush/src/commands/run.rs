//! `keyhush run`

use settings::Settings;

use crate::cli::RunArgs;
use crate::exit::Failure;

/// Runs the settings' wires. Wrong settings start nothing.
#[cfg(feature = "dpdk")]
pub(crate) fn run(given: &RunArgs) -> Result<(), Failure> {
    let settings = Settings::load(&given.config)?;
    settings.load_tenants()?;
    let brands = crate::cards::brands(&settings)?;
    crate::run::run(&settings, brands).map_err(Failure::new)
}

/// Says that this program was built without the data path.
#[cfg(not(feature = "dpdk"))]
pub(crate) fn run(given: &RunArgs) -> Result<(), Failure> {
    Settings::load(&given.config)?.load_tenants()?;
    Err(Failure::new(
        "this keyhush was built without DPDK and can only `check`, `replay` and `detect`; build it with the feature `dpdk`",
    ))
}
