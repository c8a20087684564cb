//! What commands print that look at the whole fleet: one screen, whatever its size. Problems first,
//! each with why; then what is well, in a line each; then the numbers.

use std::collections::BTreeSet;

use comfy_table::Color;
use pmp_protocol::{OrganizationId, count};
use pmp_terminal::{Frame, cut, fold};

/// The column in which texts stand, beside the word at the beginning of a block.
const INDENT: usize = 12;
/// How wide a list of names beside them is: it fits the smallest terminal in use.
const NAMES: usize = Frame::WIDTH - INDENT - 1;
/// The most lines of what stands below everything else.
const FOOT: usize = 2;

/// Some that have something in common.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// What they are: a state.
    pub(crate) word: String,
    pub(crate) color: Color,
    /// How many, and who.
    pub(crate) head: String,
    /// Why, and what to do. Shown in whole where there is room.
    pub(crate) text: String,
}

/// One screen of text: a head, blocks with the worst first, and a line of numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) top: Vec<String>,
    /// The worst first. Those that do not fit are counted.
    pub(crate) blocks: Vec<Block>,
    /// In a line each.
    pub(crate) well: Vec<Block>,
    pub(crate) foot: String,
}

impl Page {
    /// The lines: no more than `rows`.
    pub(crate) fn frame(&self, rows: usize) -> Frame {
        self.frame_in(rows, Frame::columns())
    }

    fn frame_in(&self, rows: usize, width: usize) -> Frame {
        let mut frame = Frame::default();
        let top: Vec<String> = self.top.iter().flat_map(|line| fold(line, width)).collect();
        let foot = at_most(fold(&self.foot, width), FOOT, width);
        let room = rows.saturating_sub(top.len() + self.well.len() + foot.len());
        let shown = self.shown(room, width);
        // One column for all words of this screen.
        let words = self.blocks.iter().chain(&self.well).map(|block| block.word.len() + 1);
        let indent = words.max().unwrap_or_default().max(INDENT);
        top.iter().for_each(|line| frame.line(line));
        for (block, lines) in self.blocks.iter().zip(&shown) {
            frame.colored(&block.word, block.color, indent, &block.head);
            lines.iter().for_each(|line| frame.line(&format!("{:indent$}{line}", "")));
        }
        if let Some(more @ 1..) = self.blocks.len().checked_sub(shown.len()) {
            frame.line(&format!("and {} more: --all", count(more, "cause")));
        }
        for block in &self.well {
            frame.colored(&block.word, block.color, indent, &block.head);
        }
        foot.iter().for_each(|line| frame.line(line));
        frame
    }

    /// The lines below the head of each block that fits `room`: one of each, and where more is
    /// left, more, of the worst first.
    fn shown(&self, room: usize, width: usize) -> Vec<Vec<String>> {
        let width = width.saturating_sub(INDENT + 1);
        let texts: Vec<Vec<String>> = self.blocks.iter().map(|block| fold(&block.text, width)).collect();
        let least = |lines: &Vec<String>| 1 + lines.len().min(1);
        let all: usize = texts.iter().map(least).sum();
        // A line tells how many do not fit.
        let mut left = if all <= room { room } else { room.saturating_sub(1) };
        let mut fit = 0;
        for lines in &texts {
            let Some(rest) = left.checked_sub(least(lines)) else { break };
            (left, fit) = (rest, fit + 1);
        }
        let shown = texts.into_iter().take(fit).map(|lines| {
            let more = lines.len().saturating_sub(1).min(left);
            left -= more;
            let most = lines.len().min(1) + more;
            at_most(lines, most, width)
        });
        shown.collect()
    }
}

/// The first `most` lines of `width` columns; where there are more, the last one says so.
pub(super) fn at_most(mut lines: Vec<String>, most: usize, width: usize) -> Vec<String> {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = cut(&format!("{last} …"), width);
        }
    }
    lines
}

/// `74 experiences of 37 organizations: o-a, o-b and 35 more`, as many of them as fit a line.
pub(crate) fn who<'a>(what: &str, organizations: impl IntoIterator<Item = &'a OrganizationId>) -> String {
    let all: BTreeSet<&OrganizationId> = organizations.into_iter().collect();
    named(&format!("{what}{}", count(all.len(), "organization")), all.iter().map(|id| id.to_string()))
}

/// `30 organizations: o-a (26d), o-b (3d) and 28 more`, as many names as fit a line.
pub(crate) fn named(what: &str, names: impl ExactSizeIterator<Item = String>) -> String {
    named_in(what, names, NAMES)
}

/// The same in so many columns.
pub(crate) fn named_in(what: &str, names: impl ExactSizeIterator<Item = String>, width: usize) -> String {
    let total = names.len();
    let mut text = format!("{what}:");
    for (at, name) in names.enumerate() {
        let left = total - at;
        let and_more = if left > 1 { format!(" and {} more", left - 1) } else { String::new() };
        let longer = format!("{text}{} {name}", if at == 0 { "" } else { "," });
        if longer.chars().count() + and_more.len() > width {
            let none = at == 0;
            return if none { what.to_owned() } else { format!("{text} and {left} more") };
        }
        text = longer;
    }
    if total == 0 { what.to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(word: &str, text: &str) -> Block {
        Block { word: word.to_owned(), color: Color::Red, head: format!("who is {word}"), text: text.to_owned() }
    }

    #[test]
    fn a_page_never_has_more_lines_than_there_are_rows() {
        let long = "a sentence that goes on ".repeat(20);
        for blocks in 0..40 {
            for text in ["", "short", long.as_str()] {
                let page = Page {
                    top: vec!["the headline".to_owned()],
                    blocks: (0..blocks).map(|_| block("HELD", text)).collect(),
                    well: vec![block("SYNCED", ""), block("SKIPPED", "")],
                    foot: "numbers ".repeat(15),
                };
                let frame = page.frame_in(Frame::HEIGHT, Frame::WIDTH);
                assert!(frame.len() <= Frame::HEIGHT, "{blocks} blocks: {} lines", frame.len());
            }
        }
    }

    #[test]
    fn where_there_is_room_the_worst_is_told_in_whole() {
        let long = "word ".repeat(30);
        let page = Page { blocks: vec![block("HELD", &long), block("ERROR", &long)], ..Page::default() };
        let lines: Vec<usize> = page.shown(6, Frame::WIDTH).iter().map(Vec::len).collect();
        assert_eq!(lines, [3, 1]);
        assert!(page.shown(6, Frame::WIDTH)[1][0].ends_with('…'));
        assert_eq!(page.shown(3, Frame::WIDTH).len(), 1, "a line is kept for how many do not fit");
    }

    #[test]
    fn as_many_are_named_as_fit_a_line() {
        let ids: Vec<_> = (0..40).map(|n| OrganizationId::new(&format!("o-member{n:04}")).unwrap()).collect();
        let told = who("74 experiences of ", &ids);
        assert_eq!(told, "74 experiences of 40 organizations: o-member0000 and 39 more");
        assert_eq!(who("", &ids[..1]), "1 organization: o-member0000");
        assert_eq!(named_in("x", ["long".to_owned()].into_iter(), 5), "x");
    }
}
