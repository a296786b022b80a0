//! The crate's integration tests, one binary.

#[cfg(test)]
mod aftermath;
#[cfg(test)]
mod domain;
#[cfg(test)]
mod files;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod leaks;
#[cfg(test)]
mod leaky;
#[cfg(test)]
mod log;
#[cfg(test)]
mod messages;
// Two attributes, as clippy knows the first for one of tests.
#[cfg(test)]
#[cfg(feature = "network")]
mod network;
#[cfg(test)]
mod own_service;
