//! All colours, sizes and words of states: nothing of this is written down anywhere else.
//!
//! Colours come from `assets/themes/dark.ron` and `light.ron`, names and shapes of states from `states.ron`,
//! which both share: a state has the same shape and the same words in every theme. [`Theme::apply`] dresses
//! the whole program, so that panes and dialogs need no colours of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, TextStyle, Visuals, vec2};
use serde::Deserialize;
use stratoscope_core::vocab::{MachineId, State};

/// Sizes in points, the same in every theme. Distances are multiples of half of [`Sizes::GRID`].
pub struct Sizes;

impl Sizes {
    /// The grid that everything stands on.
    pub const GRID: f32 = 8.0;
    /// Height of a row.
    pub const ROW: f32 = 20.0;
    /// Height of a row where small rows are asked for.
    pub const ROW_COMPACT: f32 = 12.0;
    /// Height of a full bar in a row.
    pub const BAR: f32 = 14.0;
    /// Height of a full bar in a small row.
    pub const BAR_COMPACT: f32 = 10.0;
    /// Height of the header of a machine among rows.
    pub const GROUP: f32 = 22.0;
    /// Height of the tick at the bottom of a bar: something loud hides here.
    pub const ALERT_TICK: f32 = 3.0;
    /// Height of the time axis.
    pub const AXIS: f32 = 24.0;
    /// Height of the overview.
    pub const OVERVIEW: f32 = 48.0;
    /// Width of a machine's stripe.
    pub const STRIPE: f32 = 3.0;
    /// Width of the column of names at first.
    pub const NAMES: f32 = 220.0;
    /// How far a row's children are moved to the right.
    pub const INDENT: f32 = 12.0;
    /// Bars narrower than this bear no text.
    pub const LABEL_MIN: f32 = 30.0;
    /// Text of the body.
    pub const TEXT: f32 = 13.0;
    /// Secondary text, and text in rows' bars.
    pub const SMALL: f32 = 11.5;
    /// Text in small rows.
    pub const TINY: f32 = 9.5;
    /// Headings.
    pub const HEADING: f32 = 16.0;
    /// How near a pointer must be to an edge to take it.
    pub const SNAP: f32 = 6.0;
    /// Corners of buttons and bars that stand alone.
    pub const CORNER: u8 = 4;
}

/// How a state is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drawing {
    /// Not at all.
    Nothing,
    /// A bar of full height.
    Full,
    /// A line of that height in the middle of the row.
    Thin(f32),
    /// A bar with slanted stripes of that colour.
    Hatched(Color32),
    /// A bar with sparse dots of that colour.
    Dotted(Color32),
}

/// What a state looks like and is called.
#[derive(Clone, Debug)]
pub struct StateLook {
    /// Main colour.
    pub color: Color32,
    /// Colour of text on it.
    pub on_color: Color32,
    /// Shape.
    pub drawing: Drawing,
    /// Name for people.
    pub name: Arc<str>,
    /// What it means, in a sentence.
    pub about: Arc<str>,
}

/// A theme.
#[derive(Clone, Debug)]
pub struct Theme {
    /// `dark` or `light`, or what its file says.
    pub name: String,
    /// Whether text is lighter than its ground.
    pub dark: bool,
    /// Behind rows and tables.
    pub ground: Color32,
    /// Behind everything else.
    pub panel: Color32,
    /// Buttons, headers, the row under the pointer.
    pub raised: Color32,
    /// Lines, grids, frames.
    pub line: Color32,
    /// Text.
    pub text: Color32,
    /// Text that can wait.
    pub secondary: Color32,
    /// What is selected or has the keyboard.
    pub accent: Color32,
    /// Text about something bad; the border of lost ranges.
    pub alarm: Color32,
    /// Behind text about something good.
    pub good: Color32,
    /// Curves and areas that are no states, in the order in which they are given out.
    pub bands: Vec<Color32>,
    /// What is left beside them.
    pub others: Color32,
    machines: Vec<Color32>,
    paints: BTreeMap<String, Color32>,
    states: Vec<StateLook>,
    on_light: Color32,
    on_dark: Color32,
}

#[derive(Deserialize)]
struct ThemeFile {
    name: String,
    dark: bool,
    ground: Hex,
    panel: Hex,
    raised: Hex,
    line: Hex,
    text: Hex,
    secondary: Hex,
    accent: Hex,
    alarm: Hex,
    good: Hex,
    on_light: Hex,
    on_dark: Hex,
    machines: Vec<Hex>,
    bands: Vec<Hex>,
    others: Hex,
    paints: BTreeMap<String, Hex>,
}

#[derive(Deserialize)]
struct StateFile {
    paint: String,
    drawing: DrawingFile,
    name: String,
    about: String,
}

#[derive(Deserialize)]
enum DrawingFile {
    Nothing,
    Full,
    Thin(f32),
    Hatched(String),
    Dotted(String),
}

#[derive(Clone, Copy)]
struct Hex(Color32);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Color32::from_hex(&text)
            .map(Self)
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is no colour: write it as \"#rrggbb\"")))
    }
}

const STATES: &str = include_str!("../../../assets/themes/states.ron");

static DARK: LazyLock<Theme> = LazyLock::new(|| built_in(include_str!("../../../assets/themes/dark.ron")));
static LIGHT: LazyLock<Theme> = LazyLock::new(|| built_in(include_str!("../../../assets/themes/light.ron")));

fn built_in(text: &str) -> Theme {
    Theme::parse(text).expect("a built-in theme is part of the program and tested")
}

impl Theme {
    /// The dark theme.
    pub fn dark() -> &'static Self {
        &DARK
    }

    /// The light theme.
    pub fn light() -> &'static Self {
        &LIGHT
    }

    /// The built-in theme for what egui says is wanted.
    pub fn of(theme: egui::Theme) -> &'static Self {
        match theme {
            egui::Theme::Dark => Self::dark(),
            egui::Theme::Light => Self::light(),
        }
    }

    /// Reads a theme file.
    ///
    /// # Errors
    /// What is wrong with it, with line and column.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let file: ThemeFile = ron::from_str(text)?;
        let words: BTreeMap<String, StateFile> = ron::from_str(STATES)?;
        let paints: BTreeMap<String, Color32> = file.paints.into_iter().map(|(name, hex)| (name, hex.0)).collect();
        let paint = |name: &str| {
            paints.get(name).copied().ok_or_else(|| anyhow::anyhow!("the theme {} has no paint {name:?}", file.name))
        };
        let mut states = Vec::with_capacity(State::COUNT);
        for state in State::ALL {
            let entry = words
                .get(state.name())
                .ok_or_else(|| anyhow::anyhow!("states.ron lacks the state {}", state.name()))?;
            let color = paint(&entry.paint)?;
            states.push(StateLook {
                color,
                on_color: if relative_luminance(color) > MIDDLE_LUMINANCE { file.on_light.0 } else { file.on_dark.0 },
                drawing: match &entry.drawing {
                    DrawingFile::Nothing => Drawing::Nothing,
                    DrawingFile::Full => Drawing::Full,
                    DrawingFile::Thin(height) => Drawing::Thin(*height),
                    DrawingFile::Hatched(second) => Drawing::Hatched(paint(second)?),
                    DrawingFile::Dotted(second) => Drawing::Dotted(paint(second)?),
                },
                name: entry.name.as_str().into(),
                about: entry.about.as_str().into(),
            });
        }
        anyhow::ensure!(!file.machines.is_empty(), "the theme {} has no colours for machines", file.name);
        anyhow::ensure!(!file.bands.is_empty(), "the theme {} has no colours for bands", file.name);
        Ok(Self {
            name: file.name,
            dark: file.dark,
            ground: file.ground.0,
            panel: file.panel.0,
            raised: file.raised.0,
            line: file.line.0,
            text: file.text.0,
            secondary: file.secondary.0,
            accent: file.accent.0,
            alarm: file.alarm.0,
            good: file.good.0,
            bands: file.bands.into_iter().map(|hex| hex.0).collect(),
            others: file.others.0,
            machines: file.machines.into_iter().map(|hex| hex.0).collect(),
            paints,
            states,
            on_light: file.on_light.0,
            on_dark: file.on_dark.0,
        })
    }

    /// What a state looks like and is called.
    pub fn state(&self, state: State) -> &StateLook {
        &self.states[state as usize]
    }

    /// The colour of a machine's stripe: the reference's first, then in turn.
    pub fn machine(&self, machine: MachineId) -> Color32 {
        self.machines[machine.0 as usize % self.machines.len()]
    }

    /// A colour of the palette by its name in the file (`network`, `disk`, `timer`, …); the text's if there is none.
    pub fn paint(&self, name: &str) -> Color32 {
        self.paints.get(name).copied().unwrap_or(self.text)
    }

    /// The colour of text that can be read on `ground`.
    pub fn text_on(&self, ground: Color32) -> Color32 {
        if relative_luminance(ground) > MIDDLE_LUMINANCE { self.on_light } else { self.on_dark }
    }

    /// `over`, mixed into `under` by a share from 0 (only `under`) to 1 (only `over`). The result is opaque.
    pub fn mix(under: Color32, over: Color32, share: f32) -> Color32 {
        let channel = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
        Color32::from_rgb(channel(under.r(), over.r()), channel(under.g(), over.g()), channel(under.b(), over.b()))
    }

    /// Font of the body.
    pub fn body_font() -> FontId {
        FontId::proportional(Sizes::TEXT)
    }

    /// Font of secondary text.
    pub fn small_font() -> FontId {
        FontId::proportional(Sizes::SMALL)
    }

    /// Dresses the whole program: fonts, text sizes, spacing, colours of every widget.
    pub fn apply(&self, ctx: &egui::Context) {
        ctx.set_fonts(fonts());
        let which = if self.dark { egui::Theme::Dark } else { egui::Theme::Light };
        let mut style = egui::Style { visuals: self.visuals(), ..egui::Style::default() };
        style.text_styles = [
            (TextStyle::Small, FontId::proportional(Sizes::SMALL)),
            (TextStyle::Body, FontId::proportional(Sizes::TEXT)),
            (TextStyle::Button, FontId::proportional(Sizes::TEXT)),
            (TextStyle::Heading, FontId::proportional(Sizes::HEADING)),
            (TextStyle::Monospace, FontId::monospace(Sizes::TEXT - 1.0)),
        ]
        .into();
        let grid = Sizes::GRID;
        style.spacing.item_spacing = vec2(grid, grid / 2.0);
        style.spacing.button_padding = vec2(grid + 2.0, grid / 2.0);
        style.spacing.interact_size = vec2(3.0 * grid, 3.0 * grid);
        style.spacing.window_margin = Margin::same(8);
        style.spacing.menu_margin = Margin::same(6);
        style.spacing.indent = 16.0;
        style.spacing.tooltip_width = 420.0;
        style.spacing.scroll.floating = true;
        style.spacing.scroll.bar_width = 8.0;
        // A thin bar that is always there says that there is more than is seen.
        style.spacing.scroll.floating_width = 3.0;
        style.spacing.scroll.dormant_handle_opacity = 0.3;
        style.interaction.tooltip_delay = 0.25;
        style.interaction.show_tooltips_only_when_still = false;
        style.interaction.selectable_labels = false;
        // Short enough that nobody waits for it.
        style.animation_time = 0.1;
        ctx.set_style_of(which, style);
        ctx.set_theme(which);
    }

    fn visuals(&self) -> Visuals {
        let mut v = if self.dark { Visuals::dark() } else { Visuals::light() };
        let corner = CornerRadius::same(Sizes::CORNER);
        let shade = if self.dark { 110 } else { 40 };
        v.override_text_color = None;
        v.weak_text_color = Some(self.secondary);
        v.panel_fill = self.panel;
        v.window_fill = self.panel;
        v.window_stroke = Stroke::new(1.0, self.line);
        v.window_corner_radius = CornerRadius::same(8);
        v.menu_corner_radius = CornerRadius::same(6);
        v.window_shadow = Shadow { offset: [0, 6], blur: 20, spread: 0, color: Color32::from_black_alpha(shade) };
        v.popup_shadow = Shadow { offset: [0, 3], blur: 10, spread: 0, color: Color32::from_black_alpha(shade) };
        v.extreme_bg_color = self.ground;
        v.text_edit_bg_color = Some(self.ground);
        v.faint_bg_color = Self::mix(self.panel, self.ground, 0.5);
        v.code_bg_color = self.raised;
        v.hyperlink_color = self.accent;
        v.warn_fg_color = self.paint("waiting");
        v.error_fg_color = self.alarm;
        v.selection.bg_fill = Self::mix(self.ground, self.accent, if self.dark { 0.35 } else { 0.25 });
        v.selection.stroke = Stroke::new(1.0, self.text);
        v.striped = false;
        v.indent_has_left_vline = false;
        let widgets = &mut v.widgets;
        for w in [
            &mut widgets.noninteractive,
            &mut widgets.inactive,
            &mut widgets.hovered,
            &mut widgets.active,
            &mut widgets.open,
        ] {
            w.corner_radius = corner;
            w.expansion = 0.0;
            w.bg_stroke = Stroke::NONE;
            w.fg_stroke = Stroke::new(1.0, self.text);
            w.bg_fill = self.raised;
            w.weak_bg_fill = self.raised;
        }
        widgets.noninteractive.bg_fill = self.panel;
        widgets.noninteractive.weak_bg_fill = self.panel;
        widgets.noninteractive.bg_stroke = Stroke::new(1.0, self.line);
        let lifted = Self::mix(self.raised, self.text, 0.12);
        widgets.hovered.bg_fill = lifted;
        widgets.hovered.weak_bg_fill = lifted;
        let pressed = Self::mix(self.raised, self.accent, 0.35);
        widgets.active.bg_fill = pressed;
        widgets.active.weak_bg_fill = pressed;
        widgets.active.bg_stroke = Stroke::new(1.0, self.accent);
        widgets.open.bg_fill = lifted;
        widgets.open.weak_bg_fill = lifted;
        v
    }
}

/// The built-in fonts, with Hack behind the proportional one: arrows and triangles are in no other.
fn fonts() -> egui::FontDefinitions {
    let mut fonts = egui::FontDefinitions::default();
    if let Some(family) = fonts.families.get_mut(&FontFamily::Proportional) {
        let place = family.len().min(1);
        family.insert(place, "Hack".to_owned());
    }
    fonts
}

/// Grounds lighter than this bear dark text. Below the middle by contrast ratio, as white on red and on blue
/// reads better in small text than the ratio tells.
const MIDDLE_LUMINANCE: f32 = 0.26;

/// Relative luminance after WCAG: 0 black, 1 white.
fn relative_luminance(color: Color32) -> f32 {
    let linear = egui::Rgba::from(color);
    0.2126 * linear.r() + 0.7152 * linear.g() + 0.0722 * linear.b()
}

#[cfg(test)]
mod sight;

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(a: Color32, b: Color32) -> f32 {
        let (a, b) = (relative_luminance(a) + 0.05, relative_luminance(b) + 0.05);
        if a > b { a / b } else { b / a }
    }

    #[test]
    fn built_in_themes_know_every_state_and_are_readable() {
        for theme in [Theme::dark(), Theme::light()] {
            assert_eq!(theme.states.len(), State::COUNT);
            for ground in [theme.ground, theme.panel, theme.raised] {
                assert!(contrast(theme.text, ground) >= 7.0, "{}: text", theme.name);
                assert!(contrast(theme.secondary, ground) >= 4.4, "{}: secondary text on {ground:?}", theme.name);
            }
            for state in State::ALL {
                let look = theme.state(*state);
                assert!(contrast(look.color, look.on_color) >= 3.0, "{}: label on {}", theme.name, state.name());
                assert!(!look.name.is_empty() && look.about.ends_with('.'));
            }
        }
    }

    #[test]
    fn states_of_one_row_kind_differ_by_more_than_hue() {
        let theme = Theme::dark();
        assert!(matches!(theme.state(State::Preempted).drawing, Drawing::Hatched(_)));
        assert!(matches!(theme.state(State::Blocked).drawing, Drawing::Thin(_)));
        assert!(matches!(theme.state(State::Unknown).drawing, Drawing::Dotted(_)));
    }

    #[test]
    fn every_sign_that_is_used_has_a_glyph_and_digits_are_of_one_width() {
        let ctx = egui::Context::default();
        Theme::dark().apply(&ctx);
        let mut output = ctx.run_ui(egui::RawInput::default(), |ui| {
            ui.fonts_mut(|fonts| {
                let font = Theme::body_font();
                for c in "→←↑↓▸▾▴◀▶●○…Δ±×µ·–—°⟲".chars() {
                    assert!(fonts.has_glyph(&font, c), "no font has {c:?}");
                }
                let zero = fonts.glyph_width(&font, '0');
                for c in '1'..='9' {
                    assert!((fonts.glyph_width(&font, c) - zero).abs() < 0.01, "{c} is no tabular digit");
                }
            });
        });
        output.textures_delta.set.clear();
    }

    #[test]
    fn a_bad_theme_says_what_is_wrong() {
        let bad = include_str!("../../../assets/themes/dark.ron").replace("#14181d", "14 18 1d");
        let message = Theme::parse(&bad).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("14 18 1d"), "{message}");
    }
}
