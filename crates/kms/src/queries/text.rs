//! A text to search for, regardless of case.

/// The text to search for.
pub(super) struct Needle(String);

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    /// The text in lower case.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a part of `text`, regardless of case.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let mut buffer = [0; SHORT];
        match buffer.get_mut(..text.len()).filter(|_| text.is_ascii()) {
            Some(lower) => {
                lower.copy_from_slice(text.as_bytes());
                lower.make_ascii_lowercase();
                str::from_utf8(lower).is_ok_and(|lower| lower.contains(&self.0))
            }
            None => text.to_lowercase().contains(&self.0),
        }
    }
}

/// A text up to this length is compared without allocation.
const SHORT: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_any_case() {
        let is_in = |needle: &str, text: &str| Needle::new(needle).is_in(text);
        assert!(is_in("Apollo", "alias of apollo") && is_in("KEY", "WorkKey") && is_in("", "anything"));
        assert!(is_in("ÄPFEL", "zwei äpfel") && is_in("k", "äK") && is_in("主密钥", "我的主密钥"));
        assert!(!is_in("apollo", "apoll") && !is_in("b", "aaa") && !is_in("a", "") && !is_in("密", "key"));
    }
}
