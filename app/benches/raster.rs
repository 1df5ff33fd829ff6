//! What a picture without a screen costs: 1600×1000 pixels with 20 000 coloured rectangles and 2 000 letters.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use egui::epaint::Primitive;
use egui::{ClippedPrimitive, Color32, FontId, Mesh, RawInput, Rect, pos2, vec2};
use image::RgbaImage;
use stratoscope_app::raster::{Headless, Textures, paint};

const WIDTH: u32 = 1600;
const HEIGHT: u32 = 1000;

/// 100 lanes of 200 intervals, which together cover most of the picture.
fn timeline() -> Mesh {
    let mut mesh = Mesh::default();
    for lane in 0..100_u8 {
        for interval in 0..200_u8 {
            let corner = pos2(f32::from(interval) * 8.0, f32::from(lane) * 10.0);
            let color = Color32::from_rgb(interval, lane, 90);
            mesh.add_colored_rect(Rect::from_min_size(corner, vec2(7.5, 9.0)), color);
        }
    }
    mesh
}

/// 100 labels of 20 letters.
fn labels(ui: &egui::Ui) {
    let painter = ui.painter();
    for label in 0..100_u8 {
        let place = pos2(f32::from(label % 5) * 300.0, f32::from(label / 5) * 45.0);
        let text = format!("kvm_exit_reason_{label:04}");
        painter.text(place, egui::Align2::LEFT_TOP, text, FontId::proportional(13.0), Color32::WHITE);
    }
}

/// The labels as egui tessellates them, and the textures they need.
fn tessellated_labels() -> (Vec<ClippedPrimitive>, Textures) {
    let ctx = egui::Context::default();
    let mut textures = Textures::new();
    let screen = Rect::from_min_size(pos2(0.0, 0.0), vec2(WIDTH as f32, HEIGHT as f32));
    let input = RawInput { screen_rect: Some(screen), ..RawInput::default() };
    let mut output = ctx.run_ui(input, |ui| labels(ui));
    textures.set(&mut output.textures_delta);
    textures.free(&mut output.textures_delta);
    let shapes = std::mem::take(&mut output.shapes);
    (ctx.tessellate(shapes, 1.0), textures)
}

fn benches(criterion: &mut Criterion) {
    let (labels_only, textures) = tessellated_labels();
    let timeline_only = vec![ClippedPrimitive { clip_rect: Rect::EVERYTHING, primitive: Primitive::Mesh(timeline()) }];
    let both = [timeline_only.clone(), labels_only.clone()].concat();
    let mut image = RgbaImage::new(WIDTH, HEIGHT);

    let cases = [
        ("paint 20k rectangles", &timeline_only),
        ("paint 2k letters", &labels_only),
        ("paint 20k rectangles and 2k letters", &both),
    ];
    for (name, primitives) in cases {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| black_box(paint(&mut image, primitives, 1.0, &textures)));
        });
    }
    criterion.bench_function("the same on one thread", |bencher| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.expect("one thread can be had");
        pool.install(|| bencher.iter(|| black_box(paint(&mut image, &both, 1.0, &textures))));
    });

    // The whole way: layout, tessellation and painting of a frame.
    let mut screen = Headless::new([WIDTH, HEIGHT], 1.0);
    let mesh = std::sync::Arc::new(timeline());
    criterion.bench_function("frame and picture", |bencher| {
        bencher.iter(|| {
            let frame = screen.frame(RawInput::default(), |ui| {
                ui.painter().add(mesh.clone());
                labels(ui);
            });
            black_box(screen.paint(frame))
        });
    });
}

criterion_group!(raster, benches);
criterion_main!(raster);
