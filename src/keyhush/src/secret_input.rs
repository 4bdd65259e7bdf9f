//! A password from the terminal, without echo, or from standard input. No buffer keeps a copy.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write, stdin};
use std::os::fd::AsFd;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Longer than any password may be, so that one that is too long is told so.
const LONGEST: usize = 1024;

/// The first line of standard input.
///
/// # Errors
/// The system's own; that nothing came; that it is no text.
pub(crate) fn from_stdin() -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    while let Some(byte) = next(stdin())?.filter(|byte| *byte != b'\n') {
        push(&mut line, byte)?;
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    if line.is_empty() {
        return Err(io::Error::new(ErrorKind::UnexpectedEof, "no password came"));
    }
    text(&line)
}

/// What is typed at the terminal, whatever standard input and output are.
///
/// # Errors
/// The system's own, such as that there is no terminal; `Interrupted` on Ctrl-C and Ctrl-D.
pub(crate) fn from_terminal(prompt: &str) -> io::Result<Zeroizing<String>> {
    let terminal = Terminal::silent()?;
    (&terminal.file).write_all(prompt.as_bytes())?;
    let typed = terminal.line();
    (&terminal.file).write_all(b"\n")?;
    typed
}

/// A terminal that does not echo; it does again when this is dropped.
struct Terminal {
    file: File,
    before: Termios,
}

impl Terminal {
    fn silent() -> io::Result<Terminal> {
        let file = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&file)?;
        let mut silent = before.clone();
        // Key by key, and Ctrl-C as a key: it must not end us before the echo is back.
        silent.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&file, OptionalActions::Flush, &silent)?;
        Ok(Terminal { file, before })
    }

    fn line(&self) -> io::Result<Zeroizing<String>> {
        let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
        loop {
            match next(&self.file)? {
                Some(b'\n' | b'\r') => return text(&line),
                // Ctrl-C, Ctrl-D, Ctrl-\
                None | Some(0x03 | 0x04 | 0x1c) => return Err(ErrorKind::Interrupted.into()),
                Some(0x08 | 0x7f) => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
                // Ctrl-U
                Some(0x15) => line.clear(),
                Some(byte) => push(&mut line, byte)?,
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.file, OptionalActions::Now, &self.before);
    }
}

fn next(file: impl AsFd) -> io::Result<Option<u8>> {
    let mut byte = [0];
    loop {
        match rustix::io::read(&file, &mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A vector that grows leaves its beginning behind: this one does not grow.
fn push(line: &mut Vec<u8>, byte: u8) -> io::Result<()> {
    if line.len() == LONGEST {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is too long"));
    }
    line.push(byte);
    Ok(())
}

fn text(line: &[u8]) -> io::Result<Zeroizing<String>> {
    let text = core::str::from_utf8(line);
    text.map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text in UTF-8"))
}
