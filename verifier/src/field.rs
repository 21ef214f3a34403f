//! The Goldilocks field F, of p = 2^64 - 2^32 + 1 elements, and K = F[X]/(X^2 - 7).

use alloc::vec::Vec;
use core::ops::{Add, AddAssign, Mul, Neg, Sub};

/// The prime p.
pub const P: u64 = 0xFFFF_FFFF_0000_0001;
/// 2^64 mod p.
const EPSILON: u64 = 0xFFFF_FFFF;
/// Generates the multiplicative group, and is no square.
pub const GENERATOR: u64 = 7;
const TWO_ADICITY: u32 = 32;

/// An element of F, canonical: below p.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct F(u64);

impl F {
    pub const ZERO: F = F(0);
    pub const ONE: F = F(1);

    /// The element that a canonical number stands for; `None` for others.
    pub fn canonical(value: u64) -> Option<F> {
        if value < P {
            Some(F(value))
        } else {
            None
        }
    }

    pub fn value(self) -> u64 {
        self.0
    }

    pub fn power(self, mut exponent: u64) -> F {
        let (mut base, mut out) = (self, F::ONE);
        while exponent > 0 {
            if exponent & 1 == 1 {
                out = out * base;
            }
            base = base * base;
            exponent >>= 1;
        }
        out
    }

    /// The inverse of what is not zero.
    pub fn inverse(self) -> F {
        self.power(P - 2)
    }
}

impl From<u64> for F {
    fn from(value: u64) -> F {
        F(if value >= P { value - P } else { value })
    }
}

impl From<i128> for F {
    fn from(value: i128) -> F {
        F(value.rem_euclid(i128::from(P)) as u64)
    }
}

impl From<u128> for F {
    fn from(value: u128) -> F {
        F(reduce(value))
    }
}

impl Add for F {
    type Output = F;
    #[allow(clippy::suspicious_arithmetic_impl)]
    fn add(self, other: F) -> F {
        // p - b is positive, so that a - (p - b) is a + b or a + b - p.
        let (sum, borrow) = self.0.overflowing_sub(P - other.0);
        F(if borrow { sum.wrapping_add(P) } else { sum })
    }
}

impl Sub for F {
    type Output = F;
    fn sub(self, other: F) -> F {
        let (difference, borrow) = self.0.overflowing_sub(other.0);
        F(if borrow {
            difference.wrapping_add(P)
        } else {
            difference
        })
    }
}

impl Neg for F {
    type Output = F;
    fn neg(self) -> F {
        F::ZERO - self
    }
}

impl Mul for F {
    type Output = F;
    fn mul(self, other: F) -> F {
        F(reduce(u128::from(self.0) * u128::from(other.0)))
    }
}

/// A number of 128 bits modulo p, by 2^64 = 2^32 - 1 and 2^96 = -1.
fn reduce(value: u128) -> u64 {
    let (low, high) = (value as u64, (value >> 64) as u64);
    let (top, middle) = (high >> 32, high & EPSILON);
    let (mut found, borrow) = low.overflowing_sub(top);
    if borrow {
        found = found.wrapping_sub(EPSILON);
    }
    let (mut found, carry) = found.overflowing_add(middle * EPSILON);
    if carry {
        found = found.wrapping_add(EPSILON);
    }
    if found >= P {
        found -= P;
    }
    found
}

/// The fixed primitive root of unity of order 2^bits; squaring it gives that of order half.
pub fn root_of_unity(bits: u32) -> F {
    debug_assert!(bits <= TWO_ADICITY);
    F(GENERATOR).power((P - 1) >> bits)
}

/// The point 7 w^j, w of order 2^bits, at which position j of a code is the value of a polynomial.
pub fn domain_point(position: u64, bits: u32) -> F {
    F(GENERATOR) * root_of_unity(bits).power(position)
}

/// An element a + b X of K.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Ext {
    pub a: F,
    pub b: F,
}

impl Ext {
    pub const ZERO: Ext = Ext {
        a: F::ZERO,
        b: F::ZERO,
    };
    pub const ONE: Ext = Ext {
        a: F::ONE,
        b: F::ZERO,
    };

    pub fn new(a: F, b: F) -> Ext {
        Ext { a, b }
    }

    pub fn is_zero(self) -> bool {
        self == Ext::ZERO
    }

    /// Times an element of F.
    pub fn scale(self, by: F) -> Ext {
        Ext::new(self.a * by, self.b * by)
    }
}

impl From<F> for Ext {
    fn from(a: F) -> Ext {
        Ext::new(a, F::ZERO)
    }
}

impl From<i128> for Ext {
    fn from(value: i128) -> Ext {
        F::from(value).into()
    }
}

impl Add for Ext {
    type Output = Ext;
    fn add(self, other: Ext) -> Ext {
        Ext::new(self.a + other.a, self.b + other.b)
    }
}

impl AddAssign for Ext {
    fn add_assign(&mut self, other: Ext) {
        *self = *self + other;
    }
}

impl Sub for Ext {
    type Output = Ext;
    fn sub(self, other: Ext) -> Ext {
        Ext::new(self.a - other.a, self.b - other.b)
    }
}

impl Neg for Ext {
    type Output = Ext;
    fn neg(self) -> Ext {
        Ext::ZERO - self
    }
}

impl Mul for Ext {
    type Output = Ext;
    fn mul(self, other: Ext) -> Ext {
        let crossed = self.b * other.b;
        Ext::new(
            self.a * other.a + crossed * F(GENERATOR),
            self.a * other.b + self.b * other.a,
        )
    }
}

/// eq(point, x) for all x in {0, 1}^m; the first coordinate is the top bit of x.
pub fn eq_table(point: &[Ext]) -> Vec<Ext> {
    let mut table = Vec::with_capacity(1 << point.len());
    table.push(Ext::ONE);
    for &z in point.iter().rev() {
        for i in 0..table.len() {
            let high = table[i] * z;
            table.push(high);
            table[i] = table[i] - high;
        }
    }
    table
}

/// The sum of products of integers and elements of K, reduced once at the end.
///
/// Exact while the integers' absolute values sum to less than 2^62.
#[derive(Default)]
pub struct Accumulator {
    a: i128,
    b: i128,
}

impl Accumulator {
    pub fn add(&mut self, integer: i64, weight: Ext) {
        self.a += i128::from(integer) * i128::from(weight.a.value());
        self.b += i128::from(integer) * i128::from(weight.b.value());
    }

    pub fn total(self) -> Ext {
        Ext::new(self.a.into(), self.b.into())
    }
}
