//! Tests of the settings, by what their readers see: a file in, settings or problems out.

mod broken;
mod devices;
mod tenants;
mod whole;

use std::path::Path;

use crate::{Problem, Problems, Settings};

/// The least that is a settings file, on lines 1 to 3.
const MINIMAL: &str = "[[wire]]\ncarrier = \"0000:03:00.0\"\ncustomer = \"0000:03:00.1\"\n";

fn parse(text: &str) -> Result<Settings, Problems> {
    Settings::parse(Path::new("box.toml"), text)
}

fn settings(text: &str) -> Settings {
    parse(text).map_err(|problems| problems.to_string()).expect("nothing is wrong with it")
}

fn problems(text: &str) -> Vec<Problem> {
    parse(text).expect_err("something is wrong with it").list
}
