//! The integration tests of this crate, linked once: what its users see.

// `cfg(test)` is always on here; it tells clippy that the helpers between tests are tests too.
#[cfg(test)]
mod corpora;
#[cfg(test)]
mod file_source;
#[cfg(test)]
mod forge;
#[cfg(test)]
#[cfg(feature = "fetch-http")]
mod http_source;
#[cfg(test)]
mod jose_cookbook;
#[cfg(test)]
mod key_refresh;
#[cfg(test)]
mod transaction_tokens;
#[cfg(test)]
mod wycheproof;
