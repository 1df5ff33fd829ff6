//! The curves of the synchronisation pane: matches against the fitted line within the band of possible lines, and
//! the difference of the clocks over time.

use egui::{Align2, Color32, Mesh, Painter, Pos2, Rect, Sense, Shape, Stroke, Ui, Vec2, pos2, vec2};
use stratoscope_core::sync::Solution;

use crate::window::frame::FrameContext;
use crate::window::joint::clocks::{self, Dot, Picture, signed};
use crate::window::joint::clocks_pane::pair_name;
use crate::window::joint::facts::Facts;
use crate::window::joint::plot::{Area, Lane, PlotMemory, YAxis, gutter_text, lane_ui, thinned, time_axis_ui};
use crate::window::theme::{Sizes, Theme};
use crate::window::timeline::Shared;
use crate::window::words;

/// Draws both lanes for pair `n`.
#[expect(clippy::too_many_arguments, reason = "a frame's parts, passed on once")]
pub fn ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    shared: &mut Shared,
    memory: &mut PlotMemory,
    facts: &Facts,
    solution: &Solution,
    pictures: &[Picture],
    n: usize,
) {
    let (Some(pair), Some(picture)) = (solution.pairs.get(n), pictures.get(n)) else { return };
    ui.spacing_mut().item_spacing.y = 0.0;
    legend_ui(ui, cx.theme, &clocks::name(facts, pair.a), &clocks::name(facts, pair.b));
    time_axis_ui(ui, cx, shared, memory);
    let room = ui.available_height();
    let both = room > 180.0;
    let high = if both { (room * 0.6).min(room - 84.0) } else { room.max(60.0) };
    residuals_ui(ui, cx, shared, memory, picture, &pair_name(facts, pair), high);
    if both {
        let height = (room - high - 2.0).max(60.0);
        differences_ui(ui, cx, shared, memory, facts, solution, pictures, n, height);
    }
}

fn colors(theme: &Theme) -> (Color32, Color32) {
    (theme.paint("syscall"), theme.paint("waiting"))
}

/// The corners of a triangle that points down (from `a` to `b`: above the line) or up.
fn corners(down: bool, size: f32) -> [Vec2; 3] {
    let s = if down { size } else { -size };
    [vec2(0.0, s), vec2(-size, -s * 0.7), vec2(size, -s * 0.7)]
}

fn triangle(at: Pos2, down: bool, size: f32, color: Color32) -> Shape {
    let points = corners(down, size).map(|corner| at + corner).to_vec();
    Shape::convex_polygon(points, color, Stroke::NONE)
}

/// One of many small signs: as a part of one mesh, with soft edges, it costs a tenth of a shape of its own.
fn speck(mesh: &mut Mesh, at: Pos2, corners: &[Vec2], color: Color32) {
    const SOFT: f32 = 0.7;
    let first = mesh.vertices.len() as u32;
    let count = corners.len() as u32;
    for corner in corners {
        let out = *corner * (SOFT / corner.length().max(SOFT));
        mesh.colored_vertex(at + *corner - out * 0.5, color);
        mesh.colored_vertex(at + *corner + out * 0.5, Color32::TRANSPARENT);
    }
    for n in 0..count {
        let (a, b) = (first + 2 * n, first + 2 * ((n + 1) % count));
        if n > 0 && n + 1 < count {
            mesh.add_triangle(first, a, b);
        }
        mesh.add_triangle(a, a + 1, b);
        mesh.add_triangle(a + 1, b, b + 1);
    }
}

fn cross(painter: &Painter, at: Pos2, color: Color32) {
    let s = 4.0;
    for (x, y) in [(s, s), (s, -s)] {
        painter.line_segment([at - vec2(x, y), at + vec2(x, y)], Stroke::new(1.8, color));
    }
}

fn legend_ui(ui: &mut Ui, theme: &Theme, a: &str, b: &str) {
    ui.horizontal(|ui| {
        ui.add_space(Sizes::GRID);
        ui.spacing_mut().item_spacing.x = 4.0;
        let (down, up) = colors(theme);
        let mut entry = |text: String, draw: &dyn Fn(&Painter, Rect)| {
            let (rect, _) = ui.allocate_exact_size(vec2(16.0, 14.0), Sense::hover());
            draw(ui.painter(), rect);
            ui.label(egui::RichText::new(text).size(Sizes::SMALL).color(theme.secondary));
            ui.add_space(Sizes::GRID);
        };
        entry(format!("{a} → {b}"), &|p, r| {
            p.add(triangle(r.center(), true, 4.0, down));
        });
        entry(format!("{b} → {a}"), &|p, r| {
            p.add(triangle(r.center(), false, 4.0, up));
        });
        entry("on the hull: bounds the line".to_owned(), &|p, r| {
            p.circle_stroke(r.center(), 5.5, Stroke::new(1.5, theme.text));
        });
        entry("left out".to_owned(), &|p, r| cross(p, r.center(), theme.alarm));
        entry("where the true line can be".to_owned(), &|p, r| {
            p.rect_filled(r.shrink2(vec2(0.0, 3.0)), 1.0, band_color(theme));
        });
    });
}

fn band_color(theme: &Theme) -> Color32 {
    Theme::mix(theme.ground, theme.accent, 0.38)
}

fn residuals_ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    shared: &mut Shared,
    memory: &mut PlotMemory,
    picture: &Picture,
    name: &str,
    height: f32,
) {
    let reach = picture.reach;
    let outside = picture.dots.iter().filter(|d| d.residual.abs() > reach).count();
    let lane = Lane {
        label: "Matches against the fitted line",
        value: format!("{name}: {} points", picture.dots.len()),
        height,
        y: YAxis { low: -reach, high: reach, text: signed },
    };
    let theme = cx.theme;
    let window = cx.state.view.window;
    lane_ui(ui, cx, shared, memory, &lane, |painter, area| {
        let beyond = if outside > 0 {
            format!("{} at the edge: further out", words::grouped(outside as u64))
        } else {
            String::new()
        };
        gutter_text(painter, area, theme, "Offset from the line", &[name, &beyond]);
        let clipped = painter.with_clip_rect(area.rect.expand2(vec2(0.0, 5.0)));
        band(&clipped, area, theme, picture);
        let zero = area.at(0.0);
        clipped.hline(area.rect.x_range(), zero, Stroke::new(1.0, Theme::mix(theme.ground, theme.text, 0.5)));
        let (down, up) = colors(theme);
        let place = |d: &Dot| pos2(area.scale.x(d.t), area.at(d.residual));
        // Both directions are thinned by themselves, so that neither hides the other's bounds; what bounds the
        // line and what was left out are few and always there.
        let mut specks = Mesh::default();
        for from_a in [true, false] {
            let seen = picture.dots.iter().enumerate().filter(|(_, d)| d.from_a == from_a && window.contains(d.t));
            let points = seen.map(|(n, d)| (n, area.scale.x(d.t), d.residual));
            for n in thinned(points, area.rect.left(), area.columns()) {
                let Some(dot) = picture.dots.get(n).filter(|d| !d.on_hull && !d.rejected) else { continue };
                let color = if from_a { down } else { up };
                speck(&mut specks, place(dot), &corners(from_a, 2.6), color);
            }
        }
        clipped.add(Shape::mesh(specks));
        let mut few = 0;
        for dot in picture.dots.iter().filter(|d| (d.on_hull || d.rejected) && window.contains(d.t)) {
            few += 1;
            if few > 2 * area.columns() {
                break;
            }
            let at = place(dot);
            if dot.rejected {
                cross(&clipped, at, theme.alarm);
            } else {
                clipped.add(triangle(at, dot.from_a, 3.6, if dot.from_a { down } else { up }));
                clipped.circle_stroke(at, 5.5, Stroke::new(1.5, theme.text));
            }
        }
    });
}

/// The band between the lowest and the highest possible line, as one mesh of at most a quad a bound.
fn band(painter: &Painter, area: &Area, theme: &Theme, picture: &Picture) {
    let mut mesh = egui::Mesh::default();
    let color = band_color(theme);
    let mut edges: [Vec<Pos2>; 2] = Default::default();
    // Only the bounds in the window and one on either side.
    let first = picture.band.partition_point(|b| b.0 < area.scale.window.begin).saturating_sub(1);
    let last = (picture.band.partition_point(|b| b.0 < area.scale.window.end) + 1).min(picture.band.len());
    for (t, low, high) in picture.band.get(first..last).unwrap_or_default() {
        // A line may leave the window far outside: places are kept to what a screen can hold.
        let x = area.scale.x(*t);
        let (low, high) = (pos2(x, area.at(*low)), pos2(x, area.at(*high)));
        let n = mesh.vertices.len() as u32;
        mesh.colored_vertex(low, color);
        mesh.colored_vertex(high, color);
        if n >= 2 {
            mesh.add_triangle(n - 2, n - 1, n);
            mesh.add_triangle(n - 1, n, n + 1);
        }
        edges[0].push(low);
        edges[1].push(high);
    }
    painter.add(Shape::mesh(mesh));
    for edge in edges {
        painter.line(edge, Stroke::new(1.0, theme.accent));
    }
}

/// The difference of clocks by their dates, of every pair with the same first machine: how an idle machine's clock
/// drifts beside a busy one's.
#[expect(clippy::too_many_arguments, reason = "a frame's parts, passed on once")]
fn differences_ui(
    ui: &mut Ui,
    cx: &mut FrameContext<'_>,
    shared: &mut Shared,
    memory: &mut PlotMemory,
    facts: &Facts,
    solution: &Solution,
    pictures: &[Picture],
    n: usize,
    height: f32,
) {
    let Some(pair) = solution.pairs.get(n) else { return };
    let together: Vec<usize> = (0..solution.pairs.len()).filter(|i| solution.pairs[*i].a == pair.a).collect();
    let window = cx.state.view.window;
    let seen = |i: usize| pictures[i].dots.iter().filter(|d| !d.rejected);
    let spreads = together.iter().map(|i| pictures[*i].spread);
    let (low, high) = spreads.fold((0.0_f64, 0.0_f64), |(low, high), (a, b)| (low.min(a), high.max(b)));
    let room = ((high - low) * 0.08).max(1.0);
    let lane = Lane {
        label: "Difference of the clocks",
        value: format!("{} to {} since the first match", signed(low), signed(high)),
        height,
        y: YAxis { low: low - room, high: high + room, text: signed },
    };
    let theme = cx.theme;
    lane_ui(ui, cx, shared, memory, &lane, |painter, area| {
        let a = clocks::name(facts, pair.a);
        let about = format!("against {a}, by their dates");
        gutter_text(painter, area, theme, "Clock difference", &[&about, "since the first match"]);
        let clipped = painter.with_clip_rect(area.rect.expand2(vec2(0.0, 3.0)));
        let mut label_y = area.rect.top() + 9.0;
        let mut specks = Mesh::default();
        let round =
            |size: f32| [0.0_f32, 60.0, 120.0, 180.0, 240.0, 300.0].map(|a| Vec2::angled(a.to_radians()) * size);
        for i in &together {
            let color = theme.machine(solution.pairs[*i].b);
            let corners = round(if *i == n { 1.8 } else { 1.3 });
            let dots: Vec<&Dot> = seen(*i).collect();
            let first = dots.partition_point(|d| d.t < window.begin);
            let last = dots.partition_point(|d| d.t < window.end);
            let part = dots.get(first..last).unwrap_or_default();
            // Points and no line: neighbours of opposite directions differ by both delays, which is no drift.
            let places = part.iter().enumerate().map(|(n, d)| (n, area.scale.x(d.t), d.difference));
            for dot in thinned(places, area.rect.left(), area.columns()).iter().filter_map(|n| part.get(*n)) {
                speck(&mut specks, pos2(area.scale.x(dot.t), area.at(dot.difference)), &corners, color);
            }
        }
        clipped.add(Shape::mesh(specks));
        for i in &together {
            let color = theme.machine(solution.pairs[*i].b);
            let other = solution.pairs[*i].b;
            let drift = solution.machines.iter().find(|m| m.id == other && pair.a == facts.reference);
            let drift = drift.map_or_else(String::new, |m| clocks::ppm(m.drift_ppm));
            let text = format!("{} {drift}", clocks::name(facts, other));
            // Over the points, so on a plate of its own.
            let galley = painter.layout_no_wrap(text, Theme::small_font(), theme.text);
            let at = pos2(area.rect.right() - 8.0, label_y);
            let place = Align2::RIGHT_CENTER.anchor_size(at, galley.size());
            let mut plate = place.expand2(vec2(4.0, 1.0));
            plate.min.x -= 18.0;
            painter.rect_filled(plate, f32::from(Sizes::CORNER), theme.panel);
            let sign = Rect::from_min_size(place.left_center() - vec2(16.0, 1.5), vec2(11.0, 3.0));
            painter.rect_filled(sign, 0.0, color);
            painter.galley(place.min, galley, theme.text);
            label_y += 17.0;
        }
    });
}
