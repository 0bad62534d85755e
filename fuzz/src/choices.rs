//! Choices made by bytes, so that one generator serves two: the runner, which draws bytes and shrinks them, and
//! libFuzzer, which grows them.

/// Makes choices from bytes; when they run out, always the first one.
#[derive(Debug)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// Choices by these bytes, from the first on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// A number below `bound`, which is 1 to 256.
    pub fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % bound
    }

    /// One of `options`, which are at least one; the first is the one that cases shrink to.
    pub fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())]
    }

    /// True one time in `times`, which is 2 to 256.
    pub fn rarely(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// The next `count` bytes, or what is left, as choices of their own: for what must not starve where the bytes
    /// before it run out.
    #[must_use]
    pub fn apart(&mut self, count: usize) -> Self {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        Self(head)
    }

    /// Whether every byte has been used.
    pub fn is_spent(&self) -> bool {
        self.0.is_empty()
    }
}
