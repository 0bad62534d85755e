//! Where a bar's name goes: into it, beside it, or nowhere.

use super::words::{self, SMALL};

/// Between a text and what is next to it.
const PAD: f64 = 4.0;

/// A bar as far as its name is concerned.
pub(super) struct Bar {
    /// Its left edge.
    pub(super) from: f64,
    /// Its right edge.
    pub(super) to: f64,
    /// Whether text may stand in it.
    pub(super) holds: bool,
    /// What it would be called, at best first.
    pub(super) names: Vec<String>,
}

/// A name with a place for it.
pub(super) struct Label {
    /// Where the text begins, or ends if it is to the left of the bar.
    pub(super) x: f64,
    pub(super) text: String,
    pub(super) side: Side,
}

/// Where a label is, as seen from its bar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Inside,
    Left,
    Right,
}

/// The labels of the bars of one lane, left to right, between the edges of the picture; none where there is no room.
pub(super) fn place(bars: &[Bar], left: f64, right: f64) -> Vec<Option<Label>> {
    let mut taken = left;
    let mut labels = Vec::with_capacity(bars.len());
    for (index, bar) in bars.iter().enumerate() {
        let next = bars.get(index + 1).map_or(right, |next| next.from);
        let label = bar.names.iter().find_map(|name| fit(bar, name, taken, next)).or_else(|| shortened(bar, next));
        taken = match &label {
            Some(label) if label.side == Side::Right => label.x + words::width(&label.text, SMALL),
            _ => bar.to,
        };
        labels.push(label);
    }
    labels
}

fn fit(bar: &Bar, name: &str, taken: f64, next: f64) -> Option<Label> {
    let width = words::width(name, SMALL);
    let label = |x, side| Some(Label { x, text: name.to_owned(), side });
    if bar.holds && width + 2.0 * PAD <= bar.to - bar.from {
        label(bar.from + PAD, Side::Inside)
    } else if bar.to + width + 2.5 * PAD <= next {
        label(bar.to + 1.5 * PAD, Side::Right)
    } else if taken + width + 2.5 * PAD <= bar.from {
        label(bar.from - 1.5 * PAD, Side::Left)
    } else {
        None
    }
}

/// The beginning of the name, where that says something.
fn shortened(bar: &Bar, next: f64) -> Option<Label> {
    let name = bar.names.last()?;
    let inside = if bar.holds { bar.to - bar.from - 2.0 * PAD } else { 0.0 };
    let beside = next - bar.to - 2.5 * PAD;
    let (room, x, side) = if beside < inside {
        (inside, bar.from + PAD, Side::Inside)
    } else {
        (beside, bar.to + 1.5 * PAD, Side::Right)
    };
    let fits = words::width("Describe…", SMALL) <= room;
    fits.then(|| Label { x, text: words::cut(name, SMALL, room), side })
}
