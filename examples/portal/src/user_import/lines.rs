//! Reads lines of bounded length.

use std::io::{self, BufRead};

use kleidia_tower::account::{AccountImport, ImportError};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of an import that are not blank.
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    octets: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self { input, line: Vec::new(), number: 0, octets: 0 }
    }

    /// Returns the number of the last line, from 1 on.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Returns how many octets are read.
    pub(crate) const fn octets(&self) -> u64 {
        self.octets
    }

    /// Returns the next line that is not blank, and `None` at the end. Of a line that is too long,
    /// the rest is skipped.
    ///
    /// The first line may start with a byte order mark, as editors on Windows write it.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Result<&[u8], ImportError>>> {
        loop {
            let Some(is_complete) = self.read()? else { return Ok(None) };
            self.number += 1;
            if !is_complete {
                return Ok(Some(Err(ImportError::LineTooLong)));
            }
            if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
                self.line.drain(..BYTE_ORDER_MARK.len());
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some(Ok(&self.line)));
            }
        }
    }

    /// Reads a line; returns whether it is complete, or `None` at the end.
    fn read(&mut self) -> io::Result<Option<bool>> {
        self.line.clear();
        let (mut is_complete, mut is_end) = (true, true);
        loop {
            let buffer = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            if buffer.is_empty() {
                return Ok(if is_end { None } else { Some(is_complete) });
            }
            is_end = false;
            let found = buffer.iter().position(|octet| *octet == b'\n');
            let part = buffer.get(..found.unwrap_or(buffer.len())).unwrap_or_default();
            if self.line.len() + part.len() > AccountImport::MAX_LINE_OCTETS {
                is_complete = false;
            } else {
                self.line.extend_from_slice(part);
            }
            let consumed = part.len() + usize::from(found.is_some());
            self.octets += consumed as u64;
            self.input.consume(consumed);
            if found.is_some() {
                return Ok(Some(is_complete));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io::{BufReader, Read, repeat};

    use super::*;

    fn read(input: impl Read) -> Vec<(u64, Option<String>)> {
        let (mut lines, mut found) = (Lines::new(BufReader::new(input)), Vec::new());
        while let Some(line) = lines.next_line().unwrap() {
            let line = line.map(|line| String::from_utf8_lossy(line).into_owned());
            let line = line.ok();
            found.push((lines.number(), line));
        }
        found
    }

    #[test]
    fn numbers_lines_and_skips_blank_ones() {
        let some = |number, text: &str| (number, Some(text.to_owned()));
        let found = read(&b"\xef\xbb\xbfa\r\n\n \t\r\nb\n\xef\xbb\xbfc"[..]);
        assert_eq!(found, [some(1, "a\r"), some(4, "b"), some(5, "\u{feff}c")]);
        assert_eq!(read(&b""[..]), []);
        assert_eq!(read(&b"\n"[..]), []);
    }

    #[test]
    fn skips_the_rest_of_a_long_line_without_keeping_it() {
        let max = AccountImport::MAX_LINE_OCTETS;
        let longest = "x".repeat(max);
        let input = format!("{longest}\n{longest}x\n").into_bytes();
        let endless = repeat(b'x').take(1 << 30).chain(&b"\nend\n"[..]);
        let found = read(input.chain(endless));
        let lines: Vec<_> = found.iter().map(|(_, line)| line.as_ref().map(String::len)).collect();
        assert_eq!(lines, [Some(max), None, None, Some(3)]);
        let mut lines = Lines::new(BufReader::new(repeat(b'x').take(1 << 24)));
        assert!(lines.next_line().unwrap().unwrap().is_err());
        assert!(lines.line.capacity() <= 2 * max);
    }
}
