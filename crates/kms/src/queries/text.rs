//! Texts that are looked for in any case.

/// What is looked for.
pub(super) struct Needle {
    lower: String,
    /// Of a text in ASCII, the first byte in both cases.
    first: Option<[u8; 2]>,
}

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        let first = text.as_bytes().first().filter(|_| text.is_ascii());
        let first = first.map(|byte| [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()]);
        Self { lower: text.to_lowercase(), first }
    }

    /// The text in lower case.
    pub(super) fn as_str(&self) -> &str {
        &self.lower
    }

    /// Whether it is a part of `text`, in any case. Of other letters than those of ASCII, the lower case is compared.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let Some(first) = self.first.filter(|_| text.is_ascii()) else {
            return text.to_lowercase().contains(&self.lower);
        };
        let wanted = self.lower.as_bytes();
        let mut places = text.as_bytes().windows(wanted.len());
        places.any(|part| first.contains(&part[0]) && part.eq_ignore_ascii_case(wanted))
    }
}

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
