//! Recordings as whoever keeps them takes them out: listed, exported, verified; and what can be heard in them.

use std::f64::consts::TAU;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::keyhush::{binary, console};
use super::sandbox::{ROOT, call};
use super::{During, Outcome, Trouble};

/// Where Keyhush keeps them.
pub fn directory() -> PathBuf {
    Path::new(ROOT).join("recordings")
}

fn keys() -> PathBuf {
    Path::new(ROOT).join("recording-keys")
}

/// Where the public key lies, which everybody may have.
pub fn public_key() -> PathBuf {
    keys().join("signing.key.pub")
}

/// Makes the keys, and answers what the settings say of recordings.
///
/// # Errors
/// When a key cannot be made.
pub fn furnish() -> Outcome<String> {
    let keys = keys();
    if !keys.exists() {
        DirBuilder::new().mode(0o700).create(&keys).during("making the keys' directory")?;
        console(&["recordings", "keys", &keys.display().to_string()])?;
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory())
        .during("making the recordings' directory")?;
    Ok(format!(
        "\n[recordings]\ndirectory = \"{}\"\nmaster_key = \"{keys}/master.key\"\nsigning_key = \"{keys}/signing.key\"\n",
        directory().display(),
        keys = keys.display()
    ))
}

/// A recording that has ended.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its name.
    pub name: String,
    /// What the list says of it.
    pub told: Value,
}

/// All that have ended and are listed.
///
/// # Errors
/// When they are not listed.
pub fn listed() -> Outcome<Vec<Recorded>> {
    let settings = format!("{ROOT}/keyhush.toml");
    let list = console(&["recordings", "list", "--json", "--config", &settings])?;
    let mut list: Value = serde_json::from_str(&list).during("reading the list of recordings")?;
    let Value::Array(list) = list["recordings"].take() else {
        return Err(Trouble::new("no recordings are listed"));
    };
    let recorded =
        |told: Value| Recorded { name: told["name"].as_str().unwrap_or_default().to_owned(), told };
    Ok(list.into_iter().map(recorded).collect())
}

/// Waits until so many are listed.
///
/// # Errors
/// When there are fewer for long.
pub fn wait_for(many: usize) -> Outcome<Vec<Recorded>> {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let list = listed()?;
        if list.len() >= many {
            return Ok(list);
        }
        if Instant::now() > until {
            return Err(Trouble::new(format!("{} of {many} recordings are listed", list.len())));
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

impl Recorded {
    /// Exports it, and answers the file; its proof lies beside it.
    ///
    /// # Errors
    /// When it cannot be exported.
    pub fn export(&self) -> Outcome<PathBuf> {
        let file = Path::new(ROOT).join(format!("{}.wav", self.name));
        let settings = format!("{ROOT}/keyhush.toml");
        console(&["recordings", "export", &self.name, "--to", ROOT, "--config", &settings])?;
        Ok(file)
    }
}

/// What `keyhush verify` says of a file with its proof beside it, and its exit code.
///
/// # Errors
/// When it says nothing.
pub fn verdict(file: &Path) -> Outcome<(i32, Value)> {
    let mut command = Command::new(binary()?);
    command.arg("verify").arg(file).arg("--key").arg(public_key()).arg("--json");
    let output = command.stdin(Stdio::null()).output().during("starting keyhush")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let verdict = serde_json::from_slice(&output.stdout).during(format!("a verdict; {}", said.trim()))?;
    Ok((output.status.code().unwrap_or(-1), verdict))
}

/// The proof beside an exported file, as text: what it states comes first.
///
/// # Errors
/// When it is not there.
pub fn proof_text(file: &Path) -> Outcome<String> {
    fs::read_to_string(file.with_extension("proof")).during("reading a proof")
}

/// One channel of a WAV file (0 the caller's, 1 the agent's) as linear samples at 8 kHz, by sox.
///
/// # Errors
/// When sox does not take the file.
pub fn channel(file: &Path, channel: usize) -> Outcome<Vec<i16>> {
    let raw = file.with_extension(format!("{channel}.raw"));
    let (from, to) = (file.display().to_string(), raw.display().to_string());
    let number = (channel + 1).to_string();
    call(
        "sox",
        &[&from, "-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-L", &to, "remix", &number],
    )?;
    let bytes = fs::read(&raw).during("reading what sox wrote")?;
    Ok(bytes.as_chunks::<2>().0.iter().map(|two| i16::from_le_bytes(*two)).collect())
}

/// How much of the samples' power is at a frequency, 0 to 1, by Goertzel's algorithm: of a pure tone 1.
pub fn share(samples: &[i16], hertz: f64) -> f64 {
    let turn = TAU * hertz / 8_000.0;
    let sum = |part: fn(f64) -> f64| -> f64 {
        samples.iter().enumerate().map(|(at, sample)| f64::from(*sample) * part(turn * at as f64)).sum()
    };
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    2.0 * (sum(f64::cos).powi(2) + sum(f64::sin).powi(2)) / (power * samples.len() as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_all_of_its_own_power() {
        let tone: Vec<i16> =
            (0..800).map(|at| (8_000.0 * (TAU * 440.0 * f64::from(at) / 8_000.0).sin()) as i16).collect();
        assert!(share(&tone, 440.0) > 0.99 && share(&tone, 620.0) < 0.01);
        assert!(share(&[0; 800], 440.0) < 0.01);
    }
}
