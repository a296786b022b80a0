//! The integration tests of this crate, linked once: what its users see.

// `cfg(test)` is always on here; it tells clippy that the helpers between tests are tests too.
#[cfg(test)]
mod authenticate;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod introspection;
#[cfg(test)]
mod issuers;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod provider;
#[cfg(test)]
mod tenancy;
#[cfg(test)]
mod times;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod workos_emulator;
