//! Finds Debian's DPDK through pkg-config, compiles the shim of its inline functions and generates the bindings.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Everything of DPDK that `nic` calls and that is an exported symbol; the rest is in the shim.
const FUNCTIONS: &[&str] = &[
    "keyhush_.*",
    "rte_eal_cleanup",
    "rte_eal_get_runtime_dir",
    "rte_eal_init",
    "rte_eal_mp_wait_lcore",
    "rte_eal_process_type",
    "rte_eal_remote_launch",
    "rte_eth_dev_adjust_nb_rx_tx_desc",
    "rte_eth_dev_close",
    "rte_eth_dev_get_name_by_port",
    "rte_eth_dev_get_port_by_name",
    "rte_eth_dev_set_link_down",
    "rte_eth_dev_set_link_up",
    "rte_eth_dev_set_mtu",
    "rte_eth_dev_start",
    "rte_eth_dev_stop",
    "rte_eth_promiscuous_disable",
    "rte_eth_promiscuous_enable",
    "rte_get_main_lcore",
    "rte_get_next_lcore",
    "rte_get_tsc_hz",
    "rte_lcore_to_socket_id",
    "rte_mempool_avail_count",
    "rte_pktmbuf_pool_create_by_ops",
];

/// Numbers that the headers define as macros, and the shim's enumeration.
const CONSTANTS: &[&str] = &["KEYHUSH_.*", "RTE_ETH_NAME_MAX_LEN", "RTE_MAX_ETHPORTS", "RTE_MAX_LCORE"];

/// The libraries of these functions; the others that pkg-config names are not needed, drivers least of all: EAL
/// loads those itself from Debian's plug-in directory.
const LIBRARIES: &[&str] = &["rte_eal", "rte_ethdev", "rte_mbuf", "rte_mempool"];

fn main() -> ExitCode {
    for file in ["build.rs", "shim.c", "shim.h", "wrapper.h"] {
        println!("cargo:rerun-if-changed={file}");
    }
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            println!("cargo::error={line}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let found =
        pkg_config::Config::new().atleast_version("22.11").cargo_metadata(false).probe("libdpdk").map_err(
            |_| {
                "DPDK 22.11 or later was not found: `apt-get install libdpdk-dev pkg-config`, or build with \
             `--no-default-features` to do without it"
                    .to_owned()
            },
        )?;
    for path in &found.link_paths {
        println!("cargo:rustc-link-search=native={}", path.display());
    }
    for library in LIBRARIES {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
    let flags = cflags()?;
    compile_shim(&flags)?;
    generate(&flags)
}

/// pkg-config's own compiler flags: DPDK's headers need `-include rte_config.h` and `-march`, which the crate does not
/// pass on.
fn cflags() -> Result<Vec<String>, String> {
    let program = std::env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let answer = Command::new(program)
        .args(["--cflags", "libdpdk"])
        .output()
        .map_err(|error| format!("pkg-config could not be run: {error}"))?;
    let text = String::from_utf8(answer.stdout).map_err(|_| "pkg-config answered no UTF-8".to_owned())?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

/// Optimised in every profile: the shim is the data path's only way into DPDK.
fn compile_shim(flags: &[String]) -> Result<(), String> {
    let mut compiler = cc::Build::new();
    compiler.file("shim.c").opt_level(3).warnings(true).extra_warnings(true).flag("-Wno-unused-parameter");
    for flag in flags {
        compiler.flag(flag);
    }
    compiler
        .try_compile("keyhush_shim")
        .map_err(|error| format!("the shim of DPDK's inline functions: {error}"))
}

fn generate(flags: &[String]) -> Result<(), String> {
    // DPDK's own structures stay opaque (src/lib.rs): bindgen cannot lay out their markers, bit fields and packed members,
    // and Rust reads only the few fields whose offsets the shim asserts.
    let mut builder = bindgen::Builder::default()
        .header("wrapper.h")
        .clang_args(flags)
        .blocklist_type("rte_mbuf")
        .blocklist_type("rte_mempool")
        .derive_default(true)
        .generate_comments(false)
        .use_core()
        .prepend_enum_name(false);
    for function in FUNCTIONS {
        builder = builder.allowlist_function(function);
    }
    for constant in CONSTANTS {
        builder = builder.allowlist_var(constant);
    }
    let bindings = builder.generate().map_err(|error| {
        format!("bindgen could not read DPDK's headers (`apt-get install libclang-dev` if libclang is missing): {error}")
    })?;
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("cargo gave no OUT_DIR")?;
    bindings.write_to_file(out.join("bindings.rs")).map_err(|error| format!("writing the bindings: {error}"))
}
