//! `keyhush check`

use std::io::{Write, stdout};

use serde_json::json;
use settings::{LoadError, Settings};

use crate::cli::CheckArgs;
use crate::exit::Failure;

/// Says what is wrong with a settings file, or what it comes to.
pub(crate) fn run(given: &CheckArgs) -> Result<(), Failure> {
    let loaded = Settings::load(&given.config);
    if given.json {
        return in_json(given, loaded);
    }
    let settings = loaded?;
    let (wires, lcores) = (settings.wires.len(), settings.lcores.len());
    let (mbufs, need) = (settings.pool.mbufs, settings.pool_need());
    let text = format!(
        "{}: nothing is wrong\n\
         {wires} wire{}, {lcores} lcore{}\n\
         {mbufs} packet buffers of {} bytes, {} MiB; {} can be in use: {need}\n\
         EAL: {}\n",
        given.config.display(),
        plural(wires),
        plural(lcores),
        settings.pool.data_room,
        settings.memory_need_mib(),
        need.total(),
        settings.eal_arguments().join(" "),
    );
    stdout().write_all(text.as_bytes()).or_else(Failure::output)
}

fn in_json(given: &CheckArgs, loaded: Result<Settings, LoadError>) -> Result<(), Failure> {
    let file = given.config.display().to_string();
    let (answer, done) = match loaded {
        Ok(settings) => {
            let answer = json!({
                "file": file,
                "right": true,
                "wires": settings.wires.len(),
                "lcores": settings.lcores.len(),
                "mbufs": settings.pool.mbufs,
                "mbufs_needed": settings.pool_need().total() + 1,
                "memory_mib": settings.memory_need_mib(),
                "eal_arguments": settings.eal_arguments(),
            });
            (answer, Ok(()))
        }
        Err(LoadError::Wrong(problems)) => {
            let problem = |problem: &settings::Problem| {
                json!({
                    "line": problem.line,
                    "column": problem.column,
                    "key": problem.key,
                    "found": problem.found,
                    "expected": problem.expected,
                    "remedy": problem.remedy,
                })
            };
            let list: Vec<_> = problems.list.iter().map(problem).collect();
            (json!({ "file": file, "right": false, "problems": list }), Err(Failure::settings_told()))
        }
        Err(error) => return Err(error.into()),
    };
    writeln!(stdout(), "{answer:#}").or_else(Failure::output)?;
    done
}

fn plural(many: usize) -> &'static str {
    if many == 1 { "" } else { "s" }
}
