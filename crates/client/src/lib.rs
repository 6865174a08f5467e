//! A remote KMS as a KeyService: endpoints, credentials, signing and transport.
