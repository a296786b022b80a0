//! The integration tests of this crate, linked once.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod body_fields;
#[cfg(test)]
mod caches;
#[cfg(test)]
mod carry;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod kit;
#[cfg(test)]
mod readiness;
#[cfg(test)]
mod requirements;
#[cfg(test)]
mod rollout;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod witnesses;
