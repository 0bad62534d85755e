//! Tests of the picture, with an XML parser.

use super::super::tests::{CREATE, HOSTILE, logged, run, text};
use super::super::{Call, Outcome, Span, read};
use super::labels::{self, Bar, Side};
use super::*;
use proptest::prelude::*;
use roxmltree::{Document, Node};
use std::time::Duration;

/// The expected picture of the sample. `cargo test -- --ignored redraw` writes it.
const EXPECTED: &str = concat!(env!("KARPENTER_PREREQS_CHECKOUT"), "handler/cli/src/timeline/testdata/create.svg");

fn sample() -> Run {
    read(CREATE).unwrap().remove(0)
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).map_or(0.0, |number| number.parse().unwrap())
}

/// Parses `svg` and checks what holds for every picture of `run`: it shows each call once, and everything is inside the picture.
#[track_caller]
fn check(run: &Run, svg: &str) {
    let document = Document::parse(svg).unwrap();
    let root = document.root_element();
    let (width, height) = (number(root, "width"), number(root, "height"));
    let calls = document.descendants().filter(|node| node.attribute("class") == Some("call"));
    let mut titles: Vec<_> = calls
        .map(|call| {
            let title = call.first_element_child().unwrap();
            assert_eq!(title.tag_name().name(), "title");
            title.text().unwrap().lines().take(2).collect::<Vec<_>>().join(" ")
        })
        .collect();
    let mut expected: Vec<_> = run
        .calls
        .iter()
        .map(|call| {
            // Escaping replaces control characters, which XML does not allow.
            let call = Xml::escaped(&bar::title_text(run, call, None));
            let call = call.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            call.lines().take(2).collect::<Vec<_>>().join(" ")
        })
        .collect();
    titles.sort_unstable();
    expected.sort_unstable();
    assert_eq!(titles, expected);
    for node in document.descendants().filter(Node::is_element) {
        assert!(!matches!(node.tag_name().name(), "script" | "foreignObject" | "a" | "image"), "{node:?}");
        if node.tag_name().name() == "rect" {
            let (x, y) = (number(node, "x"), number(node, "y"));
            assert!(0.0 <= number(node, "width") && 0.0 <= number(node, "height"), "{node:?}");
            assert!(x + number(node, "width") <= width && y + number(node, "height") <= height, "{node:?}");
        }
        if node.tag_name().name() == "text" {
            let (x, y) = (number(node, "x"), number(node, "y"));
            assert!(0.0 <= x && x <= width && 0.0 <= y && y <= height, "{node:?}");
            let class = node.attribute("class").unwrap();
            let text = words::width(node.text().unwrap_or_default(), words::SMALL);
            if class.contains("right") {
                assert!(0.0 <= x - text, "{node:?}");
            } else if ["", "muted", "label", "name", "odd"].contains(&class) {
                assert!(x + text <= width, "{node:?}");
            }
        }
    }
}

#[test]
fn sample_gives_expected_picture() {
    let run = sample();
    let svg = run.svg();
    check(&run, &svg);
    assert!(
        svg == include_str!("../testdata/create.svg"),
        "the picture differs: write {EXPECTED} with `cargo test -- --ignored redraw`, and look at it"
    );
}

#[test]
#[ignore = "it writes the expected picture of the test above"]
fn redraw() {
    std::fs::write(EXPECTED, sample().svg()).unwrap();
}

#[test]
fn long_reason_is_cut_but_complete_in_title() {
    let mut run = sample();
    let short = run.svg();
    let reason = "subnet-0a11c29e4d7f8b631, ".repeat(160) + &"x".repeat(1000) + HOSTILE;
    run.outcome = Some(Outcome {
        status: "FAILED".to_owned(),
        reason: Some(reason),
        delivered: false,
        after: Duration::from_millis(700),
    });
    let svg = run.svg();
    check(&run, &svg);
    let height = |svg: &str| number(Document::parse(svg).unwrap().root_element(), "height");
    assert!(height(&svg) - height(&short) < 120.0);
    assert!(svg.contains("FAILED, not delivered · 700 ms") && svg.contains(&"x".repeat(1000)));
}

#[test]
fn run_without_outcome_is_unfinished() {
    let mut run = sample();
    run.outcome = None;
    run.calls.truncate(30);
    let svg = run.svg();
    check(&run, &svg);
    assert!(svg.contains("UNFINISHED") && svg.contains("the log ends here") && svg.contains("the function was killed"));
}

#[test]
fn run_without_calls_has_a_message() {
    let mut run = sample();
    run.calls.clear();
    let svg = run.svg();
    check(&run, &svg);
    assert!(svg.contains("The log has no calls of this run."));
}

#[test]
fn thousand_calls_give_table_of_30_rows() {
    let mut run = sample();
    run.calls = (0..1000)
        .map(|index| Call {
            service: format!("Service {}", index % 3),
            operation: "GetRole".to_owned(),
            span: Span { begin: Duration::from_millis(5 * index), end: Duration::from_millis(5 * index + 5) },
            tries: 1,
            attempts: Vec::new(),
            error: None,
        })
        .collect();
    let svg = run.svg();
    check(&run, &svg);
    let document = Document::parse(&svg).unwrap();
    assert_eq!(document.descendants().filter(|node| node.attribute("class") == Some("row")).count(), 30);
    assert!(svg.contains("970 shorter links"));
    assert!(svg.len() < 1_000_000, "{}", svg.len());
}

#[test]
fn durations_have_about_three_digits() {
    let texts = [0.0, 0.00314, 0.00996, 0.64, 0.9996, 1.234, 12.34, 99.96, 200.4, 899.6]
        .map(|seconds| length(Duration::from_secs_f64(seconds)));
    let expected =
        ["0.0 ms", "3.1 ms", "10 ms", "640 ms", "1.00 s", "1.23 s", "12.3 s", "1 min 40 s", "3 min 20 s", "15 min 0 s"];
    assert_eq!(texts, expected);
}

#[test]
fn axis_has_4_to_11_short_ticks() {
    for ms in [0, 1, 3, 7, 45, 99, 640, 1999, 2001, 12_345, 899_999, 86_400_000] {
        let axis = axis::Axis::new(Duration::from_millis(ms));
        let ticks = axis.ticks();
        assert!((4..=11).contains(&ticks.len()), "{ms}: {}", ticks.len());
        assert!(ticks.iter().all(|tick| tick.label.len() <= 9 && tick.x <= RIGHT), "{ms}: {}", ticks[1].label);
    }
}

proptest! {
    #[test]
    fn every_picture_is_valid(run in run()) {
        let svg = run.svg();
        check(&run, &svg);
        prop_assert_eq!(&read(&text(logged(&run))).unwrap()[0].svg(), &svg);
    }

    #[test]
    fn labels_cover_no_bar_and_no_label(
        bars in prop::collection::vec((1.0..200.0, 0.5..150.0, any::<bool>(), prop::collection::vec("[a-zA-Z ]{1,30}", 1..3)), 0..20)
    ) {
        let mut x = LEFT;
        let bars: Vec<_> = bars.into_iter().map(|(gap, width, can_contain_label, names)| {
            let from = x + gap;
            x = from + width;
            Bar { from, to: x, can_contain_label, names }
        }).collect();
        let labels = labels::place(&bars, LEFT, x + 100.0);
        let mut taken: Vec<(f64, f64)> = Vec::new();
        for (bar, label) in bars.iter().zip(&labels) {
            let Some(label) = label else { continue };
            let width = words::width(&label.text, words::SMALL);
            let from = if label.side == Side::Left { label.x - width } else { label.x };
            let to = from + width;
            if label.side == Side::Inside {
                prop_assert!(bar.can_contain_label && bar.from < from && to < bar.to);
            } else {
                prop_assert!(bars.iter().all(|bar| to < bar.from || bar.to < from));
            }
            prop_assert!(taken.iter().all(|other| to < other.0 || other.1 < from));
            taken.push((from, to));
        }
    }

    #[test]
    fn wrapped_text_fits_and_loses_only_its_end(text in "\\PC{0,400}", most in 1_usize..6) {
        let lines = words::wrap(&text, 11.0, 200.0, most);
        prop_assert!(lines.len() <= most);
        for line in &lines {
            prop_assert!(words::width(line, 11.0) <= 200.0 + 1e-9, "{}", line);
        }
        let bare = |text: &str| text.replace(char::is_whitespace, "");
        let (kept, whole) = (bare(&lines.concat()), bare(&text));
        prop_assert!(kept == whole || whole.starts_with(kept.strip_suffix('…').unwrap()), "{:?}", lines);
    }
}
