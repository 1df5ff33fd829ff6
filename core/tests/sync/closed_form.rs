//! The exact solution in closed form, for judging: every pair of messages is tried, nothing is clever.

use num_rational::BigRational;

use crate::clocks::int;

/// A message: instants on both clocks, and whether it went from the first to the second.
pub(crate) type Message = (i64, i64, bool);

fn rational(p: &Message) -> (BigRational, BigRational) {
    (int(p.0), int(p.1))
}

/// A line (slope, offset).
pub(crate) type Line = (BigRational, BigRational);

pub(crate) fn at(line: &Line, x: &BigRational) -> BigRational {
    &line.0 * x + &line.1
}

fn through(p: &Message, q: &Message) -> Line {
    let ((px, py), (qx, qy)) = (rational(p), rational(q));
    let slope = (&qy - py) / (&qx - px);
    (slope.clone(), qy - slope * qx)
}

pub(crate) fn feasible(line: &Line, messages: &[Message]) -> bool {
    messages.iter().all(|m| {
        let (x, y) = rational(m);
        if m.2 { y >= at(line, &x) } else { y <= at(line, &x) }
    })
}

/// The steepest and the flattest line, by all pairs of an earlier and a later message of opposite directions.
pub(crate) fn tangents(messages: &[Message]) -> (Option<Line>, Option<Line>) {
    let (mut steepest, mut flattest): (Option<Line>, Option<Line>) = (None, None);
    for p in messages {
        for q in messages.iter().filter(|q| p.0 < q.0 && p.2 != q.2) {
            let line = through(p, q);
            if q.2 && steepest.as_ref().is_none_or(|s| line.0 < s.0) {
                steepest = Some(line);
            } else if !q.2 && flattest.as_ref().is_none_or(|f| line.0 > f.0) {
                flattest = Some(line);
            }
        }
    }
    (steepest, flattest)
}

/// Whether some line satisfies all messages.
pub(crate) fn consistent(messages: &[Message]) -> bool {
    let (steepest, flattest) = tangents(messages);
    let slopes = match (&steepest, &flattest) {
        (Some(s), Some(f)) => s.0 >= f.0,
        _ => true,
    };
    slopes && messages.iter().filter(|m| m.2).all(|a| messages.iter().all(|b| b.2 || a.0 != b.0 || b.1 <= a.1))
}

/// The corners of the polygon of all lines that satisfy the messages: every line through two of them that does.
pub(crate) fn corners(messages: &[Message]) -> Vec<Line> {
    let mut corners = Vec::new();
    for (i, p) in messages.iter().enumerate() {
        for q in messages[i + 1..].iter().filter(|q| q.0 != p.0) {
            let line = through(p, q);
            if feasible(&line, messages) {
                corners.push(line);
            }
        }
    }
    corners
}

/// The mean of the two tangents.
pub(crate) fn mean(messages: &[Message]) -> Option<Line> {
    let (steepest, flattest) = tangents(messages);
    let (s, f) = (steepest?, flattest?);
    Some(((s.0 + f.0) / int(2), (s.1 + f.1) / int(2)))
}
