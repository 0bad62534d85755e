//! `mapRoles` belongs to many hands: whatever its text, an edit changes no foreign byte and no
//! foreign value, and can be taken back.

mod choices;
mod generate;
mod judge;
mod mutate;

use std::cell::Cell;

use choices::Choices;
use karpenter_prereqs_core::aws_auth;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

const CASES: u32 = 10_000;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

fn run<S: Strategy>(strategy: &S, property: impl Fn(S::Value) -> Result<(), String>) {
    // A failure prints its text: it belongs in the unit tests, not in a file of seeds.
    let mut runner =
        TestRunner::new(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() });
    let result = runner.run(strategy, |value| property(value).map_err(TestCaseError::fail));
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn edits_of_generated_texts_keep_every_foreign_byte() {
    run(&bytes(), |bytes| {
        let sample = generate::map_roles(&mut Choices::new(&bytes));
        judge::edits(&sample.text, sample.replaced).map_err(|error| format!("{sample:?}: {error}"))
    });
}

/// Texts that are nearly well: some are refused, and the others must be edited as well as any.
#[test]
fn edits_of_damaged_texts_keep_every_foreign_byte() {
    let edited = Cell::new(0_u32);
    let slips = prop::collection::vec(any::<u8>(), 16);
    run(&(bytes(), slips), |(bytes, slips)| {
        let text = generate::map_roles(&mut Choices::new(&bytes)).text;
        let text = mutate::damage(text, &mut Choices::new(&slips));
        let Ok(after) = aws_auth::insert(Some(&text), &judge::entry()) else {
            return Ok(());
        };
        let empty = aws_auth::is_empty_list(Some(&text)) == Ok(true);
        if judge::list(&text).is_ok() {
            edited.set(edited.get() + 1);
            return judge::edits(&text, empty).map_err(|error| format!("{text:?}: {error}"));
        }
        let kept = empty || judge::is_one_insertion(&text, &after);
        if kept { Ok(()) } else { Err(format!("{text:?} became {after:?}")) }
    });
    assert!(edited.get() > CASES / 4, "only {} of {CASES} were edited", edited.get());
}

#[test]
fn no_text_makes_an_edit_panic() {
    run(&any::<String>(), |text| {
        let _ = aws_auth::insert(Some(&text), &judge::entry());
        let _ = aws_auth::remove(&text, &judge::entry());
        Ok(())
    });
}

/// The generator reaches what it is for: a property of texts that never occur would prove nothing.
#[test]
fn generated_texts_have_every_trait() {
    type Trait = (&'static str, fn(&str) -> bool);
    let traits: [Trait; 20] = [
        ("CRLF", |text| text.contains("\r\n")),
        ("no final newline", |text| !text.ends_with('\n')),
        ("a block list", |text| text.starts_with("- ")),
        ("an indented list", |text| text.starts_with("  - ")),
        ("a wide dash", |text| text.contains("-   ")),
        ("a dash alone", |text| text.contains("-\n ")),
        ("a flow list", |text| text.starts_with("[{")),
        ("compact JSON", |text| text.starts_with("[{\"rolearn\":\"")),
        ("a trailing comma", |text| text.contains(",]")),
        ("a tab", |text| text.contains("[\n\t")),
        ("a literal that is kept", |text| text.contains("|+")),
        ("a folded scalar that is stripped", |text| text.contains(">-")),
        ("an indentation indicator", |text| text.contains("|2")),
        ("a value that a newline at the end would change", |text| {
            judge::list(text) != judge::list(&format!("{text}\n"))
        }),
        ("a comment not in ASCII", |text| text.contains("# größer")),
        ("a comment at the end", |text| text.lines().last().is_some_and(|line| line.starts_with('#'))),
        ("document markers", |text| text.starts_with("---") && text.contains("\n...")),
        ("a byte order mark", |text| text.starts_with('\u{feff}')),
        ("an alias", |text| text.contains("*a0")),
        ("nothing", |text| text.trim().is_empty()),
    ];
    let counts = traits.map(|_| Cell::new(0_u32));
    run(&bytes(), |bytes| {
        let text = generate::map_roles(&mut Choices::new(&bytes)).text;
        for ((_, holds), count) in traits.iter().zip(&counts) {
            count.set(count.get() + u32::from(holds(&text)));
        }
        Ok(())
    });
    for ((name, _), count) in traits.iter().zip(&counts) {
        assert!(count.get() >= CASES / 1000, "{name}: {} of {CASES}", count.get());
    }
}
