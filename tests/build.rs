//! Looks for other people's receivers, which the tests compare ours with where they are installed.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(spandsp)");
    // Only where to find it and what it is called: the one test that uses it links it itself.
    let found = pkg_config::Config::new().cargo_metadata(false).probe("spandsp");
    if let Ok(library) = found {
        println!("cargo::rustc-cfg=spandsp");
        for path in library.link_paths {
            println!("cargo::rustc-link-search=native={}", path.display());
        }
    }
}
