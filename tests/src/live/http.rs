//! HTTP/1.1 in the clear, to what listens on our own loopback.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than the longest answer that is waited for: a page that chromedriver loads.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a request whose body is JSON, or nothing, and answers the answer's body, whatever its status. A connection serves one:
/// between processes of one machine another costs nothing.
///
/// # Errors
/// When nobody listens, or what comes is no answer.
pub fn exchange(server: SocketAddr, method: &str, target: &str, body: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    let mut answer = BufReader::new(stream);
    let mut length = None;
    loop {
        let mut line = String::new();
        if answer.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse::<usize>().map_err(io::Error::other)?);
        }
    }
    let mut body = Vec::new();
    match length {
        Some(length) => {
            body.resize(length, 0);
            answer.read_exact(&mut body)?;
        }
        None => drop(answer.read_to_end(&mut body)?),
    }
    Ok(body)
}
