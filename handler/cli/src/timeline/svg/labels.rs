//! Places the labels of bars: inside the bar, beside it, or nowhere.

use super::words::{self, SMALL};

/// The space between a label and the next bar or label, in pixels.
const PAD: f64 = 4.0;

/// A bar and its possible labels.
pub(super) struct Bar {
    /// The left edge.
    pub(super) from: f64,
    /// The right edge.
    pub(super) to: f64,
    /// Whether the label may be inside. It may not if the bar consists of several attempts.
    pub(super) can_contain_label: bool,
    /// The possible labels, the most detailed first.
    pub(super) names: Vec<String>,
}

/// A label with its position.
pub(super) struct Label {
    /// The start of the text, or its end if the label is to the left of the bar.
    pub(super) x: f64,
    pub(super) text: String,
    pub(super) side: Side,
}

/// The position of a label, relative to its bar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Inside,
    Left,
    Right,
}

/// Places the labels of the bars in one lane. `bars` are in order, `left` and `right` are the limits of the lane. A bar without
/// room gets `None`.
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
    if bar.can_contain_label && width + 2.0 * PAD <= bar.to - bar.from {
        label(bar.from + PAD, Side::Inside)
    } else if bar.to + width + 2.5 * PAD <= next {
        label(bar.to + 1.5 * PAD, Side::Right)
    } else if taken + width + 2.5 * PAD <= bar.from {
        label(bar.from - 1.5 * PAD, Side::Left)
    } else {
        None
    }
}

/// Returns a cut label, if at least `Describe…` fits: a shorter one would not help the reader.
fn shortened(bar: &Bar, next: f64) -> Option<Label> {
    let name = bar.names.last()?;
    let inside = if bar.can_contain_label { bar.to - bar.from - 2.0 * PAD } else { 0.0 };
    let beside = next - bar.to - 2.5 * PAD;
    let (room, x, side) = if beside < inside {
        (inside, bar.from + PAD, Side::Inside)
    } else {
        (beside, bar.to + 1.5 * PAD, Side::Right)
    };
    let fits = words::width("Describe…", SMALL) <= room;
    fits.then(|| Label { x, text: words::cut(name, SMALL, room), side })
}
