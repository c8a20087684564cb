//! Reads and writes PEM (RFC 7468), also as people paste it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// One block: its label and its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) der: Vec<u8>,
}

/// All blocks of a text. White space is ignored, because a template's parameter or a console often
/// puts everything into one line.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block>, &'static str> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (label, after) = after.split_once(DASHES).ok_or("a BEGIN line does not end")?;
        let end = format!("-----END {label}-----");
        let (body, after) = after.split_once(&end).ok_or("a BEGIN line has no END line")?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| "what is between BEGIN and END is not base64")?;
        blocks.push(Block { label: label.to_owned(), der });
        rest = after;
    }
    Ok(blocks)
}

/// A block in the form for files, with lines of 64 characters.
pub(crate) fn write(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = format!("{BEGIN}{label}{DASHES}\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text += line;
        text += "\n";
        rest = after;
    }
    text + &format!("-----END {label}{DASHES}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_in_one_line_too() {
        let text = write("PUBLIC KEY", &[7; 91]) + &write("X", &[8; 10]);
        let expected =
            vec![Block { label: "PUBLIC KEY".into(), der: vec![7; 91] }, Block { label: "X".into(), der: vec![8; 10] }];
        assert_eq!(blocks(&text).unwrap(), expected);
        assert_eq!(blocks(&text.replace('\n', " ")).unwrap(), expected);
        assert_eq!(blocks(&text.replace('\n', "\r\n")).unwrap(), expected);
        assert_eq!(blocks("no key here").unwrap(), []);
    }

    #[test]
    fn half_a_block_is_an_error() {
        let whole = write("PUBLIC KEY", &[7; 91]);
        assert!(blocks(&whole[..whole.len() - 10]).is_err());
        assert!(blocks("-----BEGIN PUBLIC KEY").is_err());
        assert!(blocks("-----BEGIN A-----\n%%%\n-----END A-----").is_err());
    }
}
