//! Choices that bytes determine. So one generator serves the runner, which generates and shrinks bytes, and libFuzzer, which
//! mutates them.

/// Makes choices from bytes. When the bytes run out, every choice is the first option.
#[derive(Debug)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Returns the choices that these bytes determine.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns a number below `bound`, which is 1 to 256. Uses one byte.
    pub fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % bound
    }

    /// Returns one of `options`, which must not be empty. Cases shrink to the first option.
    pub fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())]
    }

    /// Returns true one time in `times`, which is 2 to 256.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// Removes the next `count` bytes, or all if there are fewer, and returns them as separate choices. They are for parts that
    /// must have bytes even if the generator uses up all others.
    #[must_use]
    pub fn split_off(&mut self, count: usize) -> Self {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        Self(head)
    }

    /// Returns whether all bytes are used.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
