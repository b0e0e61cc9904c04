//! Loops over what an invocation keeps in registers, written out.
//!
//! Compilers keep an array in registers only where every index is a constant, and whether they unroll a loop for that is
//! theirs to decide. One that does not puts the values of a transform into memory, three times slower (docs/gpu.md).

use std::collections::BTreeMap;

/// More turns than this stay a loop: no invocation has so many registers.
const MOST: usize = 64;

/// `text` with every loop `for (var x = 0u; x < NAME; x++) { ... }` written out turn by turn, where NAME is SLOTS or begins
/// with ROUNDS_ or RADIX_ and is declared as a plain constant.
pub(super) fn unrolled(text: &str) -> String {
    let constants: BTreeMap<&str, usize> = text.lines().filter_map(constant).collect();
    written_out(text, &constants)
}

/// Name and value of a line `const NAME: u32 = 3u;`.
fn constant(line: &str) -> Option<(&str, usize)> {
    let (name, value) = line.strip_prefix("const ")?.split_once(": u32 = ")?;
    Some((name, value.strip_suffix("u;")?.parse().ok()?))
}

fn written_out(text: &str, constants: &BTreeMap<&str, usize>) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("for (var ") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        match find_loop(from, constants) {
            Some(Loop { name, turns, body, after }) => {
                let body = written_out(body, constants);
                for turn in turns {
                    out.push_str(&format!("{{ const {name} = {turn}u;{body}}}\n"));
                }
                rest = after;
            }
            None => {
                let (keyword, after) = from.split_at("for (var ".len());
                out.push_str(keyword);
                rest = after;
            }
        }
    }
    out + rest
}

/// A loop at the beginning of some text.
struct Loop<'a> {
    name: &'a str,
    turns: std::ops::Range<usize>,
    body: &'a str,
    after: &'a str,
}

fn find_loop<'a>(text: &'a str, constants: &BTreeMap<&str, usize>) -> Option<Loop<'a>> {
    let (head, rest) = text.strip_prefix("for (var ")?.split_once(") {")?;
    let [first, condition, step] = head.split("; ").collect::<Vec<_>>()[..] else { return None };
    let (name, from) = first.split_once(" = ")?;
    let (compared, bound) = condition.split_once(" < ")?;
    let wanted = bound == "SLOTS" || bound.starts_with("ROUNDS_") || bound.starts_with("RADIX_");
    if !wanted || compared != name || step.strip_suffix("++") != Some(name) {
        return None;
    }
    let turns = from.strip_suffix('u')?.parse().ok()?..*constants.get(bound)?;
    let mut depth = 1;
    let end = rest.char_indices().find_map(|(at, c)| {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        (depth == 0).then_some(at)
    })?;
    (turns.len() <= MOST).then(|| Loop { name, turns, body: &rest[..end], after: &rest[end + 1..] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_over_registers_are_written_out() {
        let text = "const SLOTS: u32 = 2u;\nconst RADIX_0: u32 = 3u;\nfor (var i = 0u; i < SLOTS; i++) { a(i); \
                    for (var k = 1u; k < RADIX_0; k++) { b(i, k); } }\nend";
        let turn = |i: u32| {
            format!("{{ const i = {i}u; a(i); {{ const k = 1u; b(i, k); }}\n{{ const k = 2u; b(i, k); }}\n }}\n")
        };
        let want = format!("const SLOTS: u32 = 2u;\nconst RADIX_0: u32 = 3u;\n{}{}\nend", turn(0), turn(1));
        assert_eq!(unrolled(text), want, "both loops");
        for other in [
            "for (var i = lane; i < SLOTS; i += 2u) { a(i); }",
            "for (var i = 0u; i < params.rows; i++) { a(i); }",
            "for (var i = 0u; i < SLOTS; i++) { a(i); }",
        ] {
            assert_eq!(unrolled(other), other, "as it was");
        }
        let long = "const SLOTS: u32 = 65u;\nfor (var i = 0u; i < SLOTS; i++) { a(i); }";
        assert_eq!(unrolled(long), long, "too many turns");
    }
}
