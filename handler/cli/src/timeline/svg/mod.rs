//! Draws a run as SVG. From top to bottom: the header, the time axis with the calls in lanes, and the critical path as a table.
//!
//! Colour is never the only difference: a write is taller and solid, a read is light with a border, a failed call has a cross, a
//! wait is hatched. The `<title>` of a bar has everything that is known about its call. Browsers show it under the pointer.

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

/// The width of the picture, in pixels. The height depends on the content.
const WIDTH: f64 = 1200.0;
/// The margin on all four sides, in pixels.
const MARGIN: f64 = 24.0;
/// The x coordinate of time 0. The names of the services are to the left of it.
const LEFT: f64 = 180.0;
/// The x coordinate of the right end of the axis.
const RIGHT: f64 = WIDTH - MARGIN;

/// Returns the SVG document for a run.
pub(super) fn draw(run: &Run) -> String {
    let path = CriticalPath::from_run(run);
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

/// Draws a line of text. `y` is its baseline.
fn write(xml: &mut Xml, class: &str, x: f64, y: f64, text: &str) {
    xml.text("text", &[("class", &class), ("x", &Px(x)), ("y", &Px(y))], text);
}

/// Draws a rectangle from its top left corner and its width and height.
fn rect(xml: &mut Xml, class: &str, corner: (f64, f64), size: (f64, f64)) {
    let ((x, y), (width, height)) = (corner, size);
    xml.leaf(
        "rect",
        &[("class", &class), ("x", &Px(x)), ("y", &Px(y)), ("width", &Px(width)), ("height", &Px(height))],
    );
}

/// Draws a line. `d` is path data of SVG.
fn path(xml: &mut Xml, class: &str, d: &str) {
    xml.leaf("path", &[("class", &class), ("d", &d)]);
}
