//! Panics of the code under test: a failure of the case, with the place.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// What the panic says that a case of this thread ended in; `None` while no case runs.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on the panics of cases are not printed; those of everything else are.
pub(super) fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let quiet = SAID.with_borrow_mut(|said| said.as_mut().map(|said| *said = info.to_string()).is_some());
            if !quiet {
                others(info);
            }
        }));
    });
}

/// The result of `case`; what it says where it panics.
pub(super) fn caught<T>(case: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    SAID.set(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(case));
    let said = SAID.take();
    result.unwrap_or_else(|_| Err(said.unwrap_or_default()))
}
