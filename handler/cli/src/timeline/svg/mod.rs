//! A run → its picture, top to bottom: what it was, the time axis with the calls in lanes, the critical path as a
//! table.
//!
//! Colour never stands alone: a write is taller and solid, a read is hollow, a refusal has a cross, a wait is
//! hatched. Every bar tells all that is known of it in its `<title>`, which browsers show under the pointer.

mod axis;
mod bar;
mod chart;
mod head;
mod labels;
mod table;
#[cfg(test)]
mod tests;
mod words;
mod xml;

pub(super) use words::length;

use super::Run;
use super::critical::CriticalPath;
use xml::{Px, Xml};

/// The picture's width. Its height is what it takes.
const WIDTH: f64 = 1200.0;
/// The space at all four sides.
const MARGIN: f64 = 24.0;
/// Where time begins, to the right of the services' names.
const LEFT: f64 = 180.0;
/// Where it ends.
const RIGHT: f64 = WIDTH - MARGIN;

/// Draws `run`.
pub(super) fn draw(run: &Run) -> String {
    let path = CriticalPath::of(run);
    let mut body = Xml::default();
    let mut y = head::draw(&mut body, run);
    if run.calls.is_empty() {
        y = head::no_calls(&mut body, y);
    } else {
        y = chart::draw(&mut body, run, &path, y);
        y = table::draw(&mut body, run, &path, y);
    }
    let height = y + MARGIN;
    let mut picture = Xml::default();
    picture.open(
        "svg",
        &[
            ("xmlns", &"http://www.w3.org/2000/svg"),
            ("viewBox", &format!("0 0 {} {}", Px(WIDTH), Px(height))),
            ("width", &Px(WIDTH)),
            ("height", &Px(height)),
            ("role", &"img"),
            ("aria-labelledby", &"title desc"),
        ],
    );
    picture.text("title", &[("id", &"title")], &head::title(run));
    picture.text("desc", &[("id", &"desc")], &head::facts(run).join(", "));
    picture.text("style", &[], include_str!("style.css"));
    picture.open("defs", &[]);
    picture.open(
        "pattern",
        &[
            ("id", &"wait"),
            ("width", &5),
            ("height", &5),
            ("patternUnits", &"userSpaceOnUse"),
            ("patternTransform", &"rotate(45)"),
        ],
    );
    picture.leaf("path", &[("class", &"wait-line"), ("d", &"M1 0V5")]);
    picture.close();
    picture.close();
    picture.leaf("rect", &[("class", &"page"), ("width", &Px(WIDTH)), ("height", &Px(height)), ("rx", &6)]);
    picture.append(body);
    picture.finish()
}

/// A line of text.
fn write(xml: &mut Xml, class: &str, x: f64, y: f64, text: &str) {
    xml.text("text", &[("class", &class), ("x", &Px(x)), ("y", &Px(y))], text);
}

/// Draws a rectangle, given its top left corner and its width and height.
fn rect(xml: &mut Xml, class: &str, corner: (f64, f64), size: (f64, f64)) {
    let ((x, y), (width, height)) = (corner, size);
    xml.leaf(
        "rect",
        &[("class", &class), ("x", &Px(x)), ("y", &Px(y)), ("width", &Px(width)), ("height", &Px(height))],
    );
}

/// A line from point to point, as SVG's path data.
fn path(xml: &mut Xml, class: &str, d: &str) {
    xml.leaf("path", &[("class", &class), ("d", &d)]);
}
