//! The only source of randomness of this crate.

/// The system's random generator, as an argument. The trait is sealed, so that callers cannot pass a weaker generator.
pub trait Random: sealed::Sealed {
    /// Fills `bytes` with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The generator of aws-lc, seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes once it has booted");
    }
}

/// Returns `N` random bytes.
pub(crate) fn array<const N: usize>(random: &impl Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::SystemRandom {}
    #[cfg(test)]
    impl Sealed for super::Fixed {}
}

/// Returns fixed bytes instead of random ones, to reproduce published vectors.
#[cfg(test)]
pub(crate) struct Fixed(pub(crate) Vec<u8>);

#[cfg(test)]
impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0);
    }
}
