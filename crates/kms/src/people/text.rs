//! Free texts about users, groups, roles and policies: which are valid. An empty text is absent, and valid.

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFault {
    Length,
    InvalidChars,
    Format,
}

/// Checks the display name of a user: up to 128 letters, digits, Chinese characters, spaces and `.@_-`.
///
/// # Errors
/// [`TextFault::Length`], [`TextFault::InvalidChars`].
pub(crate) fn check_display_name(text: &str) -> Result<(), TextFault> {
    check_length(text, 128)?;
    let is_good = |letter: char| letter.is_ascii_alphanumeric() || is_cjk(letter) || " .@_-".contains(letter);
    if text.chars().all(is_good) { Ok(()) } else { Err(TextFault::InvalidChars) }
}

/// Checks comments of a user or group: up to 128 characters.
///
/// # Errors
/// [`TextFault::Length`].
pub(crate) fn check_comments(text: &str) -> Result<(), TextFault> {
    check_length(text, 128)
}

/// Checks the description of a role or policy: up to 1024 characters.
///
/// # Errors
/// [`TextFault::Length`].
pub(crate) fn check_description(text: &str) -> Result<(), TextFault> {
    check_length(text, 1024)
}

/// Checks a phone number: a country code, a hyphen, and a number, such as `86-18600008888`.
///
/// # Errors
/// [`TextFault::Format`].
pub(crate) fn check_mobile_phone(text: &str) -> Result<(), TextFault> {
    let is_number =
        |part: &str, max| (1..=max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_good = |(country, number): (&str, &str)| is_number(country, 4) && is_number(number, 15);
    check_format(text, |text| text.split_once('-').is_some_and(is_good))
}

/// Checks an email address: a local part, one `@`, and a domain.
///
/// # Errors
/// [`TextFault::Format`].
pub(crate) fn check_email(text: &str) -> Result<(), TextFault> {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
    let is_domain = |domain: &str| is_part(domain) && !domain.split('.').any(str::is_empty);
    let is_good = |(name, domain): (&str, &str)| is_part(name) && is_domain(domain) && !domain.contains('@');
    check_format(text, |text| text.len() <= 254 && text.split_once('@').is_some_and(is_good))
}

fn check_length(text: &str, max: usize) -> Result<(), TextFault> {
    if text.chars().count() <= max { Ok(()) } else { Err(TextFault::Length) }
}

fn check_format(text: &str, is_good: impl FnOnce(&str) -> bool) -> Result<(), TextFault> {
    if text.is_empty() || is_good(text) { Ok(()) } else { Err(TextFault::Format) }
}

/// CJK Unified Ideographs, Extension A, and the compatibility ideographs.
fn is_cjk(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_take_letters_of_both_languages() {
        for good in ["", "Alice B.", "张三", "a@b_c-d", &"张".repeat(128)] {
            assert_eq!(check_display_name(good), Ok(()), "{good}");
        }
        assert_eq!(check_display_name(&"a".repeat(129)), Err(TextFault::Length));
        for bad in ["a/b", "<b>", "a\nb", "é"] {
            assert_eq!(check_display_name(bad), Err(TextFault::InvalidChars), "{bad}");
        }
    }

    #[test]
    fn phone_numbers_have_a_country() {
        for good in ["", "86-18600008888", "1-1"] {
            assert_eq!(check_mobile_phone(good), Ok(()), "{good}");
        }
        for bad in ["18600008888", "+86-1", "86-", "-1", "86-1-1", "86-1860000888a", "86-1234567890123456"] {
            assert_eq!(check_mobile_phone(bad), Err(TextFault::Format), "{bad}");
        }
    }

    #[test]
    fn addresses_have_a_domain() {
        for good in ["", "alice@example.com", "a+b@c"] {
            assert_eq!(check_email(good), Ok(()), "{good}");
        }
        for bad in ["alice", "@example.com", "alice@", "a@b@c", "a b@c", "a@b..c", "a@.c"] {
            assert_eq!(check_email(bad), Err(TextFault::Format), "{bad}");
        }
    }

    #[test]
    fn lengths_count_characters() {
        assert_eq!(check_comments(&"库".repeat(128)), Ok(()));
        assert_eq!(check_comments(&"库".repeat(129)), Err(TextFault::Length));
        assert_eq!(check_description(&"库".repeat(1025)), Err(TextFault::Length));
    }
}
