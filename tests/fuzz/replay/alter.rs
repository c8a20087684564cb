//! Alters inputs by a seed: bits, bytes, numbers, words that parsers have trouble with, parts that
//! are taken out, repeated or exchanged, and parts of other inputs.

use fastrand::Rng;

/// What stands in nobody's document, and what stands in many.
const WORDS: [&[u8]; 48] = [
    b"",
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[[",
    b":",
    b",",
    b";",
    b"#",
    b"@",
    b"=",
    b"&a ",
    b"*a",
    b"%",
    b"-",
    b"0",
    b"-1",
    b"1e999",
    b"18446744073709551615",
    b"18446744073709551616",
    b"9223372036854775808",
    b"0.1",
    b"NaN",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"\xe2\x80\xae",
    b"\x1b[31m",
    b"\xe2\x80\x8d",
    b"\xf0\x9f\x91\xa9",
    b"\xff\xfe",
    b"o-alpha00000",
    b"exp-management",
    b"prod-a",
    b"2026-11-24T12:00:00Z",
    b"-009999-01-01T00:00:00Z",
    b"sha256:",
];
/// The longest input that is made.
const LONGEST: usize = 64 * 1024;

/// Inputs, each one made of kept ones.
pub(crate) struct Alter<'a> {
    chance: Rng,
    kept: &'a [&'a [u8]],
}

impl<'a> Alter<'a> {
    pub(crate) fn new(seed: u64, kept: &'a [&'a [u8]]) -> Self {
        Self { chance: Rng::with_seed(seed), kept }
    }

    /// The next input: a kept one with one to four changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut input = self.any().to_vec();
        // Mostly a single change, so that most of what was valid stays so.
        let changes = 1 + self.chance.usize(..8).saturating_sub(4);
        (0..changes).for_each(|_| self.change(&mut input));
        input.truncate(LONGEST);
        input
    }

    fn any(&mut self) -> &'a [u8] {
        self.kept[self.chance.usize(..self.kept.len())]
    }

    /// A part of something with this many bytes: up to eight of them, or up to all.
    fn part(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.chance.usize(..=length);
        let most = if self.chance.bool() { (length - from).min(8) } else { length - from };
        from..from + self.chance.usize(..=most)
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let part = self.part(input.len());
        match self.chance.u8(..8) {
            0 => drop(input.drain(part)),
            1 => drop(input.splice(part, self.word())),
            2 => {
                let at = part.start;
                drop(input.splice(at..at, self.word()));
            }
            3 => {
                let repeated = input[part.clone()].repeat(self.chance.usize(1..4));
                drop(input.splice(part.end..part.end, repeated));
            }
            4 => {
                let other = self.any();
                let taken = self.part(other.len());
                drop(input.splice(part, other[taken].iter().copied()));
            }
            5 => input.truncate(part.start),
            6 => {
                if let Some(byte) = input.get_mut(part.start) {
                    *byte = self.chance.u8(..);
                }
            }
            _ => {
                if let Some(byte) = input.get_mut(part.start) {
                    *byte ^= 1 << self.chance.u8(..8);
                }
            }
        }
    }

    fn word(&mut self) -> Vec<u8> {
        WORDS[self.chance.usize(..WORDS.len())].to_vec()
    }
}
