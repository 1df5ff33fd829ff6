//! Whether states can be told apart: by people of normal sight and by those who lack one kind of cones.
//!
//! Distances are ΔE of CIELAB (CIE 1976, white D65). Sight without one kind of cones is simulated after Machado,
//! Oliveira and Fernandes (*A physiologically-based model for simulation of color vision deficiency*, 2009) at
//! severity 1.

use std::collections::BTreeSet;

use super::*;

/// From linear RGB to linear RGB.
type Matrix = [[f64; 3]; 3];

const SIGHTS: [(&str, Matrix); 4] = [
    ("normal sight", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    ("protanopia", [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    (
        "deuteranopia",
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ),
    ("tritanopia", [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
];

fn linear(color: Color32) -> [f64; 3] {
    [color.r(), color.g(), color.b()].map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    })
}

fn seen(color: Color32, sight: &Matrix) -> [f64; 3] {
    let rgb = linear(color);
    sight.map(|row| row.iter().zip(rgb).map(|(m, c)| m * c).sum::<f64>().clamp(0.0, 1.0))
}

/// L*, a*, b* of linear sRGB.
fn lab([r, g, b]: [f64; 3]) -> [f64; 3] {
    let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    let x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
    let y = f(0.2126729 * r + 0.7151522 * g + 0.0721750 * b);
    let z = f((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn distance(a: Color32, b: Color32, sight: &Matrix) -> f64 {
    let (a, b) = (lab(seen(a, sight)), lab(seen(b, sight)));
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// The colours that states are painted with, by the name of the first state of each.
fn colors(theme: &Theme) -> Vec<(&'static str, Color32)> {
    let mut known = BTreeSet::new();
    let states = State::ALL.iter().filter(|s| **s != State::None);
    let looks = states.map(|s| (s.name(), theme.state(*s).color));
    looks.filter(|(_, color)| known.insert(color.to_array())).collect()
}

/// Whether both are lines, of different thickness.
fn both_thin(theme: &Theme, a: &str, b: &str) -> bool {
    let thickness = |name: &str| {
        let state = State::ALL.iter().find(|s| s.name() == name)?;
        match theme.state(*state).drawing {
            Drawing::Thin(points) => Some(points),
            _ => None,
        }
    };
    thickness(a).zip(thickness(b)).is_some_and(|(a, b)| a != b)
}

#[test]
fn any_two_states_can_be_told_apart_with_every_kind_of_sight() {
    let black_to_white = distance(Color32::BLACK, Color32::WHITE, &SIGHTS[0].1);
    assert!((black_to_white - 100.0).abs() < 0.1, "{black_to_white}");
    for (theme, normal, lacking) in [(Theme::dark(), 24.0, 18.0), (Theme::light(), 19.0, 15.0)] {
        let colors = colors(theme);
        assert!(colors.len() >= 12, "{}: {colors:?}", theme.name);
        for (sight, matrix) in &SIGHTS {
            let least = if *sight == "normal sight" { normal } else { lacking };
            for (n, (a, of_a)) in colors.iter().enumerate() {
                for (b, of_b) in &colors[n + 1..] {
                    let found = distance(*of_a, *of_b, matrix);
                    // Lines of different thickness need not differ so much in colour as well.
                    let least = if both_thin(theme, a, b) { 15.0 } else { least };
                    assert!(found >= least, "{}, {sight}: {a} and {b} differ by {found:.1}", theme.name);
                }
            }
        }
    }
}

#[test]
fn states_stand_out_from_the_ground_with_every_kind_of_sight() {
    for theme in [Theme::dark(), Theme::light()] {
        for (sight, matrix) in &SIGHTS {
            for (name, color) in colors(theme) {
                let found = distance(color, theme.ground, matrix);
                assert!(found >= 10.0, "{}, {sight}: {name} differs from the ground by {found:.1}", theme.name);
            }
        }
    }
}

#[test]
fn states_of_one_colour_are_drawn_apart_or_never_meet_in_a_row() {
    // The same look is meant for the same thing: what a thread does and what the CPU or vCPU under it does.
    let families: [&[State]; 7] = [
        &[State::RunningUser, State::User, State::Guest],
        &[State::RunningSyscall, State::Syscall],
        &[State::Interrupted, State::Irq, State::Active],
        &[State::WaitingCpu, State::WaitingFork, State::Raised],
        &[State::Preempted, State::PreemptedByHost, State::VcpuWaiting],
        &[State::Vmm, State::InHypervisor],
        &[State::Idle, State::Halted],
    ];
    for theme in [Theme::dark(), Theme::light()] {
        for a in State::ALL.iter().filter(|s| **s != State::None) {
            for b in State::ALL.iter().filter(|s| **s != State::None && *s != a) {
                let same = theme.state(*a).color == theme.state(*b).color;
                let related = families.iter().any(|f| f.contains(a) && f.contains(b))
                    || [*a, *b].iter().all(|s| matches!(s, State::Blocked | State::WaitingUnknown));
                assert!(!same || related, "{}: {} and {} look alike", theme.name, a.name(), b.name());
            }
        }
    }
}

#[test]
fn threads_in_charts_of_usage_can_be_told_apart_by_lightness_too() {
    for theme in [Theme::dark(), Theme::light()] {
        let stolen = theme.state(State::PreemptedByHost).color;
        for (sight, matrix) in &SIGHTS {
            let lightness = |color: Color32| lab(seen(color, matrix))[0];
            for (n, band) in theme.bands.iter().enumerate() {
                // Bands lie on each other in this order; above them all others, and what was stolen.
                let next = theme.bands[(n + 1) % theme.bands.len()];
                let step = (lightness(*band) - lightness(next)).abs();
                assert!(step >= 18.0, "{}, {sight}: bands {n} and the next differ by {step:.1}", theme.name);
                for (other, color) in [("others", theme.others), ("stolen", stolen), ("the ground", theme.ground)] {
                    let found = distance(*band, color, matrix);
                    assert!(found >= 15.0, "{}, {sight}: band {n} and {other} differ by {found:.1}", theme.name);
                }
            }
            let found = distance(theme.others, theme.ground, matrix);
            assert!(found >= 15.0, "{}, {sight}: others and the ground differ by {found:.1}", theme.name);
        }
    }
}
