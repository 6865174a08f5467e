//! Reloads the settings of a running server.

use bulla_kms::OpenError;
use bulla_server::{Reread, Settings};

use super::backup::backup_schedule;
use super::errors::open_failure;
use super::listen::Listen;
use super::settings::{
    console_names, data_directory, has_console, kms_options, server_options, tls_options, with_config,
};
use crate::args::Serve;
use crate::failure::Failure;

/// Returns the function that reads the configuration file again; flags still take precedence. `running` are the
/// settings of the start, with the account and region that the store keeps, and `listen` is what they named then.
pub(super) fn reread(flags: Serve, running: Serve, listen: Listen) -> Reread {
    Box::new(move || {
        let found = with_config(flags.clone()).map_err(Failure::into_what)?;
        changes(&running, &listen, &found).map_err(Failure::into_what)
    })
}

/// Returns what a running server changes for the reloaded settings. All of them must be valid, including those that
/// take effect at the next start.
fn changes(running: &Serve, listen: &Listen, found: &Serve) -> Result<Settings, Failure> {
    let data = data_directory(running)?;
    let found_listen = listen.found(running, found)?;
    let options = server_options(found, &data, &found_listen)?;
    let need_restart = need_restart([running, found], [listen, &found_listen])?;
    // A changed host of `listen` takes effect at a restart; until then the certificate is for the running one.
    let tls = tls_options(found, &data, listen)?;
    if data_directory(found)? == data {
        check_home(running, found)?;
    }
    Ok(Settings {
        // The names in the certificate depend on it.
        tls: (found.http == running.http).then_some(tls),
        limits: options.limits,
        trusted_proxies: options.trusted_proxies,
        console: Some(console_names(found, listen)),
        oidc: options.oidc,
        request_limits: Some(found.limits),
        quotas: Some(*found.quotas),
        backup: Some(backup_schedule(found, &data)?),
        // Enabling or disabling the trail takes effect at the next start; until then its sinks stay.
        audit: (found.audit != Some(vec![])).then_some(options.audit),
        need_restart,
    })
}

/// Checks that the next start would be accepted: the store keeps the account and region that a start has set.
fn check_home(running: &Serve, found: &Serve) -> Result<(), Failure> {
    let settings =
        [("account", &running.account, &found.account), ("region", &running.region, &found.region)];
    for (setting, kept, named) in settings {
        if let (Some(kept), Some(named)) = (kept, named)
            && kept != named
        {
            let named = named.clone();
            let kept = kept.clone();
            return Err(open_failure(&OpenError::OtherHome { setting, named, kept }));
        }
    }
    Ok(())
}

/// Returns whether a setting differs from the store. One that is not set is that of the store, and one that no start
/// has set yet is set by the next start.
fn is_other(running: &Option<String>, found: &Option<String>) -> bool {
    found.is_some() && running != found
}

/// Returns the names of changed settings that are read at the start only.
fn need_restart(
    [running, found]: [&Serve; 2],
    [listen, found_listen]: [&Listen; 2],
) -> Result<Vec<&'static str>, Failure> {
    let data = [data_directory(running)?, data_directory(found)?];
    let [kms, new_kms] = [kms_options(running, &data[0])?, kms_options(found, &data[1])?];
    // Without `..`, so that a new setting does not compile until it is added to `differences` or `changes`.
    let Serve {
        // Compared below.
        data: _,
        listen: _,
        http,
        metrics: _,
        root_key: _,
        group_readable_secrets: _,
        region,
        account,
        signatures: _,
        audit: _, // its file; other sinks take effect at once
        console: _,
        // Take effect at once.
        tls_name: _,
        tls_cert: _,
        tls_key: _,
        connections: _,
        connections_per_address: _,
        trusted_proxies: _,
        quotas: _,
        limits: _,
        oidc: _,
        backup: _,
        // Flags only, so they cannot change.
        no_console: _,
        accept_clock: _,
        accept_rollback: _,
        config: _,
    } = found;
    let differences = [
        ("data", data[0] != data[1]),
        ("listen", listen.address != found_listen.address),
        ("http", running.http != *http),
        ("metrics", listen.metrics != found_listen.metrics),
        ("root-key", kms.root_key != new_kms.root_key),
        ("group-readable-secrets", kms.secret_readers != new_kms.secret_readers),
        ("audit", kms.audit != new_kms.audit),
        ("signatures", kms.accept_v1 != new_kms.accept_v1),
        ("region", is_other(&running.region, region)),
        ("account", is_other(&running.account, account)),
        ("console", has_console(running) != has_console(found)),
    ];
    Ok(differences.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use bulla_kms::{RequestLimit, RequestLimits};
    use bulla_server::TlsOptions;

    use super::*;
    use crate::commands::serve::audit::node;

    fn settings(text: &str) -> Result<Serve, String> {
        toml::from_str::<Serve>(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn quotas_and_limits_of_the_file_are_those_of_the_engine_at_the_start_and_after_a_reload() {
        let found = settings(
            "[quotas]\nusers = 7\n\
             [limits]\nuser.requests-per-second = 50\nsource = { requests-per-second = 20, burst = 100 }\n",
        )
        .unwrap();
        let data = data_directory(&found).unwrap();
        let options = kms_options(&found, &data).unwrap();
        assert_eq!((options.quotas.users, options.quotas.groups), (7, 50));
        let RequestLimits { access_key, user, source } = options.request_limits;
        let numbers = |limit: Option<RequestLimit>| {
            limit.map(|limit| (limit.requests_per_second.get(), limit.burst.map(NonZeroU32::get)))
        };
        assert_eq!([access_key, user, source].map(numbers), [None, Some((50, None)), Some((20, Some(100)))]);

        let running = settings("").unwrap();
        let listen = Listen::of(&running).unwrap();
        let reloaded = changes(&running, &listen, &found).unwrap();
        assert_eq!(reloaded.quotas, Some(options.quotas));
        assert_eq!(reloaded.request_limits, Some(options.request_limits));
        assert_eq!(reloaded.need_restart, [""; 0]);
    }

    #[test]
    fn limits_that_would_answer_nothing_or_are_misspelled_are_refused() {
        for (text, what) in [
            ("[limits.user]\nrequests-per-second = 0\n", "expected a nonzero u32"),
            ("[limits.user]\nrequests-per-second = 5\nburst = 0\n", "expected a nonzero u32"),
            ("[limits.user]\nburst = 5\n", "missing field `requests-per-second`"),
            ("[limits.users]\nrequests-per-second = 5\n", "unknown field `users`"),
            ("[limits]\nuser.per-second = 5\n", "unknown field `per-second`"),
        ] {
            let refused = settings(text).unwrap_err();
            assert!(refused.contains(what), "{refused}");
        }
    }

    #[test]
    fn metrics_elsewhere_need_a_restart() {
        let settings = |metrics: &str| Serve { metrics: Some(metrics.into()), ..Serve::default() };
        let running = settings("9090");
        let listen = Listen::of(&running).unwrap();
        let need_restart = |found: &Serve| changes(&running, &listen, found).map(|found| found.need_restart);
        assert_eq!(need_restart(&settings("127.0.0.1:9090")).unwrap(), [""; 0]);
        assert_eq!(need_restart(&settings("9091")).unwrap(), ["metrics"]);
        assert_eq!(need_restart(&Serve::default()).unwrap(), ["metrics"]);
        assert!(need_restart(&settings("everywhere")).is_err());
    }

    #[test]
    fn a_name_to_listen_on_is_looked_up_again_only_if_it_is_another_one() {
        let metrics = || Some("gone.invalid:9090".to_owned());
        let settings =
            |listen: &str| Serve { listen: Some(listen.into()), metrics: metrics(), ..Serve::default() };
        let running = settings("gone.invalid:8443");
        let listen = Listen {
            host: Some("gone.invalid".into()),
            address: ([192, 0, 2, 1], 8443).into(),
            metrics: Some(([192, 0, 2, 1], 9090).into()),
        };
        let need_restart = |found: &Serve| changes(&running, &listen, found).map(|found| found.need_restart);
        assert_eq!(need_restart(&running).unwrap(), [""; 0]);
        assert_eq!(need_restart(&settings("192.0.2.1:8443")).unwrap(), [""; 0]);
        assert_eq!(need_restart(&settings("192.0.2.1:8444")).unwrap(), ["listen"]);
        assert!(need_restart(&settings("also-gone.invalid:8443")).is_err());
        let elsewhere = |metrics: &str| Serve { metrics: Some(metrics.into()), ..running.clone() };
        assert_eq!(need_restart(&elsewhere("192.0.2.1:9090")).unwrap(), [""; 0]);
        assert_eq!(need_restart(&elsewhere("9090")).unwrap(), ["metrics"]);
        assert!(need_restart(&elsewhere("also-gone.invalid:9090")).is_err());
    }

    #[test]
    fn the_name_that_is_listened_on_stays_a_name_of_the_server_until_a_restart() {
        let running = Serve { listen: Some("kms.invalid:8443".into()), ..Serve::default() };
        let address = ([192, 0, 2, 1], 8443).into();
        let listen = Listen { host: Some("kms.invalid".into()), address, metrics: None };
        let found = Serve {
            listen: Some("192.0.2.1:8443".into()),
            tls_name: vec!["kms.example".into()],
            ..Serve::default()
        };
        let Settings { tls, console, .. } = changes(&running, &listen, &found).unwrap();
        assert_eq!(console.unwrap(), ["kms.example", "kms.invalid", "localhost", &node()]);
        let Some(TlsOptions::Authority { names, .. }) = tls else { panic!("{tls:?}") };
        assert_eq!(names, ["kms.example", "kms.invalid"]);
    }
}
