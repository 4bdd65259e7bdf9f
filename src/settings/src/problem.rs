//! What is wrong with a settings file, so that its reader can put it right.

use core::fmt;
use std::io;
use std::path::PathBuf;

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The key with its table, such as `wire[2].mtu`; tables of a list are counted from 1.
    pub key: String,
    /// What stands there, or that nothing does.
    pub found: String,
    /// What may stand there.
    pub expected: String,
    /// What to do about it.
    pub remedy: String,
}

/// Everything that is wrong with a file, in the order of its lines; never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problems {
    /// The file, as it was named.
    pub file: PathBuf,
    /// What is wrong.
    pub list: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.list.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            let Problem { line, column, key, found, expected, remedy } = problem;
            writeln!(f, "{}:{line}:{column}: {key}: {found}", self.file.display())?;
            writeln!(f, "    expected: {expected}")?;
            write!(f, "    remedy:   {remedy}")?;
        }
        Ok(())
    }
}

/// Why there are no settings.
#[derive(Debug)]
pub enum LoadError {
    /// The file cannot be read.
    Unreadable {
        /// The file, as it was named.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It was read, and something is wrong with it.
    Wrong(Problems),
    /// The directory of the tenants cannot be read.
    NoTenants {
        /// The directory, as it was named.
        directory: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Several of the tenants' files have something wrong with them, each as if it were alone; never empty.
    Several(Vec<LoadError>),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Unreadable { file, error } => {
                write!(f, "{}: cannot be read: {error}", file.display())?;
                let remedy = match error.kind() {
                    io::ErrorKind::NotFound => "name the settings file with --config",
                    io::ErrorKind::PermissionDenied => {
                        "run as the user who owns it, or let this user read it"
                    }
                    io::ErrorKind::FileTooLarge => "a settings file has a few hundred lines at most",
                    _ => "name a readable TOML file with --config",
                };
                write!(f, "\n    remedy:   {remedy}")
            }
            LoadError::Wrong(problems) => problems.fmt(f),
            LoadError::NoTenants { directory, error } => {
                write!(f, "{}: the tenants cannot be read: {error}", directory.display())?;
                let remedy = match error.kind() {
                    io::ErrorKind::NotFound => "make this directory, or name another as tenants.directory",
                    io::ErrorKind::PermissionDenied => "let this user read it",
                    io::ErrorKind::FileTooLarge => "give some of them to another box",
                    _ => "name a directory of TOML files as tenants.directory",
                };
                write!(f, "\n    remedy:   {remedy}")
            }
            LoadError::Several(errors) => {
                for (place, error) in errors.iter().enumerate() {
                    if place > 0 {
                        writeln!(f)?;
                    }
                    error.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

impl core::error::Error for LoadError {}
impl core::error::Error for Problems {}
