//! Whole frames: what the parts give together.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use egui::epaint::Primitive;
use egui::epaint::Vertex;
use egui::{ClippedPrimitive, Color32, Mesh, Pos2, Rect, RichText, Sense, TextureId, Ui, pos2, vec2};
use image::RgbaImage;

use super::*;

/// The one texture that plain shapes need: a white texel.
fn white_texture() -> Textures {
    let id = TextureId::default();
    let image = egui::ColorImage::filled([1, 1], Color32::WHITE);
    let mut delta = egui::TexturesDelta::default();
    delta.push(id, egui::epaint::ImageDelta::full(image, egui::TextureOptions::LINEAR));
    let mut textures = Textures::new();
    textures.set(&mut delta);
    textures
}

fn rect(x0: f32, y0: f32, x1: f32, y1: f32) -> Rect {
    Rect::from_min_max(pos2(x0, y0), pos2(x1, y1))
}

fn paint_meshes(meshes: Vec<(Rect, Mesh)>, scale: f32, size: u32) -> RgbaImage {
    let primitives: Vec<_> = meshes
        .into_iter()
        .map(|(clip_rect, mesh)| ClippedPrimitive { clip_rect, primitive: Primitive::Mesh(mesh) })
        .collect();
    let mut image = RgbaImage::from_pixel(size, size, image::Rgba([27, 27, 27, 255]));
    paint(&mut image, &primitives, scale, &white_texture());
    image
}

fn colored_rects(rects: &[(Rect, Color32)]) -> Mesh {
    let mut mesh = Mesh::default();
    for (rect, color) in rects {
        mesh.add_colored_rect(*rect, *color);
    }
    mesh
}

/// The red channel as text: signs from the legend, `.` for the untouched background, `?` for all else.
fn map(image: &RgbaImage, legend: &[(u8, char)]) -> String {
    let mut text = String::new();
    for row in image.rows() {
        text.push('\n');
        for pixel in row {
            let sign = legend.iter().find(|(red, _)| *red == pixel[0]);
            text.push(sign.map_or(if pixel[0] == 27 { '.' } else { '?' }, |(_, sign)| *sign));
        }
    }
    text
}

#[test]
fn colours_are_exact_and_blended_in_gamma_space() {
    let half_red = Color32::from_rgba_unmultiplied(255, 0, 0, 128);
    let colors = [
        (Color32::from_rgb(1, 2, 3), [1, 2, 3, 255]),
        (Color32::WHITE, [255; 4]),
        // The value that egui_glow and egui-wgpu give.
        (half_red, [141, 13, 13, 255]),
        (Color32::TRANSPARENT, [27, 27, 27, 255]),
        (Color32::from_black_alpha(128), [13, 13, 13, 255]),
        // Additive: alpha is zero, colour is not.
        (Color32::from_rgba_premultiplied(100, 0, 250, 0), [127, 27, 255, 255]),
    ];
    for (color, expect) in colors {
        let whole = rect(0.0, 0.0, 4.0, 4.0);
        let quad = colored_rects(&[(whole, color)]);
        // The same area as something that is not recognised as a rectangle.
        let mut fan = Mesh::default();
        for corner in [[0.0, 0.0], [4.0, 0.0], [4.0, 2.0], [4.0, 4.0], [0.0, 4.0]] {
            fan.colored_vertex(corner.into(), color);
        }
        for index in 2..5 {
            fan.add_triangle(0, index - 1, index);
        }
        for mesh in [quad, fan] {
            let image = paint_meshes(vec![(Rect::EVERYTHING, mesh)], 1.0, 4);
            assert!(image.pixels().all(|pixel| pixel.0 == expect), "{color:?}");
        }
    }
}

#[test]
fn clip_rectangles_cut_to_whole_pixels() {
    let mesh = colored_rects(&[(rect(-100.0, -100.0, 100.0, 100.0), Color32::from_gray(9))]);
    let image = paint_meshes(vec![(rect(1.4, 1.5, 4.4, 4.5), mesh.clone())], 1.0, 6);
    let expect = "
......
......
.999..
.999..
.999..
......";
    assert_eq!(map(&image, &[(9, '9')]), expect);
    let image = paint_meshes(vec![(rect(0.5, 1.0, 1.5, 2.0), mesh)], 2.0, 4);
    let expect = "
....
....
.99.
.99.";
    assert_eq!(map(&image, &[(9, '9')]), expect);
}

#[test]
fn abutting_rectangles_neither_overlap_nor_gap() {
    // Half transparent, so that a pixel painted twice has another colour than one painted once.
    let color = Color32::from_rgba_premultiplied(100, 0, 0, 128);
    for scale in [1.0, 1.25, 1.5, 2.0, 0.7] {
        for step in [0.1, 0.3, 0.5, 1.0, 1.7, 4.0 / 3.0] {
            let edges: Vec<f32> = (0..200).map(|i| i as f32 * step).collect();
            let mut rects = Vec::new();
            for x in edges.windows(2).take(60) {
                for y in edges.windows(2).take(60) {
                    rects.push((rect(x[0], y[0], x[1], y[1]), color));
                }
            }
            let image = paint_meshes(vec![(Rect::EVERYTHING, colored_rects(&rects))], scale, 40);
            let covered = (60.0 * step * scale + 0.5).floor() as u32;
            for (x, y, pixel) in image.enumerate_pixels() {
                let inside = x + 1 < covered && y + 1 < covered;
                let outside = x > covered || y > covered;
                assert!(!inside || pixel[0] == 113, "at {x} {y}, scale {scale}, step {step}: {pixel:?}");
                assert!(!outside || pixel[0] == 27, "at {x} {y}, scale {scale}, step {step}: {pixel:?}");
            }
        }
    }
}

#[test]
fn rectangles_of_huge_extent_are_cut_not_lost() {
    let color = Color32::from_gray(9);
    let huge = rect(-1e30, 1.0, 1e30, 2.0);
    let image = paint_meshes(vec![(Rect::EVERYTHING, colored_rects(&[(huge, color)]))], 1.0, 3);
    assert_eq!(map(&image, &[(9, '9')]), "\n...\n999\n...");
    let beyond_floats = rect(-3e38, 1.0, 3e38, 2.0);
    let image = paint_meshes(vec![(Rect::EVERYTHING, colored_rects(&[(beyond_floats, color)]))], 1.0, 3);
    assert_eq!(map(&image, &[(9, '9')]), "\n...\n999\n...");
}

#[test]
fn unknown_textures_and_callbacks_are_counted() {
    let mesh = Mesh { texture_id: TextureId::User(99), ..colored_rects(&[(rect(0.0, 0.0, 9.0, 9.0), Color32::RED)]) };
    let callback = egui::PaintCallback { rect: rect(0.0, 0.0, 9.0, 9.0), callback: std::sync::Arc::new(()) };
    let primitives = [Primitive::Mesh(mesh), Primitive::Callback(callback)]
        .map(|primitive| ClippedPrimitive { clip_rect: Rect::EVERYTHING, primitive });
    let mut image = RgbaImage::new(4, 4);
    let stats = paint(&mut image, &primitives, 1.0, &white_texture());
    let expect = PaintStats { callbacks_skipped: 1, meshes_without_texture: 1, ..PaintStats::default() };
    assert_eq!(stats, expect);
    assert!(image.pixels().all(|pixel| pixel.0 == [0; 4]));
}

/// A tiny generator of numbers that look random (xorshift), the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn coordinate(&mut self) -> f32 {
        match self.next() % 20 {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => f32::NEG_INFINITY,
            3 => f32::MAX,
            4 => f32::MIN,
            5 => f32::MIN_POSITIVE,
            6 => f32::from_bits(self.next() as u32),
            7 => self.next() as f32,
            8 => -(self.next() as f32),
            9 => 1e6,
            _ => (self.next() % 1000) as f32 / 10.0 - 20.0,
        }
    }
}

#[test]
fn random_meshes_do_not_panic_and_do_not_depend_on_the_threads() {
    let mut random = Random(0x5eed);
    let textures = white_texture();
    for round in 0..300 {
        let vertex = |random: &mut Random| Vertex {
            pos: pos2(random.coordinate(), random.coordinate()),
            uv: pos2(random.coordinate(), random.coordinate()),
            color: Color32::from_rgba_premultiplied(
                random.next() as u8,
                random.next() as u8,
                random.next() as u8,
                random.next() as u8,
            ),
        };
        let mut mesh = Mesh {
            vertices: (0..30).map(|_| vertex(&mut random)).collect(),
            // Some indices point nowhere, and their number is no multiple of three.
            indices: (0..100).map(|_| (random.next() % 31) as u32).collect(),
            ..Mesh::default()
        };
        for _ in 0..5 {
            let corners = [random.coordinate(), random.coordinate(), random.coordinate(), random.coordinate()];
            let [x0, y0, x1, y1] = corners;
            mesh.add_colored_rect(rect(x0, y0, x1, y1), Color32::from_white_alpha(99));
            mesh.add_rect_with_uv(rect(x0, y0, x1, y1), rect(y1, x1, y0, x0), Color32::GOLD);
        }
        let clip_rect = if round % 3 == 0 {
            rect(random.coordinate(), random.coordinate(), random.coordinate(), random.coordinate())
        } else {
            Rect::EVERYTHING
        };
        let scale = [1.0, 1.5, 2.0, 0.01, 1e9][round % 5];
        let primitives = [ClippedPrimitive { clip_rect, primitive: Primitive::Mesh(mesh) }];
        let [one, three] = [1, 3].map(|threads| {
            let mut image = RgbaImage::new(80, 70);
            let stats = with_threads(threads, || paint(&mut image, &primitives, scale, &textures));
            (image, stats)
        });
        assert!(one == three, "round {round}");
    }
}

fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.unwrap().install(work)
}

#[test]
fn text_is_antialiased_in_grey_and_reproducible() {
    let picture = || {
        let mut screen = Headless::new([200, 40], 1.0).with_background(Color32::BLACK);
        screen.render(|ui| {
            ui.label(RichText::new("kvm_exit 1 234 ns").color(Color32::WHITE));
        })
    };
    let [first, second] = [1, 2].map(|threads| with_threads(threads, picture));
    assert!(first.settled);
    assert!(first.image == second.image, "two runs, one and two threads");
    let pixels: Vec<_> = first.image.pixels().map(|pixel| pixel.0).collect();
    assert!(pixels.iter().all(|[r, g, b, a]| r == g && g == b && *a == 255), "no coloured fringes");
    let between = pixels.iter().filter(|pixel| (40..215).contains(&pixel[0])).count();
    let bright = pixels.iter().filter(|pixel| pixel[0] >= 215).count();
    assert!(between > 50 && bright > 50, "{between} soft and {bright} bright pixels");
}

#[test]
fn letters_that_come_later_look_the_same() {
    // The second text reaches the atlas through partial updates, and letters lie elsewhere in it.
    let size = [200, 40];
    let text = |text: &'static str| move |ui: &mut Ui| drop(ui.label(text));
    let mut used = Headless::new(size, 1.0);
    used.render(text("abc"));
    used.render(|ui| drop(ui.heading("more of them")));
    let late = used.render(text("sched_switch")).image;
    assert!(late == Headless::new(size, 1.0).render(text("sched_switch")).image);
}

#[test]
fn pictures_in_the_ui_are_scaled_and_freed() {
    let colors = [Color32::RED, Color32::GREEN, Color32::BLUE, Color32::WHITE];
    let mut screen = Headless::new([40, 40], 1.0);
    screen.render(|_| {});
    let textures_before = screen.texture_count();
    let image = egui::ColorImage::new([2, 2], colors.to_vec());
    let handle = screen.ctx().load_texture("four", image, egui::TextureOptions::NEAREST);
    let picture = screen.render(|ui| {
        let uv = rect(0.0, 0.0, 1.0, 1.0);
        ui.painter().image(handle.id(), rect(4.0, 4.0, 36.0, 36.0), uv, Color32::WHITE);
    });
    let expect = [([4, 4], 0), ([19, 19], 0), ([20, 19], 1), ([35, 4], 1), ([4, 20], 2), ([35, 35], 3)];
    for ([x, y], index) in expect {
        assert_eq!(picture.image.get_pixel(x, y).0, colors[index].to_array(), "at {x} {y}");
    }
    assert_eq!(screen.texture_count(), textures_before + 1);
    drop(handle);
    screen.render(|_| {});
    assert_eq!(screen.texture_count(), textures_before);
}

/// Roughly what a trace viewer looks like.
fn window_ui(ui: &mut Ui, text: &mut String) {
    egui::Panel::top("menu").show(ui, |ui| {
        egui::MenuBar::new().ui(ui, |ui| {
            ui.menu_button("File", |_| {});
            ui.menu_button("View", |_| {});
            ui.separator();
            ui.label("host + 2 guests, 12.4 s");
        });
    });
    egui::Panel::left("side").default_size(260.0).show(ui, |ui| {
        ui.heading("Threads");
        let label = ui.label("Filter");
        ui.text_edit_singleline(text).labelled_by(label.id);
        let _pressed = ui.button("Add mark").clicked();
        ui.checkbox(&mut true, "follow the critical path");
        ui.add(egui::Slider::new(&mut 0.4, 0.0..=1.0).text("opacity"));
        ui.add(egui::ProgressBar::new(0.6).text("60 %"));
        for thread in 0..8 {
            let _chosen = ui.selectable_label(thread == 2, format!("CPU {thread}/KVM"));
        }
    });
    egui::CentralPanel::default().show(ui, |ui| {
        for size in [9.0, 11.0, 13.0, 16.0, 22.0] {
            ui.label(RichText::new(format!("{size} px: sys_futex 1 234 567 890 ns  ÄÖÜ é ß µs  Il1O0")).size(size));
        }
        ui.horizontal(|ui| {
            for color in [Color32::RED, Color32::GREEN, Color32::BLUE, Color32::from_gray(128)] {
                let (rect, _) = ui.allocate_exact_size(vec2(100.0, 40.0), Sense::hover());
                ui.painter().rect_filled(rect, 8.0, color);
                let font = egui::FontId::monospace(12.0);
                let center = egui::Align2::CENTER_CENTER;
                ui.painter().text(rect.center(), center, "vCPU", font, Color32::WHITE);
            }
        });
        timeline_ui(ui);
    });
    egui::Window::new("Details").default_pos(pos2(900.0, 300.0)).show(ui.ctx(), |ui| {
        ui.label("exit reason: HLT");
        ui.hyperlink("https://example.org");
    });
}

fn timeline_ui(ui: &mut Ui) {
    let (area, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    let painter = ui.painter_at(area);
    painter.rect_filled(area, 0.0, ui.visuals().extreme_bg_color);
    let mut mesh = Mesh::default();
    let mut random = Random(7);
    for row in 0..20 {
        let mut x = area.left();
        while x < area.right() {
            let width = (random.next() % 40) as f32;
            let color = Color32::from_rgb(random.next() as u8, 140, 90);
            let top = area.top() + 10.0 + row as f32 * 24.0;
            mesh.add_colored_rect(Rect::from_min_size(pos2(x, top), vec2(width, 18.0)), color);
            x += width;
        }
    }
    painter.add(mesh);
    let from = area.center();
    for step in 0..12 {
        let angle = step as f32 * std::f32::consts::TAU / 12.0;
        let to: Pos2 = from + 150.0 * egui::Vec2::angled(angle);
        painter.line_segment([from, to], (1.5, Color32::YELLOW));
        painter.circle_filled(to, 3.0 + step as f32, Color32::from_white_alpha(160));
    }
}

#[test]
fn a_window_renders_at_both_scales() {
    for (size, scale, name) in [([1600, 1000], 1.0, "1x"), ([3200, 2000], 2.0, "2x")] {
        let mut text = String::from("exit_reason == 12");
        let mut screen = Headless::new(size, scale);
        screen.ctx().set_theme(egui::Theme::Dark);
        let picture = screen.render(|ui| window_ui(ui, &mut text));
        assert!(picture.settled, "after {} frames", picture.frames);
        assert_eq!(picture.stats.malformed_triangles, 0);
        assert_eq!(picture.stats.meshes_without_texture, 0);
        assert!(picture.image.pixels().all(|pixel| pixel[3] == 255));
        let background = egui::Visuals::dark().panel_fill.to_array();
        let is_background = |pixel: &&image::Rgba<u8>| pixel.0 == background;
        let share = picture.image.pixels().filter(is_background).count() * 100 / picture.image.pixels().len();
        assert!((15..70).contains(&share), "{share} % of the {name} picture are background");
        // To look at: the eye finds what assertions do not think of.
        if let Some(folder) = std::env::var_os("RASTER_PICTURES") {
            save_png(&std::path::Path::new(&folder).join(format!("window-{name}.png")), &picture.image).unwrap();
        }
    }
}

#[test]
fn pictures_survive_the_way_through_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    let image = RgbaImage::from_fn(5, 3, |x, y| image::Rgba([x as u8, y as u8, 200, 255]));
    save_png(&path, &image).unwrap();
    assert!(image::open(&path).unwrap().to_rgba8() == image);
    let error = save_png(&folder.path().join("no/such/folder.png"), &image).unwrap_err();
    assert!(error.to_string().contains("cannot write the picture"), "{error}");
}

#[test]
fn clicks_reach_the_ui_and_the_picture_follows() {
    let mut screen = Headless::new([300, 100], 1.0);
    let mut count = 0;
    let mut place = Rect::NOTHING;
    let mut ui = |ui: &mut Ui| {
        let button = ui.button(format!("pressed {count}"));
        place = button.rect;
        count += i32::from(button.clicked());
    };
    let before = screen.render(&mut ui).image;
    let button = |pressed| egui::Event::PointerButton {
        pos: pos2(15.0, 15.0),
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: egui::Modifiers::NONE,
    };
    for event in [egui::Event::PointerMoved(pos2(15.0, 15.0)), button(true), button(false)] {
        let input = egui::RawInput { events: vec![event], ..Default::default() };
        screen.frame(input, &mut ui);
    }
    let after = screen.render(&mut ui).image;
    assert!(place.contains(pos2(15.0, 15.0)));
    assert_eq!(count, 1);
    assert!(before != after);
}

#[test]
fn endless_animations_end() {
    let mut screen = Headless::new([50, 50], 1.0).with_max_frames(5);
    let picture = screen.render(|ui| ui.ctx().request_repaint());
    assert_eq!((picture.frames, picture.settled), (5, false));
}

#[test]
fn zoom_and_nonsensical_sizes() {
    let mut screen = Headless::new([0, 400], f32::NAN);
    screen.resize([200, 400], 1.0);
    screen.ctx().set_zoom_factor(2.0);
    let mut widths = Vec::new();
    let picture = screen.render(|ui| widths.push(ui.ctx().content_rect().width()));
    assert_eq!(picture.image.dimensions(), (200, 400));
    assert_eq!(widths.last(), Some(&100.0));
    assert_eq!(Headless::new([0, 0], 1e9).render(|_| {}).image.dimensions(), (1, 1));
}
