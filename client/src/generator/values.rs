//! What a generated service reports: a daily curve, noise and the odd spike.
//!
//! In: a service's name, a seed, a time. Out: whole ten-thousandths, so that every layout spells exactly the same
//! numbers. Must hold: pure integer arithmetic, the same on every machine.
//!
//! | metric | value |
//! |---|---|
//! | CPU | 0.15-0.45 of its own, a daily wave of 0.05-0.25 on it, noise of ±0.03; one message in 256 is a spike, up to 0.4 more; within 0.0001-0.9999 |
//! | RAM | total 4-128 GiB; free is a third to two thirds of it, falls by a tenth as load rises, noise of ±1 % |
//! | Disk | total 128-1024 GiB; free falls from 90 % to 15 % over a week, then a cleanup; noise of ±0.1 % |
//!
//! The wave peaks once a day, at an hour that belongs to the service.

use super::random::Random;

/// Ten-thousandths in one.
pub(super) const UNIT: u32 = 10_000;
const DAY: u64 = 86_400;
const WEEK: u64 = 7 * DAY;

/// One message's numbers, in ten-thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Values {
    pub(super) cpu: u32,
    pub(super) ram_free: u32,
    pub(super) disk_free: u32,
}

/// What is fixed for one service.
#[derive(Clone, Debug)]
pub(super) struct Character {
    cpu_base: i64,
    cpu_wave: i64,
    /// GiB.
    pub(super) ram_total: u32,
    ram_free: i64,
    /// GiB.
    pub(super) disk_total: u32,
    /// Seconds by which this service's day is shifted.
    phase: u64,
}

impl Character {
    /// The character that `name` has under `seed`, whichever other services there are.
    pub(super) fn new(name: &str, seed: u64) -> Self {
        let mut random =
            Random::new(name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            }));
        let ram_total = 4 << random.below(6);
        let third = i64::from(ram_total * UNIT / 3);
        Self {
            cpu_base: 1_500 + random.below(3_000) as i64,
            cpu_wave: 500 + random.below(2_000) as i64,
            ram_total,
            ram_free: third + random.below(third as usize) as i64,
            disk_total: 128 << random.below(4),
            phase: random.next() % WEEK,
        }
    }

    /// The part of the values that changes slowly: the generator asks for it once a minute.
    pub(super) fn trend(&self, second: u64) -> Trend {
        let wave = wave(second + self.phase);
        let week = ((second + self.phase) % WEEK) as i64;
        let disk = i64::from(self.disk_total * UNIT);
        let ram = i64::from(self.ram_total * UNIT);
        Trend {
            cpu: self.cpu_base + self.cpu_wave * wave / i64::from(UNIT),
            ram_free: self.ram_free - ram / 10 * wave / i64::from(UNIT),
            ram_noise: ram / 100,
            disk_free: disk * 9 / 10 - disk * 3 / 4 * week / WEEK as i64,
            disk_noise: disk / 1_000,
        }
    }
}

/// A service's values at one second, before noise.
#[derive(Clone, Debug)]
pub(super) struct Trend {
    cpu: i64,
    ram_free: i64,
    ram_noise: i64,
    disk_free: i64,
    disk_noise: i64,
}

impl Trend {
    /// One message's values: the trend and noise from 64 random bits.
    #[inline]
    pub(super) fn values(&self, bits: u64) -> Values {
        let noise = |shift: u32, width: i64| ((((bits >> shift) & 0xffff) as i64 - 0x8000) * width) >> 15;
        let spike = if bits >> 56 == 0 { ((bits >> 48) as i64 & 0xff) * 4_000 / 256 } else { 0 };
        Values {
            cpu: (self.cpu + noise(0, 300) + spike).clamp(1, i64::from(UNIT) - 1) as u32,
            ram_free: (self.ram_free + noise(16, self.ram_noise)) as u32,
            disk_free: (self.disk_free + noise(32, self.disk_noise)) as u32,
        }
    }
}

/// A wave of one day in ten-thousandths, -1 to 1: two parabolas, which is a sine within 6 %.
fn wave(second: u64) -> i64 {
    let half = (DAY / 2) as i64;
    let x = (second % DAY) as i64;
    let (x, sign) = if x < half { (x, 1) } else { (x - half, -1) };
    sign * 4 * i64::from(UNIT) * x * (half - x) / (half * half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_within_what_the_service_has() {
        for name in ["checkout", "payment", "a", "service-0399"] {
            for seed in 0..50 {
                let character = Character::new(name, seed);
                let mut random = Random::new(seed);
                for hour in 0..24 * 8 {
                    let trend = character.trend(1_763_715_600 + hour * 3_600);
                    for bits in [0, u64::MAX, random.next(), random.next()] {
                        let values = trend.values(bits);
                        assert!((1..UNIT).contains(&values.cpu));
                        assert!((1..character.ram_total * UNIT).contains(&values.ram_free));
                        assert!((1..character.disk_total * UNIT).contains(&values.disk_free));
                    }
                }
            }
        }
    }

    #[test]
    fn the_wave_peaks_once_a_day() {
        assert_eq!(wave(DAY / 4), i64::from(UNIT));
        assert_eq!(wave(DAY * 3 / 4), -i64::from(UNIT));
        assert_eq!(wave(0), 0);
    }
}
