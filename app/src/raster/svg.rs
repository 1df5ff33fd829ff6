//! A frame as a scalable drawing (SVG), for print and for slides.
//!
//! Shapes become elements of their own: rectangles stay rectangles, text stays text (to be searched and copied), set
//! to the width that it was laid out with, whatever font the reader has. What the timelines paint as one mesh
//! becomes rectangles again; other triangles are polygons. What has a picture in it is left out and counted.

use std::fmt::Write as _;

use egui::epaint::{ClippedShape, PathShape, RectShape, TextShape};
use egui::{Color32, Context, Mesh, Pos2, Rect, Shape, Stroke, TextureId, pos2};

/// A drawing, and how many shapes it lacks because they are pictures.
pub struct Drawing {
    /// The text of the file.
    pub svg: String,
    /// Pictures that were left out.
    pub left_out: usize,
}

/// Draws the shapes of a frame as far as they lie in `part`, on a ground of that colour.
pub fn draw(ctx: &Context, shapes: &[ClippedShape], part: Rect, ground: Color32, scale: f32) -> Drawing {
    let mut writer = Writer { ctx, scale, body: String::new(), clips: Vec::new(), left_out: 0 };
    for clipped in shapes {
        let mut shape = clipped.shape.clone();
        shape.transform(clipped.transform_after_tessellation);
        writer.clipped(clipped.clip_rect.intersect(part), &shape);
    }
    let (x, y, width, height) = (short(part.left()), short(part.top()), short(part.width()), short(part.height()));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"{x} {y} {width} {height}\" \
         font-family=\"Ubuntu, 'DejaVu Sans', sans-serif\">\n<defs>\n"
    );
    for (n, clip) in writer.clips.iter().enumerate() {
        // Writing to a string cannot fail, here and below.
        writeln!(svg, "<clipPath id=\"c{n}\"><rect {}/></clipPath>", place(*clip)).ok();
    }
    write!(
        svg,
        "</defs>\n<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
        hex(ground)
    )
    .ok();
    svg.push_str(&writer.body);
    svg.push_str("</svg>\n");
    Drawing { svg, left_out: writer.left_out }
}

struct Writer<'a> {
    ctx: &'a Context,
    scale: f32,
    body: String,
    clips: Vec<Rect>,
    left_out: usize,
}

impl Writer<'_> {
    fn clipped(&mut self, clip: Rect, shape: &Shape) {
        if !clip.is_positive() {
            return;
        }
        let bounds = shape.visual_bounding_rect();
        // Rectangles of no height are lines: only what is surely elsewhere is left out.
        if bounds.is_finite() && !bounds.expand(1.0).intersects(clip) {
            return;
        }
        let before = self.body.len();
        self.shape(shape);
        if self.body.len() == before {
            return;
        }
        let drawn = self.body.split_off(before);
        // What lies within its clip rectangle needs none.
        if clip.contains_rect(bounds) {
            self.body.push_str(&drawn);
            return;
        }
        let known = self.clips.iter().position(|c| *c == clip).unwrap_or_else(|| {
            self.clips.push(clip);
            self.clips.len() - 1
        });
        write!(self.body, "<g clip-path=\"url(#c{known})\">\n{drawn}</g>\n").ok();
    }

    fn shape(&mut self, shape: &Shape) {
        match shape {
            Shape::Noop | Shape::Callback(_) => {}
            Shape::Vec(shapes) => shapes.iter().for_each(|s| self.shape(s)),
            Shape::Rect(rect) => self.rect(rect),
            Shape::LineSegment { points: [a, b], stroke } if !stroke.is_empty() => {
                writeln!(
                    self.body,
                    "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"{}/>",
                    short(a.x),
                    short(a.y),
                    short(b.x),
                    short(b.y),
                    outline(stroke)
                )
                .ok();
            }
            Shape::LineSegment { .. } => {}
            Shape::Circle(circle) => {
                writeln!(
                    self.body,
                    "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}{}/>",
                    short(circle.center.x),
                    short(circle.center.y),
                    short(circle.radius),
                    fill(circle.fill),
                    outline(&circle.stroke)
                )
                .ok();
            }
            Shape::Path(path) => self.path(path),
            Shape::Text(text) => self.text(text),
            Shape::Mesh(mesh) => self.mesh(mesh),
            other => {
                let clipped = ClippedShape::new(Rect::EVERYTHING, other.clone());
                for primitive in self.ctx.tessellate(vec![clipped], self.scale) {
                    if let egui::epaint::Primitive::Mesh(mesh) = primitive.primitive {
                        self.mesh(&mesh);
                    }
                }
            }
        }
    }

    fn rect(&mut self, rect: &RectShape) {
        if rect.brush.is_some() {
            self.left_out += 1;
            return;
        }
        // A blurred rectangle is a shadow: print has none.
        if rect.blur_width > 0.0 || (rect.fill.a() == 0 && rect.stroke.is_empty()) {
            return;
        }
        let radius = rect.corner_radius.nw;
        let round = if radius > 0 { format!(" rx=\"{radius}\"") } else { String::new() };
        writeln!(self.body, "<rect {}{round}{}{}/>", place(rect.rect), fill(rect.fill), outline(&rect.stroke)).ok();
    }

    fn path(&mut self, path: &PathShape) {
        let points: Vec<String> = path.points.iter().map(|p| format!("{},{}", short(p.x), short(p.y))).collect();
        let element = if path.closed { "polygon" } else { "polyline" };
        let color = match &path.stroke.color {
            egui::epaint::ColorMode::Solid(color) => *color,
            // A colour by place is asked for at its begin.
            egui::epaint::ColorMode::UV(of) => {
                let bounds = Rect::from_points(&path.points);
                of(bounds, path.points.first().copied().unwrap_or_default())
            }
        };
        let stroke = Stroke::new(path.stroke.width, color);
        writeln!(self.body, "<{element} points=\"{}\"{}{}/>", points.join(" "), fill(path.fill), outline(&stroke)).ok();
    }

    fn text(&mut self, text: &TextShape) {
        let format = text.galley.job.sections.first().map(|s| &s.format);
        let size = format.map_or(13.0, |f| f.font_id.size);
        let family = match format.map(|f| &f.font_id.family) {
            Some(egui::FontFamily::Monospace) => " font-family=\"'DejaVu Sans Mono', monospace\"",
            _ => "",
        };
        for placed in &text.galley.rows {
            let line: String = placed.row.glyphs.iter().map(|g| common(g.chr)).collect();
            let Some(first) = placed.row.glyphs.iter().find(|g| !g.chr.is_whitespace()) else { continue };
            let width: f32 = placed.row.glyphs.iter().map(|g| g.advance_width).sum();
            // The colour that its glyphs were given when they were laid out.
            let laid = placed.row.visuals.mesh.vertices.get(first.first_vertex as usize).map(|v| v.color);
            let color = text.override_text_color.or(laid).unwrap_or(text.fallback_color);
            let color = if color == Color32::PLACEHOLDER { text.fallback_color } else { color };
            // A line may begin behind another widget's: then its first sign does not stand at its left end.
            let begin = placed.row.glyphs.first().map_or(0.0, |g| g.pos.x);
            let at = text.pos + placed.pos.to_vec2() + egui::vec2(begin, 0.0);
            let turn = if text.angle == 0.0 {
                String::new()
            } else {
                format!(
                    " transform=\"rotate({} {} {})\"",
                    short(text.angle.to_degrees()),
                    short(text.pos.x),
                    short(text.pos.y)
                )
            };
            writeln!(
                self.body,
                "<text x=\"{}\" y=\"{}\" font-size=\"{}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\" \
                 xml:space=\"preserve\"{family}{turn}{}>{}</text>",
                short(at.x),
                short(at.y + first.pos.y),
                short(size),
                short(width),
                fill(color.gamma_multiply(text.opacity_factor)),
                escape(&line)
            )
            .ok();
        }
    }

    fn mesh(&mut self, mesh: &Mesh) {
        if mesh.texture_id != TextureId::default() {
            self.left_out += 1;
            return;
        }
        let mut at = 0;
        while at + 3 <= mesh.indices.len() {
            if let Some((rect, color)) = quad(mesh, at) {
                if color.a() > 0 {
                    writeln!(self.body, "<rect {}{}/>", place(rect), fill(color)).ok();
                }
                at += 6;
                continue;
            }
            let corner = |n: usize| mesh.vertices.get(mesh.indices[at + n] as usize);
            if let (Some(a), Some(b), Some(c)) = (corner(0), corner(1), corner(2)) {
                let points = [a, b, c].map(|v| format!("{},{}", short(v.pos.x), short(v.pos.y)));
                if a.color.a() > 0 {
                    writeln!(self.body, "<polygon points=\"{}\"{}/>", points.join(" "), fill(a.color)).ok();
                }
            }
            at += 3;
        }
    }
}

/// The six indices from `at` on as an upright rectangle of one colour, if they are one.
fn quad(mesh: &Mesh, at: usize) -> Option<(Rect, Color32)> {
    let six = mesh.indices.get(at..at + 6)?;
    let corners: Vec<(Pos2, Color32)> =
        six.iter().map(|n| mesh.vertices.get(*n as usize).map(|v| (v.pos, v.color))).collect::<Option<_>>()?;
    let rect = Rect::from_points(&corners.iter().map(|c| c.0).collect::<Vec<_>>());
    let color = corners.first()?.1;
    let upright = |p: Pos2| (p.x == rect.left() || p.x == rect.right()) && (p.y == rect.top() || p.y == rect.bottom());
    let all = [pos2(rect.left(), rect.top()), pos2(rect.right(), rect.bottom())];
    let whole = all.iter().all(|p| corners.iter().any(|c| c.0 == *p));
    let distinct: std::collections::BTreeSet<u32> = six.iter().copied().collect();
    (whole && distinct.len() == 4 && corners.iter().all(|c| upright(c.0) && c.1 == color)).then_some((rect, color))
}

fn place(rect: Rect) -> String {
    format!(
        "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        short(rect.left()),
        short(rect.top()),
        short(rect.width()),
        short(rect.height())
    )
}

/// A number with two decimals at most.
fn short(n: f32) -> String {
    let text = format!("{n:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn hex(color: Color32) -> String {
    let [r, g, b, _] = color.to_srgba_unmultiplied();
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn opacity(color: Color32, name: &str) -> String {
    if color.a() == 255 { String::new() } else { format!(" {name}=\"{}\"", short(f32::from(color.a()) / 255.0)) }
}

fn fill(color: Color32) -> String {
    if color.a() == 0 {
        return " fill=\"none\"".to_owned();
    }
    format!(" fill=\"{}\"{}", hex(color), opacity(color, "fill-opacity"))
}

fn outline(stroke: &Stroke) -> String {
    if stroke.is_empty() {
        return String::new();
    }
    let opacity = opacity(stroke.color, "stroke-opacity");
    format!(" stroke=\"{}\" stroke-width=\"{}\"{opacity}", hex(stroke.color), short(stroke.width))
}

/// The same sign as most readers' fonts have it: those of our own font are in few others.
fn common(sign: char) -> char {
    match sign {
        '⏴' => '◂',
        '⏵' => '▸',
        '⏶' => '▴',
        '⏷' => '▾',
        other => other,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use egui::{FontId, RawInput, vec2};

    use super::*;
    use crate::raster::Headless;

    #[test]
    fn rectangles_text_and_meshes_stay_what_they_are() {
        let mut screen = Headless::new([300, 200], 1.0);
        let frame = screen.frame(RawInput::default(), |ui| {
            let painter = ui.painter();
            painter.rect_filled(Rect::from_min_size(pos2(10.0, 20.0), vec2(30.0, 40.0)), 2.0, Color32::RED);
            painter.text(
                pos2(5.0, 5.0),
                egui::Align2::LEFT_TOP,
                "a < b & c",
                FontId::proportional(14.0),
                Color32::from_rgb(1, 2, 3),
            );
            let mut mesh = Mesh::default();
            mesh.add_colored_rect(Rect::from_min_size(pos2(50.0, 60.0), vec2(7.0, 8.0)), Color32::GREEN);
            mesh.colored_vertex(pos2(0.0, 0.0), Color32::BLUE);
            mesh.colored_vertex(pos2(9.0, 0.0), Color32::BLUE);
            mesh.colored_vertex(pos2(0.0, 9.0), Color32::BLUE);
            mesh.add_triangle(4, 5, 6);
            painter.add(mesh);
        });
        let whole = Rect::from_min_size(pos2(0.0, 0.0), vec2(300.0, 200.0));
        let drawing = draw(screen.ctx(), &frame.shapes, whole, Color32::BLACK, 1.0);
        for wanted in [
            "<rect x=\"10\" y=\"20\" width=\"30\" height=\"40\" rx=\"2\" fill=\"#ff0000\"/>",
            "<rect x=\"50\" y=\"60\" width=\"7\" height=\"8\" fill=\"#00ff00\"/>",
            "<polygon points=\"0,0 9,0 0,9\" fill=\"#0000ff\"/>",
            "fill=\"#010203\">a &lt; b &amp; c</text>",
        ] {
            assert!(drawing.svg.contains(wanted), "{wanted} in\n{}", drawing.svg);
        }
        assert_eq!(drawing.left_out, 0);
        let part = Rect::from_min_size(pos2(45.0, 55.0), vec2(20.0, 30.0));
        let drawing = draw(screen.ctx(), &frame.shapes, part, Color32::BLACK, 1.0);
        assert!(drawing.svg.contains("width=\"20\" height=\"30\" viewBox=\"45 55 20 30\""), "{}", drawing.svg);
        assert!(drawing.svg.contains("fill=\"#00ff00\"") && !drawing.svg.contains("a &lt; b"), "{}", drawing.svg);
    }
}
