//! The credentials file of the SDKs in the INI format, such as `~/.alibabacloud/credentials.ini`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla_wire::SecretText;

use super::chain::SearchContext;
use super::error::CredentialsError;
use super::metadata::Instance;
use super::provider::{CredentialProvider, CredentialSource};
use super::sts::{AssumedRole, OidcRole, RoleRequest};
use super::{Credentials, trusted_file};

/// The sections of a credentials file.
pub(super) struct IniFile {
    path: PathBuf,
    sections: Vec<Section>,
}

struct Section {
    name: String,
    values: Vec<(String, SecretText)>,
}

impl IniFile {
    /// Reads the file at `path`; `None` if it does not exist.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, CredentialsError> {
        trusted_file::read(path)?.map(|text| Self::parse(&text, path)).transpose()
    }

    /// Reads a file that is configured by name, so it must exist.
    pub(super) fn read_named(path: &Path) -> Result<Self, CredentialsError> {
        Self::parse(&trusted_file::read_named(path)?, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, CredentialsError> {
        let mut sections: Vec<Section> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let malformed = || CredentialsError::Malformed { path: path.to_owned(), line: number + 1 };
            let line = without_comment(line).trim();
            if line.is_empty() {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[') {
                let name = rest.strip_suffix(']').ok_or_else(malformed)?.trim().to_owned();
                if sections.iter().any(|section| section.name == name) {
                    return Err(malformed());
                }
                sections.push(Section { name, values: Vec::new() });
                continue;
            }
            let (key, value) = line.split_once('=').ok_or_else(malformed)?;
            let section = sections.last_mut().ok_or_else(malformed)?;
            section.values.push((key.trim().to_owned(), value.trim().to_owned().into()));
        }
        Ok(Self { path: path.to_owned(), sections })
    }

    /// Returns the credentials of a section; `None` if the section does not exist or is disabled.
    pub(super) fn provider(
        &self,
        name: &str,
        context: &SearchContext<'_>,
    ) -> Result<Option<CredentialProvider>, CredentialsError> {
        let found = self.sections.iter().find(|section| section.name == name);
        let Some(section) = found.filter(|section| !section.is_off()) else {
            return Ok(None);
        };
        let place = format!("{}: section [{name}]", self.path.display());
        let source = section.source(&place, context)?;
        let sts = context.sts(&place, "", "", false)?;
        Ok(Some(CredentialProvider::with_sts(place, source, sts)))
    }
}

impl Section {
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.values.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.expose()).filter(|value| !value.is_empty())
    }

    fn require(&self, place: &str, field: &'static str) -> Result<String, CredentialsError> {
        let missing = || CredentialsError::Incomplete { place: place.to_owned(), field };
        self.get(field).map(str::to_owned).ok_or_else(missing)
    }

    /// Whether the section has `enable = false`, a feature of the Java SDK.
    fn is_off(&self) -> bool {
        self.get("enable").is_some_and(|value| value.eq_ignore_ascii_case("false"))
    }

    fn source(&self, place: &str, context: &SearchContext<'_>) -> Result<CredentialSource, CredentialsError> {
        match self.require(place, "type")?.as_str() {
            "access_key" => self.access_key(place),
            "ram_role_arn" => {
                let by = CredentialProvider::new(place, self.access_key(place)?);
                let sts = context.sts(place, "", "", false)?;
                AssumedRole::new(by, &sts, self.role(place)?, place).map(CredentialSource::Role)
            }
            "ecs_ram_role" => {
                let role = self.get("role_name").map(str::to_owned);
                Instance::new(role, context.options.imds_v1)
                    .map(CredentialSource::Instance)
                    .map_err(|source| CredentialsError::Setup { place: place.to_owned(), source })
            }
            "oidc_role_arn" => {
                let provider_arn = self.require(place, "oidc_provider_arn")?;
                let token_file = self.require(place, "oidc_token_file_path")?.into();
                let sts = context.sts(place, "", "", false)?;
                OidcRole::new(&sts, provider_arn, token_file, self.role(place)?, place)
                    .map(CredentialSource::Oidc)
            }
            other => Err(CredentialsError::Mode { place: place.to_owned(), mode: other.to_owned() }),
        }
    }

    fn access_key(&self, place: &str) -> Result<CredentialSource, CredentialsError> {
        let credentials = Credentials {
            access_key_id: self.require(place, "access_key_id")?,
            access_key_secret: self.require(place, "access_key_secret")?.into(),
            security_token: None,
        };
        Ok(CredentialSource::Fixed(Arc::new(credentials.checked(|| place.to_owned())?)))
    }

    fn role(&self, place: &str) -> Result<RoleRequest, CredentialsError> {
        Ok(RoleRequest {
            role_arn: self.require(place, "role_arn")?,
            session_name: RoleRequest::session_name_or_default(
                self.get("role_session_name").unwrap_or_default(),
            ),
            duration_seconds: RoleRequest::DEFAULT_DURATION,
            policy: self.get("policy").map(str::to_owned),
            external_id: None,
        })
    }
}

/// Removes the comment from a line. A comment starts with `#` or `;` at the beginning of the line or after a blank, because a
/// secret may contain these characters.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (index, character) in line.char_indices() {
        if matches!(character, '#' | ';') && before.is_whitespace() {
            return &line[..index];
        }
        before = character;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<IniFile, String> {
        IniFile::parse(text, Path::new("c.ini")).map_err(|error| error.to_string())
    }

    #[test]
    fn sections_values_and_comments() {
        let file = parse(
            "# comment\n[default]\ntype = access_key ; comment\nid=a=b#c;d\n\n; x\n[ other ]\r\nk = \n",
        );
        let file = file.unwrap();
        let names: Vec<_> = file.sections.iter().map(|section| section.name.as_str()).collect();
        assert_eq!(names, ["default", "other"]);
        assert_eq!(file.sections[0].get("type"), Some("access_key"));
        assert_eq!(file.sections[0].get("id"), Some("a=b#c;d"), "only a blank begins a comment");
        assert_eq!(file.sections[1].get("k"), None);
    }

    #[test]
    fn mistakes_are_located_without_quoting_them() {
        for (text, line) in
            [("x = 1", 1), ("[a]\nhunter2", 2), ("[a\n", 1), ("[a]\n[b]\n\n[a]", 4), ("[a]\n[", 2)]
        {
            assert_eq!(
                parse(text).map(|_| ()).unwrap_err(),
                format!("c.ini: line {line} cannot be understood")
            );
        }
    }
}
