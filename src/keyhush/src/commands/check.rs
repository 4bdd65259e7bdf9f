//! `keyhush check`

use std::io::{Write, stdout};

use serde_json::json;
use settings::{LoadError, Settings, Tenants};

use crate::cli::CheckArgs;
use crate::exit::Failure;

/// Says what is wrong with a settings file and its tenants' files, or what they come to.
pub(crate) fn run(given: &CheckArgs) -> Result<(), Failure> {
    let loaded = Settings::load(&given.config).and_then(|settings| {
        let tenants = settings.load_tenants()?;
        settings.load_brands()?;
        Ok((settings, tenants))
    });
    if given.json {
        return in_json(given, loaded);
    }
    let (settings, tenants) = loaded?;
    crate::cards::brands(&settings)?;
    let tenants = tenants.len();
    let (wires, lcores) = (settings.wires.len(), settings.lcores.len());
    let (mbufs, need) = (settings.pool.mbufs, settings.pool_need());
    let text = format!(
        "{}: nothing is wrong\n\
         {wires} wire{}, {lcores} lcore{}, {tenants} tenant{}\n\
         {mbufs} packet buffers of {} bytes, {} MiB; {} can be in use: {need}\n\
         EAL: {}\n",
        given.config.display(),
        plural(wires),
        plural(lcores),
        plural(tenants),
        settings.pool.data_room,
        settings.memory_need_mib(),
        need.total(),
        settings.eal_arguments().join(" "),
    );
    stdout().write_all(text.as_bytes()).or_else(Failure::output)
}

fn in_json(given: &CheckArgs, loaded: Result<(Settings, Tenants), LoadError>) -> Result<(), Failure> {
    let file = given.config.display().to_string();
    let (answer, done) = match loaded {
        Ok((settings, tenants)) => {
            let answer = json!({
                "file": file,
                "right": true,
                "wires": settings.wires.len(),
                "lcores": settings.lcores.len(),
                "tenants": tenants.iter().map(|tenant| &tenant.id).collect::<Vec<_>>(),
                "mbufs": settings.pool.mbufs,
                "mbufs_needed": settings.pool_need().total() + 1,
                "memory_mib": settings.memory_need_mib(),
                "eal_arguments": settings.eal_arguments(),
            });
            (answer, Ok(()))
        }
        Err(error) => {
            let mut list = Vec::new();
            note(error, &mut list)?;
            (json!({ "file": file, "right": false, "problems": list }), Err(Failure::settings_told()))
        }
    };
    writeln!(stdout(), "{answer:#}").or_else(Failure::output)?;
    done
}

/// Adds every problem to a list, each with its file.
///
/// # Errors
/// A file that cannot be read: there is no more to say than that.
fn note(error: LoadError, list: &mut Vec<serde_json::Value>) -> Result<(), Failure> {
    match error {
        LoadError::Wrong(problems) => list.extend(problems.list.iter().map(|problem| {
            json!({
                "file": problems.file.display().to_string(),
                "line": problem.line,
                "column": problem.column,
                "key": problem.key,
                "found": problem.found,
                "expected": problem.expected,
                "remedy": problem.remedy,
            })
        })),
        LoadError::Several(errors) => {
            for error in errors {
                note(error, list)?;
            }
        }
        error => return Err(error.into()),
    }
    Ok(())
}

fn plural(many: usize) -> &'static str {
    if many == 1 { "" } else { "s" }
}
