//! Arithmetic on single pixels: eight bits per channel, premultiplied alpha, gamma space.
//!
//! Everything is integer arithmetic with exact rounding. Floats would be as good for the eye, but a compiler that
//! fuses a multiplication with an addition may then change a byte of a reference picture.

/// One pixel: red, green, blue, alpha; colours are premultiplied.
pub(super) type Pixel = [u8; 4];

/// `value / 255`, rounded to nearest, exact for all products of two bytes.
#[inline(always)]
const fn div_255(value: u32) -> u32 {
    let value = value + 128;
    (value + (value >> 8)) >> 8
}

/// The product of two colours, each channel taken as a fraction of 255: what the shader does with vertex and texel.
#[inline(always)]
pub(super) fn modulate(a: Pixel, b: Pixel) -> Pixel {
    std::array::from_fn(|channel| div_255(u32::from(a[channel]) * u32::from(b[channel])) as u8)
}

/// Puts `source` over `target`: `source + target · (1 − source alpha)`, saturating.
///
/// Saturation matters for colours brighter than their alpha, which egui uses for additive blending.
#[inline(always)]
pub(super) fn over(target: Pixel, source: Pixel) -> Pixel {
    // Two channels per word, each in its own 16 bits: four products for the price of two.
    const LOW: u32 = 0x00ff_00ff;
    let keep = u32::from(255 - source[3]);
    let target = u32::from_le_bytes(target);
    let source = u32::from_le_bytes(source);
    let pair = |target: u32, source: u32| {
        let product = target * keep + 0x0080_0080;
        let product = ((product + ((product >> 8) & LOW)) >> 8) & LOW;
        let sum = product + source;
        let carry = sum & 0x0100_0100;
        (sum | (carry - (carry >> 8))) & LOW
    };
    let even = pair(target & LOW, source & LOW);
    let odd = pair((target >> 8) & LOW, (source >> 8) & LOW);
    (even | (odd << 8)).to_le_bytes()
}

/// Puts one colour over a run of pixels.
pub(super) fn over_run(run: &mut [Pixel], source: Pixel) {
    match source {
        [0, 0, 0, 0] => {}
        [_, _, _, 255] => run.fill(source),
        _ => {
            for pixel in run {
                *pixel = over(*pixel, source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_is_exact_for_every_product() {
        for a in 0..=255_u32 {
            for b in 0..=255_u32 {
                let exact = (f64::from(a * b) / 255.0).round() as u32;
                assert_eq!(div_255(a * b), exact, "{a} * {b}");
            }
        }
    }

    #[test]
    fn over_agrees_with_the_formula_channel_by_channel() {
        for alpha in 0..=255_u8 {
            for target in 0..=255_u8 {
                let source = [alpha, alpha / 2, 0, alpha];
                let result = over([target, 255 - target, target, 255], source);
                let expect = |target: u8, source: u8| {
                    source.saturating_add(div_255(u32::from(target) * u32::from(255 - alpha)) as u8)
                };
                assert_eq!(result[0], expect(target, source[0]));
                assert_eq!(result[1], expect(255 - target, source[1]));
                assert_eq!(result[2], expect(target, source[2]));
                assert_eq!(result[3], 255, "an opaque picture stays opaque");
            }
        }
    }

    #[test]
    fn additive_colours_saturate() {
        assert_eq!(over([200, 10, 255, 255], [100, 100, 1, 0]), [255, 110, 255, 255]);
    }

    #[test]
    fn runs_agree_with_single_pixels() {
        for source in [[0, 0, 0, 0], [9, 8, 7, 255], [50, 0, 20, 60]] {
            let before = [[1, 2, 3, 255], [250, 128, 0, 255], [0, 0, 0, 0]];
            let mut run = before;
            over_run(&mut run, source);
            assert_eq!(run, before.map(|pixel| over(pixel, source)));
        }
    }
}
