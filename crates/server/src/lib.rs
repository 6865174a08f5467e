//! The KMS engine behind HTTP and HTTPS.
