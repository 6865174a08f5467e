//! The KMS engine: root key, durable store, keyring and one function per action, without HTTP.
