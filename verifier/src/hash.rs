//! BLAKE2b (RFC 7693), keyed and personalised, and SHA-256 (FIPS 180-4).

const BLAKE_IV: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// A running BLAKE2b.
#[derive(Clone)]
pub struct Blake2b {
    state: [u64; 8],
    block: [u8; 128],
    filled: usize,
    hashed: u128,
}

impl Blake2b {
    /// With digests of `length` bytes; `key` has at most 64 bytes, `person` at most 16.
    pub fn new(length: usize, key: &[u8], person: &[u8]) -> Blake2b {
        let mut parameters = [0u8; 64];
        parameters[..4].copy_from_slice(&[length as u8, key.len() as u8, 1, 1]);
        parameters[48..48 + person.len()].copy_from_slice(person);
        let mut state = BLAKE_IV;
        for (word, bytes) in state.iter_mut().zip(parameters.chunks_exact(8)) {
            *word ^= little_endian(bytes);
        }
        let mut found = Blake2b {
            state,
            block: [0; 128],
            filled: 0,
            hashed: 0,
        };
        if !key.is_empty() {
            found.block[..key.len()].copy_from_slice(key);
            found.filled = 128;
        }
        found
    }

    pub fn update(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            // The last block is compressed by itself, so a full one waits for more.
            if self.filled == 128 {
                self.compress(false);
                self.filled = 0;
            }
            let count = data.len().min(128 - self.filled);
            self.block[self.filled..self.filled + count].copy_from_slice(&data[..count]);
            self.filled += count;
            data = &data[count..];
        }
    }

    /// The digest in the first bytes, as many as it has.
    pub fn digest(mut self) -> [u8; 64] {
        self.block[self.filled..].fill(0);
        self.compress(true);
        let mut out = [0; 64];
        for (bytes, word) in out.chunks_exact_mut(8).zip(self.state) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        out
    }

    fn compress(&mut self, last: bool) {
        self.hashed += self.filled as u128;
        let mut words = [0u64; 16];
        for (word, bytes) in words.iter_mut().zip(self.block.chunks_exact(8)) {
            *word = little_endian(bytes);
        }
        let mut v = [0u64; 16];
        v[..8].copy_from_slice(&self.state);
        v[8..].copy_from_slice(&BLAKE_IV);
        v[12] ^= self.hashed as u64;
        v[13] ^= (self.hashed >> 64) as u64;
        if last {
            v[14] = !v[14];
        }
        for round in 0..12 {
            let s = &SIGMA[round % 10];
            mix(&mut v, [0, 4, 8, 12], words[s[0]], words[s[1]]);
            mix(&mut v, [1, 5, 9, 13], words[s[2]], words[s[3]]);
            mix(&mut v, [2, 6, 10, 14], words[s[4]], words[s[5]]);
            mix(&mut v, [3, 7, 11, 15], words[s[6]], words[s[7]]);
            mix(&mut v, [0, 5, 10, 15], words[s[8]], words[s[9]]);
            mix(&mut v, [1, 6, 11, 12], words[s[10]], words[s[11]]);
            mix(&mut v, [2, 7, 8, 13], words[s[12]], words[s[13]]);
            mix(&mut v, [3, 4, 9, 14], words[s[14]], words[s[15]]);
        }
        for (i, word) in self.state.iter_mut().enumerate() {
            *word ^= v[i] ^ v[i + 8];
        }
    }
}

#[inline(always)]
fn mix(v: &mut [u64; 16], [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(32);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(24);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(63);
}

/// Eight bytes as a number.
pub fn little_endian(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

const SHA_IV: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

const SHA_K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// A running SHA-256.
#[derive(Clone)]
pub struct Sha256 {
    state: [u32; 8],
    block: [u8; 64],
    filled: usize,
    hashed: u64,
}

impl Default for Sha256 {
    fn default() -> Sha256 {
        Sha256 {
            state: SHA_IV,
            block: [0; 64],
            filled: 0,
            hashed: 0,
        }
    }
}

impl Sha256 {
    /// The digest of some bytes.
    pub fn of(data: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::default();
        hash.update(data);
        hash.digest()
    }

    pub fn update(&mut self, mut data: &[u8]) {
        self.hashed += data.len() as u64;
        while !data.is_empty() {
            if self.filled == 0 && data.len() >= 64 {
                let (block, rest) = data.split_at(64);
                compress(&mut self.state, block);
                data = rest;
                continue;
            }
            let count = data.len().min(64 - self.filled);
            self.block[self.filled..self.filled + count].copy_from_slice(&data[..count]);
            self.filled += count;
            data = &data[count..];
            if self.filled == 64 {
                compress(&mut self.state, &self.block);
                self.filled = 0;
            }
        }
    }

    pub fn digest(mut self) -> [u8; 32] {
        let bits = self.hashed * 8;
        self.update(&[0x80]);
        while self.filled != 56 {
            self.update(&[0]);
        }
        self.update(&bits.to_be_bytes());
        let mut out = [0; 32];
        for (bytes, word) in out.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        out
    }
}

/// One block of SHA-256.
fn compress(state: &mut [u32; 8], block: &[u8]) {
    // The schedule's last sixteen words.
    let mut w = [0u32; 16];
    for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (number, constants) in SHA_K.chunks_exact(16).enumerate() {
        for i in 0..16 {
            if number > 0 {
                let (x, y) = (w[(i + 1) % 16], w[(i + 14) % 16]);
                let low = x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3);
                let high = y.rotate_right(17) ^ y.rotate_right(19) ^ (y >> 10);
                w[i] = w[i]
                    .wrapping_add(low)
                    .wrapping_add(w[(i + 9) % 16])
                    .wrapping_add(high);
            }
            let high = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let first = h
                .wrapping_add(constants[i])
                .wrapping_add(w[i])
                .wrapping_add((e & f) ^ (!e & g))
                .wrapping_add(high);
            let low = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let second = low.wrapping_add((a & b) ^ (a & c) ^ (b & c));
            h = g;
            g = f;
            f = e;
            e = d.wrapping_add(first);
            d = c;
            c = b;
            b = a;
            a = first.wrapping_add(second);
        }
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(add);
    }
}
