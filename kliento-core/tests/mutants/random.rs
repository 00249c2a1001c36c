//! Reproducible pseudorandom numbers.

/// Marsaglia's xorshift generator on 64 bits.
pub(crate) struct Random(u64);

impl Random {
    /// Creates the generator of one stream. Different streams are independent.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self((seed << 32) ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // Similar seeds have similar first numbers.
        for _ in 0..16 {
            random.number();
        }
        random
    }

    fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a number from 0 to `bound - 1`; the bound is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let high = u128::from(self.number()) * bound as u128;
        usize::try_from(high >> 64).expect("it is below the bound")
    }

    pub(crate) fn octet(&mut self) -> u8 {
        self.number().to_be_bytes()[0]
    }

    pub(crate) fn pick<'t, T>(&mut self, choices: &'t [T]) -> &'t T {
        &choices[self.below(choices.len())]
    }
}
