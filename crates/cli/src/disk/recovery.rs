//! The random passphrase that opens a volume when the KMS is unavailable.

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::passphrase::{ask_line, show};
use crate::failure::{Exit, Failure};

/// 160 random bits as eight groups of four letters and digits. It is typed as displayed, with the hyphens.
pub(crate) struct RecoveryPassphrase(Zeroizing<String>);

impl RecoveryPassphrase {
    pub(crate) fn random() -> Self {
        let mut random = Zeroizing::new([0; BYTES]);
        rand::fill(&mut *random).expect("the system's generator never fails after the start");
        Self::of(&random)
    }

    /// Encodes 40 bits as eight digits of Crockford's base 32, which has no I, L, O and U.
    fn of(random: &[u8; BYTES]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(BYTES * 2));
        for five in random.chunks(5) {
            let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for digit in 0..8 {
                if digit % 4 == 0 && !text.is_empty() {
                    text.push('-');
                }
                let value = usize::try_from(bits >> (35 - 5 * digit) & 31).unwrap_or_default();
                text.push(char::from(DIGITS[value]));
            }
        }
        Self(text)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Shows it at the terminal and prompts for a part of it, to check that it was written down.
    pub(crate) fn show_and_check(&self) -> Result<(), Failure> {
        let shown =
            format!("\nRecovery passphrase: {}\n\nWrite it down: it is shown only now.\n", self.text());
        let hint = "have it written to a new file with --recovery-file";
        show(&Zeroizing::new(shown)).map_err(|failure| failure.advising(hint))?;
        let mut random = [0];
        rand::fill(&mut random).expect("the system's generator never fails after the start");
        let groups: Vec<_> = self.0.split('-').collect();
        let number = usize::from(random[0]) % groups.len();
        let typed = ask_line(&format!("Type group {} of {} from your notes: ", number + 1, groups.len()))?;
        if typed.trim().eq_ignore_ascii_case(groups[number]) {
            return Ok(());
        }
        let hint = "start again, and write down the passphrase when it is shown";
        Err(Failure::new(Exit::Usage, "that is not the group: nothing was changed", hint))
    }
}

const BYTES: usize = 20;
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_all_of_its_160_bits() {
        let text = |random: &[u8; 20]| RecoveryPassphrase::of(random).text().to_owned();
        assert_eq!(text(&[0; 20]), "0000-0000-0000-0000-0000-0000-0000-0000");
        assert_eq!(text(&[255; 20]), "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ");
        let mut counting = [0; 20];
        (0..20).zip(&mut counting).for_each(|(value, byte)| *byte = value);
        assert_eq!(text(&counting), "000G-40R4-0M30-E209-185G-R38E-1W81-24GK");
        assert_ne!(RecoveryPassphrase::random().text(), RecoveryPassphrase::random().text());
        let bits: std::collections::BTreeSet<_> = (0..160)
            .map(|bit| {
                let mut random = [0; 20];
                random[bit / 8] = 1 << (bit % 8);
                text(&random)
            })
            .collect();
        assert_eq!(bits.len(), 160);
    }
}
