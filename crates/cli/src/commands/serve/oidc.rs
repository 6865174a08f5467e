//! The OIDC providers according to the configuration file.

use bulla_kms::OidcProvider;
use bulla_server::{KeySource, OidcSource};

use crate::args::Oidc;
use crate::failure::{Exit, Failure};

pub(super) fn oidc_sources(tables: &[Oidc]) -> Result<Vec<OidcSource>, Failure> {
    let repeated = tables
        .iter()
        .enumerate()
        .find(|(n, table)| tables[..*n].iter().any(|earlier| earlier.name.eq_ignore_ascii_case(&table.name)));
    if let Some((_, table)) = repeated {
        return Err(refused(table, "the name is used twice", "give each provider a name of its own"));
    }
    tables.iter().map(oidc_source).collect()
}

fn oidc_source(table: &Oidc) -> Result<OidcSource, Failure> {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !(1..=64).contains(&table.name.len()) || !table.name.bytes().all(is_name_byte) {
        return Err(refused(table, "not a name", "use up to 64 letters, digits and ._-"));
    }
    if table.issuer.is_empty() {
        return Err(refused(table, "the issuer is empty", "write it as the `iss` of the provider's tokens"));
    }
    if table.client_ids.is_empty() || table.client_ids.iter().any(String::is_empty) {
        let hint = "list the `aud` of tokens that are meant for this server";
        return Err(refused(table, "there is no client id, or an empty one", hint));
    }
    let keys = match (&table.jwks, &table.jwks_url) {
        (Some(file), None) => KeySource::File(file.clone()),
        (None, Some(url)) if is_https(url) => KeySource::Url(url.clone()),
        (None, Some(_)) => {
            return Err(refused(table, "jwks-url is no https address", "write it as https://HOST/PATH"));
        }
        _ => {
            let hint = "name the file of its keys in jwks, or their address in jwks-url";
            return Err(refused(table, "it needs one of jwks and jwks-url", hint));
        }
    };
    let Oidc { name, issuer, client_ids, .. } = table.clone();
    Ok(OidcSource { provider: OidcProvider { name, issuer, client_ids }, keys })
}

fn is_https(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

fn refused(table: &Oidc, what: &str, hint: &str) -> Failure {
    Failure::new(Exit::Usage, format!("[[oidc]] {}: {what}", table.name), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Result<Vec<OidcSource>, String> {
        #[derive(serde::Deserialize)]
        struct File {
            oidc: Vec<Oidc>,
        }
        let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        oidc_sources(&file.oidc).map_err(Failure::into_what)
    }

    #[test]
    fn providers_are_read_with_the_place_of_their_keys() {
        let found = sources(
            "[[oidc]]\nname = 'ci'\nissuer = 'https://ci.example'\nclient-ids = ['bulla']\njwks = 'keys.json'\n\
             [[oidc]]\nname = 'k8s'\nissuer = 'https://k8s'\nclient-ids = ['a', 'b']\njwks-url = 'https://k8s/keys'\n",
        );
        let provider = |name: &str, issuer: &str, client_ids: &[&str]| OidcProvider {
            name: name.into(),
            issuer: issuer.into(),
            client_ids: client_ids.iter().map(|id| (*id).to_owned()).collect(),
        };
        let expected = vec![
            OidcSource {
                provider: provider("ci", "https://ci.example", &["bulla"]),
                keys: KeySource::File("keys.json".into()),
            },
            OidcSource {
                provider: provider("k8s", "https://k8s", &["a", "b"]),
                keys: KeySource::Url("https://k8s/keys".into()),
            },
        ];
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn a_provider_that_would_verify_nothing_or_too_much_is_refused() {
        let table = |changes: &[(&str, &str)]| {
            let mut fields = vec![
                ("name", "'ci'"),
                ("issuer", "'https://ci.example'"),
                ("client-ids", "['bulla']"),
                ("jwks-url", "'https://ci.example/keys'"),
            ];
            for (name, value) in changes {
                fields.retain(|(field, _)| field != name);
                fields.push((name, value));
            }
            let lines = fields.iter().filter(|(_, value)| !value.is_empty());
            lines
                .map(|(name, value)| format!("{name} = {value}\n"))
                .fold("[[oidc]]\n".to_owned(), |text, line| text + &line)
        };
        assert!(sources(&table(&[])).is_ok());
        for (changes, what) in [
            (&[("name", "'a b'")][..], "not a name"),
            (&[("name", "''")], "not a name"),
            (&[("issuer", "''")], "the issuer is empty"),
            (&[("client-ids", "[]")], "no client id"),
            (&[("client-ids", "['']")], "no client id"),
            (&[("client-ids", "")], "missing field `client-ids`"),
            (&[("jwks-url", "'http://ci.example/keys'")], "no https address"),
            (&[("jwks-url", "'https://'")], "no https address"),
            (&[("jwks-url", "")], "one of jwks and jwks-url"),
            (&[("jwks", "'keys.json'")], "one of jwks and jwks-url"),
            (&[("jwk", "'keys.json'")], "unknown field `jwk`"),
        ] {
            let refused = sources(&table(changes)).unwrap_err();
            assert!(refused.contains(what), "{refused}");
        }
        let twice = format!("{}{}", table(&[]), table(&[("name", "'CI'")]));
        assert!(sources(&twice).unwrap_err().contains("twice"));
    }
}
