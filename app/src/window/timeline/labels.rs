//! Text that fits: cut by whole letters with an ellipsis, so that strings repeat from frame to frame.
//!
//! Laying out a text that was not there in the last frame costs twenty times one that was. So a text is not laid
//! out to a width, which changes with every step of a zoom, but cut to a number of letters.

use egui::{FontId, Ui};

/// Widths of letters in one font.
#[derive(Clone, Debug)]
pub(crate) struct Ruler {
    font: FontId,
    ascii: [f32; 128],
    ellipsis: f32,
    pixels_per_point: f32,
}

impl Ruler {
    /// A ruler for a font.
    pub(crate) fn new(ui: &Ui, font: FontId) -> Self {
        ui.fonts_mut(|fonts| {
            let mut ascii = [0.0; 128];
            for (n, width) in ascii.iter_mut().enumerate().skip(32) {
                *width = fonts.glyph_width(&font, n as u8 as char);
            }
            let ellipsis = fonts.glyph_width(&font, '…');
            Self { font, ascii, ellipsis, pixels_per_point: ui.pixels_per_point() }
        })
    }

    /// Whether it still measures what is drawn.
    pub(crate) fn fits(&self, ui: &Ui, font: &FontId) -> bool {
        self.font == *font && self.pixels_per_point == ui.pixels_per_point()
    }

    /// The font that it measures.
    pub(crate) fn font(&self) -> &FontId {
        &self.font
    }

    fn letter(&self, c: char) -> f32 {
        // Other scripts are rare in names of tasks; an em is never too little for one of their letters.
        self.ascii.get(c as usize).copied().unwrap_or(self.font.size)
    }

    /// How wide a text is.
    pub(crate) fn width(&self, text: &str) -> f32 {
        text.chars().map(|c| self.letter(c)).sum()
    }

    /// As much of `text` as fits into `width`: all, a begin with an ellipsis, or nothing.
    pub(crate) fn fit<'a>(&self, text: &'a str, width: f32) -> Option<std::borrow::Cow<'a, str>> {
        let mut used = 0.0;
        let mut kept = 0;
        for (at, c) in text.char_indices() {
            used += self.letter(c);
            if used + self.ellipsis <= width {
                kept = at + c.len_utf8();
            }
            if used > width {
                // One letter and an ellipsis tell less than nothing.
                let letters = text[..kept].chars().count();
                return (letters >= 2).then(|| format!("{}…", text[..kept].trim_end()).into());
            }
        }
        (!text.is_empty()).then_some(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_letters() {
        let ruler = Ruler { font: FontId::proportional(12.0), ascii: [6.0; 128], ellipsis: 6.0, pixels_per_point: 1.0 };
        assert_eq!(ruler.fit("critical", 48.0).as_deref(), Some("critical"));
        assert_eq!(ruler.fit("critical", 47.0).as_deref(), Some("critic…"));
        assert_eq!(ruler.fit("critical", 18.0).as_deref(), Some("cr…"));
        assert_eq!(ruler.fit("critical", 17.0), None);
        assert_eq!(ruler.fit("", 100.0), None);
    }
}
