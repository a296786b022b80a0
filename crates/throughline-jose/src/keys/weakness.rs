//! Public keys that are well-formed and still vouch for nothing.

/// The primes of the ROCA fingerprint, up to 167.
const SMALL_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// The base of the flawed generator: its primes are `k * M + (65537^a mod M)`.
const ROCA_GENERATOR: u32 = 65_537;

/// Whether a big-endian RSA modulus has a small factor, or was made by the generator of
/// CVE-2017-15361 (ROCA), whose moduli are powers of 65537 by every small prime. A sound modulus
/// looks like that in fewer than one of 10⁸ cases.
pub(super) fn is_weak_modulus(modulus: &[u8]) -> bool {
    let mut roca = true;
    for prime in SMALL_PRIMES {
        let rest = remainder(modulus, prime);
        if rest == 0 {
            return true;
        }
        roca &= is_power(rest, ROCA_GENERATOR, prime);
    }
    roca || remainder(modulus, 2) == 0
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number
        .iter()
        .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power(value: u32, base: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == value {
            return true;
        }
        power = power * base % prime;
        if power == 1 {
            return false;
        }
    }
}

/// The `y` of the points whose order divides 8, little-endian, also in non-canonical form. Under
/// such a key one signature fits almost any message.
const SMALL_ORDER: [[u8; 32]; 7] = [
    field(0x00, 0x00, 0x00),
    field(0x01, 0x00, 0x00),
    // p - 1, p, p + 1
    field(0xec, 0xff, 0x7f),
    field(0xed, 0xff, 0x7f),
    field(0xee, 0xff, 0x7f),
    // The two of order 8.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

const fn field(first: u8, between: u8, last: u8) -> [u8; 32] {
    let mut bytes = [between; 32];
    let [low, .., high] = &mut bytes;
    *low = first;
    *high = last;
    bytes
}

/// Whether an encoded Ed25519 point is one of small order. The top bit is the sign of `x`.
pub(super) fn is_small_order(point: &[u8; 32]) -> bool {
    let mut y = *point;
    let [.., high] = &mut y;
    *high &= 0x7f;
    SMALL_ORDER.contains(&y)
}
